//! A ledger that shares nothing with the machines: people by number, two shares a line and no Δ, sums summed anew each time they are
//! asked for. Small numbers, plain signed arithmetic.

use std::collections::BTreeMap;
use xln_types::{Amount, OperationId, Rejection};

/// Assets that are registered: ETH, USD, NFT.
pub(super) const ASSETS: usize = 3;
/// The unique one.
pub(super) const UNIQUE: usize = 2;
/// One that nobody registered.
pub(super) const UNKNOWN: usize = 3;
/// The hub among the people.
pub(super) const HUB: usize = 0;
/// No limit.
pub(super) const NONE: i128 = i128::MAX;

/// What someone has of an asset outside of channels.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pot {
    pub(super) free: i128,
    pub(super) allocating: i128,
    pub(super) allocated: i128,
    pub(super) withdrawing: i128,
}

/// What someone allows itself in an asset.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    pub(super) grant_to_one: i128,
    pub(super) grant_in_all: i128,
    pub(super) owe: i128,
    pub(super) reserve_ppm: i128,
    pub(super) fee_base: i128,
    pub(super) fee_ppm: i128,
}

/// Someone.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) name: &'static str,
    pub(super) hosted: bool,
    pub(super) accepts_free: bool,
    pub(super) nonce: u64,
    pub(super) pots: [Pot; ASSETS],
    pub(super) policies: [Policy; ASSETS],
}

/// One asset of two people's account: `[first, second]` by their numbers, whoever is left.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Line {
    pub(super) listed: bool,
    pub(super) collateral: i128,
    pub(super) share: [i128; 2],
    pub(super) granted: [i128; 2],
    pub(super) held: [i128; 2],
}

/// Two people's account with each other.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) opener: usize,
    pub(super) accepted: bool,
    pub(super) awaited: u64,
    pub(super) counter: u64,
    pub(super) lines: [Line; ASSETS],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Deposit,
    Withdraw,
    Allocate,
    Settle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Waiting,
    Pending,
    Sent,
}

/// Something under way on the chain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation {
    pub(super) kind: Kind,
    pub(super) progress: Progress,
    pub(super) owner: usize,
    /// The other side of the channel; the owner itself where there is none.
    pub(super) peer: usize,
    pub(super) asset: usize,
    pub(super) amount: i128,
    pub(super) until_s: u64,
    pub(super) opening: bool,
    pub(super) counter: u64,
}

/// Everybody's money.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    pub(super) people: Vec<Person>,
    /// By the smaller and the larger number.
    pub(super) accounts: BTreeMap<(usize, usize), Account>,
    pub(super) operations: BTreeMap<OperationId, Operation>,
    pub(super) halted: bool,
    /// What lies in the depositary on the chain.
    pub(super) on_chain: [i128; ASSETS],
}

pub(super) fn amount(number: i128) -> Amount {
    Amount(number.cast_unsigned())
}

impl Policy {
    pub(super) const UNLIMITED: Policy =
        Policy { grant_to_one: NONE, grant_in_all: NONE, owe: NONE, reserve_ppm: 0, fee_base: 0, fee_ppm: 0 };
}

impl Line {
    /// CH-1.
    pub(super) fn out(&self, side: usize) -> i128 {
        (self.share[side] + self.granted[1 - side] - self.held[side]).max(0)
    }

    pub(super) fn owed(&self, side: usize) -> i128 {
        (-self.share[side]).max(0)
    }
}

impl Account {
    /// CH-11.
    pub(super) fn is_open(&self) -> bool {
        self.accepted && self.awaited == 0
    }
}

/// On which side of their account the first of two people stands.
pub(super) fn side(one: usize, other: usize) -> usize {
    usize::from(other < one)
}

