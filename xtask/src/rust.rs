//! The steps that cargo does: format, lints, tests with a real anvil, and the golden roots in debug and release.

use crate::contracts;
use crate::project::Project;
use crate::source::Source;
use crate::step::{Failure, Outcome, output, run};
use std::collections::BTreeSet;

/// Turns on the flows against a real anvil.
const ANVIL: [&str; 2] = ["--features", "xln-chain/anvil,xln/anvil"];
/// What the name of a test that compares with a committed root, or of its module, contains.
const GOLDEN: &str = "golden";

/// `cargo xtask fmt`.
pub(crate) fn fmt(project: &Project, _: &[String]) -> Outcome {
    run(project.cargo().args(["fmt", "--all", "--check"]))
}

/// `cargo xtask clippy`.
pub(crate) fn clippy(project: &Project, _: &[String]) -> Outcome {
    let mut command = project.cargo();
    run(command.args(["clippy", "--workspace", "--all-targets"]).args(ANVIL).args(["--", "-D", "warnings"]))
}

/// `cargo xtask rust`.
pub(crate) fn tests(project: &Project, _: &[String]) -> Outcome {
    let anvil = contracts::anvil(project)?;
    run(project.cargo().env("XLN_ANVIL", anvil).args(["test", "--workspace"]).args(ANVIL))
}

/// `cargo xtask golden`: TX-7, the same log gives the same roots in debug and in release, equal to those in the tree.
pub(crate) fn golden(project: &Project, _: &[String]) -> Outcome {
    let packages = golden_packages(&project.sources()?);
    let mut executed = Vec::new();
    for profile in [&[][..], &["--release"]] {
        let mut command = project.cargo();
        command.arg("test").args(profile).args(["--lib", "--tests"]);
        for package in &packages {
            command.args(["-p", package]);
        }
        let text = output(command.arg(GOLDEN))?;
        let passed: BTreeSet<String> = text.lines().filter_map(passed_test).map(str::to_owned).collect();
        println!(
            "{}: {} passed: {}",
            if profile.is_empty() { "debug" } else { "release" },
            passed.len(),
            join(&passed)
        );
        executed.push(passed);
    }
    if executed.first() != executed.last() || executed.iter().any(BTreeSet::is_empty) {
        return Err(Failure("golden roots: debug and release must run the same tests, at least one".to_owned()));
    }
    if !packages.contains("xln-machine") && !packages.contains("xln-node") {
        return Err(Failure("golden roots: no test of the machine or the node has `golden` in its name".to_owned()));
    }
    Ok(())
}

fn join(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// The name in a line `test name ... ok`.
fn passed_test(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... ok")
}

/// The packages with a test of that name.
fn golden_packages(sources: &[Source]) -> BTreeSet<String> {
    let mut packages = BTreeSet::new();
    for source in sources.iter().filter(|source| source.path.starts_with("crates/")) {
        let in_name = source.is_test && source.path.rsplit('/').next().is_some_and(|name| name.contains(GOLDEN));
        let in_function = source.code_places("fn").filter(|at| source.is_test_at(*at)).any(|at| {
            let head = &source.code[at + "fn".len()..];
            head[..head.find('(').unwrap_or(head.len())].contains(GOLDEN)
        });
        if in_name || in_function {
            packages.insert(source.package_path().trim_start_matches("crates/").to_owned());
        }
    }
    packages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_tests_are_found_by_name() {
        let sources = [
            Source::new("crates/xln-a/tests/tree/golden.rs", ""),
            Source::new("crates/xln-b/src/tests.rs", "#[test]\nfn the_golden_root() {}"),
            Source::new("crates/xln-c/src/lib.rs", "fn golden() {}"),
            Source::new("xtask/src/tests.rs", "fn golden() {}"),
        ];
        assert_eq!(golden_packages(&sources), ["xln-a", "xln-b"].map(str::to_owned).into());
        assert_eq!(passed_test("test golden::roots ... ok"), Some("golden::roots"));
        assert_eq!(passed_test("test golden::roots ... FAILED"), None);
    }
}
