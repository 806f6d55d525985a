//! A hub on a node that isn't ours: `xln hub` on a real anvil, whose path is in `XLN_ANVIL`. Money comes in, is locked, paid, unlocked and
//! goes out; every number is read back from the chain. A block comes when the test says so, and no other way.
//!
//! Laws: **DP-3** credited once, after the confirmations, and never when a reorganisation took it away before; **DP-1**, **DP-5**, **DP-4**.

#![cfg(feature = "anvil")]

mod hub;

use hub::chain::{PASSWORD, configuration, send, written};
use hub::people::{OPERATOR, OWNER, Party, found, free, login, number, payment, sealed, with_channel};
use hub::process::{Hub, audit, folder};
use hub::until;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use xln_chain::dev::{accounts, deploy};
use xln_chain::{Chain, ChainClient, Deployment, Submitter, calldata};
use xln_client::Client;
use xln_types::{Amount, Asset, AssetId, ChannelId, EntityId};

const CHAIN_ID: u64 = 31_337;
const CONFIRMATIONS: u64 = 2;
const ETH: u128 = 1_000_000_000_000_000_000;
const GRANT: &str = "1000000000000000000";

/// An anvil with the contracts on it, ended with the test.
struct Anvil {
    _process: Child,
    url: String,
    client: ChainClient,
}

impl Anvil {
    async fn start() -> Anvil {
        let path = std::env::var_os("XLN_ANVIL").expect("XLN_ANVIL names the anvil binary when this feature is on");
        let mut command = Command::new(path);
        command.args(["--host", "127.0.0.1", "--port", "0"]).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().expect("anvil starts");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let address = loop {
            let line = lines.next_line().await.expect("reads").expect("anvil says where it listens before it ends");
            if let Some(address) = line.strip_prefix("Listening on ") {
                break address.trim().to_owned();
            }
        };
        // Anvil logs each request: unread, its pipe would fill and block it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let url = format!("http://{address}");
        let client = ChainClient::http(&url).expect("loopback");
        let mut creator =
            Submitter::new(Arc::new(client.clone()), CHAIN_ID, &accounts::all()[0].secret).expect("a key");
        for (order, gas_limit) in deploy::orders().expect("artifacts") {
            let prepared = creator.prepare_with_gas(order, gas_limit).await.expect("prepares");
            creator.send(&prepared.raw, prepared.hash).await.expect("sends");
            assert!(creator.wait_mined(prepared.hash, 30_000).await.expect("mined").succeeded);
        }
        Anvil { _process: process, url, client }
    }

