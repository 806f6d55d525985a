//! The journal of one input: what each record was before. From it come the receipt's state changes when the input stands, and
//! the undoing when it is refused half-way, so that a refused input changes nothing (TX-5).

use super::htlcs::HtlcPlace;
use super::invoices::{Invoice, InvoiceKey};
use super::routes::{Forward, Payment};
use super::state::{Server, ServerRecord};
use crate::arena::Handle;
use crate::channel::book::Terms;
use crate::channel::replica::ReplicaRecord;
use crate::channel::state::Head;
use crate::channel::{Channel, Line};
use crate::depositary::{Operation, Reserve};
use crate::entity::Entity;
use crate::signer::Signer;
use xln_types::codec::Blob;
use xln_types::receipt::StateChange;
use xln_types::{Amount, AssetId, EntityId, Event, Htlc, HtlcKey, OperationId, Path, SignerId, TxHash};

/// What a record was before a step.
#[derive(Debug)]
pub(super) enum Undo {
    /// The server's own record.
    Server(ServerRecord),
    /// A signer that changed; `None`: it is new, and the newest.
    Signer(Handle<Signer>, Option<Box<Signer>>),
    /// An entity that changed; `None`: it is new, and the newest.
    Entity(Handle<Entity>, Option<Box<Entity>>),
    /// An entity's counters: nonce, channels, open channels.
    Counters(Handle<Entity>, [u64; 3]),
    /// A channel's head; `None`: it is new, and the newest.
    Head(Handle<Channel>, Option<Head>),
    /// A channel's line.
    Line(Handle<Channel>, AssetId, Option<Line>),
    /// A reserve.
    Reserve(Handle<Entity>, AssetId, Option<Reserve>),
    /// An operation.
    Operation(Handle<Entity>, OperationId, Option<Box<Operation>>),
    /// A registered asset; it was not.
    Asset(AssetId),
    /// The node of an entity that acts on another.
    Node(EntityId, Option<EntityId>),
    /// A channel's terms.
    Terms(Handle<Channel>, Box<Terms>),
    /// A pending HTLC.
    Htlc(Handle<Channel>, HtlcKey, Option<Box<Htlc>>),
    /// A replica; `None`: it is new.
    Replica(Handle<Channel>, Option<ReplicaRecord>),
    /// An HTLC locked by someone here; it was not.
    Outgoing(HtlcPlace),
    /// A payment over a route, and its payer.
    Payment(TxHash, EntityId, Option<Box<Payment>>),
    /// An HTLC that was passed on.
    Forward(HtlcPlace, Option<Forward>),
    /// An invoice.
    Invoice(InvoiceKey, Option<Box<Invoice>>),
    /// What waited for an entity not yet created.
    Unclaimed(EntityId, AssetId, Option<Amount>),
}

/// The journal, and what goes into the receipt beside it.
#[derive(Debug, Default)]
pub struct Journal {
    pub(super) undos: Vec<Undo>,
    pub(super) events: Vec<Event>,
    pub(super) effects: Vec<super::apply::Effect>,
    pub(super) ended: Vec<Operation>,
}

impl Journal {
    pub(super) fn note_asset(&mut self, asset: AssetId) {
        self.undos.push(Undo::Asset(asset));
    }

    pub(super) fn note_server(&mut self, before: ServerRecord) {
        self.undos.push(Undo::Server(before));
    }
}

pub(super) fn rlp<T: xln_types::codec::Encodable>(record: Option<&T>) -> Blob {
    record.map(|record| Blob(alloy_rlp::encode(record))).unwrap_or_default()
}

impl Server {
    /// Undoes every step since `mark`, newest first.
    pub(super) fn undo_to(&mut self, mark: usize) {
        while mark < self.journal.undos.len() {
            if let Some(undo) = self.journal.undos.pop() {
                self.undo(undo);
            }
        }
        self.journal.events.clear();
        self.journal.effects.clear();
        self.journal.ended.clear();
        self.todo.clear();
    }

