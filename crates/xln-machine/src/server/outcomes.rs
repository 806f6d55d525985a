//! What follows from an input, through one queue that is worked off before the input ends: what a replica reports, HTLCs that went on or
//! came back, blocks that are deep. None of it can be refused.
//!
//! Laws: **CH-8** (forwarded and shown only once final, given back only once released), **HT-2**, **HT-3**.

use super::state::Server;
use crate::arena::Handle;
use crate::channel::Channel;
use crate::channel::replica::{Outcome, SeenFact};
use crate::machine::At;
use xln_crypto::frames::hashlock;
use xln_types::{AssetId, Event, Failure, FrameTx, Hash, HtlcKey, Rejection, Side, TxHash};

/// What still follows from what was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Todo {
    /// A block of this time is deep.
    Deep(u64),
    /// The chain did this to a channel with another node.
    Seen(Handle<Channel>, SeenFact),
    /// A settlement of this channel has failed on the chain, or may have.
    Lapses(Handle<Channel>),
    /// A replica said so.
    Outcome(Handle<Channel>, Outcome),
    /// An HTLC is final for its receiver, who is here.
    Arrived(Handle<Channel>, HtlcKey),
    /// An HTLC of a payer who is here was claimed.
    Claimed(Handle<Channel>, HtlcKey, Hash),
    /// An HTLC of a payer who is here was given back, or never came to be; the failure as its payer sees it.
    Returned(Handle<Channel>, HtlcKey, Failure),
}

impl Server {
    /// Works off what follows, until nothing does. Nothing here is refused: what can't go on is given back.
    pub(super) fn work_off(&mut self, at: At) {
        while let Some(todo) = self.todo.pop_front() {
            match todo {
                Todo::Deep(deep_s) => {
                    self.release_expired(at, deep_s);
                    self.expire_invoices(deep_s);
                }
                Todo::Seen(handle, fact) => self.see_fact(at, handle, fact),
                Todo::Lapses(handle) => self.draft_facts(at, handle),
                Todo::Outcome(handle, outcome) => self.outcome(at, handle, outcome),
                Todo::Arrived(handle, key) => self.arrived(at, handle, key),
                Todo::Claimed(handle, key, preimage) => self.claimed(at, handle, key, preimage),
                Todo::Returned(handle, key, failure) => self.returned(at, handle, key, failure),
            }
        }
    }

    fn outcome(&mut self, at: At, handle: Handle<Channel>, outcome: Outcome) {
        match outcome {
            Outcome::Final(FrameTx::Pay { asset, amount, memo, .. }) => {
                let Some(me) = self.own_side(handle) else { return };
                self.tell_paid(handle, me.other(), asset, amount, memo);
            }
            Outcome::Final(FrameTx::HtlcAdd { id, .. }) => {
                let Some(me) = self.own_side(handle) else { return };
                self.todo.push_back(Todo::Arrived(handle, HtlcKey { side: me.other(), id }));
            }
            Outcome::Preimage { key, preimage, .. } => {
                self.tell_ended(handle, key, Vec::new());
                self.todo.push_back(Todo::Claimed(handle, key, preimage));
            }
            Outcome::Returned { key, failure, .. } => {
                self.tell_ended(handle, key, vec![failure.clone()]);
                self.todo.push_back(Todo::Returned(handle, key, failure.upstream()));
            }
            Outcome::Acknowledged(tx) => self.acknowledged(at, handle, tx),
            Outcome::Dropped { tx, reason } => self.dropped(at, handle, &tx, reason),
            Outcome::Final(FrameTx::Settle { diffs, counter, valid_until_s }) => {
                self.sign_for_chain(handle, counter, valid_until_s, &diffs);
            }
            Outcome::Final(_) => {}
        }
    }

