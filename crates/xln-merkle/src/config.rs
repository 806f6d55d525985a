//! How a tree is laid out and which hash it uses (PRD 6.2.1). Only the hash changes roots; the rest is speed and memory.

use core::fmt;

use crate::hash::HashFunction;

/// Most key bits a branch may consume: 65,536 children.
pub const BIT_WIDTH_MAX: u8 = 16;
/// Most entries a leaf may be configured to hold before it splits.
pub const LEAF_THRESHOLD_MAX: usize = 4096;

/// The parameters of a [`Tree`](crate::Tree).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Key bits a branch consumes, `1..=BIT_WIDTH_MAX`.
    pub bit_width: u8,
    /// Entries a leaf holds before it splits into a branch, `1..=LEAF_THRESHOLD_MAX`.
    pub leaf_threshold: usize,
    /// The hash of every node; the only parameter that the root depends on.
    pub hash: HashFunction,
    /// Nodes a stored tree should keep decoded. Advisory: this tree holds all its nodes and their hashes in memory.
    pub cache_size: usize,
    /// `true`: hash once, at commit. `false`: hash after each change, which spreads the work. The roots are the same.
    pub lazy_hash: bool,
}

impl Config {
    /// Width 4, leaves of 16, BLAKE3, hashed at commit.
    pub const DEFAULT: Config =
        Config { bit_width: 4, leaf_threshold: 16, hash: HashFunction::Blake3, cache_size: 1 << 20, lazy_hash: true };

    /// Checks the bounds.
    ///
    /// # Errors
    /// A [`ConfigError`] naming the field that is out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.bit_width == 0 || BIT_WIDTH_MAX < self.bit_width {
            return Err(ConfigError::BitWidth { bits: self.bit_width });
        }
        if self.leaf_threshold == 0 || LEAF_THRESHOLD_MAX < self.leaf_threshold {
            return Err(ConfigError::LeafThreshold { entries: self.leaf_threshold });
        }
        Ok(())
    }
}

impl Default for Config {
    fn default() -> Config {
        Config::DEFAULT
    }
}

/// Why a [`Config`] was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// The width is not in `1..=BIT_WIDTH_MAX`.
    BitWidth {
        /// What was asked for.
        bits: u8,
    },
    /// The leaf threshold is not in `1..=LEAF_THRESHOLD_MAX`.
    LeafThreshold {
        /// What was asked for.
        entries: usize,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BitWidth { bits } => {
                write!(out, "bit width outside 1..={BIT_WIDTH_MAX}: bits={bits}")
            }
            Self::LeafThreshold { entries } => {
                write!(out, "leaf threshold outside 1..={LEAF_THRESHOLD_MAX}: entries={entries}")
            }
        }
    }
}

impl core::error::Error for ConfigError {}
