//! The audit itself: records of the log go in, one after the other, and a report comes out.
//!
//! Each receipt is checked in three steps. *Custody*: what a change says was there before is what was there (**ST-1**).
//! *Foresight*: the changes are those, and only those, that the entry may make ([`crate::rules`]). *Sums*: after each block what
//! is held is what the chain's facts say came in (**CH-13**). After a violation the audit goes on with what the log says, so that one
//! fault is reported where it stands and not at every later step.

use crate::blocks::{Chain, Content};
use crate::differ::{Cause, alike, differ};
use crate::genesis;
use crate::holdings::{Flow, Holdings};
use crate::memory::Step;
use crate::place::Place;
use crate::records::Held;
use crate::report::{Findings, Report, Violation};
use crate::rules::Shadow;
use std::collections::BTreeMap;
use xln_crypto::derive;
use xln_types::receipt::StateChange;
use xln_types::{AssetId, BlockHeader, Entry, Hash, Path, Receipt, Record, Seal};

/// Most entries that may wait for their block; a hub seals every 100 ms.
pub const UNSEALED_ENTRIES_MAX: usize = 1 << 22;

/// An entry without a receipt yet.
struct Pending {
    at_ms: u64,
    entry: Entry,
    encoded: Vec<u8>,
}

/// What the log holds from its genesis on.
struct Book {
    holdings: Holdings,
    chain: Chain,
    pending: Vec<Pending>,
}

/// An audit under way.
pub struct Audit {
    book: Option<Book>,
    findings: Findings,
    blocks: u64,
    transactions: u64,
    root: Hash,
    /// The log can't be read as a hub's any further.
    broken: bool,
}

impl Default for Audit {
    fn default() -> Self {
        Audit::new()
    }
}

impl Audit {
    /// Nothing read yet.
    pub fn new() -> Audit {
        Audit { book: None, findings: Findings::default(), blocks: 0, transactions: 0, root: Hash::ZERO, broken: false }
    }

    /// Takes the next record of the log, from the first on.
    pub fn record(&mut self, record: &Record) {
        if self.broken {
            return;
        }
        match (record, &mut self.book) {
            (Record::Batch { at_ms, entries }, None) => self.begin(*at_ms, entries),
            (_, None) => self.stop("TX-7", "log", "a genesis first", "a block or signature"),
            (Record::Batch { at_ms, entries }, Some(book)) => {
                book.chain.tick(*at_ms, "batch", &mut self.findings);
                let room = UNSEALED_ENTRIES_MAX.saturating_sub(book.pending.len());
                book.pending.extend(entries.iter().take(room).map(|entry| Pending::new(*at_ms, entry)));
                if room < entries.len() {
                    self.stop("TX-6", "log", "a block each 100 ms", "entries without end");
                }
            }
            (Record::Block { header, seal, receipts }, Some(_)) => self.block(header, seal, receipts),
            (Record::Signature { number, signature }, Some(book)) => {
                book.chain.signature(&book.holdings.genesis, *number, &signature.0, &mut self.findings);
            }
        }
    }

    /// Notes what the caller found outside the records: damage, bytes that are no record.
    pub fn note(&mut self, violation: Violation) {
        self.findings.add(violation);
    }

    fn stop(&mut self, law: &'static str, at: &str, expected: &str, found: &str) {
        let (at, expected, found) = (at.to_owned(), expected.to_owned(), found.to_owned());
        self.findings.add(Violation { law, at, expected, found });
        self.broken = true;
    }

    fn begin(&mut self, at_ms: u64, entries: &[Entry]) {
        let Some((Entry::Genesis { genesis }, rest)) = entries.split_first() else {
            return self.stop("TX-7", "log", "a genesis first", "another entry");
        };
        match genesis::holdings(genesis) {
            Ok(mut holdings) => {
                let mut chain = Chain::new(genesis);
                chain.tick(at_ms, "genesis", &mut self.findings);
                self.root = holdings.root();
                let pending = rest.iter().map(|entry| Pending::new(at_ms, entry)).collect();
                self.book = Some(Book { holdings, chain, pending });
            }
            Err(violation) => {
                self.findings.add(violation);
                self.broken = true;
            }
        }
    }

