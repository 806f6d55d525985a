//! A channel's evidence: the hashes of its lists, the EIP-712 digest of a `ChannelProof`, and the check of the whole
//! (`docs/spec/evidence.md`). The Solidity twin is `contracts/src/ChannelEvidence.sol`; `vectors/` holds both to one answer.
//!
//! Laws: **CH-7** (what one signature covers; low-s, address 0 is never a signer), **N-6** (the channel is that of its sides),
//! **HT-1** (what of an HTLC is signed), **ST-2** (no byte of a sealed path can change).
//!
//! Start at [`verify_evidence`]. Hashing allocates nothing: it is done for every frame.

use crate::derive::channel_id;
use crate::hash::{Hasher, keccak256_parts, signed_word, word};
use crate::list::{PathError, verify_path};
use crate::seal::{digest_in, domain_separator, seal_hash};
use crate::secp::{self, SignatureError};
use xln_types::evidence::ShapeError;
use xln_types::{Address, ChannelId, ChannelProof, Evidence, EvidenceAuthority, Hash, HtlcEntry, OffdeltaEntry, Seal};

/// The type string that EIP-712 hashes.
pub const PROOF_TYPE: &str = "ChannelProof(bytes32 channel,uint64 nonce,uint8 by,uint64 boardEpoch,bytes32 offdeltas,bytes32 htlcs,uint64 disputeWindow,bytes32 frame)";

/// keccak256 of [`PROOF_TYPE`].
const PROOF_TYPE_HASH: Hash = Hash([
    0x4e, 0x23, 0x8f, 0x63, 0x01, 0xcf, 0x9c, 0xb3, 0xa2, 0x79, 0x9d, 0x4e, 0x32, 0x49, 0xcb, 0x85, 0x46, 0x3d, 0xff,
    0x3e, 0xb0, 0xa5, 0x91, 0x3e, 0x3c, 0x2f, 0x0e, 0xbc, 0x52, 0x93, 0xad, 0x17,
]);

