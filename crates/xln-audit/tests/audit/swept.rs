//! Every field of every record that any receipt changes, altered one at a time and re-hashed: foresight sees it at that receipt,
//! without waiting for a later change that doesn't meet it (**CH-13** and all laws of records). So a new kind of entry whose effects
//! the audit doesn't foresee fails here.

use crate::forger::Forger;
use crate::neighbours::neighbours;
use crate::story::{Story, story};
use std::collections::BTreeSet;
use xln_audit::{Audit, Report};
use xln_types::codec::Blob;
use xln_types::receipt::Status;
use xln_types::{Entry, Receipt, Record, StateChange};

/// Audits records without a disk.
fn judge(records: &[Record]) -> Report {
    let mut audit = Audit::new();
    records.iter().for_each(|record| audit.record(record));
    audit.finish()
}

/// What an input is, so that one of each kind is swept.
fn kind(entry: &Entry, receipt: &Receipt) -> String {
    let what = match entry {
        Entry::Genesis { .. } => "genesis".to_owned(),
        Entry::Transaction { tx, .. } => tx.kind.name().to_owned(),
        Entry::Fact { fact } => format!("fact {}", fact.kind.tag()),
        Entry::Command { command } => format!("command {}", command.tag()),
        Entry::Peer { message, .. } => format!("peer {}", message.tag()),
        Entry::Frames {} => "frames".to_owned(),
    };
    format!("{what} {:?}", receipt.rejection().map(xln_types::Rejection::reason))
}

/// The inputs that are sealed, each with its name, its entry and its receipt.
fn inputs(story: &'static Story) -> impl Iterator<Item = (&'static str, Entry, Receipt)> {
    story.spots.keys().filter(|name| **name != "not sealed yet").map(move |name| {
        let (entry, receipt) = Forger::new(story).copy(name);
        (*name, entry, receipt)
    })
}

/// Records of channels between nodes, of locks and routes.
fn is_between_nodes(change: &StateChange) -> bool {
    9 <= change.path.0[52]
}

/// The items of an RLP list, whole.
fn items(mut payload: &[u8]) -> Vec<Vec<u8>> {
    let mut items = Vec::new();
    while !payload.is_empty() {
        let mut rest = payload;
        let header = alloy_rlp::Header::decode(&mut rest).expect("an item");
        let whole = payload.len() - rest.len() + header.payload_length;
        items.push(payload[..whole].to_vec());
        payload = &payload[whole..];
    }
    items
}

/// How many fields a record has.
fn fields(record: &[u8]) -> usize {
    let mut rest = record;
    let header = alloy_rlp::Header::decode(&mut rest).expect("a record");
    if header.list { items(rest).len() } else { 1 }
}

/// A record with one field altered: a number by 2, an id or text in a bit, a list in its first item.
fn altered(record: &[u8], field: usize) -> Vec<u8> {
    let mut payload = record;
    let header = alloy_rlp::Header::decode(&mut payload).expect("a record");
    if !header.list {
        let mut bytes = payload.to_vec();
        match bytes.last_mut() {
            Some(last) => *last ^= 2,
            None => bytes.push(2),
        }
        let is_zero = bytes == [0];
        return alloy_rlp::encode(if is_zero { Blob::default() } else { Blob(bytes) });
    }
    let mut items = items(payload);
    match items.get_mut(field) {
        Some(item) => *item = altered(item, 0),
        None => items.push(alloy_rlp::encode(Blob::default())),
    }
    let payload = items.concat();
    let mut out = Vec::new();
    alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(&mut out);
    [out, payload].concat()
}

/// The log up to the block of a named input, with one deed done to its receipt; true when the audit finds something there.
fn is_seen(story: &'static Story, name: &str, deed: impl FnOnce(&mut Receipt)) -> bool {
    let mut forger = Forger::new(story);
    let (at, (block, _)) = (forger.at(name), forger.place(name));
    forger.log.truncate(block + 1);
    deed(forger.receipt(name));
    judge(&forger.records()).violations.iter().any(|violation| violation.at.starts_with(at.trim_end_matches(',')))
}

/// CH-13, TX-5: no field of any changed record can say something else, whatever kind of input changed it.
#[test]
fn no_field_of_any_change_can_be_altered() {
    assert!(250 < sweep_fields(story(), |_, _| true));
}

