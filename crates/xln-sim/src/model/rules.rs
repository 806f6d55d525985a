//! What the ledger says to each transaction: whether it stands, and by which reason and number it is refused. Written from the laws' pages.

use super::Answer;
use super::ledger::{Account, Kind, Ledger, Line, Operation, Policy, Progress, Signer, amount, side, signed};
use super::money::Begun;
use crate::people::{HUB, UNIQUE, channel};
use xln_crypto::{VerifiedTx, derive};
use xln_types::tx::{
    AcceptChannel, AssetAmount, AssetPolicy, CreateEntity, DISPUTE_WINDOW_S, DeleteEntity, DirectPayment,
    MEMO_BYTES_MAX, METADATA_BYTES_MAX, OpenChannel, TIMESTAMP_SKEW_S_MAX, UpdateEntity,
};
use xln_types::{Amount, AssetId, Board, Body, ChannelId, OperationId, Rejection, SignerId, Transaction};

impl Ledger {
    /// Plays a transaction whose sender may send it; refused, it changes nothing but its sender's nonce (TX-2, TX-5).
    pub(super) fn transaction(&mut self, verified: &VerifiedTx, now_s: u64) -> Answer {
        let (tx, body) = (verified.tx(), verified.body());
        let sender = SignerId::from(tx.from);
        if let Body::CreateEntity(create) = body {
            let signer = self.signers.get_mut(&sender).ok_or(Rejection::UnknownSender {})?;
            turn(&mut signer.nonce, tx.nonce)?;
            timely(tx, now_s)?;
            return self.create(sender, tx, create);
        }
        let from = self.by_address.get(&tx.from).copied().filter(|who| self.people[*who].exists);
        let from = from.ok_or(Rejection::UnknownSender {})?;
        turn(&mut self.people[from].nonce, tx.nonce)?;
        timely(tx, now_s)?;
        self.begin_undo();
        let answer = self.act(from, tx, body, now_s);
        self.end_undo(answer.is_ok());
        answer
    }

    fn create(&mut self, signer: SignerId, tx: &Transaction, body: &CreateEntity) -> Answer {
        if tx.fee != Amount::ZERO {
            return Err(Rejection::FeeNotPayable {});
        }
        if METADATA_BYTES_MAX < body.metadata.0.len() {
            return Err(Rejection::TooLarge { limit: METADATA_BYTES_MAX as u64 });
        }
        let weight: u64 = body.members.iter().map(|member| member.weight).sum();
        if body.members.is_empty() || body.threshold == 0 || weight < body.threshold {
            return Err(Rejection::InvalidBoard {});
        }
        let [member] = body.members.as_slice() else { return Err(Rejection::NotAvailable {}) };
        if member.signer != signer {
            return Err(Rejection::InvalidBoard {});
        }
        let known: &mut Signer = self.signers.get_mut(&signer).ok_or(Rejection::UnknownSender {})?;
        if known.next_salt != body.salt {
            return Err(Rejection::WrongSalt { expected: known.next_salt });
        }
        known.next_salt += 1;
        let board = Board { threshold: body.threshold, members: body.members.clone(), salt: body.salt };
        let who = self.found(derive::entity_id(&board), signer);
        let id = self.people[who].id;
        for asset in 0..self.assets.len() {
            // DP-3: what had arrived for it.
            let waited = self.unclaimed.remove(&(id, self.assets[asset])).unwrap_or(0);
            self.people[who].pots[asset].free += waited;
        }
        Ok(())
    }

