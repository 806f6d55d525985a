//! As many assets as a channel may have (CH-12), each a contract of its own on the chain, in one reserve and one channel.

use crate::hub::people::{OPERATOR, OWNER, ask_all, found, free, login, number, sealed, text, with_channel};
use crate::hub::process::{Hub, audit, dev, folder};
use crate::hub::until;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use xln_chain::dev::{accounts, deploy};
use xln_chain::submitter::{Order, Submitter};
use xln_chain::{ChainClient, calldata};
use xln_types::tx::CHANNEL_ASSETS_MAX;
use xln_types::{Address, Amount, Asset};

/// What is deposited of each, and what of that is locked in the channel.
const DEPOSIT: u64 = 1000;
const COLLATERAL: u64 = 600;
/// Waits for a transaction at most so long.
const MINED_WAIT_MS: u64 = 30_000;

/// Whoever deploys the tokens and holds all of them.
struct Issuer {
    chain: Arc<ChainClient>,
    submitter: Submitter,
}

impl Issuer {
    fn new(hub: &Hub) -> Issuer {
        let chain = Arc::new(ChainClient::http(hub.field("rpc")).expect("loopback"));
        let chain_id = hub.ready["chain_id"].as_u64().expect("a number");
        let secret = &accounts::all()[6].secret;
        let submitter = Submitter::new(Arc::<ChainClient>::clone(&chain), chain_id, secret).expect("a key");
        Issuer { chain, submitter }
    }

    async fn send(&mut self, order: Order) -> Option<Address> {
        let prepared = self.submitter.prepare(order).await.expect("prepared");
        self.submitter.send(&prepared.raw, prepared.hash).await.expect("sent");
        let mined = self.submitter.wait_mined(prepared.hash, MINED_WAIT_MS).await.expect("mined");
        assert!(mined.succeeded);
        let receipt = self.chain.request("eth_getTransactionReceipt", json!([prepared.hash.to_string()])).await;
        receipt.expect("a receipt")["contractAddress"].as_str().and_then(|address| address.parse().ok())
    }

    /// A token, all of whose supply is the issuer's: the development token's creation, for another holder.
    async fn token(&mut self) -> Address {
        let (Order { to, value, mut data }, _) = deploy::orders().expect("artifacts").swap_remove(2);
        let [first, own] = [accounts::all()[0].address.0, accounts::all()[6].address.0];
        let holder = data.windows(20).rposition(|window| window == first).expect("its holder");
        data[holder..holder + 20].copy_from_slice(&own);
        self.send(Order { to, value, data }).await.expect("a contract")
    }

    async fn deposit(&mut self, hub: &Hub, entity: &str, token: Address) {
        let depositary: Address = hub.field("depositary").parse().expect("an address");
        let amount = Amount(u128::from(DEPOSIT));
        let approve = calldata::approve(depositary, amount);
        let _ = self.send(Order { to: Some(token), value: Amount::ZERO, data: approve }).await;
        let data = calldata::deposit(entity.parse().expect("an id"), &Asset::erc20(token), amount);
        let _ = self.send(Order { to: Some(depositary), value: Amount::ZERO, data }).await;
    }
}

/// CH-12, DP-1, N-4: 128 assets are deposited, locked in one channel and paid with; a 129th is refused with the bound; the books balance.
#[tokio::test(flavor = "multi_thread")]
async fn a_channel_and_a_reserve_bear_128_assets() {
    let (_folder, data) = folder();
    let hub = Hub::start(dev(&data)).await;
    let (owner, operator) = (login(hub.api(), OWNER).await, login(hub.api(), OPERATOR).await);
    let mut issuer = Issuer::new(&hub);
    let entity = found(&owner, "trader").await;
    let symbols: Vec<String> = (0..=CHANNEL_ASSETS_MAX).map(|number| format!("T{number}")).collect();
    for symbol in &symbols {
        let token = issuer.token().await;
        let asset = json!({ "kind": "erc20", "contract": token.to_string(), "symbol": symbol, "decimals": 6 });
        let _ = operator.post("/assets/register", &asset).await.expect("registered");
        issuer.deposit(&hub, &entity, token).await;
    }
    let (last, listed) = symbols.split_last().expect("129");
    until("the last deposit", async || (free(&owner, &entity, last).await == i128::from(DEPOSIT)).then_some(())).await;
    let all = |amount: u64| -> Map<String, Value> {
        listed.iter().map(|symbol| (symbol.clone(), amount.to_string().into())).collect()
    };
    let open = json!({
        "entityA": entity, "entityB": hub.field("hub_id"), "collateral": all(COLLATERAL),
        "creditLimits": { "fromA": all(1) },
    });
    let _ = owner.post("/channels", &open).await.expect("a channel");
    let trader = with_channel(&owner, entity).await;
    let path = format!("/channels/{}", trader.channel);
    let opened = until("all collateral is there", async || {
        let view = owner.get(&path).await.expect("a channel");
        (view["status"] == "open").then_some(view)
    })
    .await;
    assert_eq!(opened["assets"].as_object().map(Map::len), Some(CHANNEL_ASSETS_MAX));
    // One more than fits.
    let more = json!({ "entityId": trader.entity, "asset": last, "amount": "1" });
    let refused = owner.post(&format!("{path}/credit"), &more).await.expect_err("one too many");
    let refused = crate::hub::people::refusal(&refused);
    assert_eq!((refused.reason(), &refused.details["expected"]), ("too_many_assets", &json!(CHANNEL_ASSETS_MAX)));
    // A payment in each, all at once, of amounts that tell them apart.
    let payments: Vec<Value> = (1..)
        .zip(listed)
        .map(|(amount, symbol)| json!({ "from": trader.entity, "to": hub.field("hub_id"), "asset": symbol, "amount": amount.to_string() }))
        .collect();
    for paid in ask_all(&owner, "payment.send", &payments).await {
        assert_eq!(text(&paid.expect("paid"), "status"), "completed");
    }
    let view = owner.get(&path).await.expect("a channel");
    let reserves = owner.get(&format!("/entities/{}/reserves", trader.entity)).await.expect("reserves");
    let side = trader.side(&owner).await;
    for (amount, symbol) in (1..).zip(listed) {
        let (line, reserve) = (&view["assets"][symbol], &reserves["reserves"][symbol]);
        assert_eq!(number(&line["collateral"]), i128::from(COLLATERAL), "{line}");
        assert_eq!(number(&line["out"][side]), i128::from(COLLATERAL) - amount, "{line}");
        assert_eq!(number(&reserve["free"]), i128::from(DEPOSIT - COLLATERAL), "{reserve}");
        assert_eq!(number(&reserve["allocated"]), i128::from(COLLATERAL), "{reserve}");
    }
    assert_eq!(view["activity"]["payments"].as_u64(), Some(CHANNEL_ASSETS_MAX as u64));
    sealed(&owner).await;
    audit(&data, Some(hub.field("rpc"))).await;
    hub.stop().await;
}
