//! A hub without a network: it drives the core as the node's engine does, and keeps the records that the engine would have logged,
//! in the engine's order: batches, then the block that seals them, then the signature over it (**TX-6**).

use std::collections::BTreeMap;
use xln_crypto::verify::{sign_tx, verify};
use xln_crypto::{TokenKey, derive, secp};
use xln_machine::server::{Effect, Input};
use xln_machine::{Outcome, Server};
use xln_storage::{Disk, Log, LogOptions};
use xln_types::codec::Blob;
use xln_types::tx::{AssetPolicy, Body, CreateEntity, Transaction};
use xln_types::{
    Address, Amount, Asset, AssetId, AssetInfo, Board, ChainFact, ChannelId, Command, EntityId, Entry, FactKind,
    FactPosition, Genesis, Hash, Path, Receipt, Record, SignerId,
};

/// What the hub signs with.
pub(crate) const HUB_SECRET: [u8; 32] = [0x11; 32];
/// The log's name, as in the node.
pub(crate) const LOG: &str = "hub";
/// When the hub begins.
pub(crate) const CREATED_S: u64 = 1_700_000_000;
/// The chain that it stands on, and the depositary there.
pub(crate) const CHAIN: u64 = 31_337;
pub(crate) const DEPOSITARY: Address = Address([0xdd; 20]);
/// Inputs of one batch.
const BATCH_INPUTS: usize = 3;
/// Small segments, so that a log of a few blocks has several.
const SEGMENT_BYTES_MAX: u64 = 24 * 1024;

/// Someone with a key and, once it is founded, an entity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Player {
    secret: [u8; 32],
    pub(crate) signer: SignerId,
    pub(crate) entity: EntityId,
    pub(crate) account: Address,
    hosted: bool,
}

impl Player {
    /// With a key of that number; hosted ones belong to an API account.
    pub(crate) fn new(number: u8, hosted: bool) -> Player {
        let secret = [number; 32];
        let (signer, _) = secp::signer_of_secret(&secret).expect("a valid key");
        let entity = derive::entity_id(&Board::single(signer, 0));
        let account = if hosted { Address([0xc0 ^ number; 20]) } else { signer.address() };
        Player { secret, signer, entity, account, hosted }
    }

    /// The hub's own.
    pub(crate) fn hub() -> Player {
        Player::hub_of(HUB_SECRET[0])
    }

    /// The own player of a hub with a key of that number.
    pub(crate) fn hub_of(number: u8) -> Player {
        let player = Player::new(number, true);
        Player { account: player.signer.address(), ..player }
    }

    /// Signs a digest with its key.
    pub(crate) fn sign(&self, digest: &Hash) -> Blob {
        Blob(secp::sign(&self.secret, digest).expect("a valid key").to_vec())
    }

    /// How another node introduces its entity.
    pub(crate) fn introduction(&self, node: EntityId) -> Command {
        let (_, public_key) = secp::signer_of_secret(&self.secret).expect("a valid key");
        Command::Introduce { node, board: Board::single(self.signer, 0), public_key: Blob(public_key.to_vec()) }
    }

    /// How it becomes known.
    pub(crate) fn registration(&self) -> Command {
        let (signer, public_key) = secp::signer_of_secret(&self.secret).expect("a valid key");
        let (public_key, hosted) = (Blob(public_key.to_vec()), u8::from(self.hosted));
        Command::RegisterSigner { signer, public_key, owner: self.account, hosted, metadata: Blob::default() }
    }

    /// How its entity is founded.
    pub(crate) fn founding(&self) -> CreateEntity {
        let Board { threshold, members, salt } = Board::single(self.signer, 0);
        CreateEntity { threshold, members, salt, metadata: Blob(b"{}".to_vec()) }
    }

    /// Where its reserve of an asset lies.
    pub(crate) fn reserve(&self, asset: AssetId) -> Path {
        Path::reserve(self.signer, self.entity, asset)
    }

    /// Where its entity's record lies.
    pub(crate) fn record(&self) -> Path {
        Path::entity(self.signer, self.entity)
    }

    /// The channel with another.
    pub(crate) fn channel(&self, other: &Player) -> ChannelId {
        let (left, right) = self.ordered(other);
        derive::channel_id(CHAIN, DEPOSITARY, left.entity, right.entity, 0)
    }

    /// Where the line of an asset in that channel lies.
    pub(crate) fn line(&self, other: &Player, asset: AssetId) -> Path {
        let (left, _) = self.ordered(other);
        Path::line(left.signer, left.entity, self.channel(other), asset)
    }

    /// Where this node's memory of that channel's frames lies.
    pub(crate) fn frames(&self, other: &Player) -> Path {
        let (left, _) = self.ordered(other);
        Path::replica(left.signer, left.entity, self.channel(other))
    }

