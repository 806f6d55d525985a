//! Channels whose other side is on another node: frames that arrive and frames that leave.
//! Frames themselves are the [`Replica`]'s; here they meet the rest of the state.
//!
//! Laws: **CH-6**, **CH-9**, **CH-15** (what is signed is in the log first). How channels begin stands in `openings`.

use super::apply::Effect;
use super::journal::Undo;
use super::outcomes::Todo;
use super::state::Server;
use crate::arena::Handle;
use crate::channel::replica::{Checked, Judge, Received, Signed};
use crate::channel::{self, Channel, ChannelStatus};
use crate::entity::Entity;
use crate::machine::At;
use xln_crypto::VerifiedMessage;
use xln_types::codec::Blob;
use xln_types::{ChannelProof, EntityId, Event, Frame, FrameTx, PeerMessage, Rejection, SignerId};

/// Most channels with one other node.
pub const CHANNELS_A_NODE_MAX: usize = 1 << 20;
/// Most openings of one node that wait for consent here.
pub const OFFERS_A_NODE_MAX: usize = 1024;
/// Most entities of other nodes that are known here.
pub const INTRODUCED_MAX: usize = 1 << 20;

/// The epoch of every board that hasn't rotated yet.
const FOUNDING_EPOCH: u64 = 0;

/// What the door does with a peer's message before it is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerVerdict {
    /// It changes something: log it and apply it.
    Take,
    /// It is known; this is said again.
    Again(Effect),
    /// It changes nothing, for this reason.
    Refuse(Rejection),
}

impl Server {
    /// By what frames and HTLCs are judged now (CH-6, HT-2).
    pub(super) fn judge(&self, now_ms: u64) -> Judge {
        Judge { now_ms, chain_s: self.record.chain_time_s, chain_block: self.record.cursor.block }
    }

    /// The node on which an entity acts; `None`: this one, or it isn't known.
    pub fn node_of(&self, entity: EntityId) -> Option<EntityId> {
        self.nodes.get(&entity).copied()
    }

    /// True when a node's hub was introduced here.
    pub fn knows_node(&self, node: EntityId) -> bool {
        self.nodes.contains_key(&node)
    }

    /// True when somebody else than this node acts for the entity.
    pub(super) fn is_remote(&self, entity: Handle<Entity>) -> bool {
        self.nodes.contains_key(&self.entities.at(entity).record.id)
    }

    /// This side's transaction waits for the turn's frame. The last step of whatever asks for it: nothing after it may fail.
    ///
    /// # Errors
    /// As [`Replica::draft`].
    pub(super) fn draft(&mut self, at: At, handle: Handle<Channel>, tx: FrameTx) -> Result<(), Rejection> {
        let judge = self.judge(at.now_ms);
        let channel = self.channels.at_mut(handle);
        let replica = channel.replica.as_mut().ok_or(Rejection::NotAPeer {})?;
        let before = replica.record();
        replica.draft(&channel.book, &judge, tx)?;
        self.journal.undos.push(Undo::Replica(handle, Some(before)));
        self.speakers.insert(handle);
        self.recount(handle);
        Ok(())
    }

    /// Many at once, all or none: those that come first leave room for those that come after, or none is taken.
    ///
    /// # Errors
    /// As [`Replica::draft`]: nothing has changed then.
    pub(super) fn draft_all(&mut self, at: At, handle: Handle<Channel>, txs: Vec<FrameTx>) -> Result<(), Rejection> {
        let judge = self.judge(at.now_ms);
        let channel = self.channels.at_mut(handle);
        let replica = channel.replica.as_mut().ok_or(Rejection::NotAPeer {})?;
        let before = replica.record();
        replica.draft_all(&channel.book, &judge, txs)?;
        self.journal.undos.push(Undo::Replica(handle, Some(before)));
        self.speakers.insert(handle);
        self.recount(handle);
        Ok(())
    }

