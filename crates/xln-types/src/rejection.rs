//! Rejections: typed refusals that are part of the protocol (**TX-5**). The same on every replay, in the receipt, and each with
//! the number that tells what would have worked. Declared by subject; tags are never renumbered.

use crate::amount::Amount;

/// Why an input was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The type is known, its machine comes later.
    NotAvailable {},
    /// The data isn't the canonical RLP of its type (N-3).
    MalformedBody {},
    /// No signer or entity has this sender address.
    UnknownSender {},
    /// Who signed may not act for the sender.
    NotAuthorized {},
    /// Not the sender's next nonce (TX-2).
    WrongNonce {
        /// The next one.
        expected: u64,
    },
    /// The timestamp is more than five minutes off the hub's time.
    TimestampOutside {
        /// The hub's time, unix seconds.
        now_s: u64,
    },
    /// No such signer.
    UnknownSigner {},
    /// No such entity.
    UnknownEntity {},
    /// No such channel between these two.
    UnknownChannel {},
    /// The asset isn't registered.
    UnknownAsset {},
    /// No such operation.
    UnknownOperation {},
    /// It exists already.
    AlreadyExists {},
    /// A payment between an entity and itself, or a channel with itself (N-5).
    SameEntity {},
    /// The board can't decide, or isn't of this signer.
    InvalidBoard {},
    /// More than the creator's next free number.
    WrongSalt {
        /// The next free number.
        expected: u64,
    },
    /// A length or count past its bound.
    TooLarge {
        /// The bound.
        limit: u64,
    },
    /// Something is left: channel, reserve, debt or hold (EN-5).
    NotEmpty {},
    /// The channel isn't open.
    ChannelNotOpen {
        /// Its status, as `ChannelStatus` numbers it.
        status: u8,
    },
    /// There is no way from payer to payee: no channel between them, nor both with the hub.
    NoRoute {},
    /// Amounts start at 1.
    AmountNotPositive {},
    /// Past 2¹²⁰ (N-1).
    OutOfRange {},
    /// The payer can't pay that (CH-1, DP-2). `leg` counts from the payer: 0 its own channel, 1 the hub's.
    InsufficientFunds {
        /// What it could pay.
        available: Amount,
        /// Which leg refused.
        leg: u8,
    },
    /// Not enough free reserve (DP-1).
    InsufficientReserve {
        /// What is free, less the minimum reserve.
        available: Amount,
    },
    /// The side owns less of the collateral than that.
    InsufficientShare {
        /// What it owns.
        available: Amount,
    },
    /// A policy forbids what the channel could bear (DP-2).
    LimitExceeded {
        /// What the policy still allows.
        available: Amount,
        /// Which leg refused, as above.
        leg: u8,
    },
    /// The hop asks for more.
    FeeTooLow {
        /// What it asks for.
        expected: Amount,
    },
    /// A fee without a hop.
    FeeNotPayable {},
    /// A unique asset takes no credit, and amounts of 0 or 1 (N-4).
    NotForUniqueAsset {},
    /// The channel holds as many assets as it may (CH-12).
    TooManyAssets {
        /// The bound.
        limit: u64,
    },
    /// The dispute window lies outside the contract's bounds.
    WindowOutside {
        /// Shortest, seconds.
        min_s: u64,
        /// Longest, seconds.
        max_s: u64,
    },
    /// Accepted already, or not the accepting side's turn.
    NotYoursToAccept {},
    /// A self-custody side must sign this for the chain itself.
    ChainSignatureNeeded {},
    /// The hub doesn't hold this key.
    NotHosted {},
    /// `valid_until` lies too close or too far.
    ValidityOutside {
        /// Earliest, unix seconds.
        from_s: u64,
        /// Latest, unix seconds.
        until_s: u64,
    },
    /// Withdrawals are halted by an alarm (DP-3).
    Halted {},
    /// The fact isn't past the last one taken, or doesn't fit the state.
    StaleFact {},
    /// Only the hub itself may do this.
    HubOnly {},
    /// The frame or acknowledgement is older than what stands (CH-9).
    StaleFrame {},
    /// The frame doesn't stand on the head (CH-9).
    FrameGap {
        /// The height that could be taken.
        height: u64,
    },
    /// Replay leads to another state than the frame says (CH-6).
    StateMismatch {},
    /// A second frame of one side on the same previous frame (CH-9).
    Equivocation {},
    /// The frame's nonce lies outside what could be taken (CH-7).
    NonceOutside {
        /// Lowest.
        from: u64,
        /// Highest.
        until: u64,
    },
    /// The frame's timestamp goes back, or is too far ahead (CH-6).
    TimestampAhead {
        /// Earliest, unix seconds.
        from_s: u64,
        /// Latest, unix seconds.
        until_s: u64,
    },
    /// The frame contradicts itself, or what its message says of it.
    MalformedFrame {},
    /// Too much waits for the other side's acknowledgement (CH-16).
    StackFull {
        /// The bound.
        limit: u64,
    },
    /// No such pending HTLC, or not this side's to end (HT-2).
    UnknownHtlc {},
    /// As many HTLCs are pending as a side may have (HT-6).
    TooManyHtlcs {
        /// The bound.
        limit: u64,
    },
    /// The HTLC's number was used before (HT-2).
    HtlcUsed {
        /// The lowest free one.
        expected: u64,
    },
    /// It doesn't hash to the lock (HT-2).
    WrongPreimage {},
    /// The HTLC has expired (HT-2).
    HtlcExpired {
        /// The time by which that is judged, unix seconds.
        now_s: u64,
    },
    /// Only its receiver may cancel an HTLC before it expires (HT-2).
    HtlcNotExpired {
        /// When it does, unix seconds.
        expires_at_s: u64,
    },
    /// The HTLC would expire too early or too late (HT-4, HT-6).
    ExpiryOutside {
        /// Earliest, unix seconds.
        from_s: u64,
        /// Latest, unix seconds.
        until_s: u64,
    },
    /// The chain fact isn't the next one that this side knows to be deep (CH-12).
    FactNotDeep {},
    /// A dispute has begun: no frame is signed any more (CH-12).
    Disputed {},
    /// The entity acts on another node.
    NotHere {},
    /// The other side isn't on another node, or not on this one.
    NotAPeer {},
    /// Another settlement is under way (DP-5).
    SettlementPending {},
    /// It waits for the other side to ask for the same.
    NeedsAgreement {},
    /// The invoice is unknown, expired, paid, or of another amount.
    InvoiceUnpayable {},
    /// The payment's time ran out.
    DeadlinePassed {},
}

