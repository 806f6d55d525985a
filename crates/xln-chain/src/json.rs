//! Numbers and bytes as Ethereum's JSON-RPC writes them: `0x` hex, read strictly and within bounds.

use alloy_primitives::{U256, hex};
use serde_json::Value;
use xln_types::{Address, Hash};

/// Writes a number as `0x` hex without leading zeros.
pub(crate) fn quantity(number: impl std::fmt::LowerHex) -> String {
    format!("{number:#x}")
}

/// Writes bytes as `0x` hex.
pub(crate) fn data(bytes: &[u8]) -> String {
    hex::encode_prefixed(bytes)
}

/// Reads `0x` and 1 to 64 hex digits.
pub(crate) fn parse_u256(text: &str) -> Option<U256> {
    let digits = text.strip_prefix("0x")?;
    let good = (1..=64).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if good { U256::from_str_radix(digits, 16).ok() } else { None }
}

/// Reads a number that fits 64 bits.
pub(crate) fn parse_u64(text: &str) -> Option<u64> {
    parse_u256(text)?.try_into().ok()
}

/// Reads a number that fits 128 bits.
pub(crate) fn parse_u128(text: &str) -> Option<u128> {
    parse_u256(text)?.try_into().ok()
}

/// Reads `0x` and whole bytes, at most `bytes_max`.
pub(crate) fn parse_data(text: &str, bytes_max: usize) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x")?;
    if digits.len() > bytes_max.saturating_mul(2) { None } else { hex::decode(digits).ok() }
}

/// A field of an object as text; `None` when it isn't there or isn't text.
pub(crate) fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field)?.as_str()
}

/// A field of an object as a number.
pub(crate) fn field_u64(value: &Value, field: &str) -> Option<u64> {
    text(value, field).and_then(parse_u64)
}

/// A field of an object as a hash.
pub(crate) fn field_hash(value: &Value, field: &str) -> Option<Hash> {
    text(value, field)?.parse().ok()
}

/// A field of an object as an address.
pub(crate) fn field_address(value: &Value, field: &str) -> Option<Address> {
    text(value, field)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_strictly() {
        assert_eq!(parse_u64("0x0"), Some(0));
        assert_eq!(parse_u64("0xffffffffffffffff"), Some(u64::MAX));
        for text in ["", "0x", "1", "0x10000000000000000", "0x-1", "0x+1", "0x 1", "0x1_0", "0xg"] {
            assert_eq!(parse_u64(text), None, "{text}");
        }
        assert_eq!(parse_u256(&format!("0x{}", "f".repeat(64))), Some(U256::MAX));
        assert_eq!(parse_u256(&format!("0x{}", "f".repeat(65))), None);
        assert_eq!(quantity(0_u8), "0x0");
        assert_eq!(parse_data("0x0102", 2), Some(vec![1, 2]));
        for text in ["0x010", "0102", "0x010203", "0xzz"] {
            assert_eq!(parse_data(text, 2), None, "{text}");
        }
    }
}
