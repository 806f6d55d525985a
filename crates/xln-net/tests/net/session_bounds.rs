//! Bounds: what a peer sends or doesn't read costs the hub no more than its limits.

use xln_net::{Ended, SessionLimits};

use crate::hub::{Hub, roomy};
use crate::peer::{BINARY, CONTINUATION, FIN, Frame, Peer, TEXT, frame, head};

/// PRD 4.6.1: a flood waits in the peer's own buffers while as many requests as allowed are unanswered.
#[tokio::test]
async fn requests_under_way_are_bounded_in_number() {
    let hub = Hub::start(SessionLimits { inflight_max: 4, ..roomy() }).await;
    flood(&hub, 4, 500, &format!("wait {}", "x".repeat(100))).await;
}

/// PRD 4.6.1: and in bytes: the one that passes the bound is the last to be read.
#[tokio::test]
async fn requests_under_way_are_bounded_in_bytes() {
    let hub = Hub::start(SessionLimits { inflight_bytes_max: 350_000, ..roomy() }).await;
    flood(&hub, 4, 200, &format!("wait {}", "x".repeat(99_995))).await;
}

/// Sends far more than fits, and lets them finish once no more should be read.
async fn flood(hub: &Hub, unfinished_max: usize, requests: usize, request: &str) {
    let Peer { mut reads, mut writes } = Peer::join(hub).await;
    let send = async {
        for _ in 0..requests {
            writes.text(request).await;
        }
    };
    let receive = async {
        hub.world.until("a full house", |seen| seen.unfinished == unfinished_max).await;
        hub.world.release("*");
        for _ in 0..requests {
            assert_eq!(reads.frame().await, Frame::Text(request.to_owned()));
        }
    };
    tokio::join!(send, receive);
    assert_eq!(hub.world.look(|seen| (seen.unfinished_max, seen.submitted)), (unfinished_max, requests));
}

/// PRD 4.6.1: one request is always let in, however small the bounds.
#[tokio::test]
async fn bounds_of_zero_let_one_request_in_at_a_time() {
    let hub = Hub::start(SessionLimits { inflight_max: 0, inflight_bytes_max: 0, ..roomy() }).await;
    flood(&hub, 1, 20, "wait a").await;
}

/// PRD 4.6.1: a peer that asks and doesn't read is dropped; what it asked for meanwhile was bounded.
#[tokio::test]
async fn a_peer_that_reads_no_answers_is_blocked() {
    let mut hub = Hub::start(SessionLimits { write_timeout_ms: 200, ..roomy() }).await;
    let mut peer = Peer::join(&hub).await;
    for _ in 0..1_000 {
        peer.text("big 1000000").await;
    }
    assert_eq!(hub.ended().await, Ended::Blocked);
    let (submitted, sessions) = hub.world.look(|seen| (seen.submitted, seen.sessions));
    assert!(submitted < 100, "{submitted} MB of answers for one that doesn't read");
    assert_eq!(sessions, 0);
}

/// PRD 4.6.1: nor does one that only listens hold a session without reading.
#[tokio::test]
async fn a_peer_that_reads_no_events_is_blocked() {
    let mut hub = Hub::start(SessionLimits { write_timeout_ms: 200, ..roomy() }).await;
    let _peer = Peer::join(&hub).await;
    hub.publish(&"x".repeat(32 << 20));
    assert_eq!(hub.ended().await, Ended::Blocked);
}

/// PRD 4.6.1: a peer that reads late, but reads, loses nothing.
#[tokio::test]
async fn a_blocked_peer_that_reads_again_goes_on() {
    let hub = Hub::start(roomy()).await;
    let mut peer = Peer::join(&hub).await;
    for _ in 0..40 {
        peer.text("big 1000000").await;
    }
    // The bound on bytes is reached: the socket takes no more.
    hub.world.until("answers that wait", |seen| 6 < seen.submitted).await;
    for _ in 0..40 {
        let Frame::Text(answer) = peer.frame().await else { panic!("no answer") };
        assert_eq!(answer.len(), 1_000_000);
    }
    peer.echo("and on").await;
}

/// PRD 4.6.1: events that overflow the mailbox end the session with a word about it; nothing follows.
#[tokio::test]
async fn a_mailbox_that_overflows_says_so_and_closes() {
    let mut hub = Hub::start(roomy()).await;
    let mut peer = Peer::join(&hub).await;
    // The session has no turn between these: its mailbox has room for 16.
    for _ in 0..17 {
        hub.publish("block");
    }
    peer.heard("lagged").await;
    peer.closed(1013).await;
    assert_eq!(hub.ended().await, Ended::Lagging);
}

/// PRD 4.6.1: a reader too slow gets a gapless beginning, then the word, then the goodbye; publishing never waited for it.
#[tokio::test]
async fn a_lagging_reader_gets_a_gapless_beginning() {
    const EVENTS: u64 = 2_000;
    let mut hub = Hub::start(roomy()).await;
    let mut peer = Peer::join(&hub).await;
    let event = "x".repeat(64 << 10);
    for _ in 0..EVENTS {
        hub.publish(&event);
        tokio::task::yield_now().await;
    }
    let mut last = 0;
    loop {
        let Frame::Text(text) = peer.frame().await else { panic!("no text after {last}") };
        if text == "lagged" {
            break;
        }
        last += 1;
        assert_eq!(text, format!("{last}: {event}"));
    }
    assert!((1..EVENTS).contains(&last), "{last}");
    peer.closed(1013).await;
    assert_eq!(hub.ended().await, Ended::Lagging);
}

/// PRD 4.6.1: a message over the bound is refused with 1009, in one frame, in fragments, or announced only.
#[tokio::test]
async fn a_message_too_large_closes_with_1009() {
    let over = vec![b'x'; 1001];
    let fragments = [frame(TEXT, &over[..600]), frame(FIN | CONTINUATION, &over[600..])].concat();
    let announced = [head(FIN | BINARY, u64::MAX >> 1), vec![0; 4]].concat();
    for bytes in [frame(FIN | TEXT, &over), frame(FIN | BINARY, &over), fragments, announced] {
        let mut hub = Hub::start(SessionLimits { frame_bytes_max: 1000, ..roomy() }).await;
        let mut peer = Peer::join(&hub).await;
        peer.echo(&"x".repeat(1000)).await;
        peer.raw(&bytes).await;
        peer.closed(1009).await;
        assert_eq!(hub.ended().await, Ended::TooLarge);
        assert_eq!(hub.world.look(|seen| seen.submitted), 1);
    }
}
