//! Requests as such: repeats, bounds, verbs, headers, a hub that can't.

use crate::client::{ALICE, BOB, Hub, pair, toward};
use serde_json::json;
use xln_api::limits::{Rate, Rates};
use xln_net::TopicLimits;

#[tokio::test]
async fn a_repeated_key_gets_the_first_answer() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    let (a, b, channel) = pair(&alice, &bob, "100").await;
    let pay = |amount: &str| json!({ "direction": toward(&a, &b), "asset": "ETH", "amount": amount }).to_string();
    let send = async |token: &str, key: &str, path: &str, body: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", key)];
        let answer = hub.http("POST", &format!("/api/v1{path}"), &headers, body).await;
        (answer.status, answer.json())
    };
    let path = format!("/channels/{channel}/pay");
    let first = send(&alice.token, "k1", &path, &pay("5")).await;
    assert_eq!(first.0, 200);
    let sequence = hub.node.sequence();
    assert_eq!(send(&alice.token, "k1", &path, &pay("5")).await, first);
    let (status, other) = send(&alice.token, "k1", &path, &pay("6")).await;
    assert_eq!(
        (status, &other["error"]["code"], &other["error"]["details"]["reason"]),
        (409, &json!(4009), &json!("request_id_reused"))
    );
    assert_eq!(send(&alice.token, "k1", "/signers", "{}").await.0, 409, "another method");
    assert_eq!(hub.node.sequence(), sequence, "executed once");
    assert_eq!(send(&bob.token, "k1", "/signers", "{}").await.0, 200, "keys are an account's own");
    // A refusal is an answer too; an overload isn't.
    let refused = send(&alice.token, "k2", &path, &pay("1000")).await;
    assert_eq!(refused.0, 409);
    assert_eq!(send(&alice.token, "k2", &path, &pay("1000")).await, refused);
    hub.node.set_full(true);
    assert_eq!(send(&alice.token, "k3", &path, &pay("1")).await.0, 503);
    hub.node.set_full(false);
    assert_eq!(send(&alice.token, "k3", &path, &pay("1")).await.0, 200);
    assert_eq!(send(&alice.token, &"k".repeat(129), &path, &pay("1")).await.0, 413);
    hub.node.advance_s(24 * 3600 + 1);
    let alice = hub.login(ALICE).await;
    assert_ne!(send(&alice.token, "k1", &path, &pay("5")).await, first, "a day later it is new");
}

#[tokio::test]
async fn at_once_the_same_key_executes_once() {
    let hub = Hub::start().await;
    let alice = hub.login(ALICE).await;
    let bearer = format!("Bearer {}", alice.token);
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "once")];
    let all = futures_util::future::join_all((0..8).map(|_| hub.http("POST", "/api/v1/signers", &headers, "{}"))).await;
    assert!(all.iter().all(|answer| answer.status == 200 && answer.text == all[0].text));
    assert_eq!(alice.get("/signers").await["pagination"]["total"], 1);
}

/// Creations of one signer at once take distinct salts (N-5).
#[tokio::test]
async fn entities_of_one_signer_at_once_all_come_to_be() {
    let hub = Hub::start().await;
    let alice = hub.login(ALICE).await;
    let signer = alice.post("/signers", json!({})).await["signerId"].clone();
    let new = json!({ "signerId": signer, "type": "single" });
    let made = futures_util::future::join_all((0..8).map(|_| alice.post("/entities", new.clone()))).await;
    let distinct: std::collections::BTreeSet<_> = made.iter().map(|made| made["entityId"].to_string()).collect();
    assert_eq!(distinct.len(), 8);
}

