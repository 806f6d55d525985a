//! Tests of the layout: what `node` and `row` promise of their shape, and which hashes a change forgets.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::bits;
use crate::config::Config;
use crate::hash::HashFunction;
use crate::node::{Entry, Node, Shape};

/// Keys of 3 bytes that share much: a few values for each byte.
fn key(seed: u64) -> [u8; 3] {
    let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    let [a, b, c, ..] = mixed.to_be_bytes();
    [a & 0x81, b & 0x13, c & 0xf0]
}

/// Asserts the shape beneath `node` and returns its keys.
fn check(node: &Node, config: &Config) -> Vec<Arc<[u8]>> {
    let keys: Vec<Arc<[u8]>> = match node {
        Node::Leaf(row) => row.from(0).map(|entry| entry.key.clone()).collect(),
        Node::Branch(branch) => {
            let below: Vec<_> = branch.row.from(0).map(|child| check(&child.node, config)).collect();
            let keys = below.concat();
            let position = bits::differ(&keys[0], &keys[keys.len() - 1]).unwrap();
            let width = u32::from(config.bit_width);
            assert_eq!(branch.start, position / width * width, "the digit is the first that differs");
            assert!(keys.iter().all(|key| branch.apart(key).is_none()), "all keys share the prefix");
            let digits: Vec<_> = branch.row.from(0).map(|child| child.digit).collect();
            assert!(2 <= digits.len() && digits.is_sorted_by(|a, b| a < b));
            for (keys, digit) in below.iter().zip(digits) {
                assert!(keys.iter().all(|key| bits::digit(key, branch.start, width) == digit));
            }
            assert!(config.leaf_threshold < branch.count, "a branch that would fit a leaf is one");
            keys
        }
    };
    assert_eq!(keys.len(), node.count());
    assert!(keys.is_sorted_by(|a, b| a < b));
    if let Node::Leaf(_) = node {
        assert!((1..=config.leaf_threshold).contains(&keys.len()));
    }
    keys
}

/// Joints and tops whose hash is not known.
fn forgotten(node: &Node) -> usize {
    match node {
        Node::Leaf(row) => row.forgotten(),
        Node::Branch(branch) => {
            branch.row.forgotten() + branch.row.from(0).map(|child| forgotten(&child.node)).sum::<usize>()
        }
    }
}

/// ST-1: the layout, too, follows from the keys alone, through every insert and delete.
#[test]
fn the_shape_follows_from_the_keys() {
    for bit_width in 1..=16 {
        for leaf_threshold in [1, 2, 4, 16] {
            let config = Config { bit_width, leaf_threshold, ..Config::DEFAULT };
            let shape = Shape::new(&config);
            let mut model = BTreeMap::new();
            let mut node = Node::single(Entry::new(&key(0), &[0]));
            model.insert(key(0), 0);
            for step in 1..250_u64 {
                let key = key(step.wrapping_mul(step) % 97);
                if step % 3 == 0 && 1 < model.len() && model.remove(&key).is_some() {
                    assert!(!Node::remove(&mut node, shape, &key), "width={bit_width} step={step}");
                } else {
                    let added = model.insert(key, step).is_none();
                    assert_eq!(Node::insert(&mut node, shape, Entry::new(&key, &[1])), added);
                }
                let keys = check(&node, &config);
                assert!(keys.iter().map(|key| &**key).eq(model.keys().map(|key| &key[..])));
            }
        }
    }
}

/// ST-1: what is kept is what would be computed afresh, and a change forgets its own walk only.
#[test]
fn a_change_forgets_its_walk_and_no_more() {
    for bit_width in 1..=16 {
        let config = Config { bit_width, ..Config::DEFAULT };
        let mut node = Node::single(Entry::new(&key(0), &[0]));
        for seed in 1..300 {
            Node::insert(&mut node, Shape::new(&config), Entry::new(&key(seed), &[0]));
        }
        Node::seal(&mut node, HashFunction::Blake3);
        assert_eq!(forgotten(&node), 0);
        for seed in 0..30 {
            let mut steps = Vec::new();
            node.walk(&key(seed), &mut steps);
            let mut changed = node.clone();
            Node::insert(&mut changed, Shape::new(&config), Entry::new(&key(seed), &[7]));
            assert_eq!(forgotten(&changed), steps.len(), "width={bit_width} seed={seed}");
            assert_eq!(forgotten(&node), 0, "the sealed tree is untouched");
        }
    }
}
