//! **TX-3**: verification is a type. Raw bytes become a [`DecodedTx`], and only [`verify`] turns that into a [`VerifiedTx`];
//! only a verified transaction enters the core.

use crate::hash::keyed_hash;
use crate::secp::{self, SignatureError};
use xln_types::codec::Blob;
use xln_types::tx::{DecodedTx, Scheme};
use xln_types::{Address, Authority, SignerId, Transaction, TxHash};

/// Length of a token id.
pub const TOKEN_ID_BYTES: usize = 16;

/// The secret by which one hub marks the hosted calls that its own API authorised. Never leaves the process.
pub struct TokenKey([u8; 32]);

impl TokenKey {
    /// From 32 random bytes.
    pub fn new(secret: [u8; 32]) -> TokenKey {
        TokenKey(secret)
    }

    fn mark(&self, hash: &TxHash, token: &[u8; TOKEN_ID_BYTES], account: &Address) -> [u8; 32] {
        keyed_hash(&self.0, &[&hash.0, token, &account.0])
    }

    /// The signature of a hosted call: scheme, token id, account, keyed hash.
    pub fn sign(&self, hash: &TxHash, token: &[u8; TOKEN_ID_BYTES], account: Address) -> Blob {
        let scheme = [Scheme::Token.number()];
        Blob([&scheme[..], token, &account.0, &self.mark(hash, token, &account)].concat())
    }
}

/// A transaction whose signature was checked. It can't be made in another way than by [`verify`] or, for what this hub itself
/// had logged, by [`VerifiedTx::from_log`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedTx {
    decoded: DecodedTx,
    authority: Authority,
}

impl VerifiedTx {
    /// Takes back what [`verify`] had found before the entry was logged. Only for replay of one's own log.
    pub fn from_log(decoded: DecodedTx, authority: Authority) -> VerifiedTx {
        VerifiedTx { decoded, authority }
    }

    /// The transaction.
    pub fn tx(&self) -> &Transaction {
        &self.decoded.tx
    }

    /// Its body.
    pub fn body(&self) -> &xln_types::Body {
        &self.decoded.body
    }

    /// Its name (TX-2).
    pub fn hash(&self) -> TxHash {
        self.decoded.hash
    }

    /// Who authorised it.
    pub fn authority(&self) -> Authority {
        self.authority
    }
}

/// Checks the signature over the digest (TX-3). `token_key` is the hub's own: a hosted mark of another is refused.
///
/// # Errors
/// [`SignatureError`]: nothing that fails here can enter the log.
pub fn verify(decoded: DecodedTx, token_key: &TokenKey) -> Result<VerifiedTx, SignatureError> {
    let (scheme, bytes) = decoded.tx.signature.0.split_first().ok_or(SignatureError::Length { expected: 66 })?;
    let authority = if *scheme == Scheme::Secp256k1.number() {
        Authority::Signer { signer: recover_signer(&decoded.hash, bytes)? }
    } else if *scheme == Scheme::Token.number() {
        Authority::Account { account: check_token(&decoded.hash, bytes, token_key)? }
    } else {
        return Err(SignatureError::Scheme { number: *scheme });
    };
    Ok(VerifiedTx { decoded, authority })
}

fn recover_signer(hash: &TxHash, signature: &[u8]) -> Result<SignerId, SignatureError> {
    secp::recover(&xln_types::Hash(hash.0), signature)
}

fn check_token(hash: &TxHash, bytes: &[u8], key: &TokenKey) -> Result<Address, SignatureError> {
    const LENGTH: usize = TOKEN_ID_BYTES + 20 + 32;
    let wrong = SignatureError::Length { expected: LENGTH };
    let (token, rest) = bytes.split_first_chunk::<TOKEN_ID_BYTES>().ok_or(wrong)?;
    let (account, rest) = rest.split_first_chunk::<20>().ok_or(wrong)?;
    let mark: &[u8; 32] = rest.try_into().map_err(|_| wrong)?;
    let account = Address(*account);
    // blake3's Hash compares in constant time.
    if blake3::Hash::from_bytes(key.mark(hash, token, &account)) == blake3::Hash::from_bytes(*mark) {
        Ok(account)
    } else {
        Err(SignatureError::Token)
    }
}

/// The signature bytes of a self-custody transaction: scheme byte and 65 bytes over its hash.
///
/// # Errors
/// [`SignatureError::SecretKey`].
pub fn sign_tx(hash: &TxHash, secret: &[u8; 32]) -> Result<Blob, SignatureError> {
    let signature = secp::sign(secret, &xln_types::Hash(hash.0))?;
    Ok(Blob([&[Scheme::Secp256k1.number()][..], &signature].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::decoded;
    use xln_types::tx::DeleteEntity;
    use xln_types::{Amount, Body, EntityId};

    fn unsigned() -> Transaction {
        let body = Body::from(DeleteEntity { entity: EntityId([9; 32]) });
        let (kind, data) = (body.kind(), body.to_data());
        let (from, to) = (Address([1; 20]), Address::ZERO);
        Transaction { kind, from, to, nonce: 0, data, fee: Amount::ZERO, timestamp: 5, signature: Blob::default() }
    }

    fn check(signature: Blob, hub: EntityId) -> Result<Authority, SignatureError> {
        let tx = Transaction { signature, ..unsigned() };
        let decoded = decoded(1, hub, tx).expect("canonical body");
        verify(decoded, &TokenKey::new([5; 32])).map(|verified| verified.authority())
    }

    /// TX-3: only a signature over this digest verifies; another chain's, hub's or key's doesn't.
    #[test]
    fn only_a_signature_over_this_digest_verifies() {
        let hub = EntityId([2; 32]);
        let hash = decoded(1, hub, unsigned()).expect("body").hash;
        let secret = [7; 32];
        let (signer, _) = secp::signer_of_secret(&secret).expect("key");
        let signed = sign_tx(&hash, &secret).expect("key");
        assert_eq!(check(signed.clone(), hub), Ok(Authority::Signer { signer }));
        assert_ne!(check(signed.clone(), EntityId([3; 32])), Ok(Authority::Signer { signer }));
        let key = TokenKey::new([5; 32]);
        let account = Address([8; 20]);
        let hosted = key.sign(&hash, &[4; 16], account);
        assert_eq!(check(hosted.clone(), hub), Ok(Authority::Account { account }));
        for index in 1..hosted.0.len() {
            let mut bytes = hosted.0.clone();
            bytes[index] ^= 1;
            assert_eq!(check(Blob(bytes), hub), Err(SignatureError::Token), "byte {index}");
        }
        let foreign = TokenKey::new([6; 32]).sign(&hash, &[4; 16], account);
        assert_eq!(check(foreign, hub), Err(SignatureError::Token));
        assert_eq!(check(Blob(vec![]), hub), Err(SignatureError::Length { expected: 66 }));
        assert_eq!(check(Blob(vec![3, 1]), hub), Err(SignatureError::Length { expected: 68 }));
        assert_eq!(check(Blob(vec![2, 1]), hub), Err(SignatureError::Scheme { number: 2 }));
        assert_eq!(check(Blob(signed.0[..60].to_vec()), hub), Err(SignatureError::Length { expected: 65 }));
    }
}
