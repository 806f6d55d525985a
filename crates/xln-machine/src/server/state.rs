//! What the server holds: the arenas of all machines, the indexes into them, the state tree, and the block under construction.

use super::block::OpenBlock;
use super::htlcs::HtlcPlace;
use super::invoices::{Invoice, InvoiceKey};
use super::journal::Journal;
use super::outcomes::Todo;
use super::routes::{Forward, Payment, Source};
use crate::arena::{Arena, Handle, Index};
use crate::channel::Channel;
use crate::depositary::{Depositary, Operation};
use crate::entity::{Entity, EntityRecord};
use crate::signer::Signer;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use xln_crypto::derive;
use xln_merkle::{Config, HashFunction, Tree};
use xln_types::codec::{Blob, RlpDecodable, RlpEncodable};
use xln_types::entry::Genesis;
use xln_types::{
    Address, AssetId, AssetInfo, Board, ChannelId, EntityId, FactPosition, Hash, OperationId, Path, SignerId, TxHash,
};

/// How many operations that ended are remembered for `depositary.status`; their receipts stay in the log.
pub const ENDED_OPERATIONS_MAX: usize = 65_536;

/// The server's own record in the state tree; there is none before the first fact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct ServerRecord {
    /// The last chain fact taken: none before it is taken again (DP-3).
    pub cursor: FactPosition,
    /// Unix seconds of the deepest block known (DP-4).
    pub chain_time_s: u64,
    /// 1 while a reorganisation deeper than the confirmations halts withdrawals (DP-3).
    pub halted: u8,
}

/// The root machine.
pub struct Server {
    pub(super) genesis: Genesis,
    pub(super) genesis_hash: Hash,
    pub(super) hub: Handle<Entity>,
    pub(super) record: ServerRecord,
    pub(super) signers: Arena<Signer>,
    pub(super) entities: Arena<Entity>,
    /// Beside `entities`, one each.
    pub(super) depositaries: Vec<Depositary>,
    pub(super) channels: Arena<Channel>,
    pub(super) assets: BTreeMap<AssetId, AssetInfo>,
    /// What arrived for entities that nobody has created here yet (DP-3): credited when they are.
    pub(super) unclaimed: BTreeMap<(EntityId, AssetId), xln_types::Amount>,
    pub(super) signer_index: Index<SignerId, Handle<Signer>>,
    pub(super) entity_index: Index<Address, Handle<Entity>>,
    pub(super) channel_index: Index<ChannelId, Handle<Channel>>,
    pub(super) pair_index: Index<(u32, u32), Handle<Channel>>,
    /// Beside `entities`: each one's channels, in the order of their creation.
    pub(super) entity_channels: Vec<Vec<Handle<Channel>>>,
    /// Operations under way by when they end, so that time can be asked for those that failed (DP-4).
    pub(super) deadlines: BTreeSet<(u64, OperationId)>,
    pub(super) operation_owner: BTreeMap<OperationId, Handle<Entity>>,
    pub(super) ended_operations: VecDeque<Operation>,
    /// Which node an entity acts on, of those that act on another.
    pub(super) nodes: BTreeMap<EntityId, EntityId>,
    /// The channels with each other node.
    pub(super) node_channels: BTreeMap<EntityId, BTreeSet<Handle<Channel>>>,
    /// Channels whose drafts may close into frames at the turn's end.
    pub(super) speakers: BTreeSet<Handle<Channel>>,
    /// Channels that have drafts and let the other side speak first (CH-9).
    pub(super) yielders: BTreeSet<Handle<Channel>>,
    pub(super) payments: BTreeMap<TxHash, Payment>,
    pub(super) ended_payments: VecDeque<Payment>,
    /// By the incoming HTLC.
    pub(super) forwards: BTreeMap<HtlcPlace, Forward>,
    /// HTLCs locked by someone here, until they end: when they expire, and for whom they were locked.
    pub(super) outgoing: BTreeMap<HtlcPlace, (u64, Source)>,
    /// The same by when they expire.
    pub(super) expiries: BTreeSet<(u64, HtlcPlace)>,
    pub(super) invoices: BTreeMap<InvoiceKey, Invoice>,
    pub(super) invoice_expiries: BTreeSet<(u64, InvoiceKey)>,
    pub(super) ended_invoices: VecDeque<Invoice>,
    /// What still follows from the input under way.
    pub(super) todo: VecDeque<Todo>,
    pub(super) journal: Journal,
    pub(super) tree: Tree,
    pub(super) block: OpenBlock,
}

