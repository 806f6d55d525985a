//! Receiving: the other side's frames and acknowledgements. **CH-6** replay, **CH-8** final and released, **CH-9** crossings.

use super::{Checked, Draft, Judge, Outcome, Pending, Received, Replayed, Replica, Signed};
use crate::channel::book::Book;
use std::collections::VecDeque;
use xln_types::frame::{FRAME_AHEAD_S_MAX, NONCE_SKIP_MAX};
use xln_types::{ChannelProof, Frame, FrameTx, HtlcKey, Rejection, Side};

impl Replica {
    /// What the other side's frame, whose signature was checked and is its, would lead to. Nothing changes.
    ///
    /// # Errors
    /// A typed refusal.
    pub fn check_frame(
        &self,
        head: &Book,
        judge: &Judge,
        frame: &Frame,
        signed: &Signed,
    ) -> Result<Checked, Rejection> {
        if frame.channel != self.channel || frame.by == self.me {
            return Err(Rejection::MalformedFrame {});
        }
        if self.frozen {
            return Err(Rejection::Disputed {});
        }
        if frame.height <= self.height {
            return self.check_old(frame, signed);
        }
        let expected = self.height.saturating_add(1);
        if frame.height != expected || frame.previous != self.frame {
            return Err(Rejection::FrameGap { height: expected });
        }
        if self.me == Side::Left && !self.stack.is_empty() {
            return Ok(Checked::Crossed);
        }
        self.replay(head, judge, frame, signed).map(Checked::New)
    }

    /// Takes what [`Replica::check_frame`] allowed.
    ///
    /// # Errors
    /// As [`Replica::check_frame`]: nothing has changed then, but that the evidence of an equivocation is kept.
    pub fn receive_frame(
        &mut self,
        head: &mut Book,
        judge: &Judge,
        frame: &Frame,
        signed: Signed,
    ) -> Result<Received, Rejection> {
        match self.check_frame(head, judge, frame, &signed)? {
            Checked::Again => Ok(Received::Again),
            Checked::New(replayed) => Ok(Received::Taken(self.take_frame(head, judge, frame, signed, replayed))),
            Checked::Crossed => {
                // CH-9: left's wins. It yields once its own are acknowledged.
                self.yielding_since_ms = Some(judge.now_ms);
                Ok(Received::Crossed)
            }
            Checked::Equivocation => {
                if let Some(evidence) = self.evidence.clone().filter(|_| self.equivocation.is_none()) {
                    self.equivocation = Some(Box::new((evidence, signed)));
                }
                Err(Rejection::Equivocation {})
            }
        }
    }

    /// A frame at a height that is committed: known, late, or a second one on the same frame.
    fn check_old(&self, frame: &Frame, signed: &Signed) -> Result<Checked, Rejection> {
        if signed.proof.frame == self.frame {
            return Ok(Checked::Again);
        }
        // CH-9: the other side chose the head itself: a second one on the same frame is an equivocation. A late copy of a frame that right
        // gave up stands at the head's height too, but on another frame.
        let rival = self.by == frame.by && frame.height == self.height && frame.previous == self.previous;
        let rival = rival && self.evidence.is_some();
        if rival { Ok(Checked::Equivocation) } else { Err(Rejection::StaleFrame {}) }
    }

    /// CH-6: replays the transactions on a copy of the head; what was computed here must be what was signed there.
    fn replay(&self, head: &Book, judge: &Judge, frame: &Frame, signed: &Signed) -> Result<Replayed, Rejection> {
        let nonce = signed.proof.nonce;
        let (from, until) = (self.nonce.saturating_add(1), self.nonce.saturating_add(NONCE_SKIP_MAX));
        if !(from..=until).contains(&nonce) {
            return Err(Rejection::NonceOutside { from, until });
        }
        let (from_s, until_s) = (self.timestamp_s, judge.now_s().saturating_add(FRAME_AHEAD_S_MAX));
        if !(from_s..=until_s).contains(&frame.timestamp_s) {
            return Err(Rejection::TimestampAhead { from_s, until_s });
        }
        // The first frame opens the channel, and no other does.
        let opens = matches!(frame.txs.as_slice(), [FrameTx::Open { .. }]);
        if opens != (self.height == 0) {
            return Err(Rejection::MalformedFrame {});
        }
        // CH-8: such a transaction is the only one of its frame.
        if frame.txs.iter().any(FrameTx::stands_alone) && frame.txs.len() != 1 {
            return Err(Rejection::MalformedFrame {});
        }
        let mut state = head.clone();
        let mut outcomes = Vec::new();
        for tx in &frame.txs {
            judge.accepts(self, &state, tx)?;
            outcomes.extend(self.foreseen(&state, tx));
            state.apply(frame.by, tx)?;
        }
        let digests = state.digests();
        let proof = &signed.proof;
        let same = digests.state == frame.state
            && digests.offdeltas == proof.offdeltas
            && digests.htlcs == proof.htlcs
            && state.terms.dispute_window_s == proof.dispute_window_s;
        if same { Ok(Replayed { state, outcomes }) } else { Err(Rejection::StateMismatch {}) }
    }