crate::rlp_enum!(Rejection {
    1 => NotAvailable {},
    2 => MalformedBody {},
    3 => UnknownSender {},
    4 => NotAuthorized {},
    5 => WrongNonce { expected },
    6 => TimestampOutside { now_s },
    7 => UnknownSigner {},
    8 => UnknownEntity {},
    9 => UnknownChannel {},
    10 => UnknownAsset {},
    11 => UnknownOperation {},
    12 => AlreadyExists {},
    13 => SameEntity {},
    14 => InvalidBoard {},
    15 => WrongSalt { expected },
    16 => TooLarge { limit },
    17 => NotEmpty {},
    18 => ChannelNotOpen { status },
    19 => NoRoute {},
    20 => AmountNotPositive {},
    21 => OutOfRange {},
    22 => InsufficientFunds { available, leg },
    23 => InsufficientReserve { available },
    24 => InsufficientShare { available },
    25 => LimitExceeded { available, leg },
    26 => FeeTooLow { expected },
    27 => FeeNotPayable {},
    28 => NotForUniqueAsset {},
    29 => TooManyAssets { limit },
    30 => WindowOutside { min_s, max_s },
    31 => NotYoursToAccept {},
    32 => ChainSignatureNeeded {},
    33 => NotHosted {},
    34 => ValidityOutside { from_s, until_s },
    35 => Halted {},
    36 => StaleFact {},
    37 => HubOnly {},
    38 => StaleFrame {},
    39 => FrameGap { height },
    40 => StateMismatch {},
    41 => Equivocation {},
    42 => NonceOutside { from, until },
    43 => TimestampAhead { from_s, until_s },
    44 => MalformedFrame {},
    45 => StackFull { limit },
    46 => UnknownHtlc {},
    47 => TooManyHtlcs { limit },
    48 => HtlcUsed { expected },
    49 => WrongPreimage {},
    50 => HtlcExpired { now_s },
    51 => HtlcNotExpired { expires_at_s },
    52 => ExpiryOutside { from_s, until_s },
    53 => FactNotDeep {},
    54 => Disputed {},
    55 => NotHere {},
    56 => NotAPeer {},
    57 => SettlementPending {},
    58 => NeedsAgreement {},
    59 => InvoiceUnpayable {},
    60 => DeadlinePassed {},
});

