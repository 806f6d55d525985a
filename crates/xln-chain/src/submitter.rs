//! Sends transactions from one account. It owns the account's nonces: read once, then counted, read again after any error.
//!
//! **DP-4** in three calls, so that nothing is sent that isn't logged: [`Submitter::prepare`] simulates, prices and signs;
//! the caller logs [`Prepared::raw`]; [`Submitter::send`] broadcasts it, and may do so again, any number of times, after any
//! crash. [`Submitter::wait_mined`] is bounded.
//!
//! No one else may send from the account meanwhile: a nonce taken elsewhere fails here, and is read again.

use crate::client::{Call, Chain, Mined};
use crate::error::ChainError;
use crate::signing::{Envelope, Prepared, address_of, sign_for};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use xln_types::{Address, Amount, Hash};
use zeroize::Zeroizing;

/// Gas asked for beyond the estimate, in percent: state may change before the transaction is mined.
pub const GAS_MARGIN_PERCENT: u64 = 25;
/// How often a receipt is asked for.
pub const RECEIPT_POLL_MS: u64 = 100;
/// The longest wait for a receipt.
pub const RECEIPT_WAIT_MS_MAX: u64 = 600_000;

/// One account that sends.
pub struct Submitter {
    chain: Arc<dyn Chain>,
    secret: Zeroizing<[u8; 32]>,
    address: Address,
    chain_id: u64,
    /// The next nonce; `None` until it was read.
    nonce: Option<u64>,
}

impl fmt::Debug for Submitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submitter").field("address", &self.address).field("nonce", &self.nonce).finish_non_exhaustive()
    }
}

/// What a transaction is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Who is called; `None` creates a contract.
    pub to: Option<Address>,
    /// In wei.
    pub value: Amount,
    /// Calldata.
    pub data: Vec<u8>,
}

impl Submitter {
    /// A sender on `chain`, which has to be `chain_id`, with the account of `secret`.
    ///
    /// # Errors
    /// [`ChainError::Unsignable`] if `secret` is no key.
    pub fn new(chain: Arc<dyn Chain>, chain_id: u64, secret: &[u8; 32]) -> Result<Submitter, ChainError> {
        let address = address_of(secret)?;
        Ok(Submitter { chain, secret: Zeroizing::new(*secret), address, chain_id, nonce: None })
    }

    /// Who pays for the gas.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Simulates `order` on the present state, and signs it with the next nonce. Nothing is sent.
    ///
    /// # Errors
    /// [`ChainError::Reverted`] if it would revert now; else what the chain answered. No nonce is used then.
    pub async fn prepare(&mut self, order: Order) -> Result<Prepared, ChainError> {
        let call = Call { from: self.address, to: order.to, value: order.value, data: order.data };
        let estimate = self.chain.estimate_gas(&call).await?;
        let order = Order { to: call.to, value: call.value, data: call.data };
        self.prepare_with_gas(order, with_margin(estimate)).await
    }

    /// Signs `order` unsimulated, for what depends on a transaction that isn't mined yet.
    ///
    /// # Errors
    /// What the chain answered; no nonce is used then.
    pub async fn prepare_with_gas(&mut self, order: Order, gas_limit: u64) -> Result<Prepared, ChainError> {
        let nonce = match self.nonce {
            Some(nonce) => nonce,
            None => self.chain.transaction_count(self.address).await?,
        };
        let fees = self.chain.fees().await?;
        let envelope = Envelope {
            chain_id: self.chain_id,
            nonce,
            to: order.to,
            value: order.value,
            data: order.data,
            gas_limit,
            fees,
        };
        let prepared = sign_for(&self.secret, &envelope)?;
        self.nonce = nonce.checked_add(1);
        Ok(prepared)
    }

    /// Broadcasts; sending the same bytes again is no error (DP-4).
    ///
    /// # Errors
    /// What the chain answered; the nonce is then read again before the next transaction.
    pub async fn send(&mut self, raw: &[u8], hash: Hash) -> Result<(), ChainError> {
        let sent = broadcast(self.chain.as_ref(), raw, hash).await;
        if sent.is_err() {
            self.nonce = None;
        }
        sent
    }

    /// Prepared transactions won't be sent: the next nonce is read from the chain again.
    pub fn forget_nonce(&mut self) {
        self.nonce = None;
    }

    /// Waits until `hash` is mined, at most `timeout_ms`.
    ///
    /// # Errors
    /// [`ChainError::NotMined`], or what the chain answered.
    pub async fn wait_mined(&self, hash: Hash, timeout_ms: u64) -> Result<Mined, ChainError> {
        wait_mined(self.chain.as_ref(), hash, timeout_ms).await
    }
}

/// Sends `raw`, whose hash is `hash`, if the chain doesn't have it yet (DP-4).
///
/// # Errors
/// What the chain answered, unless it knows the transaction.
pub async fn broadcast(chain: &dyn Chain, raw: &[u8], hash: Hash) -> Result<(), ChainError> {
    let refused = match chain.send_raw(raw).await {
        Ok(answered) if answered == hash => return Ok(()),
        Ok(_) => return Err(ChainError::malformed("eth_sendRawTransaction", "another hash than the transaction's")),
        Err(refused) => refused,
    };
    match refused {
        // "Already known" and "nonce too low" have no code of their own: ask whether it is there.
        ChainError::Rpc { .. } if chain.knows(hash).await? => Ok(()),
        refused => Err(refused),
    }
}

/// Waits until `hash` is mined, at most `timeout_ms` (and never more than [`RECEIPT_WAIT_MS_MAX`]).
///
/// # Errors
/// [`ChainError::NotMined`], or what the chain answered.
pub async fn wait_mined(chain: &dyn Chain, hash: Hash, timeout_ms: u64) -> Result<Mined, ChainError> {
    let waited_ms = timeout_ms.min(RECEIPT_WAIT_MS_MAX);
    let asking = async {
        loop {
            if let Some(mined) = chain.receipt(hash).await? {
                return Ok(mined);
            }
            tokio::time::sleep(Duration::from_millis(RECEIPT_POLL_MS)).await;
        }
    };
    let answered = tokio::time::timeout(Duration::from_millis(waited_ms), asking).await;
    answered.unwrap_or(Err(ChainError::NotMined { hash, waited_ms }))
}

fn with_margin(estimate: u64) -> u64 {
    estimate.saturating_add(estimate / 100 * GAS_MARGIN_PERCENT).saturating_add(GAS_MARGIN_PERCENT)
}
