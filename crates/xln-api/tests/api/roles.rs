//! Who may log in, see and move what.

use crate::client::{ALICE, AUDITOR, BOB, Hub, OPERATOR, account, pair, toward};
use serde_json::{Value, json};
use xln_api::backend::Backend;

/// DESIGN 8: ± 60 s, each signature once, bound to hub, address and time.
#[tokio::test]
async fn a_login_signature_counts_once_and_for_a_minute() {
    let hub = Hub::start().await;
    let now_s = hub.node.now_ms() / 1000;
    let login = async |body: &Value| {
        let answer = hub.http("POST", "/api/v1/auth/token", &[], &body.to_string()).await;
        (answer.status, answer.json()["error"]["details"]["reason"].as_str().unwrap_or("").to_owned())
    };
    let body = hub.login_body(ALICE, now_s);
    assert_eq!(login(&body).await, (200, String::new()));
    assert_eq!(login(&body).await, (401, "signature_used".to_owned()));
    let mut respelled = body.clone();
    let signature = body["signature"].as_str().expect("text").to_owned();
    let v = if signature.ends_with("1b") { "00" } else { "01" };
    respelled["signature"] = format!("{}{v}", &signature[..signature.len() - 2]).into();
    assert_eq!(login(&respelled).await, (401, "signature_used".to_owned()), "v has two spellings");
    for (seconds, status) in [(now_s + 60, 200), (now_s - 60, 200), (now_s + 61, 401), (now_s - 61, 401)] {
        assert_eq!(login(&hub.login_body(ALICE, seconds)).await.0, status, "{seconds}");
    }
    let mut stolen = hub.login_body(ALICE, now_s + 1);
    stolen["address"] = account(BOB).to_string().into();
    assert_eq!(login(&stolen).await, (401, "wrong_signer".to_owned()));
    let mut cut = hub.login_body(ALICE, now_s + 2);
    cut["signature"] = "0x1234".into();
    assert_eq!(login(&cut).await, (401, "signature_length".to_owned()));
}

