#!/usr/bin/env node
// Writes artifacts/*.json, one for each of CONTRACTS, which are committed so that cargo alone builds the program.
//
//   node tools/artifacts.js            compile src/ afresh and write
//   node tools/artifacts.js --check    compile src/ afresh and compare; exit 1 on a difference
//
// The compile is its own (out/release, forced, without the tests): bytecode then depends on nothing that an incremental build
// left behind. `sourceHash` is the SHA-256 of what `sourcePreimage` says; whoever has no node can recompute it and so notice
// sources that changed without their artifacts.
"use strict";

const { createHash } = require("node:crypto");
const { spawnSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");

const ROOT = path.join(__dirname, "..");
const CONTRACTS = {
  ChannelEvidence: "ChannelEvidence.sol",
  Depositary: "Depositary.sol",
  DevToken: "DevToken.sol",
  EntityProvider: "EntityProvider.sol",
};
/// The lines of foundry.toml on which the bytecode depends.
const SETTINGS = ["bytecode_hash", "cbor_metadata", "evm_version", "optimizer", "optimizer_runs", "via_ir"];

/** Every `.sol` below src/, as paths relative to contracts/ with `/`, in byte order. */
function sourcePaths() {
  return fs
    .readdirSync(path.join(ROOT, "src"), { recursive: true })
    .map((file) => `src/${file.split(path.sep).join("/")}`)
    .filter((file) => file.endsWith(".sol"))
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** The value of `key` in foundry.toml as it is written there, quotes included. */
function setting(toml, key) {
  const line = toml.split("\n").find((each) => each.startsWith(`${key} = `));
  if (line === undefined) throw new Error(`foundry.toml: missing key=${key}`);
  return line.slice(`${key} = `.length);
}

/** Version of a package as package-lock.json pins it; what is installed has to be the same. */
function pinned(lock, name) {
  const { version } = lock.packages[`node_modules/${name}`];
  const installed = JSON.parse(fs.readFileSync(path.join(ROOT, "node_modules", name, "package.json"), "utf8")).version;
  if (installed !== version) throw new Error(`${name}: installed=${installed} locked=${version}, run npm ci`);
  return version;
}

/**
 * Per source file `path "\n" length-in-bytes "\n" contents`; then a line `key = value` for each of SETTINGS, as in foundry.toml;
 * then `solc = version` and `@openzeppelin/contracts = version`, each with its "\n", from package-lock.json.
 */
function sourcePreimage() {
  const toml = fs.readFileSync(path.join(ROOT, "foundry.toml"), "utf8");
  const lock = JSON.parse(fs.readFileSync(path.join(ROOT, "package-lock.json"), "utf8"));
  const parts = [];
  for (const file of sourcePaths()) {
    const contents = fs.readFileSync(path.join(ROOT, file));
    parts.push(Buffer.from(`${file}\n${contents.length}\n`), contents);
  }
  for (const key of SETTINGS) parts.push(Buffer.from(`${key} = ${setting(toml, key)}\n`));
  for (const name of ["solc", "@openzeppelin/contracts"]) parts.push(Buffer.from(`${name} = ${pinned(lock, name)}\n`));
  return Buffer.concat(parts);
}

function compile() {
  const forge = path.join(ROOT, "node_modules", ".bin", "forge");
  const flags = ["build", "src", "--force", "--out", "out/release", "--cache-path", "cache/release"];
  const run = spawnSync(forge, flags, { cwd: ROOT, encoding: "utf8" });
  if (run.error) throw run.error;
  if (run.status !== 0) throw new Error(`forge build: status=${run.status}\n${run.stdout ?? ""}${run.stderr ?? ""}`);
}

function artifact(contractName, sourceHash) {
  const file = path.join(ROOT, "out", "release", CONTRACTS[contractName], `${contractName}.json`);
  const { abi, bytecode, deployedBytecode } = JSON.parse(fs.readFileSync(file, "utf8"));
  const fields = {
    contractName,
    sourceHash,
    abi,
    bytecode: bytecode.object,
    deployedBytecode: deployedBytecode.object,
  };
  return `${JSON.stringify(fields, null, 2)}\n`;
}

function main() {
  const check = process.argv.includes("--check");
  const sourceHash = createHash("sha256").update(sourcePreimage()).digest("hex");
  compile();
  fs.mkdirSync(path.join(ROOT, "artifacts"), { recursive: true });
  for (const contractName of Object.keys(CONTRACTS)) {
    const file = path.join(ROOT, "artifacts", `${contractName}.json`);
    const fresh = artifact(contractName, sourceHash);
    if (!check) {
      fs.writeFileSync(file, fresh);
    } else if (!fs.existsSync(file) || fs.readFileSync(file, "utf8") !== fresh) {
      console.error(`artifacts/${contractName}.json: differs from src, run node tools/artifacts.js`);
      process.exitCode = 1;
    }
  }
  if (process.exitCode === undefined) console.log(`artifacts: ${check ? "match" : "written"} sourceHash=${sourceHash}`);
}

main();
