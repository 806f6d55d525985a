//! Ethereum, as the hub sees it: the shell that turns chain facts into inputs and effects into transactions.
//!
//! No rule about money lives here. Facts are read past the confirmations and keyed by their position; transactions are
//! signed first, logged by the caller, then sent, so that a crash between the two is only a re-broadcast.
//!
//! Laws (`docs/spec/reserves.md`; how they are kept here, `docs/spec/chain.md`):
//! - **DP-3** each log of the depositary becomes one fact, once, when it is deep; a reorganisation deeper than the
//!   confirmations is a fact of its own ([`follower`]).
//! - **DP-4** what is sent is prepared as raw bytes first and sent again byte for byte ([`submitter`]).
//! - **DP-5** settlements and the other board decisions are EIP-712 digests ([`digest`]).
//!
//! Read [`client`] first (the [`Chain`] that all else stands on), then [`follower`], [`submitter`]; [`dev`] is an Ethereum
//! in the process, for `xln dev` and the tests.

#![forbid(unsafe_code)]

mod answer;
pub mod bindings;
pub mod calldata;
pub mod client;
mod decode;
pub mod dev;
pub mod digest;
pub mod error;
pub mod follower;
mod http;
mod json;
pub mod signing;
pub mod submitter;

pub use client::{Call, Chain, ChainClient, Fees, Head, LogRecord, Mined, Transport};
pub use dev::{Deployment, DevChain, DevOptions, DevServer};
pub use error::ChainError;
pub use follower::{Follower, FollowerOptions};
pub use signing::{Envelope, Prepared, address_of, sign_digest, sign_for};
pub use submitter::Submitter;
