//! An entity's bridge to the chain: what it has free there, what is on its way, and what it owes beyond collateral.
//!
//! Laws (`docs/spec/reserves.md`):
//! - **DP-1** reserve = free + allocated; an allocation debits free at once; a certain failure restores it once.
//! - **DP-2** free never falls below the minimum reserve; what may be owed is capped; checked before an outflow or a draw.
//! - **DP-3** a deposit is credited once; **DP-4** a withdrawal debits before it is broadcast.
//!
//! Read [`reserve`] first.

pub mod apply;
pub mod operation;
pub mod reserve;
#[cfg(test)]
mod tests;

pub use apply::{Depositary, Message};
pub use operation::{Operation, OperationKind, OperationStatus};
pub use reserve::Reserve;
