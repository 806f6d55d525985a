//! Other nodes: sessions with them, and addresses that are dialled.

use crate::backend::PeerInfo;
use crate::text::AsText;
use schemars::JsonSchema;
use serde::Serialize;
use xln_types::EntityId;

/// The state of a session that stands.
pub(crate) const CONNECTED: &str = "connected";

/// A session with another node, or an address that is dialled.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PeerView {
    /// The node's hub; absent while nobody has proven to be there and nobody is expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<AsText<EntityId>>,
    /// `host:port`.
    address: String,
    /// `connected`, `connecting`, `waiting` or `stopped`.
    state: &'static str,
    /// Whether this node dials; else the other does.
    dialed: bool,
    /// Since when the session stands, unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<u64>,
    /// Why the last try failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    /// Bytes received.
    bytes_in: u64,
    /// Bytes sent.
    bytes_out: u64,
    /// The session's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<u64>,
}

impl From<PeerInfo> for PeerView {
    fn from(peer: PeerInfo) -> PeerView {
        PeerView {
            node: peer.node.map(AsText),
            address: peer.address,
            state: peer.state,
            dialed: peer.dialed,
            since: peer.since_s,
            last_error: peer.last_error,
            bytes_in: peer.bytes_in,
            bytes_out: peer.bytes_out,
            session: peer.session,
        }
    }
}
