//! Payments over routes: locked by hash, passed on for a fee, claimed by whoever asked for them; within one node and across two.

use crate::client::{ALICE, BOB, Client, Hub, OPERATOR};
use serde_json::{Value, json};
use xln_types::Hash;

const NOW_S: u64 = 1_800_000_000;

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no {field}: {value}")).to_owned()
}

/// An entity of the caller's with an open channel with its hub, in which each grants the other 1,000.
async fn customer(hub: &Hub, caller: &Client<'_>, operator: &Client<'_>) -> String {
    let entity = caller.entity().await;
    let open = json!({ "entityA": entity, "entityB": hub.node.hub().to_string(), "creditLimits": { "fromA": { "ETH": "1000" } } });
    let channel = text(&caller.post("/channels", open).await, "channelId");
    operator.post(&format!("/channels/{channel}/credit"), json!({ "asset": "ETH", "amount": "1000" })).await;
    entity
}

async fn invoice(payee: &Client<'_>, entity: &str, amount: &str) -> Value {
    payee.post("/invoices", json!({ "entityId": entity, "asset": "ETH", "amount": amount, "memo": "tea" })).await
}

/// HT-4: within one node a route is over at once; the payer has the preimage as its proof, the payee what it asked for.
#[tokio::test]
async fn a_route_within_one_node_is_over_at_once() {
    let hub = Hub::start().await;
    let (alice, bob, operator) = (hub.login(ALICE).await, hub.login(BOB).await, hub.login(OPERATOR).await);
    let (a, b) = (customer(&hub, &alice, &operator).await, customer(&hub, &bob, &operator).await);
    let hub_id = hub.node.hub().to_string();
    let policies = json!({ "policies": { "ETH": { "feeBase": "2", "feePpm": 10_000 } } });
    operator.post(&format!("/entities/{hub_id}/update"), policies).await;
    let asked = invoice(&bob, &b, "100").await;
    let pay = |more: Value| {
        let mut body = json!({ "from": a, "invoice": asked["invoice"], "memo": "mine" });
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        body
    };
    let (code, details) = alice.refused("POST", "/payments/send", pay(json!({ "maxFee": "2" }))).await;
    assert_eq!((code, &details["reason"], &details["expected"]), (4100, &json!("fee_above_max"), &json!("3")));
    let paid = alice.post("/payments/send", pay(json!({ "route": [hub_id, b], "maxFee": "3", "fee": "3" }))).await;
    assert_eq!(
        (&paid["status"], &paid["to"], &paid["amount"], &paid["fee"], &paid["memo"], &paid["hashlock"]),
        (&json!("completed"), &json!(b), &json!("100"), &json!("3"), &json!("mine"), &asked["hashlock"])
    );
    assert_eq!(paid["deadline"], NOW_S + 1200);
    let invoice_path = format!("/invoices/{}", text(&asked, "invoiceId"));
    let settled = bob.get(&invoice_path).await;
    assert_eq!(
        (&settled["status"], &settled["paymentId"], &settled["preimage"]),
        (&json!("paid"), &paid["paymentId"], &paid["preimage"])
    );
    let preimage: Hash = text(&paid, "preimage").parse().expect("a hash");
    assert_eq!(xln_crypto::frames::hashlock(&preimage).to_string(), text(&paid, "hashlock"));
    for (client, entity, balance) in [(&alice, &a, "-103"), (&bob, &b, "100"), (&operator, &hub_id, "3")] {
        assert_eq!(client.get(&format!("/entities/{entity}/state")).await["balances"]["ETH"], balance);
    }
    let path = format!("/payments/{}", text(&paid, "paymentId"));
    for client in [&alice, &operator] {
        assert_eq!(client.get(&path).await, paid);
        assert_eq!(client.get(&format!("/payments?entity={a}")).await["payments"], json!([paid]));
    }
    // Who is paid learns that it was, not by whom.
    assert_eq!(bob.refused("GET", &path, json!({})).await.0, 4004);
    assert_eq!(bob.get("/payments").await["pagination"]["total"], 0);
    // It can't be paid twice.
    let again = alice.post("/payments/send", pay(json!({}))).await;
    assert_eq!(
        (&again["status"], &again["failure"]["reason"]),
        (&json!("failed"), &json!("invoice_unpayable")),
        "{again}"
    );
}

