//! The vocabulary of XLN: what every other crate means by an amount, an entity, a transaction, a receipt.
//!
//! Pure data with one canonical encoding. Nothing here hashes, signs, reads a clock or touches a disk; ids are derived in
//! `xln-crypto`, rules about money live in `xln-machine`.
//!
//! Laws (`docs/spec/numbers.md`, `docs/spec/transactions.md`):
//! - **N-1** amounts are `u128` base units, balances `i128`, both within 2¹²⁰; arithmetic is checked.
//! - **N-2** in text a number is a plain decimal ([`amount::parse_decimal`]).
//! - **N-3** on the wire and in the store, canonical RLP ([`codec`]).
//! - **TX-1** every transaction type has a Rust type ([`tx::Body`]).
//! - **TX-5** a refusal is a typed [`Rejection`] that carries the number that explains it.
//!
//! Read [`tx`] first, then [`entry`] (what the log holds), [`receipt`], [`block`], [`evidence`] (what a side of a channel signs).

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

pub mod amount;
pub mod asset;
pub mod block;
pub mod board;
pub mod chain;
pub mod codec;
pub mod entry;
pub mod event;
pub mod evidence;
pub mod frame;
pub mod htlc;
pub mod id;
pub mod path;
pub mod peer;
pub mod planted;
pub mod receipt;
pub mod record;
pub mod rejection;
pub mod route;
pub mod side;
pub mod tx;

pub use amount::{AMOUNT_MAX, Amount, Balance};
pub use asset::{Asset, AssetInfo};
pub use block::{BlockHeader, Seal};
pub use board::Board;
pub use chain::{ChainFact, FactKind, FactPosition};
pub use entry::{Authority, Command, Entry, Genesis};
pub use event::Event;
pub use evidence::{ChannelProof, Evidence, EvidenceAuthority, HtlcEntry, OffdeltaEntry};
pub use frame::{Frame, FrameTx, PeerMessage};
pub use htlc::{Failure, Htlc, HtlcKey, Onion};
pub use id::{Address, AssetId, ChannelId, EntityId, Hash, OperationId, SignerId, TxHash};
pub use path::Path;
pub use peer::NetworkMessage;
pub use planted::planted;
pub use receipt::{Receipt, StateChange};
pub use record::Record;
pub use rejection::Rejection;
pub use side::Side;
pub use tx::{Body, Transaction, TxType};
