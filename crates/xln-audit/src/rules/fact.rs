//! Chain facts: each once and in the chain's order (**DP-3**), by exactly their amounts (**DP-1**, **DP-4**, **DP-5**, **CH-12**).
//!
//! What lies in channels that this hub doesn't know, and what belongs to entities that nobody created here, is followed as far as
//! the facts tell: collateral added to an unknown channel is *elsewhere*; what an uncreated entity takes out beyond what waited
//! for it can only have come back from there.

use super::{Doubt, Shadow, changed, doubt, moved, require, signed};
use crate::holdings::Flow;
use crate::records::{ALLOCATE, DEPOSIT, Held, Line, Operation, Reserve, SETTLE, ServerRecord, WITHDRAW};
use xln_types::frame::CollateralChange;
use xln_types::{
    Amount, AssetId, Balance, ChainFact, ChannelId, EntityId, FactKind, FactPosition, FrameTx, OperationId, Path,
    Receipt, Rejection, Side, SignerId,
};

/// Most operations that one deep block's time ends (DP-4).
const EXPIRED_OPERATIONS_MAX: usize = 1024;

/// Most chain facts of one channel that wait for a frame.
const FACTS_MAX: usize = 1024;

/// What a fact adds to collateral.
pub(super) fn told(change: &CollateralChange) -> i128 {
    match change {
        CollateralChange::Added { amount, .. } => i128::try_from(amount.0).unwrap_or(i128::MAX),
        CollateralChange::Settled { left, right, .. } => left.0.saturating_add(right.0).saturating_neg(),
        CollateralChange::Lapsed { .. } => 0,
    }
}

