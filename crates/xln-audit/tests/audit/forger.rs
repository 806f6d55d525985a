//! The forger: alters records of an honest log and then re-hashes everything as an honest hub would have: transaction names, roots of
//! entries, receipts and state, headers, seals, the hub's own signatures, the log's checksums. What is left to find it by is the law.
//!
//! The state roots come from the changes alone, laid into a tree over the genesis records. Read [`Forger::carry`] and
//! [`Forger::records`].

use crate::hub::{CHAIN, DEPOSITARY, HUB_SECRET, LOG, Player, write};
use crate::story::{Cast, Story};
use std::collections::BTreeMap;
use xln_audit::{Report, audit_disk};
use xln_crypto::evidence::proof_digest;
use xln_crypto::{derive, seal, secp};
use xln_machine::Server;
use xln_merkle::{Config, HashFunction, Tree, list};
use xln_storage::MemDisk;
use xln_types::codec::{Blob, Decodable, Encodable, decode};
use xln_types::path::PATH_BYTES;
use xln_types::{
    BlockHeader, Board, ChainFact, ChannelProof, Entry, Frame, Genesis, Hash, OperationId, Path, PeerMessage, Receipt,
    Record, Seal, StateChange,
};

/// A log under the knife.
pub(crate) struct Forger {
    pub(crate) log: Vec<Record>,
    pub(crate) cast: Cast,
    story: &'static Story,
    /// Alters each header once its honest fields are in place; seals, signatures and later headers follow it.
    pub(crate) on_header: fn(&mut BlockHeader),
    /// The same for seals.
    pub(crate) on_seal: fn(&mut Seal),
    /// Who signs, by the block's number.
    pub(crate) secret: fn(u64) -> [u8; 32],
    /// Written in place of the genesis when all is hashed: one that contradicts itself founds no tree.
    pub(crate) forged_genesis: Option<Genesis>,
    /// Leaves the state roots as they were.
    pub(crate) keeps_roots: bool,
}

/// Audits a log of these records.
pub(crate) fn audit(records: &[Record]) -> Report {
    let disk = write(MemDisk::new(), records);
    audit_disk(&disk, LOG, &[], &mut |_, _| ()).expect("a log that can be read")
}

/// The receipts of a record: none but in a block.
fn receipts_of(record: &mut Record) -> &mut [Receipt] {
    match record {
        Record::Block { receipts, .. } => receipts,
        _ => &mut [],
    }
}

/// The root of a list, as headers carry it.
fn list_root(items: &[Vec<u8>]) -> Hash {
    Hash(list::root(HashFunction::Keccak256, items))
}

impl Forger {
    pub(crate) fn new(story: &'static Story) -> Forger {
        Forger {
            log: story.records.clone(),
            cast: story.cast,
            story,
            on_header: |_| (),
            on_seal: |_| (),
            secret: |_| HUB_SECRET,
            forged_genesis: None,
            keeps_roots: false,
        }
    }

    /// Block and index of a named input's receipt.
    pub(crate) fn place(&self, name: &str) -> (usize, usize) {
        let sequence = self.story.spots.get(name).copied();
        let index =
            usize::try_from(sequence.unwrap_or_else(|| panic!("no input is called {name}"))).expect("small") - 1;
        self.place_of(index)
    }

    fn place_of(&self, mut index: usize) -> (usize, usize) {
        for (at, record) in self.log.iter().enumerate() {
            if let Record::Block { receipts, .. } = record {
                if index < receipts.len() {
                    return (at, index);
                }
                index -= receipts.len();
            }
        }
        panic!("an input that isn't sealed")
    }

    /// Where the audit should find a named input: as its `at` begins.
    pub(crate) fn at(&self, name: &str) -> String {
        let (block, index) = self.place(name);
        let Record::Block { header, .. } = &self.log[block] else { panic!("a block") };
        format!("block {}, receipt {index},", header.number)
    }

    pub(crate) fn receipts(&mut self, block: usize) -> &mut Vec<Receipt> {
        match &mut self.log[block] {
            Record::Block { receipts, .. } => receipts,
            _ => panic!("a block"),
        }
    }

