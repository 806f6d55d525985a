//! Channels as they are now: listed, shown, and proven with what the other side has signed (CH-7).

use crate::access::Access;
use crate::call::Call;
use crate::error::{ApiError, Code};
use crate::evidence::EvidenceFile;
use crate::method::{Method, get, post};
use crate::text::{AsText, AssetName};
use crate::view::channel::ChannelView;
use crate::view::page::{PageOf, Pager, Pagination};
use crate::view::peer::CONNECTED;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use xln_machine::Server;
use xln_machine::channel::{Channel, ChannelStatus};
use xln_types::{Address, ChannelId, EntityId, Evidence, EvidenceAuthority, Rejection};

pub(super) fn table() -> Vec<Method> {
    vec![
        Method::new(
            "channel.list",
            66,
            Access::User,
            get("/channels"),
            "The channels of the caller's entities, oldest first; by entity, status or asset if asked.",
            list,
        ),
        Method::new(
            "channel.get",
            67,
            Access::User,
            get("/channels/{channelId}"),
            "A channel. With another node: balances of the last frame that both have signed; out and in count what is drafted since.",
            one,
        ),
        Method::new(
            "channel.proof",
            74,
            Access::User,
            post("/channels/{channelId}/proof"),
            "The newest state that the other side has signed, as a file that proves itself offline: `xln proof verify FILE --signer \
             ADDRESS`. Where both sides are hosted here, sealed receipts prove the channel instead.",
            proof,
        )
        .reading(),
    ]
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    Pending,
    Open,
    /// Another name of open.
    Ready,
    Closing,
    Disputed,
    Closed,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListChannels {
    /// Only this entity's.
    entity: Option<AsText<EntityId>>,
    /// Only those of this status.
    status: Option<Status>,
    /// Only those with this asset.
    asset: Option<AsText<AssetName>>,
    /// From 1.
    page: Option<u64>,
    /// At most 1,000; 100 if absent.
    limit: Option<u64>,
    /// `pagination.next` of the page before, instead of `page`.
    cursor: Option<AsText<u64>>,
}

/// A page of channels.
#[derive(Serialize, JsonSchema)]
struct ChannelList {
    channels: Vec<ChannelView>,
    pagination: Pagination,
}

/// Whether an account owns a side of a channel.
pub(super) fn stands_in(server: &Server, account: Address, channel: &Channel) -> bool {
    [channel.head.left, channel.head.right].into_iter().any(|entity| {
        let signer = server.entity(entity).and_then(|entity| server.signer(entity.record.signer));
        signer.is_some_and(|signer| signer.owner == account)
    })
}

async fn list(call: Call, params: ListChannels) -> Result<ChannelList, ApiError> {
    let of = PageOf::new(params.page, params.limit, params.cursor)?;
    let caller = call.caller()?;
    let entity = params.entity.map(|entity| entity.0);
    let asset = match &params.asset {
        Some(name) => Some(call.asset(&name.0, "asset").await?),
        None => None,
    };
    let status = params.status.map(|status| match status {
        Status::Pending => ChannelStatus::Pending,
        Status::Open | Status::Ready => ChannelStatus::Open,
        Status::Closing => ChannelStatus::Closing,
        Status::Disputed => ChannelStatus::Disputed,
        Status::Closed => ChannelStatus::Closed,
    });
    let list = call.read(move |server| {
        let mut pager = Pager::new(of);
        for (number, channel) in (0..).zip(server.channels()) {
            let wanted = status.is_none_or(|status| status == channel.head.status)
                && entity.is_none_or(|entity| channel.side_of(entity).is_some())
                && asset.is_none_or(|asset| channel.line(asset).is_some());
            if wanted && (caller.role.sees_all() || stands_in(server, caller.account, channel)) {
                pager.offer(number, || ChannelView::new(server, channel));
            }
        }
        let (channels, pagination) = pager.finish();
        ChannelList { channels, pagination }
    });
    let mut list = list.await?;
    let connected = connected(&call, &list.channels);
    list.channels.iter_mut().for_each(|channel| channel.connect(&connected));
    Ok(list)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OneChannel {
    channel_id: AsText<ChannelId>,
}

async fn one(call: Call, params: OneChannel) -> Result<ChannelView, ApiError> {
    let id = params.channel_id.0;
    call.visible_channel(id).await.map_err(|error| error.with("field", "channelId"))?;
    let found = call.read(move |server| server.channel(id).map(|channel| ChannelView::new(server, channel))).await?;
    let mut view = found.ok_or_else(|| ApiError::from(&Rejection::UnknownChannel {}).with("field", "channelId"))?;
    let connected = connected(&call, std::slice::from_ref(&view));
    view.connect(&connected);
    Ok(view)
}

/// The nodes with which there is a session; not asked for where no channel is with another node.
fn connected(call: &Call, channels: &[ChannelView]) -> BTreeSet<EntityId> {
    if channels.iter().all(|channel| !channel.is_remote()) {
        return BTreeSet::new();
    }
    let peers = call.api.0.backend.peers().into_iter();
    peers.filter(|peer| peer.state == CONNECTED).filter_map(|peer| peer.node).collect()
}

/// CH-7: the newest state that the other side has signed. Both sides of it are told alike: the book is what both computed.
fn evidence_of(server: &Server, channel: &Channel) -> Result<Evidence, ApiError> {
    let Some(replica) = channel.replica.as_deref() else {
        let message = "both sides are hosted here, so there are no frames: the receipt of its last payment proves it, once sealed";
        let error = ApiError::new(Code::Conflict, "no_frames", message);
        return Err(error.with("expected", "proof.get with the id of the channel's last payment"));
    };
    let Some(signed) = &replica.evidence else {
        let message = "the other side hasn't signed anything yet";
        return Err(ApiError::new(Code::ChannelNotOpen, "nothing_signed", message).with("expected", "open"));
    };
    let (head, genesis) = (&channel.head, server.genesis());
    let digests = channel.book.digests();
    if (digests.offdeltas, digests.htlcs) != (signed.proof.offdeltas, signed.proof.htlcs) {
        return Err(ApiError::new(Code::Internal, "evidence", "the evidence is of another state"));
    }
    Ok(Evidence {
        chain_id: genesis.chain_id,
        depositary: genesis.depositary,
        signer_entity: head.entity(replica.me.other()),
        counterparty: head.entity(replica.me),
        epoch: head.epoch,
        proof: signed.proof,
        offdeltas: channel.book.offdelta_entries(),
        htlcs: channel.book.htlc_entries().collect(),
        authority: EvidenceAuthority::Direct { signature: signed.signature.clone() },
    })
}

async fn proof(call: Call, params: OneChannel) -> Result<EvidenceFile, ApiError> {
    let id = params.channel_id.0;
    let field = |error: ApiError| error.with("field", "channelId");
    call.visible_channel(id).await.map_err(field)?;
    let found = call.read(move |server| server.channel(id).map(|channel| evidence_of(server, channel))).await?;
    let evidence = found.unwrap_or_else(|| Err(ApiError::from(&Rejection::UnknownChannel {}))).map_err(field)?;
    Ok(EvidenceFile::new(&evidence))
}
