//! What the API needs of the node it stands on. The node implements it; tests may stand in a double.
//!
//! Everything here keeps **persist, then speak**: an answer is given only once what it shows is durable.

use std::future::Future;
use std::pin::Pin;
use xln_machine::Server;
use xln_machine::mempool::Refusal;
use xln_merkle::list::ListProof;
use xln_types::EntityId;
use xln_types::codec::Blob;
use xln_types::{
    Address, Amount, BlockHeader, Body, Command, Hash, Receipt, Rejection, Seal, SignerId, Transaction, TxHash,
};

/// What is asked of the core.
#[derive(Clone, Debug)]
pub enum Request {
    /// A call for a hosted entity or signer: the hub sets nonce and timestamp, and marks it with the account's token.
    Hosted(HostedCall),
    /// A transaction signed by its sender.
    Signed(Transaction),
    /// An act of the operator or of the API itself.
    Command(Command),
}

/// A hosted call.
#[derive(Clone, Debug)]
pub struct HostedCall {
    /// The API account.
    pub account: Address,
    /// Its token's id.
    pub token: [u8; 16],
    /// The acting entity's address, or the signer's for `CREATE_ENTITY`.
    pub from: Address,
    /// The entity that it concerns, zero where there is none.
    pub to: Address,
    /// What is asked.
    pub body: Body,
    /// In the asset paid; 0 without a hop.
    pub fee: Amount,
}

/// An executed and durable input: its receipt may still say that it was rejected.
#[derive(Clone, Debug)]
pub struct Confirmed {
    /// What became of it.
    pub receipt: Receipt,
    /// The nonce that it used, where it is a transaction.
    pub nonce: Option<u64>,
}

/// Why an input wasn't executed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The mempool doesn't take it: repeat, gap or full (TX-2).
    #[error("refused: reason={0:?}")]
    Refused(Refusal),
    /// The same signed bytes were executed before: the first receipt is the answer (TX-2).
    #[error("executed before")]
    Known(Box<Receipt>),
    /// The core would refuse it before its nonce counts, whoever comes after it: it never enters the log (TX-2).
    #[error("refused: {0:?}")]
    Rejected(Rejection),
    /// The signature doesn't verify.
    #[error("{0}")]
    Signature(xln_crypto::SignatureError),
    /// `data` isn't the canonical RLP of its type (N-3).
    #[error("malformed body")]
    MalformedBody,
    /// More than five minutes off the hub's time.
    #[error("timestamp outside: now_s={now_s}")]
    TimestampOutside {
        /// The hub's time, unix seconds.
        now_s: u64,
    },
    /// A queue is full: try again later.
    #[error("overloaded")]
    Overloaded,
    /// The disk failed, or the node is stopping.
    #[error("{0}")]
    Unavailable(Unavailable),
}

/// The node can't answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The log can't be written: nothing new is confirmed.
    #[error("storage failed")]
    Storage,
    /// The node is stopping.
    #[error("stopping")]
    Stopping,
    /// The system gives no randomness.
    #[error("no randomness")]
    Entropy,
}

/// The key of a new signer.
pub enum NewKey {
    /// The hub makes one and keeps it in its keystore.
    Generated,
    /// The caller hands one over to the hub's keystore.
    Imported([u8; 32]),
    /// The caller keeps it: 33 bytes compressed, or 65.
    SelfCustody(Vec<u8>),
}

/// A signer to be made.
pub struct NewSigner {
    /// The account that may act with it.
    pub owner: Address,
    /// Its key.
    pub key: NewKey,
    /// Free bytes, at most 4 KiB.
    pub metadata: Blob,
}

/// Why no signer was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NewSignerError {
    /// The key isn't one of secp256k1.
    #[error("{0}")]
    Key(xln_crypto::SignatureError),
    /// The signer is known; a key is never handed over twice.
    #[error("signer exists: id={0}")]
    Exists(SignerId),
    /// It wasn't executed.
    #[error("{0}")]
    Submit(#[from] SubmitError),
}

/// A receipt with its place in a block, once it is sealed.
#[derive(Clone, Debug)]
pub struct StoredReceipt {
    /// What became of the input.
    pub receipt: Receipt,
    /// Block number and index, once sealed.
    pub sealed: Option<(u64, u64)>,
}

/// A block as the hub keeps it.
#[derive(Clone, Debug)]
pub struct StoredBlock {
    /// Its header.
    pub header: BlockHeader,
    /// keccak256 of the header.
    pub hash: Hash,
    /// What the hub signed.
    pub seal: Seal,
    /// The hub's signature, once made.
    pub signature: Option<[u8; 65]>,
    /// The hashes of its entries, in order.
    pub entries: Vec<TxHash>,
}

/// All that proves a receipt offline: receipt, path, header, seal and signature (TX-6).
#[derive(Clone, Debug)]
pub struct ReceiptProof {
    /// The receipt.
    pub receipt: Receipt,
    /// Its index in the block.
    pub index: u64,
    /// The path to the header's receipt root.
    pub path: ListProof,
    /// The block's header.
    pub header: BlockHeader,
    /// What the hub signed.
    pub seal: Seal,
    /// The hub's signature.
    pub signature: [u8; 65],
}