    /// What the other side's transaction will mean once it is final, or once it releases something of this side's (CH-8).
    fn foreseen(&self, state: &Book, tx: &FrameTx) -> Option<Outcome> {
        match tx {
            FrameTx::Pay { .. } | FrameTx::HtlcAdd { .. } | FrameTx::Settle { .. } => Some(Outcome::Final(tx.clone())),
            FrameTx::HtlcFulfill { id, preimage } => {
                let key = HtlcKey { side: self.me, id: *id };
                let htlc = state.htlc(key)?.clone();
                Some(Outcome::Preimage { key, htlc, preimage: *preimage })
            }
            FrameTx::HtlcCancel { key, failure } if key.side == self.me => {
                let htlc = state.htlc(*key)?.clone();
                Some(Outcome::Returned { key: *key, htlc, failure: failure.clone() })
            }
            _ => None,
        }
    }

    fn take_frame(
        &mut self,
        head: &mut Book,
        judge: &Judge,
        frame: &Frame,
        signed: Signed,
        Replayed { state, outcomes }: Replayed,
    ) -> Vec<Outcome> {
        // CH-8: what this side signed so far is without these, or with what they release.
        let signed_before = self.signed_nonce;
        self.give_up();
        let nonce = signed.proof.nonce;
        *head = state;
        (self.height, self.frame, self.nonce) = (frame.height, signed.proof.frame, nonce);
        self.previous = frame.previous;
        (self.timestamp_s, self.by) = (frame.timestamp_s, frame.by);
        self.signed_nonce = self.signed_nonce.max(nonce);
        self.evidence = Some(signed);
        self.yielding_since_ms = None;
        self.forget_facts(head);
        self.rebase(head, judge);
        let outcomes = self.without_taken_back(frame, outcomes);
        let mut now = Vec::new();
        for outcome in outcomes {
            match outcome {
                // A preimage is knowledge: it is used at once.
                Outcome::Preimage { .. } => now.push(outcome),
                outcome => self.pending.push_back(Pending { nonce: signed_before, outcome }),
            }
        }
        now.extend(self.ripe(nonce));
        now
    }

    /// HT-3: an HTLC that its payer took back before it was final is never called final: nobody locks the next one for it.
    fn without_taken_back(&mut self, frame: &Frame, mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
        for tx in &frame.txs {
            if let FrameTx::HtlcCancel { key, .. } = tx
                && key.side == frame.by
            {
                let adds =
                    |outcome: &Outcome| matches!(outcome, Outcome::Final(FrameTx::HtlcAdd { id, .. }) if *id == key.id);
                self.pending.retain(|pending| !adds(&pending.outcome));
                outcomes.retain(|outcome| !adds(outcome));
            }
        }
        outcomes
    }

    /// CH-9: right gives up its whole stack and puts its transactions back in order, each as often as it stood there. It owes a frame:
    /// else what it gave up is never released, and what it took may never be final.
    fn give_up(&mut self) {
        (self.proposed, self.tip) = (None, None);
        if self.stack.is_empty() {
            return;
        }
        self.owes = true;
        let later = std::mem::take(&mut self.draft);
        let signed_nonce = self.signed_nonce;
        for proposal in std::mem::take(&mut self.stack) {
            // The stack above it held it too.
            self.draft.extend(proposal.frame.txs.into_iter().map(|tx| Draft { tx, signed_nonce }));
        }
        self.draft.extend(later);
    }

    /// Drops what waited so long that it can't be proposed any more, before a frame closes over it.
    pub fn sweep(&mut self, head: &Book, judge: &Judge) -> Vec<Outcome> {
        let timed = |draft: &Draft| matches!(draft.tx, FrameTx::HtlcAdd { .. } | FrameTx::HtlcFulfill { .. });
        if !self.draft.iter().any(timed) {
            return Vec::new();
        }
        let start = self.proposed.clone();
        self.rebase(start.as_deref().unwrap_or(head), judge);
        // What was never signed is dropped at once, and what was signed where the head is above all that held it.
        self.ripe(if self.frozen { 1 } else { self.nonce.max(1) })
    }

