//! Connections and their bounds: strangers take no place from peers.

use std::sync::atomic::Ordering;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use xln_net::peer::{PeerLimits, PeerRefusal, Role};

use crate::keys::Keys;
use crate::node::{Node, roomy};
use crate::rogue::Rogue;
use crate::soon;

/// A connection that says nothing.
async fn silent(node: &Node) -> TcpStream {
    TcpStream::connect(node.address).await.expect("the node listens")
}

/// Waits until the node has dropped the connection.
async fn dropped(mut tcp: TcpStream) {
    let mut rest = Vec::new();
    let _ = soon("the connection's end", tcp.read_to_end(&mut rest)).await;
}

/// NFR-5.3: a handshake half sent is dropped, wherever it stopped.
#[tokio::test]
async fn a_half_sent_handshake_is_dropped() {
    let node = Node::start(Keys::new(1), PeerLimits { handshake_timeout_ms: 200, ..roomy() }).await;
    dropped(silent(&node).await).await;
    let mut half = silent(&node).await;
    // A TLS record that announces 512 bytes, and brings three.
    half.write_all(&[22, 3, 1, 2, 0, 1, 0, 1]).await.expect("the node reads");
    dropped(half).await;
    let mut rogue = Rogue::dial(&node).await;
    assert_eq!(rogue.closed().await, None, "no hello came");
    assert!(node.heard().is_empty());
}

/// NFR-5.3: who waits longest without having said who it is makes room for the newest, so a crowd keeps no peer out.
#[tokio::test]
async fn a_crowd_of_strangers_keeps_no_peer_out() {
    let node = Node::start(Keys::new(1), PeerLimits { waiting_max: 3, ..roomy() }).await;
    let mut crowd = Vec::new();
    for _ in 0..3 {
        crowd.push(silent(&node).await);
    }
    let _peer = Rogue::join(&node, &Keys::new(2)).await;
    node.session(1).await;
    dropped(crowd.remove(0)).await;
    let _another = Rogue::join(&node, &Keys::new(3)).await;
    node.session(2).await;
    assert_eq!(node.peers.list().len(), 2, "nor do they push out one who is in");
}

/// NFR-5.3: one address has so many connections and no more, authenticated or not.
#[tokio::test]
async fn connections_from_one_address_are_bounded() {
    let node = Node::start(Keys::new(1), PeerLimits { per_address_max: 2, ..roomy() }).await;
    let peer = Rogue::join(&node, &Keys::new(2)).await;
    let waiting = silent(&node).await;
    dropped(silent(&node).await).await;
    drop((peer, waiting));
    node.end(1).await;
    // The places are free again once the node has seen the end of both.
    soon("a free place", async { while tokio_rustls_joins(&node).await.is_none() {} }).await;
}

/// A TLS session, if the node takes the connection.
async fn tokio_rustls_joins(node: &Node) -> Option<crate::rogue::Tls> {
    crate::rogue::tls_client(node.address, &tokio_rustls::rustls::version::TLS13).await.ok()
}

/// NFR-5.3: all connections together are bounded, and when all are peers', one more is turned away.
#[tokio::test]
async fn connections_in_all_are_bounded() {
    let node = Node::start(Keys::new(1), PeerLimits { connections_max: 2, ..roomy() }).await;
    let _peers = (Rogue::join(&node, &Keys::new(2)).await, Rogue::join(&node, &Keys::new(3)).await);
    node.session(2).await;
    dropped(silent(&node).await).await;
    assert_eq!(node.peers.list().len(), 2);
}

/// NFR-5.3: peers that the node doesn't know have places of their own; one without a place is told so.
#[tokio::test]
async fn unknown_peers_have_their_own_places() {
    let node = Node::start(Keys::new(1), PeerLimits { strangers_max: 1, sessions_max: 1, ..roomy() }).await;
    let full = async |keys: &Keys| {
        let mut late = Rogue::dial(&node).await;
        late.hello(late.signed(keys, Role::Dialer, &[1], 1)).await;
        assert_eq!(late.closed().await, Some(PeerRefusal::Full));
    };
    node.keys.knows.store(false, Ordering::Relaxed);
    let _stranger = Rogue::join(&node, &Keys::new(2)).await;
    full(&Keys::new(3)).await;
    node.keys.knows.store(true, Ordering::Relaxed);
    let _peer = Rogue::join(&node, &Keys::new(4)).await;
    full(&Keys::new(5)).await;
    assert_eq!(node.peers.list().len(), 2);
}
