//! What two nodes say to one another (PRD 6.5): the hello that opens a session, and bundles of messages after it, as canonical RLP
//! (**N-3**). The session authenticates, so a message carries no signature of its own; what its payload means is the node's business.
//!
//! How they travel stands in `docs/spec/peers.md` and `xln-net`. Bounds are checked before anything is allocated.

use crate::codec::{self, Blob, Decodable, Encodable, RlpDecodable, RlpEncodable, RlpError};
use crate::id::Address;

/// Longest bundle, its list header included; one WebSocket binary frame.
pub const BUNDLE_BYTES_MAX: usize = 1 << 20;
/// Most messages in a bundle.
pub const BUNDLE_MESSAGES_MAX: usize = 4096;
/// Longest message, encoded.
pub const MESSAGE_BYTES_MAX: usize = 256 << 10;
/// Longest hello, encoded.
pub const HELLO_BYTES_MAX: usize = 4096;
/// Most versions that a hello offers.
pub const VERSIONS_MAX: usize = 16;
/// Longest list header of a bundle.
pub const BUNDLE_HEAD_BYTES_MAX: usize = 4;

/// One message from node to node (PRD 6.5.1).
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct NetworkMessage {
    /// Its number in its session and direction: 1, 2, 3, …
    pub id: u64,
    /// What the payload is; the node's business.
    pub kind: u8,
    /// The sending node's entity, as authenticated.
    pub sender: Address,
    /// Whom it is for: an entity at the receiving node.
    pub recipient: Address,
    /// Opaque here.
    pub payload: Blob,
    /// Unix milliseconds by the sender's clock; never goes back within a session. For people, not for rules.
    pub timestamp_ms: u64,
}

/// A [`NetworkMessage`] whose payload lies elsewhere: encodes to the same bytes, without a copy.
#[derive(Clone, Copy, Debug, RlpEncodable)]
pub struct NetworkMessageRef<'a> {
    /// As in [`NetworkMessage`].
    pub id: u64,
    /// As in [`NetworkMessage`].
    pub kind: u8,
    /// As in [`NetworkMessage`].
    pub sender: Address,
    /// As in [`NetworkMessage`].
    pub recipient: Address,
    /// As in [`NetworkMessage`].
    pub payload: &'a [u8],
    /// As in [`NetworkMessage`].
    pub timestamp_ms: u64,
}

/// The first frame of each side. The same in every version, since it is what versions are agreed by.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct PeerHello {
    /// Versions that the side speaks, rising; 1 to [`VERSIONS_MAX`] of them.
    pub versions: Vec<u64>,
    /// The dialer's number for this session, rising with each that it dials, across restarts too; the listener repeats it.
    pub serial: u64,
    /// Proof of who speaks, bound to the TLS session and to the fields before.
    pub claim: Blob,
}

/// Why bytes are no hello or no bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerFormatError {
    /// Longer than its bound.
    #[error("too large: bytes_max={bytes_max}")]
    TooLarge {
        /// The bound.
        bytes_max: usize,
    },
    /// More messages than [`BUNDLE_MESSAGES_MAX`], or none at all.
    #[error("number of messages: max={BUNDLE_MESSAGES_MAX}")]
    Messages,
    /// No version, more than [`VERSIONS_MAX`], or not rising.
    #[error("versions don't rise, or are none, or too many: max={VERSIONS_MAX}")]
    Versions,
    /// Not canonical RLP of this shape (N-3).
    #[error("rlp: {0}")]
    Rlp(RlpError),
}

impl From<RlpError> for PeerFormatError {
    fn from(error: RlpError) -> PeerFormatError {
        PeerFormatError::Rlp(error)
    }
}

impl PeerHello {
    /// Reads a hello.
    ///
    /// # Errors
    /// [`PeerFormatError`]: too large, not canonical, or its versions don't rise.
    pub fn read(bytes: &[u8]) -> Result<PeerHello, PeerFormatError> {
        bounded(bytes, HELLO_BYTES_MAX)?;
        let hello: PeerHello = codec::decode(bytes)?;
        let rising = hello.versions.iter().zip(hello.versions.iter().skip(1)).all(|(before, after)| before < after);
        let counts = (1..=VERSIONS_MAX).contains(&hello.versions.len());
        if rising && counts { Ok(hello) } else { Err(PeerFormatError::Versions) }
    }
}

