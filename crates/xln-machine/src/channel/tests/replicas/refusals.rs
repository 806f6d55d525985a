//! What a replica refuses, each typed, each changing nothing (**CH-6**).

use super::pair::{Left, Pair, Right, Sent, add, grant, pay, signed, taken};
use super::{NOW_MS, open_tx, replica};
use crate::channel::Book;
use crate::channel::replica::{Outcome, Received, SeenFact};
use xln_types::frame::{FRAME_AHEAD_S_MAX, NONCE_SKIP_MAX};
use xln_types::{Amount, ChannelId, Frame, FrameTx, Hash, Rejection, Side};

/// Right's frame over one payment, changed; what left answers. Left must be as it was.
fn answer(change: impl FnOnce(&mut Frame, &mut xln_types::ChannelProof)) -> Result<Received, Rejection> {
    let mut pair = Pair::opened();
    let sent = pair.proposes(Right, [pay(1)]).changed(change);
    let before = pair.clone();
    let answer = pair.deliver(&sent);
    if answer.is_err() {
        assert_eq!(pair, before, "a refused frame changes nothing");
    }
    answer
}

/// CH-6: a frame stands on the receiver's own head, in its channel, by the other side.
#[test]
fn a_frame_stands_on_the_head() {
    let gap = Err(Rejection::FrameGap { height: 3 });
    let malformed = Err(Rejection::MalformedFrame {});
    assert_eq!(answer(|frame, _| frame.height = 4), gap);
    assert_eq!(answer(|frame, _| frame.height = u64::MAX), gap);
    assert_eq!(answer(|frame, _| frame.previous = Hash([1; 32])), gap);
    assert_eq!(answer(|frame, _| frame.height = 1), Err(Rejection::StaleFrame {}));
    assert_eq!(answer(|frame, _| frame.height = 0), Err(Rejection::StaleFrame {}));
    assert_eq!(answer(|frame, _| frame.channel = ChannelId([1; 32])), malformed);
    // To its own proposer.
    let mut pair = Pair::opened();
    let sent = pair.proposes(Right, [pay(1)]);
    let judge = pair.judge;
    let own = pair.replicas[1].receive_frame(&mut pair.books[1], &judge, &sent.frame, sent.signed());
    assert_eq!(own, malformed);
}

/// CH-6: what was computed here must be what was signed there, state, offdeltas, HTLCs and window alike.
#[test]
fn another_state_is_refused() {
    let mismatch = Err(Rejection::StateMismatch {});
    assert_eq!(answer(|frame, _| frame.state = Hash::ZERO), mismatch);
    assert_eq!(answer(|frame, _| frame.txs = vec![pay(2)]), mismatch);
    assert_eq!(answer(|frame, _| frame.txs.clear()), mismatch);
    assert_eq!(answer(|_, proof| proof.offdeltas = Hash::ZERO), mismatch);
    assert_eq!(answer(|_, proof| proof.htlcs = Hash::ZERO), mismatch);
    assert_eq!(answer(|_, proof| proof.dispute_window_s += 1), mismatch);
    let most = xln_types::Rejection::InsufficientFunds { available: super::GRANT, leg: 0 };
    assert_eq!(answer(|frame, _| frame.txs = vec![pay(super::GRANT.0 + 1)]), Err(most));
    assert!(answer(|_, _| ()).is_ok(), "unchanged it is taken");
}

/// CH-7: a nonce is above the head's, and skips at most 2²⁰.
#[test]
fn nonces_stay_in_their_window() {
    let (from, until) = (3, 2 + NONCE_SKIP_MAX);
    let outside = Err(Rejection::NonceOutside { from, until });
    for nonce in [0, 2, until + 1, u64::MAX] {
        assert_eq!(answer(|_, proof| proof.nonce = nonce), outside, "{nonce}");
    }
    for nonce in [from, from + 1, until] {
        assert!(answer(|_, proof| proof.nonce = nonce).is_ok(), "{nonce}");
    }
}