#[tokio::test]
async fn wrong_paths_and_verbs_have_the_same_shape() {
    let hub = Hub::start().await;
    let alice = hub.login(ALICE).await;
    let answer = hub.http("GET", "/api/v1/nothing", &[], "").await;
    assert_eq!((answer.status, answer.json()["error"]["code"].clone()), (404, json!(4004)));
    let answer = hub.http("DELETE", "/api/v1/entities", &[], "").await;
    assert_eq!((answer.status, answer.json()["error"]["code"].clone()), (405, json!(4000)));
    let answer = hub.http("GET", "/v1/ws", &[], "").await;
    assert_eq!((answer.status, answer.json()["error"]["details"]["reason"].clone()), (400, json!("not_a_websocket")));
    let (code, details) = alice.refused("GET", "/audit", json!({})).await;
    assert_eq!((code, &details["reason"]), (4010, &json!("not_available")));
    assert_eq!(alice.send("POST", "/apikeys", "{}").await.status, 501);
    let answer = hub.http("OPTIONS", "/api/v1/entities", &[("origin", "http://x")], "").await;
    assert_eq!(answer.status, 204);
    assert!(answer.head.contains("access-control-allow-origin: *"));
    assert!(answer.head.contains("access-control-allow-headers: authorization"));
    assert!(!answer.head.contains("allow-credentials"));
}

#[tokio::test]
async fn too_much_is_refused_and_says_when_to_come_back() {
    let tight = Rate { per_s: 1, burst: 3 };
    let rates = Rates { account: tight, ..Rates::default() };
    let change = |options: xln_api::ApiOptions| xln_api::ApiOptions { rates, ..options };
    let hub = Hub::start_with(change, TopicLimits::default()).await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    for _ in 0..3 {
        alice.get("/assets").await;
    }
    let answer = alice.send("GET", "/assets", "").await;
    assert_eq!((answer.status, answer.json()["error"]["code"].clone()), (429, json!(4029)));
    assert!(answer.head.contains("retry-after: 1"), "{}", answer.head);
    bob.get("/assets").await;
    hub.node.advance_s(1);
    alice.get("/assets").await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_4013() {
    let hub = Hub::start().await;
    let alice = hub.login(ALICE).await;
    let body = format!("{{\"metadata\":{{\"a\":\"{}\"}}}}", "x".repeat(1 << 20));
    let answer = alice.send("POST", "/signers", &body).await;
    assert_eq!((answer.status, answer.json()["error"]["code"].clone()), (413, json!(4013)));
    let body = json!({ "metadata": { "a": "x".repeat(4096) } });
    let (code, details) = alice.refused("POST", "/signers", body).await;
    assert_eq!((code, &details["expected"]), (4013, &json!(4096)));
    assert_eq!(alice.get("/signers").await["pagination"]["total"], 0);
}

#[tokio::test]
async fn a_hub_that_cannot_says_so() {
    let hub = Hub::start().await;
    let alice = hub.login(ALICE).await;
    hub.node.set_full(true);
    let answer = alice.send("POST", "/signers", "{}").await;
    assert_eq!((answer.status, answer.json()["error"]["code"].clone()), (503, json!(5004)));
    assert!(answer.head.contains("retry-after: 1"));
    hub.node.set_full(false);
    hub.node.set_failed(true);
    let answer = alice.send("POST", "/signers", "{}").await;
    assert_eq!((answer.status, answer.json()["error"]["code"].clone()), (503, json!(5002)));
    let ready = hub.http("GET", "/readyz", &[], "").await;
    assert_eq!((ready.status, &ready.json()["ok"]), (503, &json!(false)));
    assert_eq!(ready.json()["dependencies"][0]["name"], "log");
    hub.node.set_failed(false);
    assert_eq!(hub.http("GET", "/readyz", &[], "").await.status, 200);
    let metrics = hub.http("GET", "/metrics", &[], "").await.text;
    assert!(metrics.contains("xln_api_requests_total{method=\"signer.create\",code=\"5004\"} 1"), "{metrics}");
}

#[tokio::test]
async fn the_page_lists_every_method_without_the_net() {
    let hub = Hub::start().await;
    let page = hub.http("GET", "/docs", &[], "").await.text;
    for name in ["channel.pay", "tx.submit", "subscribe", "apikey.revoke"] {
        assert!(page.contains(&format!("<code>{name}</code>")), "{name}");
    }
    assert!(!page.contains("http://") && !page.contains("https://"), "no other host is needed");
}
