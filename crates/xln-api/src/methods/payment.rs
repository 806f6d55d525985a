//! Payments: over the channel with the payee, over the hub where there is none (CH-14), or over a given route, locked by hash (HT-1).

use super::route::{HopParam, Way, plan};
use crate::access::Access;
use crate::call::{Acting, Call};
use crate::error::{ApiError, Code};
use crate::invoice::InvoiceText;
use crate::method::{Method, get, post};
use crate::text::{AsText, AssetName};
use crate::view::page::{PageOf, Pager, Pagination};
use crate::view::payment::{Payment, PaymentView, Stage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use xln_machine::Server;
use xln_types::codec::Blob;
use xln_types::path::StorageType;
use xln_types::tx::{DirectPayment, Route};
use xln_types::{Amount, AssetId, Body, ChannelId, EntityId, FrameTx, Hash, Receipt, TxHash};

pub(super) fn table() -> Vec<Method> {
    vec![
        Method::new(
            "payment.send",
            88,
            Access::User,
            post("/payments/send"),
            "Pays an entity: over the channel with it, or over the hub, both legs or neither; or over a route, locked by hash. fee is the \
             hub's, 0 without a hop; one too low is refused with what is asked for. An invoice says to, asset, amount and hashlock, and \
             must agree with what is given beside it. A route goes from the first hop after the payer to the recipient; without one a \
             locked payment takes the channel with the recipient, else this hub and the recipient's node. What leaves for another node is \
             pending: payment.get and the topic payment:ID tell how it ends.",
            send,
        ),
        Method::new("payment.get", 89, Access::User, get("/payments/{paymentId}"), "A payment.", one),
        Method::new(
            "payment.list",
            90,
            Access::User,
            get("/payments"),
            "The caller's newest payments, oldest first, of the last 16,384 of this hub, and as many to entities on other nodes; by \
             entity, channel or asset if asked.",
            list,
        ),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Send {
    /// The payer, the caller's.
    from: AsText<EntityId>,
    /// The payee; needed without an invoice.
    to: Option<AsText<EntityId>>,
    /// Needed without an invoice.
    asset: Option<AsText<AssetName>>,
    /// What the payee gets; needed without an invoice.
    amount: Option<AsText<Amount>>,
    /// For the hub, where it stands between; over a route the sum of what its hops get.
    fee: Option<AsText<Amount>>,
    /// More than this is refused, with what it would be.
    max_fee: Option<AsText<Amount>>,
    /// At most 256 bytes.
    #[serde(default)]
    memo: String,
    /// From the first hop after the payer to the recipient.
    #[serde(default)]
    route: Vec<HopParam>,
    /// What the payee's hub wrote.
    invoice: Option<AsText<InvoiceText>>,
    /// SHA-256 of what the recipient claims with.
    hashlock: Option<AsText<Hash>>,
    /// When it must have ended, unix seconds; as the hops need it if absent.
    deadline: Option<u64>,
}

/// Who gets how much, and by which lock.
struct Goal {
    to: EntityId,
    asset: AssetId,
    amount: Amount,
    hashlock: Option<Hash>,
    node: Option<EntityId>,
}

fn missing(field: &str) -> ApiError {
    let message = format!("missing field `{field}`: give it, or an invoice");
    ApiError::new(Code::InvalidRequest, "missing_field", message).with("field", field)
}

/// What stands beside an invoice says the same.
fn agree<T: PartialEq + ToString>(field: &str, given: Option<T>, invoice: &T) -> Result<(), ApiError> {
    if given.is_none_or(|given| given == *invoice) {
        return Ok(());
    }
    let error = ApiError::invalid(field, "not_the_invoices", "the invoice says otherwise");
    Err(error.with("expected", invoice.to_string()))
}

async fn goal(call: &Call, params: &Send) -> Result<Goal, ApiError> {
    let asset = match &params.asset {
        Some(name) => Some(call.asset(&name.0, "asset").await?),
        None => None,
    };
    let (to, amount) = (params.to.map(|to| to.0), params.amount.map(|amount| amount.0));
    let hashlock = params.hashlock.map(|hashlock| hashlock.0);
    let Some(AsText(invoice)) = &params.invoice else {
        let (to, asset) = (to.ok_or_else(|| missing("to"))?, asset.ok_or_else(|| missing("asset"))?);
        return Ok(Goal { to, asset, amount: amount.ok_or_else(|| missing("amount"))?, hashlock, node: None });
    };
    agree("to", to, &invoice.payee)?;
    agree("asset", asset, &invoice.asset)?;
    agree("amount", amount, &invoice.amount)?;
    agree("hashlock", hashlock, &invoice.hashlock)?;
    if invoice.expires_at_s < call.api.now_s() {
        let error = ApiError::new(Code::Conflict, "invoice_expired", "the invoice can't be paid any more");
        return Err(error.with("field", "invoice").with("expiresAt", invoice.expires_at_s));
    }
    let asset = call.asset(&AssetName::Id(invoice.asset), "invoice").await?;
    let (hashlock, node) = (Some(invoice.hashlock), Some(invoice.node));
    Ok(Goal { to: invoice.payee, asset, amount: invoice.amount, hashlock, node })
}

fn check_fee(fee: Amount, max: Option<AsText<Amount>>) -> Result<(), ApiError> {
    if max.is_none_or(|max| fee <= max.0) {
        return Ok(());
    }
    let error = ApiError::invalid("maxFee", "fee_above_max", "the fee would be more than that");
    Err(error.with("expected", fee.to_string()))
}

async fn send(call: Call, params: Send) -> Result<PaymentView, ApiError> {
    let acting = call.acting(params.from.0).await.map_err(|error| error.with("field", "from"))?;
    let goal = goal(&call, &params).await?;
    let Some(hashlock) = goal.hashlock else {
        if !params.route.is_empty() {
            let message = "a payment over a route is locked by hash: give the recipient's invoice or hashlock";
            return Err(ApiError::new(Code::InvalidRequest, "missing_field", message).with("field", "hashlock"));
        }
        if params.deadline.is_some() {
            let error = ApiError::invalid("deadline", "not_locked", "only a payment locked by hash has a deadline");
            return Err(error.with("expected", "an invoice or a hashlock beside it"));
        }
        let fee = params.fee.map_or(Amount::ZERO, |fee| fee.0);
        check_fee(fee, params.max_fee)?;
        let (asset, amount, memo) = (goal.asset, goal.amount, Blob(params.memo.into_bytes()));
        let body = DirectPayment { asset, amount, memo, route: Vec::new() };
        return direct(&call, acting, (params.from.0, goal.to), body, fee).await;
    };
    over_route(&call, acting, &params, &goal, hashlock).await
}

/// Over the channel with the payee, or over the hub.
pub(super) async fn direct(
    call: &Call,
    acting: Acting,
    (from, to): (EntityId, EntityId),
    body: DirectPayment,
    fee: Amount,
) -> Result<PaymentView, ApiError> {
    let receipt =
        call.hosted(acting, to.address(), Body::from(body.clone()), fee).await.map_err(|error| {
            match error.reason() {
                "no_route" => error.with(
                    "expected",
                    "a channel with the payee, or both with this hub; else a locked payment: its invoice",
                ),
                "unknown_entity" => {
                    error.with("field", "to").with("expected", "an entity known here; else its invoice")
                }
                _ => error,
            }
        })?;
    if let Some(payment) = Payment::of(&receipt) {
        return seen(call, &payment, &receipt).await;
    }
    // The payee acts on another node: it is drafted, and over once that node has signed it.
    let channel = call.read(move |server| server.channel_between(from, to).map(|channel| channel.head.id)).await?;
    let unnamed = || ApiError::new(Code::Internal, "receipt", "the receipt names no payment");
    let drafted = Payment {
        hash: receipt.hash,
        sequence: receipt.sequence,
        at_ms: receipt.executed_at_ms,
        from,
        to,
        asset: body.asset,
        amount: body.amount,
        fee: Amount::ZERO,
        channels: vec![channel.ok_or_else(unnamed)?],
        memo: body.memo,
        stage: Stage::Pending,
        lock: None,
    };
    seen(call, &call.api.0.payments.begun(drafted), &receipt).await
}

async fn over_route(
    call: &Call,
    acting: Acting,
    params: &Send,
    goal: &Goal,
    hashlock: Hash,
) -> Result<PaymentView, ApiError> {
    let Goal { to, asset, amount, node, .. } = *goal;
    let way = Way { from: params.from.0, to, asset, amount, node };
    let (hops, fee) = plan(call, way, &params.route).await?;
    if params.fee.is_some_and(|given| given.0 != fee) {
        let error = ApiError::invalid("fee", "not_the_routes", "the hops get another fee together");
        return Err(error.with("expected", fee.to_string()));
    }
    check_fee(fee, params.max_fee)?;
    let route = vec![Route { hashlock, deadline_s: params.deadline.unwrap_or(0), hops }];
    let body = DirectPayment { asset, amount, memo: Blob(params.memo.clone().into_bytes()), route };
    let receipt =
        call.hosted(acting, to.address(), Body::from(body), fee).await.map_err(|error| match error.reason() {
            "expiry_outside" => error.with("field", "deadline"),
            "no_route" => {
                error.with("field", "route").with("expected", "a first hop with which the payer has a channel")
            }
            _ => error,
        })?;
    let id = receipt.hash;
    let found = call.read(move |server| server.payment(id).map(Payment::over_route)).await?;
    let unnamed = || ApiError::new(Code::Internal, "receipt", "the receipt names no payment");
    seen(call, &found.ok_or_else(unnamed)?.placed(Some(&receipt)), &receipt).await
}

/// A payment as it looks to the caller, told by its transaction's receipt.
async fn seen(call: &Call, payment: &Payment, receipt: &Receipt) -> Result<PaymentView, ApiError> {
    let (sight, symbol) = (call.sight(receipt).await?, call.symbol(payment.asset).await?);
    Ok(PaymentView::new(payment, symbol, |entity| sight.sees_entity(entity)))
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OnePayment {
    payment_id: AsText<TxHash>,
}

async fn one(call: Call, params: OnePayment) -> Result<PaymentView, ApiError> {
    let unknown = || ApiError::unknown("payment").with("field", "paymentId");
    let id = params.payment_id.0;
    let stored = call.api.0.backend.receipt(id).map(|stored| stored.receipt);
    if let Some(receipt) = &stored
        && let Some(payment) = Payment::of(receipt)
    {
        return if call.sight(receipt).await?.sees_any() {
            seen(&call, &payment, receipt).await
        } else {
            Err(unknown())
        };
    }
    let payment = elsewhere(&call, id, stored.as_ref()).await?.ok_or_else(unknown)?.placed(stored.as_ref());
    // What goes on beyond this node is its payer's business alone.
    call.visible_entity(payment.from).await.map_err(|_| unknown())?;
    let (caller, symbol) = (call.caller()?, call.symbol(payment.asset).await?);
    Ok(PaymentView::new(&payment, symbol, |entity| caller.role.sees_all() || entity == payment.from))
}

/// A payment that leaves this node: over a route, or to an entity on another node: over or still under way.
async fn elsewhere(call: &Call, id: TxHash, receipt: Option<&Receipt>) -> Result<Option<Payment>, ApiError> {
    if let Some(payment) = call.read(move |server| server.payment(id).map(Payment::over_route)).await? {
        return Ok(Some(payment));
    }
    if let Some(payment) = call.api.0.payments.remote(id) {
        return Ok(Some((*payment).clone()));
    }
    // Drafted before this process began: it waits in the channel that its receipt names.
    let channel = receipt.and_then(|receipt| {
        receipt.changes.iter().find_map(|change| {
            let (_, _, storage, first, _) = change.path.parts();
            (storage == StorageType::Replicas as u8).then_some(ChannelId(first.0))
        })
    });
    let Some(channel) = channel else { return Ok(None) };
    Ok(call.read(move |server| drafted(server, channel, id)).await?.map(|payment| payment.placed(receipt)))
}

/// A payment that the other side of its channel hasn't signed yet.
fn drafted(server: &Server, id: ChannelId, hash: TxHash) -> Option<Payment> {
    let channel = server.channel(id)?;
    let replica = channel.replica.as_deref()?;
    let stacked = replica.stack.iter().flat_map(|proposal| proposal.frame.txs.iter());
    let waiting = stacked.chain(replica.draft.iter().map(|draft| &draft.tx));
    waiting.into_iter().find_map(|tx| match tx {
        FrameTx::Pay { asset, amount, payment, memo } if *payment == hash => Some(Payment {
            hash,
            sequence: 0,
            at_ms: 0,
            from: channel.head.entity(replica.me),
            to: channel.head.entity(replica.me.other()),
            asset: *asset,
            amount: *amount,
            fee: Amount::ZERO,
            channels: vec![id],
            memo: memo.clone(),
            stage: Stage::Pending,
            lock: None,
        }),
        _ => None,
    })
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

/// The payments at hand of which the transaction is at hand too, oldest first; of those over routes only the caller's.
async fn at_hand(call: &Call) -> Result<Vec<Arc<Payment>>, ApiError> {
    let caller = call.caller()?;
    let routed = call.read(move |server| {
        let owner = |payer| server.entity(payer).and_then(|payer| server.signer(payer.record.signer));
        let own = |payer| owner(payer).is_some_and(|signer| signer.owner == caller.account);
        let visible = server.payments().filter(|payment| caller.role.sees_all() || own(payment.payer));
        visible.map(Payment::over_route).collect::<Vec<_>>()
    });
    let mut all = call.api.0.payments.all();
    all.extend(routed.await?.into_iter().map(Arc::new));
    for payment in &mut all {
        if payment.sequence == 0
            && let Some(stored) = call.api.0.backend.receipt(payment.hash)
        {
            *payment = Arc::new((**payment).clone().placed(Some(&stored.receipt)));
        }
    }
    all.retain(|payment| payment.sequence != 0);
    all.sort_by_key(|payment| payment.sequence);
    Ok(all)
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
    for payment in at_hand(&call).await? {
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
