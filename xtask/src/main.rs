//! `cargo xtask`: the project's own tasks, each step a verb. `cargo xtask test` is all of them, in order.
//!
//! Read [`STEPS`] first. It stands on std and a JSON reader alone, so that it builds in seconds.

mod contracts;
mod coverage;
mod demo;
mod deny;
mod direction;
mod laws;
mod licence;
mod project;
mod ratchet;
mod rust;
mod source;
mod step;
mod tidy;
mod tools;

use project::Project;
use std::process::ExitCode;
use step::Step;

/// Every step, in the order of `cargo xtask test`: what is quick and what others stand on first.
const STEPS: [Step; 11] = [
    Step { name: "tools", about: "what the other steps need is on the machine", flags: &[], run: tools::check },
    Step { name: "fmt", about: "sources are formatted", flags: &[], run: rust::fmt },
    Step { name: "laws", about: "each law of docs/spec has code and test", flags: &["--json"], run: laws::run },
    Step {
        name: "tidy",
        about: "sources keep the rules of STYLE.md; --update turns the ratchet",
        flags: &["--update"],
        run: tidy::run,
    },
    Step {
        name: "deny",
        about: "dependencies have reason, licence and source by deny.toml",
        flags: &[],
        run: deny::run,
    },
    Step { name: "clippy", about: "no warning in any target", flags: &[], run: rust::clippy },
    Step {
        name: "contracts",
        about: "Foundry tests, and artifacts that match the sources",
        flags: &[],
        run: contracts::check,
    },
    Step { name: "rust", about: "every Rust test, with a real anvil", flags: &[], run: rust::tests },
    Step {
        name: "demo",
        about: "release build, and the tour with a fixed and a random seed",
        flags: &[],
        run: demo::check,
    },
    Step { name: "golden", about: "golden roots in debug and release (TX-7)", flags: &[], run: rust::golden },
    Step { name: "coverage", about: "line coverage of the core, as a report", flags: &[], run: coverage::measure },
];

const HELP: &[&str] = &["help", "--help", "-h"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (verb, rest) = arguments.split_first().map_or(("help", &[][..]), |(verb, rest)| (verb.as_str(), rest));
    if HELP.contains(&verb) || rest.iter().any(|argument| HELP.contains(&argument.as_str())) {
        print!("{}", help());
        return ExitCode::SUCCESS;
    }
    let project = Project::here();
    let step = STEPS.iter().find(|step| step.name == verb);
    let flags = step.map_or(&[][..], |step| step.flags);
    let unknown = rest.iter().find(|argument| !flags.contains(&argument.as_str()));
    let outcome = match (verb, step, unknown) {
        ("test", _, None) => step::all(&project, &STEPS.iter().collect::<Vec<_>>()),
        (_, Some(step), None) => (step.run)(&project, rest),
        (_, _, unknown) => {
            eprintln!("unknown: argument={}\n{}", unknown.map_or(verb, String::as_str), help());
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask {verb}: {}", failure.0);
            ExitCode::FAILURE
        }
    }
}

fn help() -> String {
    let mut text = "cargo xtask VERB\n\n  test        everything below, in this order, until one fails\n".to_owned();
    for step in &STEPS {
        let flags: String = step.flags.iter().map(|flag| format!(" [{flag}]")).collect();
        text += &format!("  {:<11} {}{flags}\n", step.name, step.about);
    }
    text
}
