//! Payments locked by hash in one channel (HT-1, HT-2): for wallets and gateways that make routes themselves. `payment.send` over a route
//! makes and ends its own.

use crate::access::Access;
use crate::call::Call;
use crate::directory::ChannelFact;
use crate::error::{ApiError, Code};
use crate::method::{Method, get, post};
use crate::text::{AsText, AssetName};
use crate::view::htlc::{HtlcId, HtlcPlace, HtlcView};
use crate::view::page::{PageOf, Pager, Pagination};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xln_machine::Server;
use xln_types::codec::Blob;
use xln_types::tx::{HtlcCancel, HtlcCreate, HtlcFulfill};
use xln_types::{Amount, Body, ChannelId, EntityId, Event, Hash, HtlcKey, Receipt, Rejection, Side, SignerId, TxHash};

pub(super) fn table() -> Vec<Method> {
    vec![
        Method::new(
            "htlc.create",
            80,
            Access::User,
            post("/htlcs"),
            "Locks a payment over one channel by hash: the other side claims it with the preimage, or it comes back after its expiry.",
            create,
        ),
        Method::new(
            "htlc.fulfill",
            81,
            Access::User,
            post("/htlcs/{htlcId}/fulfill"),
            "Claims a payment that the other side locked, before its expiry.",
            fulfill,
        ),
        Method::new(
            "htlc.cancel",
            82,
            Access::User,
            post("/htlcs/{htlcId}/cancel"),
            "Gives a locked payment back: its receiver at any time, its payer after its expiry.",
            cancel,
        ),
        Method::new(
            "htlc.list",
            83,
            Access::User,
            get("/htlcs"),
            "The pending locked payments in the channels of the caller's entities; by channel or entity if asked.",
            list,
        ),
    ]
}

/// How far a locked payment is.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct HtlcStep {
    htlc_id: AsText<HtlcId>,
    channel_id: AsText<ChannelId>,
    /// `completed`: the step is done; `pending` until the other node has signed it.
    status: &'static str,
    /// The transaction.
    hash: AsText<TxHash>,
}

