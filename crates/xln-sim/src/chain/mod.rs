//! The simulated chain, one for all nodes: accounts, the depositary as its contract behaves, blocks with their logs, and forks.
//!
//! State is slots with numbers, as a chain keeps it; each block remembers what its slots held before, so that a reorganisation takes blocks
//! back exactly. What [`contract`] does follows `contracts/src/Depositary.sol` clause by clause; [`view`] is what a node sees through its
//! RPC, lies included.
//!
//! Laws: **DP-1**, **DP-3**, **DP-4**, **DP-5** as the contract keeps them; **CH-13**: what is recorded is what is held.

pub(crate) mod contract;
pub(crate) mod view;

use crate::dice::Dice;
use alloy_primitives::{Address as ChainAddress, B256, Bloom, BloomInput, Log};
use contract::{Call, Revert};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use xln_chain::{Head, LogRecord, Mined};
use xln_types::{Address, AssetId, ChannelId, EntityId, Hash, OperationId};

/// The chain's id.
pub(crate) const CHAIN_ID: u64 = 31_337;
/// Where the depositary stands.
pub(crate) const DEPOSITARY: Address = Address([0xdd; 20]);
/// How many blocks back a reorganisation may go at all.
const UNDO_BLOCKS_MAX: usize = 32;
/// Most transactions in a block.
const BLOCK_TRANSACTIONS_MAX: usize = 64;

/// One number of the chain's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Slot {
    /// What an account holds of an asset.
    Held(Address, AssetId),
    /// How much of it the depositary may take.
    Approved(Address, AssetId),
    /// How many transactions an account has sent.
    Nonce(Address),
    Reserve(EntityId, AssetId),
    Collateral(ChannelId, AssetId),
    Ondelta(ChannelId, AssetId),
    Counter(ChannelId),
    Used(EntityId, OperationId),
    Registered(AssetId),
}

/// A transaction that waits for a block, or was in one.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) hash: Hash,
    pub(crate) from: Address,
    /// `None` for what the simulator's people do by themselves: their nonces don't matter.
    pub(crate) nonce: Option<u64>,
    pub(crate) call: Call,
}

#[derive(Clone, Debug)]
struct Block {
    head: Head,
    logs: Vec<LogRecord>,
    sent: Vec<Sent>,
    undo: Vec<(Slot, Option<i128>)>,
}

/// The chain's whole state.
pub(crate) struct Ledger {
    blocks: Vec<Block>,
    by_hash: BTreeMap<Hash, usize>,
    state: BTreeMap<Slot, i128>,
    undo: Vec<(Slot, Option<i128>)>,
    pool: VecDeque<Sent>,
    pooled: BTreeSet<Hash>,
    mined: BTreeMap<Hash, Mined>,
    /// Digests whose signatures were found good: they are good again.
    pub(super) signed: BTreeSet<Hash>,
    dice: Dice,
    forks: u64,
}

/// A handle on the chain.
#[derive(Clone)]
pub(crate) struct SimChain(Arc<Mutex<Ledger>>);