    /// Where that channel's terms lie.
    pub(crate) fn terms(&self, other: &Player) -> Path {
        let (left, _) = self.ordered(other);
        Path::terms(left.signer, left.entity, self.channel(other))
    }

    /// N-5: left is the smaller id.
    fn ordered<'a>(&'a self, other: &'a Player) -> (&'a Player, &'a Player) {
        if self.is_left_of(other) { (self, other) } else { (other, self) }
    }

    pub(crate) fn is_left_of(&self, other: &Player) -> bool {
        self.entity < other.entity
    }
}

/// An asset of the test chain.
pub(crate) fn asset(asset: Asset, symbol: &str) -> AssetInfo {
    AssetInfo { id: derive::asset_id(CHAIN, &asset), asset, symbol: symbol.to_owned(), decimals: 18 }
}

/// The hub at work.
pub(crate) struct Hub {
    pub(crate) server: Server,
    pub(crate) records: Vec<Record>,
    /// The sequence of each input, by its name.
    pub(crate) spots: BTreeMap<&'static str, u64>,
    batch: Vec<Entry>,
    now_ms: u64,
    /// A block that is durable and not signed yet.
    unsigned: Option<(u64, Hash)>,
    token_key: TokenKey,
    /// Where on the chain the next fact stands.
    next_fact: (u64, u64),
    secret: [u8; 32],
    /// What the core wants done in the world, since it was last asked for.
    pub(crate) effects: Vec<Effect>,
}

impl Hub {
    /// A hub that knows these assets and has these policies.
    pub(crate) fn new(assets: Vec<AssetInfo>, policies: Vec<AssetPolicy>) -> Hub {
        Hub::of(&Player::hub(), assets, policies)
    }

    /// The same of another key.
    pub(crate) fn of(own: &Player, assets: Vec<AssetInfo>, policies: Vec<AssetPolicy>) -> Hub {
        let genesis = Genesis {
            chain_id: CHAIN,
            depositary: DEPOSITARY,
            hub_signer: own.signer,
            created: CREATED_S,
            assets,
            policies,
            tree_width: 4,
            tree_threshold: 16,
        };
        let server = Server::new(&genesis, 7).expect("a genesis without contradictions");
        let now_ms = CREATED_S * 1000;
        let records = vec![Record::Batch { at_ms: now_ms, entries: vec![Entry::Genesis { genesis }] }];
        Hub {
            server,
            records,
            spots: BTreeMap::new(),
            batch: Vec::new(),
            now_ms: now_ms + 5,
            unsigned: None,
            token_key: TokenKey::new([0x77; 32]),
            next_fact: (10, 0),
            secret: own.secret,
            effects: Vec::new(),
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms
    }

    pub(crate) fn now_s(&self) -> u64 {
        self.now_ms / 1000
    }

    /// Executes an input and notes it under its name.
    pub(crate) fn tell(&mut self, name: &'static str, input: &Input) -> Receipt {
        let Outcome { receipt, effects } = self.server.apply(self.now_ms, input);
        self.effects.extend(effects);
        assert_eq!(self.spots.insert(name, receipt.sequence), None, "each input has its own name: {name}");
        self.batch.push(input.to_entry());
        if BATCH_INPUTS <= self.batch.len() {
            self.flush();
        }
        receipt
    }

    /// A command, executed.
    pub(crate) fn command(&mut self, name: &'static str, command: Command) {
        let receipt = self.tell(name, &Input::Command(command));
        assert!(receipt.is_executed(), "{name}: {:?}", receipt.status);
    }

    /// A transaction as its sender would sign it, at its turn.
    pub(crate) fn transaction(&self, by: &Player, to: Address, body: &Body, fee: u128) -> Transaction {
        let from = if matches!(body, Body::CreateEntity(_)) { by.signer.address() } else { by.entity.address() };
        let nonce = self.server.next_nonce(from).unwrap_or(0);
        let (kind, data, signature) = (body.kind(), body.to_data(), Blob::default());
        let timestamp = self.now_s();
        self.signed(by, Transaction { kind, from, to, nonce, data, fee: Amount(fee), timestamp, signature })
    }

    /// Signs with the player's own key, or marks the call of its account.
    pub(crate) fn signed(&self, by: &Player, tx: Transaction) -> Transaction {
        let hash = derive::tx_hash(CHAIN, self.server.hub_id(), &tx);
        let signature = if by.hosted {
            self.token_key.sign(&hash, &[4; 16], by.account)
        } else {
            sign_tx(&hash, &by.secret).expect("a valid key")
        };
        Transaction { signature, ..tx }
    }

    /// TX-3: decoded, verified, executed.
    pub(crate) fn submit(&mut self, name: &'static str, tx: Transaction) -> Receipt {
        let decoded = self.server.decode(tx).expect("a canonical body");
        let verified = verify(decoded, &self.token_key).expect("a valid signature");
        self.tell(name, &Input::Transaction(verified))
    }

    /// A transaction that is executed.
    pub(crate) fn act(&mut self, name: &'static str, by: &Player, to: Address, body: impl Into<Body>) {
        self.act_for(name, by, to, body, 0);
    }

    /// The same with a fee.
    pub(crate) fn act_for(&mut self, name: &'static str, by: &Player, to: Address, body: impl Into<Body>, fee: u128) {
        let tx = self.transaction(by, to, &body.into(), fee);
        let receipt = self.submit(name, tx);
        assert!(receipt.is_executed(), "{name}: {:?}", receipt.status);
    }

    /// A transaction that is refused, for this reason.
    pub(crate) fn refused(
        &mut self,
        name: &'static str,
        by: &Player,
        to: Address,
        body: impl Into<Body>,
        reason: &str,
    ) {
        let tx = self.transaction(by, to, &body.into(), 0);
        let receipt = self.submit(name, tx);
        assert_eq!(receipt.rejection().map(xln_types::Rejection::reason), Some(reason), "{name}");
    }

    /// The chain's next fact.
    pub(crate) fn fact(&mut self, name: &'static str, kind: FactKind) {
        self.fact_of(name, Hash::ZERO, kind);
    }

    /// The same, of a known chain transaction.
    pub(crate) fn fact_of(&mut self, name: &'static str, chain_tx: Hash, kind: FactKind) {
        let (block, log_index) = self.next_fact;
        self.next_fact = (block + log_index % 2, log_index + 1);
        let block_hash = xln_crypto::keccak256(block.to_be_bytes());
        let at = FactPosition { block, log_index, block_hash, chain_tx };
        let receipt = self.tell(name, &Input::Fact(ChainFact { at, kind }));
        assert!(receipt.is_executed(), "{name}: {:?}", receipt.status);
    }

    /// A reorganisation deeper than the confirmations, where the follower tells it: behind all of the last block taken (DP-3).
    pub(crate) fn deep_reorg(&mut self, name: &'static str) {
        let (block, _) = self.next_fact;
        let at = FactPosition { block, log_index: u64::MAX, ..FactPosition::default() };
        self.next_fact = (block + 1, 0);
        let receipt = self.tell(name, &Input::Fact(ChainFact { at, kind: FactKind::DeepReorg { depth: 40 } }));
        assert!(receipt.is_executed(), "{name}: {:?}", receipt.status);
    }

    /// Time passes.
    pub(crate) fn wait(&mut self, seconds: u64) {
        self.flush();
        self.now_ms += seconds * 1000;
    }

    fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let entries = std::mem::take(&mut self.batch);
        self.records.push(Record::Batch { at_ms: self.now_ms, entries });
        self.now_ms += 7;
        self.sign();
    }

