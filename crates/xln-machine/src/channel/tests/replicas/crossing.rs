//! Crossings, one by one: who wins, what is put back, what is evidence and what isn't.

use super::pair::{Left, Pair, Right, add, cancel, fulfill, grant, pay, signed, taken};
use super::{EXPIRY_S, NOW_MS};
use crate::channel::replica::{Outcome, Received, TURN_MS_MAX};
use xln_types::{Amount, FrameTx, Rejection};

/// CH-9: left's frame wins; right puts each transaction back as often as it stood there, in order, and owes a frame.
#[test]
fn right_puts_back_what_it_gave_up_as_often_as_it_stood_there() {
    let mut pair = Pair::opened();
    let from_left = pair.proposes(Left, [pay(100)]);
    let first = pair.proposes(Right, [pay(1), pay(1)]);
    let second = pair.proposes(Right, [pay(2), pay(1)]);
    assert_eq!(pair.draft(Right, pay(3)), Ok(()));
    assert_eq!(pair.deliver(&first), Ok(Received::Crossed));
    assert_eq!(pair.deliver(&second), Err(Rejection::FrameGap { height: 3 }));
    // Right signed nonces 3 and 4, left's has 3: not final yet.
    assert_eq!(taken(pair.deliver(&from_left)), []);
    assert!(pair.replica(Right).owes && pair.replica(Right).stack.is_empty());
    assert_eq!(taken(pair.ack(Right)), [Outcome::Acknowledged(pay(100))]);
    assert_eq!(pair.draft(Left, pay(7)), Ok(()));
    assert_eq!(pair.propose(Left), None, "left yields");
    let again = pair.propose(Right).expect("right owes a frame");
    assert_eq!(again.frame.txs, [pay(1), pay(1), pay(2), pay(1), pay(3)]);
    assert_eq!((again.frame.height, again.proof.nonce), (4, 5), "above every nonce that right signed");
    assert_eq!(taken(pair.deliver(&again)).len(), 5);
    let told = taken(pair.ack(Left));
    assert_eq!(told.len(), 6);
    assert_eq!(told.last(), Some(&Outcome::Final(pay(100))), "now nothing that right signed is above");
    assert_eq!((pair.offdelta(Left), pair.offdelta(Right)), (-92, -92));
    assert!(pair.propose(Left).is_some(), "it was left's turn again");
}

/// CH-9, CH-8: where nothing is left to put back an empty frame releases what was given up.
#[test]
fn an_empty_frame_releases_what_no_longer_fits() {
    let mut pair = Pair::opened();
    let lowered = pair.proposes(Left, [grant(0)]);
    let crossed = [pair.proposes(Right, [pay(5)]), pair.proposes(Right, [add(0, 6)])];
    assert_eq!(pair.deliver(&crossed[0]), Ok(Received::Crossed));
    assert_eq!(taken(pair.deliver(&lowered)), [], "left could still claim what right signed");
    taken(pair.ack(Right));
    let empty = pair.propose(Right).expect("right owes a frame");
    assert!(empty.frame.txs.is_empty() && !pair.replica(Right).is_settled());
    assert_eq!(taken(pair.deliver(&empty)), []);
    let reason = Rejection::InsufficientFunds { available: Amount(0), leg: 0 };
    let dropped = |tx| Outcome::Dropped { tx, reason: reason.clone() };
    assert_eq!(taken(pair.ack(Left)), [dropped(pay(5)), dropped(add(0, 6))]);
    assert!(pair.replica(Right).is_settled() && pair.replica(Left).is_settled());
    let head = pair.book(Right).clone();
    assert_eq!(pair.replica(Right).next_htlc_id(&head), 1, "HT-2: an id once signed is never used again");
    assert_eq!(pair.propose(Right), None, "nothing is owed any more");
}

/// CH-9: two frames of one side on one frame are kept, and the second is refused.
#[test]
fn an_equivocation_is_refused_and_kept() {
    let mut pair = Pair::opened();
    let first = pair.proposes(Right, [pay(1)]);
    let twin = first.changed(|frame, proof| (frame.txs, proof.nonce) = (vec![pay(9)], 9));
    taken(pair.deliver(&first));
    let book = pair.book(Left).clone();
    assert_eq!(pair.deliver(&twin), Err(Rejection::Equivocation {}));
    let kept = pair.replica(Left).equivocation.clone().expect("kept");
    assert_eq!(*kept, (first.signed(), twin.signed()));
    let third = first.changed(|frame, _| frame.txs = vec![pay(8)]);
    assert_eq!(pair.deliver(&third), Err(Rejection::Equivocation {}));
    assert_eq!(pair.replica(Left).equivocation.as_deref(), Some(&*kept), "the first pair is proof enough");
    assert_eq!(*pair.book(Left), book);
}

/// CH-9: a late copy of a frame that right gave up is no equivocation, even at the height at which left took another of right's.
#[test]
fn a_late_copy_of_what_was_given_up_accuses_nobody() {
    let mut pair = Pair::opened();
    let from_left = pair.proposes(Left, [pay(1)]);
    let given_up = [pair.proposes(Right, [pay(2)]), pair.proposes(Right, [pay(3)])];
    assert_eq!(pair.deliver(&given_up[0]), Ok(Received::Crossed));
    taken(pair.deliver(&from_left));
    taken(pair.ack(Right));
    let again = pair.propose(Right).expect("right owes a frame");
    taken(pair.deliver(&again));
    let before = pair.clone();
    for copy in given_up {
        assert_eq!(pair.deliver(&copy), Err(Rejection::StaleFrame {}));
    }
    assert_eq!(pair, before);
}

