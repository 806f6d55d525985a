//! The auditor behind `xln audit`: reads a hub's log and says which law it breaks, and where.
//!
//! A second opinion. It shares no code with the core: it decodes the records itself, predicts from each entry and the records
//! before it which fields of which records may change and to what, and compares that with what the receipts say. What can only
//! be told by running the core again (costs, events, which rejection) the caller replays, and [`compare_block`] names the law.
//!
//! Laws: **CH-13** conservation; **CH-1** to **CH-3**, **CH-14**, **HT-4** payments and grants; **CH-11**, **CH-12**, **DP-1** to
//! **DP-5** channels, reserves and collateral; **CH-5** to **CH-9** frames between nodes, replayed and hashed anew; **HT-1** to **HT-3**, **HT-6**
//! what is locked by hash; **N-1**, **N-3** to **N-6**, **EN-5** what is named, founded and ended; **TX-2** nonces; **TX-3** who signed; **TX-5** a
//! refusal changes nothing and has a reason; **TX-6**, **CH-7** blocks, seals and signatures; **TX-7** a log starts with its genesis; **ST-1**
//! the state root; **ST-4** damage.
//!
//! Memory is bounded by the state and by one block, not by the log. Read [`audit`] first, then [`rules`] (what an entry may
//! change), then [`holdings`] (what is held), `book` and `memory` (channels with other nodes), then `blocks`. `docs/spec/audit.md` says what each check means.

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

mod agreed;
pub mod audit;
mod blocks;
mod book;
pub mod compare;
mod differ;
mod fields;
mod genesis;
pub mod holdings;
mod memory;
mod place;
mod records;
pub mod report;
pub mod rules;
pub mod store;
mod wide;

pub use audit::Audit;
pub use compare::compare_block;
pub use report::{AssetSum, Report, VIOLATIONS_MAX, Violation};
pub use store::{AuditError, audit_disk, audit_store};
