//! `xln bench`: measures a fresh hub in a process of its own, through its public API, each figure beside its floor in the same run.
//! Machines are noisy: the ratio decides, the figure is for people.
//!
//! Read [`ws`] for what is measured, [`floor`] for what nothing could beat.

pub(crate) mod channel;
mod floor;
mod load;
mod row;
mod statistics;
mod ws;

use crate::failure::Failure;
use clap::Args;
use row::Row;
use serde_json::Value;

/// The suites, in the order of a full run.
const SUITES: [&str; 2] = ["ws", "channel"];

/// The options of `xln bench`.
#[derive(Args)]
pub(crate) struct Bench {
    /// Which suite: ws, channel; all if absent.
    suite: Option<String>,
    /// Smaller runs of the same code.
    #[arg(long)]
    quick: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs it; status 1 when a target is missed.
pub(crate) async fn run(bench: &Bench) -> Result<(), Failure> {
    let suites: Vec<&str> = match &bench.suite {
        None => SUITES.to_vec(),
        Some(name) if SUITES.contains(&name.as_str()) => vec![name],
        Some(name) => return Err(Failure::Usage(format!("{name}: no such suite; there is {}", SUITES.join(", ")))),
    };
    let mut rows = Vec::new();
    for suite in suites {
        rows.extend(match suite {
            "channel" => channel::run(bench.quick, bench.json).await?,
            _ => ws::run(bench.quick, bench.json).await?,
        });
    }
    if bench.json {
        println!("{}", Value::from(rows.iter().map(Row::to_json).collect::<Vec<_>>()));
    } else {
        print!("{}", row::table(&rows));
    }
    if rows.iter().all(|row| row.ok) { Ok(()) } else { Err(Failure::Check("a target is missed".to_owned())) }
}
