//! Records of what two sides agreed beside money, of frames, and of payments that take a route: decoded from their documented shape
//! (`docs/spec/audit.md`), as all records are.

use xln_types::codec::{Blob, RlpDecodable, RlpEncodable};
use xln_types::tx::SettleDiff;
use xln_types::{Address, Amount, AssetId, ChannelId, EntityId, Failure, Hash, HtlcKey, Side, SignerId, TxHash};

/// What one side has named or asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct SideTerms {
    pub(crate) mailbox: Address,
    pub(crate) window_asked_s: u64,
    pub(crate) htlc_next: u64,
    pub(crate) close_asked_s: u64,
    pub(crate) settle_asked: Vec<Settlement>,
}

/// Collateral on its way to reserves (DP-5).
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct Settlement {
    pub(crate) diffs: Vec<SettleDiff>,
    pub(crate) counter: u64,
    pub(crate) valid_until_s: u64,
}

/// A channel's terms. No record stands for those of a channel in which nothing was agreed.
#[derive(Clone, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct Terms {
    pub(crate) dispute_window_s: u64,
    pub(crate) left: SideTerms,
    pub(crate) right: SideTerms,
    pub(crate) fact_block: u64,
    pub(crate) fact_log_index: u64,
    pub(crate) settle_counter: u64,
    pub(crate) settlement: Vec<Settlement>,
    pub(crate) closing: u8,
}

/// What a node remembers of a channel's frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct Replica {
    pub(crate) node: EntityId,
    pub(crate) remote: SignerId,
    pub(crate) height: u64,
    pub(crate) frame: Hash,
    pub(crate) nonce: u64,
    pub(crate) timestamp_s: u64,
    pub(crate) by: Side,
    pub(crate) signed_nonce: u64,
    pub(crate) stacked: u64,
    pub(crate) newest: Hash,
    pub(crate) drafted: u64,
    pub(crate) turn: u8,
    pub(crate) frozen: u8,
}

/// A payment over a route that is under way.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct Payment {
    pub(crate) id: TxHash,
    pub(crate) payer: EntityId,
    pub(crate) payee: EntityId,
    pub(crate) asset: AssetId,
    pub(crate) amount: Amount,
    pub(crate) fee: Amount,
    pub(crate) hashlock: Hash,
    pub(crate) channel: ChannelId,
    pub(crate) key: HtlcKey,
    pub(crate) deadline_s: u64,
    pub(crate) created_s: u64,
    pub(crate) status: u8,
    pub(crate) failure: Vec<Failure>,
    pub(crate) preimage: Hash,
    pub(crate) memo: Blob,
}

/// An HTLC that the hub passed on: where to, and what it was claimed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct Forward {
    pub(crate) payment: TxHash,
    pub(crate) channel: ChannelId,
    pub(crate) key: HtlcKey,
    pub(crate) preimage: Hash,
}

/// A payment that an entity asks for.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct Invoice {
    pub(crate) payee: EntityId,
    pub(crate) asset: AssetId,
    pub(crate) amount: Amount,
    pub(crate) preimage: Hash,
    pub(crate) hashlock: Hash,
    pub(crate) expires_at_s: u64,
    pub(crate) memo: Blob,
    pub(crate) created_s: u64,
    pub(crate) payment: TxHash,
}

impl Terms {
    pub(crate) fn side(&self, side: Side) -> &SideTerms {
        side.pick(&self.left, &self.right)
    }

    pub(crate) fn side_mut(&mut self, side: Side) -> &mut SideTerms {
        match side {
            Side::Left => &mut self.left,
            Side::Right => &mut self.right,
        }
    }
}

impl Replica {
    /// Before the first frame.
    pub(crate) fn new(node: EntityId, remote: SignerId) -> Replica {
        Replica {
            node,
            remote,
            height: 0,
            frame: Hash::ZERO,
            nonce: 0,
            timestamp_s: 0,
            by: Side::Left,
            signed_nonce: 0,
            stacked: 0,
            newest: Hash::ZERO,
            drafted: 0,
            turn: 0,
            frozen: 0,
        }
    }
}
