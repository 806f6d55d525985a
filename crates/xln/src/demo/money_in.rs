//! Money comes in on the chain (**DP-3**): even before its owner's entity exists at the hub, whose id follows from its board (**N-5**).

use crate::demo::stage::{Outcome, Party, Stage};
use crate::failure::Failure;
use serde_json::json;
use xln_chain::calldata;
use xln_client::key::hex;
use xln_types::{Address, Amount, Asset, AssetId};

/// One whole ETH in wei, one whole USDC in its base units.
const ETH: u128 = 1_000_000_000_000_000_000;
const USDC: u128 = 1_000_000;

/// A deposit of ETH in one transaction.
pub(crate) async fn deposit_eth(stage: &mut Stage) -> Result<Outcome, Failure> {
    let amount = Amount(stage.dice.between(20 * ETH, 50 * ETH));
    let (to, entity, eth) = (stage.depositary, stage.alice.entity, stage.eth);
    let before = stage.chain_reserve(eth).await?;
    stage.send(to, amount, calldata::deposit(entity, &Asset::NATIVE, amount)).await?;
    stage.deposited[0] = amount;
    let reserve = stage.chain_reserve(eth).await?.minus_or_zero(before);
    Ok(Outcome::same(format!("{amount} wei in the contract"), format!("{reserve} wei in the contract")))
}

/// A deposit of an ERC-20: allowed, then taken.
pub(crate) async fn deposit_erc20(stage: &mut Stage) -> Result<Outcome, Failure> {
    let amount = Amount(stage.dice.between(1_000 * USDC, 5_000 * USDC));
    let malformed = || Failure::World("`xln dev` named no USDC contract".to_owned());
    let usdc = stage.asset("USDC")?;
    let contract: Address = usdc["contract"].as_str().and_then(|text| text.parse().ok()).ok_or_else(malformed)?;
    let id: AssetId = usdc["id"].as_str().and_then(|text| text.parse().ok()).ok_or_else(malformed)?;
    let (to, entity) = (stage.depositary, stage.alice.entity);
    stage.send(contract, Amount::ZERO, calldata::approve(to, amount)).await?;
    stage.send(to, Amount::ZERO, calldata::deposit(entity, &Asset::erc20(contract), amount)).await?;
    stage.deposited[1] = amount;
    let reserve = stage.chain_reserve(id).await?;
    Ok(Outcome::same(format!("{amount} USDC units in the contract"), format!("{reserve} USDC units in the contract")))
}

/// Alice and bob found their entities; what was deposited for alice is hers once it is deep.
pub(crate) async fn entities(stage: &mut Stage) -> Result<Outcome, Failure> {
    let founded = [found(&stage.alice, "alice").await?, found(&stage.bob, "bob").await?];
    let expected_ids = [stage.alice.entity.to_string(), stage.bob.entity.to_string()];
    if founded != expected_ids {
        return Ok(Outcome::same(expected_ids.join(" "), founded.join(" ")));
    }
    let (alice, [eth, usdc]) = (&stage.alice, stage.deposited);
    let path = format!("/entities/{}/reserves", alice.entity);
    let reserves = alice
        .until(&format!("entity:{}", alice.entity), async |client| {
            let reserves = client.get(&path).await?["reserves"].clone();
            let whole = reserves["ETH"]["free"] == eth.to_string() && reserves["USDC"]["free"] == usdc.to_string();
            Ok(whole.then_some(reserves))
        })
        .await?;
    let shown = |asset: &str| reserves[asset]["free"].as_str().unwrap_or_default().to_owned();
    let expected = format!("alice {eth} wei, {usdc} USDC units free");
    Ok(Outcome::same(expected, format!("alice {} wei, {} USDC units free", shown("ETH"), shown("USDC"))))
}

/// A hosted signer with the party's key, and its entity: answers the entity's id.
async fn found(party: &Party, name: &str) -> Result<String, Failure> {
    let signer = party.client.post("/signers", &json!({ "privateKey": hex(&party.secret) })).await?;
    let new = json!({ "signerId": signer["signerId"], "type": "single", "metadata": { "name": name } });
    let made = party.client.post("/entities", &new).await?;
    Ok(xln_client::client::text(&made, "entityId")?.to_owned())
}
