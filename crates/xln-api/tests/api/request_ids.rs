//! Request ids over both ways in: one store, one first answer; reads and refusals before the core aren't kept.

use crate::client::{ALICE, BOB, Client, Hub, Response, Socket, pair, toward};
use serde_json::{Value, json};

async fn keyed(hub: &Hub, client: &Client<'_>, key: &str, path: &str, body: &str) -> Response {
    let bearer = format!("Bearer {}", client.token);
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", key)];
    hub.http("POST", &format!("/api/v1{path}"), &headers, body).await
}

async fn session(hub: &Hub, client: &Client<'_>) -> Socket {
    let mut socket = hub.socket().await;
    socket.call("authenticate", json!({ "token": client.token })).await;
    socket
}

async fn ask(socket: &mut Socket, id: &Value, method: &str, params: &Value) -> Value {
    socket.send(&json!({ "id": id, "method": method, "params": params }).to_string()).await;
    let mut answer = socket.receive().await;
    assert_eq!(answer["id"], *id);
    answer["result"].take()
}

/// TX-2: a long string id makes a WebSocket request repeatable, as REST's key does, and in the same store.
#[tokio::test]
async fn a_long_string_id_is_a_request_id() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    let (a, b, channel) = pair(&alice, &bob, "100").await;
    let pay = json!({ "channelId": channel, "direction": toward(&a, &b), "asset": "ETH", "amount": "5" });
    let (long, short) = (json!("sixteen-letters!"), json!("fifteen-letters"));
    let mut socket = session(&hub, &alice).await;
    let first = ask(&mut socket, &long, "channel.pay", &pay).await;
    let sequence = hub.node.sequence();
    assert_eq!(ask(&mut socket, &long, "channel.pay", &pay).await, first);
    let spelled = format!(
        " {{ \"params\" : {} , \"method\":\"channel.pay\",\"id\": {long} }}",
        pay.to_string().replace(",\"", " ,\n \"")
    );
    socket.send(&spelled).await;
    assert_eq!(socket.receive().await["result"], first, "blanks and order mean nothing");
    let mut again = session(&hub, &alice).await;
    assert_eq!(ask(&mut again, &long, "channel.pay", &pay).await, first, "by account, not by session");
    let by_rest = json!({ "direction": toward(&a, &b), "asset": "ETH", "amount": "5" }).to_string();
    let answer = keyed(&hub, &alice, "sixteen-letters!", &format!("/channels/{channel}/pay"), &by_rest).await;
    assert_eq!(answer.json(), first, "and by either way in");
    assert_eq!(hub.node.sequence(), sequence, "executed once");
    let mut other = pay.clone();
    other["amount"] = "6".into();
    socket.send(&json!({ "id": long, "method": "channel.pay", "params": other }).to_string()).await;
    let refused = socket.receive().await["error"].clone();
    assert_eq!(
        (&refused["code"], &refused["details"]["reason"], &refused["details"]["field"]),
        (&json!(4009), &json!("request_id_reused"), &json!("id"))
    );
    for id in [short, json!(1_234_567_890_123_456_789_u64), json!({ "sixteen letters": 1 })] {
        let one = ask(&mut socket, &id, "channel.pay", &pay).await;
        assert_ne!(ask(&mut socket, &id, "channel.pay", &pay).await["paymentId"], one["paymentId"], "{id}");
    }
    let mut theirs = session(&hub, &bob).await;
    assert!(ask(&mut theirs, &long, "signer.create", &json!({})).await["signerId"].is_string(), "an account's own");
}

/// A read is asked anew: its first answer is no longer true.
#[tokio::test]
async fn reads_are_never_answered_from_memory() {
    let hub = Hub::start().await;
    let alice = hub.login(ALICE).await;
    let entity = alice.entity().await;
    let key = "a-key-for-reading";
    let status = json!({ "entityId": entity });
    let before = keyed(&hub, &alice, key, "/depositary/status", &status.to_string()).await.json();
    assert_eq!(before["operations"], json!([]));
    hub.node.deposit(entity.parse().expect("an id"), 100);
    let recipient = format!("0x{}", "1".repeat(40));
    let take = json!({ "entityId": entity, "asset": "ETH", "amount": "1", "recipient": recipient });
    alice.post("/depositary/withdraw", take).await;
    let after = keyed(&hub, &alice, key, "/depositary/status", &status.to_string()).await.json();
    assert_eq!(after["operations"].as_array().map(Vec::len), Some(1));
    let mut socket = session(&hub, &alice).await;
    for expected in [1, 2] {
        let list = ask(&mut socket, &json!(key), "entity.list", &json!({})).await;
        assert_eq!(list["pagination"]["total"], expected);
        alice.entity().await;
    }
    assert_eq!(keyed(&hub, &alice, key, "/signers", "{}").await.status, 200, "the key is still free");
}

/// What was refused before the core was asked leaves the id free, to be used right.
#[tokio::test]
async fn a_malformed_request_uses_up_no_id() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    let (a, b, channel) = pair(&alice, &bob, "100").await;
    let path = format!("/channels/{channel}/pay");
    let pay = |amount: &str| json!({ "direction": toward(&a, &b), "asset": "ETH", "amount": amount }).to_string();
    for (body, code) in
        [("{".to_owned(), 4000), ("{}".to_owned(), 4000), (pay("x"), 4100), (pay("5").replace("ETH", "NO"), 4004)]
    {
        assert_eq!(keyed(&hub, &alice, "key", &path, &body).await.json()["error"]["code"], code, "{body}");
    }
    let paid = keyed(&hub, &alice, "key", &path, &pay("5")).await;
    assert_eq!(paid.status, 200, "{}", paid.text);
    assert_eq!(keyed(&hub, &alice, "key", &path, &pay("5")).await.text, paid.text);
    assert_eq!(keyed(&hub, &alice, "key", &path, &pay("x")).await.status, 409, "now it is used");
}

/// A session that ends doesn't end what it asked for: the next one gets the answer.
#[tokio::test]
async fn a_lost_connection_loses_no_answer() {
    let hub = Hub::start().await;
    let alice = hub.login(ALICE).await;
    let id = json!("a-connection-that-breaks");
    let mut socket = session(&hub, &alice).await;
    socket.send(&json!({ "id": id, "method": "signer.create", "params": {} }).to_string()).await;
    drop(socket);
    let mut socket = session(&hub, &alice).await;
    let made = ask(&mut socket, &id, "signer.create", &json!({})).await;
    assert!(made["signerId"].is_string());
    assert_eq!(alice.get("/signers").await["pagination"]["total"], 1);
}
