//! Who is at the other end is proved, over this very session, both ways.

use futures_util::StreamExt;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_tungstenite::tungstenite::Message;
use xln_net::peer::{DialError, DialStatus, PeerDialer, PeerEnd, PeerIdentity, PeerRefusal, Role};
use xln_types::codec::Blob;
use xln_types::peer::PeerHello;

use crate::keys::Keys;
use crate::node::{Node, SOMEBODY, connected, roomy};
use crate::rogue::{Rogue, tls_client, tls_server};
use crate::soon;

/// Waits for an attempt to fail.
async fn failed(dialer: &mut PeerDialer) -> DialError {
    let failed = |status: &DialStatus| status.last_error.is_some();
    let status = soon("a failure", dialer.wait_for(failed)).await.expect("a dialer");
    status.last_error.expect("just seen")
}

/// PRD 6.5, NFR-5.3.1: each knows who the other is, and that it is the dialer or the listener.
#[tokio::test]
async fn both_ends_prove_who_they_are() {
    let (one, other, dialer) = connected(roomy(), roomy()).await;
    let ((ours, _), (theirs, _)) = (one.session(1).await, other.session(1).await);
    assert_eq!((ours.peer, ours.role, ours.version), (other.id(), Role::Dialer, 1));
    assert_eq!((theirs.peer, theirs.role, theirs.version), (one.id(), Role::Listener, 1));
    assert_eq!(ours.address, other.address);
    assert_eq!((one.peers.list().len(), one.peers.list()[0].session), (1, ours));
    assert_eq!(dialer.status().last_error, None);
}

/// NFR-5.3.1: who stands between two nodes, with TLS to each, can pass their hellos on; they prove nothing there.
#[tokio::test]
async fn a_relay_between_two_nodes_is_found_out() {
    let (one, other) = Keys::pair();
    let (one, other) = (Node::start(one, roomy()).await, Node::start(other, roomy()).await);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (between, behind) = (listener.local_addr().expect("an address"), other.address);
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Ok(mut front) = tls_server(tcp, &TLS13).await else { return };
                let mut back = tls_client(behind, &TLS13).await.expect("the node listens");
                let _ = copy_bidirectional(&mut front, &mut back).await;
            });
        }
    });
    let mut dialer = one.dial(between, None);
    assert_eq!(failed(&mut dialer).await, DialError::RefusedByPeer(PeerRefusal::Claim));
    assert!(one.heard().is_empty() && other.heard().is_empty());
}

