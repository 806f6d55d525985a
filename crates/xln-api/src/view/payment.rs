//! Payments: as the receipts of their transactions tell them, as the core remembers those over routes, and as events tell of those to
//! entities on other nodes.

use crate::text::AsText;
use crate::view::event::{failed, memo_text};
use schemars::JsonSchema;
use serde::Serialize;
use xln_machine::server::routes::{self, PaymentStatus};
use xln_types::codec::Blob;
use xln_types::{Amount, AssetId, ChannelId, EntityId, Event, Failure, Hash, Receipt, TxHash};

/// How far a payment is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Confirmed here; the other node hasn't signed it, or the recipient hasn't claimed it.
    Pending,
    /// Over, and the recipient has it.
    Completed,
    /// Given back.
    Failed(Failure),
}

/// What locks a payment over a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lock {
    pub(crate) hashlock: Hash,
    pub(crate) deadline_s: u64,
    /// What it was claimed with, once it was.
    pub(crate) preimage: Option<Hash>,
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Payment {
    pub(crate) hash: TxHash,
    /// Of its transaction, in the log's order; 0 where that isn't at hand.
    pub(crate) sequence: u64,
    pub(crate) at_ms: u64,
    pub(crate) from: EntityId,
    pub(crate) to: EntityId,
    pub(crate) asset: AssetId,
    pub(crate) amount: Amount,
    pub(crate) fee: Amount,
    /// The payer's channel first, the payee's last; one where they share it, and where the rest lies on other nodes.
    pub(crate) channels: Vec<ChannelId>,
    pub(crate) memo: Blob,
    pub(crate) stage: Stage,
    pub(crate) lock: Option<Lock>,
}

impl Payment {
    /// The payment that its transaction's receipt tells of: its first leg has the payer, its last the payee; what differs is the fee.
    /// The receipt of another node's frame tells of many, each with a transaction of its own: of none here.
    pub(crate) fn of(receipt: &Receipt) -> Option<Payment> {
        if receipt.logs.iter().any(|log| matches!(log, Event::FrameAgreed { .. })) {
            return None;
        }
        let mut found: Option<Payment> = None;
        for log in &receipt.logs {
            let Event::Paid { amount, payee, channel, .. } = log else { continue };
            if found.is_none() {
                found = Payment::paid(receipt.hash, log);
            }
            let Some(payment) = found.as_mut() else { continue };
            (payment.sequence, payment.at_ms) = (receipt.sequence, receipt.executed_at_ms);
            let whole = payment.amount.plus(payment.fee).unwrap_or(payment.amount);
            payment.fee = whole.minus_or_zero(*amount);
            payment.amount = *amount;
            payment.to = *payee;
            payment.channels.push(*channel);
        }
        found
    }

    /// A leg as a payment of its own, before its channel and its place are known.
    fn paid(hash: TxHash, log: &Event) -> Option<Payment> {
        let Event::Paid { payer, payee, asset, amount, memo, .. } = log else { return None };
        Some(Payment {
            hash,
            sequence: 0,
            at_ms: 0,
            from: *payer,
            to: *payee,
            asset: *asset,
            amount: *amount,
            fee: Amount::ZERO,
            channels: Vec::new(),
            memo: memo.clone(),
            stage: Stage::Completed,
            lock: None,
        })
    }

    /// The payments to entities on other nodes that a receipt completes: what was paid, and at once that the payment has ended.
    pub(crate) fn acknowledged(receipt: &Receipt) -> impl Iterator<Item = Payment> {
        receipt.logs.windows(2).filter_map(|pair| {
            let [
                paid @ Event::Paid { channel, payer: by, .. },
                Event::PaymentEnded { payment, payer, failure, preimage },
            ] = pair
            else {
                return None;
            };
            let direct = by == payer && failure.is_empty() && *preimage == Hash::ZERO;
            let found = Payment::paid(*payment, paid).filter(|_| direct)?;
            Some(Payment { channels: vec![*channel], at_ms: receipt.executed_at_ms, ..found })
        })
    }