    /// CH-6: what no longer fits the new head drops: at once if it was never signed, else once it is released (CH-8).
    fn rebase(&mut self, head: &Book, judge: &Judge) {
        self.tip = None;
        if self.draft.is_empty() {
            return;
        }
        let mut book = head.clone();
        let mut kept = VecDeque::new();
        for draft in std::mem::take(&mut self.draft) {
            let fits = judge.proposes(self.me, &book, &draft.tx).and_then(|()| book.apply(self.me, &draft.tx));
            match fits {
                Ok(()) => kept.push_back(draft),
                Err(reason) => {
                    let nonce = draft.signed_nonce;
                    let outcome = Outcome::Dropped { tx: draft.tx, reason };
                    self.pending.push_back(Pending { nonce, outcome });
                }
            }
        }
        if !kept.is_empty() {
            self.tip = Some(Box::new(book));
        }
        self.draft = kept;
    }

    /// CH-12: what is in the head now waits no more.
    fn forget_facts(&mut self, head: &Book) {
        let place = (head.terms.fact_block, head.terms.fact_log_index);
        self.facts.retain(|fact| place < fact.place() || head.listed_line(fact.asset).is_err());
    }

    /// CH-8: the other side signed the head with this nonce: what only lower nonces of ours could undo is done.
    fn ripe(&mut self, nonce: u64) -> Vec<Outcome> {
        // Strictly above every state that this side signed otherwise.
        let (ripe, waiting): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.pending).into_iter().partition(|pending| pending.nonce < nonce);
        self.pending = waiting;
        ripe.into_iter().map(|pending| pending.outcome).collect()
    }

    /// What an acknowledgement would lead to: `Ok` when it settles a frame of the stack.
    ///
    /// # Errors
    /// As [`Replica::receive_ack`].
    pub fn check_ack(&self, proof: &ChannelProof) -> Result<(), Rejection> {
        let proposal = self.stack.iter().find(|proposal| proposal.proof.frame == proof.frame);
        let ours = proposal.map(|proposal| proposal.proof).ok_or(Rejection::StaleFrame {})?;
        let theirs = ChannelProof { board_epoch: ours.board_epoch, ..*proof };
        if ours == theirs { Ok(()) } else { Err(Rejection::MalformedFrame {}) }
    }

    /// The other side's signature on one of this side's frames, which settles all frames before it too. Once a dispute has begun it is
    /// evidence and tells nothing any more (CH-12): what comes of each transaction is the chain's to say.
    ///
    /// # Errors
    /// `StaleFrame` for one of a frame that isn't waiting, `MalformedFrame` for one that covers something else.
    pub fn receive_ack(&mut self, head: &mut Book, signed: Signed) -> Result<Received, Rejection> {
        let place = self.stack.iter().position(|proposal| proposal.proof.frame == signed.proof.frame);
        let Some(place) = place else {
            let again = signed.proof.frame == self.frame;
            return if again { Ok(Received::Again) } else { Err(Rejection::StaleFrame {}) };
        };
        self.check_ack(&signed.proof)?;
        let mut outcomes = Vec::new();
        for proposal in self.stack.drain(..=place) {
            for tx in proposal.frame.txs {
                let outcome = acknowledged(head, self.me, tx);
                outcomes.push(outcome);
            }
            (self.height, self.frame) = (proposal.frame.height, proposal.proof.frame);
            self.previous = proposal.frame.previous;
            (self.nonce, self.timestamp_s) = (proposal.proof.nonce, proposal.frame.timestamp_s);
        }
        self.by = self.me;
        if self.stack.is_empty() {
            self.proposed = None;
        }
        let nonce = signed.proof.nonce;
        self.evidence = Some(signed);
        self.forget_facts(head);
        if self.frozen {
            return Ok(Received::Taken(Vec::new()));
        }
        outcomes.extend(self.ripe(nonce));
        Ok(Received::Taken(outcomes))
    }
}

/// Commits this side's own transaction, which it had computed before.
fn acknowledged(head: &mut Book, me: Side, tx: FrameTx) -> Outcome {
    let returned = match &tx {
        FrameTx::HtlcCancel { key, failure } if key.side == me => {
            head.htlc(*key).map(|htlc| (*key, htlc.clone(), failure.clone()))
        }
        _ => None,
    };
    let applied = head.apply(me, &tx);
    assert!(applied.is_ok(), "CH-6: what was proposed on the head applies to it: {applied:?}");
    match returned {
        Some((key, htlc, failure)) => Outcome::Returned { key, htlc, failure },
        None => Outcome::Acknowledged(tx),
    }
}
