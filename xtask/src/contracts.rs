//! `cargo xtask contracts`: installs what `contracts/` needs from its lock file, runs its Foundry tests, and checks that the
//! committed artifacts are what the sources compile to.

use crate::project::Project;
use crate::step::{Failure, Outcome, run};
use std::path::PathBuf;
use std::process::Command;

/// A copy of the lock file that was installed from: the same again needs no installation.
const INSTALLED: &str = "contracts/node_modules/.installed-lock.json";
const LOCK: &str = "contracts/package-lock.json";

/// `cargo xtask contracts`.
pub(crate) fn check(project: &Project, _: &[String]) -> Outcome {
    install(project)?;
    for script in ["test", "check"] {
        run(npm(project).args(["run", script]))?;
    }
    Ok(())
}

/// The anvil that the chain's tests run against.
pub(crate) fn anvil(project: &Project) -> Result<PathBuf, Failure> {
    install(project)?;
    let path = project.root.join("contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil");
    if path.is_file() { Ok(path) } else { Err(Failure(format!("anvil: not found: path={}", path.display()))) }
}

fn install(project: &Project) -> Outcome {
    let lock = project.read(LOCK)?;
    if project.read(INSTALLED).is_ok_and(|installed| installed == lock) {
        println!("packages are installed as {LOCK} says");
        return Ok(());
    }
    run(npm(project).args(["ci", "--no-audit", "--no-fund"]))?;
    std::fs::write(project.root.join(INSTALLED), lock)
        .map_err(|error| Failure(format!("write: path={INSTALLED} error={error}")))
}

fn npm(project: &Project) -> Command {
    let mut command = Command::new("npm");
    command.current_dir(project.root.join("contracts"));
    command
}
