//! Writes blocks, transactions, receipts and logs as Ethereum's tools read them.

use crate::dev::evm::BASE_FEE_WEI;
use crate::dev::ledger::{Block, Ledger, Mined};
use crate::json::{data, quantity};
use alloy_consensus::{Transaction, Typed2718};
use alloy_primitives::{Address, B256};
use alloy_rlp::Encodable;
use serde_json::{Value, json};

pub(super) fn number(number: impl std::fmt::LowerHex) -> Value {
    Value::String(quantity(number))
}

pub(super) fn hash(hash: &B256) -> Value {
    Value::String(data(hash.as_slice()))
}

pub(super) fn address(address: &Address) -> Value {
    Value::String(data(address.as_slice()))
}

/// A block, with its transactions whole or by hash.
pub(super) fn block(ledger: &Ledger, height: u64, found: &Block, full: bool) -> Value {
    let mined = ledger.transaction_of(found);
    let header = ledger.header(height, found.timestamp_s, mined);
    let transactions: Vec<Value> = mined
        .iter()
        .map(|mined| if full { transaction(mined, &found.hash) } else { hash(mined.envelope.tx_hash()) })
        .collect();
    json!({
        "number": quantity(height),
        "hash": hash(&found.hash),
        "parentHash": hash(&header.parent_hash),
        "sha3Uncles": hash(&header.ommers_hash),
        "miner": address(&header.beneficiary),
        "stateRoot": hash(&header.state_root),
        "transactionsRoot": hash(&header.transactions_root),
        "receiptsRoot": hash(&header.receipts_root),
        "logsBloom": data(header.logs_bloom.as_slice()),
        "difficulty": quantity(header.difficulty),
        "totalDifficulty": "0x0",
        "gasLimit": quantity(header.gas_limit),
        "gasUsed": quantity(header.gas_used),
        "timestamp": quantity(header.timestamp),
        "extraData": data(&header.extra_data),
        "mixHash": hash(&header.mix_hash),
        "nonce": data(header.nonce.as_slice()),
        "baseFeePerGas": quantity(BASE_FEE_WEI),
        "withdrawalsRoot": header.withdrawals_root.as_ref().map(hash),
        "withdrawals": [],
        "blobGasUsed": "0x0",
        "excessBlobGas": "0x0",
        "parentBeaconBlockRoot": header.parent_beacon_block_root.as_ref().map(hash),
        "size": quantity(header.length()),
        "uncles": [],
        "transactions": transactions,
    })
}

/// A mined transaction.
pub(super) fn transaction(mined: &Mined, block_hash: &B256) -> Value {
    let envelope = &mined.envelope;
    let signature = envelope.signature();
    let parity = u64::from(signature.v());
    let mut object = json!({
        "type": quantity(envelope.ty()),
        "hash": hash(envelope.tx_hash()),
        "nonce": quantity(envelope.nonce()),
        "blockHash": hash(block_hash),
        "blockNumber": quantity(mined.block),
        "transactionIndex": "0x0",
        "from": address(&mined.sender),
        "to": envelope.to().as_ref().map(address),
        "value": quantity(envelope.value()),
        "input": data(envelope.input()),
        "gas": quantity(envelope.gas_limit()),
        "gasPrice": quantity(envelope.effective_gas_price(Some(BASE_FEE_WEI))),
        "chainId": envelope.chain_id().map(quantity),
        "r": quantity(signature.r()),
        "s": quantity(signature.s()),
        "v": quantity(match (envelope.ty(), envelope.chain_id()) {
            (0, Some(chain_id)) => u128::from(chain_id) * 2 + 35 + u128::from(parity),
            _ => u128::from(parity),
        }),
    });
    if 0 < envelope.ty() {
        object["yParity"] = number(parity);
        object["accessList"] = access_list(envelope);
    }
    if let Some(tip) = envelope.max_priority_fee_per_gas() {
        object["maxPriorityFeePerGas"] = number(tip);
        object["maxFeePerGas"] = number(envelope.max_fee_per_gas());
    }
    object
}

/// How a transaction went.
pub(super) fn receipt(mined: &Mined, block_hash: &B256) -> Value {
    let envelope = &mined.envelope;
    json!({
        "type": quantity(envelope.ty()),
        "transactionHash": hash(envelope.tx_hash()),
        "transactionIndex": "0x0",
        "blockHash": hash(block_hash),
        "blockNumber": quantity(mined.block),
        "from": address(&mined.sender),
        "to": envelope.to().as_ref().map(address),
        "contractAddress": mined.created.as_ref().map(address),
        "status": quantity(u8::from(mined.succeeded)),
        "gasUsed": quantity(mined.gas_used),
        "cumulativeGasUsed": quantity(mined.gas_used),
        "effectiveGasPrice": quantity(envelope.effective_gas_price(Some(BASE_FEE_WEI))),
        "logsBloom": data(mined.bloom.as_slice()),
        "logs": (0..mined.logs.len()).map(|index| log(mined, block_hash, index)).collect::<Vec<_>>(),
    })
}

/// One log of a mined transaction: its only one's logs are the block's.
pub(super) fn log(mined: &Mined, block_hash: &B256, index: usize) -> Value {
    let Some(log) = mined.logs.get(index) else { return Value::Null };
    json!({
        "address": address(&log.address),
        "topics": log.topics().iter().map(hash).collect::<Vec<_>>(),
        "data": data(&log.data.data),
        "blockNumber": quantity(mined.block),
        "blockHash": hash(block_hash),
        "transactionHash": hash(mined.envelope.tx_hash()),
        "transactionIndex": "0x0",
        "logIndex": quantity(index),
        "removed": false,
    })
}

fn access_list(transaction: &impl Transaction) -> Value {
    let items = transaction.access_list().map(|list| list.0.as_slice()).unwrap_or_default();
    let item = |item: &alloy_eips::eip2930::AccessListItem| {
        let keys: Vec<Value> = item.storage_keys.iter().map(hash).collect();
        json!({ "address": address(&item.address), "storageKeys": keys })
    };
    Value::Array(items.iter().map(item).collect())
}
