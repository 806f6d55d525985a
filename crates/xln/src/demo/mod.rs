//! `xln demo`: the whole job, from a deposit on the chain to a withdrawal, against a fresh `xln dev` in a process of its own. It speaks only
//! the public API and the chain's RPC; every `observed` is read back from there. Amounts, keys and order come from `--seed`.
//!
//! Read [`STEPS`] first, then [`stage`] for who takes part.

mod channels;
mod money_in;
mod money_out;
mod routed;
mod seed;
mod stage;

use crate::failure::Failure;
use crate::show;
use clap::Args;
use serde_json::{Value, json};
use stage::{Outcome, Stage};

/// The options of `xln demo`.
#[derive(Args)]
pub(crate) struct Demo {
    /// Draws amounts, keys and order; random if absent.
    #[arg(long)]
    seed: Option<u64>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A step of the tour: its name, the laws that it shows.
struct Step {
    name: &'static str,
    law: &'static str,
}

/// The tour, in order.
const STEPS: [Step; 11] = [
    Step { name: "deposit_eth", law: "DP-3" },
    Step { name: "deposit_erc20", law: "DP-3, DP-8" },
    Step { name: "entities", law: "EN-1, N-5" },
    Step { name: "open_collateral", law: "CH-11, CH-12, DP-1" },
    Step { name: "newcomer_receives", law: "CH-4" },
    Step { name: "payments", law: "CH-14, CH-2" },
    Step { name: "over_capacity", law: "CH-1, TX-5" },
    Step { name: "receipt_offline", law: "TX-6, ST-2" },
    Step { name: "withdraw", law: "DP-4" },
    Step { name: "audit", law: "CH-13" },
    Step { name: "routed_payment", law: "HT-1, HT-4" },
];

/// Runs the tour; status 1 when a step doesn't hold.
pub(crate) async fn run(demo: &Demo) -> Result<(), Failure> {
    let seed = match demo.seed {
        Some(seed) => seed,
        None => random_seed()?,
    };
    if !demo.json {
        println!("The tour, seed {seed} (repeat it with --seed {seed}), against a fresh hub of its own:\n");
    }
    let mut stage = Stage::start(seed, demo.json).await?;
    let mut rows = Vec::with_capacity(STEPS.len());
    let mut ok = true;
    for step in &STEPS {
        // What comes after a failed step stands on sand: it is told as not reached.
        let outcome = if ok { take(step.name, &mut stage).await } else { Ok(Outcome::not_reached()) };
        let outcome = outcome.unwrap_or_else(Outcome::failed);
        ok &= outcome.ok;
        rows.push((step, outcome));
    }
    stage.end().await?;
    if demo.json {
        let steps: Vec<Value> = rows.iter().map(|(step, outcome)| row(step, outcome)).collect();
        println!("{}", json!({ "ok": ok, "seed": seed, "steps": steps }));
    } else {
        print(&rows);
    }
    if ok { Ok(()) } else { Err(Failure::Check(format!("the tour doesn't hold: seed={seed}"))) }
}

async fn take(name: &str, stage: &mut Stage) -> Result<Outcome, Failure> {
    match name {
        "deposit_eth" => money_in::deposit_eth(stage).await,
        "deposit_erc20" => money_in::deposit_erc20(stage).await,
        "entities" => money_in::entities(stage).await,
        "open_collateral" => channels::open_collateral(stage).await,
        "newcomer_receives" => channels::newcomer_receives(stage).await,
        "payments" => channels::payments(stage).await,
        "over_capacity" => channels::over_capacity(stage).await,
        "receipt_offline" => money_out::receipt_offline(stage).await,
        "withdraw" => money_out::withdraw(stage).await,
        "audit" => money_out::audit(stage).await,
        _ => routed::routed_payment(stage).await,
    }
}

fn random_seed() -> Result<u64, Failure> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).map_err(Failure::world)?;
    Ok(u64::from(u32::from_le_bytes(bytes)))
}

fn row(step: &Step, outcome: &Outcome) -> Value {
    json!({
        "step": step.name, "law": step.law, "ok": outcome.ok, "expected": outcome.expected,
        "observed": outcome.observed,
    })
}

fn print(rows: &[(&Step, Outcome)]) {
    let cells = |(step, outcome): &(&Step, Outcome)| {
        let ok = if outcome.ok { "ok" } else { "FAILED" };
        vec![
            ok.to_owned(),
            step.name.to_owned(),
            step.law.to_owned(),
            outcome.expected.clone(),
            outcome.observed.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
    print!("{}", show::table(&["", "step", "law", "expected", "observed"], &rows));
}
