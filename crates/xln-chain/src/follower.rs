//! Reads the depositary's logs past the confirmations and hands each out once, as a fact of the core (**DP-3**, CH-12).
//!
//! How a block is read: a batch of headers, linked by parent hash to the last block taken; logs only of blocks whose bloom
//! may name the depositary, and those by block *hash*. So what is taken is one chain, whatever the node does between two
//! questions. A batch is taken whole or not at all: on an error nothing moved and the next poll asks again.
//!
//! A reorganisation that doesn't reach a deep block goes unnoticed, as it should. One that replaces a block already taken is
//! [`FactKind::DeepReorg`]: what the replaced blocks held was acted on and can't be told from what their successors hold, so
//! the follower then halts, for good, and a restart from its cursor stays halted. An operator has to settle accounts.
//!
//! Read [`Follower::poll`] first.

use crate::client::{BLOCKS_MAX, Chain, Head, LogRecord};
use crate::decode;
use crate::error::ChainError;
use std::collections::VecDeque;
use std::sync::Arc;
use xln_types::{Address, ChainFact, FactKind, FactPosition, Hash};

/// Most blocks that one poll takes.
pub const LOGS_BLOCKS_MAX: u64 = BLOCKS_MAX;
/// How many processed blocks are remembered, to tell how deep a reorganisation went.
pub const TIPS_MAX: usize = 256;
/// The log index of a `Time` fact: after every log of its block.
pub const TIME_LOG_INDEX: u64 = u64::MAX - 1;
/// The log index of a `DeepReorg` fact: after everything else of the last block taken.
pub const DEEP_REORG_LOG_INDEX: u64 = u64::MAX;

/// What is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowerOptions {
    /// Whose logs count; all others are passed over.
    pub depositary: Address,
    /// A block is deep once this many stand on it; 0: at once.
    pub confirmations: u64,
    /// Where a follower without a cursor begins: at most the block that created the depositary.
    pub first_block: u64,
}

/// A reader of one depositary's logs.
pub struct Follower {
    chain: Arc<dyn Chain>,
    options: FollowerOptions,
    /// The last fact handed out: what comes next is greater.
    cursor: Option<FactPosition>,
    /// Deep blocks already taken, ascending, the newest last; the first after a restart is the cursor's.
    tips: VecDeque<(u64, Hash)>,
    halted: bool,
}

/// Where a poll stands: what to read next.
enum Step {
    Read { from: u64, to: u64 },
    Wait,
    Replaced { head: u64 },
}

impl Follower {
    /// Follows `chain` from after `cursor`, the position of the last fact that was durably taken; `None` from the start.
    pub fn new(chain: Arc<dyn Chain>, options: FollowerOptions, cursor: Option<FactPosition>) -> Follower {
        let tips = cursor.iter().map(|at| (at.block, at.block_hash)).collect();
        let halted = cursor.is_some_and(|at| at.log_index == DEEP_REORG_LOG_INDEX);
        Follower { chain, options, cursor, tips, halted }
    }

    /// True after a `DeepReorg`: no fact will follow.
    pub fn halted(&self) -> bool {
        self.halted
    }

    /// The last fact handed out.
    pub fn cursor(&self) -> Option<FactPosition> {
        self.cursor
    }

    /// The next facts, ordered by (block, log index), each once (DP-3): at most [`LOGS_BLOCKS_MAX`] blocks of them, ending
    /// with `Time` of the deepest block taken. Empty when nothing new is deep; until then, ask again at once.
    ///
    /// # Errors
    /// [`ChainError`]; then nothing was taken.
    pub async fn poll(&mut self) -> Result<Vec<ChainFact>, ChainError> {
        if self.halted {
            return Ok(Vec::new());
        }
        match self.step().await? {
            Step::Wait => Ok(Vec::new()),
            Step::Replaced { head } => Ok(vec![self.deep_reorg(head).await?]),
            Step::Read { from, to } => self.read(from, to).await,
        }
    }

    async fn step(&self) -> Result<Step, ChainError> {
        let head = self.chain.head().await?.number;
        if let Some((number, hash)) = self.tips.back() {
            // A node that lags doesn't have the block yet: that proves nothing. Another hash in its place does.
            match self.chain.block(*number).await? {
                None => return Ok(Step::Wait),
                Some(block) if block.hash != *hash => return Ok(Step::Replaced { head }),
                Some(_) => {}
            }
        }
        let from = self.next_block();
        match head.checked_sub(self.options.confirmations) {
            Some(deep) if from <= deep => {
                Ok(Step::Read { from, to: deep.min(from.saturating_add(LOGS_BLOCKS_MAX - 1)) })
            }
            _ => Ok(Step::Wait),
        }
    }

