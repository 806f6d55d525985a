//! Payments: over the channel with the payee, or over the hub where there is none (CH-14).

use crate::access::Access;
use crate::call::Call;
use crate::error::{ApiError, Code};
use crate::method::{Method, get, post};
use crate::text::{AsText, AssetName};
use crate::view::page::{PageOf, Pager, Pagination};
use crate::view::payment::{Payment, PaymentView};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use xln_types::codec::Blob;
use xln_types::tx::DirectPayment;
use xln_types::{Amount, Body, ChannelId, EntityId, Receipt, TxHash};

pub(super) fn table() -> Vec<Method> {
    vec![
        Method::new(
            "payment.send",
            88,
            Access::User,
            post("/payments/send"),
            "Pays an entity: over the channel with it, or over the hub, both legs or neither. fee is the hub's, 0 without \
             a hop; one too low is refused with what is asked for.",
            send,
        ),
        Method::new("payment.get", 89, Access::User, get("/payments/{paymentId}"), "A payment.", one),
        Method::new(
            "payment.list",
            90,
            Access::User,
            get("/payments"),
            "The caller's newest payments, oldest first, of the last 16,384 of this hub; by entity, channel or asset if \
             asked.",
            list,
        ),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Send {
    /// The payer, the caller's.
    from: AsText<EntityId>,
    /// The payee.
    to: AsText<EntityId>,
    asset: AsText<AssetName>,
    /// What the payee gets.
    amount: AsText<Amount>,
    /// For the hub, where it stands between.
    fee: Option<AsText<Amount>>,
    /// At most 256 bytes.
    #[serde(default)]
    memo: String,
    /// A given route; routes come later.
    #[serde(default)]
    route: Vec<AsText<EntityId>>,
}

async fn send(call: Call, params: Send) -> Result<PaymentView, ApiError> {
    let acting = call.acting(params.from.0).await.map_err(|error| error.with("field", "from"))?;
    let asset = call.asset(&params.asset.0, "asset").await?;
    if xln_types::tx::ROUTE_HOPS_MAX < params.route.len() {
        let limit = xln_types::tx::ROUTE_HOPS_MAX as u64;
        return Err(ApiError::from(&xln_types::Rejection::TooLarge { limit }).with("field", "route"));
    }
    let route = Vec::new();
    let body = DirectPayment { asset, amount: params.amount.0, memo: Blob(params.memo.into_bytes()), route };
    let fee = params.fee.map_or(Amount::ZERO, |fee| fee.0);
    let receipt = call.hosted(acting, params.to.0.address(), Body::from(body), fee).await?;
    completed(&call, &receipt).await
}

/// The answer to a payment that was made.
pub(super) async fn completed(call: &Call, receipt: &Receipt) -> Result<PaymentView, ApiError> {
    let missing = || ApiError::new(Code::Internal, "receipt", "the receipt names no payment");
    let payment = Payment::of(receipt).ok_or_else(missing)?;
    let (sight, symbol) = (call.sight(receipt).await?, call.symbol(payment.asset).await?);
    Ok(PaymentView::new(&payment, symbol, |entity| sight.sees_entity(entity)))
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OnePayment {
    payment_id: AsText<TxHash>,
}

async fn one(call: Call, params: OnePayment) -> Result<PaymentView, ApiError> {
    let unknown = || ApiError::unknown("payment").with("field", "paymentId");
    let stored = call.api.0.backend.receipt(params.payment_id.0).ok_or_else(unknown)?;
    if Payment::of(&stored.receipt).is_none() || !call.sight(&stored.receipt).await?.sees_any() {
        return Err(unknown());
    }
    completed(&call, &stored.receipt).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListPayments {
    /// Only those from or to this entity.
    entity: Option<AsText<EntityId>>,
    /// Only those over this channel.
    channel: Option<AsText<ChannelId>>,
    /// Only those in this asset.
    asset: Option<AsText<AssetName>>,
    /// From 1.
    page: Option<u64>,
    /// At most 1,000; 100 if absent.
    limit: Option<u64>,
    /// `pagination.next` of the page before, instead of `page`.
    cursor: Option<AsText<u64>>,
}

/// A page of payments.
#[derive(Serialize, JsonSchema)]
struct PaymentList {
    payments: Vec<PaymentView>,
    pagination: Pagination,
}

async fn list(call: Call, params: ListPayments) -> Result<PaymentList, ApiError> {
    let of = PageOf::new(params.page, params.limit, params.cursor)?;
    let caller = call.caller()?;
    let asset = match &params.asset {
        Some(name) => Some(call.asset(&name.0, "asset").await?),
        None => None,
    };
    let mut pager = Pager::new(of);
    let mut owned: HashMap<EntityId, bool> = HashMap::new();
    for payment in call.api.0.payments.all() {
        let wanted = params.entity.is_none_or(|entity| [payment.from, payment.to].contains(&entity.0))
            && asset.is_none_or(|asset| asset == payment.asset);
        if !wanted {
            continue;
        }
        for entity in [payment.from, payment.to] {
            if let Entry::Vacant(place) = owned.entry(entity) {
                // A deleted entity's payments are found by id alone.
                let own = call.entity(entity).await.is_ok_and(|fact| fact.owner == caller.account);
                place.insert(own || caller.role.sees_all());
            }
        }
        let seen = payment.channels_of(|entity| owned.get(&entity).is_some_and(|own| *own));
        let over = params.channel.is_none_or(|channel| seen.contains(&channel.0));
        if over && !seen.is_empty() {
            pager.offer(payment.sequence, || Arc::clone(&payment));
        }
    }
    let (found, pagination) = pager.finish();
    let mut payments = Vec::with_capacity(found.len());
    for payment in found {
        let symbol = call.symbol(payment.asset).await?;
        payments.push(PaymentView::new(&payment, symbol, |entity| owned.get(&entity).is_some_and(|own| *own)));
    }
    Ok(PaymentList { payments, pagination })
}
