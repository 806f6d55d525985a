//! The auditor: a second, smaller ledger that knows no rule about who may do what, only what must be true whatever was allowed. It reads
//! inputs and receipts, and keeps of each channel's line Δ, collateral, grants and holds by itself.
//!
//! Laws: **TX-2** each sender's nonces count up by one, and a hash names what it covers; **CH-1** nobody pays past its `out`; **CH-2** Δ moves by
//! the amount, toward the payee; **CH-3** only the grantor's transaction moves a grant; **CH-13** what people have is what arrived less what left;
//! **DP-1**, **DP-4** an operation begins once, ends once, and restores only what the chain never did; **DP-5** what is held is released.

use crate::abroad::Abroad;
use crate::chain::{CHAIN_ID, Ledger as Chain, Slot};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use xln_crypto::derive;
use xln_machine::Server;
use xln_machine::server::Input;
use xln_types::{
    Address, AssetId, Body, ChannelId, EntityId, Event, FactKind, HtlcKey, OperationId, Receipt, Rejection, Side,
    Transaction,
};

/// What the auditor knows of a line.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    delta: i128,
    collateral: i128,
    granted: [i128; 2],
    held: [i128; 2],
}

/// Something under way on the chain.
#[derive(Clone, Debug)]
struct Operation {
    owner: EntityId,
    /// For a settlement: what is held, where.
    hold: Option<(ChannelId, AssetId, usize, i128)>,
    /// It names an operation that the chain takes once.
    is_named: bool,
}

/// One node's auditor.
#[derive(Debug)]
pub(crate) struct Auditor {
    hub: EntityId,
    own: BTreeSet<EntityId>,
    nonces: BTreeMap<Address, u64>,
    lines: BTreeMap<(ChannelId, AssetId), Line>,
    under_way: BTreeMap<OperationId, Operation>,
    ended: BTreeMap<OperationId, (EntityId, bool)>,
    /// What arrived for people of this node, less what left, by asset.
    inflow: BTreeMap<AssetId, i128>,
    /// Collateral of people of this node in channels with other nodes: what went in less what came out.
    outside: BTreeMap<AssetId, i128>,
    /// HTLCs between people here.
    locks: BTreeMap<(ChannelId, HtlcKey), (AssetId, i128)>,
    abroad: Arc<Abroad>,
}

fn number(amount: xln_types::Amount) -> i128 {
    i128::try_from(amount.0).unwrap_or(i128::MAX)
}

fn index(side: Side) -> usize {
    side.pick(0, 1)
}

impl Auditor {
    pub(crate) fn new(hub: EntityId, abroad: Arc<Abroad>) -> Auditor {
        let (nonces, lines, under_way, ended, inflow, outside, locks) = Default::default();
        Auditor { hub, own: BTreeSet::from([hub]), nonces, lines, under_way, ended, inflow, outside, locks, abroad }
    }

    /// Takes an input and its receipt.
    ///
    /// # Errors
    /// The law that is broken, and by what.
    pub(crate) fn see(&mut self, input: &Input, receipt: &Receipt) -> Result<(), String> {
        if let Input::Transaction(tx) = input {
            self.nonce(tx.tx(), receipt)?;
        }
        if !receipt.is_executed() {
            let told = receipt.logs.len();
            return if told == 0 { Ok(()) } else { Err(format!("TX-5: a refusal told of {told} events")) };
        }
        match input {
            Input::Transaction(tx) => self.begun(tx.tx(), tx.body()),
            Input::Fact(fact) => self.fact(&fact.kind),
            Input::Command(_) | Input::Peer(_) | Input::Frames => {}
        }
        for event in &receipt.logs {
            self.event(input, event)?;
        }
        Ok(())
    }

    /// TX-2.
    fn nonce(&mut self, tx: &Transaction, receipt: &Receipt) -> Result<(), String> {
        if derive::tx_hash(CHAIN_ID, self.hub, tx) != receipt.hash {
            return Err(format!("TX-2: the receipt of another transaction: {}", receipt.hash));
        }
        let turn_was_used = !matches!(
            receipt.rejection(),
            Some(Rejection::UnknownSender {} | Rejection::NotAuthorized {} | Rejection::WrongNonce { .. })
        );
        let next = self.nonces.entry(tx.from).or_default();
        if turn_was_used && tx.nonce != *next {
            return Err(format!("TX-2: nonce {} of {} where {next} was next", tx.nonce, tx.from));
        }
        *next += u64::from(turn_was_used);
        Ok(())
    }

