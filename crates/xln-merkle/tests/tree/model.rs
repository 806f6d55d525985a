//! The simple model: a `BTreeMap`, and the commitment spelled out over its sorted entries as `docs/spec/tree.md` defines it.
//! Shares no code with the crate. Also the random numbers of these tests, from a seed.

use std::collections::BTreeMap;

use xln_merkle::{Config, Hash, HashFunction, Tree};

pub(crate) type Map = BTreeMap<Vec<u8>, Vec<u8>>;

pub(crate) const HASHES: [HashFunction; 2] = [HashFunction::Keccak256, HashFunction::Blake3];

/// The hash of the specification: a domain of 24 bytes of label and a number, then the message.
pub(crate) fn digest(hash: HashFunction, label: &str, number: usize, message: &[u8]) -> Hash {
    let mut domain = [0; 32];
    domain[..label.len()].copy_from_slice(label.as_bytes());
    domain[24..].copy_from_slice(&(number as u64).to_be_bytes());
    match hash {
        HashFunction::Keccak256 => keccak_asm::Keccak256::digest([&domain, message].concat()).into(),
        HashFunction::Blake3 => *blake3::Hasher::new_keyed(&domain).update(message).finalize().as_bytes(),
    }
}

pub(crate) fn leaf(hash: HashFunction, key: &[u8], value: &[u8]) -> Hash {
    let value = digest(hash, "xln.tree.value", value.len(), value);
    digest(hash, "xln.tree.leaf", key.len(), &[key, &value].concat())
}

pub(crate) fn node(hash: HashFunction, position: usize, left: &Hash, right: &Hash) -> Hash {
    digest(hash, "xln.tree.node", position, &[*left, *right].concat())
}

fn bit(key: &[u8], position: usize) -> bool {
    key[position / 8] >> (7 - position % 8) & 1 == 1
}

/// The root of sorted entries.
pub(crate) fn root(hash: HashFunction, map: &Map) -> Hash {
    let entries: Vec<_> = map.iter().collect();
    if entries.is_empty() { digest(hash, "xln.tree.empty", 0, &[]) } else { top(hash, &entries, 0) }
}

fn top(hash: HashFunction, entries: &[(&Vec<u8>, &Vec<u8>)], position: usize) -> Hash {
    if let [(key, value)] = entries {
        return leaf(hash, key, value);
    }
    let (left, right): (Vec<_>, Vec<_>) = entries.iter().partition(|(key, _)| !bit(key, position));
    match (left.is_empty(), right.is_empty()) {
        (false, false) => node(hash, position, &top(hash, &left, position + 1), &top(hash, &right, position + 1)),
        _ => top(hash, entries, position + 1),
    }
}

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next().to_be_bytes()[0]).collect()
    }

    /// A key that shares long runs of bits with others: bytes are mostly 0, sometimes of one bit, sometimes random.
    pub(crate) fn key(&mut self, length: usize) -> Vec<u8> {
        let byte = |random: &mut Random| match random.below(length + 6) {
            0 => random.next().to_be_bytes()[0],
            1 => 1 << random.below(8),
            2 | 3 => 0xff,
            _ => 0,
        };
        (0..length).map(|_| byte(self)).collect()
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for index in 1..items.len() {
            items.swap(index, self.below(index + 1));
        }
    }
}

/// A map of `count` entries or a few less, with clustered keys.
pub(crate) fn map(random: &mut Random, count: usize, key_bytes: usize) -> Map {
    (0..count)
        .map(|_| {
            let length = random.below(70);
            (random.key(key_bytes), random.bytes(length))
        })
        .collect()
}

pub(crate) fn config(hash: HashFunction, bit_width: u8, leaf_threshold: usize) -> Config {
    Config { bit_width, leaf_threshold, hash, ..Config::DEFAULT }
}

/// A tree with the entries of `map`, committed.
pub(crate) fn tree(config: Config, map: &Map) -> Tree {
    let mut tree = Tree::new(config).unwrap();
    for (key, value) in map {
        tree.set(key, value).unwrap();
    }
    tree.commit();
    tree
}
