//! How values look in JSON (**N-2**, API.md *Values*): amounts, nonces and block numbers as decimal strings, ids as lower-case hex
//! (any case is read), counts as numbers. A value that isn't one is never coerced.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::str::FromStr;
use xln_types::amount::{parse_amount, parse_u64};
use xln_types::{Address, Amount, AssetId, Balance, ChannelId, EntityId, Hash, OperationId, Side, SignerId, TxHash};

/// Most bytes of a hex string that isn't an id; who takes one has its own bound.
pub const HEX_BYTES_MAX: usize = 1 << 20;

/// A type that is read from a JSON string and written as one.
pub trait Text: Sized {
    /// What is expected, for people.
    const EXPECTED: &'static str;
    /// The schema's pattern.
    const PATTERN: &'static str;
    /// Reads it. `None` when the text isn't one.
    fn read(text: &str) -> Option<Self>;
    /// Writes it.
    fn write(&self) -> String;
}

/// A value as JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AsText<T>(pub T);

struct TextVisitor<T>(PhantomData<T>);

impl<T: Text> Visitor<'_> for TextVisitor<T> {
    type Value = AsText<T>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<AsText<T>, E> {
        T::read(text).map(AsText).ok_or_else(|| E::custom(format_args!("expected {}", T::EXPECTED)))
    }
}

impl<'de, T: Text> Deserialize<'de> for AsText<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor(PhantomData))
    }
}

impl<T: Text> Serialize for AsText<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.write())
    }
}

impl<T: Text> JsonSchema for AsText<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed(T::EXPECTED)
    }
    fn schema_id() -> Cow<'static, str> {
        Cow::Borrowed(T::EXPECTED)
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": T::PATTERN, "description": T::EXPECTED })
    }
}

impl Text for Amount {
    const EXPECTED: &'static str = "an amount in base units: a plain decimal string up to 2^120";
    const PATTERN: &'static str = "^(0|[1-9][0-9]*)$";
    fn read(text: &str) -> Option<Self> {
        parse_amount(text).ok()
    }
    fn write(&self) -> String {
        self.to_string()
    }
}

impl Text for Balance {
    const EXPECTED: &'static str = "a balance in base units, negative where it is owed";
    const PATTERN: &'static str = "^(0|-?[1-9][0-9]*)$";
    fn read(text: &str) -> Option<Self> {
        match text.strip_prefix('-') {
            Some("0") => None,
            Some(digits) => parse_amount(digits).ok().and_then(|debt| Balance::ZERO.minus(debt)),
            None => parse_amount(text).ok().and_then(Amount::owned),
        }
    }
    fn write(&self) -> String {
        self.to_string()
    }
}

impl Text for u64 {
    const EXPECTED: &'static str = "a number: a plain decimal string below 2^64";
    const PATTERN: &'static str = "^(0|[1-9][0-9]*)$";
    fn read(text: &str) -> Option<Self> {
        parse_u64(text).ok()
    }
    fn write(&self) -> String {
        self.to_string()
    }
}

macro_rules! hex_text {
    ($($type:ident $expected:literal $pattern:literal;)+) => {
        $(impl Text for $type {
            const EXPECTED: &'static str = $expected;
            const PATTERN: &'static str = $pattern;
            fn read(text: &str) -> Option<Self> {
                $type::from_str(text).ok()
            }
            fn write(&self) -> String {
                self.to_string()
            }
        })+
    };
}

hex_text! {
    Hash "a 32-byte hash: 0x and 64 hex digits" "^0x[0-9a-fA-F]{64}$";
    TxHash "a transaction hash: 0x and 64 hex digits" "^0x[0-9a-fA-F]{64}$";
    EntityId "an entity id: 0x and 64 hex digits" "^0x[0-9a-fA-F]{64}$";
    ChannelId "a channel id: 0x and 64 hex digits" "^0x[0-9a-fA-F]{64}$";
    AssetId "an asset id: 0x and 64 hex digits" "^0x[0-9a-fA-F]{64}$";
    OperationId "an operation id: 0x and 64 hex digits" "^0x[0-9a-fA-F]{64}$";
    Address "an address: 0x and 40 hex digits" "^0x[0-9a-fA-F]{40}$";
    SignerId "a signer id: 0x and 40 hex digits" "^0x[0-9a-fA-F]{40}$";
}

/// Free bytes as hex, at most [`HEX_BYTES_MAX`].
#[derive(Clone, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Text for Bytes {
    const EXPECTED: &'static str = "bytes: 0x and an even number of hex digits";
    const PATTERN: &'static str = "^0x([0-9a-fA-F]{2})*$";
    fn read(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("0x")?.as_bytes();
        let (pairs, rest) = digits.as_chunks::<2>();
        if !rest.is_empty() || HEX_BYTES_MAX < pairs.len() {
            return None;
        }
        let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        let bytes = pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?));
        bytes.collect::<Option<Vec<u8>>>().map(Bytes)
    }
    fn write(&self) -> String {
        hex(&self.0)
    }
}

/// `0x` and lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    struct Hex<'a>(&'a [u8]);
    impl Display for Hex<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            xln_types::id::write_hex(f, self.0)
        }
    }
    Hex(bytes).to_string()
}

/// An asset as a caller names it: its id, or its symbol in this hub's registry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AssetName {
    /// By id.
    Id(AssetId),
    /// By symbol.
    Symbol(String),
}

impl Text for AssetName {
    const EXPECTED: &'static str = "an asset: its symbol or its id";
    const PATTERN: &'static str = "^(0x[0-9a-fA-F]{64}|[0-9A-Za-z._-]{1,32})$";
    fn read(text: &str) -> Option<Self> {
        if let Ok(id) = text.parse() {
            return Some(AssetName::Id(id));
        }
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        let fits = (1..=xln_types::asset::SYMBOL_BYTES_MAX).contains(&text.len());
        (plain && fits).then(|| AssetName::Symbol(text.to_owned()))
    }
    fn write(&self) -> String {
        match self {
            AssetName::Id(id) => id.to_string(),
            AssetName::Symbol(symbol) => symbol.clone(),
        }
    }
}

/// A side of a channel, `left` or `right`.
impl Text for Side {
    const EXPECTED: &'static str = "a side: left or right";
    const PATTERN: &'static str = "^(left|right)$";
    fn read(text: &str) -> Option<Self> {
        match text {
            "left" => Some(Side::Left),
            "right" => Some(Side::Right),
            _ => None,
        }
    }
    fn write(&self) -> String {
        self.to_string()
    }
}
