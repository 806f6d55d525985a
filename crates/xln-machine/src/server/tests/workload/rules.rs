//! What the ledger says to each transaction: whether it stands, and by which number it is refused. Written from the laws' pages.

use super::acts::{Act, Step, Sum};
use super::ledger::{Account, HUB, Kind, Ledger, Line, Operation, Policy, Progress, UNIQUE, UNKNOWN, amount, side};
use xln_types::Rejection;

/// An answer.
pub(super) type Answer = Result<(), Rejection>;

/// What an operation is begun with.
struct Begun {
    kind: Kind,
    peer: usize,
    sum: Sum,
    until_s: u64,
    /// Its place among those of one transaction; `None`: not part of an opening.
    opening: Option<u64>,
}

impl Ledger {
    /// Plays a step; refused, it changes nothing but its sender's nonce (TX-5).
    pub(super) fn play(&mut self, step: &Step, now_s: u64) -> Answer {
        let mut next = self.clone();
        let answer = match step {
            Step::Ask { from, by, nonce_off, time_off_s, act } => {
                // EN-1, TX-2: before its turn has come nothing is used up.
                if from != by {
                    return Err(Rejection::NotAuthorized {});
                }
                if *nonce_off != 0 {
                    return Err(Rejection::WrongNonce { expected: self.people[*from].nonce });
                }
                self.people[*from].nonce += 1;
                next.people[*from].nonce += 1;
                if 300 < time_off_s.abs() {
                    Err(Rejection::TimestampOutside { now_s })
                } else {
                    next.act(*from, act, now_s)
                }
            }
            fact => next.fact(fact),
        };
        if answer.is_ok() {
            *self = next;
        }
        answer
    }

    fn act(&mut self, from: usize, act: &Act, now_s: u64) -> Answer {
        match act {
            Act::Open { peer, lock, grants, ask, until_s, signed } => {
                self.open(from, *peer, [lock, grants, ask], *until_s, *signed, now_s)
            }
            Act::Accept { peer, grants } => self.accept(from, *peer, grants),
            Act::Credit { peer, granted } => {
                let _ = self.account_mut(from, *peer)?;
                self.grant(from, *peer, *granted)
            }
            Act::Pay { to, sum, fee } => self.pay(from, *to, *sum, *fee),
            Act::Deposit { sum } => {
                known(*sum)?;
                if !self.people[from].hosted {
                    return Err(Rejection::NotHosted {});
                }
                if sum.0 == UNIQUE && 1 < sum.1 {
                    return Err(Rejection::NotForUniqueAsset {});
                }
                positive(*sum)?;
                let begun = Begun { kind: Kind::Deposit, peer: from, sum: *sum, until_s: u64::MAX, opening: None };
                self.begin(from, &begun)
            }
            Act::Withdraw { sum, until_s, signed } => {
                known(*sum)?;
                if self.halted {
                    return Err(Rejection::Halted {});
                }
                valid(*until_s, now_s)?;
                self.chain_signature(from, *signed)?;
                self.begin(
                    from,
                    &Begun { kind: Kind::Withdraw, peer: from, sum: *sum, until_s: *until_s, opening: None },
                )
            }
            Act::Allocate { peer, sum, until_s, signed } => {
                known(*sum)?;
                is_open(self.account_mut(from, *peer)?)?;
                valid(*until_s, now_s)?;
                self.chain_signature(from, *signed)?;
                self.account_mut(from, *peer)?.lines[sum.0].listed = true;
                let peer = *peer;
                self.begin(from, &Begun { kind: Kind::Allocate, peer, sum: *sum, until_s: *until_s, opening: None })
            }
            Act::Deallocate { peer, sum, until_s } => self.deallocate(from, *peer, *sum, *until_s, now_s),
            Act::Update { asset, policy, accepts_free } => {
                known((*asset, 0))?;
                if 1_000_000 < policy.reserve_ppm {
                    return Err(Rejection::OutOfRange {});
                }
                self.people[from].policies[*asset] = *policy;
                self.people[from].accepts_free = *accepts_free;
                Ok(())
            }
        }
    }

