//! Forged blocks and beginnings: headers, seals, signatures, times, the genesis (**TX-6**, **TX-7**, **ST-1**, **CH-7**).

use crate::forger::Forger;
use crate::hub::{HUB_SECRET, Player};
use crate::table::{Forgery, refuse_all};
use xln_types::{AssetInfo, EntityId, Entry, Genesis, Hash, Record};

/// Where a block, or the signature over it, stands in the log.
fn stands(f: &Forger, wanted: impl Fn(&Record) -> bool) -> usize {
    f.log.iter().position(wanted).expect("such a record")
}

fn signature(f: &Forger, of: u64) -> usize {
    stands(f, |record| matches!(record, Record::Signature { number, .. } if *number == of))
}

fn block(f: &Forger, of: u64) -> usize {
    stands(f, |record| matches!(record, Record::Block { header, .. } if header.number == of))
}

fn genesis(f: &mut Forger, act: impl FnOnce(&mut Genesis)) {
    match &mut f.log[0] {
        Record::Batch { entries, .. } => match &mut entries[0] {
            Entry::Genesis { genesis } => act(genesis),
            _ => panic!("a genesis"),
        },
        _ => panic!("a batch"),
    }
}

/// The other way to write the same signature, with s in the upper half (CH-7).
pub(crate) fn twin(signature: &[u8]) -> Vec<u8> {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae,
        0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
    ];
    let mut twin = signature.to_vec();
    let mut borrow = 0_i32;
    for index in (0..32).rev() {
        let value = i32::from(ORDER[index]) - i32::from(twin[32 + index]) - borrow;
        borrow = i32::from(value < 0);
        twin[32 + index] = u8::try_from(value + 256 * borrow).expect("a byte");
    }
    twin[64] = 55 - twin[64];
    twin
}

/// ST-1, TX-6: each field of a header is what the records and the header before make it.
#[test]
fn forged_headers_are_seen() {
    refuse_all(&[
        Forgery("a state root", "", "ST-1", "block 4, state_root", |f| {
            f.on_header = |header| header.state_root.0[31] ^= u8::from(header.number == 4);
        }),
        Forgery("a state root carried on", "", "ST-1", "block 5, state_root", |f| {
            f.on_header = |header| header.state_root.0[0] ^= u8::from(4 <= header.number);
        }),
        Forgery("a root of entries", "", "TX-6", "block 4, transaction_root", |f| {
            f.on_header = |header| header.transaction_root.0[0] ^= u8::from(header.number == 4);
        }),
        Forgery("a root of receipts", "", "TX-6", "block 4, receipt_root", |f| {
            f.on_header = |header| header.receipt_root.0[0] ^= u8::from(header.number == 4);
        }),
        Forgery("a number", "", "TX-6", "block 104, number", |f| {
            f.on_header = |header| header.number += if header.number == 4 { 100 } else { 0 };
        }),
        Forgery("a hash before", "", "TX-6", "block 4, previous_hash", |f| {
            f.on_header = |header| header.previous_hash.0[0] ^= u8::from(header.number == 4);
        }),
        Forgery("a count", "", "TX-6", "block 4, entries", |f| {
            f.on_header = |header| header.entries += u64::from(header.number == 4);
        }),
        Forgery("a sequence", "", "TX-6", "block 4, last_sequence", |f| {
            f.on_header = |header| header.last_sequence += u64::from(header.number == 4);
        }),
        Forgery("a proposer", "", "TX-6", "block 4, proposer", |f| {
            f.on_header = |header| header.proposer.0[0] ^= u8::from(header.number == 4);
        }),
        Forgery("a time gone back", "", "TX-6", "block 4, timestamp_ms", |f| {
            f.on_header = |header| header.timestamp_ms -= if header.number == 4 { 1_000 } else { 0 };
        }),
        Forgery("a batch's time gone back", "", "TX-6", "batch", |f| {
            let at = block(f, 3) + 1;
            let Record::Batch { at_ms, .. } = &mut f.log[at] else { panic!("a batch") };
            *at_ms -= 1_000;
        }),
        Forgery("a block left out", "", "TX-6", "block 4", |f| {
            let at = block(f, 4);
            let _ = f.log.remove(at);
        }),
        Forgery("a block twice", "", "TX-6", "block 5", |f| {
            let at = block(f, 4);
            let twin = f.log[at].clone();
            f.log.insert(at, twin);
        }),
    ]);
}

