//! Transactions that their senders signed (TX-2, TX-3), and receipts (TX-6).

use crate::access::Access;
use crate::api::Api;
use crate::backend::{Request, SubmitError};
use crate::call::Call;
use crate::error::{ApiError, Code};
use crate::method::{Method, get, post};
use crate::sight::Sight;
use crate::text::{AsText, Bytes};
use crate::view::receipt::ReceiptView;
use schemars::JsonSchema;
use serde::Deserialize;
use xln_types::codec::{TX_BYTES_MAX, decode};
use xln_types::{Receipt, Transaction, TxHash};

/// Most transactions of one binary frame.
pub(crate) const BATCH_TXS_MAX: usize = 8192;
/// The method whose binary parameters are transactions themselves.
pub(crate) const SUBMIT_NAME: &str = "tx.submit";

pub(super) fn table() -> Vec<Method> {
    vec![
        Method::new(
            SUBMIT_NAME,
            104,
            Access::User,
            post("/transactions"),
            "Executes a transaction that its sender signed: the RLP of [type, from, to, nonce, data, fee, timestamp, \
             signature]. Answers its receipt, as far as the caller may see it; the same bytes again get the first receipt. In a binary frame: RLP \
             [id, 104, [transaction, …]] with up to 8192 transactions as lists, answered [id, [[hash, code], …]] in \
             their order; code 0 is executed, else an error code. Every other method's binary frame carries its JSON \
             parameters as a byte string, answered [id, JSON]; a frame that fails as a whole gets [id, code, reason].",
            submit,
        ),
        Method::new(
            "tx.receipt",
            105,
            Access::User,
            get("/transactions/{hash}"),
            "What became of a transaction: confirmed once durable, sealed once in a block that the hub signed. A user sees \
             of it what concerns its own entities and the channels in which they stand.",
            receipt,
        ),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Submit {
    /// RLP of the signed transaction, as hex.
    transaction: AsText<Bytes>,
}

/// Executes a signed transaction: its receipt, also when it was executed before (TX-2).
///
/// # Errors
/// TX-5: the core's rejection, or why it wasn't executed.
pub(crate) async fn execute(api: &Api, tx: Transaction) -> Result<Receipt, ApiError> {
    let receipt = match api.0.backend.submit(Request::Signed(tx)).await {
        Ok(confirmed) => confirmed.receipt,
        Err(SubmitError::Known(receipt)) => *receipt,
        Err(error) => return Err(ApiError::from(error)),
    };
    match ApiError::from_receipt(&receipt) {
        Some(error) => Err(error),
        None => Ok(receipt),
    }
}

async fn submit(call: Call, params: Submit) -> Result<ReceiptView, ApiError> {
    if TX_BYTES_MAX < params.transaction.0.0.len() {
        let error = ApiError::new(Code::TooLarge, "too_large", "the transaction is too large");
        return Err(error.with("field", "transaction").with("expected", TX_BYTES_MAX));
    }
    let tx = decode::<Transaction>(&params.transaction.0.0).map_err(|error| {
        let answer = ApiError::new(Code::InvalidRequest, "malformed_rlp", format!("malformed RLP: {error}"));
        answer.with("field", "transaction")
    })?;
    let receipt = execute(&call.api, tx).await?;
    let sight = call.sight(&receipt).await?;
    view(&call, &receipt, &sight).await
}

async fn view(call: &Call, receipt: &Receipt, sight: &Sight) -> Result<ReceiptView, ApiError> {
    for log in &receipt.logs {
        if let Some(asset) = crate::view::event::asset_of(log) {
            call.symbol(asset).await?;
        }
    }
    let sealed = call.api.0.backend.receipt(receipt.hash).and_then(|stored| stored.sealed);
    Ok(ReceiptView::new(receipt, sealed, &call.api.0.directory, sight))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetReceipt {
    hash: AsText<TxHash>,
}

async fn receipt(call: Call, params: GetReceipt) -> Result<ReceiptView, ApiError> {
    let unknown = || ApiError::unknown("transaction").with("field", "hash");
    let stored = call.api.0.backend.receipt(params.hash.0).ok_or_else(unknown)?;
    let sight = call.sight(&stored.receipt).await?;
    if !sight.sees_any() {
        return Err(unknown());
    }
    view(&call, &stored.receipt, &sight).await
}
