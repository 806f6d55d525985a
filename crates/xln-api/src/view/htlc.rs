//! Payments locked by hash (HT-1), as either side of their channel sees them.

use crate::text::{AsText, Text};
use crate::view::asset;
use schemars::JsonSchema;
use serde::Serialize;
use xln_machine::Server;
use xln_machine::channel::Channel;
use xln_types::amount::parse_u64;
use xln_types::{Amount, AssetId, ChannelId, EntityId, Hash, Htlc, HtlcKey, Side};

/// The name of an HTLC in this hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HtlcId {
    pub(crate) channel: ChannelId,
    pub(crate) key: HtlcKey,
}

impl Text for HtlcId {
    const EXPECTED: &'static str = "an htlc id: <channelId>:<left|right>:<number>";
    const PATTERN: &'static str = "^0x[0-9a-fA-F]{64}:(left|right):(0|[1-9][0-9]*)$";
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let (channel, side, id) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let key = HtlcKey { side: Side::read(side)?, id: parse_u64(id).ok()? };
        Some(HtlcId { channel: channel.parse().ok()?, key })
    }
    fn write(&self) -> String {
        format!("{}:{}:{}", self.channel, self.key.side, self.key.id)
    }
}

/// Where an HTLC stands in the list of all: its channel's number, its payer's side, its own number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HtlcPlace(pub(crate) u64, pub(crate) HtlcKey);

impl Text for HtlcPlace {
    const EXPECTED: &'static str = "a cursor: pagination.next of the page before";
    const PATTERN: &'static str = "^(0|[1-9][0-9]*):(left|right):(0|[1-9][0-9]*)$";
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let (channel, side, id) = (parts.next()?, parts.next()?, parts.next()?);
        let key = HtlcKey { side: Side::read(side)?, id: parse_u64(id).ok()? };
        parts.next().is_none().then_some(HtlcPlace(parse_u64(channel).ok()?, key))
    }
    fn write(&self) -> String {
        format!("{}:{}:{}", self.0, self.1.side, self.1.id)
    }
}

/// A pending HTLC.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HtlcView {
    htlc_id: AsText<HtlcId>,
    channel_id: AsText<ChannelId>,
    /// Whose payment it is: `left` or `right`.
    side: String,
    /// Who pays.
    from: AsText<EntityId>,
    /// Who can claim it.
    to: AsText<EntityId>,
    /// `locked`; `drafted` until the other node has signed it; `ending` once its end is drafted.
    status: &'static str,
    /// The asset's id.
    asset: AsText<AssetId>,
    /// Its symbol.
    symbol: String,
    amount: AsText<Amount>,
    /// SHA-256 of the preimage.
    hashlock: AsText<Hash>,
    /// Unix seconds.
    expires_at: u64,
}

impl HtlcView {
    /// An HTLC of a channel.
    pub(crate) fn new(server: &Server, channel: &Channel, key: HtlcKey, htlc: &Htlc) -> HtlcView {
        let head = &channel.head;
        let status = match (channel.book.htlc(key), channel.tip().htlc(key)) {
            (None, _) => "drafted",
            (_, None) => "ending",
            _ => "locked",
        };
        HtlcView {
            htlc_id: AsText(HtlcId { channel: head.id, key }),
            channel_id: AsText(head.id),
            side: key.side.to_string(),
            from: AsText(head.entity(key.side)),
            to: AsText(head.entity(key.side.other())),
            status,
            asset: AsText(htlc.asset),
            symbol: asset::name(server, htlc.asset),
            amount: AsText(htlc.amount),
            hashlock: AsText(htlc.hashlock),
            expires_at: htlc.expires_at_s,
        }
    }

    /// Those of a channel, in the order of their names: agreed or drafted.
    pub(crate) fn all(channel: &Channel) -> Vec<(HtlcKey, &Htlc)> {
        let (book, tip) = (&channel.book.htlcs, &channel.tip().htlcs);
        let drafted = tip.iter().filter(|(key, _)| !book.contains_key(key));
        let mut all: Vec<_> = book.iter().chain(drafted).map(|(key, htlc)| (*key, htlc)).collect();
        all.sort_by_key(|(key, _)| *key);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_as_it_was_written() {
        let id = HtlcId { channel: ChannelId([0xab; 32]), key: HtlcKey { side: Side::Right, id: 7 } };
        let text = format!("0x{}:right:7", "ab".repeat(32));
        assert_eq!((id.write(), HtlcId::read(&text)), (text.clone(), Some(id)));
        for other in
            ["", "0x:left:1", &text[1..], &format!("{text}:"), &text.replace("right", "up"), &format!("{text}x")]
        {
            assert_eq!(HtlcId::read(other), None, "{other}");
        }
        let place = HtlcPlace(3, id.key);
        assert_eq!((place.write().as_str(), HtlcPlace::read("3:right:7")), ("3:right:7", Some(place)));
        assert!(place < HtlcPlace(3, HtlcKey { side: Side::Right, id: 8 }) && HtlcPlace::read("3:right").is_none());
    }
}
