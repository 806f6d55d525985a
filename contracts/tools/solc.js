#!/usr/bin/env node
// The npm (wasm) compiler behind the command line that forge expects of a native solc: `--version` and `--standard-json`.
// Every other flag is ignored: forge puts all settings into the standard JSON. No download, the same compiler on every system.
"use strict";

const fs = require("node:fs");
const solc = require("solc");

if (process.argv.includes("--version")) {
  // forge parses the platform suffix and knows only native ones.
  const version = solc.version().replace("Emscripten.clang", "Linux.g++");
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${version}\n`);
} else if (process.argv.includes("--standard-json")) {
  process.stdout.write(solc.compile(fs.readFileSync(0, "utf8")));
} else {
  process.stderr.write("solc.js: expected --version or --standard-json\n");
  process.exitCode = 1;
}