    async fn ask(&self, method: &str, params: Value) -> Value {
        self.client.request(method, params).await.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    async fn mine(&self) {
        let _ = self.ask("evm_mine", json!([])).await;
    }

    /// Mines the confirmations, and waits until the hub has taken all that is deep.
    async fn settle(&self, client: &Client) {
        for _ in 0..CONFIRMATIONS {
            self.mine().await;
        }
        self.taken(client).await;
    }

    /// Waits until the hub has taken every block that is deep now.
    async fn taken(&self, client: &Client) {
        let deep = self.client.head().await.expect("a head").number - CONFIRMATIONS;
        let words = format!("up to block {deep}\"");
        until(&words, async || client.raw("/readyz").await.expect("an answer").1.contains(&words).then_some(())).await;
    }

    /// Mines on until the operation is done.
    async fn done(&self, client: &Client, begun: &Value) {
        let asked = json!({ "operationId": begun["operationId"] });
        until("the operation is done", async || {
            self.mine().await;
            let known = client.post("/depositary/status", &asked).await.expect("known");
            assert_ne!(known["operations"][0]["status"], "failed", "{known}");
            (known["operations"][0]["status"] == "done").then_some(())
        })
        .await;
    }

    async fn deposit(&self, entity: &str, amount: u128) {
        let data = calldata::deposit(entity.parse().expect("an id"), &Asset::NATIVE, Amount(amount));
        send(&self.url, CHAIN_ID, Deployment::standard().depositary, amount, data).await;
    }

    async fn on_chain(&self, party: &Party) -> (u128, u128) {
        let depositary = Deployment::standard().depositary;
        let asset: AssetId = xln_crypto::derive::asset_id(CHAIN_ID, &Asset::NATIVE);
        let (entity, channel): (EntityId, ChannelId) =
            (party.entity.parse().expect("an id"), party.channel.parse().expect("an id"));
        let reserve = self.client.reserve(depositary, entity, asset).await.expect("a reserve");
        let collateral = self.client.collateral(depositary, channel, asset).await.expect("collateral");
        (reserve.0, collateral.0.0)
    }
}

/// A hub on it, with gas, and alice and bob with channels.
async fn start(anvil: &Anvil, folder: &Path, data: &Path) -> (Hub, Client, [Party; 2]) {
    let text = configuration(data, &anvil.url).replace("confirmations = 1", "confirmations = 2");
    let hub = Hub::start(hub::chain::hub(&written(folder, &text), Some(PASSWORD))).await;
    send(&anvil.url, CHAIN_ID, hub.field("hub_address").parse().expect("an address"), ETH, Vec::new()).await;
    let (owner, operator) = (login(hub.api(), OWNER).await, login(hub.api(), OPERATOR).await);
    let mut parties = Vec::new();
    for name in ["alice", "bob"] {
        let entity = found(&owner, name).await;
        let grants = json!({ "fromA": { "ETH": GRANT } });
        let open = json!({ "entityA": entity, "entityB": hub.field("hub_id"), "creditLimits": grants });
        let _ = owner.post("/channels", &open).await.expect("a channel");
        let party = with_channel(&owner, entity).await;
        let grant = json!({ "entityId": hub.field("hub_id"), "asset": "ETH", "amount": GRANT });
        let _ = operator.post(&format!("/channels/{}/credit", party.channel), &grant).await.expect("credit");
        parties.push(party);
    }
    anvil.settle(&owner).await;
    (hub, owner, parties.try_into().unwrap_or_else(|_| panic!("two")))
}

/// DP-3, DP-1, DP-5, DP-4, CH-13: in, locked, paid, unlocked, out; the chain says at every step what the hub says.
#[tokio::test(flavor = "multi_thread")]
async fn the_whole_way_of_money_on_anvil() {
    let anvil = Anvil::start().await;
    let (folder, data) = folder();
    let (hub, owner, [alice, bob]) = start(&anvil, folder.path(), &data).await;
    anvil.deposit(&alice.entity, 1000).await;
    for _ in 0..CONFIRMATIONS {
        anvil.taken(&owner).await;
        assert_eq!(free(&owner, &alice.entity, "ETH").await, 0, "not deep yet");
        anvil.mine().await;
    }
    anvil.taken(&owner).await;
    assert_eq!(free(&owner, &alice.entity, "ETH").await, 1000);
    anvil.settle(&owner).await;
    assert_eq!(free(&owner, &alice.entity, "ETH").await, 1000, "once");
    let path = format!("/entities/{}/reserves", alice.entity);
    let to_channel = |amount: &str| json!({ "channelId": alice.channel, "asset": "ETH", "amount": amount });
    let begun = owner.post(&format!("{path}/allocate"), &to_channel("600")).await.expect("begun");
    assert_eq!(free(&owner, &alice.entity, "ETH").await, 400, "debited at once");
    anvil.done(&owner, &begun).await;
    assert_eq!(anvil.on_chain(&alice).await, (400, 600));
    let paid = owner.post("/payments/send", &payment(&alice, &bob, "ETH", 100, "")).await.expect("paid");
    assert_eq!(paid["status"], "completed");
    let begun = owner.post(&format!("{path}/deallocate"), &to_channel("200")).await.expect("begun");
    anvil.done(&owner, &begun).await;
    assert_eq!(anvil.on_chain(&alice).await, (600, 400));
    let recipient = "0x00000000000000000000000000000000000000c2";
    let withdraw = json!({ "entityId": alice.entity, "asset": "ETH", "amount": "250", "recipient": recipient });
    let begun = owner.post("/depositary/withdraw", &withdraw).await.expect("begun");
    anvil.done(&owner, &begun).await;
    assert_eq!(anvil.on_chain(&alice).await, (350, 400));
    let held = anvil.client.native_balance(recipient.parse().expect("an address")).await.expect("a balance");
    assert_eq!(held, Amount(250));
    let line = owner.get(&format!("/channels/{}", alice.channel)).await.expect("a channel")["assets"]["ETH"].clone();
    assert_eq!(number(&line["collateral"]), 400, "{line}");
    let state = owner.get(&format!("/entities/{}/state", alice.entity)).await.expect("a state");
    // 600 locked, 100 paid, 200 taken back.
    assert_eq!(number(&state["balances"]["ETH"]), 300, "{state}");
    assert_eq!(free(&owner, &alice.entity, "ETH").await, 350);
    sealed(&owner).await;
    audit(&data, Some(&anvil.url)).await;
    hub.stop().await;
    audit(&data, Some(&anvil.url)).await;
}

/// DP-3: a deposit that a reorganisation took away before it was deep leaves no credit; the hub goes on, and what is mined afterwards counts.
#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_that_was_reorganised_away_leaves_no_credit() {
    let anvil = Anvil::start().await;
    let (folder, data) = folder();
    let (hub, owner, [alice, _]) = start(&anvil, folder.path(), &data).await;
    let snapshot = anvil.ask("evm_snapshot", json!([])).await;
    anvil.deposit(&alice.entity, 1000).await;
    anvil.mine().await;
    anvil.taken(&owner).await;
    assert_eq!(free(&owner, &alice.entity, "ETH").await, 0, "not deep yet");
    assert_eq!(anvil.ask("evm_revert", json!([snapshot])).await, json!(true));
    for _ in 0..3 * CONFIRMATIONS {
        anvil.mine().await;
    }
    anvil.taken(&owner).await;
    assert_eq!(free(&owner, &alice.entity, "ETH").await, 0, "it never happened");
    assert_eq!(anvil.on_chain(&alice).await, (0, 0));
    anvil.deposit(&alice.entity, 70).await;
    anvil.settle(&owner).await;
    assert_eq!(free(&owner, &alice.entity, "ETH").await, 70);
    let recipient = "0x00000000000000000000000000000000000000c3";
    let withdraw = json!({ "entityId": alice.entity, "asset": "ETH", "amount": "70", "recipient": recipient });
    let begun = owner.post("/depositary/withdraw", &withdraw).await.expect("withdrawals aren't halted");
    anvil.done(&owner, &begun).await;
    sealed(&owner).await;
    audit(&data, Some(&anvil.url)).await;
    hub.stop().await;
}
