//! The ratchet: rules about the text of the sources that neither compiler nor clippy holds. Run as a verb and as a plain test.
//!
//! The core's purity (**TX-5**: errors of the world exist only outside of it; **TX-7**: its result is a function of the log) is
//! held here as far as text shows it; which crate may use which is held in [`crate::direction`].
//!
//! Read [`findings`] first.

use crate::direction;
use crate::project::Project;
use crate::ratchet::{self, RATCHET};
use crate::source::{Source, closing, places};
use crate::step::{Failure, Outcome, none_found};

/// Crates without IO, clock, entropy, floats and keys.
pub(crate) const CORE: [&str; 6] = [
    "crates/xln-types",
    "crates/xln-crypto",
    "crates/xln-merkle",
    "crates/xln-consensus",
    "crates/xln-routing",
    "crates/xln-machine",
];

/// What a core crate may not name, and why.
const IMPURE: [(&str, &str); 11] = [
    ("HashMap", "its order differs from run to run; use BTreeMap or arena::Index"),
    ("HashSet", "its order differs from run to run; use BTreeSet"),
    ("SystemTime", "time is an input"),
    ("Instant", "time is an input"),
    ("std::fs", "the core does no IO"),
    ("std::net", "the core does no IO"),
    ("std::env", "configuration is an input"),
    ("std::process", "the core does no IO"),
    ("rand", "randomness is an argument"),
    ("f32", "floats round; amounts are integers"),
    ("f64", "floats round; amounts are integers"),
];

/// The one file of the core that may use a hash map: [`IMPURE`]'s first lines' exception, since its index can't be iterated.
const INDEX_FILE: &str = "crates/xln-machine/src/arena.rs";

/// What no code and no test may contain. Put together from halves, so that this file passes its own check.
const BANNED: [(&str, &str); 6] = [
    ("todo!", "finish it or leave it out"),
    ("unimplemented!", "refuse it with a typed rejection"),
    ("dbg!", "left over"),
    ("#[ignore", "a test that doesn't run is no test"),
    ("should_panic", "check the error"),
    ("thread::sleep", "wait on a condition"),
];

/// Marks of unfinished work, in comments too.
const MARKS: [&str; 2] = [concat!("FIX", "ME"), concat!("XX", "X:")];

/// `cargo xtask tidy [--update]`.
pub(crate) fn run(project: &Project, arguments: &[String]) -> Outcome {
    let sources = project.sources()?;
    if arguments.iter().any(|argument| argument == "--update") {
        let updated = ratchet::updated(&project.read(RATCHET)?, &sources);
        std::fs::write(project.root.join(RATCHET), updated)
            .map_err(|error| Failure(format!("write: path={RATCHET} error={error}")))?;
    }
    let findings = findings(project, &sources)?;
    println!("{} sources", sources.len());
    none_found("untidy", &findings)
}

/// Everything that isn't tidy, as `path:line: what`.
fn findings(project: &Project, sources: &[Source]) -> Result<Vec<String>, Failure> {
    let mut findings = Vec::new();
    for source in sources {
        header(source, &mut findings);
        banned(source, &mut findings);
        pure(source, &mut findings);
    }
    for path in project.files(&["."], &["rs", "toml", "md", "sol", "js"])? {
        blanks(&path, &project.read(&path)?, &mut findings);
    }
    findings.extend(ratchet::findings(&project.read(RATCHET)?, sources));
    findings.extend(direction::findings(&project.metadata(&["--no-deps"])?));
    Ok(findings)
}

/// A file opens with what it is; tests beside the code they test needn't.
fn header(source: &Source, findings: &mut Vec<String>) {
    if !source.is_test && !source.text.starts_with("//!") {
        findings.push(format!("{}:1: doesn't open with //!", source.path));
    }
}

fn blanks(path: &str, text: &str, findings: &mut Vec<String>) {
    for (index, line) in text.lines().enumerate() {
        if line.contains('\t') {
            findings.push(format!("{path}:{}: tab", index + 1));
        }
        if line.ends_with(' ') {
            findings.push(format!("{path}:{}: space at the end", index + 1));
        }
    }
}

fn banned(source: &Source, findings: &mut Vec<String>) {
    for (word, instead) in BANNED {
        for at in source.code_places(word) {
            findings.push(format!("{}:{}: {word}: {instead}", source.path, source.line_of(at)));
        }
    }
    for mark in MARKS {
        for (at, _) in source.text.match_indices(mark) {
            findings.push(format!("{}:{}: {mark}: finish it, or write an issue", source.path, source.line_of(at)));
        }
    }
}

