//! Why the chain didn't answer as hoped. The world failed, never the protocol: a revert met in a simulation says so.

/// What went wrong on the way to the chain or in its answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// Not an endpoint that may be used: `http` on loopback, or `https`.
    #[error("endpoint refused: reason={reason}")]
    Endpoint {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No connection, or no answer in time. Nothing is known about whether a request took effect.
    #[error("chain unreachable: method={method} cause={cause}")]
    Unreachable {
        /// The method that was called.
        method: String,
        /// What the network said.
        cause: String,
    },
    /// The chain answered with an error.
    #[error("chain refused: method={method} code={code} message={message}")]
    Rpc {
        /// The method that was called.
        method: String,
        /// JSON-RPC error code.
        code: i64,
        /// What it said, cut to a bounded length.
        message: String,
    },
    /// A call, simulated, reverts.
    #[error("call reverts: message={message}")]
    Reverted {
        /// What the chain said, cut to a bounded length.
        message: String,
        /// What the contract returned, `0x` hex, cut to a bounded length; empty when unknown.
        data: String,
    },
    /// An answer that can't be what was asked for.
    #[error("malformed answer: method={method} what={what}")]
    Malformed {
        /// The method that was called.
        method: String,
        /// What is wrong.
        what: String,
    },
    /// Another chain than the one that the hub stands on, or no depositary of ours at the address.
    #[error("not the hub's chain: {what}: expected={expected} found={found}")]
    Foreign {
        /// What differs.
        what: &'static str,
        /// What the hub stands on.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The chain changed between two questions; ask again.
    #[error("chain moved while it was read: block={block}")]
    Moved {
        /// The block that is no longer what it was.
        block: u64,
    },
    /// A receipt didn't appear in time. The transaction may still be mined.
    #[error("not mined in time: hash={hash} waited_ms={waited_ms}")]
    NotMined {
        /// The transaction.
        hash: xln_types::Hash,
        /// How long was waited.
        waited_ms: u64,
    },
    /// A key, fee or number that no transaction can carry.
    #[error("unsignable: reason={reason}")]
    Unsignable {
        /// What is wrong with it; never the key.
        reason: &'static str,
    },
}

impl ChainError {
    pub(crate) fn malformed(method: &str, what: impl Into<String>) -> ChainError {
        ChainError::Malformed { method: method.to_owned(), what: what.into() }
    }
}
