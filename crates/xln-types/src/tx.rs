//! Transactions: what a sender asks for (PRD 6.4, **TX-1**, **TX-2**).
//!
//! A [`Transaction`] is the envelope `[type, from, to, nonce, data, fee, timestamp, signature]`; `data` is the RLP of one
//! [`Body`]. `from` is the acting entity's address, or a signer's address for `CREATE_ENTITY`; nonces are per `from`.
//! Offers (0x50 …) come with the order book; types that only live inside frames stand here so that they have one definition.

use crate::amount::Amount;
use crate::board::Member;
use crate::codec::{Blob, Decodable, Encodable, RlpDecodable, RlpEncodable, RlpError, decode};
use crate::id::{Address, AssetId, ChannelId, EntityId, Hash, TxHash};
pub use crate::route::{Route, RouteHop};
use crate::side::Side;

/// Longest memo of a payment, in bytes.
pub const MEMO_BYTES_MAX: usize = 256;
/// Longest metadata of a signer or entity, in bytes.
pub const METADATA_BYTES_MAX: usize = 4 * 1024;
/// Most payments in one batch.
pub const BATCH_PAYMENTS_MAX: usize = 256;
/// Most assets in one channel (CH-12).
pub const CHANNEL_ASSETS_MAX: usize = 128;
/// Most hops in a given route.
pub const ROUTE_HOPS_MAX: usize = 20;
/// How far a transaction's timestamp may lie from the block's time, either way (DESIGN 8).
pub const TIMESTAMP_SKEW_S_MAX: u64 = 300;
/// Shortest and longest dispute window, as in the contract.
pub const DISPUTE_WINDOW_S: std::ops::RangeInclusive<u64> = 60..=30 * 24 * 3600;
/// The dispute window of a channel that names none.
pub const DISPUTE_WINDOW_S_DEFAULT: u64 = 24 * 3600;

/// How a signature is made. The scheme's number is the signature's first byte (TX-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// 65 bytes r ‖ s ‖ v, low-s.
    Secp256k1,
    /// 32 bytes key, 64 bytes signature: a session key.
    Ed25519,
    /// 16 bytes token id, 20 bytes account, 32 bytes keyed hash: a hosted call.
    Token,
}

impl Scheme {
    /// The scheme's number.
    pub fn number(self) -> u8 {
        match self {
            Scheme::Secp256k1 => 1,
            Scheme::Ed25519 => 2,
            Scheme::Token => 3,
        }
    }
}

/// The envelope (PRD 6.4.2).
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Transaction {
    /// What it asks for.
    pub kind: TxType,
    /// The acting entity, or the signer for `CREATE_ENTITY`.
    pub from: Address,
    /// The entity that it concerns, zero where there is none.
    pub to: Address,
    /// Gapless per `from` (TX-2).
    pub nonce: u64,
    /// RLP of the [`Body`].
    pub data: Blob,
    /// In the asset paid, to the next node's entity; 0 without a hop.
    pub fee: Amount,
    /// Unix seconds when it was made.
    pub timestamp: u64,
    /// Scheme byte ‖ bytes.
    pub signature: Blob,
}

impl Transaction {
    /// Reads `data` as the body of this transaction's type.
    ///
    /// # Errors
    /// When the data isn't the canonical RLP of that body (N-3).
    pub fn body(&self) -> Result<Body, RlpError> {
        Body::from_data(self.kind, &self.data.0)
    }

    /// What the signature covers after the domain: `rlp([chain_id, hub_id, type, from, to, nonce, data, fee, timestamp])`.
    pub fn signing_payload(&self, chain_id: u64, hub_id: EntityId) -> Vec<u8> {
        #[derive(RlpEncodable)]
        struct Payload<'a> {
            chain_id: u64,
            hub_id: EntityId,
            kind: TxType,
            from: Address,
            to: Address,
            nonce: u64,
            data: &'a Blob,
            fee: Amount,
            timestamp: u64,
        }
        let Transaction { kind, from, to, nonce, data, fee, timestamp, .. } = self;
        let (kind, from, to, nonce, fee, timestamp) = (*kind, *from, *to, *nonce, *fee, *timestamp);
        alloy_rlp::encode(Payload { chain_id, hub_id, kind, from, to, nonce, data, fee, timestamp })
    }
}

/// An amount of one asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct AssetAmount {
    /// Which asset.
    pub asset: AssetId,
    /// How much, in base units.
    pub amount: Amount,
}

