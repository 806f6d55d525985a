//! Frames: the steps of a channel between two nodes (**CH-6**), and the messages by which they travel.
//!
//! A frame is proposed by one side, replayed by the other, and final by the rules of CH-8. Its hash chains to the frame before; the
//! signature covers a [`ChannelProof`] that names the frame and what the chain needs of the state after it (**CH-7**).

use crate::amount::{Amount, Balance};
use crate::board::Board;
use crate::codec::{Blob, RlpDecodable, RlpEncodable};
use crate::evidence::ChannelProof;
use crate::htlc::{Failure, Htlc, HtlcKey};
use crate::id::{Address, AssetId, ChannelId, EntityId, Hash, TxHash};
use crate::rejection::Rejection;
use crate::side::Side;
use crate::tx::{AssetAmount, SettleDiff};

/// Most transactions in one frame.
pub const FRAME_TXS_MAX: usize = 256;
/// Longest encoded frame message.
pub const FRAME_BYTES_MAX: usize = 128 * 1024;
/// How far ahead of the receiver's time a frame may be, in seconds (CH-6).
pub const FRAME_AHEAD_S_MAX: u64 = 30;
/// How far a new frame's nonce may skip past the receiver's head (CH-7).
pub const NONCE_SKIP_MAX: u64 = 1 << 20;
/// How far RESUME's nonce lies above the newest head (CH-15).
pub const RESUME_SKIP: std::ops::RangeInclusive<u64> = (1 << 32)..=(1 << 33);

/// One step of a channel.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Frame {
    /// In which channel.
    pub channel: ChannelId,
    /// Gapless, from 1.
    pub height: u64,
    /// Hash of the frame before; zero for the first.
    pub previous: Hash,
    /// Who proposes it.
    pub by: Side,
    /// Unix seconds; never goes back. Nothing financial depends on it.
    pub timestamp_s: u64,
    /// In the order of their execution.
    pub txs: Vec<FrameTx>,
    /// Hash of the state after them.
    pub state: Hash,
}

/// What one transaction of a frame does. Its number is that of the transaction type (TX-1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameTx {
    /// The first frame's first transaction: the proposer opens the channel.
    Open {
        /// The other side.
        peer: EntityId,
        /// Seconds to counter in a dispute.
        dispute_window_s: u64,
        /// What the opener asks the other side to grant: shown to it, decided by it.
        requested: Vec<AssetAmount>,
        /// What the opener grants; lists these assets.
        grants: Vec<AssetAmount>,
    },
    /// `by` names its mailbox; a window takes effect once both have asked for the same.
    Update {
        /// Seconds; 0 asks for no change.
        dispute_window_s: u64,
        /// `by`'s own mailbox; zero for none.
        mailbox: Address,
    },
    /// `by` wants to close (DP-5); once both have, the channel is closing.
    Close {
        /// Until when the close may be mined, unix seconds.
        valid_until_s: u64,
    },
    /// `by` sets what it grants (CH-3); lists the asset where it is new.
    Credit {
        /// In which asset.
        asset: AssetId,
        /// The new grant.
        granted: Amount,
    },
    /// Collateral is to become reserves by both signatures (DP-5).
    Settle {
        /// What each side takes, by asset; negative puts in.
        diffs: Vec<SettleDiff>,
        /// Strictly rises.
        counter: u64,
        /// Until when it may be mined, unix seconds.
        valid_until_s: u64,
    },
    /// `by` lists an asset (CH-12).
    List {
        /// Which.
        asset: AssetId,
    },
    /// What the chain did to this channel (CH-12), each once and in the chain's order.
    Fact {
        /// The block.
        block: u64,
        /// Its hash.
        block_hash: Hash,
        /// Index of the log in it.
        log_index: u64,
        /// In which asset.
        asset: AssetId,
        /// What it did.
        change: CollateralChange,
    },
    /// Goes on after signing memory was lost (CH-15).
    Resume {
        /// The nonce to go on from.
        nonce: u64,
    },
    /// `by` pays the other side (CH-2).
    Pay {
        /// In which asset.
        asset: AssetId,
        /// How much.
        amount: Amount,
        /// The payer's transaction.
        payment: TxHash,
        /// Free bytes.
        memo: Blob,
    },
    /// `by` locks a payment by hash (HT-1).
    HtlcAdd {
        /// Its number on `by`'s side.
        id: u64,
        /// What is locked.
        htlc: Htlc,
    },
    /// `by` claims a payment that the other side locked (HT-2).
    HtlcFulfill {
        /// Its number on the other side.
        id: u64,
        /// What hashes to the lock.
        preimage: Hash,
    },
    /// `by` gives a locked payment back, or takes its own back after expiry (HT-2).
    HtlcCancel {
        /// Which.
        key: HtlcKey,
        /// Why.
        failure: Failure,
    },
}

