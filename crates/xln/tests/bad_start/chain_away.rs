//! A chain that is away for a while: the hub starts and pays without it, says so, and goes on where it was once it is back.

use crate::hub::chain::{PASSWORD, TestChain, configuration, hub, written};
use crate::hub::people::{OPERATOR, OWNER, ask_all, found, free, login, number, payment, sealed, with_channel};
use crate::hub::process::{Hub, audit, folder, refused};
use crate::hub::until;
use serde_json::{Value, json};
use xln_chain::{Chain, ChainClient, Deployment};
use xln_client::Client;

/// What `/readyz` says: its status, and whether the chain is well.
async fn readiness(client: &Client) -> (u16, bool) {
    let (status, body) = client.raw("/readyz").await.expect("an answer");
    let body: Value = serde_json::from_str(&body).expect("JSON");
    let parts = body["dependencies"].as_array().expect("a list");
    let chain = parts.iter().find(|part| part["name"] == "chain").expect("the chain");
    (status, chain["ok"].as_bool().expect("yes or no"))
}

/// DP-3, DP-4, TX-6: without its chain a hub starts, pays and takes orders; when the chain is back, what was deposited is credited and
/// what was ordered is done, each once.
#[tokio::test(flavor = "multi_thread")]
async fn without_its_chain_a_hub_starts_and_pays_and_later_catches_up() {
    let (folder, data) = folder();
    let mut chain = TestChain::start(folder.path()).await;
    let config = written(folder.path(), &configuration(&data, &chain.url()));
    let first = Hub::start(hub(&config, Some(PASSWORD))).await;
    chain.give(first.field("hub_address"), 1_000_000_000_000_000_000).await;
    let (owner, operator) = (login(first.api(), OWNER).await, login(first.api(), OPERATOR).await);
    let mut parties = Vec::new();
    for name in ["alice", "bob"] {
        let entity = found(&owner, name).await;
        let grants = json!({ "fromA": { "ETH": "1000000" } });
        let open = json!({ "entityA": entity, "entityB": first.field("hub_id"), "creditLimits": grants });
        let _ = owner.post("/channels", &open).await.expect("a channel");
        let party = with_channel(&owner, entity).await;
        let grant = json!({ "entityId": first.field("hub_id"), "asset": "ETH", "amount": "1000000" });
        let _ = operator.post(&format!("/channels/{}/credit", party.channel), &grant).await.expect("credit");
        parties.push(party);
    }
    let [alice, bob]: [_; 2] = parties.try_into().unwrap_or_else(|_| panic!("two"));
    chain.deposit(&alice.entity, 1000).await;
    until("the deposit", async || (free(&owner, &alice.entity, "ETH").await == 1000).then_some(())).await;
    assert_eq!(until("ready", async || Some(readiness(&owner).await).filter(|ready| ready.1)).await, (200, true));
    // A deposit that the hub will only see later, for the chain goes away with the hub.
    first.stop().await;
    chain.deposit(&alice.entity, 500).await;
    chain.down().await;
    let again = Hub::start(hub(&config, Some(PASSWORD))).await;
    let owner = login(again.api(), OWNER).await;
    until("it notices", async || Some(readiness(&owner).await).filter(|ready| *ready == (503, false))).await;
    let wishes: Vec<_> = (0..100).map(|n| payment(&alice, &bob, "ETH", 3, &n.to_string())).collect();
    for paid in ask_all(&owner, "payment.send", &wishes).await {
        assert_eq!(paid.expect("paid")["status"], "completed");
    }
    let recipient = "0x00000000000000000000000000000000000000c1";
    let withdraw = json!({ "entityId": alice.entity, "asset": "ETH", "amount": "400", "recipient": recipient });
    let begun = owner.post("/depositary/withdraw", &withdraw).await.expect("begun");
    assert_eq!(begun["status"], "pending");
    assert_eq!(free(&owner, &alice.entity, "ETH").await, 600);
    assert_eq!(readiness(&owner).await, (503, false));
    chain.up().await;
    until("ready again", async || Some(readiness(&owner).await).filter(|ready| *ready == (200, true))).await;
    let asked = json!({ "operationId": begun["operationId"] });
    until("withdrawn", async || {
        let known = owner.post("/depositary/status", &asked).await.expect("known");
        (known["operations"][0]["status"] == "done").then_some(())
    })
    .await;
    until("the deposit", async || (free(&owner, &alice.entity, "ETH").await == 1100).then_some(())).await;
    let client = ChainClient::http(&chain.url()).expect("loopback");
    let held = client.native_balance(recipient.parse().expect("an address")).await.expect("a balance");
    assert_eq!(held.0, 400);
    let view = owner.get(&format!("/channels/{}", bob.channel)).await.expect("a channel");
    assert_eq!(number(&view["activity"]["volume"]["ETH"]), 300);
    sealed(&owner).await;
    audit(&data, Some(&chain.url())).await;
    again.stop().await;
}

/// DP-3: a hub doesn't begin on a contract that isn't its depositary, where deposits would be burnt; started later with another chain's RPC,
/// it says so, takes no fact from there and sends nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_depositary_or_chain_is_never_used() {
    let (folder, data) = folder();
    let chain = TestChain::start(folder.path()).await;
    let good = configuration(&data, &chain.url());
    let real = Deployment::standard().depositary.to_string();
    for (wrong, words) in [
        ("0x1111111111111111111111111111111111111111".to_owned(), "found=no contract"),
        (Deployment::standard().tokens[0].contract.to_string(), "found=another contract"),
    ] {
        let config = written(folder.path(), &good.replace(&real, &wrong));
        let said = refused(hub(&config, Some(PASSWORD)), 2).await;
        assert!(said.contains(words) && said.contains(&wrong), "{said}");
    }
    let config = written(folder.path(), &good);
    Hub::start(hub(&config, Some(PASSWORD))).await.stop().await;
    let other = TestChain::start_as(&folder.path().join("other"), 7).await;
    let config = written(folder.path(), &good.replace(&chain.url(), &other.url()));
    let again = Hub::start(hub(&config, Some(PASSWORD))).await;
    let client = Client::new(again.api()).expect("loopback");
    let said = until("it says so", async || {
        let (status, body) = client.raw("/readyz").await.expect("an answer");
        (status == 503 && body.contains("chain id")).then_some(body)
    })
    .await;
    assert!(said.contains("expected=31337 found=7"), "{said}");
    again.stop().await;
}
