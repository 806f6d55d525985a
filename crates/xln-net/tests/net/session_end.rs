//! Ends: each has its code, and with each the session's state goes.

use xln_net::{Ended, SessionLimits};

use crate::hub::{Hub, roomy};
use crate::peer::{CLOSE, FIN, Frame, PONG, Peer, TEXT, frame};
use crate::soon;

/// PRD 4.6.1: a silent peer is asked, and kept as long as it answers; then closed with 1001.
#[tokio::test]
async fn a_pong_keeps_a_silent_peer() {
    let mut hub = Hub::start(SessionLimits { idle_timeout_ms: 600, ..roomy() }).await;
    let mut peer = Peer::join(&hub).await;
    for _ in 0..2 {
        assert_eq!(peer.frame().await, Frame::Ping(Vec::new()));
        peer.raw(&frame(FIN | PONG, b"")).await;
    }
    // Any other frame does, too.
    assert_eq!(peer.frame().await, Frame::Ping(Vec::new()));
    peer.echo("here").await;
    assert_eq!(peer.frame().await, Frame::Ping(Vec::new()));
    peer.closed(1001).await;
    assert_eq!(hub.ended().await, Ended::Idle);
}

/// PRD 4.6.1: silence counts only while the hub listens: a peer whose frames it leaves unread is not idle.
#[tokio::test]
async fn a_peer_that_is_not_read_is_not_idle() {
    let mut hub = Hub::start(SessionLimits { idle_timeout_ms: 100, inflight_max: 1, ..roomy() }).await;
    let mut peer = Peer::join(&hub).await;
    peer.text("wait a").await;
    hub.world.until("the request", |seen| seen.submitted == 1).await;
    idle_away(&mut hub).await;
    hub.world.release("a");
    peer.heard("wait a").await;
}

/// PRD 4.6.1: not even when the answer to a ping is what is left unread.
#[tokio::test]
async fn a_pong_that_is_not_read_is_no_silence() {
    let limits = SessionLimits { idle_timeout_ms: 1_000, inflight_bytes_max: 1, ..roomy() };
    let mut hub = Hub::start(limits).await;
    let mut peer = Peer::join(&hub).await;
    let event = "x".repeat(16 << 20);
    assert_eq!(peer.frame().await, Frame::Ping(Vec::new()));
    // The first fills the socket's buffers; the second waits, and with it all reading.
    hub.publish(&event);
    hub.publish(&event);
    tokio::task::yield_now().await;
    peer.raw(&frame(FIN | PONG, b"")).await;
    idle_away(&mut hub).await;
    for seq in 1..=2 {
        assert_eq!(peer.frame().await, Frame::Text(format!("{seq}: {event}")));
    }
    peer.echo("still here").await;
}

/// Waits as long as it takes another peer to be closed for its silence.
async fn idle_away(hub: &mut Hub) {
    let mut clock = Peer::join(hub).await;
    soon("the other's close", async { while clock.frame().await != Frame::Close(1001) {} }).await;
    clock.raw(&frame(FIN | CLOSE, &1001u16.to_be_bytes())).await;
    assert_eq!(hub.ended().await, Ended::Idle);
}

/// PRD 4.6.1: when the right to be here ends while a request is handled, its answer still goes out; then 1008.
#[tokio::test]
async fn an_expired_session_closes_with_1008() {
    let mut hub = Hub::start(roomy()).await;
    let mut peer = Peer::join(&hub).await;
    peer.echo("expire").await;
    peer.closed(1008).await;
    assert_eq!(hub.ended().await, Ended::Expired);
}

/// PRD 4.6.1: the right may also end for a peer that says nothing.
#[tokio::test]
async fn an_event_may_expire_a_session() {
    let mut hub = Hub::start(roomy()).await;
    let peer = Peer::join(&hub).await;
    hub.publish("expire");
    peer.closed(1008).await;
    assert_eq!(hub.ended().await, Ended::Expired);
}

