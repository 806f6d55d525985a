//! The server: the root machine. It owns every other machine's records in dense arenas, routes inputs down to them, orders what
//! waits, and seals what was executed into blocks under one root (PRD 4.1.1).
//!
//! Laws: **TX-2** nonces; **TX-5** rejections; **TX-6** blocks and receipts; **TX-7** the state is a function of the log;
//! **ST-3** keys of the state tree; **CH-13** conservation; **CH-14** hub payments; **EN-1**, **EN-5** entities.
//!
//! Read [`apply`] first (one input, one receipt), then [`payment`], then [`block`].

pub mod apply;
pub mod block;
mod channels;
mod commands;
mod entities;
mod facts;
mod for_chain;
mod hops;
mod htlcs;
pub mod invoices;
pub mod journal;
mod journal_peers;
mod openings;
mod outcomes;
pub mod payment;
pub mod peers;
pub mod query;
mod reserves;
pub mod routes;
pub mod state;
mod steps;
#[cfg(test)]
mod tests;

pub use apply::{Effect, Input, Outcome};
pub use block::SealedBlock;
pub use commands::ASSETS_MAX;
pub use facts::EXPIRED_OPERATIONS_MAX;
pub use reserves::{VALIDITY_S_MAX, VALIDITY_S_MIN};
pub use state::{GenesisError, Server};