/// CH-6, CH-9, HT-1, HT-3: the same of what neighbours' frames change, and of all that stands between nodes.
#[test]
fn no_field_between_nodes_can_be_altered() {
    let between = |entry: &Entry, change: &StateChange| {
        is_between_nodes(change) || matches!(entry, Entry::Peer { .. } | Entry::Frames {})
    };
    assert!(250 < sweep_fields(&neighbours().one, between));
}

/// How many fields were altered.
fn sweep_fields(story: &'static Story, is_swept: fn(&Entry, &StateChange) -> bool) -> usize {
    let (mut swept, mut unseen) = (BTreeSet::new(), Vec::new());
    for (name, entry, receipt) in inputs(story) {
        let written = |change: &StateChange| !change.new.0.is_empty() && is_swept(&entry, change);
        for (index, change) in receipt.changes.iter().enumerate().filter(|(_, change)| written(change)) {
            let count = fields(&change.new.0);
            for field in 0..count {
                if !swept.insert((kind(&entry, &receipt), change.path.0[52], count, field)) {
                    continue;
                }
                let new = altered(&change.new.0, field);
                if !is_seen(story, name, |receipt| receipt.changes[index].new = Blob(new)) {
                    unseen.push(format!("\n{name}: field {field} of {change:?}"));
                }
            }
        }
    }
    assert!(unseen.is_empty(), "{} of {}:{}", unseen.len(), swept.len(), unseen.concat());
    swept.len()
}

/// CH-13, TX-5: no change can be left out, and none added.
#[test]
fn no_change_can_be_left_out_or_added() {
    assert!(100 < sweep_changes(story()));
    assert!(100 < sweep_changes(&neighbours().one));
}

/// How many changes were left out or added.
fn sweep_changes(story: &'static Story) -> usize {
    let (mut swept, mut unseen) = (BTreeSet::new(), Vec::new());
    for (name, entry, receipt) in inputs(story) {
        for (index, change) in receipt.changes.iter().enumerate() {
            if swept.insert((kind(&entry, &receipt), change.path.0[52], fields_or_none(change)))
                && !is_seen(story, name, |receipt| drop(receipt.changes.remove(index)))
            {
                unseen.push(format!("\n{name}: without {change:?}"));
            }
        }
        // A reserve untouched by nearly all.
        let cast = story.cast;
        let path = if story.cast.art == cast.usd { cast.dave.reserve(cast.usd) } else { cast.carol.reserve(cast.usd) };
        let new = Blob(alloy_rlp::encode(xln_machine::depositary::Reserve {
            free: xln_types::Balance(1),
            ..xln_machine::depositary::Reserve::default()
        }));
        let added = StateChange { path, old: Blob::default(), new };
        if swept.insert((kind(&entry, &receipt), 0xff, None))
            && !is_seen(story, name, |receipt| receipt.changes.push(added))
        {
            unseen.push(format!("\n{name}: with a reserve more"));
        }
    }
    assert!(unseen.is_empty(), "{} of {}:{}", unseen.len(), swept.len(), unseen.concat());
    swept.len()
}

fn fields_or_none(change: &StateChange) -> Option<usize> {
    (!change.new.0.is_empty()).then(|| fields(&change.new.0))
}

/// TX-5: none that was refused can be called executed, and none that changed anything but its sender's nonce can be called refused
/// with its changes left.
#[test]
fn no_outcome_can_be_turned_around() {
    let (mut refused, mut executed) = (0, 0);
    let all = [story(), &neighbours().one];
    for (story, (name, entry, receipt)) in all.into_iter().flat_map(|story| inputs(story).map(move |it| (story, it))) {
        if receipt.is_executed() {
            let is_refusable = matches!(entry, Entry::Fact { .. } | Entry::Peer { .. });
            let only_nonce = is_refusable || receipt.changes.len() < 2;
            let status = Status::Rejected(xln_types::Rejection::OutOfRange {});
            assert!(only_nonce || is_seen(story, name, |receipt| receipt.status = status), "{name}");
            executed += u32::from(!only_nonce);
        } else {
            assert!(is_seen(story, name, |receipt| receipt.status = Status::Executed), "{name}");
            refused += 1;
        }
    }
    assert!(20 <= refused && 60 <= executed, "{refused} refused, {executed} executed");
}
