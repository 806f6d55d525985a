//! Executes one transaction or call on the EVM: Cancun, which is what the contracts are compiled for. Pure: state in, outcome
//! and changes out; the caller commits them.

use crate::dev::BLOCK_GAS_MAX;
use alloy_consensus::{Transaction, TxEnvelope, Typed2718};
use alloy_primitives::{Address, B256, U256};
use revm::context::result::{EVMError, ExecutionResult, InvalidTransaction, ResultAndState};
use revm::context::{BlockEnv, CfgEnv, Context, TxEnv};
use revm::database::{CacheDB, EmptyDB};
use revm::primitives::hardfork::SpecId;
use revm::{ExecuteEvm, MainBuilder, MainContext};
use std::convert::Infallible;

/// All accounts, code and storage, in memory.
pub(crate) type Database = CacheDB<EmptyDB>;

/// What a transaction did, and the changes that it would make.
pub(crate) type Outcome = ResultAndState;

/// Wei per unit of gas that every block burns: constant, so that fees don't depend on how many blocks stood empty.
pub(crate) const BASE_FEE_WEI: u64 = 1_000_000_000;

/// In which block something is executed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) chain_id: u64,
    pub(crate) number: u64,
    pub(crate) timestamp_s: u64,
    pub(crate) randao: B256,
}

/// Executes a signed transaction with every check that a block makes.
pub(crate) fn transact(
    database: &Database,
    slot: &Slot,
    sender: Address,
    envelope: &TxEnvelope,
) -> Result<Outcome, InvalidTransaction> {
    let transaction = TxEnv {
        tx_type: envelope.ty(),
        caller: sender,
        gas_limit: envelope.gas_limit(),
        gas_price: envelope.max_fee_per_gas(),
        gas_priority_fee: envelope.max_priority_fee_per_gas(),
        kind: envelope.kind(),
        value: envelope.value(),
        data: envelope.input().clone(),
        nonce: envelope.nonce(),
        chain_id: envelope.chain_id(),
        access_list: envelope.access_list().cloned().unwrap_or_default(),
        ..TxEnv::default()
    };
    run(database, slot, transaction, false)
}

/// Executes a message that nobody signed: no nonce is checked and no fee is charged.
pub(crate) fn simulate(database: &Database, slot: &Slot, mut message: TxEnv) -> Result<Outcome, InvalidTransaction> {
    message.gas_price = 0;
    message.gas_priority_fee = None;
    message.chain_id = Some(slot.chain_id);
    run(database, slot, message, true)
}

/// The gas that a message needs: what it used, or more where it only passes on a share of what is left (EIP-150).
pub(crate) fn estimate(
    database: &Database,
    slot: &Slot,
    message: &TxEnv,
) -> Result<(ExecutionResult, u64), InvalidTransaction> {
    let at = |gas_limit: u64| {
        let message = TxEnv { gas_limit, ..message.clone() };
        simulate(database, slot, message).map(|outcome| outcome.result)
    };
    let full = at(message.gas_limit)?;
    if !full.is_success() {
        return Ok((full, message.gas_limit));
    }
    // `low` fails or is one less than the least possible; `high` succeeds.
    let mut low = full.gas().total_gas_spent().saturating_sub(1);
    let mut high = message.gas_limit;
    let close = full.gas().total_gas_spent().saturating_mul(65) / 64;
    for guess in [full.gas().total_gas_spent(), close] {
        if low < guess && guess < high {
            if at(guess).is_ok_and(|result| result.is_success()) { high = guess } else { low = guess }
        }
    }
    while low.saturating_add(1) < high {
        let middle = low.midpoint(high);
        if at(middle).is_ok_and(|result| result.is_success()) { high = middle } else { low = middle }
    }
    Ok((full, high))
}

fn run(database: &Database, slot: &Slot, transaction: TxEnv, free: bool) -> Result<Outcome, InvalidTransaction> {
    let mut configuration = CfgEnv::new_with_spec(SpecId::CANCUN);
    configuration.chain_id = slot.chain_id;
    configuration.disable_nonce_check = free;
    configuration.disable_base_fee = free;
    configuration.disable_eip3607 = free;
    let block = BlockEnv {
        number: U256::from(slot.number),
        timestamp: U256::from(slot.timestamp_s),
        gas_limit: BLOCK_GAS_MAX,
        basefee: BASE_FEE_WEI,
        prevrandao: Some(slot.randao),
        ..BlockEnv::default()
    };
    // What is read is cached in the overlay, not in the state: reading must not grow it.
    let overlay = CacheDB::new(database);
    let mut evm = Context::mainnet().with_cfg(configuration).with_block(block).with_db(overlay).build_mainnet();
    evm.transact(transaction).map_err(refusal)
}

/// A database in memory doesn't fail, and our headers are whole: what is left is the transaction's fault.
fn refusal(error: EVMError<Infallible>) -> InvalidTransaction {
    match error {
        EVMError::Transaction(invalid) => invalid,
        other => InvalidTransaction::Str(other.to_string().into()),
    }
}