    pub(crate) fn receipt(&mut self, name: &str) -> &mut Receipt {
        let (block, index) = self.place(name);
        &mut self.receipts(block)[index]
    }

    /// Record and index of a named input's entry.
    fn entry_place(&self, name: &str) -> (usize, usize) {
        let mut index = usize::try_from(self.story.spots[name]).expect("small") - 1;
        for (at, record) in self.log.iter().enumerate() {
            if let Record::Batch { entries, .. } = record {
                let genesis = usize::from(matches!(entries.first(), Some(Entry::Genesis { .. })));
                if index + genesis < entries.len() {
                    return (at, index + genesis);
                }
                index -= entries.len() - genesis;
            }
        }
        panic!("an input that was executed")
    }

    fn entries(&mut self, batch: usize) -> &mut Vec<Entry> {
        match &mut self.log[batch] {
            Record::Batch { entries, .. } => entries,
            _ => panic!("a batch"),
        }
    }

    /// Alters an input's entry; its receipt gets the entry's new name.
    pub(crate) fn entry(&mut self, name: &str, act: impl FnOnce(&mut Entry)) {
        let ((batch, index), hub) = (self.entry_place(name), self.cast.hub.entity);
        let entry = &mut self.entries(batch)[index];
        act(entry);
        let hash = match &*entry {
            Entry::Transaction { tx, .. } => derive::tx_hash(CHAIN, hub, tx),
            other => derive::entry_hash(other),
        };
        self.receipt(name).hash = hash;
    }

    /// Alters what a transaction asks for. The mark of a hosted call is the hub's own, so a forging hub can make it anew; nobody
    /// but the hub could read it.
    pub(crate) fn body<B: Decodable + Encodable>(&mut self, name: &str, act: impl FnOnce(&mut B)) {
        self.entry(name, |entry| {
            let Entry::Transaction { tx, .. } = entry else { panic!("a transaction") };
            let mut body: B = decode(&tx.data.0).expect("the body's type");
            act(&mut body);
            tx.data = Blob(alloy_rlp::encode(&body));
        });
    }

    /// Alters what a fact says.
    pub(crate) fn fact(&mut self, name: &str, act: impl FnOnce(&mut ChainFact)) {
        self.entry(name, |entry| match entry {
            Entry::Fact { fact } => act(fact),
            _ => panic!("a fact"),
        });
    }

    /// Alters what another node said; who signs it signs it anew.
    pub(crate) fn said(&mut self, name: &str, by: Player, act: impl FnOnce(&mut PeerMessage)) {
        self.entry(name, |entry| {
            let Entry::Peer { message, .. } = entry else { panic!("a message") };
            act(message);
            if let PeerMessage::Frame { proof, signature, .. } | PeerMessage::Ack { proof, signature } = message {
                *signature = by.sign(&proof_digest(CHAIN, DEPOSITARY, proof));
            }
        });
    }

    /// Alters a frame of another node's, and the proof follows.
    pub(crate) fn frame(&mut self, name: &str, by: Player, act: impl FnOnce(&mut Frame, &mut ChannelProof)) {
        self.said(name, by, |message| {
            let PeerMessage::Frame { frame, proof, .. } = message else { panic!("a frame") };
            act(frame, proof);
            proof.frame = xln_crypto::frame_hash(frame);
        });
    }

    /// Alters the proof of an acknowledgement.
    pub(crate) fn ack(&mut self, name: &str, by: Player, act: impl FnOnce(&mut ChannelProof)) {
        self.said(name, by, |message| match message {
            PeerMessage::Ack { proof, .. } => act(proof),
            _ => panic!("an acknowledgement"),
        });
    }