    fn undo(&mut self, undo: Undo) {
        match undo {
            Undo::Server(before) => self.record = before,
            Undo::Signer(handle, Some(before)) => *self.signers.at_mut(handle) = *before,
            Undo::Signer(_, None) => self.remove_newest_signer(),
            Undo::Entity(handle, Some(before)) => *self.entities.at_mut(handle) = *before,
            Undo::Entity(_, None) => self.remove_newest_entity(),
            Undo::Counters(handle, [nonce, channels, open]) => {
                let record = &mut self.entities.at_mut(handle).record;
                (record.nonce, record.channels, record.channels_open) = (nonce, channels, open);
            }
            Undo::Head(handle, Some(before)) => self.channels.at_mut(handle).head = before,
            Undo::Head(_, None) => self.remove_newest_channel(),
            Undo::Line(handle, asset, before) => {
                let channel = self.channels.at_mut(handle);
                match before {
                    Some(before) => channel.set_line(asset, before),
                    None => channel.book.lines.retain(|(id, _)| *id != asset),
                }
                self.recount(handle);
            }
            Undo::Reserve(handle, asset, before) => {
                let reserves = &mut self.depositary_mut(handle).reserves;
                match before {
                    Some(before) => reserves.insert(asset, before),
                    None => reserves.remove(&asset),
                };
            }
            Undo::Operation(handle, id, before) => self.place_operation(handle, id, before.map(|before| *before)),
            Undo::Asset(asset) => {
                self.assets.remove(&asset);
            }
            Undo::Node(..) | Undo::Terms(..) | Undo::Htlc(..) | Undo::Replica(..) => self.undo_peer(undo),
            Undo::Outgoing(_) | Undo::Payment(..) | Undo::Forward(..) | Undo::Invoice(..) => self.undo_route(undo),
            Undo::Unclaimed(entity, asset, before) => {
                match before {
                    Some(before) => self.unclaimed.insert((entity, asset), before),
                    None => self.unclaimed.remove(&(entity, asset)),
                };
            }
        }
    }

    /// Empties the journal into state changes: one a record, from what it was first to what it is now, those alike left out.
    pub(super) fn drain_changes(&mut self) -> Vec<StateChange> {
        let undos = std::mem::take(&mut self.journal.undos);
        let mut changes: Vec<StateChange> = Vec::with_capacity(undos.len());
        for undo in &undos {
            self.changes_of(undo, &undos, &mut changes);
        }
        changes.retain(|change| change.old != change.new);
        self.journal.undos = undos;
        self.journal.undos.clear();
        changes
    }

