//! The main job over REST: sign in, open, grant, pay, look.

use crate::client::{ALICE, BOB, Hub, OPERATOR, pair, toward};
use crate::double::{Double, native};
use serde_json::json;
use xln_api::backend::read;
use xln_types::chain::FactKind;
use xln_types::{Amount, EntityId, OperationId, Side};

#[tokio::test]
async fn a_newcomer_is_paid_over_credit_alone() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    let (a, b, channel) = pair(&alice, &bob, "100").await;
    let direction = toward(&a, &b);
    let pay = json!({ "direction": direction, "asset": "ETH", "amount": "30", "memo": "tea" });
    let paid = alice.post(&format!("/channels/{channel}/pay"), pay).await;
    assert_eq!(
        (&paid["status"], &paid["from"], &paid["to"], &paid["amount"], &paid["memo"], &paid["symbol"]),
        (&json!("completed"), &json!(a), &json!(b), &json!("30"), &json!("tea"), &json!("ETH"))
    );
    assert_eq!(paid["asset"], native().to_string());
    assert_eq!(paid["channelId"], channel);
    let (payer, payee) = if direction == "right" { ("left", "right") } else { ("right", "left") };
    let shown = bob.get(&format!("/channels/{channel}")).await;
    assert_eq!(shown["participants"], json!([shown["left"], shown["right"]]));
    assert_eq!(shown[payer], a);
    assert_eq!((&shown["status"], &shown["capacity"]["ETH"]), (&json!("open"), &json!("200")));
    assert_eq!(shown["activity"], json!({ "payments": 1, "volume": { "ETH": "30" } }));
    let line = &shown["assets"]["ETH"];
    assert_eq!((&line["drawn"][payer], &line["drawn"][payee]), (&json!("30"), &json!("0")));
    assert_eq!((&line["out"][payer], &line["in"][payer]), (&json!("70"), &json!("130")));
    assert_eq!(line["granted"], json!({ "left": "100", "right": "100" }));
    let state = bob.get(&format!("/entities/{b}/state")).await;
    assert_eq!(state["entityId"], b);
    assert_eq!(state["balances"], json!({ "ETH": "30" }));
    assert_eq!(state["channels"], json!({ "active": 1, "total": 1 }));
    assert_eq!(alice.get(&format!("/entities/{a}/state")).await["balances"], json!({ "ETH": "-30" }));
    let id = paid["paymentId"].as_str().expect("an id");
    for client in [&alice, &bob] {
        assert_eq!(client.get(&format!("/payments/{id}")).await, paid);
        assert_eq!(client.get("/payments").await["payments"], json!([paid]));
    }
    let receipt = alice.get(&format!("/transactions/{id}")).await;
    assert_eq!((&receipt["status"], &receipt["hash"]), (&json!("executed"), &json!(id)));
    assert!(receipt.get("sealed").is_none());
    hub.node.seal();
    let receipt = alice.get(&format!("/transactions/{id}")).await;
    assert_eq!(receipt["sealed"]["block"], "1");
    assert!(receipt["confirmed"]["seq"].as_u64() > Some(0));
    assert!(!receipt["changes"].as_array().expect("a list").is_empty());
    let block = alice.get("/blocks/latest").await;
    assert_eq!(block["number"], "1");
    assert_eq!(alice.get("/blocks/1").await, block);
    assert_eq!(alice.get(&format!("/blocks/{}", block["hash"].as_str().expect("a hash"))).await, block);
    assert!(block["transactions"].as_array().expect("a list").contains(&json!(id)));
}

