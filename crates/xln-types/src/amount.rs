//! Amounts and balances: base units (wei, not ether), checked, bounded (**N-1**), decimal in text (**N-2**).

use crate::codec::{Decodable, Encodable, RlpError};
use std::fmt;

/// The largest amount, reserve, grant, hold, collateral or absolute delta that may exist anywhere: 2¹²⁰ (N-1).
pub const AMOUNT_MAX: u128 = 1 << 120;

/// An amount of one asset in base units, never negative (N-1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(pub u128);

/// A balance that can be owed, in base units: positive is owned, negative is owed (N-1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Balance(pub i128);

impl Amount {
    /// Nothing.
    pub const ZERO: Amount = Amount(0);

    /// `self + other`, unless that passes [`AMOUNT_MAX`] (N-1).
    pub fn plus(self, other: Amount) -> Option<Amount> {
        self.0.checked_add(other.0).filter(|sum| *sum <= AMOUNT_MAX).map(Amount)
    }

    /// `self - other`, unless that is negative.
    pub fn minus(self, other: Amount) -> Option<Amount> {
        self.0.checked_sub(other.0).map(Amount)
    }

    /// `self - other`, or nothing where that would be negative.
    pub fn minus_or_zero(self, other: Amount) -> Amount {
        Amount(self.0.saturating_sub(other.0))
    }

    /// True when the amount is within [`AMOUNT_MAX`] (N-1).
    pub fn in_range(self) -> bool {
        self.0 <= AMOUNT_MAX
    }

    /// As a balance that is owned. `None` past [`AMOUNT_MAX`].
    pub fn owned(self) -> Option<Balance> {
        i128::try_from(self.0).ok().filter(|_| self.in_range()).map(Balance)
    }
}

impl Balance {
    /// Nothing owned, nothing owed.
    pub const ZERO: Balance = Balance(0);

    /// `self + amount`, unless the absolute value passes [`AMOUNT_MAX`] (N-1).
    pub fn plus(self, amount: Amount) -> Option<Balance> {
        self.sum(amount.owned()?)
    }

    /// `self - amount`, unless the absolute value passes [`AMOUNT_MAX`] (N-1).
    pub fn minus(self, amount: Amount) -> Option<Balance> {
        self.difference(amount.owned()?)
    }

    /// The sum of two balances, unless the absolute value passes [`AMOUNT_MAX`] (N-1).
    pub fn sum(self, other: Balance) -> Option<Balance> {
        self.0.checked_add(other.0).map(Balance).filter(|sum| sum.in_range())
    }

    /// The difference of two balances, unless the absolute value passes [`AMOUNT_MAX`] (N-1).
    pub fn difference(self, other: Balance) -> Option<Balance> {
        self.0.checked_sub(other.0).map(Balance).filter(|rest| rest.in_range())
    }

    /// What is owned: the balance if positive, else nothing.
    pub fn claim(self) -> Amount {
        Amount(u128::try_from(self.0).unwrap_or(0))
    }

    /// What is owed: the absolute value if negative, else nothing.
    pub fn debt(self) -> Amount {
        if self.0 < 0 { Amount(self.0.unsigned_abs()) } else { Amount::ZERO }
    }

    /// True when the absolute value is within [`AMOUNT_MAX`] (N-1).
    pub fn in_range(self) -> bool {
        self.0.unsigned_abs() <= AMOUNT_MAX
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Encodable for Amount {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        self.0.encode(out);
    }
    fn length(&self) -> usize {
        self.0.length()
    }
}

impl Decodable for Amount {
    fn decode(buf: &mut &[u8]) -> Result<Self, RlpError> {
        u128::decode(buf).map(Amount)
    }
}

/// RLP has no signed integers: a balance is written zig-zag (0, −1, 1, −2 … as 0, 1, 2, 3 …), which is canonical (N-3).
fn zigzag(value: i128) -> u128 {
    ((value << 1) ^ (value >> 127)).cast_unsigned()
}

fn unzigzag(value: u128) -> i128 {
    (value >> 1).cast_signed() ^ if value & 1 == 1 { -1 } else { 0 }
}

impl Encodable for Balance {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        zigzag(self.0).encode(out);
    }
    fn length(&self) -> usize {
        zigzag(self.0).length()
    }
}

impl Decodable for Balance {
    fn decode(buf: &mut &[u8]) -> Result<Self, RlpError> {
        u128::decode(buf).map(|value| Balance(unzigzag(value)))
    }
}

/// Why a text is no number by **N-2**.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDecimal {
    /// Not `^(0|[1-9][0-9]*)$`.
    #[error("not a plain decimal: expected digits without sign, space, exponent or leading zero")]
    Malformed,
    /// Past the type's range.
    #[error("number out of range")]
    OutOfRange,
}

/// Longest decimal read: 2¹²⁸ has 39 digits.
pub const DECIMAL_DIGITS_MAX: usize = 39;

