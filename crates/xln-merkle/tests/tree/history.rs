//! ST-1: whatever happened to a tree, its root is that of its contents.

use crate::model::{self, HASHES, Map, Random, config};
use xln_merkle::{Config, Tree, verify};

fn agree(tree: &Tree, map: &Map, context: &str) {
    let hash = tree.config().hash;
    assert_eq!(tree.root(), model::root(hash, map), "{context}");
    assert_eq!((tree.len(), tree.is_empty()), (map.len(), map.is_empty()), "{context}");
    let reader = tree.reader();
    assert!(reader.iter().eq(map.iter().map(|(key, value)| (&key[..], &value[..]))), "{context}");
    assert!((&reader).into_iter().eq(reader.iter()), "{context}");
}

/// A random life of a tree: batches of sets and deletes, commits and rollbacks.
fn live(config: Config, seed: u64) {
    let context = format!("{config:?} seed={seed}");
    let mut random = Random(seed);
    let key_bytes = [1, 2, 3, 32, 97, 128][random.below(6)];
    let (mut tree, mut map) = (Tree::new(config).unwrap(), Map::new());
    agree(&tree, &map, &context);
    for _ in 0..10 {
        let mut work = map.clone();
        for _ in 0..random.below(40) {
            let known = work.keys().nth(random.below(work.len() + 1)).cloned();
            let key = known.filter(|_| random.below(2) == 0).unwrap_or_else(|| random.key(key_bytes));
            if random.below(5) < 2 {
                assert_eq!(tree.delete(&key), work.remove(&key).is_some(), "{context}");
            } else {
                let length = random.below(70);
                let value = random.bytes(length);
                tree.set(&key, &value).unwrap();
                work.insert(key.clone(), value);
            }
            assert_eq!(tree.get(&key), work.get(&key).map(Vec::as_slice), "{context}");
            assert_eq!(tree.reader().get(&key), map.get(&key).map(Vec::as_slice), "{context}");
        }
        if random.below(4) == 0 {
            tree.rollback();
            for key in work.keys() {
                assert_eq!(tree.get(key), map.get(key).map(Vec::as_slice), "{context}");
            }
        } else {
            map = work;
            assert_eq!(tree.commit(), tree.root(), "{context}");
        }
        agree(&tree, &map, &context);
        let key = random.key(key_bytes);
        let value = map.get(&key).map(Vec::as_slice);
        assert_eq!(verify(config.hash, &tree.root(), &key, value, &tree.prove(&key)), Ok(()), "{context}");
    }
}

/// ST-1, every width against the simple model.
#[test]
fn every_width_threshold_and_hash_agrees_with_the_model() {
    for bit_width in 1..=16 {
        for leaf_threshold in [1, 2, 4, 16] {
            for (seed, hash) in HASHES.into_iter().enumerate() {
                for lazy_hash in [false, true] {
                    let config = Config { lazy_hash, ..config(hash, bit_width, leaf_threshold) };
                    live(config, (seed * 64 + leaf_threshold) as u64 * 17 + u64::from(bit_width));
                }
            }
        }
    }
}

/// ST-1: order, batches, commit boundaries, entries that came and went: none leaves a trace.
#[test]
fn no_history_shows_in_the_root() {
    for seed in 0..60 {
        let mut random = Random(seed);
        let map = model::map(&mut random, 120, 32);
        let passing = model::map(&mut random, 60, 32);
        let hash = HASHES[random.below(2)];
        let width = u8::try_from(1 + random.below(16)).unwrap();
        let mut tree = Tree::new(config(hash, width, 1 + random.below(20))).unwrap();

        let mut sets: Vec<_> = map.iter().chain(&passing).collect();
        random.shuffle(&mut sets);
        for (key, value) in &sets {
            tree.set(key, value).unwrap();
            if random.below(10) == 0 {
                tree.commit();
            }
        }
        let mut rest: Vec<_> = sets.iter().map(|(key, _)| *key).collect();
        random.shuffle(&mut rest);
        for key in rest {
            match map.get(key) {
                Some(value) => tree.set(key, value).unwrap(),
                None => assert!(tree.delete(key)),
            }
            if random.below(10) == 0 {
                tree.commit();
            }
        }
        assert_eq!(tree.commit(), model::root(hash, &map), "seed={seed}");
    }
}

/// ST-1: emptied, a tree is an empty tree, also in the length of keys that it takes.
#[test]
fn an_emptied_tree_is_empty() {
    for hash in HASHES {
        for leaf_threshold in [1, 2, 16] {
            let mut random = Random(5);
            let map = model::map(&mut random, 50, 4);
            let mut tree = model::tree(config(hash, 3, leaf_threshold), &map);
            let mut keys: Vec<_> = map.keys().collect();
            random.shuffle(&mut keys);
            for key in keys {
                assert!(tree.delete(key));
            }
            assert_eq!(tree.commit(), model::root(hash, &Map::new()));
            assert_eq!(tree.reader().iter().next(), None);
            tree.set(b"longer", b"").unwrap();
            tree.commit();
            assert_eq!(tree.root(), model::leaf(hash, b"longer", b""));
        }
    }
}

/// ST-1: a set that changes nothing and a commit of nothing keep the root; a clone goes its own way.
#[test]
fn nothing_done_changes_nothing() {
    let mut random = Random(9);
    let map = model::map(&mut random, 40, 32);
    let mut tree = model::tree(Config::default(), &map);
    let root = tree.root();
    for (key, value) in &map {
        tree.set(key, value).unwrap();
        assert!(!tree.delete(&random.bytes(32)));
    }
    let mut fork = tree.clone();
    fork.set(&[0xaa; 32], b"fork").unwrap();
    let unsealed = fork.clone();
    assert_ne!(fork.commit(), root);
    assert_eq!({ unsealed }.commit(), fork.root());
    assert_eq!(tree.commit(), root);
}