/// Which block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockId {
    /// By number.
    Number(u64),
    /// By hash.
    Hash(Hash),
    /// The last one sealed and signed.
    Latest,
}

/// One thing that readiness depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Its name: `log`, `chain`, `keystore`.
    pub name: &'static str,
    /// True while it works.
    pub ok: bool,
    /// What is wrong, or where it stands.
    pub detail: String,
}

/// What `hub.info` tells, without secrets.
#[derive(Clone, Debug)]
pub struct HubInfo {
    /// The configuration as it is in force, secrets left out, as pairs of name and value.
    pub configuration: Vec<(String, String)>,
    /// The chain's RPC, without credentials.
    pub rpc: String,
    /// How many blocks deep a fact must lie.
    pub confirmations: u64,
    /// Accounts with role admin.
    pub admins: Vec<Address>,
    /// Accounts with role operator.
    pub operators: Vec<Address>,
    /// Accounts with role auditor.
    pub auditors: Vec<Address>,
    /// The program's version.
    pub version: &'static str,
}

/// A session with another node, or an address that is dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// The node's hub; none while nobody has proven to be there and nobody is expected.
    pub node: Option<EntityId>,
    /// `host:port`.
    pub address: String,
    /// `connected`, `connecting`, `waiting`, `stopped`.
    pub state: &'static str,
    /// True when this node dials.
    pub dialed: bool,
    /// Since when the session stands, unix seconds.
    pub since_s: Option<u64>,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// The session's number.
    pub session: Option<u64>,
}

/// Why there is no session with another node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// This hub has no dealings with others.
    #[error("this hub doesn't connect to others")]
    Off,
    /// The node is this one.
    #[error("that is this node itself")]
    Ourselves,
    /// One of the two doesn't want the other.
    #[error("refused: {reason}")]
    Refused {
        /// Why.
        reason: String,
    },
    /// Nobody answers there, or nobody who speaks this protocol.
    #[error("unreachable: {reason}")]
    Unreachable {
        /// Why.
        reason: String,
    },
    /// As many nodes are dialled as may be.
    #[error("too many nodes are dialled: limit={limit}")]
    TooMany {
        /// The bound.
        limit: usize,
    },
}

/// What is being worked on.
pub type Working<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// A question to the state: short, for it holds the core up.
pub type Question<'a> = Box<dyn FnOnce(&Server) + Send + 'a>;

/// The node, as the API sees it. Behind `dyn`, so that sixty methods are compiled once, here, and not once a backend.
pub trait Backend: Send + Sync + 'static {
    /// Asks the state; done once all that the answer may show is durable. See [`read`].
    fn ask<'a>(&'a self, question: Question<'a>) -> Working<'a, Result<(), Unavailable>>;

    /// Executes an input; answers once it is durable. The input takes its place in the queue when the future is first polled.
    fn submit(&self, request: Request) -> Working<'_, Result<Confirmed, SubmitError>>;

    /// Makes a signer; the key, if the hub holds it, is in the keystore and synced before the answer.
    fn create_signer(&self, new: NewSigner) -> Working<'_, Result<(SignerId, [u8; 33]), NewSignerError>>;

    /// A receipt by hash, as far back as the hub keeps them at hand.
    fn receipt(&self, hash: TxHash) -> Option<StoredReceipt>;

    /// All that proves a sealed receipt; `None` while it is not sealed and signed, or no longer at hand.
    fn receipt_proof(&self, hash: TxHash) -> Option<ReceiptProof>;

    /// A block, as far back as the hub keeps them at hand.
    fn block(&self, id: BlockId) -> Option<StoredBlock>;

    /// The hub's clock, unix milliseconds.
    fn now_ms(&self) -> u64;

    /// 32 bytes that nobody can foresee, from the system's own source: the preimage of an invoice.
    ///
    /// # Errors
    /// [`Unavailable`] where the system has none to give.
    fn random(&self) -> Result<Hash, Unavailable>;

    /// What `hub.info` tells.
    fn info(&self) -> HubInfo;

    /// Connects to another node, and keeps connecting; answers once a session stands or the first try has failed.
    fn connect_peer(&self, address: String, node: Option<EntityId>) -> Working<'_, Result<PeerInfo, PeerError>> {
        let _ = (address, node);
        Box::pin(async { Err(PeerError::Off) })
    }

    /// Sessions with other nodes, and addresses that are dialled.
    fn peers(&self) -> Vec<PeerInfo> {
        Vec::new()
    }

    /// Each dependency with its state, for `/readyz`.
    fn dependencies(&self) -> Vec<Dependency>;
}

/// Asks the state a question with an answer.
///
/// # Errors
/// [`Unavailable`] when what the answer may show will not become durable.
pub async fn read<T: Send>(
    backend: &dyn Backend,
    question: impl FnOnce(&Server) -> T + Send,
) -> Result<T, Unavailable> {
    let mut answer = None;
    backend.ask(Box::new(|server| answer = Some(question(server)))).await?;
    answer.ok_or(Unavailable::Stopping)
}