    fn changes_of(&self, undo: &Undo, undos: &[Undo], changes: &mut Vec<StateChange>) {
        let mut note = |path: Path, old: &dyn Fn() -> Blob, new: &dyn Fn() -> Blob| {
            if !changes.iter().any(|change| change.path == path) {
                changes.push(StateChange { path, old: old(), new: new() });
            }
        };
        match undo {
            Undo::Server(before) => {
                // Before the first fact there is no record.
                let before = Some(before).filter(|before| **before != ServerRecord::default());
                note(Path::SERVER, &|| rlp(before), &|| rlp(Some(&self.record)));
            }
            Undo::Signer(handle, before) => {
                let now = self.signers.at(*handle);
                note(Path::signer(now.id), &|| rlp(before.as_deref()), &|| rlp(Some(now)));
            }
            Undo::Entity(handle, before) => self.entity_changes(*handle, before.as_deref(), changes),
            Undo::Counters(handle, [nonce, channels, open]) => {
                let entity = self.entities.at(*handle);
                let now = Some(&entity.record).filter(|_| !entity.deleted);
                // All but the counters is what a later step that changed the whole entity found, or what stands now.
                let found = undos.iter().find_map(|undo| match undo {
                    Undo::Entity(other, Some(before)) if other == handle => Some(&before.record),
                    _ => None,
                });
                let before = || crate::entity::EntityRecord {
                    nonce: *nonce,
                    channels: *channels,
                    channels_open: *open,
                    ..found.unwrap_or(&entity.record).clone()
                };
                note(self.entity_path(*handle), &|| rlp(Some(&before())), &|| rlp(now));
            }
            Undo::Head(handle, before) => {
                let now = &self.channels.at(*handle).head;
                let (left, right) = (self.signer_of(now.left), self.signer_of(now.right));
                note(Path::channel(left, now.left, now.id), &|| rlp(before.as_ref()), &|| rlp(Some(now)));
                // The peer keeps a reference, so that either side's records lead to the channel (PRD 8.1).
                let reference = || Blob(alloy_rlp::encode(now.left));
                let old = || if before.is_some() { reference() } else { Blob::default() };
                note(Path::channel(right, now.right, now.id), &old, &reference);
            }
            Undo::Line(handle, asset, before) => {
                let channel = self.channels.at(*handle);
                let path = Path::line(self.signer_of(channel.head.left), channel.head.left, channel.head.id, *asset);
                note(path, &|| rlp(before.as_ref()), &|| rlp(channel.line(*asset)));
            }
            Undo::Reserve(handle, asset, before) => {
                let owner = self.depositary(*handle);
                let path = Path::reserve(owner.signer, owner.entity, *asset);
                note(path, &|| rlp(before.as_ref()), &|| rlp(owner.reserves.get(asset)));
            }
            Undo::Operation(handle, id, before) => {
                let owner = self.depositary(*handle);
                let path = Path::operation(owner.signer, owner.entity, *id);
                note(path, &|| rlp(before.as_deref()), &|| rlp(owner.operations.get(id)));
            }
            Undo::Asset(asset) => note(Path::asset(*asset), &Blob::default, &|| rlp(self.assets.get(asset))),
            Undo::Node(entity, before) => {
                note(Path::node(*entity), &|| rlp(before.as_ref()), &|| rlp(self.nodes.get(entity)));
            }
            Undo::Outgoing(_) => {}
            Undo::Terms(..) | Undo::Htlc(..) | Undo::Replica(..) => self.note_channel_part(undo, &mut note),
            Undo::Payment(..) | Undo::Forward(..) | Undo::Invoice(..) => self.note_route_part(undo, &mut note),
            Undo::Unclaimed(entity, asset, before) => {
                let path = Path::reserve(SignerId::ZERO, *entity, *asset);
                note(path, &|| rlp(before.as_ref()), &|| rlp(self.unclaimed.get(&(*entity, *asset))));
            }
        }
    }

    /// An entity's record, metadata and policies; a deleted one has none.
    fn entity_changes(&self, handle: Handle<Entity>, before: Option<&Entity>, changes: &mut Vec<StateChange>) {
        let now = self.entities.at(handle);
        let (signer, id) = (now.record.signer, now.record.id);
        let now = Some(now).filter(|entity| !entity.deleted);
        let mut note = |path: Path, old: Blob, new: Blob| {
            if !changes.iter().any(|change| change.path == path) {
                changes.push(StateChange { path, old, new });
            }
        };
        let record = |entity: Option<&Entity>| rlp(entity.map(|entity| &entity.record));
        let metadata = |entity: Option<&Entity>| rlp(entity.map(|entity| &entity.metadata));
        note(Path::entity(signer, id), record(before), record(now));
        note(Path::metadata(signer, id), metadata(before), metadata(now));
        let assets = before.into_iter().chain(now).flat_map(|entity| entity.policies.iter().map(|policy| policy.asset));
        for asset in assets {
            let policy = |entity: Option<&Entity>| {
                rlp(entity.and_then(|entity| entity.policies.iter().find(|policy| policy.asset == asset)))
            };
            note(Path::policy(signer, id, asset), policy(before), policy(now));
        }
    }

    /// The signer below which an entity's records lie. Channels name only entities that exist.
    pub(super) fn signer_of(&self, entity: EntityId) -> SignerId {
        let handle = self.entity_index.get(&entity.address());
        handle.map_or(SignerId::ZERO, |handle| self.entities.at(handle).record.signer)
    }

    /// Writes changes into the state tree; they are hashed when the block is sealed.
    pub(super) fn write_changes(&mut self, changes: &[StateChange]) {
        for change in changes {
            if change.new.0.is_empty() {
                let _ = self.tree.delete(&change.path.0);
            } else {
                let written = self.tree.set(&change.path.0, &change.new.0);
                assert!(written.is_ok(), "every record fits the tree");
            }
        }
    }
}
