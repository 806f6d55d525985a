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

/// On which hub examples are founded, and which.
pub(crate) struct Stage {
    /// The development account of the hub.
    pub(crate) hub_account: usize,
    pub(crate) names: &'static [(&'static str, &'static str)],
}

/// The first hub on a chain.
pub(crate) const FIRST: Stage = Stage { hub_account: 0, names: &NAMES };
/// A hub that joins it.
pub(crate) const JOINED: Stage = Stage { hub_account: 2, names: &JOINED_NAMES };

/// Their names, and what people are told of them.
const JOINED_NAMES: [(&str, &str); 1] =
    [("carol", "grants this hub 10 ETH and 1,000 USDC, and so can be paid from the other hub")];
const NAMES: [(&str, &str); 2] = [
    (GRANTED, "granted 10 ETH and 1,000 USDC by the hub; 100 ETH of reserve on the chain within seconds"),
    ("bob", "grants the hub 10 ETH and 1,000 USDC, and so can receive at once; nobody locked a coin"),
];
/// The one whom the hub grants credit, and for whom coins are deposited.
const GRANTED: &str = "alice";

/// An entity that stands there from the start.
pub(crate) struct Example {
    pub(crate) name: &'static str,
    pub(crate) id: String,
    pub(crate) story: &'static str,
}

/// Founds the examples on a hub that has nobody else, or finishes what a crash left half founded; elsewhere finds those that are there.
pub(crate) async fn found(api: &str, rpc: &str, place: &Stage) -> Result<Vec<Example>, Failure> {
    let mut hub = Client::new(api)?;
    hub.login(&key(place.hub_account)?).await?;
    let mut owner = Client::new(api)?;
    owner.login(&key(OWNER)?).await?;
    let all = hub.get("/entities?limit=4").await?;
    let known = owner.get("/entities?limit=1000").await?;
    let named = |name: &str| {
        let mut entities = known["entities"].as_array().into_iter().flatten();
        entities.find(|entity| entity["metadata"]["name"] == name).and_then(|entity| entity["id"].as_str())
    };
    let others = all["pagination"]["total"].as_u64().unwrap_or_default().saturating_sub(1);
    let ours = place.names.iter().filter(|(name, _)| named(name).is_some()).count() as u64;
    let is_ours_alone = others == ours;
    let info = hub.get("/hub").await?;
    let mut examples = Vec::new();
    for (name, story) in place.names.iter().copied() {
        let id = match named(name) {
            Some(id) => id.to_owned(),
            None if is_ours_alone => entity(&owner, name).await?,
            None => continue,
        };
        if is_ours_alone {
            open(&owner, &hub, &info, &id, name == GRANTED).await?;
        }
        if named(name).is_none() && name == GRANTED {
            deposit(&info, rpc, &id).await?;
        }
        examples.push(Example { name, id, story });
    }
    Ok(examples)
}

/// A channel with the hub, in which the example grants it credit; the hub grants one of them credit too.
async fn open(owner: &Client, hub: &Client, info: &Value, entity: &str, granted: bool) -> Result<(), Failure> {
    let hub_id = text(info, "hubId")?;
    let channels = owner.get(&format!("/channels?entity={entity}")).await?;
    let known = channels["channels"][0]["id"].as_str().map(str::to_owned);
    let channel = match known {
        Some(channel) => channel,
        None => {
            let grants = json!({ "ETH": GRANT_WEI, "USDC": GRANT_USDC });
            let open = json!({ "entityA": entity, "entityB": hub_id, "creditLimits": { "fromA": grants } });
            text(&owner.post("/channels", &open).await?, "channelId")?
        }
    };
    if !granted || channels["channels"][0]["activity"]["payments"].as_u64().is_some_and(|payments| payments != 0) {
        return Ok(());
    }
    for (asset, amount) in [("ETH", GRANT_WEI), ("USDC", GRANT_USDC)] {
        let grant = json!({ "entityId": hub_id, "asset": asset, "amount": amount });
        let _ = hub.post(&format!("/channels/{channel}/credit"), &grant).await?;
    }
    Ok(())
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
