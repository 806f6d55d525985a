//! Proofs that a key has a value, or that it is absent, under a root (ST-2).
//!
//! A proof is the walk that the key's bits prescribe from the root to one leaf. Each inner hash binds the position of the
//! bit it parts by, so the walk from a given root is forced: nobody, not even who made the tree, can lead one key to two
//! leaves. The leaf it ends at holds the key, which is then present with that value, or another, and then it is absent.
//! A proof is bound to the key it was asked for, so one for another key fails even where its claim would be true.
//!
//! Bytes: `kind u8 ‖ query 32 ‖ count u16 ‖ count × (position u16 ‖ sibling 32)`, and for kind 2
//! `key_len u8 ‖ key ‖ value_hash 32`; integers big-endian, positions strictly rising. Exactly one encoding each.

use core::fmt;

use crate::bits;
use crate::hash::{Hash, HashFunction};
use crate::tree::KEY_BYTES_MAX;

/// Most steps of a proof: one for each bit of the longest key.
pub const PROOF_STEPS_MAX: usize = KEY_BYTES_MAX * 8;
/// The longest encoding of a proof.
pub const PROOF_BYTES_MAX: usize = 1 + 32 + 2 + PROOF_STEPS_MAX * STEP_BYTES + 1 + KEY_BYTES_MAX + 32;

const STEP_BYTES: usize = 2 + 32;

const KIND_PRESENT: u8 = 1;
const KIND_OTHER: u8 = 2;
const KIND_EMPTY: u8 = 3;

/// An inner node on the walk: the key bit that decides, and the side not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) position: u32,
    pub(crate) sibling: Hash,
}

/// Where a walk ends.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    /// At the key's own leaf.
    Present,
    /// At the leaf of another key, so this one is absent.
    Other { key: Box<[u8]>, value: Hash },
    /// Nowhere: the tree is empty.
    Empty,
}

/// A proof of presence or of absence; at most [`PROOF_BYTES_MAX`] bytes, about 34 for each doubling of the map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    query: Hash,
    /// From the root down.
    steps: Vec<Step>,
    end: End,
}

impl Proof {
    pub(crate) fn empty(hash: HashFunction, key: &[u8]) -> Proof {
        Proof { query: hash.query(key), steps: Vec::new(), end: End::Empty }
    }

    /// The proof for `key` whose walk ends at the leaf of `found`.
    pub(crate) fn new(hash: HashFunction, key: &[u8], steps: Vec<Step>, found: &[u8], value: &[u8]) -> Proof {
        let other = || End::Other { key: found.into(), value: hash.value(value) };
        let end = if found == key { End::Present } else { other() };
        Proof { query: hash.query(key), steps, end }
    }

    /// The one encoding of this proof.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let kind = match self.end {
            End::Present => KIND_PRESENT,
            End::Other { .. } => KIND_OTHER,
            End::Empty => KIND_EMPTY,
        };
        let mut bytes = vec![kind];
        bytes.extend(self.query);
        bytes.extend(low16(self.steps.len() as u64));
        for step in &self.steps {
            bytes.extend(low16(u64::from(step.position)));
            bytes.extend(step.sibling);
        }
        if let End::Other { key, value } = &self.end {
            let [_, length] = low16(key.len() as u64);
            bytes.push(length);
            bytes.extend(key);
            bytes.extend(value);
        }
        bytes
    }

    /// Reads an encoding; for whatever it accepts, [`Proof::to_bytes`] gives the same bytes back.
    ///
    /// # Errors
    /// A [`ProofError`]; no more than the input is ever allocated.
    pub fn from_bytes(bytes: &[u8]) -> Result<Proof, ProofError> {
        if PROOF_BYTES_MAX < bytes.len() {
            return Err(ProofError::TooLong { bytes: bytes.len() });
        }
        let mut input = Input(bytes);
        let [kind] = input.take()?;
        let query = input.take()?;
        let steps = input.steps()?;
        let end = match kind {
            KIND_PRESENT => End::Present,
            KIND_OTHER => End::Other { key: input.key()?, value: input.take()? },
            KIND_EMPTY if steps.is_empty() => End::Empty,
            KIND_EMPTY => return Err(ProofError::Steps { count: steps.len() }),
            kind => return Err(ProofError::Kind { kind }),
        };
        match input.0.len() {
            0 => Ok(Proof { query, steps, end }),
            bytes => Err(ProofError::Trailing { bytes }),
        }
    }

    /// The root that the walk leads up to from `leaf`, following the bits of `key`.
    fn climb(&self, hash: HashFunction, key: &[u8], leaf: Hash) -> Hash {
        self.steps.iter().rev().fold(leaf, |below, step| match bits::bit(key, step.position) {
            false => hash.node(step.position, &below, &step.sibling),
            true => hash.node(step.position, &step.sibling, &below),
        })
    }
}