#[tokio::test]
async fn without_a_fresh_token_only_open_methods_answer() {
    let hub = Hub::start().await;
    let code = async |headers: &[(&str, &str)]| {
        let answer = hub.http("GET", "/api/v1/entities", headers, "").await;
        (answer.status, answer.json()["error"]["details"]["reason"].as_str().unwrap_or("").to_owned())
    };
    assert_eq!(code(&[]).await, (401, "token_missing".to_owned()));
    assert_eq!(code(&[("authorization", "Basic x")]).await, (401, "token_invalid".to_owned()));
    assert_eq!(code(&[("authorization", "Bearer x.y.z")]).await, (401, "token_invalid".to_owned()));
    let alice = hub.login(ALICE).await;
    let bearer = format!("Bearer {}", alice.token);
    assert_eq!(code(&[("authorization", &bearer)]).await.0, 200);
    hub.node.advance_s(15 * 60);
    assert_eq!(code(&[("authorization", &bearer)]).await, (401, "token_expired".to_owned()));
    let info = hub.http("GET", "/api/v1/hub", &[], "").await;
    assert_eq!((info.status, &info.json()["hubId"]), (200, &json!(hub.node.hub().to_string())));
    for path in ["/healthz", "/readyz", "/metrics", "/docs", "/api/v1/openapi.json"] {
        assert_eq!(hub.http("GET", path, &[], "").await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn others_objects_look_as_if_they_did_not_exist() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    let (a, b, channel) = pair(&alice, &bob, "100").await;
    let mine = alice.entity().await;
    let pay = json!({ "direction": toward(&a, &b), "asset": "ETH", "amount": "1" });
    let paid = alice.post(&format!("/channels/{channel}/pay"), pay.clone()).await;
    let stranger = hub.login(21).await;
    let signer = alice.get("/signers").await["signers"][0]["id"].as_str().expect("an id").to_owned();
    for path in [
        format!("/entities/{mine}"),
        format!("/entities/{mine}/state"),
        format!("/entities/{mine}/reserves"),
        format!("/signers/{signer}"),
        format!("/channels/{channel}"),
        format!("/transactions/{}", paid["paymentId"].as_str().expect("an id")),
        format!("/payments/{}", paid["paymentId"].as_str().expect("an id")),
        format!("/proofs/{}", paid["paymentId"].as_str().expect("an id")),
    ] {
        assert_eq!(stranger.refused("GET", &path, json!({})).await.0, 4004, "{path}");
    }
    for (path, body) in [
        (format!("/channels/{channel}/pay"), pay.clone()),
        (format!("/channels/{channel}/credit"), json!({ "asset": "ETH", "amount": "1" })),
        (format!("/channels/{channel}/accept"), json!({})),
        ("/payments/send".to_owned(), json!({ "from": a, "to": b, "asset": "ETH", "amount": "1" })),
        (format!("/entities/{a}/update"), json!({ "acceptsFree": true })),
        (format!("/entities/{a}/delete"), json!({})),
        ("/channels".to_owned(), json!({ "entityA": a, "entityB": b })),
        ("/entities".to_owned(), json!({ "signerId": signer, "type": "single" })),
        ("/depositary/deposit".to_owned(), json!({ "entityId": a, "asset": "ETH", "amount": "1" })),
    ] {
        assert_eq!(stranger.refused("POST", &path, body).await.0, 4004, "{path}");
    }
    for path in ["/entities", "/signers", "/channels", "/payments"] {
        assert_eq!(stranger.get(path).await["pagination"]["total"], 0, "{path}");
    }
    // Bob sees the channel, and may not pay with what is Alice's.
    let (code, details) = bob.refused("POST", &format!("/channels/{channel}/pay"), pay).await;
    assert_eq!((code, &details["field"]), (4003, &json!("direction")));
    let (code, details) = alice.refused("POST", &format!("/channels/{channel}/accept"), json!({})).await;
    assert_eq!((code, &details["reason"]), (4201, &json!("channel_not_open")));
}

#[tokio::test]
async fn operators_see_all_and_act_for_the_hub_alone() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    let (operator, auditor) = (hub.login(OPERATOR).await, hub.login(AUDITOR).await);
    let (a, b, channel) = pair(&alice, &bob, "100").await;
    for client in [&operator, &auditor] {
        assert_eq!(client.get("/entities").await["pagination"]["total"], 3, "the hub's own too");
        assert_eq!(client.get(&format!("/channels/{channel}")).await["status"], "open");
    }
    let hub_id = hub.node.hub().to_string();
    let pay = json!({ "from": a, "to": b, "asset": "ETH", "amount": "1" });
    assert_eq!(operator.refused("POST", "/payments/send", pay).await.0, 4004, "not the hub's");
    operator.post(&format!("/entities/{hub_id}/update"), json!({ "acceptsFree": false })).await;
    for client in [&alice, &auditor] {
        assert_eq!(client.refused("POST", &format!("/entities/{hub_id}/update"), json!({})).await.0, 4004);
    }
    let token = json!({ "kind": "erc20", "contract": account(99).to_string(), "symbol": "USDC", "decimals": 6 });
    for client in [&alice, &auditor] {
        let (code, details) = client.refused("POST", "/assets/register", token.clone()).await;
        assert_eq!((code, &details["expected"]), (4003, &json!("operator")));
    }
    let registered = operator.post("/assets/register", token.clone()).await;
    assert_eq!((&registered["symbol"], &registered["kind"]), (&json!("USDC"), &json!("erc20")));
    assert_eq!(operator.refused("POST", "/assets/register", token).await.0, 4009);
    let listed = alice.get("/assets").await;
    assert!(listed["assets"].as_array().expect("a list").contains(&registered));
    let nft = json!({ "kind": "erc721", "contract": account(98).to_string(), "tokenId": "7", "symbol": "ART", "decimals": 0 });
    assert!(operator.post("/assets/register", nft).await["tokenId"].as_str().expect("an id").ends_with("07"));
}
