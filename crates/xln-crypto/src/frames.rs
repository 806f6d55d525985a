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
    /// Boards don't rotate yet.
    #[error("board epoch: expected=0")]
    Epoch,
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
            signer_of(domain, proof, signature)?
        }
        PeerMessage::Ack { proof, signature } => signer_of(domain, proof, signature)?,
        PeerMessage::Refused { .. } | PeerMessage::ForChain { .. } => SignerId::ZERO,
    };
    Ok(VerifiedMessage { node, signer, message })
}

/// Who signed a proof that the chain would take: another board epoch than the founding one, or another spelling of v, is worth nothing there.
fn signer_of(domain: &Hash, proof: &ChannelProof, signature: &Blob) -> Result<SignerId, MessageError> {
    if proof.board_epoch != 0 {
        return Err(MessageError::Epoch);
    }
    if !matches!(signature.0.last(), Some(27 | 28)) {
        return Err(MessageError::Signature(SignatureError::Malformed));
    }
    Ok(secp::recover(&proof_digest_in(domain, proof), &signature.0)?)
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

#[cfg(test)]
mod tests {
    use super::*;
    use xln_types::{ChannelId, Side};

    fn message(secret: &[u8; 32], change: impl Fn(&mut ChannelProof, &mut [u8; 65])) -> PeerMessage {
        let zero = Hash::ZERO;
        let mut proof = ChannelProof {
            channel: ChannelId([1; 32]),
            nonce: 1,
            by: Side::Left,
            board_epoch: 0,
            offdeltas: zero,
            htlcs: zero,
            dispute_window_s: 60,
            frame: zero,
        };
        change(&mut proof, &mut [0; 65]);
        let mut signature = secp::sign(secret, &proof_digest_in(&zero, &proof)).expect("a key");
        change(&mut proof.clone(), &mut signature);
        PeerMessage::Ack { proof, signature: Blob(signature.to_vec()) }
    }

    /// CH-7: what the chain wouldn't take as evidence isn't taken from a peer either.
    #[test]
    fn a_signature_is_worth_what_it_is_on_the_chain() {
        let (secret, node) = ([3; 32], EntityId([9; 32]));
        let signer = secp::signer_of_secret(&secret).expect("a key").0;
        let check = |message| verify_message(&Hash::ZERO, node, message);
        let good = check(message(&secret, |_, _| {})).expect("good");
        assert_eq!((good.signer(), good.node()), (signer, node));
        assert_eq!(check(message(&secret, |proof, _| proof.board_epoch = 1)), Err(MessageError::Epoch));
        let low_v = check(message(&secret, |_, signature| signature[64] = signature[64].wrapping_sub(27)));
        assert_eq!(low_v, Err(MessageError::Signature(SignatureError::Malformed)));
        let other = check(message(&secret, |_, signature| signature[3] ^= 1));
        assert!(other.is_err() || other.is_ok_and(|other| other.signer() != signer));
    }

    /// HT-1: the lock is SHA-256, as on Lightning.
    #[test]
    fn a_lock_is_sha_256() {
        let lock = hashlock(&Hash::ZERO).to_string();
        assert_eq!(lock, "0x66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925");
    }
}
