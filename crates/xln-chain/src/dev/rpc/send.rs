//! Transactions in, and travel in time.

use super::params::{self, Params, field};
use super::{Answer, INTERNAL, RpcError, render, state};
use crate::client::Fees;
use crate::dev::accounts;
use crate::dev::machine::{Durable, Machine, Refusal, TRANSACTION_BYTES_MAX};
use crate::json;
use crate::signing::{Envelope, sign_for};
use serde_json::{Value, json};
use xln_types::{Address, Amount};

/// The farthest that one request travels: ten years.
pub(crate) const TIME_TRAVEL_S_MAX: u64 = 10 * 365 * 24 * 3_600;

pub(super) fn raw(machine: &mut Machine, params: &Params<'_>) -> Answer {
    submit(machine, &params.data(0, TRANSACTION_BYTES_MAX)?)
}

/// Signs and sends for one of the ten accounts.
pub(super) fn unlocked(machine: &mut Machine, params: &Params<'_>) -> Answer {
    let message = params.message(0)?;
    let object = params.get(0).unwrap_or(&Value::Null);
    let from = Address(message.caller.0.0);
    let account = accounts::by_address(from);
    let account = account.ok_or_else(|| RpcError::refused(format!("not an account of this chain: {from}")))?;
    let named_gas = field(object, "gas", json::parse_u64)?;
    let gas_limit = match named_gas {
        Some(gas) => gas,
        None => state::gas_needed(machine, &message)?,
    };
    let named_nonce = field(object, "nonce", json::parse_u64)?;
    let nonce = named_nonce.unwrap_or_else(|| state::account_of(machine, message.caller).nonce);
    let value = u128::try_from(message.value).map_err(|_| RpcError::params("field value is past 128 bits"))?;
    let envelope = Envelope {
        chain_id: machine.chain_id(),
        nonce,
        to: field(object, "to", params::address)?.map(|to| Address(to.0.0)),
        value: Amount(value),
        data: message.data.to_vec(),
        gas_limit,
        fees: fees(object)?,
    };
    let signed = sign_for(&account.secret, &envelope);
    let prepared = signed.map_err(|error| RpcError::new(INTERNAL, error.to_string()))?;
    submit(machine, &prepared.raw)
}

pub(super) fn mine(machine: &mut Machine, params: &Params<'_>) -> Answer {
    if params.get(0).is_some() {
        set_timestamp(machine, params.seconds(0)?)?;
    }
    machine.mine().map_err(|error| RpcError::new(INTERNAL, error.to_string()))?;
    Ok(json!("0x0"))
}

pub(super) fn increase_time(machine: &mut Machine, params: &Params<'_>) -> Answer {
    let seconds = params.seconds(0)?;
    if TIME_TRAVEL_S_MAX < seconds {
        return Err(RpcError::params(format!("too far: seconds_max={TIME_TRAVEL_S_MAX}")));
    }
    Ok(json!(machine.increase_time(seconds)))
}

pub(super) fn set_next_timestamp(machine: &mut Machine, params: &Params<'_>) -> Answer {
    set_timestamp(machine, params.seconds(0)?)?;
    Ok(Value::Null)
}

fn set_timestamp(machine: &mut Machine, timestamp_s: u64) -> Result<(), RpcError> {
    let now = machine.slot().timestamp_s;
    if now.saturating_add(TIME_TRAVEL_S_MAX) < timestamp_s {
        return Err(RpcError::params(format!("too far: seconds_max={TIME_TRAVEL_S_MAX}")));
    }
    let set = machine.set_next_timestamp(timestamp_s);
    if set { Ok(()) } else { Err(RpcError::params("time doesn't go back")) }
}

fn submit(machine: &mut Machine, raw: &[u8]) -> Answer {
    match machine.submit(raw, Durable::Now) {
        Ok(hash) => Ok(render::hash(&hash)),
        Err(refusal @ Refusal::Store(_)) => Err(RpcError::new(INTERNAL, refusal.to_string())),
        Err(refusal) => Err(RpcError::refused(refusal.to_string())),
    }
}

/// What a transaction offers: as it says, or as advised. A legacy price is offered whole as a tip.
fn fees(object: &Value) -> Result<Fees, RpcError> {
    let price = field(object, "gasPrice", json::parse_u128)?;
    let max = field(object, "maxFeePerGas", json::parse_u128)?;
    let tip = field(object, "maxPriorityFeePerGas", json::parse_u128)?;
    let max_fee_per_gas = max.or(price).unwrap_or(2 * u128::from(state::GAS_PRICE_WEI));
    let tip = tip.or(price).unwrap_or(u128::from(state::TIP_WEI)).min(max_fee_per_gas);
    Ok(Fees { max_fee_per_gas, max_priority_fee_per_gas: tip })
}
