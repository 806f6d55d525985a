//! Invoices: payments that an entity asks for. The preimage is made here, shown to nobody before the payment has arrived, and claimed with
//! by the core.

use crate::access::Access;
use crate::call::Call;
use crate::error::{ApiError, Code};
use crate::method::{Method, get, post};
use crate::text::{AsText, AssetName};
use crate::view::invoice::{InvoicePlace, InvoiceStage, InvoiceView};
use crate::view::page::{PageOf, Pager, Pagination};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xln_crypto::frames::hashlock;
use xln_machine::Server;
use xln_machine::server::invoices::Invoice;
use xln_types::codec::Blob;
use xln_types::{Amount, Command, EntityId, Hash};

/// How long an invoice that doesn't say stays open, seconds.
const OPEN_S: u64 = 3600;

pub(super) fn table() -> Vec<Method> {
    vec![
        Method::new(
            "invoice.create",
            92,
            Access::User,
            post("/invoices"),
            "Asks for a payment to an entity of the caller's. invoice is text that a payer anywhere hands to payment.send; the hub claims the \
             payment with a preimage that it makes and keeps until then.",
            create,
        ),
        Method::new("invoice.get", 93, Access::User, get("/invoices/{invoiceId}"), "An invoice, by its hashlock.", one),
        Method::new(
            "invoice.list",
            94,
            Access::User,
            get("/invoices"),
            "The invoices of the caller's entities, oldest first, of those that ended the newest; by entity or status if asked.",
            list,
        ),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    /// Who is to be paid.
    entity_id: AsText<EntityId>,
    asset: AsText<AssetName>,
    /// How much, exactly.
    amount: AsText<Amount>,
    /// For how long it can be paid, seconds; an hour if neither is given, at most 30 days.
    expires_in: Option<u64>,
    /// Until when it can be paid, unix seconds, instead of `expiresIn`.
    expires_at: Option<u64>,
    /// For whoever pays; at most 256 bytes.
    #[serde(default)]
    memo: String,
}

async fn create(call: Call, params: Create) -> Result<InvoiceView, ApiError> {
    let now_s = call.api.now_s();
    let (expires_at_s, field) = match (params.expires_in, params.expires_at) {
        (Some(_), Some(_)) => {
            let error = ApiError::invalid("expiresAt", "exclusive", "expiresIn and expiresAt exclude each other");
            return Err(error.with("expected", "one of expiresIn and expiresAt"));
        }
        (None, Some(at)) => (at, "expiresAt"),
        (given, None) => (now_s.saturating_add(given.unwrap_or(OPEN_S)), "expiresIn"),
    };
    let payee = params.entity_id.0;
    let acting = call.acting(payee).await.map_err(|error| error.with("field", "entityId"))?;
    let asset = call.asset(&params.asset.0, "asset").await?;
    let preimage = call.api.0.backend.random()?;
    let (account, amount, memo) = (acting.account, params.amount.0, Blob(params.memo.into_bytes()));
    let command = Command::Invoice { payee, account, asset, amount, preimage, expires_at_s, memo };
    call.command(command).await.map_err(|error| match error.reason() {
        "expiry_outside" => error.with("field", field),
        "amount_not_positive" | "out_of_range" => error.with("field", "amount"),
        "too_large" => error.with("field", "memo"),
        "not_hosted" => error.with("field", "entityId").with("expected", "an entity whose key the hub holds"),
        _ => error,
    })?;
    let id = hashlock(&preimage);
    call.api.0.directory.put_payee(id, payee);
    let missing = || ApiError::new(Code::Internal, "receipt", "the invoice isn't there");
    shown(&call, payee, id).await?.ok_or_else(missing)
}

async fn shown(call: &Call, payee: EntityId, hashlock: Hash) -> Result<Option<InvoiceView>, ApiError> {
    let now_s = call.api.now_s();
    let view =
        move |server: &Server| server.invoice(payee, hashlock).map(|invoice| InvoiceView::new(server, invoice, now_s));
    call.read(view).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OneInvoice {
    invoice_id: AsText<Hash>,
}

async fn one(call: Call, params: OneInvoice) -> Result<InvoiceView, ApiError> {
    let unknown = || ApiError::unknown("invoice").with("field", "invoiceId");
    let id = params.invoice_id.0;
    let payee = match call.api.0.directory.payee(id) {
        Some(payee) => Some(payee),
        None => {
            let found = |server: &Server| server.invoices().find(|it| it.hashlock == id).map(|invoice| invoice.payee);
            call.read(found).await?
        }
    };
    let payee = payee.ok_or_else(unknown)?;
    call.visible_entity(payee).await.map_err(|_| unknown())?;
    shown(&call, payee, id).await?.ok_or_else(unknown)
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    Open,
    Paid,
    Expired,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListInvoices {
    /// Only this entity's.
    entity: Option<AsText<EntityId>>,
    /// Only those of this status.
    status: Option<Status>,
    /// From 1.
    page: Option<u64>,
    /// At most 1,000; 100 if absent.
    limit: Option<u64>,
    /// `pagination.next` of the page before, instead of `page`.
    cursor: Option<AsText<InvoicePlace>>,
}

/// A page of invoices.
#[derive(Serialize, JsonSchema)]
struct InvoiceList {
    invoices: Vec<InvoiceView>,
    pagination: Pagination,
}

async fn list(call: Call, params: ListInvoices) -> Result<InvoiceList, ApiError> {
    let of = PageOf::new(params.page, params.limit, params.cursor)?;
    let (caller, now_s) = (call.caller()?, call.api.now_s());
    let entity = params.entity.map(|entity| entity.0);
    let stage = params.status.map(|status| match status {
        Status::Open => InvoiceStage::Open,
        Status::Paid => InvoiceStage::Paid,
        Status::Expired => InvoiceStage::Expired,
    });
    call.read(move |server| {
        let owns = |payee| {
            let signer = server.entity(payee).and_then(|payee| server.signer(payee.record.signer));
            signer.is_some_and(|signer| signer.owner == caller.account)
        };
        let wanted = |invoice: &&Invoice| {
            let seen = caller.role.sees_all() || owns(invoice.payee);
            seen && stage.is_none_or(|stage| stage == InvoiceStage::of(server, invoice, now_s))
        };
        let mut found: Vec<&Invoice> = match entity {
            Some(entity) => server.invoices_of(entity).filter(wanted).collect(),
            None => server.invoices().filter(wanted).collect(),
        };
        found.sort_by_key(|invoice| (invoice.created_s, invoice.hashlock));
        let mut pager = Pager::new(of);
        for invoice in found {
            let place = InvoicePlace(invoice.created_s, invoice.hashlock);
            pager.offer(place, || InvoiceView::new(server, invoice, now_s));
        }
        let (invoices, pagination) = pager.finish();
        InvoiceList { invoices, pagination }
    })
    .await
}
