//! What may come in a session, and what ends it.

use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{Frame, FrameHeader};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use xln_net::peer::{OutboxError, PeerEnd, PeerRefusal};
use xln_types::codec::Blob;
use xln_types::peer::{BUNDLE_BYTES_MAX, BUNDLE_MESSAGES_MAX, MESSAGE_BYTES_MAX, write};
use xln_types::{Address, NetworkMessage};

use crate::keys::Keys;
use crate::node::{Node, SOMEBODY, connected, roomy};
use crate::rogue::Rogue;

/// PRD 6.5: thousands of messages of every size, both ways at once, arrive in order and whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_arrive_in_order_each_once() {
    const MESSAGES: u64 = 3_000;
    let (one, other, _dialer) = connected(roomy(), roomy()).await;
    let payload = |number: u64| {
        vec![u8::try_from(number % 251).expect("small"); usize::try_from(number * 7 % 5_000).expect("small")]
    };
    for (from, to) in [(&one, &other), (&other, &one)] {
        let (_, outbox) = from.session(1).await;
        for number in 1..=MESSAGES {
            let kind = u8::try_from(number % 256).expect("a byte");
            while outbox.queued_bytes() > 8 << 20 {
                tokio::task::yield_now().await;
            }
            outbox.send(kind, SOMEBODY, &payload(number)).expect("room");
        }
        let received = to.received(usize::try_from(MESSAGES).expect("small")).await;
        for (number, message) in (1..).zip(&received) {
            assert_eq!((message.id, u64::from(message.kind)), (number, number % 256));
            assert_eq!(message.payload.0, payload(number), "{number}");
            assert_eq!((message.sender, message.recipient), (from.id().address(), SOMEBODY));
        }
        assert_eq!(received.len(), usize::try_from(MESSAGES).expect("small"));
    }
}

/// PRD 6.5: the largest message that a bundle may carry goes through; a larger one isn't even taken.
#[tokio::test]
async fn the_largest_message_goes_through() {
    let (one, other, _dialer) = connected(roomy(), roomy()).await;
    let (_, outbox) = one.session(1).await;
    let largest = (0..100).find(|less| outbox.send(1, SOMEBODY, &vec![7; MESSAGE_BYTES_MAX - less]).is_ok());
    let [message] = other.received(1).await.try_into().expect("one message");
    assert_eq!(Some(MESSAGE_BYTES_MAX - message.payload.0.len()), largest);
    let over = outbox.send(1, SOMEBODY, &vec![7; MESSAGE_BYTES_MAX]);
    assert!(matches!(over, Err(OutboxError::TooLarge { .. })), "{over:?}");
    outbox.send(1, SOMEBODY, &[8]).expect("the session goes on");
    other.received(2).await;
}

/// What a peer sends instead of a bundle.
type Wrong = fn(&mut Rogue) -> Message;

fn raw(opcode: Data, bytes: Vec<u8>) -> Message {
    let header = FrameHeader { is_final: true, opcode: OpCode::Data(opcode), ..FrameHeader::default() };
    Message::Frame(Frame::from_payload(header, Bytes::from(bytes)))
}

