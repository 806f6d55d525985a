//! How a node starts: folder and keystore, chain, genesis or the log replayed, then the loop's thread and the chain's two workers.
//!
//! Read [`Node::start`] first.

use crate::chain::ChainHealth;
use crate::chain::facts::{self, Facts};
use crate::chain::operations::Operations;
use crate::config::{Config, policy_amount};
use crate::driver::{Clock, Letter, SystemClock, run};
use crate::engine::{Engine, HubSigner, Mail, Outlet, World};
use crate::folder::{KEYS_FOLDER, LOG_FOLDER, claim_folder, is_empty, open_folder};
use crate::history::History;
use crate::keystore::{Keystore, KeystoreError, random};
use crate::metrics;
use crate::node::{Inner, Node, NodeError, Running};
use crate::peers::{Outboxes, PeerHub, Speaker};
use crate::recovery::{Recovered, Witness, recover};
use crate::shared::Shared;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};
use xln_api::backend::StoredBlock;
use xln_api::events::ApiEvent;
use xln_api::{Api, ApiOptions};
use xln_chain::digest::Domain;
use xln_chain::follower::FollowerOptions;
use xln_chain::{Chain, ChainClient};
use xln_crypto::seal::domain_separator;
use xln_crypto::{TokenKey, derive};
use xln_machine::server::{Effect, SealedBlock};
use xln_net::{TopicLimits, Topics};
use xln_storage::{Disk, LogError, LogOptions, LogWriter, RealDisk};
use xln_types::entry::Genesis;
use xln_types::tx::AssetPolicy;
use xln_types::{Amount, Asset, AssetInfo, Hash, Receipt, SignerId};

/// How many of the latest transactions can still be followed by their own topics after a restart.
const TOPICS_RECALLED: usize = 32_768;
/// How much the core's thread is preferred, as `nice` counts.
const CORE_NICE: i32 = -10;
/// Bit width and leaf threshold of the state tree's layout; neither changes a root (ST-1).
const TREE_SHAPE: (u8, u16) = (4, 16);
/// Which key the hub itself signs with.
pub enum HubKey {
    /// This one; put into the keystore at the first start.
    Given([u8; 32]),
    /// The one in the keystore that the log names; made at the first start.
    Own,
}

impl Node {
    /// Starts a node: unlocks the keystore, recovers the log, starts the loop and the chain's workers. Must be called within a
    /// tokio runtime. `progress` hears the number of each block replayed.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn start(
        config: Config,
        password: &str,
        hub_key: HubKey,
        chain_id: Option<u64>,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Running, NodeError> {
        let chain: Arc<dyn Chain> = Arc::new(ChainClient::http(&config.rpc)?);
        claim_folder(&config.data)?;
        let keystore = Arc::new(Keystore::unlock(open_folder(&config.data, KEYS_FOLDER)?, password)?);
        let given = match hub_key {
            HubKey::Given(secret) => Some(keystore.insert(&secret)?.0),
            HubKey::Own => None,
        };
        let disk = open_folder(&config.data, LOG_FOLDER)?;
        let first_start = is_empty(&disk)?;
        let hub_signer = match given {
            Some(signer) => signer,
            None if first_start => keystore.generate()?.0,
            None => SignerId::ZERO,
        };
        // The chain's id is learnt at the first start; later a chain that is down keeps nobody from starting.
        let chain_id = match chain_id {
            Some(chain_id) => chain_id,
            None if first_start => chain.chain_id().await?,
            None => 0,
        };
        if first_start {
            chain.check_identity(chain_id, config.depositary).await?;
        }
        let topics = Topics::new(TopicLimits::default());
        let created = SystemClock.now_ms() / 1000;
        let founding = genesis(&config, chain_id, hub_signer, created)?;
        let mut witness = Recount { topics: &topics, progress };
        let options = LogOptions::new(random()?);
        let recovered = recover(disk, options, u64::from_le_bytes(random()?), &mut witness, || founding.clone())?;
        recovered.history.latest(TOPICS_RECALLED, |receipt, sealed| {
            xln_api::events::replayed_transaction(&topics, receipt, sealed);
        });
        check_same_hub(recovered.server.genesis(), &founding, given.is_some())?;
        let hub_signer = recovered.server.genesis().hub_signer;
        if !keystore.holds(hub_signer) {
            return Err(KeystoreError::Unknown(hub_signer).into());
        }
        Node::run(&config, keystore, chain, topics, recovered, hub_signer)
    }

