//! What is at hand of the past: the latest receipts and blocks, by hash and number, bounded. All of it stands in the log; older
//! things are answered from there once the store indexes it.

use alloy_rlp::Encodable;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use xln_api::backend::{BlockId, ReceiptProof, StoredBlock, StoredReceipt};
use xln_crypto::derive;
use xln_machine::server::SealedBlock;
use xln_merkle::{HashFunction, list};
use xln_types::{Hash, Receipt, TxHash};

/// Most receipts at hand.
pub const HISTORY_RECEIPTS_MAX: usize = 200_000;
/// Most blocks at hand: nearly three hours of them, some 60 MB.
pub const HISTORY_BLOCKS_MAX: usize = 100_000;

struct Kept {
    block: StoredBlock,
    receipts: Arc<Vec<Receipt>>,
}

/// Whether a receipt stands for its hash from now on.
fn takes_over(known: Option<&Receipt>, receipt: &Receipt) -> bool {
    known.is_none_or(|known| !known.is_executed() && receipt.is_executed())
}

/// The latest receipts and blocks.
#[derive(Default)]
pub struct History {
    /// Executed and durable, not yet sealed.
    open: HashMap<TxHash, Receipt>,
    /// Sealed: block number and index.
    sealed: HashMap<TxHash, (u64, u64)>,
    /// Ascending by number without a gap.
    blocks: VecDeque<Kept>,
    by_hash: HashMap<Hash, u64>,
    receipts: usize,
}

impl History {
    /// Notes executed inputs that are durable. Of several under one hash (a fact told twice) the first that took effect is kept,
    /// else the first (TX-2).
    pub fn confirm(&mut self, receipts: &[Receipt]) {
        for receipt in receipts {
            let known = self.open.get(&receipt.hash).or_else(|| self.sealed_receipt(receipt.hash));
            if takes_over(known, receipt) {
                self.open.insert(receipt.hash, receipt.clone());
            }
        }
    }

    /// Bytes of the receipts that are in no block yet.
    pub fn open_bytes(&self) -> usize {
        self.open.values().map(Encodable::length).sum()
    }

    /// A block as it is kept and served.
    pub fn stored(block: &SealedBlock, signature: Option<[u8; 65]>) -> StoredBlock {
        StoredBlock {
            header: block.header.clone(),
            hash: derive::block_hash(&block.header),
            seal: block.seal,
            signature,
            entries: block.receipts.iter().map(|receipt| receipt.hash).collect(),
        }
    }

    /// Notes a block with the receipts that it seals, and forgets the oldest past the bounds.
    pub fn seal(&mut self, block: StoredBlock, receipts: Arc<Vec<Receipt>>) {
        let number = block.header.number;
        for (index, receipt) in receipts.iter().enumerate() {
            self.open.remove(&receipt.hash);
            let known = match self.sealed.get(&receipt.hash) {
                // Of this very block, which isn't among the others yet.
                Some((block, index)) if *block == number => {
                    usize::try_from(*index).ok().and_then(|at| receipts.get(at))
                }
                _ => self.sealed_receipt(receipt.hash),
            };
            if takes_over(known, receipt) {
                self.sealed.insert(receipt.hash, (number, index as u64));
            }
        }
        self.receipts += receipts.len();
        self.by_hash.insert(block.hash, number);
        self.blocks.push_back(Kept { block, receipts });
        while HISTORY_RECEIPTS_MAX < self.receipts || HISTORY_BLOCKS_MAX < self.blocks.len() {
            let Some(oldest) = self.blocks.pop_front() else { break };
            self.by_hash.remove(&oldest.block.hash);
            self.receipts -= oldest.receipts.len();
            let number = oldest.block.header.number;
            for receipt in oldest.receipts.iter() {
                if self.sealed.get(&receipt.hash).is_some_and(|(block, _)| *block == number) {
                    self.sealed.remove(&receipt.hash);
                }
            }
        }
    }

