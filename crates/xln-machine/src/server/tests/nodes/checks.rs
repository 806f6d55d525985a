//! What must hold between nodes after every step (**CH-6**, **CH-13**), and that each node's log replays to what it said (**TX-7**).

use super::net::Net;
use crate::channel::{Channel, Replica};
use crate::server::{Input, Server};
use std::collections::BTreeMap;
use xln_types::{Body, ChannelId};

/// True for what may draft or take a frame, which is never undone.
pub(super) fn may_draft(server: &Server, input: &Input) -> bool {
    let Input::Transaction(tx) = input else { return matches!(input, Input::Peer(_) | Input::Frames) };
    let between_nodes = server.channels().any(|channel| channel.replica.is_some());
    between_nodes || matches!(tx.body(), Body::OpenChannel(body) if server.node_of(body.peer).is_some())
}

/// The two replicas of each channel between nodes; one where the other doesn't know it yet.
fn pairs(net: &Net) -> BTreeMap<ChannelId, Vec<(&str, &Channel, &Replica)>> {
    let mut pairs: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for node in &net.nodes {
        for channel in node.server.channels() {
            if let Some(replica) = channel.replica.as_deref() {
                pairs.entry(channel.head.id).or_default().push((node.name.as_str(), channel, replica));
            }
        }
    }
    pairs
}

/// CH-6: at one height there is one frame, and both sides have computed the same from it.
pub(super) fn agree(net: &Net) {
    for (id, sides) in pairs(net) {
        if let [(one, left, a), (other, right, b)] = sides.as_slice() {
            assert_ne!(a.me, b.me, "{id:?} {one} {other}");
            let apart = a.height.abs_diff(b.height);
            assert!(apart <= crate::channel::replica::STACK_FRAMES_MAX as u64, "{one} {other}: apart={apart}");
            if a.height == b.height {
                assert_eq!((a.frame, a.nonce), (b.frame, b.nonce), "{one} {other}: height={}", a.height);
                assert_eq!(left.book, right.book, "{one} {other}: height={}", a.height);
            }
        }
    }
}

/// Nothing is under way any more: heads are equal, all is final and released (CH-8).
pub(super) fn quiet(net: &Net) {
    let offered = |replica: &Replica| replica.offered.is_some();
    for (id, sides) in pairs(net) {
        if sides.iter().any(|(_, _, replica)| offered(replica)) {
            continue;
        }
        assert_eq!(sides.len(), 2, "both know {id:?}");
        let heads: Vec<_> = sides.iter().map(|(_, _, replica)| (replica.height, replica.frame)).collect();
        assert_eq!(heads[0], heads[1], "{id:?}");
        for (name, _, replica) in sides {
            assert!(replica.is_settled(), "{name}: {:?}", replica.record());
        }
    }
}

/// TX-7: what a node was told, told again to a new server, gives the same receipts and the same root.
pub(super) fn replay(net: &mut Net) {
    for node in &mut net.nodes {
        let mut server = Server::new(&node.genesis, u64::MAX).expect("sound");
        for ((now_ms, input), receipt) in node.inputs.iter().zip(&node.receipts) {
            assert_eq!(server.apply(*now_ms, input).receipt, *receipt, "{}: {input:?}", node.name);
        }
        let (one, other) = (server.seal(net.now_ms), node.server.seal(net.now_ms));
        assert_eq!(one.header.state_root, other.header.state_root, "{}", node.name);
    }
}
