//! Drafts and stacks: bounds, what a frame bears, what stands alone, what is swept.

use super::pair::{Left, Pair, Right, add, cancel, fulfill, grant, pay, taken};
use super::refusals::update;
use super::{EXPIRY_S, NOW_MS};
use crate::channel::replica::{
    DRAFT_TXS_MAX, FRAME_TX_BYTES_MAX, FULFILL_MARGIN_S, Outcome, Received, STACK_FRAMES_MAX,
};
use xln_types::codec::{Blob, Encodable};
use xln_types::frame::FRAME_TXS_MAX;
use xln_types::{Amount, FrameTx, Rejection, TxHash};

/// CH-8: what stands alone waits for an empty stack, and nothing is stacked upon it.
#[test]
fn a_frame_that_stands_alone_is_never_stacked_nor_stacked_upon() {
    let mut pair = Pair::opened();
    for tx in [pay(1), update(1), pay(2), update(2)] {
        assert_eq!(pair.draft(Left, tx), Ok(()));
    }
    for expected in [pay(1), update(1), pay(2), update(2)] {
        let sent = pair.propose(Left).expect("its turn");
        assert_eq!(sent.frame.txs, std::slice::from_ref(&expected));
        assert_eq!(pair.propose(Left), None, "{expected:?} is waited for");
        taken(pair.deliver(&sent));
        taken(pair.ack(Right));
    }
    assert_eq!(pair.book(Right).terms.left.mailbox.0, [2; 20]);
    assert!(pair.replica(Left).is_settled());
}

/// CH-16: a stack has a maximum; what comes on top waits in the draft, which has one too.
#[test]
fn stacks_and_drafts_are_bounded() {
    let mut pair = Pair::opened();
    for _ in 0..STACK_FRAMES_MAX {
        pair.proposes(Left, [pay(1)]);
    }
    assert_eq!(pair.draft(Left, pay(1)), Ok(()));
    assert_eq!(pair.propose(Left), None);
    let waiting = pair.replica(Left).draft[0].clone();
    pair.replica(Left).draft.resize(DRAFT_TXS_MAX, waiting);
    assert_eq!(pair.draft(Left, pay(1)), Err(Rejection::StackFull { limit: DRAFT_TXS_MAX as u64 }));
}

/// CH-16: a large draft goes out as several frames, each within its bounds, in order.
#[test]
fn a_large_draft_is_split_into_frames() {
    let mut pair = Pair::opened();
    let txs: Vec<FrameTx> = (1..=FRAME_TXS_MAX as u128 * 2 + 1).map(pay).collect();
    for tx in &txs {
        assert_eq!(pair.draft(Left, tx.clone()), Ok(()));
    }
    let sent: Vec<_> = std::iter::from_fn(|| pair.propose(Left)).collect();
    assert_eq!(sent.iter().map(|sent| sent.frame.txs.len()).collect::<Vec<_>>(), [256, 256, 1]);
    for sent in &sent {
        taken(pair.deliver(sent));
    }
    assert_eq!(taken(pair.ack(Right)).len(), txs.len(), "one acknowledgement settles them all");
    assert_eq!(pair.books[0], pair.books[1]);

    let onion = Blob(vec![1; xln_types::htlc::ONION_BYTES_MAX]);
    let large = |id| FrameTx::HtlcAdd { id, htlc: xln_types::Htlc { onion: onion.clone(), ..super::pair::htlc(1) } };
    let each = large(63).length();
    for id in 0..64 {
        assert_eq!(pair.draft(Left, large(id)), Ok(()));
    }
    let first = pair.propose(Left).expect("its turn");
    let bytes: usize = first.frame.txs.iter().map(Encodable::length).sum();
    assert!(bytes <= FRAME_TX_BYTES_MAX && FRAME_TX_BYTES_MAX < bytes + each, "{bytes}");
    let second = pair.propose(Left).expect("the rest");
    assert_eq!(first.frame.txs.len() + second.frame.txs.len(), 64);
    taken(pair.deliver(&first));
    taken(pair.deliver(&second));
}

/// CH-6: what was never signed and no longer fits is dropped at once, with the frame that made it so.
#[test]
fn what_was_never_signed_is_dropped_at_once() {
    let mut pair = Pair::opened();
    let lowered = pair.proposes(Left, [grant(10)]);
    for amount in [8, 7, 2] {
        assert_eq!(pair.draft(Right, pay(amount)), Ok(()));
    }
    let told = taken(pair.deliver(&lowered));
    let reason = Rejection::InsufficientFunds { available: Amount(2), leg: 0 };
    assert_eq!(told, [Outcome::Dropped { tx: pay(7), reason }]);
    assert!(!pair.replica(Right).owes, "it has signed nothing that it would have to release");
    assert_eq!(pair.propose(Right).expect("the rest").frame.txs, [pay(8), pay(2)]);
}