/// TX-6, CH-7: each seal follows the last, and the hub's own key signed each, low-s.
#[test]
fn forged_seals_and_signatures_are_seen() {
    refuse_all(&[
        Forgery("a seal's number", "", "TX-6", "block 4, seal", |f| {
            f.on_seal = |seal| seal.number += if seal.number == 4 { 10 } else { 0 };
        }),
        Forgery("the seal before", "", "TX-6", "block 4, seal", |f| {
            f.on_seal = |seal| seal.previous_seal.0[0] ^= u8::from(seal.number == 4);
        }),
        Forgery("a seal of another block", "", "TX-6", "block 4, seal", |f| {
            f.on_seal = |seal| seal.block_hash.0[0] ^= u8::from(seal.number == 4);
        }),
        Forgery("a seal of another hub", "", "TX-6", "block 4, seal", |f| {
            f.on_seal = |seal| seal.hub = if seal.number == 4 { EntityId([1; 32]) } else { seal.hub };
        }),
        Forgery("a seal of another board", "", "TX-6", "block 4, seal", |f| {
            f.on_seal = |seal| seal.board_epoch = u64::from(seal.number == 4);
        }),
        Forgery("a seal at another time", "", "TX-6", "block 4, seal", |f| {
            f.on_seal = |seal| seal.time_ms += u64::from(seal.number == 4);
        }),
        Forgery("a seal over proofs", "", "TX-6", "block 4, seal", |f| {
            f.on_seal = |seal| seal.proofs_root = if seal.number == 4 { Hash([1; 32]) } else { seal.proofs_root };
        }),
        Forgery("another key", "", "TX-6", "block 4, signature", |f| {
            f.secret = |number| if number == 4 { [0x42; 32] } else { HUB_SECRET };
        }),
        Forgery("another key, the last", "", "TX-6", "block 13, signature", |f| {
            f.secret = |number| if number == 13 { [0x42; 32] } else { HUB_SECRET };
        }),
        Forgery("no signature", "", "TX-6", "block 4, signature", |f| {
            let at = signature(f, 4);
            let _ = f.log.remove(at);
        }),
        Forgery("a signature of no block", "", "TX-6", "block 99, signature", |f| {
            let at = signature(f, 4);
            let Record::Signature { signature, .. } = f.log[at].clone() else { panic!("a signature") };
            f.log.insert(at, Record::Signature { number: 99, signature });
        }),
        Forgery("a signature before its block", "", "TX-6", "block 4, signature", |f| {
            let (from, to) = (signature(f, 4), block(f, 4));
            let early = f.log.remove(from);
            f.log.insert(to, early);
        }),
    ]);
}

/// CH-7: the malleable twin of the hub's signature is refused, though whoever made it had no key.
#[test]
fn the_twin_of_a_signature_is_seen() {
    let mut records = Forger::new(crate::story::story()).records();
    let at = signature(&Forger::new(crate::story::story()), 4);
    let Record::Signature { signature, .. } = &mut records[at] else { panic!("a signature") };
    signature.0 = twin(&signature.0);
    let report = crate::forger::audit(&records);
    let found: Vec<_> = report.violations.iter().map(|found| (found.law, found.at.as_str())).collect();
    assert_eq!(found, [("CH-7", "block 4, signature")]);
}

/// TX-7, N-4: a log begins with its one genesis, and what that says holds from there on.
#[test]
fn forged_beginnings_are_seen() {
    refuse_all(&[
        Forgery("no genesis", "", "TX-7", "log", |f| drop(f.log.remove(0))),
        Forgery("an empty batch first", "", "TX-7", "log", |f| {
            f.log.insert(0, Record::Batch { at_ms: 0, entries: vec![] });
        }),
        Forgery("a block first", "", "TX-7", "log", |f| drop(f.log.drain(..block(f, 1)))),
        Forgery("a second genesis", "", "TX-7", "block 1", |f| {
            let Record::Batch { entries, .. } = f.log[0].clone() else { panic!("a batch") };
            let Record::Batch { entries: inputs, .. } = &mut f.log[1] else { panic!("a batch") };
            inputs[0] = entries[0].clone();
        }),
        Forgery("a dearer hub", "alice pays bob usd", "HT-4", "DIRECT_PAYMENT", |f| {
            genesis(f, |genesis| genesis.policies[0].fee_ppm *= 2);
        }),
        Forgery("a hub that must keep more", "alice pays bob usd", "DP-2", "DIRECT_PAYMENT", |f| {
            genesis(f, |genesis| genesis.policies[0].owed_max.0 = 99);
        }),
        Forgery("another hub", "", "TX-2", "hash", |f| {
            genesis(f, |genesis| genesis.hub_signer = Player::new(6, true).signer);
        }),
        Forgery("another chain", "", "N-4", "genesis", |f| {
            // The core refuses such a genesis; the forger lays the honest one's tree.
            let Record::Batch { entries, .. } = f.log[0].clone() else { panic!("a batch") };
            let Some(Entry::Genesis { genesis }) = entries.into_iter().next() else { panic!("a genesis") };
            let assets =
                genesis.assets.into_iter().map(|info| AssetInfo { symbol: "ETH".to_owned(), ..info }).collect();
            f.forged_genesis = Some(Genesis { assets, ..genesis });
        }),
        Forgery("a later beginning", "", "TX-6", "after block 0, genesis", |f| {
            genesis(f, |genesis| genesis.created += 3_600);
        }),
    ]);
}

/// ST-1: a policy of the genesis altered without laying the tree anew is seen in the first root.
#[test]
fn a_genesis_is_under_the_first_root() {
    refuse_all(&[Forgery("a cheaper hub", "", "ST-1", "block 1, state_root", |f| {
        f.keeps_roots = true;
        genesis(f, |genesis| genesis.policies[0].fee_base.0 = 0);
    })]);
}
