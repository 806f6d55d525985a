//! The chain as one node sees it through its RPC, as the [`Chain`] that follower and submitter of production ask. Nothing here waits: each
//! question has its answer at once.
//!
//! An RPC can lie: lag behind, tell headers that don't hang together, logs of another block, the same log twice, logs cut short. Each
//! such answer contradicts itself or what was told before, and is to be refused or waited out. What no follower can know isn't tried: an RPC
//! that leaves out a log, or alters one within its form, is believed.

use super::contract::{Call, Revert};
use super::{CHAIN_ID, DEPOSITARY, Sent, SimChain, Slot};
use crate::dice::Dice;
use alloy_consensus::TxEnvelope;
use alloy_consensus::transaction::Transaction;
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{FixedBytes, U256};
use alloy_sol_types::SolCall;
use async_trait::async_trait;
use std::sync::{Arc, Mutex, PoisonError};
use xln_chain::bindings::{IDepositary, IErc20};
use xln_chain::{Call as Asked, Chain, ChainError, Fees, Head, LogRecord, Mined};
use xln_types::{Address, Amount, Asset, Hash};

/// How far a lagging RPC is behind, in blocks.
const LAG_BLOCKS: u64 = 3;

/// Whether an RPC lies, and how often it did.
#[derive(Debug)]
struct Tongue {
    lies: bool,
    told: u64,
    dice: Dice,
}

/// A node's RPC.
#[derive(Clone)]
pub(crate) struct View {
    chain: SimChain,
    tongue: Arc<Mutex<Tongue>>,
}

impl View {
    pub(crate) fn new(chain: &SimChain, dice: Dice) -> View {
        let tongue = Arc::new(Mutex::new(Tongue { lies: false, told: 0, dice }));
        View { chain: chain.clone(), tongue }
    }

