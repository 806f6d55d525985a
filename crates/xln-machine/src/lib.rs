//! The five machines of the PRD: [`server`], [`signer`], [`entity`], [`channel`], [`depositary`], in that order.
//!
//! Pure and deterministic: no IO, no clock, no entropy, no float, no private key. Time, verified signatures and chain facts are
//! inputs; wishes are effects that the shell performs. The state is a function of the log (**TX-7**).
//!
//! How an input flows: [`server::Server::apply`] routes it down to the machines concerned; each *processes* its message, and
//! either answers with a transition or refuses with a typed rejection (**TX-5**). The server commits transition after transition
//! into its journal; a refusal on the way undoes the journal, so a refused input changes nothing but its sender's nonce.
//!
//! Each machine's folder is alike: `state` (its record and what it answers), `apply` (its messages and what they do), `tests`.
//! A machine never knows its parent; siblings don't know each other: only the server composes them.
//!
//! Read [`machine`], then [`channel`], then [`server`].

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

pub mod arena;
pub mod channel;
pub mod depositary;
#[cfg(test)]
mod dice;
pub mod entity;
pub mod machine;
pub mod mempool;
pub mod server;
pub mod signer;

pub use machine::{At, Machine, MachineKind};
pub use server::{Input, Outcome, Server};
