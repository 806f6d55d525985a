//! What an entry may change: from the records held before it, which fields of which records are what after it, if it was
//! executed, and under which conditions it may have been. Written from the laws, not from the core.
//!
//! [`Shadow`] is the records as they should be after the entry, laid over what is held. [`Shadow::foresee`] routes the entry;
//! `transaction`, `payment`, `channel`, `reserve`, `fact` and `command` each know one subject, `refusal` what may be refused. Channels with
//! other nodes: `openings` how they begin, `drafts` the hub's own side of frames, `peers` the other's, `htlcs` and `routes` what is locked by
//! hash and what follows of it.

mod channel;
mod command;
mod drafts;
mod fact;
mod htlcs;
mod openings;
mod payment;
mod peers;
mod refusal;
mod reserve;
mod routes;
mod transaction;

use crate::holdings::{Flow, Holdings};
use crate::memory::Step;
use crate::place::Place;
use crate::records::{EntityRecord, Head, Held, Line, Operation, Reserve, ServerRecord};
use htlcs::Todo;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use xln_types::amount::AMOUNT_MAX;
use xln_types::asset::AssetKind;
use xln_types::tx::AssetPolicy;
use xln_types::{Amount, AssetId, Balance, ChannelId, EntityId, Entry, Hash, Path, Receipt, Side, SignerId};

/// A condition that doesn't hold: the entry can't have been executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Doubt {
    pub(crate) law: &'static str,
    pub(crate) expected: String,
    pub(crate) found: String,
}

pub(crate) fn doubt(law: &'static str, expected: impl Into<String>, found: impl Into<String>) -> Doubt {
    Doubt { law, expected: expected.into(), found: found.into() }
}

/// `Err` with the law unless `holds`.
pub(crate) fn require(
    holds: bool,
    law: &'static str,
    expected: &str,
    found: impl FnOnce() -> String,
) -> Result<(), Doubt> {
    if holds { Ok(()) } else { Err(doubt(law, expected, found())) }
}

pub(crate) fn out_of_range() -> Doubt {
    doubt("N-1", "numbers within 2^120", "a number past it")
}

/// N-1: `value + change` within the range.
pub(crate) fn moved(value: Balance, change: i128) -> Result<Balance, Doubt> {
    let sum = value.0.checked_add(change).filter(|sum| sum.unsigned_abs() <= AMOUNT_MAX);
    sum.map(Balance).ok_or_else(out_of_range)
}

/// N-1: `value + change`, never negative and within the range.
pub(crate) fn changed(value: Amount, change: i128) -> Result<Amount, Doubt> {
    let sum = value.0.checked_add_signed(change).filter(|sum| *sum <= AMOUNT_MAX);
    sum.map(Amount).ok_or_else(out_of_range)
}

/// N-1: an amount as a signed number.
pub(crate) fn signed(amount: Amount) -> Result<i128, Doubt> {
    i128::try_from(amount.0).ok().filter(|_| amount.0 <= AMOUNT_MAX).ok_or_else(out_of_range)
}

/// The records as they should be after an entry.
#[derive(Debug)]
pub(crate) struct Shadow<'h> {
    held: &'h Holdings,
    /// Unix milliseconds at which the entry was executed.
    now_ms: u64,
    /// What should have changed; `None`: the record should be gone.
    pub(crate) next: BTreeMap<Path, Option<Held>>,
    /// What happened on the chain.
    pub(crate) flows: Vec<(AssetId, Flow)>,
    /// What is remembered beside the records from now on.
    pub(crate) step: Step,
    /// What still follows from the entry.
    todo: VecDeque<Todo>,
    /// By the receipt: the newest frame of each channel, for one whose hash only replay can tell.
    hints: BTreeMap<ChannelId, Hash>,
}