/// Checks a proof that `key` has `value`, or for `None` that it is absent, in the tree of `root` (ST-2).
///
/// Needs of the tree's parameters only the hash: width and leaf threshold are not part of the commitment.
///
/// # Errors
/// A [`ProofError`] if the proof does not show that.
pub fn verify(
    hash: HashFunction,
    root: &Hash,
    key: &[u8],
    value: Option<&[u8]>,
    proof: &Proof,
) -> Result<(), ProofError> {
    if proof.query != hash.query(key) {
        return Err(ProofError::Query);
    }
    let top = match (&proof.end, value) {
        (End::Present, Some(value)) => proof.climb(hash, key, hash.leaf(key, &hash.value(value))),
        (End::Other { key: other, value }, None) => {
            let strays = |step: &Step| bits::bit(key, step.position) != bits::bit(other, step.position);
            if **other == *key || proof.steps.iter().any(strays) {
                return Err(ProofError::Neighbour);
            }
            proof.climb(hash, key, hash.leaf(other, value))
        }
        (End::Empty, None) => hash.empty(),
        _ => return Err(ProofError::Claim),
    };
    if top == *root { Ok(()) } else { Err(ProofError::Root) }
}

/// The low 16 bits; what is encoded never has more.
fn low16(number: u64) -> [u8; 2] {
    let [.., high, low] = number.to_be_bytes();
    [high, low]
}

/// What is left to read.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], ProofError> {
        let (head, rest) = self.0.split_first_chunk().ok_or(ProofError::Truncated)?;
        self.0 = rest;
        Ok(*head)
    }

    fn steps(&mut self) -> Result<Vec<Step>, ProofError> {
        let count = usize::from(u16::from_be_bytes(self.take()?));
        if PROOF_STEPS_MAX < count {
            return Err(ProofError::Steps { count });
        }
        if self.0.len() / STEP_BYTES < count {
            return Err(ProofError::Truncated);
        }
        let mut steps = Vec::with_capacity(count);
        let mut lowest = 0;
        for _ in 0..count {
            let position = u32::from(u16::from_be_bytes(self.take()?));
            if position < lowest || PROOF_STEPS_MAX <= position as usize {
                return Err(ProofError::Position { position });
            }
            lowest = position.saturating_add(1);
            steps.push(Step { position, sibling: self.take()? });
        }
        Ok(steps)
    }

    fn key(&mut self) -> Result<Box<[u8]>, ProofError> {
        let [length] = self.take()?;
        let bytes = usize::from(length);
        if bytes == 0 || KEY_BYTES_MAX < bytes {
            return Err(ProofError::KeyLength { bytes });
        }
        let (key, rest) = self.0.split_at_checked(bytes).ok_or(ProofError::Truncated)?;
        self.0 = rest;
        Ok(key.into())
    }
}

/// Why a proof was refused: unreadable, or not a proof of the claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofError {
    /// Longer than any proof.
    TooLong {
        /// Bytes given.
        bytes: usize,
    },
    /// The bytes end within the proof.
    Truncated,
    /// More steps than a key has bits, or any in an empty tree.
    Steps {
        /// Steps announced.
        count: usize,
    },
    /// Positions do not rise, or one lies past the longest key.
    Position {
        /// The position.
        position: u32,
    },
    /// The neighbour's key length is not in `1..=KEY_BYTES_MAX`.
    KeyLength {
        /// Length announced.
        bytes: usize,
    },
    /// No such kind of proof.
    Kind {
        /// The first byte.
        kind: u8,
    },
    /// Bytes after the proof.
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// The proof was made for another key.
    Query,
    /// A proof of presence for a claim of absence, or the reverse.
    Claim,
    /// The neighbour is the key itself, or does not lie on the key's walk.
    Neighbour,
    /// The walk does not lead to this root: the root, the value or the proof is another.
    Root,
}

impl fmt::Display for ProofError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes } => {
                write!(out, "proof over {PROOF_BYTES_MAX} bytes: bytes={bytes}")
            }
            Self::Truncated => write!(out, "proof ends early"),
            Self::Steps { count } => write!(out, "proof has too many steps: count={count}"),
            Self::Position { position } => {
                write!(out, "proof step out of place: position={position}")
            }
            Self::KeyLength { bytes } => {
                write!(out, "proof neighbour key outside 1..={KEY_BYTES_MAX}: bytes={bytes}")
            }
            Self::Kind { kind } => write!(out, "proof kind unknown: kind={kind}"),
            Self::Trailing { bytes } => write!(out, "proof has bytes after its end: bytes={bytes}"),
            Self::Query => write!(out, "proof is for another key"),
            Self::Claim => write!(out, "proof shows the opposite of the claim"),
            Self::Neighbour => write!(out, "proof neighbour does not show absence"),
            Self::Root => write!(out, "proof does not lead to the root"),
        }
    }
}

impl core::error::Error for ProofError {}
