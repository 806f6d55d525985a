//! The server composed, through `Server::apply` alone: every transaction, fact and command, and what each is refused with.
//!
//! Laws: **TX-1**, **TX-2**, **TX-5** to **TX-7**; **DP-1** to **DP-5**; **CH-3**, **CH-11** to **CH-14**; **EN-1**, **EN-5**; **ST-3**;
//! **N-4**, **N-5**. Each file says which are its own.
//!
//! Read [`script`] first: a test is a script, a line a step. Behind every step [`image`] compares the whole state with the receipt
//! and with the tree, so that each script tests the journal too. [`workload`] plays at random against a ledger of its own.

mod authority;
mod blocks;
mod bounds;
mod channels;
mod commands;
mod entities;
mod facts;
mod golden;
mod hub;
mod image;
mod nodes;
mod operations;
mod payments;
mod policies;
mod proofs;
mod queries;
mod records;
mod reserves;
mod script;
mod settlements;
mod types;
mod workload;
