//! What two sides agree on besides payments: dispute window, mailboxes (CH-16), collateral back to reserves (DP-5).

use super::VALIDITY_S;
use super::reserve::Begun;
use crate::access::Access;
use crate::call::Call;
use crate::error::ApiError;
use crate::method::{Method, post};
use crate::text::{AsText, AssetName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xln_types::tx::{Deallocate, UpdateChannel};
use xln_types::{Address, Amount, Body, ChannelId, EntityId, Rejection, TxHash};

pub(super) fn table() -> Vec<Method> {
    vec![
        Method::new(
            "channel.update",
            70,
            Access::User,
            post("/channels/{channelId}/update"),
            "Names the caller's mailbox, and asks for a dispute window, which takes effect once both sides have asked for the same.",
            update,
        ),
        Method::new(
            "channel.settle",
            71,
            Access::User,
            post("/channels/{channelId}/settle"),
            "Moves collateral of one asset back to the caller's reserve: no more than its share. What it takes is held from now on; the \
             reserve grows once the chain has recorded it, with both sides' signatures.",
            settle,
        ),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Update {
    channel_id: AsText<ChannelId>,
    /// Who asks; needed only where both sides are the caller's.
    entity_id: Option<AsText<EntityId>>,
    /// Seconds to counter in a dispute; absent leaves what was asked for.
    dispute_window: Option<u64>,
    /// The caller's side's; the zero address for none, absent leaves it.
    mailbox: Option<AsText<Address>>,
}

/// What was asked for.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Updated {
    channel_id: AsText<ChannelId>,
    /// Who asks: `left` or `right`.
    side: String,
    /// `completed`, or `pending` until the other node has signed it.
    status: &'static str,
    /// Seconds to counter in a dispute, as agreed by now.
    dispute_window: u64,
    /// What this side asks for and the other doesn't yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    dispute_window_asked: Option<u64>,
    /// This side's, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    mailbox: Option<AsText<Address>>,
    /// The transaction.
    hash: AsText<TxHash>,
}

async fn update(call: Call, params: Update) -> Result<Updated, ApiError> {
    let id = params.channel_id.0;
    let field = |error: ApiError| error.with("field", "channelId");
    let fact = call.visible_channel(id).await.map_err(field)?;
    if params.dispute_window.is_none() && params.mailbox.is_none() {
        let error = ApiError::invalid("disputeWindow", "nothing_asked", "name a dispute window, a mailbox, or both");
        return Err(error.with("expected", "at least one of disputeWindow and mailbox"));
    }
    if params.dispute_window == Some(0) {
        let bounds = xln_types::tx::DISPUTE_WINDOW_S;
        let (min_s, max_s) = (*bounds.start(), *bounds.end());
        return Err(ApiError::from(&Rejection::WindowOutside { min_s, max_s }).with("field", "disputeWindow"));
    }
    let (side, acting) = call.one_side(fact, params.entity_id.map(|entity| entity.0)).await.map_err(field)?;
    let unknown = || field(ApiError::from(&Rejection::UnknownChannel {}));
    // The core takes both: what isn't named is asked for as it is.
    let standing = call.read(move |server| server.channel(id).map(|channel| channel.tip().terms.side(side).clone()));
    let standing = standing.await?.ok_or_else(unknown)?;
    let body = UpdateChannel {
        channel: id,
        dispute_window_s: params.dispute_window.unwrap_or(standing.window_asked_s),
        mailbox: params.mailbox.map_or(standing.mailbox, |mailbox| mailbox.0),
    };
    let to = fact.entity(side.other()).address();
    let receipt = call.hosted(acting, to, Body::from(body), Amount::ZERO).await.map_err(|error| {
        if error.reason() == "window_outside" { error.with("field", "disputeWindow") } else { error }
    })?;
    let now = call.read(move |server| {
        let channel = server.channel(id)?;
        Some((channel.head.dispute_window_s, channel.tip().terms.side(side).clone()))
    });
    let (dispute_window, terms) = now.await?.ok_or_else(unknown)?;
    Ok(Updated {
        channel_id: AsText(id),
        side: side.to_string(),
        status: Call::step(fact),
        dispute_window,
        dispute_window_asked: Some(terms.window_asked_s).filter(|asked| *asked != 0),
        mailbox: Some(AsText(terms.mailbox)).filter(|mailbox| mailbox.0 != Address::ZERO),
        hash: AsText(receipt.hash),
    })
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SettleParams {
    channel_id: AsText<ChannelId>,
    /// Whose reserve; needed only where both sides are the caller's.
    entity_id: Option<AsText<EntityId>>,
    asset: AsText<AssetName>,
    /// What the caller takes.
    amount: AsText<Amount>,
}

async fn settle(call: Call, params: SettleParams) -> Result<Begun, ApiError> {
    let id = params.channel_id.0;
    let field = |error: ApiError| error.with("field", "channelId");
    let fact = call.visible_channel(id).await.map_err(field)?;
    let (_, acting) = call.one_side(fact, params.entity_id.map(|entity| entity.0)).await.map_err(field)?;
    let asset = call.asset(&params.asset.0, "asset").await?;
    let valid_until_s = call.api.now_s().saturating_add(VALIDITY_S);
    let body = Deallocate { channel: id, asset, amount: params.amount.0, valid_until_s };
    Begun::of(&call.hosted(acting, Address::ZERO, Body::from(body), Amount::ZERO).await?)
}
