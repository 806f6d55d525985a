//! Between a channel's frames and the chain: what two nodes agreed and the chain must carry out (allocations after an opening, settlements
//! signed by both), and what the chain did and must stand in a frame.
//!
//! Laws: **CH-12** (facts in the chain's order, by frames alone), **DP-5** (what a side takes out is held from the frame on, before anyone
//! signs for the chain).

use super::apply::Effect;
use super::state::Server;
use crate::arena::Handle;
use crate::channel::Channel;
use crate::channel::book::Settlement;
use crate::channel::replica::SeenFact;
use crate::depositary::{self, Operation, OperationKind, OperationStatus};
use crate::entity::Entity;
use crate::machine::At;
use xln_types::codec::Blob;
use xln_types::frame::CollateralChange;
use xln_types::tx::{Deallocate, SettleDiff};
use xln_types::{Balance, Event, FrameTx, OperationId, Rejection, Side};

impl Server {
    /// CH-11: the other side took the opening frame; what waited for its consent may be sent to the chain.
    pub(super) fn opened_remote(&mut self, at: At, handle: Handle<Channel>) {
        let head = self.channels.at(handle).head;
        let accepted = self.accepted(at, handle, head.opener.other());
        assert!(accepted.is_ok(), "CH-11: an opening is acknowledged once: {accepted:?}");
    }

    /// DP-5: asks the other node for a settlement back to the caller's own reserve.
    pub(super) fn deallocate_remote(
        &mut self,
        at: At,
        from: Handle<Entity>,
        channel: (Handle<Channel>, Side),
        operation: Operation,
        body: &Deallocate,
    ) -> Result<(), Rejection> {
        let (handle, side) = channel;
        if !self.is_hosted(from) {
            return Err(Rejection::ChainSignatureNeeded {});
        }
        let counter = self.channels.at(handle).tip().terms.settle_counter.saturating_add(1);
        let taken = body.amount.owned().ok_or(Rejection::OutOfRange {})?;
        let (left, right) = side.pick((taken, Balance::ZERO), (Balance::ZERO, taken));
        let diffs = vec![SettleDiff { asset: body.asset, left, right }];
        let tx = FrameTx::Settle { diffs, counter, valid_until_s: body.valid_until_s };
        let channel = self.channels.at(handle);
        let replica = channel.replica.as_deref().ok_or(Rejection::NotAPeer {})?;
        replica.would_draft(&channel.book, &self.judge(at.now_ms), &tx)?;
        let status = OperationStatus::Waiting;
        self.begin(at, from, Operation { counter, status, kind: OperationKind::Settle, ..operation })?;
        self.draft(at, handle, tx)
    }

    /// The other side's settlement is final here: this side signs the same for the chain.
    pub(super) fn sign_for_chain(
        &mut self,
        handle: Handle<Channel>,
        counter: u64,
        valid_until_s: u64,
        diffs: &[SettleDiff],
    ) {
        let channel = self.channels.at(handle);
        let Some(replica) = channel.replica.as_deref() else { return };
        // Only what both have agreed, which is then under way.
        if channel.book.terms.settlement.first().map(|settlement| settlement.counter) != Some(counter) {
            return;
        }
        let (node, signer, channel) = (replica.node, self.own_signer(channel), channel.head.id);
        let diffs = diffs.to_vec();
        self.journal.effects.push(Effect::SignSettlement { node, signer, channel, counter, valid_until_s, diffs });
    }

    /// DP-5: this side's signature for the chain on a settlement under way that the other side asked for, once all is final here.
    pub(super) fn settlement_effect(&self, handle: Handle<Channel>) -> Option<Effect> {
        let channel = self.channels.at(handle);
        let replica = channel.replica.as_deref().filter(|replica| replica.is_settled())?;
        let Settlement { diffs, counter, valid_until_s } = channel.book.terms.settlement.first()?.clone();
        let theirs = diffs.iter().all(|diff| replica.me.pick(diff.left, diff.right) == Balance::ZERO);
        let (node, signer, channel) = (replica.node, self.own_signer(channel), channel.head.id);
        theirs.then_some(Effect::SignSettlement { node, signer, channel, counter, valid_until_s, diffs })
    }

    fn settlement_operation(&self, handle: Handle<Channel>, counter: u64) -> Option<(Handle<Entity>, OperationId)> {
        let channel = self.channels.at(handle);
        let replica = channel.replica.as_deref()?;
        let owner = self.known_entity(channel.head.entity(replica.me)).ok()?;
        let mut all = self.depositary(owner).operations.values();
        let found = all.find(|operation| {
            operation.kind == OperationKind::Settle
                && operation.channel == channel.head.id
                && operation.counter == counter
        })?;
        Some((owner, found.id))
    }

