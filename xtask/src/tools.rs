//! What must be on the machine beside Rust: Node and npm, from which contracts, compiler and anvil come. Components of Rust itself
//! are installed; all else that is missing is named, and fails.

use crate::project::Project;
use crate::step::{Failure, Outcome, none_found, run};
use std::process::Command;

/// Oldest Node that the contracts' tools take.
const NODE_MAJOR_MIN: u32 = 20;

/// `cargo xtask tools`.
pub(crate) fn check(project: &Project, _: &[String]) -> Outcome {
    let mut missing = Vec::new();
    for component in ["fmt", "clippy"] {
        missing.extend(ensure_component(project, component).err().map(|failure| failure.0));
    }
    missing.extend(too_old("node", version("node").as_deref()));
    if version("npm").is_none() {
        missing.push("npm: not found; it comes with Node".to_owned());
    }
    if version("cc").is_none() {
        missing.push("cc: not found; libsecp256k1 is C: install gcc or clang".to_owned());
    }
    none_found("tools missing", &missing)
}

fn too_old(name: &str, version: Option<&str>) -> Option<String> {
    let wanted = format!("install Node {NODE_MAJOR_MIN} or newer, from nodejs.org or the system's packages");
    let Some(version) = version else { return Some(format!("{name}: not found; {wanted}")) };
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    (major.is_none_or(|major| major < NODE_MAJOR_MIN)).then(|| format!("{name}: {version} is too old; {wanted}"))
}

/// The first line of `name --version`, also printed.
fn version(name: &str) -> Option<String> {
    let output = Command::new(name).arg("--version").output().ok().filter(|output| output.status.success())?;
    let version = String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned();
    println!("{name:<8} {version}");
    Some(version)
}

/// A cargo command that rustup can add.
fn ensure_component(project: &Project, name: &str) -> Outcome {
    let is_there = || {
        let output = project.cargo().args([name, "--version"]).output();
        output
            .ok()
            .filter(|output| output.status.success())
            .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    if let Some(version) = is_there() {
        println!("{name:<8} {version}");
        return Ok(());
    }
    let component = if name == "fmt" { "rustfmt" } else { name };
    run(Command::new("rustup").args(["component", "add", component]).current_dir(&project.root))
        .map_err(|failure| Failure(format!("cargo {name}: not found, and {}", failure.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_or_missing_node_is_named() {
        assert_eq!(too_old("node", Some("v20.20.2")), None);
        assert_eq!(too_old("node", Some("v22.1.0")), None);
        for version in [None, Some("v18.19.0"), Some("nonsense")] {
            assert!(too_old("node", version).is_some_and(|what| what.starts_with("node: ")), "{version:?}");
        }
    }
}