impl HtlcStep {
    fn new(id: HtlcId, fact: ChannelFact, receipt: &Receipt) -> HtlcStep {
        HtlcStep {
            htlc_id: AsText(id),
            channel_id: AsText(id.channel),
            status: Call::step(fact),
            hash: AsText(receipt.hash),
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    channel_id: AsText<ChannelId>,
    /// Who pays; needed only where both sides are the caller's.
    entity_id: Option<AsText<EntityId>>,
    asset: AsText<AssetName>,
    amount: AsText<Amount>,
    /// SHA-256 of a preimage of 32 bytes.
    hashlock: AsText<Hash>,
    /// Unix seconds; at most seven days ahead.
    expires_at: u64,
}

/// Says which parameter a refusal is about.
fn with_field(error: ApiError) -> ApiError {
    let field = match error.reason() {
        "expiry_outside" => "expiresAt",
        "amount_not_positive" | "out_of_range" => "amount",
        "wrong_preimage" => "preimage",
        "unknown_htlc" | "htlc_expired" | "htlc_not_expired" => "htlcId",
        "not_empty" => {
            let message = "it was passed on: the payment that it belongs to ends it";
            return ApiError { message: message.to_owned(), ..error }.with("field", "htlcId");
        }
        _ => return error,
    };
    error.with("field", field)
}

async fn create(call: Call, params: Create) -> Result<HtlcStep, ApiError> {
    let id = params.channel_id.0;
    let field = |error: ApiError| error.with("field", "channelId");
    let fact = call.visible_channel(id).await.map_err(field)?;
    let (side, acting) = call.one_side(fact, params.entity_id.map(|entity| entity.0)).await.map_err(field)?;
    let asset = call.asset(&params.asset.0, "asset").await?;
    let (amount, hashlock, expires_at_s) = (params.amount.0, params.hashlock.0, params.expires_at);
    let body = HtlcCreate { channel: id, asset, amount, hashlock, expires_at_s, onion: Blob::default() };
    // Two equal ones are two: which number a drafted one got is told by being the only one that is made meanwhile.
    let lane = call.api.clone();
    let _turn = match lane.founding_lane(SignerId::from(acting.from)).filter(|_| fact.remote) {
        Some(lane) => Some(lane.lock().await),
        None => None,
    };
    let to = fact.entity(side.other()).address();
    let receipt = call.hosted(acting, to, Body::from(body), Amount::ZERO).await.map_err(with_field)?;
    let told = receipt.logs.iter().find_map(|log| match log {
        Event::HtlcAdded { key, .. } => Some(*key),
        _ => None,
    });
    let key = match told {
        Some(key) => Some(key),
        None => call.read(move |server| newest(server, id, side, (hashlock, amount))).await?,
    };
    let missing = || ApiError::new(Code::Internal, "receipt", "the receipt names no locked payment");
    Ok(HtlcStep::new(HtlcId { channel: id, key: key.ok_or_else(missing)? }, fact, &receipt))
}

/// The newest HTLC of a side with this lock and amount, agreed or drafted.
fn newest(server: &Server, channel: ChannelId, side: Side, what: (Hash, Amount)) -> Option<HtlcKey> {
    let all = &server.channel(channel)?.tip().htlcs;
    let mut own = all.iter().rev().filter(|(key, htlc)| key.side == side && (htlc.hashlock, htlc.amount) == what);
    own.next().map(|(key, _)| *key)
}

/// A channel's fact, of the channel that an HTLC's id names.
async fn visible(call: &Call, id: HtlcId) -> Result<ChannelFact, ApiError> {
    let unknown = |_| ApiError::from(&Rejection::UnknownHtlc {}).with("field", "htlcId");
    call.visible_channel(id.channel).await.map_err(unknown)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Fulfill {
    htlc_id: AsText<HtlcId>,
    /// 32 bytes whose SHA-256 is the hashlock.
    preimage: AsText<Hash>,
}

async fn fulfill(call: Call, params: Fulfill) -> Result<HtlcStep, ApiError> {
    let id = params.htlc_id.0;
    let fact = visible(&call, id).await?;
    let receiver = fact.entity(id.key.side.other());
    let acting = call.acting(receiver).await.map_err(|_| {
        let error = ApiError::new(Code::Forbidden, "not_authorized", "only its receiver claims it");
        error.with("field", "htlcId").with("expected", receiver.to_string())
    })?;
    let body = HtlcFulfill { channel: id.channel, id: id.key.id, preimage: params.preimage.0 };
    let to = fact.entity(id.key.side).address();
    let receipt = call.hosted(acting, to, Body::from(body), Amount::ZERO).await.map_err(with_field)?;
    Ok(HtlcStep::new(id, fact, &receipt))
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Cancel {
    htlc_id: AsText<HtlcId>,
    /// Who gives it back; its receiver if absent and the caller's.
    entity_id: Option<AsText<EntityId>>,
}

async fn cancel(call: Call, params: Cancel) -> Result<HtlcStep, ApiError> {
    let id = params.htlc_id.0;
    let fact = visible(&call, id).await?;
    let named = params.entity_id.map(|entity| entity.0);
    let acting_side = call.acting_side(fact, id.key.side.other(), named).await;
    let (side, acting) = acting_side.map_err(|error| match named {
        Some(_) => error.with("field", "entityId"),
        None => ApiError::from(&Rejection::UnknownHtlc {}).with("field", "htlcId"),
    })?;
    let body = HtlcCancel { channel: id.channel, side: id.key.side, id: id.key.id, reason: Blob::default() };
    let to = fact.entity(side.other()).address();
    let receipt = call.hosted(acting, to, Body::from(body), Amount::ZERO).await.map_err(with_field)?;
    Ok(HtlcStep::new(id, fact, &receipt))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListHtlcs {
    /// Only this channel's.
    channel: Option<AsText<ChannelId>>,
    /// Only those in this entity's channels.
    entity: Option<AsText<EntityId>>,
    /// From 1.
    page: Option<u64>,
    /// At most 1,000; 100 if absent.
    limit: Option<u64>,
    /// `pagination.next` of the page before, instead of `page`.
    cursor: Option<AsText<HtlcPlace>>,
}

/// A page of locked payments.
#[derive(Serialize, JsonSchema)]
struct HtlcList {
    htlcs: Vec<HtlcView>,
    pagination: Pagination,
}

async fn list(call: Call, params: ListHtlcs) -> Result<HtlcList, ApiError> {
    let of = PageOf::new(params.page, params.limit, params.cursor)?;
    let caller = call.caller()?;
    let (only, entity) = (params.channel.map(|channel| channel.0), params.entity.map(|entity| entity.0));
    if let Some(channel) = only {
        call.visible_channel(channel).await.map_err(|error| error.with("field", "channel"))?;
    }
    call.read(move |server| {
        let mut pager = Pager::new(of);
        for (number, channel) in (0..).zip(server.channels()) {
            let wanted = only.is_none_or(|only| only == channel.head.id)
                && entity.is_none_or(|entity| channel.side_of(entity).is_some());
            let (book, tip) = (&channel.book.htlcs, &channel.tip().htlcs);
            if !wanted || (book.is_empty() && tip.is_empty()) {
                continue;
            }
            if caller.role.sees_all() || super::channel_view::stands_in(server, caller.account, channel) {
                for (key, htlc) in HtlcView::all(channel) {
                    pager.offer(HtlcPlace(number, key), || HtlcView::new(server, channel, key, htlc));
                }
            }
        }
        let (htlcs, pagination) = pager.finish();
        HtlcList { htlcs, pagination }
    })
    .await
}
