//! Blocks (TX-6).

use crate::backend::StoredBlock;
use crate::text::{AsText, hex};
use schemars::JsonSchema;
use serde::Serialize;
use xln_types::{EntityId, Hash, SignerId, TxHash};

/// A block.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BlockView {
    number: AsText<u64>,
    /// keccak256 of the header.
    hash: AsText<Hash>,
    previous_hash: AsText<Hash>,
    /// Unix seconds.
    timestamp: u64,
    /// Unix milliseconds, as in the header.
    timestamp_ms: u64,
    state_root: AsText<Hash>,
    transaction_root: AsText<Hash>,
    receipt_root: AsText<Hash>,
    /// How many entries.
    entries: u64,
    /// Sequence of the last entry in the log's order.
    last_sequence: u64,
    proposer: AsText<SignerId>,
    seal: SealView,
    /// The hashes of its entries, in order.
    transactions: Vec<AsText<TxHash>>,
}

/// What the hub signs for a block.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SealView {
    hub: AsText<EntityId>,
    board_epoch: u64,
    previous_seal: AsText<Hash>,
    proofs_root: AsText<Hash>,
    /// 65 bytes r ‖ s ‖ v; absent until it is signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

impl From<&StoredBlock> for BlockView {
    fn from(block: &StoredBlock) -> BlockView {
        let (header, seal) = (&block.header, &block.seal);
        BlockView {
            number: AsText(header.number),
            hash: AsText(block.hash),
            previous_hash: AsText(header.previous_hash),
            timestamp: header.timestamp_ms / 1000,
            timestamp_ms: header.timestamp_ms,
            state_root: AsText(header.state_root),
            transaction_root: AsText(header.transaction_root),
            receipt_root: AsText(header.receipt_root),
            entries: header.entries,
            last_sequence: header.last_sequence,
            proposer: AsText(header.proposer),
            seal: SealView {
                hub: AsText(seal.hub),
                board_epoch: seal.board_epoch,
                previous_seal: AsText(seal.previous_seal),
                proofs_root: AsText(seal.proofs_root),
                signature: block.signature.as_ref().map(|signature| hex(signature)),
            },
            transactions: block.entries.iter().map(|hash| AsText(*hash)).collect(),
        }
    }
}
