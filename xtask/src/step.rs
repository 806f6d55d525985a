//! Steps: what `cargo xtask test` runs in order, each a verb of its own, and how they run other programs.

use crate::project::Project;
use std::process::Command;
use std::time::{Duration, Instant};

/// Why a step failed, for people: lower-case `what: key=value`, or the findings a line each.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure(pub(crate) String);

/// A step that failed says why.
pub(crate) type Outcome = Result<(), Failure>;

/// A verb.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// The flags that it takes, as `--help` shows them.
    pub(crate) flags: &'static [&'static str],
    pub(crate) run: fn(&Project, &[String]) -> Outcome,
}

/// Runs a program to its end, its output passed on.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let line = line(command);
    println!("$ {line}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure(format!("command failed: status={} command={line}", code(status)))),
        Err(error) => Err(Failure(format!("command not run: error={error} command={line}"))),
    }
}

/// Runs a program to its end and takes what it writes to stdout.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let line = line(command);
    command.stderr(std::process::Stdio::inherit());
    match command.output() {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => {
            print!("{}", String::from_utf8_lossy(&output.stdout));
            Err(Failure(format!("command failed: status={} command={line}", code(output.status))))
        }
        Err(error) => Err(Failure(format!("command not run: error={error} command={line}"))),
    }
}

fn code(status: std::process::ExitStatus) -> String {
    status.code().map_or_else(|| "signal".to_owned(), |code| code.to_string())
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Fails with the findings, a line each, if there are any.
pub(crate) fn none_found(what: &str, findings: &[String]) -> Outcome {
    if findings.is_empty() {
        return Ok(());
    }
    Err(Failure(format!("{what}: {} found\n  {}", findings.len(), findings.join("\n  "))))
}

/// Runs the steps in order, stops at the first that fails, and prints how long each took.
pub(crate) fn all(project: &Project, steps: &[&Step]) -> Outcome {
    let mut took: Vec<(&str, Duration, bool)> = Vec::new();
    let mut outcome = Ok(());
    for step in steps {
        println!("\n== {}: {}", step.name, step.about);
        let started = Instant::now();
        outcome = (step.run)(project, &[]);
        took.push((step.name, started.elapsed(), outcome.is_ok()));
        if outcome.is_err() {
            break;
        }
    }
    print!("\n{}", summary(steps, &took));
    outcome.map_err(|failure| {
        let name = took.last().map_or("", |(name, _, _)| name);
        Failure(format!("step failed: name={name}\n{}", failure.0))
    })
}

fn summary(steps: &[&Step], took: &[(&str, Duration, bool)]) -> String {
    let mut table = format!("{:<12} {:>8}  result\n", "step", "seconds");
    for (name, time, ok) in took {
        table += &format!("{name:<12} {:>8.1}  {}\n", time.as_secs_f64(), if *ok { "ok" } else { "FAILED" });
    }
    for step in &steps[took.len()..] {
        table += &format!("{:<12} {:>8}  not run\n", step.name, "-");
    }
    let total: f64 = took.iter().map(|(_, time, _)| time.as_secs_f64()).sum();
    table + &format!("{:<12} {total:>8.1}\n", "all")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(_: &Project, _: &[String]) -> Outcome {
        Ok(())
    }

    fn bad(_: &Project, _: &[String]) -> Outcome {
        Err(Failure("broken: what=this".to_owned()))
    }

    #[test]
    fn the_first_failure_stops_all_and_is_named() {
        let step = |name, run| Step { name, about: "", flags: &[], run };
        let steps = [step("one", good), step("two", bad), step("three", good)];
        let steps: Vec<&Step> = steps.iter().collect();
        let failure = all(&Project::here(), &steps).expect_err("two fails");
        assert_eq!(failure.0, "step failed: name=two\nbroken: what=this");
        let table = summary(&steps, &[("one", Duration::ZERO, true), ("two", Duration::ZERO, false)]);
        for line in ["one               0.0  ok", "two               0.0  FAILED", "three               -  not run"] {
            assert!(table.contains(line), "{line}\n{table}");
        }
    }
}
