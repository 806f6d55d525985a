//! secp256k1, as Ethereum uses it: 65 bytes r ‖ s ‖ v over a 32-byte digest. **CH-7**: low-s only, address 0 is never a signer.

use crate::hash::keccak256;
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use secp256k1::{Message, PublicKey, SecretKey};
use xln_types::{Hash, SignerId};

/// Length of a signature: r, s, v.
pub const SIGNATURE_BYTES: usize = 65;

/// Why a key or signature is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not of the scheme's length.
    #[error("signature length: expected={expected}")]
    Length {
        /// Bytes expected.
        expected: usize,
    },
    /// r or s out of range, v neither 0, 1, 27 nor 28, or no point.
    #[error("malformed signature")]
    Malformed,
    /// s in the upper half: the same signature has a second form, which is refused (CH-7).
    #[error("high-s signature")]
    HighS,
    /// Not a public key on the curve.
    #[error("malformed public key")]
    PublicKey,
    /// Not a secret key of the curve: zero, or past its order.
    #[error("malformed secret key")]
    SecretKey,
    /// The keyed hash of a hosted call doesn't match.
    #[error("wrong token hash")]
    Token,
    /// No such scheme, or one that isn't taken here yet.
    #[error("unsupported scheme: number={number}")]
    Scheme {
        /// The first byte.
        number: u8,
    },
}

/// The signer that this public key (33 bytes compressed, or 65) belongs to, and its compressed form (N-5).
///
/// # Errors
/// [`SignatureError::PublicKey`].
pub fn signer_of_public_key(bytes: &[u8]) -> Result<(SignerId, [u8; 33]), SignatureError> {
    let key = PublicKey::from_slice(bytes).map_err(|_| SignatureError::PublicKey)?;
    Ok((signer_of(&key), key.serialize()))
}

/// The signer and compressed public key of a secret key.
///
/// # Errors
/// [`SignatureError::SecretKey`].
pub fn signer_of_secret(secret: &[u8; 32]) -> Result<(SignerId, [u8; 33]), SignatureError> {
    let secret = secret_key(secret)?;
    let key = PublicKey::from_secret_key(&secret);
    Ok((signer_of(&key), key.serialize()))
}

/// Signs a digest: deterministic (RFC 6979), low-s, v 27 or 28. The same digest and key give the same bytes (CH-10).
///
/// # Errors
/// [`SignatureError::SecretKey`].
pub fn sign(secret: &[u8; 32], digest: &Hash) -> Result<[u8; SIGNATURE_BYTES], SignatureError> {
    let secret = secret_key(secret)?;
    let signature = RecoverableSignature::sign_ecdsa_recoverable(Message::from_digest(digest.0), &secret);
    let (recovery, compact) = signature.serialize_compact();
    let mut bytes = [0; SIGNATURE_BYTES];
    let v = match recovery {
        RecoveryId::Zero | RecoveryId::Two => 27,
        RecoveryId::One | RecoveryId::Three => 28,
    };
    for (to, from) in bytes.iter_mut().zip(compact.iter().chain([&v])) {
        *to = *from;
    }
    Ok(bytes)
}

/// The signer whose key made this signature over this digest.
///
/// # Errors
/// [`SignatureError`]: wrong length, malformed, or high-s (CH-7).
pub fn recover(digest: &Hash, signature: &[u8]) -> Result<SignerId, SignatureError> {
    let (compact, v) = match signature {
        [compact @ .., v] if signature.len() == SIGNATURE_BYTES => (compact, *v),
        _ => return Err(SignatureError::Length { expected: SIGNATURE_BYTES }),
    };
    let recovery = match v {
        0 | 27 => RecoveryId::Zero,
        1 | 28 => RecoveryId::One,
        _ => return Err(SignatureError::Malformed),
    };
    let signature = RecoverableSignature::from_compact(compact, recovery).map_err(|_| SignatureError::Malformed)?;
    let mut normal = signature.to_standard();
    let before = normal;
    normal.normalize_s();
    if normal != before {
        return Err(SignatureError::HighS);
    }
    let key = signature.recover_ecdsa(Message::from_digest(digest.0)).map_err(|_| SignatureError::Malformed)?;
    let signer = signer_of(&key);
    if signer == SignerId::ZERO { Err(SignatureError::Malformed) } else { Ok(signer) }
}

