//! What the engine says to other nodes beside the effects of inputs: refusals, and what they haven't acknowledged (**CH-10**).

use super::{Engine, Unspoken, World};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use xln_crypto::VerifiedMessage;
use xln_machine::server::Effect;
use xln_types::{PeerMessage, Rejection, SignerId};

impl<W: World> Engine<W> {
    /// Tells a node why its frame wasn't taken; nothing else is worth an answer.
    pub(super) fn refuse_peer(&mut self, message: &VerifiedMessage, reason: Rejection) {
        tracing::debug!(node = %message.node(), reason = reason.reason(), "a peer's message was refused");
        self.shared.peer_refused.fetch_add(1, Ordering::Relaxed);
        if let PeerMessage::Frame { proof, .. } = message.message() {
            let refused = PeerMessage::Refused { channel: proof.channel, frame: proof.frame, reason };
            let (node, signer) = (message.node(), SignerId::ZERO);
            self.said.push(Effect::Tell { node, signer, message: Box::new(refused) });
        }
    }

    /// Says something to other nodes that changes nothing, once all that it may show is durable.
    pub(super) fn say(&mut self, effects: Vec<Effect>) {
        if effects.is_empty() || self.failed {
            return;
        }
        let record = self.shared.applied.load(Ordering::Acquire);
        self.unspoken.push_back(Unspoken::Batch { record, answers: Vec::new(), effects });
        self.speak(self.durable);
    }

    /// CH-10: what a node hasn't acknowledged for as long as this wasn't called is said again, byte for byte.
    pub fn remind(&mut self) {
        let mut again = Vec::new();
        {
            let server = self.shared.server();
            let mut waiting = BTreeMap::new();
            for node in server.peer_nodes() {
                for effect in server.outstanding(node) {
                    let Effect::Tell { message, .. } = &effect else { continue };
                    let PeerMessage::Frame { proof, .. } = &**message else { continue };
                    let first = *waiting.entry(proof.channel).or_insert(proof.frame);
                    if self.reminded.get(&proof.channel) == Some(&first) {
                        again.push(effect);
                    }
                }
            }
            self.reminded = waiting;
        }
        self.say(again);
    }
}

/// One acknowledgement settles all frames before it: of several in one turn the newest is said.
pub(super) fn newest_acknowledgements(mut effects: Vec<Effect>) -> Vec<Effect> {
    let mut acknowledged = BTreeSet::new();
    effects.reverse();
    effects.retain(|effect| match effect {
        Effect::Tell { message, .. } => match &**message {
            PeerMessage::Ack { proof, .. } => acknowledged.insert(proof.channel),
            _ => true,
        },
        _ => true,
    });
    effects.reverse();
    effects
}
