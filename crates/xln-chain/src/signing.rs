//! Signatures that Ethereum takes: of transactions and of digests. Pure; a key is an argument, used and wiped, never kept,
//! shown or logged. Signatures are deterministic (RFC 6979) and low-s.

use crate::client::Fees;
use crate::error::ChainError;
use alloy_consensus::crypto::secp256k1::sign_message;
use alloy_consensus::{SignableTransaction, Transaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{B256, Bytes, TxKind, U256, keccak256};
use xln_types::{Address, Amount, Hash};

/// What a transaction says, before it is signed (EIP-1559).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Number of the sender's transactions before it.
    pub nonce: u64,
    /// Who is called; `None` creates a contract.
    pub to: Option<Address>,
    /// In wei.
    pub value: Amount,
    /// Calldata, or creation code and arguments.
    pub data: Vec<u8>,
    /// The most gas that it may use.
    pub gas_limit: u64,
    /// What it offers for gas.
    pub fees: Fees,
}

/// A signed transaction: logged before it is sent, and sent again byte for byte after a crash (DP-4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// What [`crate::Chain::send_raw`] takes.
    pub raw: Vec<u8>,
    /// Its hash, by which its receipt is found.
    pub hash: Hash,
    /// The sender's nonce that it uses.
    pub nonce: u64,
}

/// Signs `envelope` with `secret`.
///
/// # Errors
/// [`ChainError::Unsignable`] if `secret` is no secp256k1 key.
pub fn sign_for(secret: &[u8; 32], envelope: &Envelope) -> Result<Prepared, ChainError> {
    let transaction = TxEip1559 {
        chain_id: envelope.chain_id,
        nonce: envelope.nonce,
        gas_limit: envelope.gas_limit,
        max_fee_per_gas: envelope.fees.max_fee_per_gas,
        max_priority_fee_per_gas: envelope.fees.max_priority_fee_per_gas,
        to: envelope.to.map_or(TxKind::Create, |to| TxKind::Call(to.0.into())),
        value: U256::from(envelope.value.0),
        access_list: Default::default(),
        input: Bytes::from(envelope.data.clone()),
    };
    let signature = sign(secret, transaction.signature_hash())?;
    let signed = TxEnvelope::from(transaction.into_signed(signature));
    Ok(Prepared { raw: signed.encoded_2718(), hash: Hash(signed.tx_hash().0), nonce: envelope.nonce })
}

/// The sender's nonce that a signed transaction uses; `None` if the bytes are none.
pub fn nonce_of(raw: &[u8]) -> Option<u64> {
    TxEnvelope::decode_2718_exact(raw).ok().map(|envelope| envelope.nonce())
}

/// Signs 32 bytes as they stand: r ‖ s ‖ v with v 27 or 28, as the contracts take it.
///
/// # Errors
/// [`ChainError::Unsignable`] if `secret` is no secp256k1 key.
pub fn sign_digest(secret: &[u8; 32], digest: &[u8; 32]) -> Result<[u8; 65], ChainError> {
    sign(secret, B256::from(*digest)).map(|signature| signature.as_bytes())
}

/// The address of a key.
///
/// # Errors
/// [`ChainError::Unsignable`] if `secret` is no secp256k1 key.
pub fn address_of(secret: &[u8; 32]) -> Result<Address, ChainError> {
    let probe = keccak256(b"whose key is this");
    let signature = sign(secret, probe)?;
    let address = alloy_consensus::crypto::secp256k1::recover_signer(&signature, probe);
    address.map(|address| Address(address.0.0)).map_err(|_| NOT_A_KEY)
}

const NOT_A_KEY: ChainError = ChainError::Unsignable { reason: "not a secp256k1 key" };

fn sign(secret: &[u8; 32], digest: B256) -> Result<alloy_primitives::Signature, ChainError> {
    sign_message(B256::from(*secret), digest).map_err(|_| NOT_A_KEY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::accounts;

    #[test]
    fn keys_give_their_addresses_and_zero_is_no_key() {
        let first = accounts::all().first().expect("ten of them");
        assert_eq!(address_of(&first.secret).expect("a key"), first.address);
        assert_eq!(address_of(&[0; 32]), Err(NOT_A_KEY));
        assert_eq!(sign_digest(&[0xff; 32], &[1; 32]), Err(NOT_A_KEY));
    }

    #[test]
    fn the_same_envelope_signs_to_the_same_bytes() {
        let secret = [7; 32];
        let fees = Fees { max_fee_per_gas: 2, max_priority_fee_per_gas: 1 };
        let envelope =
            Envelope { chain_id: 1, nonce: 3, to: None, value: Amount(5), data: vec![1], gas_limit: 9, fees };
        let prepared = sign_for(&secret, &envelope).expect("signs");
        assert_eq!(sign_for(&secret, &envelope).expect("signs"), prepared);
        assert_eq!(prepared.hash.0, keccak256(&prepared.raw).0);
        assert_eq!((prepared.nonce, nonce_of(&prepared.raw), nonce_of(&[1, 2])), (3, Some(3), None));
    }
}
