//! Proposing: transactions gather in a draft, and a frame closes over them. **CH-7**, **CH-8** (what may be stacked), **CH-9** (turns).

use super::{DRAFT_TXS_MAX, Draft, FRAME_TX_BYTES_MAX, Judge, Proposal, Replica, STACK_FRAMES_MAX, TURN_MS_MAX};
use crate::channel::ChannelStatus;
use crate::channel::book::Book;
use xln_crypto::frame_hash;
use xln_types::codec::Encodable;
use xln_types::frame::FRAME_TXS_MAX;
use xln_types::{ChannelProof, Frame, FrameTx, Hash, Rejection};

impl Replica {
    /// Takes a transaction of this side's up for the next frame, if it fits what was proposed and drafted before it.
    ///
    /// # Errors
    /// What the book or the judge says; `Disputed`; `StackFull`.
    pub fn draft(&mut self, head: &Book, judge: &Judge, tx: FrameTx) -> Result<(), Rejection> {
        self.may_draft(head, judge, &tx)?;
        let me = self.me;
        self.tip_mut(head).apply(me, &tx)?;
        if let FrameTx::HtlcAdd { id, .. } = tx {
            self.htlc_next = self.htlc_next.max(id.saturating_add(1));
        }
        self.draft.push_back(Draft { tx, signed_nonce: 0 });
        Ok(())
    }

    /// Takes many up, all or none.
    ///
    /// # Errors
    /// As [`Replica::draft`]: nothing has changed then.
    pub fn draft_all(&mut self, head: &Book, judge: &Judge, txs: Vec<FrameTx>) -> Result<(), Rejection> {
        let mut tip = self.tip(head).clone();
        if DRAFT_TXS_MAX < self.draft.len().saturating_add(txs.len()) {
            return Err(Rejection::StackFull { limit: DRAFT_TXS_MAX as u64 });
        }
        for tx in &txs {
            self.may_draft(head, judge, tx)?;
            tip.apply(self.me, tx)?;
        }
        self.tip = Some(Box::new(tip));
        self.draft.extend(txs.into_iter().map(|tx| Draft { tx, signed_nonce: 0 }));
        Ok(())
    }

    /// Whether [`Replica::draft`] would take it.
    ///
    /// # Errors
    /// As [`Replica::draft`].
    pub fn would_draft(&self, head: &Book, judge: &Judge, tx: &FrameTx) -> Result<(), Rejection> {
        self.may_draft(head, judge, tx)?;
        self.tip(head).clone().apply(self.me, tx)
    }

    /// All but what the book says. CH-16: what waits is bounded; the ends of HTLCs always have a place, since HT-6 bounds them.
    fn may_draft(&self, head: &Book, judge: &Judge, tx: &FrameTx) -> Result<(), Rejection> {
        if self.frozen {
            return Err(Rejection::Disputed {});
        }
        let is_end = matches!(tx, FrameTx::HtlcFulfill { .. } | FrameTx::HtlcCancel { .. });
        if DRAFT_TXS_MAX <= self.draft.len() && !is_end {
            return Err(Rejection::StackFull { limit: DRAFT_TXS_MAX as u64 });
        }
        // The first frame opens the channel: any other would be refused, and never be given up by left.
        let opens = matches!(tx, FrameTx::Open { .. });
        if !opens && self.height == 0 && self.stack.is_empty() && self.draft.is_empty() {
            return Err(Rejection::ChannelNotOpen { status: ChannelStatus::Pending.number() });
        }
        // HT-2: the book knows what both have signed, and not what was given up.
        let expected = self.next_htlc_id(head);
        if matches!(tx, FrameTx::HtlcAdd { id, .. } if *id < expected) {
            return Err(Rejection::HtlcUsed { expected });
        }
        judge.proposes(self.me, self.tip(head), tx)
    }

    /// The number of this side's next HTLC: above all that the book or an earlier signature of ours has used (HT-2).
    pub fn next_htlc_id(&self, head: &Book) -> u64 {
        self.tip(head).terms.side(self.me).htlc_next.max(self.htlc_next)
    }