impl Ledger {
    pub(super) fn new(people: &[&'static str]) -> Ledger {
        let person = |name: &&'static str| Person {
            name,
            hosted: !super::super::hub::is_custody(name),
            accepts_free: *name == "hub",
            nonce: 0,
            pots: [Pot::default(); ASSETS],
            policies: [Policy::UNLIMITED; ASSETS],
        };
        let people = people.iter().map(person).collect();
        let (accounts, operations) = (BTreeMap::new(), BTreeMap::new());
        Ledger { people, accounts, operations, halted: false, on_chain: [0; ASSETS] }
    }

    pub(super) fn account(&self, one: usize, other: usize) -> Option<&Account> {
        self.accounts.get(&(one.min(other), one.max(other)))
    }

    pub(super) fn account_mut(&mut self, one: usize, other: usize) -> Result<&mut Account, Rejection> {
        self.accounts.get_mut(&(one.min(other), one.max(other))).ok_or(Rejection::UnknownChannel {})
    }

    /// Someone's lines of an asset, each with the side on which it stands.
    fn lines_of(&self, who: usize, asset: usize) -> impl Iterator<Item = (usize, &Line)> {
        let own = self.accounts.iter().filter(move |((one, other), _)| *one == who || *other == who);
        own.map(move |((one, _), account)| (usize::from(*one != who), &account.lines[asset]))
    }

    pub(super) fn owed(&self, who: usize, asset: usize) -> i128 {
        self.lines_of(who, asset).map(|(side, line)| line.owed(side)).sum()
    }

    pub(super) fn granted(&self, who: usize, asset: usize) -> i128 {
        self.lines_of(who, asset).map(|(side, line)| line.granted[side]).sum()
    }

    /// What everybody owes, grants and owns over all lines, by person and asset.
    pub(super) fn sums(&self) -> Vec<[[i128; 3]; ASSETS]> {
        let mut sums = vec![[[0; 3]; ASSETS]; self.people.len()];
        for ((one, other), account) in &self.accounts {
            for (asset, line) in account.lines.iter().enumerate() {
                for (side, who) in [*one, *other].into_iter().enumerate() {
                    let [owed, granted, net] = &mut sums[who][asset];
                    *owed += line.owed(side);
                    *granted += line.granted[side];
                    *net += line.share[side];
                }
            }
        }
        sums
    }

    /// DP-2: what may leave someone's reserve.
    pub(super) fn removable(&self, who: usize, asset: usize) -> i128 {
        let (free, ppm) = (self.people[who].pots[asset].free, self.people[who].policies[asset].reserve_ppm);
        let minimum = (self.owed(who, asset) * ppm + 999_999) / 1_000_000;
        (free.max(0) - minimum).max(0)
    }

    /// DP-2: how much more someone may owe.
    pub(super) fn drawable(&self, who: usize, asset: usize) -> i128 {
        let (free, owed) = (self.people[who].pots[asset].free.max(0), self.owed(who, asset));
        let Policy { owe, reserve_ppm, .. } = self.people[who].policies[asset];
        let covered = if reserve_ppm == 0 { NONE } else { free * 1_000_000 / reserve_ppm };
        (owe.min(covered) - owed).max(0)
    }

    /// DP-1, DP-4: takes from what is free.
    pub(super) fn debit(&mut self, who: usize, asset: usize, number: i128) -> Result<(), Rejection> {
        let available = self.removable(who, asset);
        if number == 0 {
            return Err(Rejection::AmountNotPositive {});
        }
        if available < number {
            return Err(Rejection::InsufficientReserve { available: amount(available) });
        }
        self.people[who].pots[asset].free -= number;
        Ok(())
    }

    /// CH-13: what people have, what is under way and what is locked is what lies on the chain; shares sum to collateral.
    pub(super) fn audit(&self) {
        for asset in 0..ASSETS {
            let mut sum = 0;
            for person in &self.people {
                let pot = person.pots[asset];
                sum += pot.free + pot.allocating + pot.withdrawing;
            }
            for account in self.accounts.values() {
                let line = &account.lines[asset];
                assert_eq!(line.share[0] + line.share[1], line.collateral, "CH-13");
                sum += line.collateral;
            }
            assert_eq!(sum, self.on_chain[asset], "CH-13");
        }
    }
}
