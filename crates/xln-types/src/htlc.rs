//! Payments locked by hash (**HT-1**), and the route that one carries.
//!
//! An HTLC's name is its payer's side and a number of that side's counter: two equal HTLCs are two HTLCs (**HT-2**).

use crate::amount::Amount;
use crate::codec::{Blob, RlpDecodable, RlpEncodable, RlpError, decode};
use crate::id::{AssetId, EntityId, Hash, TxHash};
use crate::rejection::Rejection;
use crate::side::Side;

/// How far ahead an HTLC may expire, in seconds: seven days (HT-6).
pub const HTLC_EXPIRY_S_MAX: u64 = 7 * 24 * 3600;
/// Longest encoded onion: [`crate::tx::ROUTE_HOPS_MAX`] hops and what stands before them.
pub const ONION_BYTES_MAX: usize = 2048;
/// The only version of the onion so far: the remaining route in clear RLP.
pub const ONION_VERSION: u8 = 1;

/// The name of an HTLC in its channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, RlpEncodable, RlpDecodable)]
pub struct HtlcKey {
    /// The payer's side.
    pub side: Side,
    /// Of that side's counter; rises, may skip, is never used twice once signed (HT-2).
    pub id: u64,
}

/// A pending HTLC.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Htlc {
    /// In which asset.
    pub asset: AssetId,
    /// How much its payer holds for it.
    pub amount: Amount,
    /// SHA-256 of the preimage.
    pub hashlock: Hash,
    /// Unix seconds.
    pub expires_at_s: u64,
    /// The remaining route: an [`Onion`], or empty for one that goes no further.
    pub onion: Blob,
}

/// The remaining route of a payment, as the receiver of an HTLC reads it.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Onion {
    /// [`ONION_VERSION`].
    pub version: u8,
    /// The payer's transaction: the payment's name end to end.
    pub payment: TxHash,
    /// What is left to go; empty: the receiver is the recipient.
    pub hops: Vec<Hop>,
}

/// One hop still to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Hop {
    /// Whom the receiver of the HTLC is to lock it for.
    pub to: EntityId,
    /// How much.
    pub amount: Amount,
    /// Until when, unix seconds.
    pub expires_at_s: u64,
}

impl Onion {
    /// Reads an HTLC's onion; `None` when it carries none.
    ///
    /// # Errors
    /// When it isn't the canonical RLP of a known version, or longer than its bounds.
    pub fn read(bytes: &Blob) -> Result<Option<Onion>, RlpError> {
        if bytes.0.is_empty() {
            return Ok(None);
        }
        if ONION_BYTES_MAX < bytes.0.len() {
            return Err(RlpError::Custom("onion too long"));
        }
        let onion: Onion = decode(&bytes.0)?;
        if onion.version != ONION_VERSION {
            return Err(RlpError::Custom("unknown onion version"));
        }
        if crate::tx::ROUTE_HOPS_MAX < onion.hops.len() {
            return Err(RlpError::Custom("too many hops"));
        }
        Ok(Some(onion))
    }
}

/// Why a locked payment was given back, and how far away: counted in hops from whoever reads it.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Failure {
    /// 0: whoever cancelled; each hop on the way back adds one.
    pub hop: u64,
    /// Why.
    pub reason: Rejection,
}

impl Failure {
    /// A failure here.
    pub fn here(reason: Rejection) -> Failure {
        Failure { hop: 0, reason }
    }

    /// The same failure, as the hop before sees it.
    pub fn upstream(self) -> Failure {
        Failure { hop: self.hop.saturating_add(1), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// HT-1: the route in clear RLP is bounded and versioned.
    #[test]
    fn an_onion_is_bounded_and_versioned() {
        let hop = Hop { to: EntityId([7; 32]), amount: Amount(u128::MAX), expires_at_s: u64::MAX };
        let onion = |version, hops| Onion { version, payment: TxHash([9; 32]), hops: vec![hop; hops] };
        let read = |onion: &Onion| Onion::read(&Blob(alloy_rlp::encode(onion)));
        let longest = onion(ONION_VERSION, crate::tx::ROUTE_HOPS_MAX);
        assert_eq!(read(&longest), Ok(Some(longest.clone())));
        assert!(read(&onion(2, 1)).is_err());
        assert!(read(&onion(ONION_VERSION, crate::tx::ROUTE_HOPS_MAX + 1)).is_err());
        assert_eq!(Onion::read(&Blob::default()), Ok(None));
        assert!(Onion::read(&Blob(vec![1; ONION_BYTES_MAX + 1])).is_err());
    }
}