/// CH-9: a duplicate is acknowledged again; an older one, and a late acknowledgement, change nothing.
#[test]
fn duplicates_change_nothing() {
    let mut pair = Pair::opened();
    let first = pair.proposes(Left, [pay(1)]);
    let second = pair.proposes(Left, [pay(2)]);
    taken(pair.deliver(&first));
    let early = pair.replica(Right).acknowledgement(0).expect("taken");
    taken(pair.deliver(&second));
    let before = pair.clone();
    assert_eq!(pair.deliver(&second), Ok(Received::Again));
    assert_eq!(pair.deliver(&first), Err(Rejection::StaleFrame {}));
    assert_eq!(pair, before);
    assert_eq!(taken(pair.ack(Right)), [pay(1), pay(2)].map(Outcome::Acknowledged), "one settles the whole stack");
    assert_eq!(pair.ack(Right), Ok(Received::Again));
    let before = pair.clone();
    let late = pair.replicas[0].receive_ack(&mut pair.books[0], signed(early));
    assert_eq!(late, Err(Rejection::StaleFrame {}));
    assert_eq!(pair, before);
    assert_eq!(pair.replica(Left).acknowledgement(0), None, "the head is its own");
}

/// CH-9: left's turn also ends by time.
#[test]
fn left_goes_on_when_right_stays_silent() {
    let mut pair = Pair::opened();
    let from_left = pair.proposes(Left, [pay(1)]);
    let crossed = pair.proposes(Right, [pay(2)]);
    assert_eq!(pair.deliver(&crossed), Ok(Received::Crossed));
    taken(pair.deliver(&from_left));
    taken(pair.ack(Right));
    assert_eq!(pair.draft(Left, pay(3)), Ok(()));
    pair.judge.now_ms = NOW_MS + TURN_MS_MAX - 1;
    assert_eq!(pair.propose(Left), None);
    pair.judge.now_ms += 1;
    assert!(pair.propose(Left).is_some());
    assert_eq!(pair.replica(Left).yielding_since_ms, None);
}

/// CH-8: an HTLC given back is returned to its payer once no state that it signed can claim it.
#[test]
fn a_returned_htlc_waits_for_its_release() {
    let mut pair = Pair::opened();
    pair.does(Right, [add(0, 5)]);
    let given_back = pair.proposes(Left, [cancel(Right, 0)]);
    for tx in [pay(1), pay(2)] {
        pair.proposes(Right, [tx]);
    }
    assert_eq!(taken(pair.deliver(&given_back)), [], "right signed nonce 5 with the HTLC in it");
    taken(pair.ack(Right));
    let again = pair.propose(Right).expect("right owes a frame");
    taken(pair.deliver(&again));
    let told = taken(pair.ack(Left));
    assert!(matches!(told.last(), Some(Outcome::Returned { key, .. }) if key.id == 0), "{told:?}");

    // Without a crossing it is returned with the frame.
    pair.does(Right, [add(1, 5)]);
    let [told, _] = pair.does(Left, [cancel(Right, 1)]);
    assert!(matches!(told.as_slice(), [Outcome::Returned { key, .. }] if key.id == 1), "{told:?}");
}

/// HT-2: a claim tells the payer the preimage at once, final or not.
#[test]
fn a_preimage_is_known_at_once() {
    let mut pair = Pair::opened();
    pair.does(Right, [add(0, 5)]);
    let claim = pair.proposes(Left, [fulfill(0)]);
    for tx in [pay(1), pay(2)] {
        pair.proposes(Right, [tx]);
    }
    let told = taken(pair.deliver(&claim));
    assert!(matches!(told.as_slice(), [Outcome::Preimage { key, .. }] if key.id == 0), "{told:?}");
    assert_eq!(taken(pair.ack(Right)), [Outcome::Acknowledged(fulfill(0))]);
    assert_eq!(pair.offdelta(Left), 5);
}

/// HT-3: an HTLC that its payer took back after the expiry, before it was final, is never called final.
#[test]
fn what_its_payer_took_back_is_never_called_final() {
    let mut pair = Pair::opened();
    let locked = pair.proposes(Left, [add(0, 5), pay(1)]);
    for tx in [pay(1), pay(2)] {
        pair.proposes(Right, [tx]);
    }
    assert_eq!(taken(pair.deliver(&locked)), [], "right signed nonce 4 without it");
    taken(pair.ack(Right));
    (pair.judge.now_ms, pair.judge.chain_s) = (EXPIRY_S * 1000, EXPIRY_S);
    let back = pair.proposes(Left, [cancel(Left, 0)]);
    taken(pair.deliver(&back));
    taken(pair.ack(Right));
    let again = pair.propose(Right).expect("right owes a frame");
    taken(pair.deliver(&again));
    let told = taken(pair.ack(Left));
    assert!(told.contains(&Outcome::Final(pay(1))), "{told:?}");
    assert!(!told.iter().any(|outcome| matches!(outcome, Outcome::Final(FrameTx::HtlcAdd { .. }))), "{told:?}");
}

/// HT-3: nor one that is locked and taken back in one frame.
#[test]
fn what_was_taken_back_in_its_own_frame_is_never_called_final() {
    let mut pair = Pair::opened();
    assert_eq!(pair.draft(Left, add(0, 5)), Ok(()));
    (pair.judge.now_ms, pair.judge.chain_s) = (EXPIRY_S * 1000, EXPIRY_S);
    let both = pair.proposes(Left, [cancel(Left, 0)]);
    assert_eq!(both.frame.txs.len(), 2);
    assert_eq!(taken(pair.deliver(&both)), []);
}
