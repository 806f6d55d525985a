//! A chain made of script lines that can be forked at will: what a reorganisation looks like to a reader.

use alloy_primitives::{Bloom, BloomInput, U256, keccak256};
use alloy_sol_types::SolEvent;
use async_trait::async_trait;
use std::sync::Mutex;
use xln_chain::bindings::IDepositary;
use xln_chain::{Call, Chain, ChainError, Fees, Head, LogRecord, Mined};
use xln_types::{Address, Amount, Hash};

pub(crate) const DEPOSITARY: Address = Address([0xde; 20]);
pub(crate) const STRANGER: Address = Address([0x55; 20]);

#[derive(Clone)]
struct Block {
    head: Head,
    logs: Vec<LogRecord>,
}

/// A fork that comes when so many more questions have been answered.
struct Pending {
    questions: usize,
    keep: usize,
    blocks: Vec<Vec<u128>>,
}

/// The double. Blocks are replaced under the reader's feet, between any two of its questions.
#[derive(Default)]
pub(crate) struct ForkChain {
    blocks: Mutex<Vec<Block>>,
    pending: Mutex<Option<Pending>>,
}

impl ForkChain {
    /// A chain whose blocks hold deposits of these amounts.
    pub(crate) fn new(blocks: &[Vec<u128>]) -> ForkChain {
        let chain = ForkChain::default();
        chain.extend("first", blocks);
        chain
    }

    /// Puts blocks on top; `branch` makes their hashes their own.
    pub(crate) fn extend(&self, branch: &str, blocks: &[Vec<u128>]) {
        let mut all = self.blocks.lock().expect("lock");
        for deposits in blocks {
            let number = all.len() as u64;
            let parent = all.last().map_or(Hash::ZERO, |block| block.head.hash);
            let hash = Hash(keccak256(format!("{branch} {number} {parent}")).0);
            let logs = (0..).zip(deposits).map(|(index, amount)| deposit(DEPOSITARY, number, hash, index, *amount));
            all.push(Block { head: head(number, hash, parent), logs: logs.collect() });
        }
    }

    /// Throws away all but the first `keep` blocks, and puts others on top.
    pub(crate) fn fork(&self, branch: &str, keep: usize, blocks: &[Vec<u128>]) {
        self.blocks.lock().expect("lock").truncate(keep);
        self.extend(branch, blocks);
    }

    /// The same, but only once `questions` more have been answered.
    pub(crate) fn fork_after(&self, questions: usize, keep: usize, blocks: &[Vec<u128>]) {
        *self.pending.lock().expect("lock") = Some(Pending { questions, keep, blocks: blocks.to_vec() });
    }

    /// Changes the logs of the newest block.
    pub(crate) fn edit(&self, edit: impl FnOnce(&mut Vec<LogRecord>)) {
        edit(&mut self.blocks.lock().expect("lock").last_mut().expect("a block").logs);
    }

    fn asked(&self) {
        let mut pending = self.pending.lock().expect("lock");
        match pending.take() {
            Some(Pending { questions: 0, keep, blocks }) => self.fork("other", keep, &blocks),
            Some(waiting) => *pending = Some(Pending { questions: waiting.questions - 1, ..waiting }),
            None => {}
        }
    }
}

fn head(number: u64, hash: Hash, parent: Hash) -> Head {
    let mut bloom = Bloom::ZERO;
    for address in [DEPOSITARY, STRANGER] {
        bloom.accrue(BloomInput::Raw(&address.0));
    }
    Head { number, hash, parent, timestamp_s: 1_000 + number, bloom }
}

/// The log that a deposit of `amount` leaves.
pub(crate) fn deposit(address: Address, block: u64, block_hash: Hash, log_index: u64, amount: u128) -> LogRecord {
    let event = IDepositary::Deposited {
        entity: [1; 32].into(),
        asset: [2; 32].into(),
        amount: U256::from(amount),
        from: [3; 20].into(),
    };
    let log = event.encode_log_data();
    LogRecord {
        address,
        topics: log.topics().iter().map(|topic| Hash(topic.0)).collect(),
        data: log.data.to_vec(),
        block,
        block_hash,
        chain_tx: Hash(keccak256(amount.to_be_bytes()).0),
        log_index,
    }
}

fn no_such_thing<T>(method: &str) -> Result<T, ChainError> {
    Err(ChainError::Rpc { method: method.to_owned(), code: -32_601, message: "not in this double".to_owned() })
}

#[async_trait]
impl Chain for ForkChain {
    async fn chain_id(&self) -> Result<u64, ChainError> {
        Ok(1)
    }
    async fn head(&self) -> Result<Head, ChainError> {
        self.asked();
        Ok(self.blocks.lock().expect("lock").last().expect("a block").head.clone())
    }
    async fn blocks(&self, from: u64, to: u64) -> Result<Vec<Head>, ChainError> {
        self.asked();
        let all = self.blocks.lock().expect("lock");
        Ok(all.iter().map(|block| block.head.clone()).filter(|head| (from..=to).contains(&head.number)).collect())
    }
    async fn logs(&self, _: Address, block_hash: Hash) -> Result<Vec<LogRecord>, ChainError> {
        self.asked();
        let all = self.blocks.lock().expect("lock");
        match all.iter().find(|block| block.head.hash == block_hash) {
            Some(block) => Ok(block.logs.clone()),
            None => no_such_thing("eth_getLogs"),
        }
    }
    async fn native_balance(&self, _: Address) -> Result<Amount, ChainError> {
        no_such_thing("eth_getBalance")
    }
    async fn transaction_count(&self, _: Address) -> Result<u64, ChainError> {
        no_such_thing("eth_getTransactionCount")
    }
    async fn fees(&self) -> Result<Fees, ChainError> {
        no_such_thing("eth_gasPrice")
    }
    async fn call(&self, _: &Call) -> Result<Vec<u8>, ChainError> {
        no_such_thing("eth_call")
    }
    async fn estimate_gas(&self, _: &Call) -> Result<u64, ChainError> {
        no_such_thing("eth_estimateGas")
    }
    async fn send_raw(&self, _: &[u8]) -> Result<Hash, ChainError> {
        no_such_thing("eth_sendRawTransaction")
    }
    async fn knows(&self, _: Hash) -> Result<bool, ChainError> {
        no_such_thing("eth_getTransactionByHash")
    }
    async fn receipt(&self, _: Hash) -> Result<Option<Mined>, ChainError> {
        no_such_thing("eth_getTransactionReceipt")
    }
}
