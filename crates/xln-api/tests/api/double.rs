//! A node without disk and chain: a real [`Server`] behind a lock, blocks sealed when a test says so, one fixed hub key. What it says to
//! other nodes waits until a test carries it over.

mod peering;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use xln_api::Api;
use xln_api::backend::{
    Backend, BlockId, Confirmed, Dependency, HostedCall, HubInfo, NewKey, NewSigner, NewSignerError, PeerError,
    PeerInfo, Question, ReceiptProof, Request, StoredBlock, StoredReceipt, SubmitError, Unavailable, Working,
};
use xln_crypto::{TokenKey, VerifiedTx, derive, secp, verify};
use xln_machine::mempool::Refusal;
use xln_machine::{Input, Server};
use xln_merkle::{HashFunction, list};
use xln_types::chain::{ChainFact, FactKind, FactPosition};
use xln_types::codec::Blob;
use xln_types::entry::{Authority, Command, Genesis};
use xln_types::{
    Address, Amount, Asset, AssetId, AssetInfo, EntityId, Hash, PeerMessage, Receipt, SignerId, Transaction, TxHash,
};

pub(crate) const CHAIN_ID: u64 = 31337;
pub(crate) const DEPOSITARY: Address = Address([0xde; 20]);
pub(crate) const HUB_SECRET: [u8; 32] = [1; 32];
/// Unix milliseconds at which every test starts.
const START_MS: u64 = 1_800_000_000_000;

struct State {
    server: Server,
    receipts: HashMap<TxHash, Receipt>,
    places: HashMap<TxHash, (u64, u64)>,
    blocks: Vec<(StoredBlock, Vec<Receipt>)>,
    facts: u64,
    made: u8,
    /// Of the hosted signers and the hub's own.
    keys: HashMap<SignerId, [u8; 32]>,
    /// Signed, for these nodes.
    outbox: Vec<(EntityId, PeerMessage)>,
}

/// Other nodes: what is found at which address, and who is connected.
#[derive(Default)]
struct Others {
    found: HashMap<String, Result<PeerInfo, PeerError>>,
    connected: Vec<PeerInfo>,
}

struct Inner {
    state: Mutex<State>,
    clock_ms: AtomicU64,
    info: HubInfo,
    api: OnceLock<Api>,
    full: AtomicBool,
    failed: AtomicBool,
    hub_secret: [u8; 32],
    peers: Mutex<Others>,
}

#[derive(Clone)]
pub(crate) struct Double(Arc<Inner>);

pub(crate) fn native() -> AssetId {
    derive::asset_id(CHAIN_ID, &Asset::NATIVE)
}

pub(crate) fn signer_of(secret: &[u8; 32]) -> SignerId {
    secp::signer_of_secret(secret).expect("a key").0
}

fn genesis(hub_secret: &[u8; 32]) -> Genesis {
    Genesis {
        chain_id: CHAIN_ID,
        depositary: DEPOSITARY,
        hub_signer: signer_of(hub_secret),
        created: START_MS / 1000,
        assets: vec![AssetInfo { id: native(), asset: Asset::NATIVE, symbol: "ETH".to_owned(), decimals: 18 }],
        policies: Vec::new(),
        tree_width: 4,
        tree_threshold: 16,
    }
}

impl Double {
    pub(crate) fn new(hub_secret: [u8; 32], operator: Address, auditor: Address) -> Double {
        let info = HubInfo {
            configuration: vec![("chain.confirmations".to_owned(), "1".to_owned())],
            rpc: "http://127.0.0.1:8545".to_owned(),
            confirmations: 1,
            admins: Vec::new(),
            operators: vec![operator],
            auditors: vec![auditor],
            version: "test",
        };
        let state = State {
            server: Server::new(&genesis(&hub_secret), 7).expect("a sound genesis"),
            receipts: HashMap::new(),
            places: HashMap::new(),
            blocks: Vec::new(),
            facts: 0,
            made: 0,
            keys: HashMap::from([(signer_of(&hub_secret), hub_secret)]),
            outbox: Vec::new(),
        };
        Double(Arc::new(Inner {
            state: Mutex::new(state),
            clock_ms: AtomicU64::new(START_MS),
            info,
            api: OnceLock::new(),
            full: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            hub_secret,
            peers: Mutex::default(),
        }))
    }

    pub(crate) fn publish_to(&self, api: Api) {
        assert!(self.0.api.set(api).is_ok(), "one API for each node");
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("no test panics while it holds the state")
    }