/// TX-5, TX-7: the core names nothing impure outside its tests.
fn pure(source: &Source, findings: &mut Vec<String>) {
    if source.is_test || !CORE.contains(&source.package_path()) {
        return;
    }
    if source.path.ends_with("/src/lib.rs") && !source.code.contains("#![forbid(unsafe_code)]") {
        findings.push(format!("{}:1: a core crate without #![forbid(unsafe_code)]", source.path));
    }
    for (word, why) in IMPURE {
        if word.starts_with("Hash") && source.path == INDEX_FILE {
            continue;
        }
        let direct = source.code_places(word).collect::<Vec<_>>();
        for at in direct.into_iter().chain(grouped(&source.code, word)) {
            if !source.is_test_at(at) {
                findings.push(format!("{}:{}: {word} in the core: {why}", source.path, source.line_of(at)));
            }
        }
    }
}

/// Places where `std::name` stands as `std::{…, name, …}`.
fn grouped(code: &str, path: &str) -> Vec<usize> {
    let Some(name) = path.strip_prefix("std::") else { return Vec::new() };
    let mut found = Vec::new();
    for group in places(code, "std::{") {
        let open = group + "std::".len();
        let end = closing(code, open).unwrap_or(code.len());
        found.extend(places(&code[open..end], name).map(|at| open + at));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, text: &str, check: fn(&Source, &mut Vec<String>)) -> Vec<String> {
        let mut findings = Vec::new();
        check(&Source::new(path, text), &mut findings);
        findings
    }

    /// TX-5, TX-7: no impurity reaches the core, whatever form it is written in.
    #[test]
    fn an_impure_core_is_found() {
        let lib = "crates/xln-machine/src/lib.rs";
        let forbid = "#![forbid(unsafe_code)]\n";
        for line in [
            "use std::collections::HashMap;",
            "use std::collections::{BTreeMap, HashSet};",
            "let now = std::time::SystemTime::now();",
            "let now = Instant::now();",
            "std::fs::read(path)",
            "use std::{collections::BTreeMap, fs};",
            "use std::{io::{self, Read}, net};",
            "rand::random()",
            "let x: f64 = 1.0;",
        ] {
            assert_eq!(of(lib, &format!("{forbid}{line}\n"), pure).len(), 1, "{line}");
            let in_test = format!("{forbid}#[cfg(test)]\nmod tests {{ {line} }}\n");
            assert_eq!(of(lib, &in_test, pure), [""; 0], "{line}");
            assert_eq!(of("crates/xln-net/src/lib.rs", line, pure), [""; 0], "{line}");
        }
        assert_eq!(
            of(lib, "// HashMap\nlet rands = \"f64\";\n", pure),
            ["crates/xln-machine/src/lib.rs:1: a core crate without #![forbid(unsafe_code)]"]
        );
        assert_eq!(of(INDEX_FILE, "use std::collections::HashMap;", pure), [""; 0]);
        assert_eq!(of(INDEX_FILE, "use std::fs;", pure).len(), 1);
    }

    #[test]
    fn unfinished_work_is_found() {
        for (word, _) in BANNED {
            assert_eq!(of("crates/a/src/b.rs", &format!("fn f() {{\n    {word}\n}}"), banned).len(), 1, "{word}");
            assert_eq!(of("crates/a/src/b.rs", &format!("let s = \"{word}\"; // {word}"), banned), [""; 0], "{word}");
        }
        for mark in MARKS {
            assert_eq!(of("crates/a/src/b.rs", &format!("// {mark} later"), banned).len(), 1, "{mark}");
        }
    }

    #[test]
    fn a_missing_header_and_stray_blanks_are_found() {
        assert_eq!(of("crates/a/src/b.rs", "use x;\n", header), ["crates/a/src/b.rs:1: doesn't open with //!"]);
        assert_eq!(of("crates/a/src/b.rs", "//! B.\n", header), [""; 0]);
        assert_eq!(of("crates/a/src/tests.rs", "use x;\n", header), [""; 0]);
        let mut findings = Vec::new();
        blanks("a.md", "x\n\ty\nz \n", &mut findings);
        assert_eq!(findings, ["a.md:2: tab", "a.md:3: space at the end"]);
    }

    /// TX-5, TX-7: this very project is tidy, its core pure, its dependencies in one direction.
    #[test]
    fn the_project_is_tidy() {
        let project = Project::here();
        let sources = project.sources().expect("sources are readable");
        let findings = findings(&project, &sources).expect("cargo and files are readable");
        assert!(findings.is_empty(), "\n{}", findings.join("\n"));
    }
}
