//! Channels and payments: collateral, credit alone (**CH-4**), a thousand payments over the hub (**CH-14**), one too large (**CH-1**).

use crate::demo::stage::{Outcome, Party, Stage};
use crate::failure::Failure;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use xln_chain::Chain;
use xln_client::Incoming;
use xln_types::{Amount, ChannelId, EntityId};

/// How many payments the tour makes.
const PAYMENTS: usize = 1_000;
/// How many are under way at a time.
const WINDOW: usize = 128;
/// One whole ETH in wei.
const ETH: u128 = 1_000_000_000_000_000_000;

fn channel_of(opened: &Value) -> Result<ChannelId, Failure> {
    let text = xln_client::client::text(opened, "channelId")?;
    text.parse().map_err(|_| Failure::World(format!("a channel id of {text}")))
}

/// Alice locks a part of her reserve in a channel with the hub; it is open once the chain's fact is deep.
pub(crate) async fn open_collateral(stage: &mut Stage) -> Result<Outcome, Failure> {
    let collateral = Amount(stage.dice.between(5 * ETH, 10 * ETH));
    let open = json!({
        "entityA": stage.alice.entity.to_string(), "entityB": stage.hub_id.to_string(),
        "collateral": { "ETH": collateral.to_string() },
    });
    let opened = stage.alice.client.post("/channels", &open).await?;
    let channel = channel_of(&opened)?;
    stage.alice.channel = Some(channel);
    let path = format!("/channels/{channel}");
    let view = stage
        .alice
        .until(&format!("channel:{channel}"), async |client| {
            let view = client.get(&path).await?;
            Ok((view["status"] == "open").then_some(view))
        })
        .await?;
    let on_chain = stage.chain.collateral(stage.depositary, channel, stage.eth).await.map_err(Failure::world)?.0;
    let in_hub = view["assets"]["ETH"]["collateral"].as_str().unwrap_or_default();
    Ok(Outcome::same(
        format!("pending, then open; {collateral} wei at hub and chain"),
        format!(
            "{}, then open; {in_hub} wei at hub{}",
            opened["status"].as_str().unwrap_or_default(),
            if on_chain == collateral { " and chain".to_owned() } else { format!(", {on_chain} on chain") }
        ),
    ))
}

/// Bob, with nothing anywhere, grants the hub credit and is paid at once.
pub(crate) async fn newcomer_receives(stage: &mut Stage) -> Result<Outcome, Failure> {
    let granted = stage.dice.between(5 * ETH, 10 * ETH);
    let open = json!({
        "entityA": stage.bob.entity.to_string(), "entityB": stage.hub_id.to_string(),
        "creditLimits": { "fromA": { "ETH": granted.to_string() } },
    });
    let opened = stage.bob.client.post("/channels", &open).await?;
    stage.bob.channel = Some(channel_of(&opened)?);
    let amount = stage.dice.between(1, granted / 4);
    let paid = stage.alice.client.post("/payments/send", &payment(&stage.alice, stage.bob.entity, amount)).await?;
    let view = stage.bob.channel_view().await?;
    let collateral = view["assets"]["ETH"]["collateral"].as_str().unwrap_or_default();
    let (opened, paid) = (opened["status"].as_str().unwrap_or_default(), paid["status"].as_str().unwrap_or_default());
    Ok(Outcome::same(
        format!("open at once, 0 locked, completed: bob has {amount} wei"),
        format!("{opened} at once, {collateral} locked, {paid}: bob has {} wei", stage.bob.balance().await?),
    ))
}

fn payment(from: &Party, to: EntityId, amount: u128) -> Value {
    json!({
        "from": from.entity.to_string(), "to": to.to_string(), "asset": "ETH", "amount": amount.to_string(),
        "memo": "xln demo",
    })
}