/// Why evidence proves nothing. Declared in checking order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// A bound, an order or a range.
    #[error("malformed: {0}")]
    Shape(#[from] ShapeError),
    /// N-6: the two sides and the epoch make another channel.
    #[error("other channel: expected={expected}")]
    OtherChannel {
        /// Theirs.
        expected: ChannelId,
    },
    /// The signed hash is of other offdeltas.
    #[error("other offdeltas were signed")]
    OtherOffdeltas,
    /// The signed hash is of other HTLCs.
    #[error("other htlcs were signed")]
    OtherHtlcs,
    /// The seal is of another entity.
    #[error("the seal is of another entity")]
    OtherHub,
    /// The seal is of another epoch of the board.
    #[error("the seal is of another board epoch: expected={expected}")]
    OtherEpoch {
        /// The proof's.
        expected: u64,
    },
    /// The proof isn't beneath the seal.
    #[error("path: {0}")]
    Path(#[from] PathError),
    /// The signature isn't one.
    #[error("signature: {0}")]
    Signature(#[from] SignatureError),
    /// Another signed it.
    #[error("wrong signer: expected={expected} found={found}")]
    WrongSigner {
        /// Who should have.
        expected: Address,
        /// Who did.
        found: Address,
    },
}

/// CH-7: keccak256 of the words `asset ‖ offdelta` of each entry, one behind the other; offdeltas as `int256`. Entries have to be
/// as [`check_offdeltas`](xln_types::evidence::check_offdeltas) asks: ascending by asset, none of 0.
pub fn offdeltas_hash(entries: &[OffdeltaEntry]) -> Hash {
    offdeltas_hash_of(entries.iter().copied())
}

/// [`offdeltas_hash`] of entries that stand elsewhere: no list is made.
pub fn offdeltas_hash_of(entries: impl IntoIterator<Item = OffdeltaEntry>) -> Hash {
    let mut hasher = Hasher::new();
    for entry in entries {
        hasher.update(&entry.asset.0);
        hasher.update(&signed_word(entry.offdelta.0));
    }
    hasher.finish()
}

/// CH-7, HT-1: keccak256 of the words `side ‖ id ‖ asset ‖ amount ‖ hashlock ‖ expiry` of each entry, one behind the other; side 0
/// is left. Entries have to be as [`check_htlcs`](xln_types::evidence::check_htlcs) asks: ascending by side and id.
pub fn htlcs_hash(entries: &[HtlcEntry]) -> Hash {
    htlcs_hash_of(entries.iter().copied())
}

/// [`htlcs_hash`] of entries that stand elsewhere: no list is made.
pub fn htlcs_hash_of(entries: impl IntoIterator<Item = HtlcEntry>) -> Hash {
    let mut hasher = Hasher::new();
    for entry in entries {
        hasher.update(&word(entry.side.pick(0, 1)));
        hasher.update(&word(u128::from(entry.id)));
        hasher.update(&entry.asset.0);
        hasher.update(&word(entry.amount.0));
        hasher.update(&entry.hashlock.0);
        hasher.update(&word(u128::from(entry.expires_at_s)));
    }
    hasher.finish()
}

/// EIP-712's hash of the proof alone.
pub fn proof_struct_hash(proof: &ChannelProof) -> Hash {
    keccak256_parts(&[
        &PROOF_TYPE_HASH.0,
        &proof.channel.0,
        &word(u128::from(proof.nonce)),
        &word(proof.by.pick(0, 1)),
        &word(u128::from(proof.board_epoch)),
        &proof.offdeltas.0,
        &proof.htlcs.0,
        &word(u128::from(proof.dispute_window_s)),
        &proof.frame.0,
    ])
}

/// What a side signs, and what stands in a seal's list: `keccak256(0x1901 ‖ domain ‖ struct hash)`, in the domain of the seal.
pub fn proof_digest(chain_id: u64, depositary: Address, proof: &ChannelProof) -> Hash {
    proof_digest_in(&domain_separator(chain_id, depositary), proof)
}

/// [`proof_digest`] in a domain that the caller has kept ([`domain_separator`]): two hashes instead of five.
pub fn proof_digest_in(domain: &Hash, proof: &ChannelProof) -> Hash {
    digest_in(domain, &proof_struct_hash(proof))
}

/// CH-7: whether `signer` signed this state of the channel, itself or beneath a seal. Who `signer` is (that its key is on the board
/// of `signer_entity` in that epoch) is for the caller to know: from the chain, or from somebody it trusts.
///
/// # Errors
/// [`EvidenceError`]: the first step that fails.
pub fn verify_evidence(evidence: &Evidence, signer: Address) -> Result<(), EvidenceError> {
    evidence.check()?;
    let proof = &evidence.proof;
    let expected = channel_of(evidence);
    if proof.channel != expected {
        return Err(EvidenceError::OtherChannel { expected });
    }
    if proof.offdeltas != offdeltas_hash(&evidence.offdeltas) {
        return Err(EvidenceError::OtherOffdeltas);
    }
    if proof.htlcs != htlcs_hash(&evidence.htlcs) {
        return Err(EvidenceError::OtherHtlcs);
    }
    let domain = domain_separator(evidence.chain_id, evidence.depositary);
    let digest = proof_digest_in(&domain, proof);
    let signed = match &evidence.authority {
        EvidenceAuthority::Direct { .. } => digest,
        EvidenceAuthority::Sealed { seal, index, count, path, .. } => {
            require_beneath(evidence, seal)?;
            verify_path(&seal.proofs_root, *index, *count, &digest, path)?;
            digest_in(&domain, &seal_hash(seal))
        }
    };
    require_signer(&signed, evidence.authority.signature(), signer)
}

/// N-6: the channel of these two sides in this epoch; left is the smaller id (N-5).
fn channel_of(evidence: &Evidence) -> ChannelId {
    let (one, two) = (evidence.signer_entity, evidence.counterparty);
    channel_id(evidence.chain_id, evidence.depositary, one.min(two), one.max(two), evidence.epoch)
}

fn require_beneath(evidence: &Evidence, seal: &Seal) -> Result<(), EvidenceError> {
    if seal.hub != evidence.signer_entity {
        return Err(EvidenceError::OtherHub);
    }
    let expected = evidence.proof.board_epoch;
    if seal.board_epoch == expected { Ok(()) } else { Err(EvidenceError::OtherEpoch { expected }) }
}

fn require_signer(digest: &Hash, signature: &[u8], expected: Address) -> Result<(), EvidenceError> {
    // ST-2: v is also spelled 0 and 1 elsewhere; the chain takes 27 and 28 alone, and a changed byte proves nothing.
    if !matches!(signature.last(), Some(27 | 28)) {
        return Err(SignatureError::Malformed.into());
    }
    // Never address 0 (CH-7): `recover` answers with no such signer.
    let found = secp::recover(digest, signature)?.address();
    if found == expected { Ok(()) } else { Err(EvidenceError::WrongSigner { expected, found }) }
}

#[cfg(test)]
mod tests;
