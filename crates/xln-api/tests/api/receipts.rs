//! Receipts, payments and their events show each party its own part: never the other's reserves, lines or channels.

use crate::client::{ALICE, BOB, Client, Hub, OPERATOR, pair, toward};
use serde_json::{Value, json};
use xln_types::{ChannelId, EntityId, Path, SignerId};

/// Alice has paid Bob over the hub.
struct Paid {
    id: String,
    /// Entity, its signer and its channel with the hub, of payer and payee.
    parties: [(String, String, String); 2],
}

async fn signer_of(client: &Client<'_>, entity: &str) -> String {
    client.get(&format!("/entities/{entity}")).await["signer"].as_str().expect("an id").to_owned()
}

async fn pay_over_the_hub(hub: &Hub, operator: &Client<'_>, clients: [&Client<'_>; 2]) -> Paid {
    let mut parties = Vec::new();
    for client in clients {
        let entity = client.entity().await;
        let limits = json!({ "fromA": { "ETH": "50" } });
        let open = json!({ "entityA": entity, "entityB": hub.node.hub().to_string(), "creditLimits": limits });
        let channel = client.post("/channels", open).await["channelId"].as_str().expect("an id").to_owned();
        operator.post(&format!("/channels/{channel}/credit"), json!({ "asset": "ETH", "amount": "50" })).await;
        let signer = signer_of(client, &entity).await;
        parties.push((entity, signer, channel));
    }
    let parties: [_; 2] = parties.try_into().expect("two");
    let pay = json!({ "from": parties[0].0, "to": parties[1].0, "asset": "ETH", "amount": "7" });
    let paid = clients[0].post("/payments/send", pay).await;
    Paid { id: paid["paymentId"].as_str().expect("an id").to_owned(), parties }
}

/// The next event of this topic.
async fn told(socket: &mut crate::client::Socket, topic: &str) -> Value {
    let answer = socket.call("subscribe", json!({ "channels": [topic], "from": 1 })).await;
    assert!(answer.get("error").is_none(), "{answer}");
    socket.event().await["data"].clone()
}

/// All that a party is shown of the payment, by every way in which receipts and payments are answered or pushed.
async fn shown(hub: &Hub, client: &Client<'_>, id: &str) -> Vec<Value> {
    let mut socket = hub.socket().await;
    socket.call("authenticate", json!({ "token": client.token })).await;
    vec![
        client.get(&format!("/transactions/{id}")).await,
        client.get(&format!("/payments/{id}")).await,
        client.get("/payments").await["payments"][0].clone(),
        told(&mut socket, &format!("tx:{id}")).await,
        told(&mut socket, &format!("payment:{id}")).await,
    ]
}

/// CH-14: what stands between payer and hub is none of the payee's business, and the other way round.
#[tokio::test]
async fn payer_and_payee_each_see_their_own_leg() {
    let hub = Hub::start().await;
    let (alice, bob, operator) = (hub.login(ALICE).await, hub.login(BOB).await, hub.login(OPERATOR).await);
    let paid = pay_over_the_hub(&hub, &operator, [&alice, &bob]).await;
    let others = |of: usize| &paid.parties[1 - of];
    for (place, client) in [&alice, &bob].into_iter().enumerate() {
        let (_, signer, channel) = &paid.parties[place];
        let (_, other_signer, other_channel) = others(place);
        for view in shown(&hub, client, &paid.id).await {
            let text = view.to_string();
            for secret in [other_signer, other_channel] {
                assert!(!text.contains(secret.trim_start_matches("0x")), "{secret} in {text}");
            }
            assert!(text.contains(channel), "its own channel: {text}");
            if view.get("changes").is_some() {
                let path = |change: &Value| change["path"].as_str().expect("a path").to_owned();
                let paths: Vec<_> = view["changes"].as_array().expect("a list").iter().map(path).collect();
                assert!(paths.iter().any(|path| path.starts_with(signer.as_str())), "its own reserve: {paths:?}");
                assert_eq!(view["logs"].as_array().map(Vec::len), Some(1), "one leg: {text}");
            } else {
                assert_eq!((&view["channelId"], &view["channels"]), (&json!(channel), &json!([channel])));
            }
        }
        let over = client.get(&format!("/payments?channel={other_channel}")).await;
        assert_eq!(over["pagination"]["total"], 0, "nor can the other's channel be guessed");
        assert_eq!(client.get(&format!("/payments?channel={channel}")).await["pagination"]["total"], 1);
    }
    let whole = operator.get(&format!("/transactions/{}", paid.id)).await;
    assert_eq!(whole["logs"].as_array().map(Vec::len), Some(2));
    let payment = operator.get(&format!("/payments/{}", paid.id)).await;
    assert_eq!(payment["channels"], json!([paid.parties[0].2, paid.parties[1].2]));
}

