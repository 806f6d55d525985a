//! Blocks (**TX-6**): the entries executed since the last one, sealed under the roots of state, entries and receipts. The header is
//! logged and synced before the shell signs it.

use super::state::Server;
use crate::machine::At;
use xln_crypto::{derive, seal};
use xln_merkle::{HashFunction, list};
use xln_types::{BlockHeader, Hash, Receipt, Seal};

/// The block under construction.
pub(super) struct OpenBlock {
    number: u64,
    previous_hash: Hash,
    previous_seal: Hash,
    /// Unix milliseconds of the last input or block: time never goes back.
    now_ms: u64,
    /// Number of the last input.
    sequence: u64,
    entries: Vec<Vec<u8>>,
    receipts: Vec<Receipt>,
}

impl OpenBlock {
    pub(super) fn first(now_ms: u64) -> OpenBlock {
        OpenBlock {
            number: 1,
            previous_hash: Hash::ZERO,
            previous_seal: Hash::ZERO,
            now_ms,
            sequence: 0,
            entries: Vec::new(),
            receipts: Vec::new(),
        }
    }

    /// The next input's place and time.
    pub(super) fn next(&mut self, now_ms: u64) -> At {
        assert!(self.now_ms <= now_ms, "time goes back");
        self.now_ms = now_ms;
        self.sequence = self.sequence.saturating_add(1);
        At { now_ms, sequence: self.sequence }
    }

    pub(super) fn add(&mut self, entry: Vec<u8>, receipt: Receipt) {
        self.entries.push(entry);
        self.receipts.push(receipt);
    }
}

/// A block as it is logged, before it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedBlock {
    /// Its header.
    pub header: BlockHeader,
    /// What the hub signs.
    pub seal: Seal,
    /// What that signature covers.
    pub digest: Hash,
    /// The receipts of its entries, in order.
    pub receipts: Vec<Receipt>,
}

/// The proofs root while no channel proof changed: the root of the empty list.
fn no_proofs() -> Hash {
    Hash(list::root::<&[u8]>(HashFunction::Keccak256, &[]))
}

/// The list root over encoded items, as block headers carry it.
fn list_root(items: &[Vec<u8>]) -> Hash {
    let leaves: Vec<&[u8]> = items.iter().map(Vec::as_slice).collect();
    Hash(list::root(HashFunction::Keccak256, &leaves))
}

impl Server {
    /// Seals what was executed since the last block, at `now_ms`, which never goes back.
    pub fn seal(&mut self, now_ms: u64) -> SealedBlock {
        assert!(self.block.now_ms <= now_ms, "time goes back");
        let state_root = Hash(self.tree.commit());
        let receipts = std::mem::take(&mut self.block.receipts);
        let entries = std::mem::take(&mut self.block.entries);
        let encoded: Vec<Vec<u8>> = receipts.iter().map(alloy_rlp::encode).collect();
        let header = BlockHeader {
            number: self.block.number,
            previous_hash: self.block.previous_hash,
            timestamp_ms: now_ms,
            state_root,
            transaction_root: list_root(&entries),
            receipt_root: list_root(&encoded),
            entries: receipts.len() as u64,
            last_sequence: self.block.sequence,
            proposer: self.genesis.hub_signer,
        };
        let block_hash = derive::block_hash(&header);
        let seal = Seal {
            hub: self.hub_id(),
            board_epoch: 0,
            number: header.number,
            previous_seal: self.block.previous_seal,
            block_hash,
            proofs_root: no_proofs(),
            time_ms: now_ms,
        };
        let digest = seal::seal_digest(self.genesis.chain_id, self.genesis.depositary, &seal);
        self.block.number = self.block.number.saturating_add(1);
        self.block.previous_hash = block_hash;
        self.block.previous_seal = seal::seal_hash(&seal);
        self.block.now_ms = now_ms;
        SealedBlock { header, seal, digest, receipts }
    }

    /// The number of the last input executed.
    pub fn sequence(&self) -> u64 {
        self.block.sequence
    }

    /// The number of the last block sealed; 0 before the first.
    pub fn sealed_number(&self) -> u64 {
        self.block.number.saturating_sub(1)
    }

    /// Unix milliseconds of the last input or block.
    pub fn now_ms(&self) -> u64 {
        self.block.now_ms
    }

    /// True when something was executed since the last block.
    pub fn has_open_entries(&self) -> bool {
        !self.block.receipts.is_empty()
    }
}
