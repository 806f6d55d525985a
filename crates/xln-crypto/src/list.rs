//! The paths of keccak256 lists (`docs/spec/tree.md`, *List*), checked where the tree's crate isn't at hand: this is what Solidity
//! does too. **ST-2**: a change of any byte of root, leaf, place or path makes the check fail. Roots and paths are made by
//! `xln-merkle`; the tests compare the two.

use crate::hash::{LABEL_BYTES, domain, keccak256_parts};
use xln_types::Hash;

const LEAF: [u8; LABEL_BYTES] = *b"xln.list.leaf\0\0\0\0\0\0\0\0\0\0\0";
const NODE: [u8; LABEL_BYTES] = *b"xln.list.node\0\0\0\0\0\0\0\0\0\0\0";
const ROOT: [u8; LABEL_BYTES] = *b"xln.list.root\0\0\0\0\0\0\0\0\0\0\0";

/// Why a path is refused. Declared in checking order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The list has no such place.
    #[error("list index out of range: index={index} count={count}")]
    Index {
        /// The place asked for.
        index: u64,
        /// How long the list is.
        count: u64,
    },
    /// Too few or too many hashes for the place and the length.
    #[error("path of a wrong size: hashes={hashes}")]
    Size {
        /// Hashes given.
        hashes: usize,
    },
    /// It doesn't lead to the root.
    #[error("path does not lead to the root")]
    Root,
}

/// ST-2: whether the 32-byte `leaf` stands at `index` of the list of `count` leaves with this root. No allocation.
///
/// # Errors
/// [`PathError`].
pub fn verify_path(root: &Hash, index: u64, count: u64, leaf: &Hash, path: &[Hash]) -> Result<(), PathError> {
    if count <= index {
        return Err(PathError::Index { index, count });
    }
    let size = PathError::Size { hashes: path.len() };
    let mut beside = path.iter();
    let mut top = keccak256_parts(&[&domain(&LEAF, 32), &leaf.0]);
    // The place on a level, and the last place of that level, which has no neighbour where it is even.
    let (mut place, mut last) = (index, count.saturating_sub(1));
    while last != 0 {
        if place % 2 == 1 {
            top = node(beside.next().ok_or(size)?, &top);
        } else if place != last {
            top = node(&top, beside.next().ok_or(size)?);
        }
        place /= 2;
        last /= 2;
    }
    if beside.next().is_some() {
        return Err(size);
    }
    if keccak256_parts(&[&domain(&ROOT, count), &top.0]) == *root { Ok(()) } else { Err(PathError::Root) }
}

fn node(left: &Hash, right: &Hash) -> Hash {
    keccak256_parts(&[&domain(&NODE, 0), &left.0, &right.0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keccak256;
    use xln_merkle::list::{self, ListError, ListProof};

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|number| keccak256(number.to_be_bytes())).collect()
    }

    /// ST-2: what is accepted here is exactly what the tree's crate proves, for each place of each length.
    #[test]
    fn paths_are_those_of_the_trees_lists() {
        for count in (1..=33).chain([64, 65, 127]) {
            let leaves = leaves(count);
            let root = Hash(list::root(list::HASH, &leaves));
            for (index, leaf) in (0..).zip(&leaves) {
                let proof = list::prove(list::HASH, &leaves, usize::try_from(index).expect("small")).expect("there");
                let path: Vec<Hash> = proof.siblings.into_iter().map(Hash).collect();
                assert_eq!(verify_path(&root, index, count, leaf, &path), Ok(()), "{index} of {count}");
            }
        }
    }

    /// ST-2: any other root, leaf, place, length or path is refused, and for the same reason as the tree's crate gives.
    #[test]
    fn what_is_altered_is_refused() {
        let leaves = leaves(11);
        let root = Hash(list::root(list::HASH, &leaves));
        let proof = list::prove(list::HASH, &leaves, 5).expect("there");
        let path: Vec<Hash> = proof.siblings.into_iter().map(Hash).collect();
        let check = |root: Hash, index, count, leaf: Hash, path: &[Hash]| {
            let ours = verify_path(&root, index, count, &leaf, path);
            let proof = ListProof { siblings: path.iter().map(|hash| hash.0).collect() };
            let theirs = list::verify(list::HASH, &root.0, index, count, &leaf.0, &proof);
            let same = match theirs {
                Ok(()) => Ok(()),
                Err(ListError::Index { index, length }) => Err(PathError::Index { index, count: length }),
                Err(ListError::Siblings { count }) => Err(PathError::Size { hashes: count }),
                Err(ListError::Root) => Err(PathError::Root),
            };
            assert_eq!(ours, same);
            ours
        };
        let (leaf, other) = (leaves[5], Hash([7; 32]));
        assert_eq!(check(root, 5, 11, leaf, &path), Ok(()));
        assert_eq!(check(other, 5, 11, leaf, &path), Err(PathError::Root));
        assert_eq!(check(root, 5, 11, other, &path), Err(PathError::Root));
        for index in (0..11).filter(|index| *index != 5) {
            assert!(check(root, index, 11, leaf, &path).is_err(), "{index}");
        }
        for count in (0..40).filter(|count| *count != 11).chain([u64::MAX]) {
            assert!(check(root, 5, count, leaf, &path).is_err(), "{count}");
        }
        assert_eq!(check(root, 11, 11, leaf, &path), Err(PathError::Index { index: 11, count: 11 }));
        assert_eq!(check(root, 0, 0, leaf, &[]), Err(PathError::Index { index: 0, count: 0 }));
        assert_eq!(check(root, 5, 11, leaf, &path[1..]), Err(PathError::Size { hashes: 3 }));
        assert_eq!(check(root, 5, 11, leaf, &[&path[..], &[other]].concat()), Err(PathError::Size { hashes: 5 }));
        assert!(check(root, u64::MAX - 1, u64::MAX, leaf, &[other; 64]).is_err());
        for at in 0..path.len() {
            let mut altered = path.clone();
            altered[at].0[31] ^= 1;
            assert_eq!(check(root, 5, 11, leaf, &altered), Err(PathError::Root), "{at}");
        }
    }
}
