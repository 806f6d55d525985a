//! What the chain did, past the confirmations (**DP-3**, **DP-4**, **CH-12**). Facts of logs come in the chain's order and each
//! once: one at or before the cursor is stale.

use super::journal::Undo;
use super::outcomes::Todo;
use super::state::Server;
use crate::channel::replica::SeenFact;
use crate::channel::{self, Action};
use crate::depositary::{self, Operation, OperationKind};
use crate::machine::At;
use xln_types::frame::CollateralChange;
use xln_types::{
    Amount, AssetId, Balance, ChainFact, ChannelId, EntityId, Event, FactKind, FactPosition, OperationId, Rejection,
    Side,
};

/// Most operations that one deep block's time may end; the next block ends the rest.
pub const EXPIRED_OPERATIONS_MAX: usize = 1024;

/// A fact as a channel's frames name it.
fn seen(place: FactPosition, asset: AssetId, change: CollateralChange) -> SeenFact {
    SeenFact { block: place.block, block_hash: place.block_hash, log_index: place.log_index, asset, change }
}

impl Server {
    pub(super) fn apply_fact(&mut self, at: At, fact: &ChainFact) -> Result<(), Rejection> {
        match fact.kind {
            FactKind::Reverted { operation } => return self.reverted(at, operation),
            _ => self.advance_cursor(fact.at)?,
        }
        match fact.kind {
            FactKind::AssetRegistered { .. } | FactKind::Reverted { .. } => Ok(()),
            FactKind::DeepReorg { depth } => self.halt(depth),
            FactKind::Deposited { entity, asset, amount, .. } => self.deposited(at, fact.at, entity, asset, amount),
            FactKind::Withdrawn { entity, asset, amount, operation, .. } => {
                self.left_reserve(at, entity, asset, amount, operation, None)
            }
            FactKind::CollateralAdded { channel, entity, side, asset, amount, operation } => {
                self.left_reserve(at, entity, asset, amount, operation, Some(channel))?;
                let Some(handle) = self.channel_index.get(&channel) else { return Ok(()) };
                if self.own_side(handle).is_some() {
                    let change = CollateralChange::Added { side, amount };
                    self.todo.push_back(Todo::Seen(handle, seen(fact.at, asset, change)));
                    return Ok(());
                }
                let action = Action::CollateralAdded { asset, amount };
                self.step_channel(at, handle, &channel::Message { by: side, action })
            }
            FactKind::Settled { channel, asset, counter, left, right } => {
                let Some(handle) = self.channel_index.get(&channel) else { return Ok(()) };
                self.settled(at, handle, (fact.at, asset, counter), [left, right])
            }
            FactKind::Time { timestamp } => self.deep_time(at, timestamp),
        }
    }

    /// DP-3: each fact once, in the chain's order.
    fn advance_cursor(&mut self, position: FactPosition) -> Result<(), Rejection> {
        let (last, next) = (self.record.cursor, position);
        if (next.block, next.log_index) <= (last.block, last.log_index) {
            return Err(Rejection::StaleFact {});
        }
        self.journal.note_server(self.record);
        self.record.cursor = position;
        Ok(())
    }

    fn deposited(
        &mut self,
        at: At,
        position: FactPosition,
        entity: EntityId,
        asset: AssetId,
        amount: Amount,
    ) -> Result<(), Rejection> {
        let Ok(handle) = self.known_entity(entity) else {
            return self.keep_unclaimed(entity, asset, amount);
        };
        self.step_depositary(at, handle, &depositary::Message::Deposited { asset, amount })?;
        // The hosted deposit that sent this chain transaction is done.
        let sent = self.depositary(handle).operations.values().find(|operation| {
            operation.kind == OperationKind::Deposit
                && operation.raw.last().is_some_and(|raw| xln_crypto::keccak256(&raw.0) == position.chain_tx)
        });
        match sent.map(|operation| operation.id) {
            Some(operation) => self.step_depositary(at, handle, &depositary::Message::Finish { operation }),
            None => Ok(()),
        }
    }

    fn keep_unclaimed(&mut self, entity: EntityId, asset: AssetId, amount: Amount) -> Result<(), Rejection> {
        let before = self.unclaimed.get(&(entity, asset)).copied();
        let after = before.unwrap_or_default().plus(amount).ok_or(Rejection::OutOfRange {})?;
        self.unclaimed.insert((entity, asset), after);
        self.journal.undos.push(Undo::Unclaimed(entity, asset, before));
        Ok(())
    }

