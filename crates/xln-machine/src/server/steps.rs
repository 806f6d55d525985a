//! The steps from which inputs are composed: each lets one machine process a message, notes in the journal what was, and commits.
//! What must hold between machines (a channel's shares and its sides' sums) is kept here and nowhere else.

use super::journal::Undo;
use super::state::Server;
use crate::arena::Handle;
use crate::channel::state::Promised;
use crate::channel::{self, Channel, Line};
use crate::depositary::{self, Operation, OperationStatus, Reserve};
use crate::entity::{self, Entity};
use crate::machine::{At, Machine};
use crate::signer::{self, Signer};
use xln_types::{Amount, AssetId, Balance, EntityId, Event, OperationId, Rejection, Side};

impl Server {
    /// A signer processes a message.
    pub(super) fn step_signer(
        &mut self,
        at: At,
        handle: Handle<Signer>,
        message: &signer::Message,
    ) -> Result<(), Rejection> {
        let signer = self.signers.at_mut(handle);
        let next = signer.process(at, message)?;
        self.journal.undos.push(Undo::Signer(handle, Some(Box::new(signer.clone()))));
        signer.commit(next);
        Ok(())
    }

    /// An entity processes a message.
    pub(super) fn step_entity(
        &mut self,
        at: At,
        handle: Handle<Entity>,
        message: &entity::Message,
    ) -> Result<(), Rejection> {
        let entity = self.entities.at_mut(handle);
        let transition = entity.process(at, message)?;
        let undo = match transition {
            entity::apply::Transition::Whole(_) => Undo::Entity(handle, Some(Box::new(entity.clone()))),
            _ => {
                let record = &entity.record;
                Undo::Counters(handle, [record.nonce, record.channels, record.channels_open])
            }
        };
        self.journal.undos.push(undo);
        entity.commit(transition);
        Ok(())
    }

    /// A depositary processes a message; an operation's progress becomes an event.
    pub(super) fn step_depositary(
        &mut self,
        at: At,
        handle: Handle<Entity>,
        message: &depositary::Message,
    ) -> Result<(), Rejection> {
        let depositary = self.depositary(handle);
        let entity = depositary.entity;
        let transition = depositary.process(at, message)?;
        if let Some((asset, reserve)) = transition.reserve {
            self.put_reserve(handle, asset, reserve);
            self.journal.events.push(Event::ReserveChanged { entity, asset, free: reserve.free });
        }
        if let Some(operation) = transition.operation {
            self.journal.events.push(Event::Operation {
                operation: operation.id,
                entity,
                status: operation.status.number(),
            });
            if operation.status == OperationStatus::Pending {
                self.journal.effects.push(super::apply::Effect::Operate { entity, operation: operation.id });
            }
            self.put_operation(handle, operation);
        }
        Ok(())
    }

    /// A channel processes a message. Where a line changed, the sums that its two sides keep (net, owed, granted) follow, so that
    /// they always equal what their channels say.
    pub(super) fn step_channel(
        &mut self,
        at: At,
        handle: Handle<Channel>,
        message: &channel::Message,
    ) -> Result<(), Rejection> {
        let channel = self.channels.at(handle);
        let transition = channel.process(at, message)?;
        let head = channel.head;
        if let Some((asset, after)) = transition.line {
            let before = channel.line(asset).copied();
            for side in [Side::Left, Side::Right] {
                self.follow_line(head.entity(side), side, asset, &before.unwrap_or_default(), &after)?;
            }
            self.journal.undos.push(Undo::Line(handle, asset, before));
            if before.is_some_and(|before| before.collateral != after.collateral)
                || (before.is_none() && after.collateral.0 != 0)
            {
                let (left, right, collateral) = (head.left, head.right, after.collateral);
                self.journal.events.push(Event::CollateralChanged { channel: head.id, left, right, asset, collateral });
            }
        }
        if transition.head != head {
            self.journal.undos.push(Undo::Head(handle, Some(head)));
        }
        self.channels.at_mut(handle).commit(transition);
        // DP-2: what is locked counts against what is left.
        let locked = |line: Line| line.held_left != Amount::ZERO || line.held_right != Amount::ZERO;
        if transition.line.is_some_and(|(_, line)| locked(line)) || !self.channels.at(handle).promised.is_empty() {
            self.recount(handle);
        }
        if transition.head.status != head.status {
            self.channel_status_changed(at, handle)?;
        }
        Ok(())
    }

    /// Counts a channel that opened, on both sides, and tells of the new status.
    pub(super) fn channel_status_changed(&mut self, at: At, handle: Handle<Channel>) -> Result<(), Rejection> {
        let head = self.channels.at(handle).head;
        let status = head.status.number();
        self.journal.events.push(Event::ChannelStatus { channel: head.id, left: head.left, right: head.right, status });
        if head.status == channel::ChannelStatus::Open {
            for side in [Side::Left, Side::Right] {
                let entity = self.known_entity(head.entity(side))?;
                self.step_entity(at, entity, &entity::Message::ChannelOpened)?;
            }
        }
        Ok(())
    }

