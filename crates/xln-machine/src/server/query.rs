//! Questions to the state. Nothing here changes anything; answers are spoken only once what they show is durable, which is the
//! shell's care.

use super::invoices::Invoice;
use super::state::Server;
use crate::arena::Handle;
use crate::channel::Channel;
use crate::depositary::reserve::hop_fee;
use crate::depositary::{Depositary, Operation, Reserve};
use crate::entity::Entity;
use crate::machine::{At, Machine, MachineKind};
use crate::signer::Signer;
use xln_merkle::Reader;
use xln_types::entry::Genesis;
use xln_types::{Address, AssetId, AssetInfo, ChannelId, EntityId, Hash, OperationId, Rejection, Side, SignerId};

impl Server {
    /// What the rules of this hub depend on from its first moment.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The hub's own entity.
    pub fn hub_id(&self) -> EntityId {
        // Asked while the genesis is being laid too, so it is derived rather than looked up.
        xln_crypto::derive::entity_id(&xln_types::Board::single(self.genesis.hub_signer, 0))
    }

    /// The server's own record.
    pub fn record(&self) -> &super::state::ServerRecord {
        &self.record
    }

    /// A signer.
    pub fn signer(&self, id: SignerId) -> Option<&Signer> {
        self.signer_index.get(&id).map(|handle| self.signers.at(handle))
    }

    /// All signers, in the order of their creation.
    pub fn signers(&self) -> impl DoubleEndedIterator<Item = &Signer> + ExactSizeIterator {
        self.signers.iter()
    }

    /// The handle of an entity that exists.
    pub fn entity_handle(&self, id: EntityId) -> Option<Handle<Entity>> {
        self.known_entity(id).ok()
    }

    /// An entity that exists.
    pub fn entity(&self, id: EntityId) -> Option<&Entity> {
        self.entity_handle(id).map(|handle| self.entities.at(handle))
    }

    /// An entity by its address.
    pub fn entity_by_address(&self, address: Address) -> Option<&Entity> {
        let handle = self.entity_index.get(&address)?;
        Some(self.entities.at(handle)).filter(|entity| !entity.deleted)
    }

    /// All entities that exist, in the order of their creation.
    pub fn entities(&self) -> impl DoubleEndedIterator<Item = &Entity> {
        self.entities.iter().filter(|entity| !entity.deleted)
    }

    /// A channel.
    pub fn channel(&self, id: ChannelId) -> Option<&Channel> {
        self.channel_index.get(&id).map(|handle| self.channels.at(handle))
    }

    /// All channels, in the order of their creation.
    pub fn channels(&self) -> impl DoubleEndedIterator<Item = &Channel> + ExactSizeIterator {
        self.channels.iter()
    }

    /// The channels of an entity, in the order of their creation.
    pub fn channels_of(&self, entity: Handle<Entity>) -> impl Iterator<Item = &Channel> {
        let handles = self.entity_channels.get(entity.number() as usize).map_or(&[][..], Vec::as_slice);
        handles.iter().map(|handle| self.channels.at(*handle))
    }

    /// The channel between two entities.
    pub fn channel_between(&self, one: EntityId, other: EntityId) -> Option<&Channel> {
        let (one, other) = (self.entity_handle(one)?, self.entity_handle(other)?);
        self.pair(one, other).map(|(handle, _)| self.channels.at(handle))
    }

    /// CH-1: what a side of a channel can pay now, policies included.
    pub fn available_in(&self, channel: ChannelId, side: Side, asset: AssetId) -> Option<xln_types::Amount> {
        let handle = self.channel_index.get(&channel)?;
        let payer = self.entity_handle(self.channels.at(handle).head.entity(side))?;
        self.available(payer, handle, side, asset).map(|available| available.smaller())
    }

    /// An entity's depositary.
    pub fn depositary_of(&self, entity: EntityId) -> Option<&Depositary> {
        self.entity_handle(entity).map(|handle| self.depositary(handle))
    }

    /// An entity's reserve of an asset.
    pub fn reserve(&self, entity: EntityId, asset: AssetId) -> Option<Reserve> {
        self.depositary_of(entity).map(|depositary| depositary.reserve(asset))
    }

    /// An operation under way, or one that ended not long ago.
    pub fn operation(&self, id: OperationId) -> Option<&Operation> {
        match self.operation_owner.get(&id) {
            Some(owner) => self.depositary(*owner).operations.get(&id),
            None => self.ended_operations.iter().rev().find(|operation| operation.id == id),
        }
    }

    /// All operations under way.
    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.operation_owner.iter().filter_map(|(id, owner)| self.depositary(*owner).operations.get(id))
    }

    /// Operations that ended not long ago, oldest first.
    pub fn ended_operations(&self) -> impl Iterator<Item = &Operation> {
        self.ended_operations.iter()
    }

    /// A registered asset.
    pub fn asset(&self, id: AssetId) -> Option<&AssetInfo> {
        self.assets.get(&id)
    }

    /// A registered asset by its symbol.
    pub fn asset_by_symbol(&self, symbol: &str) -> Option<&AssetInfo> {
        self.assets.values().find(|info| info.symbol == symbol)
    }

    /// All registered assets, by id.
    pub fn assets(&self) -> impl Iterator<Item = &AssetInfo> {
        self.assets.values()
    }

    /// True when the hub holds the key that acts for this entity.
    pub fn hosts(&self, entity: EntityId) -> bool {
        self.entity_handle(entity).is_some_and(|handle| self.is_hosted(handle))
    }

    /// HT-4: what this hub asks for passing an amount on; `None` past the range.
    pub fn hub_fee(&self, asset: AssetId, amount: xln_types::Amount) -> Option<xln_types::Amount> {
        if self.is_unique(asset) {
            return Some(xln_types::Amount::ZERO);
        }
        hop_fee(&self.entities.at(self.hub).policy(asset), amount)
    }

    /// An entity's invoices: those that are open, then those that ended, oldest first.
    pub fn invoices_of(&self, payee: EntityId) -> impl Iterator<Item = &Invoice> {
        let whole = (payee, Hash([0; 32]))..=(payee, Hash([0xff; 32]));
        let open = self.invoices.range(whole).map(|(_, invoice)| invoice);
        open.chain(self.ended_invoices.iter().filter(move |invoice| invoice.payee == payee))
    }

    /// True while an invoice hasn't ended: neither was it paid for good, nor has a deep block's time ended it.
    pub fn invoice_is_open(&self, payee: EntityId, hashlock: Hash) -> bool {
        self.invoices.contains_key(&(payee, hashlock))
    }

    /// The state tree as of the last block.
    pub fn tree(&self) -> Reader {
        self.tree.reader()
    }
}

/// The root machine: its messages are inputs, its transitions are made by [`Server::apply`] itself, which journals instead of
/// copying ten million records.
impl Machine for Server {
    const KIND: MachineKind = MachineKind::Server;
    type Message = super::Input;
    type Transition = (At, super::Input);

    fn id(&self) -> Hash {
        self.genesis_hash
    }

    fn prefix(&self) -> Vec<u8> {
        Vec::new()
    }

    fn process(&self, at: At, message: &super::Input) -> Result<(At, super::Input), Rejection> {
        Ok((at, message.clone()))
    }

    fn commit(&mut self, (at, input): (At, super::Input)) {
        let _ = self.apply(at.now_ms, &input);
    }
}