/// A thousand payments over the hub, most from alice to bob, some back; the sums are checked on both sides.
pub(crate) async fn payments(stage: &mut Stage) -> Result<Outcome, Failure> {
    let (alice_before, bob_before) = (stage.alice.balance().await?, stage.bob.balance().await?);
    // However the dice fall, no capacity runs out: each payment is at most a fraction of what is locked and granted, and bob returns
    // only what he had before the first of them.
    let largest = ETH / 4_000;
    let (mut out, mut back) = ((Vec::new(), 0_i128), (Vec::new(), 0_i128));
    while out.0.len() + back.0.len() < PAYMENTS {
        let amount = stage.dice.between(1, largest);
        let signed = i128::try_from(amount).unwrap_or(0);
        let returns = stage.dice.once_in(3) && back.1 + signed <= bob_before;
        let (from, to, way) =
            if returns { (&stage.bob, &stage.alice, &mut back) } else { (&stage.alice, &stage.bob, &mut out) };
        way.0.push(payment(from, to.entity, amount));
        way.1 += signed;
    }
    let bar = stage.progress("payments", PAYMENTS as u64);
    let (one, other) = tokio::join!(pay_all(&stage.alice, &out.0, &bar), pay_all(&stage.bob, &back.0, &bar));
    let (ids, returned) = (one?, other?);
    bar.finish_and_clear();
    let (made, net) = (ids.len() + returned.len(), out.1 - back.1);
    stage.payments = ids;
    let (alice, bob) = (stage.alice.balance().await?, stage.bob.balance().await?);
    Ok(Outcome::same(
        format!("{PAYMENTS} completed; alice {}, bob {} wei", alice_before - net, bob_before + net),
        format!("{made} completed; alice {alice}, bob {bob} wei"),
    ))
}

/// Sends payments over one WebSocket, many under way; answers the ids of those that were completed.
async fn pay_all(from: &Party, bodies: &[Value], bar: &ProgressBar) -> Result<Vec<String>, Failure> {
    let (mut sender, mut receiver) = from.client.socket().await?.split();
    let (mut sent, mut ids) = (0, Vec::with_capacity(bodies.len()));
    while ids.len() < bodies.len() {
        while sent < bodies.len() && sent - ids.len() < WINDOW {
            let _ = sender.feed("payment.send", &bodies[sent]).await?;
            sent += 1;
        }
        sender.flush().await?;
        if let Incoming::Answer { result, .. } = receiver.next().await? {
            let paid = result.map_err(|refusal| Failure::Check(format!("a payment was refused: {refusal}")))?;
            if paid["status"] != "completed" {
                return Err(Failure::Check(format!("a payment is {}", paid["status"])));
            }
            ids.push(xln_client::client::text(&paid, "paymentId")?.to_owned());
            bar.inc(1);
        }
    }
    Ok(ids)
}

/// One unit more than both channels bear: refused, with what would have worked.
pub(crate) async fn over_capacity(stage: &mut Stage) -> Result<Outcome, Failure> {
    let out = can(&stage.alice, "out").await?;
    let into = can(&stage.bob, "in").await?;
    let available = out.min(into);
    let leg = u8::from(into < out);
    let before = (stage.alice.balance().await?, stage.bob.balance().await?);
    let asked = payment(&stage.alice, stage.bob.entity, available + 1);
    let observed = match stage.alice.client.post("/payments/send", &asked).await {
        Ok(answer) => format!("{}", answer["status"]),
        Err(error) => {
            let refusal = error.refusal().cloned().ok_or(error)?;
            let detail = |name: &str| refusal.details.get(name).map(ToString::to_string).unwrap_or_default();
            format!("{}, available {}, leg {}", refusal.code, detail("available").trim_matches('"'), detail("leg"))
        }
    };
    let unchanged = before == (stage.alice.balance().await?, stage.bob.balance().await?);
    Ok(Outcome::same(
        format!("4200, available {available}, leg {leg}; nothing moved"),
        format!("{observed}; {}", if unchanged { "nothing moved" } else { "MONEY MOVED" }),
    ))
}

/// What a party's side of its channel can pay (`out`) or receive (`in`), as the API shows it.
async fn can(party: &Party, what: &str) -> Result<u128, Failure> {
    let view = party.channel_view().await?;
    let side = if view["left"] == party.entity.to_string() { "left" } else { "right" };
    let text = view["assets"]["ETH"][what][side].as_str().unwrap_or_default();
    text.parse().map_err(|_| Failure::World(format!("{what} of {text:?}")))
}
