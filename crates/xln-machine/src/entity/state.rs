//! An entity's record, metadata and policies.

use xln_types::codec::{Blob, RlpDecodable, RlpEncodable};
use xln_types::tx::AssetPolicy;
use xln_types::{AssetId, Authority, Board, EntityId, SignerId};

/// What the tree keeps of an entity beside its metadata, policies and reserves.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct EntityRecord {
    /// N-5.
    pub id: EntityId,
    /// Who created it: its place in the tree (ST-3).
    pub signer: SignerId,
    /// Its founding board.
    pub board: Board,
    /// The nonce of its next transaction (TX-2).
    pub nonce: u64,
    /// How many channels it ever had that aren't over.
    pub channels: u64,
    /// How many of them are open.
    pub channels_open: u64,
    /// 1: openings that cost it nothing are accepted for it.
    pub accepts_free: u8,
    /// Unix seconds.
    pub created_s: u64,
}

/// An entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// Its record.
    pub record: EntityRecord,
    /// Free bytes, usually JSON.
    pub metadata: Blob,
    /// Its policies, ascending by asset.
    pub policies: Vec<AssetPolicy>,
    /// True once deleted: its handle stays, its records are gone.
    pub deleted: bool,
}

impl Entity {
    /// The policy for an asset; none set is unlimited.
    pub fn policy(&self, asset: AssetId) -> AssetPolicy {
        let found = self.policies.iter().find(|policy| policy.asset == asset);
        found.copied().unwrap_or_else(|| AssetPolicy::unlimited(asset))
    }

    /// EN-1: true when this signer's word alone carries the board's threshold.
    pub fn decides_alone(&self, signer: SignerId) -> bool {
        let board = &self.record.board;
        let weight = board.members.iter().find(|member| member.signer == signer).map_or(0, |member| member.weight);
        board.threshold <= weight
    }
}

impl EntityRecord {
    /// Who acts, when the signature names a signer directly.
    pub fn acting_signer(&self, authority: Authority) -> Option<SignerId> {
        match authority {
            Authority::Signer { signer } => Some(signer),
            Authority::Account { .. } => self.board.sole_member(),
        }
    }
}