/// TX-6: the whole receipt is its sender's to prove; the payee proves its own records.
#[tokio::test]
async fn the_payee_proves_its_own_records_instead() {
    let hub = Hub::start().await;
    let (alice, bob, operator) = (hub.login(ALICE).await, hub.login(BOB).await, hub.login(OPERATOR).await);
    let paid = pay_over_the_hub(&hub, &operator, [&alice, &bob]).await;
    hub.node.seal();
    let path = format!("/proofs/{}", paid.id);
    alice.get(&path).await;
    operator.get(&path).await;
    let (code, details) = bob.refused("GET", &path, json!({})).await;
    assert_eq!((code, &details["reason"], &details["field"]), (4003, &json!("senders_receipt"), &json!("id")));
    assert!(details["expected"].as_str().is_some_and(|text| text.contains("own signer")), "{details}");
    let (entity, signer, channel) = &paid.parties[1];
    let id: (SignerId, EntityId, ChannelId) =
        (signer.parse().expect("an id"), entity.parse().expect("an id"), channel.parse().expect("an id"));
    for own in [Path::entity(id.0, id.1), Path::channel(id.0, id.1, id.2)] {
        bob.get(&format!("/proofs/{own}")).await;
    }
    let made = bob.entity().await;
    hub.node.seal();
    let block = bob.get("/blocks/latest").await;
    let founding = block["transactions"].as_array().expect("a list").last().and_then(Value::as_str).expect("a hash");
    bob.get(&format!("/proofs/{founding}")).await;
    let deleted = bob.post(&format!("/entities/{made}/delete"), json!({})).await;
    hub.node.seal();
    bob.get(&format!("/proofs/{}", deleted["hash"].as_str().expect("a hash"))).await;
}

/// CH-3: a grant that left sets changes none of right's own records, and is right's business all the same.
#[tokio::test]
async fn the_right_side_sees_what_happens_in_its_channel() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    let (a, b, channel) = pair(&alice, &bob, "100").await;
    let (left, right) = if toward(&a, &b) == "right" { (&alice, &bob) } else { (&bob, &alice) };
    let credit = json!({ "asset": "ETH", "amount": "9" });
    let set = left.post(&format!("/channels/{channel}/credit"), credit).await;
    let hash = set["hash"].as_str().expect("a hash");
    let seen = right.get(&format!("/transactions/{hash}")).await;
    assert_eq!((&seen["logs"][0]["type"], &seen["logs"][0]["granted"]), (&json!("credit_set"), &json!("9")));
    let left_entity = if toward(&a, &b) == "right" { &a } else { &b };
    let left_signer = signer_of(left, left_entity).await;
    for change in seen["changes"].as_array().expect("a list") {
        let (path, line) = (change["path"].as_str().expect("a path"), channel.trim_start_matches("0x"));
        assert!(!path.starts_with(&left_signer) || path.contains(line), "left's own record: {path}");
    }
    let stranger = hub.login(21).await;
    assert_eq!(stranger.refused("GET", &format!("/transactions/{hash}"), json!({})).await.0, 4004);
}

/// TX-2: who hands in another's signed transaction again gets its receipt without the sender's records.
#[tokio::test]
async fn a_repeated_transaction_shows_a_stranger_nothing() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    crate::events::own_signer(&alice).await;
    let bytes: String =
        alloy_rlp::encode(crate::events::founding(&hub, 0).0).iter().map(|byte| format!("{byte:02x}")).collect();
    let body = json!({ "transaction": format!("0x{bytes}") });
    let own = alice.post("/transactions", body.clone()).await;
    assert!(own["changes"].as_array().is_some_and(|changes| 1 < changes.len()), "{own}");
    let other = bob.post("/transactions", body).await;
    assert_eq!((&other["hash"], &other["logs"], &other["changes"]), (&own["hash"], &json!([]), &json!([])));
}
