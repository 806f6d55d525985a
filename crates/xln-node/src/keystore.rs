//! Hosted keys at rest: each wrapped by a master key that is stretched once from the password at unlock (DESIGN 4).
//!
//! A log of its own (`keys`) under the data folder: the first record holds salt and parameters and a check by which a wrong
//! password is told, each later one a sealed key. A key is opened for one signature and wiped; it is never returned or logged.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};
use xln_crypto::{SignatureError, secp};
use xln_storage::{Disk, Log, LogError, LogOptions};
use xln_types::codec::{Blob, RlpDecodable, RlpEncodable, decode};
use xln_types::{Hash, SignerId};
use zeroize::Zeroizing;

/// The log's name in the data folder.
pub const KEYS_NAME: &str = "keys";
/// Memory of the key stretching, KiB (OWASP's first choice for Argon2id).
pub const STRETCH_MEMORY_KIB: u32 = 19_456;
/// Passes of the key stretching.
pub const STRETCH_PASSES: u32 = 2;
/// Shortest password taken.
pub const PASSWORD_BYTES_MIN: usize = 8;

/// Why the keystore doesn't open or sign.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// The log is damaged, or the disk failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A record isn't what a keystore holds.
    #[error("keystore record malformed: sequence={sequence}")]
    Record {
        /// The record's number.
        sequence: u64,
    },
    /// The password doesn't open it.
    #[error("wrong keystore password")]
    Password,
    /// The password is too short.
    #[error("keystore password too short: bytes_min={PASSWORD_BYTES_MIN}")]
    Weak,
    /// The key isn't here.
    #[error("no key for signer: id={0}")]
    Unknown(SignerId),
    /// Not a key of secp256k1.
    #[error(transparent)]
    Key(#[from] SignatureError),
    /// The system gave no randomness.
    #[error("no entropy")]
    Entropy,
}

#[derive(RlpEncodable, RlpDecodable)]
struct Header {
    version: u64,
    memory_kib: u32,
    passes: u32,
    salt: [u8; 16],
    nonce: [u8; 24],
    /// The node's token secret, sealed: opens with the right password alone.
    secret: Blob,
}

#[derive(RlpEncodable, RlpDecodable)]
struct SealedKey {
    signer: SignerId,
    nonce: [u8; 24],
    sealed: Blob,
}

struct Keys<D: Disk> {
    log: Log<D>,
    sealed: BTreeMap<SignerId, SealedKey>,
}

/// An unlocked keystore.
pub struct Keystore<D: Disk> {
    cipher: XChaCha20Poly1305,
    token_secret: Zeroizing<[u8; 32]>,
    keys: Mutex<Keys<D>>,
}

/// Bytes that nobody can foresee.
///
/// # Errors
/// [`KeystoreError::Entropy`].
pub fn random<const N: usize>() -> Result<[u8; N], KeystoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| KeystoreError::Entropy)?;
    Ok(bytes)
}

fn stretch(password: &str, salt: &[u8; 16], memory_kib: u32, passes: u32) -> Result<XChaCha20Poly1305, KeystoreError> {
    let params = Params::new(memory_kib, passes, 1, Some(32)).map_err(|_| KeystoreError::Record { sequence: 1 })?;
    let mut master = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), salt, master.as_mut_slice())
        .map_err(|_| KeystoreError::Password)?;
    XChaCha20Poly1305::new_from_slice(master.as_slice()).map_err(|_| KeystoreError::Password)
}

fn open(cipher: &XChaCha20Poly1305, nonce: &[u8; 24], sealed: &[u8], bound: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let opened = cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: bound }).ok().map(Zeroizing::new)?;
    <[u8; 32]>::try_from(opened.as_slice()).ok().map(Zeroizing::new)
}

fn seal(cipher: &XChaCha20Poly1305, secret: &[u8; 32], bound: &[u8]) -> Result<([u8; 24], Blob), KeystoreError> {
    let nonce = random()?;
    let sealed = cipher.encrypt(&XNonce::from(nonce), Payload { msg: secret.as_slice(), aad: bound });
    Ok((nonce, Blob(sealed.map_err(|_| KeystoreError::Entropy)?)))
}

impl<D: Disk> Keystore<D> {
    /// Unlocks the keystore, or makes a new one under this password.
    ///
    /// # Errors
    /// [`KeystoreError`].
    pub fn unlock(disk: D, password: &str) -> Result<Keystore<D>, KeystoreError> {
        if password.len() < PASSWORD_BYTES_MIN {
            return Err(KeystoreError::Weak);
        }
        let (mut header, mut sealed, mut malformed) = (None, BTreeMap::new(), None);
        let opened = Log::open(disk, KEYS_NAME, LogOptions::new(random()?), |sequence, bytes| {
            let read = if header.is_none() {
                decode::<Header>(bytes).map(|read| header = Some(read))
            } else {
                decode::<SealedKey>(bytes).map(|key| drop(sealed.insert(key.signer, key)))
            };
            match read {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => {
                    malformed = Some(KeystoreError::Record { sequence });
                    ControlFlow::Break(())
                }
            }
        });
        if let Some(malformed) = malformed {
            return Err(malformed);
        }
        let (mut log, _) = opened?;
        let (cipher, token_secret) = match header {
            Some(Header { memory_kib, passes, salt, nonce, secret, .. }) => {
                let cipher = stretch(password, &salt, memory_kib, passes)?;
                let secret = open(&cipher, &nonce, &secret.0, b"token").ok_or(KeystoreError::Password)?;
                (cipher, secret)
            }
            None => {
                let salt = random()?;
                let cipher = stretch(password, &salt, STRETCH_MEMORY_KIB, STRETCH_PASSES)?;
                let token = Zeroizing::new(random()?);
                let (nonce, secret) = seal(&cipher, &token, b"token")?;
                let (memory_kib, passes) = (STRETCH_MEMORY_KIB, STRETCH_PASSES);
                let header = Header { version: 1, memory_kib, passes, salt, nonce, secret };
                let _ = log.append(&alloy_rlp::encode(header))?;
                let _ = log.sync()?;
                log.sync_mark()?;
                (cipher, token)
            }
        };
        Ok(Keystore { cipher, token_secret, keys: Mutex::new(Keys { log, sealed }) })
    }

