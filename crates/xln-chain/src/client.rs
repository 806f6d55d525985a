//! Questions to a chain. [`Chain`] is what follower and submitter need, so that a double can stand in; [`ChainClient`] is
//! the real one, over any [`Transport`] of JSON-RPC.
//!
//! Every answer is checked before it is believed: shapes, ranges, lengths. Nothing a node says can panic us.

use crate::answer::{parse_head, parse_logs, parse_receipt, take_result};
use crate::bindings::{IDepositary, IErc20};
use crate::error::ChainError;
use crate::http::HttpTransport;
use crate::json::{self, field_hash};
use alloy_primitives::{Bloom, BloomInput, I256, U256};
use alloy_sol_types::SolCall;
use async_trait::async_trait;
use serde_json::{Value, json};
use std::sync::Arc;
use xln_types::{Address, Amount, AssetId, Balance, ChannelId, EntityId, Hash, OperationId};

/// Most blocks that one [`Chain::blocks`] asks for: they travel in one batch.
pub const BLOCKS_MAX: u64 = 256;
/// Most logs that one answer may hold.
pub const LOGS_MAX: usize = 100_000;
/// Longest data of one log.
pub const LOG_BYTES_MAX: usize = 64 << 10;
/// Longest result of one call.
pub const RESULT_BYTES_MAX: usize = 1 << 20;
/// How much of a node's message is kept.
pub const MESSAGE_CHARS_MAX: usize = 512;

/// What a block says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Height.
    pub number: u64,
    /// Its hash.
    pub hash: Hash,
    /// The block before it.
    pub parent: Hash,
    /// Unix seconds.
    pub timestamp_s: u64,
    /// Which addresses and topics its logs may name.
    pub bloom: Bloom,
}

impl Head {
    /// False only if `address` certainly logged nothing in this block.
    pub fn may_log(&self, address: Address) -> bool {
        self.bloom.contains_input(BloomInput::Raw(&address.0))
    }
}

/// A log, as the node tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// Who logged.
    pub address: Address,
    /// Signature hash and indexed arguments.
    pub topics: Vec<Hash>,
    /// The other arguments.
    pub data: Vec<u8>,
    /// Block number.
    pub block: u64,
    /// Block hash.
    pub block_hash: Hash,
    /// Hash of its transaction.
    pub chain_tx: Hash,
    /// Index in the block.
    pub log_index: u64,
}

/// A message to a contract or an account; `to` is `None` to create one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// Who calls.
    pub from: Address,
    /// Who is called.
    pub to: Option<Address>,
    /// In wei.
    pub value: Amount,
    /// Calldata, or creation code and arguments.
    pub data: Vec<u8>,
}

/// What a transaction offers for gas, in wei per unit (EIP-1559).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fees {
    /// At most this in all.
    pub max_fee_per_gas: u128,
    /// Of which the block's proposer gets at most this.
    pub max_priority_fee_per_gas: u128,
}

/// A mined transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mined {
    /// In which block.
    pub block: u64,
    /// That block's hash.
    pub block_hash: Hash,
    /// False if it reverted: then it did nothing but pay for gas.
    pub succeeded: bool,
    /// Gas that it used.
    pub gas_used: u64,
    /// The contract that it created.
    pub created: Option<Address>,
}

/// What follower and submitter ask of a chain. State is read at the latest block.
#[async_trait]
pub trait Chain: Send + Sync {
    /// EIP-155 chain id.
    async fn chain_id(&self) -> Result<u64, ChainError>;
    /// The latest block.
    async fn head(&self) -> Result<Head, ChainError>;
    /// Blocks `from..=to` that the node has, ascending without a gap; at most [`BLOCKS_MAX`] are asked for.
    async fn blocks(&self, from: u64, to: u64) -> Result<Vec<Head>, ChainError>;
    /// All logs of `address` in the block of that hash; an error if the node doesn't have that block.
    async fn logs(&self, address: Address, block_hash: Hash) -> Result<Vec<LogRecord>, ChainError>;
    /// Wei that `of` holds.
    async fn native_balance(&self, of: Address) -> Result<Amount, ChainError>;
    /// Transactions that `of` has sent, those not yet mined included.
    async fn transaction_count(&self, of: Address) -> Result<u64, ChainError>;
    /// What a transaction should offer now.
    async fn fees(&self) -> Result<Fees, ChainError>;
    /// Runs a call without effect; [`ChainError::Reverted`] if it reverts.
    async fn call(&self, call: &Call) -> Result<Vec<u8>, ChainError>;
    /// The gas that a call needs; [`ChainError::Reverted`] if it reverts.
    async fn estimate_gas(&self, call: &Call) -> Result<u64, ChainError>;
    /// Sends a signed transaction; answers its hash.
    async fn send_raw(&self, raw: &[u8]) -> Result<Hash, ChainError>;
    /// Whether the node has this transaction, mined or waiting.
    async fn knows(&self, transaction: Hash) -> Result<bool, ChainError>;
    /// How a transaction was mined; `None` while it isn't.
    async fn receipt(&self, transaction: Hash) -> Result<Option<Mined>, ChainError>;

