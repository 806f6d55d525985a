//! What is judged when a frame is proposed or taken, and never again: expiries and chain facts (**CH-6**, **CH-12**, **HT-2**, **HT-6**).

use super::pair::{Left, Pair, Right, add, cancel, fulfill, htlc, pay, taken};
use super::{ASSET, EXPIRY_S, NOW_MS};
use crate::channel::replica::{FULFILL_MARGIN_S, Received, SeenFact};
use xln_types::frame::{CollateralChange, FRAME_AHEAD_S_MAX};
use xln_types::htlc::HTLC_EXPIRY_S_MAX;
use xln_types::{Amount, AssetId, FrameTx, Hash, Htlc, Rejection, Side};

const NOW_S: u64 = NOW_MS / 1000;

/// HT-6: an HTLC is proposed while it isn't past and at most seven days ahead, and taken with the slack that clocks and ways need.
#[test]
fn an_htlc_expires_neither_in_the_past_nor_too_far_ahead() {
    let until = |expires_at_s| FrameTx::HtlcAdd { id: 0, htlc: Htlc { expires_at_s, ..htlc(1) } };
    let week = NOW_S + HTLC_EXPIRY_S_MAX;
    let outside = Err(Rejection::ExpiryOutside { from_s: NOW_S + 1, until_s: week });
    for (expires_at_s, answer) in [(NOW_S, &outside), (NOW_S + 1, &Ok(())), (week, &Ok(())), (week + 1, &outside)] {
        assert_eq!(Pair::opened().draft(Left, until(expires_at_s)), *answer, "{expires_at_s}");
    }
    // The proposer's clock is ahead of the receiver's.
    let mut pair = Pair::opened();
    let sent = pair.proposes(Left, [until(week)]);
    pair.judge.now_ms -= (FRAME_AHEAD_S_MAX + 1) * 1000;
    assert!(pair.deliver(&sent).is_err());
    pair.judge.now_ms += 1000;
    taken(pair.deliver(&sent));
    // One that expired on its way harms nobody.
    let mut pair = Pair::opened();
    let sent = pair.proposes(Left, [until(NOW_S + 1)]);
    pair.judge.now_ms += 60_000;
    taken(pair.deliver(&sent));
}

/// HT-2: a claim is proposed with time for its way, and taken until the expiry, by the taker's clock.
#[test]
fn a_claim_comes_before_the_expiry() {
    let mut pair = Pair::opened();
    pair.does(Left, [add(0, 5)]);
    pair.judge.now_ms = (EXPIRY_S - FULFILL_MARGIN_S) * 1000;
    let late = Rejection::HtlcExpired { now_s: EXPIRY_S - FULFILL_MARGIN_S };
    assert_eq!(pair.draft(Right, fulfill(0)), Err(late));
    pair.judge.now_ms -= 1;
    let sent = pair.proposes(Right, [fulfill(0)]);
    pair.judge.now_ms = EXPIRY_S * 1000;
    let before = pair.clone();
    assert_eq!(pair.deliver(&sent), Err(Rejection::HtlcExpired { now_s: EXPIRY_S }));
    assert_eq!(pair, before);
    pair.judge.now_ms -= 1;
    taken(pair.deliver(&sent));
    let other = FrameTx::HtlcFulfill { id: 1, preimage: Hash::ZERO };
    assert_eq!(pair.draft(Right, other), Err(Rejection::UnknownHtlc {}));
}

/// HT-2: before the expiry only its receiver gives an HTLC back; its payer takes it back only when a deep block is past it.
#[test]
fn who_may_cancel_depends_on_the_expiry() {
    let mut pair = Pair::opened();
    pair.does(Left, [add(0, 5), add(1, 6)]);
    let early = Rejection::HtlcNotExpired { expires_at_s: EXPIRY_S };
    assert_eq!(pair.draft(Left, cancel(Left, 0)), Err(early.clone()));
    pair.does(Right, [cancel(Left, 0)]);
    pair.judge.now_ms = (EXPIRY_S + 60) * 1000;
    assert_eq!(pair.draft(Left, cancel(Left, 1)), Err(early), "no deep block is past it");
    pair.judge.chain_s = EXPIRY_S;
    let sent = pair.proposes(Left, [cancel(Left, 1)]);
    taken(pair.deliver(&sent));
    taken(pair.ack(Right));
    assert!(pair.book(Left).htlcs.is_empty() && pair.book(Left).line(ASSET).is_some_and(|line| line.held_left.0 == 0));
}