impl Rejection {
    /// The reason in snake case, as API answers carry it.
    pub fn reason(&self) -> &'static str {
        match self {
            Rejection::NotAvailable {} => "not_available",
            Rejection::MalformedBody {} => "malformed_body",
            Rejection::UnknownSender {} => "unknown_sender",
            Rejection::NotAuthorized {} => "not_authorized",
            Rejection::WrongNonce { .. } => "wrong_nonce",
            Rejection::TimestampOutside { .. } => "timestamp_outside",
            Rejection::UnknownSigner {} => "unknown_signer",
            Rejection::UnknownEntity {} => "unknown_entity",
            Rejection::UnknownChannel {} => "unknown_channel",
            Rejection::UnknownAsset {} => "unknown_asset",
            Rejection::UnknownOperation {} => "unknown_operation",
            Rejection::AlreadyExists {} => "already_exists",
            Rejection::SameEntity {} => "same_entity",
            Rejection::InvalidBoard {} => "invalid_board",
            Rejection::WrongSalt { .. } => "wrong_salt",
            Rejection::TooLarge { .. } => "too_large",
            Rejection::NotEmpty {} => "not_empty",
            Rejection::ChannelNotOpen { .. } => "channel_not_open",
            Rejection::NoRoute {} => "no_route",
            Rejection::AmountNotPositive {} => "amount_not_positive",
            Rejection::OutOfRange {} => "out_of_range",
            Rejection::InsufficientFunds { .. } => "insufficient_funds",
            Rejection::InsufficientReserve { .. } => "insufficient_reserve",
            Rejection::InsufficientShare { .. } => "insufficient_share",
            Rejection::LimitExceeded { .. } => "limit_exceeded",
            Rejection::FeeTooLow { .. } => "fee_too_low",
            Rejection::FeeNotPayable {} => "fee_not_payable",
            Rejection::NotForUniqueAsset {} => "not_for_unique_asset",
            Rejection::TooManyAssets { .. } => "too_many_assets",
            Rejection::WindowOutside { .. } => "window_outside",
            Rejection::NotYoursToAccept {} => "not_yours_to_accept",
            Rejection::ChainSignatureNeeded {} => "chain_signature_needed",
            Rejection::NotHosted {} => "not_hosted",
            Rejection::ValidityOutside { .. } => "validity_outside",
            Rejection::Halted {} => "halted",
            Rejection::StaleFact {} => "stale_fact",
            Rejection::HubOnly {} => "hub_only",
            Rejection::StaleFrame {} => "stale_frame",
            Rejection::FrameGap { .. } => "frame_gap",
            Rejection::StateMismatch {} => "state_mismatch",
            Rejection::Equivocation {} => "equivocation",
            Rejection::NonceOutside { .. } => "nonce_outside",
            Rejection::TimestampAhead { .. } => "timestamp_ahead",
            Rejection::MalformedFrame {} => "malformed_frame",
            Rejection::StackFull { .. } => "stack_full",
            Rejection::UnknownHtlc {} => "unknown_htlc",
            Rejection::TooManyHtlcs { .. } => "too_many_htlcs",
            Rejection::HtlcUsed { .. } => "htlc_used",
            Rejection::WrongPreimage {} => "wrong_preimage",
            Rejection::HtlcExpired { .. } => "htlc_expired",
            Rejection::HtlcNotExpired { .. } => "htlc_not_expired",
            Rejection::ExpiryOutside { .. } => "expiry_outside",
            Rejection::FactNotDeep {} => "fact_not_deep",
            Rejection::Disputed {} => "disputed",
            Rejection::NotHere {} => "not_here",
            Rejection::NotAPeer {} => "not_a_peer",
            Rejection::SettlementPending {} => "settlement_pending",
            Rejection::NeedsAgreement {} => "needs_agreement",
            Rejection::InvoiceUnpayable {} => "invoice_unpayable",
            Rejection::DeadlinePassed {} => "deadline_passed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::decode;

    /// TX-5: a rejection survives the receipt byte for byte.
    #[test]
    fn rejections_keep_their_number() {
        for rejection in [
            Rejection::NotAvailable {},
            Rejection::InsufficientFunds { available: Amount(70), leg: 1 },
            Rejection::WrongNonce { expected: 9 },
        ] {
            let bytes = alloy_rlp::encode(&rejection);
            assert_eq!(decode::<Rejection>(&bytes).as_ref(), Ok(&rejection));
            assert!(!rejection.reason().is_empty());
        }
        assert!(decode::<Rejection>(&[0xc1, 0x7f]).is_err());
        assert!(decode::<Rejection>(&[0xc2, 0x01, 0x01]).is_err(), "a field too many");
    }
}
