//! What two nodes agreed in a frame and the chain must carry out: allocations after an opening, settlements signed by both (**DP-5**).
//! What a side takes out is held from the frame on, before anyone signs for the chain.

use super::apply::Effect;
use super::state::Server;
use crate::arena::Handle;
use crate::channel::Channel;
use crate::depositary::{self, Operation, OperationKind, OperationStatus};
use crate::entity::Entity;
use crate::machine::At;
use xln_types::codec::Blob;
use xln_types::frame::CollateralChange;
use xln_types::tx::{Deallocate, SettleDiff};
use xln_types::{Balance, FrameTx, OperationId, Rejection, Side};

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
        let (node, channel) = (replica.node, channel.head.id);
        let signer = self.own_signer(self.channels.at(handle));
        let diffs = diffs.to_vec();
        self.journal.effects.push(Effect::SignSettlement { node, signer, channel, counter, valid_until_s, diffs });
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

    /// DP-5: a deep block is past a settlement's validity, and it was not mined: what is held for it is freed by a frame.
    pub(super) fn draft_lapse(&mut self, at: At, handle: Handle<Channel>, operation: &Operation) {
        let change = CollateralChange::Lapsed { counter: operation.counter };
        let place = self.record.cursor;
        let tx = FrameTx::Fact {
            block: place.block,
            block_hash: place.block_hash,
            log_index: u64::MAX,
            asset: operation.asset,
            change,
        };
        // A refusal means that there is nothing held for it: its frame was never agreed.
        let _ = self.draft(at, handle, tx);
    }
}
