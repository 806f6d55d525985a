//! Frames between nodes: their hash (**CH-6**), the lock of an HTLC (**HT-1**), and the check that turns what a peer says into what the
//! core takes (**TX-3**, **CH-7**).

use crate::evidence::proof_digest_in;
use crate::hash::keccak256_parts;
use crate::secp::{self, SignatureError};
use sha2::Digest as _;
use xln_types::codec::Blob;
use xln_types::frame::FRAME_TXS_MAX;
use xln_types::{Board, ChannelProof, EntityId, Frame, Hash, PeerMessage, SignerId};

/// What every frame's hash starts with (CH-6).
pub const FRAME_DOMAIN: &[u8] = b"XLN frame v1";

/// CH-6: `keccak256("XLN frame v1" ‖ rlp(frame))`: what the next frame names as `previous`, and what the proof covers.
pub fn frame_hash(frame: &Frame) -> Hash {
    keccak256_parts(&[FRAME_DOMAIN, &alloy_rlp::encode(frame)])
}

/// HT-1: SHA-256 of a preimage of 32 bytes.
pub fn hashlock(preimage: &Hash) -> Hash {
    Hash(sha2::Sha256::digest(preimage.0).into())
}

/// Why a peer's message proves nothing and goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The proof names another frame, channel or side than the message does.
    #[error("the proof is of another frame")]
    OtherFrame,
    /// A bound of the frame's lists.
    #[error("frame too large: limit={limit}")]
    TooLarge {
        /// The bound.
        limit: usize,
    },
    /// The signature isn't one.
    #[error("signature: {0}")]
    Signature(#[from] SignatureError),
    /// An introduction that isn't of one valid board.
    #[error("introduction: not one valid board of one")]
    Intro,
}

/// A peer's message whose signature was checked; who signed it stands beside it. It can't be made but by [`verify_message`] or, for
/// what this node itself had logged, by [`VerifiedMessage::from_log`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedMessage {
    node: EntityId,
    signer: SignerId,
    message: PeerMessage,
}

impl VerifiedMessage {
    /// Takes back what [`verify_message`] had found before the entry was logged. Only for replay of one's own log.
    pub fn from_log(node: EntityId, signer: SignerId, message: PeerMessage) -> VerifiedMessage {
        VerifiedMessage { node, signer, message }
    }

    /// The node that the session was with.
    pub fn node(&self) -> EntityId {
        self.node
    }

    /// Who signed; zero for what carries no signature.
    pub fn signer(&self) -> SignerId {
        self.signer
    }

    /// What was said.
    pub fn message(&self) -> &PeerMessage {
        &self.message
    }
}

/// Checks what can be checked without any state: that a proof is of its frame, and who signed it.
///
/// # Errors
/// [`MessageError`]: nothing that fails here reaches the core.
pub fn verify_message(domain: &Hash, node: EntityId, message: PeerMessage) -> Result<VerifiedMessage, MessageError> {
    let signer = match &message {
        PeerMessage::Frame { frame, proof, signature, intro } => {
            check_frame(frame, proof)?;
            check_intro(intro)?;
            secp::recover(&proof_digest_in(domain, proof), &signature.0)?
        }
        PeerMessage::Ack { proof, signature } => secp::recover(&proof_digest_in(domain, proof), &signature.0)?,
        PeerMessage::Refused { .. } | PeerMessage::ForChain { .. } => SignerId::ZERO,
    };
    Ok(VerifiedMessage { node, signer, message })
}

/// What a message's signature is to cover; `None` for one that carries none, or another than a proof's.
pub fn signed_digest(domain: &Hash, message: &PeerMessage) -> Option<Hash> {
    match message {
        PeerMessage::Frame { proof, .. } | PeerMessage::Ack { proof, .. } => Some(proof_digest_in(domain, proof)),
        PeerMessage::Refused { .. } | PeerMessage::ForChain { .. } => None,
    }
}

/// The message with its signature.
pub fn with_signature(message: PeerMessage, signature: [u8; 65]) -> PeerMessage {
    let signature = Blob(signature.to_vec());
    match message {
        PeerMessage::Frame { frame, proof, intro, .. } => PeerMessage::Frame { frame, proof, signature, intro },
        PeerMessage::Ack { proof, .. } => PeerMessage::Ack { proof, signature },
        other => other,
    }
}

fn check_frame(frame: &Frame, proof: &ChannelProof) -> Result<(), MessageError> {
    if FRAME_TXS_MAX < frame.txs.len() {
        return Err(MessageError::TooLarge { limit: FRAME_TXS_MAX });
    }
    let same = proof.channel == frame.channel && proof.by == frame.by && proof.frame == frame_hash(frame);
    if same { Ok(()) } else { Err(MessageError::OtherFrame) }
}

fn check_intro(intro: &[Board]) -> Result<(), MessageError> {
    match intro {
        [] => Ok(()),
        [board] if board.is_valid() && board.sole_member().is_some() => Ok(()),
        _ => Err(MessageError::Intro),
    }
}
