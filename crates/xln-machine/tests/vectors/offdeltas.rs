//! CH-7: lists of offdeltas, their hashes, and lists that are none.

use crate::{Spoilt, document, hash};
use serde_json::{Value, json};
use xln_crypto::evidence::offdeltas_hash;
use xln_types::evidence::check_offdeltas;
use xln_types::{AssetId, Balance, OffdeltaEntry};

const MAX: i128 = 1 << 120;

/// `offdeltas.json`.
pub(crate) fn file() -> Value {
    let about = "CH-7: keccak256 of the words asset, offdelta (int256) of each entry, one behind the other";
    let lists: [&[i128]; 6] = [&[], &[1], &[-1], &[MAX], &[-MAX, MAX], &[-5, 7, 1 << 64, -(1 << 64)]];
    let mut refused = Vec::new();
    for (reason, change) in REFUSED {
        let mut list = ascending(&[-5, 7, 9]);
        change(&mut list);
        assert!(check_offdeltas(&list).is_err(), "{reason}");
        refused.push(json!({ "reason": reason, "list": shown(&list) }));
    }
    document(about, lists.iter().map(|offdeltas| case(&ascending(offdeltas))).collect(), refused)
}

const REFUSED: [Spoilt<Vec<OffdeltaEntry>>; 6] = [
    ("not ascending", |list| list.swap(0, 1)),
    ("not ascending at its end", |list| list.swap(1, 2)),
    ("an asset twice", |list| list[2].asset = list[1].asset),
    ("an offdelta of 0", |list| list[1].offdelta = Balance::ZERO),
    ("past 2^120", |list| list[1].offdelta = Balance(MAX + 1)),
    ("past -2^120", |list| list[1].offdelta = Balance(-MAX - 1)),
];

/// Entries of these offdeltas, for some assets.
pub(crate) fn ascending(offdeltas: &[i128]) -> Vec<OffdeltaEntry> {
    let mut assets: Vec<AssetId> =
        (0..offdeltas.len()).map(|number| AssetId(hash(&format!("asset {number}")).0)).collect();
    assets.sort_unstable();
    let entry = |(asset, offdelta): (AssetId, &i128)| OffdeltaEntry { asset, offdelta: Balance(*offdelta) };
    assets.into_iter().zip(offdeltas).map(entry).collect()
}

/// As it stands in JSON.
pub(crate) fn shown(list: &[OffdeltaEntry]) -> Vec<Value> {
    let entry =
        |entry: &OffdeltaEntry| json!({ "asset": entry.asset.to_string(), "offdelta": entry.offdelta.to_string() });
    list.iter().map(entry).collect()
}

fn case(list: &[OffdeltaEntry]) -> Value {
    assert_eq!(check_offdeltas(list), Ok(()));
    json!({ "list": shown(list), "hash": offdeltas_hash(list).to_string() })
}
