//! A dispute at every state (**DP-5**, **CH-8**): whatever a side was told is final survives, and whatever it was told is released
//! can't be claimed, in every dispute that the other side can start.

use super::ASSET;
use super::chronicle::{Chronicle, Stamp};
use super::plan::Mistake;
use super::seat::Seat;
use crate::channel::Book;
use xln_types::{FrameTx, HtlcKey, Side};

/// DP-5: whether `counter` beats `standing`.
fn beats(counter: Stamp, standing: Stamp, tie_is: Side) -> bool {
    standing.nonce < counter.nonce
        || (standing.nonce == counter.nonce && counter != standing && counter.by == tie_is && counter.nonce != 0)
}

/// What a side gets of a book that stands at the end. Before the expiry it claims every HTLC that is for it, but what it gave back
/// itself; after it, none. The other side claims all of its own.
fn value(book: &Book, seat: &Seat, late: bool) -> i128 {
    let me = seat.replica.me;
    let offdelta = book.line(ASSET).map_or(0, |line| line.offdelta.0);
    let mut value = me.pick(offdelta, -offdelta);
    for (HtlcKey { side, id }, htlc) in &book.htlcs {
        if *side == me {
            value -= htlc.amount.0.cast_signed();
        } else if !late && !seat.cancelled.contains(id) {
            value += htlc.amount.0.cast_signed();
        }
    }
    value
}

fn amount(tx: &FrameTx) -> i128 {
    match tx {
        FrameTx::Pay { amount, .. } => amount.0.cast_signed(),
        FrameTx::HtlcAdd { htlc, .. } => htlc.amount.0.cast_signed(),
        _ => 0,
    }
}

/// The least that a side must get: all that is final for it, less all of its own that it ever signed and that wasn't released.
fn floor(seat: &Seat, chronicle: &Chronicle, late: bool) -> i128 {
    let me = seat.replica.me;
    let mut floor = 0;
    for tx in &seat.told.finals {
        let counts = match tx {
            FrameTx::HtlcAdd { id, .. } if late => seat.told.claimed.contains(id),
            FrameTx::HtlcAdd { id, .. } => !seat.cancelled.contains(id),
            _ => true,
        };
        floor += if counts { amount(tx) } else { 0 };
    }
    let mut spent: Vec<FrameTx> = Vec::new();
    for stamp in &seat.signed {
        let history = chronicle.history(stamp.frame);
        let own: Vec<FrameTx> =
            history.into_iter().filter(|(by, tx)| *by == me && amount(tx) != 0).map(|(_, tx)| tx).collect();
        for tx in &own {
            let count = |list: &[FrameTx]| list.iter().filter(|other| *other == tx).count();
            while count(&spent) < count(&own) {
                spent.push(tx.clone());
            }
        }
    }
    let released: i128 = seat.told.released.iter().filter(|tx| spent.contains(tx)).map(amount).sum();
    floor - spent.iter().map(amount).sum::<i128>() + released
}

/// What a side loses in a dispute, if it loses anything: `me` counters whatever the other starts with, or starts with its newest.
pub(super) fn lost(seat: &Seat, chronicle: &Chronicle, head: Stamp) -> Option<String> {
    let tie_is = if seat.mistake == Mistake::TieIsRights { Side::Right } else { Side::Left };
    let theirs: Vec<Stamp> = std::iter::once(Stamp::ZERO).chain(seat.signed.iter().copied()).collect();
    let mine: Vec<Stamp> = std::iter::once(Stamp::ZERO).chain(seat.evidence.iter().copied()).collect();
    for late in [false, true] {
        if !late && seat.late {
            continue;
        }
        let floor = floor(seat, chronicle, late);
        let value = |stamp: Stamp| value(&chronicle.book(stamp), seat, late);
        for standing in &theirs {
            let counters =
                mine.iter().filter(|counter| beats(**counter, *standing, tie_is)).map(|counter| value(*counter));
            let most = counters.chain([value(*standing)]).max().unwrap_or_default();
            if most < floor {
                return Some(format!(
                    "CH-8: {most} where {floor} was told, late={late}, against {standing:?}, head {head:?}"
                ));
            }
        }
        // It starts itself, and can't counter what the other answers.
        let starts = |start: Stamp| {
            let answers = theirs.iter().filter(|answer| beats(**answer, start, tie_is)).map(|answer| value(*answer));
            answers.chain([value(start)]).min().unwrap_or_default()
        };
        let most = mine.iter().map(|start| starts(*start)).max().unwrap_or_default();
        if most < floor {
            return Some(format!("CH-8: starting, {most} where {floor} was told, late={late}, head {head:?}"));
        }
    }
    None
}