    pub(crate) fn advance_s(&self, seconds: u64) {
        self.0.clock_ms.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    /// Whether the queue is full.
    pub(crate) fn set_full(&self, full: bool) {
        self.0.full.store(full, Ordering::SeqCst);
    }

    /// Whether the disk failed.
    pub(crate) fn set_failed(&self, failed: bool) {
        self.0.failed.store(failed, Ordering::SeqCst);
    }

    /// The number of the last input: rises with whatever the core was told.
    pub(crate) fn sequence(&self) -> u64 {
        self.state().server.sequence()
    }

    pub(crate) fn hub(&self) -> EntityId {
        self.state().server.hub_id()
    }

    /// All receipts, in the log's order.
    pub(crate) fn receipts(&self) -> Vec<Receipt> {
        let mut receipts: Vec<Receipt> = self.state().receipts.values().cloned().collect();
        receipts.sort_by_key(|receipt| receipt.sequence);
        receipts
    }

    fn execute(&self, input: &Input) -> Receipt {
        let receipt = {
            let mut state = self.state();
            let outcome = state.server.apply(self.now_ms(), input);
            state.speak(outcome.effects);
            let receipt = outcome.receipt;
            state.receipts.insert(receipt.hash, receipt.clone());
            receipt
        };
        if let Some(api) = self.0.api.get() {
            api.confirmed(std::slice::from_ref(&receipt));
        }
        receipt
    }

    /// What the chain did, as the follower would tell.
    pub(crate) fn fact(&self, kind: FactKind) {
        let block = {
            let mut state = self.state();
            state.facts += 1;
            state.facts
        };
        let at = FactPosition { block, log_index: 0, block_hash: Hash([9; 32]), chain_tx: Hash([8; 32]) };
        let receipt = self.execute(&Input::Fact(ChainFact { at, kind }));
        assert!(receipt.is_executed(), "{receipt:?}");
    }

    pub(crate) fn deposit(&self, entity: EntityId, amount: u128) {
        let sender = Address([5; 20]);
        self.fact(FactKind::Deposited { entity, asset: native(), amount: Amount(amount), sender });
    }

    /// Seals a block and signs it.
    pub(crate) fn seal(&self) {
        let (block, receipts) = {
            let mut state = self.state();
            let sealed = state.server.seal(self.now_ms());
            let signature = secp::sign(&self.0.hub_secret, &sealed.digest).expect("a key");
            let number = sealed.header.number;
            for (index, receipt) in (0..).zip(&sealed.receipts) {
                state.places.insert(receipt.hash, (number, index));
            }
            let block = StoredBlock {
                hash: derive::block_hash(&sealed.header),
                header: sealed.header,
                seal: sealed.seal,
                signature: Some(signature),
                entries: sealed.receipts.iter().map(|receipt| receipt.hash).collect(),
            };
            state.blocks.push((block.clone(), sealed.receipts.clone()));
            (block, sealed.receipts)
        };
        if let Some(api) = self.0.api.get() {
            api.sealed(&block, &receipts);
        }
    }

    fn hosted(&self, call: &HostedCall) -> Result<VerifiedTx, SubmitError> {
        let state = self.state();
        let authority = Authority::Account { account: call.account };
        state.server.admits(call.from, &call.body, authority).map_err(SubmitError::Rejected)?;
        let nonce = state.server.next_nonce(call.from).unwrap_or_default();
        let tx = Transaction {
            kind: call.body.kind(),
            from: call.from,
            to: call.to,
            nonce,
            data: call.body.to_data(),
            fee: call.fee,
            timestamp: self.now_ms() / 1000,
            signature: Blob::default(),
        };
        let key = TokenKey::new([3; 32]);
        let decoded = state.server.decode(tx).map_err(|_| SubmitError::MalformedBody)?;
        let signature = key.sign(&decoded.hash, &call.token, call.account);
        let signed = state.server.decode(Transaction { signature, ..decoded.tx });
        let signed = signed.map_err(|_| SubmitError::MalformedBody)?;
        verify::verify(signed, &key).map_err(SubmitError::Signature)
    }

    fn signed(&self, tx: Transaction) -> Result<VerifiedTx, SubmitError> {
        let state = self.state();
        let (from, nonce, timestamp) = (tx.from, tx.nonce, tx.timestamp);
        let decoded = state.server.decode(tx).map_err(|_| SubmitError::MalformedBody)?;
        let verified = verify::verify(decoded, &TokenKey::new([3; 32])).map_err(SubmitError::Signature)?;
        let admitted = state.server.admits(from, verified.body(), verified.authority());
        admitted.map_err(SubmitError::Rejected)?;
        if let Some(receipt) = state.receipts.get(&verified.hash()) {
            return Err(SubmitError::Known(Box::new(receipt.clone())));
        }
        let now_s = self.now_ms() / 1000;
        if xln_types::tx::TIMESTAMP_SKEW_S_MAX < timestamp.abs_diff(now_s) {
            return Err(SubmitError::TimestampOutside { now_s });
        }
        let expected = state.server.next_nonce(from).unwrap_or_default();
        if nonce == expected { Ok(verified) } else { Err(SubmitError::Refused(Refusal::Repeat { expected })) }
    }
}

impl Double {
    fn take(&self, request: Request) -> Result<Confirmed, SubmitError> {
        if self.0.full.load(Ordering::SeqCst) {
            return Err(SubmitError::Overloaded);
        }
        if self.0.failed.load(Ordering::SeqCst) {
            return Err(SubmitError::Unavailable(Unavailable::Storage));
        }
        let (input, nonce) = match request {
            Request::Hosted(call) => {
                let tx = self.hosted(&call)?;
                (Input::Transaction(tx.clone()), Some(tx.tx().nonce))
            }
            Request::Signed(tx) => {
                let tx = self.signed(tx)?;
                (Input::Transaction(tx.clone()), Some(tx.tx().nonce))
            }
            Request::Command(command) => (Input::Command(command), None),
        };
        Ok(Confirmed { receipt: self.execute(&input), nonce })
    }