    fn keys(&self) -> MutexGuard<'_, Keys<D>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The secret by which this node marks hosted calls.
    pub fn token_secret(&self) -> [u8; 32] {
        *self.token_secret
    }

    /// Takes a key in; it is synced when this returns. A key that is here already stays as it is.
    ///
    /// # Errors
    /// [`KeystoreError`].
    pub fn insert(&self, secret: &[u8; 32]) -> Result<(SignerId, [u8; 33]), KeystoreError> {
        let (signer, public_key) = secp::signer_of_secret(secret)?;
        let (nonce, sealed) = seal(&self.cipher, secret, &signer.0)?;
        let mut keys = self.keys();
        if !keys.sealed.contains_key(&signer) {
            let key = SealedKey { signer, nonce, sealed };
            let _ = keys.log.append(&alloy_rlp::encode(&key))?;
            let _ = keys.log.sync()?;
            keys.log.sync_mark()?;
            keys.sealed.insert(signer, key);
        }
        Ok((signer, public_key))
    }

    /// Makes a key.
    ///
    /// # Errors
    /// [`KeystoreError`].
    pub fn generate(&self) -> Result<(SignerId, [u8; 33]), KeystoreError> {
        let secret = Zeroizing::new(random()?);
        self.insert(&secret)
    }

    /// True when the key is here.
    pub fn holds(&self, signer: SignerId) -> bool {
        self.keys().sealed.contains_key(&signer)
    }

    /// The signers whose keys are here, ascending.
    pub fn signers(&self) -> Vec<SignerId> {
        self.keys().sealed.keys().copied().collect()
    }

    /// Signs a digest with a hosted key.
    ///
    /// # Errors
    /// [`KeystoreError::Unknown`].
    pub fn sign(&self, signer: SignerId, digest: &Hash) -> Result<[u8; 65], KeystoreError> {
        self.with_secret(signer, |secret| secp::sign(secret, digest).map_err(KeystoreError::from))?
    }

    /// Lends a hosted key to `act`, for signatures in other formats; wiped afterwards.
    ///
    /// # Errors
    /// [`KeystoreError::Unknown`].
    pub(crate) fn with_secret<T>(
        &self,
        signer: SignerId,
        act: impl FnOnce(&[u8; 32]) -> T,
    ) -> Result<T, KeystoreError> {
        let secret = {
            let keys = self.keys();
            let key = keys.sealed.get(&signer).ok_or(KeystoreError::Unknown(signer))?;
            open(&self.cipher, &key.nonce, &key.sealed.0, &signer.0).ok_or(KeystoreError::Unknown(signer))?
        };
        Ok(act(&secret))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xln_storage::MemDisk;

    #[test]
    fn a_key_survives_a_restart_and_only_the_password_opens_it() {
        let disk = MemDisk::new();
        let store = Keystore::unlock(disk.clone(), "correct horse").expect("new");
        let (signer, _) = store.generate().expect("made");
        let signature = store.sign(signer, &Hash([1; 32])).expect("signed");
        assert_eq!(secp::recover(&Hash([1; 32]), &signature), Ok(signer));
        let token = store.token_secret();
        drop(store);
        disk.crash(7);
        assert!(matches!(Keystore::unlock(disk.clone(), "wrong horse"), Err(KeystoreError::Password)));
        assert!(matches!(Keystore::unlock(disk.clone(), "short"), Err(KeystoreError::Weak)));
        let again = Keystore::unlock(disk, "correct horse").expect("opened");
        assert_eq!(again.signers(), [signer]);
        assert_eq!(again.token_secret(), token);
        assert_eq!(again.sign(signer, &Hash([1; 32])).expect("signed"), signature);
        assert!(matches!(again.sign(SignerId([9; 20]), &Hash([1; 32])), Err(KeystoreError::Unknown(_))));
    }

    #[test]
    fn no_key_lies_open_on_disk() {
        let disk = MemDisk::new();
        let store = Keystore::unlock(disk.clone(), "correct horse").expect("new");
        let secret = [0x5a; 32];
        let (signer, _) = store.insert(&secret).expect("taken in");
        assert_eq!(store.insert(&secret).expect("again").0, signer);
        drop(store);
        for name in disk.list().expect("list") {
            let length = usize::try_from(disk.len(&name).expect("len")).expect("small");
            let mut bytes = vec![0; length];
            let _ = disk.read_at(&name, 0, &mut bytes).expect("read");
            assert!(!bytes.windows(16).any(|window| window == &secret[..16]), "{name}");
        }
    }
}
