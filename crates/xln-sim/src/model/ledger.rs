//! The ledger itself: who has what, and what is under way.

use crate::abroad::Abroad;
use crate::people::{ASSETS, People, Person as Named};
use std::collections::{BTreeMap, BTreeSet};
use xln_types::{
    Address, Amount, AssetId, ChannelId, EntityId, FactPosition, HtlcKey, OperationId, Rejection, SignerId, TxHash,
};

/// No limit.
pub(crate) const NONE: i128 = i128::MAX;

/// What someone has of an asset outside of channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pot {
    pub(crate) free: i128,
    pub(crate) allocating: i128,
    pub(crate) allocated: i128,
    pub(crate) withdrawing: i128,
}

/// What someone allows itself in an asset.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) grant_to_one: i128,
    pub(crate) grant_in_all: i128,
    pub(crate) owe: i128,
    pub(crate) reserve_ppm: i128,
    pub(crate) fee_base: i128,
    pub(crate) fee_ppm: i128,
}

/// An entity.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: EntityId,
    pub(crate) signer: SignerId,
    pub(crate) exists: bool,
    pub(crate) accepts_free: bool,
    pub(crate) nonce: u64,
    pub(crate) pots: [Pot; ASSETS],
    pub(crate) policies: [Policy; ASSETS],
}

/// A signer.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    pub(crate) owner: Address,
    pub(crate) is_hosted: bool,
    pub(crate) nonce: u64,
    pub(crate) next_salt: u64,
}

/// One asset of two people's account: `[first, second]` by their numbers, whoever is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) listed: bool,
    pub(crate) collateral: i128,
    pub(crate) share: [i128; 2],
    pub(crate) granted: [i128; 2],
    pub(crate) held: [i128; 2],
}

/// Two people's account with each other.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) channel: ChannelId,
    pub(crate) opener: usize,
    pub(crate) accepted: bool,
    pub(crate) awaited: u64,
    pub(crate) counter: u64,
    pub(crate) lines: [Line; ASSETS],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Deposit,
    Withdraw,
    Allocate,
    Settle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Waiting,
    Pending,
    Sent,
}

/// Something under way on the chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    pub(crate) kind: Kind,
    pub(crate) progress: Progress,
    pub(crate) owner: usize,
    /// The other side of the channel; the owner itself where there is none.
    pub(crate) peer: usize,
    pub(crate) asset: usize,
    pub(crate) amount: i128,
    pub(crate) until_s: u64,
    pub(crate) opening: bool,
    pub(crate) counter: u64,
    /// The last chain transaction that was about to be sent for it.
    pub(crate) sent: Option<xln_types::Hash>,
}

/// What one input changes, so that a refusal can be undone: only what was touched is kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Undo {
    accounts: BTreeMap<(usize, usize), Option<Account>>,
    people: BTreeMap<usize, Person>,
    operations: BTreeMap<OperationId, Option<Operation>>,
}

/// Everybody's money at one node.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    pub(crate) people: Vec<Person>,
    pub(crate) by_id: BTreeMap<EntityId, usize>,
    pub(crate) by_address: BTreeMap<Address, usize>,
    pub(crate) signers: BTreeMap<SignerId, Signer>,
    pub(crate) assets: [AssetId; ASSETS],
    /// Registered assets, those in `assets` included, and their symbols.
    pub(crate) registered: BTreeSet<AssetId>,
    pub(crate) symbols: BTreeSet<String>,
    /// By the smaller and the larger number.
    accounts: BTreeMap<(usize, usize), Account>,
    pub(crate) pairs: BTreeMap<ChannelId, (usize, usize)>,
    operations: BTreeMap<OperationId, Operation>,
    pub(crate) unclaimed: BTreeMap<(EntityId, AssetId), i128>,
    pub(crate) halted: bool,
    pub(crate) cursor: FactPosition,
    /// Inputs taken so far.
    pub(crate) sequence: u64,
    /// Transactions taken so far, and whether they were executed.
    pub(crate) taken: BTreeMap<TxHash, u64>,
    /// Who acts on other nodes.
    pub(crate) abroad: std::sync::Arc<Abroad>,
    /// Operations of channels with other nodes, and which.
    pub(super) crossing: BTreeMap<OperationId, ChannelId>,
    /// HTLCs between people here: payer, payee, asset, amount.
    pub(super) locks: BTreeMap<(ChannelId, HtlcKey), (usize, usize, usize, i128)>,
    undo: Option<Undo>,
    hub_id: EntityId,
}

