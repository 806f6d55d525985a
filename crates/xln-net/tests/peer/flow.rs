//! Floods, slow readers, silence: each costs its own session only.

use std::cell::Cell;

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{Frame, FrameHeader};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use xln_net::peer::{Allowance, OutboxError, PeerEnd, PeerLimits, PeerRefusal};

use crate::keys::Keys;
use crate::node::{Heard, Node, SOMEBODY, connected, messages, roomy};
use crate::rogue::Rogue;
use crate::{asked, soon};

/// Floods a node from a peer of its own until it is cut off; meanwhile another pair's messages go to and fro.
async fn flood(limits: PeerLimits, mut send: impl AsyncFnMut(&mut Rogue) -> bool) {
    let (node, other, _dialer) = connected(limits, roomy()).await;
    let mut rogue = Rogue::join(&node, &Keys::new(3)).await;
    let of_the_flood = |slowed| {
        let sessions = node.peers.list();
        sessions.iter().any(|status| status.session.id.0 == 2 && slowed <= status.slowed)
    };
    let was_slowed = Cell::new(false);
    let slowed = asked("a pause", || {
        was_slowed.set(of_the_flood(1));
        was_slowed.get() || !of_the_flood(0)
    });
    let flood = async {
        while send(&mut rogue).await {}
        node.end(2).await
    };
    let talk = async {
        let (from, to) = (other.session(1).await.1, node.session(1).await.1);
        for number in 1..=50 {
            from.send(1, SOMEBODY, &[1]).expect("room");
            node.until("a message past the flood", |heard| {
                let theirs = messages(heard).into_iter().filter(|message| message.sender == other.id().address());
                Some(()).filter(|()| theirs.count() == number)
            })
            .await;
            to.send(1, SOMEBODY, &[1]).expect("room");
            other.received(number).await;
        }
    };
    let ((), end, ()) = tokio::join!(slowed, soon("the end of the flood", flood), talk);
    assert!(was_slowed.get(), "cut without having been slowed");
    assert_eq!(end, PeerEnd::Cut(PeerRefusal::Flood));
    assert_eq!(node.peers.list().len(), 1, "the other session stays");
}

/// NFR-5.3: a peer that sends too many messages is slowed, then cut off, and nobody else notices.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_messages_is_slowed_then_cut() {
    let messages = Allowance { per_s: 1_000, burst: 200 };
    flood(PeerLimits { messages, flood_ms_max: 500, ..roomy() }, async |rogue| {
        let bundle: Vec<_> = (0..20).map(|_| rogue.message(vec![1])).collect();
        let bytes = Bytes::from(xln_types::peer::write(&bundle));
        rogue.socket.send(Message::Binary(bytes)).await.is_ok()
    })
    .await;
}

/// NFR-5.3: nor does it help to send pings, which are no messages of the protocol.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_pings_is_slowed_then_cut() {
    let messages = Allowance { per_s: 1_000, burst: 200 };
    flood(PeerLimits { messages, flood_ms_max: 500, ..roomy() }, async |rogue| {
        rogue.socket.send(Message::Ping(Bytes::new())).await.is_ok()
    })
    .await;
}

/// NFR-5.3: or bytes that never become a message: an endless row of empty fragments.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_bytes_is_slowed_then_cut() {
    let bytes = Allowance { per_s: 200_000, burst: 50_000 };
    let mut opcode = Data::Binary;
    flood(PeerLimits { bytes, flood_ms_max: 500, ..roomy() }, async |rogue| {
        let kind = std::mem::replace(&mut opcode, Data::Continue);
        let header = FrameHeader { is_final: false, opcode: OpCode::Data(kind), ..FrameHeader::default() };
        let frame = Message::Frame(Frame::from_payload(header, Bytes::new()));
        rogue.socket.send(frame).await.is_ok()
    })
    .await;
}

/// NFR-5.3: a peer that doesn't read is cut once its outbox is full; sending to it never waits.
#[tokio::test]
async fn a_peer_that_reads_too_slowly_is_cut() {
    let (one, other, _dialer) = connected(PeerLimits { outbox_bytes_max: 4 << 20, ..roomy() }, roomy()).await;
    other.room(false);
    let (_, outbox) = one.session(1).await;
    let full = loop {
        match outbox.send(1, SOMEBODY, &vec![0; 100_000]) {
            Ok(()) => tokio::task::yield_now().await,
            Err(full) => break full,
        }
    };
    assert_eq!(full, OutboxError::Full { bytes_max: 4 << 20 });
    assert_eq!(one.end(1).await, PeerEnd::Cut(PeerRefusal::Slow));
    assert_eq!(outbox.send(1, SOMEBODY, &[]), Err(OutboxError::Gone));
    assert_eq!(outbox.queued_bytes(), 0, "what it held is let go");
}

