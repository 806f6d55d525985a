//! The honest store: the audit finds nothing in it, and comes to the core's own root and to the chain's own sums.

use crate::forger::{Forger, audit};
use crate::hub::{LOG, write};
use crate::neighbours::{Neighbours, neighbours};
use crate::story::story;
use xln_audit::{AssetSum, audit_store};
use xln_storage::RealDisk;
use xln_types::Record;

/// CH-13, ST-1, TX-6: an honest store passes, with the sums that the facts say, each block and transaction counted, and the root
/// that the core came to.
#[test]
fn an_honest_store_passes() {
    let story = story();
    let folder = tempfile::tempdir().expect("a temporary folder");
    drop(write(RealDisk::open(folder.path()).expect("a folder to write"), &story.records));
    let mut progress = Vec::new();
    let report = audit_store(folder.path(), LOG, &[], &mut |done, total| progress.push((done, total))).expect("a log");
    assert_eq!(report.violations, []);
    assert!(report.ok);
    assert_eq!((report.violations_total, report.torn_tail_bytes, report.unsealed), (0, 0, 1));
    assert_eq!((report.blocks, report.transactions), (story.blocks(), story.spots.len() as u64 - 1));
    assert_eq!(report.root, story.root);
    let total = progress[0].1;
    assert!(0 < total && progress.iter().all(|(done, all)| *done <= *all && *all == total), "{progress:?}");
    assert_eq!(progress.last(), Some(&(total, total)));

    let sum = |symbol: &str| report.assets.iter().find(|sum| sum.symbol == symbol).expect("a known asset").clone();
    // ETH: 10,000 + 50,000 + 3,000 + 700 + 890 + 90 + 5 came; alice 1,000, carol 100 and a stranger 40 left. Collateral is alice's
    // 4,000 less the 500 that she took out, and what she and carol put in past the hub, 70 and 30; of the stranger's 60 in an unknown
    // channel 10 must have come back, and dave put 100 into one.
    let AssetSum { reserves, collateral, pending, depositary, elsewhere, .. } = sum("ETH");
    assert_eq!((reserves, collateral, pending, depositary, elsewhere), (59_795, 3_600, 0, 63_545, 150));
    let AssetSum { reserves, collateral, pending, depositary, elsewhere, .. } = sum("USD");
    assert_eq!((reserves, collateral, pending, depositary, elsewhere), (75_000, 10_000, 0, 85_000, 0));
    let AssetSum { reserves, collateral, pending, depositary, elsewhere, .. } = sum("ART");
    assert_eq!((reserves, collateral, pending, depositary, elsewhere), (0, 1, 0, 1, 0));
}

/// CH-6, CH-7, HT-1, CH-13: two hubs that talked with each other each keep an honest log, and the audit comes to each one's own root.
#[test]
fn two_neighbours_logs_pass() {
    let Neighbours { one, two } = neighbours();
    for (which, story) in [("one", one), ("two", two)] {
        let report = audit(&story.records);
        assert_eq!(report.violations, [], "hub {which}");
        assert_eq!((report.blocks, report.transactions), (story.blocks(), story.spots.len() as u64 - 1));
        assert_eq!(report.root, story.root);
    }
}

/// ST-1, TX-6: the forger that changes nothing comes to the honest log byte for byte, so what the audit finds in the forgeries is
/// what was forged.
#[test]
fn the_forger_re_hashes_as_the_hub_does() {
    assert_eq!(Forger::new(story()).records(), story().records);
}

/// TX-6: what is in a log before its first block, or after its last, is not judged and not missing.
#[test]
fn any_beginning_of_an_honest_log_passes() {
    let records = &story().records;
    for length in 1..=records.len() {
        let report = audit(&records[..length]);
        assert_eq!(report.violations, [], "the first {length} records");
        let blocks = records[..length].iter().filter(|record| matches!(record, Record::Block { .. })).count();
        assert_eq!(report.blocks, blocks as u64);
    }
}
