//! Channels with entities on another node: opened, granted, paid over; each step confirmed here and done once the other node has signed.

use crate::client::{ALICE, BOB, Hub, OPERATOR, across, toward};
use crate::double::signer_of;
use serde_json::{Value, json};

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no {field}: {value}")).to_owned()
}

/// CH-11: an opening is an offer; whom it is for must be known.
#[tokio::test]
async fn a_channel_opens_once_the_other_node_signs() {
    let (home, away) = (Hub::start().await, Hub::start_other().await);
    let (alice, operator) = (home.login(ALICE).await, away.login(OPERATOR).await);
    let (a, hub) = (alice.entity().await, away.node.hub().to_string());
    let open =
        json!({ "entityA": a, "entityB": hub, "creditLimits": { "fromA": { "ETH": "5" } }, "disputeWindow": 600 });
    let (code, details) = alice.refused("POST", "/channels", open.clone()).await;
    assert_eq!((code, &details["reason"], &details["field"]), (4004, &json!("unknown_entity"), &json!("entityB")));
    assert!(text(&details, "expected").contains("connected node"), "{details}");
    home.node.meet(&away.node);
    let opened = alice.post("/channels", open).await;
    assert_eq!((&opened["status"], opened.get("drafted")), (&json!("pending"), None));
    let path = format!("/channels/{}", text(&opened, "channelId"));
    let shown = alice.get(&path).await;
    assert_eq!(
        (&shown["status"], &shown["frames"]["drafted"], &shown["assets"]),
        (&json!("pending"), &json!(1), &json!({}))
    );
    assert_eq!(operator.refused("GET", &path, json!({})).await.0, 4004, "nothing was said yet");
    home.node.exchange(&away.node);
    let (mine, theirs) = (alice.get(&path).await, operator.get(&path).await);
    let frames = json!({ "height": "1", "nonce": "1", "unacknowledged": 0, "drafted": 0 });
    for (shown, other) in [(&mine, &away), (&theirs, &home)] {
        assert_eq!((&shown["status"], &shown["frames"]), (&json!("open"), &frames));
        assert_eq!(
            (&shown["peer"]["node"], &shown["peer"]["connected"]),
            (&json!(other.node.hub().to_string()), &json!(true))
        );
        assert_eq!((&shown["capacity"], &shown["disputeWindow"]), (&json!({ "ETH": "5" }), &json!(600)));
        assert_eq!(shown["htlcs"], json!({ "left": 0, "right": 0 }));
    }
    assert_eq!(mine["peer"]["signer"], signer_of(&[2; 32]).to_string());
    home.node.part();
    assert_eq!(alice.get(&path).await["peer"]["connected"], false);
    assert_eq!(alice.get("/channels").await["channels"][0]["peer"]["node"], mine["peer"]["node"]);
    let stranger = home.login(21).await;
    assert_eq!(stranger.refused("GET", &path, json!({})).await.0, 4004);
    assert_eq!(stranger.get("/channels").await["pagination"]["total"], 0);
}