    /// What another node said.
    pub(super) fn apply_peer(&mut self, at: At, verified: &VerifiedMessage) -> Result<(), Rejection> {
        match verified.message() {
            PeerMessage::Frame { frame, proof, signature, intro } => {
                let signed = Signed { proof: *proof, signature: signature.clone() };
                match self.channel_index.get(&frame.channel) {
                    Some(handle) => self.take_frame(at, handle, verified, frame, signed),
                    None => self.take_opening(at, verified, frame, signed, intro),
                }
            }
            PeerMessage::Ack { proof, signature } => {
                let signed = Signed { proof: *proof, signature: signature.clone() };
                self.take_ack(at, verified, signed)
            }
            PeerMessage::ForChain { channel, counter, valid_until_s, signature } => {
                let handle = self.peer_channel(verified, *channel)?;
                self.take_chain_signature(at, handle, *counter, *valid_until_s, signature)
            }
            PeerMessage::Refused { .. } => Err(Rejection::StaleFrame {}),
        }
    }

    /// The channel that a message is about, if that node speaks for its other side.
    fn peer_channel(&self, verified: &VerifiedMessage, id: xln_types::ChannelId) -> Result<Handle<Channel>, Rejection> {
        let handle = self.channel_index.get(&id).ok_or(Rejection::UnknownChannel {})?;
        let replica = self.channels.at(handle).replica.as_ref().ok_or(Rejection::NotAPeer {})?;
        if replica.node == verified.node() { Ok(handle) } else { Err(Rejection::NotAPeer {}) }
    }

    fn signed_by_peer(
        &self,
        verified: &VerifiedMessage,
        id: xln_types::ChannelId,
    ) -> Result<Handle<Channel>, Rejection> {
        let handle = self.peer_channel(verified, id)?;
        let remote = self.channels.at(handle).replica.as_ref().map(|replica| replica.remote);
        if remote == Some(verified.signer()) { Ok(handle) } else { Err(Rejection::NotAuthorized {}) }
    }

    /// Whether a message changes anything, asked before it is logged.
    pub fn admit_peer(&self, now_ms: u64, verified: &VerifiedMessage) -> PeerVerdict {
        match self.judge_message(now_ms, verified) {
            Ok(None) => PeerVerdict::Take,
            Ok(Some(effect)) => PeerVerdict::Again(effect),
            Err(reason) => PeerVerdict::Refuse(reason),
        }
    }

    fn judge_message(&self, now_ms: u64, verified: &VerifiedMessage) -> Result<Option<Effect>, Rejection> {
        match verified.message() {
            PeerMessage::Frame { frame, proof, signature, intro } => {
                let signed = Signed { proof: *proof, signature: signature.clone() };
                if self.channel_index.get(&frame.channel).is_none() {
                    let judge = self.judge(now_ms);
                    return self.check_opening(verified, &judge, (frame, &signed), intro).map(|_| None);
                }
                let handle = self.signed_by_peer(verified, frame.channel)?;
                let channel = self.channels.at(handle);
                let replica = channel.replica.as_ref().ok_or(Rejection::NotAPeer {})?;
                if replica.offered.is_some() {
                    return Err(Rejection::StaleFrame {});
                }
                match replica.check_frame(&channel.book, &self.judge(now_ms), frame, &signed)? {
                    Checked::Again => Ok(self.acknowledge(handle)),
                    Checked::Equivocation if replica.equivocation.is_some() => Err(Rejection::Equivocation {}),
                    Checked::Crossed if replica.yielding_since_ms.is_some() => Err(Rejection::StaleFrame {}),
                    Checked::New(_) | Checked::Crossed | Checked::Equivocation => Ok(None),
                }
            }
            PeerMessage::Ack { proof, .. } => {
                let handle = self.signed_by_peer(verified, proof.channel)?;
                let replica = self.channels.at(handle).replica.as_ref().ok_or(Rejection::NotAPeer {})?;
                replica.check_ack(proof).map(|()| None)
            }
            PeerMessage::ForChain { channel, counter, .. } => {
                let handle = self.peer_channel(verified, *channel)?;
                self.expects_chain_signature(handle, *counter).map(|()| None)
            }
            PeerMessage::Refused { reason, .. } => Err(reason.clone()),
        }
    }

