//! The chain itself: state, blocks, clock and log in one. One caller at a time; nothing here waits but for the disk.
//!
//! A block holds one transaction or none. It is executed on an overlay, appended and synced, and only then committed: what
//! can be seen survives a crash, and what couldn't be written never happened. Time never goes back; it may stand, since
//! many blocks are mined in a second.

use crate::dev::accounts;
use crate::dev::error::DevError;
use crate::dev::evm::{self, Database, Outcome, Slot};
use crate::dev::ledger::{Ledger, Mined, randao};
use crate::dev::store::{BlockRecord, GenesisRecord, Store};
use alloy_consensus::transaction::SignerRecoverable;
use alloy_consensus::{Transaction, TxEnvelope, Typed2718};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{Address, B256, Bloom, Bytes, U256};
use revm::DatabaseCommit;
use revm::context::result::InvalidTransaction;
use revm::database::{CacheDB, EmptyDB};
use revm::state::AccountInfo;
use std::path::Path;
use std::sync::Arc;

/// Longest signed transaction that is taken.
pub(crate) const TRANSACTION_BYTES_MAX: usize = 128 << 10;
/// How many block hashes the EVM can ask for.
const BLOCK_HASHES: u64 = 256;
/// The highest type that a transaction may have: legacy, EIP-2930, EIP-1559.
const TRANSACTION_TYPE_MAX: u8 = 2;

/// Tells the time, in unix seconds.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Why a transaction wasn't taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("not a signed transaction of type 0, 1 or 2")]
    Malformed,
    #[error("transaction isn't protected against replay: no chain id")]
    Unprotected,
    #[error("invalid signature")]
    Signature,
    #[error("already known")]
    Known,
    #[error("{0}")]
    Invalid(InvalidTransaction),
    #[error("block could not be written: {0}")]
    Store(#[from] DevError),
}

/// When blocks become durable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durable {
    /// Before they are seen.
    Now,
    /// With the next [`Machine::sync`]: only while nobody looks yet.
    Later,
}

pub(crate) struct Machine {
    chain_id: u64,
    database: Database,
    ledger: Ledger,
    store: Store,
    clock: Clock,
    clock_offset_s: i64,
    /// The next block's time, if it was set.
    next_timestamp_s: Option<u64>,
}

/// What replay builds up before there is a store.
struct Replay {
    chain_id: u64,
    database: Database,
    ledger: Ledger,
    clock_offset_s: i64,
}

impl Machine {
    /// Opens the chain under `dir`, made with `chain_id` if there is none.
    pub(crate) fn open(dir: &Path, chain_id: u64, clock: Clock) -> Result<Machine, DevError> {
        let replay = std::cell::RefCell::new(Replay::new(chain_id));
        let genesis = |record: GenesisRecord| replay.borrow_mut().genesis(record);
        let block = |record: BlockRecord| replay.borrow_mut().block(&record);
        let (mut store, fresh) = Store::open(dir, genesis, block)?;
        let mut replay = replay.into_inner();
        if fresh {
            let record = GenesisRecord::new(chain_id, clock());
            store.append_genesis(record)?;
            store.sync()?;
            replay.genesis(record)?;
        }
        let Replay { database, ledger, clock_offset_s, .. } = replay;
        Ok(Machine { chain_id, database, ledger, store, clock, clock_offset_s, next_timestamp_s: None })
    }

    pub(crate) fn chain_id(&self) -> u64 {
        self.chain_id
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The block that would be mined now.
    pub(crate) fn slot(&self) -> Slot {
        slot(self.chain_id, &self.ledger, self.next_timestamp())
    }

    /// Takes a signed transaction and mines a block with it.
    pub(crate) fn submit(&mut self, raw: &[u8], durable: Durable) -> Result<B256, Refusal> {
        let envelope = decode_transaction(raw)?;
        let hash = *envelope.tx_hash();
        if self.ledger.transaction(&hash).is_some() {
            return Err(Refusal::Known);
        }
        let sender = envelope.recover_signer().map_err(|_| Refusal::Signature)?;
        let slot = self.slot();
        let outcome = evm::transact(&self.database, &slot, sender, &envelope).map_err(Refusal::Invalid)?;
        self.append(slot, Some((envelope, sender, outcome)), durable)?;
        Ok(hash)
    }

    /// Mines a block without a transaction.
    pub(crate) fn mine(&mut self) -> Result<(), DevError> {
        self.append(self.slot(), None, Durable::Now)
    }

    /// Makes all blocks durable.
    pub(crate) fn sync(&mut self) -> Result<(), DevError> {
        self.store.sync()
    }

    /// Sets the clock ahead by `seconds`; answers how far it is from the machine's now.
    pub(crate) fn increase_time(&mut self, seconds: u64) -> i64 {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        self.clock_offset_s = self.clock_offset_s.saturating_add(seconds);
        self.clock_offset_s
    }

    /// Sets the next block's time, from which the clock goes on; false if that time is past.
    pub(crate) fn set_next_timestamp(&mut self, timestamp_s: u64) -> bool {
        let last = self.ledger.block(self.ledger.height()).map_or(0, |block| block.timestamp_s);
        let (Ok(wanted), Ok(now)) = (i64::try_from(timestamp_s), i64::try_from((self.clock)())) else { return false };
        if timestamp_s < last {
            return false;
        }
        self.clock_offset_s = wanted.saturating_sub(now);
        self.next_timestamp_s = Some(timestamp_s);
        true
    }

    fn next_timestamp(&self) -> u64 {
        let now = self.next_timestamp_s.unwrap_or_else(|| (self.clock)().saturating_add_signed(self.clock_offset_s));
        let last = self.ledger.block(self.ledger.height()).map_or(0, |block| block.timestamp_s);
        now.max(last)
    }

    fn append(
        &mut self,
        slot: Slot,
        transaction: Option<(TxEnvelope, Address, Outcome)>,
        durable: Durable,
    ) -> Result<(), DevError> {
        let (raw, sender) = match &transaction {
            Some((envelope, sender, _)) => (Bytes::from(envelope.encoded_2718()), *sender),
            None => (Bytes::new(), Address::ZERO),
        };
        let (mined, state) = match transaction {
            Some((envelope, sender, outcome)) => {
                let (mined, state) = mined(slot.number, envelope, sender, outcome);
                (Some(mined), Some(state))
            }
            None => (None, None),
        };
        let hash = self.ledger.header(slot.number, slot.timestamp_s, mined.as_ref()).hash_slow();
        let record = BlockRecord {
            timestamp_s: slot.timestamp_s,
            clock_offset_s: self.clock_offset_s.cast_unsigned(),
            hash,
            raw,
            sender,
        };
        self.store.append_block(&record)?;
        if durable == Durable::Now {
            self.store.sync()?;
        }
        self.next_timestamp_s = None;
        commit(&mut self.database, &mut self.ledger, hash, slot, mined, state);
        Ok(())
    }
}

impl Replay {
    fn new(chain_id: u64) -> Replay {
        Replay { chain_id, database: CacheDB::new(EmptyDB::new()), ledger: Ledger::default(), clock_offset_s: 0 }
    }