    fn tongue<T>(&self, act: impl FnOnce(&mut Tongue) -> T) -> T {
        act(&mut self.tongue.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on it lies, or tells the truth.
    pub(crate) fn lie(&self, lies: bool) {
        self.tongue(|tongue| tongue.lies = lies);
    }

    /// How many lies it has told since this was asked last.
    pub(crate) fn lies_told(&self) -> u64 {
        self.tongue(|tongue| std::mem::take(&mut tongue.told))
    }

    /// Which of so many lies to tell now, if any.
    fn lie_of(&self, kinds: u64) -> Option<u64> {
        self.tongue(|tongue| (tongue.lies && tongue.dice.once_in(2)).then(|| tongue.dice.below(kinds)))
    }

    fn told(&self) {
        self.tongue(|tongue| tongue.told += 1);
    }
}

fn refused(method: &str, message: &str) -> ChainError {
    ChainError::Rpc { method: method.to_owned(), code: -32_000, message: message.to_owned() }
}

fn reverted(revert: Revert) -> ChainError {
    ChainError::Reverted { message: revert.0.to_owned(), data: String::new() }
}

fn call_of(asked: &Asked) -> Call {
    let to = asked.to.unwrap_or_default();
    Call::Contract { to, value: asked.value.0.cast_signed(), data: asked.data.clone() }
}

fn read(raw: &[u8]) -> Option<Sent> {
    let envelope = TxEnvelope::decode_2718_exact(raw).ok()?;
    let (digest, signature) = (Hash(envelope.signature_hash().0), envelope.signature().as_bytes());
    let from = xln_crypto::secp::recover(&digest, &signature).ok()?.address();
    let (to, value) = (Address(envelope.to()?.0.0), envelope.value().try_into().ok().map(u128::cast_signed)?);
    let call = Call::Contract { to, value, data: envelope.input().to_vec() };
    Some(Sent { hash: Hash(envelope.tx_hash().0), from, nonce: Some(envelope.nonce()), call })
}

#[async_trait]
impl Chain for View {
    async fn chain_id(&self) -> Result<u64, ChainError> {
        Ok(CHAIN_ID)
    }

    async fn head(&self) -> Result<Head, ChainError> {
        let ledger = self.chain.lock();
        let head = ledger.head().clone();
        if self.lie_of(2) == Some(0)
            && let Some(old) = ledger.block(head.number.saturating_sub(LAG_BLOCKS)).cloned()
        {
            self.told();
            return Ok(old);
        }
        Ok(head)
    }

    async fn blocks(&self, from: u64, to: u64) -> Result<Vec<Head>, ChainError> {
        let mut blocks: Vec<Head> = {
            let ledger = self.chain.lock();
            (from..=to).map_while(|number| ledger.block(number).cloned()).collect()
        };
        // Of one block alone nothing but its absence can be told that would be seen through.
        match self.lie_of(4) {
            Some(0) if !blocks.is_empty() => blocks.clear(),
            Some(1) if 1 < blocks.len() => blocks[1].parent = Hash([0x66; 32]),
            Some(2) if 1 < blocks.len() => blocks[1].number += 1,
            Some(3) if !blocks.is_empty() => return self.silent("eth_getBlockByNumber"),
            _ => return Ok(blocks),
        }
        self.told();
        Ok(blocks)
    }

    async fn logs(&self, address: Address, block_hash: Hash) -> Result<Vec<LogRecord>, ChainError> {
        let mut logs: Vec<LogRecord> = {
            let ledger = self.chain.lock();
            let logs = ledger.logs(block_hash).ok_or_else(|| refused("eth_getLogs", "unknown block"))?;
            logs.iter().filter(|log| log.address == address).cloned().collect()
        };
        match (self.lie_of(4), logs.first().cloned()) {
            (Some(0), Some(_)) => logs[0].block_hash = Hash([0x66; 32]),
            (Some(1), Some(first)) => logs.push(first),
            // Cut short. A log that reads well and says something else would be believed.
            (Some(2), Some(first)) if 32 <= first.data.len() => logs[0].data.truncate(first.data.len() - 1),
            (Some(3), Some(_)) => return self.silent("eth_getLogs"),
            _ => return Ok(logs),
        }
        self.told();
        Ok(logs)
    }

    async fn native_balance(&self, of: Address) -> Result<Amount, ChainError> {
        let eth = xln_crypto::derive::asset_id(CHAIN_ID, &Asset::NATIVE);
        Ok(Amount(self.chain.lock().get(Slot::Held(of, eth)).unsigned_abs()))
    }

    async fn transaction_count(&self, of: Address) -> Result<u64, ChainError> {
        Ok(self.chain.lock().transaction_count(of))
    }

    async fn fees(&self) -> Result<Fees, ChainError> {
        Ok(Fees { max_fee_per_gas: 2_000_000_000, max_priority_fee_per_gas: 1 })
    }

    async fn call(&self, call: &Asked) -> Result<Vec<u8>, ChainError> {
        let to = call.to.unwrap_or_default();
        if to == DEPOSITARY && call.data == (IDepositary::eip712DomainCall {}).abi_encode() {
            return Ok(IDepositary::eip712DomainCall::abi_encode_returns(&IDepositary::eip712DomainReturn {
                fields: FixedBytes([0x0f]),
                name: "XLN".to_owned(),
                version: "1".to_owned(),
                chainId: U256::from(CHAIN_ID),
                verifyingContract: super::chain_address(DEPOSITARY),
                salt: FixedBytes::ZERO,
                extensions: Vec::new(),
            }));
        }
        if let Ok(asked) = IErc20::balanceOfCall::abi_decode(&call.data) {
            let asset = xln_crypto::derive::asset_id(CHAIN_ID, &Asset::erc20(to));
            let held = self.chain.lock().get(Slot::Held(Address(asked.owner.0.0), asset));
            return Ok(IErc20::balanceOfCall::abi_encode_returns(&U256::from(held.unsigned_abs())));
        }
        Err(reverted(Revert("no such function")))
    }

    async fn estimate_gas(&self, call: &Asked) -> Result<u64, ChainError> {
        self.chain.lock().simulate(call.from, &call_of(call)).map(|()| 90_000).map_err(reverted)
    }

    async fn send_raw(&self, raw: &[u8]) -> Result<Hash, ChainError> {
        let method = "eth_sendRawTransaction";
        let mut ledger = self.chain.lock();
        let hash = xln_crypto::keccak256(raw);
        if ledger.knows(hash) {
            return Err(refused(method, "already known"));
        }
        let sent = read(raw).ok_or_else(|| refused(method, "malformed"))?;
        let nonce = sent.nonce.unwrap_or(0);
        if i128::from(nonce) < ledger.get(Slot::Nonce(sent.from)) {
            return Err(refused(method, "nonce too low"));
        }
        ledger.submit(sent);
        Ok(hash)
    }

    async fn knows(&self, transaction: Hash) -> Result<bool, ChainError> {
        Ok(self.chain.lock().knows(transaction))
    }

    async fn receipt(&self, transaction: Hash) -> Result<Option<Mined>, ChainError> {
        Ok(self.chain.lock().mined(transaction).cloned())
    }
}

impl View {
    fn silent<T>(&self, method: &str) -> Result<T, ChainError> {
        self.told();
        Err(ChainError::Unreachable { method: method.to_owned(), cause: "no answer".to_owned() })
    }
}
