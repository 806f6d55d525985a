//! Channels: who, how much by asset, and what each side can pay and receive now.

use crate::text::AsText;
use crate::view::asset;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use xln_machine::Server;
use xln_machine::channel::{Channel, Line, Replica};
use xln_types::tx::AssetAmount;
use xln_types::{Address, Amount, AssetId, Balance, ChannelId, EntityId, FrameTx, Side, SignerId};

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
    /// What each side can pay now, policies included (CH-1); less what is drafted.
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

/// The node on which the other side acts.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PeerSide {
    /// Its hub.
    node: AsText<EntityId>,
    /// Whether there is a session with it.
    connected: bool,
    /// Who signs for the other side there: what `xln proof verify --signer` takes.
    signer: AsText<SignerId>,
}

/// How far the frames of a channel with another node are (CH-6).
#[derive(Serialize, JsonSchema)]
pub(crate) struct Frames {
    /// Of the last frame that both sides have signed; 0 before the first.
    height: AsText<u64>,
    /// Its nonce.
    nonce: AsText<u64>,
    /// Signed here, and not yet there.
    unacknowledged: u64,
    /// Steps that wait for a frame.
    drafted: u64,
}

/// An opening that waits for this side's consent.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Offer {
    /// What the opener grants, by asset.
    grants: BTreeMap<String, AsText<Amount>>,
    /// What it asks to be granted, by asset.
    requested: BTreeMap<String, AsText<Amount>>,
}

/// How many of each side.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Counts {
    /// Of the entity with the smaller id.
    left: u64,
    /// Of the entity with the larger id.
    right: u64,
}

/// What a side has named or asks for.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Terms {
    /// Its mailbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    mailbox: Option<AsText<Address>>,
    /// The dispute window that it asks for and the other doesn't yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    dispute_window_asked: Option<u64>,
}

/// What the sides have named or ask for.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TermsBySide {
    /// Of the entity with the smaller id.
    left: Terms,
    /// Of the entity with the larger id.
    right: Terms,
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
    /// Pending HTLCs, by who pays; `htlc.list` shows them.
    htlcs: Counts,
    terms: TermsBySide,
    /// Only where the other side acts on another node.
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<PeerSide>,
    /// Only where the other side acts on another node.
    #[serde(skip_serializing_if = "Option::is_none")]
    frames: Option<Frames>,
    /// Only while the other node's opening waits for consent here.
    #[serde(skip_serializing_if = "Option::is_none")]
    offer: Option<Offer>,
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

impl Frames {
    fn new(replica: &Replica) -> Frames {
        Frames {
            height: AsText(replica.height),
            nonce: AsText(replica.nonce),
            unacknowledged: replica.stack.len() as u64,
            drafted: replica.draft.len() as u64,
        }
    }
}

impl Offer {
    fn new(server: &Server, replica: &Replica) -> Option<Offer> {
        let (frame, _) = replica.offered.as_deref()?;
        let Some(FrameTx::Open { requested, grants, .. }) = frame.txs.first() else { return None };
        let by_asset = |amounts: &[AssetAmount]| {
            amounts.iter().map(|line| (asset::name(server, line.asset), AsText(line.amount))).collect()
        };
        Some(Offer { grants: by_asset(grants), requested: by_asset(requested) })
    }
}

fn terms(channel: &Channel, side: Side) -> Terms {
    let terms = channel.book.terms.side(side);
    Terms {
        mailbox: Some(AsText(terms.mailbox)).filter(|mailbox| mailbox.0 != Address::ZERO),
        dispute_window_asked: Some(terms.window_asked_s).filter(|asked| *asked != 0),
    }
}

impl ChannelView {
    /// True where the other side acts on another node.
    pub(crate) fn is_remote(&self) -> bool {
        self.peer.is_some()
    }

    /// Says whether there is a session, told with which nodes there is.
    pub(crate) fn connect(&mut self, connected: &BTreeSet<EntityId>) {
        if let Some(peer) = &mut self.peer {
            peer.connected = connected.contains(&peer.node.0);
        }
    }

    /// A channel as it is now.
    pub(crate) fn new(server: &Server, channel: &Channel) -> ChannelView {
        let head = &channel.head;
        let lines: Vec<_> = channel.book.lines.iter().map(|(id, line)| (asset::name(server, *id), *id, line)).collect();
        let payments = channel.book.lines.iter().fold(0_u64, |sum, (_, line)| sum.saturating_add(line.payments));
        let replica = channel.replica.as_deref();
        let pending = |side: Side| channel.book.pending(side) as u64;
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
            htlcs: Counts { left: pending(Side::Left), right: pending(Side::Right) },
            terms: TermsBySide { left: terms(channel, Side::Left), right: terms(channel, Side::Right) },
            peer: replica.map(|replica| PeerSide {
                node: AsText(replica.node),
                connected: false,
                signer: AsText(replica.remote),
            }),
            frames: replica.map(Frames::new),
            offer: replica.and_then(|replica| Offer::new(server, replica)),
        }
    }
}
