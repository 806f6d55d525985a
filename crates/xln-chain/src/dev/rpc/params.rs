//! Reads parameters: by position, each to its type, with an error that names the position.

use super::{RpcError, cut};
use crate::dev::BLOCK_GAS_MAX;
use crate::dev::machine::{Machine, TRANSACTION_BYTES_MAX};
use crate::json;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use revm::context::TxEnv;
use serde_json::Value;

/// The parameters of one request.
pub(super) struct Params<'a>(&'a [Value]);

impl<'a> Params<'a> {
    pub(super) fn new(list: &'a [Value]) -> Params<'a> {
        Params(list)
    }

    /// What stands at `index`; `None` if nothing or null does.
    pub(super) fn get(&self, index: usize) -> Option<&'a Value> {
        self.0.get(index).filter(|value| !value.is_null())
    }

    fn need(&self, index: usize, what: &str) -> Result<&'a Value, RpcError> {
        self.get(index).ok_or_else(|| RpcError::params(format!("parameter {index} is missing: {what}")))
    }

    pub(super) fn text(&self, index: usize, what: &str) -> Result<&'a str, RpcError> {
        self.need(index, what)?.as_str().ok_or_else(|| wrong(index, what))
    }

    pub(super) fn data(&self, index: usize, bytes_max: usize) -> Result<Vec<u8>, RpcError> {
        let what = "0x and whole bytes";
        json::parse_data(self.text(index, what)?, bytes_max).ok_or_else(|| wrong(index, what))
    }

    pub(super) fn address(&self, index: usize) -> Result<Address, RpcError> {
        let what = "0x and 40 hex digits";
        address(self.text(index, what)?).ok_or_else(|| wrong(index, what))
    }

    pub(super) fn hash(&self, index: usize) -> Result<B256, RpcError> {
        let what = "0x and 64 hex digits";
        hash(self.text(index, what)?).ok_or_else(|| wrong(index, what))
    }

    pub(super) fn word(&self, index: usize) -> Result<U256, RpcError> {
        let what = "0x and 1 to 64 hex digits";
        json::parse_u256(self.text(index, what)?).ok_or_else(|| wrong(index, what))
    }

    pub(super) fn flag(&self, index: usize) -> Result<bool, RpcError> {
        match self.get(index) {
            None => Ok(false),
            Some(value) => value.as_bool().ok_or_else(|| wrong(index, "true or false")),
        }
    }

    /// A number of seconds: tools send JSON numbers, decimal text and hex alike.
    pub(super) fn seconds(&self, index: usize) -> Result<u64, RpcError> {
        let what = "a number of seconds";
        seconds(self.need(index, what)?).ok_or_else(|| wrong(index, what))
    }

    /// The block that is named at `index`; the newest if none is.
    pub(super) fn block(&self, machine: &Machine, index: usize) -> Result<Option<u64>, RpcError> {
        match self.get(index) {
            None => Ok(Some(machine.ledger().height())),
            Some(tag) => block(machine, tag).map_err(|what| wrong(index, what)),
        }
    }

    /// That the state asked for is the newest: no other is kept.
    pub(super) fn newest_state(&self, machine: &Machine, index: usize) -> Result<(), RpcError> {
        let height = machine.ledger().height();
        match self.block(machine, index)? {
            Some(number) if number == height => Ok(()),
            Some(number) => Err(RpcError::refused(format!("state of past blocks isn't kept: block={number}"))),
            None => Err(RpcError::refused("no such block")),
        }
    }

    /// A message to call or to estimate. What it says of fees and nonce doesn't matter to either.
    pub(super) fn message(&self, index: usize) -> Result<TxEnv, RpcError> {
        let object = self.need(index, "a call object")?;
        if !object.is_object() {
            return Err(wrong(index, "a call object"));
        }
        if self.get(index + 2).is_some() {
            return Err(RpcError::params("state overrides aren't taken"));
        }
        let gas = field(object, "gas", json::parse_u64)?.unwrap_or(BLOCK_GAS_MAX);
        Ok(TxEnv {
            caller: field(object, "from", address)?.unwrap_or_default(),
            gas_limit: gas.min(BLOCK_GAS_MAX),
            kind: field(object, "to", address)?.map_or(TxKind::Create, TxKind::Call),
            value: field(object, "value", json::parse_u256)?.unwrap_or_default(),
            data: input(object)?,
            ..TxEnv::default()
        })
    }
}

/// A field of an object, if it is there; an error that names it if it can't be read.
pub(super) fn field<T>(object: &Value, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, RpcError> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_str().and_then(parse) {
            Some(parsed) => Ok(Some(parsed)),
            None => Err(RpcError::params(format!("field {} can't be read", cut(name)))),
        },
    }
}

/// Calldata goes by two names.
pub(super) fn input(object: &Value) -> Result<Bytes, RpcError> {
    let bytes = |text: &str| json::parse_data(text, TRANSACTION_BYTES_MAX);
    let input = field(object, "input", bytes)?;
    let data = field(object, "data", bytes)?;
    match (input, data) {
        (Some(input), Some(data)) if input != data => Err(RpcError::params("input and data differ")),
        (input, data) => Ok(input.or(data).unwrap_or_default().into()),
    }
}

/// The number of the block that `tag` names: `Ok(None)` if there is no such block.
pub(super) fn block(machine: &Machine, tag: &Value) -> Result<Option<u64>, &'static str> {
    const WHAT: &str = "a block: number, hash object, latest, pending, safe, finalized or earliest";
    let height = machine.ledger().height();
    match tag {
        Value::String(name) => match name.as_str() {
            "latest" | "pending" | "safe" | "finalized" => Ok(Some(height)),
            "earliest" => Ok(Some(0)),
            number => json::parse_u64(number).map(|number| Some(number).filter(|n| *n <= height)).ok_or(WHAT),
        },
        Value::Object(object) => match (object.get("blockHash"), object.get("blockNumber")) {
            (Some(named), None) => {
                let hash = named.as_str().and_then(hash).ok_or(WHAT)?;
                Ok(machine.ledger().number_of(&hash))
            }
            (None, Some(number @ Value::String(_))) => block(machine, number),
            _ => Err(WHAT),
        },
        _ => Err(WHAT),
    }
}

pub(super) fn address(text: &str) -> Option<Address> {
    text.parse::<xln_types::Address>().ok().map(|address| address.0.into())
}

pub(super) fn hash(text: &str) -> Option<B256> {
    text.parse::<xln_types::Hash>().ok().map(|hash| hash.0.into())
}

fn seconds(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) if text.starts_with("0x") => json::parse_u64(text),
        Value::String(text) => xln_types::amount::parse_u64(text).ok(),
        _ => None,
    }
}

fn wrong(index: usize, what: &str) -> RpcError {
    RpcError::params(format!("parameter {index} has to be {what}"))
}
