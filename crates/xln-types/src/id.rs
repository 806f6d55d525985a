//! Identifiers: fixed byte strings with a type each, so that none is taken for another. Text form: lower-case `0x` hex.
//!
//! How each is derived stands in `xln-crypto` (`derive`): N-4 assets, N-5 entities and signers, N-6 channels, TX-2 hashes.

use crate::codec::{Decodable, Encodable, RlpError};
use std::fmt;
use std::str::FromStr;

/// Why a text is no identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 0x followed by {digits} hex digits")]
pub struct NotHex {
    /// How many digits were expected.
    pub digits: usize,
}

/// Reads `0x` and exactly `2 × N` hex digits, either case.
///
/// # Errors
/// [`NotHex`] with the expected number of digits.
pub fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], NotHex> {
    let wrong = NotHex { digits: N.saturating_mul(2) };
    let digits = text.strip_prefix("0x").ok_or(wrong)?.as_bytes();
    if digits.len() != wrong.digits {
        return Err(wrong);
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return Err(wrong) };
        *byte = nibble(*high).ok_or(wrong)? << 4 | nibble(*low).ok_or(wrong)?;
    }
    Ok(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Writes `0x` and lower-case hex.
pub fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    f.write_str("0x")?;
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $bytes]);

        impl $name {
            /// All zero: names nothing.
            pub const ZERO: Self = Self([0; $bytes]);
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write_hex(f, &self.0) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write_hex(f, &self.0) }
        }
        impl FromStr for $name {
            type Err = NotHex;
            fn from_str(text: &str) -> Result<Self, NotHex> { parse_hex(text).map(Self) }
        }
        impl Encodable for $name {
            fn encode(&self, out: &mut dyn alloy_rlp::BufMut) { self.0.encode(out); }
            fn length(&self) -> usize { self.0.length() }
        }
        impl Decodable for $name {
            fn decode(buf: &mut &[u8]) -> Result<Self, RlpError> { <[u8; $bytes]>::decode(buf).map(Self) }
        }
        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] { &self.0 }
        }
    };
}

id!(
    /// A 32-byte hash: keccak256 unless a doc says otherwise.
    Hash, 32
);
id!(
    /// The hash that a transaction's signature covers (TX-2), and its name everywhere: `paymentId` too.
    TxHash, 32
);
id!(
    /// An entity: the hash of its founding board (N-5).
    EntityId, 32
);
id!(
    /// A channel: hash of chain, depositary, left, right and epoch (N-6).
    ChannelId, 32
);
id!(
    /// An asset: hash of chain, kind, contract and token id (N-4).
    AssetId, 32
);
id!(
    /// An operation on the chain (deposit, withdrawal, allocation, settlement), used once per entity (DP-4).
    OperationId, 32
);
id!(
    /// An Ethereum address; an entity's is the last 20 bytes of its id (N-5).
    Address, 20
);
id!(
    /// A signer: the address of its secp256k1 key (N-5).
    SignerId, 20
);

impl EntityId {
    /// The last 20 bytes (N-5).
    pub fn address(&self) -> Address {
        let mut address = [0; 20];
        for (to, from) in address.iter_mut().zip(self.0.iter().skip(12)) {
            *to = *from;
        }
        Address(address)
    }
}

impl SignerId {
    /// The same bytes, as an address.
    pub fn address(&self) -> Address {
        Address(self.0)
    }
}

impl From<Address> for SignerId {
    fn from(address: Address) -> Self {
        SignerId(address.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// N-5: an entity's address is the last 20 bytes of its id.
    #[test]
    fn an_entity_address_is_the_end_of_its_id() {
        let mut id = [0; 32];
        id[12..].copy_from_slice(&[7; 20]);
        assert_eq!(EntityId(id).address(), Address([7; 20]));
    }

    #[test]
    fn text_is_lower_case_hex_of_exact_length() {
        let id: Address = "0xFfcf8FDEE72ac11b5c542428B35EEF5769C409f0".parse().expect("either case is read");
        assert_eq!(id.to_string(), "0xffcf8fdee72ac11b5c542428b35eef5769c409f0");
        assert_eq!(format!("{id:?}"), id.to_string());
        for text in
            ["", "0x", "0x00", "ffcf8fdee72ac11b5c542428b35eef5769c409f0", "0xgfcf8fdee72ac11b5c542428b35eef5769c409f0"]
        {
            assert_eq!(text.parse::<Address>(), Err(NotHex { digits: 40 }), "{text}");
        }
        assert_eq!(SignerId::from(id).address(), id);
    }
}
