//! What is out of bounds is refused with its number, and nothing has changed.

use crate::model::{self, HASHES, Map, config};
use xln_merkle::{
    BIT_WIDTH_MAX, Config, ConfigError, KEY_BYTES_MAX, KeyError, LEAF_THRESHOLD_MAX, ProofError, Tree, VALUE_BYTES_MAX,
    list::ListError,
};

#[test]
fn parameters() {
    let table = [
        (1, 1, None),
        (BIT_WIDTH_MAX, LEAF_THRESHOLD_MAX, None),
        (0, 1, Some(ConfigError::BitWidth { bits: 0 })),
        (17, 0, Some(ConfigError::BitWidth { bits: 17 })),
        (1, 0, Some(ConfigError::LeafThreshold { entries: 0 })),
        (1, 4097, Some(ConfigError::LeafThreshold { entries: 4097 })),
    ];
    for (bit_width, leaf_threshold, expected) in table {
        assert_eq!(Tree::new(config(HASHES[0], bit_width, leaf_threshold)).err(), expected);
    }
    let tree = Tree::new(Config::default()).unwrap();
    assert_eq!((tree.config(), tree.is_empty()), (&Config::DEFAULT, true));
}

#[test]
fn keys_and_values() {
    let longest = vec![1; VALUE_BYTES_MAX];
    let too_long = vec![1; VALUE_BYTES_MAX + 1];
    let mut tree = Tree::new(Config::DEFAULT).unwrap();
    assert_eq!(tree.set(b"", b""), Err(KeyError::KeyLength { bytes: 0 }));
    assert_eq!(tree.set(&[0; 129], &too_long), Err(KeyError::KeyLength { bytes: 129 }));
    assert_eq!(tree.set(b"four", &too_long), Err(KeyError::ValueLength { bytes: VALUE_BYTES_MAX + 1 }));
    assert_eq!(tree.commit(), model::root(Config::DEFAULT.hash, &Map::new()));

    let map = Map::from([(vec![7; KEY_BYTES_MAX], longest)]);
    for (key, value) in &map {
        tree.set(key, value).unwrap();
    }
    let mixed = Err(KeyError::KeyLengthMixed { bytes: 4, expected: KEY_BYTES_MAX });
    assert_eq!(tree.set(b"four", &too_long), mixed);
    assert_eq!(tree.commit(), model::root(Config::DEFAULT.hash, &map));
    assert_eq!((tree.get(b"four"), tree.get(b"")), (None, None));
    assert!(!tree.delete(b"four"));
    assert_eq!(tree.reader().prefix(&[7; KEY_BYTES_MAX + 1]).next(), None);

    // A tree of branches knows the length of its keys too.
    let map: Map = (0..40).map(|byte: u8| (vec![byte; 5], vec![])).collect();
    let mut tree = model::tree(config(HASHES[0], 4, 1), &map);
    assert_eq!(tree.set(b"four", b""), Err(KeyError::KeyLengthMixed { bytes: 4, expected: 5 }));
    assert_eq!(tree.get(&[0; 6]), None);
}

#[test]
fn errors_say_what_and_which() {
    let table: [(Box<dyn core::error::Error>, &str); 19] = [
        (Box::new(ConfigError::BitWidth { bits: 17 }), "bit width outside 1..=16: bits=17"),
        (Box::new(ConfigError::LeafThreshold { entries: 0 }), "leaf threshold outside 1..=4096: entries=0"),
        (Box::new(KeyError::KeyLength { bytes: 0 }), "key length outside 1..=128: bytes=0"),
        (
            Box::new(KeyError::KeyLengthMixed { bytes: 1, expected: 2 }),
            "key length is not the tree's: bytes=1 expected=2",
        ),
        (Box::new(KeyError::ValueLength { bytes: 9 }), "value over 1048576 bytes: bytes=9"),
        (Box::new(ProofError::TooLong { bytes: 9 }), "proof over 35012 bytes: bytes=9"),
        (Box::new(ProofError::Truncated), "proof ends early"),
        (Box::new(ProofError::Steps { count: 9 }), "proof has too many steps: count=9"),
        (Box::new(ProofError::Position { position: 9 }), "proof step out of place: position=9"),
        (Box::new(ProofError::KeyLength { bytes: 0 }), "proof neighbour key outside 1..=128: bytes=0"),
        (Box::new(ProofError::Kind { kind: 9 }), "proof kind unknown: kind=9"),
        (Box::new(ProofError::Trailing { bytes: 9 }), "proof has bytes after its end: bytes=9"),
        (Box::new(ProofError::Query), "proof is for another key"),
        (Box::new(ProofError::Claim), "proof shows the opposite of the claim"),
        (Box::new(ProofError::Neighbour), "proof neighbour does not show absence"),
        (Box::new(ProofError::Root), "proof does not lead to the root"),
        (Box::new(ListError::Index { index: 2, length: 1 }), "list index out of range: index=2 length=1"),
        (Box::new(ListError::Siblings { count: 3 }), "list proof of a wrong size: siblings=3"),
        (Box::new(ListError::Root), "list proof does not lead to the root"),
    ];
    for (error, expected) in table {
        assert_eq!(error.to_string(), expected);
    }
}
