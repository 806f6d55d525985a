//! Lists: pages, cursors, filters, and counters that are real.

use crate::client::{ALICE, BOB, Hub, OPERATOR, account, pair};
use serde_json::{Value, json};

fn ids(list: &Value) -> Vec<String> {
    let items = list.as_array().expect("a list");
    items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn pages_cover_a_list_once_in_creation_order() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(alice.entity().await);
        bob.entity().await;
    }
    let all = alice.get("/entities").await;
    assert_eq!(ids(&all["entities"]), made);
    assert_eq!(all["pagination"], json!({ "page": 1, "limit": 100, "total": 5 }));
    assert!(all["entities"][0]["created"].as_u64() > Some(0));
    let second = alice.get("/entities?page=2&limit=2").await;
    assert_eq!(ids(&second["entities"]), made[2..4]);
    assert_eq!((&second["pagination"]["page"], &second["pagination"]["total"]), (&json!(2), &json!(5)));
    let mut found = Vec::new();
    let mut path = "/entities?limit=2".to_owned();
    for _ in 0..3 {
        let page = alice.get(&path).await;
        found.extend(ids(&page["entities"]));
        path = format!("/entities?limit=2&cursor={}", page["pagination"]["next"].as_str().unwrap_or("0"));
    }
    assert_eq!(found, made);
    // What is deleted leaves the others where they are.
    let next = alice.get("/entities?limit=2").await["pagination"]["next"].as_str().expect("more").to_owned();
    alice.post(&format!("/entities/{}/delete", made[1]), json!({})).await;
    let page = alice.get(&format!("/entities?limit=2&cursor={next}")).await;
    assert_eq!(ids(&page["entities"]), made[2..4]);
    assert_eq!(page["pagination"]["total"], 4);
    let signers = alice.get("/signers").await;
    assert_eq!(signers["pagination"]["total"], 5);
    let signer = signers["signers"][2]["id"].as_str().expect("an id").to_owned();
    let one = alice.get(&format!("/entities?signer={signer}")).await;
    assert_eq!(ids(&one["entities"]), made[2..3]);
    assert_eq!(alice.get(&format!("/signers/{signer}")).await["entities"], 1);
}

#[tokio::test]
async fn channels_are_found_by_entity_status_and_asset() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    let (a, _, channel) = pair(&alice, &bob, "10").await;
    let (other, third) = (alice.entity().await, bob.entity().await);
    let asks =
        json!({ "entityA": other, "entityB": third, "collateral": {}, "creditLimits": { "fromB": { "ETH": "1" } } });
    let pending = alice.post("/channels", asks).await["channelId"].as_str().expect("an id").to_owned();
    let list = async |query: &str| ids(&alice.get(&format!("/channels?{query}")).await["channels"]);
    assert_eq!(list("").await, [channel.as_str(), &pending]);
    assert_eq!(list("status=open").await, [channel.as_str()]);
    assert_eq!(list("status=ready").await, [channel.as_str()]);
    assert_eq!(list("status=pending").await, [pending]);
    assert_eq!(list(&format!("entity={a}")).await, [channel.as_str()]);
    assert_eq!(list(&format!("entity={a}&status=pending")).await, [""; 0]);
    assert_eq!(list("asset=ETH&limit=1").await, [channel]);
    assert_eq!(alice.get(&format!("/entities/{a}")).await["channels"], 1);
}

#[tokio::test]
async fn a_bare_grant_counts_where_one_asset_is_named() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    let (a, b) = (alice.entity().await, bob.entity().await);
    let open = |limits: Value| json!({ "entityA": a, "entityB": b, "creditLimits": limits });
    let (code, details) = alice.refused("POST", "/channels", open(json!({ "fromA": "5" }))).await;
    assert_eq!((code, &details["reason"]), (4100, &json!("asset_missing")));
    let opened = alice.post("/channels", open(json!({ "fromA": "5", "fromB": { "ETH": "6" } }))).await;
    let shown = bob.get(&format!("/channels/{}", opened["channelId"].as_str().expect("an id"))).await;
    let mine = if shown["left"] == a.as_str() { "left" } else { "right" };
    assert_eq!(shown["assets"]["ETH"]["granted"][mine], "5");
}

/// N-4: assets are listed by id, and their cursor is an id: what is registered between two pages moves nothing.
#[tokio::test]
async fn a_cursor_over_assets_neither_repeats_nor_skips() {
    let hub = Hub::start().await;
    let operator = hub.login(OPERATOR).await;
    let register = async |number: u8| {
        let token = json!({ "kind": "erc20", "contract": account(number).to_string(), "symbol": format!("T{number}"), "decimals": 6 });
        operator.post("/assets/register", token).await;
    };
    for number in 40..52 {
        register(number).await;
    }
    let there = ids(&operator.get("/assets").await["assets"]);
    assert_eq!(there.len(), 13);
    let (mut found, mut path, mut number) = (Vec::new(), "/assets?limit=2".to_owned(), 52);
    loop {
        let page = operator.get(&path).await;
        found.extend(ids(&page["assets"]));
        let Some(next) = page["pagination"]["next"].as_str() else { break };
        path = format!("/assets?limit=2&cursor={next}");
        for _ in 0..3 {
            register(number).await;
            number += 1;
        }
    }
    let distinct: std::collections::BTreeSet<_> = found.iter().collect();
    assert_eq!(distinct.len(), found.len(), "no repeats");
    assert!(there.iter().all(|id| distinct.contains(id)), "no skips");
}
