//! What a node must answer: a ledger of one node's money that is told each input in the log's order and foretells the answer, with reason and
//! number. It shares no code with the machines: people by number, two shares a line and no Δ, sums summed anew, plain signed arithmetic.
//!
//! [`ledger`] is the money, [`rules`] and [`money`] what it says to transactions, [`facts`] what it makes of the chain and of commands, [`compare`]
//! whether a server's state says the same.
//!
//! Laws: **TX-2**, **TX-5**, **CH-1** to **CH-3**, **CH-11**, **CH-14**, **DP-1** to **DP-5**, **EN-5**.

pub(crate) mod compare;
pub(crate) mod facts;
pub(crate) mod ledger;
mod money;
pub(crate) mod rules;

pub(crate) use ledger::Ledger;

/// An answer: executed, or refused and why.
pub(crate) type Answer = Result<(), xln_types::Rejection>;