    /// Alters a record from a named receipt on, and consistently so in every later change of it: what was before agrees with what
    /// was after, so that nothing is told by two changes that don't meet.
    pub(crate) fn carry<R: Decodable + Encodable>(&mut self, name: &str, path: Path, act: impl Fn(&mut R)) {
        let altered = |blob: &mut Blob| {
            if !blob.0.is_empty() {
                let mut record: R = decode(&blob.0).expect("the record's type");
                act(&mut record);
                *blob = Blob(alloy_rlp::encode(&record));
            }
        };
        let (block, index) = self.place(name);
        let mut before = Blob::default();
        for (at, record) in self.log.iter_mut().enumerate() {
            for (number, receipt) in receipts_of(record).iter_mut().enumerate() {
                let here = (at, number) == (block, index);
                if here && !receipt.changes.iter().any(|change| change.path == path) {
                    let (old, new) = (before.clone(), before.clone());
                    receipt.changes.push(StateChange { path, old, new });
                }
                for change in receipt.changes.iter_mut().filter(|change| change.path == path) {
                    if (block, index) < (at, number) {
                        altered(&mut change.old);
                    }
                    if (block, index) <= (at, number) {
                        altered(&mut change.new);
                    }
                    before = change.new.clone();
                }
                // An honest receipt names no record that stayed as it was.
                receipt.changes.retain(|change| change.old != change.new);
            }
        }
    }

    /// Alters one change of a receipt, and leaves what comes later as it was.
    pub(crate) fn change(&mut self, name: &str, path: Path, act: impl FnOnce(&mut StateChange)) {
        let change = self.receipt(name).changes.iter_mut().find(|change| change.path == path);
        act(change.unwrap_or_else(|| panic!("{name} changes that record")));
    }

    /// Takes an input out with its receipt; all that follow move up.
    pub(crate) fn remove(&mut self, name: &str) -> (Entry, Receipt) {
        let ((batch, index), (block, number)) = (self.entry_place(name), self.place(name));
        let entry = self.entries(batch).remove(index);
        let receipt = self.receipts(block).remove(number);
        self.renumber();
        (entry, receipt)
    }

    /// Puts an input with its receipt in front of a named one.
    pub(crate) fn insert(&mut self, name: &str, (entry, receipt): (Entry, Receipt)) {
        let ((batch, index), (block, number)) = (self.entry_place(name), self.place(name));
        self.entries(batch).insert(index, entry);
        let executed_at_ms = self.receipts(block)[number].executed_at_ms;
        self.receipts(block).insert(number, Receipt { executed_at_ms, ..receipt });
        self.renumber();
    }

    /// A copy of an input and its receipt.
    pub(crate) fn copy(&mut self, name: &str) -> (Entry, Receipt) {
        let (batch, index) = self.entry_place(name);
        (self.entries(batch)[index].clone(), self.receipt(name).clone())
    }

    /// Makes each change begin where the last one of its record ended; one that then changes nothing is left out.
    pub(crate) fn remeet(&mut self) {
        let mut held: BTreeMap<Path, Blob> = BTreeMap::new();
        let mut founded = founding_tree(&self.genesis());
        let _ = founded.commit();
        for (path, value) in founded.reader().iter() {
            let path = <[u8; PATH_BYTES]>::try_from(path).expect("a path");
            held.insert(Path(path), Blob(value.to_vec()));
        }
        for receipt in self.log.iter_mut().flat_map(receipts_of) {
            for change in &mut receipt.changes {
                let before = held.insert(change.path, change.new.clone());
                change.old = before.unwrap_or_default();
            }
            receipt.changes.retain(|change| change.old != change.new);
        }
    }

    /// The id of the first operation that a named transaction starts.
    pub(crate) fn operation(&self, name: &str) -> OperationId {
        let (batch, index) = self.entry_place(name);
        match &self.log[batch] {
            Record::Batch { entries, .. } => match &entries[index] {
                Entry::Transaction { tx, .. } => derive::operation_id(self.cast.hub.entity, tx.from, tx.nonce, 0),
                _ => panic!("a transaction"),
            },
            _ => panic!("a batch"),
        }
    }

    fn renumber(&mut self) {
        for (sequence, receipt) in (1..).zip(self.log.iter_mut().flat_map(receipts_of)) {
            receipt.sequence = sequence;
        }
    }

