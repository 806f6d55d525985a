//! The parties of a measurement, and the load that they make: payer and payee with wide lines of credit, and an entity with money
//! on the chain.

use crate::child::DevHub;
use crate::failure::Failure;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use xln_chain::dev::accounts;
use xln_chain::submitter::{Order, Submitter};
use xln_chain::{ChainClient, calldata};
use xln_client::client::text;
use xln_client::{Client, Incoming, Key, Receiver, Sender};
use xln_types::{Address, Amount, Asset, EntityId};

/// The credit of every line: 2¹⁰⁰.
const GRANT: &str = "1267650600228229401496703205376";
/// What the payer's entity has on the chain.
const DEPOSIT_WEI: u128 = 1_000_000_000_000_000_000_000;
/// How long a deposit may take to be credited.
const CREDIT_TIMEOUT: Duration = Duration::from_secs(60);

/// Who takes part in a measurement.
pub(crate) struct Parties {
    pub(crate) client: Client,
    pub(crate) operator: Client,
    pub(crate) hub_id: String,
    pub(crate) payer: String,
    pub(crate) payee: String,
    /// The payer's channel with the hub.
    pub(crate) channel: String,
    pub(crate) signer: String,
}

fn key(account: usize) -> Result<Key, Failure> {
    Ok(Key::new(accounts::all()[account].secret)?)
}

impl Parties {
    /// Founds them on a fresh hub.
    pub(crate) async fn found(hub: &DevHub) -> Result<Parties, Failure> {
        let (mut operator, mut client) = (Client::new(hub.field("api"))?, Client::new(hub.field("api"))?);
        operator.login(&key(0)?).await?;
        client.login(&key(1)?).await?;
        let hub_id = hub.field("hub_id").to_owned();
        let signer = text(&client.post("/signers", &json!({})).await?, "signerId")?.to_owned();
        let mut entities = Vec::new();
        let mut channels = Vec::new();
        for _ in 0..2 {
            let new = json!({ "signerId": signer, "type": "single" });
            let entity = text(&client.post("/entities", &new).await?, "entityId")?.to_owned();
            let open = json!({ "entityA": entity, "entityB": hub_id, "creditLimits": { "fromA": { "ETH": GRANT } } });
            let channel = text(&client.post("/channels", &open).await?, "channelId")?.to_owned();
            let grant = json!({ "entityId": hub_id, "asset": "ETH", "amount": GRANT });
            let _ = operator.post(&format!("/channels/{channel}/credit"), &grant).await?;
            entities.push(entity);
            channels.push(channel);
        }
        let parties = Parties {
            client,
            operator,
            hub_id,
            payer: entities.remove(0),
            payee: entities.remove(0),
            channel: channels.remove(0),
            signer,
        };
        parties.deposit(hub).await?;
        Ok(parties)
    }

    /// The same parties at the same hub, which was started again: tokens end with its process.
    pub(crate) async fn again(self, hub: &DevHub) -> Result<Parties, Failure> {
        let (mut operator, mut client) = (Client::new(hub.field("api"))?, Client::new(hub.field("api"))?);
        operator.login(&key(0)?).await?;
        client.login(&key(1)?).await?;
        Ok(Parties { client, operator, ..self })
    }

    /// Brings money in for the payer, and waits until it is credited.
    async fn deposit(&self, hub: &DevHub) -> Result<(), Failure> {
        let malformed = || Failure::World("an id is malformed".to_owned());
        let entity: EntityId = self.payer.parse().map_err(|_| malformed())?;
        let depositary: Address = hub.field("depositary").parse().map_err(|_| malformed())?;
        let chain = Arc::new(ChainClient::http(hub.field("rpc")).map_err(Failure::world)?);
        let chain_id = hub.ready["chain_id"].as_u64().unwrap_or_default();
        let mut payer = Submitter::new(chain, chain_id, &accounts::all()[2].secret).map_err(Failure::world)?;
        let mut socket = self.client.socket().await?;
        let _ = socket.call("subscribe", json!({ "channels": [format!("entity:{}", self.payer)] })).await?;
        let value = Amount(DEPOSIT_WEI);
        let data = calldata::deposit(entity, &Asset::NATIVE, value);
        let prepared = payer.prepare(Order { to: Some(depositary), value, data }).await.map_err(Failure::world)?;
        payer.send(&prepared.raw, prepared.hash).await.map_err(Failure::world)?;
        let crediting = async {
            loop {
                let (_, _, data) = socket.event().await?;
                if data["type"] == "reserve_changed" {
                    return Ok::<(), Failure>(());
                }
            }
        };
        let late = |_| Failure::Check("the deposit isn't credited".to_owned());
        tokio::time::timeout(CREDIT_TIMEOUT, crediting).await.map_err(late)?
    }

