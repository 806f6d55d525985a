//! Planted mistakes: what [`Mistake`] names is done here, from outside of the production code.

use super::plan::Mistake;
use super::seat::judge;
use crate::channel::replica::{Draft, Outcome};
use crate::channel::{Book, Replica};
use std::collections::VecDeque;
use xln_types::{FrameTx, Hash, HtlcKey, Side};

/// Reaches into a replica before a frame arrives.
pub(super) fn before_frame(mistake: Mistake, replica: &mut Replica) {
    if mistake == Mistake::LeftGivesWay && replica.me == Side::Left {
        replica.stack.clear();
    }
}

/// Reaches into a replica before it proposes.
pub(super) fn before_proposing(mistake: Mistake, replica: &mut Replica) {
    if mistake == Mistake::NonceAboveTheHead {
        replica.signed_nonce = replica.stack.back().map_or(replica.nonce, |last| last.proof.nonce);
    }
}

/// Reaches into a replica after any step.
pub(super) fn after_all(mistake: Mistake, replica: &mut Replica) {
    if mistake == Mistake::OwesNothing {
        replica.owes = false;
    }
    if mistake == Mistake::TakesNoTurns {
        replica.yielding_since_ms = None;
    }
}

/// Loses one of each pair of equal drafts.
pub(super) fn drop_equals(replica: &mut Replica, head: &Book) {
    let mut kept: VecDeque<Draft> = VecDeque::new();
    for draft in std::mem::take(&mut replica.draft) {
        if !kept.contains(&draft) {
            kept.push_back(draft);
        }
    }
    replica.draft = kept;
    // What can't be claimed makes the sweep compute the book after the drafts again.
    let unclaimable = FrameTx::HtlcFulfill { id: u64::MAX, preimage: Hash::ZERO };
    replica.draft.push_back(Draft { tx: unclaimable, signed_nonce: 0 });
    replica.sweep(head, &judge(false));
}

/// What an impatient owner hears of a frame that was taken, or, without `txs`, of an acknowledgement.
pub(super) fn misheard(
    mistake: Mistake,
    before: &(Replica, Book),
    after: &Replica,
    txs: &[FrameTx],
    mut outcomes: Vec<Outcome>,
) -> Vec<Outcome> {
    let me = after.me;
    match mistake {
        Mistake::FinalOnArrival => {
            outcomes.retain(|outcome| !matches!(outcome, Outcome::Final(_)));
            let arrived = txs.iter().filter(|tx| matches!(tx, FrameTx::Pay { .. } | FrameTx::HtlcAdd { .. }));
            outcomes.extend(arrived.map(|tx| Outcome::Final(tx.clone())));
        }
        Mistake::ReturnedOnArrival => {
            outcomes.retain(|outcome| !matches!(outcome, Outcome::Returned { .. }));
            for tx in txs {
                if let FrameTx::HtlcCancel { key: key @ HtlcKey { side, .. }, failure } = tx
                    && *side == me
                {
                    let htlc = before.1.htlc(*key).expect("it was pending").clone();
                    outcomes.push(Outcome::Returned { key: *key, htlc, failure: failure.clone() });
                }
            }
        }
        Mistake::DroppedOnArrival => {
            outcomes.retain(|outcome| !matches!(outcome, Outcome::Dropped { .. }));
            let mut kept: Vec<&FrameTx> = after.draft.iter().map(|draft| &draft.tx).collect();
            let stacked = before.0.stack.iter().flat_map(|proposal| proposal.frame.txs.iter());
            let waiting = stacked.chain(before.0.draft.iter().map(|draft| &draft.tx));
            for tx in waiting.filter(|_| after.by != me) {
                if let Some(place) = kept.iter().position(|other| *other == tx) {
                    kept.remove(place);
                } else {
                    let reason = xln_types::Rejection::NotAvailable {};
                    outcomes.push(Outcome::Dropped { tx: tx.clone(), reason });
                }
            }
        }
        _ => {}
    }
    outcomes
}