/// NFR-5.3.1: one's own claim, sent back, proves nothing, under either's serial and in either role.
#[tokio::test]
async fn a_reflected_claim_is_refused() {
    let node = Node::start(Keys::new(1), roomy()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let mut dialer = node.dial(listener.local_addr().expect("an address"), None);
    let (tcp, _) = listener.accept().await.expect("the node dials");
    let mut mirror = Rogue::accept(tcp).await;
    let hello = mirror.hear_hello().await;
    mirror.hello(hello).await;
    assert_eq!(mirror.closed().await, Some(PeerRefusal::Claim));
    assert_eq!(failed(&mut dialer).await, DialError::Refused(PeerRefusal::Claim));
    assert!(node.heard().is_empty());
}

/// NFR-5.3.1: a claim from one session proves nothing in the next.
#[tokio::test]
async fn a_replayed_claim_is_refused() {
    let (one, other) = Keys::pair();
    let (one, other) = (Node::start(one, roomy()).await, Node::start(other, roomy()).await);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let _dialer = one.dial(listener.local_addr().expect("an address"), None);
    let (tcp, _) = listener.accept().await.expect("the node dials");
    let overheard = Rogue::accept(tcp).await.hear_hello().await;
    let mut thief = Rogue::dial(&other).await;
    thief.hello(overheard).await;
    assert_eq!(thief.closed().await, Some(PeerRefusal::Claim));
    assert!(other.heard().is_empty());
}

/// NFR-5.3.1: nor does a claim count whose role, versions or serial aren't what the hello says.
#[tokio::test]
async fn a_claim_covers_the_whole_hello() {
    let (node, keys) = (Node::start(Keys::new(1), roomy()).await, Keys::new(2));
    let change: [fn(&Rogue, &Keys) -> PeerHello; 5] = [
        |rogue, keys| rogue.signed(keys, Role::Listener, &[1], 1),
        |rogue, keys| PeerHello { versions: vec![1, 2], ..rogue.signed(keys, Role::Dialer, &[1], 1) },
        |rogue, keys| PeerHello { serial: 2, ..rogue.signed(keys, Role::Dialer, &[1], 1) },
        |rogue, keys| PeerHello { claim: Blob(vec![0; 97]), ..rogue.signed(keys, Role::Dialer, &[1], 1) },
        |rogue, keys| PeerHello { claim: Blob(vec![]), ..rogue.signed(keys, Role::Dialer, &[1], 1) },
    ];
    for (case, change) in change.into_iter().enumerate() {
        let mut rogue = Rogue::dial(&node).await;
        rogue.hello(change(&rogue, &keys)).await;
        assert_eq!(rogue.closed().await, Some(PeerRefusal::Claim), "case {case}");
    }
    assert!(node.heard().is_empty());
}

/// NFR-5.3.1: a node that reaches itself, through whatever address, has no session.
#[tokio::test]
async fn a_node_has_no_session_with_itself() {
    let node = Node::start(Keys::new(1), roomy()).await;
    let mut dialer = node.dial(node.address, None);
    assert_eq!(failed(&mut dialer).await, DialError::RefusedByPeer(PeerRefusal::Ourselves));
    assert!(node.heard().is_empty());
}

/// NFR-5.3.1: who answers must be who was dialed.
#[tokio::test]
async fn another_than_was_dialed_is_refused() {
    let (one, other) = Keys::pair();
    let (one, other) = (Node::start(one, roomy()).await, Node::start(other, roomy()).await);
    let mut dialer = one.dial(other.address, Some(Keys::new(3).id()));
    assert_eq!(failed(&mut dialer).await, DialError::Refused(PeerRefusal::NotExpected));
    assert_eq!(other.end(1).await, PeerEnd::CutByPeer(PeerRefusal::NotExpected));
    assert!(one.heard().is_empty());
}

/// NFR-5.3.2: TLS 1.3 or nothing, as server and as client.
#[tokio::test]
async fn tls_1_2_is_refused() {
    let node = Node::start(Keys::new(1), roomy()).await;
    let refused = tls_client(node.address, &TLS12).await.expect_err("no TLS 1.2");
    assert!(refused.to_string().contains("ProtocolVersion"), "{refused}");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let mut dialer = node.dial(listener.local_addr().expect("an address"), None);
    let (tcp, _) = listener.accept().await.expect("the node dials");
    assert!(tls_server(tcp, &TLS12).await.is_err());
    assert!(matches!(failed(&mut dialer).await, DialError::Tls(_)));
}

/// PRD 6.5: without a common version there is no session, and each says what it speaks.
#[tokio::test]
async fn no_common_version_is_said() {
    let (node, keys) = (Node::start(Keys::new(1), roomy()).await, Keys::new(2));
    let speaks = PeerRefusal::Version { speaks: vec![1] };
    let mut rogue = Rogue::dial(&node).await;
    rogue.hello(rogue.signed(&keys, Role::Dialer, &[2, 3], 1)).await;
    assert_eq!(rogue.closed().await, Some(speaks.clone()));
    // A later version beside ours does no harm.
    let mut rogue = Rogue::dial(&node).await;
    rogue.hello(rogue.signed(&keys, Role::Dialer, &[1, 2], 1)).await;
    assert_eq!(rogue.hear_hello().await.versions, [1]);
    assert_eq!(node.session(1).await.0.version, 1);

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let mut dialer = node.dial(listener.local_addr().expect("an address"), None);
    let (tcp, _) = listener.accept().await.expect("the node dials");
    let mut rogue = Rogue::accept(tcp).await;
    let serial = rogue.hear_hello().await.serial;
    rogue.hello(rogue.signed(&keys, Role::Listener, &[2], serial)).await;
    assert_eq!(rogue.closed().await, Some(speaks.clone()));
    assert_eq!(failed(&mut dialer).await, DialError::Refused(speaks));
}

/// PRD 6.5: what isn't a hello gets none, and its sender is told.
#[tokio::test]
async fn a_first_frame_that_is_no_hello_is_refused() {
    let node = Node::start(Keys::new(1), roomy()).await;
    for (first, refusal) in [
        (Message::binary(vec![]), PeerRefusal::Hello),
        (Message::binary(vec![0xc0]), PeerRefusal::Hello),
        (Message::binary(vec![0; 5000]), PeerRefusal::Hello),
        (Message::text("hello"), PeerRefusal::TextFrame),
    ] {
        let mut rogue = Rogue::dial(&node).await;
        rogue.send(first).await;
        assert_eq!(rogue.closed().await, Some(refusal));
    }
    // Before it has proved anything, nobody sends more than a handshake takes.
    let mut rogue = Rogue::dial(&node).await;
    rogue.send(Message::binary(vec![0; 900_000])).await;
    while let Some(Ok(_)) = soon("the end", rogue.socket.next()).await {}
    // A browser asks for another path, and a port scan for nothing at all.
    let tls = tls_client(node.address, &TLS13).await.expect("TLS");
    assert!(tokio_tungstenite::client_async("ws://node.test/", tls).await.is_err());
    drop(TcpStream::connect(node.address).await.expect("the node listens"));
    assert!(node.heard().is_empty());
}

/// PRD 6.5: what a peer sends right behind its hello isn't lost.
#[tokio::test]
async fn a_message_right_behind_the_hello_arrives() {
    let (node, keys) = (Node::start(Keys::new(1), roomy()).await, Keys::new(2));
    let mut rogue = Rogue::join(&node, &keys).await;
    let bundle = vec![rogue.message(vec![1]), rogue.message(vec![2])];
    rogue.bundle(&bundle).await;
    assert_eq!(node.received(2).await, bundle);
    let (_, outbox) = node.session(1).await;
    assert_eq!(outbox.send(5, SOMEBODY, &[6]), Ok(()));
    let Some(Ok(Message::Binary(bytes))) = soon("a bundle", rogue.socket.next()).await else { panic!("no bundle") };
    let [message] = xln_types::peer::read_bundle(&bytes).expect("a bundle").try_into().expect("one message");
    assert_eq!((message.id, message.kind, message.sender), (1, 5, node.id().address()));
    assert_eq!((message.recipient, message.payload), (SOMEBODY, Blob(vec![6])));
}
