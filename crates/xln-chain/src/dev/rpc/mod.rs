//! JSON-RPC 2.0 as Ethereum's tools speak it: what comes in is checked, bounded and answered; nothing in it can panic us.
//!
//! One file a subject: [`blocks`] (blocks, transactions, receipts, logs), [`state`] (balances, code, calls, gas), [`send`]
//! (transactions and time travel); [`params`] reads, [`render`] writes.

mod blocks;
mod params;
mod render;
mod send;
mod state;

use crate::dev::DevChain;
use params::Params;
use serde_json::{Value, json};

/// Longest body that is read.
pub(crate) const BODY_BYTES_MAX: usize = 2 << 20;
/// Most requests in one batch.
pub(crate) const BATCH_MAX: usize = 1_000;

const PARSE_ERROR: i64 = -32_700;
const INVALID_REQUEST: i64 = -32_600;
const METHOD_NOT_FOUND: i64 = -32_601;
const INVALID_PARAMS: i64 = -32_602;
const INTERNAL: i64 = -32_603;
/// What Ethereum nodes answer when a request is well formed and can't be done.
const REFUSED: i64 = -32_000;
const LIMIT: i64 = -32_005;
/// A call reverted: its data says why.
const REVERTED: i64 = 3;

/// An error of JSON-RPC.
#[derive(Debug)]
pub(crate) struct RpcError {
    code: i64,
    message: String,
    data: Option<String>,
}

impl RpcError {
    fn new(code: i64, message: impl Into<String>) -> RpcError {
        RpcError { code, message: message.into(), data: None }
    }

    fn params(message: impl Into<String>) -> RpcError {
        RpcError::new(INVALID_PARAMS, message)
    }

    fn refused(message: impl Into<String>) -> RpcError {
        RpcError::new(REFUSED, message)
    }

    fn json(&self) -> Value {
        match &self.data {
            None => json!({ "code": self.code, "message": self.message }),
            Some(data) => json!({ "code": self.code, "message": self.message, "data": data }),
        }
    }
}

type Answer = Result<Value, RpcError>;

/// Answers a body; `None` if it held only notifications.
pub(crate) fn answer(chain: &DevChain, body: &[u8]) -> Option<Vec<u8>> {
    let answered = match serde_json::from_slice(body) {
        Err(_) => Some(failed(Value::Null, &RpcError::new(PARSE_ERROR, "not JSON"))),
        Ok(Value::Array(batch)) => answer_batch(chain, &batch),
        Ok(request) => answer_one(chain, &request),
    };
    answered.map(|value| value.to_string().into_bytes())
}

fn answer_batch(chain: &DevChain, batch: &[Value]) -> Option<Value> {
    if batch.is_empty() {
        return Some(failed(Value::Null, &RpcError::new(INVALID_REQUEST, "empty batch")));
    }
    if BATCH_MAX < batch.len() {
        let error = RpcError::new(LIMIT, format!("batch too long: requests={} max={BATCH_MAX}", batch.len()));
        return Some(failed(Value::Null, &error));
    }
    let answers: Vec<Value> = batch.iter().filter_map(|request| answer_one(chain, request)).collect();
    if answers.is_empty() { None } else { Some(Value::Array(answers)) }
}

fn answer_one(chain: &DevChain, request: &Value) -> Option<Value> {
    let invalid = |what: &str| Some(failed(Value::Null, &RpcError::new(INVALID_REQUEST, what)));
    let Some(object) = request.as_object() else { return invalid("a request is an object") };
    let id = match object.get("id") {
        None => None,
        Some(id @ (Value::Null | Value::String(_) | Value::Number(_))) => Some(id.clone()),
        Some(_) => return invalid("an id is a string, a number or null"),
    };
    if object.get("jsonrpc").is_some_and(|version| version != "2.0") {
        return invalid("jsonrpc is \"2.0\"");
    }
    let Some(method) = object.get("method").and_then(Value::as_str) else { return invalid("no method") };
    let answered = match object.get("params") {
        None | Some(Value::Null) => dispatch(chain, method, &Params::new(&[])),
        Some(Value::Array(params)) => dispatch(chain, method, &Params::new(params)),
        Some(_) => Err(RpcError::params("params is an array")),
    };
    id.map(|id| match answered {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(error) => failed(id, &error),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "json! takes the id as it stands")]
fn failed(id: Value, error: &RpcError) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": error.json() })
}

fn dispatch(chain: &DevChain, method: &str, params: &Params<'_>) -> Answer {
    chain.with(|machine| match method {
        "web3_clientVersion" => Ok(json!(concat!("xln/", env!("CARGO_PKG_VERSION"), "/dev"))),
        "web3_sha3" => state::sha3(params),
        "net_version" => Ok(json!(machine.chain_id().to_string())),
        "net_listening" => Ok(json!(true)),
        "eth_chainId" => Ok(render::number(machine.chain_id())),
        "eth_syncing" => Ok(json!(false)),
        "eth_accounts" | "eth_requestAccounts" => Ok(state::accounts()),
        "eth_gasPrice" => Ok(render::number(state::GAS_PRICE_WEI)),
        "eth_maxPriorityFeePerGas" => Ok(render::number(state::TIP_WEI)),
        "eth_feeHistory" => state::fee_history(machine, params),
        "eth_getBalance" => state::balance(machine, params),
        "eth_getTransactionCount" => state::transaction_count(machine, params),
        "eth_getCode" => state::code(machine, params),
        "eth_getStorageAt" => state::storage(machine, params),
        "eth_call" => state::call(machine, params),
        "eth_estimateGas" => state::estimate_gas(machine, params),
        "eth_blockNumber" => Ok(render::number(machine.ledger().height())),
        "eth_getBlockByNumber" => blocks::by_number(machine, params),
        "eth_getBlockByHash" => blocks::by_hash(machine, params),
        "eth_getBlockTransactionCountByNumber" => blocks::count_by_number(machine, params),
        "eth_getTransactionByHash" => blocks::transaction(machine, params),
        "eth_getTransactionReceipt" => blocks::receipt(machine, params),
        "eth_getLogs" => blocks::logs(machine, params),
        "eth_sendRawTransaction" => send::raw(machine, params),
        "eth_sendTransaction" => send::unlocked(machine, params),
        "evm_mine" => send::mine(machine, params),
        "evm_increaseTime" => send::increase_time(machine, params),
        "evm_setNextBlockTimestamp" => send::set_next_timestamp(machine, params),
        _ => Err(RpcError::new(METHOD_NOT_FOUND, format!("no such method: {}", cut(method)))),
    })
}

/// As much of what came in as an answer repeats.
fn cut(text: &str) -> String {
    const CHARS_MAX: usize = 64;
    text.chars().take(CHARS_MAX).collect()
}
