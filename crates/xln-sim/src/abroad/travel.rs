//! What people ask of one another across nodes: channels with credit both ways and collateral, payments both ways, one by one and in batches, grants
//! raised and lowered, openings that are consented to. What is locked by hash stands in [`super::travel_htlcs`].
//!
//! The choice looks at the node's own live state, frames under way included: it chooses, and checks nothing.

use super::{Abroad, TRAVELLERS, Tie};
use crate::people::{HUB, PEOPLE, People, UNIQUE};
use crate::workload::{Asked, Draft, Flaw, Workload};
use std::collections::BTreeMap;
use xln_api::backend::Request;
use xln_machine::Server;
use xln_machine::channel::{Channel, ChannelStatus};
use xln_types::codec::Blob;
use xln_types::tx::{
    AcceptChannel, Allocate, AssetAmount, AssetPolicy, BatchPayment, BatchedPayment, DISPUTE_WINDOW_S_DEFAULT,
    Deallocate, DirectPayment, OpenChannel, SetCredit, UpdateChannel,
};
use xln_types::{Address, Amount, AssetId, Board, Body, Command, EntityId, Hash, Side};

/// An invoice that somebody may pay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking {
    pub(crate) node: usize,
    pub(crate) payee: EntityId,
    pub(crate) asset: AssetId,
    pub(crate) amount: Amount,
    pub(crate) hashlock: Hash,
}

/// What people have told one another past the nodes.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    pub(crate) invoices: Vec<Asking>,
    /// Preimages of what was locked by hand.
    pub(crate) secrets: BTreeMap<Hash, Hash>,
    pub(crate) memos: u64,
}

/// Chooses for one node.
pub(crate) struct Traveller<'a> {
    pub(crate) number: usize,
    pub(crate) workload: &'a mut Workload,
    pub(crate) server: &'a Server,
    pub(crate) people: &'a People,
    pub(crate) abroad: &'a Abroad,
    pub(crate) everyone: &'a [People],
    pub(crate) talk: &'a mut Talk,
    /// What hubs ask for, by hub and asset.
    pub(crate) fees: &'a [(EntityId, AssetPolicy)],
    pub(crate) now_s: u64,
}

/// One of one's own channels with another node.
#[derive(Clone, Copy)]
pub(crate) struct Own<'a> {
    pub(crate) channel: &'a Channel,
    pub(crate) tie: Tie,
    pub(crate) side: Side,
}