macro_rules! bodies {
    ($($(#[$doc:meta])* $code:literal $konst:ident $variant:ident {
        $($(#[$field_doc:meta])* $field:ident : $type:ty),* $(,)?
    })+) => {
        /// Transaction types and their codes (PRD 6.4.1, TX-1).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum TxType { $($(#[$doc])* $variant),+ }

        impl TxType {
            /// Every type, in the order of their codes.
            pub const ALL: &'static [TxType] = &[$(TxType::$variant),+];

            /// The number on the wire.
            pub fn code(self) -> u8 {
                match self { $(TxType::$variant => $code),+ }
            }

            /// The type with this number.
            pub fn from_code(code: u8) -> Option<TxType> {
                match code { $($code => Some(TxType::$variant),)+ _ => None }
            }

            /// The PRD's name, as in `DIRECT_PAYMENT`.
            pub fn name(self) -> &'static str {
                match self { $(TxType::$variant => stringify!($konst)),+ }
            }
        }

        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
            pub struct $variant { $($(#[$field_doc])* pub $field: $type),* }

            impl From<$variant> for Body {
                fn from(body: $variant) -> Body { Body::$variant(body) }
            }
        )+

        /// What a transaction asks for, by type.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Body { $($(#[$doc])* $variant($variant)),+ }

        impl Body {
            /// The type whose body this is.
            pub fn kind(&self) -> TxType {
                match self { $(Body::$variant(_) => TxType::$variant),+ }
            }

            /// The canonical RLP that goes into `data`.
            pub fn to_data(&self) -> Blob {
                match self { $(Body::$variant(body) => Blob(alloy_rlp::encode(body))),+ }
            }

            /// Reads `data` as the body of `kind`.
            ///
            /// # Errors
            /// When it isn't the canonical RLP of that body (N-3).
            pub fn from_data(kind: TxType, data: &[u8]) -> Result<Body, RlpError> {
                match kind { $(TxType::$variant => decode(data).map(Body::$variant)),+ }
            }
        }
    };
}

bodies! {
    /// A new entity with this founding board; `from` is the creating signer.
    0x01 CREATE_ENTITY CreateEntity {
        /// The weight that carries a decision.
        threshold: u64,
        /// The founding board's members.
        members: Vec<Member>,
        /// The creator's next free number (N-5).
        salt: u64,
        /// Free bytes, usually JSON, at most [`METADATA_BYTES_MAX`].
        metadata: Blob,
    }
    /// Changes metadata and policies.
    0x02 UPDATE_ENTITY UpdateEntity {
        /// New metadata; empty leaves it.
        metadata: Blob,
        /// New policies, each replacing the one of its asset.
        policies: Vec<AssetPolicy>,
        /// Whether openings that cost nothing are accepted for it: 0 no, 1 yes, 2 as before.
        accepts_free: u8,
    }
    /// Ends an entity that has nothing left (EN-5).
    0x03 DELETE_ENTITY DeleteEntity {
        /// The entity, named again so that the request can't be meant for another.
        entity: EntityId,
    }
    /// Delegates debits to an Ed25519 session key.
    0x04 GRANT_SESSION GrantSession {
        /// The session's public key.
        key: Hash,
        /// Bit set of what it may do.
        scope: u64,
        /// Unix seconds.
        expires_at_s: u64,
        /// Most that may be uncovered, by asset.
        limits: Vec<AssetAmount>,
    }
    /// Ends a session key.
    0x05 REVOKE_SESSION RevokeSession {
        /// The session's public key.
        key: Hash,
    }
    /// Opens a channel from `from` (A) to `peer` (B); A funds.
    0x10 OPEN_CHANNEL OpenChannel {
        /// B's full id; `to` is its address.
        peer: EntityId,
        /// What A locks, by asset.
        collateral: Vec<AssetAmount>,
        /// What A grants to B, by asset.
        grants: Vec<AssetAmount>,
        /// What A asks B to grant: needs B's own consent.
        requested: Vec<AssetAmount>,
        /// Dispute window in seconds.
        dispute_window_s: u64,
        /// Until when the collateral's allocation may be mined, unix seconds.
        valid_until_s: u64,
        /// A's signature over the `Allocation`s for the chain, in order; empty for hosted entities.
        chain_signatures: Vec<Blob>,
    }
    /// Changes window and policies by both, a mailbox by its side.
    0x11 UPDATE_CHANNEL UpdateChannel {
        /// Which channel.
        channel: ChannelId,
        /// New dispute window in seconds.
        dispute_window_s: u64,
        /// The mailbox that `from` names (CH-16).
        mailbox: Address,
    }
    /// Closes by agreement.
    0x12 CLOSE_CHANNEL CloseChannel {
        /// Which channel.
        channel: ChannelId,
        /// Until when the close may be mined, unix seconds.
        valid_until_s: u64,
    }
    /// Sets what `from` grants its peer (CH-3).
    0x13 SET_CREDIT SetCredit {
        /// Which channel.
        channel: ChannelId,
        /// In which asset.
        asset: AssetId,
        /// The new grant.
        granted: Amount,
    }
    /// Moves collateral to reserves by agreement (DP-5).
    0x14 SETTLE Settle {
        /// Which channel.
        channel: ChannelId,
        /// What each side takes, by asset.
        diffs: Vec<SettleDiff>,
        /// Until when it may be mined, unix seconds.
        valid_until_s: u64,
    }
    /// Starts or counters a dispute on chain.
    0x15 DISPUTE Dispute {
        /// Which channel.
        channel: ChannelId,
    }
    /// B's consent to an opening, with what it grants.
    0x16 ACCEPT_CHANNEL AcceptChannel {
        /// Which channel.
        channel: ChannelId,
        /// What B grants to A, by asset.
        grants: Vec<AssetAmount>,
    }
    /// Inside frames only: lists an asset (CH-12).
    0x17 LIST_ASSET ListAsset {
        /// Which asset.
        asset: AssetId,
    }
    /// Inside frames only: collateral that the chain recorded (CH-12).
    0x18 COLLATERAL_FACT CollateralFact {
        /// Block of the log.
        block_hash: Hash,
        /// Its index in that block.
        log_index: u64,
        /// In which asset.
        asset: AssetId,
        /// Whose reserve it came from.
        side: Side,
        /// How much.
        amount: Amount,
    }
    /// Inside frames only: resumes after signing memory was lost (CH-15).
    0x19 RESUME Resume {
        /// The nonce to go on from.
        nonce: u64,
    }
    /// Pays `to`: over the channel with it, or over the hub where there is none (CH-2, CH-14).
    0x20 DIRECT_PAYMENT DirectPayment {
        /// In which asset.
        asset: AssetId,
        /// What the recipient gets.
        amount: Amount,
        /// Free bytes, at most [`MEMO_BYTES_MAX`].
        memo: Blob,
        /// One given route; none: direct, or over the hub.
        route: Vec<Route>,
    }
    /// Locks a payment by hash (HT-1).
    0x21 HTLC_CREATE HtlcCreate {
        /// Which channel.
        channel: ChannelId,
        /// In which asset.
        asset: AssetId,
        /// How much.
        amount: Amount,
        /// SHA-256 of the preimage.
        hashlock: Hash,
        /// Unix seconds.
        expires_at_s: u64,
        /// The remaining route.
        onion: Blob,
    }
    /// Claims a locked payment (HT-2).
    0x22 HTLC_FULFILL HtlcFulfill {
        /// Which channel.
        channel: ChannelId,
        /// The HTLC's number on its payer's side.
        id: u64,
        /// What hashes to the lock.
        preimage: Hash,
    }
    /// Gives a locked payment back (HT-2).
    0x23 HTLC_CANCEL HtlcCancel {
        /// Which channel.
        channel: ChannelId,
        /// Its payer's side.
        side: Side,
        /// The HTLC's number on its payer's side.
        id: u64,
        /// Why, in bytes.
        reason: Blob,
    }
    /// Pays `to` many times over the channel with it, all or none: one signature for many payments.
    0x24 BATCH_PAYMENT BatchPayment {
        /// In which asset.
        asset: AssetId,
        /// What the recipient gets, each a payment of its own; at most [`BATCH_PAYMENTS_MAX`].
        payments: Vec<BatchedPayment>,
    }
    /// Puts an action to the board's vote (EN-4).
    0x30 CREATE_PROPOSAL CreateProposal {
        /// The type of the transaction proposed.
        action: TxType,
        /// Its data.
        data: Blob,
        /// Unix seconds.
        expires_at_s: u64,
    }
    /// A member's vote.
    0x31 VOTE_PROPOSAL VoteProposal {
        /// Which proposal.
        proposal: Hash,
        /// 1 for, 0 against.
        support: u8,
    }
    /// Executes a time-locked proposal.
    0x32 EXECUTE_PROPOSAL ExecuteProposal {
        /// Which proposal.
        proposal: Hash,
    }
    /// Sends a hosted signer's own coins or tokens to the depositary, for `from`.
    0x40 DEPOSIT Deposit {
        /// Which asset.
        asset: AssetId,
        /// How much is sent.
        amount: Amount,
    }
    /// Takes free reserve out, on chain, to `recipient` (DP-4).
    0x41 WITHDRAW Withdraw {
        /// Which asset.
        asset: AssetId,
        /// How much.
        amount: Amount,
        /// Who gets it on the chain.
        recipient: Address,
        /// Until when it may be mined, unix seconds.
        valid_until_s: u64,
        /// Signature over the `Withdrawal` for the chain; empty for hosted entities.
        chain_signature: Blob,
    }
    /// Moves free reserve into a channel's collateral (DP-1).
    0x42 ALLOCATE Allocate {
        /// Which channel.
        channel: ChannelId,
        /// Which asset.
        asset: AssetId,
        /// How much.
        amount: Amount,
        /// Until when it may be mined, unix seconds.
        valid_until_s: u64,
        /// Signature over the `Allocation` for the chain; empty for hosted entities.
        chain_signature: Blob,
    }
    /// Moves collateral back to the caller's own reserve, with both sides' consent (DP-1, DP-5).
    0x43 DEALLOCATE Deallocate {
        /// Which channel.
        channel: ChannelId,
        /// Which asset.
        asset: AssetId,
        /// How much.
        amount: Amount,
        /// Until when it may be mined, unix seconds.
        valid_until_s: u64,
    }
}

impl Encodable for TxType {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        self.code().encode(out);
    }
    fn length(&self) -> usize {
        1
    }
}

impl Decodable for TxType {
    fn decode(buf: &mut &[u8]) -> Result<Self, RlpError> {
        TxType::from_code(u8::decode(buf)?).ok_or(RlpError::Custom("unknown transaction type"))
    }
}

/// One payment of a batch.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct BatchedPayment {
    /// What the recipient gets.
    pub amount: Amount,
    /// Free bytes, at most [`MEMO_BYTES_MAX`].
    pub memo: Blob,
}

/// What each side's reserve gains from a settlement; negative puts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct SettleDiff {
    /// Which asset.
    pub asset: AssetId,
    /// Left's gain.
    pub left: crate::Balance,
    /// Right's gain.
    pub right: crate::Balance,
}

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