    pub(super) fn expects_chain_signature(&self, handle: Handle<Channel>, counter: u64) -> Result<(), Rejection> {
        let (owner, id) = self.settlement_operation(handle, counter).ok_or(Rejection::StaleFrame {})?;
        let waits = |operation: &Operation| operation.status == OperationStatus::Waiting;
        let waiting = self.depositary(owner).operations.get(&id).is_some_and(waits);
        if waiting { Ok(()) } else { Err(Rejection::StaleFrame {}) }
    }

    /// The other side has signed for the chain what this side asked for: it may be sent.
    pub(super) fn take_chain_signature(
        &mut self,
        at: At,
        handle: Handle<Channel>,
        counter: u64,
        valid_until_s: u64,
        signature: &Blob,
    ) -> Result<(), Rejection> {
        self.expects_chain_signature(handle, counter)?;
        let (owner, operation) = self.settlement_operation(handle, counter).ok_or(Rejection::StaleFrame {})?;
        let known = self.depositary(owner).operations.get(&operation).ok_or(Rejection::UnknownOperation {})?;
        if known.valid_until_s != valid_until_s || signature.0.len() != 65 {
            return Err(Rejection::MalformedFrame {});
        }
        let signature = signature.clone();
        self.step_depositary(at, owner, &depositary::Message::Countersigned { operation, signature })
    }

    /// The settlement that this side asked for fits no more: nothing was held for it.
    pub(super) fn settlement_dropped(&mut self, at: At, handle: Handle<Channel>, counter: u64) {
        if let Some((owner, operation)) = self.settlement_operation(handle, counter) {
            let failed = self.step_depositary(at, owner, &depositary::Message::Fail { operation });
            assert!(failed.is_ok(), "an operation under way can fail: {failed:?}");
        }
    }

    /// DP-5: a deep block is past the validity of a settlement that this side asked for, and it was not mined: what is held for it is to
    /// be freed by a frame. All that the chain did before comes first.
    pub(super) fn due_lapse(&self, handle: Handle<Channel>) -> Option<FrameTx> {
        let channel = self.channels.at(handle);
        let replica = channel.replica.as_deref()?;
        let settlement = channel.book.terms.settlement.first()?;
        let mine = settlement.diffs.iter().all(|diff| replica.me.pick(diff.right, diff.left) == Balance::ZERO);
        if !mine || self.record.chain_time_s <= settlement.valid_until_s {
            return None;
        }
        let asset = settlement.diffs.first()?.asset;
        let (change, place) = (CollateralChange::Lapsed { counter: settlement.counter }, self.record.cursor);
        let (block, block_hash) = (place.block, place.block_hash);
        Some(FrameTx::Fact { block, block_hash, log_index: u64::MAX, asset, change })
    }

    /// CH-12: what the chain did to a channel with another node waits for a frame.
    pub(super) fn see_fact(&mut self, at: At, handle: Handle<Channel>, fact: SeenFact) {
        let Some(replica) = self.channels.at_mut(handle).replica.as_mut() else { return };
        if replica.see(fact).is_err() {
            // DP-3: the fact itself counts, whatever becomes of this channel: too much of the chain waits for the other side.
            let reason = format!("a chain fact of channel {} has no place to wait", self.channels.at(handle).head.id);
            self.journal.events.push(Event::Alarm { reason });
        }
        self.draft_facts(at, handle);
    }

    /// The next fact is proposed by the side whose reserve it came from; settlements by left; that one has lapsed, once no fact waits, by
    /// whoever asked for it.
    pub(super) fn draft_facts(&mut self, at: At, handle: Handle<Channel>) {
        let channel = self.channels.at(handle);
        let Some(replica) = channel.replica.as_deref() else { return };
        let is_fact = |tx: &FrameTx| matches!(tx, FrameTx::Fact { .. });
        let next = replica.facts.iter().find(|fact| channel.book.listed_line(fact.asset).is_ok());
        let tx = match next {
            Some(fact) => {
                let proposer = match fact.change {
                    CollateralChange::Added { side, .. } => side,
                    CollateralChange::Settled { .. } | CollateralChange::Lapsed { .. } => Side::Left,
                };
                Some(fact.to_tx()).filter(|_| proposer == replica.me)
            }
            None => self.due_lapse(handle),
        };
        let Some(tx) = tx else { return };
        // One at a time: the next follows once this one stands in the head.
        let stacked = replica.stack.iter().flat_map(|proposal| proposal.frame.txs.iter());
        if !stacked.chain(replica.draft.iter().map(|draft| &draft.tx)).any(is_fact) {
            // One that doesn't fit was overtaken by the other side's frame.
            let _ = self.draft(at, handle, tx);
        }
    }
}
