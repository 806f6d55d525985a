//! Requests and answers: what is submitted when, what is written when.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use proptest::prelude::*;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use xln_net::Ended;

use crate::hub::{Hub, roomy};
use crate::peer::{BINARY, FIN, Frame, Peer, TEXT, frame};
use crate::soon;

/// PRD 4.6.1: requests take effect in the order in which they arrive: the first poll comes before the next frame is looked at.
#[tokio::test]
async fn requests_are_submitted_in_order_of_arrival() {
    let hub = Hub::start(roomy()).await;
    let mut peer = Peer::join(&hub).await;
    let names = (0..600).map(|index| format!("wait {index}")).collect::<Vec<_>>();
    let burst = names.iter().flat_map(|name| frame(FIN | TEXT, name.as_bytes())).collect::<Vec<_>>();
    peer.raw(&burst).await;
    hub.world.until("all requests", |seen| seen.submitted == names.len()).await;
    let expected = names.iter().flat_map(|name| [format!("submitted {name}"), format!("polled {name}")]);
    hub.world.until("all polls", |seen| seen.log.len() == 2 * names.len()).await;
    assert!(hub.world.look(|seen| expected.eq(seen.log.iter().cloned())));
}

/// PRD 4.6.1: no request waits for an earlier, slower one.
#[tokio::test]
async fn answers_are_written_as_they_finish() {
    let hub = Hub::start(roomy()).await;
    let mut peer = Peer::join(&hub).await;
    for name in ["a", "b", "c"] {
        peer.text(&format!("wait {name}")).await;
    }
    peer.echo("at once").await;
    for name in ["c", "a", "b"] {
        hub.world.release(name);
        peer.heard(&format!("wait {name}")).await;
    }
}

/// PRD 4.6.1: what has no answer gets none, and holds no place.
#[tokio::test]
async fn a_request_without_an_answer_is_silent() {
    let hub = Hub::start(xln_net::SessionLimits { inflight_max: 1, ..roomy() }).await;
    let mut peer = Peer::join(&hub).await;
    peer.text("silent").await;
    peer.text("silent").await;
    peer.echo("after").await;
    assert_eq!(hub.world.look(|seen| seen.submitted), 3);
}

/// PRD 4.6.1: a binary frame (a signed transaction) is answered in kind.
#[tokio::test]
async fn binary_is_answered_in_binary() {
    let hub = Hub::start(roomy()).await;
    let mut peer = Peer::join(&hub).await;
    peer.raw(&frame(FIN | BINARY, &[1, 2, 0xff])).await;
    assert_eq!(peer.frame().await, Frame::Binary(vec![0xff, 2, 1]));
    peer.raw(&frame(FIN | BINARY, &[])).await;
    assert_eq!(peer.frame().await, Frame::Binary(Vec::new()));
}

/// PRD 4.6.1: events are pushed in order, between answers, to every session that listens.
#[tokio::test]
async fn events_are_pushed_to_all_in_order() {
    let hub = Hub::start(roomy()).await;
    let (mut one, mut other) = (Peer::join(&hub).await, Peer::join(&hub).await);
    for seq in 1..=40 {
        assert_eq!(hub.publish("block"), seq);
        one.heard(&format!("{seq}: block")).await;
        other.heard(&format!("{seq}: block")).await;
        one.echo("still here").await;
    }
}

/// PRD 4.6.1: a client made of somebody else's library gets along, down to the goodbye.
#[tokio::test]
async fn a_librarys_client_gets_along() {
    let mut hub = Hub::start(roomy()).await;
    let stream = TcpStream::connect(hub.address).await.expect("the hub listens");
    let (mut socket, _) = tokio_tungstenite::client_async("ws://hub/", stream).await.expect("an upgrade");
    for message in [Message::from("héllo"), Message::from("x".repeat(70_000))] {
        socket.send(message.clone()).await.expect("sent");
        assert_eq!(soon("an answer", socket.next()).await.expect("open").expect("a message"), message);
    }
    socket.close(None).await.expect("closed");
    while let Some(Ok(_)) = soon("the end", socket.next()).await {}
    assert_eq!(hub.ended().await, Ended::Closed);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// PRD 4.6.1: whatever is released in whatever order, each request is answered exactly once.
    #[test]
    fn every_request_is_answered_once(order in Just((0..24usize).collect::<Vec<_>>()).prop_shuffle(), inflight_max in 1..30usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let answers = runtime.block_on(async {
            let hub = Hub::start(xln_net::SessionLimits { inflight_max, ..roomy() }).await;
            let mut peer = Peer::join(&hub).await;
            for index in 0..order.len() {
                peer.text(&format!("wait {index}")).await;
            }
            for index in &order {
                hub.world.release(&index.to_string());
            }
            let mut answers = Vec::new();
            for _ in &order {
                answers.push(peer.frame().await);
            }
            answers
        });
        runtime.shutdown_timeout(Duration::ZERO);
        for index in 0..order.len() {
            let answer = Frame::Text(format!("wait {index}"));
            prop_assert_eq!(answers.iter().filter(|other| **other == answer).count(), 1);
        }
    }
}