    fn take_frame(
        &mut self,
        at: At,
        handle: Handle<Channel>,
        verified: &VerifiedMessage,
        frame: &Frame,
        signed: Signed,
    ) -> Result<(), Rejection> {
        self.signed_by_peer(verified, frame.channel)?;
        let judge = self.judge(at.now_ms);
        let channel = self.channels.at_mut(handle);
        let replica = channel.replica.as_mut().ok_or(Rejection::NotAPeer {})?;
        if replica.offered.is_some() {
            return Err(Rejection::StaleFrame {});
        }
        let (before, record) = (channel.book.clone(), replica.record());
        let received = replica.receive_frame(&mut channel.book, &judge, frame, signed);
        self.journal.undos.push(Undo::Replica(handle, Some(record)));
        if received == Err(Rejection::Equivocation {}) {
            // CH-9: refused, and its evidence kept; that it happened is no rejection's to hide.
            let reason = format!("the other side of channel {} has signed two frames on one", frame.channel);
            self.journal.events.push(Event::Alarm { reason });
            return Ok(());
        }
        match received? {
            Received::Again => self.journal.effects.extend(self.acknowledge(handle)),
            Received::Crossed => {}
            Received::Taken(outcomes) => {
                self.follow_book(handle, &before);
                // CH-9: openings crossed. Both sides wanted the channel, so each has the other's consent.
                let head = self.channels.at(handle).head;
                if head.status == ChannelStatus::Pending && head.accepted == 0 {
                    self.opened_remote(at, handle);
                }
                self.journal.effects.extend(self.acknowledge(handle));
                self.taken_back(handle, frame);
                self.agreed(at, handle, outcomes);
            }
        }
        Ok(())
    }

    fn take_ack(&mut self, at: At, verified: &VerifiedMessage, signed: Signed) -> Result<(), Rejection> {
        let handle = self.signed_by_peer(verified, signed.proof.channel)?;
        let channel = self.channels.at_mut(handle);
        let replica = channel.replica.as_mut().ok_or(Rejection::NotAPeer {})?;
        let (before, record) = (channel.book.clone(), replica.record());
        let received = replica.receive_ack(&mut channel.book, signed)?;
        self.journal.undos.push(Undo::Replica(handle, Some(record)));
        if let Received::Taken(outcomes) = received {
            self.follow_book(handle, &before);
            self.agreed(at, handle, outcomes);
        }
        Ok(())
    }

    /// Both sides have signed a frame more.
    pub(super) fn agreed(&mut self, at: At, handle: Handle<Channel>, outcomes: Vec<channel::replica::Outcome>) {
        let channel = self.channels.at(handle);
        let (head, replica) = (channel.head, channel.replica.as_deref());
        let (height, nonce) = replica.map_or((0, 0), |replica| (replica.height, replica.nonce));
        let (channel, left, right) = (head.id, head.left, head.right);
        self.journal.events.push(Event::FrameAgreed { channel, left, right, height, nonce });
        if replica.is_some_and(|replica| replica.owes || !replica.draft.is_empty()) {
            self.speakers.insert(handle);
        }
        self.recount(handle);
        self.draft_facts(at, handle);
        self.todo.extend(outcomes.into_iter().map(|outcome| Todo::Outcome(handle, outcome)));
    }

    /// This side's signature on the head, as an effect.
    pub(super) fn acknowledge(&self, handle: Handle<Channel>) -> Option<Effect> {
        self.acknowledgement_of(self.channels.at(handle))
    }

    fn acknowledgement_of(&self, channel: &Channel) -> Option<Effect> {
        let replica = channel.replica.as_ref()?;
        let proof: ChannelProof = replica.acknowledgement(FOUNDING_EPOCH)?;
        let message = Box::new(PeerMessage::Ack { proof, signature: Blob::default() });
        Some(Effect::Tell { node: replica.node, signer: self.own_signer(channel), message })
    }