/// HT-2: a payer's early cancel is refused by whoever could still claim.
#[test]
fn a_payers_early_cancel_is_refused() {
    let mut pair = Pair::opened();
    pair.does(Left, [add(0, 5)]);
    let mut hasty = pair.clone();
    (hasty.judge.now_ms, hasty.judge.chain_s) = ((EXPIRY_S - 1) * 1000, EXPIRY_S);
    let sent = hasty.proposes(Left, [cancel(Left, 0)]);
    hasty.judge.now_ms = EXPIRY_S * 1000 - 1;
    let before = hasty.clone();
    assert_eq!(hasty.deliver(&sent), Err(Rejection::HtlcNotExpired { expires_at_s: EXPIRY_S }));
    assert_eq!(hasty, before);
}

pub(super) fn added(block: u64, log_index: u64, amount: u128) -> SeenFact {
    let change = CollateralChange::Added { side: Side::Left, amount: Amount(amount) };
    SeenFact { block, block_hash: Hash([9; 32]), log_index, asset: ASSET, change }
}

/// CH-12: a fact is taken once its receiver knows it too, as the next one it knows; several may stand in one frame, in order.
#[test]
fn facts_are_taken_in_order_once_they_are_known() {
    let mut pair = Pair::opened();
    let facts = [added(1, 0, 4), added(2, 3, 5), added(2, 4, 6)];
    let txs = facts.map(SeenFact::to_tx);
    let sent = pair.proposes(Left, txs[..2].to_vec());
    let waits = Err(Rejection::FactNotDeep {});
    assert_eq!(pair.deliver(&sent), waits, "right knows none");
    pair.replica(Right).see(facts[0]).expect("room");
    assert_eq!(pair.deliver(&sent), waits, "right doesn't know the second");
    pair.replica(Right).see(facts[1]).expect("room");
    pair.replica(Right).see(facts[2]).expect("room");
    taken(pair.deliver(&sent));
    assert_eq!(pair.replica(Right).facts, [facts[2]], "what is in the head waits no more");
    taken(pair.ack(Right));
    assert_eq!(pair.book(Left).line(ASSET).map(|line| line.collateral.0), Some(9));
    assert_eq!(pair.draft(Left, facts[1].to_tx()), Err(Rejection::StaleFact {}), "each once");
    pair.does(Left, [facts[2].to_tx()]);
    assert!(pair.replica(Right).facts.is_empty());

    // A fact that differs in anything from what this node saw.
    let mut pair = Pair::opened();
    pair.replica(Right).see(added(3, 0, 7)).expect("room");
    for other in [added(3, 0, 8), added(4, 0, 7), added(3, 1, 7)] {
        let mut pair = pair.clone();
        let sent = pair.proposes(Left, [other.to_tx()]);
        assert_eq!(pair.deliver(&sent), waits);
    }
}

/// CH-12: what both sides propose at once enters once.
#[test]
fn a_fact_that_both_propose_enters_once() {
    let mut pair = Pair::opened();
    let fact = added(3, 0, 7);
    for side in [Left, Right] {
        pair.replica(side).see(fact).expect("room");
    }
    let from_left = pair.proposes(Left, [fact.to_tx()]);
    let crossed = pair.proposes(Right, [fact.to_tx(), pay(1)]);
    assert_eq!(pair.deliver(&crossed), Ok(Received::Crossed));
    taken(pair.deliver(&from_left));
    taken(pair.ack(Right));
    let again = pair.propose(Right).expect("right owes a frame");
    assert_eq!(again.frame.txs, [pay(1)]);
    taken(pair.deliver(&again));
    taken(pair.ack(Left));
    assert_eq!(pair.book(Right).line(ASSET).map(|line| line.collateral.0), Some(7));
    assert!(pair.replicas.iter().all(|replica| replica.facts.is_empty() && replica.is_settled()));
}

/// CH-12: collateral of an asset that isn't listed hinders no other fact.
#[test]
fn an_unlisted_assets_fact_waits_aside() {
    let mut pair = Pair::opened();
    let unlisted = SeenFact { asset: AssetId([8; 32]), ..added(1, 0, 5) };
    for fact in [unlisted, added(2, 0, 6), added(3, 0, 7)] {
        pair.replica(Right).see(fact).expect("room");
    }
    pair.does(Left, [added(2, 0, 6).to_tx()]);
    assert_eq!(pair.replica(Right).facts, [unlisted, added(3, 0, 7)]);
    // Even once it is listed: its place is past.
    pair.does(Left, [FrameTx::List { asset: unlisted.asset }, added(3, 0, 7).to_tx()]);
    assert!(pair.replica(Right).facts.is_empty());
}
