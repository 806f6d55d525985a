//! Why the development chain can't be opened, grow or serve.

use xln_storage::{DiskError, LogError};

/// What failed.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// The folder can't be used.
    #[error("chain folder: {0}")]
    Disk(#[from] DiskError),
    /// The log of blocks can't be read or written.
    #[error("chain log: {0}")]
    Log(#[from] LogError),
    /// A record that isn't one of ours.
    #[error("chain log: not a record of this program: sequence={sequence}")]
    Record {
        /// Which.
        sequence: u64,
    },
    /// The folder holds another chain.
    #[error("chain folder holds another chain: chain_id={found} wanted={wanted}")]
    ChainId {
        /// In the folder.
        found: u64,
        /// Asked for.
        wanted: u64,
    },
    /// A block, executed again, came out different: this program isn't the one that mined it.
    #[error("chain log: block came out different: block={block}")]
    Diverged {
        /// The first that did.
        block: u64,
    },
    /// An artifact under `contracts/artifacts` isn't one, or a transaction of the deployment failed.
    #[error("deployment failed: what={what}")]
    Deployment {
        /// Which.
        what: String,
    },
    /// The development chain serves loopback alone.
    #[error("not a loopback address: address={address}")]
    NotLoopback {
        /// The address of the listener.
        address: String,
    },
    /// The listener failed.
    #[error("listener: {0}")]
    Listener(#[from] std::io::Error),
}
