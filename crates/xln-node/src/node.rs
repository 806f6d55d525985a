//! Everything wired together: recovered state, the loop's thread, the chain's two workers, and the API over them.

use crate::chain::operations::Operations;
use crate::chain::{ChainHealth, facts};
use crate::config::{Config, policy_amount};
use crate::driver::{Clock, Letter, SystemClock, run};
use crate::engine::{Engine, HubSigner, Mail, Outlet, Reply, World};
use crate::history::History;
use crate::keystore::{Keystore, KeystoreError, random};
use crate::metrics;
use crate::recovery::{LOG_NAME, Recovered, RecoveryError, Witness, recover};
use crate::shared::Shared;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot, watch};
use xln_api::backend::{
    Backend, BlockId, Confirmed, Dependency, HubInfo, NewKey, NewSigner, NewSignerError, Question, ReceiptProof,
    Request, StoredBlock, StoredReceipt, SubmitError, Unavailable, Working,
};
use xln_api::events::ApiEvent;
use xln_api::{Api, ApiOptions};
use xln_chain::digest::Domain;
use xln_chain::follower::FollowerOptions;
use xln_chain::{Chain, ChainClient, ChainError};
use xln_crypto::{TokenKey, derive, secp, verify};
use xln_machine::server::{Effect, SealedBlock};
use xln_net::http::HttpLimits;
use xln_net::{TopicLimits, Topics};
use xln_storage::{DiskError, LogError, LogOptions, LogWriter, RealDisk, sealed_file};
use xln_types::entry::Genesis;
use xln_types::tx::{AssetPolicy, TIMESTAMP_SKEW_S_MAX};
use xln_types::{Amount, Asset, AssetInfo, Command, Hash, Receipt, SignerId, TxHash};

/// The folder of the log within the data folder.
pub const LOG_FOLDER: &str = "log";
/// The folder of the keystore within the data folder.
pub const KEYS_FOLDER: &str = "keys";
/// The folder of a development chain within the data folder: it may be there first.
pub const CHAIN_FOLDER: &str = "chain";
/// The file that marks a data folder as a node's own.
pub const IDENTITY_FILE: &str = "identity";
/// Bit width and leaf threshold of the state tree's layout; neither changes a root (ST-1).
const TREE_SHAPE: (u8, u16) = (4, 16);
/// How long a stopping node waits for open requests.
const STOP_GRACE: Duration = Duration::from_millis(500);

/// Why a node doesn't start.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The data folder holds something else.
    #[error("not a data folder of xln: path={path} (name an empty or new folder)")]
    Foreign {
        /// The folder.
        path: std::path::PathBuf,
    },
    /// The data folder can't be used.
    #[error("data folder unusable: path={path} reason={reason}")]
    Folder {
        /// The folder.
        path: std::path::PathBuf,
        /// Why.
        reason: String,
    },
    /// The data folder belongs to another chain, depositary or hub.
    #[error("data folder of another hub: {what}: folder={folder} configured={configured}")]
    OtherHub {
        /// What differs.
        what: &'static str,
        /// What the folder's log says.
        folder: String,
        /// What the configuration says.
        configured: String,
    },
    /// The keystore.
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
    /// The log.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] crate::ConfigError),
    /// The chain doesn't answer at the first start, when its id must be learnt.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A thread or socket.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl From<LogError> for NodeError {
    fn from(error: LogError) -> Self {
        NodeError::Recovery(RecoveryError::Log(error))
    }
}

struct Inner {
    shared: Arc<Shared>,
    mail: mpsc::Sender<Letter>,
    keystore: Arc<Keystore<RealDisk>>,
    config: Config,
    chain_id: u64,
    health: Arc<ChainHealth>,
}

/// A handle on a running node: what the API and the workers ask.
#[derive(Clone)]
pub struct Node(Arc<Inner>);

/// A running node: keep it, and stop it.
pub struct Running {
    node: Node,
    api: Api,
    stop: watch::Sender<bool>,
    engine: Option<JoinHandle<Result<(), LogError>>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
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
}

impl Outlet for ApiOutlet {
    fn confirmed(&self, receipts: &[Receipt]) {
        self.api.confirmed(receipts);
    }
    fn sealed(&self, block: &StoredBlock, receipts: &[Receipt]) {
        self.api.sealed(block, receipts);
    }
    fn perform(&self, effect: Effect) {
        let Effect::Operate { .. } = effect;
        self.wake.notify_one();
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
        xln_api::events::replayed_block(self.topics, &History::stored(block, None), &block.receipts);
        (self.progress)(block.header.number);
    }
}

/// Which key the hub itself signs with.
pub enum HubKey {
    /// This one; put into the keystore at the first start.
    Given([u8; 32]),
    /// The one in the keystore that the log names; made at the first start.
    Own,
}