    fn act(&mut self, from: usize, tx: &Transaction, body: &Body, now_s: u64) -> Answer {
        if tx.fee != Amount::ZERO && !matches!(body, Body::DirectPayment(_)) {
            return Err(Rejection::FeeNotPayable {});
        }
        match body {
            Body::UpdateEntity(body) => self.update(from, body),
            Body::DeleteEntity(body) => self.delete(from, body),
            Body::OpenChannel(body) => self.open(from, body, now_s),
            Body::AcceptChannel(body) => self.accept(from, body),
            Body::SetCredit(body) => {
                let peer = self.own(from, body.channel)?;
                let _ = self.known_asset(body.asset)?;
                self.grant(from, peer, &AssetAmount { asset: body.asset, amount: body.granted })
            }
            Body::DirectPayment(body) => self.pay(from, tx, body),
            Body::Deposit(body) => self.deposit(from, body),
            Body::Withdraw(body) => self.withdraw(from, body, now_s),
            Body::Allocate(body) => self.allocate(from, body, now_s),
            Body::Deallocate(body) => self.deallocate(from, body, now_s),
            _ => Err(Rejection::NotAvailable {}),
        }
    }

    /// The other side of a channel of one's own.
    pub(super) fn own(&self, from: usize, channel: ChannelId) -> Result<usize, Rejection> {
        match self.pairs.get(&channel) {
            Some((one, other)) if *one == from => Ok(*other),
            Some((one, other)) if *other == from => Ok(*one),
            _ => Err(Rejection::UnknownChannel {}),
        }
    }

    /// The number of an asset that rules apply to; those registered later take part in nothing here.
    pub(super) fn known_asset(&self, id: AssetId) -> Result<usize, Rejection> {
        self.asset(id).ok_or(Rejection::UnknownAsset {})
    }

    fn update(&mut self, from: usize, body: &UpdateEntity) -> Answer {
        for policy in &body.policies {
            let _ = self.known_asset(policy.asset)?;
        }
        if METADATA_BYTES_MAX < body.metadata.0.len() {
            return Err(Rejection::TooLarge { limit: METADATA_BYTES_MAX as u64 });
        }
        for AssetPolicy { asset, grant_max, grant_total_max, owed_max, reserve_ppm, fee_base, fee_ppm } in
            &body.policies
        {
            if 1_000_000 < *reserve_ppm || 1_000_000 < *fee_ppm || !fee_base.in_range() {
                return Err(Rejection::OutOfRange {});
            }
            let asset = self.known_asset(*asset)?;
            self.person_mut(from).policies[asset] = Policy {
                grant_to_one: signed(*grant_max),
                grant_in_all: signed(*grant_total_max),
                owe: signed(*owed_max),
                reserve_ppm: i128::from(*reserve_ppm),
                fee_base: signed(*fee_base),
                fee_ppm: i128::from(*fee_ppm),
            };
        }
        match body.accepts_free {
            2 => {}
            free @ (0 | 1) => self.person_mut(from).accepts_free = free == 1,
            _ => return Err(Rejection::OutOfRange {}),
        }
        Ok(())
    }

    /// EN-5.
    fn delete(&mut self, from: usize, body: &DeleteEntity) -> Answer {
        if body.entity != self.people[from].id {
            return Err(Rejection::UnknownEntity {});
        }
        let has_account = self.accounts().keys().any(|(one, other)| *one == from || *other == from);
        let has_money = self.people[from].pots.iter().any(|pot| *pot != Default::default());
        let is_busy = self.operations().values().any(|operation| operation.owner == from);
        if from == HUB || has_account || has_money || is_busy {
            return Err(Rejection::NotEmpty {});
        }
        self.person_mut(from).exists = false;
        Ok(())
    }

