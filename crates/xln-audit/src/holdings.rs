//! What is held, by the receipts: every record, the tree over them (**ST-1**), and the running sums of each asset (**CH-13**).

use crate::memory::Memories;
use crate::place::Place;
use crate::records::{Held, Line, Reserve};
use crate::report::{AssetSum, Violation};
use std::collections::{BTreeMap, BTreeSet};
use xln_merkle::Tree;
use xln_types::entry::Genesis;
use xln_types::{Address, AssetId, ChannelId, EntityId, Hash, OperationId, Path, Side, SignerId};

/// One asset's sums over all records and all facts, in base units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Σ free.
    free: i128,
    /// Σ waiting for entities not yet created.
    unclaimed: i128,
    /// Σ allocating + withdrawing.
    pending: i128,
    /// Σ C over the lines.
    collateral: i128,
    /// Σ net over the reserves: each channel's shares sum to C, so this is `collateral` again.
    net: i128,
    /// Deposited less withdrawn, by the facts.
    depositary: i128,
    /// In channels that this hub doesn't know, by the facts.
    elsewhere: i128,
    /// Collateral that the chain recorded and that stands in no frame yet.
    told: i128,
}

/// What a fact did to an asset on the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Into (or, negative, out of) the depositary.
    Depositary(i128),
    /// Into (or, negative, out of) channels that this hub doesn't know.
    Elsewhere(i128),
    /// Into (or, negative, out of) channels with other nodes, by facts that stand in no frame yet.
    Told(i128),
}

/// The records and what is derived from them. All of it comes from the receipts' changes; nothing is computed by the rules.
#[derive(Debug)]
pub(crate) struct Holdings {
    pub(crate) genesis: Genesis,
    pub(crate) hub: EntityId,
    pub(crate) symbols: BTreeMap<AssetId, String>,
    tree: Tree,
    records: BTreeMap<Path, Held>,
    entities: BTreeMap<Address, (SignerId, EntityId)>,
    channels: BTreeMap<ChannelId, (EntityId, EntityId)>,
    operations: BTreeMap<OperationId, Path>,
    deadlines: BTreeSet<(u64, OperationId)>,
    /// Open invoices by when they end.
    invoices: BTreeMap<(u64, EntityId, Hash), Path>,
    /// What is remembered of channels with other nodes beside the records.
    pub(crate) memories: Memories,
    tallies: BTreeMap<AssetId, Tally>,
    touched: BTreeSet<AssetId>,
    /// Assets whose sums left the range of 128 bits (N-1).
    overflown: BTreeSet<AssetId>,
}

fn signed(value: u128) -> Option<i128> {
    i128::try_from(value).ok()
}

impl Holdings {
    pub(crate) fn new(genesis: Genesis, hub: EntityId, tree: Tree) -> Holdings {
        Holdings {
            genesis,
            hub,
            symbols: BTreeMap::new(),
            tree,
            records: BTreeMap::new(),
            entities: BTreeMap::new(),
            channels: BTreeMap::new(),
            operations: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            invoices: BTreeMap::new(),
            memories: Memories::default(),
            tallies: BTreeMap::new(),
            touched: BTreeSet::new(),
            overflown: BTreeSet::new(),
        }
    }

    /// The record at a path.
    pub(crate) fn get(&self, path: &Path) -> Option<&Held> {
        self.records.get(path)
    }

    /// Its bytes in the tree; empty where there is none.
    pub(crate) fn bytes(&self, path: &Path) -> &[u8] {
        self.tree.get(&path.0).unwrap_or_default()
    }

    pub(crate) fn entity_at(&self, address: Address) -> Option<(SignerId, EntityId)> {
        self.entities.get(&address).copied()
    }

    /// The signer below which a channel's records lie, and its two sides.
    pub(crate) fn sides(&self, channel: ChannelId) -> Option<(EntityId, EntityId)> {
        self.channels.get(&channel).copied()
    }

    pub(crate) fn operation_path(&self, operation: OperationId) -> Option<Path> {
        self.operations.get(&operation).copied()
    }

    /// Operations whose validity ended before `time_s`, at most `count`, earliest first.
    pub(crate) fn expired(&self, time_s: u64, count: usize) -> Vec<OperationId> {
        let before = self.deadlines.range(..(time_s, OperationId::ZERO));
        before.take(count).map(|(_, id)| *id).collect()
    }