/// What the claim of a hello is bound to beside the TLS session: `rlp([role, versions, serial])`.
pub fn hello_context(role: u8, versions: &[u64], serial: u64) -> Vec<u8> {
    #[derive(RlpEncodable)]
    struct Context {
        role: u8,
        versions: Vec<u64>,
        serial: u64,
    }
    alloy_rlp::encode(Context { role, versions: versions.to_vec(), serial })
}

/// Reads a bundle: the list of one or more messages that fills the bytes.
///
/// # Errors
/// [`PeerFormatError`]: the bundle or a message in it passes a bound, or isn't canonical RLP.
pub fn read_bundle(bytes: &[u8]) -> Result<Vec<NetworkMessage>, PeerFormatError> {
    bounded(bytes, BUNDLE_BYTES_MAX)?;
    let mut rest = bytes;
    let mut messages = alloy_rlp::Header::decode_bytes(&mut rest, true)?;
    if !rest.is_empty() {
        return Err(RlpError::UnexpectedLength.into());
    }
    let mut bundle = Vec::new();
    while !messages.is_empty() {
        if BUNDLE_MESSAGES_MAX <= bundle.len() {
            return Err(PeerFormatError::Messages);
        }
        let before = messages;
        let message = alloy_rlp::Header::decode(&mut messages)?;
        let head = before.len().saturating_sub(messages.len());
        if MESSAGE_BYTES_MAX < head.saturating_add(message.payload_length) {
            return Err(PeerFormatError::TooLarge { bytes_max: MESSAGE_BYTES_MAX });
        }
        messages = before;
        bundle.push(NetworkMessage::decode(&mut messages)?);
    }
    if bundle.is_empty() { Err(PeerFormatError::Messages) } else { Ok(bundle) }
}

/// The list header that turns this many bytes of encoded messages into a bundle; at most [`BUNDLE_HEAD_BYTES_MAX`] long while the
/// bundle is within [`BUNDLE_BYTES_MAX`].
pub fn bundle_head(messages_bytes: usize) -> Vec<u8> {
    let mut head = Vec::new();
    alloy_rlp::Header { list: true, payload_length: messages_bytes }.encode(&mut head);
    head
}

/// The canonical encoding of a hello, a message, a list of messages.
pub fn write<T: Encodable>(value: &T) -> Vec<u8> {
    alloy_rlp::encode(value)
}

