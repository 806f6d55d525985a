//! A channel: two entities, one net balance per asset, no chain until somebody asks for it.
//!
//! Each side may owe the other up to the credit it was granted, so a side can receive before any collateral exists.
//!
//! Laws (`docs/spec/channel.md`):
//! - **CH-1** a transfer is at most what its payer has available: its share plus credit granted to it, less holds.
//! - **CH-2** left pays: `offdelta` falls; right pays: `offdelta` rises.
//! - **CH-3** only the grantor changes its grant; lowering it erases no debt.
//! - **CH-4** receiving needs no capital.
//! - **CH-5** effects depend on who acts (`by`), never on whose replica applies them.
//! - **CH-11** pending → open → closing → closed; financial transactions need `open`.
//! - **CH-12** collateral enters by chain facts alone; at most 128 listed assets count.
//!
//! Read [`line`] first (the arithmetic of one asset), then [`book`] (all that two sides agree on), [`state`], [`apply`] (channels whose
//! two sides are both here), then [`replica`] (channels between nodes).

pub mod apply;
pub mod book;
pub mod line;
pub mod replica;
pub mod state;
pub mod terms;
#[cfg(test)]
mod tests;

pub use apply::{Action, Message};
pub use book::Book;
pub use line::Line;
pub use replica::Replica;
pub use state::{Channel, ChannelStatus};
