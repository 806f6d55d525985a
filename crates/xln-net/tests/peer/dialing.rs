//! Dialers: they come back, they wait, they say what they do.

use std::sync::Arc;

use tokio::net::TcpListener;
use xln_net::peer::{DialError, DialState, PeerEnd, PeerLimits, PeerRefusal};

use crate::keys::Keys;
use crate::node::{Node, SOMEBODY, connected, roomy};
use crate::soon;

/// PRD 6.5: a dialer finds a node again that went away and came back at the same place.
#[tokio::test]
async fn a_dialer_reconnects_after_the_listener_restarts() {
    let (one, other, mut dialer) = connected(roomy(), roomy()).await;
    let (keys, address) = (Arc::clone(&other.keys), other.address);
    other.peers.stop().await;
    assert_eq!(one.end(1).await, PeerEnd::CutByPeer(PeerRefusal::Stopping));
    let refused = |status: &xln_net::peer::DialStatus| matches!(status.last_error, Some(DialError::Connect(_)));
    let status = soon("a refused connection", dialer.wait_for(refused)).await.expect("a dialer");
    assert_eq!(status.last_end, Some(PeerEnd::CutByPeer(PeerRefusal::Stopping)));
    assert_ne!(status.failures, 0);

    let again = Node::start_at(keys, roomy(), address).await;
    again.session(1).await;
    let (session, outbox) = one.session(2).await;
    outbox.send(1, SOMEBODY, b"back").expect("a session");
    again.received(1).await;
    let status = dialer.status();
    assert_eq!((status.state, status.failures, status.last_error), (DialState::Connected { session }, 0, None));
}

/// PRD 6.5: a connection that is there and says nothing doesn't hold a dialer up.
#[tokio::test]
async fn a_dialer_gives_up_on_a_listener_that_says_nothing() {
    let node = Node::start(Keys::new(1), PeerLimits { handshake_timeout_ms: 100, ..roomy() }).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let mut dialer = node.dial(listener.local_addr().expect("an address"), None);
    let timed_out = |status: &xln_net::peer::DialStatus| status.last_error == Some(DialError::Timeout);
    soon("a time-out", dialer.wait_for(timed_out)).await.expect("a dialer");
    let waits = |status: &xln_net::peer::DialStatus| matches!(status.state, DialState::Waiting { .. });
    soon("a wait", dialer.wait_for(waits)).await.expect("a dialer");
    let again = |status: &xln_net::peer::DialStatus| 2 <= status.failures;
    soon("another attempt", dialer.wait_for(again)).await.expect("a dialer");
}

/// PRD 6.5: dropping a dialer ends its session, politely, and its attempts.
#[tokio::test]
async fn a_dropped_dialer_dials_no_more() {
    let (one, other, dialer) = connected(roomy(), roomy()).await;
    one.session(1).await.1.send(1, SOMEBODY, b"last words").expect("a session");
    drop(dialer);
    assert_eq!(one.end(1).await, PeerEnd::Cut(PeerRefusal::Stopping));
    assert_eq!(other.end(1).await, PeerEnd::CutByPeer(PeerRefusal::Stopping));
    assert_eq!(other.received(1).await[0].payload.0, b"last words");
    assert_eq!(one.peers.list(), []);
}
