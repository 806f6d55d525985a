//! The program `xln`: commands only. Each command is a module; none holds a rule about money.
//!
//! Exit status: 0 good, 1 a check failed, 2 usage or configuration, 3 the world (port, disk, RPC).

mod dev;
mod failure;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// A payment hub on Ethereum: channels with collateral, credit, or both.
#[derive(Parser)]
#[command(name = "xln", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Everything on one machine: an Ethereum in the process with the contracts deployed, a hub, its API.
    Dev(dev::Dev),
}

fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failure::Failure::World(error.to_string()).report(),
    };
    let outcome = runtime.block_on(async {
        match command {
            Command::Dev(dev) => dev::run(dev).await,
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
