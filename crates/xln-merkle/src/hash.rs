//! Every preimage of the crate, in one place.
//!
//! A hash is always taken over a 32-byte *domain* and a message. The domain is a label, padded with zeros to 24 bytes,
//! and a big-endian u64: the length or position that the hash binds. BLAKE3 takes the domain as its key, so an inner
//! node is one 64-byte block; keccak256 takes it as a prefix, one permutation.

use keccak_asm::Digest;

/// A 32-byte digest.
pub type Hash = [u8; 32];

const LABEL_BYTES: usize = 24;

/// The label of a domain: what kind of thing is hashed. No two kinds share one.
type Label = [u8; LABEL_BYTES];

const EMPTY: Label = *b"xln.tree.empty\0\0\0\0\0\0\0\0\0\0";
const VALUE: Label = *b"xln.tree.value\0\0\0\0\0\0\0\0\0\0";
const LEAF: Label = *b"xln.tree.leaf\0\0\0\0\0\0\0\0\0\0\0";
const NODE: Label = *b"xln.tree.node\0\0\0\0\0\0\0\0\0\0\0";
const QUERY: Label = *b"xln.tree.query\0\0\0\0\0\0\0\0\0\0";
const LIST_LEAF: Label = *b"xln.list.leaf\0\0\0\0\0\0\0\0\0\0\0";
const LIST_NODE: Label = *b"xln.list.node\0\0\0\0\0\0\0\0\0\0\0";
const LIST_ROOT: Label = *b"xln.list.root\0\0\0\0\0\0\0\0\0\0\0";

/// The hash under a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HashFunction {
    /// What Solidity can check.
    Keccak256,
    /// What is fast; the default of the state tree.
    Blake3,
}

impl HashFunction {
    /// Binds `message` to its kind and to one number.
    fn digest(self, label: &Label, number: u64, message: &[u8]) -> Hash {
        let mut domain = [0; 32];
        let (text, tail) = domain.split_at_mut(LABEL_BYTES);
        text.copy_from_slice(label);
        tail.copy_from_slice(&number.to_be_bytes());
        match self {
            Self::Keccak256 => {
                keccak_asm::Keccak256::new().chain_update(domain).chain_update(message).finalize().into()
            }
            Self::Blake3 => blake3::keyed_hash(&domain, message).into(),
        }
    }

    /// The root of the empty tree.
    pub(crate) fn empty(self) -> Hash {
        self.digest(&EMPTY, 0, &[])
    }

    /// A value, so that a proof of absence need not carry its neighbour's value.
    pub(crate) fn value(self, value: &[u8]) -> Hash {
        self.digest(&VALUE, value.len() as u64, value)
    }

    /// An entry: binds the whole key, its length, and through `value` the value and its length.
    pub(crate) fn leaf(self, key: &[u8], value: &Hash) -> Hash {
        self.digest(&LEAF, key.len() as u64, &[key, value].concat())
    }

    /// An inner node: binds the position of the key bit that tells left (0) from right (1).
    pub(crate) fn node(self, position: u32, left: &Hash, right: &Hash) -> Hash {
        self.pair(&NODE, u64::from(position), left, right)
    }

    /// The key that a proof was asked for.
    pub(crate) fn query(self, key: &[u8]) -> Hash {
        self.digest(&QUERY, key.len() as u64, key)
    }

    /// A leaf of a list.
    pub(crate) fn list_leaf(self, leaf: &[u8]) -> Hash {
        self.digest(&LIST_LEAF, leaf.len() as u64, leaf)
    }

    /// An inner node of a list.
    pub(crate) fn list_node(self, left: &Hash, right: &Hash) -> Hash {
        self.pair(&LIST_NODE, 0, left, right)
    }

    /// The root of a list of `length` leaves; `top` is `None` exactly if there are none.
    pub(crate) fn list_root(self, length: u64, top: Option<&Hash>) -> Hash {
        self.digest(&LIST_ROOT, length, top.map_or(&[], |top| top.as_slice()))
    }

    fn pair(self, label: &Label, number: u64, left: &Hash, right: &Hash) -> Hash {
        let mut message = [0; 64];
        let (head, tail) = message.split_at_mut(32);
        head.copy_from_slice(left);
        tail.copy_from_slice(right);
        self.digest(label, number, &message)
    }
}