    fn genesis(&mut self, record: GenesisRecord) -> Result<(), DevError> {
        if record.chain_id != self.chain_id {
            return Err(DevError::ChainId { found: record.chain_id, wanted: self.chain_id });
        }
        for account in accounts::all() {
            let info = AccountInfo::from_balance(U256::from(accounts::GENESIS_BALANCE_WEI));
            self.database.insert_account_info(account.address.0.into(), info);
        }
        let hash = self.ledger.header(0, record.timestamp_s, None).hash_slow();
        self.ledger.push(hash, record.timestamp_s, None);
        Ok(())
    }

    fn block(&mut self, record: &BlockRecord) -> Result<(), DevError> {
        let slot = slot(self.chain_id, &self.ledger, record.timestamp_s);
        let diverged = || DevError::Diverged { block: slot.number };
        let (mined, state) = if record.raw.is_empty() {
            (None, None)
        } else {
            let envelope = decode_transaction(&record.raw).map_err(|_| diverged())?;
            let outcome = evm::transact(&self.database, &slot, record.sender, &envelope).map_err(|_| diverged())?;
            let (mined, state) = mined(slot.number, envelope, record.sender, outcome);
            (Some(mined), Some(state))
        };
        let hash = self.ledger.header(slot.number, slot.timestamp_s, mined.as_ref()).hash_slow();
        if hash != record.hash {
            return Err(diverged());
        }
        commit(&mut self.database, &mut self.ledger, hash, slot, mined, state);
        self.clock_offset_s = record.clock_offset_s.cast_signed();
        Ok(())
    }
}

fn slot(chain_id: u64, ledger: &Ledger, timestamp_s: u64) -> Slot {
    let height = ledger.height();
    let parent = ledger.block(height).map_or(B256::ZERO, |block| block.hash);
    Slot { chain_id, number: height + 1, timestamp_s, randao: randao(parent) }
}

fn decode_transaction(raw: &[u8]) -> Result<TxEnvelope, Refusal> {
    if raw.is_empty() || TRANSACTION_BYTES_MAX < raw.len() {
        return Err(Refusal::Malformed);
    }
    let envelope = TxEnvelope::decode_2718_exact(raw).map_err(|_| Refusal::Malformed)?;
    if TRANSACTION_TYPE_MAX < envelope.ty() {
        return Err(Refusal::Malformed);
    }
    if envelope.chain_id().is_none() {
        return Err(Refusal::Unprotected);
    }
    Ok(envelope)
}

fn mined(block: u64, envelope: TxEnvelope, sender: Address, outcome: Outcome) -> (Mined, revm::state::EvmState) {
    let succeeded = outcome.result.is_success();
    let logs = if succeeded { outcome.result.logs().to_vec() } else { Vec::new() };
    let mut bloom = Bloom::ZERO;
    logs.iter().for_each(|log| bloom.accrue_log(log));
    let created = outcome.result.created_address().filter(|_| succeeded);
    let gas_used = outcome.result.tx_gas_used();
    (Mined { envelope, sender, block, succeeded, gas_used, created, logs, bloom }, outcome.state)
}

fn commit(
    database: &mut Database,
    ledger: &mut Ledger,
    hash: B256,
    slot: Slot,
    mined: Option<Mined>,
    state: Option<revm::state::EvmState>,
) {
    if let Some(state) = state {
        database.commit(state);
    }
    let hashes = &mut database.cache.block_hashes;
    hashes.insert(U256::from(slot.number), hash);
    if let Some(old) = slot.number.checked_sub(BLOCK_HASHES) {
        hashes.remove(&U256::from(old));
    }
    ledger.push(hash, slot.timestamp_s, mined);
}