/// Why a log's first entry can't start a hub.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// The tree's width or threshold is out of range.
    #[error("genesis: tree width or threshold out of range")]
    Tree,
    /// An asset's id isn't the hash of what it names (N-4), or two share a symbol.
    #[error("genesis: asset id or symbol: symbol={symbol}")]
    Asset {
        /// The asset's symbol.
        symbol: String,
    },
}

impl Server {
    /// The hub at its first moment: its own signer and entity, and the assets known from the start. `index_seed` keeps look-up
    /// collisions unforeseeable and changes no result.
    ///
    /// # Errors
    /// [`GenesisError`] when the genesis contradicts itself.
    pub fn new(genesis: &Genesis, index_seed: u64) -> Result<Server, GenesisError> {
        let config = Config {
            bit_width: genesis.tree_width,
            leaf_threshold: usize::from(genesis.tree_threshold),
            hash: HashFunction::Blake3,
            ..Config::DEFAULT
        };
        let tree = Tree::new(config).map_err(|_| GenesisError::Tree)?;
        let genesis_hash = xln_crypto::keccak256(alloy_rlp::encode(genesis));
        let mut server = Server {
            genesis: genesis.clone(),
            genesis_hash,
            hub: Arena::<Entity>::default().next_handle(),
            record: ServerRecord::default(),
            signers: Arena::default(),
            entities: Arena::default(),
            depositaries: Vec::new(),
            channels: Arena::default(),
            assets: BTreeMap::new(),
            unclaimed: BTreeMap::new(),
            signer_index: Index::new(index_seed),
            entity_index: Index::new(index_seed),
            channel_index: Index::new(index_seed),
            pair_index: Index::new(index_seed),
            entity_channels: Vec::new(),
            deadlines: BTreeSet::new(),
            operation_owner: BTreeMap::new(),
            ended_operations: VecDeque::new(),
            nodes: BTreeMap::new(),
            node_channels: BTreeMap::new(),
            speakers: BTreeSet::new(),
            yielders: BTreeSet::new(),
            payments: BTreeMap::new(),
            ended_payments: VecDeque::new(),
            forwards: BTreeMap::new(),
            outgoing: BTreeMap::new(),
            expiries: BTreeSet::new(),
            invoices: BTreeMap::new(),
            invoice_expiries: BTreeSet::new(),
            ended_invoices: VecDeque::new(),
            todo: VecDeque::new(),
            journal: Journal::default(),
            tree,
            block: OpenBlock::first(genesis.created.saturating_mul(1000)),
        };
        server.found(genesis)?;
        Ok(server)
    }

    /// Puts the hub's own signer, entity and assets in place. They belong to no block: the genesis itself names them.
    fn found(&mut self, genesis: &Genesis) -> Result<(), GenesisError> {
        let signer = genesis.hub_signer;
        let board = Board::single(signer, 0);
        self.add_signer(Signer {
            id: signer,
            public_key: Blob::default(),
            owner: signer.address(),
            hosted: 1,
            nonce: 0,
            next_salt: 1,
            entities: 1,
            created_s: genesis.created,
            metadata: Blob::default(),
        });
        let mut policies = genesis.policies.clone();
        policies.sort_by_key(|policy| policy.asset);
        let record = EntityRecord {
            id: derive::entity_id(&board),
            signer,
            board,
            nonce: 0,
            channels: 0,
            channels_open: 0,
            accepts_free: 1,
            created_s: genesis.created,
        };
        self.hub = self.add_entity(Entity { record, metadata: Blob::default(), policies, deleted: false });
        for info in &genesis.assets {
            let known = self.assets.values().any(|other| other.symbol == info.symbol);
            if known || derive::asset_id(genesis.chain_id, &info.asset) != info.id {
                return Err(GenesisError::Asset { symbol: info.symbol.clone() });
            }
            self.assets.insert(info.id, info.clone());
            self.journal.note_asset(info.id);
        }
        let changes = self.drain_changes();
        self.write_changes(&changes);
        let _ = self.tree.commit();
        Ok(())
    }

    /// The path of an entity's record.
    pub(super) fn entity_path(&self, handle: Handle<Entity>) -> Path {
        let record = &self.entities.at(handle).record;
        Path::entity(record.signer, record.id)
    }

    /// The depositary of an entity.
    pub(super) fn depositary(&self, handle: Handle<Entity>) -> &Depositary {
        let depositary = self.depositaries.get(handle.number() as usize);
        assert!(depositary.is_some(), "each entity has a depositary");
        depositary.unwrap_or_else(|| unreachable!())
    }

    pub(super) fn depositary_mut(&mut self, handle: Handle<Entity>) -> &mut Depositary {
        let depositary = self.depositaries.get_mut(handle.number() as usize);
        assert!(depositary.is_some(), "each entity has a depositary");
        depositary.unwrap_or_else(|| unreachable!())
    }
}