/// NFR-5.3: and one that reads nothing at all is found out by the first write that gets stuck.
#[tokio::test]
async fn a_peer_that_reads_nothing_is_cut() {
    let limits = PeerLimits { write_timeout_ms: 300, outbox_bytes_max: 64 << 20, ..roomy() };
    let node = Node::start(Keys::new(1), limits).await;
    let _rogue = Rogue::join(&node, &Keys::new(2)).await;
    let (_, outbox) = node.session(1).await;
    for _ in 0..160 {
        outbox.send(1, SOMEBODY, &vec![0; 200_000]).expect("room");
    }
    assert_eq!(node.end(1).await, PeerEnd::Cut(PeerRefusal::Slow));
}

/// NFR-5.3: while the node is behind, its peer's messages wait in the peer; all of them arrive in the end.
#[tokio::test]
async fn a_node_that_is_behind_reads_no_more() {
    const MESSAGES: usize = 300;
    let (one, other, _dialer) = connected(PeerLimits { outbox_bytes_max: 64 << 20, ..roomy() }, roomy()).await;
    other.room(false);
    let (_, outbox) = one.session(1).await;
    for _ in 0..MESSAGES {
        outbox.send(1, SOMEBODY, &vec![0; 100_000]).expect("room");
        tokio::task::yield_now().await;
    }
    other.received(1).await;
    let bundles = other.heard().iter().filter(|heard| matches!(heard, Heard::Received(..))).count();
    assert_eq!(bundles, 1, "one, whose reader waits");
    assert_ne!(outbox.queued_bytes(), 0);
    other.room(true);
    let received = other.received(MESSAGES).await;
    assert!((1..).zip(&received).all(|(id, message)| message.id == id));
}

/// PRD 4.6: silence ends a session; a side that is alive says so, and hears the answer.
#[tokio::test]
async fn a_silent_peer_is_gone() {
    let limits = PeerLimits { heartbeat_ms: 50, idle_timeout_ms: 400, ..roomy() };
    let (node, keys) = (Node::start(Keys::new(1), limits).await, Keys::new(2));
    let mut rogue = Rogue::join(&node, &keys).await;
    // While it reads it answers pings, which is enough.
    for _ in 0..16 {
        let frame = soon("a heart-beat", rogue.socket.next()).await;
        assert!(matches!(frame, Some(Ok(Message::Ping(_)))), "{frame:?}");
    }
    assert!(node.heard().len() == 1, "{:?}", node.heard());
    // From here on it does nothing, like a host that lost its power.
    assert_eq!(node.end(1).await, PeerEnd::Cut(PeerRefusal::Idle));
    assert_eq!(rogue.closed().await, Some(PeerRefusal::Idle));
}

/// PRD 4.6: two nodes with nothing to say keep their session by heart-beats.
#[tokio::test]
async fn heartbeats_keep_a_quiet_session() {
    let limits = PeerLimits { heartbeat_ms: 20, idle_timeout_ms: 1_000, ..roomy() };
    let (one, other, _dialer) = connected(limits.clone(), limits).await;
    let many = |node: &Node| node.peers.list().first().is_none_or(|status| 150 < status.messages_in);
    asked("many heart-beats", || many(&one) && many(&other)).await;
    assert_eq!((one.heard().len(), other.heard().len()), (1, 1), "{:?}", one.heard());
}

/// PRD 4.6: a large bundle on a slow line isn't silence: every byte counts.
#[tokio::test]
async fn a_bundle_that_takes_long_is_no_silence() {
    let bytes = Allowance { per_s: 200_000, burst: 1 };
    let limits = PeerLimits { bytes, idle_timeout_ms: 500, flood_ms_max: 60_000, ..roomy() };
    let (node, keys) = (Node::start(Keys::new(1), limits).await, Keys::new(2));
    let mut rogue = Rogue::join(&node, &keys).await;
    let bundle = vec![rogue.message(vec![1; 250_000])];
    rogue.bundle(&bundle).await;
    assert_eq!(node.received(1).await, bundle);
}
