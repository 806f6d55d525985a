//! What the ledger makes of the chain's facts and of commands: operations land or fail (**DP-1**, **DP-4**, **DP-5**), deposits arrive and wait
//! for who isn't known yet (**DP-3**), owners act past the hub.

use super::Answer;
use super::ledger::{Kind, Ledger, Operation, Progress, Signer, side, signed};
use xln_crypto::derive;
use xln_machine::server::Input;
use xln_types::asset::{DECIMALS_MAX, SYMBOL_BYTES_MAX};
use xln_types::tx::METADATA_BYTES_MAX;
use xln_types::{
    Amount, AssetId, AssetInfo, ChainFact, ChannelId, Command, EntityId, FactKind, OperationId, Receipt, Rejection,
    Side, SignerId,
};

impl Ledger {
    /// Plays an input that the log has taken, and compares the receipt: says what was foretold if that is something else.
    ///
    /// # Errors
    /// Which answer was foretold, and which was given.
    pub(crate) fn play(&mut self, input: &Input, receipt: &Receipt) -> Result<(), String> {
        self.sequence += 1;
        let foretold = match input {
            Input::Transaction(tx) => self.transaction(tx, receipt.executed_at_ms / 1000),
            Input::Fact(fact) => self.fact(fact),
            Input::Command(command) => self.command(command),
            Input::Peer(_) | Input::Frames => Ok(()),
        };
        if let Input::Transaction(tx) = input {
            self.taken.insert(tx.hash(), receipt.sequence);
        }
        if receipt.sequence != self.sequence {
            return Err(format!("TX-6: input {} came as number {}", self.sequence, receipt.sequence));
        }
        if receipt.rejection() == foretold.as_ref().err() {
            return Ok(());
        }
        Err(format!("TX-5: foretold {foretold:?}, answered {:?} to {input:?}", receipt.status))
    }

    fn fact(&mut self, fact: &ChainFact) -> Answer {
        if let FactKind::Reverted { operation } = fact.kind {
            return self.fail(operation);
        }
        // DP-3: each once, in the chain's order.
        if (fact.at.block, fact.at.log_index) <= (self.cursor.block, self.cursor.log_index) {
            return Err(Rejection::StaleFact {});
        }
        self.cursor = fact.at;
        match fact.kind {
            FactKind::AssetRegistered { .. } | FactKind::Reverted { .. } => {}
            FactKind::DeepReorg { .. } => self.halted = true,
            FactKind::Deposited { entity, asset, amount, .. } => {
                self.arrived(entity, asset, signed(amount));
                let sent = self.operations().iter().find(|(_, it)| it.sent == Some(fact.at.chain_tx));
                if let Some(id) = sent.map(|(id, _)| *id) {
                    self.put_operation(id, None);
                }
            }
            FactKind::Withdrawn { entity, asset, amount, operation, .. } => {
                self.left(entity, asset, amount, operation, None);
            }
            FactKind::CollateralAdded { channel, entity, side, asset, amount, operation } => {
                self.left(entity, asset, amount, operation, Some(channel));
                self.collateral_added(channel, side, asset, signed(amount));
            }
            FactKind::Settled { channel, asset, counter, left, right } => {
                self.settled(channel, asset, counter, [left.0, right.0]);
            }
            FactKind::Time { timestamp } => {
                let past = self.operations().iter().filter(|(_, it)| it.until_s < timestamp);
                let past: Vec<OperationId> = past.map(|(id, _)| *id).collect();
                past.into_iter().try_for_each(|id| self.fail(id))?;
            }
        }
        Ok(())
    }

    fn arrived(&mut self, entity: EntityId, asset: AssetId, number: i128) {
        match (self.known(entity), self.asset(asset)) {
            (Some(who), Some(asset)) => self.people[who].pots[asset].free += number,
            _ => *self.unclaimed.entry((entity, asset)).or_default() += number,
        }
    }

    /// Reserve left for the world or for a channel: by an operation of the hub's, or past it.
    fn left(
        &mut self,
        entity: EntityId,
        asset: AssetId,
        amount: Amount,
        operation: OperationId,
        into: Option<ChannelId>,
    ) {
        let number = signed(amount);
        let (Some(who), Some(known)) = (self.known(entity), self.asset(asset)) else {
            if let Some(waiting) = self.unclaimed.get_mut(&(entity, asset)) {
                *waiting = (*waiting - number).max(0);
            }
            return;
        };
        let kind = if into.is_some() { Kind::Allocate } else { Kind::Withdraw };
        let is_it = |it: &Operation| {
            let same_channel =
                into.is_none_or(|channel| self.pairs.get(&channel).is_some_and(|pair| *pair == pair_of(it)));
            (it.kind, it.owner, it.asset, it.amount) == (kind, who, known, number) && same_channel
        };
        let it = self.operations().get(&operation).copied().filter(is_it);
        let pot = &mut self.people[who].pots[known];
        match (it, kind) {
            (Some(_), Kind::Withdraw) => pot.withdrawing -= number,
            (Some(_), _) => pot.allocating -= number,
            (None, _) => pot.free -= number,
        }
        if into.is_some() {
            pot.allocated += number;
        }
        if let Some(it) = it {
            self.put_operation(operation, None);
            self.awaited_less(&it);
        }
    }

    fn collateral_added(&mut self, channel: ChannelId, by: Side, asset: AssetId, number: i128) {
        let (Some((one, other)), Some(asset)) = (self.pairs.get(&channel).copied(), self.asset(asset)) else { return };
        let by = if (self.people[one].id < self.people[other].id) == (by == Side::Left) { one } else { other };
        let peer = if by == one { other } else { one };
        if let Ok(account) = self.account_mut(by, peer) {
            let line = &mut account.lines[asset];
            line.collateral += number;
            line.share[side(by, peer)] += number;
        }
    }

