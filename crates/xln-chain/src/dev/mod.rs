//! An Ethereum in the process: a real EVM, durable under a folder, behind the JSON-RPC that wallets and tools speak. What
//! `xln dev` runs, and what the tests of everything that touches the chain run on.
//!
//! It mines a block with each transaction and one each second. It has no peers, so it never reorganises, and every block is
//! final; it keeps no state of past blocks and no state trie (headers have a zero state root). Its base fee is constant. A
//! transaction must have the sender's next nonce: there is no pool. `evm_increaseTime`, `evm_setNextBlockTimestamp` and
//! `evm_mine` travel in time. It takes ten well-known keys for its own: never let it face a network, and it won't.
//!
//! Read [`machine`](self) for how a block comes to be (`machine.rs`), then `rpc/` for what can be asked.

pub mod accounts;
pub mod deploy;
pub mod error;
mod evm;
mod ledger;
mod machine;
mod rpc;
mod server;
mod store;

pub use accounts::DevAccount;
pub use deploy::{Deployment, DevToken};
pub use error::DevError;
pub use machine::Clock;
pub use server::DevServer;

use crate::client::Transport;
use crate::error::ChainError;
use machine::{Durable, Machine};
use serde_json::Value;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::net::TcpListener;

/// The chain id unless configured otherwise: the one that local tools expect.
pub const CHAIN_ID: u64 = 31_337;
/// How often a block is mined without a transaction, in milliseconds, unless configured otherwise.
pub const BLOCK_INTERVAL_MS: u64 = 1_000;
/// The gas that a block, and so a transaction, may use.
pub const BLOCK_GAS_MAX: u64 = 30_000_000;

/// How a development chain runs.
#[derive(Clone)]
pub struct DevOptions {
    /// EIP-155 chain id. A folder keeps its own, and is refused with another.
    pub chain_id: u64,
    /// How often a server mines without a transaction; `None`: only when asked to.
    pub block_interval: Option<Duration>,
    /// Where block times come from.
    pub clock: Clock,
}

impl Default for DevOptions {
    fn default() -> DevOptions {
        let clock = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        DevOptions {
            chain_id: CHAIN_ID,
            block_interval: Some(Duration::from_millis(BLOCK_INTERVAL_MS)),
            clock: Arc::new(clock),
        }
    }
}

impl fmt::Debug for DevOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let interval = &self.block_interval;
        f.debug_struct("DevOptions").field("chain_id", &self.chain_id).field("block_interval", interval).finish()
    }
}

/// A development chain. Clones are the same chain; the folder is free when the last one is gone.
#[derive(Clone)]
pub struct DevChain {
    machine: Arc<Mutex<Machine>>,
    block_interval: Option<Duration>,
}

impl DevChain {
    /// Opens the chain under `dir`, replaying its blocks; makes it, contracts deployed, if there is none.
    ///
    /// Blocks on the disk and the EVM: call it off the async threads.
    ///
    /// # Errors
    /// [`DevError`]; a deployment that was cut off is finished by the next open.
    pub fn open(dir: &Path, options: &DevOptions) -> Result<DevChain, DevError> {
        let mut machine = Machine::open(dir, options.chain_id, options.clock.clone())?;
        deploy_missing(&mut machine)?;
        Ok(DevChain { machine: Arc::new(Mutex::new(machine)), block_interval: options.block_interval })
    }

    /// Where the contracts and tokens stand.
    pub fn deployment(&self) -> Deployment {
        Deployment::standard()
    }

    /// EIP-155 chain id.
    pub fn chain_id(&self) -> u64 {
        self.with(|machine| machine.chain_id())
    }

    /// The newest block's number.
    pub fn height(&self) -> u64 {
        self.with(|machine| machine.ledger().height())
    }

    /// Mines a block without a transaction. Blocks on the disk.
    ///
    /// # Errors
    /// [`DevError`] if it can't be made durable; then it wasn't mined.
    pub fn mine(&self) -> Result<(), DevError> {
        self.with(Machine::mine)
    }

    /// Answers a JSON-RPC body, a request or a batch; `None` if there is nothing to answer. Blocks on disk and EVM.
    pub fn answer(&self, body: &[u8]) -> Option<Vec<u8>> {
        rpc::answer(self, body)
    }

    /// Serves JSON-RPC on `listener`, and mines each interval, until [`DevServer::shutdown`].
    ///
    /// # Errors
    /// [`DevError::NotLoopback`].
    pub fn serve(&self, listener: TcpListener) -> Result<DevServer, DevError> {
        server::serve(self.clone(), listener)
    }

    /// Lets one caller at a time at the machine. A panic while a block was committed would leave it half done; nothing in
    /// there panics on input, so a poisoned lock is passed on rather than refused.
    fn with<T>(&self, act: impl FnOnce(&mut Machine) -> T) -> T {
        act(&mut self.machine.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Account 0 sends nothing before these, so as many as it has sent are done.
fn deploy_missing(machine: &mut Machine) -> Result<(), DevError> {
    let done = machine.ledger().transactions();
    if deploy::TRANSACTIONS <= done {
        return Ok(());
    }
    for raw in deploy::signed(machine.chain_id())?.iter().skip(done) {
        let refused = |what: String| DevError::Deployment { what };
        let hash = machine.submit(raw, Durable::Later).map_err(|refusal| refused(refusal.to_string()))?;
        if machine.ledger().transaction(&hash).is_none_or(|mined| !mined.succeeded) {
            return Err(refused(format!("transaction {hash} reverted")));
        }
    }
    machine.sync()
}

/// The chain without a socket: each exchange runs off the async threads.
#[async_trait::async_trait]
impl Transport for DevChain {
    async fn exchange(&self, method: &str, body: Value) -> Result<Value, ChainError> {
        let unreachable = |cause: String| ChainError::Unreachable { method: method.to_owned(), cause };
        let chain = self.clone();
        let answering = tokio::task::spawn_blocking(move || chain.answer(body.to_string().as_bytes()));
        let answer = answering.await.map_err(|error| unreachable(error.to_string()))?;
        let answer = answer.ok_or_else(|| ChainError::malformed(method, "no answer"))?;
        serde_json::from_slice(&answer).map_err(|_| ChainError::malformed(method, "not JSON"))
    }
}
