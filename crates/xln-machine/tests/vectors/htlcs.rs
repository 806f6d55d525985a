//! CH-7, HT-1: sets of pending HTLCs, their hashes, and sets that are none.

use crate::{Spoilt, document, hash};
use serde_json::{Value, json};
use xln_crypto::evidence::htlcs_hash;
use xln_types::evidence::check_htlcs;
use xln_types::{AMOUNT_MAX, Amount, AssetId, HtlcEntry, Side};

/// `htlcs.json`.
pub(crate) fn file() -> Value {
    let about = "CH-7, HT-1: keccak256 of the words side (0 left, 1 right), id, asset, amount, hashlock, expiresAt of each entry, \
                 one behind the other";
    let sets: [&[(Side, u64, u128)]; 6] = [
        &[],
        &[(Side::Left, 0, 1)],
        &[(Side::Right, 0, 1)],
        &[(Side::Left, u64::MAX, AMOUNT_MAX), (Side::Right, 0, 1)],
        &[(Side::Left, 3, 70_000), (Side::Left, 4, 70_000), (Side::Left, 9, 2)],
        &[(Side::Left, 3, 1), (Side::Right, 3, 1), (Side::Right, 4, 1 << 64)],
    ];
    let mut refused = Vec::new();
    for (reason, change) in REFUSED {
        let mut set = made(&[(Side::Left, 3, 1), (Side::Left, 4, 2), (Side::Right, 1, 3)]);
        change(&mut set);
        assert!(check_htlcs(&set).is_err(), "{reason}");
        refused.push(json!({ "reason": reason, "list": shown(&set) }));
    }
    document(about, sets.iter().map(|set| case(&made(set))).collect(), refused)
}

const REFUSED: [Spoilt<Vec<HtlcEntry>>; 5] = [
    ("not ascending by id", |set| set.swap(0, 1)),
    ("not ascending by side", |set| set.rotate_right(1)),
    ("an id twice", |set| set[1].id = set[0].id),
    ("an amount of 0", |set| set[1].amount = Amount::ZERO),
    ("past 2^120", |set| set[1].amount = Amount(AMOUNT_MAX + 1)),
];

/// Entries of these sides, ids and amounts.
pub(crate) fn made(entries: &[(Side, u64, u128)]) -> Vec<HtlcEntry> {
    let entry = |(index, (side, id, amount)): (usize, &(Side, u64, u128))| HtlcEntry {
        side: *side,
        id: *id,
        asset: AssetId(hash(&format!("asset {index}")).0),
        amount: Amount(*amount),
        hashlock: hash(&format!("lock {index}")),
        expires_at_s: 1_900_000_000 + u64::from(*side == Side::Right),
    };
    entries.iter().enumerate().map(entry).collect()
}

/// As it stands in JSON.
pub(crate) fn shown(set: &[HtlcEntry]) -> Vec<Value> {
    let entry = |entry: &HtlcEntry| {
        json!({
            "side": entry.side.pick(0, 1),
            "id": entry.id.to_string(),
            "asset": entry.asset.to_string(),
            "amount": entry.amount.to_string(),
            "hashlock": entry.hashlock.to_string(),
            "expiresAt": entry.expires_at_s,
        })
    };
    set.iter().map(entry).collect()
}

fn case(set: &[HtlcEntry]) -> Value {
    assert_eq!(check_htlcs(set), Ok(()));
    json!({ "list": shown(set), "hash": htlcs_hash(set).to_string() })
}
