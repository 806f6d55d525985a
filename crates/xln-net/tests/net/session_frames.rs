//! Frames: fragments, control frames between them, and all that breaks the protocol.

use std::future::Future;

use proptest::prelude::*;
use xln_net::{Ended, SessionLimits};

use crate::hub::{Hub, roomy};
use crate::peer::{BINARY, CLOSE, CONTINUATION, FIN, Frame, PING, PONG, Peer, TEXT, frame};

/// PRD 4.6.1: a message in fragments is one request; a ping between them is answered at once.
#[tokio::test]
async fn a_ping_between_fragments_is_answered() {
    let hub = Hub::start(roomy()).await;
    let mut peer = Peer::join(&hub).await;
    // The cut goes through a letter: only the whole must be UTF-8.
    let (first, last) = "grüße".as_bytes().split_at(3);
    peer.raw(&frame(TEXT, first)).await;
    peer.raw(&frame(FIN | PING, b"there?")).await;
    assert_eq!(peer.frame().await, Frame::Pong(b"there?".to_vec()));
    assert_eq!(hub.world.look(|seen| seen.submitted), 0);
    peer.raw(&frame(CONTINUATION, b"")).await;
    peer.raw(&frame(FIN | CONTINUATION, last)).await;
    peer.heard("grüße").await;
}

/// PRD 4.6.1: text that isn't UTF-8 closes with 1007, in one frame or in fragments; in binary, all bytes are welcome.
#[tokio::test]
async fn text_that_is_not_utf8_closes_with_1007() {
    let fragments = [frame(TEXT, b"\xc3"), frame(FIN | CONTINUATION, b"\x28")].concat();
    for bytes in [frame(FIN | TEXT, b"\xff"), frame(FIN | TEXT, b"cut \xe2\x82"), fragments] {
        let mut hub = Hub::start(roomy()).await;
        let mut peer = Peer::join(&hub).await;
        peer.raw(&frame(FIN | BINARY, b"\xff\xc3")).await;
        assert_eq!(peer.frame().await, Frame::Binary(b"\xc3\xff".to_vec()));
        peer.raw(&bytes).await;
        peer.closed(1007).await;
        assert_eq!(hub.ended().await, Ended::NotUtf8);
    }
}

/// PRD 4.6.1: a frame that breaks the protocol closes with 1002.
#[tokio::test]
async fn a_malformed_frame_closes_with_1002() {
    for (what, bytes) in [
        ("a reserved data opcode", frame(FIN | 3, b"")),
        ("a reserved control opcode", frame(FIN | 0xb, b"")),
        ("a reserved bit", frame(FIN | 0x40 | TEXT, b"a")),
        ("no mask", vec![FIN | TEXT, 1, b'a']),
        ("a ping in fragments", frame(PING, b"a")),
        ("a close in fragments", frame(CLOSE, b"")),
        ("a ping too long", frame(FIN | PING, &[0; 126])),
        ("a continuation of nothing", frame(FIN | CONTINUATION, b"a")),
        ("a message within a message", [frame(TEXT, b"a"), frame(FIN | TEXT, b"b")].concat()),
        ("half a close code", frame(FIN | CLOSE, b"\x03")),
    ] {
        let mut hub = Hub::start(roomy()).await;
        let mut peer = Peer::join(&hub).await;
        peer.echo(what).await;
        peer.raw(&bytes).await;
        peer.closed(1002).await;
        assert_eq!(hub.ended().await, Ended::Malformed, "{what}");
        assert_eq!(hub.world.look(|seen| (seen.submitted, seen.sessions)), (1, 0), "{what}");
    }
}

/// PRD 4.6.1: what was asked before the fault is still answered; what comes after is not looked at.
#[tokio::test]
async fn requests_before_a_fault_are_answered() {
    let mut hub = Hub::start(roomy()).await;
    let mut peer = Peer::join(&hub).await;
    let burst = [frame(FIN | TEXT, b"wait a"), frame(FIN | 3, b""), frame(FIN | TEXT, b"late")].concat();
    peer.raw(&burst).await;
    hub.world.until("the request", |seen| seen.submitted == 1).await;
    hub.world.release("a");
    peer.heard("wait a").await;
    peer.closed(1002).await;
    assert_eq!(hub.ended().await, Ended::Malformed);
    assert_eq!(hub.world.look(|seen| seen.submitted), 1);
}

/// PRD 4.6.1: a pong that nobody asked for is no fault.
#[tokio::test]
async fn a_stray_pong_is_ignored() {
    let hub = Hub::start(roomy()).await;
    let mut peer = Peer::join(&hub).await;
    peer.raw(&frame(FIN | PONG, b"why not")).await;
    peer.echo("on").await;
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// PRD 4.6.1: however a message is cut and however its bytes trickle in, it is one request.
    #[test]
    fn fragments_make_a_whole(text in "\\PC{0,300}", cuts in prop::collection::vec(0..400usize, 0..6), piece in 1..64usize) {
        block_on(async {
            let hub = Hub::start(roomy()).await;
            let mut peer = Peer::join(&hub).await;
            let mut cuts = cuts.into_iter().map(|cut| cut.min(text.len())).chain([text.len()]).collect::<Vec<_>>();
            cuts.sort_unstable();
            let (mut bytes, mut from) = (Vec::new(), 0);
            for (index, &cut) in cuts.iter().enumerate() {
                let fin = if index + 1 == cuts.len() { FIN } else { 0 };
                let opcode = if index == 0 { TEXT } else { CONTINUATION };
                bytes.extend(frame(fin | opcode, &text.as_bytes()[from..cut]));
                from = cut;
            }
            for piece in bytes.chunks(piece) {
                peer.raw(piece).await;
            }
            peer.heard(&text).await;
        });
    }

    /// PRD 4.6.1: no bytes do worse than end their own session.
    #[test]
    fn nonsense_ends_its_own_session_only(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        block_on(async {
            let mut hub = Hub::start(SessionLimits { write_timeout_ms: 100, ..roomy() }).await;
            let mut honest = Peer::join(&hub).await;
            let mut peer = Peer::join(&hub).await;
            peer.raw(&bytes).await;
            drop(peer);
            let ended = hub.ended().await;
            assert!(!matches!(ended, Ended::Idle | Ended::Blocked | Ended::Expired | Ended::Stopped), "{ended:?}");
            honest.echo("still served").await;
        });
    }
}
