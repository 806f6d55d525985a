//! What must hold between both ends of a channel whatever went wrong: books at one height are equal (**CH-6**), what was signed before a death
//! is known after it and no nonce serves twice (**CH-7**, **CH-15**), nobody owes more than was ever granted (**CH-3**), and at rest nothing is left
//! under way (**CH-8**).

use crate::node::Node;
use crate::sim::Sim;
use std::collections::BTreeMap;
use xln_machine::Server;
use xln_machine::channel::replica::STACK_FRAMES_MAX;
use xln_machine::channel::{Channel, ChannelStatus};
use xln_types::{ChannelId, Hash, PeerMessage, Side};

/// What a node has signed, by channel; it outlives its lives.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// The highest nonce of a head that it acknowledged.
    acknowledged: BTreeMap<ChannelId, u64>,
    /// The highest nonce that it signed at all.
    signed: BTreeMap<ChannelId, u64>,
    /// Which frame it signed under which nonce, of whose.
    frames: BTreeMap<(ChannelId, Side, u64), Hash>,
}

impl Node {
    /// Notes what is about to be signed.
    ///
    /// # Errors
    /// CH-7: another frame was signed under the same nonce.
    pub(crate) fn note_said(&mut self, message: &PeerMessage) -> Result<(), String> {
        let (proof, is_ack) = match message {
            PeerMessage::Frame { proof, .. } => (proof, false),
            PeerMessage::Ack { proof, .. } => (proof, true),
            _ => return Ok(()),
        };
        let place = (proof.channel, proof.by, proof.nonce);
        let known = *self.said.frames.entry(place).or_insert(proof.frame);
        if known != proof.frame {
            return Err(format!("CH-7: nonce {} signs {known} and {}: {}", proof.nonce, proof.frame, proof.channel));
        }
        let signed = self.said.signed.entry(proof.channel).or_default();
        *signed = proof.nonce.max(*signed);
        if is_ack {
            let acknowledged = self.said.acknowledged.entry(proof.channel).or_default();
            *acknowledged = proof.nonce.max(*acknowledged);
        }
        Ok(())
    }

    /// CH-15: after a death each channel still knows what was signed, and stands where it was acknowledged.
    ///
    /// # Errors
    /// What was forgotten.
    pub(crate) fn check_said(&self) -> Result<(), String> {
        let Some(life) = &self.life else { return Ok(()) };
        let server = life.shared.server();
        let known = |id: &ChannelId| server.channel(*id).and_then(|channel| channel.replica.as_deref());
        for (id, nonce) in &self.said.signed {
            let signed = known(id).map_or(0, |replica| replica.signed_nonce.max(replica.nonce));
            if signed < *nonce {
                return Err(format!("CH-15: nonce {nonce} was signed, and only {signed} is known: {id}"));
            }
        }
        for (id, nonce) in &self.said.acknowledged {
            let head = known(id).map_or(0, |replica| replica.nonce);
            if head < *nonce {
                return Err(format!(
                    "CH-15: the frame of nonce {nonce} was acknowledged, and the head is {head}: {id}"
                ));
            }
        }
        Ok(())
    }
}

/// CH-6: two ends of one channel.
fn agree(one: &Channel, other: &Channel) -> Result<(), String> {
    let (Some(a), Some(b)) = (one.replica.as_deref(), other.replica.as_deref()) else {
        return Err(format!("CH-6: one end isn't of another node: {}", one.head.id));
    };
    let id = one.head.id;
    if (STACK_FRAMES_MAX as u64) < a.height.abs_diff(b.height) {
        return Err(format!("CH-6: heads at {} and {}: {id}", a.height, b.height));
    }
    if a.height != b.height {
        return Ok(());
    }
    if (a.frame, a.nonce) != (b.frame, b.nonce) {
        return Err(format!("CH-6: two frames at height {}: {id}", a.height));
    }
    if one.book != other.book {
        return Err(format!("CH-6: at height {} the books are {:?} and {:?}", a.height, one.book, other.book));
    }
    for replica in [a, b] {
        if replica.equivocation.is_some() {
            return Err(format!("CH-9: honest nodes have two frames on one: {id}"));
        }
    }
    Ok(())
}

