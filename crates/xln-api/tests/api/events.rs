//! The WebSocket: requests, pushed events that number densely, resumption, binary frames.

use crate::client::{ALICE, BOB, Client, Hub, Socket, pair, toward};
use crate::double::{CHAIN_ID, signer_of};
use serde_json::{Value, json};
use xln_api::backend::Backend;
use xln_crypto::{derive, verify};
use xln_net::TopicLimits;
use xln_types::board::Member;
use xln_types::codec::{Blob, RlpDecodable, RlpEncodable, decode};
use xln_types::tx::CreateEntity;
use xln_types::{Address, Amount, Body, Transaction, TxHash};

async fn session(hub: &Hub, client: &Client<'_>) -> Socket {
    let mut socket = hub.socket().await;
    let answer = socket.call("authenticate", json!({ "token": client.token })).await;
    assert_eq!(answer["result"]["role"], "user", "{answer}");
    socket
}

#[tokio::test]
async fn only_open_methods_answer_before_a_login() {
    let hub = Hub::start().await;
    let alice = hub.login(ALICE).await;
    let mut socket = hub.socket().await;
    assert_eq!(socket.call("hub.info", json!({})).await["result"]["hubId"], hub.node.hub().to_string());
    assert!(socket.call("ping", json!({})).await["result"]["time"].as_u64() > Some(0));
    for (method, params) in [("entity.list", json!({})), ("subscribe", json!({ "channels": ["block"] }))] {
        let answer = socket.call(method, params).await;
        assert_eq!(
            (&answer["error"]["code"], &answer["error"]["details"]["reason"]),
            (&json!(4001), &json!("token_missing"))
        );
    }
    assert_eq!(socket.call("authenticate", json!({ "token": "x" })).await["error"]["code"], 4001);
    let answer = socket.call("authenticate", json!({ "token": alice.token })).await;
    assert_eq!(answer["result"]["role"], "user");
    assert_eq!(socket.call("entity.list", json!({})).await["result"]["pagination"]["total"], 0);
    let bob = hub.login(BOB).await;
    let answer = socket.call("authenticate", json!({ "token": bob.token })).await;
    assert_eq!(answer["error"]["details"]["reason"], "other_account");
    // An id of any kind comes back as it was; without one, none comes.
    socket.send(r#"{"id":"a b","method":"ping"}"#).await;
    assert_eq!(socket.receive().await["id"], "a b");
    socket.send(r#"{"method":"ping","params":{}}"#).await;
    assert!(socket.receive().await.get("id").is_none());
    assert_eq!(
        hub.http("GET", "/metrics", &[], "").await.text.lines().filter(|line| line == &"xln_api_sessions 1").count(),
        1
    );
}

#[tokio::test]
async fn subscribers_are_told_in_order_and_can_resume() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    let (a, b, channel) = pair(&alice, &bob, "100").await;
    let mut socket = session(&hub, &bob).await;
    let (entity_topic, channel_topic) = (format!("entity:{b}"), format!("channel:{channel}"));
    let answer = socket.call("subscribe", json!({ "channels": [channel_topic, "block"], "from": "now" })).await;
    let next = answer["result"]["topics"][&channel_topic].as_u64().unwrap_or_else(|| panic!("{answer}"));
    let pay = |amount: &str| json!({ "direction": toward(&a, &b), "asset": "ETH", "amount": amount });
    for amount in ["1", "2", "3"] {
        alice.post(&format!("/channels/{channel}/pay"), pay(amount)).await;
    }
    for (place, amount) in (0..).zip(["1", "2", "3"]) {
        let event = socket.event().await;
        assert_eq!((&event["event"], &event["seq"]), (&json!(channel_topic), &json!(next + place)));
        assert_eq!((&event["data"]["type"], &event["data"]["amount"]), (&json!("paid"), &json!(amount)));
        assert_eq!((&event["data"]["symbol"], &event["data"]["from"]), (&json!("ETH"), &json!(a)));
    }
    alice.post(&format!("/channels/{channel}/credit"), json!({ "asset": "ETH", "amount": "9" })).await;
    let event = socket.event().await;
    assert_eq!((&event["data"]["type"], &event["data"]["granted"]), (&json!("credit_set"), &json!("9")));
    hub.node.seal();
    let event = socket.event().await;
    assert_eq!((&event["event"], &event["data"]["number"]), (&json!("block"), &json!("1")));
    let answer = socket.call("ack", json!({ "topic": channel_topic, "seq": next })).await;
    assert_eq!(answer["result"]["seq"], next);
    let answer = socket.call("unsubscribe", json!({ "channels": [channel_topic, entity_topic] })).await;
    assert_eq!(answer["result"]["channels"], json!([channel_topic]));
    drop(socket);
    // A new connection gets what the old one missed, and what comes.
    alice.post(&format!("/channels/{channel}/pay"), pay("4")).await;
    let mut socket = session(&hub, &bob).await;
    let answer = socket.call("resume", json!({ "topics": { channel_topic.clone(): next } })).await;
    assert!(answer.get("error").is_none(), "{answer}");
    alice.post(&format!("/channels/{channel}/pay"), pay("5")).await;
    let mut seen = Vec::new();
    while seen.last() != Some(&json!("5")) {
        let event = socket.event().await;
        assert_eq!(event["seq"], next + 1 + seen.len() as u64);
        seen.push(event["data"]["amount"].clone());
    }
    assert_eq!(seen, [json!("2"), json!("3"), Value::Null, json!("4"), json!("5")]);
}

#[tokio::test]
async fn a_user_subscribes_only_to_its_own() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    let (a, b, channel) = pair(&alice, &bob, "100").await;
    let stranger = hub.login(21).await;
    let pay = json!({ "direction": toward(&a, &b), "asset": "ETH", "amount": "1" });
    let paid = alice.post(&format!("/channels/{channel}/pay"), pay).await;
    let id = paid["paymentId"].as_str().expect("an id");
    let mut socket = session(&hub, &stranger).await;
    for topic in [format!("entity:{a}"), format!("channel:{channel}"), format!("tx:{id}"), format!("payment:{id}")] {
        let answer = socket.call("subscribe", json!({ "channels": [topic] })).await;
        assert_eq!(answer["error"]["code"], 4004, "{topic}");
    }
    let answer = socket.call("subscribe", json!({ "channels": ["market:x"] })).await;
    assert_eq!(
        (&answer["error"]["code"], &answer["error"]["details"]["reason"]),
        (&json!(4100), &json!("unknown_topic"))
    );
    let mut socket = session(&hub, &bob).await;
    let topic = format!("tx:{id}");
    let answer = socket.call("subscribe", json!({ "channels": [topic], "from": 1 })).await;
    assert!(answer.get("error").is_none(), "{answer}");
    assert_eq!(socket.event().await["data"]["type"], "confirmed");
    hub.node.seal();
    let event = socket.event().await;
    assert_eq!(
        (&event["seq"], &event["data"]["type"], &event["data"]["block"]),
        (&json!(2), &json!("sealed"), &json!("1"))
    );
}

