//! Canonical RLP (**N-3**): minimal integers, no trailing bytes, every length checked against what remains before anything is
//! allocated; `decode(encode(x)) = x`, and `encode(decode(b)) = b` for every `b` that decodes.
//!
//! The primitives are `alloy-rlp`'s. Here are the entry point that refuses trailing bytes, byte strings, and the macro by
//! which enums are written as `[tag, field, …]`.

pub use alloy_rlp::{Decodable, Encodable, Error as RlpError, RlpDecodable, RlpEncodable};

/// Longest encoded transaction accepted from outside.
pub const TX_BYTES_MAX: usize = 64 * 1024;

/// Decodes exactly one value: bytes left over are an error (N-3).
///
/// # Errors
/// The reason from `alloy-rlp`; `UnexpectedLength` for trailing bytes.
pub fn decode<T: Decodable>(bytes: &[u8]) -> Result<T, RlpError> {
    let mut rest = bytes;
    let value = T::decode(&mut rest)?;
    if rest.is_empty() { Ok(value) } else { Err(RlpError::UnexpectedLength) }
}

/// A byte string of any length (a `Vec<u8>` would encode as a list of integers).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blob(pub Vec<u8>);

impl Encodable for Blob {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        self.0.as_slice().encode(out);
    }
    fn length(&self) -> usize {
        self.0.as_slice().length()
    }
}

impl Decodable for Blob {
    fn decode(buf: &mut &[u8]) -> Result<Self, RlpError> {
        alloy_rlp::Header::decode_bytes(buf, false).map(|bytes| Blob(bytes.to_vec()))
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Blob(bytes)
    }
}

impl AsRef<[u8]> for Blob {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Implements RLP for an enum of struct variants as the list `[tag, field, …]`, and `tag()`.
///
/// Tags are part of the format: never renumbered, never reused.
#[macro_export]
macro_rules! rlp_enum {
    ($name:ident { $($tag:literal => $variant:ident { $($field:ident),* $(,)? }),+ $(,)? }) => {
        impl $name {
            /// The variant's number on the wire.
            pub fn tag(&self) -> u64 {
                match self { $(Self::$variant { .. } => $tag,)+ }
            }

            fn payload_length(&self) -> usize {
                use $crate::codec::Encodable;
                match self {
                    $(Self::$variant { $($field),* } => {
                        let tag: u64 = $tag;
                        tag.length()$(.saturating_add($field.length()))*
                    })+
                }
            }
        }

        impl $crate::codec::Encodable for $name {
            fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
                alloy_rlp::Header { list: true, payload_length: self.payload_length() }.encode(out);
                match self {
                    $(Self::$variant { $($field),* } => {
                        let tag: u64 = $tag;
                        tag.encode(out);
                        $($field.encode(out);)*
                    })+
                }
            }
            fn length(&self) -> usize {
                let payload = self.payload_length();
                payload.saturating_add(alloy_rlp::length_of_length(payload))
            }
        }

        impl $crate::codec::Decodable for $name {
            fn decode(buf: &mut &[u8]) -> Result<Self, $crate::codec::RlpError> {
                let mut payload = alloy_rlp::Header::decode_bytes(buf, true)?;
                let value = match u64::decode(&mut payload)? {
                    $($tag => Self::$variant { $($field: $crate::codec::Decodable::decode(&mut payload)?),* },)+
                    _ => return Err($crate::codec::RlpError::Custom("unknown tag")),
                };
                if payload.is_empty() { Ok(value) } else { Err($crate::codec::RlpError::UnexpectedLength) }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// N-3: whatever decodes encodes to the same bytes.
        #[test]
        fn decoding_then_encoding_gives_the_same_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(tx) = decode::<crate::Transaction>(&bytes) { prop_assert_eq!(alloy_rlp::encode(&tx), bytes.clone()); }
            if let Ok(entry) = decode::<crate::Entry>(&bytes) { prop_assert_eq!(alloy_rlp::encode(&entry), bytes.clone()); }
            if let Ok(blob) = decode::<Blob>(&bytes) { prop_assert_eq!(alloy_rlp::encode(&blob), bytes.clone()); }
            if let Ok(list) = decode::<Vec<u64>>(&bytes) { prop_assert_eq!(alloy_rlp::encode(&list), bytes.clone()); }
            if let Ok(number) = decode::<u128>(&bytes) { prop_assert_eq!(alloy_rlp::encode(number), bytes); }
        }
    }

    /// N-3: padded integers, wrong lengths, trailing bytes and length bombs are refused.
    #[test]
    fn only_the_canonical_form_decodes() {
        for bytes in [
            &[0x82, 0x00, 0x01][..],                                 // leading zero
            &[0x81, 0x01],                                           // one byte in long form
            &[0x01, 0x02],                                           // trailing byte
            &[0x82, 0x01],                                           // shorter than it says
            &[0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], // 2⁶⁴ bytes announced
            &[0xb8, 0x01, 0x80],                                     // long form of a short string
            &[],
        ] {
            assert!(decode::<u64>(bytes).is_err(), "{bytes:02x?}");
        }
        for bytes in [&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff][..], &[0xc2, 0x01], &[0xc1, 0x01, 0x01]] {
            assert!(decode::<Vec<u64>>(bytes).is_err(), "{bytes:02x?}");
        }
    }
}
