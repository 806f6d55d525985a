//! Entities come, change and go (**EN-1**, **EN-5**, **N-5**).

use super::journal::Undo;
use super::state::Server;
use crate::arena::Handle;
use crate::entity::{self, Entity, EntityRecord};
use crate::machine::At;
use crate::signer::{self, Signer};
use xln_crypto::{VerifiedTx, derive};
use xln_types::tx::{Body, CreateEntity, DeleteEntity, METADATA_BYTES_MAX, UpdateEntity};
use xln_types::{Board, Event, Rejection};

impl Server {
    /// Founds an entity. What had arrived on chain for it becomes its free reserve.
    pub(super) fn create_entity(
        &mut self,
        at: At,
        creator: Handle<Signer>,
        verified: &VerifiedTx,
    ) -> Result<(), Rejection> {
        let Body::CreateEntity(body) = verified.body() else { return Err(Rejection::MalformedBody {}) };
        if verified.tx().fee.0 != 0 {
            return Err(Rejection::FeeNotPayable {});
        }
        if METADATA_BYTES_MAX < body.metadata.0.len() {
            return Err(Rejection::TooLarge { limit: METADATA_BYTES_MAX as u64 });
        }
        let CreateEntity { threshold, members, salt, metadata } = body.clone();
        let board = Board { threshold, members, salt };
        let signer = self.signers.at(creator).id;
        if !board.is_valid() {
            return Err(Rejection::InvalidBoard {});
        }
        // Boards of several take this same path once their consensus is there (EN-2).
        match board.sole_member() {
            None => return Err(Rejection::NotAvailable {}),
            Some(member) if member != signer => return Err(Rejection::InvalidBoard {}),
            Some(_) => {}
        }
        self.step_signer(at, creator, &signer::Message::Found { salt })?;
        let id = derive::entity_id(&board);
        if self.entity_index.get(&id.address()).is_some() {
            return Err(Rejection::AlreadyExists {});
        }
        let record = EntityRecord {
            id,
            signer,
            board,
            nonce: 0,
            channels: 0,
            channels_open: 0,
            accepts_free: 0,
            created_s: at.now_s(),
        };
        let handle = self.add_entity(Entity { record, metadata, policies: Vec::new(), deleted: false });
        self.journal.events.push(Event::EntityCreated { entity: id });
        self.claim(at, handle)
    }

    /// Credits what had arrived before the entity was known (DP-3).
    fn claim(&mut self, at: At, handle: Handle<Entity>) -> Result<(), Rejection> {
        let id = self.entities.at(handle).record.id;
        let waiting: Vec<_> = self
            .unclaimed
            .range((id, xln_types::AssetId::ZERO)..)
            .take_while(|((entity, _), _)| *entity == id)
            .map(|((_, asset), amount)| (*asset, *amount))
            .collect();
        for (asset, amount) in waiting {
            let before = self.unclaimed.remove(&(id, asset));
            self.journal.undos.push(Undo::Unclaimed(id, asset, before));
            self.step_depositary(at, handle, &crate::depositary::Message::Deposited { asset, amount })?;
        }
        Ok(())
    }

    pub(super) fn update_entity(&mut self, at: At, from: Handle<Entity>, body: &UpdateEntity) -> Result<(), Rejection> {
        if let Some(policy) = body.policies.iter().find(|policy| !self.assets.contains_key(&policy.asset)) {
            let _ = policy;
            return Err(Rejection::UnknownAsset {});
        }
        let UpdateEntity { metadata, policies, accepts_free } = body.clone();
        self.step_entity(at, from, &entity::Message::Update { metadata, policies, accepts_free })?;
        self.journal.events.push(Event::EntityUpdated { entity: self.entities.at(from).record.id });
        Ok(())
    }

    /// EN-5: only with no channel, reserve, debt or hold left.
    pub(super) fn delete_entity(&mut self, at: At, from: Handle<Entity>, body: &DeleteEntity) -> Result<(), Rejection> {
        let record = &self.entities.at(from).record;
        let (id, signer) = (record.id, record.signer);
        if body.entity != id {
            return Err(Rejection::UnknownEntity {});
        }
        if from == self.hub || !self.depositary(from).is_empty() {
            return Err(Rejection::NotEmpty {});
        }
        self.step_entity(at, from, &entity::Message::Delete)?;
        let creator = self.signer_index.get(&signer).ok_or(Rejection::UnknownSigner {})?;
        self.step_signer(at, creator, &signer::Message::Drop)?;
        self.journal.events.push(Event::EntityDeleted { entity: id });
        Ok(())
    }
}
