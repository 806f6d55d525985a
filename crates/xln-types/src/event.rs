//! Events: what happened, for receipts and for subscribers. Facts about the past: nothing decides by them.

use crate::amount::{Amount, Balance};
use crate::codec::Blob;
use crate::htlc::{Failure, HtlcKey};
use crate::id::{AssetId, ChannelId, EntityId, Hash, OperationId, SignerId, TxHash};
use crate::side::Side;

/// What happened. Written in receipts as the PRD's `logs`, pushed to subscribers of the entities and channels it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A signer became known.
    SignerRegistered {
        /// Which.
        signer: SignerId,
    },
    /// An asset became known.
    AssetRegistered {
        /// Which.
        asset: AssetId,
    },
    /// An entity came to be.
    EntityCreated {
        /// Which.
        entity: EntityId,
    },
    /// An entity's metadata or policies changed.
    EntityUpdated {
        /// Which.
        entity: EntityId,
    },
    /// An entity ended.
    EntityDeleted {
        /// Which.
        entity: EntityId,
    },
    /// A channel was proposed or changed its status.
    ChannelStatus {
        /// Which.
        channel: ChannelId,
        /// Its left entity.
        left: EntityId,
        /// Its right entity.
        right: EntityId,
        /// The new status, as `ChannelStatus` numbers it.
        status: u8,
    },
    /// A grant changed (CH-3).
    CreditSet {
        /// In which channel.
        channel: ChannelId,
        /// Its left entity.
        left: EntityId,
        /// Its right entity.
        right: EntityId,
        /// In which asset.
        asset: AssetId,
        /// Who grants.
        grantor: Side,
        /// The new grant.
        granted: Amount,
    },
    /// Value moved in one channel (CH-2).
    Paid {
        /// In which channel.
        channel: ChannelId,
        /// Who paid.
        payer: EntityId,
        /// Who was paid.
        payee: EntityId,
        /// In which asset.
        asset: AssetId,
        /// How much moved in this channel (with the fee, where there was one).
        amount: Amount,
        /// Left's share after it.
        delta: Balance,
        /// The payment's memo.
        memo: Blob,
    },
    /// A reserve changed.
    ReserveChanged {
        /// Whose.
        entity: EntityId,
        /// Of which asset.
        asset: AssetId,
        /// What is free now.
        free: Balance,
    },
    /// A channel's collateral changed (DP-1, DP-5).
    CollateralChanged {
        /// In which channel.
        channel: ChannelId,
        /// Its left entity.
        left: EntityId,
        /// Its right entity.
        right: EntityId,
        /// Of which asset.
        asset: AssetId,
        /// The collateral now.
        collateral: Amount,
    },
    /// An operation on the chain began, was done or failed.
    Operation {
        /// Which.
        operation: OperationId,
        /// Whose.
        entity: EntityId,
        /// Its status, as `OperationStatus` numbers it.
        status: u8,
    },
    /// Something that an operator must look at.
    Alarm {
        /// What, in words for people.
        reason: String,
    },
    /// A payment that wasn't over at once has ended. Without failures it succeeded.
    PaymentEnded {
        /// The payer's transaction.
        payment: TxHash,
        /// Who paid.
        payer: EntityId,
        /// None, or why and where it failed.
        failure: Vec<Failure>,
        /// What it was claimed with; zero where it failed or wasn't locked by hash.
        preimage: Hash,
    },
    /// A payment was locked by hash in a channel (HT-1).
    HtlcAdded {
        /// In which channel.
        channel: ChannelId,
        /// Its left entity.
        left: EntityId,
        /// Its right entity.
        right: EntityId,
        /// Which.
        key: HtlcKey,
        /// In which asset.
        asset: AssetId,
        /// How much.
        amount: Amount,
        /// SHA-256 of the preimage.
        hashlock: Hash,
        /// Unix seconds.
        expires_at_s: u64,
    },
    /// A payment locked by hash was claimed, or given back (HT-2).
    HtlcEnded {
        /// In which channel.
        channel: ChannelId,
        /// Its left entity.
        left: EntityId,
        /// Its right entity.
        right: EntityId,
        /// Which.
        key: HtlcKey,
        /// None if it was claimed, or why it was given back.
        failure: Vec<Failure>,
    },
    /// Both sides of a channel between nodes have signed a frame more (CH-6).
    FrameAgreed {
        /// In which channel.
        channel: ChannelId,
        /// Its left entity.
        left: EntityId,
        /// Its right entity.
        right: EntityId,
        /// The frame's height.
        height: u64,
        /// Its nonce.
        nonce: u64,
    },
    /// An entity on another node became known.
    EntityIntroduced {
        /// Which.
        entity: EntityId,
        /// Its node's hub.
        node: EntityId,
    },
    /// A payment was asked for.
    InvoiceCreated {
        /// Who is to be paid.
        payee: EntityId,
        /// SHA-256 of the preimage.
        hashlock: Hash,
    },
    /// A payment that was asked for has arrived.
    InvoicePaid {
        /// Who was paid.
        payee: EntityId,
        /// SHA-256 of the preimage.
        hashlock: Hash,
        /// The payer's transaction.
        payment: TxHash,
    },
}

crate::rlp_enum!(Event {
    0 => SignerRegistered { signer },
    1 => AssetRegistered { asset },
    2 => EntityCreated { entity },
    3 => EntityUpdated { entity },
    4 => EntityDeleted { entity },
    5 => ChannelStatus { channel, left, right, status },
    6 => CreditSet { channel, left, right, asset, grantor, granted },
    7 => Paid { channel, payer, payee, asset, amount, delta, memo },
    8 => ReserveChanged { entity, asset, free },
    9 => CollateralChanged { channel, left, right, asset, collateral },
    10 => Operation { operation, entity, status },
    11 => Alarm { reason },
    12 => PaymentEnded { payment, payer, failure, preimage },
    13 => HtlcAdded { channel, left, right, key, asset, amount, hashlock, expires_at_s },
    14 => HtlcEnded { channel, left, right, key, failure },
    15 => FrameAgreed { channel, left, right, height, nonce },
    16 => EntityIntroduced { entity, node },
    17 => InvoiceCreated { payee, hashlock },
    18 => InvoicePaid { payee, hashlock, payment },
});
