//! Channels with another node begin: entities that act elsewhere become known, openings are offered and taken.
//!
//! Laws: **CH-11** (the first frame offers, its acknowledgement consents), **N-5** (an introduced entity's id is the hash of its board).

use super::journal::Undo;
use super::peers::{CHANNELS_A_NODE_MAX, INTRODUCED_MAX, OFFERS_A_NODE_MAX};
use super::state::Server;
use crate::arena::Handle;
use crate::channel::replica::{Judge, Received, Replica, Signed};
use crate::channel::state::Head;
use crate::channel::{self, Action, Book, Channel, ChannelStatus};
use crate::entity::{self, Entity, EntityRecord};
use crate::machine::At;
use crate::signer::Signer;
use xln_crypto::{VerifiedMessage, derive};
use xln_types::codec::Blob;
use xln_types::tx::{AcceptChannel, CHANNEL_ASSETS_MAX};
use xln_types::{Board, EntityId, Event, Frame, FrameTx, Rejection, Side, SignerId};

impl Server {
    /// N-5: an entity on another node becomes known by its founding board.
    pub(super) fn introduce(
        &mut self,
        at: At,
        node: EntityId,
        board: &Board,
        public_key: &Blob,
    ) -> Result<(), Rejection> {
        let member = board.sole_member().filter(|_| board.is_valid()).ok_or(Rejection::InvalidBoard {})?;
        let id = derive::entity_id(board);
        if let Ok(handle) = self.known_entity(id) {
            // Told again: nothing is new. An entity doesn't move from node to node, nor away from here.
            let same = self.is_remote(handle) && self.node_of(id) == Some(node);
            return if same { Ok(()) } else { Err(Rejection::AlreadyExists {}) };
        }
        let named = xln_crypto::secp::signer_of_public_key(&public_key.0).ok().map(|(signer, _)| signer);
        if !public_key.0.is_empty() && named != Some(member) {
            return Err(Rejection::InvalidBoard {});
        }
        if node == self.hub_id() || member == SignerId::ZERO {
            return Err(Rejection::InvalidBoard {});
        }
        // What a signer hosted here may found next is founded here: nobody else has its key.
        let known = self.signer_index.get(&member);
        if known.is_some_and(|known| self.signers.at(known).hosted == 1) {
            return Err(Rejection::AlreadyExists {});
        }
        if INTRODUCED_MAX <= self.nodes.len() {
            return Err(Rejection::TooLarge { limit: INTRODUCED_MAX as u64 });
        }
        if known.is_none() {
            self.add_signer(Signer {
                id: member,
                public_key: public_key.clone(),
                owner: member.address(),
                hosted: 0,
                nonce: 0,
                next_salt: 0,
                entities: 0,
                created_s: at.now_s(),
                metadata: Blob::default(),
            });
        }
        let record = EntityRecord {
            id,
            signer: member,
            board: board.clone(),
            nonce: 0,
            channels: 0,
            channels_open: 0,
            accepts_free: 0,
            created_s: at.now_s(),
        };
        self.add_entity(Entity { record, metadata: Blob::default(), policies: Vec::new(), deleted: false });
        self.nodes.insert(id, node);
        self.journal.undos.push(Undo::Node(id, None));
        self.journal.events.push(Event::EntityIntroduced { entity: id, node });
        Ok(())
    }

    /// Puts a replica beside a channel's book: its other side is on another node.
    pub(super) fn attach_replica(&mut self, handle: Handle<Channel>, me: Side) -> Result<(), Rejection> {
        let head = self.channels.at(handle).head;
        let remote = head.entity(me.other());
        let node = self.node_of(remote).ok_or(Rejection::NotAPeer {})?;
        let count = self.node_channels.get(&node).map_or(0, std::collections::BTreeSet::len);
        if CHANNELS_A_NODE_MAX <= count {
            return Err(Rejection::StackFull { limit: CHANNELS_A_NODE_MAX as u64 });
        }
        let remote = self.known_entity(remote)?;
        let signer = self.entities.at(remote).record.board.sole_member().ok_or(Rejection::InvalidBoard {})?;
        self.channels.at_mut(handle).replica = Some(Box::new(Replica::new(head.id, me, node, signer)));
        self.node_channels.entry(node).or_default().insert(handle);
        self.journal.undos.push(Undo::Replica(handle, None));
        Ok(())
    }

    /// Whether a stranger's first frame opens a channel that may exist here: with whom.
    pub(super) fn check_opening(
        &self,
        verified: &VerifiedMessage,
        judge: &Judge,
        (frame, signed): (&Frame, &Signed),
        intro: &[Board],
    ) -> Result<(EntityId, Handle<Entity>), Rejection> {
        let ([board], [FrameTx::Open { peer, .. }]) = (intro, frame.txs.as_slice()) else {
            return Err(Rejection::UnknownChannel {});
        };
        let proposer = derive::entity_id(board);
        let own = self.known_entity(*peer)?;
        if self.is_remote(own) || proposer == *peer {
            return Err(Rejection::NotHere {});
        }
        // The hub signs for those whose keys it holds; others sign for themselves.
        if !self.is_hosted(own) {
            return Err(Rejection::NotHosted {});
        }
        if board.sole_member() != Some(verified.signer()) {
            return Err(Rejection::NotAuthorized {});
        }
        if let Ok(known) = self.known_entity(proposer)
            && (!self.is_remote(known) || self.node_of(proposer) != Some(verified.node()))
        {
            return Err(Rejection::NotHere {});
        }
        let by = if proposer < *peer { Side::Left } else { Side::Right };
        let (left, right) = by.pick((proposer, *peer), (*peer, proposer));
        let id = derive::channel_id(self.genesis.chain_id, self.genesis.depositary, left, right, 0);
        if id != frame.channel || by != frame.by || frame.height != 1 || frame.previous != xln_types::Hash::ZERO {
            return Err(Rejection::MalformedFrame {});
        }
        let offered = |handle: &&Handle<Channel>| self.channels.at(**handle).head.status == ChannelStatus::Pending;
        let waiting = self.node_channels.get(&verified.node()).map_or(0, |all| {
            // Offers are few or refused: a node with many open channels is not counted through.
            if all.len() < OFFERS_A_NODE_MAX {
                0
            } else {
                all.iter().rev().take(OFFERS_A_NODE_MAX).filter(offered).count()
            }
        });
        if OFFERS_A_NODE_MAX <= waiting {
            return Err(Rejection::StackFull { limit: OFFERS_A_NODE_MAX as u64 });
        }
        // What can't be taken is refused now, not when somebody consents.
        let replica = Replica::new(id, by.other(), verified.node(), verified.signer());
        replica.check_frame(&Book::default(), judge, frame, signed)?;
        Ok((proposer, own))
    }

