//! A commitment to an ordered list: the transactions and receipts of a block (TX-6).
//!
//! A binary Merkle tree: neighbours pair up level by level, one without a neighbour rises unchanged. The root binds the
//! length, so the empty list has its own root, and a proof shows a leaf at an index of a list of a given length. As in the
//! tree (ST-2), a change of any byte makes a proof fail; its number of siblings follows from index and length.

use core::fmt;

use crate::hash::{Hash, HashFunction};

/// The hash of lists that the hub signs, so that Solidity can check them.
pub const HASH: HashFunction = HashFunction::Keccak256;
/// Most siblings of a proof: one for each doubling up to a length of `u64::MAX`.
pub const SIBLINGS_MAX: usize = 64;

/// Shows that a leaf stands at an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListProof {
    /// The hashes beside the path, from the leaf up; levels at which the path has no neighbour have none.
    pub siblings: Vec<Hash>,
}

/// The root of a list.
pub fn root<L: AsRef<[u8]>>(hash: HashFunction, leaves: &[L]) -> Hash {
    let mut level = bottom(hash, leaves);
    while 1 < level.len() {
        level = above(hash, &level);
    }
    hash.list_root(leaves.len() as u64, level.first())
}

/// Proves the leaf at `index`; `None` if the list is not that long.
pub fn prove<L: AsRef<[u8]>>(hash: HashFunction, leaves: &[L], index: usize) -> Option<ListProof> {
    leaves.get(index)?;
    let mut level = bottom(hash, leaves);
    let mut place = index;
    let mut siblings = Vec::new();
    while 1 < level.len() {
        siblings.extend(level.get(place ^ 1));
        level = above(hash, &level);
        place /= 2;
    }
    Some(ListProof { siblings })
}

/// Checks that `leaf` is at `index` in the list of `length` leaves with `root`.
///
/// # Errors
/// A [`ListError`] if the proof does not show that.
pub fn verify(
    hash: HashFunction,
    root: &Hash,
    index: u64,
    length: u64,
    leaf: &[u8],
    proof: &ListProof,
) -> Result<(), ListError> {
    if length <= index {
        return Err(ListError::Index { index, length });
    }
    let count = proof.siblings.len();
    let mut siblings = proof.siblings.iter();
    let mut top = hash.list_leaf(leaf);
    // The place on a level and the last place of that level.
    let (mut place, mut last) = (index, length.saturating_sub(1));
    while last != 0 {
        if place % 2 == 1 {
            let sibling = siblings.next().ok_or(ListError::Siblings { count })?;
            top = hash.list_node(sibling, &top);
        } else if place != last {
            let sibling = siblings.next().ok_or(ListError::Siblings { count })?;
            top = hash.list_node(&top, sibling);
        }
        place /= 2;
        last /= 2;
    }
    if siblings.next().is_some() {
        return Err(ListError::Siblings { count });
    }
    if hash.list_root(length, Some(&top)) == *root { Ok(()) } else { Err(ListError::Root) }
}

fn bottom<L: AsRef<[u8]>>(hash: HashFunction, leaves: &[L]) -> Vec<Hash> {
    leaves.iter().map(|leaf| hash.list_leaf(leaf.as_ref())).collect()
}

fn above(hash: HashFunction, level: &[Hash]) -> Vec<Hash> {
    let (pairs, alone) = level.as_chunks::<2>();
    let pairs = pairs.iter().map(|[left, right]| hash.list_node(left, right));
    pairs.chain(alone.iter().copied()).collect()
}

/// Why a list proof was refused. Declared in checking order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListError {
    /// The list has no such index.
    Index {
        /// The index asked for.
        index: u64,
        /// The list's length.
        length: u64,
    },
    /// Too few or too many siblings for the index and length.
    Siblings {
        /// Siblings given.
        count: usize,
    },
    /// The path does not lead to this root.
    Root,
}

impl fmt::Display for ListError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index { index, length } => {
                write!(out, "list index out of range: index={index} length={length}")
            }
            Self::Siblings { count } => write!(out, "list proof of a wrong size: siblings={count}"),
            Self::Root => write!(out, "list proof does not lead to the root"),
        }
    }
}

impl core::error::Error for ListError {}
