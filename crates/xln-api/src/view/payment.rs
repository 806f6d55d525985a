//! Payments, as the receipts of their transactions tell them.

use crate::text::AsText;
use crate::view::event::memo_text;
use schemars::JsonSchema;
use serde::Serialize;
use xln_types::codec::Blob;
use xln_types::{Amount, AssetId, ChannelId, EntityId, Event, Receipt, TxHash};

/// A payment that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Payment {
    pub(crate) hash: TxHash,
    pub(crate) sequence: u64,
    pub(crate) at_ms: u64,
    pub(crate) from: EntityId,
    pub(crate) to: EntityId,
    pub(crate) asset: AssetId,
    pub(crate) amount: Amount,
    pub(crate) fee: Amount,
    /// The payer's channel first, the payee's last; one where they share it.
    pub(crate) channels: Vec<ChannelId>,
    pub(crate) memo: Blob,
}

impl Payment {
    /// The payment that a receipt tells of: its first leg has the payer, its last the payee; what differs is the fee.
    pub(crate) fn of(receipt: &Receipt) -> Option<Payment> {
        let mut found: Option<Payment> = None;
        for log in &receipt.logs {
            let Event::Paid { channel, payer, payee, asset, amount, memo, .. } = log else { continue };
            let payment = found.get_or_insert_with(|| Payment {
                hash: receipt.hash,
                sequence: receipt.sequence,
                at_ms: receipt.executed_at_ms,
                from: *payer,
                to: *payee,
                asset: *asset,
                amount: *amount,
                fee: Amount::ZERO,
                channels: Vec::new(),
                memo: memo.clone(),
            });
            let whole = payment.amount.plus(payment.fee).unwrap_or(payment.amount);
            payment.fee = whole.minus_or_zero(*amount);
            payment.amount = *amount;
            payment.to = *payee;
            payment.channels.push(*channel);
        }
        found
    }

    /// The channels that one may know of who owns these: the payer its own, the payee its own.
    pub(crate) fn channels_of(&self, owns: impl Fn(EntityId) -> bool) -> &[ChannelId] {
        match (owns(self.from), owns(self.to)) {
            (true, true) => &self.channels,
            (true, false) => self.channels.get(..1).unwrap_or_default(),
            (false, true) => self.channels.last_chunk::<1>().map_or(&[], |last| last),
            (false, false) => &[],
        }
    }
}

/// A payment.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PaymentView {
    /// The transaction's hash.
    payment_id: AsText<TxHash>,
    /// `completed`.
    status: &'static str,
    from: AsText<EntityId>,
    to: AsText<EntityId>,
    /// The asset's id.
    asset: AsText<AssetId>,
    /// Its symbol.
    symbol: String,
    /// What the recipient got.
    amount: AsText<Amount>,
    /// What the hub got.
    fee: AsText<Amount>,
    /// The caller's own channel: the payer's, or the payee's where the caller is that.
    #[serde(skip_serializing_if = "Option::is_none")]
    channel_id: Option<AsText<ChannelId>>,
    /// The channels that it crossed, from the payer's to the payee's, as far as the caller stands in them.
    channels: Vec<AsText<ChannelId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memo: Option<serde_json::Value>,
    /// Its number in the log's order.
    seq: u64,
    /// Unix seconds.
    timestamp: u64,
    /// Unix milliseconds.
    timestamp_ms: u64,
}

impl PaymentView {
    /// A payment, with its asset's symbol, as it looks to one who owns these.
    pub(crate) fn new(payment: &Payment, symbol: String, owns: impl Fn(EntityId) -> bool) -> PaymentView {
        let channels: Vec<_> = payment.channels_of(owns).iter().map(|channel| AsText(*channel)).collect();
        PaymentView {
            payment_id: AsText(payment.hash),
            status: "completed",
            from: AsText(payment.from),
            to: AsText(payment.to),
            asset: AsText(payment.asset),
            symbol,
            amount: AsText(payment.amount),
            fee: AsText(payment.fee),
            channel_id: channels.first().copied(),
            channels,
            memo: memo_text(&payment.memo.0),
            seq: payment.sequence,
            timestamp: payment.at_ms / 1000,
            timestamp_ms: payment.at_ms,
        }
    }
}