    /// DP-5: reserve and claim of each side together stay what they were.
    fn settled(&mut self, channel: ChannelId, asset: AssetId, counter: u64, gained: [i128; 2]) {
        let (Some(pair), Some(asset)) = (self.pairs.get(&channel).copied(), self.asset(asset)) else { return };
        let (one, other) = pair;
        let in_order = self.people[one].id < self.people[other].id;
        let gained = if in_order { gained } else { [gained[1], gained[0]] };
        let begun = |it: &Operation| it.kind == Kind::Settle && pair_of(it) == pair && it.counter == counter;
        let begun = self.operations().iter().find(|(_, it)| begun(it)).map(|(id, it)| (*id, *it));
        if let Some((id, it)) = begun {
            self.put_operation(id, None);
            if let Ok(account) = self.account_mut(one, other) {
                account.lines[asset].held[side(it.owner, it.peer)] -= it.amount;
            }
        }
        for (who, gained) in [(one, gained[0]), (other, gained[1])] {
            let pot = &mut self.people[who].pots[asset];
            pot.free += gained;
            pot.allocated = if gained < 0 { pot.allocated - gained } else { (pot.allocated - gained).max(0) };
        }
        if let Ok(account) = self.account_mut(one, other) {
            let line = &mut account.lines[asset];
            line.collateral -= gained[0] + gained[1];
            line.share[0] -= gained[0];
            line.share[1] -= gained[1];
        }
    }

    fn awaited_less(&mut self, it: &Operation) {
        if it.opening
            && let Ok(account) = self.account_mut(it.owner, it.peer)
        {
            account.awaited = account.awaited.saturating_sub(1);
        }
    }

    /// DP-4: it has certainly failed, and gives back what it took.
    fn fail(&mut self, id: OperationId) -> Answer {
        let it = self.operations().get(&id).copied().ok_or(Rejection::UnknownOperation {})?;
        self.put_operation(id, None);
        let pot = &mut self.people[it.owner].pots[it.asset];
        match it.kind {
            Kind::Withdraw => (pot.withdrawing, pot.free) = (pot.withdrawing - it.amount, pot.free + it.amount),
            Kind::Allocate => {
                (pot.allocating, pot.free) = (pot.allocating - it.amount, pot.free + it.amount);
                self.awaited_less(&it);
            }
            Kind::Settle => {
                let own = side(it.owner, it.peer);
                self.account_mut(it.owner, it.peer)?.lines[it.asset].held[own] -= it.amount;
            }
            Kind::Deposit => {}
        }
        Ok(())
    }

    fn command(&mut self, command: &Command) -> Answer {
        match command {
            Command::Introduce { .. } | Command::Invoice { .. } => Ok(()),
            Command::RegisterSigner { signer, owner, hosted, metadata, .. } => {
                if METADATA_BYTES_MAX < metadata.0.len() {
                    return Err(Rejection::TooLarge { limit: METADATA_BYTES_MAX as u64 });
                }
                if *signer == SignerId::ZERO {
                    return Err(Rejection::UnknownSigner {});
                }
                let is_hosted = *hosted != 0;
                let hub = self.people[crate::people::HUB].signer;
                match self.signers.get_mut(signer) {
                    None => {
                        let new = Signer { owner: *owner, is_hosted, nonce: 0, next_salt: 0 };
                        self.signers.insert(*signer, new);
                    }
                    Some(known) => {
                        // N-5: whoever proves to have the key takes it over.
                        let proven = is_hosted || *owner == signer.address();
                        let changes = known.owner != *owner || !known.is_hosted && is_hosted;
                        if !proven || !changes || *signer == hub {
                            return Err(Rejection::AlreadyExists {});
                        }
                        (known.owner, known.is_hosted) = (*owner, known.is_hosted || is_hosted);
                    }
                }
                Ok(())
            }
            Command::RegisterAsset { info } => self.register(info),
            Command::Broadcast { operation, raw } => {
                let it = self.operations().get(operation).copied().ok_or(Rejection::UnknownOperation {})?;
                let sent = raw.last().map(|raw| xln_crypto::keccak256(&raw.0));
                // Only a deposit is found again by what was sent for it.
                let sent = sent.filter(|_| it.kind == Kind::Deposit);
                self.put_operation(*operation, Some(Operation { progress: Progress::Sent, sent, ..it }));
                Ok(())
            }
        }
    }

    fn register(&mut self, info: &AssetInfo) -> Answer {
        let symbol = info.symbol.as_bytes();
        let is_plain = symbol.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte));
        if symbol.is_empty() || SYMBOL_BYTES_MAX < symbol.len() || !is_plain {
            return Err(Rejection::TooLarge { limit: SYMBOL_BYTES_MAX as u64 });
        }
        if DECIMALS_MAX < info.decimals {
            return Err(Rejection::OutOfRange {});
        }
        if derive::asset_id(crate::chain::CHAIN_ID, &info.asset) != info.id {
            return Err(Rejection::UnknownAsset {});
        }
        if self.registered.contains(&info.id) || self.symbols.contains(&info.symbol) {
            return Err(Rejection::AlreadyExists {});
        }
        self.registered.insert(info.id);
        self.symbols.insert(info.symbol.clone());
        Ok(())
    }
}

fn pair_of(it: &Operation) -> (usize, usize) {
    (it.owner.min(it.peer), it.owner.max(it.peer))
}