impl Shadow<'_> {
    pub(super) fn fact(&mut self, fact: &ChainFact, receipt: &Receipt) -> Result<(), Doubt> {
        let positioned = !matches!(fact.kind, FactKind::Reverted { .. });
        if positioned {
            self.judge_position(fact.at, receipt)?;
        }
        if receipt.is_executed() {
            if positioned {
                let record = ServerRecord { cursor: fact.at, ..self.server() };
                self.put(Path::SERVER, Held::Server(record));
            }
            self.happened(fact)?;
            return self.work_off();
        }
        // What the chain did can be refused for being stale, or for numbers out of range (N-1), and for nothing else.
        let stale = positioned && receipt.rejection() == Some(&Rejection::StaleFact {});
        let possible = !stale && self.trial().happened(fact).is_ok();
        require(!possible, "DP-3", "what the chain did is taken", || format!("{:?}", receipt.status))
    }

    fn happened(&mut self, fact: &ChainFact) -> Result<(), Doubt> {
        match fact.kind {
            FactKind::AssetRegistered { .. } => Ok(()),
            FactKind::Deposited { entity, asset, amount, .. } => self.arrival(fact.at, entity, asset, amount),
            FactKind::Withdrawn { entity, asset, amount, operation, .. } => {
                self.note_flow(asset, Flow::Depositary(signed(amount)?.saturating_neg()));
                self.departure(entity, asset, amount, operation, ChannelId::ZERO)
            }
            FactKind::CollateralAdded { channel, entity, side, asset, amount, operation } => {
                self.departure(entity, asset, amount, operation, channel)?;
                if self.memory(channel).is_some() {
                    return self.tell(fact.at, channel, asset, CollateralChange::Added { side, amount });
                }
                self.collateral_added(channel, side, asset, amount)
            }
            FactKind::Settled { channel, asset, counter, left, right } => {
                self.settlement(fact.at, channel, asset, counter, [left, right])
            }
            FactKind::Time { timestamp } => self.deep_time(timestamp),
            FactKind::Reverted { operation } => {
                let known = self.operation_by_id(operation);
                let known = known.ok_or_else(|| doubt("DP-4", "an operation under way", operation.to_string()))?;
                self.fail(&known)
            }
            FactKind::DeepReorg { .. } => {
                let record = ServerRecord { halted: 1, ..self.server() };
                self.put(Path::SERVER, Held::Server(record));
                Ok(())
            }
        }
    }

    /// DP-3: taken if it lies behind the last one, refused as stale if it doesn't.
    fn judge_position(&self, at: FactPosition, receipt: &Receipt) -> Result<(), Doubt> {
        let cursor = self.server().cursor;
        let fresh = (cursor.block, cursor.log_index) < (at.block, at.log_index);
        let called_stale = receipt.rejection() == Some(&Rejection::StaleFact {});
        let right = if receipt.is_executed() { fresh } else { fresh != called_stale };
        let (block, log) = (cursor.block, cursor.log_index);
        require(right, "DP-3", &format!("each fact once, behind block {block} log {log}"), || {
            let status = if receipt.is_executed() { "executed" } else { "refused" };
            format!("block {} log {} {status}", at.block, at.log_index)
        })
    }

    /// DP-3: what arrived is free, or waits for its entity.
    fn arrival(&mut self, at: FactPosition, entity: EntityId, asset: AssetId, amount: Amount) -> Result<(), Doubt> {
        let step = signed(amount)?;
        self.note_flow(asset, Flow::Depositary(step));
        if self.signer_of(entity).is_none() {
            let (path, waiting) = self.unclaimed(entity, asset);
            self.put(path, Held::Unclaimed(changed(waiting, step)?));
            return Ok(());
        }
        let reserve = self.reserve(entity, asset)?;
        self.put_reserve(entity, asset, Reserve { free: moved(reserve.free, step)?, ..reserve })?;
        let sent = |operation: &Operation| {
            let raw = operation.raw.last();
            operation.kind == DEPOSIT && raw.is_some_and(|raw| xln_crypto::keccak256(&raw.0) == at.chain_tx)
        };
        match self.operations_of(entity).into_iter().find(sent) {
            Some(operation) => self.end(&operation, true),
            None => Ok(()),
        }
    }

    fn unclaimed(&self, entity: EntityId, asset: AssetId) -> (Path, Amount) {
        let path = Path::reserve(SignerId::ZERO, entity, asset);
        (path, self.get(&path).and_then(Held::unclaimed).copied().unwrap_or_default())
    }

    /// Reserve left for the world (no channel) or for a channel: by the operation that the fact names, or past the hub when that
    /// says something else.
    fn departure(
        &mut self,
        entity: EntityId,
        asset: AssetId,
        amount: Amount,
        operation: OperationId,
        channel: ChannelId,
    ) -> Result<(), Doubt> {
        let step = signed(amount)?;
        let kind = if channel == ChannelId::ZERO { WITHDRAW } else { ALLOCATE };
        if self.signer_of(entity).is_none() {
            let (path, waiting) = self.unclaimed(entity, asset);
            let covered = waiting.min(amount);
            if covered != Amount::ZERO {
                self.put(path, Held::Unclaimed(changed(waiting, signed(covered)?.saturating_neg())?));
            }
            let short = step.saturating_sub(signed(covered)?);
            self.note_flow(asset, Flow::Elsewhere(short.saturating_neg()));
            return Ok(());
        }
        let known = self.operation_by_id(operation).filter(|known| {
            let said = (known.entity, known.kind, known.channel, known.asset, known.amount);
            said == (entity, kind, channel, asset, amount)
        });
        let Some(known) = known else {
            let reserve = self.reserve(entity, asset)?;
            let free = moved(reserve.free, step.saturating_neg())?;
            let put_in = if kind == ALLOCATE { step } else { 0 };
            let allocated = changed(reserve.allocated, put_in)?;
            return self.put_reserve(entity, asset, Reserve { free, allocated, ..reserve });
        };
        self.end(&known, true)?;
        if known.opening == 1 { self.arrived(known.channel) } else { Ok(()) }
    }

    /// DP-1: left raises C and ondelta, right raises C alone.
    fn collateral_added(
        &mut self,
        channel: ChannelId,
        side: Side,
        asset: AssetId,
        amount: Amount,
    ) -> Result<(), Doubt> {
        let step = signed(amount)?;
        if self.held.sides(channel).is_none() {
            self.note_flow(asset, Flow::Elsewhere(step));
            return Ok(());
        }
        let head = self.head(channel)?;
        let line = self.line(&head, asset)?;
        let collateral = changed(line.collateral, step)?;
        let ondelta = moved(line.ondelta, side.pick(step, 0))?;
        self.put_line(&head, asset, Line { collateral, ondelta, ..line })
    }

    /// DP-5: `C −= left + right`, `ondelta −= left`; what was held for it is released.
    fn settlement(
        &mut self,
        at: FactPosition,
        channel: ChannelId,
        asset: AssetId,
        counter: u64,
        [left, right]: [Balance; 2],
    ) -> Result<(), Doubt> {
        if self.held.sides(channel).is_none() {
            return Ok(());
        }
        let head = self.head(channel)?;
        let between_nodes = self.memory(channel).is_some();
        for (side, gained) in [(Side::Left, left), (Side::Right, right)] {
            let owner = head.entity(side);
            let begun = self.operations_of(owner).into_iter().find(|operation| {
                operation.kind == SETTLE && operation.channel == channel && operation.counter == counter
            });
            if let Some(operation) = begun {
                if !between_nodes {
                    self.release(&operation)?;
                }
                self.end(&operation, true)?;
            }
            if gained == Balance::ZERO {
                continue;
            }
            let reserve = self.reserve(owner, asset)?;
            let free = moved(reserve.free, gained.0)?;
            let grown = changed(reserve.allocated, signed(gained.debt())?)?;
            let allocated = grown.minus_or_zero(gained.claim());
            self.put_reserve(owner, asset, Reserve { free, allocated, ..reserve })?;
        }
        if between_nodes {
            return self.tell(at, channel, asset, CollateralChange::Settled { counter, left, right });
        }
        let line = self.line(&head, asset)?;
        let taken = left.0.checked_add(right.0).ok_or_else(super::out_of_range)?;
        let collateral = changed(line.collateral, taken.saturating_neg())?;
        let ondelta = moved(line.ondelta, left.0.saturating_neg())?;
        self.put_line(&head, asset, Line { collateral, ondelta, ..line })
    }

    /// DP-4: what was valid until before a deep block's time, and isn't recorded, has certainly failed.
    fn deep_time(&mut self, time_s: u64) -> Result<(), Doubt> {
        let record = ServerRecord { chain_time_s: time_s, ..self.server() };
        self.put(Path::SERVER, Held::Server(record));
        for id in self.held.expired(time_s, EXPIRED_OPERATIONS_MAX) {
            if let Some(operation) = self.operation_by_id(id) {
                self.fail(&operation)?;
            }
        }
        self.take_back(time_s)?;
        self.end_invoices(time_s);
        Ok(())
    }

    /// CH-12: in a channel with another node what the chain did counts once it stands in a frame.
    fn tell(
        &mut self,
        at: FactPosition,
        channel: ChannelId,
        asset: AssetId,
        change: CollateralChange,
    ) -> Result<(), Doubt> {
        let (head, mut memory) = (self.head(channel)?, self.need_memory(channel)?);
        let room = memory.facts.len() < FACTS_MAX;
        require(room, "CH-12", &format!("at most {FACTS_MAX} facts that wait"), || "one more".to_owned())?;
        let FactPosition { block, block_hash, log_index, .. } = at;
        memory.facts.push(FrameTx::Fact { block, block_hash, log_index, asset, change });
        self.note_flow(asset, Flow::Told(told(&change)));
        let replica = self.replica(&head)?;
        self.keep(&head, memory, replica)?;
        self.draft_facts(&head)
    }

    /// DP-5: a settlement that was agreed and not mined in time gives its holds back by a frame.
    pub(super) fn draft_lapse(&mut self, operation: &Operation) {
        let FactPosition { block, block_hash, .. } = self.server().cursor;
        let change = CollateralChange::Lapsed { counter: operation.counter };
        let tx = FrameTx::Fact { block, block_hash, log_index: u64::MAX, asset: operation.asset, change };
        // One whose frame was never agreed holds nothing.
        let _ = self.draft(operation.channel, tx, false);
    }
}
