//! A second hub joins the chain, the two grant each other credit, and alice pays somebody there whom her own hub has never heard of
//! (**HT-1**, **HT-4**): an invoice, a route of three channels, the exact amount, and the preimage as her proof.

use crate::child::DevHub;
use crate::demo::stage::{Outcome, Party, Stage};
use crate::failure::Failure;
use serde_json::{Value, json};
use xln_chain::dev::accounts;
use xln_client::{Client, Key};

/// What is granted between the hubs, and by the recipient, in wei.
const GRANT_WEI: &str = "10000000000000000000";
/// The development accounts of the two hubs.
const HUBS: [usize; 2] = [0, 2];

/// Alice pays carol, who stands with the other hub.
pub(crate) async fn routed_payment(stage: &mut Stage) -> Result<Outcome, Failure> {
    let other = DevHub::joined(stage.hub()).await?;
    let outcome = pay(stage, &other).await;
    other.stop().await?;
    outcome
}

async fn operator(hub: &DevHub, account: usize) -> Result<Party, Failure> {
    let mut client = Client::new(hub.field("api"))?;
    client.login(&Key::new(accounts::all()[account].secret)?).await?;
    let entity = hub.field("hub_id").parse().map_err(|_| Failure::World("a hub id".to_owned()))?;
    Ok(Party { client, secret: [0; 32], entity, channel: None })
}

fn text(answer: &Value, field: &str) -> Result<String, Failure> {
    Ok(xln_client::client::text(answer, field)?.to_owned())
}

/// Waits until a channel is open and both sides grant.
async fn until_granted(party: &Party, channel: &str) -> Result<(), Failure> {
    let path = format!("/channels/{channel}");
    party
        .until(&format!("channel:{channel}"), async |client| {
            let view = client.get(&path).await?;
            let granted = &view["assets"]["ETH"]["granted"];
            Ok((granted["left"] == GRANT_WEI && granted["right"] == GRANT_WEI).then_some(()))
        })
        .await
}

async fn pay(stage: &mut Stage, other: &DevHub) -> Result<Outcome, Failure> {
    let (here, there) = (operator(stage.hub(), HUBS[0]).await?, operator(other, HUBS[1]).await?);
    // The other hub dials; its first session introduces each to the other.
    let connect = json!({ "address": stage.hub().field("peer"), "node": here.entity.to_string() });
    let _ = there.client.post("/peers/connect", &connect).await?;
    here.until(&format!("entity:{}", there.entity), async |client| {
        let peers = client.get("/peers").await?;
        let known = |peer: &Value| peer["node"] == there.entity.to_string() && peer["state"] == "connected";
        let connected = peers["peers"].as_array().is_some_and(|peers| peers.iter().any(known));
        let introduced = client.get(&format!("/entities/{}", there.entity)).await.is_ok();
        Ok((connected && introduced).then_some(()))
    })
    .await?;
    let open = json!({
        "entityA": there.entity.to_string(), "entityB": here.entity.to_string(),
        "creditLimits": { "fromA": { "ETH": GRANT_WEI } },
    });
    let between = text(&there.client.post("/channels", &open).await?, "channelId")?;
    there
        .until(&format!("channel:{between}"), async |client| {
            let view = client.get(&format!("/channels/{between}")).await?;
            Ok((view["status"] == "open").then_some(()))
        })
        .await?;
    let grant = json!({ "entityId": here.entity.to_string(), "asset": "ETH", "amount": GRANT_WEI });
    let _ = here.client.post(&format!("/channels/{between}/credit"), &grant).await?;
    until_granted(&there, &between).await?;

    // Carol, a newcomer there.
    let signer = there.client.post("/signers", &json!({})).await?;
    let new = json!({ "signerId": text(&signer, "signerId")?, "type": "single", "metadata": { "name": "carol" } });
    let carol = text(&there.client.post("/entities", &new).await?, "entityId")?;
    let open = json!({
        "entityA": carol, "entityB": there.entity.to_string(), "creditLimits": { "fromA": { "ETH": GRANT_WEI } },
    });
    let _ = there.client.post("/channels", &open).await?;
    let amount = stage.dice.between(1, 1_000_000).to_string();
    let ask = json!({ "entityId": carol, "asset": "ETH", "amount": amount });
    let invoice = there.client.post("/invoices", &ask).await?;
    let (lock, asked) = (text(&invoice, "hashlock")?, text(&invoice, "invoice")?);

    let route = [stage.hub_id.to_string(), there.entity.to_string(), carol.clone()];
    let send = json!({
        "from": stage.alice.entity.to_string(), "to": carol, "asset": "ETH", "amount": amount, "route": route,
        "invoice": asked,
    });
    let sent = stage.alice.client.post("/payments/send", &send).await?;
    let payment = text(&sent, "paymentId")?;
    let ended = stage
        .alice
        .until(&format!("payment:{payment}"), async |client| {
            let view = client.get(&format!("/payments/{payment}")).await?;
            Ok((view["status"] != "pending").then_some(view))
        })
        .await?;
    let got = there.client.get(&format!("/entities/{carol}/state")).await?;
    let got = got["balances"]["ETH"].as_str().unwrap_or("nothing").to_owned();
    let preimage = ended["preimage"].as_str().and_then(|text| text.parse().ok());
    let proven = preimage.is_some_and(|preimage| xln_crypto::frames::hashlock(&preimage).to_string() == lock);
    Ok(Outcome::same(
        format!("completed over 3 channels of two hubs; {amount} wei there; the preimage opens the lock"),
        format!(
            "{} over {} channels of two hubs; {got} wei there; {}",
            ended["status"].as_str().unwrap_or_default(),
            route.len(),
            if proven { "the preimage opens the lock" } else { "no preimage" }
        ),
    ))
}
