//! Invoices, as their payee sees them.

use crate::invoice::InvoiceText;
use crate::text::{AsText, Text};
use crate::view::asset;
use crate::view::event::memo_text;
use schemars::JsonSchema;
use serde::Serialize;
use xln_machine::Server;
use xln_machine::server::invoices::Invoice;
use xln_types::amount::parse_u64;
use xln_types::{Amount, AssetId, EntityId, Hash, TxHash};

/// How far an invoice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InvoiceStage {
    Open,
    Paid,
    Expired,
}

impl InvoiceStage {
    /// What it is at a time.
    pub(crate) fn of(server: &Server, invoice: &Invoice, now_s: u64) -> InvoiceStage {
        let is_claimed = invoice.payment != TxHash::ZERO;
        match server.invoice_is_open(invoice.payee, invoice.hashlock) {
            // A claim on its way counts once it is final.
            true if is_claimed || now_s <= invoice.expires_at_s => InvoiceStage::Open,
            false if is_claimed => InvoiceStage::Paid,
            _ => InvoiceStage::Expired,
        }
    }

    fn name(self) -> &'static str {
        match self {
            InvoiceStage::Open => "open",
            InvoiceStage::Paid => "paid",
            InvoiceStage::Expired => "expired",
        }
    }
}

/// Where an invoice stands in the list of all: when it was made, and its hashlock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct InvoicePlace(pub(crate) u64, pub(crate) Hash);

impl Text for InvoicePlace {
    const EXPECTED: &'static str = "a cursor: pagination.next of the page before";
    const PATTERN: &'static str = "^(0|[1-9][0-9]*):0x[0-9a-fA-F]{64}$";
    fn read(text: &str) -> Option<Self> {
        let (created, hashlock) = text.split_once(':')?;
        Some(InvoicePlace(parse_u64(created).ok()?, hashlock.parse().ok()?))
    }
    fn write(&self) -> String {
        format!("{}:{}", self.0, self.1)
    }
}

/// An invoice.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InvoiceView {
    /// The hashlock.
    invoice_id: AsText<Hash>,
    /// SHA-256 of what it is claimed with.
    hashlock: AsText<Hash>,
    /// Who is to be paid.
    payee: AsText<EntityId>,
    /// This hub: the payee's node.
    node: AsText<EntityId>,
    /// The asset's id.
    asset: AsText<AssetId>,
    /// Its symbol.
    symbol: String,
    /// How much, exactly.
    amount: AsText<Amount>,
    /// Until when it can be paid, unix seconds.
    expires_at: u64,
    /// Unix seconds.
    created: u64,
    /// `open`, `paid` or `expired`.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    memo: Option<serde_json::Value>,
    /// The payer's transaction, once paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<AsText<TxHash>>,
    /// What it was claimed with, once paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    preimage: Option<AsText<Hash>>,
    /// All that a payer elsewhere needs, for `payment.send`.
    invoice: AsText<InvoiceText>,
}

impl InvoiceView {
    /// An invoice at a time.
    pub(crate) fn new(server: &Server, invoice: &Invoice, now_s: u64) -> InvoiceView {
        let (node, stage) = (server.hub_id(), InvoiceStage::of(server, invoice, now_s));
        let is_paid = stage == InvoiceStage::Paid;
        InvoiceView {
            invoice_id: AsText(invoice.hashlock),
            hashlock: AsText(invoice.hashlock),
            payee: AsText(invoice.payee),
            node: AsText(node),
            asset: AsText(invoice.asset),
            symbol: asset::name(server, invoice.asset),
            amount: AsText(invoice.amount),
            expires_at: invoice.expires_at_s,
            created: invoice.created_s,
            status: stage.name(),
            memo: memo_text(&invoice.memo.0),
            payment_id: is_paid.then_some(AsText(invoice.payment)),
            preimage: is_paid.then_some(AsText(invoice.preimage)),
            invoice: AsText(InvoiceText::new(node, invoice)),
        }
    }
}
