//! Other nodes: sessions with them. What they say is the core's business.

use crate::access::Access;
use crate::call::Call;
use crate::error::ApiError;
use crate::method::{Method, get, post};
use crate::text::AsText;
use crate::view::peer::PeerView;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use xln_types::EntityId;

/// Longest address: a domain name, a colon, a port.
const ADDRESS_BYTES_MAX: usize = 253 + 6;
/// How often is looked whether a connected node's hub is known.
const KNOWN_POLL: Duration = Duration::from_millis(10);
/// How many times at most: the session stands either way.
const KNOWN_LOOKS_MAX: usize = 200;

pub(super) fn table() -> Vec<Method> {
    vec![
        Method::new(
            "peer.connect",
            116,
            Access::Operator,
            post("/peers/connect"),
            "Connects to the node that listens at an address, and keeps connecting, after restarts too. Answers once the session stands, or \
             why it doesn't. With node, only to that one. Its hub is known from then on: channels can be opened with it.",
            connect,
        ),
        Method::new(
            "peer.list",
            117,
            Access::Auditor,
            get("/peers"),
            "Sessions with other nodes, and addresses that are dialled.",
            list,
        ),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Connect {
    /// `host:port`.
    address: String,
    /// The hub that is expected there.
    node: Option<AsText<EntityId>>,
}

/// `host:port`, with the host a name or an address, in brackets where it has colons itself.
fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = match bare {
        Some(bare) => bare.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)),
    };
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port != 0);
    text.len() <= ADDRESS_BYTES_MAX && is_host && is_port
}

async fn connect(call: Call, params: Connect) -> Result<PeerView, ApiError> {
    if !is_address(&params.address) {
        let error = ApiError::invalid("address", "invalid_value", "no address of a node");
        return Err(error.with("expected", "host:port, as in hub.example:9000 or [::1]:9000"));
    }
    let connecting = call.api.0.backend.connect_peer(params.address, params.node.map(|node| node.0));
    let peer = connecting.await?;
    if let Some(node) = peer.node {
        // Once this is answered a channel can be opened with it: its hub becomes known by an entry of the log.
        let mut looks = 0;
        while looks < KNOWN_LOOKS_MAX && !call.read(move |server| server.knows_node(node)).await? {
            looks += 1;
            tokio::time::sleep(KNOWN_POLL).await;
        }
    }
    Ok(PeerView::from(peer))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Other nodes.
#[derive(Serialize, JsonSchema)]
struct PeerList {
    peers: Vec<PeerView>,
}

async fn list(call: Call, _: Nothing) -> Result<PeerList, ApiError> {
    Ok(PeerList { peers: call.api.0.backend.peers().into_iter().map(PeerView::from).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for address in ["127.0.0.1:9000", "hub.example:1", "[::1]:65535", "a_b-c:80"] {
            assert!(is_address(address), "{address}");
        }
        let long = format!("{}:1", "a".repeat(ADDRESS_BYTES_MAX));
        for address in
            ["", "a", ":1", "a:", "a:0", "a:65536", "a:+1", "::1:9", "[a]:1", "a b:1", "http://a:1", "a:1/", &long]
        {
            assert!(!is_address(address), "{address}");
        }
    }
}