/// CH-7: whoever took a skipping nonce goes on above it.
#[test]
fn the_next_nonce_is_above_what_was_taken() {
    let mut pair = Pair::opened();
    let skipping = pair.proposes(Right, [pay(1)]).changed(|_, proof| proof.nonce = 1000);
    taken(pair.deliver(&skipping));
    assert_eq!(pair.proposes(Left, [pay(1)]).proof.nonce, 1001);
}

/// CH-6: timestamps never go back and are at most 30 s ahead.
#[test]
fn timestamps_stay_in_their_window() {
    let now_s = NOW_MS / 1000;
    let until_s = now_s + FRAME_AHEAD_S_MAX;
    let outside = Err(Rejection::TimestampAhead { from_s: now_s, until_s });
    for timestamp_s in [0, now_s - 1, until_s + 1, u64::MAX] {
        assert_eq!(answer(|frame, _| frame.timestamp_s = timestamp_s), outside, "{timestamp_s}");
    }
    for timestamp_s in [now_s, until_s] {
        assert!(answer(|frame, _| frame.timestamp_s = timestamp_s).is_ok(), "{timestamp_s}");
    }
    // A clock that is behind proposes at the time of what it stacks upon.
    let mut pair = Pair::opened();
    let ahead = pair.proposes(Right, [pay(1)]).changed(|frame, _| frame.timestamp_s = until_s);
    taken(pair.deliver(&ahead));
    assert_eq!(pair.proposes(Left, [pay(1)]).frame.timestamp_s, until_s);
    assert_eq!(pair.proposes(Left, [pay(1)]).frame.timestamp_s, until_s, "stacked too");
}

/// CH-11: the first frame opens the channel, alone, and no other does.
#[test]
fn the_first_frame_opens_and_no_other_does() {
    let open = open_tx().expect("it is there");
    let malformed = Err(Rejection::MalformedFrame {});
    let first = |txs: Vec<FrameTx>| {
        let mut pair = Pair::new();
        let sent = pair.proposes(Right, [open.clone()]).changed(|frame, _| frame.txs = txs);
        let before = pair.clone();
        let answer = pair.deliver(&sent);
        assert!(answer.is_ok() || pair == before);
        answer
    };
    assert_eq!(first(vec![]), malformed);
    assert_eq!(first(vec![grant(1)]), malformed);
    assert_eq!(first(vec![open.clone(), grant(1)]), malformed);
    assert!(first(vec![open.clone()]).is_ok());
    assert_eq!(answer(|frame, _| frame.txs = vec![open]), malformed);
    // Nor does anybody draft anything before.
    let mut pair = Pair::new();
    for tx in [grant(1), pay(1), update(1)] {
        assert_eq!(pair.draft(Left, tx), Err(Rejection::ChannelNotOpen { status: 0 }));
    }
    assert_eq!(pair.propose(Left), None);
}

pub(super) fn update(mailbox: u8) -> FrameTx {
    FrameTx::Update { dispute_window_s: 0, mailbox: xln_types::Address([mailbox; 20]) }
}

/// CH-8: what is never stacked is the only one of its frame.
#[test]
fn what_stands_alone_is_the_only_one() {
    let malformed = Err(Rejection::MalformedFrame {});
    assert_eq!(answer(|frame, _| frame.txs = vec![update(1), pay(1)]), malformed);
    assert_eq!(answer(|frame, _| frame.txs = vec![pay(1), update(1)]), malformed);
    assert_eq!(answer(|frame, _| frame.txs = vec![update(1), update(2)]), malformed);
}