    fn open(&mut self, from: usize, body: &OpenChannel, now_s: u64) -> Answer {
        let own = self.people[from].id;
        if body.peer == own {
            return Err(Rejection::SameEntity {});
        }
        let peer = self.known(body.peer).ok_or(Rejection::UnknownEntity {})?;
        if self.account(from, peer).is_some() {
            return Err(Rejection::AlreadyExists {});
        }
        if !DISPUTE_WINDOW_S.contains(&body.dispute_window_s) {
            let (min_s, max_s) = (*DISPUTE_WINDOW_S.start(), *DISPUTE_WINDOW_S.end());
            return Err(Rejection::WindowOutside { min_s, max_s });
        }
        let lists = [&body.collateral, &body.grants, &body.requested];
        for list in lists {
            self.check_list(list)?;
        }
        if body.requested.iter().any(|line| line.asset == self.assets[UNIQUE] && line.amount != Amount::ZERO) {
            return Err(Rejection::NotForUniqueAsset {});
        }
        let channel = channel(own, body.peer);
        let awaited = body.collateral.len() as u64;
        let lines = Default::default();
        let mut account = Account { channel, opener: from, accepted: false, awaited, counter: 0, lines };
        for line in lists.into_iter().flatten() {
            account.lines[self.known_asset(line.asset)?].listed = true;
        }
        self.add_account(from, peer, account);
        for granted in &body.grants {
            self.grant(from, peer, granted)?;
        }
        if !body.collateral.is_empty() {
            valid(body.valid_until_s, now_s)?;
        }
        for (index, lock) in body.collateral.iter().enumerate() {
            let signature = body.chain_signatures.get(index).is_some_and(|signature| !signature.0.is_empty());
            self.chain_signature(from, signature)?;
            let (asset, number, until_s) = (self.known_asset(lock.asset)?, signed(lock.amount), body.valid_until_s);
            let opening = Some(index as u64);
            self.begin(from, &Begun { kind: Kind::Allocate, peer, asset, number, until_s, opening })?;
        }
        if self.people[peer].accepts_free && body.requested.is_empty() {
            self.accepted(from, peer)?;
        }
        Ok(())
    }

    fn check_list(&self, list: &[AssetAmount]) -> Answer {
        for (index, line) in list.iter().enumerate() {
            let _ = self.known_asset(line.asset)?;
            if list[..index].iter().any(|other| other.asset == line.asset) {
                return Err(Rejection::AlreadyExists {});
            }
        }
        Ok(())
    }

    fn accept(&mut self, from: usize, body: &AcceptChannel) -> Answer {
        let peer = self.own(from, body.channel)?;
        let account = self.account_mut(from, peer)?;
        let (is_open, is_own, was_accepted) = (account.is_open(), account.opener == from, account.accepted);
        if is_open {
            return Err(Rejection::ChannelNotOpen { status: 1 });
        }
        self.check_list(&body.grants)?;
        if is_own || was_accepted {
            return Err(Rejection::NotYoursToAccept {});
        }
        for granted in &body.grants {
            self.grant(from, peer, granted)?;
        }
        self.accepted(from, peer)
    }

    fn accepted(&mut self, one: usize, other: usize) -> Answer {
        let account = self.account_mut(one, other)?;
        account.accepted = true;
        let opener = account.opener;
        let waits = |it: &Operation| {
            it.progress == Progress::Waiting && it.owner == opener && it.opening && [one, other].contains(&it.peer)
        };
        let waiting = self.operations().iter().filter(|(_, it)| waits(it));
        let waiting: Vec<(OperationId, Operation)> = waiting.map(|(id, it)| (*id, *it)).collect();
        for (id, it) in waiting {
            self.put_operation(id, Some(Operation { progress: Progress::Pending, ..it }));
        }
        Ok(())
    }

    /// CH-3, DP-2, N-4.
    fn grant(&mut self, from: usize, peer: usize, to: &AssetAmount) -> Answer {
        let (asset, number) = (self.known_asset(to.asset)?, signed(to.amount));
        if asset == UNIQUE && number != 0 {
            return Err(Rejection::NotForUniqueAsset {});
        }
        if !to.amount.in_range() {
            return Err(Rejection::OutOfRange {});
        }
        let (own, granted) = (side(from, peer), self.granted(from, asset));
        let Policy { grant_to_one, grant_in_all, .. } = self.people[from].policies[asset];
        let line = &mut self.account_mut(from, peer)?.lines[asset];
        let before = line.granted[own];
        let available = grant_to_one.min((grant_in_all.saturating_sub(granted - before)).max(0));
        if before < number && available < number {
            return Err(Rejection::LimitExceeded { available: amount(available), leg: 0 });
        }
        (line.granted[own], line.listed) = (number, true);
        Ok(())
    }

