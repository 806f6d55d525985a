//! The mined blocks and transactions, and where each is found. Blocks hold one transaction or none, so what a header says
//! follows from the transaction: headers aren't kept but made again.

use crate::dev::BLOCK_GAS_MAX;
use crate::dev::evm::BASE_FEE_WEI;
use alloy_consensus::constants::{EMPTY_OMMER_ROOT_HASH, EMPTY_ROOT_HASH};
use alloy_consensus::proofs::{calculate_receipt_root, calculate_transaction_root};
use alloy_consensus::{Eip658Value, Header, Receipt, ReceiptEnvelope, TxEnvelope, TxType};
use alloy_primitives::{Address, B256, Bloom, Log, U256};
use std::collections::HashMap;
use std::ops::RangeInclusive;

/// What is kept of a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(crate) hash: B256,
    pub(crate) timestamp_s: u64,
    /// Where its transaction stands in [`Ledger::mined`].
    pub(crate) transaction: Option<usize>,
}

/// A mined transaction.
#[derive(Clone, Debug)]
pub(crate) struct Mined {
    pub(crate) envelope: TxEnvelope,
    pub(crate) sender: Address,
    pub(crate) block: u64,
    pub(crate) succeeded: bool,
    pub(crate) gas_used: u64,
    pub(crate) created: Option<Address>,
    pub(crate) logs: Vec<Log>,
    pub(crate) bloom: Bloom,
}

/// All blocks from genesis, in order.
#[derive(Default)]
pub(crate) struct Ledger {
    blocks: Vec<Block>,
    mined: Vec<Mined>,
    by_hash: HashMap<B256, u64>,
    by_transaction: HashMap<B256, usize>,
}

impl Ledger {
    /// The number of the newest block. There is always genesis.
    pub(crate) fn height(&self) -> u64 {
        (self.blocks.len() as u64).saturating_sub(1)
    }

    pub(crate) fn block(&self, number: u64) -> Option<&Block> {
        self.blocks.get(usize::try_from(number).ok()?)
    }

    pub(crate) fn number_of(&self, hash: &B256) -> Option<u64> {
        self.by_hash.get(hash).copied()
    }

    pub(crate) fn transaction(&self, hash: &B256) -> Option<&Mined> {
        self.by_transaction.get(hash).and_then(|index| self.mined.get(*index))
    }

    pub(crate) fn transaction_of(&self, block: &Block) -> Option<&Mined> {
        block.transaction.and_then(|index| self.mined.get(index))
    }

    pub(crate) fn transactions(&self) -> usize {
        self.mined.len()
    }

    /// The transactions of these blocks, in order.
    pub(crate) fn mined_in(&self, blocks: RangeInclusive<u64>) -> &[Mined] {
        let from = self.mined.partition_point(|mined| mined.block < *blocks.start());
        let to = self.mined.partition_point(|mined| mined.block <= *blocks.end());
        self.mined.get(from..to).unwrap_or_default()
    }

    /// The header of a block: the next one too, given what it is to hold.
    pub(crate) fn header(&self, number: u64, timestamp_s: u64, transaction: Option<&Mined>) -> Header {
        let parent = number.checked_sub(1).and_then(|parent| self.block(parent));
        let parent_hash = parent.map_or(B256::ZERO, |block| block.hash);
        let (transactions_root, receipts_root) = match transaction {
            None => (EMPTY_ROOT_HASH, EMPTY_ROOT_HASH),
            Some(mined) => (
                calculate_transaction_root(std::slice::from_ref(&mined.envelope)),
                calculate_receipt_root(&[receipt(mined)]),
            ),
        };
        Header {
            parent_hash,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            // No state trie is kept: nothing here could check the root.
            state_root: B256::ZERO,
            transactions_root,
            receipts_root,
            logs_bloom: transaction.map_or(Bloom::ZERO, |mined| mined.bloom),
            number,
            gas_limit: BLOCK_GAS_MAX,
            gas_used: transaction.map_or(0, |mined| mined.gas_used),
            timestamp: timestamp_s,
            mix_hash: randao(parent_hash),
            base_fee_per_gas: Some(BASE_FEE_WEI),
            withdrawals_root: Some(EMPTY_ROOT_HASH),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::ZERO),
            difficulty: U256::ZERO,
            ..Header::default()
        }
    }

    /// Puts a block on top, whose hash is `hash`.
    pub(crate) fn push(&mut self, hash: B256, timestamp_s: u64, transaction: Option<Mined>) {
        let number = self.blocks.len() as u64;
        let transaction = transaction.map(|mined| {
            self.by_transaction.insert(*mined.envelope.tx_hash(), self.mined.len());
            self.mined.push(mined);
            self.mined.len() - 1
        });
        self.blocks.push(Block { hash, timestamp_s, transaction });
        self.by_hash.insert(hash, number);
    }
}

/// Every block's randomness: no secret, but different in each.
pub(crate) fn randao(parent: B256) -> B256 {
    alloy_primitives::keccak256(parent)
}

fn receipt(mined: &Mined) -> ReceiptEnvelope {
    let receipt = Receipt {
        status: Eip658Value::Eip658(mined.succeeded),
        cumulative_gas_used: mined.gas_used,
        logs: mined.logs.clone(),
    }
    .with_bloom();
    match mined.envelope.tx_type() {
        TxType::Legacy => ReceiptEnvelope::Legacy(receipt),
        TxType::Eip2930 => ReceiptEnvelope::Eip2930(receipt),
        TxType::Eip1559 => ReceiptEnvelope::Eip1559(receipt),
        TxType::Eip4844 => ReceiptEnvelope::Eip4844(receipt),
        TxType::Eip7702 => ReceiptEnvelope::Eip7702(receipt),
    }
}