    /// The genesis, or the honest one where it was taken out.
    fn genesis(&self) -> Genesis {
        let of = |log: &[Record]| match log.first() {
            Some(Record::Batch { entries, .. }) => match entries.first() {
                Some(Entry::Genesis { genesis }) => Some(genesis.clone()),
                _ => None,
            },
            _ => None,
        };
        of(&self.log).or_else(|| of(&self.story.records)).expect("the story begins with a genesis")
    }

    /// The records, everything hashed and signed anew.
    pub(crate) fn records(&self) -> Vec<Record> {
        let genesis = self.genesis();
        let mut tree = founding_tree(&genesis);
        let hub = derive::entity_id(&Board::single(genesis.hub_signer, 0));
        let (mut number, mut sequence) = (0, 0);
        let (mut previous_hash, mut previous_seal) = (Hash::ZERO, Hash::ZERO);
        let (mut entries, mut digests) = (Vec::new(), vec![Hash::ZERO]);
        let mut records = self.log.clone();
        for record in &mut records {
            match record {
                Record::Batch { entries: batch, .. } => {
                    let inputs = batch.iter().filter(|entry| !matches!(entry, Entry::Genesis { .. }));
                    entries.extend(inputs.map(alloy_rlp::encode));
                }
                Record::Block { header, seal: sealed, receipts } => {
                    lay(&mut tree, receipts);
                    let entries = std::mem::take(&mut entries);
                    let encoded: Vec<Vec<u8>> = receipts.iter().map(alloy_rlp::encode).collect();
                    (number, sequence) = (number + 1, sequence + entries.len() as u64);
                    header.number = number;
                    header.previous_hash = previous_hash;
                    header.state_root = if self.keeps_roots { header.state_root } else { Hash(tree.commit()) };
                    (header.transaction_root, header.receipt_root) = (list_root(&entries), list_root(&encoded));
                    (header.entries, header.last_sequence) = (entries.len() as u64, sequence);
                    header.proposer = genesis.hub_signer;
                    (self.on_header)(header);
                    let (block_hash, time_ms) = (derive::block_hash(header), header.timestamp_ms);
                    *sealed = Seal { hub, number, previous_seal, block_hash, time_ms, ..*sealed };
                    (self.on_seal)(sealed);
                    (previous_hash, previous_seal) = (block_hash, seal::seal_hash(sealed));
                    digests.push(seal::seal_digest(CHAIN, DEPOSITARY, sealed));
                }
                Record::Signature { number, signature } => {
                    let digest = usize::try_from(*number).ok().and_then(|number| digests.get(number));
                    let signed = secp::sign(&(self.secret)(*number), digest.unwrap_or(&Hash::ZERO));
                    *signature = Blob(signed.expect("a valid key").to_vec());
                }
            }
        }
        if let (Some(genesis), Some(Record::Batch { entries, .. })) = (&self.forged_genesis, records.first_mut()) {
            entries[0] = Entry::Genesis { genesis: genesis.clone() };
        }
        records
    }
}

/// The tree over what the genesis founds.
pub(crate) fn founding_tree(genesis: &Genesis) -> Tree {
    let founded = Server::new(genesis, 0).expect("a genesis without contradictions");
    let (bit_width, leaf_threshold) = (genesis.tree_width, usize::from(genesis.tree_threshold));
    let config = Config { bit_width, leaf_threshold, hash: HashFunction::Blake3, ..Config::DEFAULT };
    let mut tree = Tree::new(config).expect("a tree within its bounds");
    for (path, value) in founded.tree().iter() {
        tree.set(path, value).expect("a record fits");
    }
    tree
}

/// Lays receipts' changes into the tree.
pub(crate) fn lay(tree: &mut Tree, receipts: &[Receipt]) {
    for change in receipts.iter().flat_map(|receipt| &receipt.changes) {
        if change.new.0.is_empty() {
            let _ = tree.delete(&change.path.0);
        } else {
            tree.set(&change.path.0, &change.new.0).expect("a record fits");
        }
    }
}
