//! One session with each peer: which stays, and in what order the sinks hear of it.

use xln_net::peer::{OutboxError, PeerEnd, PeerRefusal, Role, SessionId};

use crate::keys::Keys;
use crate::node::{Heard, Node, SOMEBODY, connected, messages, roomy};
use crate::rogue::Rogue;
use crate::{asked, soon};

/// The role of the one session a node has, if it has one.
fn role(node: &Node) -> Option<Role> {
    node.peers.list().first().map(|status| status.session.role)
}

/// PRD 6.5: when both dial, the session that the smaller id dialed stays, at both ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_dialing_yields_one_session() {
    for _ in 0..10 {
        let (small, large) = Keys::pair();
        let (small, large) = (Node::start(small, roomy()).await, Node::start(large, roomy()).await);
        let _dialers = (small.dial(large.address, Some(large.id())), large.dial(small.address, None));
        let stays = || role(&small) == Some(Role::Dialer) && role(&large) == Some(Role::Listener);
        asked("the session that stays", stays).await;
        // It works, and no other takes its place.
        let last = |node: &Node| node.peers.list()[0].session.id.0;
        let (_, outbox) = small.session(last(&small)).await;
        outbox.send(1, SOMEBODY, b"still here").expect("a session");
        large.received(1).await;
        one_at_a_time(&small.heard());
        one_at_a_time(&large.heard());
        assert_eq!((role(&small), role(&large)), (Some(Role::Dialer), Some(Role::Listener)));
    }
}

/// Sessions with one peer never overlap, and messages come only within theirs.
fn one_at_a_time(heard: &[Heard]) {
    let mut open: Option<SessionId> = None;
    for heard in heard {
        match heard {
            Heard::Connected(session, _) => assert_eq!(open.replace(session.id), None, "one before it is open"),
            Heard::Received(session, _) => assert_eq!(open, Some(*session)),
            Heard::Disconnected(session, _) => assert_eq!(open.take(), Some(session.id)),
        }
    }
}

/// PRD 6.5: a newer session from the same side takes the older one's place, once that one is over; a copy of an older hello doesn't.
#[tokio::test]
async fn a_newer_session_replaces_the_older() {
    let (node, keys) = (Node::start(Keys::new(1), roomy()).await, Keys::new(2));
    let mut old = Rogue::dial(&node).await;
    old.hello(old.signed(&keys, Role::Dialer, &[1], 10)).await;
    old.hear_hello().await;
    let (_, old_outbox) = node.session(1).await;
    let mut new = Rogue::dial(&node).await;
    new.hello(new.signed(&keys, Role::Dialer, &[1], 11)).await;
    assert_eq!(new.hear_hello().await.serial, 11);
    assert_eq!(old.closed().await, Some(PeerRefusal::Replaced));
    node.session(2).await;
    assert_eq!(node.end(1).await, PeerEnd::Cut(PeerRefusal::Replaced));
    assert_eq!(old_outbox.send(1, SOMEBODY, &[]), Err(OutboxError::Gone));
    for serial in [10, 11] {
        let mut late = Rogue::dial(&node).await;
        late.hello(late.signed(&keys, Role::Dialer, &[1], serial)).await;
        late.hear_hello().await;
        assert_eq!(late.closed().await, Some(PeerRefusal::Replaced));
    }
    one_at_a_time(&node.heard());
    assert_eq!(node.peers.list()[0].session.id, SessionId(2));
}

/// PRD 6.5: a stop writes what was queued before, tells the peer, and returns when all is done.
#[tokio::test]
async fn a_stop_flushes_what_was_queued() {
    const MESSAGES: usize = 100;
    let (one, other, mut dialer) = connected(roomy(), roomy()).await;
    let (_, outbox) = one.session(1).await;
    for number in 0..MESSAGES {
        outbox.send(1, SOMEBODY, &vec![u8::try_from(number).expect("a byte"); 50_000]).expect("room");
    }
    soon("the stop", one.peers.stop()).await;
    assert_eq!(outbox.send(1, SOMEBODY, &[]), Err(OutboxError::Gone));
    assert_eq!(one.end(1).await, PeerEnd::Cut(PeerRefusal::Stopping));
    assert_eq!(other.end(1).await, PeerEnd::CutByPeer(PeerRefusal::Stopping));
    assert_eq!(messages(&other.heard()).len(), MESSAGES);
    soon("the dialer's stop", dialer.wait_for(|status| status.state == xln_net::peer::DialState::Stopped)).await;
    assert!(tokio::net::TcpStream::connect(one.address).await.is_err(), "nobody listens any more");
}

/// PRD 6.5: a stop doesn't wait for who doesn't read.
#[tokio::test]
async fn a_stop_waits_no_longer_than_its_bound() {
    let limits = xln_net::peer::PeerLimits { drain_timeout_ms: 200, close_timeout_ms: 200, ..roomy() };
    let node = Node::start(Keys::new(1), limits).await;
    let _rogue = Rogue::join(&node, &Keys::new(2)).await;
    let (_, outbox) = node.session(1).await;
    for _ in 0..75 {
        outbox.send(1, SOMEBODY, &vec![0; 200_000]).expect("room");
    }
    soon("the stop", node.peers.stop()).await;
    assert_eq!(node.end(1).await, PeerEnd::Cut(PeerRefusal::Stopping));
}

/// PRD 6.5: the node can end a session itself, and the peer hears the reason.
#[tokio::test]
async fn a_cut_says_why() {
    let node = Node::start(Keys::new(1), roomy()).await;
    let mut rogue = Rogue::join(&node, &Keys::new(2)).await;
    let (session, _) = node.session(1).await;
    node.peers.cut(session.id, &PeerRefusal::NotWelcome);
    assert_eq!(rogue.closed().await, Some(PeerRefusal::NotWelcome));
    assert_eq!(node.end(1).await, PeerEnd::Cut(PeerRefusal::NotWelcome));
    assert_eq!(node.peers.list(), []);
}
