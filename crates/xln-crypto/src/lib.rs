//! Hashes, signatures, derived ids, and the check that turns a decoded transaction into a verified one.
//!
//! Pure: keys and randomness are arguments, nothing is kept. What the chain must check uses keccak256 and secp256k1/EIP-712;
//! hosted calls use a keyed BLAKE3 hash (DESIGN 4). Schemes are never mixed.
//!
//! Laws: **N-4** to **N-6** and **TX-2** (derived ids, [`derive`]), **TX-3** (verification is a type, [`verify`]),
//! **CH-7** (low-s only, address 0 is never a signer, [`secp`]; what a channel's side signs, [`evidence`]), **TX-6** (the hub's
//! seal, [`seal`]), **ST-2** (the paths beneath it, [`list`]).

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

pub mod derive;
pub mod evidence;
pub mod frames;
pub mod hash;
pub mod list;
pub mod login;
pub mod seal;
pub mod secp;
pub mod verify;

pub use evidence::{EvidenceError, verify_evidence};
pub use frames::{VerifiedMessage, frame_hash};
pub use hash::keccak256;
pub use secp::SignatureError;
pub use verify::{TokenKey, VerifiedTx};
