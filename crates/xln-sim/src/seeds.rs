//! Many seeds, each on one thread from beginning to end, several at a time. What they come to is summed in the order of the seeds, so that it
//! doesn't depend on which was done first.

use crate::{Options, Report, Violation, run};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use xln_types::Hash;

/// What many seeds came to.
#[derive(Clone, Debug, Default)]
pub struct Total {
    /// The sums of those that were run to their end.
    pub report: Report,
    /// The violation of each seed that had one, by seed.
    pub violations: Vec<Violation>,
    /// How many seeds were run.
    pub seeds: u64,
}

impl Report {
    /// Adds another run's counts; digests are chained.
    pub fn add(&mut self, other: &Report) {
        self.ops += other.ops;
        self.steps += other.steps;
        self.lives += other.lives;
        self.compared += other.compared;
        self.unspoken += other.unspoken;
        for (name, times) in &other.accepted {
            *self.accepted.entry(name).or_default() += times;
        }
        for (reason, times) in &other.refused {
            *self.refused.entry(reason).or_default() += times;
        }
        for (fault, times) in &other.faults {
            *self.faults.entry(*fault).or_default() += times;
        }
        self.digest = if self.digest == Hash::ZERO {
            other.digest
        } else {
            xln_crypto::keccak256([self.digest.0, other.digest.0].concat())
        };
    }
}

/// Runs `count` seeds from that of `options` on, on so many threads; stops soon after the first violation. `done` hears of each seed that ended.
pub fn run_seeds(options: &Options, count: u64, threads: usize, done: impl Fn(u64) + Sync) -> Total {
    let (next, broken) = (AtomicU64::new(0), AtomicBool::new(false));
    let results = Mutex::new(BTreeMap::new());
    let work = || {
        while !broken.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if count <= number {
                break;
            }
            let seed = options.seed.wrapping_add(number);
            let result = run(&Options { seed, ..options.clone() });
            if result.is_err() {
                broken.store(true, Ordering::Relaxed);
            }
            results.lock().unwrap_or_else(PoisonError::into_inner).insert(number, result);
            done(seed);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let mut total = Total::default();
    for (_, result) in results.into_inner().unwrap_or_else(PoisonError::into_inner) {
        total.seeds += 1;
        match result {
            Ok(report) => total.report.add(&report),
            Err(violation) => total.violations.push(violation),
        }
    }
    total
}