    fn tip_mut(&mut self, head: &Book) -> &mut Book {
        let proposed = &self.proposed;
        let start = || Box::new(proposed.as_deref().unwrap_or(head).clone());
        self.tip.get_or_insert_with(start)
    }

    /// True while there is something to propose and it may be proposed.
    pub fn may_propose(&self, now_ms: u64) -> bool {
        if self.frozen || STACK_FRAMES_MAX <= self.stack.len() {
            return false;
        }
        // CH-9: left takes turns, and goes on when right stays silent.
        if self.yielding_since_ms.is_some_and(|since| now_ms < since.saturating_add(TURN_MS_MAX)) {
            return false;
        }
        // CH-8: what stands alone is never stacked, nor is anything stacked upon it.
        let alone = |proposal: &Proposal| proposal.frame.txs.first().is_some_and(FrameTx::stands_alone);
        if self.stack.back().is_some_and(alone) {
            return false;
        }
        match self.draft.front() {
            Some(next) => !next.tx.stands_alone() || self.stack.is_empty(),
            None => self.owes && self.stack.is_empty(),
        }
    }

    /// Closes a frame over what is drafted: an empty one when right owes one and has nothing (CH-9). `None` when there is nothing that
    /// may be proposed now. The caller logs before anyone signs (CH-15).
    pub fn propose(&mut self, head: &Book, judge: &Judge, board_epoch: u64) -> Option<&Proposal> {
        if !self.may_propose(judge.now_ms) {
            return None;
        }
        self.yielding_since_ms = None;
        let txs = self.take_drafts();
        let whole = self.draft.is_empty() && self.tip.is_some();
        let state = if whole {
            self.tip.take()
        } else {
            let mut state = Box::new(self.proposed.as_deref().unwrap_or(head).clone());
            for tx in &txs {
                let applied = state.apply(self.me, tx);
                assert!(applied.is_ok(), "CH-6: what was drafted in order applies in order: {applied:?}");
            }
            Some(state)
        };
        self.proposed = state.or(self.proposed.take());
        let book = self.proposed.as_deref().unwrap_or(head);
        let digests = book.digests();
        let dispute_window_s = book.terms.dispute_window_s;
        let (height, previous, last_s) = match self.stack.back() {
            Some(last) => (last.frame.height, last.proof.frame, last.frame.timestamp_s),
            None => (self.height, self.frame, self.timestamp_s),
        };
        let frame = Frame {
            channel: self.channel,
            height: height.saturating_add(1),
            previous,
            by: self.me,
            timestamp_s: judge.now_s().max(last_s),
            txs,
            state: digests.state,
        };
        // CH-7: above every nonce that this side ever signed in this channel.
        let nonce = self.signed_nonce.max(self.nonce).saturating_add(1);
        self.signed_nonce = nonce;
        self.owes = false;
        let hash: Hash = frame_hash(&frame);
        let proof = ChannelProof {
            channel: self.channel,
            nonce,
            by: self.me,
            board_epoch,
            offdeltas: digests.offdeltas,
            htlcs: digests.htlcs,
            dispute_window_s,
            frame: hash,
        };
        self.stack.push_back(Proposal { frame, proof });
        self.stack.back()
    }

    /// The next frame's transactions: one that stands alone, or as many others as a frame bears.
    fn take_drafts(&mut self) -> Vec<FrameTx> {
        let mut txs = Vec::new();
        let mut bytes = 0_usize;
        while let Some(next) = self.draft.front() {
            let length = next.tx.length();
            let full = FRAME_TXS_MAX <= txs.len() || FRAME_TX_BYTES_MAX < bytes.saturating_add(length);
            if !txs.is_empty() && (full || next.tx.stands_alone()) {
                break;
            }
            bytes = bytes.saturating_add(length);
            let alone = next.tx.stands_alone();
            txs.extend(self.draft.pop_front().map(|draft| draft.tx));
            if alone {
                break;
            }
        }
        txs
    }
}