/// CH-6, CH-8: what leaves for another node is pending until that has signed it; what can be paid counts it at once.
#[tokio::test]
async fn a_payment_is_pending_until_the_other_node_signs() {
    let (home, away) = (Hub::start().await, Hub::start_other().await);
    let (alice, operator) = (home.login(ALICE).await, away.login(OPERATOR).await);
    let (a, channel) = across((&home, &away), (&alice, &operator)).await;
    let hub = away.node.hub().to_string();
    let (direction, path) = (toward(&a, &hub), format!("/channels/{channel}"));
    let mine = toward(&hub, &a);
    let pay = json!({ "direction": direction, "asset": "ETH", "amount": "30", "memo": "tea" });
    let paid = alice.post(&format!("{path}/pay"), pay.clone()).await;
    let id = text(&paid, "paymentId");
    assert_eq!(
        (&paid["status"], &paid["from"], &paid["to"], &paid["amount"], &paid["fee"], &paid["memo"], &paid["channelId"]),
        (&json!("pending"), &json!(a), &json!(hub), &json!("30"), &json!("0"), &json!("tea"), &json!(channel))
    );
    assert!(paid["seq"].as_u64() > Some(0) && paid.get("hashlock").is_none(), "{paid}");
    assert_eq!(alice.get(&format!("/payments/{id}")).await, paid);
    let line = alice.get(&path).await["assets"]["ETH"].clone();
    assert_eq!(
        (&line["drawn"][mine], &line["out"][mine]),
        (&json!("0"), &json!("70")),
        "balances as agreed, out as drafted"
    );
    let (code, details) = alice
        .refused("POST", &format!("{path}/pay"), json!({ "direction": direction, "asset": "ETH", "amount": "71" }))
        .await;
    assert_eq!((code, &details["available"]), (4200, &json!("70")));
    home.node.turn();
    assert_eq!(
        alice.get(&path).await["frames"],
        json!({ "height": "2", "nonce": "2", "unacknowledged": 1, "drafted": 0 })
    );
    let sent = json!({ "from": a, "to": hub, "asset": "ETH", "amount": "5" });
    let second = alice.post("/payments/send", sent).await;
    assert_eq!((&second["status"], &second["channelId"]), (&json!("pending"), &json!(channel)));
    assert_eq!(alice.get("/payments").await["payments"], json!([paid, second]));
    home.node.exchange(&away.node);
    let done = alice.get(&format!("/payments/{id}")).await;
    let mut expected = paid.clone();
    expected["status"] = "completed".into();
    assert_eq!(done, expected);
    let listed = alice.get(&format!("/payments?channel={channel}")).await;
    assert_eq!(listed["pagination"]["total"], 2);
    assert_eq!(listed["payments"][0], done);
    let line = alice.get(&path).await["assets"]["ETH"].clone();
    assert_eq!((&line["drawn"][mine], &line["out"][mine]), (&json!("35"), &json!("65")));
    assert_eq!(operator.get(&path).await["assets"]["ETH"]["drawn"][mine], "35");
    let stranger = home.login(21).await;
    assert_eq!(stranger.refused("GET", &format!("/payments/{id}"), json!({})).await.0, 4004);
    assert_eq!(stranger.get("/payments").await["pagination"]["total"], 0);
    assert_eq!(stranger.refused("POST", &format!("{path}/pay"), pay).await.0, 4004);
}

/// What was drafted by a process before this one is found by its receipt.
#[tokio::test]
async fn a_draft_is_found_without_having_been_told_of() {
    let (home, away) = (Hub::start().await, Hub::start_other().await);
    let (alice, operator) = (home.login(ALICE).await, away.login(OPERATOR).await);
    let (a, channel) = across((&home, &away), (&alice, &operator)).await;
    let pay = json!({ "direction": toward(&a, &away.node.hub().to_string()), "asset": "ETH", "amount": "3" });
    let paid = alice.post(&format!("/channels/{channel}/pay"), pay).await;
    let fresh = home.restarted().await;
    let again = fresh.login(ALICE).await;
    let path = format!("/payments/{}", text(&paid, "paymentId"));
    assert_eq!(again.get(&path).await, paid);
    home.node.turn();
    assert_eq!(again.get(&path).await, paid, "in a frame by now");
    home.node.exchange(&away.node);
    let done = alice.get(&path).await;
    assert_eq!(done["status"], "completed");
    // Told of its end alone, by the other node's signature.
    let later = home.restarted().await;
    let (client, stranger) = (later.login(ALICE).await, later.login(BOB).await);
    assert_eq!(client.get(&path).await, done);
    assert_eq!(client.get("/payments").await["payments"], json!([done]));
    assert_eq!(stranger.refused("GET", &path, json!({})).await.0, 4004);
}

