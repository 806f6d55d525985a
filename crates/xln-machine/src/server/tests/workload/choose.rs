//! The dice choose what happens next by what the ledger says: mostly what may work, and now and then what can't.

use super::acts::{Act, Step, Sum};
use super::ledger::{ASSETS, HUB, Kind, Ledger, NONE, Policy, Progress, UNIQUE, UNKNOWN};
use crate::dice::Dice;
use xln_types::OperationId;

/// Chooses by ledger and time.
pub(super) struct Chooser<'a> {
    pub(super) dice: &'a mut Dice,
    pub(super) ledger: &'a Ledger,
    pub(super) now_s: u64,
}

impl Chooser<'_> {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.dice.below(bound as u64)).expect("small")
    }

    fn person(&mut self) -> usize {
        self.below(self.ledger.people.len())
    }

    fn number(&mut self, bound: usize) -> i128 {
        i128::try_from(self.below(bound)).expect("small")
    }

    /// Someone that `who` has an account with, mostly.
    fn peer(&mut self, who: usize) -> usize {
        let peers: Vec<usize> =
            (0..self.ledger.people.len()).filter(|other| self.ledger.account(who, *other).is_some()).collect();
        if peers.is_empty() || self.dice.once_in(12) { self.person() } else { peers[self.below(peers.len())] }
    }

    /// Someone who proposed an account to `who`, mostly.
    fn proposer(&mut self, who: usize) -> usize {
        let proposed =
            |other: &usize| self.ledger.account(who, *other).is_some_and(|it| it.opener == *other && !it.accepted);
        let proposers: Vec<usize> = (0..self.ledger.people.len()).filter(proposed).collect();
        if proposers.is_empty() || self.dice.once_in(8) {
            self.peer(who)
        } else {
            proposers[self.below(proposers.len())]
        }
    }

    /// An asset and an amount of it that is mostly small.
    fn sum(&mut self, bound: usize) -> Sum {
        let asset = match self.below(40) {
            0 => UNKNOWN,
            1..=3 => UNIQUE,
            other => other % 2,
        };
        let number = match self.below(30) {
            0 => 0,
            1 => 1_000_000,
            _ if asset == UNIQUE => 1,
            2..=9 => 1 + self.number(4),
            _ => 1 + self.number(bound),
        };
        (asset, number)
    }

    /// Until when something is valid: mostly soon, now and then too soon or too late.
    fn until(&mut self) -> u64 {
        self.now_s + [59, 60, 90, 200, 600, 600, 3600, 604_800, 604_801][self.below(9)]
    }

    fn signed(&mut self, who: usize) -> bool {
        !self.ledger.people[who].hosted && !self.dice.once_in(5)
    }

    fn operation(&mut self) -> Option<OperationId> {
        let ids: Vec<OperationId> = self.ledger.operations.keys().copied().collect();
        if ids.is_empty() { None } else { Some(ids[self.below(ids.len())]) }
    }

    /// What happens next.
    pub(super) fn step(&mut self) -> Step {
        match self.below(100) {
            0..=73 => self.ask(),
            74..=79 => {
                let (who, sum) = (self.person(), self.sum(80));
                Step::Deposited { who, sum: (sum.0 % ASSETS, sum.1), sent: None }
            }
            80..=91 => self.outcome(),
            92 | 93 => self.taken(),
            94 | 95 => Step::Time { timestamp_s: self.now_s - self.dice.below(120) },
            96 => Step::Reverted { operation: OperationId([7; 32]) },
            97 => Step::Sent { operation: OperationId([7; 32]) },
            98 => Step::Stale,
            _ if self.dice.once_in(40) => Step::Reorg,
            _ => Step::Time { timestamp_s: self.now_s },
        }
    }

    /// What becomes of an operation.
    fn outcome(&mut self) -> Step {
        let Some(operation) = self.operation() else { return Step::Time { timestamp_s: self.now_s } };
        let it = self.ledger.operations[&operation];
        let waits = it.progress == Progress::Waiting;
        match self.below(5) {
            0 => Step::Reverted { operation },
            1 if !waits => Step::Sent { operation },
            // A settlement lands while there is enough to settle; the chain refuses it otherwise.
            _ if it.kind == Kind::Settle && self.collateral(it.owner, it.peer, it.asset) < it.amount => {
                Step::Reverted { operation }
            }
            _ if it.kind == Kind::Deposit && it.progress == Progress::Sent => {
                let sum = (it.asset, it.amount);
                Step::Deposited { who: it.owner, sum, sent: Some(operation) }
            }
            _ if waits || it.kind == Kind::Deposit => Step::Time { timestamp_s: self.now_s },
            _ => Step::Landed { operation },
        }
    }

    fn collateral(&self, one: usize, other: usize, asset: usize) -> i128 {
        self.ledger.account(one, other).map_or(0, |account| account.lines[asset].collateral)
    }

    /// What an owner did past the hub, with what it has on the chain.
    fn taken(&mut self) -> Step {
        let who = self.person();
        let (asset, peer) = (self.below(ASSETS), self.peer(who));
        let into = (self.ledger.account(who, peer).is_some() && self.dice.once_in(2)).then_some(peer);
        let free = self.ledger.people[who].pots[asset].free;
        let most = usize::try_from(free.clamp(0, 20)).expect("small");
        Step::Taken { who, into, sum: (asset, self.number(most + 1)) }
    }

    fn ask(&mut self) -> Step {
        let from = self.person();
        let act = self.act(from);
        let fault = self.below(30);
        let by = if fault == 0 { self.person() } else { from };
        let nonce_off = [-1, 1, 0][if fault == 1 { self.below(2) } else { 2 }];
        let time_off_s = [-301, 301, 0][if fault == 2 { self.below(2) } else { 2 }];
        Step::Ask { from, by, nonce_off, time_off_s, act }
    }

    fn act(&mut self, from: usize) -> Act {
        let (until_s, signed) = (self.until(), self.signed(from));
        match self.below(60) {
            0..=27 => self.pay(from),
            28..=35 => Act::Credit { peer: self.peer(from), granted: self.grant() },
            36..=38 => self.open(until_s, signed),
            39..=41 => {
                let (peer, grants) = (self.proposer(from), vec![self.grant()]);
                Act::Accept { peer, grants }
            }
            42..=46 => Act::Allocate { peer: self.peer(from), sum: self.sum(40), until_s, signed },
            47..=50 => Act::Deallocate { peer: self.peer(from), sum: self.sum(30), until_s },
            51..=55 => Act::Withdraw { sum: self.sum(25), until_s, signed },
            56 | 57 => Act::Deposit { sum: self.sum(50) },
            _ => Act::Update {
                asset: self.sum(1).0,
                policy: self.policy(),
                accepts_free: from == HUB || self.dice.once_in(2),
            },
        }
    }

    fn grant(&mut self) -> Sum {
        let (asset, number) = self.sum(120);
        (asset, if asset == UNIQUE && !self.dice.once_in(4) { 0 } else { number })
    }

    fn open(&mut self, until_s: u64, signed: bool) -> Act {
        let peer = if self.dice.once_in(2) { HUB } else { self.person() };
        let lock = if self.dice.once_in(2) { vec![self.sum(30)] } else { vec![] };
        let grants = if self.dice.once_in(2) { vec![self.grant()] } else { vec![] };
        let ask = if self.dice.once_in(4) { vec![self.grant()] } else { vec![] };
        Act::Open { peer, lock, grants, ask, until_s, signed }
    }

    fn pay(&mut self, from: usize) -> Act {
        let to = if self.dice.once_in(2) { self.peer(from) } else { self.person() };
        let sum = self.sum(40);
        let direct = self.ledger.account(from, to).is_some() || sum.0 == UNKNOWN;
        let asked = if direct { 0 } else { self.ledger.fee(sum) };
        let fee = match self.below(10) {
            0 => self.number(5),
            1 => (asked - 1).max(0),
            _ => asked,
        };
        Act::Pay { to, sum, fee }
    }

    fn policy(&mut self) -> Policy {
        let cap = |number: i128| if number < 40 { number * 5 } else { NONE };
        Policy {
            grant_to_one: cap(self.number(100)),
            grant_in_all: cap(self.number(100)),
            owe: cap(self.number(100)),
            reserve_ppm: [0, 0, 0, 100_000, 333_333, 1_000_000, 1_000_001][self.below(7)],
            fee_base: self.number(3),
            fee_ppm: [0, 0, 10_000, 30_001][self.below(4)],
        }
    }
}