/// CH-12: once a dispute has begun nothing is drafted, proposed or taken, and nothing counts as final; what arrives is evidence.
#[test]
fn a_frozen_replica_signs_nothing_and_counts_nothing_as_final() {
    let mut pair = Pair::opened();
    let from_left = pair.proposes(Left, [pay(100)]);
    for tx in [pay(1), pay(2)] {
        pair.proposes(Right, [tx]);
    }
    taken(pair.deliver(&from_left));
    taken(pair.ack(Right));
    let again = pair.propose(Right).expect("right owes a frame");
    taken(pair.deliver(&again));
    pair.draft(Right, pay(3)).expect("it fits");
    pair.replica(Right).freeze();
    // Right would be told now that left's payment is final.
    assert_eq!(taken(pair.ack(Left)), [], "nobody relies on it any more");
    let head = (pair.replica(Right).nonce, pair.replica(Right).evidence.clone().map(|evidence| evidence.proof.nonce));
    assert_eq!(head, (again.proof.nonce, Some(again.proof.nonce)), "but it is evidence");
    assert_eq!(pair.books[0], pair.books[1]);
    let sent = pair.proposes(Left, [pay(4)]);
    let before = pair.clone();
    assert_eq!(pair.deliver(&sent), Err(Rejection::Disputed {}));
    assert_eq!(pair.draft(Right, pay(1)), Err(Rejection::Disputed {}));
    assert_eq!(pair.propose(Right), None);
    assert_eq!(pair, before);
}

/// CH-9: an acknowledgement covers what was proposed, to the byte; a board that rotated signs with its own epoch.
#[test]
fn an_acknowledgement_covers_what_was_proposed() {
    let check = |change: &dyn Fn(&mut xln_types::ChannelProof), expected: Result<Received, Rejection>| {
        let mut pair = Pair::opened();
        let mut proof = pair.proposes(Left, [pay(1)]).proof;
        change(&mut proof);
        let before = pair.clone();
        let answer = pair.replicas[0].receive_ack(&mut pair.books[0], signed(proof));
        assert_eq!(answer, expected, "{proof:?}");
        assert!(answer.is_ok() || pair == before, "a refused one changes nothing");
    };
    let malformed = || Err(Rejection::MalformedFrame {});
    check(&|proof| proof.nonce += 1, malformed());
    check(&|proof| proof.by = Side::Right, malformed());
    check(&|proof| proof.offdeltas = Hash::ZERO, malformed());
    check(&|proof| proof.htlcs = Hash::ZERO, malformed());
    check(&|proof| proof.dispute_window_s += 1, malformed());
    check(&|proof| proof.channel = ChannelId::ZERO, malformed());
    check(&|proof| proof.frame = Hash::ZERO, Err(Rejection::StaleFrame {}));
    check(&|proof| proof.board_epoch = 9, Ok(Received::Taken(vec![Outcome::Acknowledged(pay(1))])));
}

/// HT-2: an HTLC's number, once signed, is never used again, even where its frame was given up.
#[test]
fn a_number_is_never_used_twice() {
    let mut pair = Pair::opened();
    let lowered = pair.proposes(Left, [grant(0)]);
    pair.proposes(Right, [add(0, 5)]);
    taken(pair.deliver(&lowered));
    pair.does_raise();
    assert_eq!(pair.draft(Right, add(0, 7)), Err(Rejection::HtlcUsed { expected: 1 }));
    assert_eq!(pair.draft(Right, add(1, 7)), Ok(()));
}

impl Pair {
    /// Left grants again, after right's owed frame.
    fn does_raise(&mut self) {
        taken(self.ack(Right));
        let owed: Sent = self.propose(Right).expect("right owes a frame");
        taken(self.deliver(&owed));
        taken(self.ack(Left));
        self.does(Left, [grant(100)]);
    }
}

/// CH-16: a replica waits with a bounded number of facts.
#[test]
fn facts_that_wait_are_bounded() {
    let mut replica = replica(Left);
    let change = xln_types::frame::CollateralChange::Added { side: Left, amount: Amount(1) };
    let fact = SeenFact { block: 1, block_hash: Hash::ZERO, log_index: 0, asset: super::ASSET, change };
    for _ in 0..crate::channel::replica::FACTS_MAX {
        assert_eq!(replica.see(fact), Ok(()));
    }
    assert_eq!(replica.see(fact), Err(Rejection::StackFull { limit: 1024 }));
    assert_eq!(*replica.tip(&Book::default()), Book::default());
}