fn bounded(bytes: &[u8], bytes_max: usize) -> Result<(), PeerFormatError> {
    if bytes.len() <= bytes_max { Ok(()) } else { Err(PeerFormatError::TooLarge { bytes_max }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn message() -> impl Strategy<Value = NetworkMessage> {
        (any::<u64>(), any::<u8>(), any::<[u8; 20]>(), any::<[u8; 20]>(), vec(any::<u8>(), 0..300), any::<u64>())
            .prop_map(|(id, kind, sender, recipient, payload, timestamp_ms)| NetworkMessage {
                id,
                kind,
                sender: Address(sender),
                recipient: Address(recipient),
                payload: Blob(payload),
                timestamp_ms,
            })
    }

    fn sized(payload_bytes: usize) -> NetworkMessage {
        let (sender, recipient) = (Address([1; 20]), Address([2; 20]));
        NetworkMessage { id: 1, kind: 2, sender, recipient, payload: Blob(vec![3; payload_bytes]), timestamp_ms: 4 }
    }

    proptest! {
        /// N-3: what was written is read, message by message or as a whole, from references or not.
        #[test]
        fn a_bundle_reads_as_it_was_written(bundle in vec(message(), 1..8)) {
            let bytes = write(&bundle);
            let mut parts = Vec::new();
            for message in &bundle {
                let NetworkMessage { id, kind, sender, recipient, timestamp_ms, .. } = *message;
                let payload = message.payload.as_ref();
                let reference = NetworkMessageRef { id, kind, sender, recipient, payload, timestamp_ms };
                prop_assert_eq!(reference.length(), message.length());
                reference.encode(&mut parts);
            }
            prop_assert_eq!(read_bundle(&bytes), Ok(bundle));
            prop_assert_eq!([bundle_head(parts.len()), parts].concat(), bytes);
        }

        /// N-3: whatever is read is written as the same bytes; and no bytes panic.
        #[test]
        fn only_the_canonical_bundle_reads(mut bytes in vec(message(), 1..4).prop_map(|bundle| write(&bundle)),
                                           at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(bundle) = read_bundle(&bytes) { prop_assert_eq!(write(&bundle), bytes.clone()); }
            bytes.truncate(cut.index(bytes.len()));
            prop_assert!(read_bundle(&bytes).is_err());
        }

        #[test]
        fn no_bytes_are_a_surprise(bytes in vec(any::<u8>(), 0..200)) {
            if let Ok(bundle) = read_bundle(&bytes) { prop_assert_eq!(write(&bundle), bytes.clone()); }
            if let Ok(hello) = PeerHello::read(&bytes) { prop_assert_eq!(write(&hello), bytes); }
        }
    }

    /// The format, byte for byte.
    #[test]
    fn the_encodings_are_what_they_were() {
        let hello = PeerHello { versions: vec![1], serial: 0x0400, claim: Blob(vec![0xaa, 0xbb]) };
        assert_eq!(write(&hello), [0xc8, 0xc1, 0x01, 0x82, 0x04, 0x00, 0x82, 0xaa, 0xbb]);
        assert_eq!(hello_context(2, &[1, 7], 0x0400), [0xc7, 0x02, 0xc2, 0x01, 0x07, 0x82, 0x04, 0x00]);
        let mut bytes = vec![0xf1, 0xf0, 0x01, 0x02, 0x94];
        bytes.extend([1; 20]);
        bytes.push(0x94);
        bytes.extend([2; 20]);
        bytes.extend([0x82, 0x03, 0x03, 0x04]);
        assert_eq!(write(&vec![sized(2)]), bytes);
    }

    /// Bounds hold for the bundle, each message and their number, exactly.
    #[test]
    fn a_bundle_past_a_bound_is_refused() {
        let overhead = sized(100_000).length() - 100_000;
        let largest = sized(MESSAGE_BYTES_MAX - overhead);
        assert_eq!(largest.length(), MESSAGE_BYTES_MAX);
        assert!(read_bundle(&write(&vec![largest])).is_ok());
        let over = PeerFormatError::TooLarge { bytes_max: MESSAGE_BYTES_MAX };
        assert_eq!(read_bundle(&write(&vec![sized(MESSAGE_BYTES_MAX - overhead + 1)])), Err(over));
        assert!(read_bundle(&write(&vec![sized(0); BUNDLE_MESSAGES_MAX])).is_ok());
        for count in [0, BUNDLE_MESSAGES_MAX + 1] {
            assert_eq!(read_bundle(&write(&vec![sized(0); count])), Err(PeerFormatError::Messages), "{count}");
        }
        let over = PeerFormatError::TooLarge { bytes_max: BUNDLE_BYTES_MAX };
        assert_eq!(read_bundle(&vec![0; BUNDLE_BYTES_MAX + 1]), Err(over));
        assert_eq!(bundle_head(BUNDLE_BYTES_MAX - BUNDLE_HEAD_BYTES_MAX).len(), BUNDLE_HEAD_BYTES_MAX);
    }

    /// A hello offers versions, in rising order, and is short.
    #[test]
    fn a_hello_past_a_bound_is_refused() {
        let hello =
            |versions: Vec<u64>, claim_bytes| PeerHello { versions, serial: 1, claim: Blob(vec![1; claim_bytes]) };
        let most: Vec<u64> = (1..=VERSIONS_MAX as u64).collect();
        for versions in [vec![1], vec![1, 2, 9], most] {
            assert_eq!(PeerHello::read(&write(&hello(versions.clone(), 65))), Ok(hello(versions, 65)));
        }
        for versions in [vec![], vec![1, 1], vec![2, 1], (0..=VERSIONS_MAX as u64).collect()] {
            assert_eq!(PeerHello::read(&write(&hello(versions, 65))), Err(PeerFormatError::Versions));
        }
        let over = PeerFormatError::TooLarge { bytes_max: HELLO_BYTES_MAX };
        assert_eq!(PeerHello::read(&write(&hello(vec![1], HELLO_BYTES_MAX))), Err(over));
    }
}