/// Makes the data folder the node's own, or checks that it is. Whoever puts something of its own in there first asks this.
///
/// # Errors
/// [`NodeError::Foreign`] when it holds something else, [`NodeError::Folder`] when it can't be used.
pub fn claim_folder(path: &Path) -> Result<(), NodeError> {
    let unusable = |reason: String| NodeError::Folder { path: path.to_owned(), reason };
    std::fs::create_dir_all(path).map_err(|error| unusable(error.to_string()))?;
    let mut entries = std::fs::read_dir(path).map_err(|error| unusable(error.to_string()))?;
    let has_identity = path.join(IDENTITY_FILE).exists();
    let foreign = entries.any(|entry| entry.is_ok_and(|entry| entry.file_name() != CHAIN_FOLDER));
    if has_identity {
        return Ok(());
    }
    if foreign {
        return Err(NodeError::Foreign { path: path.to_owned() });
    }
    let mut disk = RealDisk::open(path).map_err(|error| unusable(error.to_string()))?;
    sealed_file::write(&mut disk, IDENTITY_FILE, b"xln node 1").map_err(|error| unusable(error.to_string()))
}

fn open_folder(data: &Path, name: &str) -> Result<RealDisk, NodeError> {
    let path = data.join(name);
    RealDisk::open(&path).map_err(|error: DiskError| NodeError::Folder { path, reason: error.to_string() })
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
        let outlet = ApiOutlet { api: api.clone(), wake: Arc::clone(&wake) };
        sign_missing(&shared, &signer, &log, chain_id, depositary)?;
        let engine: Engine<Production> = Engine::new(shared, log, signer, outlet, token_key);
        let engine =
            std::thread::Builder::new().name("xln-core".to_owned()).spawn(move || run(engine, &mail, &SystemClock))?;
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
        let tasks = vec![
            tokio::spawn(facts::follow(node.clone(), chain, chain_id, options, poll, health, stopped.clone())),
            tokio::spawn(operations.run(wake, stopped)),
        ];
        Ok(Running { node, api, stop, engine: Some(engine), tasks })
    }

    /// What the loop and everyone who asks share.
    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    /// Puts mail into the loop's box; the answer comes once it is durable.
    pub(crate) fn send(
        &self,
        mail: impl FnOnce(Reply) -> Mail,
    ) -> Result<oneshot::Receiver<Result<Confirmed, SubmitError>>, SubmitError> {
        if !self.0.shared.enter() {
            return Err(SubmitError::Overloaded);
        }
        let (reply, answer) = oneshot::channel();
        self.0.mail.send(Letter::now(mail(reply))).map_err(|_| {
            self.0.shared.leave();
            SubmitError::Unavailable(Unavailable::Stopping)
        })?;
        Ok(answer)
    }

    /// TX-3: a signed transaction is decoded and verified here, on the asker's thread, before the loop sees it.
    fn mail_of(&self, request: Request) -> Result<Box<dyn FnOnce(Reply) -> Mail + Send>, SubmitError> {
        Ok(match request {
            Request::Hosted(call) => Box::new(move |reply| Mail::Hosted(call, reply)),
            Request::Command(command) => Box::new(move |reply| Mail::Command(command, reply)),
            Request::Signed(tx) => {
                let decoded = derive::decoded(self.0.chain_id, self.0.shared.hub, tx);
                let decoded = decoded.map_err(|_| SubmitError::MalformedBody)?;
                let now_s = self.now_ms() / 1000;
                let is_known = self.receipt(decoded.hash).is_some();
                if !is_known && TIMESTAMP_SKEW_S_MAX < decoded.tx.timestamp.abs_diff(now_s) {
                    return Err(SubmitError::TimestampOutside { now_s });
                }
                let token = TokenKey::new(self.0.keystore.token_secret());
                let verified = verify::verify(decoded, &token).map_err(SubmitError::Signature)?;
                if matches!(verified.authority(), xln_types::Authority::Account { .. }) {
                    // A hosted mark is this node's own; from outside it would be a replayed one.
                    let number = xln_types::tx::Scheme::Token.number();
                    return Err(SubmitError::Signature(secp::SignatureError::Scheme { number }));
                }
                Box::new(move |reply| Mail::Signed(verified, reply))
            }
        })
    }
}

impl Node {
    /// Executes an input; answers once it is durable.
    pub(crate) async fn execute(&self, request: Request) -> Result<Confirmed, SubmitError> {
        let mail = self.mail_of(request)?;
        let answer = self.send(mail)?;
        answer.await.unwrap_or(Err(SubmitError::Unavailable(Unavailable::Stopping)))
    }

