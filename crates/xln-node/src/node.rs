//! A running node: what the API asks of it, and how it stops. How it starts stands in [`crate::start`].

use crate::chain::ChainHealth;
use crate::config::Config;
use crate::door::Door;
use crate::driver::{Clock, Letter, SystemClock};
use crate::engine::Mail;
use crate::keystore::{Keystore, KeystoreError};
use crate::peers::PeerHub;
use crate::recovery::RecoveryError;
use crate::shared::Shared;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::watch;
use xln_api::Api;
use xln_api::backend::{
    Backend, BlockId, Confirmed, Dependency, HubInfo, NewKey, NewSigner, NewSignerError, Question, ReceiptProof,
    Request, StoredBlock, StoredReceipt, SubmitError, Unavailable, Working,
};
use xln_chain::ChainError;
use xln_crypto::secp;
use xln_net::http::HttpLimits;
use xln_storage::{LogError, RealDisk};
use xln_types::{Command, SignerId, TxHash};

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
    /// The certificate for sessions with other nodes.
    #[error("peers: {0}")]
    Peers(#[from] xln_net::peer::TlsError),
    /// A thread or socket.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl From<LogError> for NodeError {
    fn from(error: LogError) -> Self {
        NodeError::Recovery(RecoveryError::Log(error))
    }
}

pub(crate) struct Inner {
    pub(crate) shared: Arc<Shared>,
    pub(crate) mail: mpsc::Sender<Letter>,
    pub(crate) keystore: Arc<Keystore<RealDisk>>,
    pub(crate) config: Config,
    pub(crate) chain_id: u64,
    pub(crate) health: Arc<ChainHealth>,
    pub(crate) started: Instant,
    pub(crate) peers: Mutex<Option<Arc<PeerHub>>>,
}

/// A handle on a running node: what the API and the workers ask.
#[derive(Clone)]
pub struct Node(pub(crate) Arc<Inner>);

/// A running node: keep it, and stop it.
pub struct Running {
    pub(crate) node: Node,
    pub(crate) api: Api,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) engine: Option<JoinHandle<Result<(), LogError>>>,
    pub(crate) tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Door for Node {
    fn shared(&self) -> &Shared {
        &self.0.shared
    }

    fn post(&self, mail: Mail) -> bool {
        self.0.mail.send(Letter::now(mail)).is_ok()
    }

    fn chain_id(&self) -> u64 {
        self.0.chain_id
    }

    fn token_secret(&self) -> [u8; 32] {
        self.0.keystore.token_secret()
    }

    fn now_ms(&self) -> u64 {
        SystemClock.now_ms()
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.0.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Node {
    fn peer_hub(&self) -> Option<Arc<PeerHub>> {
        self.0.peers.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

    /// Takes sessions with other nodes in, and dials those that were connected to before.
    pub fn meet_peers(&self, listener: Option<TcpListener>) {
        if let Some(peers) = self.node.peer_hub() {
            if let Some(listener) = listener {
                peers.listen(listener);
            }
            peers.redial(&self.node.0.config.peers);
        }
    }

    /// Ends all sessions with other nodes. They are dialled again by whoever dials them.
    pub fn cut_peers(&self) {
        if let Some(peers) = self.node.peer_hub() {
            peers.cut_all();
        }
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
        let peers = self.node.0.peers.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(peers) = peers {
            let _ = tokio::time::timeout(STOP_GRACE, peers.stop()).await;
        }
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

    fn random(&self) -> Result<xln_types::Hash, Unavailable> {
        crate::keystore::random().map(xln_types::Hash).map_err(|_| Unavailable::Entropy)
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

    fn connect_peer(
        &self,
        address: String,
        node: Option<xln_types::EntityId>,
    ) -> Working<'_, Result<xln_api::backend::PeerInfo, xln_api::backend::PeerError>> {
        Box::pin(async move {
            match self.peer_hub() {
                Some(peers) => peers.connect(address, node).await,
                None => Err(xln_api::backend::PeerError::Off),
            }
        })
    }

    fn peers(&self) -> Vec<xln_api::backend::PeerInfo> {
        self.peer_hub().map(|peers| peers.list()).unwrap_or_default()
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