    /// HT-4: what the hub asks for a hop.
    pub(crate) fn fee(&self, asset: usize, number: i128) -> i128 {
        let Policy { fee_base, fee_ppm, .. } = self.people[HUB].policies[asset];
        let (millions, rest) = (number / 1_000_000, number % 1_000_000);
        if asset == UNIQUE { 0 } else { fee_base + millions * fee_ppm + (rest * fee_ppm + 999_999) / 1_000_000 }
    }

    /// CH-14.
    fn pay(&mut self, from: usize, tx: &Transaction, body: &DirectPayment) -> Answer {
        if !body.route.is_empty() {
            return Err(Rejection::NotAvailable {});
        }
        if MEMO_BYTES_MAX < body.memo.0.len() {
            return Err(Rejection::TooLarge { limit: MEMO_BYTES_MAX as u64 });
        }
        let (asset, number, fee) = (self.known_asset(body.asset)?, signed(body.amount), signed(tx.fee));
        let to = self.by_address.get(&tx.to).copied().filter(|who| self.people[*who].exists);
        let to = to.ok_or(Rejection::UnknownEntity {})?;
        if from == to {
            return Err(Rejection::SameEntity {});
        }
        if number == 0 {
            return Err(Rejection::AmountNotPositive {});
        }
        if self.account(from, to).is_some() {
            return if fee == 0 {
                self.leg(0, (from, to), (asset, number), 0)
            } else {
                Err(Rejection::FeeNotPayable {})
            };
        }
        if self.account(from, HUB).is_none() || self.account(HUB, to).is_none() {
            return Err(Rejection::NoRoute {});
        }
        let expected = self.fee(asset, number);
        if !amount(expected).in_range() {
            return Err(Rejection::OutOfRange {});
        }
        if fee < expected {
            return Err(Rejection::FeeTooLow { expected: amount(expected) });
        }
        // N-1: with the fee.
        if !amount(number + fee).in_range() {
            return Err(Rejection::OutOfRange {});
        }
        self.leg(0, (from, HUB), (asset, number + fee), fee)?;
        self.leg(1, (HUB, to), (asset, number), 0)
    }

    fn leg(&mut self, leg: u8, (payer, payee): (usize, usize), (asset, number): (usize, i128), fee: i128) -> Answer {
        let (own, drawable) = (side(payer, payee), self.drawable(payer, asset));
        let account = self.account_mut(payer, payee)?;
        is_open(account)?;
        let line = listed(account, asset)?;
        let (out, secured) = (line.out(own), (line.share[own].max(0) - line.held[own]).max(0));
        let most = out.min(secured.saturating_add(drawable));
        if most < number {
            let available = amount((most - fee).max(0));
            return Err(if out < number {
                Rejection::InsufficientFunds { available, leg }
            } else {
                Rejection::LimitExceeded { available, leg }
            });
        }
        line.share[own] -= number;
        line.share[1 - own] += number;
        Ok(())
    }
}

/// TX-2: its turn, which is used up whatever comes of it.
fn turn(next: &mut u64, nonce: u64) -> Answer {
    if nonce != *next {
        return Err(Rejection::WrongNonce { expected: *next });
    }
    *next += 1;
    Ok(())
}

fn timely(tx: &Transaction, now_s: u64) -> Answer {
    if tx.timestamp.abs_diff(now_s) <= TIMESTAMP_SKEW_S_MAX {
        Ok(())
    } else {
        Err(Rejection::TimestampOutside { now_s })
    }
}

pub(super) fn is_open(account: &Account) -> Answer {
    if account.is_open() { Ok(()) } else { Err(Rejection::ChannelNotOpen { status: 0 }) }
}

pub(super) fn listed(account: &mut Account, asset: usize) -> Result<&mut Line, Rejection> {
    account.lines.get_mut(asset).filter(|line| line.listed).ok_or(Rejection::UnknownAsset {})
}

pub(super) fn valid(until_s: u64, now_s: u64) -> Answer {
    let (from_s, latest_s) = (now_s + 60, now_s + 7 * 86_400);
    if (from_s..=latest_s).contains(&until_s) {
        Ok(())
    } else {
        Err(Rejection::ValidityOutside { from_s, until_s: latest_s })
    }
}
