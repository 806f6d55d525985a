//! A slice of seeds with every fault, and what must have happened in it.

use std::collections::BTreeSet;
use xln_sim::fault::Fault;
use xln_sim::seeds::run_seeds;
use xln_sim::{Options, Report, run};
use xln_types::Hash;

const SEEDS: u64 = 10;
const OPS: u64 = 2_000;

fn options(seed: u64, ops: u64, faults: &[Fault]) -> Options {
    Options { faults: faults.to_vec(), ..Options::new(seed, ops) }
}

fn sound(options: &Options) -> Report {
    run(options).unwrap_or_else(|violation| panic!("{violation:?}"))
}

/// TX-6, TX-7, CH-13, DP-1 to DP-5, ST-4, ST-6, and every fault in its turn.
#[test]
fn no_law_breaks_whatever_goes_wrong() {
    let total = run_seeds(&options(6, OPS, Fault::ALL), SEEDS, 2, |_| {});
    assert_eq!(total.violations, [], "of {} seeds", total.seeds);
    let report = total.report;
    assert_eq!(report.ops, SEEDS * OPS);
    let silent: Vec<&str> =
        Fault::ALL.iter().filter(|fault| !report.faults.contains_key(fault)).map(|fault| fault.name()).collect();
    assert_eq!(silent, [""; 0], "each fault fired: {:?}", report.faults);
    let executed: BTreeSet<&str> = report.accepted.keys().copied().collect();
    let expected = [
        "ACCEPT_CHANNEL",
        "ALLOCATE",
        "BATCH_PAYMENT",
        "CREATE_ENTITY",
        "DEALLOCATE",
        "DELETE_ENTITY",
        "DEPOSIT",
        "DIRECT_PAYMENT",
        "FRAMES",
        "HTLC_CANCEL",
        "HTLC_CREATE",
        "HTLC_FULFILL",
        "INTRODUCE",
        "INVOICE",
        "OPEN_CHANNEL",
        "PEER",
        "REGISTER_ASSET",
        "REGISTER_SIGNER",
        "SET_CREDIT",
        "UPDATE_CHANNEL",
        "UPDATE_ENTITY",
        "WITHDRAW",
    ];
    assert_eq!(executed, BTreeSet::from(expected));
    assert!(36 <= report.refused.len(), "reasons: {:?}", report.refused);
    assert!(0 < report.unspoken, "deaths left something unspoken");
}

/// TX-7: the same seed does the same, in one process twice; another does something else.
#[test]
fn the_same_seed_gives_the_same_digest() {
    let first = sound(&options(5, 1_200, Fault::ALL));
    assert_eq!(first, sound(&options(5, 1_200, Fault::ALL)));
    assert_ne!(first.digest, sound(&options(6, 1_200, Fault::ALL)).digest);
    assert_ne!(first.digest, sound(&options(5, 1_200, &[])).digest);
    assert_ne!(first.digest, Hash::ZERO);
}

/// What the test below reads from another process.
#[test]
fn tells_its_digest() {
    println!("digest={}", sound(&options(7, 600, Fault::ALL)).digest);
}

/// TX-7: and so in another process.
#[test]
fn another_process_comes_to_the_same_digest() {
    let told = || {
        let mut test = std::process::Command::new(std::env::current_exe().expect("this test"));
        let output = test.args(["--exact", "slice::tells_its_digest", "--nocapture"]).output().expect("ran");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().find_map(|line| line.split_once("digest=").map(|(_, digest)| digest.trim().to_owned()))
    };
    let here = sound(&options(7, 600, Fault::ALL)).digest.to_string();
    assert_eq!([told(), told()], [Some(here.clone()), Some(here)]);
}

/// Faults that weren't asked for don't happen.
#[test]
fn only_what_was_asked_for_goes_wrong() {
    assert_eq!(sound(&options(3, 800, &[])).faults.len(), 0);
    for asked in [Fault::ChainReorg, Fault::DiskTornWrite, Fault::RpcLies, Fault::LinkDrop] {
        // One seed in four has no channels between nodes, whose links have nothing to lose.
        let seed = if asked == Fault::LinkDrop { 5 } else { 4 };
        let report = sound(&options(seed, 2_000, &[asked]));
        let others: Vec<&Fault> = report.faults.keys().filter(|fault| **fault != asked).collect();
        assert!(others.is_empty(), "{asked:?}: {:?}", report.faults);
        assert!(report.faults.contains_key(&asked), "{asked:?}");
    }
}

/// DP-3: a reorganisation deeper than the confirmations halts every node; seed 15 ends with one.
#[test]
fn a_deep_reorganisation_halts_withdrawals() {
    let report = sound(&options(15, 3_000, &[Fault::ChainReorg]));
    assert!(report.faults.contains_key(&Fault::ChainReorg) && report.refused.contains_key("halted"), "{report:?}");
}

/// TX-6: on disks that call syncs a success and forget them, what was spoken is lost, and that is seen.
#[test]
fn disks_that_forget_their_syncs_are_found_out() {
    let faults = [Fault::DiskLostUnsynced, Fault::DiskTornWrite, Fault::CrashAfterSync];
    let found = (1..=4).filter_map(|seed| run(&Options { forget_syncs: true, ..options(seed, 1_500, &faults) }).err());
    let found: Vec<String> = found.map(|violation| violation.what).collect();
    assert_eq!(found.len(), 4);
    assert!(found.iter().any(|what| what.starts_with("TX-6") || what.starts_with("ST-")), "{found:?}");
}