impl<'h> Shadow<'h> {
    pub(crate) fn new(held: &'h Holdings, now_ms: u64, hints: BTreeMap<ChannelId, Hash>) -> Shadow<'h> {
        let (next, flows, step, todo) = (BTreeMap::new(), Vec::new(), Step::default(), VecDeque::new());
        Shadow { held, now_ms, next, flows, step, todo, hints }
    }

    /// Unix seconds at which the entry was executed.
    fn now_s(&self) -> u64 {
        self.now_ms / 1000
    }

    /// Lets the entry happen.
    ///
    /// # Errors
    /// [`Doubt`] when it can't have been executed, or rejected, as the receipt says.
    pub(crate) fn foresee(&mut self, entry: &Entry, receipt: &Receipt) -> Result<(), Doubt> {
        match entry {
            Entry::Genesis { .. } => Err(doubt("TX-7", "one genesis, first in the log", "another")),
            Entry::Transaction { tx, authority } => self.transaction(tx, *authority, receipt.rejection()),
            Entry::Fact { fact } => self.fact(fact, receipt),
            Entry::Command { command } => match receipt.rejection() {
                None => self.command(command),
                Some(rejection) => self.refused_command(command, rejection),
            },
            Entry::Peer { node, signer, message } => self.peer(*node, *signer, message, receipt.rejection()),
            Entry::Frames {} => {
                require(receipt.is_executed(), "TX-5", "a turn that ends", || "refused".to_owned())?;
                self.frames()?;
                self.work_off()
            }
        }
    }

    pub(crate) fn get(&self, path: &Path) -> Option<&Held> {
        match self.next.get(path) {
            Some(next) => next.as_ref(),
            None => self.held.get(path),
        }
    }

    fn put(&mut self, path: Path, held: Held) {
        self.next.insert(path, Some(held));
    }

    fn remove(&mut self, path: Path) {
        self.next.insert(path, None);
    }

    fn server(&self) -> ServerRecord {
        self.get(&Path::SERVER).and_then(Held::server).copied().unwrap_or_default()
    }

    /// The signer below which an entity's records lie, if it lives here.
    fn signer_of(&self, entity: EntityId) -> Option<SignerId> {
        if let Some((signer, id)) = self.held.entity_at(entity.address()) {
            return (id == entity).then_some(signer);
        }
        // One that this very entry introduces.
        self.next.values().find_map(|held| match held {
            Some(Held::Entity(record)) if record.id == entity => Some(record.signer),
            _ => None,
        })
    }

    fn need_signer(&self, entity: EntityId) -> Result<SignerId, Doubt> {
        self.signer_of(entity).ok_or_else(|| doubt("N-5", "an entity known here", entity.to_string()))
    }

    fn entity(&self, entity: EntityId) -> Result<EntityRecord, Doubt> {
        let path = Path::entity(self.need_signer(entity)?, entity);
        let record = self.get(&path).and_then(Held::entity).cloned();
        record.ok_or_else(|| doubt("N-5", "an entity known here", entity.to_string()))
    }

    fn put_entity(&mut self, record: EntityRecord) {
        self.put(Path::entity(record.signer, record.id), Held::Entity(record));
    }

    fn policy(&self, entity: EntityId, asset: AssetId) -> AssetPolicy {
        let path = self.signer_of(entity).map(|signer| Path::policy(signer, entity, asset));
        let policy = path.and_then(|path| self.get(&path).and_then(Held::policy).copied());
        policy.unwrap_or_else(|| AssetPolicy::unlimited(asset))
    }

    fn require_asset(&self, asset: AssetId) -> Result<(), Doubt> {
        let known = self.get(&Path::asset(asset)).is_some();
        require(known, "N-4", "a registered asset", || asset.to_string())
    }

    fn reserve(&self, entity: EntityId, asset: AssetId) -> Result<Reserve, Doubt> {
        let path = Path::reserve(self.need_signer(entity)?, entity, asset);
        Ok(self.get(&path).and_then(Held::reserve).copied().unwrap_or_default())
    }

    fn put_reserve(&mut self, entity: EntityId, asset: AssetId, reserve: Reserve) -> Result<(), Doubt> {
        let path = Path::reserve(self.need_signer(entity)?, entity, asset);
        self.put(path, Held::Reserve(reserve));
        Ok(())
    }

    /// A channel between two entities of this hub.
    fn head(&self, channel: ChannelId) -> Result<Head, Doubt> {
        let unknown = || doubt("N-6", "a channel known here", channel.to_string());
        let left = self.left_of(channel).ok_or_else(unknown)?;
        let path = Path::channel(self.need_signer(left)?, left, channel);
        self.get(&path).and_then(Held::head).copied().ok_or_else(unknown)
    }

    /// The left side of a channel, also of one that this very entry opens.
    fn left_of(&self, channel: ChannelId) -> Option<EntityId> {
        let new = || {
            self.next.iter().find_map(|(path, held)| match (Place::of(path), held) {
                (Some(Place::Channel(_, id)), Some(Held::Head(head))) if id == channel => Some(head.left),
                _ => None,
            })
        };
        self.held.sides(channel).map(|(left, _)| left).or_else(new)
    }

    fn put_head(&mut self, head: Head) -> Result<(), Doubt> {
        let path = Path::channel(self.need_signer(head.left)?, head.left, head.id);
        self.put(path, Held::Head(head));
        Ok(())
    }

    fn line_path(&self, head: &Head, asset: AssetId) -> Result<Path, Doubt> {
        Ok(Path::line(self.need_signer(head.left)?, head.left, head.id, asset))
    }

    fn line(&self, head: &Head, asset: AssetId) -> Result<Line, Doubt> {
        Ok(self.get(&self.line_path(head, asset)?).and_then(Held::line).copied().unwrap_or_default())
    }

    /// Puts a line, and lets both sides' sums follow: net (CH-13), owed (DP-2), granted (CH-3).
    fn put_line(&mut self, head: &Head, asset: AssetId, after: Line) -> Result<(), Doubt> {
        let before = self.line(head, asset)?;
        for side in [Side::Left, Side::Right] {
            let share = |line: &Line| line.share(side).ok_or_else(out_of_range);
            let (old, new) = (share(&before)?, share(&after)?);
            let owed = |share: i128| Amount(if share < 0 { share.unsigned_abs() } else { 0 });
            let entity = head.entity(side);
            let reserve = self.reserve(entity, asset)?;
            let step = new.checked_sub(old).ok_or_else(out_of_range)?;
            let net = moved(reserve.net, step)?;
            let owed = exchange(reserve.owed, owed(old), owed(new))?;
            let granted = exchange(reserve.granted, before.granted(side), after.granted(side))?;
            let followed = Reserve { net, owed, granted, ..reserve };
            if followed != reserve {
                self.put_reserve(entity, asset, followed)?;
            }
        }
        let path = self.line_path(head, asset)?;
        self.put(path, Held::Line(after));
        Ok(())
    }

    /// The channel of two entities, and on which side the first stands.
    fn pair(&self, one: EntityId, other: EntityId) -> Option<(ChannelId, Side)> {
        let side = if one < other { Side::Left } else { Side::Right };
        let (left, right) = side.pick((one, other), (other, one));
        let genesis = &self.held.genesis;
        let id = xln_crypto::derive::channel_id(genesis.chain_id, genesis.depositary, left, right, 0);
        self.held.sides(id).map(|_| (id, side))
    }

    /// Operations under way of an entity, in the order of their ids.
    fn operations_of(&self, entity: EntityId) -> Vec<Operation> {
        let Some(signer) = self.signer_of(entity) else { return Vec::new() };
        let mut prefix = Path::entity_prefix(signer, entity);
        prefix.push(xln_types::path::StorageType::Operations as u8);
        let paths = self.paths_below(&prefix);
        paths.iter().filter_map(|path| self.get(path).and_then(Held::operation).cloned()).collect()
    }

    /// Paths below a prefix that hold a record, or did before this entry.
    fn paths_below(&self, prefix: &[u8]) -> BTreeSet<Path> {
        let next = self.next.keys().filter(|path| path.0.starts_with(prefix));
        self.held.below(prefix).map(|(path, _)| *path).chain(next.copied()).collect()
    }

    /// True for an asset of which there is only one (N-4).
    fn is_unique(&self, asset: AssetId) -> bool {
        let info = self.get(&Path::asset(asset)).and_then(Held::asset);
        info.is_some_and(|info| info.asset.kind == AssetKind::Erc721)
    }
}

/// A sum in which one part changes.
fn exchange(sum: Amount, old: Amount, new: Amount) -> Result<Amount, Doubt> {
    changed(changed(sum, signed(old)?.saturating_neg())?, signed(new)?)
}
