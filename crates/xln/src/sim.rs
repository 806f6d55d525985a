//! `xln sim`: runs seeds of the simulator. Status 1 when a law was broken, with the command that shows it again.

use crate::failure::Failure;
use crate::show;
use clap::Args;
use serde_json::{Map, Value, json};
use std::num::NonZeroUsize;
use std::time::Instant;
use xln_sim::Options;
use xln_sim::fault::Fault;
use xln_sim::seeds::{Total, run_seeds};

/// The options of `xln sim`.
#[derive(Args)]
pub(crate) struct Sim {
    /// Everything follows from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many requests are made, in each seed.
    #[arg(long, default_value_t = 10_000)]
    ops: u64,
    /// How many seeds, from the first on.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// What may go wrong: names with commas, `all`, or `none`.
    #[arg(long, default_value = "all")]
    faults: String,
    /// How many nodes there are.
    #[arg(long, default_value_t = 3)]
    nodes: usize,
    /// Seeds that run at the same time, each on a thread of its own; as many as there are cores if not given.
    #[arg(long)]
    threads: Option<usize>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the seeds, and prints what they came to.
pub(crate) async fn run(sim: Sim) -> Result<(), Failure> {
    let faults = Fault::parse(&sim.faults).map_err(|name| {
        let names: Vec<&str> = Fault::ALL.iter().map(|fault| fault.name()).collect();
        Failure::Usage(format!("no such fault: name={name} (known: {})", names.join(", ")))
    })?;
    if !(1..=16).contains(&sim.nodes) {
        return Err(Failure::Usage(format!("1 to 16 nodes: nodes={}", sim.nodes)));
    }
    let options = Options { faults, nodes: sim.nodes, ..Options::new(sim.seed, sim.ops) };
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = sim.threads.unwrap_or(cores).max(1);
    let (count, as_json) = (sim.seeds.max(1), sim.json);
    let run = options.clone();
    let work = move || {
        let bar = show::progress("seeds", count, as_json);
        let begun = Instant::now();
        let total = run_seeds(&run, count, threads, |_| bar.inc(1));
        bar.finish_and_clear();
        (total, begun.elapsed().as_secs_f64())
    };
    let (total, took_s) = tokio::task::spawn_blocking(work).await.map_err(Failure::world)?;
    print(&sim, &options, &total, took_s);
    if total.violations.is_empty() { Ok(()) } else { Err(Failure::Said(1)) }
}

fn print(sim: &Sim, options: &Options, total: &Total, took_s: f64) {
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let ops_per_s = (total.report.ops as f64 / took_s.max(0.001)) as u64;
    let report = &total.report;
    let faults: Map<String, Value> = options
        .faults
        .iter()
        .map(|fault| (fault.name().to_owned(), json!(report.faults.get(fault).copied().unwrap_or(0))))
        .collect();
    let answer = json!({
        "seed": sim.seed, "ops": report.ops, "accepted": report.accepted, "refused": report.refused, "faults": faults,
        "violations": total.violations.len(), "digest": report.digest.to_string(), "ops_per_s": ops_per_s,
    });
    if sim.json {
        println!("{answer}");
    } else {
        print_table(sim, total, &faults, took_s, ops_per_s);
    }
    for violation in &total.violations {
        let node = violation.node.map_or("none".to_owned(), |node| node.to_string());
        eprintln!(
            "violation: seed={} step={} at_ms={} node={node}\n  {}\n  again: xln sim --seed {} --ops {} --faults {} --nodes {}",
            violation.seed,
            violation.step,
            violation.at_ms,
            violation.what,
            violation.seed,
            sim.ops,
            sim.faults,
            sim.nodes
        );
    }
}

fn print_table(sim: &Sim, total: &Total, faults: &Map<String, Value>, took_s: f64, ops_per_s: u64) {
    let report = &total.report;
    let counts = |title: &str, of: Vec<(String, String)>| {
        let rows: Vec<Vec<String>> = of.into_iter().map(|(name, times)| vec![name, times]).collect();
        println!("{}", show::table(&[title, "times"], &rows));
    };
    let pairs = |map: &std::collections::BTreeMap<&'static str, u64>| {
        map.iter().map(|(name, times)| ((*name).to_owned(), times.to_string())).collect()
    };
    counts("executed", pairs(&report.accepted));
    counts("refused", pairs(&report.refused));
    counts("fault", faults.iter().map(|(name, times)| (name.clone(), times.to_string())).collect());
    println!(
        "  seeds {} from {}, {} requests in {took_s:.1} s: {ops_per_s} a second",
        total.seeds, sim.seed, report.ops
    );
    println!(
        "  {} lives, {} whole states compared, {} entries unspoken",
        report.lives, report.compared, report.unspoken
    );
    println!("  digest {}", report.digest);
    println!("  violations {}", total.violations.len());
}