    async fn make_signer(&self, new: NewSigner) -> Result<(SignerId, [u8; 33]), NewSignerError> {
        let NewSigner { owner, key, metadata } = new;
        let keystore = Arc::clone(&self.0.keystore);
        let hosted = !matches!(key, NewKey::SelfCustody(_));
        // Syncing the keystore takes milliseconds: off the async threads.
        let made = tokio::task::spawn_blocking(move || match key {
            NewKey::Generated => keystore.generate().map_err(Some),
            NewKey::Imported(secret) => keystore.insert(&secret).map_err(Some),
            NewKey::SelfCustody(public_key) => {
                secp::signer_of_public_key(&public_key).map_err(|error| Some(KeystoreError::Key(error)))
            }
        });
        let (signer, public_key) = match made.await {
            Ok(Ok(made)) => made,
            Ok(Err(Some(KeystoreError::Key(error)))) => return Err(NewSignerError::Key(error)),
            Ok(Err(_)) | Err(_) => return Err(SubmitError::Unavailable(Unavailable::Storage).into()),
        };
        let command = Command::RegisterSigner {
            signer,
            public_key: xln_types::codec::Blob(public_key.to_vec()),
            owner,
            hosted: u8::from(hosted),
            metadata,
        };
        let confirmed = self.execute(Request::Command(command)).await?;
        match confirmed.receipt.rejection() {
            None => Ok((signer, public_key)),
            Some(_) => Err(NewSignerError::Exists(signer)),
        }
    }
}

/// True when no log was ever written here.
fn is_empty(disk: &RealDisk) -> Result<bool, NodeError> {
    use xln_storage::Disk;
    let names =
        disk.list().map_err(|error| NodeError::Folder { path: LOG_FOLDER.into(), reason: error.to_string() })?;
    Ok(!names.iter().any(|name| name.starts_with(LOG_NAME)))
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
fn sign_missing(
    shared: &Shared,
    signer: &KeystoreSigner,
    log: &LogWriter<RealDisk>,
    chain_id: u64,
    depositary: xln_types::Address,
) -> Result<(), NodeError> {
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

impl Running {
    /// A handle on the node.
    pub fn node(&self) -> Node {
        self.node.clone()
    }

    /// Asks the state; see [`Shared::read`].
    pub fn hub(&self) -> (xln_types::EntityId, SignerId, u64) {
        let server = self.node.0.shared.server();
        (server.hub_id(), server.genesis().hub_signer, server.genesis().chain_id)
    }

    /// Serves the API on `listener` until the node stops.
    pub fn serve(&mut self, listener: TcpListener) {
        let router = xln_api::router(&self.api, self.stop.subscribe());
        let serving = xln_net::http::serve(listener, router, HttpLimits::default(), self.stop.subscribe());
        self.tasks.push(tokio::spawn(serving));
    }

    /// True once the log has failed: only a restart recovers.
    pub fn has_failed(&self) -> bool {
        self.node.0.shared.has_failed()
    }

    /// Stops cleanly: no new requests, everything taken is durable and answered, the log is closed.
    ///
    /// # Errors
    /// What the disk answered at the end.
    pub async fn stop(mut self) -> Result<(), NodeError> {
        let _ = self.stop.send(true);
        let until = tokio::time::Instant::now() + STOP_GRACE;
        for task in &mut self.tasks {
            if tokio::time::timeout_at(until, &mut *task).await.is_err() {
                task.abort();
            }
        }
        let _ = self.node.0.mail.send(Letter::now(Mail::Stop));
        if let Some(engine) = self.engine.take() {
            let ended = tokio::task::spawn_blocking(move || engine.join()).await;
            match ended {
                Ok(Ok(closed)) => closed?,
                _ => return Err(NodeError::Io(std::io::Error::other("the core stopped at a failed assertion"))),
            }
        }
        Ok(())
    }
}

impl Backend for Node {
    fn ask<'a>(&'a self, question: Question<'a>) -> Working<'a, Result<(), Unavailable>> {
        Box::pin(self.0.shared.read(question))
    }

    fn submit(&self, request: Request) -> Working<'_, Result<Confirmed, SubmitError>> {
        Box::pin(self.execute(request))
    }

    fn create_signer(&self, new: NewSigner) -> Working<'_, Result<(SignerId, [u8; 33]), NewSignerError>> {
        Box::pin(self.make_signer(new))
    }

    fn receipt(&self, hash: TxHash) -> Option<StoredReceipt> {
        self.0.shared.history().receipt(hash)
    }

    fn receipt_proof(&self, hash: TxHash) -> Option<ReceiptProof> {
        self.0.shared.history().receipt_proof(hash)
    }

    fn block(&self, id: BlockId) -> Option<StoredBlock> {
        self.0.shared.history().block(id)
    }

    fn now_ms(&self) -> u64 {
        SystemClock.now_ms()
    }

    fn info(&self) -> HubInfo {
        let config = &self.0.config;
        HubInfo {
            configuration: config.shown(),
            rpc: config.shown_rpc(),
            confirmations: config.confirmations,
            admins: config.admins.clone(),
            operators: config.operators.clone(),
            auditors: config.auditors.clone(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    fn dependencies(&self) -> Vec<Dependency> {
        let (chain_ok, chain_detail) = self.0.health.get();
        let failed = self.0.shared.has_failed();
        let log_detail = if failed { "failed: restart the node" } else { "writable" };
        vec![
            Dependency { name: "log", ok: !failed, detail: log_detail.to_owned() },
            Dependency { name: "chain", ok: chain_ok, detail: chain_detail },
            Dependency { name: "keystore", ok: true, detail: "unlocked".to_owned() },
        ]
    }
}
