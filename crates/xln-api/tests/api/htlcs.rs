//! Payments locked by hash in one channel: made, claimed, given back, listed.

use crate::client::{ALICE, AUDITOR, BOB, Hub, OPERATOR, across, pair, toward};
use serde_json::{Value, json};
use xln_crypto::frames::hashlock;
use xln_types::Hash;

const PREIMAGE: Hash = Hash([7; 32]);
const NOW_S: u64 = 1_800_000_000;

fn lock(channel: &str, amount: &str) -> Value {
    let hash = hashlock(&PREIMAGE).to_string();
    json!({ "channelId": channel, "asset": "ETH", "amount": amount, "hashlock": hash, "expiresAt": NOW_S + 600 })
}

fn id(answer: &Value) -> String {
    answer["htlcId"].as_str().unwrap_or_else(|| panic!("no id: {answer}")).to_owned()
}

/// HT-1, HT-2: the receiver claims with the preimage; both sides see what is locked, nobody else.
#[tokio::test]
async fn a_locked_payment_is_claimed_by_its_preimage() {
    let hub = Hub::start().await;
    let (alice, bob, auditor) = (hub.login(ALICE).await, hub.login(BOB).await, hub.login(AUDITOR).await);
    let (a, b, channel) = pair(&alice, &bob, "100").await;
    let mine = toward(&b, &a);
    let made = alice.post("/htlcs", lock(&channel, "30")).await;
    let htlc = format!("{channel}:{mine}:0");
    assert_eq!(
        (&made["htlcId"], &made["status"], &made["channelId"]),
        (&json!(htlc), &json!("completed"), &json!(channel))
    );
    let listed = bob.get("/htlcs").await;
    let shown = json!({ "htlcId": htlc, "channelId": channel, "side": mine, "from": a, "to": b, "status": "locked",
        "asset": crate::double::native().to_string(), "symbol": "ETH", "amount": "30",
        "hashlock": hashlock(&PREIMAGE).to_string(), "expiresAt": NOW_S + 600 });
    assert_eq!(listed["htlcs"], json!([shown]));
    for client in [&alice, &auditor] {
        assert_eq!(client.get(&format!("/htlcs?channel={channel}&entity={b}")).await["htlcs"], listed["htlcs"]);
    }
    let view = alice.get(&format!("/channels/{channel}")).await;
    assert_eq!((&view["htlcs"][mine], &view["assets"]["ETH"]["held"][mine]), (&json!(1), &json!("30")));
    let stranger = hub.login(21).await;
    assert_eq!(stranger.get("/htlcs").await["pagination"]["total"], 0);
    let (claim, back) = (format!("/htlcs/{htlc}/fulfill"), format!("/htlcs/{htlc}/cancel"));
    let preimage = json!({ "preimage": PREIMAGE.to_string() });
    for (path, body) in [(&claim, preimage.clone()), (&back, json!({}))] {
        let (code, details) = stranger.refused("POST", path, body).await;
        assert_eq!((code, &details["reason"]), (4004, &json!("unknown_htlc")), "{path}");
    }
    assert_eq!(stranger.refused("POST", "/htlcs", lock(&channel, "1")).await.0, 4004);
    assert_eq!(stranger.refused("GET", &format!("/htlcs?channel={channel}"), json!({})).await.0, 4004);
    let (code, details) = alice.refused("POST", &claim, preimage.clone()).await;
    assert_eq!((code, &details["reason"], &details["expected"]), (4003, &json!("not_authorized"), &json!(b)));
    let (code, details) = bob.refused("POST", &claim, json!({ "preimage": Hash([8; 32]).to_string() })).await;
    assert_eq!((code, &details["reason"], &details["field"]), (4100, &json!("wrong_preimage"), &json!("preimage")));
    let (code, details) = alice.refused("POST", &back, json!({})).await;
    assert_eq!(
        (code, &details["reason"], &details["expected"]),
        (4009, &json!("htlc_not_expired"), &json!(NOW_S + 600))
    );
    assert_eq!(bob.post(&claim, preimage.clone()).await["status"], "completed");
    let (code, details) = bob.refused("POST", &claim, preimage).await;
    assert_eq!((code, &details["reason"], &details["field"]), (4004, &json!("unknown_htlc"), &json!("htlcId")));
    assert_eq!(bob.get(&format!("/entities/{b}/state")).await["balances"]["ETH"], "30");
    assert_eq!(alice.get("/htlcs").await["htlcs"], json!([]));
}

/// HT-2: before its expiry only the receiver gives it back, afterwards only that is left.
#[tokio::test]
async fn a_locked_payment_comes_back() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    let (a, b, channel) = pair(&alice, &bob, "100").await;
    let first = alice.post("/htlcs", lock(&channel, "30")).await;
    let second = alice.post("/htlcs", lock(&channel, "30")).await;
    assert_ne!(id(&first), id(&second), "two equal ones are two");
    let back = json!({ "entityId": b });
    let (code, details) = bob.refused("POST", &format!("/htlcs/{}/cancel", id(&first)), json!({ "entityId": a })).await;
    assert_eq!((code, &details["field"]), (4004, &json!("entityId")));
    assert_eq!(bob.post(&format!("/htlcs/{}/cancel", id(&first)), back).await["htlcId"], first["htlcId"]);
    hub.node.advance_s(580);
    let bob = hub.login(BOB).await;
    let late = json!({ "preimage": PREIMAGE.to_string() });
    let (code, details) = bob.refused("POST", &format!("/htlcs/{}/fulfill", id(&second)), late).await;
    assert_eq!(
        (code, &details["reason"], &details["time"]),
        (4009, &json!("htlc_expired"), &json!(NOW_S + 580)),
        "{details}"
    );
    bob.post(&format!("/htlcs/{}/cancel", id(&second)), json!({})).await;
    let line = bob.get(&format!("/channels/{channel}")).await["assets"]["ETH"].clone();
    assert_eq!(line["held"], json!({ "left": "0", "right": "0" }));
}