    fn block(&mut self, header: &BlockHeader, seal: &Seal, receipts: &[Receipt]) {
        let Some(book) = &mut self.book else { return };
        let pending = std::mem::take(&mut book.pending);
        let number = header.number;
        if pending.len() != receipts.len() {
            self.findings.add(Violation {
                law: "TX-6",
                at: format!("block {number}"),
                expected: format!("a receipt for each of {} entries", pending.len()),
                found: format!("{} receipts", receipts.len()),
            });
        }
        for (index, (pending, receipt)) in pending.iter().zip(receipts).enumerate() {
            let at = format!("block {number}, receipt {index}");
            book.receipt(&at, pending, receipt, &mut self.findings);
        }
        let state_root = book.holdings.root();
        let encoded: Vec<Vec<u8>> = pending.into_iter().map(|pending| pending.encoded).collect();
        let content = Content { entries: &encoded, receipts, state_root };
        let Holdings { genesis, hub, .. } = &book.holdings;
        book.chain.block(genesis, *hub, header, seal, &content, &mut self.findings);
        for violation in book.holdings.conserved(&format!("block {number}"), false) {
            self.findings.add(violation);
        }
        self.root = state_root;
        self.blocks = self.blocks.saturating_add(1);
        self.transactions = self.transactions.saturating_add(receipts.len() as u64);
    }

    /// Ends the audit: what can only be said of the whole log.
    pub fn finish(mut self) -> Report {
        let (mut assets, mut unsealed) = (Vec::new(), 0);
        match &mut self.book {
            Some(book) => {
                book.chain.finish(&mut self.findings);
                let conserved = book.holdings.conserved("end", true);
                let sums = book.holdings.entity_sums();
                conserved.into_iter().chain(sums).for_each(|violation| self.findings.add(violation));
                assets = book.holdings.sums();
                unsealed = book.pending.len() as u64;
            }
            None if !self.broken && self.findings.total == 0 => {
                self.stop("TX-7", "log", "a genesis first", "an empty log");
            }
            None => {}
        }
        Report {
            ok: self.findings.total == 0,
            blocks: self.blocks,
            transactions: self.transactions,
            unsealed,
            root: self.root,
            violations: self.findings.kept,
            violations_total: self.findings.total,
            assets,
            torn_tail_bytes: 0,
        }
    }
}

impl Pending {
    fn new(at_ms: u64, entry: &Entry) -> Pending {
        Pending { at_ms, entry: entry.clone(), encoded: alloy_rlp::encode(entry) }
    }
}

/// A change of a receipt, read.
struct Change<'a> {
    place: Place,
    bytes: &'a [u8],
    held: Option<Held>,
}

impl Book {
    fn receipt(&mut self, at: &str, pending: &Pending, receipt: &Receipt, findings: &mut Findings) {
        let Pending { at_ms, entry, .. } = pending;
        self.chain.sequence = self.chain.sequence.saturating_add(1);
        findings.expect("TX-6", || format!("{at}, sequence"), &self.chain.sequence, &receipt.sequence);
        findings.expect("TX-6", || format!("{at}, executed_at_ms"), at_ms, &receipt.executed_at_ms);
        let hash = match entry {
            Entry::Transaction { tx, .. } => derive::tx_hash(self.holdings.genesis.chain_id, self.holdings.hub, tx),
            _ => xln_types::TxHash(xln_crypto::keccak256(&pending.encoded).0),
        };
        findings.expect("TX-2", || format!("{at}, hash"), &hash, &receipt.hash);
        let changes = self.custody(at, &receipt.changes, findings);
        let (flows, step) = self.foresight(at, pending, receipt, &changes, findings);
        for (path, change) in changes {
            self.holdings.put(path, &change.place, change.bytes, change.held);
        }
        for (asset, flow) in flows {
            self.holdings.flow(asset, flow);
        }
        self.holdings.memories.follow(step);
    }

