//! The deterministic simulator: several hubs with their disks, one chain, and the links between them, on one thread, from one seed.
//!
//! **The cut.** Production and unchanged: the engine and its order of things, recovery, the log over a disk, the machines, the door
//! (`xln_node::door`: decoding, verification, the mailbox's bound), the follower and what brings its facts, the submitter and the operations that
//! are carried out on the chain, and at the end the audit. Simulated: time ([`clock`]), chance ([`dice`]), the disk (`MemDisk`), the chain behind
//! the `Chain` trait (`chain`), links ([`network`]), keys without a keystore. Not here: sockets, the API's JSON, the driver's thread, whose few
//! lines `sim` takes the place of, and the keystore.
//!
//! **What is checked.** A ledger foretells every answer, a smaller auditor knows what must be true whatever was allowed; after each death what was
//! spoken must be there; the log must replay to the state that lived, and be clean by `xln-audit`. First faults happen (*safety*), then they end
//! and everything must come to rest (*liveness*).
//!
//! The same seed, number of requests, faults and commit give the same digest. Read [`run`], then `sim`.

#![forbid(unsafe_code)]

mod auditor;
mod chain;
pub mod chatter;
pub mod clock;
pub mod dice;
pub mod fault;
mod model;
pub mod network;
mod node;
mod outside;
mod people;
mod phases;
pub mod seeds;
mod sim;
pub mod trace;
mod workload;

use fault::{Counts, Fault};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use xln_types::Hash;

/// What is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Everything follows from it.
    pub seed: u64,
    /// How many requests are made.
    pub ops: u64,
    /// What may go wrong.
    pub faults: Vec<Fault>,
    /// How many nodes there are.
    pub nodes: usize,
    /// Disks call syncs a success and forget them: a bug, for the checkers to find.
    pub forget_syncs: bool,
}

impl Options {
    /// Three nodes and every fault.
    pub fn new(seed: u64, ops: u64) -> Options {
        Options { seed, ops, faults: Fault::ALL.to_vec(), nodes: 3, forget_syncs: false }
    }
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Requests made.
    pub ops: u64,
    /// Inputs that a hub executed, by type.
    pub accepted: BTreeMap<&'static str, u64>,
    /// Requests and facts that were refused, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// How often each fault really fired.
    pub faults: Counts,
    /// Hash of everything that happened.
    pub digest: Hash,
    /// How many things happened.
    pub steps: u64,
    /// Lives of all nodes together.
    pub lives: u64,
    /// How often a whole state was compared with what it should be.
    pub compared: u64,
    /// Entries found in logs after a death that nobody had been told of.
    pub unspoken: u64,
}

/// A law that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The seed that shows it again.
    pub seed: u64,
    /// After how many steps.
    pub step: u64,
    /// Virtual milliseconds since the beginning.
    pub at_ms: u64,
    /// At which node; `None` for the chain or the network.
    pub node: Option<usize>,
    /// Which law, and how.
    pub what: String,
}

/// Runs one seed to its end.
///
/// # Errors
/// The first [`Violation`]; an assertion of the program's own that fails is one too.
pub fn run(options: &Options) -> Result<Report, Violation> {
    let ran = catch_unwind(AssertUnwindSafe(|| sim::Sim::new(options).run()));
    ran.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
        let what = format!("assertion: {said}");
        Err(Violation { seed: options.seed, step: 0, at_ms: 0, node: None, what })
    })
}