pub(crate) fn amount(number: i128) -> Amount {
    Amount(number.unsigned_abs())
}

pub(crate) fn signed(amount: Amount) -> i128 {
    i128::try_from(amount.0).unwrap_or(NONE)
}

impl Policy {
    pub(crate) const UNLIMITED: Policy =
        Policy { grant_to_one: NONE, grant_in_all: NONE, owe: NONE, reserve_ppm: 0, fee_base: 0, fee_ppm: 0 };
}

impl Line {
    /// CH-1.
    pub(crate) fn out(&self, side: usize) -> i128 {
        (self.share[side] + self.granted[1 - side] - self.held[side]).max(0)
    }

    pub(crate) fn owed(&self, side: usize) -> i128 {
        (-self.share[side]).max(0)
    }
}

impl Account {
    /// CH-11.
    pub(crate) fn is_open(&self) -> bool {
        self.accepted && self.awaited == 0
    }
}

/// On which side of their account the first of two people stands.
pub(crate) fn side(one: usize, other: usize) -> usize {
    usize::from(other < one)
}

impl Ledger {
    /// As a node's genesis leaves it: the hub alone.
    pub(crate) fn new(people: &People, abroad: std::sync::Arc<Abroad>) -> Ledger {
        let hub = people.hub();
        let symbols = ["ETH", "USD", "NFT"].map(str::to_owned).into_iter().collect();
        let mut ledger = Ledger {
            people: Vec::new(),
            by_id: BTreeMap::new(),
            by_address: BTreeMap::new(),
            signers: BTreeMap::new(),
            assets: people.assets,
            registered: people.assets.into_iter().collect(),
            symbols,
            accounts: BTreeMap::new(),
            pairs: BTreeMap::new(),
            operations: BTreeMap::new(),
            unclaimed: BTreeMap::new(),
            halted: false,
            cursor: FactPosition::default(),
            sequence: 0,
            taken: BTreeMap::new(),
            abroad,
            crossing: BTreeMap::new(),
            locks: BTreeMap::new(),
            undo: None,
            hub_id: hub.entity,
        };
        let Named { signer, account, .. } = hub.clone();
        ledger.signers.insert(signer, Signer { owner: account, is_hosted: true, nonce: 0, next_salt: 1 });
        let number = ledger.found(hub.entity, signer);
        ledger.people[number].accepts_free = true;
        ledger.people[number].policies[1] = Policy { fee_base: 1, fee_ppm: 2_000, ..Policy::UNLIMITED };
        ledger
    }

    pub(crate) fn found(&mut self, id: EntityId, signer: SignerId) -> usize {
        let (pots, policies) = ([Pot::default(); ASSETS], [Policy::UNLIMITED; ASSETS]);
        let number = self.people.len();
        self.people.push(Person { id, signer, exists: true, accepts_free: false, nonce: 0, pots, policies });
        self.by_id.insert(id, number);
        self.by_address.insert(id.address(), number);
        number
    }

    pub(crate) fn hub_id(&self) -> EntityId {
        self.hub_id
    }

    /// The number of an entity that exists.
    pub(crate) fn known(&self, id: EntityId) -> Option<usize> {
        self.by_id.get(&id).copied().filter(|who| self.people[*who].exists)
    }

    pub(crate) fn asset(&self, id: AssetId) -> Option<usize> {
        self.assets.iter().position(|asset| *asset == id)
    }

    pub(crate) fn is_hosted(&self, who: usize) -> bool {
        self.signers.get(&self.people[who].signer).is_some_and(|signer| signer.is_hosted)
    }

    /// From now on changes are noted, until they are kept or undone.
    pub(crate) fn begin_undo(&mut self) {
        self.undo = Some(Undo::default());
    }

    pub(crate) fn end_undo(&mut self, keep: bool) {
        let Some(undo) = self.undo.take().filter(|_| !keep) else { return };
        for (pair, before) in undo.accounts {
            match before {
                Some(before) => {
                    self.accounts.insert(pair, before);
                }
                None => {
                    if let Some(gone) = self.accounts.remove(&pair) {
                        self.pairs.remove(&gone.channel);
                    }
                }
            }
        }
        for (who, before) in undo.people {
            self.people[who] = before;
        }
        for (id, before) in undo.operations {
            match before {
                Some(before) => self.operations.insert(id, before),
                None => self.operations.remove(&id),
            };
        }
    }