    /// Open invoices that end before `time_s`, earliest first.
    pub(crate) fn invoices_until(&self, time_s: u64) -> impl Iterator<Item = Path> + '_ {
        self.invoices.range(..(time_s, EntityId::ZERO, Hash::ZERO)).map(|(_, path)| *path)
    }

    /// All records below a prefix, in the order of their paths.
    pub(crate) fn below<'a>(&'a self, prefix: &'a [u8]) -> impl Iterator<Item = (&'a Path, &'a Held)> {
        let mut first = Path::SERVER;
        for (to, from) in first.0.iter_mut().zip(prefix) {
            *to = *from;
        }
        self.records.range(first..).take_while(move |(path, _)| path.0.starts_with(prefix))
    }

    /// Puts a record, or takes it out where `bytes` is empty. `held` is what the bytes say.
    pub(crate) fn put(&mut self, path: Path, place: &Place, bytes: &[u8], held: Option<Held>) {
        let before = self.records.remove(&path);
        if let Some(before) = &before {
            self.index(&path, place, before, false);
        }
        let Some(held) = held else {
            let _ = self.tree.delete(&path.0);
            return;
        };
        self.index(&path, place, &held, true);
        self.records.insert(path, held);
        // A record too long for the tree can't be in an honest log; then the root differs, which ST-1 reports.
        let _ = self.tree.set(&path.0, bytes);
    }

    fn index(&mut self, path: &Path, place: &Place, held: &Held, add: bool) {
        match (place, held) {
            (Place::Entity(_), Held::Entity(record)) => {
                let address = record.id.address();
                if add {
                    self.entities.insert(address, (record.signer, record.id));
                } else {
                    self.entities.remove(&address);
                }
            }
            (Place::Channel(..), Held::Head(head)) => {
                if add {
                    self.channels.insert(head.id, (head.left, head.right));
                } else {
                    self.channels.remove(&head.id);
                }
            }
            (Place::Operation(..), Held::Operation(operation)) => {
                let deadline = (operation.valid_until_s, operation.id);
                if add {
                    self.operations.insert(operation.id, *path);
                    self.deadlines.insert(deadline);
                } else {
                    self.operations.remove(&operation.id);
                    self.deadlines.remove(&deadline);
                }
            }
            (Place::Invoice(..), Held::Invoice(invoice)) => {
                let key = (invoice.expires_at_s, invoice.payee, invoice.hashlock);
                if add {
                    self.invoices.insert(key, *path);
                } else {
                    self.invoices.remove(&key);
                }
            }
            (Place::Asset(id), Held::Asset(info)) if add => {
                self.symbols.insert(*id, info.symbol.clone());
                self.tally(*id, |_| Some(()));
            }
            _ => self.sum(place, held, add),
        }
    }

    /// Counts a record into its asset's sums, or out of them.
    fn sum(&mut self, place: &Place, held: &Held, add: bool) {
        let turn = |sum: i128, part: i128| if add { sum.checked_add(part) } else { sum.checked_sub(part) };
        match (place, held) {
            (Place::Reserve(_, asset), Held::Reserve(reserve)) => self.tally(*asset, |tally| {
                tally.free = turn(tally.free, reserve.free.0)?;
                tally.net = turn(tally.net, reserve.net.0)?;
                tally.pending = turn(tally.pending, signed(reserve.allocating.0)?)?;
                tally.pending = turn(tally.pending, signed(reserve.withdrawing.0)?)?;
                Some(())
            }),
            (Place::Unclaimed(_, asset), Held::Unclaimed(amount)) => self.tally(*asset, |tally| {
                tally.unclaimed = turn(tally.unclaimed, signed(amount.0)?)?;
                Some(())
            }),
            (Place::Line(_, _, asset), Held::Line(line)) => self.tally(*asset, |tally| {
                tally.collateral = turn(tally.collateral, signed(line.collateral.0)?)?;
                Some(())
            }),
            _ => {}
        }
    }

    fn tally(&mut self, asset: AssetId, change: impl FnOnce(&mut Tally) -> Option<()>) {
        self.touched.insert(asset);
        if change(self.tallies.entry(asset).or_default()).is_none() {
            self.overflown.insert(asset);
        }
    }

    /// Counts what a fact did on the chain.
    pub(crate) fn flow(&mut self, asset: AssetId, flow: Flow) {
        self.tally(asset, |tally| {
            match flow {
                Flow::Depositary(change) => tally.depositary = tally.depositary.checked_add(change)?,
                Flow::Elsewhere(change) => tally.elsewhere = tally.elsewhere.checked_add(change)?,
                Flow::Told(change) => tally.told = tally.told.checked_add(change)?,
            }
            Some(())
        });
    }

    /// ST-1: the root over all records.
    pub(crate) fn root(&mut self) -> Hash {
        Hash(self.tree.commit())
    }

    /// CH-13 for the assets touched since the last call, or for all.
    pub(crate) fn conserved(&mut self, at: &str, all: bool) -> Vec<Violation> {
        let touched = std::mem::take(&mut self.touched);
        let assets: Vec<AssetId> =
            if all { self.tallies.keys().copied().collect() } else { touched.into_iter().collect() };
        assets.iter().flat_map(|asset| self.conserved_asset(at, *asset)).collect()
    }

    fn conserved_asset(&self, at: &str, asset: AssetId) -> Vec<Violation> {
        let symbol = self.symbols.get(&asset).cloned().unwrap_or_else(|| asset.to_string());
        let at = format!("{at}, asset {symbol}");
        let tally = self.tallies.get(&asset).copied().unwrap_or_default();
        let broken = |law, expected: String, found: String| Violation { law, at: at.clone(), expected, found };
        let Some(held) = tally.held().filter(|_| !self.overflown.contains(&asset)) else {
            return vec![broken("N-1", "sums within 128 bits".to_owned(), "overflow".to_owned())];
        };
        let mut violations = Vec::new();
        if Some(held) != tally.depositary.checked_sub(tally.elsewhere) {
            let Tally { free, unclaimed, pending, told, collateral, depositary, elsewhere, .. } = tally;
            violations.push(broken(
                "CH-13",
                format!("deposited less withdrawn {depositary}, of it in unknown channels {elsewhere}"),
                format!(
                    "held {held}: free {free}, unclaimed {unclaimed}, pending {pending}, told {told}, collateral {collateral}"
                ),
            ));
        }
        if tally.elsewhere < 0 {
            let found = format!("{} more came out of unknown channels than went in", tally.elsewhere.unsigned_abs());
            violations.push(broken("CH-13", "no more held than the depositary has".to_owned(), found));
        }
        if tally.net != tally.collateral {
            let expected = format!("shares of all channels sum to their collateral {}", tally.collateral);
            violations.push(broken("CH-13", expected, format!("net over all entities {}", tally.net)));
        }
        violations
    }

    /// The sums as the report shows them.
    pub(crate) fn sums(&self) -> Vec<AssetSum> {
        let sum = |(asset, tally): (&AssetId, &Tally)| AssetSum {
            asset: *asset,
            symbol: self.symbols.get(asset).cloned().unwrap_or_default(),
            reserves: tally.free.saturating_add(tally.unclaimed),
            collateral: tally.collateral,
            pending: tally.pending.saturating_add(tally.told),
            depositary: tally.depositary,
            elsewhere: tally.elsewhere,
        };
        self.tallies.iter().map(sum).collect()
    }

    /// Each entity's net, owed and granted are the sums over its channels: summed anew from all lines.
    pub(crate) fn entity_sums(&self) -> Vec<Violation> {
        let mut sums: BTreeMap<(EntityId, AssetId), [i128; 3]> = BTreeMap::new();
        let mut violations = Vec::new();
        for (path, held) in &self.records {
            let (Some(Place::Line(_, channel, asset)), Held::Line(line)) = (Place::of(path), held) else { continue };
            for side in [Side::Left, Side::Right] {
                let entity = self.sides(channel).map(|(left, right)| side.pick(left, right));
                let added = entity.and_then(|entity| add_line(sums.entry((entity, asset)).or_default(), line, side));
                if added.is_none() {
                    let at = Place::Line(EntityId::ZERO, channel, asset).describe(&self.symbols);
                    let expected = "a line of a known channel within range".to_owned();
                    violations.push(Violation { law: "N-1", at, expected, found: format!("{line:?}") });
                }
            }
        }
        for (path, held) in &self.records {
            let (Some(place), Held::Reserve(reserve)) = (Place::of(path), held) else { continue };
            let Place::Reserve(entity, asset) = place else { continue };
            let expected = sums.remove(&(entity, asset)).unwrap_or_default();
            violations.extend(self.compare_sums(&place, expected, reserve));
        }
        for ((entity, asset), expected) in sums {
            violations.extend(self.compare_sums(&Place::Reserve(entity, asset), expected, &Reserve::default()));
        }
        violations
    }

    fn compare_sums(&self, place: &Place, expected: [i128; 3], reserve: &Reserve) -> Vec<Violation> {
        let found = [reserve.net.0, signed(reserve.owed.0).unwrap_or(-1), signed(reserve.granted.0).unwrap_or(-1)];
        let laws = [("CH-13", "net"), ("DP-2", "owed"), ("CH-3", "granted")];
        let pairs = laws.into_iter().zip(expected.into_iter().zip(found));
        pairs
            .filter(|(_, (expected, found))| expected != found)
            .map(|((law, field), (expected, found))| Violation {
                law,
                at: format!("end, {}, {field}", place.describe(&self.symbols)),
                expected: format!("{expected}, the sum over its channels"),
                found: found.to_string(),
            })
            .collect()
    }
}

/// Adds one side's share, debt and grant. `None` past the range.
fn add_line(sums: &mut [i128; 3], line: &Line, side: Side) -> Option<()> {
    let share = line.share(side)?;
    let owed = share.checked_neg()?.max(0);
    let parts = [share, owed, signed(line.granted(side).0)?];
    for (sum, part) in sums.iter_mut().zip(parts) {
        *sum = sum.checked_add(part)?;
    }
    Some(())
}

impl Tally {
    fn held(&self) -> Option<i128> {
        let on_the_way = self.pending.checked_add(self.told)?;
        self.free.checked_add(self.unclaimed)?.checked_add(on_the_way)?.checked_add(self.collateral)
    }
}