/// What one node has that isn't over.
fn open_matters(server: &Server) -> Option<String> {
    for channel in server.channels() {
        let Some(replica) = channel.replica.as_deref() else { continue };
        // CH-11: an offer that nobody has consented to may wait for ever.
        let is_offer = replica.offered.is_some() || replica.height == 0;
        if !is_offer && !replica.is_settled() {
            return Some(format!("CH-8: {} isn't settled: {:?}", channel.head.id, replica.record()));
        }
        if !channel.book.htlcs.is_empty() || !channel.book.terms.settlement.is_empty() || !replica.facts.is_empty() {
            let facts: Vec<_> = replica.facts.iter().filter(|it| channel.book.listed_line(it.asset).is_ok()).collect();
            let settlement = &channel.book.terms.settlement;
            if !channel.book.htlcs.is_empty() || !settlement.is_empty() || !facts.is_empty() {
                let count = channel.book.htlcs.len();
                return Some(format!("{}: {count} HTLCs, {settlement:?}, facts {facts:?}", channel.head.id));
            }
        }
    }
    if let Some((place, _)) = server.forwards().next() {
        return Some(format!("HT-3: passed on and not over: {place:?}"));
    }
    let pending = server.payments().find(|payment| payment.status == 0);
    pending.map(|payment| format!("HT-4: payment {} isn't over", payment.id))
}

impl Sim<'_> {
    /// Both ends of each channel between nodes that are up.
    pub(crate) fn both_ends(&self) -> Result<(), String> {
        let servers: Vec<_> =
            self.nodes.iter().map(|node| node.life.as_ref().map(|life| life.shared.server())).collect();
        for (number, server) in servers.iter().enumerate() {
            let Some(server) = server else { continue };
            for channel in server.channels().filter(|channel| channel.replica.is_some()) {
                self.book.abroad.check_granted(channel)?;
                let Some(tie) = self.nodes[number].abroad.ties.get(&channel.head.id) else {
                    return Err(format!("N-6: a channel of nobody: {}", channel.head.id));
                };
                let there = servers[tie.peer.0].as_ref().filter(|_| number < tie.peer.0);
                if let Some(other) = there.and_then(|there| there.channel(channel.head.id)) {
                    agree(channel, other)?;
                }
            }
        }
        Ok(())
    }

    /// What keeps channels between nodes from rest.
    pub(crate) fn unsettled(&self) -> Option<String> {
        if !self.sessions.are_up() {
            return Some("a session is down".to_owned());
        }
        for node in &self.nodes {
            let Some(life) = &node.life else { return Some(format!("node {} is down", node.number)) };
            let server = life.shared.server();
            if let Some(open) = open_matters(&server) {
                return Some(format!("node {}: {open}", node.number));
            }
        }
        self.heads_differ()
    }

    fn heads_differ(&self) -> Option<String> {
        for node in &self.nodes {
            let server = node.life.as_ref()?.shared.server();
            for channel in server.channels() {
                let Some(replica) = channel.replica.as_deref().filter(|it| it.offered.is_none()) else { continue };
                let tie = node.abroad.ties.get(&channel.head.id)?;
                if tie.peer.0 == node.number {
                    continue;
                }
                let there = self.nodes[tie.peer.0].life.as_ref()?.shared.server();
                let head = there.channel(channel.head.id).and_then(|channel| channel.replica.as_deref());
                let same = head.is_some_and(|head| head.frame == replica.frame || head.offered.is_some());
                // An opening that nobody has consented to yet waits with its opener.
                let waits = channel.head.status == ChannelStatus::Pending && replica.height == 0;
                if !same && !waits {
                    return Some(format!("CH-6: heads differ at rest: {}", channel.head.id));
                }
            }
        }
        None
    }
}