    /// The block of that number, if the node has it.
    async fn block(&self, number: u64) -> Result<Option<Head>, ChainError> {
        Ok(self.blocks(number, number).await?.pop())
    }

    /// Base units of the token `token` that `of` holds.
    async fn token_balance(&self, token: Address, of: Address) -> Result<Amount, ChainError> {
        let answer = self.call(&view(token, IErc20::balanceOfCall { owner: of.0.into() }.abi_encode())).await?;
        amount("balanceOf", returned::<IErc20::balanceOfCall>("balanceOf", &answer)?)
    }

    /// What `holder` holds of `asset`: native or ERC-20.
    async fn asset_balance(&self, asset: &xln_types::Asset, holder: Address) -> Result<Amount, ChainError> {
        match asset.kind {
            xln_types::asset::AssetKind::Native => self.native_balance(holder).await,
            _ => self.token_balance(asset.contract, holder).await,
        }
    }

    /// The reserve of an entity in the depositary.
    async fn reserve(&self, depositary: Address, entity: EntityId, asset: AssetId) -> Result<Amount, ChainError> {
        let call = IDepositary::reserveCall { entity: entity.0.into(), asset: asset.0.into() };
        let answer = self.call(&view(depositary, call.abi_encode())).await?;
        amount("reserve", returned::<IDepositary::reserveCall>("reserve", &answer)?)
    }

    /// Collateral and ondelta of a channel in one asset.
    async fn collateral(
        &self,
        depositary: Address,
        channel: ChannelId,
        asset: AssetId,
    ) -> Result<(Amount, Balance), ChainError> {
        let call = IDepositary::collateralCall { channel: channel.0.into(), asset: asset.0.into() };
        let answer = self.call(&view(depositary, call.abi_encode())).await?;
        let found = returned::<IDepositary::collateralCall>("collateral", &answer)?;
        Ok((amount("collateral", found.amount)?, balance("collateral", found.ondelta)?))
    }

    /// Makes sure that this is the chain of that id and that our depositary stands at the address. Coins sent to a contract that isn't one
    /// are gone, and facts of another chain aren't ours (DP-3): whoever sends or follows asks this first, and again after each
    /// interruption.
    async fn check_identity(&self, chain_id: u64, depositary: Address) -> Result<(), ChainError> {
        let found = self.chain_id().await?;
        if found != chain_id {
            let (expected, found) = (chain_id.to_string(), found.to_string());
            return Err(ChainError::Foreign { what: "chain id", expected, found });
        }
        let nothing = |found: &str| ChainError::Foreign {
            what: "depositary",
            expected: format!("the Depositary contract at {depositary}"),
            found: found.to_owned(),
        };
        let answer = match self.call(&view(depositary, IDepositary::eip712DomainCall {}.abi_encode())).await {
            Ok(answer) => answer,
            Err(ChainError::Reverted { .. }) => return Err(nothing("another contract")),
            Err(error) => return Err(error),
        };
        if answer.is_empty() {
            return Err(nothing("no contract"));
        }
        let domain = returned::<IDepositary::eip712DomainCall>("eip712Domain", &answer);
        let is_ours = domain.is_ok_and(|domain| {
            (domain.name.as_str(), domain.version.as_str()) == ("XLN", "1")
                && domain.chainId == U256::from(chain_id)
                && domain.verifyingContract.0.0 == depositary.0
        });
        if is_ours { Ok(()) } else { Err(nothing("another contract")) }
    }

