//! Binary frames: RLP in and out, many signed transactions in one frame.

use super::{ApiSession, ID_BYTES_MAX, Work};
use crate::api::Api;
use crate::error::{ApiError, Code};
use crate::methods::{BATCH_TXS_MAX, SUBMIT_NAME};
use alloy_rlp::Header;
use futures_util::future::join_all;
use std::future::Future;
use xln_crypto::derive;
use xln_types::codec::{Blob, Decodable, RlpEncodable, RlpError, TX_BYTES_MAX};
use xln_types::{Transaction, TxHash};

/// What a binary frame leads to.
pub(super) enum Begun {
    /// Signed transactions, and the place of `tx.submit` in the table.
    Batch(usize, Vec<Transaction>),
    /// Any other method.
    Other(Work),
}

/// What it gave.
pub(super) enum Given {
    /// Of each transaction.
    Batch(Vec<TxResult>),
    /// JSON.
    Text(String),
}

/// What became of one transaction of a batch.
#[derive(RlpEncodable)]
pub(super) struct TxResult {
    hash: TxHash,
    /// 0: executed.
    code: u64,
}

#[derive(RlpEncodable)]
struct BatchAnswer {
    id: Blob,
    results: Vec<TxResult>,
}

#[derive(RlpEncodable)]
struct TextAnswer {
    id: Blob,
    text: Blob,
}

#[derive(RlpEncodable)]
struct Failed {
    id: Blob,
    code: u64,
    reason: Blob,
}

/// The answer's frame.
pub(super) fn envelope(id: Blob, given: Result<Given, ApiError>) -> Vec<u8> {
    match given {
        Ok(Given::Batch(results)) => alloy_rlp::encode(BatchAnswer { id, results }),
        Ok(Given::Text(text)) => alloy_rlp::encode(TextAnswer { id, text: Blob(text.into_bytes()) }),
        Err(error) => {
            let (code, reason) = (u64::from(error.code.number()), Blob(error.reason().as_bytes().to_vec()));
            alloy_rlp::encode(Failed { id, code, reason })
        }
    }
}

fn malformed(error: &RlpError) -> ApiError {
    ApiError::new(Code::InvalidRequest, "malformed_rlp", format!("malformed RLP: {error}"))
}

fn too_large(limit: usize) -> ApiError {
    ApiError::new(Code::TooLarge, "too_large", "past the bound").with("expected", limit)
}

/// The frame's parts: id, method number, and the rest, which is the parameters.
fn split(frame: &[u8]) -> Result<(Blob, u64, &[u8]), RlpError> {
    let mut rest = frame;
    let mut payload = Header::decode_bytes(&mut rest, true)?;
    if !rest.is_empty() {
        return Err(RlpError::UnexpectedLength);
    }
    let id = Blob::decode(&mut payload)?;
    let number = u64::decode(&mut payload)?;
    Ok((id, number, payload))
}

/// The transactions of a batch. Each is bounded before it is read.
fn transactions(params: &[u8]) -> Result<Vec<Transaction>, ApiError> {
    let mut rest = params;
    let mut list = Header::decode_bytes(&mut rest, true).map_err(|error| malformed(&error))?;
    if !rest.is_empty() {
        return Err(malformed(&RlpError::UnexpectedLength));
    }
    let mut found = Vec::new();
    while !list.is_empty() {
        if BATCH_TXS_MAX <= found.len() {
            return Err(too_large(BATCH_TXS_MAX));
        }
        let before = list.len();
        found.push(Transaction::decode(&mut list).map_err(|error| malformed(&error))?);
        if TX_BYTES_MAX < before.saturating_sub(list.len()) {
            return Err(too_large(TX_BYTES_MAX));
        }
    }
    Ok(found)
}

/// The JSON parameters of any other method.
fn text(params: &[u8]) -> Result<String, ApiError> {
    let blob: Blob = xln_types::codec::decode(params).map_err(|error| malformed(&error))?;
    if blob.0.is_empty() {
        return Ok("{}".to_owned());
    }
    String::from_utf8(blob.0).map_err(|_| ApiError::new(Code::InvalidRequest, "malformed", "not UTF-8"))
}

impl ApiSession {
    /// Reads a binary frame: its id, and what it leads to.
    pub(super) fn read_binary(&mut self, frame: &[u8]) -> (Blob, Result<Begun, ApiError>) {
        let (id, number, params) = match split(frame) {
            Ok(parts) => parts,
            Err(error) => return (Blob::default(), Err(malformed(&error))),
        };
        if ID_BYTES_MAX < id.0.len() {
            return (Blob::default(), Err(too_large(ID_BYTES_MAX).with("field", "id")));
        }
        let begun = self.api.method_numbered(number).and_then(|index| {
            if self.api.method(index).is_some_and(|method| method.name == SUBMIT_NAME) {
                let batch = transactions(params)?;
                self.admit_batch(index, batch.len())?;
                return Ok(Begun::Batch(index, batch));
            }
            self.begin(index, &text(params)?, None).map(Begun::Other)
        });
        (id, begun)
    }

    /// Each transaction of a batch counts as one request.
    fn admit_batch(&self, index: usize, count: usize) -> Result<(), ApiError> {
        let caller = self.caller();
        for _ in 0..count.max(1) {
            self.api.admit(index, caller.as_ref())?;
        }
        Ok(())
    }

    /// Carries on: borrows nothing of the session.
    pub(super) fn work_binary(
        &self,
        begun: Result<Begun, ApiError>,
    ) -> impl Future<Output = Result<Given, ApiError>> + Send + 'static {
        let api = self.api.clone();
        let (batch, other) = match begun {
            Ok(Begun::Batch(index, batch)) => (Some((index, batch)), None),
            Ok(Begun::Other(work)) => (None, Some(self.work(Ok(work)))),
            Err(error) => (None, Some(self.work(Err(error)))),
        };
        async move {
            match (batch, other) {
                (Some((index, batch)), _) => Ok(Given::Batch(submit(&api, index, batch).await?)),
                (None, Some(working)) => Ok(Given::Text(working.await?)),
                (None, None) => Ok(Given::Batch(Vec::new())),
            }
        }
    }
}

/// Submits a batch in its order; the answers come in it too.
async fn submit(api: &Api, index: usize, batch: Vec<Transaction>) -> Result<Vec<TxResult>, ApiError> {
    let (chain_id, hub) = api.identity().await?;
    let one = async |tx: Transaction| {
        let hash = derive::tx_hash(chain_id, hub, &tx);
        let result = crate::methods::execute(api, tx).await;
        api.0.metrics.count(index, result.as_ref().err().map(|error| error.code));
        TxResult { hash, code: result.err().map_or(0, |error| u64::from(error.code.number())) }
    };
    Ok(join_all(batch.into_iter().map(one)).await)
}