    /// Reserve left for the world or for a channel: by an operation of the hub's, or past it.
    fn left_reserve(
        &mut self,
        at: At,
        entity: EntityId,
        asset: AssetId,
        amount: Amount,
        operation: OperationId,
        channel: Option<ChannelId>,
    ) -> Result<(), Rejection> {
        let Ok(handle) = self.known_entity(entity) else { return self.unclaimed_left(entity, asset, amount) };
        // A self-custody owner may have used the id for something else than it told the hub: that is past the hub.
        let kind = if channel.is_some() { OperationKind::Allocate } else { OperationKind::Withdraw };
        let says = (kind, channel.unwrap_or(ChannelId::ZERO), asset, amount);
        let known = self.depositary(handle).operations.get(&operation).cloned();
        let known = known.filter(|known| (known.kind, known.channel, known.asset, known.amount) == says);
        let Some(known) = known else {
            let into_channel = channel.is_some();
            return self.step_depositary(at, handle, &depositary::Message::Taken { asset, amount, into_channel });
        };
        self.step_depositary(at, handle, &depositary::Message::Finish { operation })?;
        match self.channel_index.get(&known.channel) {
            Some(channel) if known.opening == 1 => {
                self.step_channel(at, channel, &channel::Message { by: known.side, action: Action::Arrived })
            }
            _ => Ok(()),
        }
    }

    fn unclaimed_left(&mut self, entity: EntityId, asset: AssetId, amount: Amount) -> Result<(), Rejection> {
        let Some(before) = self.unclaimed.get(&(entity, asset)).copied() else { return Ok(()) };
        self.unclaimed.insert((entity, asset), before.minus_or_zero(amount));
        self.journal.undos.push(Undo::Unclaimed(entity, asset, Some(before)));
        Ok(())
    }

    /// DP-5: reserve and claim of each side together stay what they were.
    fn settled(
        &mut self,
        at: At,
        handle: crate::arena::Handle<channel::Channel>,
        (place, asset, counter): (FactPosition, AssetId, u64),
        gained: [Balance; 2],
    ) -> Result<(), Rejection> {
        let remote = self.own_side(handle).is_some();
        let head = self.channels.at(handle).head;
        let [left, right] = gained;
        for (side, gained) in [(Side::Left, left), (Side::Right, right)] {
            let owner = self.known_entity(head.entity(side))?;
            let begun = self.depositary(owner).operations.values().find(|operation| {
                operation.kind == OperationKind::Settle && operation.channel == head.id && operation.counter == counter
            });
            if let Some(Operation { id, amount, .. }) = begun.cloned() {
                let action = Action::Release { asset, amount };
                if !remote {
                    self.step_channel(at, handle, &channel::Message { by: side, action })?;
                }
                self.step_depositary(at, owner, &depositary::Message::Finish { operation: id })?;
            }
            if gained != Balance::ZERO {
                self.step_depositary(at, owner, &depositary::Message::Settled { asset, gained })?;
            }
        }
        if remote {
            // CH-12: between nodes it counts once it stands in a frame.
            let change = CollateralChange::Settled { counter, left, right };
            self.todo.push_back(Todo::Seen(handle, seen(place, asset, change)));
            return Ok(());
        }
        self.step_channel(
            at,
            handle,
            &channel::Message { by: Side::Left, action: Action::Settled { asset, left, right } },
        )
    }

    /// DP-4: a deep block is past what they were valid until, and the chain has not recorded them: they have certainly failed.
    fn deep_time(&mut self, at: At, timestamp: u64) -> Result<(), Rejection> {
        self.journal.note_server(self.record);
        self.record.chain_time_s = timestamp;
        let expired: Vec<_> = self
            .deadlines
            .iter()
            .take_while(|(until, _)| *until < timestamp)
            .take(EXPIRED_OPERATIONS_MAX)
            .map(|(_, id)| *id)
            .collect();
        for id in expired {
            self.operation_reverted(at, id)?;
        }
        self.todo.push_back(Todo::Deep(timestamp));
        Ok(())
    }

    /// DP-4, DP-5: a settlement with another node isn't over by that: both signatures are known to the world, and anyone may have it mined
    /// until it ends.
    fn reverted(&mut self, at: At, id: OperationId) -> Result<(), Rejection> {
        let owner = self.operation_owner.get(&id).copied().ok_or(Rejection::UnknownOperation {})?;
        let operation = self.depositary(owner).operations.get(&id).ok_or(Rejection::UnknownOperation {})?;
        let channel = self.channel_index.get(&operation.channel);
        let remote = channel.is_some_and(|channel| self.own_side(channel).is_some());
        if operation.kind == OperationKind::Settle && remote { Ok(()) } else { self.operation_reverted(at, id) }
    }

    fn operation_reverted(&mut self, at: At, id: OperationId) -> Result<(), Rejection> {
        let owner = self.operation_owner.get(&id).copied().ok_or(Rejection::UnknownOperation {})?;
        let operation = self.depositary(owner).operations.get(&id).cloned().ok_or(Rejection::UnknownOperation {})?;
        self.fail_operation(at, owner, &operation)
    }

    /// DP-3: a reorganisation deeper than the confirmations halts withdrawals and raises an alarm.
    fn halt(&mut self, depth: u64) -> Result<(), Rejection> {
        self.journal.note_server(self.record);
        self.record.halted = 1;
        let reason =
            format!("the chain reorganised {depth} blocks deep, past the confirmations: withdrawals are halted");
        self.journal.events.push(Event::Alarm { reason });
        Ok(())
    }
}
