//! The list: its root binds order, length and every leaf; its proofs hold for one place (TX-6, and ST-2's rule of bytes).

use crate::model::{HASHES, Random, digest};
use xln_merkle::list::{self, ListError, ListProof, SIBLINGS_MAX};
use xln_merkle::{Hash, HashFunction};

/// The definition, by recursion: split at the greatest power of two below the length.
fn top(hash: HashFunction, leaves: &[Vec<u8>]) -> Hash {
    if let [leaf] = leaves {
        return digest(hash, "xln.list.leaf", leaf.len(), leaf);
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    digest(hash, "xln.list.node", 0, &[top(hash, left), top(hash, right)].concat())
}

fn leaves(count: usize) -> Vec<Vec<u8>> {
    let mut random = Random(count as u64);
    (0..count).map(|index| random.bytes(index % 5)).collect()
}

/// TX-6.
#[test]
fn every_leaf_of_every_length_is_proven() {
    for hash in HASHES {
        assert_eq!(list::root::<&[u8]>(hash, &[]), digest(hash, "xln.list.root", 0, &[]));
        assert_eq!(list::prove::<&[u8]>(hash, &[], 0), None);
        for count in 1..40_usize {
            let leaves = leaves(count);
            let root = list::root(hash, &leaves);
            assert_eq!(root, digest(hash, "xln.list.root", count, &top(hash, &leaves)));
            for (index, leaf) in leaves.iter().enumerate() {
                let proof = list::prove(hash, &leaves, index).unwrap();
                let check = list::verify(hash, &root, index as u64, count as u64, leaf, &proof);
                assert_eq!(check, Ok(()), "count={count} index={index}");
            }
            assert_eq!(list::prove(hash, &leaves, count), None);
        }
    }
}

/// TX-6, ST-2: another index, length, leaf, root or sibling fails; so do siblings too few and too many.
#[test]
fn a_change_of_anything_fails() {
    let hash = list::HASH;
    for count in 1..20_u64 {
        let leaves = leaves(usize::try_from(count).unwrap());
        let root = list::root(hash, &leaves);
        for (index, leaf) in (0..count).zip(&leaves) {
            let proof = list::prove(hash, &leaves, usize::try_from(index).unwrap()).unwrap();
            for (other_index, other_count) in (0..25).flat_map(|i| (0..25).map(move |n| (i, n))) {
                let check = list::verify(hash, &root, other_index, other_count, leaf, &proof);
                assert_eq!(check.is_ok(), (other_index, other_count) == (index, count));
            }
            let check = |root: &Hash, leaf: &[u8], proof: &ListProof| {
                list::verify(hash, root, index, count, leaf, proof).unwrap_err()
            };
            assert_eq!(check(&root, &[leaf, &[0][..]].concat(), &proof), ListError::Root);
            for byte in 0..32 {
                let mut changed = root;
                changed[byte] ^= 1;
                assert_eq!(check(&changed, leaf, &proof), ListError::Root);
                for sibling in 0..proof.siblings.len() {
                    let mut changed = proof.clone();
                    changed.siblings[sibling][byte] ^= 0x80;
                    assert_eq!(check(&root, leaf, &changed), ListError::Root);
                }
            }
            let mut resized = proof.clone();
            resized.siblings.push(root);
            assert_eq!(check(&root, leaf, &resized), ListError::Siblings { count: resized.siblings.len() });
            resized.siblings.truncate(proof.siblings.len().saturating_sub(1));
            let expected = ListError::Siblings { count: resized.siblings.len() };
            assert!(proof.siblings.is_empty() || check(&root, leaf, &resized) == expected);
        }
    }
}

/// ST-2: numbers from outside, however large, get an answer in a bounded number of steps.
#[test]
fn the_greatest_lengths_are_answered() {
    let long = ListProof { siblings: vec![[0; 32]; SIBLINGS_MAX] };
    let check = |index, length, proof: &ListProof| list::verify(list::HASH, &[0; 32], index, length, b"", proof);
    assert_eq!(check(0, u64::MAX, &long), Err(ListError::Root));
    assert_eq!(check(u64::MAX, u64::MAX, &long), Err(ListError::Index { index: u64::MAX, length: u64::MAX }));
    assert_eq!(check(0, 0, &long), Err(ListError::Index { index: 0, length: 0 }));
    assert_eq!(check(u64::MAX - 1, u64::MAX, &long), Err(ListError::Siblings { count: SIBLINGS_MAX }));
}
