//! The second opinion on a block: what the core makes of the log, replayed by the caller, against what the log says. It sees what
//! foresight can't: costs, events, which rejection (**TX-5**, **TX-7**).

use crate::differ::{Cause, differ};
use crate::place::Place;
use crate::records::Held;
use crate::report::{Findings, Violation};
use std::collections::{BTreeMap, BTreeSet};
use xln_types::codec::Blob;
use xln_types::{BlockHeader, Path, Receipt};

/// Compares one block as replay made it with the one in the log, and names the law by the field that differs.
pub fn compare_block(
    expected_header: &BlockHeader,
    expected: &[Receipt],
    found_header: &BlockHeader,
    found: &[Receipt],
) -> Vec<Violation> {
    let mut findings = Findings::default();
    let number = expected_header.number;
    let at = |field: &str| format!("block {number}, {field}");
    let (one, other) = (expected_header, found_header);
    findings.expect("TX-6", || at("number"), &one.number, &other.number);
    findings.expect("TX-6", || at("previous_hash"), &one.previous_hash, &other.previous_hash);
    findings.expect("TX-6", || at("timestamp_ms"), &one.timestamp_ms, &other.timestamp_ms);
    findings.expect("TX-6", || at("transaction_root"), &one.transaction_root, &other.transaction_root);
    findings.expect("TX-6", || at("entries"), &one.entries, &other.entries);
    findings.expect("TX-6", || at("last_sequence"), &one.last_sequence, &other.last_sequence);
    findings.expect("TX-6", || at("proposer"), &one.proposer, &other.proposer);
    findings.expect("TX-6", || at("receipts"), &expected.len(), &found.len());
    for (index, (one, other)) in expected.iter().zip(found).enumerate() {
        if one != other {
            compare_receipt(&at(&format!("receipt {index}")), one, other, &mut findings);
        }
    }
    // Named last: a receipt that differs says why these do.
    findings.expect("ST-1", || at("state_root"), &one.state_root, &other.state_root);
    findings.expect("TX-6", || at("receipt_root"), &one.receipt_root, &other.receipt_root);
    findings.kept
}

fn compare_receipt(at: &str, expected: &Receipt, found: &Receipt, findings: &mut Findings) {
    let field = |name: &str| format!("{at}, {name}");
    findings.expect("TX-2", || field("hash"), &expected.hash, &found.hash);
    findings.expect("TX-6", || field("sequence"), &expected.sequence, &found.sequence);
    findings.expect("TX-6", || field("executed_at_ms"), &expected.executed_at_ms, &found.executed_at_ms);
    findings.expect("TX-5", || field("status"), &expected.status, &found.status);
    findings.expect("TX-7", || field("cost"), &expected.cost, &found.cost);
    findings.expect("TX-7", || field("logs"), &expected.logs, &found.logs);
    if expected.changes == found.changes {
        return;
    }
    let before = findings.total;
    let index = |receipt: &Receipt| -> BTreeMap<Path, (Blob, Blob)> {
        receipt.changes.iter().map(|change| (change.path, (change.old.clone(), change.new.clone()))).collect()
    };
    let (one, other) = (index(expected), index(found));
    let paths: BTreeSet<&Path> = one.keys().chain(other.keys()).collect();
    for path in paths {
        let (one, other) = (one.get(path), other.get(path));
        let Some(place) = Place::of(path).filter(|_| one != other) else { continue };
        let read = |blob: Option<&Blob>| blob.and_then(|blob| Held::read(&place, &blob.0));
        let after = [one, other].map(|change| read(change.map(|(_, new)| new)));
        let was = [one, other].map(|change| read(change.map(|(old, _)| old)));
        for ([one, other], what) in [(after, "new value"), (was, "old value")] {
            let at = format!("{at}, {what}");
            for violation in differ(&at, &place, Cause::Other, &BTreeMap::new(), one.as_ref(), other.as_ref()) {
                findings.add(violation);
            }
        }
    }
    if before == findings.total {
        // Another order, or bytes that no record has.
        findings.expect("TX-7", || field("changes"), &expected.changes, &found.changes);
    }
}
