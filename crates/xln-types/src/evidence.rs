//! What proves a channel's state to anybody, the chain included: the other side's signature over a [`ChannelProof`], with the two
//! lists that it names by their hashes (`docs/spec/evidence.md`).
//!
//! Laws: **CH-7** (what is signed; lists strictly ascending, the window within its bounds), **CH-12** (at most 128 assets),
//! **HT-1** (what the chain needs of an HTLC), **HT-6** (at most 64 a side), **N-1** (numbers within 2¹²⁰), **N-3** (one encoding).
//!
//! Read [`Evidence`] first. Here is the shape alone, and [`Evidence::check`] is all that decoding asks for; hashes and signatures
//! are looked at in `xln-crypto` (`evidence`). It is not a frame: that is what the signer's machine replays.

use crate::amount::{Amount, Balance};
use crate::block::Seal;
use crate::codec::{Blob, Decodable, RlpDecodable, RlpEncodable, RlpError};
use crate::id::{Address, AssetId, ChannelId, EntityId, Hash};
use crate::side::Side;
use crate::tx::{CHANNEL_ASSETS_MAX, DISPUTE_WINDOW_S};

/// Most pending HTLCs of one side (HT-6).
pub const HTLCS_A_SIDE_MAX: usize = 64;
/// Most hashes of a path in a list: one for each doubling up to a length of `u64::MAX`.
pub const PATH_HASHES_MAX: usize = 64;
/// Bytes of a signature: r, s, v.
pub const EVIDENCE_SIGNATURE_BYTES: usize = 65;
/// Longest encoding of an [`Evidence`]: full lists and the longest path need some 24 KiB.
pub const EVIDENCE_BYTES_MAX: usize = 32 * 1024;

/// The off-chain part of left's share in one asset. Where it is 0 there is no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct OffdeltaEntry {
    /// Which asset.
    pub asset: AssetId,
    /// In base units; negative where left paid more than it received.
    pub offdelta: Balance,
}

/// What the chain needs of a pending HTLC (HT-1): no onion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct HtlcEntry {
    /// Who pays.
    pub side: Side,
    /// The payer's count of HTLCs in this channel.
    pub id: u64,
    /// In which asset.
    pub asset: AssetId,
    /// How much, in base units.
    pub amount: Amount,
    /// SHA-256 of the preimage.
    pub hashlock: Hash,
    /// Unix seconds: fulfilled by a preimage recorded at or before.
    pub expires_at_s: u64,
}

/// What a side signs: EIP-712 `ChannelProof` (CH-7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct ChannelProof {
    /// Which channel, and so which sides and epoch (N-6).
    pub channel: ChannelId,
    /// A higher one beats a lower one.
    pub nonce: u64,
    /// Who proposed the frame.
    pub by: Side,
    /// Epoch of the signer's board.
    pub board_epoch: u64,
    /// Hash of the offdeltas.
    pub offdeltas: Hash,
    /// Hash of the pending HTLCs.
    pub htlcs: Hash,
    /// How long a dispute stays open, in seconds.
    pub dispute_window_s: u64,
    /// Hash of the frame that this state comes from.
    pub frame: Hash,
}

/// A proof with all that checks it.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable)]
pub struct Evidence {
    /// The chain: part of what is signed.
    pub chain_id: u64,
    /// The depositary: part of what is signed.
    pub depositary: Address,
    /// Who signed: one side of the channel.
    pub signer_entity: EntityId,
    /// The other side.
    pub counterparty: EntityId,
    /// The channel's epoch; with the sides it makes the channel's id (N-6).
    pub epoch: u64,
    /// What was signed.
    pub proof: ChannelProof,
    /// Strictly ascending by asset, none of 0.
    pub offdeltas: Vec<OffdeltaEntry>,
    /// Strictly ascending by side and id, left's first.
    pub htlcs: Vec<HtlcEntry>,
    /// How it was signed.
    pub authority: EvidenceAuthority,
}

/// How a proof was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvidenceAuthority {
    /// Itself.
    Direct {
        /// 65 bytes r ‖ s ‖ v over the proof's digest.
        signature: Blob,
    },
    /// With others, beneath a hub's seal (PROTOCOL 2, *Signatures at scale*).
    Sealed {
        /// The seal, whose `proofs_root` is over the digests of many proofs.
        seal: Seal,
        /// 65 bytes r ‖ s ‖ v over the seal's digest.
        signature: Blob,
        /// The proof's place among them, from 0.
        index: u64,
        /// How many there are.
        count: u64,
        /// The hashes beside the way up to the root.
        path: Vec<Hash>,
    },
}

crate::rlp_enum!(EvidenceAuthority {
    0 => Direct { signature },
    1 => Sealed { seal, signature, index, count, path },
});