impl SimChain {
    pub(crate) fn new(dice: Dice, now_s: u64) -> SimChain {
        let mut ledger = Ledger {
            blocks: Vec::new(),
            by_hash: BTreeMap::new(),
            state: BTreeMap::new(),
            undo: Vec::new(),
            pool: VecDeque::new(),
            pooled: BTreeSet::new(),
            mined: BTreeMap::new(),
            signed: BTreeSet::new(),
            dice,
            forks: 0,
        };
        ledger.mine(now_s);
        SimChain(Arc::new(Mutex::new(ledger)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    pub(crate) fn get(&self, slot: Slot) -> i128 {
        self.state.get(&slot).copied().unwrap_or(0)
    }

    pub(crate) fn set(&mut self, slot: Slot, number: i128) {
        let before = self.state.insert(slot, number);
        self.undo.push((slot, before));
    }

    /// Gives an account something, out of nothing: before anything begins.
    pub(crate) fn endow(&mut self, slot: Slot, number: i128) {
        self.state.insert(slot, number);
    }

    fn take_back(&mut self, undo: Vec<(Slot, Option<i128>)>) {
        for (slot, before) in undo.into_iter().rev() {
            match before {
                Some(before) => self.state.insert(slot, before),
                None => self.state.remove(&slot),
            };
        }
    }

    /// The newest block.
    pub(crate) fn head(&self) -> &Head {
        &self.blocks[self.blocks.len() - 1].head
    }

    pub(crate) fn block(&self, number: u64) -> Option<&Head> {
        self.blocks.get(usize::try_from(number).ok()?).map(|block| &block.head)
    }

    pub(crate) fn logs(&self, hash: Hash) -> Option<&[LogRecord]> {
        let index = *self.by_hash.get(&hash)?;
        self.blocks.get(index).map(|block| block.logs.as_slice())
    }

    pub(crate) fn mined(&self, hash: Hash) -> Option<&Mined> {
        self.mined.get(&hash)
    }

    pub(crate) fn knows(&self, hash: Hash) -> bool {
        self.mined.contains_key(&hash) || self.pooled.contains(&hash)
    }

    /// Transactions of an account, those that wait included.
    pub(crate) fn transaction_count(&self, of: Address) -> u64 {
        let waiting: BTreeSet<u64> =
            self.pool.iter().filter(|sent| sent.from == of).filter_map(|sent| sent.nonce).collect();
        let mut next = u64::try_from(self.get(Slot::Nonce(of))).unwrap_or(0);
        // Only those count that follow each other.
        while waiting.contains(&next) {
            next += 1;
        }
        next
    }

    /// The next nonce of an account, and those of its transactions that wait.
    pub(crate) fn waiting(&self, of: Address) -> (i128, Vec<u64>) {
        let waiting = self.pool.iter().filter(|sent| sent.from == of).filter_map(|sent| sent.nonce);
        (self.get(Slot::Nonce(of)), waiting.collect())
    }

    /// Takes a transaction into the pool.
    pub(crate) fn submit(&mut self, sent: Sent) {
        if self.pooled.insert(sent.hash) {
            self.pool.push_back(sent);
        }
    }

    /// Runs a call on the present state, without effect.
    pub(crate) fn simulate(&mut self, from: Address, call: &Call) -> Result<(), Revert> {
        let (mark, time_s) = (self.undo.len(), self.head().timestamp_s);
        let ran = contract::run(self, from, call, time_s).map(drop);
        let undo = self.undo.split_off(mark);
        self.take_back(undo);
        ran
    }

    /// Mines a block of what waits; its time never goes back.
    pub(crate) fn mine(&mut self, now_s: u64) {
        let number = self.blocks.len() as u64;
        let (parent, last_s) =
            self.blocks.last().map_or((Hash::ZERO, 0), |last| (last.head.hash, last.head.timestamp_s));
        let timestamp_s = now_s.max(last_s);
        let (mut sent, mut events, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
        let mut waiting = std::mem::take(&mut self.pool);
        while let Some(next) = waiting.pop_front() {
            let turn = next.nonce.map_or(0, |nonce| i128::from(nonce) - self.get(Slot::Nonce(next.from)));
            if 0 < turn || BLOCK_TRANSACTIONS_MAX <= sent.len() {
                self.pool.push_back(next);
                continue;
            }
            self.pooled.remove(&next.hash);
            if turn < 0 {
                continue;
            }
            if let Some(nonce) = next.nonce {
                self.set(Slot::Nonce(next.from), i128::from(nonce) + 1);
            }
            let mark = self.undo.len();
            match contract::run(self, next.from, &next.call, timestamp_s) {
                Ok(logs) => {
                    events.extend(logs.into_iter().map(|log| (next.hash, log)));
                    outcomes.push((next.hash, true));
                }
                Err(Revert(_)) => {
                    let undo = self.undo.split_off(mark);
                    self.take_back(undo);
                    outcomes.push((next.hash, false));
                }
            }
            sent.push(next);
        }
        self.append(number, parent, timestamp_s, sent, &events, &outcomes);
    }

    fn append(
        &mut self,
        number: u64,
        parent: Hash,
        timestamp_s: u64,
        sent: Vec<Sent>,
        events: &[(Hash, Log)],
        outcomes: &[(Hash, bool)],
    ) {
        let mut named =
            [&parent.0[..], &number.to_be_bytes(), &timestamp_s.to_be_bytes(), &self.forks.to_be_bytes()].concat();
        sent.iter().for_each(|sent| named.extend_from_slice(&sent.hash.0));
        let hash = xln_crypto::keccak256(named);
        let mut bloom = Bloom::ZERO;
        // A bloom may also name who logged nothing.
        if !events.is_empty() || self.dice.once_in(8) {
            bloom.accrue(BloomInput::Raw(&DEPOSITARY.0));
        }
        let record = |(log_index, (chain_tx, log)): (u64, &(Hash, Log))| LogRecord {
            address: Address(log.address.0.0),
            topics: log.topics().iter().map(|topic: &B256| Hash(topic.0)).collect(),
            data: log.data.data.to_vec(),
            block: number,
            block_hash: hash,
            chain_tx: *chain_tx,
            log_index,
        };
        let logs = (0..).zip(events).map(record).collect();
        for (transaction, succeeded) in outcomes {
            let mined =
                Mined { block: number, block_hash: hash, succeeded: *succeeded, gas_used: 90_000, created: None };
            self.mined.insert(*transaction, mined);
        }
        let head = Head { number, hash, parent, timestamp_s, bloom };
        self.by_hash.insert(hash, self.blocks.len());
        let undo = std::mem::take(&mut self.undo);
        self.blocks.push(Block { head, logs, sent, undo });
        if let Some(old) = self.blocks.len().checked_sub(UNDO_BLOCKS_MAX + 1) {
            self.blocks[old].undo = Vec::new();
        }
    }

    /// Replaces the newest `depth` blocks by others: their transactions wait again, in another order, and one or another is lost. Answers how
    /// many blocks went.
    pub(crate) fn reorganise(&mut self, depth: usize, now_s: u64) -> usize {
        let depth = depth.min(UNDO_BLOCKS_MAX).min(self.blocks.len().saturating_sub(1));
        let mut back = Vec::new();
        for _ in 0..depth {
            let Some(gone) = self.blocks.pop() else { break };
            self.by_hash.remove(&gone.head.hash);
            self.take_back(gone.undo);
            for sent in gone.sent.into_iter().rev() {
                self.mined.remove(&sent.hash);
                back.push(sent);
            }
        }
        self.forks += 1;
        back.reverse();
        for sent in back {
            if self.dice.once_in(10) {
                continue;
            }
            self.pooled.insert(sent.hash);
            if self.dice.once_in(2) { self.pool.push_back(sent) } else { self.pool.push_front(sent) }
        }
        let last_s = self.head().timestamp_s;
        let from_s = last_s.max(now_s);
        for _ in 0..=depth {
            self.mine(from_s);
        }
        depth
    }

    /// The newest block that tells something.
    pub(crate) fn last_told(&self) -> u64 {
        self.blocks.iter().rev().find(|block| !block.logs.is_empty()).map_or(0, |block| block.head.number)
    }

    /// True when nothing waits that a block could take: what stands behind a nonce that was lost may wait for ever.
    pub(crate) fn is_idle(&self) -> bool {
        let can_go = |sent: &Sent| sent.nonce.is_none_or(|nonce| i128::from(nonce) <= self.get(Slot::Nonce(sent.from)));
        !self.pool.iter().any(can_go)
    }

    /// CH-13: what the depositary holds of an asset, and what it has recorded for others.
    pub(crate) fn custody(&self, asset: AssetId) -> (i128, i128) {
        let recorded = self.state.iter().filter_map(|(slot, number)| match slot {
            Slot::Reserve(_, of) | Slot::Collateral(_, of) if *of == asset => Some(*number),
            _ => None,
        });
        (self.get(Slot::Held(DEPOSITARY, asset)), recorded.sum())
    }
}

pub(crate) fn chain_address(address: Address) -> ChainAddress {
    ChainAddress::from(address.0)
}
