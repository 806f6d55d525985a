//! A secp256k1 key of one's own: logs in (DESIGN 8), and signs transactions (**TX-2**). Wiped when it is dropped, never shown.

use crate::error::ClientError;
use serde_json::{Value, json};
use std::fmt;
use xln_crypto::login::{login_message, text_digest};
use xln_crypto::{derive, secp};
use xln_types::codec::Blob;
use xln_types::{Address, EntityId, Hash, Transaction};
use zeroize::Zeroizing;

/// A secret key.
#[derive(Clone)]
pub struct Key {
    secret: Zeroizing<[u8; 32]>,
    address: Address,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.address)
    }
}

impl Key {
    /// A key from its bytes.
    ///
    /// # Errors
    /// [`ClientError::Key`] when they are none.
    pub fn new(secret: [u8; 32]) -> Result<Key, ClientError> {
        let secret = Zeroizing::new(secret);
        let (signer, _) = secp::signer_of_secret(&secret).map_err(|_| ClientError::Key)?;
        Ok(Key { secret, address: signer.address() })
    }

    /// A key from 64 hex digits, with or without `0x`.
    ///
    /// # Errors
    /// [`ClientError::Key`].
    pub fn from_hex(text: &str) -> Result<Key, ClientError> {
        let digits = text.trim().trim_start_matches("0x");
        let hash: Hash = format!("0x{digits}").parse().map_err(|_| ClientError::Key)?;
        Key::new(hash.0)
    }

    /// Its address.
    pub fn address(&self) -> Address {
        self.address
    }

    /// The public key, 33 bytes compressed.
    pub fn public_key(&self) -> [u8; 33] {
        secp::signer_of_secret(&self.secret).map_or([0; 33], |(_, public_key)| public_key)
    }

    /// The body of `POST /api/v1/auth/token`.
    pub(crate) fn login(&self, hub: EntityId, timestamp_s: u64) -> Result<Value, ClientError> {
        let digest = text_digest(&login_message(hub, self.address, timestamp_s));
        let signature = hex(&self.sign(&digest)?);
        Ok(json!({ "address": self.address.to_string(), "signature": signature, "timestamp": timestamp_s }))
    }

    /// Signs a digest: 65 bytes r ‖ s ‖ v.
    ///
    /// # Errors
    /// [`ClientError::Key`], which a key that was made never gives.
    pub fn sign(&self, digest: &Hash) -> Result<[u8; 65], ClientError> {
        secp::sign(&self.secret, digest).map_err(|_| ClientError::Key)
    }

    /// Signs a transaction for one hub on one chain: its signature is put in place.
    ///
    /// # Errors
    /// As [`Key::sign`].
    pub fn sign_transaction(&self, chain_id: u64, hub: EntityId, tx: &mut Transaction) -> Result<(), ClientError> {
        let hash = derive::tx_hash(chain_id, hub, tx);
        let mut signature = vec![xln_types::tx::Scheme::Secp256k1.number()];
        signature.extend(self.sign(&Hash(hash.0))?);
        tx.signature = Blob(signature);
        Ok(())
    }
}

/// Bytes as `0x` and hex digits.
pub fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    std::iter::once("0x".to_owned()).chain(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_hex_and_never_shows_itself() {
        let key = Key::from_hex(&"11".repeat(32)).expect("a key");
        assert_eq!(key.address(), Key::new([0x11; 32]).expect("a key").address());
        assert!(!format!("{key:?}").contains("1111"));
        for wrong in ["", "0x12", "zz", &"00".repeat(32), &"ff".repeat(32)] {
            assert!(Key::from_hex(wrong).is_err(), "{wrong}");
        }
    }

    /// TX-2: what is signed here is what a hub verifies.
    #[test]
    fn a_signed_transaction_verifies_at_its_hub_alone() {
        use xln_types::tx::{Body, DeleteEntity, Transaction};
        let key = Key::new([7; 32]).expect("a key");
        let hub = EntityId([3; 32]);
        let body = Body::from(DeleteEntity { entity: EntityId([4; 32]) });
        let mut tx = Transaction {
            kind: body.kind(),
            from: key.address(),
            to: Address::ZERO,
            nonce: 0,
            data: body.to_data(),
            fee: xln_types::Amount::ZERO,
            timestamp: 1,
            signature: Blob::default(),
        };
        key.sign_transaction(31_337, hub, &mut tx).expect("signed");
        let token = xln_crypto::TokenKey::new([0; 32]);
        let verified = |chain_id, hub| {
            let decoded = derive::decoded(chain_id, hub, tx.clone()).expect("canonical");
            xln_crypto::verify::verify(decoded, &token).map(|verified| verified.authority())
        };
        let own = xln_types::Authority::Signer { signer: key.address().into() };
        assert_eq!(verified(31_337, hub), Ok(own));
        assert_ne!(verified(1, hub), Ok(own));
        assert_ne!(verified(31_337, EntityId([9; 32])), Ok(own));
    }
}
