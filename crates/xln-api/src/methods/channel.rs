//! Channels: opened, accepted, granted credit, paid over (CH-1 to CH-4, CH-11). With another node a step is drafted, and done once that has
//! signed it (CH-6).

use super::VALIDITY_S;
use super::payment::direct;
use crate::access::Access;
use crate::call::Call;
use crate::error::{ApiError, Code};
use crate::method::{Method, post};
use crate::strict::Object;
use crate::text::{AsText, AssetName};
use crate::view::payment::PaymentView;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use xln_machine::channel::ChannelStatus;
use xln_types::codec::Blob;
use xln_types::tx::{AcceptChannel, AssetAmount, DISPUTE_WINDOW_S_DEFAULT, DirectPayment, OpenChannel, SetCredit};
use xln_types::{Amount, Body, ChannelId, EntityId, Event, Receipt, Rejection, Side, TxHash};

pub(super) fn table() -> Vec<Method> {
    vec![
        Method::new(
            "channel.open",
            64,
            Access::User,
            post("/channels"),
            "Proposes a channel from entityA, the caller's, to entityB. A funds; what A grants counts at once, what A asks \
             B to grant needs B's channel.accept. Where B acts on another node, which must be known here (peer.connect), the \
             proposal is a frame that B's node signs.",
            open,
        ),
        Method::new(
            "channel.accept",
            65,
            Access::User,
            post("/channels/{channelId}/accept"),
            "The other side's consent, with what it grants; with another node what is granted counts once that has signed it.",
            accept,
        ),
        Method::new(
            "channel.credit",
            68,
            Access::User,
            post("/channels/{channelId}/credit"),
            "Sets what the caller's side grants the other in one asset. Binds the very next payment; erases no debt. With \
             another node: pending until that has signed it.",
            credit,
        ),
        Method::new(
            "channel.pay",
            69,
            Access::User,
            post("/channels/{channelId}/pay"),
            "Pays over one channel. direction is the side that receives; the payer must be the caller's. With another node: \
             confirmed here and pending until that has signed it.",
            pay,
        ),
    ]
}

type Amounts = BTreeMap<AsText<AssetName>, AsText<Amount>>;