/// HT-2, HT-6: what waited until it can't be proposed any more is swept out before a frame closes over it.
#[test]
fn drafts_that_expired_are_swept() {
    let mut pair = Pair::opened();
    pair.does(Right, [add(0, 5)]);
    for tx in [pay(1), fulfill(0), add(0, 6), pay(2)] {
        assert_eq!(pair.draft(Left, tx), Ok(()));
    }
    let (judge, head) = (pair.judge, pair.books[0].clone());
    assert_eq!(pair.replica(Left).sweep(&head, &judge), []);
    pair.judge.now_ms = (EXPIRY_S - FULFILL_MARGIN_S) * 1000;
    let judge = pair.judge;
    let told = pair.replica(Left).sweep(&head, &judge);
    let expired = Rejection::HtlcExpired { now_s: EXPIRY_S - FULFILL_MARGIN_S };
    assert_eq!(told, [Outcome::Dropped { tx: fulfill(0), reason: expired }]);
    pair.judge.now_ms = EXPIRY_S * 1000;
    let judge = pair.judge;
    assert_eq!(pair.replica(Left).sweep(&head, &judge).len(), 1, "the HTLC too, a little later");
    let sent = pair.propose(Left).expect("the rest");
    assert_eq!(sent.frame.txs, [pay(1), pay(2)]);
    taken(pair.deliver(&sent));
    taken(pair.ack(Right));
    assert!(pair.replica(Left).is_settled());
}

/// CH-8: what was signed, given up and then swept is released at once where the head is above all that held it.
#[test]
fn what_is_swept_after_its_release_waits_for_nothing() {
    let mut pair = Pair::opened();
    let from_left = pair.proposes(Left, [pay(1)]);
    // So many are given up that the HTLC doesn't get into the owed frame.
    pair.proposes(Right, std::iter::repeat_n(pay(1), FRAME_TXS_MAX));
    pair.proposes(Right, [add(0, 5)]);
    taken(pair.deliver(&from_left));
    taken(pair.ack(Right));
    let owed = pair.propose(Right).expect("right owes a frame");
    assert_eq!(pair.replica(Right).draft.len(), 1);
    taken(pair.deliver(&owed));
    taken(pair.ack(Left));
    pair.judge.now_ms = EXPIRY_S * 1000;
    let (judge, head) = (pair.judge, pair.books[1].clone());
    let told = pair.replica(Right).sweep(&head, &judge);
    assert!(matches!(told.as_slice(), [Outcome::Dropped { tx: FrameTx::HtlcAdd { .. }, .. }]), "{told:?}");
}

/// CH-8: what was signed, given up and then swept waits for its release.
#[test]
fn what_is_swept_before_its_release_waits() {
    let mut pair = Pair::opened();
    let from_left = pair.proposes(Left, [pay(1)]);
    for tx in [pay(2), add(0, 5)] {
        pair.proposes(Right, [tx]);
    }
    taken(pair.deliver(&from_left));
    taken(pair.ack(Right));
    pair.judge.now_ms = EXPIRY_S * 1000;
    let (judge, head) = (pair.judge, pair.books[1].clone());
    assert_eq!(pair.replica(Right).sweep(&head, &judge), [], "left could still claim it");
    let owed = pair.propose(Right).expect("right owes a frame");
    taken(pair.deliver(&owed));
    let told = taken(pair.ack(Left));
    assert!(
        told.iter().any(|outcome| matches!(outcome, Outcome::Dropped { tx: FrameTx::HtlcAdd { .. }, .. })),
        "{told:?}"
    );
}

/// CH-6: a refused draft is as if it had never been.
#[test]
fn a_refused_draft_leaves_no_trace() {
    let mut pair = Pair::opened();
    assert_eq!(pair.draft(Left, pay(0)), Err(Rejection::AmountNotPositive {}));
    assert_eq!(pair.draft(Left, cancel(Right, 0)), Err(Rejection::UnknownHtlc {}));
    assert_eq!(pair.propose(Left), None);
    assert!(pair.replica(Left).is_settled());
    pair.does(Right, [pay(3)]);
    pair.does(Left, [pay(1)]);
    assert_eq!(pair.offdelta(Left), 2);
}

/// CH-10: what was signed stays byte for byte in the stack until it is acknowledged.
#[test]
fn what_was_signed_stays_as_it_is() {
    let mut pair = Pair::opened();
    let sent = pair.proposes(Left, [pay(1)]);
    pair.judge.now_ms = NOW_MS + 5000;
    pair.proposes(Left, [pay(2)]);
    let crossed = pair.proposes(Right, [pay(3)]);
    assert_eq!(pair.deliver(&crossed), Ok(Received::Crossed));
    let first = pair.replica(Left).stack.front().expect("it waits");
    assert_eq!((&first.frame, first.proof), (&sent.frame, sent.proof));
}

/// CH-9: payments that are alike in all are many payments.
#[test]
fn equal_payments_are_each_a_payment() {
    let mut pair = Pair::opened();
    let tx =
        || FrameTx::Pay { asset: super::ASSET, amount: Amount(1), payment: TxHash([1; 32]), memo: Blob::default() };
    let [final_ones, _] = pair.does(Left, [tx(), tx()]);
    assert_eq!(final_ones, [Outcome::Final(tx()), Outcome::Final(tx())]);
    assert_eq!(pair.offdelta(Right), -2);
}