    fn run(
        config: &Config,
        keystore: Arc<Keystore<RealDisk>>,
        chain: Arc<dyn Chain>,
        topics: Topics<ApiEvent>,
        recovered: Recovered<RealDisk>,
        hub_signer: SignerId,
    ) -> Result<Running, NodeError> {
        let Recovered { server, history, log, summary } = recovered;
        tracing::info!(records = summary.records, block = server.sealed_number(), "recovered");
        let (chain_id, depositary) = (server.genesis().chain_id, server.genesis().depositary);
        let (sender, mail) = mpsc::channel();
        let durable = sender.clone();
        let log = LogWriter::threaded(log, move |result| {
            // After the loop has ended nobody needs to know.
            let _ = durable.send(Letter::now(Mail::Durable(result)));
        })?;
        let shared = Arc::new(Shared::new(server, history, summary.last_sequence.max(1)));
        let health = Arc::new(ChainHealth::default());
        let node = Node(Arc::new(Inner {
            shared: Arc::clone(&shared),
            mail: sender,
            keystore: Arc::clone(&keystore),
            config: config.clone(),
            chain_id,
            health: Arc::clone(&health),
            started: Instant::now(),
            peers: Mutex::new(None),
        }));
        let measured = Arc::clone(&shared);
        let options = ApiOptions {
            more_metrics: Some(Arc::new(move || metrics::render(&measured))),
            ..ApiOptions::new(random()?)
        };
        let api = Api::new(node.clone(), topics, options);
        shared.history().receipts(|receipts| api.recall(receipts));
        let (stop, stopped) = watch::channel(false);
        let wake = Arc::new(Notify::new());
        let token_key = TokenKey::new(keystore.token_secret());
        let signer = KeystoreSigner { keystore: Arc::clone(&keystore), hub: hub_signer };
        let (hub, domain) = (shared.hub, domain_separator(chain_id, depositary));
        let boxes = Arc::new(Outboxes::default());
        let speaker = Speaker::start(Arc::clone(&keystore), Arc::clone(&boxes), Domain { chain_id, depositary })?;
        let peers = PeerHub::new(&node, (hub, hub_signer), domain, boxes, &config.data)?;
        *node.0.peers.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(peers));
        let outlet = ApiOutlet { api: api.clone(), wake: Arc::clone(&wake), speaker };
        sign_missing(&shared, &signer, &log, chain_id, depositary)?;
        let engine: Engine<Production> = Engine::new(shared, log, signer, outlet, token_key);
        let engine = std::thread::Builder::new().name("xln-core".to_owned()).spawn(move || {
            prefer_this_thread();
            run(engine, &mail, &SystemClock)
        })?;
        let options =
            FollowerOptions { depositary, confirmations: config.confirmations, first_block: config.first_block };
        let poll = Duration::from_millis(config.poll_ms);
        let operations = Operations::new(
            node.clone(),
            Arc::clone(&chain),
            keystore,
            Domain { chain_id, depositary },
            hub_signer,
            Arc::clone(&health),
        )?;
        let facts = Facts::new(node.clone(), chain, chain_id, options, health);
        let tasks = vec![
            tokio::spawn(facts::follow(facts, poll, stopped.clone())),
            tokio::spawn(operations.run(wake, stopped)),
        ];
        Ok(Running { node, api, stop, engine: Some(engine), tasks })
    }
}

/// Whom the engine signs with and speaks to in production.
struct Production;

impl World for Production {
    type Disk = RealDisk;
    type Signer = KeystoreSigner;
    type Outlet = ApiOutlet;
}

struct KeystoreSigner {
    keystore: Arc<Keystore<RealDisk>>,
    hub: SignerId,
}

impl HubSigner for KeystoreSigner {
    /// # Panics
    /// If the hub's key, checked at start, is gone: our own bug.
    fn sign(&self, digest: &Hash) -> [u8; 65] {
        let signature = self.keystore.sign(self.hub, digest);
        assert!(signature.is_ok(), "the hub's key was checked at start");
        signature.unwrap_or([0; 65])
    }
}

struct ApiOutlet {
    api: Api,
    wake: Arc<Notify>,
    speaker: Speaker,
}

impl Outlet for ApiOutlet {
    fn confirmed(&self, receipts: &[Receipt]) {
        self.api.confirmed(receipts);
    }
    fn sealed(&self, block: &StoredBlock, receipts: &[Receipt]) {
        self.api.sealed(block, receipts);
    }
    fn perform(&self, effect: Effect) {
        match effect {
            Effect::Operate { .. } => self.wake.notify_one(),
            Effect::Tell { .. } | Effect::SignSettlement { .. } => self.speaker.say(effect),
        }
    }
}

