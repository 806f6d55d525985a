//! ST-2: the root over the digests beneath a seal, and the path of each.

use crate::{Spoilt, document, hash};
use serde_json::{Value, json};
use xln_crypto::list::verify_path;
use xln_merkle::list;
use xln_types::Hash;

/// `paths.json`.
pub(crate) fn file() -> Value {
    let about = "ST-2: keccak256 lists of 32-byte leaves (docs/spec/tree.md, List): leaf, place and path to the root";
    let lengths: [(u64, &[u64]); 6] =
        [(1, &[0]), (2, &[0, 1]), (3, &[0, 1, 2]), (5, &[0, 3, 4]), (8, &[5]), (1000, &[0, 511, 512, 998, 999])];
    let cases =
        lengths.iter().flat_map(|(count, places)| places.iter().map(|index| shown(&Placed::new(*index, *count))));
    let mut refused = Vec::new();
    for (reason, change) in REFUSED {
        let mut placed = Placed::new(3, 5);
        change(&mut placed);
        let Placed { leaf, index, count, path, root } = &placed;
        assert!(verify_path(root, *index, *count, leaf, path).is_err(), "{reason}");
        let mut shown = shown(&placed);
        shown["reason"] = reason.into();
        refused.push(shown);
    }
    document(about, cases.collect(), refused)
}

const REFUSED: [Spoilt<Placed>; 9] = [
    ("another leaf", |it| it.leaf.0[0] ^= 1),
    ("another place", |it| it.index = 2),
    ("no such place", |it| it.index = 5),
    ("another length", |it| it.count = 6),
    ("an empty list", |it| it.count = 0),
    ("another hash on the way", |it| it.path[1].0[31] ^= 1),
    ("a hash too few", |it| it.path.truncate(2)),
    ("a hash too many", |it| it.path.push(Hash::ZERO)),
    ("another root", |it| it.root.0[5] ^= 1),
];

/// A leaf at its place in a list.
pub(crate) struct Placed {
    /// What stands there.
    pub(crate) leaf: Hash,
    /// Its place.
    pub(crate) index: u64,
    /// How long the list is.
    pub(crate) count: u64,
    /// The hashes beside the way up.
    pub(crate) path: Vec<Hash>,
    /// Where it leads.
    pub(crate) root: Hash,
}

impl Placed {
    fn new(index: u64, count: u64) -> Placed {
        Placed::of(hash(&format!("leaf {index}")), index, count)
    }

    /// `leaf` among others.
    pub(crate) fn of(leaf: Hash, index: u64, count: u64) -> Placed {
        let other = |number| if number == index { leaf } else { hash(&format!("leaf {number}")) };
        let leaves: Vec<Hash> = (0..count).map(other).collect();
        let proof = list::prove(list::HASH, &leaves, usize::try_from(index).expect("small")).expect("a place");
        let path: Vec<Hash> = proof.siblings.into_iter().map(Hash).collect();
        let root = Hash(list::root(list::HASH, &leaves));
        assert_eq!(verify_path(&root, index, count, &leaf, &path), Ok(()));
        Placed { leaf, index, count, path, root }
    }
}

fn shown(placed: &Placed) -> Value {
    json!({
        "leaf": placed.leaf.to_string(),
        "index": placed.index,
        "count": placed.count,
        "path": placed.path.iter().map(Hash::to_string).collect::<Vec<_>>(),
        "root": placed.root.to_string(),
    })
}
