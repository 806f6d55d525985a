//! What an entity allows itself (**DP-2**, DESIGN 8).

use crate::amount::Amount;
use crate::codec::{RlpDecodable, RlpEncodable};
use crate::id::AssetId;

/// What an entity allows itself in one asset (DP-2, DESIGN 8). Zero everywhere with `u128::MAX` caps is no policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct AssetPolicy {
    /// Which asset.
    pub asset: AssetId,
    /// Most credit granted to one counterparty.
    pub grant_max: Amount,
    /// Most credit granted in all.
    pub grant_total_max: Amount,
    /// Most owed beyond collateral in all channels together.
    pub owed_max: Amount,
    /// Share of what is owed beyond collateral that free reserve must cover, in millionths.
    pub reserve_ppm: u64,
    /// Fee asked for a hop: fixed part, base units.
    pub fee_base: Amount,
    /// Fee asked for a hop: millionths of the amount, rounded up (HT-4).
    pub fee_ppm: u64,
}

impl AssetPolicy {
    /// No limits, no minimum reserve, no fee.
    pub fn unlimited(asset: AssetId) -> AssetPolicy {
        AssetPolicy {
            asset,
            grant_max: Amount(u128::MAX),
            grant_total_max: Amount(u128::MAX),
            owed_max: Amount(u128::MAX),
            reserve_ppm: 0,
            fee_base: Amount::ZERO,
            fee_ppm: 0,
        }
    }
}
