//! ST-1 at the edges of the layout: common prefixes as long as a key, chains as deep as a key has bits, partial queries.

use crate::model::{self, HASHES, Map, Random, config};
use xln_merkle::{HashFunction, KEY_BYTES_MAX, Tree, verify};

/// The stack these trees must do with: half of what a Rust thread gets unasked.
const STACK_BYTES: usize = 1 << 20;

fn check(tree: &Tree, map: &Map) {
    let hash = tree.config().hash;
    assert_eq!(tree.root(), model::root(hash, map));
    for (key, value) in map {
        assert_eq!(tree.get(key), Some(&value[..]));
        assert_eq!(verify(hash, &tree.root(), key, Some(value), &tree.prove(key)), Ok(()));
    }
}

/// ST-1, ST-2.
#[test]
fn keys_with_255_common_leading_bits() {
    for bit_width in 1..=16 {
        for leaf_threshold in [1, 2, 16] {
            for first in [0x00, 0xa6, 0xfe] {
                let (mut left, mut right) = (vec![0x5a; 32], vec![0x5a; 32]);
                (left[31], right[31]) = (first, first | 1);
                let mut map = Map::from([(left, b"left".to_vec()), (right.clone(), b"right".to_vec())]);
                let mut tree = model::tree(config(HashFunction::Blake3, bit_width, leaf_threshold), &map);
                check(&tree, &map);
                assert_eq!(tree.prove(&right).to_bytes().len(), 1 + 32 + 2 + 34, "one step, whatever the prefix");
                // One that parts from both at the first bit, and then one of the two leaves.
                map.insert(vec![0xda; 32], Vec::new());
                tree.set(&[0xda; 32], b"").unwrap();
                tree.commit();
                check(&tree, &map);
                map.remove(&right);
                assert!(tree.delete(&right));
                tree.commit();
                check(&tree, &map);
            }
        }
    }
}

/// Keys `0`, `1 << 0`, `1 << 1`, … of `length` bytes: at width 1 a chain as deep as the key has bits.
fn chain(length: usize) -> Map {
    let key = |position: usize| {
        let mut key = vec![0; length];
        key[position / 8] = 0x80 >> (position % 8);
        (key, vec![1])
    };
    (0..length * 8).map(key).chain([(vec![0; length], vec![0])]).collect()
}

/// ST-1, ST-2: the deepest trees there can be, within half a thread's stack: set, commit, prove, iterate, delete, drop.
#[test]
fn chains_as_deep_as_keys_have_bits() {
    let deep = |length: usize, bit_width| {
        let map = chain(length);
        let mut tree = model::tree(config(HashFunction::Blake3, bit_width, 1), &map);
        let reader = tree.reader();
        assert_eq!(reader.iter().count(), length * 8 + 1);
        for key in [vec![0; length], vec![0xff; length], map.keys().nth(1).unwrap().clone()] {
            let value = map.get(&key).map(Vec::as_slice);
            assert_eq!(verify(HashFunction::Blake3, &tree.root(), &key, value, &tree.prove(&key)), Ok(()));
        }
        // From the deepest up, then from the top down.
        let in_tail = |key: &&Vec<u8>| key.iter().take(40).all(|byte| *byte == 0);
        let (low, high): (Vec<_>, Vec<_>) = map.keys().partition(in_tail);
        for key in low.into_iter().chain(high.into_iter().rev()) {
            assert!(tree.delete(key));
        }
        tree.commit();
        assert!(tree.is_empty());
        assert_eq!(reader.root(), model::root(HashFunction::Blake3, &map));
    };
    for length in [85, 97, KEY_BYTES_MAX] {
        for bit_width in [1, 2, 16] {
            let small = std::thread::Builder::new().stack_size(STACK_BYTES);
            small.spawn(move || deep(length, bit_width)).unwrap().join().unwrap();
        }
    }
}

/// ST-1: a full branch of the greatest width, and one byte keys, all 256 of them.
#[test]
fn full_branches() {
    for bit_width in [1, 3, 8, 11, 16] {
        let map: Map = (0..=255).map(|byte: u8| (vec![byte], vec![!byte; 3])).collect();
        check(&model::tree(config(HashFunction::Keccak256, bit_width, 1), &map), &map);
        let map: Map = (0..4096_u16).map(|high| ((high << 4).to_be_bytes().to_vec(), vec![])).collect();
        check(&model::tree(config(HashFunction::Blake3, bit_width, 1), &map), &map);
    }
}

#[test]
fn a_prefix_yields_its_entries_in_order() {
    for bit_width in 1..=16 {
        for leaf_threshold in [1, 4, 16] {
            let mut random = Random(u64::from(bit_width));
            let map = model::map(&mut random, 150, 5);
            let reader = model::tree(config(HASHES[1], bit_width, leaf_threshold), &map).reader();
            for _ in 0..80 {
                let length = random.below(7);
                let prefix = random.key(length);
                let expected = map.iter().filter(|(key, _)| key.starts_with(&prefix));
                let found: Vec<_> = reader.prefix(&prefix).collect();
                assert_eq!(found, expected.map(|(key, value)| (&key[..], &value[..])).collect::<Vec<_>>());
            }
            let mut none = reader.prefix(&[0x00, 0x77]);
            assert_eq!((none.next(), none.next()), (None, None), "it stays at its end");
        }
    }
}