    fn follow_line(
        &mut self,
        entity: EntityId,
        side: Side,
        asset: AssetId,
        before: &Line,
        after: &Line,
    ) -> Result<(), Rejection> {
        let seen = |line: &Line| -> (Balance, Amount) { (line.share(side), line.owed(side)) };
        let granted = (before.granted(side), after.granted(side));
        if seen(before) == seen(after) && granted.0 == granted.1 {
            return Ok(());
        }
        let handle = self.known_entity(entity)?;
        let mut reserve = self.depositary(handle).reserve(asset).moved(seen(before), seen(after))?;
        if granted.0 != granted.1 {
            let policy = self.entities.at(handle).policy(asset);
            // What waits in frames of other channels counts too.
            self.depositary(handle).promised(asset).regranted(granted.0, granted.1, &policy)?;
            reserve = reserve.regranted_within(granted.0, granted.1);
        }
        self.put_reserve(handle, asset, reserve);
        Ok(())
    }

    /// The same for a line that two nodes agreed on: nothing here can be refused any more, so policies don't bind and sums stay within
    /// their bound (N-1).
    pub(super) fn follow_changed_line(
        &mut self,
        head: &channel::state::Head,
        asset: AssetId,
        before: &Line,
        after: &Line,
    ) {
        let (channel, left, right) = (head.id, head.left, head.right);
        for side in [Side::Left, Side::Right] {
            let Ok(handle) = self.known_entity(head.entity(side)) else { continue };
            let seen = |line: &Line| (line.share(side), line.owed(side));
            let granted = (before.granted(side), after.granted(side));
            if granted.0 != granted.1 {
                let (grantor, granted) = (side, granted.1);
                self.journal.events.push(Event::CreditSet { channel, left, right, asset, grantor, granted });
            }
            if seen(before) != seen(after) || granted.0 != granted.1 {
                let reserve = self.depositary(handle).reserve(asset);
                let reserve = reserve.moved_within(seen(before), seen(after)).regranted_within(granted.0, granted.1);
                self.put_reserve(handle, asset, reserve);
            }
        }
        if before.collateral != after.collateral {
            let collateral = after.collateral;
            self.journal.events.push(Event::CollateralChanged { channel, left, right, asset, collateral });
        }
    }

    /// DP-2: what the sides would owe and grant more if all that is locked, stacked and drafted came to pass.
    pub(super) fn recount(&mut self, handle: Handle<Channel>) {
        let channel = self.channels.at(handle);
        let (head, tip) = (channel.head, channel.tip());
        let mut promised = Vec::new();
        for (asset, line) in &tip.lines {
            let booked = channel.line(*asset).copied().unwrap_or_default();
            let more = [Side::Left, Side::Right].map(|side| {
                // What was taken back counts until the other side has signed that (CH-8).
                let owed = worst(line, side).max(worst(&booked, side)).minus_or_zero(booked.owed(side));
                Promised { owed, granted: line.granted(side).minus_or_zero(booked.granted(side)) }
            });
            if more != [Promised::default(); 2] {
                promised.push((*asset, more));
            }
        }
        if promised == channel.promised {
            return;
        }
        let before = std::mem::replace(&mut self.channels.at_mut(handle).promised, promised.clone());
        for (asset, more) in before {
            self.promise(&head, asset, more, false);
        }
        for (asset, more) in promised {
            self.promise(&head, asset, more, true);
        }
    }

    fn promise(&mut self, head: &channel::state::Head, asset: AssetId, more: [Promised; 2], add: bool) {
        let changed = |sum: Amount, more: Amount| {
            Amount(if add { sum.0.saturating_add(more.0) } else { sum.0.saturating_sub(more.0) })
        };
        for (side, more) in [Side::Left, Side::Right].into_iter().zip(more) {
            let Ok(handle) = self.known_entity(head.entity(side)) else { continue };
            let depositary = self.depositary_mut(handle);
            for (sums, more) in [(&mut depositary.exposed, more.owed), (&mut depositary.granting, more.granted)] {
                let sum = changed(sums.get(&asset).copied().unwrap_or_default(), more);
                if sum == Amount::ZERO {
                    sums.remove(&asset);
                } else {
                    sums.insert(asset, sum);
                }
            }
        }
    }

    /// The policies on what an entity grants (DESIGN 8), asked before a grant enters a frame.
    pub(super) fn may_grant(&self, handle: Handle<Channel>, asset: AssetId, granted: Amount) -> Result<(), Rejection> {
        let channel = self.channels.at(handle);
        let Some(me) = channel.replica.as_ref().map(|replica| replica.me) else { return Err(Rejection::NotAPeer {}) };
        if !self.assets.contains_key(&asset) {
            return Err(Rejection::UnknownAsset {});
        }
        // N-4: what is unique can't be owed.
        if self.is_unique(asset) && granted.0 != 0 {
            return Err(Rejection::NotForUniqueAsset {});
        }
        let grantor = self.known_entity(channel.head.entity(me))?;
        let before = channel.tip().line(asset).map_or(Amount::ZERO, |line| line.granted(me));
        let policy = self.entities.at(grantor).policy(asset);
        self.depositary(grantor).promised(asset).regranted(before, granted, &policy).map(|_| ())
    }

