//! keccak256, for everything that Solidity checks, and the keyed hash of hosted calls.

use keccak_asm::{Digest, Keccak256};
use xln_types::Hash;

/// keccak256 of the bytes.
pub fn keccak256(bytes: impl AsRef<[u8]>) -> Hash {
    keccak256_parts(&[bytes.as_ref()])
}

/// keccak256 of the parts, one behind the other.
pub fn keccak256_parts(parts: &[&[u8]]) -> Hash {
    let mut hasher = Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finish()
}

/// keccak256 of what comes piece by piece.
pub(crate) struct Hasher(Keccak256);

impl Hasher {
    pub(crate) fn new() -> Hasher {
        Hasher(Keccak256::new())
    }

    pub(crate) fn update(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    pub(crate) fn finish(self) -> Hash {
        Hash(self.0.finalize().into())
    }
}

/// Bytes of a label in [`domain`].
pub(crate) const LABEL_BYTES: usize = 24;

/// What a hash of a tree or list is taken over first (`docs/spec/tree.md`, *Hash*): label and big-endian number.
pub(crate) fn domain(label: &[u8; LABEL_BYTES], number: u64) -> [u8; 32] {
    let mut domain = [0; 32];
    for (to, from) in domain.iter_mut().zip(label.iter().chain(&number.to_be_bytes())) {
        *to = *from;
    }
    domain
}

/// BLAKE3 keyed by a secret, over the parts one behind the other. Parts must have fixed lengths, so that none can shift.
pub fn keyed_hash(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_keyed(key);
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

/// A `uint` as one 32-byte word of the ABI.
pub(crate) fn word(value: u128) -> [u8; 32] {
    let mut word = [0; 32];
    for (to, from) in word.iter_mut().rev().zip(value.to_be_bytes().iter().rev()) {
        *to = *from;
    }
    word
}

/// An `int256` as one 32-byte word of the ABI: two's complement.
pub(crate) fn signed_word(value: i128) -> [u8; 32] {
    let mut word = [if value < 0 { 0xff } else { 0 }; 32];
    for (to, from) in word.iter_mut().rev().zip(value.to_be_bytes().iter().rev()) {
        *to = *from;
    }
    word
}

/// An address as one 32-byte word of the ABI.
pub(crate) fn address_word(address: &[u8; 20]) -> [u8; 32] {
    let mut word = [0; 32];
    for (to, from) in word.iter_mut().rev().zip(address.iter().rev()) {
        *to = *from;
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keccak_is_ethereums() {
        assert_eq!(keccak256(b"").to_string(), "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
        assert_eq!(keccak256_parts(&[b"ab", b"c"]), keccak256(b"abc"));
        assert_ne!(keyed_hash(&[1; 32], &[b"a"]), keyed_hash(&[2; 32], &[b"a"]));
        assert_eq!(word(258)[30..], [1, 2]);
        assert_eq!(address_word(&[9; 20])[12..], [9; 20]);
        assert_eq!(signed_word(258), word(258));
        assert_eq!(signed_word(-1), [0xff; 32]);
        assert_eq!(signed_word(-258)[..30], [0xff; 30]);
        assert_eq!(signed_word(-258)[30..], [0xfe, 0xfe]);
        assert_eq!(signed_word(i128::MIN)[15..18], [0xff, 0x80, 0]);
    }
}