    fn open(
        &mut self,
        from: usize,
        peer: usize,
        lists: [&Vec<Sum>; 3],
        until_s: u64,
        signed: bool,
        now_s: u64,
    ) -> Answer {
        let [lock, grants, ask] = lists;
        if from == peer {
            return Err(Rejection::SameEntity {});
        }
        if self.account(from, peer).is_some() {
            return Err(Rejection::AlreadyExists {});
        }
        lists.into_iter().flatten().try_for_each(|sum| known(*sum))?;
        if ask.iter().any(|(asset, number)| *asset == UNIQUE && *number != 0) {
            return Err(Rejection::NotForUniqueAsset {});
        }
        let awaited = lock.len() as u64;
        let mut account = Account { opener: from, accepted: false, awaited, counter: 0, lines: Default::default() };
        for (asset, _) in lists.into_iter().flatten() {
            account.lines[*asset].listed = true;
        }
        self.accounts.insert((from.min(peer), from.max(peer)), account);
        grants.iter().try_for_each(|granted| self.grant(from, peer, *granted))?;
        if !lock.is_empty() {
            valid(until_s, now_s)?;
        }
        for (index, sum) in lock.iter().enumerate() {
            self.chain_signature(from, signed)?;
            let opening = Some(index as u64);
            self.begin(from, &Begun { kind: Kind::Allocate, peer, sum: *sum, until_s, opening })?;
        }
        if self.people[peer].accepts_free && ask.is_empty() {
            self.accepted(from, peer)?;
        }
        Ok(())
    }

    fn accept(&mut self, from: usize, peer: usize, grants: &[Sum]) -> Answer {
        let account = self.account_mut(from, peer)?;
        let (is_pending, is_own, was_accepted) = (!account.is_open(), account.opener == from, account.accepted);
        if !is_pending {
            return Err(Rejection::ChannelNotOpen { status: 1 });
        }
        grants.iter().try_for_each(|sum| known(*sum))?;
        if is_own || was_accepted {
            return Err(Rejection::NotYoursToAccept {});
        }
        grants.iter().try_for_each(|granted| self.grant(from, peer, *granted))?;
        self.accepted(from, peer)
    }

    fn accepted(&mut self, one: usize, other: usize) -> Answer {
        let account = self.account_mut(one, other)?;
        account.accepted = true;
        let opener = account.opener;
        let waits = |it: &&mut Operation| it.progress == Progress::Waiting && it.owner == opener && it.opening;
        for operation in self.operations.values_mut().filter(waits) {
            if [one, other].contains(&operation.peer) {
                operation.progress = Progress::Pending;
            }
        }
        Ok(())
    }

    /// CH-3, DP-2, N-4.
    fn grant(&mut self, from: usize, peer: usize, (asset, number): Sum) -> Answer {
        known((asset, number))?;
        if asset == UNIQUE && number != 0 {
            return Err(Rejection::NotForUniqueAsset {});
        }
        let (own, granted) = (side(from, peer), self.granted(from, asset));
        let Policy { grant_to_one, grant_in_all, .. } = self.people[from].policies[asset];
        let line = &mut self.account_mut(from, peer)?.lines[asset];
        let before = line.granted[own];
        let available = grant_to_one.min((grant_in_all - (granted - before)).max(0));
        if before < number && available < number {
            return Err(Rejection::LimitExceeded { available: amount(available), leg: 0 });
        }
        (line.granted[own], line.listed) = (number, true);
        Ok(())
    }

    /// HT-4: what the hub asks for a hop.
    pub(super) fn fee(&self, (asset, number): Sum) -> i128 {
        let Policy { fee_base, fee_ppm, .. } = self.people[HUB].policies[asset];
        if asset == UNIQUE { 0 } else { fee_base + (number * fee_ppm + 999_999) / 1_000_000 }
    }