#[tokio::test]
async fn what_is_no_longer_kept_is_a_gap() {
    let limits = TopicLimits { kept_per_topic: 2, ..TopicLimits::default() };
    let hub = Hub::start_with(|options| options, limits).await;
    let alice = hub.login(ALICE).await;
    for _ in 0..5 {
        hub.node.seal();
    }
    let mut socket = session(&hub, &alice).await;
    let answer = socket.call("resume", json!({ "topics": { "block": 1 } })).await;
    assert_eq!(answer["error"]["details"]["reason"], "gap", "{answer}");
    assert_eq!(
        (&answer["error"]["details"]["oldest"], &answer["error"]["details"]["topic"]),
        (&json!(4), &json!("block"))
    );
    assert!(socket.call("resume", json!({ "topics": { "block": 3 } })).await.get("result").is_some());
    assert_eq!(socket.event().await["seq"], 4);
}

#[derive(RlpEncodable)]
struct Batch {
    id: Blob,
    method: u64,
    params: Vec<Transaction>,
}

#[derive(RlpEncodable)]
struct Call {
    id: Blob,
    method: u64,
    params: Blob,
}

#[derive(Debug, PartialEq, RlpDecodable)]
struct Outcome {
    hash: TxHash,
    code: u64,
}

#[derive(RlpDecodable)]
struct Outcomes {
    id: Blob,
    results: Vec<Outcome>,
}