    fn make_signer(&self, new: NewSigner) -> Result<(SignerId, [u8; 33]), NewSignerError> {
        let secret = match &new.key {
            NewKey::Generated => {
                let mut state = self.state();
                state.made += 1;
                // Two nodes make different ones.
                Some([100 + state.made; 32].map(|byte: u8| byte ^ self.0.hub_secret[0] ^ HUB_SECRET[0]))
            }
            NewKey::Imported(secret) => Some(*secret),
            NewKey::SelfCustody(_) => None,
        };
        let (signer, public_key) = match (&secret, &new.key) {
            (Some(secret), _) => secp::signer_of_secret(secret).map_err(NewSignerError::Key)?,
            (None, NewKey::SelfCustody(key)) => secp::signer_of_public_key(key).map_err(NewSignerError::Key)?,
            (None, _) => unreachable!("a hosted key has a secret"),
        };
        let hosted = u8::from(secret.is_some());
        self.state().keys.extend(secret.map(|secret| (signer, secret)));
        let (owner, metadata, key) = (new.owner, new.metadata, Blob(public_key.to_vec()));
        let command = Command::RegisterSigner { signer, public_key: key, owner, hosted, metadata };
        match self.take(Request::Command(command))?.receipt.rejection() {
            None => Ok((signer, public_key)),
            Some(_) => Err(NewSignerError::Exists(signer)),
        }
    }
}

impl Backend for Double {
    fn ask<'a>(&'a self, question: Question<'a>) -> Working<'a, Result<(), Unavailable>> {
        Box::pin(async move {
            if self.0.failed.load(Ordering::SeqCst) {
                return Err(Unavailable::Storage);
            }
            question(&self.state().server);
            Ok(())
        })
    }

    fn submit(&self, request: Request) -> Working<'_, Result<Confirmed, SubmitError>> {
        Box::pin(async move { self.take(request) })
    }

    fn create_signer(&self, new: NewSigner) -> Working<'_, Result<(SignerId, [u8; 33]), NewSignerError>> {
        Box::pin(async move { self.make_signer(new) })
    }

    fn receipt(&self, hash: TxHash) -> Option<StoredReceipt> {
        let state = self.state();
        let receipt = state.receipts.get(&hash)?.clone();
        Some(StoredReceipt { receipt, sealed: state.places.get(&hash).copied() })
    }

    fn receipt_proof(&self, hash: TxHash) -> Option<ReceiptProof> {
        let state = self.state();
        let (number, index) = *state.places.get(&hash)?;
        let (block, receipts) = state.blocks.iter().find(|(block, _)| block.header.number == number)?;
        let leaves: Vec<Vec<u8>> = receipts.iter().map(alloy_rlp::encode).collect();
        let place = usize::try_from(index).ok()?;
        Some(ReceiptProof {
            receipt: receipts.get(place)?.clone(),
            index,
            path: list::prove(HashFunction::Keccak256, &leaves, place)?,
            header: block.header.clone(),
            seal: block.seal,
            signature: block.signature?,
        })
    }

    fn block(&self, id: BlockId) -> Option<StoredBlock> {
        let state = self.state();
        let found = match id {
            BlockId::Latest => state.blocks.last(),
            BlockId::Number(number) => state.blocks.iter().find(|(block, _)| block.header.number == number),
            BlockId::Hash(hash) => state.blocks.iter().find(|(block, _)| block.hash == hash),
        };
        found.map(|(block, _)| block.clone())
    }

    fn now_ms(&self) -> u64 {
        self.0.clock_ms.load(Ordering::SeqCst)
    }

    fn random(&self) -> Result<Hash, Unavailable> {
        let mut state = self.state();
        state.made += 1;
        Ok(Hash([state.made; 32]))
    }

    fn info(&self) -> HubInfo {
        self.0.info.clone()
    }

    fn connect_peer(&self, address: String, node: Option<EntityId>) -> Working<'_, Result<PeerInfo, PeerError>> {
        Box::pin(async move { self.dial(&address, node) })
    }

    fn peers(&self) -> Vec<PeerInfo> {
        self.0.peers.lock().expect("no test panics while it holds them").connected.clone()
    }

    fn dependencies(&self) -> Vec<Dependency> {
        let ok = !self.0.failed.load(Ordering::SeqCst);
        vec![Dependency { name: "log", ok, detail: if ok { String::new() } else { "storage failed".to_owned() } }]
    }
}
