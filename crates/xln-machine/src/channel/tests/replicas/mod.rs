//! The frame protocol between two replicas, explored exhaustively over the production code (PROTOCOL 2): two [`Replica`]s with their
//! books and two links, every interleaving of drafts, proposals and deliveries, and at every state a dispute.
//!
//! Laws: **CH-6** (what was signed is what was computed), **CH-7** (nonces), **CH-8** (final and released), **CH-9** (crossings and
//! turns; nothing is stuck), **CH-10** (resent after a loss), **DP-5** (which proof stands), **HT-2** (identity).
//!
//! Read [`plan`], then [`seat`], [`dispute`], [`explore`]. The tests below play slices that take seconds. To explore more, raise a
//! plan's numbers: three operations a side take minutes.

mod chronicle;
mod crossing;
mod dispute;
mod drafts;
mod explore;
mod fuzz;
mod judged;
mod mistakes;
mod pair;
mod plan;
mod refusals;
mod seat;

use super::script::ASSET;
use crate::channel::Replica;
use chronicle::Chronicle;
use explore::{Report, explore};
use plan::Kind::{Add, Alone, Cancel, Fulfill, Lower, Open, Pay, Raise, Same};
use plan::{Mistake, Plan};
use seat::{Input, Seat};
use xln_types::tx::{AssetAmount, DISPUTE_WINDOW_S_DEFAULT};
use xln_types::{Amount, ChannelId, EntityId, FrameTx, Side, SignerId};

/// When everything happens, unless the HTLCs expire.
const NOW_MS: u64 = 1_700_000_000_000;
/// When every HTLC expires.
const EXPIRY_S: u64 = NOW_MS / 1000 + 3600;
/// What each side grants the other at the start.
const GRANT: Amount = Amount(1 << 20);

fn open_tx() -> Option<FrameTx> {
    let grants = vec![AssetAmount { asset: ASSET, amount: GRANT }];
    let (peer, requested) = (EntityId([2; 32]), grants.clone());
    Some(FrameTx::Open { peer, dispute_window_s: DISPUTE_WINDOW_S_DEFAULT, requested, grants })
}

fn replica(me: Side) -> Replica {
    Replica::new(ChannelId([9; 32]), me, EntityId([me.pick(2, 1); 32]), SignerId([me.pick(2, 1); 20]))
}

/// Two sides that have opened, and each granted the other [`GRANT`].
fn opened(mistake: Mistake) -> ([Seat; 2], Chronicle) {
    let mut seats = [Side::Left, Side::Right].map(|side| Seat::new(replica(side), mistake));
    let mut chronicle = Chronicle::default();
    const START: Plan = Plan::of([1, 1], &[Open, Raise]);
    for (index, operation) in [(0, 0), (1, 0)] {
        for input in [Input::Draft(operation), Input::Propose(false)] {
            let mails = seats[index].act(&mut chronicle, &START, false, &input).expect("nothing hinders it");
            for mail in mails {
                let acks = seats[1 - index].act(&mut chronicle, &START, false, &Input::Receive(mail)).expect("taken");
                for ack in acks {
                    seats[index].act(&mut chronicle, &START, false, &Input::Receive(ack)).expect("taken");
                }
            }
        }
    }
    for seat in &mut seats {
        assert!(seat.replica.is_settled() && seat.replica.height == 2, "both have opened and granted");
        seat.made = 0;
    }
    (seats, chronicle)
}

fn play(plan: &Plan) -> Report {
    if plan.from_nothing {
        let seats = [Side::Left, Side::Right].map(|side| Seat::new(replica(side), plan.mistake));
        return explore(plan, seats, Chronicle::default());
    }
    let (seats, chronicle) = opened(plan.mistake);
    explore(plan, seats, chronicle)
}

/// Plays a plan in which all must hold.
#[track_caller]
fn holds(plan: &Plan) {
    let report = play(plan);
    println!("worlds={} seats={} rests={} {plan:?}", report.worlds, report.seats, report.rests);
    if let Some(violation) = report.violation {
        panic!("{violation}\n{plan:?}");
    }
    assert!(0 < report.rests, "it comes to rest somewhere");
}

/// Plays a plan in which a mistake must be found, and found for what it is.
#[track_caller]
fn fails(plan: Plan, mistake: Mistake, expected: &str) {
    holds(&plan);
    let report = play(&plan.with(mistake));
    let violation = report.violation.unwrap_or_else(|| panic!("{mistake:?} isn't found"));
    println!("worlds={} {mistake:?}: {violation}", report.worlds);
    assert!(violation.contains(expected), "{mistake:?} is found as {violation}");
}

