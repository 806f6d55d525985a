//! Who takes part in the tour, and how its steps look at the world: alice, who brings money; bob, a newcomer without any; the hub.

use crate::child::DevHub;
use crate::demo::seed::Dice;
use crate::failure::Failure;
use crate::show;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use xln_chain::dev::accounts;
use xln_chain::submitter::{Order, Submitter};
use xln_chain::{Chain, ChainClient};
use xln_client::Client;
use xln_crypto::derive;
use xln_types::{Address, Amount, AssetId, Board, ChannelId, EntityId, SignerId};

/// How long the tour waits for anything.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it waits for a transaction to be mined.
const MINED_WAIT_MS: u64 = 30_000;

/// What a step came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) ok: bool,
    pub(crate) expected: String,
    pub(crate) observed: String,
}

impl Outcome {
    /// Holds when both are the same.
    pub(crate) fn same(expected: impl Into<String>, observed: impl Into<String>) -> Outcome {
        let (expected, observed) = (expected.into(), observed.into());
        Outcome { ok: expected == observed, expected, observed }
    }

    /// The step broke off.
    pub(crate) fn failed(failure: Failure) -> Outcome {
        let reason = match failure {
            Failure::Check(reason) | Failure::Usage(reason) | Failure::World(reason) => reason,
            Failure::Said(status) => format!("status {status}"),
        };
        Outcome { ok: false, expected: "an answer".to_owned(), observed: reason }
    }

    /// A step before it failed.
    pub(crate) fn not_reached() -> Outcome {
        Outcome { ok: false, expected: String::new(), observed: "not reached".to_owned() }
    }
}

/// One who takes part.
pub(crate) struct Party {
    /// Its API session.
    pub(crate) client: Client,
    /// The key that its signer will have, so that its entity can be named before it exists.
    pub(crate) secret: [u8; 32],
    /// Its entity.
    pub(crate) entity: EntityId,
    /// Its channel with the hub, once opened.
    pub(crate) channel: Option<ChannelId>,
}

/// The tour's world.
pub(crate) struct Stage {
    hub: DevHub,
    pub(crate) dice: Dice,
    pub(crate) chain: Arc<ChainClient>,
    payer: Submitter,
    pub(crate) alice: Party,
    pub(crate) bob: Party,
    pub(crate) hub_id: EntityId,
    pub(crate) depositary: Address,
    pub(crate) eth: AssetId,
    /// What alice deposited, in wei, and in USDC.
    pub(crate) deposited: [Amount; 2],
    /// Payments that alice made, by id: their receipts are hers to prove.
    pub(crate) payments: Vec<String>,
    as_json: bool,
}

impl Stage {
    /// Starts a fresh hub, and logs the parties in.
    pub(crate) async fn start(seed: u64, as_json: bool) -> Result<Stage, Failure> {
        let mut dice = Dice::new(seed);
        let hub = DevHub::start().await?;
        let malformed = |what: &str| Failure::World(format!("`xln dev` didn't say what its {what} is"));
        let chain = Arc::new(ChainClient::http(hub.field("rpc")).map_err(Failure::world)?);
        let chain_id = hub.ready["chain_id"].as_u64().ok_or_else(|| malformed("chain id"))?;
        // Account 0 is the hub's own.
        let account = &accounts::all()[1 + dice.below(accounts::ACCOUNTS - 1)];
        let payer =
            Submitter::new(Arc::<ChainClient>::clone(&chain), chain_id, &account.secret).map_err(Failure::world)?;
        let (alice, bob) = (Party::enter(&hub, &dice, "alice").await?, Party::enter(&hub, &dice, "bob").await?);
        Ok(Stage {
            hub_id: hub.field("hub_id").parse().map_err(|_| malformed("hub id"))?,
            depositary: hub.field("depositary").parse().map_err(|_| malformed("depositary"))?,
            eth: derive::asset_id(chain_id, &xln_types::Asset::NATIVE),
            hub,
            dice,
            chain,
            payer,
            alice,
            bob,
            deposited: [Amount::ZERO; 2],
            payments: Vec::new(),
            as_json,
        })
    }

