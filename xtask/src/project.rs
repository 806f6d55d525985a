//! The project as the steps see it: where it lies, its sources, and what cargo says of its packages.

use crate::source::Source;
use crate::step::Failure;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Folders that hold nothing of ours.
const FOREIGN: [&str; 5] = ["target", "node_modules", "out", "cache", ".git"];

/// The checkout.
pub(crate) struct Project {
    pub(crate) root: PathBuf,
}

impl Project {
    /// The project that this task runner was built in.
    pub(crate) fn here() -> Project {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        Project { root: manifest.parent().unwrap_or(manifest).to_owned() }
    }

    /// `cargo`, to be run at the root.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // What cargo sets for the running task runner concerns nobody else; a change of it would rebuild what depends on it.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CARGO_PKG_")
                || name == "CARGO_MANIFEST_DIR"
                || name == "CARGO_MANIFEST_PATH"
            {
                command.env_remove(name);
            }
        }
        command.current_dir(&self.root);
        command
    }

    /// Paths of files with one of these endings, from the root with `/`, in order, below any of the folders.
    pub(crate) fn files(&self, folders: &[&str], endings: &[&str]) -> Result<Vec<String>, Failure> {
        let mut found = Vec::new();
        for folder in folders {
            collect(&self.root, Path::new(folder), endings, &mut found)?;
        }
        found.sort();
        Ok(found)
    }

    pub(crate) fn read(&self, path: &str) -> Result<String, Failure> {
        std::fs::read_to_string(self.root.join(path))
            .map_err(|error| Failure(format!("read: path={path} error={error}")))
    }

    /// Every Rust source of crates and task runner.
    pub(crate) fn sources(&self) -> Result<Vec<Source>, Failure> {
        let mut sources = Vec::new();
        for path in self.files(&["crates", "xtask"], &["rs"])? {
            sources.push(Source::new(&path, &self.read(&path)?));
        }
        mark_test_modules(&mut sources);
        Ok(sources)
    }

    /// What `cargo metadata` says.
    pub(crate) fn metadata(&self, arguments: &[&str]) -> Result<serde_json::Value, Failure> {
        let mut command = self.cargo();
        command.args(["metadata", "--format-version", "1"]).args(arguments);
        let output = command.output().map_err(|error| Failure(format!("cargo metadata: error={error}")))?;
        if !output.status.success() {
            return Err(Failure(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim())));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| Failure(format!("cargo metadata: error={error}")))
    }

    /// Where cargo builds.
    pub(crate) fn target(&self) -> Result<PathBuf, Failure> {
        let metadata = self.metadata(&["--no-deps"])?;
        let target = metadata["target_directory"].as_str().map(PathBuf::from);
        target.ok_or_else(|| Failure("cargo metadata: no target_directory".to_owned()))
    }
}

fn collect(root: &Path, folder: &Path, endings: &[&str], found: &mut Vec<String>) -> Result<(), Failure> {
    let failure = |error: std::io::Error| Failure(format!("list: path={} error={error}", folder.display()));
    for entry in std::fs::read_dir(root.join(folder)).map_err(failure)? {
        let entry = entry.map_err(failure)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = folder.join(&name);
        if entry.file_type().map_err(failure)?.is_dir() {
            if !FOREIGN.contains(&name.as_str()) {
                collect(root, &path, endings, found)?;
            }
        } else if name.rsplit_once('.').is_some_and(|(_, ending)| endings.contains(&ending)) {
            let path = path.strip_prefix(".").unwrap_or(&path);
            found.push(path.to_string_lossy().replace('\\', "/"));
        }
    }
    Ok(())
}

/// A module declared under `#[cfg(test)]` is a test with all that lies below it.
fn mark_test_modules(sources: &mut [Source]) {
    let mut prefixes = Vec::new();
    for source in sources.iter() {
        let folder = module_folder(&source.path);
        prefixes.extend(source.test_modules().iter().map(|name| format!("{folder}/{name}")));
    }
    for source in sources.iter_mut() {
        let is_below = |prefix: &String| {
            source.path.strip_prefix(prefix.as_str()).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        };
        source.is_test |= prefixes.iter().any(is_below);
    }
}

/// Where the modules that a file declares lie.
fn module_folder(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    match name {
        "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
        _ => format!("{folder}/{}", name.trim_end_matches(".rs")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_declared_as_a_test_is_one_with_all_below_it() {
        let mut sources = [
            Source::new("crates/a/src/lib.rs", "#[cfg(test)]\nmod shape;\nmod tree;"),
            Source::new("crates/a/src/shape.rs", ""),
            Source::new("crates/a/src/shape/deep.rs", ""),
            Source::new("crates/a/src/shapes.rs", ""),
            Source::new("crates/a/src/tree.rs", "#[cfg(test)] mod model;"),
            Source::new("crates/a/src/tree/model.rs", ""),
        ];
        mark_test_modules(&mut sources);
        assert_eq!(sources.map(|source| source.is_test), [false, true, true, false, false, true]);
    }
}
