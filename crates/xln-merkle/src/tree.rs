//! The tree: a map that is changed in batches, each sealed by a commit under one root.
//!
//! Changes go to a working copy that shares all untouched nodes with the last commit. So readers of that commit see
//! nothing of them, and a rollback is the return to a pointer.

use core::fmt;
use std::sync::Arc;

use crate::config::{Config, ConfigError};
use crate::hash::Hash;
use crate::node::{Entry, Node, Shape};
use crate::proof::Proof;
use crate::reader::{self, Reader};

/// The longest key.
pub const KEY_BYTES_MAX: usize = 128;
/// The longest value.
pub const VALUE_BYTES_MAX: usize = 1 << 20;

// Bit positions in the hashes and proofs of a tree fit 16 bits.
const _: () = assert!(KEY_BYTES_MAX * 8 <= 1 << 16);

/// An authenticated map from keys of one length to values.
///
/// A clone is an independent tree that shares memory with this one; it costs a few pointers.
#[derive(Clone, Debug)]
pub struct Tree {
    config: Config,
    shape: Shape,
    /// The map with the changes since the last commit; `None` if it has no entry.
    node: Option<Arc<Node>>,
    committed: Reader,
}

impl Tree {
    /// An empty tree.
    ///
    /// # Errors
    /// A [`ConfigError`] if a parameter is out of its range.
    pub fn new(config: Config) -> Result<Tree, ConfigError> {
        config.check()?;
        let committed = Reader::new(&mut None, config.hash);
        Ok(Tree { config, shape: Shape::new(&config), node: None, committed })
    }

    /// What the tree was made with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The value of `key`, with the changes since the last commit; `None` if it is absent.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        reader::get(self.node.as_ref(), key)
    }

    /// Gives `key` a value, in place of the one it had. The first key of an empty tree sets the length of all.
    ///
    /// # Errors
    /// A [`KeyError`] if a length is out of bounds or the key's is not that of the others; nothing has changed then.
    pub fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), KeyError> {
        self.check(key, value)?;
        if self.get(key) == Some(value) {
            return Ok(());
        }
        let entry = Entry::new(key, value);
        match &mut self.node {
            Some(node) => {
                Node::insert(node, self.shape, entry);
            }
            None => self.node = Some(Node::single(entry)),
        }
        self.changed();
        Ok(())
    }

    /// Removes `key`; `false` if it was absent.
    pub fn delete(&mut self, key: &[u8]) -> bool {
        if self.get(key).is_none() {
            return false;
        }
        if let Some(node) = &mut self.node
            && Node::remove(node, self.shape, key)
        {
            self.node = None;
        }
        self.changed();
        true
    }

    /// Makes the changes since the last commit visible to new readers and proofs, as one batch, and returns the root.
    pub fn commit(&mut self) -> Hash {
        self.committed = Reader::new(&mut self.node, self.config.hash);
        self.committed.root()
    }

    /// Drops the changes since the last commit.
    pub fn rollback(&mut self) {
        self.node = self.committed.node().cloned();
    }

    /// The root of the last commit; that of the empty tree before the first.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.committed.root()
    }

    /// Entries as of the last commit.
    #[must_use]
    pub fn len(&self) -> usize {
        self.committed.len()
    }

    /// Whether the last commit had no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.committed.is_empty()
    }

    /// The map as of the last commit. It stays valid and the same while the tree goes on.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.committed.clone()
    }

    /// Proves the value of `key`, or that it is absent, as of the last commit, against [`Tree::root`] (ST-2).
    #[must_use]
    pub fn prove(&self, key: &[u8]) -> Proof {
        self.committed.prove(key)
    }

    fn check(&self, key: &[u8], value: &[u8]) -> Result<(), KeyError> {
        if key.is_empty() || KEY_BYTES_MAX < key.len() {
            return Err(KeyError::KeyLength { bytes: key.len() });
        }
        if let Some(node) = &self.node
            && node.key_bytes() != key.len()
        {
            return Err(KeyError::KeyLengthMixed { bytes: key.len(), expected: node.key_bytes() });
        }
        if VALUE_BYTES_MAX < value.len() {
            return Err(KeyError::ValueLength { bytes: value.len() });
        }
        Ok(())
    }

    fn changed(&mut self) {
        if let Some(node) = &mut self.node
            && !self.config.lazy_hash
        {
            Node::seal(node, self.config.hash);
        }
    }
}

/// Why an entry was refused. Declared in checking order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// The key's length is not in `1..=KEY_BYTES_MAX`.
    KeyLength {
        /// The key's length.
        bytes: usize,
    },
    /// The key's length is not that of the keys in the tree.
    KeyLengthMixed {
        /// The key's length.
        bytes: usize,
        /// The length of the keys in the tree.
        expected: usize,
    },
    /// The value is longer than [`VALUE_BYTES_MAX`].
    ValueLength {
        /// The value's length.
        bytes: usize,
    },
}

impl fmt::Display for KeyError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyLength { bytes } => {
                write!(out, "key length outside 1..={KEY_BYTES_MAX}: bytes={bytes}")
            }
            Self::KeyLengthMixed { bytes, expected } => {
                write!(out, "key length is not the tree's: bytes={bytes} expected={expected}")
            }
            Self::ValueLength { bytes } => {
                write!(out, "value over {VALUE_BYTES_MAX} bytes: bytes={bytes}")
            }
        }
    }
}

impl core::error::Error for KeyError {}