/// Counts events again while the log is replayed, so that sequences go on where they were.
struct Recount<'a> {
    topics: &'a Topics<ApiEvent>,
    progress: &'a mut dyn FnMut(u64),
}

impl Witness for Recount<'_> {
    fn executed(&mut self, receipt: &Receipt) {
        xln_api::events::replayed(self.topics, receipt);
    }
    fn sealed(&mut self, block: &SealedBlock) {
        xln_api::events::replayed_block(self.topics, &History::stored(block, None));
        (self.progress)(block.header.number);
    }
}

/// Everything waits for this thread, so it goes before all others where the system allows that (root, or CAP_SYS_NICE); elsewhere blocks come less
/// evenly on a machine with too few cores.
fn prefer_this_thread() {
    // On Linux this is the calling thread's own.
    if let Err(error) = rustix::process::setpriority_process(None, CORE_NICE) {
        tracing::debug!(%error, "the core's thread has no precedence");
    }
}

fn genesis(config: &Config, chain_id: u64, hub_signer: SignerId, created: u64) -> Result<Genesis, NodeError> {
    let mut assets = Vec::new();
    for asset in &config.assets {
        let named = match &asset.contract {
            None => Asset::NATIVE,
            Some(contract) => Asset::erc20(contract.parse().map_err(|error| crate::ConfigError::Value {
                field: "assets",
                reason: format!("{contract:?} is {error}"),
            })?),
        };
        let id = derive::asset_id(chain_id, &named);
        assets.push(AssetInfo { id, asset: named, symbol: asset.symbol.clone(), decimals: asset.decimals });
    }
    let mut policies = Vec::new();
    for policy in &config.policies {
        let asset =
            assets.iter().find(|info| info.symbol == policy.asset).ok_or_else(|| crate::ConfigError::Value {
                field: "policies",
                reason: format!("{:?} is not among the assets", policy.asset),
            })?;
        let none = Amount(u128::MAX);
        policies.push(AssetPolicy {
            asset: asset.id,
            grant_max: policy_amount(policy.grant_max.as_ref(), none)?,
            grant_total_max: policy_amount(policy.grant_total_max.as_ref(), none)?,
            owed_max: policy_amount(policy.owed_max.as_ref(), none)?,
            reserve_ppm: policy.reserve_ppm,
            fee_base: policy_amount(policy.fee_base.as_ref(), Amount::ZERO)?,
            fee_ppm: policy.fee_ppm,
        });
    }
    let (tree_width, tree_threshold) = TREE_SHAPE;
    let depositary = config.depositary;
    Ok(Genesis { chain_id, depositary, hub_signer, created, assets, policies, tree_width, tree_threshold })
}

fn check_same_hub(folder: &Genesis, configured: &Genesis, key_given: bool) -> Result<(), NodeError> {
    let differs = |what, folder: String, configured: String| Err(NodeError::OtherHub { what, folder, configured });
    if configured.chain_id != 0 && folder.chain_id != configured.chain_id {
        return differs("chain id", folder.chain_id.to_string(), configured.chain_id.to_string());
    }
    if folder.depositary != configured.depositary {
        return differs("depositary", folder.depositary.to_string(), configured.depositary.to_string());
    }
    if key_given && folder.hub_signer != configured.hub_signer {
        return differs("hub signer", folder.hub_signer.to_string(), configured.hub_signer.to_string());
    }
    Ok(())
}

/// Signs the blocks that a crash left unsigned: the same digest gives the same signature (CH-10).
///
/// # Errors
/// When the log takes no more.
pub fn sign_missing<D: Disk>(
    shared: &Shared,
    signer: &impl HubSigner,
    log: &LogWriter<D>,
    chain_id: u64,
    depositary: xln_types::Address,
) -> Result<(), LogError> {
    let unsigned = shared.history().unsigned();
    for block in unsigned {
        let signature = signer.sign(&xln_crypto::seal::seal_digest(chain_id, depositary, &block.seal));
        let number = block.header.number;
        let signed = xln_types::codec::Blob(signature.to_vec());
        let _ = log.submit(alloy_rlp::encode(xln_types::Record::Signature { number, signature: signed }))?;
        shared.history_mut().sign(number, signature);
    }
    Ok(())
}
