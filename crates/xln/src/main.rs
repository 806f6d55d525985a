//! The program `xln`: commands only. Each command is a module; none holds a rule about money.
//!
//! Exit status: 0 good, 1 a check failed, 2 usage or configuration, 3 the world (port, disk, RPC). With `--json` stdout carries
//! only JSON.

mod audit;
mod bench;
mod child;
mod demo;
mod dev;
mod examples;
mod failure;
mod hub;
mod proof;
mod serve;
mod show;
mod sim;
mod units;
mod verbs;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// A payment makes dozens of small allocations on several threads: half as dear here as in the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A payment hub on Ethereum: channels with collateral, credit, or both.
///
/// Start with `xln dev` (everything on one machine) and, in another terminal, `xln pay alice bob 25 USDC`; or with `xln demo`.
#[derive(Parser)]
#[command(name = "xln", version, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Everything on one machine: an Ethereum in the process with the contracts deployed, a hub, its API.
    Dev(dev::Dev),
    /// The tour against a fresh `xln dev`: each step with what was expected and what was read back.
    Demo(demo::Demo),
    /// A hub on a chain of your choice: configuration file, keystore, JSON-RPC.
    Hub(hub::Hub),
    /// Re-derives a hub's whole state from its log and checks every root and conservation law. Also beside a live hub.
    Audit(audit::Audit),
    /// Measures a fresh hub, each figure beside its floor in the same run.
    Bench(bench::Bench),
    /// One process of `bench channel`.
    #[command(hide = true)]
    BenchSide(bench::channel::side::BenchSide),
    /// The deterministic simulator: hubs, disks, links and a chain on one thread from one seed, and everything that can go wrong there.
    Sim(sim::Sim),
    /// Fetches proofs, and checks them offline.
    #[command(subcommand)]
    Proof(proof::Proof),
    #[command(flatten)]
    Verb(verbs::Verb),
}

fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failure::Failure::world(error).report(),
    };
    let outcome = runtime.block_on(async {
        match command {
            Command::Dev(dev) => dev::run(dev).await,
            Command::Demo(demo) => demo::run(&demo).await,
            Command::Hub(hub) => hub::run(hub).await,
            Command::Audit(audit) => audit::run(audit).await,
            Command::Bench(bench) => bench::run(&bench).await,
            Command::BenchSide(side) => bench::channel::side::run(side).await,
            Command::Sim(sim) => sim::run(sim).await,
            Command::Proof(proof) => proof::run(proof).await,
            Command::Verb(verb) => verbs::run(verb).await,
        }
    });
    // What still runs on the blocking threads must not keep the process.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