    /// A block is done once its `Time` was handed out; before, a restart reads it again and skips what it had.
    fn next_block(&self) -> u64 {
        match self.cursor {
            None => self.options.first_block,
            Some(at) if at.log_index < TIME_LOG_INDEX => at.block,
            Some(at) => at.block.saturating_add(1),
        }
    }

    async fn read(&mut self, from: u64, to: u64) -> Result<Vec<ChainFact>, ChainError> {
        let blocks = self.chain.blocks(from, to).await?;
        let Some(last) = blocks.last() else { return Ok(Vec::new()) };
        self.check_linked(from, &blocks)?;
        let mut facts = Vec::new();
        for block in blocks.iter().filter(|block| block.may_log(self.options.depositary)) {
            facts.extend(self.facts_of(block).await?);
        }
        let time =
            FactPosition { block: last.number, log_index: TIME_LOG_INDEX, block_hash: last.hash, chain_tx: Hash::ZERO };
        facts.push(ChainFact { at: time, kind: FactKind::Time { timestamp: last.timestamp_s } });
        self.cursor = Some(time);
        for block in &blocks {
            if self.tips.back().is_none_or(|(number, _)| *number < block.number) {
                self.tips.push_back((block.number, block.hash));
            }
        }
        self.tips.drain(..self.tips.len().saturating_sub(TIPS_MAX));
        Ok(facts)
    }

    /// The blocks are `from`, `from + 1`, …, each the parent of the next, and the first stands on what was taken before.
    fn check_linked(&self, from: u64, blocks: &[Head]) -> Result<(), ChainError> {
        let numbered = (from..).zip(blocks).find(|(number, block)| block.number != *number);
        if let Some((number, _)) = numbered {
            return Err(ChainError::malformed("eth_getBlockByNumber", format!("not block {number}")));
        }
        let unlinked = blocks.iter().zip(blocks.iter().skip(1)).find(|(parent, child)| child.parent != parent.hash);
        if let Some((_, child)) = unlinked {
            return Err(ChainError::Moved { block: child.number });
        }
        let (Some((number, hash)), Some(first)) = (self.tips.back(), blocks.first()) else { return Ok(()) };
        let stands = if first.number == *number { first.hash == *hash } else { first.parent == *hash };
        if stands { Ok(()) } else { Err(ChainError::Moved { block: first.number }) }
    }

    /// The new facts of one block, in order of their logs.
    async fn facts_of(&self, block: &Head) -> Result<Vec<ChainFact>, ChainError> {
        let mut logs = self.chain.logs(self.options.depositary, block.hash).await?;
        logs.retain(|log| log.address == self.options.depositary);
        if logs.iter().any(|log| !stands_in(log, block)) {
            return Err(ChainError::malformed("eth_getLogs", format!("log of another block than {}", block.number)));
        }
        logs.sort_by_key(|log| log.log_index);
        if logs.iter().zip(logs.iter().skip(1)).any(|(log, next)| log.log_index == next.log_index) {
            return Err(ChainError::malformed("eth_getLogs", "two logs of one index"));
        }
        let after = |log: &&LogRecord| {
            self.cursor.is_none_or(|cursor| (cursor.block, cursor.log_index) < (log.block, log.log_index))
        };
        logs.iter().filter(after).filter_map(|log| decode::fact(log).transpose()).collect()
    }

    /// The last block taken is gone. Its position keeps the old block's hash, so that a restart knows where it stood.
    async fn deep_reorg(&mut self, head: u64) -> Result<ChainFact, ChainError> {
        let depth = head.saturating_sub(self.last_standing().await?);
        let (block, block_hash) = self.tips.back().copied().unwrap_or_default();
        let at = FactPosition { block, log_index: DEEP_REORG_LOG_INDEX, block_hash, chain_tx: Hash::ZERO };
        self.cursor = Some(at);
        self.halted = true;
        Ok(ChainFact { at, kind: FactKind::DeepReorg { depth } })
    }

    /// The newest block taken that still stands; if none that is remembered does, the one before the oldest of them.
    async fn last_standing(&self) -> Result<u64, ChainError> {
        for (number, hash) in self.tips.iter().rev() {
            if self.chain.block(*number).await?.is_some_and(|block| block.hash == *hash) {
                return Ok(*number);
            }
        }
        Ok(self.tips.front().map_or(0, |(number, _)| number.saturating_sub(1)))
    }
}

fn stands_in(log: &LogRecord, block: &Head) -> bool {
    log.block == block.number && log.block_hash == block.hash && log.log_index < TIME_LOG_INDEX
}
