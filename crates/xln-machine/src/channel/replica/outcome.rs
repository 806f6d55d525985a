//! What a replica reports to whoever owns the channel.

use crate::channel::book::Book;
use xln_types::{Failure, FrameTx, Hash, Htlc, HtlcKey, Rejection};

/// What became of something, in the order in which it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The other side's transaction is final for this one (CH-8): a payment or an HTLC that may be shown and forwarded.
    Final(FrameTx),
    /// Both sides have signed this side's own transaction.
    Acknowledged(FrameTx),
    /// The other side claimed an HTLC of this one: the preimage is known from now on, whatever becomes of the frame.
    Preimage {
        /// Of this side.
        key: HtlcKey,
        /// What was locked.
        htlc: Htlc,
        /// What hashes to the lock.
        preimage: Hash,
    },
    /// An HTLC of this side's was given back, and no state that it signed can claim it any more (CH-8).
    Returned {
        /// Of this side.
        key: HtlcKey,
        /// What was locked.
        htlc: Htlc,
        /// Why.
        failure: Failure,
    },
    /// A transaction of this side's was dropped, and no state that it signed holds it any more (CH-6, CH-8).
    Dropped {
        /// What it would have done.
        tx: FrameTx,
        /// Why it no longer fits.
        reason: Rejection,
    },
}

/// What a frame would lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// It would be taken.
    New(Replayed),
    /// Known already.
    Again,
    /// A crossing that left wins.
    Crossed,
    /// A second frame of the other side on the same one: refused, its evidence kept.
    Equivocation,
}

/// What a replay has computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// The book after the frame.
    pub state: Book,
    pub(super) outcomes: Vec<Outcome>,
}

/// What a frame or an acknowledgement led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// Taken: the head has moved.
    Taken(Vec<Outcome>),
    /// Known already: acknowledge again.
    Again,
    /// A crossing that left wins: nothing but left's turn has changed (CH-9).
    Crossed,
}