/// TX-5: what can't be sent is refused before anything is locked, with what could.
#[tokio::test]
async fn a_route_that_cannot_be_is_refused() {
    let hub = Hub::start().await;
    let (alice, bob, operator) = (hub.login(ALICE).await, hub.login(BOB).await, hub.login(OPERATOR).await);
    let (a, b) = (customer(&hub, &alice, &operator).await, customer(&hub, &bob, &operator).await);
    let lonely = bob.entity().await;
    let (hub_id, asked) = (hub.node.hub().to_string(), invoice(&bob, &b, "100").await);
    let other = format!("0x{}", "77".repeat(32));
    let lost = text(&asked, "invoice").replace("xln1f8", "xln1f9");
    let plain = |more: Value| {
        let mut body = json!({ "from": a, "to": b, "asset": "ETH", "amount": "5", "hashlock": other });
        for (name, value) in more.as_object().expect("an object") {
            body[name] = value.clone();
        }
        body
    };
    let by_invoice = |field: &str, value: Value| json!({ "from": a, "invoice": asked["invoice"], field: value });
    let priced = |fee: &str| json!([{ "entity": hub_id, "fee": fee }, b]);
    for (body, code, reason, field) in [
        (json!({ "from": a, "asset": "ETH", "amount": "5" }), 4000, "missing_field", "to"),
        (json!({ "from": a, "to": b, "amount": "5" }), 4000, "missing_field", "asset"),
        (json!({ "from": a, "to": b, "asset": "ETH" }), 4000, "missing_field", "amount"),
        (
            json!({ "from": a, "to": b, "asset": "ETH", "amount": "5", "route": [hub_id, b] }),
            4000,
            "missing_field",
            "hashlock",
        ),
        (
            json!({ "from": a, "to": b, "asset": "ETH", "amount": "5", "deadline": NOW_S + 9 }),
            4100,
            "not_locked",
            "deadline",
        ),
        (json!({ "from": a, "invoice": lost }), 4100, "invalid_value", "invoice"),
        (by_invoice("to", json!(a)), 4100, "not_the_invoices", "to"),
        (by_invoice("amount", json!("99")), 4100, "not_the_invoices", "amount"),
        (by_invoice("hashlock", json!(other)), 4100, "not_the_invoices", "hashlock"),
        (plain(json!({ "route": [hub_id] })), 4100, "other_recipient", "route"),
        (plain(json!({ "route": vec![b.clone(); 21] })), 4013, "too_large", "route"),
        (plain(json!({ "route": [hub_id, { "entity": b, "fee": "1" }] })), 4100, "fee_not_payable", "route"),
        (plain(json!({ "route": [hub_id, { "entity": b }] })), 4100, "invalid_value", "route[1]"),
        (plain(json!({ "route": priced("3"), "fee": "2" })), 4100, "not_the_routes", "fee"),
        (plain(json!({ "route": priced("3"), "maxFee": "2" })), 4100, "fee_above_max", "maxFee"),
        (plain(json!({ "deadline": NOW_S + 60 })), 4100, "expiry_outside", "deadline"),
        (plain(json!({ "route": [other, b] })), 4100, "no_route", "route"),
        (plain(json!({ "from": lonely })), 4004, "unknown_entity", "from"),
        (plain(json!({ "hops": [] })), 4000, "unknown_field", "hops"),
    ] {
        let (found, details) = alice.refused("POST", "/payments/send", body.clone()).await;
        assert_eq!((found, &details["reason"], &details["field"]), (code, &json!(reason), &json!(field)), "{body}");
    }
    let (code, details) = alice.refused("POST", "/payments/send", plain(json!({ "amount": "1001" }))).await;
    assert_eq!((code, &details["available"], &details["leg"]), (4200, &json!("1000"), &json!(0)));
    let (code, details) =
        bob.refused("POST", "/payments/send", json!({ "from": lonely, "to": a, "asset": "ETH", "amount": "1" })).await;
    assert_eq!((code, &details["reason"]), (4100, &json!("no_route")));
    assert!(details["expected"].is_string(), "{details}");
    hub.node.advance_s(3601);
    let alice = hub.login(ALICE).await;
    let (code, details) =
        alice.refused("POST", "/payments/send", json!({ "from": a, "invoice": asked["invoice"] })).await;
    assert_eq!((code, &details["reason"], &details["field"]), (4009, &json!("invoice_expired"), &json!("invoice")));
    assert_eq!(alice.get("/payments").await["pagination"]["total"], 0, "none of them was begun");
}

/// HT-3: a payment that nobody can claim comes back, with the reason and how far away it is.
#[tokio::test]
async fn a_payment_that_fails_says_why_and_where() {
    let hub = Hub::start().await;
    let (alice, bob, operator) = (hub.login(ALICE).await, hub.login(BOB).await, hub.login(OPERATOR).await);
    let (a, b) = (customer(&hub, &alice, &operator).await, bob.entity().await);
    let hub_id = hub.node.hub().to_string();
    let body = json!({ "from": a, "to": b, "asset": "ETH", "amount": "5", "hashlock": format!("0x{}", "77".repeat(32)),
        "route": [hub_id, b] });
    let failed = alice.post("/payments/send", body).await;
    assert_eq!(
        (&failed["status"], &failed["failure"]),
        (&json!("failed"), &json!({ "reason": "no_route", "hop": 1 })),
        "{failed}"
    );
    assert!(failed.get("preimage").is_none());
    assert_eq!(alice.get(&format!("/payments/{}", text(&failed, "paymentId"))).await, failed);
    assert_eq!(alice.get(&format!("/entities/{a}/state")).await["balances"]["ETH"], "0");
}