/// CH-3: only the grantor changes its grant, and the very next payment feels it.
#[tokio::test]
async fn a_changed_grant_binds_the_next_payment() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    let (a, b, channel) = pair(&alice, &bob, "100").await;
    let done = bob.post(&format!("/channels/{channel}/credit"), json!({ "asset": "ETH", "amount": "7" })).await;
    assert_eq!((&done["granted"], &done["grantor"]), (&json!("7"), &json!(toward(&a, &b))));
    let pay = |amount: &str| json!({ "direction": toward(&a, &b), "asset": "ETH", "amount": amount });
    let (code, details) = alice.refused("POST", &format!("/channels/{channel}/pay"), pay("8")).await;
    assert_eq!((code, &details["reason"], &details["available"]), (4200, &json!("insufficient_funds"), &json!("7")));
    alice.post(&format!("/channels/{channel}/pay"), pay("7")).await;
}

/// CH-14: over the hub, both legs or neither; a refusal names the leg. DP-2: a policy's limit is 4202 with what it still allows.
#[tokio::test]
async fn payments_over_the_hub_name_the_leg() {
    let hub = Hub::start().await;
    let (alice, bob, operator) = (hub.login(ALICE).await, hub.login(BOB).await, hub.login(OPERATOR).await);
    let hub_id = hub.node.hub().to_string();
    let (a, b) = (alice.entity().await, bob.entity().await);
    for (client, entity) in [(&alice, &a), (&bob, &b)] {
        let limits = json!({ "fromA": { "ETH": "50" } });
        let open = json!({ "entityA": entity, "entityB": hub_id, "creditLimits": limits });
        let opened = client.post("/channels", open).await;
        assert_eq!(opened["status"], "open", "the hub accepts what costs it nothing");
    }
    let pay = |amount: &str| json!({ "from": a, "to": b, "asset": "ETH", "amount": amount });
    let (code, details) = alice.refused("POST", "/payments/send", pay("5")).await;
    assert_eq!((code, &details["leg"], &details["available"]), (4200, &json!(0), &json!("0")));
    let channels = operator.get(&format!("/channels?entity={a}")).await;
    let channel = channels["channels"][0]["id"].as_str().expect("an id").to_owned();
    let credit = json!({ "asset": "ETH", "amount": "80" });
    operator.post(&format!("/channels/{channel}/credit"), credit).await;
    let paid = alice.post("/payments/send", pay("20")).await;
    assert_eq!((&paid["channelId"], &paid["channels"]), (&json!(channel), &json!([channel])), "the payer's own");
    let (code, details) = alice.refused("POST", "/payments/send", pay("31")).await;
    assert_eq!((code, &details["leg"], &details["available"]), (4200, &json!(1), &json!("30")));
    let policies = json!({ "policies": { "ETH": { "owedMax": "25" } } });
    operator.post(&format!("/entities/{hub_id}/update"), policies).await;
    let (code, details) = alice.refused("POST", "/payments/send", pay("6")).await;
    assert_eq!((code, &details["reason"], &details["available"]), (4202, &json!("limit_exceeded"), &json!("5")));
    assert_eq!(bob.get(&format!("/entities/{b}/state")).await["balances"]["ETH"], "20");
}

fn operation(node: &Double, id: &str) -> (EntityId, Amount, OperationId) {
    let id: OperationId = id.parse().expect("an id");
    let found = futures_util::FutureExt::now_or_never(read(node, move |server| {
        server.operation(id).map(|operation| (operation.entity, operation.amount, operation.id))
    }));
    found.expect("at once").expect("available").expect("known")
}

