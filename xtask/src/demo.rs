//! `cargo xtask demo`: the release build, and the tour by it, with a fixed seed and with a random one.

use crate::project::Project;
use crate::step::{Failure, Outcome, output, run};
use serde_json::Value;
use std::process::Command;

/// The seed that every run repeats.
const SEED: &str = "7";
/// The steps that the tour must have, in its order.
const STEPS: [&str; 10] = [
    "deposit_eth",
    "deposit_erc20",
    "entities",
    "open_collateral",
    "newcomer_receives",
    "payments",
    "over_capacity",
    "receipt_offline",
    "withdraw",
    "audit",
];

/// `cargo xtask demo`.
pub(crate) fn check(project: &Project, _: &[String]) -> Outcome {
    run(project.cargo().args(["build", "--release", "-p", "xln"]))?;
    let program = project.target()?.join("release").join("xln");
    for seed in [&["--seed", SEED][..], &[]] {
        let mut command = Command::new(&program);
        command.current_dir(&project.root).args(["demo", "--json"]).args(seed);
        let text = output(&mut command)?;
        print!("{text}");
        judge(&text)?;
    }
    Ok(())
}

/// All steps are there, and hold.
fn judge(text: &str) -> Outcome {
    let wrong = |what: String| Err(Failure(format!("demo: {what}")));
    let answer: Value = match serde_json::from_str(text.trim()) {
        Ok(answer) => answer,
        Err(error) => return wrong(format!("stdout is not one JSON object: error={error}")),
    };
    let steps: Vec<&Value> = answer["steps"].as_array().into_iter().flatten().collect();
    for name in STEPS {
        match steps.iter().find(|step| step["step"] == name) {
            None => return wrong(format!("step missing: step={name}")),
            Some(step) if step["ok"] != true => return wrong(format!("step failed: step={name}")),
            Some(_) => {}
        }
    }
    if answer["ok"] != true || answer["seed"].is_null() {
        return wrong(format!("ok={} seed={}", answer["ok"], answer["seed"]));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(steps: &[&str], failed: &str) -> String {
        let steps: Vec<Value> = steps.iter().map(|step| json!({ "step": step, "ok": *step != failed })).collect();
        json!({ "ok": true, "seed": "7", "steps": steps }).to_string()
    }

    #[test]
    fn a_tour_with_a_step_missing_or_failed_is_refused() {
        assert_eq!(judge(&answer(&STEPS, "")), Ok(()));
        assert!(judge(&answer(&STEPS[1..], "")).is_err());
        assert!(judge(&answer(&STEPS, "payments")).is_err());
        assert!(judge("no JSON").is_err());
        assert!(judge(&answer(&STEPS, "").replace("\"seed\":\"7\",", "")).is_err());
    }
}