/// Why evidence hasn't the shape that it must have. Declared in checking order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// CH-7: outside of [`DISPUTE_WINDOW_S`].
    #[error("dispute window out of bounds: seconds={seconds}")]
    Window {
        /// What was signed.
        seconds: u64,
    },
    /// CH-12: more than [`CHANNEL_ASSETS_MAX`].
    #[error("too many offdeltas: count={count}")]
    OffdeltaCount {
        /// How many.
        count: usize,
    },
    /// N-1: past 2¹²⁰ either way; or 0, which has no entry.
    #[error("offdelta out of range: index={index}")]
    OffdeltaRange {
        /// Which.
        index: usize,
    },
    /// Its asset isn't greater than the one before.
    #[error("offdeltas not ascending: index={index}")]
    OffdeltaOrder {
        /// Which.
        index: usize,
    },
    /// HT-6: more than [`HTLCS_A_SIDE_MAX`] of this side.
    #[error("too many htlcs: side={side} count={count}")]
    HtlcCount {
        /// Whose.
        side: Side,
        /// How many.
        count: usize,
    },
    /// N-1, CH-1: past 2¹²⁰, or nothing.
    #[error("htlc amount out of range: index={index}")]
    HtlcRange {
        /// Which.
        index: usize,
    },
    /// Its side and id aren't greater than those before.
    #[error("htlcs not ascending: index={index}")]
    HtlcOrder {
        /// Which.
        index: usize,
    },
    /// Not of [`EVIDENCE_SIGNATURE_BYTES`].
    #[error("signature length: bytes={bytes}")]
    Signature {
        /// How long it is.
        bytes: usize,
    },
    /// More than [`PATH_HASHES_MAX`].
    #[error("path too long: hashes={hashes}")]
    Path {
        /// How many.
        hashes: usize,
    },
}

/// CH-7, CH-12, N-1: at most 128, strictly ascending by asset, none 0, each within 2¹²⁰.
///
/// # Errors
/// [`ShapeError`]: the first entry that isn't so.
pub fn check_offdeltas(entries: &[OffdeltaEntry]) -> Result<(), ShapeError> {
    if CHANNEL_ASSETS_MAX < entries.len() {
        return Err(ShapeError::OffdeltaCount { count: entries.len() });
    }
    let mut last = None;
    for (index, entry) in entries.iter().enumerate() {
        if entry.offdelta == Balance::ZERO || !entry.offdelta.in_range() {
            return Err(ShapeError::OffdeltaRange { index });
        }
        if last.is_some_and(|last| entry.asset <= last) {
            return Err(ShapeError::OffdeltaOrder { index });
        }
        last = Some(entry.asset);
    }
    Ok(())
}

/// CH-7, HT-6, N-1: at most 64 a side, strictly ascending by side and id, each of more than nothing and at most 2¹²⁰.
///
/// # Errors
/// [`ShapeError`]: too many, or the first entry that isn't so.
pub fn check_htlcs(entries: &[HtlcEntry]) -> Result<(), ShapeError> {
    for side in [Side::Left, Side::Right] {
        let count = entries.iter().filter(|entry| entry.side == side).count();
        if HTLCS_A_SIDE_MAX < count {
            return Err(ShapeError::HtlcCount { side, count });
        }
    }
    let mut last = None;
    for (index, entry) in entries.iter().enumerate() {
        if entry.amount == Amount::ZERO || !entry.amount.in_range() {
            return Err(ShapeError::HtlcRange { index });
        }
        let place = (entry.side, entry.id);
        if last.is_some_and(|last| place <= last) {
            return Err(ShapeError::HtlcOrder { index });
        }
        last = Some(place);
    }
    Ok(())
}

impl Evidence {
    /// The shape: every bound, order and range. Decoding asks for it, so decoded evidence has it.
    ///
    /// # Errors
    /// [`ShapeError`]: the first that doesn't hold.
    pub fn check(&self) -> Result<(), ShapeError> {
        if !DISPUTE_WINDOW_S.contains(&self.proof.dispute_window_s) {
            return Err(ShapeError::Window { seconds: self.proof.dispute_window_s });
        }
        check_offdeltas(&self.offdeltas)?;
        check_htlcs(&self.htlcs)?;
        self.authority.check()
    }
}

impl EvidenceAuthority {
    /// 65 bytes r ‖ s ‖ v.
    pub fn signature(&self) -> &[u8] {
        match self {
            EvidenceAuthority::Direct { signature } | EvidenceAuthority::Sealed { signature, .. } => &signature.0,
        }
    }

    fn check(&self) -> Result<(), ShapeError> {
        let bytes = self.signature().len();
        if bytes != EVIDENCE_SIGNATURE_BYTES {
            return Err(ShapeError::Signature { bytes });
        }
        match self {
            EvidenceAuthority::Sealed { path, .. } if PATH_HASHES_MAX < path.len() => {
                Err(ShapeError::Path { hashes: path.len() })
            }
            _ => Ok(()),
        }
    }
}

impl Decodable for Evidence {
    fn decode(buf: &mut &[u8]) -> Result<Self, RlpError> {
        let mut payload = alloy_rlp::Header::decode_bytes(buf, true)?;
        // N-3: before any of its lists is allocated.
        if EVIDENCE_BYTES_MAX < payload.len() {
            return Err(RlpError::Custom("evidence is too long"));
        }
        let evidence = Evidence {
            chain_id: Decodable::decode(&mut payload)?,
            depositary: Decodable::decode(&mut payload)?,
            signer_entity: Decodable::decode(&mut payload)?,
            counterparty: Decodable::decode(&mut payload)?,
            epoch: Decodable::decode(&mut payload)?,
            proof: Decodable::decode(&mut payload)?,
            offdeltas: Decodable::decode(&mut payload)?,
            htlcs: Decodable::decode(&mut payload)?,
            authority: Decodable::decode(&mut payload)?,
        };
        if !payload.is_empty() {
            return Err(RlpError::UnexpectedLength);
        }
        evidence.check().map(|()| evidence).map_err(|_| RlpError::Custom("evidence out of bounds, order or range"))
    }
}