    /// The last counter that settled this channel.
    async fn settle_counter(&self, depositary: Address, channel: ChannelId) -> Result<u64, ChainError> {
        let call = IDepositary::settleCounterCall { channel: channel.0.into() };
        let answer = self.call(&view(depositary, call.abi_encode())).await?;
        returned::<IDepositary::settleCounterCall>("settleCounter", &answer)
    }

    /// Whether an entity's operation was carried out (DP-4).
    async fn operation_used(
        &self,
        depositary: Address,
        entity: EntityId,
        operation: OperationId,
    ) -> Result<bool, ChainError> {
        let call = IDepositary::operationUsedCall { entity: entity.0.into(), operation: operation.0.into() };
        let answer = self.call(&view(depositary, call.abi_encode())).await?;
        returned::<IDepositary::operationUsedCall>("operationUsed", &answer)
    }
}

/// How JSON-RPC bodies get to a node and back.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends a request or a batch; `method` is only for errors.
    async fn exchange(&self, method: &str, body: Value) -> Result<Value, ChainError>;
}

/// A chain behind JSON-RPC.
#[derive(Clone)]
pub struct ChainClient {
    transport: Arc<dyn Transport>,
}

impl ChainClient {
    /// A client of `url`: `https://…`, or `http://` on loopback. Connects on the first question.
    ///
    /// # Errors
    /// [`ChainError::Endpoint`].
    pub fn http(url: &str) -> Result<ChainClient, ChainError> {
        Ok(ChainClient { transport: Arc::new(HttpTransport::new(url)?) })
    }

    /// A client over any transport; [`crate::DevChain`] is one, without a socket.
    pub fn over(transport: Arc<dyn Transport>) -> ChainClient {
        ChainClient { transport }
    }

    /// All logs of `address` in blocks `from..=to`.
    ///
    /// # Errors
    /// [`ChainError`]; the node decides how long a range may be.
    pub async fn logs_in(&self, address: Address, from: u64, to: u64) -> Result<Vec<LogRecord>, ChainError> {
        let filter = json!({
            "address": address.to_string(), "fromBlock": json::quantity(from), "toBlock": json::quantity(to),
        });
        parse_logs(&self.request("eth_getLogs", json!([filter])).await?)
    }

    /// Asks any method; the result as the node gave it.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn request(&self, method: &str, params: Value) -> Result<Value, ChainError> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        take_result(method, self.transport.exchange(method, body).await?)
    }

    async fn number(&self, method: &str, params: Value) -> Result<U256, ChainError> {
        let answer = self.request(method, params).await?;
        answer.as_str().and_then(json::parse_u256).ok_or_else(|| ChainError::malformed(method, "not a number"))
    }

    async fn number_u64(&self, method: &str, params: Value) -> Result<u64, ChainError> {
        let number = self.number(method, params).await?;
        number.try_into().map_err(|_| ChainError::malformed(method, "number past 64 bits"))
    }

    async fn number_u128(&self, method: &str, params: Value) -> Result<u128, ChainError> {
        let number = self.number(method, params).await?;
        number.try_into().map_err(|_| ChainError::malformed(method, "number past 128 bits"))
    }
}

#[async_trait]
impl Chain for ChainClient {
    async fn chain_id(&self) -> Result<u64, ChainError> {
        self.number_u64("eth_chainId", json!([])).await
    }

    async fn head(&self) -> Result<Head, ChainError> {
        let method = "eth_getBlockByNumber";
        let answer = self.request(method, json!(["latest", false])).await?;
        parse_head(&answer).ok_or_else(|| ChainError::malformed(method, "not a block"))
    }

    async fn blocks(&self, from: u64, to: u64) -> Result<Vec<Head>, ChainError> {
        let method = "eth_getBlockByNumber";
        let to = to.min(from.saturating_add(BLOCKS_MAX - 1));
        let question = |number: u64| {
            let params = json!([json::quantity(number), false]);
            json!({ "jsonrpc": "2.0", "id": number, "method": method, "params": params })
        };
        let batch: Vec<Value> = (from..=to).map(question).collect();
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let Value::Array(mut answers) = self.transport.exchange(method, Value::Array(batch)).await? else {
            return Err(ChainError::malformed(method, "a batch is answered by an array"));
        };
        answers.sort_by_key(|answer| answer.get("id").and_then(Value::as_u64));
        let mut blocks = Vec::new();
        for (number, answer) in (from..=to).zip(answers) {
            if answer.get("id").and_then(Value::as_u64) != Some(number) {
                return Err(ChainError::malformed(method, "a question of the batch has no answer"));
            }
            let block = take_result(method, answer)?;
            if block.is_null() {
                break;
            }
            let head = parse_head(&block).filter(|head| head.number == number);
            blocks.push(head.ok_or_else(|| ChainError::malformed(method, "not the block asked for"))?);
        }
        Ok(blocks)
    }