    /// Who signs for this side.
    pub(super) fn own_signer(&self, channel: &Channel) -> SignerId {
        let own = channel.replica.as_ref().map(|replica| channel.head.entity(replica.me));
        let entity = own.and_then(|own| self.entity_handle(own));
        let member = entity.and_then(|entity| self.entities.at(entity).record.board.sole_member());
        member.unwrap_or(SignerId::ZERO)
    }

    fn proposal_effect(&self, channel: &Channel, proposal: &channel::replica::Proposal) -> Option<Effect> {
        let replica = channel.replica.as_ref()?;
        let own = self.entity(channel.head.entity(replica.me))?;
        let intro = if proposal.frame.height == 1 { vec![own.record.board.clone()] } else { Vec::new() };
        let message = PeerMessage::Frame {
            frame: proposal.frame.clone(),
            proof: proposal.proof,
            signature: Blob::default(),
            intro,
        };
        Some(Effect::Tell { node: replica.node, signer: self.own_signer(channel), message: Box::new(message) })
    }

    /// True while frames could close.
    pub fn wants_frames(&self, now_ms: u64) -> bool {
        let may = |handle: &Handle<Channel>| {
            self.channels.at(*handle).replica.as_ref().is_some_and(|replica| replica.may_propose(now_ms))
        };
        self.speakers.iter().chain(&self.yielders).any(may)
    }

    /// The turn's end: frames close over what was drafted.
    pub(super) fn apply_frames(&mut self, at: At) {
        let judge = self.judge(at.now_ms);
        for handle in std::mem::take(&mut self.speakers) {
            let channel = self.channels.at_mut(handle);
            let Some(replica) = channel.replica.as_mut() else { continue };
            let record = replica.record();
            let dropped = replica.sweep(&channel.book, &judge);
            let mut closed = Vec::new();
            while let Some(proposal) = replica.propose(&channel.book, &judge, FOUNDING_EPOCH) {
                closed.push(proposal.clone());
            }
            // CH-9: one that yields is asked again when its patience has ended; others when something arrives for them.
            let yields = replica.yielding_since_ms.is_some() && !replica.draft.is_empty();
            if yields {
                self.yielders.insert(handle);
            }
            self.journal.undos.push(Undo::Replica(handle, Some(record)));
            let effects: Vec<Effect> =
                closed.iter().filter_map(|proposal| self.proposal_effect(self.channels.at(handle), proposal)).collect();
            self.journal.effects.extend(effects);
            self.todo.extend(dropped.into_iter().map(|outcome| Todo::Outcome(handle, outcome)));
            self.recount(handle);
        }
    }

    /// CH-9: channels that have yielded long enough speak again.
    pub(super) fn end_patience(&mut self, now_ms: u64) {
        if self.yielders.is_empty() {
            return;
        }
        let channels = &self.channels;
        let patient = |handle: &Handle<Channel>| {
            channels.at(*handle).replica.as_ref().is_some_and(|replica| !replica.may_propose(now_ms))
        };
        let (waiting, ready) = std::mem::take(&mut self.yielders).into_iter().partition(patient);
        self.yielders = waiting;
        let ready: std::collections::BTreeSet<_> = ready;
        self.speakers.extend(ready);
    }

    /// What this node has signed for another and wasn't acknowledged: said again after a reconnection, byte for byte (CH-10).
    pub fn outstanding(&self, node: EntityId) -> Vec<Effect> {
        let handles = self.node_channels.get(&node).into_iter().flatten();
        let said = handles.flat_map(|handle| {
            let channel = self.channels.at(*handle);
            let proposals = channel.replica.iter().flat_map(|replica| replica.stack.iter());
            let proposals = proposals.filter_map(|proposal| self.proposal_effect(channel, proposal));
            // The stack stands on a frame that the other side may not know to be acknowledged.
            let stacked = channel.replica.as_ref().is_some_and(|replica| !replica.stack.is_empty());
            let head = self.acknowledge(*handle).filter(|_| stacked);
            head.into_iter().chain(proposals).chain(self.settlement_effect(*handle))
        });
        said.collect()
    }

    /// The nodes with which there are channels.
    pub fn peer_nodes(&self) -> impl Iterator<Item = EntityId> + '_ {
        self.node_channels.keys().copied()
    }
}