    /// Notes a block's signature.
    pub fn sign(&mut self, number: u64, signature: [u8; 65]) {
        if let Some(kept) = self.position(number).and_then(|position| self.blocks.get_mut(position)) {
            kept.block.signature = Some(signature);
        }
    }

    /// Numbers and digest inputs of blocks at hand that have no signature yet.
    pub fn unsigned(&self) -> Vec<StoredBlock> {
        self.blocks.iter().filter(|kept| kept.block.signature.is_none()).map(|kept| kept.block.clone()).collect()
    }

    /// Hands out all receipts at hand, in the log's order: those of each block, then those not yet sealed.
    pub fn receipts(&self, mut tell: impl FnMut(&[Receipt])) {
        for kept in &self.blocks {
            tell(&kept.receipts);
        }
        let mut open: Vec<Receipt> = self.open.values().cloned().collect();
        open.sort_by_key(|receipt| receipt.sequence);
        tell(&open);
    }

    /// Hands out the latest receipts, at least `least` if there are so many, in the log's order, each with its place once sealed.
    pub fn latest(&self, least: usize, mut tell: impl FnMut(&Receipt, Option<(u64, u64)>)) {
        let mut open: Vec<&Receipt> = self.open.values().collect();
        open.sort_by_key(|receipt| receipt.sequence);
        let (mut count, mut first) = (open.len(), self.blocks.len());
        while count < least && first != 0 {
            first -= 1;
            count += self.blocks.get(first).map_or(0, |kept| kept.receipts.len());
        }
        for kept in self.blocks.iter().skip(first) {
            for (index, receipt) in (0..).zip(kept.receipts.iter()) {
                tell(receipt, Some((kept.block.header.number, index)));
            }
        }
        open.into_iter().for_each(|receipt| tell(receipt, None));
    }

    fn position(&self, number: u64) -> Option<usize> {
        let first = self.blocks.front()?.block.header.number;
        usize::try_from(number.checked_sub(first)?).ok()
    }

    fn kept(&self, number: u64) -> Option<&Kept> {
        self.position(number).and_then(|position| self.blocks.get(position))
    }

    fn sealed_receipt(&self, hash: TxHash) -> Option<&Receipt> {
        let (number, index) = *self.sealed.get(&hash)?;
        self.kept(number)?.receipts.get(usize::try_from(index).ok()?)
    }

    /// A receipt by hash.
    pub fn receipt(&self, hash: TxHash) -> Option<StoredReceipt> {
        if let Some(receipt) = self.open.get(&hash) {
            return Some(StoredReceipt { receipt: receipt.clone(), sealed: None });
        }
        let receipt = self.sealed_receipt(hash)?.clone();
        Some(StoredReceipt { receipt, sealed: self.sealed.get(&hash).copied() })
    }

    /// All that proves a sealed receipt (TX-6).
    pub fn receipt_proof(&self, hash: TxHash) -> Option<ReceiptProof> {
        let (number, index) = *self.sealed.get(&hash)?;
        let kept = self.kept(number)?;
        let signature = kept.block.signature?;
        let encoded: Vec<Vec<u8>> = kept.receipts.iter().map(alloy_rlp::encode).collect();
        let place = usize::try_from(index).ok()?;
        let path = list::prove(HashFunction::Keccak256, &encoded, place)?;
        let receipt = kept.receipts.get(place)?.clone();
        let (header, seal) = (kept.block.header.clone(), kept.block.seal);
        Some(ReceiptProof { receipt, index, path, header, seal, signature })
    }

    /// A block.
    pub fn block(&self, id: BlockId) -> Option<StoredBlock> {
        let kept = match id {
            BlockId::Number(number) => self.kept(number),
            BlockId::Hash(hash) => self.by_hash.get(&hash).and_then(|number| self.kept(*number)),
            BlockId::Latest => self.blocks.iter().rev().find(|kept| kept.block.signature.is_some()),
        };
        kept.map(|kept| kept.block.clone())
    }
}
