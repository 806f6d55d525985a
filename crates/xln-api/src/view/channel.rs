//! Channels: who, how much by asset, and what each side can pay and receive now.

use crate::text::AsText;
use crate::view::asset;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use xln_machine::Server;
use xln_machine::channel::{Channel, Line};
use xln_types::{Amount, AssetId, Balance, ChannelId, EntityId, Side};

/// One number for each side.
#[derive(Serialize, JsonSchema)]
pub(crate) struct BySide {
    /// Of the entity with the smaller id.
    left: AsText<Amount>,
    /// Of the entity with the larger id.
    right: AsText<Amount>,
}

/// One asset of a channel.
#[derive(Serialize, JsonSchema)]
pub(crate) struct LineView {
    /// The asset's id.
    id: AsText<AssetId>,
    /// Its symbol.
    symbol: String,
    /// Locked on chain.
    collateral: AsText<Amount>,
    /// Left's share: above the collateral right owes left, below zero left owes right.
    delta: AsText<Balance>,
    /// Credit granted, by who grants.
    granted: BySide,
    /// Credit used, by who owes.
    drawn: BySide,
    /// Locked, by whose it is.
    held: BySide,
    /// What each side can pay now, policies included (CH-1).
    out: BySide,
    /// What each side can receive now.
    r#in: BySide,
}

/// What happened in a channel, ever.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Activity {
    /// How many payments.
    payments: u64,
    /// How much, by asset.
    volume: BTreeMap<String, AsText<Amount>>,
}

/// A channel.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChannelView {
    id: AsText<ChannelId>,
    /// Left and right.
    participants: [AsText<EntityId>; 2],
    /// The entity with the smaller id.
    left: AsText<EntityId>,
    /// The entity with the larger id.
    right: AsText<EntityId>,
    /// `pending`, `open`, `closing`, `disputed` or `closed`.
    status: &'static str,
    /// Who opened: `left` or `right`.
    opener: String,
    /// Whether the other side consented.
    accepted: bool,
    /// Rises when a channel between the two ends.
    epoch: AsText<u64>,
    /// Seconds to counter in a dispute.
    dispute_window: u64,
    /// Unix seconds.
    created: u64,
    /// Collateral and both grants, by asset.
    capacity: BTreeMap<String, AsText<Amount>>,
    activity: Activity,
    assets: BTreeMap<String, LineView>,
}

fn by_side(of: impl Fn(Side) -> Amount) -> BySide {
    BySide { left: AsText(of(Side::Left)), right: AsText(of(Side::Right)) }
}

fn line_view(server: &Server, channel: ChannelId, id: AssetId, symbol: &str, line: &Line) -> LineView {
    let out = |side| server.available_in(channel, side, id).unwrap_or(Amount::ZERO);
    LineView {
        id: AsText(id),
        symbol: symbol.to_owned(),
        collateral: AsText(line.collateral),
        delta: AsText(line.delta()),
        granted: by_side(|side| line.granted(side)),
        drawn: by_side(|side| line.owed(side)),
        held: by_side(|side| line.held(side)),
        out: by_side(out),
        r#in: by_side(|side: Side| out(side.other())),
    }
}

impl ChannelView {
    /// A channel as it is now.
    pub(crate) fn new(server: &Server, channel: &Channel) -> ChannelView {
        let head = &channel.head;
        let lines: Vec<_> = channel.book.lines.iter().map(|(id, line)| (asset::name(server, *id), *id, line)).collect();
        let payments = channel.book.lines.iter().fold(0_u64, |sum, (_, line)| sum.saturating_add(line.payments));
        let volume = lines.iter().map(|(name, _, line)| (name.clone(), AsText(line.volume))).collect();
        ChannelView {
            id: AsText(head.id),
            participants: [AsText(head.left), AsText(head.right)],
            left: AsText(head.left),
            right: AsText(head.right),
            status: head.status.name(),
            opener: head.opener.to_string(),
            accepted: head.accepted == 1,
            epoch: AsText(head.epoch),
            dispute_window: head.dispute_window_s,
            created: head.created_s,
            capacity: lines.iter().map(|(name, _, line)| (name.clone(), AsText(line.capacity()))).collect(),
            activity: Activity { payments, volume },
            assets: lines
                .iter()
                .map(|(name, id, line)| (name.clone(), line_view(server, head.id, *id, name, line)))
                .collect(),
        }
    }
}