/// Reads `^(0|[1-9][0-9]*)$` into a `u128` (N-2). Signs, spaces, exponents, hex and other scripts' digits are refused.
///
/// # Errors
/// [`NotDecimal`]: the text is never coerced.
pub fn parse_decimal(text: &str) -> Result<u128, NotDecimal> {
    let bytes = text.as_bytes();
    let canonical = match bytes {
        [] => false,
        [b'0'] => true,
        [b'0', ..] => false,
        digits => digits.iter().all(u8::is_ascii_digit),
    };
    if !canonical {
        return Err(NotDecimal::Malformed);
    }
    if bytes.len() > DECIMAL_DIGITS_MAX {
        return Err(NotDecimal::OutOfRange);
    }
    text.parse().map_err(|_| NotDecimal::OutOfRange)
}

/// Reads an amount: [`parse_decimal`] within [`AMOUNT_MAX`].
///
/// # Errors
/// [`NotDecimal`].
pub fn parse_amount(text: &str) -> Result<Amount, NotDecimal> {
    let amount = Amount(parse_decimal(text)?);
    if amount.in_range() { Ok(amount) } else { Err(NotDecimal::OutOfRange) }
}

/// Reads a nonce or block number: [`parse_decimal`] within `u64`.
///
/// # Errors
/// [`NotDecimal`].
pub fn parse_u64(text: &str) -> Result<u64, NotDecimal> {
    u64::try_from(parse_decimal(text)?).map_err(|_| NotDecimal::OutOfRange)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// N-2: a number in JSON is a plain decimal or it is refused; never coerced.
    #[test]
    fn text_numbers_are_plain_decimals() {
        for (text, expected) in [
            ("0", Ok(0)),
            ("1", Ok(1)),
            ("340282366920938463463374607431768211455", Ok(u128::MAX)),
            ("340282366920938463463374607431768211456", Err(NotDecimal::OutOfRange)),
            ("9999999999999999999999999999999999999999", Err(NotDecimal::OutOfRange)),
            ("", Err(NotDecimal::Malformed)),
            ("00", Err(NotDecimal::Malformed)),
            ("01", Err(NotDecimal::Malformed)),
            ("-1", Err(NotDecimal::Malformed)),
            ("+1", Err(NotDecimal::Malformed)),
            ("1e3", Err(NotDecimal::Malformed)),
            ("0x1", Err(NotDecimal::Malformed)),
            (" 1", Err(NotDecimal::Malformed)),
            ("1 ", Err(NotDecimal::Malformed)),
            ("1.0", Err(NotDecimal::Malformed)),
            ("١", Err(NotDecimal::Malformed)),
        ] {
            assert_eq!(parse_decimal(text), expected, "{text:?}");
        }
        assert_eq!(parse_amount(&AMOUNT_MAX.to_string()), Ok(Amount(AMOUNT_MAX)));
        assert_eq!(parse_amount(&(AMOUNT_MAX + 1).to_string()), Err(NotDecimal::OutOfRange));
        assert_eq!(parse_u64("18446744073709551616"), Err(NotDecimal::OutOfRange));
    }

    /// N-1: what would pass 2¹²⁰ is refused, not wrapped and not asserted.
    #[test]
    fn arithmetic_is_checked_and_bounded() {
        let max = Amount(AMOUNT_MAX);
        assert_eq!(max.plus(Amount(1)), None);
        assert_eq!(Amount(AMOUNT_MAX - 1).plus(Amount(1)), Some(max));
        assert_eq!(Amount(u128::MAX).plus(Amount(u128::MAX)), None);
        assert_eq!(Amount(1).minus(Amount(2)), None);
        assert_eq!(Amount(1).minus_or_zero(Amount(2)), Amount::ZERO);
        assert_eq!(Amount(u128::MAX).owned(), None);
        let lowest = Balance::ZERO.minus(max).expect("in range");
        assert_eq!(lowest.minus(Amount(1)), None);
        assert_eq!(lowest.debt(), max);
        assert_eq!(lowest.claim(), Amount::ZERO);
        assert_eq!(Balance(7).claim(), Amount(7));
        assert_eq!(Balance(7).debt(), Amount::ZERO);
        assert_eq!(Balance(i128::MAX).sum(Balance(1)), None);
        assert_eq!(Balance(i128::MIN).difference(Balance(1)), None);
    }

    /// N-3: a balance has one encoding.
    #[test]
    fn balances_encode_canonically() {
        for value in [0, -1, 1, i128::MAX, i128::MIN, -(1 << 120), 1 << 120] {
            let bytes = alloy_rlp::encode(Balance(value));
            assert_eq!(crate::codec::decode::<Balance>(&bytes), Ok(Balance(value)));
            assert_eq!(bytes.len(), Balance(value).length());
        }
        assert_eq!(alloy_rlp::encode(Balance(-1)), [1]);
        assert_eq!(format!("{} {}", Balance(-5), Amount(5)), "-5 5");
    }
}
