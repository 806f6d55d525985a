//! Blocks, transactions, receipts and logs.

use super::params::{self, Params};
use super::{Answer, LIMIT, RpcError, render};
use crate::dev::ledger::Mined;
use crate::dev::machine::Machine;
use alloy_primitives::{Address, B256};
use serde_json::{Value, json};
use std::ops::RangeInclusive;

/// Most blocks that one range of logs may span.
pub(crate) const LOG_RANGE_BLOCKS_MAX: u64 = 100_000;
/// Most logs that one answer holds.
pub(crate) const LOGS_MAX: usize = 10_000;
/// Most addresses, and most topics at a position, that a filter may name.
const FILTER_MAX: usize = 1_000;
/// Positions that a topic can have.
const TOPICS: usize = 4;

pub(super) fn by_number(machine: &Machine, params: &Params<'_>) -> Answer {
    let number = params.block(machine, 0)?;
    Ok(block(machine, number, params.flag(1)?))
}

pub(super) fn by_hash(machine: &Machine, params: &Params<'_>) -> Answer {
    let number = machine.ledger().number_of(&params.hash(0)?);
    Ok(block(machine, number, params.flag(1)?))
}

pub(super) fn count_by_number(machine: &Machine, params: &Params<'_>) -> Answer {
    let number = params.block(machine, 0)?;
    let found = number.and_then(|number| machine.ledger().block(number));
    Ok(found.map_or(Value::Null, |block| render::number(u8::from(block.transaction.is_some()))))
}

pub(super) fn transaction(machine: &Machine, params: &Params<'_>) -> Answer {
    Ok(rendered(machine, params.hash(0)?, render::transaction))
}

pub(super) fn receipt(machine: &Machine, params: &Params<'_>) -> Answer {
    Ok(rendered(machine, params.hash(0)?, render::receipt))
}

pub(super) fn logs(machine: &Machine, params: &Params<'_>) -> Answer {
    let object = params.get(0).filter(|filter| filter.is_object());
    let object = object.ok_or_else(|| RpcError::params("parameter 0 has to be a filter object"))?;
    let filter = Filter::read(object)?;
    let range = range(machine, object)?;
    if LOG_RANGE_BLOCKS_MAX < range.end().saturating_sub(*range.start()) {
        return Err(RpcError::new(LIMIT, format!("range of blocks too long: max={LOG_RANGE_BLOCKS_MAX}")));
    }
    let mut found = Vec::new();
    for mined in machine.ledger().mined_in(range) {
        let hash = machine.ledger().block(mined.block).map_or(B256::ZERO, |block| block.hash);
        let matching = (0..mined.logs.len()).filter(|index| filter.takes(mined, *index));
        found.extend(matching.map(|index| render::log(mined, &hash, index)));
        if LOGS_MAX < found.len() {
            return Err(RpcError::new(LIMIT, format!("too many logs: max={LOGS_MAX}")));
        }
    }
    Ok(Value::Array(found))
}

fn block(machine: &Machine, number: Option<u64>, full: bool) -> Value {
    let ledger = machine.ledger();
    let found = number.and_then(|number| Some((number, ledger.block(number)?)));
    found.map_or(Value::Null, |(number, block)| render::block(ledger, number, block, full))
}

fn rendered(machine: &Machine, hash: B256, render: impl Fn(&Mined, &B256) -> Value) -> Value {
    let ledger = machine.ledger();
    let found = ledger.transaction(&hash).and_then(|mined| Some((mined, ledger.block(mined.block)?)));
    found.map_or(Value::Null, |(mined, block)| render(mined, &block.hash))
}

/// The blocks that a filter spans; an unknown hash is an error, so that nobody takes "no block" for "no logs".
fn range(machine: &Machine, object: &Value) -> Result<RangeInclusive<u64>, RpcError> {
    let ledger = machine.ledger();
    let bound = |name: &str| object.get(name).filter(|tag| !tag.is_null());
    if let Some(hash) = bound("blockHash") {
        if bound("fromBlock").is_some() || bound("toBlock").is_some() {
            return Err(RpcError::params("blockHash excludes fromBlock and toBlock"));
        }
        let hash = hash.as_str().and_then(params::hash);
        let hash = hash.ok_or_else(|| RpcError::params("field blockHash can't be read"))?;
        let number = ledger.number_of(&hash).ok_or_else(|| RpcError::refused("unknown block"))?;
        return Ok(number..=number);
    }
    let latest = json!("latest");
    let number = |tag: &Value| params::block(machine, tag).map_err(RpcError::params);
    let from = number(bound("fromBlock").unwrap_or(&latest))?;
    let to = number(bound("toBlock").unwrap_or(&latest))?;
    // A range that ends past the newest block ends there; one that begins there is empty.
    let (from, to) = (from.unwrap_or(ledger.height() + 1), to.unwrap_or(ledger.height()));
    Ok(from..=to)
}

/// Which logs are wanted: an empty list takes all.
struct Filter {
    addresses: Vec<Address>,
    topics: Vec<Vec<B256>>,
}

impl Filter {
    fn read(object: &Value) -> Result<Filter, RpcError> {
        let addresses = one_or_many(object.get("address"), params::address, "address")?;
        let topics = match object.get("topics") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(list)) if list.len() <= TOPICS => {
                list.iter().map(|topic| one_or_many(Some(topic), params::hash, "topics")).collect::<Result<_, _>>()?
            }
            Some(_) => return Err(RpcError::params("field topics can't be read")),
        };
        Ok(Filter { addresses, topics })
    }

    fn takes(&self, mined: &Mined, index: usize) -> bool {
        let Some(log) = mined.logs.get(index) else { return false };
        let wanted = |(position, topics): (usize, &Vec<B256>)| {
            topics.is_empty() || log.topics().get(position).is_some_and(|topic| topics.contains(topic))
        };
        (self.addresses.is_empty() || self.addresses.contains(&log.address))
            && self.topics.len() <= log.topics().len()
            && self.topics.iter().enumerate().all(wanted)
    }
}

/// A value, a list of values or nothing.
fn one_or_many<T>(value: Option<&Value>, parse: impl Fn(&str) -> Option<T>, name: &str) -> Result<Vec<T>, RpcError> {
    let wrong = || RpcError::params(format!("field {name} can't be read"));
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![parse(text).ok_or_else(wrong)?]),
        Some(Value::Array(list)) if list.len() <= FILTER_MAX => {
            list.iter().map(|item| item.as_str().and_then(&parse).ok_or_else(wrong)).collect()
        }
        Some(_) => Err(wrong()),
    }
}