    /// Seals what was executed. The signature comes once the block is durable: behind the next batch, or at the end.
    pub(crate) fn seal(&mut self) {
        self.flush();
        self.sign();
        let block = self.server.seal(self.now_ms);
        self.unsigned = Some((block.header.number, block.digest));
        let (header, seal, receipts) = (block.header, block.seal, block.receipts);
        self.records.push(Record::Block { header, seal, receipts });
        self.now_ms += 11;
    }

    /// Signs the block that waits for it.
    pub(crate) fn sign(&mut self) {
        if let Some((number, digest)) = self.unsigned.take() {
            let signature = Blob(secp::sign(&self.secret, &digest).expect("a valid key").to_vec());
            self.records.push(Record::Signature { number, signature });
        }
    }
}

/// Appends records to a log, as the node's log thread does: each commit synced, the mark with each block.
pub(crate) fn append<D: Disk>(log: &mut Log<D>, records: &[Record]) {
    for record in records {
        let _ = log.append(&alloy_rlp::encode(record)).expect("room in the commit");
        let _ = log.sync().expect("a disk without faults");
        if matches!(record, Record::Block { .. }) {
            log.sync_mark().expect("a disk without faults");
        }
    }
}

/// An empty log on a disk.
pub(crate) fn open<D: Disk>(disk: D) -> Log<D> {
    let options = LogOptions { segment_bytes_max: SEGMENT_BYTES_MAX, ..LogOptions::new([9; 16]) };
    let (log, _) = Log::open(disk, LOG, options, |_, _| std::ops::ControlFlow::Continue(())).expect("a whole log");
    log
}

/// A closed log of these records.
pub(crate) fn write<D: Disk>(disk: D, records: &[Record]) -> D {
    let mut log = open(disk);
    append(&mut log, records);
    log.close().expect("a disk without faults")
}