/// PRD 6.5, N-3: whatever isn't a bundle of the next messages in the peer's own name ends the session, and the peer is told why.
#[tokio::test]
async fn a_wrong_frame_ends_the_session_with_its_reason() {
    let cases: &[(&str, PeerRefusal, Wrong)] = &[
        ("text", PeerRefusal::TextFrame, |_| Message::text("pay me")),
        ("text that isn't UTF-8", PeerRefusal::TextFrame, |_| raw(Data::Text, vec![0xff])),
        ("nothing", PeerRefusal::Malformed, |_| Message::binary(vec![])),
        ("an empty list", PeerRefusal::Malformed, |_| Message::binary(vec![0xc0])),
        ("no list", PeerRefusal::Malformed, |_| Message::binary(vec![0x80])),
        ("a length bomb", PeerRefusal::Malformed, |_| Message::binary(vec![0xff; 9])),
        ("a reserved opcode", PeerRefusal::Malformed, |_| raw(Data::Reserved(5), vec![])),
        ("a continuation of nothing", PeerRefusal::Malformed, |_| raw(Data::Continue, vec![1])),
        ("a byte behind the list", PeerRefusal::Malformed, |rogue| {
            Message::binary([write(&vec![rogue.message(vec![1])]), vec![0]].concat())
        }),
        ("a padded integer", PeerRefusal::Malformed, |rogue| {
            let mut bytes = write(&vec![rogue.message(vec![1; 2])]);
            // The id 1 in its long form: one byte more in both lists.
            bytes.splice(2..3, [0x81, 0x01]);
            bytes[0] += 1;
            bytes[1] += 1;
            Message::binary(bytes)
        }),
        ("too many messages", PeerRefusal::Malformed, |rogue| {
            let bundle: Vec<_> = (0..=BUNDLE_MESSAGES_MAX).map(|_| rogue.message(vec![])).collect();
            Message::binary(write(&bundle))
        }),
        ("a message too large", PeerRefusal::TooLarge, |rogue| {
            Message::binary(write(&vec![rogue.message(vec![1; MESSAGE_BYTES_MAX])]))
        }),
        ("a frame too large", PeerRefusal::TooLarge, |_| Message::binary(vec![0; BUNDLE_BYTES_MAX + 1])),
        ("a gap", PeerRefusal::Order, |rogue| {
            rogue.message(vec![]);
            Message::binary(write(&vec![rogue.message(vec![])]))
        }),
        ("a repeat", PeerRefusal::Order, |rogue| {
            let message = rogue.message(vec![]);
            Message::binary(write(&vec![message.clone(), message]))
        }),
        ("another's name", PeerRefusal::Sender, |rogue| {
            Message::binary(write(&vec![NetworkMessage { sender: Address([3; 20]), ..rogue.message(vec![]) }]))
        }),
    ];
    let (node, keys) = (Node::start(Keys::new(1), roomy()).await, Keys::new(2));
    for (number, (case, refusal, wrong)) in (1..).zip(cases) {
        let mut rogue = Rogue::join(&node, &keys).await;
        let good = vec![rogue.message(vec![9])];
        rogue.bundle(&good).await;
        let wrong = wrong(&mut rogue);
        rogue.send(wrong).await;
        assert_eq!(rogue.closed().await.as_ref(), Some(refusal), "{case}");
        assert_eq!(node.end(number).await, PeerEnd::Cut(refusal.clone()), "{case}");
        let received = node.received(usize::try_from(number).expect("small")).await;
        assert!(received.iter().all(|message| message.payload == Blob(vec![9])), "{case}");
        assert_eq!(received.len(), usize::try_from(number).expect("small"), "{case}");
    }
}

/// PRD 6.5: a bundle may come in fragments, with a ping between them.
#[tokio::test]
async fn a_bundle_in_fragments_is_one() {
    let (node, keys) = (Node::start(Keys::new(1), roomy()).await, Keys::new(2));
    let mut rogue = Rogue::join(&node, &keys).await;
    let bundle = vec![rogue.message(vec![1; 300]), rogue.message(vec![])];
    let bytes = write(&bundle);
    for (index, part) in bytes.chunks(100).enumerate() {
        let opcode = OpCode::Data(if index == 0 { Data::Binary } else { Data::Continue });
        let is_final = bytes.len() <= (index + 1) * 100;
        let header = FrameHeader { is_final, opcode, ..FrameHeader::default() };
        rogue.send(Message::Frame(Frame::from_payload(header, Bytes::copy_from_slice(part)))).await;
        rogue.send(Message::Ping(Bytes::new())).await;
    }
    assert_eq!(node.received(2).await, bundle);
}
