//! Balances, code, storage, calls, gas and fees: the newest state, since no other is kept.

use super::params::Params;
use super::{Answer, REVERTED, RpcError, render};
use crate::dev::evm::{self, BASE_FEE_WEI};
use crate::dev::machine::Machine;
use crate::dev::{BLOCK_GAS_MAX, accounts as dev_accounts};
use crate::json::data;
use alloy_primitives::{Address, B256, keccak256};
use revm::DatabaseRef;
use revm::context::TxEnv;
use revm::context::result::ExecutionResult;
use revm::state::AccountInfo;
use serde_json::{Value, json};

/// What a transaction is advised to tip, in wei per unit of gas.
pub(super) const TIP_WEI: u64 = 1_000_000_000;
/// What a transaction is advised to pay in all.
pub(super) const GAS_PRICE_WEI: u64 = BASE_FEE_WEI + TIP_WEI;
/// Most blocks that a fee history goes back.
const FEE_HISTORY_BLOCKS_MAX: u64 = 1_024;
/// Most percentiles of a fee history.
const PERCENTILES_MAX: usize = 100;
/// Longest input of `web3_sha3`.
const SHA3_BYTES_MAX: usize = 1 << 20;

pub(super) fn accounts() -> Value {
    dev_accounts::all().iter().map(|account| account.address.to_string()).collect()
}

pub(super) fn sha3(params: &Params<'_>) -> Answer {
    Ok(render::hash(&keccak256(params.data(0, SHA3_BYTES_MAX)?)))
}

pub(super) fn balance(machine: &Machine, params: &Params<'_>) -> Answer {
    let account = account(machine, params, 1)?;
    Ok(render::number(account.balance))
}

pub(super) fn transaction_count(machine: &Machine, params: &Params<'_>) -> Answer {
    let account = account(machine, params, 1)?;
    Ok(render::number(account.nonce))
}

pub(super) fn code(machine: &Machine, params: &Params<'_>) -> Answer {
    let account = account(machine, params, 1)?;
    let code = machine.database().code_by_hash_ref(account.code_hash).map(|code| code.original_bytes());
    Ok(Value::String(data(&code.unwrap_or_default())))
}

pub(super) fn storage(machine: &Machine, params: &Params<'_>) -> Answer {
    params.newest_state(machine, 2)?;
    let word = machine.database().storage_ref(params.address(0)?, params.word(1)?);
    Ok(render::hash(&B256::from(word.unwrap_or_default())))
}

pub(super) fn call(machine: &Machine, params: &Params<'_>) -> Answer {
    params.newest_state(machine, 1)?;
    let message = params.message(0)?;
    let outcome = evm::simulate(machine.database(), &machine.slot(), message);
    let result = outcome.map_err(|invalid| RpcError::refused(invalid.to_string()))?.result;
    output(result).map(|output| Value::String(data(&output)))
}

pub(super) fn estimate_gas(machine: &Machine, params: &Params<'_>) -> Answer {
    params.newest_state(machine, 1)?;
    gas_needed(machine, &params.message(0)?).map(render::number)
}

/// The gas that a message needs; an error if it reverts.
pub(super) fn gas_needed(machine: &Machine, message: &TxEnv) -> Result<u64, RpcError> {
    let estimate = evm::estimate(machine.database(), &machine.slot(), message);
    let (result, gas) = estimate.map_err(|invalid| RpcError::refused(invalid.to_string()))?;
    output(result).map(|_| gas)
}

pub(super) fn fee_history(machine: &Machine, params: &Params<'_>) -> Answer {
    let wanted = params.seconds(0).map_err(|_| RpcError::params("parameter 0 has to be a number of blocks"))?;
    let newest = params.block(machine, 1)?.ok_or_else(|| RpcError::refused("no such block"))?;
    let count = wanted.min(FEE_HISTORY_BLOCKS_MAX).min(newest + 1);
    let oldest = newest + 1 - count;
    let percentiles = match params.get(2) {
        None => 0,
        Some(Value::Array(list)) if list.len() <= PERCENTILES_MAX => list.len(),
        Some(_) => {
            return Err(RpcError::params(format!("parameter 2 has to be at most {PERCENTILES_MAX} percentiles")));
        }
    };
    let (mut ratios, mut rewards) = (Vec::new(), Vec::new());
    for number in oldest..=newest {
        let mined = machine.ledger().block(number).and_then(|block| machine.ledger().transaction_of(block));
        let used = mined.map_or(0, |mined| mined.gas_used);
        // Gas of a block fits 32 bits: the ratio is exact enough.
        ratios.push(json!(used as f64 / BLOCK_GAS_MAX as f64));
        rewards.push(json!(vec![render::number(if mined.is_some() { TIP_WEI } else { 0 }); percentiles]));
    }
    if count == 0 {
        (ratios, rewards) = (Vec::new(), Vec::new());
    }
    let fees: Vec<Value> = (0..=count).map(|_| render::number(BASE_FEE_WEI)).collect();
    let mut history = json!({ "oldestBlock": render::number(oldest), "baseFeePerGas": fees, "gasUsedRatio": ratios });
    if 0 < percentiles {
        history["reward"] = Value::Array(rewards);
    }
    Ok(history)
}

fn account(machine: &Machine, params: &Params<'_>, tag: usize) -> Result<AccountInfo, RpcError> {
    params.newest_state(machine, tag)?;
    Ok(account_of(machine, params.address(0)?))
}

/// What the state holds of an account: nothing if it was never touched.
pub(super) fn account_of(machine: &Machine, address: Address) -> AccountInfo {
    machine.database().basic_ref(address).ok().flatten().unwrap_or_default()
}

/// What a call returned; if it reverted, an error with the contract's reason.
fn output(result: ExecutionResult) -> Result<Vec<u8>, RpcError> {
    match result {
        ExecutionResult::Success { output, .. } => Ok(output.into_data().to_vec()),
        ExecutionResult::Revert { output, .. } => {
            let reason = alloy_sol_types::decode_revert_reason(&output);
            let message =
                reason.map_or("execution reverted".to_owned(), |reason| format!("execution reverted: {reason}"));
            Err(RpcError { code: REVERTED, message, data: Some(data(&output)) })
        }
        ExecutionResult::Halt { reason, .. } => Err(RpcError::refused(format!("execution halted: {reason:?}"))),
    }
}
