//! What hardly ever changes about an object once it exists: a channel's sides, an asset's symbol, and who owns a signer and its entities,
//! which is forgotten when a signer changes hands (N-5).
//!
//! Kept here so that a payment needn't ask the state before it takes its place in the queue. Only durable facts enter (they come
//! as answers of [`crate::backend::Backend::read`]); what was forgotten is asked for again. Memory is bounded.

use crate::lock;
use std::collections::HashMap;
use std::hash::Hash as Hashed;
use std::sync::Mutex;
use xln_machine::Server;
use xln_types::{Address, AssetId, ChannelId, EntityId, Hash, Side, SignerId};

/// Most facts of a kind in each of two generations.
const FACTS_MAX: usize = 131_072;

/// Who acts for an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntityFact {
    /// The signer that created it: its place in the tree (ST-3).
    pub(crate) signer: SignerId,
    /// The account that owns that signer.
    pub(crate) owner: Address,
    /// False of one that acts on another node; an entity doesn't move.
    pub(crate) here: bool,
}

/// Who stands in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChannelFact {
    pub(crate) left: EntityId,
    pub(crate) right: EntityId,
    pub(crate) opener: Side,
    /// True where one side acts on another node: what is done waits for its signature.
    pub(crate) remote: bool,
}

impl ChannelFact {
    pub(crate) fn entity(&self, side: Side) -> EntityId {
        side.pick(self.left, self.right)
    }
}

/// A map that forgets the older half when it is full.
struct Facts<K, V>(Mutex<(HashMap<K, V>, HashMap<K, V>)>);

impl<K: Eq + Hashed + Clone, V: Clone> Facts<K, V> {
    fn new() -> Self {
        Facts(Mutex::new((HashMap::new(), HashMap::new())))
    }

    fn get(&self, key: &K) -> Option<V> {
        let mut facts = lock(&self.0);
        if let Some(value) = facts.0.get(key) {
            return Some(value.clone());
        }
        let (key, value) = facts.1.remove_entry(key)?;
        facts.0.insert(key, value.clone());
        Some(value)
    }

    fn put(&self, key: K, value: V) {
        let mut facts = lock(&self.0);
        if FACTS_MAX <= facts.0.len() {
            facts.1 = std::mem::take(&mut facts.0);
        }
        facts.0.insert(key, value);
    }

    fn clear(&self) {
        *lock(&self.0) = (HashMap::new(), HashMap::new());
    }
}

/// The facts known.
pub(crate) struct Directory {
    entities: Facts<EntityId, EntityFact>,
    channels: Facts<ChannelId, ChannelFact>,
    signers: Facts<SignerId, Address>,
    invoices: Facts<Hash, EntityId>,
    symbols: Facts<AssetId, String>,
    assets: Facts<String, AssetId>,
}

impl Directory {
    pub(crate) fn new() -> Directory {
        Directory {
            entities: Facts::new(),
            channels: Facts::new(),
            signers: Facts::new(),
            invoices: Facts::new(),
            symbols: Facts::new(),
            assets: Facts::new(),
        }
    }

    /// A signer may have changed hands: who owns what is asked anew.
    pub(crate) fn forget_owners(&self) {
        self.entities.clear();
        self.signers.clear();
    }

    pub(crate) fn entity(&self, id: EntityId) -> Option<EntityFact> {
        self.entities.get(&id)
    }
    pub(crate) fn put_entity(&self, id: EntityId, fact: EntityFact) {
        self.entities.put(id, fact);
    }
    pub(crate) fn channel(&self, id: ChannelId) -> Option<ChannelFact> {
        self.channels.get(&id)
    }
    pub(crate) fn put_channel(&self, id: ChannelId, fact: ChannelFact) {
        self.channels.put(id, fact);
    }
    pub(crate) fn owner(&self, id: SignerId) -> Option<Address> {
        self.signers.get(&id)
    }
    pub(crate) fn put_owner(&self, id: SignerId, owner: Address) {
        self.signers.put(id, owner);
    }
    /// Who asks for the payment that this locks.
    pub(crate) fn payee(&self, hashlock: Hash) -> Option<EntityId> {
        self.invoices.get(&hashlock)
    }
    pub(crate) fn put_payee(&self, hashlock: Hash, payee: EntityId) {
        self.invoices.put(hashlock, payee);
    }
    pub(crate) fn symbol(&self, id: AssetId) -> Option<String> {
        self.symbols.get(&id)
    }
    pub(crate) fn asset(&self, symbol: &str) -> Option<AssetId> {
        self.assets.get(&symbol.to_owned())
    }
    pub(crate) fn put_asset(&self, id: AssetId, symbol: &str) {
        self.symbols.put(id, symbol.to_owned());
        self.assets.put(symbol.to_owned(), id);
    }
}

/// An entity's fact, as the state has it.
pub(crate) fn entity_fact(server: &Server, id: EntityId) -> Option<EntityFact> {
    let signer = server.entity(id)?.record.signer;
    let here = server.node_of(id).is_none();
    server.signer(signer).map(|known| EntityFact { signer, owner: known.owner, here })
}

/// A channel's fact, as the state has it.
pub(crate) fn channel_fact(server: &Server, id: ChannelId) -> Option<ChannelFact> {
    let channel = server.channel(id)?;
    let (head, remote) = (channel.head, channel.replica.is_some());
    Some(ChannelFact { left: head.left, right: head.right, opener: head.opener, remote })
}