    /// CH-11: a channel is offered by an entity on another node.
    pub(super) fn take_opening(
        &mut self,
        at: At,
        verified: &VerifiedMessage,
        frame: &Frame,
        signed: Signed,
        intro: &[Board],
    ) -> Result<(), Rejection> {
        let judge = self.judge(at.now_ms);
        let (proposer, own) = self.check_opening(verified, &judge, (frame, &signed), intro)?;
        let ([board], [FrameTx::Open { dispute_window_s, requested, .. }]) = (intro, frame.txs.as_slice()) else {
            return Err(Rejection::UnknownChannel {});
        };
        self.introduce(at, verified.node(), board, &Blob::default())?;
        let own_id = self.entities.at(own).record.id;
        let (left, right) = frame.by.pick((proposer, own_id), (own_id, proposer));
        let head = Head {
            id: frame.channel,
            left,
            right,
            epoch: 0,
            status: ChannelStatus::Pending,
            opener: frame.by,
            accepted: 0,
            awaited: 0,
            dispute_window_s: *dispute_window_s,
            settle_counter: 0,
            created_s: at.now_s(),
        };
        let remote = self.known_entity(proposer)?;
        let (left_handle, right_handle) = frame.by.pick((remote, own), (own, remote));
        let signer = self.entities.at(left_handle).record.signer;
        let handle = self.add_channel(Channel::new(signer, head), left_handle, right_handle);
        for side in [own, remote] {
            self.step_entity(at, side, &entity::Message::ChannelAdded)?;
        }
        self.attach_replica(handle, frame.by.other())?;
        self.journal.events.push(Event::ChannelStatus { channel: head.id, left, right, status: 0 });
        let Some(replica) = self.channels.at_mut(handle).replica.as_mut() else { return Err(Rejection::NotAPeer {}) };
        replica.offered = Some(Box::new((frame.clone(), signed)));
        // DESIGN 8: a policy may accept only what costs the entity nothing.
        if self.entities.at(own).record.accepts_free == 1 && requested.is_empty() {
            self.consent(at, handle)?;
        }
        Ok(())
    }

    /// This side takes the first frame: the channel opens.
    fn consent(&mut self, at: At, handle: Handle<Channel>) -> Result<(), Rejection> {
        let judge = self.judge(at.now_ms);
        let channel = self.channels.at_mut(handle);
        let replica = channel.replica.as_mut().ok_or(Rejection::NotAPeer {})?;
        let offered = replica.offered.as_deref().ok_or(Rejection::NotYoursToAccept {})?.clone();
        let (before, record, me) = (channel.book.clone(), replica.record(), replica.me);
        let (frame, signed) = offered;
        // Looked at first, so that a refusal leaves the offer as it was.
        replica.check_frame(&channel.book, &judge, &frame, &signed)?;
        let received = replica.receive_frame(&mut channel.book, &judge, &frame, signed)?;
        replica.offered = None;
        self.journal.undos.push(Undo::Replica(handle, Some(record)));
        self.follow_book(handle, &before);
        self.step_channel(at, handle, &channel::Message { by: me, action: Action::Accept })?;
        self.journal.effects.extend(self.acknowledge(handle));
        if let Received::Taken(outcomes) = received {
            self.agreed(at, handle, outcomes);
        }
        Ok(())
    }

    /// B's own consent, with what it grants in a frame of its own.
    pub(super) fn accept_remote(
        &mut self,
        at: At,
        handle: Handle<Channel>,
        body: &AcceptChannel,
    ) -> Result<(), Rejection> {
        let replica = self.channels.at(handle).replica.as_deref();
        let offered = replica.and_then(|replica| replica.offered.as_deref()).map(|(frame, _)| frame.txs.as_slice());
        let listed = match offered {
            Some([FrameTx::Open { grants, .. }]) => grants.len(),
            _ => 0,
        };
        if CHANNEL_ASSETS_MAX < listed.saturating_add(body.grants.len()) {
            return Err(Rejection::TooManyAssets { limit: CHANNEL_ASSETS_MAX as u64 });
        }
        for grant in &body.grants {
            self.may_grant(handle, grant.asset, grant.amount)?;
        }
        self.consent(at, handle)?;
        for grant in &body.grants {
            self.draft(at, handle, FrameTx::Credit { asset: grant.asset, granted: grant.amount })?;
        }
        Ok(())
    }
}