    pub(crate) fn accounts(&self) -> &BTreeMap<(usize, usize), Account> {
        &self.accounts
    }

    pub(crate) fn account(&self, one: usize, other: usize) -> Option<&Account> {
        self.accounts.get(&(one.min(other), one.max(other)))
    }

    pub(crate) fn account_mut(&mut self, one: usize, other: usize) -> Result<&mut Account, Rejection> {
        let pair = (one.min(other), one.max(other));
        let account = self.accounts.get_mut(&pair).ok_or(Rejection::UnknownChannel {})?;
        if let Some(undo) = &mut self.undo {
            undo.accounts.entry(pair).or_insert_with(|| Some(account.clone()));
        }
        Ok(account)
    }

    pub(crate) fn add_account(&mut self, one: usize, other: usize, account: Account) {
        let pair = (one.min(other), one.max(other));
        if let Some(undo) = &mut self.undo {
            undo.accounts.entry(pair).or_insert(None);
        }
        self.pairs.insert(account.channel, pair);
        self.accounts.insert(pair, account);
    }

    pub(crate) fn person_mut(&mut self, who: usize) -> &mut Person {
        let person = &mut self.people[who];
        if let Some(undo) = &mut self.undo {
            undo.people.entry(who).or_insert_with(|| person.clone());
        }
        person
    }

    pub(crate) fn operations(&self) -> &BTreeMap<OperationId, Operation> {
        &self.operations
    }

    pub(crate) fn put_operation(&mut self, id: OperationId, operation: Option<Operation>) {
        let before = match operation {
            Some(operation) => self.operations.insert(id, operation),
            None => self.operations.remove(&id),
        };
        if let Some(undo) = &mut self.undo {
            undo.operations.entry(id).or_insert(before);
        }
    }

    /// Someone's lines of an asset, each with the side on which it stands.
    fn lines_of(&self, who: usize, asset: usize) -> impl Iterator<Item = (usize, &Line)> {
        let own = self.accounts.iter().filter(move |((one, other), _)| *one == who || *other == who);
        own.map(move |((one, _), account)| (usize::from(*one != who), &account.lines[asset]))
    }

    /// DP-2: what it would owe if all that it has locked were claimed.
    fn promised(&self, who: usize, asset: usize) -> i128 {
        self.lines_of(who, asset).map(|(side, line)| (line.held[side] - line.share[side]).max(0)).sum()
    }

    pub(crate) fn owed(&self, who: usize, asset: usize) -> i128 {
        self.lines_of(who, asset).map(|(side, line)| line.owed(side)).sum()
    }

    pub(crate) fn granted(&self, who: usize, asset: usize) -> i128 {
        self.lines_of(who, asset).map(|(side, line)| line.granted[side]).sum()
    }

    pub(crate) fn net(&self, who: usize, asset: usize) -> i128 {
        self.lines_of(who, asset).map(|(side, line)| line.share[side]).sum()
    }

    /// DP-2: what may leave someone's reserve.
    pub(crate) fn removable(&self, who: usize, asset: usize) -> i128 {
        let (free, ppm) = (self.people[who].pots[asset].free, self.people[who].policies[asset].reserve_ppm);
        let minimum = if ppm == 0 { 0 } else { (self.promised(who, asset) * ppm + 999_999) / 1_000_000 };
        (free.max(0) - minimum).max(0)
    }

    /// DP-2: how much more someone may owe.
    pub(crate) fn drawable(&self, who: usize, asset: usize) -> i128 {
        let Policy { owe, reserve_ppm, .. } = self.people[who].policies[asset];
        if owe == NONE && reserve_ppm == 0 {
            return NONE;
        }
        let (free, owed) = (self.people[who].pots[asset].free.max(0), self.promised(who, asset));
        let covered = if reserve_ppm == 0 { NONE } else { free * 1_000_000 / reserve_ppm };
        (owe.min(covered) - owed).max(0)
    }

    /// DP-1, DP-4: takes from what is free.
    pub(crate) fn debit(&mut self, who: usize, asset: usize, number: i128) -> Result<(), Rejection> {
        let available = self.removable(who, asset);
        if number == 0 {
            return Err(Rejection::AmountNotPositive {});
        }
        if available < number {
            return Err(Rejection::InsufficientReserve { available: amount(available) });
        }
        self.person_mut(who).pots[asset].free -= number;
        Ok(())
    }
}