/// A grant by asset; a bare amount counts only where exactly one asset is named.
#[derive(Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected an amount in base units, or amounts by asset: plain decimal strings up to 2^120"
)]
enum Grant {
    /// Of the one asset that is named.
    Bare(AsText<Amount>),
    /// By asset.
    ByAsset(Amounts),
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreditLimits {
    /// What A grants to B.
    from_a: Option<Grant>,
    /// What A asks B to grant.
    from_b: Option<Grant>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Open {
    /// The caller's.
    entity_a: AsText<EntityId>,
    entity_b: AsText<EntityId>,
    /// What A locks, by asset.
    #[serde(default)]
    collateral: Amounts,
    credit_limits: Option<Object<CreditLimits>>,
    /// Seconds to counter in a dispute; a day if absent.
    dispute_window: Option<u64>,
}

/// A channel's status after a step.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ChannelStep {
    channel_id: AsText<ChannelId>,
    /// `pending` or `open`.
    status: &'static str,
    /// True where what was granted waits for the other node's signature.
    #[serde(skip_serializing_if = "is_false")]
    drafted: bool,
    /// The transaction.
    hash: AsText<TxHash>,
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(value: &bool) -> bool {
    !value
}

impl ChannelStep {
    fn of(receipt: &Receipt) -> Result<ChannelStep, ApiError> {
        let last = receipt.logs.iter().rev().find_map(|log| match log {
            Event::ChannelStatus { channel, status, .. } => Some((*channel, *status)),
            _ => None,
        });
        let missing = || ApiError::new(Code::Internal, "receipt", "the receipt names no channel");
        let (channel, status) = last.ok_or_else(missing)?;
        let status = ChannelStatus::from_number(status).ok_or_else(missing)?;
        Ok(ChannelStep {
            channel_id: AsText(channel),
            status: status.name(),
            drafted: false,
            hash: AsText(receipt.hash),
        })
    }
}

/// The one asset that a bare grant means.
fn only_asset(open: &Open) -> Result<AsText<AssetName>, ApiError> {
    let mut named: Vec<&AsText<AssetName>> = open.collateral.keys().collect();
    if let Some(Object(CreditLimits { from_a, from_b })) = &open.credit_limits {
        for grant in [from_a, from_b].into_iter().flatten() {
            if let Grant::ByAsset(amounts) = grant {
                named.extend(amounts.keys());
            }
        }
    }
    named.sort();
    named.dedup();
    match named.as_slice() {
        [one] => Ok((*one).clone()),
        _ => {
            let error = ApiError::invalid("creditLimits", "asset_missing", "which asset? name it: {asset: amount}");
            Err(error.with("expected", "{asset: amount}, or a bare amount where exactly one asset is named"))
        }
    }
}

async fn amounts(call: &Call, given: &Amounts, field: &str) -> Result<Vec<AssetAmount>, ApiError> {
    let mut list = Vec::with_capacity(given.len());
    for (name, amount) in given {
        list.push(AssetAmount { asset: call.asset(&name.0, field).await?, amount: amount.0 });
    }
    Ok(list)
}

async fn grants(call: &Call, open: &Open, grant: Option<&Grant>, field: &str) -> Result<Vec<AssetAmount>, ApiError> {
    match grant {
        None => Ok(Vec::new()),
        Some(Grant::ByAsset(given)) => amounts(call, given, field).await,
        Some(Grant::Bare(amount)) => {
            let given = BTreeMap::from([(only_asset(open)?, *amount)]);
            amounts(call, &given, field).await
        }
    }
}

async fn open(call: Call, params: Open) -> Result<ChannelStep, ApiError> {
    let acting = call.acting(params.entity_a.0).await.map_err(|error| error.with("field", "entityA"))?;
    let limits = params.credit_limits.as_ref().map(|limits| &limits.0);
    let from_a = limits.and_then(|limits| limits.from_a.as_ref());
    let from_b = limits.and_then(|limits| limits.from_b.as_ref());
    let peer = params.entity_b.0;
    let body = OpenChannel {
        peer,
        collateral: amounts(&call, &params.collateral, "collateral").await?,
        grants: grants(&call, &params, from_a, "creditLimits.fromA").await?,
        requested: grants(&call, &params, from_b, "creditLimits.fromB").await?,
        dispute_window_s: params.dispute_window.unwrap_or(DISPUTE_WINDOW_S_DEFAULT),
        valid_until_s: call.api.now_s().saturating_add(VALIDITY_S),
        chain_signatures: Vec::new(),
    };
    ChannelStep::of(&call.hosted(acting, peer.address(), Body::from(body), Amount::ZERO).await.map_err(unknown_peer)?)
}

/// Entities of other nodes are known once their node is, or once they have asked for a channel here themselves.
fn unknown_peer(error: ApiError) -> ApiError {
    if error.reason() != "unknown_entity" {
        return error;
    }
    let message = "no such entity here, nor on a node that is known here: connect to its node first (peer.connect)";
    let error = ApiError { message: message.to_owned(), ..error }.with("field", "entityB");
    error.with("expected", "an entity of this hub, the hub of a connected node, or one that has a channel here")
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Accept {
    channel_id: AsText<ChannelId>,
    /// What the accepting side grants, by asset.
    #[serde(default)]
    grants: Amounts,
}

async fn accept(call: Call, params: Accept) -> Result<ChannelStep, ApiError> {
    let id = params.channel_id.0;
    let field = |error: ApiError| error.with("field", "channelId");
    let fact = call.visible_channel(id).await.map_err(field)?;
    let (side, acting) = call.acting_side(fact, fact.opener.other(), None).await.map_err(field)?;
    let body = AcceptChannel { channel: id, grants: amounts(&call, &params.grants, "grants").await? };
    let to = fact.entity(side.other()).address();
    let drafted = fact.remote && !params.grants.is_empty();
    let receipt = call.hosted(acting, to, Body::from(body), Amount::ZERO).await?;
    match ChannelStep::of(&receipt) {
        Ok(step) => Ok(ChannelStep { drafted, ..step }),
        // Consent alone changes no status while collateral is on its way.
        Err(_) => {
            let status = call.read(move |server| server.channel(id).map(|channel| channel.head.status)).await?;
            let status = status.ok_or_else(|| ApiError::from(&Rejection::UnknownChannel {}))?;
            Ok(ChannelStep { channel_id: AsText(id), status: status.name(), drafted, hash: AsText(receipt.hash) })
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Credit {
    channel_id: AsText<ChannelId>,
    /// Who grants; needed only where both sides are the caller's.
    entity_id: Option<AsText<EntityId>>,
    asset: AsText<AssetName>,
    /// The new grant.
    amount: AsText<Amount>,
}

/// A grant that was set.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CreditDone {
    channel_id: AsText<ChannelId>,
    /// `left` or `right`.
    grantor: String,
    granted: AsText<Amount>,
    /// `completed`, or `pending` until the other node has signed it.
    status: &'static str,
    /// The transaction.
    hash: AsText<TxHash>,
}

async fn credit(call: Call, params: Credit) -> Result<CreditDone, ApiError> {
    let id = params.channel_id.0;
    let field = |error: ApiError| error.with("field", "channelId");
    let fact = call.visible_channel(id).await.map_err(field)?;
    let named = params.entity_id.map(|entity| entity.0);
    let (side, acting) = call.one_side(fact, named).await.map_err(field)?;
    let asset = call.asset(&params.asset.0, "asset").await?;
    let body = SetCredit { channel: id, asset, granted: params.amount.0 };
    let to = fact.entity(side.other()).address();
    let receipt = call.hosted(acting, to, Body::from(body), Amount::ZERO).await?;
    let (grantor, granted, status) = (side.to_string(), params.amount, Call::step(fact));
    Ok(CreditDone { channel_id: AsText(id), grantor, granted, status, hash: AsText(receipt.hash) })
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Pay {
    channel_id: AsText<ChannelId>,
    /// The side that receives: `right` means left pays right.
    direction: AsText<Side>,
    asset: AsText<AssetName>,
    amount: AsText<Amount>,
    /// At most 256 bytes.
    #[serde(default)]
    memo: String,
}

async fn pay(call: Call, params: Pay) -> Result<PaymentView, ApiError> {
    let fact = call.visible_channel(params.channel_id.0).await.map_err(|error| error.with("field", "channelId"))?;
    let payee = params.direction.0;
    let payer = fact.entity(payee.other());
    let acting = call.acting(payer).await.map_err(|_| {
        let error = ApiError::new(Code::Forbidden, "not_authorized", "the payer is not the caller's");
        error.with("field", "direction")
    })?;
    let asset = call.asset(&params.asset.0, "asset").await?;
    let memo = Blob(params.memo.into_bytes());
    let body = DirectPayment { asset, amount: params.amount.0, memo, route: Vec::new() };
    direct(&call, acting, (payer, fact.entity(payee)), body, Amount::ZERO).await
}