    /// ST-1: each change begins where the last one of that record ended, and says something that can be read.
    fn custody<'a>(&self, at: &str, changes: &'a [StateChange], findings: &mut Findings) -> BTreeMap<Path, Change<'a>> {
        let mut read = BTreeMap::new();
        for StateChange { path, old, new } in changes {
            let place = Place::of(path);
            let held = place.and_then(|place| Held::read(&place, &new.0));
            let Some(place) = place.filter(|_| held.is_some() || new.0.is_empty()) else {
                let (expected, found) = ("a record of the state".to_owned(), format!("{path} = {new:?}"));
                findings.add(Violation { law: "N-3", at: at.to_owned(), expected, found });
                continue;
            };
            if old == new {
                let at = format!("{at}, {}", place.describe(&self.holdings.symbols));
                let (expected, found) = ("a record that changed".to_owned(), "the same before and after".to_owned());
                findings.add(Violation { law: "ST-1", at, expected, found });
            }
            let before = self.holdings.bytes(path);
            // A record of zeros may stand for none, and none for it.
            let zeros = || Held::nothing_at(&place).is_some_and(|nothing| nothing.to_bytes() == old.0);
            if before != old.0 && !(before.is_empty() && zeros()) {
                let was = Held::read(&place, &old.0);
                let at = format!("{at}, old value");
                let kept = self.holdings.get(path);
                let found = differ(&at, &place, Cause::Other, &self.holdings.symbols, kept, was.as_ref());
                let custody = |violation: Violation| Violation { law: "ST-1", ..violation };
                found.into_iter().map(custody).for_each(|violation| findings.add(violation));
                if was.is_none() && !old.0.is_empty() {
                    let (expected, found) = ("the record held before".to_owned(), format!("{old:?}"));
                    findings.add(Violation { law: "ST-1", at, expected, found });
                }
            }
            if read.insert(*path, Change { place, bytes: &new.0, held }).is_some() {
                let at = format!("{at}, {}", place.describe(&self.holdings.symbols));
                let (expected, found) = ("one change a record".to_owned(), "two".to_owned());
                findings.add(Violation { law: "ST-1", at, expected, found });
            }
        }
        read
    }

    /// The changes are those that the entry may make.
    fn foresight(
        &self,
        at: &str,
        pending: &Pending,
        receipt: &Receipt,
        changes: &BTreeMap<Path, Change<'_>>,
        findings: &mut Findings,
    ) -> (Vec<(AssetId, Flow)>, Step) {
        let hints = changes.values().filter_map(|change| match (&change.place, &change.held) {
            (Place::Replica(_, channel), Some(Held::Replica(replica))) => Some((*channel, replica.newest)),
            _ => None,
        });
        let mut shadow = Shadow::new(&self.holdings, pending.at_ms, hints.collect());
        let foreseen = shadow.foresee(&pending.entry, receipt);
        if let Err(doubt) = foreseen {
            let at = match &pending.entry {
                Entry::Transaction { tx, .. } => format!("{at}, {} of {}", tx.kind.name(), tx.from),
                _ => at.to_owned(),
            };
            findings.add(Violation { law: doubt.law, at, expected: doubt.expected, found: doubt.found });
            return (shadow.flows, Step::default());
        }
        let cause = Cause::of(&pending.entry, receipt);
        let paths = changes.keys().chain(shadow.next.keys().filter(|path| !changes.contains_key(path)));
        for path in paths {
            let Some(place) = Place::of(path) else { continue };
            let expected = shadow.get(path);
            let found = match changes.get(path) {
                Some(change) => change.held.as_ref(),
                None => self.holdings.get(path),
            };
            if alike(&place, expected, found) {
                continue;
            }
            for violation in differ(at, &place, cause, &self.holdings.symbols, expected, found) {
                findings.add(violation);
            }
        }
        (shadow.flows, shadow.step)
    }
}