impl<'a> Traveller<'a> {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.workload.dice.below(bound)
    }

    pub(super) fn once_in(&mut self, times: u64) -> bool {
        self.workload.dice.once_in(times)
    }

    pub(super) fn who(&mut self) -> usize {
        self.workload.dice.pick(&[HUB, HUB, TRAVELLERS[0], TRAVELLERS[1]])
    }

    pub(super) fn asset(&mut self) -> AssetId {
        let number = if self.once_in(60) { UNIQUE } else { self.workload.dice.index(2) };
        self.people.assets[number]
    }

    fn amount(&mut self, bound: u64) -> Amount {
        match self.below(50) {
            0 => Amount(0),
            1 => Amount(1_000_000),
            _ => Amount(1 + u128::from(self.below(bound))),
        }
    }

    pub(super) fn entity(&self, node: usize, who: usize) -> EntityId {
        self.everyone[node].list[who].entity
    }

    pub(super) fn ask_for(&mut self, who: usize, to: Address, body: impl Into<Body>, fee: Amount) -> Asked {
        let (from, body) = (self.people.list[who].entity.address(), body.into());
        self.workload.request(self.people, Draft { by: who, from, to, body, fee }, 0, self.now_s)
    }

    pub(super) fn command(&self, command: Command) -> Asked {
        Asked { request: Request::Command(command), flaw: Flaw::None, again: false }
    }

    /// Own channels with other nodes, open or not.
    pub(super) fn own(&self) -> Vec<Own<'a>> {
        let ends = self.server.channels().filter(|channel| channel.replica.is_some());
        let ends = ends.filter_map(|channel| {
            let tie = *self.abroad.ties.get(&channel.head.id)?;
            Some(Own { channel, tie, side: if tie.is_left { Side::Left } else { Side::Right } })
        });
        ends.collect()
    }

    pub(super) fn open_one(&mut self) -> Option<Own<'a>> {
        let open = |own: &Own<'_>| own.channel.head.status == ChannelStatus::Open;
        let all: Vec<Own<'a>> = self.own().into_iter().filter(open).collect();
        if all.is_empty() { None } else { Some(self.workload.dice.pick(&all)) }
    }

    /// What is asked next; `None` where there is nothing to ask yet.
    pub(crate) fn ask(&mut self) -> Option<Asked> {
        if let Some(missing) = self.missing() {
            return Some(missing);
        }
        match self.below(100) {
            0..=44 => self.pay(),
            45..=49 => self.batch(),
            50..=57 => self.credit(),
            58..=61 => self.allocate(),
            62..=63 => self.deallocate(),
            64..=66 => self.accept(),
            67 => self.window(),
            68..=69 => self.open_any(),
            70..=75 => self.lock(),
            76..=82 => self.claim(),
            83..=84 => self.give_back(),
            85..=90 => self.invoice(),
            _ => self.route(),
        }
    }

    /// The line of hubs, and each traveller's channel with another node's hub.
    fn missing(&mut self) -> Option<Asked> {
        let count = self.everyone.len();
        let next = (self.number + 1) % count;
        let last = (self.number + count - 1) % count;
        let mut wanted = vec![(TRAVELLERS[0], (next, HUB)), (TRAVELLERS[1], (last, HUB))];
        if self.number + 1 < count {
            wanted.push((HUB, (self.number + 1, HUB)));
        }
        for (who, (node, peer)) in wanted {
            let entity = self.entity(node, peer);
            let here = self.people.list[who].entity;
            let known = self.server.entity(entity).is_some();
            if known && self.server.channel_between(here, entity).is_none() && !self.once_in(3) {
                return Some(self.open(who, entity, true));
            }
        }
        None
    }

    fn grants(&mut self, most: u64) -> Vec<AssetAmount> {
        let assets = self.people.assets;
        (0..2).map(|at| AssetAmount { asset: assets[at], amount: Amount(200 + u128::from(self.below(most))) }).collect()
    }

    fn open(&mut self, who: usize, peer: EntityId, generous: bool) -> Asked {
        let grants = if generous || self.once_in(2) { self.grants(4_000) } else { vec![] };
        let collateral = if self.once_in(3) {
            let asset = self.people.assets[self.workload.dice.index(2)];
            vec![AssetAmount { asset, amount: Amount(1 + u128::from(self.below(200))) }]
        } else {
            vec![]
        };
        let requested = if !generous && self.once_in(3) { self.grants(100) } else { vec![] };
        let dispute_window_s = if self.once_in(20) { 5 } else { DISPUTE_WINDOW_S_DEFAULT };
        let valid_until_s = self.now_s + 600;
        let body = OpenChannel {
            peer,
            collateral,
            grants,
            requested,
            dispute_window_s,
            valid_until_s,
            chain_signatures: vec![],
        };
        self.ask_for(who, Address::ZERO, body, Amount::ZERO)
    }

    /// With anyone of another node, who may have to be introduced first.
    fn open_any(&mut self) -> Option<Asked> {
        let count = self.everyone.len();
        let node = (self.number + 1 + self.workload.dice.index(count - 1)) % count;
        let peer = if self.once_in(8) { self.workload.dice.index(PEOPLE) } else { self.who() };
        let person = &self.everyone[node].list[peer];
        let (who, entity, signer) = (self.who(), person.entity, person.signer);
        if self.server.entity(entity).is_none() {
            let public_key = Blob(person.public_key.to_vec());
            let node = self.entity(node, HUB);
            return Some(self.command(Command::Introduce { node, board: Board::single(signer, 0), public_key }));
        }
        Some(self.open(who, entity, false))
    }

    fn accept(&mut self) -> Option<Asked> {
        let offered = |own: &Own<'_>| own.channel.replica.as_deref().is_some_and(|it| it.offered.is_some());
        let all: Vec<Own<'a>> = self.own().into_iter().filter(offered).collect();
        let own = if all.is_empty() || self.once_in(10) { self.open_one()? } else { self.workload.dice.pick(&all) };
        let grants = if self.once_in(3) { vec![] } else { self.grants(2_000) };
        let body = AcceptChannel { channel: own.channel.head.id, grants };
        Some(self.ask_for(own.tie.who, Address::ZERO, body, Amount::ZERO))
    }

    fn memo(&mut self) -> Blob {
        self.talk.memos += 1;
        Blob([&b"abroad"[..], &self.talk.memos.to_be_bytes()].concat())
    }

    /// What can be paid there, mostly.
    pub(super) fn payable(&mut self, own: &Own<'_>, asset: AssetId, bound: u64) -> Amount {
        let available = self.server.available_in(own.channel.head.id, own.side, asset).unwrap_or_default();
        let most = u64::try_from(available.0.min(u128::from(bound))).unwrap_or(bound);
        if most == 0 || self.once_in(12) {
            return self.amount(bound);
        }
        Amount(1 + u128::from(self.below(most)))
    }

    fn pay(&mut self) -> Option<Asked> {
        let (own, asset) = (self.open_one()?, self.asset());
        let amount = self.payable(&own, asset, 60);
        let to = self.entity(own.tie.peer.0, own.tie.peer.1).address();
        let fee = if self.once_in(60) { Amount(1) } else { Amount::ZERO };
        let body = DirectPayment { asset, amount, memo: self.memo(), route: vec![] };
        Some(self.ask_for(own.tie.who, to, body, fee))
    }

    fn batch(&mut self) -> Option<Asked> {
        let (own, asset) = (self.open_one()?, self.asset());
        let count = if self.once_in(20) { 0 } else { 1 + self.below(12) };
        let mut payments = Vec::new();
        for _ in 0..count {
            let amount = self.payable(&own, asset, 6);
            payments.push(BatchedPayment { amount, memo: self.memo() });
        }
        let to = self.entity(own.tie.peer.0, own.tie.peer.1).address();
        Some(self.ask_for(own.tie.who, to, BatchPayment { asset, payments }, Amount::ZERO))
    }

    fn credit(&mut self) -> Option<Asked> {
        let (own, asset) = (self.open_one()?, self.asset());
        let granted = if self.once_in(6) { Amount(u128::from(self.below(60))) } else { self.amount(5_000) };
        let body = SetCredit { channel: own.channel.head.id, asset, granted };
        Some(self.ask_for(own.tie.who, Address::ZERO, body, Amount::ZERO))
    }

    fn window(&mut self) -> Option<Asked> {
        let own = self.open_one()?;
        let dispute_window_s = [0, 3_600, 3_600, 5][self.workload.dice.index(4)];
        let mailbox = Address([u8::try_from(self.below(3)).unwrap_or(0); 20]);
        let body = UpdateChannel { channel: own.channel.head.id, dispute_window_s, mailbox };
        Some(self.ask_for(own.tie.who, Address::ZERO, body, Amount::ZERO))
    }

    fn allocate(&mut self) -> Option<Asked> {
        let (own, asset) = (self.open_one()?, self.people.assets[self.workload.dice.index(2)]);
        let (amount, valid_until_s) = (self.amount(80), self.now_s + 120);
        let chain_signature = Blob::default();
        let body = Allocate { channel: own.channel.head.id, asset, amount, valid_until_s, chain_signature };
        Some(self.ask_for(own.tie.who, Address::ZERO, body, Amount::ZERO))
    }

    fn deallocate(&mut self) -> Option<Asked> {
        let rich = |own: &Own<'_>| own.channel.book.lines.iter().any(|(_, line)| line.collateral.0 != 0);
        let all: Vec<Own<'a>> = self.own().into_iter().filter(rich).collect();
        let own = if all.is_empty() { self.open_one()? } else { self.workload.dice.pick(&all) };
        let line = own.channel.book.lines.iter().find(|(_, line)| 0 < line.collateral.0 && 0 < line.share(own.side).0);
        let asset = line.map_or(self.people.assets[0], |(asset, _)| *asset);
        let most = line.map_or(60, |(_, line)| u64::try_from(line.collateral.0).unwrap_or(60).min(60));
        let (amount, valid_until_s) = (self.amount(most.max(1)), self.now_s + 120);
        let body = Deallocate { channel: own.channel.head.id, asset, amount, valid_until_s };
        Some(self.ask_for(own.tie.who, Address::ZERO, body, Amount::ZERO))
    }
}
