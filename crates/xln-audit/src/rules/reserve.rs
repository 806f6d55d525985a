//! Reserves: what an operation takes and gives back. **DP-1** allocate, **DP-2** the minimum reserve, **DP-4** withdraw, **DP-5** settle.

use super::{Doubt, Shadow, changed, doubt, moved, require, signed};
use crate::records::{
    ALLOCATE, CHANNEL_OPEN, DEPOSIT, Held, Line, OPERATION_PENDING, Operation, Reserve, SETTLE, WITHDRAW,
};
use crate::wide::product;
use xln_crypto::derive;
use xln_types::codec::Blob;
use xln_types::tx::{Allocate, Deallocate, Deposit, Withdraw};
use xln_types::{Address, Amount, AssetId, ChannelId, EntityId, OperationId, Path, Side, Transaction};

impl Shadow<'_> {
    /// An operation that a transaction starts, its particulars still open.
    pub(super) fn operation(&self, from: EntityId, tx: &Transaction, kind: u8, index: u64) -> Operation {
        Operation {
            id: derive::operation_id(self.held.hub, tx.from, tx.nonce, index),
            kind,
            status: OPERATION_PENDING,
            entity: from,
            asset: AssetId::ZERO,
            amount: Amount::ZERO,
            channel: ChannelId::ZERO,
            side: Side::Left,
            recipient: Address::ZERO,
            counter: 0,
            valid_until_s: u64::MAX,
            chain_signature: Blob::default(),
            raw: Vec::new(),
            opening: 0,
            created_s: self.now_s(),
        }
    }

    pub(super) fn put_operation(&mut self, operation: Operation) -> Result<(), Doubt> {
        let entity = operation.entity;
        let path = Path::operation(self.need_signer(entity)?, entity, operation.id);
        self.put(path, Held::Operation(operation));
        Ok(())
    }

    pub(super) fn operation_by_id(&self, id: OperationId) -> Option<Operation> {
        let path = self.held.operation_path(id)?;
        self.get(&path).and_then(Held::operation).cloned()
    }

    /// Debits what the operation needs and lets it wait for the chain.
    pub(super) fn begin(&mut self, operation: Operation) -> Result<(), Doubt> {
        let Operation { entity, asset, amount, kind, .. } = operation;
        let law = if kind == WITHDRAW { "DP-4" } else { "DP-1" };
        require(amount != Amount::ZERO, law, "an amount above 0", || "0".to_owned())?;
        let step = signed(amount)?;
        let reserve = self.reserve(entity, asset)?;
        let after = match kind {
            WITHDRAW => Reserve { withdrawing: changed(reserve.withdrawing, step)?, ..reserve },
            ALLOCATE => Reserve { allocating: changed(reserve.allocating, step)?, ..reserve },
            _ => return self.put_operation(operation),
        };
        let free = moved(reserve.free, step.saturating_neg())?;
        require(0 <= free.0, law, &format!("at most what is free: {}", reserve.free), || amount.to_string())?;
        let ppm = self.policy(entity, asset).reserve_ppm;
        let kept = product(reserve.owed.0, ppm) <= product(free.0.unsigned_abs(), super::payment::PPM);
        require(kept, "DP-2", &format!("free covers {ppm} ppm of owed {}", reserve.owed), || free.to_string())?;
        self.put_reserve(entity, asset, Reserve { free, ..after })?;
        self.put_operation(operation)
    }

    /// The operation leaves the state: the chain has recorded it, or it has certainly failed and gives back what it took.
    pub(super) fn end(&mut self, operation: &Operation, arrived: bool) -> Result<(), Doubt> {
        let Operation { entity, asset, amount, kind, .. } = *operation;
        let step = signed(amount)?;
        let reserve = self.reserve(entity, asset)?;
        let free = if arrived { reserve.free } else { moved(reserve.free, step)? };
        let after = match kind {
            WITHDRAW => {
                Some(Reserve { withdrawing: changed(reserve.withdrawing, step.saturating_neg())?, free, ..reserve })
            }
            ALLOCATE => {
                let allocating = changed(reserve.allocating, step.saturating_neg())?;
                let allocated = changed(reserve.allocated, if arrived { step } else { 0 })?;
                Some(Reserve { allocating, allocated, free, ..reserve })
            }
            _ => None,
        };
        if let Some(after) = after {
            self.put_reserve(entity, asset, after)?;
        }
        let path = Path::operation(self.need_signer(entity)?, entity, operation.id);
        self.remove(path);
        Ok(())
    }

    /// DP-4: once, and with all that waited on it.
    pub(super) fn fail(&mut self, operation: &Operation) -> Result<(), Doubt> {
        self.end(operation, false)?;
        match operation.kind {
            SETTLE if self.memory(operation.channel).is_some() => {
                self.draft_lapse(operation);
                Ok(())
            }
            SETTLE => self.release(operation),
            ALLOCATE if operation.opening == 1 => self.arrived(operation.channel),
            _ => Ok(()),
        }
    }

    /// DP-5: what a settlement had locked on its side is free again.
    pub(super) fn release(&mut self, operation: &Operation) -> Result<(), Doubt> {
        let head = self.head(operation.channel)?;
        let mut line = self.line(&head, operation.asset)?;
        let held = line.held_mut(operation.side);
        *held = changed(*held, signed(operation.amount)?.saturating_neg())?;
        self.put_line(&head, operation.asset, line)
    }

    pub(super) fn deposit(&mut self, from: EntityId, tx: &Transaction, body: &Deposit) -> Result<(), Doubt> {
        self.require_asset(body.asset)?;
        let operation = self.operation(from, tx, DEPOSIT, 0);
        self.begin(Operation { asset: body.asset, amount: body.amount, ..operation })
    }

    pub(super) fn withdraw(&mut self, from: EntityId, tx: &Transaction, body: &Withdraw) -> Result<(), Doubt> {
        self.require_asset(body.asset)?;
        let halted = self.server().halted == 1;
        require(!halted, "DP-3", "no withdrawal after a deep reorganisation", || "one".to_owned())?;
        let operation = self.operation(from, tx, WITHDRAW, 0);
        self.begin(Operation {
            asset: body.asset,
            amount: body.amount,
            recipient: body.recipient,
            valid_until_s: body.valid_until_s,
            chain_signature: body.chain_signature.clone(),
            ..operation
        })
    }

    pub(super) fn allocate(&mut self, from: EntityId, tx: &Transaction, body: &Allocate) -> Result<(), Doubt> {
        let (head, side) = self.own_channel(from, body.channel, "DP-1")?;
        require(head.status == CHANNEL_OPEN, "CH-11", "an open channel", || format!("status {}", head.status))?;
        self.require_asset(body.asset)?;
        if self.memory(head.id).is_some() {
            self.list_elsewhere(&head, body.asset)?;
        } else {
            self.list(&head, body.asset)?;
        }
        let operation = self.operation(from, tx, ALLOCATE, 0);
        self.begin(Operation {
            asset: body.asset,
            amount: body.amount,
            channel: body.channel,
            side,
            valid_until_s: body.valid_until_s,
            chain_signature: body.chain_signature.clone(),
            ..operation
        })
    }

    pub(super) fn deallocate(&mut self, from: EntityId, tx: &Transaction, body: &Deallocate) -> Result<(), Doubt> {
        let (head, side) = self.own_channel(from, body.channel, "DP-5")?;
        if self.memory(head.id).is_some() {
            return self.take_out_elsewhere(from, tx, (&head, side), body);
        }
        require(head.status == CHANNEL_OPEN, "CH-11", "an open channel", || format!("status {}", head.status))?;
        let mut line = self.line(&head, body.asset)?;
        require(line.listed == 1, "CH-12", "an asset that both sides listed", || body.asset.to_string())?;
        let secured = line.secured(side).ok_or_else(super::out_of_range)?.min(line.collateral.0);
        let (most, asked) = (format!("at most {secured}"), body.amount);
        require(asked.0 <= secured, "DP-5", &most, || asked.to_string())?;
        let held = line.held_mut(side);
        *held = changed(*held, signed(asked)?)?;
        self.put_line(&head, body.asset, Line { ..line })?;
        let counter = head.settle_counter.checked_add(1);
        let counter = counter.ok_or_else(|| doubt("DP-5", "a settlement counter below 2^64", "the last"))?;
        self.put_head(crate::records::Head { settle_counter: counter, ..head })?;
        let operation = self.operation(from, tx, SETTLE, 0);
        self.begin(Operation {
            asset: body.asset,
            amount: asked,
            channel: body.channel,
            side,
            counter,
            valid_until_s: body.valid_until_s,
            ..operation
        })
    }
}