/// TX-5: what can't be locked is refused with what could.
#[tokio::test]
async fn a_lock_that_cannot_be_is_refused() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    let (_, _, channel) = pair(&alice, &bob, "100").await;
    let with = |field: &str, value: Value| {
        let mut body = lock(&channel, "30");
        body[field] = value;
        body
    };
    for (body, code, reason, field) in [
        (with("expiresAt", json!(NOW_S)), 4100, "expiry_outside", json!("expiresAt")),
        (with("expiresAt", json!(NOW_S + 8 * 24 * 3600)), 4100, "expiry_outside", json!("expiresAt")),
        (with("expiresAt", json!("soon")), 4100, "invalid_value", json!("expiresAt")),
        (with("amount", json!("0")), 4100, "amount_not_positive", json!("amount")),
        (with("amount", json!("101")), 4200, "insufficient_funds", json!(null)),
        (with("hashlock", json!("0x12")), 4100, "invalid_value", json!("hashlock")),
        (with("asset", json!("DOGE")), 4004, "unknown_asset", json!("asset")),
        (with("channelId", json!(format!("0x{}", "55".repeat(32)))), 4004, "unknown_channel", json!("channelId")),
        (with("onion", json!("0x")), 4000, "unknown_field", json!("onion")),
    ] {
        let (found, details) = alice.refused("POST", "/htlcs", body.clone()).await;
        assert_eq!((found, &details["reason"], &details["field"]), (code, &json!(reason), &field), "{body}");
    }
    let (_, details) = alice.refused("POST", "/htlcs", with("expiresAt", json!(1))).await;
    assert_eq!(details["expected"], json!({ "min": NOW_S + 1, "max": NOW_S + 7 * 24 * 3600 }));
    let (code, details) = alice.refused("POST", &format!("/htlcs/{channel}:up:0/cancel"), json!({})).await;
    assert_eq!((code, &details["field"]), (4100, &json!("htlcId")));
    // HT-6.
    for _ in 0..64 {
        alice.post("/htlcs", lock(&channel, "1")).await;
    }
    let (code, details) = alice.refused("POST", "/htlcs", lock(&channel, "1")).await;
    assert_eq!((code, &details["reason"], &details["expected"]), (4009, &json!("too_many_htlcs"), &json!(64)));
    let (mut seen, mut path) = (Vec::new(), "/htlcs?limit=25".to_owned());
    loop {
        let page = bob.get(&path).await;
        assert_eq!(page["pagination"]["total"], 64);
        seen.extend(page["htlcs"].as_array().expect("a list").iter().map(id));
        let Some(next) = page["pagination"]["next"].as_str() else { break };
        path = format!("/htlcs?limit=25&cursor={next}");
    }
    let numbers: Vec<_> = seen.iter().map(|id| id.rsplit(':').next().expect("a number").to_owned()).collect();
    assert_eq!(numbers, (0..64).map(|number| number.to_string()).collect::<Vec<_>>());
}

/// With another node a lock is drafted, locked once both have signed it, and ending once its end is drafted.
#[tokio::test]
async fn a_lock_with_another_node_waits_for_its_signature() {
    let (home, away) = (Hub::start().await, Hub::start_other().await);
    let (alice, operator) = (home.login(ALICE).await, away.login(OPERATOR).await);
    let (_, channel) = across((&home, &away), (&alice, &operator)).await;
    let (first, second) =
        (alice.post("/htlcs", lock(&channel, "3")).await, alice.post("/htlcs", lock(&channel, "3")).await);
    assert_eq!((&first["status"], id(&first) == id(&second)), (&json!("pending"), false));
    let statuses = async || {
        let listed = alice.get("/htlcs").await;
        let all = listed["htlcs"].as_array().expect("a list").iter();
        all.map(|htlc| htlc["status"].as_str().expect("a status").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(statuses().await, ["drafted", "drafted"]);
    home.node.exchange(&away.node);
    assert_eq!(statuses().await, ["locked", "locked"]);
    let claimed =
        operator.post(&format!("/htlcs/{}/fulfill", id(&first)), json!({ "preimage": PREIMAGE.to_string() })).await;
    assert_eq!(claimed["status"], "pending");
    operator.post(&format!("/htlcs/{}/cancel", id(&second)), json!({})).await;
    assert_eq!(operator.get("/htlcs").await["htlcs"][0]["status"], "ending");
    away.node.exchange(&home.node);
    assert_eq!(statuses().await, [""; 0]);
    let bearer = format!("Bearer {}", alice.token);
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "locked-just-once")];
    let body = lock(&channel, "5").to_string();
    let send = async || home.http("POST", "/api/v1/htlcs", &headers, &body).await.json();
    assert_eq!(send().await, send().await);
    assert_eq!(statuses().await, ["drafted"]);
}