    async fn logs(&self, address: Address, block_hash: Hash) -> Result<Vec<LogRecord>, ChainError> {
        let filter = json!({ "address": address.to_string(), "blockHash": block_hash.to_string() });
        parse_logs(&self.request("eth_getLogs", json!([filter])).await?)
    }

    async fn native_balance(&self, of: Address) -> Result<Amount, ChainError> {
        self.number_u128("eth_getBalance", json!([of.to_string(), "latest"])).await.map(Amount)
    }

    async fn transaction_count(&self, of: Address) -> Result<u64, ChainError> {
        self.number_u64("eth_getTransactionCount", json!([of.to_string(), "pending"])).await
    }

    /// Twice the present price leaves room for the base fee to rise for six full blocks.
    async fn fees(&self) -> Result<Fees, ChainError> {
        let price = self.number_u128("eth_gasPrice", json!([])).await?;
        let tip = self.number_u128("eth_maxPriorityFeePerGas", json!([])).await?;
        let max = price.checked_mul(2).and_then(|double| double.checked_add(tip));
        let max = max.ok_or_else(|| ChainError::malformed("eth_gasPrice", "price out of range"))?;
        Ok(Fees { max_fee_per_gas: max, max_priority_fee_per_gas: tip })
    }

    async fn call(&self, call: &Call) -> Result<Vec<u8>, ChainError> {
        let answer = self.request("eth_call", json!([call_json(call), "latest"])).await?;
        let bytes = answer.as_str().and_then(|text| json::parse_data(text, RESULT_BYTES_MAX));
        bytes.ok_or_else(|| ChainError::malformed("eth_call", "not bytes"))
    }

    async fn estimate_gas(&self, call: &Call) -> Result<u64, ChainError> {
        self.number_u64("eth_estimateGas", json!([call_json(call), "latest"])).await
    }

    async fn send_raw(&self, raw: &[u8]) -> Result<Hash, ChainError> {
        let method = "eth_sendRawTransaction";
        let answer = self.request(method, json!([json::data(raw)])).await?;
        let hash = answer.as_str().and_then(|text| text.parse().ok());
        hash.ok_or_else(|| ChainError::malformed(method, "not a hash"))
    }

    async fn knows(&self, transaction: Hash) -> Result<bool, ChainError> {
        let answer = self.request("eth_getTransactionByHash", json!([transaction.to_string()])).await?;
        Ok(field_hash(&answer, "hash") == Some(transaction))
    }

    async fn receipt(&self, transaction: Hash) -> Result<Option<Mined>, ChainError> {
        let method = "eth_getTransactionReceipt";
        let answer = self.request(method, json!([transaction.to_string()])).await?;
        if answer.is_null() {
            return Ok(None);
        }
        parse_receipt(&answer).map(Some).ok_or_else(|| ChainError::malformed(method, "not a receipt"))
    }
}

fn view(to: Address, data: Vec<u8>) -> Call {
    Call { to: Some(to), data, ..Call::default() }
}

fn returned<C: SolCall>(method: &str, bytes: &[u8]) -> Result<C::Return, ChainError> {
    C::abi_decode_returns(bytes).map_err(|_| ChainError::malformed(method, "not what the contract returns"))
}

fn amount(method: &str, number: U256) -> Result<Amount, ChainError> {
    number.try_into().map(Amount).map_err(|_| ChainError::malformed(method, "amount past 128 bits"))
}

fn balance(method: &str, number: I256) -> Result<Balance, ChainError> {
    number.try_into().map(Balance).map_err(|_| ChainError::malformed(method, "balance past 128 bits"))
}

fn call_json(call: &Call) -> Value {
    let mut object = json!({
        "from": call.from.to_string(), "value": json::quantity(call.value.0), "data": json::data(&call.data),
    });
    if let Some(to) = call.to {
        object["to"] = json!(to.to_string());
    }
    object
}