/// CH-8, CH-9: payments both ways.
#[test]
fn payments_survive_every_dispute() {
    holds(&Plan::of([3, 3], &[Pay]));
}

/// CH-8: what no longer fits under a lowered grant is dropped once nobody can claim it.
#[test]
fn a_lowered_grant_drops_what_was_signed_only_once_it_is_released() {
    holds(&Plan::of([2, 2], &[Pay, Lower, Raise]));
    holds(&Plan::of([2, 2], &[Add, Lower]));
}

/// CH-8, HT-2: HTLCs added, claimed and given back, among payments.
#[test]
fn htlcs_survive_every_dispute() {
    holds(&Plan::of([2, 2], &[Pay, Add, Fulfill, Cancel]));
}

/// HT-2: after the expiry the payer takes its own back, and nothing can be claimed any more.
#[test]
fn expired_htlcs_survive_every_dispute() {
    holds(&Plan { expires: true, ..Plan::of([2, 2], &[Add, Fulfill, Cancel]) });
}

/// CH-9: equal payments that were given up are put back as often as they stood there.
#[test]
fn equal_payments_are_as_many_as_were_made() {
    holds(&Plan::of([3, 3], &[Same]));
}

/// CH-8: what stands alone is never stacked, nor anything upon it.
#[test]
fn what_stands_alone_is_never_stacked() {
    holds(&Plan::of([2, 2], &[Pay, Alone]));
}

/// CH-11: a channel that both sides open at once is opened by left.
#[test]
fn both_may_open_at_once() {
    holds(&Plan { from_nothing: true, ..Plan::of([2, 2], &[Open, Pay]) });
}

/// CH-10: after all in flight was lost, the acknowledgement of the head and the stack are sent again, and nothing is stuck.
#[test]
fn losses_are_made_good() {
    holds(&Plan { losses: 2, ..Plan::of([2, 2], &[Pay]) });
    holds(&Plan { losses: 1, ..Plan::of([1, 1], &[Pay, Add, Fulfill, Cancel]) });
}

/// CH-9: late copies change nothing, and accuse nobody.
#[test]
fn late_copies_change_nothing() {
    holds(&Plan { copies: 1, ..Plan::of([2, 2], &[Pay]) });
    holds(&Plan { copies: 1, losses: 1, ..Plan::of([1, 1], &[Pay, Add, Fulfill, Cancel]) });
}

/// CH-9: left goes on when right stays silent.
#[test]
fn turns_that_end_by_time_stick_nowhere() {
    holds(&Plan { timeouts: 2, ..Plan::of([2, 2], &[Pay, Lower]) });
}

/// DP-5: the chain needs some order at equal nonces, and any will do: what CH-8 calls final or released is strictly above.
#[test]
fn nothing_depends_on_who_wins_a_tie() {
    holds(&Plan::of([1, 3], &[Pay, Lower, Add, Cancel]).with(Mistake::TieIsRights));
}

/// The exploration fails where a rule is missing.
#[test]
fn planted_mistakes_are_found() {
    let pay = Plan::of([2, 2], &[Pay]);
    let low = Plan::of([2, 2], &[Pay, Lower]);
    let htlcs = Plan::of([1, 3], &[Add, Cancel]);
    let lossy = Plan { losses: 1, ..Plan::of([1, 1], &[Pay]) };
    fails(low.clone(), Mistake::OwesNothing, "at rest, left yields for ever");
    fails(pay.clone(), Mistake::TakesNoTurns, "left took right's turn");
    fails(pay.clone(), Mistake::LeftGivesWay, "two books at one height");
    fails(Plan::of([2, 2], &[Same]), Mistake::EqualIsDropped, "was lost, or stands twice");
    fails(pay.clone(), Mistake::NonceAboveTheHead, "CH-8: ");
    fails(pay, Mistake::FinalOnArrival, "CH-8: ");
    fails(htlcs, Mistake::ReturnedOnArrival, "CH-8: ");
    fails(low, Mistake::DroppedOnArrival, "CH-8: ");
    fails(lossy.clone(), Mistake::SilentOnCopies, "at rest, the heads differ");
    fails(lossy, Mistake::ResumesWithoutAck, "at rest");
}