    /// What a transaction puts on its way to the chain, before its events tell of it.
    fn begun(&mut self, tx: &Transaction, body: &Body) {
        let Body::Deallocate(body) = body else { return };
        if self.abroad.ties.contains_key(&body.channel) {
            return;
        }
        let id = derive::operation_id(self.hub, tx.from, tx.nonce, 0);
        let Some(owner) = self.own.iter().find(|entity| entity.address() == tx.from).copied() else { return };
        let is_left = self.own.iter().any(|peer| owner < *peer && crate::people::channel(owner, *peer) == body.channel);
        let (side, amount) = (usize::from(!is_left), number(body.amount));
        self.lines.entry((body.channel, body.asset)).or_default().held[side] += amount;
        let hold = Some((body.channel, body.asset, side, amount));
        self.under_way.insert(id, Operation { owner, hold, is_named: false });
    }

    fn fact(&mut self, fact: &FactKind) {
        match *fact {
            FactKind::Deposited { entity, asset, amount, .. } if self.own.contains(&entity) => {
                *self.inflow.entry(asset).or_default() += number(amount);
            }
            FactKind::Withdrawn { entity, asset, amount, .. } if self.own.contains(&entity) => {
                *self.inflow.entry(asset).or_default() -= number(amount);
            }
            FactKind::CollateralAdded { channel, entity, asset, amount, .. }
                if self.abroad.ties.contains_key(&channel) && self.own.contains(&entity) =>
            {
                *self.outside.entry(asset).or_default() += number(amount);
            }
            FactKind::CollateralAdded { channel, side, asset, amount, entity, .. } if self.own.contains(&entity) => {
                let line = self.lines.entry((channel, asset)).or_default();
                line.collateral += number(amount);
                line.delta += side.pick(number(amount), 0);
            }
            FactKind::Settled { channel, asset, left, right, .. } => {
                if let Some(tie) = self.abroad.ties.get(&channel) {
                    *self.outside.entry(asset).or_default() -= if tie.is_left { left.0 } else { right.0 };
                }
                if let Some(line) = self.lines.get_mut(&(channel, asset)) {
                    line.collateral -= left.0 + right.0;
                    line.delta -= left.0;
                }
            }
            _ => {}
        }
    }

    fn event(&mut self, input: &Input, event: &Event) -> Result<(), String> {
        match event {
            Event::Paid { channel, .. }
            | Event::CreditSet { channel, .. }
            | Event::CollateralChanged { channel, .. }
            | Event::HtlcAdded { channel, .. }
            | Event::HtlcEnded { channel, .. }
                if self.abroad.ties.contains_key(channel) => {}
            Event::HtlcAdded { channel, key, asset, amount, .. } => {
                let line = self.lines.entry((*channel, *asset)).or_default();
                line.held[index(key.side)] += number(*amount);
                self.locks.insert((*channel, *key), (*asset, number(*amount)));
            }
            Event::HtlcEnded { channel, key, failure, .. } => {
                let lock = self.locks.remove(&(*channel, *key));
                let (asset, amount) =
                    lock.ok_or_else(|| format!("HT-2: {key:?} ended twice, or never was: {channel}"))?;
                let line = self.lines.entry((*channel, asset)).or_default();
                line.held[index(key.side)] -= amount;
                if failure.is_empty() {
                    line.delta += key.side.pick(-amount, amount);
                }
            }
            Event::EntityCreated { entity } => {
                self.own.insert(*entity);
            }
            Event::Paid { channel, payer, payee, asset, amount, delta, .. } => {
                self.paid((*channel, *asset), *payer < *payee, number(*amount), delta.0)?;
            }
            Event::CreditSet { channel, left, right, asset, grantor, granted } => {
                let by = grantor.pick(*left, *right);
                let Input::Transaction(tx) = input else {
                    return Err("CH-3: a grant without a transaction".to_owned());
                };
                if by.address() != tx.tx().from {
                    return Err(format!("CH-3: {} moved a grant of {by}", tx.tx().from));
                }
                let line = self.lines.entry((*channel, *asset)).or_default();
                line.granted[index(*grantor)] = number(*granted);
            }
            Event::CollateralChanged { channel, asset, collateral, .. } => {
                let kept = self.lines.get(&(*channel, *asset)).map_or(0, |line| line.collateral);
                if number(*collateral) != kept {
                    return Err(format!("CH-12: collateral {collateral} where the chain put {kept}: {channel}"));
                }
            }
            Event::Operation { operation, entity, status } => self.operation(*operation, *entity, *status, input)?,
            _ => {}
        }
        Ok(())
    }

    /// CH-1, CH-2.
    fn paid(&mut self, line: (ChannelId, AssetId), by_left: bool, amount: i128, told: i128) -> Result<(), String> {
        let kept = self.lines.entry(line).or_default();
        kept.delta += if by_left { -amount } else { amount };
        if kept.delta != told {
            return Err(format!("CH-2: delta is {told}, should be {}, after {amount} by left={by_left}", kept.delta));
        }
        let (own, share) = if by_left { (0, kept.delta) } else { (1, kept.collateral - kept.delta) };
        let left_over = share + kept.granted[1 - own] - kept.held[own];
        if left_over < 0 {
            Err(format!("CH-1: paid {} more than could be paid: {}", -left_over, line.0))
        } else {
            Ok(())
        }
    }