/// DP-1, DP-4: reserves are debited at once, and what is under way is shown.
#[tokio::test]
async fn reserves_move_at_once_and_show_what_is_under_way() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    let (a, _, channel) = pair(&alice, &bob, "0").await;
    let entity: EntityId = a.parse().expect("an id");
    hub.node.deposit(entity, 100);
    let reserves = format!("/entities/{a}/reserves");
    let get = async || alice.get(&reserves).await["reserves"]["ETH"].clone();
    assert_eq!(get().await["free"], "100");
    let begun = alice
        .post(&format!("{reserves}/allocate"), json!({ "channelId": channel, "asset": "ETH", "amount": "60" }))
        .await;
    let now = get().await;
    assert_eq!((&now["free"], &now["allocating"], &now["available"]), (&json!("40"), &json!("60"), &json!("40")));
    assert_eq!(alice.get(&format!("/entities/{a}/state")).await["reserves"]["ETH"], "100");
    let (code, details) = alice
        .refused(
            "POST",
            &format!("{reserves}/allocate"),
            json!({ "channelId": channel, "asset": "ETH", "amount": "41" }),
        )
        .await;
    assert_eq!((code, &details["reason"], &details["available"]), (4200, &json!("insufficient_reserve"), &json!("40")));
    let status = |id: &serde_json::Value| json!({ "operationId": id });
    let shown = alice.post("/depositary/status", status(&begun["operationId"])).await;
    assert_eq!(
        (&shown["operations"][0]["kind"], &shown["operations"][0]["amount"]),
        (&json!("allocate"), &json!("60"))
    );
    assert_eq!(bob.refused("POST", "/depositary/status", status(&begun["operationId"])).await.0, 4004);
    let shown = alice.get(&format!("/channels/{channel}")).await;
    let side = if shown["left"] == a.as_str() { Side::Left } else { Side::Right };
    let (entity, amount, operation) = operation(&hub.node, begun["operationId"].as_str().expect("an id"));
    let channel_id = channel.parse().expect("an id");
    hub.node.fact(FactKind::CollateralAdded { channel: channel_id, entity, side, asset: native(), amount, operation });
    let line = alice.get(&format!("/channels/{channel}")).await["assets"]["ETH"].clone();
    assert_eq!((&line["collateral"], &line["out"][side.to_string()]), (&json!("60"), &json!("60")));
    let recipient = "0x00000000000000000000000000000000000000Aa";
    let take = json!({ "entityId": a, "asset": native().to_string(), "amount": "15", "recipient": recipient });
    alice.post("/depositary/withdraw", take).await;
    let now = get().await;
    assert_eq!((&now["free"], &now["withdrawing"], &now["allocated"]), (&json!("25"), &json!("15"), &json!("60")));
    alice
        .post(&format!("{reserves}/deallocate"), json!({ "channelId": channel, "asset": "ETH", "amount": "10" }))
        .await;
    let all = alice.post("/depositary/status", json!({ "entityId": a })).await;
    assert_eq!(all["operations"].as_array().map(Vec::len), Some(3));
    alice.post("/depositary/deposit", json!({ "entityId": a, "asset": "ETH", "amount": "5" })).await;
}

#[tokio::test]
async fn entities_change_and_end() {
    let hub = Hub::start().await;
    let alice = hub.login(ALICE).await;
    let a = alice.entity().await;
    let change = json!({ "metadata": { "name": "Alice" }, "acceptsFree": true,
        "policies": { "ETH": { "grantMax": "9", "reservePpm": 5 } } });
    assert_eq!(alice.post(&format!("/entities/{a}/update"), change).await["status"], "updated");
    let shown = alice.get(&format!("/entities/{a}")).await;
    assert_eq!((&shown["metadata"]["name"], &shown["acceptsFree"]), (&json!("Alice"), &json!(true)));
    assert_eq!(shown["policies"]["ETH"]["grantMax"], "9");
    assert!(shown["policies"]["ETH"].get("owedMax").is_none(), "unlimited");
    assert_eq!((&shown["type"], &shown["channels"], &shown["hosted"]), (&json!("single"), &json!(0), &json!(true)));
    assert!(a.ends_with(shown["address"].as_str().expect("an address").trim_start_matches("0x")));
    assert_eq!(alice.post(&format!("/entities/{a}/delete"), json!({})).await["status"], "deleted");
    assert_eq!(alice.refused("GET", &format!("/entities/{a}"), json!({})).await.0, 4004);
    assert_eq!(alice.get("/entities").await["pagination"]["total"], 0);
}