fn secret_key(secret: &[u8; 32]) -> Result<SecretKey, SignatureError> {
    SecretKey::from_secret_bytes(*secret).map_err(|_| SignatureError::SecretKey)
}

fn signer_of(key: &PublicKey) -> SignerId {
    let point = key.serialize_uncompressed();
    let hash = keccak256(point.split_first().map_or(&[][..], |(_, point)| point));
    let mut signer = [0; 20];
    for (to, from) in signer.iter_mut().zip(hash.0.iter().skip(12)) {
        *to = *from;
    }
    SignerId(signer)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Account 0 of the public development mnemonic.
    const DEV_KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

    fn dev_key() -> [u8; 32] {
        xln_types::id::parse_hex(DEV_KEY).expect("hex")
    }

    /// N-5: a signer's id is the Ethereum address of its key.
    #[test]
    fn a_signer_is_its_keys_address() {
        let (signer, public) = signer_of_secret(&dev_key()).expect("key");
        assert_eq!(signer.to_string(), "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266");
        assert_eq!(signer_of_public_key(&public), Ok((signer, public)));
        assert_eq!(signer_of_public_key(&public[1..]), Err(SignatureError::PublicKey));
        assert_eq!(signer_of_public_key(&[0; 33]), Err(SignatureError::PublicKey));
        assert_eq!(signer_of_secret(&[0; 32]), Err(SignatureError::SecretKey));
        assert_eq!(signer_of_secret(&[0xff; 32]), Err(SignatureError::SecretKey));
    }

    #[test]
    fn a_signature_recovers_its_signer_and_nothing_else() {
        let digest = keccak256(b"pay");
        let signature = sign(&dev_key(), &digest).expect("key");
        let (signer, _) = signer_of_secret(&dev_key()).expect("key");
        assert_eq!(recover(&digest, &signature), Ok(signer));
        assert_eq!(sign(&dev_key(), &digest), Ok(signature), "deterministic");
        assert_ne!(recover(&keccak256(b"other"), &signature), Ok(signer));
        let mut low_v = signature;
        low_v[64] -= 27;
        assert_eq!(recover(&digest, &low_v), Ok(signer));
        low_v[64] = 5;
        assert_eq!(recover(&digest, &low_v), Err(SignatureError::Malformed));
        assert_eq!(recover(&digest, &signature[..64]), Err(SignatureError::Length { expected: 65 }));
        assert_eq!(recover(&digest, &[0xff; 65]), Err(SignatureError::Malformed));
        assert_eq!(
            recover(&digest, &{
                let mut zero = [0; 65];
                zero[64] = 27;
                zero
            }),
            Err(SignatureError::Malformed)
        );
    }

    /// The signature's other form: the order less s, and the other v.
    pub(crate) fn make_high(signature: &mut [u8]) {
        const ORDER: [u8; 32] = [
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae,
            0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
        ];
        let mut borrow = 0_i32;
        for index in (0..32).rev() {
            let value = i32::from(ORDER[index]) - i32::from(signature[32 + index]) - borrow;
            borrow = i32::from(value < 0);
            signature[32 + index] = u8::try_from(value + 256 * borrow).expect("byte");
        }
        signature[64] = 55 - signature[64];
    }

    /// CH-7: the high-s twin of a valid signature is refused.
    #[test]
    fn the_malleable_twin_is_refused() {
        let digest = keccak256(b"pay");
        let mut twin = sign(&dev_key(), &digest).expect("key").to_vec();
        make_high(&mut twin);
        assert_eq!(recover(&digest, &twin), Err(SignatureError::HighS));
    }
}
