//! What people lock by hash: by hand, and over routes of hubs; claimed, given back, asked for by invoice. Routes are right, and wrong in each way.

use super::travel::{Asking, Own, Traveller};
use crate::people::HUB;
use crate::workload::Asked;
use xln_crypto::frames::hashlock;
use xln_crypto::keccak256;
use xln_machine::depositary::reserve::hop_fee;
use xln_types::codec::Blob;
use xln_types::tx::{DirectPayment, HtlcCancel, HtlcCreate, HtlcFulfill, Route, RouteHop};
use xln_types::{Address, Amount, Command, EntityId, Hash, HtlcKey};

/// How many invoices people remember.
const INVOICES_KEPT: usize = 64;

impl Traveller<'_> {
    fn secret(&mut self) -> (Hash, Hash) {
        let preimage = keccak256(self.workload.dice.throw().to_be_bytes());
        (preimage, hashlock(&preimage))
    }

    /// By hand; now and then two that are equal but for their number.
    pub(super) fn lock(&mut self) -> Option<Asked> {
        let (own, asset) = (self.open_one()?, self.asset());
        let mine = own.channel.tip().htlcs.iter().find(|(key, htlc)| key.side == own.side && htlc.onion.0.is_empty());
        if let Some((_, same)) = mine.filter(|_| self.workload.dice.once_in(3)) {
            let (amount, asset, expires_at_s, hashlock) = (same.amount, same.asset, same.expires_at_s, same.hashlock);
            let channel = own.channel.head.id;
            let body = HtlcCreate { channel, asset, amount, hashlock, expires_at_s, onion: Blob::default() };
            return Some(self.ask_for(own.tie.who, Address::ZERO, body, Amount::ZERO));
        }
        let (preimage, hashlock) = self.secret();
        self.talk.secrets.insert(hashlock, preimage);
        let amount = self.payable(&own, asset, 40);
        let expires_at_s = self.now_s + [0, 200, 300, 600, 900, 700_000][self.workload.dice.index(6)];
        let onion = Blob(if self.once_in(30) { vec![0xc0] } else { vec![] });
        let body = HtlcCreate { channel: own.channel.head.id, asset, amount, hashlock, expires_at_s, onion };
        Some(self.ask_for(own.tie.who, Address::ZERO, body, Amount::ZERO))
    }

    /// One that somebody else locked by hand for one of this node's people.
    fn incoming(&mut self) -> Option<(Own<'_>, HtlcKey, Hash)> {
        let mut found = Vec::new();
        for own in self.own() {
            let theirs = own.channel.book.htlcs.iter();
            let theirs = theirs.filter(|(key, it)| key.side != own.side && it.onion.0.is_empty());
            found.extend(
                theirs.filter(|(_, it)| self.now_s + 120 < it.expires_at_s).map(|(key, it)| (own, *key, it.hashlock)),
            );
        }
        if found.is_empty() { None } else { Some(self.workload.dice.pick(&found)) }
    }

    pub(super) fn claim(&mut self) -> Option<Asked> {
        let (own, key, hashlock) = self.incoming()?;
        let (who, channel) = (own.tie.who, own.channel.head.id);
        let wrong = self.once_in(12);
        let preimage = self.talk.secrets.get(&hashlock).copied().filter(|_| !wrong).unwrap_or(Hash([6; 32]));
        let id = if self.once_in(20) { key.id + 1_000 } else { key.id };
        Some(self.ask_for(who, Address::ZERO, HtlcFulfill { channel, id, preimage }, Amount::ZERO))
    }

    pub(super) fn give_back(&mut self) -> Option<Asked> {
        let (own, key, _) = self.incoming()?;
        let (who, channel) = (own.tie.who, own.channel.head.id);
        let side = if self.once_in(6) { key.side.other() } else { key.side };
        let body = HtlcCancel { channel, side, id: key.id, reason: Blob::default() };
        Some(self.ask_for(who, Address::ZERO, body, Amount::ZERO))
    }

    pub(super) fn invoice(&mut self) -> Option<Asked> {
        let who = if self.once_in(3) { 3 } else { self.who() };
        let person = self.people.list[who].clone();
        let (preimage, hashlock) = self.secret();
        let asset = self.people.assets[self.workload.dice.index(2)];
        let amount = Amount(u128::from(self.below(40)) + u128::from(!self.once_in(30)));
        let expires_at_s = self.now_s + [0, 1, 2, 3_000, 3_000, 3_000][self.workload.dice.index(6)];
        self.talk.invoices.push(Asking { node: self.number, payee: person.entity, asset, amount, hashlock });
        if INVOICES_KEPT < self.talk.invoices.len() {
            self.talk.invoices.remove(0);
        }
        let (payee, account, memo) = (person.entity, person.account, Blob::default());
        Some(self.command(Command::Invoice { payee, account, asset, amount, preimage, expires_at_s, memo }))
    }

    /// A payment over hubs to whoever asked; now and then to one who asked nothing, for another amount, for too low a fee, or too late.
    pub(super) fn route(&mut self) -> Option<Asked> {
        if self.talk.invoices.is_empty() {
            return self.invoice();
        }
        let index = self.workload.dice.index(self.talk.invoices.len());
        let mut asking = self.talk.invoices[index];
        let who = if self.once_in(3) { 3 } else { self.who() };
        let payer = self.people.list[who].entity;
        let mut entities = self.way(payer, &asking);
        if self.once_in(25) {
            entities.push(EntityId([0x44; 32]));
        }
        match self.below(16) {
            0 => asking.hashlock = self.secret().1,
            1 => asking.amount = Amount(asking.amount.0 + 1),
            // Who keeps its own key asked for nothing, and stays silent.
            2 => {
                let silent = self.everyone[asking.node].list[6].entity;
                asking.hashlock = self.secret().1;
                if let Some(last) = entities.last_mut() {
                    *last = silent;
                }
                if entities.len() == 1 {
                    entities.insert(0, self.entity(asking.node, HUB));
                }
            }
            _ => {}
        }
        let stingy = self.once_in(8);
        let hops = self.with_fees(&entities, &asking, stingy);
        let fee = Amount(hops.iter().map(|hop| hop.fee.0).sum());
        let fee = if self.once_in(20) { Amount(fee.0 + 1) } else { fee };
        let deadline_s = match self.below(12) {
            0 => self.now_s + 30,
            1 => self.now_s + 600 * hops.len() as u64 + 5,
            _ => 0,
        };
        let route = Route { hashlock: asking.hashlock, deadline_s, hops };
        let (asset, amount, memo) = (asking.asset, asking.amount, Blob(b"routed".to_vec()));
        let body = DirectPayment { asset, amount, memo, route: vec![route] };
        Some(self.ask_for(who, Address::ZERO, body, fee))
    }

    /// From a payer here over hubs to the payee: over its own channel with a hub elsewhere, or over its own hub and the line of hubs.
    fn way(&mut self, payer: EntityId, asking: &Asking) -> Vec<EntityId> {
        let (from, to) = (self.number, asking.node);
        let hubs: Vec<usize> = if from <= to { (from..=to).collect() } else { (to..=from).rev().collect() };
        let mut way: Vec<EntityId> = hubs.into_iter().map(|node| self.entity(node, HUB)).collect();
        // A traveller may begin with the hub elsewhere that it has a channel with.
        let next = (self.number + 1) % self.everyone.len();
        if self.once_in(2) && payer == self.people.list[super::TRAVELLERS[0]].entity {
            let hubs: Vec<usize> = if next <= to { (next..=to).collect() } else { (to..=next).rev().collect() };
            way = hubs.into_iter().map(|node| self.entity(node, HUB)).collect();
        }
        way.retain(|entity| *entity != payer);
        if way.last() != Some(&asking.payee) {
            way.push(asking.payee);
        }
        way
    }

    /// Each hub's fee by the policies that it began with, or one unit less: what it asks now its own state says.
    fn with_fees(&mut self, way: &[EntityId], asking: &Asking, stingy: bool) -> Vec<RouteHop> {
        let mut amount = asking.amount;
        let mut hops = Vec::new();
        for (index, entity) in way.iter().enumerate().rev() {
            let mut fee = Amount::ZERO;
            if index + 1 < way.len() {
                let policy = self.fees.iter().find(|(hub, policy)| hub == entity && policy.asset == asking.asset);
                let asked = policy.and_then(|(_, policy)| hop_fee(policy, amount)).unwrap_or_default();
                fee = if stingy { Amount(asked.0.saturating_sub(1)) } else { asked };
            }
            hops.push(RouteHop { entity: *entity, fee });
            amount = Amount(amount.0.saturating_add(fee.0));
        }
        hops.reverse();
        hops
    }
}