    /// DP-1, DP-4: begins once, ends once.
    fn operation(&mut self, id: OperationId, owner: EntityId, status: u8, input: &Input) -> Result<(), String> {
        if self.ended.contains_key(&id) {
            return Err(format!("DP-4: operation {id} goes on after its end"));
        }
        match status {
            0..=2 => {
                let is_named = matches!(input, Input::Transaction(tx) if !matches!(tx.body(), Body::Deposit(_) | Body::Deallocate(_)));
                let known = self.under_way.entry(id);
                known.or_insert(Operation { owner, hold: None, is_named });
                Ok(())
            }
            _ => {
                let Some(it) = self.under_way.remove(&id) else {
                    return Err(format!("DP-4: {id} ends, and never began"));
                };
                if let Some((channel, asset, side, amount)) = it.hold {
                    self.lines.entry((channel, asset)).or_default().held[side] -= amount;
                }
                if it.is_named {
                    self.ended.insert(id, (it.owner, status == 3));
                } else {
                    self.ended.insert(id, (EntityId::ZERO, status == 3));
                }
                Ok(())
            }
        }
    }

    /// Compares with the whole state: CH-13, DP-5.
    ///
    /// # Errors
    /// The law that is broken, and by what.
    pub(crate) fn check(&self, server: &Server) -> Result<(), String> {
        let mut sums: BTreeMap<AssetId, i128> = BTreeMap::new();
        for entity in &self.own {
            let Some(depositary) = server.depositary_of(*entity) else { continue };
            for (asset, reserve) in &depositary.reserves {
                let moving = number(reserve.allocating) + number(reserve.withdrawing);
                *sums.entry(*asset).or_default() += reserve.free.0 + moving;
            }
        }
        for (asset, outside) in &self.outside {
            *sums.entry(*asset).or_default() += outside;
        }
        for channel in server.channels().filter(|channel| channel.replica.is_none()) {
            for (asset, line) in &channel.book.lines {
                *sums.entry(*asset).or_default() += number(line.collateral);
                let kept = self.lines.get(&(channel.head.id, *asset)).copied().unwrap_or_default();
                let is = [line.delta().0, number(line.collateral), number(line.held_left), number(line.held_right)];
                let should = [kept.delta, kept.collateral, kept.held[0], kept.held[1]];
                if is != should {
                    return Err(format!(
                        "DP-5: delta, collateral, holds are {is:?}, should be {should:?}: {}",
                        channel.head.id
                    ));
                }
            }
        }
        for (asset, sum) in sums {
            let arrived = self.inflow.get(&asset).copied().unwrap_or(0);
            if sum != arrived {
                return Err(format!("CH-13: people have {sum}, and {arrived} arrived: {asset}"));
            }
        }
        Ok(())
    }

    /// Compares with the chain, once all is quiet: what each has there is what it has here, and what was restored never happened.
    ///
    /// # Errors
    /// The law that is broken, and by what.
    pub(crate) fn check_chain(&self, server: &Server, chain: &Chain) -> Result<(), String> {
        for (id, (owner, done)) in &self.ended {
            let used = chain.get(Slot::Used(*owner, *id)) != 0;
            if *owner != EntityId::ZERO && used != *done {
                return Err(format!("DP-4: operation {id} ended done={done}, and the chain has it: {used}"));
            }
        }
        for entity in &self.own {
            let Some(depositary) = server.depositary_of(*entity) else { continue };
            for (asset, reserve) in &depositary.reserves {
                let there = chain.get(Slot::Reserve(*entity, *asset));
                if reserve.free.0 != there {
                    return Err(format!("DP-3: {entity} has {} here and {there} on the chain", reserve.free));
                }
            }
        }
        for channel in server.channels() {
            for (asset, line) in &channel.book.lines {
                let id = channel.head.id;
                let there = [chain.get(Slot::Collateral(id, *asset)), chain.get(Slot::Ondelta(id, *asset))];
                if [number(line.collateral), line.ondelta.0] != there {
                    return Err(format!("CH-12: {id} has {line:?} here and {there:?} on the chain"));
                }
            }
        }
        Ok(())
    }

    /// True for an operation that never began.
    pub(crate) fn is_unknown(&self, operation: OperationId) -> bool {
        !self.under_way.contains_key(&operation) && !self.ended.contains_key(&operation)
    }

    /// Whether an operation ended, and with the chain's record of it.
    pub(crate) fn has_ended(&self, operation: OperationId) -> Option<bool> {
        self.ended.get(&operation).map(|(_, done)| *done)
    }

    /// True when nothing is under way.
    pub(crate) fn is_quiet(&self) -> bool {
        self.under_way.is_empty()
    }
}