/// A payer on one node, a payee on another: the hubs between them pass it on, and the preimage comes back.
#[tokio::test]
async fn a_payment_crosses_two_nodes() {
    let (home, away) = (Hub::start().await, Hub::start_other().await);
    home.node.meet(&away.node);
    let (alice, ours) = (home.login(ALICE).await, home.login(OPERATOR).await);
    let (bob, theirs) = (away.login(BOB).await, away.login(OPERATOR).await);
    let (a, b) = (customer(&home, &alice, &ours).await, customer(&away, &bob, &theirs).await);
    let (near, far) = (home.node.hub().to_string(), away.node.hub().to_string());
    let open = json!({ "entityA": near, "entityB": far, "creditLimits": { "fromA": { "ETH": "500" } } });
    let between = text(&ours.post("/channels", open).await, "channelId");
    home.node.exchange(&away.node);
    theirs.post(&format!("/channels/{between}/credit"), json!({ "asset": "ETH", "amount": "500" })).await;
    away.node.exchange(&home.node);
    let policies = json!({ "policies": { "ETH": { "feeBase": "1" } } });
    ours.post(&format!("/entities/{near}/update"), policies.clone()).await;
    theirs.post(&format!("/entities/{far}/update"), json!({ "policies": { "ETH": { "feeBase": "4" } } })).await;
    let asked = invoice(&bob, &b, "100").await;
    let mut socket = home.socket().await;
    socket.call("authenticate", json!({ "token": alice.token })).await;
    // Their fee isn't known here: the failure tells whose was too low, and the next try names it.
    let first = alice.post("/payments/send", json!({ "from": a, "invoice": asked["invoice"] })).await;
    assert_eq!((&first["status"], &first["fee"]), (&json!("pending"), &json!("1")));
    home.node.exchange(&away.node);
    let failed = alice.get(&format!("/payments/{}", text(&first, "paymentId"))).await;
    assert_eq!(
        (&failed["status"], &failed["failure"]),
        (&json!("failed"), &json!({ "reason": "fee_too_low", "hop": 2 }))
    );
    let body = json!({ "from": a, "invoice": asked["invoice"], "maxFee": "5", "route": [near, { "entity": far, "fee": "4" }, b] });
    let sent = alice.post("/payments/send", body.clone()).await;
    assert_eq!(
        (&sent["status"], &sent["fee"], &sent["to"], sent.get("preimage")),
        (&json!("pending"), &json!("5"), &json!(b), None)
    );
    let id = text(&sent, "paymentId");
    let topic = format!("payment:{id}");
    let joined = socket.call("subscribe", json!({ "channels": [topic], "from": 1 })).await;
    assert!(joined.get("error").is_none(), "{joined}");
    assert_eq!(alice.get(&format!("/payments/{id}")).await, sent);
    home.node.exchange(&away.node);
    let done = alice.get(&format!("/payments/{id}")).await;
    let settled = bob.get(&format!("/invoices/{}", text(&asked, "invoiceId"))).await;
    assert_eq!((&done["status"], &settled["status"]), (&json!("completed"), &json!("paid")));
    assert_eq!((&done["preimage"], &settled["paymentId"]), (&settled["preimage"], &json!(id)));
    let event = socket.event().await;
    assert_eq!(
        (&event["event"], &event["data"]["status"], &event["data"]["preimage"]),
        (&json!(topic), &json!("completed"), &done["preimage"])
    );
    for (client, entity, balance) in
        [(&alice, &a, "-105"), (&ours, &near, "1"), (&theirs, &far, "4"), (&bob, &b, "100")]
    {
        assert_eq!(client.get(&format!("/entities/{entity}/state")).await["balances"]["ETH"], balance, "{entity}");
    }
    let listed = alice.get(&format!("/payments?entity={a}&limit=1")).await;
    assert_eq!((&listed["payments"][0], &listed["pagination"]["total"]), (&failed, &json!(2)));
    let rest = alice.get(&format!("/payments?entity={a}&cursor={}", text(&listed["pagination"], "next"))).await;
    assert_eq!(rest["payments"], json!([done]));
    let stranger = home.login(21).await;
    assert_eq!(stranger.refused("GET", &format!("/payments/{id}"), json!({})).await.0, 4004);
    assert_eq!(stranger.refused("POST", "/payments/send", body).await.0, 4004);
    // Both nodes keep no more than the money that moved.
    for client in [&ours, &theirs] {
        assert_eq!(client.get("/htlcs").await["pagination"]["total"], 0);
    }
}
