//! The dice choose what is asked next by what the ledger says: mostly what may work, and now and then what can't.

use super::{Asked, Draft, Flaw, Workload};
use crate::chain::DEPOSITARY;
use crate::chain::contract::DOMAIN;
use crate::model::ledger::{Ledger, amount};
use crate::people::{self, HUB, People, UNIQUE, channel};
use xln_api::backend::Request;
use xln_chain::digest::{self, Allocation, Withdrawal};
use xln_crypto::derive;
use xln_types::codec::Blob;
use xln_types::tx::{
    AcceptChannel, Allocate, AssetAmount, AssetPolicy, CloseChannel, DISPUTE_WINDOW_S_DEFAULT, Deallocate, Deposit,
    DirectPayment, GrantSession, OpenChannel, RevokeSession, SetCredit, Settle, UpdateEntity, Withdraw,
};
use xln_types::{Address, Amount, AssetId, Body, EntityId, Hash};

/// An asset that nobody registered.
pub(super) const UNKNOWN: usize = 3;

/// Chooses by ledger and time.
pub(crate) struct Chooser<'a> {
    pub(crate) workload: &'a mut Workload,
    pub(crate) ledger: &'a Ledger,
    pub(crate) people: &'a People,
    pub(crate) now_s: u64,
}

impl Chooser<'_> {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.workload.dice.below(bound)
    }

    pub(super) fn once_in(&mut self, times: u64) -> bool {
        self.workload.dice.once_in(times)
    }

    fn number(&mut self, bound: u64) -> i128 {
        i128::from(self.below(bound))
    }

    pub(super) fn person(&mut self) -> usize {
        self.workload.dice.index(self.people.list.len())
    }

    pub(super) fn asset(&self, number: usize) -> AssetId {
        if number == UNKNOWN { people::asset_id(0x0c) } else { self.people.assets[number] }
    }

    /// An asset and an amount of it that is mostly small.
    fn sum(&mut self, bound: u64) -> AssetAmount {
        let number = match self.below(60) {
            0 => UNKNOWN,
            1 => UNIQUE,
            other => usize::from(other % 2 == 0),
        };
        let amount = match self.below(40) {
            0 => Amount(0),
            1 => Amount(1_000_000),
            2 => Amount((1 << 120) + 1),
            _ => Amount(1 + u128::from(self.below(bound))),
        };
        AssetAmount { asset: self.asset(number), amount }
    }

    /// Someone that `who` has an account with, mostly.
    fn peer(&mut self, who: usize) -> usize {
        let other = if self.once_in(2) { HUB } else { self.person() };
        if self.ledger.account(who, other).is_some() || self.once_in(12) {
            return other;
        }
        let peers: Vec<usize> =
            (0..self.people.list.len()).filter(|other| self.ledger.account(who, *other).is_some()).collect();
        if peers.is_empty() { other } else { self.workload.dice.pick(&peers) }
    }

    /// Until when something is valid: mostly soon, now and then too soon or too late.
    fn until(&mut self) -> u64 {
        self.now_s + [59, 61, 70, 90, 120, 120, 150, 180, 700_000][self.workload.dice.index(9)]
    }

    fn entity(&self, who: usize) -> EntityId {
        self.people.list[who].entity
    }

    fn draft(&self, by: usize, body: impl Into<Body>) -> Draft {
        let (from, body) = (self.entity(by).address(), body.into());
        Draft { by, from, to: Address::ZERO, body, fee: Amount::ZERO }
    }

    /// What is asked next.
    pub(crate) fn ask(&mut self) -> Asked {
        self.workload.asked += 1;
        match self.below(800) {
            0..=11 => {
                if let Some(flawed) = self.flawed() {
                    return flawed;
                }
            }
            12..=19 => return Asked { request: Request::Command(self.command()), flaw: Flaw::None, again: false },
            20..=23 => {
                if let Some(signed) = self.workload.signed.clone() {
                    return Asked { again: true, ..signed };
                }
            }
            24..=31 => return self.found(),
            32..=39 => {
                if let Some(asked) = self.delete() {
                    return asked;
                }
            }
            _ => {}
        }
        // Who signs by itself costs three signatures: a few do.
        let mut who = self.person();
        while !self.people.list[who].is_hosted && !self.once_in(6) {
            who = self.person();
        }
        let draft = self.act(who);
        let known = self.ledger.people[draft.by].nonce;
        self.workload.request(self.people, draft, known, self.now_s)
    }

    fn act(&mut self, who: usize) -> Draft {
        match self.below(200) {
            0..=158 => self.payment_of(who),
            159..=170 => self.credit(who),
            171..=174 => self.open(who),
            175..=177 => self.accept(who),
            178..=182 => self.allocate(who),
            183..=187 => self.deallocate(who),
            188..=192 => self.withdraw(who),
            193 => {
                let AssetAmount { asset, amount } = self.sum(400);
                self.draft(who, Deposit { asset, amount })
            }
            194..=197 => self.update(who),
            198 => {
                let body = self.not_there_yet(who);
                self.draft(who, body)
            }
            _ => Draft { fee: Amount(1), ..self.credit(who) },
        }
    }

    /// A payment: to a peer, or over the hub.
    pub(super) fn payment_of(&mut self, who: usize) -> Draft {
        let to = if self.once_in(3) { self.peer(who) } else { self.person() };
        let AssetAmount { asset, amount: mut sum } = self.sum(120);
        // What passes all bounds goes to a peer alone: a fee of it would pass them too.
        sum = if sum.in_range() || self.ledger.account(who, to).is_some() { sum } else { Amount(1) };
        let number = self.ledger.asset(asset);
        let is_direct = self.ledger.account(who, to).is_some() || number.is_none();
        let asked = number.filter(|_| !is_direct).map_or(0, |number| self.ledger.fee(number, sum.0.cast_signed()));
        let fee = match self.below(12) {
            0 => self.number(5),
            1 => (asked - 1).max(0),
            _ => asked,
        };
        self.workload.memos += 1;
        let mut memo = self.workload.memos.to_be_bytes().to_vec();
        if self.once_in(200) {
            memo.resize(257, 0);
        }
        let route = vec![];
        let body = DirectPayment { asset, amount: sum, memo: Blob(memo), route };
        let to = match self.below(240) {
            0 | 1 => Address([0x77; 20]),
            // A guest, who has a channel with nobody.
            2 | 3 => self.ledger.people.last().map_or(Address::ZERO, |last| last.id.address()),
            _ => self.entity(to).address(),
        };
        Draft { to, fee: amount(fee), ..self.draft(who, body) }
    }

    fn grant(&mut self) -> AssetAmount {
        self.sum(1_500)
    }

    fn credit(&mut self, who: usize) -> Draft {
        let (peer, AssetAmount { asset, amount: granted }) = (self.peer(who), self.grant());
        let channel = channel(self.entity(who), self.entity(peer));
        self.draft(who, SetCredit { channel, asset, granted })
    }

    fn open(&mut self, who: usize) -> Draft {
        let peer = self.person();
        let (peer, valid_until_s) = (self.entity(peer), self.until());
        let peer = if self.once_in(20) { EntityId([0x42; 32]) } else { peer };
        let collateral = if self.once_in(2) { vec![self.sum(200)] } else { vec![] };
        let grants = if self.once_in(2) { vec![self.grant()] } else { vec![] };
        let requested = if self.once_in(4) { vec![self.grant()] } else { vec![] };
        let dispute_window_s = if self.once_in(15) { 5 } else { DISPUTE_WINDOW_S_DEFAULT };
        let mut body = OpenChannel {
            peer,
            collateral,
            grants,
            requested,
            dispute_window_s,
            valid_until_s,
            chain_signatures: vec![],
        };
        if !self.people.list[who].is_hosted && !self.once_in(6) {
            let locks = body.collateral.clone();
            body.chain_signatures =
                (0..).zip(&locks).map(|(at, lock)| self.allocation(who, peer, lock, valid_until_s, at)).collect();
        }
        self.draft(who, body)
    }

    fn accept(&mut self, who: usize) -> Draft {
        let pending = self.ledger.accounts().iter().filter(|((one, other), account)| {
            !account.accepted && account.opener != who && (*one == who || *other == who)
        });
        let pending: Vec<usize> = pending.map(|((one, other), _)| if *one == who { *other } else { *one }).collect();
        let peer = if pending.is_empty() { self.peer(who) } else { self.workload.dice.pick(&pending) };
        let peer = peer.min(self.people.list.len() - 1);
        let grants = if self.once_in(2) { vec![self.grant()] } else { vec![] };
        let channel = channel(self.entity(who), self.entity(peer));
        self.draft(who, AcceptChannel { channel, grants })
    }

    fn free(&self, who: usize, asset: AssetId) -> u64 {
        let free = self.ledger.asset(asset).map_or(0, |asset| self.ledger.people[who].pots[asset].free);
        u64::try_from(free).unwrap_or(0)
    }

    /// What someone may have of a sum: mostly no more than is free.
    fn affordable(&mut self, who: usize) -> AssetAmount {
        let sum = self.sum(300);
        let free = self.free(who, sum.asset);
        if 0 < free && !self.once_in(6) {
            return AssetAmount { amount: Amount(1 + u128::from(self.below(free.min(300)))), ..sum };
        }
        sum
    }

    fn next_nonce(&self, who: usize) -> u64 {
        self.workload.next_nonce(self.entity(who).address(), self.ledger.people[who].nonce)
    }

    /// What somebody who keeps its own key signs for the chain; now and then rubbish, which the chain will refuse for ever.
    fn chain_signature(&mut self, who: usize, digest: [u8; 32]) -> Blob {
        match self.below(14) {
            0 => Blob(vec![1; 65]),
            1 => Blob::default(),
            _ => {
                let signature = xln_crypto::secp::sign(&self.people.list[who].secret, &Hash(digest));
                Blob(signature.map(Vec::from).unwrap_or_default())
            }
        }
    }

    fn allocation(&mut self, who: usize, peer: EntityId, sum: &AssetAmount, valid_until_s: u64, index: u64) -> Blob {
        let entity = self.entity(who);
        let operation = derive::operation_id(self.people.hub().entity, entity.address(), self.next_nonce(who), index);
        let (channel, AssetAmount { asset, amount }) = (channel(entity, peer), *sum);
        let allocation = Allocation { channel, entity, asset, amount, operation, valid_until_s };
        self.chain_signature(who, digest::allocation(&DOMAIN, &allocation))
    }

    fn allocate(&mut self, who: usize) -> Draft {
        let (peer, sum, valid_until_s) = (self.peer(who), self.affordable(who), self.until());
        let peer = self.entity(peer);
        let signs = !self.people.list[who].is_hosted;
        let chain_signature = if signs { self.allocation(who, peer, &sum, valid_until_s, 0) } else { Blob::default() };
        let (channel, AssetAmount { asset, amount }) = (channel(self.entity(who), peer), sum);
        self.draft(who, Allocate { channel, asset, amount, valid_until_s, chain_signature })
    }

    fn withdraw(&mut self, who: usize) -> Draft {
        let (AssetAmount { asset, amount }, valid_until_s) = (self.affordable(who), self.until());
        // The chain never pays to the depositary itself; the hub learns that late.
        let to = if self.once_in(20) { DEPOSITARY } else { Address([0x99; 20]) };
        let to = if self.once_in(40) { Address::ZERO } else { to };
        let (entity, nonce) = (self.entity(who), self.next_nonce(who));
        let operation = derive::operation_id(self.people.hub().entity, entity.address(), nonce, 0);
        let chain_signature = if self.people.list[who].is_hosted {
            Blob::default()
        } else {
            let withdrawal = Withdrawal { entity, asset, amount, to, operation, valid_until_s };
            self.chain_signature(who, digest::withdrawal(&DOMAIN, &withdrawal))
        };
        self.draft(who, Withdraw { asset, amount, recipient: to, valid_until_s, chain_signature })
    }

    /// Who owns collateral of whom, and how much could be taken out, where the hub signs for both.
    fn removable(&self) -> Vec<(usize, usize, usize, i128)> {
        let is_hosted = |who: usize| self.people.list.get(who).is_some_and(|person| person.is_hosted);
        let mut found = Vec::new();
        for ((one, other), account) in self.ledger.accounts() {
            for (asset, line) in account.lines.iter().enumerate() {
                for (who, peer, side) in [(*one, *other, 0), (*other, *one, 1)] {
                    let most = (line.share[side] - line.held[side]).min(line.collateral);
                    if 0 < most && is_hosted(who) && is_hosted(peer) {
                        found.push((who, peer, asset, most));
                    }
                }
            }
        }
        found
    }

    fn deallocate(&mut self, mut who: usize) -> Draft {
        let (mut peer, mut sum, valid_until_s) = (self.peer(who), self.sum(120), self.until());
        let removable = self.removable();
        if !removable.is_empty() && !self.once_in(5) {
            let (owner, other, asset, most) = self.workload.dice.pick(&removable);
            (who, peer) = (owner, other);
            let most = u64::try_from(most).unwrap_or(1);
            sum = AssetAmount { asset: self.asset(asset), amount: Amount(1 + u128::from(self.below(most))) };
        }
        let channel = channel(self.entity(who), self.entity(peer));
        self.draft(who, Deallocate { channel, asset: sum.asset, amount: sum.amount, valid_until_s })
    }

    fn update(&mut self, who: usize) -> Draft {
        let mut cap = |times: u64| {
            let number = self.below(100);
            if number < 25 { Amount(u128::from(number * times)) } else { Amount(u128::MAX) }
        };
        let (grant_max, grant_total_max, owed_max) = (cap(100), cap(300), cap(200));
        let reserve_ppm = [0, 0, 0, 0, 50_000, 200_000, 1_000_001][self.workload.dice.index(7)];
        let fee_base = Amount(u128::from(self.below(3)));
        let fee_ppm = [0, 0, 5_000, 20_001][self.workload.dice.index(4)];
        let asset = if self.once_in(30) { UNKNOWN } else { self.workload.dice.index(3) };
        let asset = self.asset(asset);
        let policy = AssetPolicy { asset, grant_max, grant_total_max, owed_max, reserve_ppm, fee_base, fee_ppm };
        let accepts_free = if who == HUB { 1 } else { [0, 1, 2, 2, 3][self.workload.dice.index(5)] };
        let metadata = Blob(vec![b'x'; if self.once_in(40) { 4_097 } else { 0 }]);
        self.draft(who, UpdateEntity { metadata, policies: vec![policy], accepts_free })
    }

    /// A type whose machine comes later.
    fn not_there_yet(&mut self, who: usize) -> Body {
        let channel = channel(self.entity(who), self.entity(HUB));
        let (key, valid_until_s) = (Hash([3; 32]), self.now_s + 600);
        match self.below(4) {
            0 => GrantSession { key, scope: 1, expires_at_s: valid_until_s, limits: vec![] }.into(),
            1 => RevokeSession { key }.into(),
            2 => CloseChannel { channel, valid_until_s }.into(),
            _ => Settle { channel, diffs: vec![], valid_until_s }.into(),
        }
    }
}