/// PRD 4.6.1: a stop takes nothing new, lets unanswered requests finish, then closes with 1001.
#[tokio::test]
async fn a_stop_lets_requests_finish() {
    let mut hub = Hub::start(roomy()).await;
    let (idle, mut peer) = (Peer::join(&hub).await, Peer::join(&hub).await);
    peer.text("wait a").await;
    hub.world.until("the request", |seen| seen.submitted == 1).await;
    hub.stop.send_replace(true);
    peer.text("late").await;
    idle.closed(1001).await;
    assert_eq!(hub.ended().await, Ended::Stopped);
    hub.world.release("a");
    peer.heard("wait a").await;
    peer.closed(1001).await;
    assert_eq!(hub.ended().await, Ended::Stopped);
    assert_eq!(hub.world.look(|seen| (seen.submitted, seen.sessions)), (1, 0));
}

/// PRD 4.6.1: neither a request that never finishes nor a peer that never says goodbye holds up a stop.
#[tokio::test]
async fn a_stop_waits_for_nobody_without_end() {
    let mut hub = Hub::start(SessionLimits { write_timeout_ms: 100, ..roomy() }).await;
    let mut peer = Peer::join(&hub).await;
    peer.text("wait for ever").await;
    hub.world.until("the request", |seen| seen.submitted == 1).await;
    hub.stop.send_replace(true);
    assert_eq!(peer.frame().await, Frame::Close(1001));
    assert_eq!(hub.ended().await, Ended::Stopped);
    assert_eq!(hub.world.look(|seen| (seen.unfinished, seen.sessions)), (0, 0));
}

/// PRD 4.6.1: a peer's goodbye is answered in kind, and ends what it asked for.
#[tokio::test]
async fn a_goodbye_is_answered() {
    let mut hub = Hub::start(roomy()).await;
    let mut peer = Peer::join(&hub).await;
    peer.text("wait a").await;
    peer.raw(&frame(FIN | CLOSE, &1000u16.to_be_bytes())).await;
    peer.closed(1000).await;
    assert_eq!(hub.ended().await, Ended::Closed);
    assert_eq!(hub.world.look(|seen| (seen.submitted, seen.unfinished, seen.sessions)), (1, 0, 0));
}

/// PRD 4.6.1: a peer that vanishes, wherever in a frame, takes its session and its unfinished requests with it.
#[tokio::test]
async fn a_peer_that_vanishes_is_lost() {
    let whole = frame(FIN | TEXT, b"never said to the end");
    for sent in [0, 1, 2, 6, whole.len() - 1] {
        let mut hub = Hub::start(roomy()).await;
        let mut peer = Peer::join(&hub).await;
        peer.text("wait a").await;
        hub.world.until("the request", |seen| seen.unfinished == 1).await;
        peer.raw(&whole[..sent]).await;
        drop(peer);
        assert_eq!(hub.ended().await, Ended::Lost, "{sent} bytes");
        assert_eq!(hub.world.look(|seen| (seen.submitted, seen.unfinished, seen.sessions)), (1, 0, 0));
    }
}

/// PRD 4.6.1: so does one whose system resets the connection.
#[tokio::test]
async fn a_connection_reset_is_lost() {
    let mut hub = Hub::start(roomy()).await;
    let mut peer = Peer::join(&hub).await;
    peer.echo("here").await;
    // Closing a socket with something unread in it resets the connection.
    hub.publish("unread");
    peer.text("wait a").await;
    hub.world.until("the request", |seen| seen.submitted == 2).await;
    drop(peer);
    assert_eq!(hub.ended().await, Ended::Lost);
    assert_eq!(hub.world.look(|seen| (seen.unfinished, seen.sessions)), (0, 0));
}

/// PRD 4.6.1: a session's subscriptions end with it.
#[tokio::test]
async fn an_ended_session_hears_no_events() {
    let mut hub = Hub::start(roomy()).await;
    let event: crate::hub::Event = "block".into();
    drop(Peer::join(&hub).await);
    assert_eq!(hub.ended().await, Ended::Lost);
    hub.topics.publish(xln_net::Topic::Block, event.clone());
    // The topic's own copy and ours: no mailbox holds one.
    assert_eq!(std::sync::Arc::strong_count(&event), 2);
}
