//! Runs seeds and prints what they came to: `seeds FIRST COUNT OPS [THREADS]`.

use std::time::Instant;
use xln_sim::Options;
use xln_sim::seeds::run_seeds;

fn main() {
    let words: Vec<u64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let [first, count, ops, threads] =
        [(0, 1), (1, 1), (2, 2_000), (3, 1)].map(|(at, other)| *words.get(at).unwrap_or(&other));
    let begun = Instant::now();
    let threads = usize::try_from(threads).unwrap_or(1);
    let total = run_seeds(&Options::new(first, ops), count, threads, |_| {});
    let took = begun.elapsed();
    println!("{:#?}", total.report);
    println!("{} seeds, {} ops in {took:?}", total.seeds, total.report.ops);
    for violation in total.violations {
        println!("VIOLATION {violation:?}");
    }
}