    /// Both sides have signed what this one asked for.
    fn acknowledged(&mut self, at: At, handle: Handle<Channel>, tx: FrameTx) {
        let Some(me) = self.own_side(handle) else { return };
        match tx {
            FrameTx::Open { .. } => self.opened_remote(at, handle),
            FrameTx::Pay { asset, amount, payment, memo } => {
                self.tell_paid(handle, me, asset, amount, memo);
                let payer = self.channels.at(handle).head.entity(me);
                self.journal.events.push(Event::PaymentEnded { payment, payer, failure: vec![], preimage: Hash::ZERO });
            }
            FrameTx::HtlcFulfill { id, preimage } => {
                let key = HtlcKey { side: me.other(), id };
                let payee = self.channels.at(handle).head.entity(me);
                self.invoice_paid((payee, hashlock(&preimage)));
                self.tell_ended(handle, key, Vec::new());
                self.forget_forward((self.channels.at(handle).head.id, key));
            }
            FrameTx::HtlcCancel { key, failure } => {
                self.tell_ended(handle, key, vec![failure]);
                self.forget_forward((self.channels.at(handle).head.id, key));
            }
            _ => {}
        }
    }

    /// What this side asked for can never come to pass any more.
    fn dropped(&mut self, at: At, handle: Handle<Channel>, tx: &FrameTx, reason: Rejection) {
        let Some(me) = self.own_side(handle) else { return };
        match *tx {
            FrameTx::Pay { payment, .. } => self.payment_failed_at_once(handle, me, payment, reason),
            FrameTx::HtlcAdd { id, .. } => {
                self.todo.push_back(Todo::Returned(handle, HtlcKey { side: me, id }, Failure::here(reason)));
            }
            FrameTx::HtlcFulfill { id, preimage } => {
                let payee = self.channels.at(handle).head.entity(me);
                self.invoice_unclaimed((payee, hashlock(&preimage)));
                // The claim can't be made by a frame any more: only the chain can settle it (HT-7).
                let pending = self.channels.at(handle).book.htlc(HtlcKey { side: me.other(), id }).is_some();
                if pending {
                    let channel = self.channels.at(handle).head.id;
                    let reason =
                        format!("htlc {id} of channel {channel} can be claimed on the chain alone: {preimage}");
                    self.journal.events.push(Event::Alarm { reason });
                }
            }
            FrameTx::Settle { counter, .. } => self.settlement_dropped(at, handle, counter),
            // CH-9: the other side's opening came first; what this one grants follows it.
            FrameTx::Open { ref grants, .. } => {
                for grant in grants {
                    // A refusal means that the channel has no room for the asset: then it isn't listed.
                    let _ = self.draft(at, handle, FrameTx::Credit { asset: grant.asset, granted: grant.amount });
                }
            }
            _ => {}
        }
    }

    /// HT-2: the other side's own HTLCs that it took back after their expiry. What was passed on of them ends by itself: whether it can
    /// still be claimed further down is no matter of theirs any more.
    pub(super) fn taken_back(&mut self, handle: Handle<Channel>, frame: &xln_types::Frame) {
        for tx in &frame.txs {
            if let FrameTx::HtlcCancel { key, failure } = tx
                && key.side == frame.by
            {
                self.tell_ended(handle, *key, vec![failure.clone()]);
                self.forget_forward((self.channels.at(handle).head.id, *key));
            }
        }
    }

    fn tell_paid(
        &mut self,
        handle: Handle<Channel>,
        payer: Side,
        asset: AssetId,
        amount: xln_types::Amount,
        memo: xln_types::codec::Blob,
    ) {
        let channel = self.channels.at(handle);
        let head = channel.head;
        let delta = channel.line(asset).map_or(xln_types::Balance::ZERO, crate::channel::Line::delta);
        let (payer, payee) = (head.entity(payer), head.entity(payer.other()));
        self.journal.events.push(Event::Paid { channel: head.id, payer, payee, asset, amount, delta, memo });
    }

    /// A direct payment to another node's entity that fits no more.
    fn payment_failed_at_once(&mut self, handle: Handle<Channel>, me: Side, payment: TxHash, reason: Rejection) {
        let payer = self.channels.at(handle).head.entity(me);
        let failure = vec![Failure::here(reason)];
        self.journal.events.push(Event::PaymentEnded { payment, payer, failure, preimage: Hash::ZERO });
    }
}