    /// CH-14.
    fn pay(&mut self, from: usize, to: usize, sum: Sum, fee: i128) -> Answer {
        known(sum)?;
        if from == to {
            return Err(Rejection::SameEntity {});
        }
        positive(sum)?;
        if self.account(from, to).is_some() {
            return if fee == 0 { self.leg(0, (from, to), sum, 0) } else { Err(Rejection::FeeNotPayable {}) };
        }
        if self.account(from, HUB).is_none() || self.account(HUB, to).is_none() {
            return Err(Rejection::NoRoute {});
        }
        let expected = self.fee(sum);
        if fee < expected {
            return Err(Rejection::FeeTooLow { expected: amount(expected) });
        }
        self.leg(0, (from, HUB), (sum.0, sum.1 + fee), fee)?;
        self.leg(1, (HUB, to), sum, 0)
    }

    fn leg(&mut self, leg: u8, (payer, payee): (usize, usize), (asset, number): Sum, fee: i128) -> Answer {
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

    /// DP-5.
    fn deallocate(&mut self, from: usize, peer: usize, sum: Sum, until_s: u64, now_s: u64) -> Answer {
        let both_hosted = self.people[from].hosted && self.people[peer].hosted;
        let _ = self.account_mut(from, peer)?;
        valid(until_s, now_s)?;
        if !both_hosted {
            return Err(Rejection::ChainSignatureNeeded {});
        }
        let account = self.account_mut(from, peer)?;
        is_open(account)?;
        let (line, own) = (listed(account, sum.0)?, side(from, peer));
        positive(sum)?;
        let available = (line.share[own].max(0) - line.held[own]).clamp(0, line.collateral);
        if available < sum.1 {
            return Err(Rejection::InsufficientShare { available: amount(available) });
        }
        line.held[own] += sum.1;
        account.counter += 1;
        self.begin(from, &Begun { kind: Kind::Settle, peer, sum, until_s, opening: None })
    }

    fn chain_signature(&self, who: usize, signed: bool) -> Answer {
        if self.people[who].hosted || signed { Ok(()) } else { Err(Rejection::ChainSignatureNeeded {}) }
    }

    fn begin(&mut self, owner: usize, begun: &Begun) -> Answer {
        let Begun { kind, peer, sum: (asset, number), until_s, opening } = *begun;
        if matches!(kind, Kind::Withdraw | Kind::Allocate) {
            self.debit(owner, asset, number)?;
        }
        let pot = &mut self.people[owner].pots[asset];
        match kind {
            Kind::Withdraw => pot.withdrawing += number,
            Kind::Allocate => pot.allocating += number,
            Kind::Deposit | Kind::Settle => {}
        }
        let progress = if opening.is_some() { Progress::Waiting } else { Progress::Pending };
        let counter = if kind == Kind::Settle { self.account_mut(owner, peer)?.counter } else { 0 };
        let nonce = self.people[owner].nonce - 1;
        let id = super::operation_id(self.people[owner].name, nonce, opening.unwrap_or(0));
        let opening = opening.is_some();
        let operation = Operation { kind, progress, owner, peer, asset, amount: number, until_s, opening, counter };
        assert!(self.operations.insert(id, operation).is_none(), "DP-4: an id is used once");
        Ok(())
    }
}

fn known((asset, _): Sum) -> Answer {
    if asset == UNKNOWN { Err(Rejection::UnknownAsset {}) } else { Ok(()) }
}

fn positive((_, number): Sum) -> Answer {
    if number == 0 { Err(Rejection::AmountNotPositive {}) } else { Ok(()) }
}

fn is_open(account: &Account) -> Answer {
    if account.is_open() { Ok(()) } else { Err(Rejection::ChannelNotOpen { status: 0 }) }
}

fn listed(account: &mut Account, asset: usize) -> Result<&mut Line, Rejection> {
    account.lines.get_mut(asset).filter(|line| line.listed).ok_or(Rejection::UnknownAsset {})
}

fn valid(until_s: u64, now_s: u64) -> Answer {
    let (from_s, latest_s) = (now_s + 60, now_s + 7 * 86_400);
    if (from_s..=latest_s).contains(&until_s) {
        Ok(())
    } else {
        Err(Rejection::ValidityOutside { from_s, until_s: latest_s })
    }
}
