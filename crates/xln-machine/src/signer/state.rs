//! A signer's record.

use xln_types::codec::{Blob, RlpDecodable, RlpEncodable};
use xln_types::{Address, SignerId};

/// A signer.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Signer {
    /// The address of its key (N-5).
    pub id: SignerId,
    /// 33 bytes compressed.
    pub public_key: Blob,
    /// The API account that may act with it.
    pub owner: Address,
    /// 1: the hub holds the key.
    pub hosted: u8,
    /// The nonce of its next transaction (TX-2).
    pub nonce: u64,
    /// The salt of its next entity (N-5).
    pub next_salt: u64,
    /// How many entities it has.
    pub entities: u64,
    /// Unix seconds.
    pub created_s: u64,
    /// Free bytes.
    pub metadata: Blob,
}