/// Subscribers of a payment hear how it ends.
#[tokio::test]
async fn the_end_of_a_payment_is_pushed() {
    let (home, away) = (Hub::start().await, Hub::start_other().await);
    let (alice, operator) = (home.login(ALICE).await, away.login(OPERATOR).await);
    let (a, channel) = across((&home, &away), (&alice, &operator)).await;
    let mut socket = home.socket().await;
    socket.call("authenticate", json!({ "token": alice.token })).await;
    let pay = json!({ "channelId": channel, "direction": toward(&a, &away.node.hub().to_string()), "asset": "ETH", "amount": "3" });
    let answer = socket.call("channel.pay", pay.clone()).await;
    let topic = format!("payment:{}", text(&answer["result"], "paymentId"));
    let joined = socket.call("subscribe", json!({ "channels": [topic], "from": 1 })).await;
    assert!(joined.get("error").is_none(), "{joined}");
    home.node.exchange(&away.node);
    let event = socket.event().await;
    assert_eq!(
        (&event["event"], &event["data"]["type"], &event["data"]["status"]),
        (&json!(topic), &json!("payment_ended"), &json!("completed"))
    );
    assert_eq!(event["data"]["preimage"], Value::Null, "it wasn't locked by hash");
    // A repeat under the same request id is the first answer, however far the payment is by now.
    let bearer = format!("Bearer {}", alice.token);
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "pay-the-other-node")];
    let body = json!({ "direction": pay["direction"], "asset": "ETH", "amount": "4" }).to_string();
    let send = async || home.http("POST", &format!("/api/v1/channels/{channel}/pay"), &headers, &body).await.json();
    let first = send().await;
    home.node.exchange(&away.node);
    let sequence = home.node.sequence();
    assert_eq!((send().await, home.node.sequence()), (first, sequence));
}

/// CH-11: an entity of another node offers a channel; whom it is for sees the terms and consents.
#[tokio::test]
async fn an_offer_shows_its_terms_and_is_accepted() {
    let (home, away) = (Hub::start().await, Hub::start_other().await);
    let (alice, operator) = (home.login(ALICE).await, away.login(OPERATOR).await);
    let bob = away.login(BOB).await;
    let (a, _) = across((&home, &away), (&alice, &operator)).await;
    let b = bob.entity().await;
    let limits = json!({ "fromA": { "ETH": "9" }, "fromB": { "ETH": "8" } });
    let opened = bob.post("/channels", json!({ "entityA": b, "entityB": a, "creditLimits": limits })).await;
    let path = format!("/channels/{}", text(&opened, "channelId"));
    away.node.exchange(&home.node);
    let shown = alice.get(&path).await;
    assert_eq!(shown["offer"], json!({ "grants": { "ETH": "9" }, "requested": { "ETH": "8" } }));
    assert_eq!((&shown["status"], &shown["accepted"]), (&json!("pending"), &json!(false)));
    assert_eq!(bob.refused("POST", &format!("{path}/accept"), json!({})).await.0, 4003, "its opener");
    assert_eq!(home.login(21).await.refused("POST", &format!("{path}/accept"), json!({})).await.0, 4004);
    let accepted = alice.post(&format!("{path}/accept"), json!({ "grants": { "ETH": "8" } })).await;
    assert_eq!((&accepted["status"], &accepted["drafted"]), (&json!("open"), &json!(true)));
    home.node.exchange(&away.node);
    let (theirs, granted) = (bob.get(&path).await, bob.get(&path).await["assets"]["ETH"]["granted"].clone());
    assert_eq!((&theirs["status"], theirs.get("offer")), (&json!("open"), None));
    assert_eq!((&granted[toward(&a, &b)], &granted[toward(&b, &a)]), (&json!("9"), &json!("8")));
}

/// Whoever holds the key of an entity on another node acts there, not here.
#[tokio::test]
async fn an_entity_acts_on_its_own_node() {
    let (home, away) = (Hub::start().await, Hub::start_other().await);
    let (alice, operator) = (home.login(ALICE).await, away.login(OPERATOR).await);
    let (a, channel) = across((&home, &away), (&alice, &operator)).await;
    let (keyholder, hub) = (home.login(2).await, away.node.hub().to_string());
    for (path, body) in [
        (format!("/channels/{channel}/credit"), json!({ "entityId": hub, "asset": "ETH", "amount": "1" })),
        ("/payments/send".to_owned(), json!({ "from": hub, "to": a, "asset": "ETH", "amount": "1" })),
        ("/invoices".to_owned(), json!({ "entityId": hub, "asset": "ETH", "amount": "1" })),
    ] {
        let (code, details) = keyholder.refused("POST", &path, body).await;
        assert_eq!((code, &details["reason"]), (4003, &json!("not_here")), "{path}");
    }
}