    /// A payment's parameters.
    pub(crate) fn payment(&self, amount: u64) -> Value {
        json!({ "from": self.payer, "to": self.payee, "asset": "ETH", "amount": amount.to_string() })
    }

    /// Two halves of a session.
    pub(crate) async fn session(&self) -> Result<(Sender, Receiver), Failure> {
        Ok(self.client.socket().await?.split())
    }
}

/// What a pipelined run came to.
pub(crate) struct Pipelined {
    pub(crate) per_s: f64,
    pub(crate) asked_bytes: usize,
    pub(crate) answered_bytes: usize,
}

/// Payments over one connection, `window` under way, until `until` says so after one of them; every answer is checked.
pub(crate) async fn pipeline(
    parties: &Parties,
    window: usize,
    mut until: impl FnMut(usize) -> bool,
) -> Result<Pipelined, Failure> {
    let (mut sender, mut receiver) = parties.session().await?;
    let payment = parties.payment(1);
    let (mut sent, mut done, mut ended) = (0_usize, 0_usize, false);
    let mut answered_bytes = 0;
    let start = Instant::now();
    while !ended || done < sent {
        if !ended && sent - done <= window / 2 {
            while sent - done < window {
                let _ = sender.feed("payment.send", &payment).await?;
                sent += 1;
            }
            sender.flush().await?;
        }
        if let Incoming::Answer { result, .. } = receiver.next().await? {
            let paid = result.map_err(|refusal| Failure::Check(format!("a payment was refused: {refusal}")))?;
            if answered_bytes == 0 {
                answered_bytes = paid.to_string().len();
            }
            done += 1;
            ended |= until(done);
        }
    }
    let asked_bytes = payment.to_string().len();
    Ok(Pipelined { per_s: done as f64 / start.elapsed().as_secs_f64(), asked_bytes, answered_bytes })
}

/// Payments over one connection at a steady pace, for so long; every answer is checked. Answers how many were made a second.
pub(crate) async fn paced(parties: &Parties, per_s: usize, length: Duration) -> Result<f64, Failure> {
    const BEATS_PER_S: usize = 100;
    let (mut sender, mut receiver) = parties.session().await?;
    let (payment, start) = (parties.payment(1), Instant::now());
    let total = per_s * usize::try_from(length.as_secs()).unwrap_or(0);
    let sending = async {
        let mut beat = tokio::time::interval(Duration::from_secs(1) / u32::try_from(BEATS_PER_S).unwrap_or(1));
        let mut sent = 0;
        while sent < total {
            let _ = beat.tick().await;
            for _ in 0..(per_s / BEATS_PER_S).min(total - sent) {
                let _ = sender.feed("payment.send", &payment).await?;
                sent += 1;
            }
            sender.flush().await?;
        }
        Ok::<(), Failure>(())
    };
    let receiving = async {
        let mut done = 0;
        while done < total {
            if let Incoming::Answer { result, .. } = receiver.next().await? {
                let _ = result.map_err(|refusal| Failure::Check(format!("a payment was refused: {refusal}")))?;
                done += 1;
            }
        }
        Ok::<(), Failure>(())
    };
    let (sent, received) = tokio::join!(sending, receiving);
    sent.and(received)?;
    Ok(total as f64 / start.elapsed().as_secs_f64())
}
