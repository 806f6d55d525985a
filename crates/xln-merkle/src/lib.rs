//! The authenticated map: keys to values, one 32-byte root, proofs of presence and of absence.
//!
//! Laws (`docs/spec/tree.md`, where the encodings stand too):
//! - **ST-1** the root is a function of the key-value set alone: no order of inserts and deletes, no batch size, no commit
//!   boundary, and no choice of width or leaf threshold changes it.
//! - **ST-2** a proof shows that a key has a value, or that it is absent; a change of any byte of root, key, value or
//!   proof makes it fail. For one root and one key, at most one answer can be proven, whoever made the tree.
//!
//! How it holds: the *commitment* is a binary crit-bit tree over the keys, so it has no history and no parameters. The
//! *layout* in memory is another matter: branches of up to `2^bit_width` children with the common prefix skipped, and
//! buckets of up to `leaf_threshold` entries. Width and threshold trade memory against speed; each node keeps the
//! hashes of the piece of the binary tree that lies within it ([`row`]), so a commit hashes what was touched and no
//! more, and a proof stays near 34 bytes a level whatever the width.
//!
//! Pure: no IO, clock, entropy or float; forbids `unsafe`. It is not a store: nodes live in memory, and writing them
//! down is the snapshot's affair.
//!
//! Read [`tree`] first, then [`proof`]; [`node`] is the layout, [`row`] the binary tree, [`hash`] every preimage.
//! [`list`] is a sibling for ordered lists: the transactions and receipts of a block.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::float_arithmetic
    )
)]

mod tree;

mod proof;

mod reader;

mod node;

mod row;

mod bits;

mod config;

mod hash;

pub mod list;

#[cfg(test)]
mod shape;

pub use config::{BIT_WIDTH_MAX, Config, ConfigError, LEAF_THRESHOLD_MAX};
pub use hash::{Hash, HashFunction};
pub use proof::{PROOF_BYTES_MAX, PROOF_STEPS_MAX, Proof, ProofError, verify};
pub use reader::{Entries, Reader};
pub use tree::{KEY_BYTES_MAX, KeyError, Tree, VALUE_BYTES_MAX};
