//! Bugs planted on purpose are found: each by a law of its own, within a few seeds.

use xln_sim::fault::Fault;
use xln_sim::{Options, run};
use xln_types::planted::plant;

/// What is found of a planted bug in the first of a few seeds that shows it.
fn found(bug: &'static str, faults: &[Fault]) -> Option<String> {
    plant(Some(bug));
    let first = (1..=8).find_map(|seed| run(&Options { faults: faults.to_vec(), ..Options::new(seed, 2_000) }).err());
    plant(None);
    first.map(|violation| violation.what)
}

/// CH-2, TX-2, DP-5: and the law that is named is the one that is broken.
#[test]
fn planted_bugs_are_found() {
    for (bug, law) in [("wrong_side_credited", "CH-2"), ("nonce_unchecked", "TX-2"), ("hold_not_released", "DP-5")] {
        let what = found(bug, &[]).unwrap_or_default();
        assert!(what.starts_with(law), "{bug}: {what}");
    }
}

/// Without a planted bug the same seeds are sound.
#[test]
fn without_them_nothing_is_found() {
    plant(None);
    assert_eq!((1..=3).find_map(|seed| run(&Options { faults: vec![], ..Options::new(seed, 2_000) }).err()), None);
}
