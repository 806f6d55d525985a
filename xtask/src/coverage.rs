//! `cargo xtask coverage`: which lines of the core no test of the core runs. A report, not a gate: a wrong number fails nothing.
//!
//! Uses the compiler's own instrumentation and the LLVM tools of the toolchain (rustup's component `llvm-tools`), one build in
//! `target/coverage`. Lines of tests don't count. What is accepted as uncovered stands in [`EXCEPTIONS`], with its reason.
//!
//! Read [`report`] first.

use crate::project::Project;
use crate::source::Source;
use crate::step::{Failure, Outcome, output, run};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Accepted lines: `path | the line, trimmed | reason`, a line each.
const EXCEPTIONS: &str = "xtask/coverage-exceptions.txt";
/// What is measured.
const PACKAGES: [&str; 4] = ["xln-types", "xln-crypto", "xln-merkle", "xln-machine"];
/// Where every line is meant to be covered, exceptions apart.
const WHOLE: [&str; 3] = ["crates/xln-crypto/src/", "crates/xln-merkle/src/", "crates/xln-machine/src/channel/"];

/// A line that needs no test, and why.
struct Exception {
    path: String,
    code: String,
}

/// Which lines of one file ran.
type Lines = BTreeMap<usize, bool>;

/// `cargo xtask coverage`.
pub(crate) fn measure(project: &Project, _: &[String]) -> Outcome {
    let exceptions = exceptions(&project.read(EXCEPTIONS)?)?;
    let Some(tools) = llvm_tools(project)? else {
        println!("coverage was not measured: the toolchain has no llvm-profdata, and rustup couldn't add llvm-tools");
        return Ok(());
    };
    let lcov = instrumented(project, &tools)?;
    let covered = parse(&lcov, &project.root);
    let sources = project.sources()?;
    print!("{}", report(&sources, &covered, &exceptions));
    Ok(())
}

/// The folder with `llvm-cov` and `llvm-profdata`; asks rustup for them once.
fn llvm_tools(project: &Project) -> Result<Option<PathBuf>, Failure> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]).current_dir(&project.root))?;
    let find = || {
        let targets = Path::new(sysroot.trim()).join("lib/rustlib").read_dir().ok()?;
        let mut folders = targets.flatten().map(|target| target.path().join("bin"));
        folders.find(|folder| folder.join("llvm-cov").is_file() && folder.join("llvm-profdata").is_file())
    };
    if let Some(folder) = find() {
        return Ok(Some(folder));
    }
    if let Err(failure) =
        run(Command::new("rustup").args(["component", "add", "llvm-tools"]).current_dir(&project.root))
    {
        println!("{}", failure.0);
    }
    Ok(find())
}

/// Builds and runs the core's tests with counters; the result as LCOV text.
fn instrumented(project: &Project, tools: &Path) -> Result<String, Failure> {
    let target = project.target()?.join("coverage");
    let profiles = target.join("profiles");
    if profiles.exists() {
        std::fs::remove_dir_all(&profiles)
            .map_err(|error| Failure(format!("remove: path={} error={error}", profiles.display())))?;
    }
    let version = output(Command::new("rustc").arg("-vV").current_dir(&project.root))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    let test = |arguments: &[&str]| {
        let mut command = project.cargo();
        // Flags reach only the target's code, not build scripts, when the target is named.
        command.args(["test", "--target", host]).arg("--target-dir").arg(&target);
        command.args(PACKAGES.iter().flat_map(|package| ["-p", package])).args(["--lib", "--tests"]).args(arguments);
        command.env("RUSTFLAGS", "-C instrument-coverage").env("LLVM_PROFILE_FILE", profiles.join("%p-%m.profraw"));
        command
    };
    let built = output(&mut test(&["--no-run", "--message-format=json"]))?;
    let _ = output(&mut test(&["--quiet"]))?;
    let merged = target.join("core.profdata");
    let raw = std::fs::read_dir(&profiles).map_err(|error| Failure(format!("profiles: error={error}")))?;
    let raw =
        raw.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "profraw"));
    let mut merge = Command::new(tools.join("llvm-profdata"));
    let _ = output(merge.args(["merge", "-sparse", "-o"]).arg(&merged).args(raw))?;
    let mut export = Command::new(tools.join("llvm-cov"));
    export
        .args(["export", "--format=lcov", "--ignore-filename-regex=/registry/|/rustc/"])
        .arg("--instr-profile")
        .arg(&merged);
    let programs = built.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    for program in programs.filter_map(|message| message["executable"].as_str().map(str::to_owned)) {
        export.args(["--object", &program]);
    }
    output(&mut export)
}

/// Reads LCOV: which lines of which file of ours ran. A line stands once a program; it ran if it ran in any.
fn parse(lcov: &str, root: &Path) -> BTreeMap<String, Lines> {
    let mut files: BTreeMap<String, Lines> = BTreeMap::new();
    let mut path: Option<String> = None;
    for line in lcov.lines() {
        if let Some(file) = line.strip_prefix("SF:") {
            path = Path::new(file).strip_prefix(root).ok().map(|path| path.to_string_lossy().into_owned());
        } else if let (Some(path), Some((number, count))) =
            (&path, line.strip_prefix("DA:").and_then(|line| line.split_once(',')))
            && let Ok(number) = number.parse()
        {
            *files.entry(path.clone()).or_default().entry(number).or_default() |= count != "0";
        }
    }
    files
}