crate::rlp_enum!(FrameTx {
    0x10 => Open { peer, dispute_window_s, requested, grants },
    0x11 => Update { dispute_window_s, mailbox },
    0x12 => Close { valid_until_s },
    0x13 => Credit { asset, granted },
    0x14 => Settle { diffs, counter, valid_until_s },
    0x17 => List { asset },
    0x18 => Fact { block, block_hash, log_index, asset, change },
    0x19 => Resume { nonce },
    0x20 => Pay { asset, amount, payment, memo },
    0x21 => HtlcAdd { id, htlc },
    0x22 => HtlcFulfill { id, preimage },
    0x23 => HtlcCancel { key, failure },
});

impl FrameTx {
    /// CH-8: settle, close, update and RESUME are never stacked: such a frame stands alone.
    pub fn stands_alone(&self) -> bool {
        matches!(
            self,
            FrameTx::Open { .. }
                | FrameTx::Update { .. }
                | FrameTx::Close { .. }
                | FrameTx::Settle { .. }
                | FrameTx::Resume { .. }
        )
    }
}

/// What the chain did to a channel's collateral.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CollateralChange {
    /// Reserve became collateral (DP-1).
    Added {
        /// Whose reserve it came from.
        side: Side,
        /// How much.
        amount: Amount,
    },
    /// Collateral became reserves (DP-5).
    Settled {
        /// The settlement's counter.
        counter: u64,
        /// What left's reserve gained.
        left: Balance,
        /// What right's reserve gained.
        right: Balance,
    },
    /// A deep block is past the settlement's validity, and it was not mined: what was held for it is free (DP-5).
    Lapsed {
        /// The settlement's counter.
        counter: u64,
    },
}

crate::rlp_enum!(CollateralChange {
    0 => Added { side, amount },
    1 => Settled { counter, left, right },
    2 => Lapsed { counter },
});

/// What one node tells another about a channel. The session authenticates it; frames and acknowledgements are also signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerMessage {
    /// A proposal, signed by the entity that makes it.
    Frame {
        /// What is proposed.
        frame: Frame,
        /// What the signature covers.
        proof: ChannelProof,
        /// 65 bytes r ‖ s ‖ v.
        signature: Blob,
        /// With the first frame: the proposer's founding board, of which its id is the hash (N-5).
        intro: Vec<Board>,
    },
    /// The receiver's signature on the same state.
    Ack {
        /// The same proof, with the receiver's board epoch.
        proof: ChannelProof,
        /// 65 bytes r ‖ s ‖ v.
        signature: Blob,
    },
    /// Why a frame wasn't taken. Informs people; decides nothing.
    Refused {
        /// In which channel.
        channel: ChannelId,
        /// The frame's hash.
        frame: Hash,
        /// Why.
        reason: Rejection,
    },
    /// The sender's signature for the chain on what a frame agreed: a settlement or a close (DP-5).
    ForChain {
        /// In which channel.
        channel: ChannelId,
        /// The settlement's counter.
        counter: u64,
        /// Until when it may be mined, unix seconds.
        valid_until_s: u64,
        /// 65 bytes r ‖ s ‖ v.
        signature: Blob,
    },
}

crate::rlp_enum!(PeerMessage {
    1 => Frame { frame, proof, signature, intro },
    2 => Ack { proof, signature },
    3 => Refused { channel, frame, reason },
    4 => ForChain { channel, counter, valid_until_s, signature },
});

impl PeerMessage {
    /// The channel that it is about.
    pub fn channel(&self) -> ChannelId {
        match self {
            PeerMessage::Frame { proof, .. } | PeerMessage::Ack { proof, .. } => proof.channel,
            PeerMessage::Refused { channel, .. } | PeerMessage::ForChain { channel, .. } => *channel,
        }
    }
}