    fn put_reserve(&mut self, handle: Handle<Entity>, asset: AssetId, reserve: Reserve) {
        let before = self.depositary_mut(handle).reserves.insert(asset, reserve);
        self.journal.undos.push(Undo::Reserve(handle, asset, before));
    }

    fn put_operation(&mut self, handle: Handle<Entity>, operation: Operation) {
        let id = operation.id;
        let before = self.depositary(handle).operations.get(&id).cloned();
        self.journal.undos.push(Undo::Operation(handle, id, before.map(Box::new)));
        match operation.status {
            OperationStatus::Done | OperationStatus::Failed => {
                self.place_operation(handle, id, None);
                self.journal.ended.push(operation);
            }
            _ => self.place_operation(handle, id, Some(operation)),
        }
    }

    /// Puts or takes out an operation together with the indexes that lead to it.
    pub(super) fn place_operation(&mut self, handle: Handle<Entity>, id: OperationId, operation: Option<Operation>) {
        let operations = &mut self.depositary_mut(handle).operations;
        let before = operations.remove(&id);
        if let Some(operation) = &operation {
            operations.insert(id, operation.clone());
        }
        if let Some(before) = before {
            self.deadlines.remove(&(before.valid_until_s, id));
            self.operation_owner.remove(&id);
        }
        if let Some(operation) = operation {
            self.deadlines.insert((operation.valid_until_s, id));
            self.operation_owner.insert(id, handle);
        }
    }

    /// Adds a signer.
    pub(super) fn add_signer(&mut self, signer: Signer) -> Handle<Signer> {
        let id = signer.id;
        let handle = self.signers.push(signer);
        self.signer_index.insert(id, handle);
        self.journal.undos.push(Undo::Signer(handle, None));
        handle
    }

    pub(super) fn remove_newest_signer(&mut self) {
        if let Some(signer) = self.signers.pop() {
            self.signer_index.remove(&signer.id);
        }
    }

    /// Adds an entity with an empty depositary.
    pub(super) fn add_entity(&mut self, entity: Entity) -> Handle<Entity> {
        let (signer, id) = (entity.record.signer, entity.record.id);
        let handle = self.entities.push(entity);
        self.depositaries.push(depositary::Depositary::new(signer, id));
        self.entity_channels.push(Vec::new());
        self.entity_index.insert(id.address(), handle);
        self.journal.undos.push(Undo::Entity(handle, None));
        handle
    }

    pub(super) fn remove_newest_entity(&mut self) {
        if let Some(entity) = self.entities.pop() {
            self.entity_index.remove(&entity.record.id.address());
            let _ = self.depositaries.pop();
            let _ = self.entity_channels.pop();
        }
    }

    /// Adds a channel between two entities.
    pub(super) fn add_channel(
        &mut self,
        channel: Channel,
        left: Handle<Entity>,
        right: Handle<Entity>,
    ) -> Handle<Channel> {
        let id = channel.head.id;
        let handle = self.channels.push(channel);
        self.channel_index.insert(id, handle);
        self.pair_index.insert((left.number(), right.number()), handle);
        for side in [left, right] {
            if let Some(list) = self.entity_channels.get_mut(side.number() as usize) {
                list.push(handle);
            }
        }
        self.journal.undos.push(Undo::Head(handle, None));
        handle
    }

    pub(super) fn remove_newest_channel(&mut self) {
        let Some(channel) = self.channels.pop() else { return };
        self.channel_index.remove(&channel.head.id);
        let sides = [channel.head.left, channel.head.right].map(|id| self.entity_index.get(&id.address()));
        if let [Some(left), Some(right)] = sides {
            self.pair_index.remove(&(left.number(), right.number()));
            for side in [left, right] {
                if let Some(list) = self.entity_channels.get_mut(side.number() as usize) {
                    let _ = list.pop();
                }
            }
        }
    }

    /// The entity with this id.
    pub(super) fn known_entity(&self, id: EntityId) -> Result<Handle<Entity>, Rejection> {
        let handle = self.entity_index.get(&id.address()).ok_or(Rejection::UnknownEntity {})?;
        let entity = self.entities.at(handle);
        if entity.record.id == id && !entity.deleted { Ok(handle) } else { Err(Rejection::UnknownEntity {}) }
    }
}

/// What a side would owe if all that it has locked were claimed.
fn worst(line: &Line, side: Side) -> Amount {
    Balance(line.share(side).0.saturating_sub(line.held(side).0.cast_signed())).debt()
}
