//! Receipts (API.md *Values*).

use crate::directory::Directory;
use crate::error::ApiError;
use crate::sight::Sight;
use crate::text::{AsText, hex};
use crate::view::event;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use xln_types::{Receipt, TxHash};

/// When it was executed and durable.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConfirmedView {
    /// Its number in the log's order, from 1.
    seq: u64,
    /// Unix seconds.
    timestamp: u64,
    /// Unix milliseconds.
    timestamp_ms: u64,
}

/// Where it is sealed.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SealedView {
    /// The block's number.
    block: AsText<u64>,
    /// Its place in the block, from 0.
    index: u64,
}

/// A record before and after.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ChangeView {
    /// Its path in the state tree.
    path: String,
    /// RLP of the record before; empty where there was none.
    old: String,
    /// RLP of the record after; empty where there is none.
    new: String,
}

/// What became of an input.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ReceiptView {
    hash: AsText<TxHash>,
    /// `executed` or `rejected`.
    status: &'static str,
    confirmed: ConfirmedView,
    #[serde(skip_serializing_if = "Option::is_none")]
    sealed: Option<SealedView>,
    /// Deterministic cost units.
    cost: u64,
    /// What happened, as far as it concerns the caller's entities and channels.
    logs: Vec<Value>,
    /// Which records changed, of those that the caller may see: its own, and those of channels in which it stands.
    changes: Vec<ChangeView>,
    /// Why it was refused, as an error's code, message and details.
    #[serde(skip_serializing_if = "Option::is_none")]
    rejection: Option<Value>,
}

impl ReceiptView {
    /// A receipt, and where it is sealed, as it looks to one caller.
    pub(crate) fn new(
        receipt: &Receipt,
        sealed: Option<(u64, u64)>,
        directory: &Directory,
        sight: &Sight,
    ) -> ReceiptView {
        let logs = receipt.logs.iter().filter(|log| sight.sees_event(log));
        let changes = receipt.changes.iter().filter(|change| sight.sees_change(change));
        let change = |change: &xln_types::StateChange| ChangeView {
            path: change.path.to_string(),
            old: hex(&change.old.0),
            new: hex(&change.new.0),
        };
        ReceiptView {
            hash: AsText(receipt.hash),
            status: if receipt.is_executed() { "executed" } else { "rejected" },
            confirmed: ConfirmedView {
                seq: receipt.sequence,
                timestamp: receipt.executed_at_ms / 1000,
                timestamp_ms: receipt.executed_at_ms,
            },
            sealed: sealed.map(|(block, index)| SealedView { block: AsText(block), index }),
            cost: receipt.cost,
            logs: logs.map(|log| event::event(log, directory)).collect(),
            changes: changes.map(change).collect(),
            rejection: receipt.rejection().map(|rejection| ApiError::from(rejection).to_json()),
        }
    }
}
