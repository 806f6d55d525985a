//! What the ledger says to transactions that move reserves: deposits, withdrawals, allocations and back (**DP-1**, **DP-2**, **DP-4**, **DP-5**).

use super::Answer;
use super::ledger::{Kind, Ledger, Operation, Progress, amount, side, signed};
use super::rules::{is_open, listed, valid};
use crate::chain::DEPOSITARY;
use crate::people::UNIQUE;
use xln_crypto::derive;
use xln_types::tx::{Allocate, Deallocate, Deposit, Withdraw};
use xln_types::{Address, Rejection};

/// What an operation is begun with.
pub(super) struct Begun {
    pub(super) kind: Kind,
    pub(super) peer: usize,
    pub(super) asset: usize,
    pub(super) number: i128,
    pub(super) until_s: u64,
    /// Its place among those of one transaction; `None`: not part of an opening.
    pub(super) opening: Option<u64>,
}

impl Ledger {
    pub(super) fn deposit(&mut self, from: usize, body: &Deposit) -> Answer {
        let (asset, number) = (self.known_asset(body.asset)?, signed(body.amount));
        if !self.is_hosted(from) {
            return Err(Rejection::NotHosted {});
        }
        if !body.amount.in_range() {
            return Err(Rejection::OutOfRange {});
        }
        if asset == UNIQUE && 1 < number {
            return Err(Rejection::NotForUniqueAsset {});
        }
        if number == 0 {
            return Err(Rejection::AmountNotPositive {});
        }
        let begun = Begun { kind: Kind::Deposit, peer: from, asset, number, until_s: u64::MAX, opening: None };
        self.begin(from, &begun)
    }

    /// DP-4.
    pub(super) fn withdraw(&mut self, from: usize, body: &Withdraw, now_s: u64) -> Answer {
        let (asset, number, until_s) = (self.known_asset(body.asset)?, signed(body.amount), body.valid_until_s);
        if self.halted {
            return Err(Rejection::Halted {});
        }
        if body.recipient == Address::ZERO || body.recipient == DEPOSITARY {
            return Err(Rejection::MalformedBody {});
        }
        valid(until_s, now_s)?;
        self.chain_signature(from, !body.chain_signature.0.is_empty())?;
        self.begin(from, &Begun { kind: Kind::Withdraw, peer: from, asset, number, until_s, opening: None })
    }

    /// DP-1.
    pub(super) fn allocate(&mut self, from: usize, body: &Allocate, now_s: u64) -> Answer {
        let (asset, number, until_s) = (self.known_asset(body.asset)?, signed(body.amount), body.valid_until_s);
        let peer = self.own(from, body.channel)?;
        is_open(self.account_mut(from, peer)?)?;
        valid(until_s, now_s)?;
        self.chain_signature(from, !body.chain_signature.0.is_empty())?;
        self.account_mut(from, peer)?.lines[asset].listed = true;
        self.begin(from, &Begun { kind: Kind::Allocate, peer, asset, number, until_s, opening: None })
    }

    /// DP-5.
    pub(super) fn deallocate(&mut self, from: usize, body: &Deallocate, now_s: u64) -> Answer {
        let peer = self.own(from, body.channel)?;
        let (number, until_s) = (signed(body.amount), body.valid_until_s);
        valid(until_s, now_s)?;
        if !self.is_hosted(from) || !self.is_hosted(peer) {
            return Err(Rejection::ChainSignatureNeeded {});
        }
        let asset = self.asset(body.asset);
        let account = self.account_mut(from, peer)?;
        is_open(account)?;
        let asset = asset.ok_or(Rejection::UnknownAsset {})?;
        let (line, own) = (listed(account, asset)?, side(from, peer));
        if number == 0 {
            return Err(Rejection::AmountNotPositive {});
        }
        let available = (line.share[own].max(0) - line.held[own]).max(0).min(line.collateral);
        if available < number {
            return Err(Rejection::InsufficientShare { available: amount(available) });
        }
        line.held[own] += number;
        account.counter += 1;
        self.begin(from, &Begun { kind: Kind::Settle, peer, asset, number, until_s, opening: None })
    }

    pub(super) fn chain_signature(&self, who: usize, signed: bool) -> Answer {
        if self.is_hosted(who) || signed { Ok(()) } else { Err(Rejection::ChainSignatureNeeded {}) }
    }

    pub(super) fn begin(&mut self, owner: usize, begun: &Begun) -> Answer {
        let Begun { kind, peer, asset, number, until_s, opening } = *begun;
        if matches!(kind, Kind::Withdraw | Kind::Allocate) {
            self.debit(owner, asset, number)?;
        }
        let pot = &mut self.person_mut(owner).pots[asset];
        match kind {
            Kind::Withdraw => pot.withdrawing += number,
            Kind::Allocate => pot.allocating += number,
            Kind::Deposit | Kind::Settle => {}
        }
        let progress = if opening.is_some() { Progress::Waiting } else { Progress::Pending };
        let counter = if kind == Kind::Settle { self.account_mut(owner, peer)?.counter } else { 0 };
        let person = &self.people[owner];
        let id = derive::operation_id(self.hub_id(), person.id.address(), person.nonce - 1, opening.unwrap_or(0));
        let (opening, amount, sent) = (opening.is_some(), number, None);
        let operation = Operation { kind, progress, owner, peer, asset, amount, until_s, opening, counter, sent };
        self.put_operation(id, Some(operation));
        Ok(())
    }
}