/// A transaction with the hash that names it (TX-2), read but not yet verified (TX-3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodedTx {
    /// As it came.
    pub tx: Transaction,
    /// Its body.
    pub body: Body,
    /// TX-2's digest.
    pub hash: TxHash,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TX-1: the PRD's codes, and ours beside them.
    #[test]
    fn every_type_has_its_code() {
        let codes: Vec<u8> = TxType::ALL.iter().map(|kind| kind.code()).collect();
        let expected = [
            0x01, 0x02, 0x03, 0x04, 0x05, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x20, 0x21, 0x22,
            0x23, 0x24, 0x30, 0x31, 0x32, 0x40, 0x41, 0x42, 0x43,
        ];
        assert_eq!(codes, expected);
        for kind in TxType::ALL {
            assert_eq!(TxType::from_code(kind.code()), Some(*kind));
        }
        assert_eq!(TxType::from_code(0x50), None);
        assert_eq!(TxType::DirectPayment.name(), "DIRECT_PAYMENT");
    }

    /// TX-2: the signature covers every field but itself, and the chain and hub.
    #[test]
    fn the_signing_payload_covers_every_field() {
        let body = Body::from(DeleteEntity { entity: EntityId([9; 32]) });
        let tx = Transaction {
            kind: body.kind(),
            from: Address([1; 20]),
            to: Address([2; 20]),
            nonce: 3,
            data: body.to_data(),
            fee: Amount(4),
            timestamp: 5,
            signature: Blob(vec![1]),
        };
        assert_eq!(tx.body(), Ok(body));
        let base = tx.signing_payload(1, EntityId([7; 32]));
        let changed = [
            Transaction { kind: TxType::UpdateEntity, ..tx.clone() },
            Transaction { from: Address([0; 20]), ..tx.clone() },
            Transaction { to: Address([0; 20]), ..tx.clone() },
            Transaction { nonce: 9, ..tx.clone() },
            Transaction { data: Blob(vec![]), ..tx.clone() },
            Transaction { fee: Amount(9), ..tx.clone() },
            Transaction { timestamp: 9, ..tx.clone() },
        ];
        for other in changed {
            assert_ne!(other.signing_payload(1, EntityId([7; 32])), base);
        }
        assert_ne!(tx.signing_payload(2, EntityId([7; 32])), base);
        assert_ne!(tx.signing_payload(1, EntityId([8; 32])), base);
        let unsigned = Transaction { signature: Blob(vec![]), ..tx };
        assert_eq!(unsigned.signing_payload(1, EntityId([7; 32])), base);
    }
}
