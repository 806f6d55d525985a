//! From what a node says to what it means: every shape, range and length is checked before it is believed.

use crate::client::{Head, LOG_BYTES_MAX, LOGS_MAX, LogRecord, MESSAGE_CHARS_MAX, Mined};
use crate::error::ChainError;
use crate::json::{self, field_address, field_hash, field_u64, text};
use alloy_primitives::Bloom;
use serde_json::Value;

/// The result of an answer, or its error.
pub(crate) fn take_result(method: &str, mut answer: Value) -> Result<Value, ChainError> {
    if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
        return Err(parse_error(method, error));
    }
    match answer.get_mut("result") {
        Some(result) => Ok(result.take()),
        None => Err(ChainError::malformed(method, "neither result nor error")),
    }
}

/// Code 3 is what nodes answer for a revert; some say it only in words.
fn parse_error(method: &str, error: &Value) -> ChainError {
    let cut = |text: &str| text.chars().take(MESSAGE_CHARS_MAX).collect::<String>();
    let code = error.get("code").and_then(Value::as_i64).unwrap_or(0);
    let message = cut(text(error, "message").unwrap_or(""));
    if code == 3 || message.contains("execution reverted") {
        return ChainError::Reverted { message, data: cut(text(error, "data").unwrap_or("")) };
    }
    ChainError::Rpc { method: method.to_owned(), code, message }
}

/// A block, without its transactions.
pub(crate) fn parse_head(block: &Value) -> Option<Head> {
    let bloom = json::parse_data(text(block, "logsBloom")?, Bloom::len_bytes())?;
    Some(Head {
        number: field_u64(block, "number")?,
        hash: field_hash(block, "hash")?,
        parent: field_hash(block, "parentHash")?,
        timestamp_s: field_u64(block, "timestamp")?,
        bloom: Bloom::try_from(bloom.as_slice()).ok()?,
    })
}

/// A list of mined logs.
pub(crate) fn parse_logs(answer: &Value) -> Result<Vec<LogRecord>, ChainError> {
    let malformed = |what: &str| ChainError::malformed("eth_getLogs", what);
    let list = answer.as_array().ok_or_else(|| malformed("not a list"))?;
    if list.len() > LOGS_MAX {
        return Err(malformed("too many logs"));
    }
    list.iter().map(|log| parse_log(log).ok_or_else(|| malformed("not a mined log"))).collect()
}

fn parse_log(log: &Value) -> Option<LogRecord> {
    if log.get("removed").and_then(Value::as_bool) == Some(true) {
        return None;
    }
    let topics = log.get("topics")?.as_array().filter(|topics| topics.len() <= 4)?;
    Some(LogRecord {
        address: field_address(log, "address")?,
        topics: topics.iter().map(|topic| topic.as_str()?.parse().ok()).collect::<Option<_>>()?,
        data: json::parse_data(text(log, "data")?, LOG_BYTES_MAX)?,
        block: field_u64(log, "blockNumber")?,
        block_hash: field_hash(log, "blockHash")?,
        chain_tx: field_hash(log, "transactionHash")?,
        log_index: field_u64(log, "logIndex")?,
    })
}

/// How a transaction was mined.
pub(crate) fn parse_receipt(receipt: &Value) -> Option<Mined> {
    Some(Mined {
        block: field_u64(receipt, "blockNumber")?,
        block_hash: field_hash(receipt, "blockHash")?,
        succeeded: field_u64(receipt, "status")? == 1,
        gas_used: field_u64(receipt, "gasUsed")?,
        created: field_address(receipt, "contractAddress"),
    })
}
