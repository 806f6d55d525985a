//! The entities that a fresh `xln dev` starts with, so that the first payment is one command away. Made through the public API, by the
//! accounts that would make them; nothing here that a user couldn't do.

use crate::failure::Failure;
use serde_json::{Value, json};
use std::sync::Arc;
use xln_chain::dev::accounts;
use xln_chain::submitter::{Order, Submitter};
use xln_chain::{ChainClient, calldata};
use xln_client::{Client, Key};
use xln_types::{Address, Amount, Asset, EntityId};

/// The development account that owns the examples.
pub(crate) const OWNER: usize = 1;
/// The development account whose coins are deposited for alice: the last, so that the first ones' nonces are untouched.
const PAYER: usize = accounts::ACCOUNTS - 1;
/// What each grants: 10 ETH and 1,000 USDC.
const GRANT_WEI: &str = "10000000000000000000";
const GRANT_USDC: &str = "1000000000";
/// What is deposited for alice: 100 ETH.
const DEPOSIT_WEI: u128 = 100_000_000_000_000_000_000;

/// An entity that stands there from the start.
pub(crate) struct Example {
    pub(crate) name: &'static str,
    pub(crate) id: String,
    pub(crate) story: &'static str,
}

/// Founds alice and bob on a fresh hub; on one that has entities already there is nothing to do.
pub(crate) async fn found(api: &str, rpc: &str) -> Result<Vec<Example>, Failure> {
    let mut hub = Client::new(api)?;
    hub.login(&key(0)?).await?;
    if hub.get("/entities?limit=1").await?["pagination"]["total"] != 1 {
        return Ok(Vec::new());
    }
    let mut owner = Client::new(api)?;
    owner.login(&key(OWNER)?).await?;
    let info = hub.get("/hub").await?;
    let hub_id = text(&info, "hubId")?;
    let alice = entity(&owner, "alice").await?;
    let bob = entity(&owner, "bob").await?;
    let grants = json!({ "ETH": GRANT_WEI, "USDC": GRANT_USDC });
    for entity in [&alice, &bob] {
        let open = json!({ "entityA": entity, "entityB": hub_id, "creditLimits": { "fromA": grants } });
        let opened = owner.post("/channels", &open).await?;
        if *entity == alice {
            let path = format!("/channels/{}/credit", text(&opened, "channelId")?);
            for (asset, amount) in [("ETH", GRANT_WEI), ("USDC", GRANT_USDC)] {
                let grant = json!({ "entityId": hub_id, "asset": asset, "amount": amount });
                let _ = hub.post(&path, &grant).await?;
            }
        }
    }
    deposit(&info, rpc, &alice).await?;
    let alice_story = "granted 10 ETH and 1,000 USDC by the hub; 100 ETH of reserve on the chain within seconds";
    let bob_story = "grants the hub 10 ETH and 1,000 USDC, and so can receive at once; nobody locked a coin";
    Ok(vec![
        Example { name: "alice", id: alice, story: alice_story },
        Example { name: "bob", id: bob, story: bob_story },
    ])
}

fn key(account: usize) -> Result<Key, Failure> {
    let account = accounts::all().get(account).ok_or_else(|| Failure::Usage("accounts are 0 to 9".to_owned()))?;
    Ok(Key::new(account.secret)?)
}

fn text(answer: &Value, field: &str) -> Result<String, Failure> {
    Ok(xln_client::client::text(answer, field)?.to_owned())
}

async fn entity(owner: &Client, name: &str) -> Result<String, Failure> {
    let signer = owner.post("/signers", &json!({ "metadata": { "name": name } })).await?;
    let new = json!({ "signerId": text(&signer, "signerId")?, "type": "single", "metadata": { "name": name } });
    text(&owner.post("/entities", &new).await?, "entityId")
}

/// Sends the deposit and doesn't wait: the hub credits it once it is deep.
async fn deposit(info: &Value, rpc: &str, entity: &str) -> Result<(), Failure> {
    let malformed = |what: &str| Failure::World(format!("the hub's answer is malformed: {what}"));
    let entity: EntityId = entity.parse().map_err(|_| malformed("entityId"))?;
    let depositary: Address = text(info, "depositary")?.parse().map_err(|_| malformed("depositary"))?;
    let chain_id = info["chainId"].as_u64().ok_or_else(|| malformed("chainId"))?;
    let chain = Arc::new(ChainClient::http(rpc).map_err(Failure::world)?);
    let mut payer = Submitter::new(chain, chain_id, &accounts::all()[PAYER].secret).map_err(Failure::world)?;
    let amount = Amount(DEPOSIT_WEI);
    let data = calldata::deposit(entity, &Asset::NATIVE, amount);
    let prepared = payer.prepare(Order { to: Some(depositary), value: amount, data }).await.map_err(Failure::world)?;
    payer.send(&prepared.raw, prepared.hash).await.map_err(Failure::world)
}