#[derive(RlpDecodable)]
struct Text {
    id: Blob,
    text: Blob,
}

#[derive(RlpDecodable)]
struct Failed {
    id: Blob,
    code: u64,
    reason: Blob,
}

const OWN: [u8; 32] = [31; 32];

/// The n-th entity of a self-custody signer, signed by it.
pub(crate) fn founding(hub: &Hub, number: u64) -> (Transaction, TxHash) {
    let signer = signer_of(&OWN);
    let (threshold, members) = (1, vec![Member { signer, weight: 1 }]);
    let body = Body::from(CreateEntity { threshold, members, salt: number, metadata: Blob::default() });
    let mut tx = Transaction {
        kind: body.kind(),
        from: signer.address(),
        to: Address::ZERO,
        nonce: number,
        data: body.to_data(),
        fee: Amount::ZERO,
        timestamp: hub.node.now_ms() / 1000,
        signature: Blob::default(),
    };
    let hash = derive::tx_hash(CHAIN_ID, hub.node.hub(), &tx);
    tx.signature = verify::sign_tx(&hash, &OWN).expect("a key");
    (tx, hash)
}

pub(crate) async fn own_signer(client: &Client<'_>) {
    let (_, key) = xln_crypto::secp::signer_of_secret(&OWN).expect("a key");
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let made = client.post("/signers", json!({ "publicKey": format!("0x{hex}") })).await;
    assert_eq!(made["signerId"], signer_of(&OWN).to_string());
}

#[tokio::test]
async fn many_signed_transactions_go_in_one_binary_frame() {
    let hub = Hub::start().await;
    let alice = hub.login(ALICE).await;
    own_signer(&alice).await;
    let mut socket = session(&hub, &alice).await;
    let signed: Vec<_> = (0..3).map(|number| founding(&hub, number)).collect();
    let mut forged = founding(&hub, 3);
    forged.0.signature.0.truncate(40);
    let params: Vec<_> = signed.iter().chain([&forged]).map(|(tx, _)| tx.clone()).collect();
    let frame = alloy_rlp::encode(Batch { id: Blob(b"b1".to_vec()), method: 104, params });
    let answer: Outcomes = decode(&socket.binary(frame.clone()).await).expect("an answer");
    assert_eq!(answer.id.0, b"b1");
    let codes: Vec<_> = answer.results.iter().map(|outcome| outcome.code).collect();
    assert_eq!(codes, [0, 0, 0, 4100]);
    for ((_, hash), outcome) in signed.iter().zip(&answer.results) {
        assert_eq!(outcome.hash, *hash);
    }
    let sequence = hub.node.sequence();
    let again: Outcomes = decode(&socket.binary(frame).await).expect("an answer");
    assert_eq!(again.results, answer.results, "the first receipts again");
    assert_eq!(hub.node.sequence(), sequence, "executed once");
    let call =
        |method, params: &[u8]| alloy_rlp::encode(Call { id: Blob(vec![7]), method, params: Blob(params.to_vec()) });
    let text: Text = decode(&socket.binary(call(33, b"{\"limit\":2}")).await).expect("an answer");
    let list: Value = serde_json::from_slice(&text.text.0).expect("JSON");
    assert_eq!((text.id.0.as_slice(), &list["pagination"]["total"]), (&[7][..], &json!(3)));
    for (frame, code, reason) in [
        (call(33, b"{\"limit\":0}"), 4100, "out_of_range"),
        (call(9999, b""), 4000, "unknown_method"),
        (vec![0xff; 20], 4000, "malformed_rlp"),
        (vec![], 4000, "malformed_rlp"),
        (vec![0xc2, 0x01, 0x68], 4000, "malformed_rlp"),
        (call(104, b"xx"), 4000, "malformed_rlp"),
    ] {
        let failed: Failed = decode(&socket.binary(frame.clone()).await).expect("an answer");
        assert_eq!((failed.code, failed.reason.0.as_slice()), (code, reason.as_bytes()), "{frame:02x?}");
        assert!(failed.id.0.len() < 2);
    }
    assert!(socket.call("ping", json!({})).await.get("result").is_some(), "still alive");
}