fn exceptions(text: &str) -> Result<Vec<Exception>, Failure> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let read = |(index, line): (usize, &str)| match line.split(" | ").collect::<Vec<_>>().as_slice() {
        [path, code, reason] if !reason.trim().is_empty() => {
            Ok(Exception { path: path.trim().to_owned(), code: code.trim().to_owned() })
        }
        _ => Err(Failure(format!("{EXCEPTIONS}:{}: not `path | line | reason`", index + 1))),
    };
    lines.map(read).collect()
}

/// A table by crate, and the files that are meant to be whole and aren't.
fn report(sources: &[Source], covered: &BTreeMap<String, Lines>, exceptions: &[Exception]) -> String {
    let mut crates: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut gaps = String::new();
    let mut used = BTreeSet::new();
    for source in sources.iter().filter(|source| !source.is_test) {
        let Some(lines) = covered.get(&source.path) else { continue };
        let lines: Vec<(usize, bool)> =
            lines.iter().map(|(line, ran)| (*line, *ran)).filter(|(line, _)| !source.is_test_line(*line)).collect();
        let sum = crates.entry(source.package_path()).or_default();
        *sum = (sum.0 + lines.len(), sum.1 + lines.iter().filter(|(_, ran)| *ran).count());
        let uncovered: Vec<usize> = lines.iter().filter(|(_, ran)| !ran).map(|(line, _)| *line).collect();
        let missing = unaccepted(source, &uncovered, exceptions, &mut used);
        if !missing.is_empty() && WHOLE.iter().any(|whole| source.path.starts_with(whole)) {
            gaps += &format!("{}: not covered: {}\n", source.path, ranges(&missing));
        }
    }
    let mut text = format!("{:<24} {:>6} {:>8} {:>7}\n", "crate", "lines", "covered", "share");
    for (name, (lines, ran)) in crates {
        let name = name.trim_start_matches("crates/");
        // Hundredths of a percent, rounded down: 100.00 means all.
        let share = (ran * 10_000).checked_div(lines).unwrap_or(10_000);
        text += &format!("{name:<24} {lines:>6} {ran:>8} {:>4}.{:02}%\n", share / 100, share % 100);
    }
    let accepted = format!("{} of {} exceptions used\n", used.len(), exceptions.len());
    let whole = "tree, channel transitions and crypto: every line covered, exceptions apart\n";
    text + if gaps.is_empty() { whole } else { &gaps } + &accepted
}

/// The uncovered lines without those that an exception names; notes which exceptions were used.
fn unaccepted(
    source: &Source,
    uncovered: &[usize],
    exceptions: &[Exception],
    used: &mut BTreeSet<usize>,
) -> Vec<usize> {
    let mut missing = Vec::new();
    for line in uncovered {
        let code = source.text.lines().nth(line - 1).unwrap_or_default().trim();
        // A closing brace says nothing that the line above it doesn't.
        let is_brace = !code.is_empty() && code.chars().all(|c| "{}()[];,".contains(c));
        let accepted = exceptions.iter().position(|exception| exception.path == source.path && exception.code == code);
        used.extend(accepted);
        if accepted.is_none() && !is_brace {
            missing.push(*line);
        }
    }
    missing
}

/// `1, 2, 3, 7` as `1-3, 7`.
fn ranges(lines: &[usize]) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for line in lines {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *line => *last = *line,
            _ => ranges.push((*line, *line)),
        }
    }
    let shown =
        |(first, last): &(usize, usize)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    ranges.iter().map(shown).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uncovered_lines_are_reported_unless_excepted() {
        let path = "crates/xln-crypto/src/a.rs";
        let source = [Source::new(
            path,
            "//! A.\nfn a() {\n    b();\n    c();\n}\n#[cfg(test)]\nmod tests {\n    fn t() {}\n}\n",
        )];
        let lcov = format!(
            "SF:/x/{path}\nDA:2,1\nDA:3,0\nDA:4,0\nDA:8,0\nend_of_record\nSF:/x/{path}\nDA:3,5\nSF:/y/z.rs\nDA:1,0\n"
        );
        let covered = parse(&lcov, Path::new("/x"));
        let text = report(&source, &covered, &[]);
        assert!(text.contains("xln-crypto                    3        2   66.66%"), "{text}");
        assert!(text.contains("crates/xln-crypto/src/a.rs: not covered: 4\n"), "{text}");
        let excepted = exceptions("# why\n\ncrates/xln-crypto/src/a.rs | c(); | nothing reaches it\n").expect("valid");
        let text = report(&source, &covered, &excepted);
        assert!(text.contains("every line covered") && text.contains("1 of 1 exceptions used"), "{text}");
        assert!(exceptions("crates/a | c();\n").is_err());
        assert_eq!(ranges(&[1, 2, 3, 7, 9, 10]), "1-3, 7, 9-10");
    }
}
