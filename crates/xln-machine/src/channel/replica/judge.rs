//! What is judged once, when a frame is accepted or proposed, and never again in a replay (**CH-6**): timestamps, expiries, chain
//! facts. Until the judgement is favourable a frame waits with its proposer.

use super::{Replica, SeenFact};
use crate::channel::book::Book;
use xln_types::frame::{CollateralChange, FRAME_AHEAD_S_MAX, FrameTx};
use xln_types::htlc::HTLC_EXPIRY_S_MAX;
use xln_types::{HtlcKey, Rejection, Side};

/// How long before its expiry an HTLC is claimed by a frame at the latest, in seconds.
pub const FULFILL_MARGIN_S: u64 = 30;

/// The time by which it is judged: this node's own, logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judge {
    /// Unix milliseconds.
    pub now_ms: u64,
    /// Unix seconds of the deepest chain block known.
    pub chain_s: u64,
    /// Its number.
    pub chain_block: u64,
}

impl Judge {
    /// Unix seconds.
    pub fn now_s(&self) -> u64 {
        self.now_ms / 1000
    }

    /// Whether this side may propose a transaction now, on this book.
    ///
    /// # Errors
    /// `HtlcExpired`, `HtlcNotExpired`, `ExpiryOutside`.
    pub fn proposes(&self, me: Side, book: &Book, tx: &FrameTx) -> Result<(), Rejection> {
        match tx {
            FrameTx::HtlcAdd { htlc, .. } => {
                self.expiry(self.now_s().saturating_add(1), htlc.expires_at_s, HTLC_EXPIRY_S_MAX)
            }
            // A claim that arrives late is refused and blocks the channel: it needs its time for the way.
            FrameTx::HtlcFulfill { id, .. } => {
                self.unexpired(book, HtlcKey { side: me.other(), id: *id }, FULFILL_MARGIN_S)
            }
            // HT-2: the payer releases only when a deep block is past the expiry.
            FrameTx::HtlcCancel { key, .. } if key.side == me => Self::expired(book, *key, self.chain_s),
            _ => Ok(()),
        }
    }

    /// Whether the other side's transaction can be accepted now, on this book.
    ///
    /// # Errors
    /// As [`Judge::proposes`], and `FactNotDeep`.
    pub fn accepts(&self, replica: &Replica, book: &Book, tx: &FrameTx) -> Result<(), Rejection> {
        match tx {
            // One that expired on its way harms nobody: it is never claimed.
            FrameTx::HtlcAdd { htlc, .. } => {
                self.expiry(0, htlc.expires_at_s, HTLC_EXPIRY_S_MAX.saturating_add(FRAME_AHEAD_S_MAX))
            }
            FrameTx::HtlcFulfill { id, .. } => self.unexpired(book, HtlcKey { side: replica.me, id: *id }, 0),
            // HT-2: before expiry only its receiver gives it back.
            FrameTx::HtlcCancel { key, .. } if key.side != replica.me => Self::expired(book, *key, self.now_s()),
            FrameTx::Fact { block, change: CollateralChange::Lapsed { counter }, .. } => {
                self.lapsed(replica, book, *block, *counter)
            }
            FrameTx::Fact { .. } => {
                // CH-12: the next one after what this frame has brought so far.
                let last = (book.terms.fact_block, book.terms.fact_log_index);
                let counts = |fact: &&SeenFact| last < fact.place() && book.listed_line(fact.asset).is_ok();
                let next = replica.facts.iter().find(counts);
                if next.is_some_and(|fact| fact.to_tx() == *tx) { Ok(()) } else { Err(Rejection::FactNotDeep {}) }
            }
            _ => Ok(()),
        }
    }

    /// DP-5: a deep block is past the settlement's validity, and nothing that the chain did waits to be told before that.
    fn lapsed(&self, replica: &Replica, book: &Book, block: u64, counter: u64) -> Result<(), Rejection> {
        let valid_until_s = book.terms.settlement.first().filter(|settlement| settlement.counter == counter);
        let over = valid_until_s.is_some_and(|settlement| settlement.valid_until_s < self.chain_s);
        let told = replica.facts.iter().all(|fact| book.listed_line(fact.asset).is_err());
        if over && told && block <= self.chain_block { Ok(()) } else { Err(Rejection::FactNotDeep {}) }
    }

    /// HT-6: not past, and not too far ahead.
    fn expiry(&self, from_s: u64, expires_at_s: u64, ahead_s: u64) -> Result<(), Rejection> {
        let until_s = self.now_s().saturating_add(ahead_s);
        if (from_s..=until_s).contains(&expires_at_s) {
            return Ok(());
        }
        Err(Rejection::ExpiryOutside { from_s, until_s })
    }

    fn unexpired(&self, book: &Book, key: HtlcKey, margin_s: u64) -> Result<(), Rejection> {
        let htlc = book.htlc(key).ok_or(Rejection::UnknownHtlc {})?;
        if self.now_s().saturating_add(margin_s) < htlc.expires_at_s {
            return Ok(());
        }
        Err(Rejection::HtlcExpired { now_s: self.now_s() })
    }

    fn expired(book: &Book, key: HtlcKey, now_s: u64) -> Result<(), Rejection> {
        let htlc = book.htlc(key).ok_or(Rejection::UnknownHtlc {})?;
        if htlc.expires_at_s <= now_s {
            return Ok(());
        }
        Err(Rejection::HtlcNotExpired { expires_at_s: htlc.expires_at_s })
    }
}