    /// What `xln dev` said of an asset.
    pub(crate) fn asset(&self, symbol: &str) -> Result<&Value, Failure> {
        let assets = self.hub.ready["assets"].as_array();
        let found = assets.into_iter().flatten().find(|asset| asset["symbol"] == symbol);
        found.ok_or_else(|| Failure::World(format!("`xln dev` has no {symbol}")))
    }

    /// The hub's process, for its folder and address.
    pub(crate) fn hub(&self) -> &DevHub {
        &self.hub
    }

    /// Sends a transaction of the paying account and waits until it is mined.
    pub(crate) async fn send(&mut self, to: Address, value: Amount, data: Vec<u8>) -> Result<(), Failure> {
        let prepared = self.payer.prepare(Order { to: Some(to), value, data }).await.map_err(Failure::world)?;
        self.payer.send(&prepared.raw, prepared.hash).await.map_err(Failure::world)?;
        let mined = self.payer.wait_mined(prepared.hash, MINED_WAIT_MS).await.map_err(Failure::world)?;
        if mined.succeeded { Ok(()) } else { Err(Failure::Check("a transaction reverted".to_owned())) }
    }

    /// The depositary's reserve of alice on the chain.
    pub(crate) async fn chain_reserve(&self, asset: AssetId) -> Result<Amount, Failure> {
        self.chain.reserve(self.depositary, self.alice.entity, asset).await.map_err(Failure::world)
    }

    /// A bar for long work.
    pub(crate) fn progress(&self, what: &'static str, total: u64) -> ProgressBar {
        show::progress(what, total, self.as_json)
    }

    /// Ends the hub as Ctrl-C does.
    pub(crate) async fn end(self) -> Result<(), Failure> {
        self.hub.stop().await
    }
}

impl Party {
    async fn enter(hub: &DevHub, dice: &Dice, name: &str) -> Result<Party, Failure> {
        let mut client = Client::new(hub.field("api"))?;
        client.login(&dice.key(&format!("{name}, account"))?).await?;
        let signer = format!("{name}, signer");
        let entity = derive::entity_id(&Board::single(SignerId::from(dice.key(&signer)?.address()), 0));
        Ok(Party { client, secret: dice.secret(&signer), entity, channel: None })
    }

    /// Its channel with the hub.
    pub(crate) fn channel(&self) -> Result<ChannelId, Failure> {
        self.channel.ok_or_else(|| Failure::Check("no channel was opened".to_owned()))
    }

    /// Its channel as the API shows it.
    pub(crate) async fn channel_view(&self) -> Result<Value, Failure> {
        Ok(self.client.get(&format!("/channels/{}", self.channel()?)).await?)
    }

    /// What it owns over all channels, in wei; signed.
    pub(crate) async fn balance(&self) -> Result<i128, Failure> {
        let state = self.client.get(&format!("/entities/{}/state", self.entity)).await?;
        let text = state["balances"]["ETH"].as_str().unwrap_or("0");
        text.parse().map_err(|_| Failure::World(format!("a balance of {text}")))
    }

    /// Asks until there is an answer, after each event of the topic; no event of which is missed.
    pub(crate) async fn until<T>(
        &self,
        topic: &str,
        mut question: impl AsyncFnMut(&Client) -> Result<Option<T>, Failure>,
    ) -> Result<T, Failure> {
        let mut socket = self.client.socket().await?;
        let _ = socket.call("subscribe", json!({ "channels": [topic] })).await?;
        let asking = async {
            loop {
                if let Some(answer) = question(&self.client).await? {
                    return Ok(answer);
                }
                let _ = socket.event().await?;
            }
        };
        let late = |_| Failure::Check(format!("waited {} s for {topic} in vain", PATIENCE.as_secs()));
        tokio::time::timeout(PATIENCE, asking).await.map_err(late)?
    }
}