    /// A payment over a route, as the core remembers it.
    pub(crate) fn over_route(payment: &routes::Payment) -> Payment {
        let failure = payment.failure.first().cloned();
        let stage = match failure {
            Some(failure) => Stage::Failed(failure),
            None if payment.status == PaymentStatus::Pending as u8 => Stage::Pending,
            None => Stage::Completed,
        };
        let preimage = (payment.preimage != Hash::ZERO).then_some(payment.preimage);
        Payment {
            hash: payment.id,
            sequence: 0,
            at_ms: payment.created_s.saturating_mul(1000),
            from: payment.payer,
            to: payment.payee,
            asset: payment.asset,
            amount: payment.amount,
            fee: payment.fee,
            channels: vec![payment.channel],
            memo: payment.memo.clone(),
            stage,
            lock: Some(Lock { hashlock: payment.hashlock, deadline_s: payment.deadline_s, preimage }),
        }
    }

    /// The payment with its place in the log, told by its transaction's receipt.
    pub(crate) fn placed(self, receipt: Option<&Receipt>) -> Payment {
        match receipt {
            Some(receipt) => Payment { sequence: receipt.sequence, at_ms: receipt.executed_at_ms, ..self },
            None => self,
        }
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
    /// `completed`; `pending` while another node hasn't signed it or its recipient hasn't claimed it; `failed` once given back.
    status: &'static str,
    from: AsText<EntityId>,
    to: AsText<EntityId>,
    /// The asset's id.
    asset: AsText<AssetId>,
    /// Its symbol.
    symbol: String,
    /// What the recipient gets.
    amount: AsText<Amount>,
    /// What the hops get.
    fee: AsText<Amount>,
    /// The caller's own channel: the payer's, or the payee's where the caller is that.
    #[serde(skip_serializing_if = "Option::is_none")]
    channel_id: Option<AsText<ChannelId>>,
    /// The channels that it crossed, from the payer's to the payee's, as far as the caller stands in them.
    channels: Vec<AsText<ChannelId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memo: Option<serde_json::Value>,
    /// Of a payment over a route: SHA-256 of the preimage that claims it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hashlock: Option<AsText<Hash>>,
    /// Of a payment over a route: when it has ended at the latest, unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<u64>,
    /// What it was claimed with: the payer's proof that it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    preimage: Option<AsText<Hash>>,
    /// Why it failed, `{reason, hop}`: hop counts from the payer, 0 is the payer's own node.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<serde_json::Value>,
    /// Its number in the log's order, as far as that is at hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    /// Unix seconds.
    timestamp: u64,
    /// Unix milliseconds.
    timestamp_ms: u64,
}

impl PaymentView {
    /// A payment, with its asset's symbol, as it looks to one who owns these.
    pub(crate) fn new(payment: &Payment, symbol: String, owns: impl Fn(EntityId) -> bool) -> PaymentView {
        let pays = owns(payment.from);
        let channels: Vec<_> = payment.channels_of(owns).iter().map(|channel| AsText(*channel)).collect();
        let lock = payment.lock.as_ref();
        let (status, failure) = match &payment.stage {
            Stage::Pending => ("pending", None),
            Stage::Completed => ("completed", None),
            Stage::Failed(failure) => ("failed", Some(failed(failure))),
        };
        PaymentView {
            payment_id: AsText(payment.hash),
            status,
            from: AsText(payment.from),
            to: AsText(payment.to),
            asset: AsText(payment.asset),
            symbol,
            amount: AsText(payment.amount),
            fee: AsText(payment.fee),
            channel_id: channels.first().copied(),
            channels,
            memo: memo_text(&payment.memo.0),
            hashlock: lock.map(|lock| AsText(lock.hashlock)),
            deadline: lock.map(|lock| lock.deadline_s),
            preimage: lock.and_then(|lock| lock.preimage).filter(|_| pays).map(AsText),
            failure,
            seq: Some(payment.sequence).filter(|sequence| *sequence != 0),
            timestamp: payment.at_ms / 1000,
            timestamp_ms: payment.at_ms,
        }
    }
}
