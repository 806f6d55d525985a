//! Sessions between nodes: what the transport does in production. A session is up or down; what is said while it is down is lost, and when it begins
//! both sides are told, so that each says again what wasn't acknowledged (**CH-10**). What can't be read, or whose unsigned bytes were changed on
//! their way, tears it, as TLS and the node's own check do. Signed messages pass without a checksum: for them the signature alone answers.
//!
//! What leaves is signed as `peers/speaker.rs` does it, after the sync (**CH-15**); here each signature is noted: no nonce is signed twice over.

use crate::chain::contract::DOMAIN;
use crate::chain::{CHAIN_ID, DEPOSITARY};
use crate::network::Message;
use crate::sim::Sim;
use std::collections::BTreeMap;
use xln_chain::digest::{self, Diff};
use xln_crypto::frames::{signed_digest, verify_message, with_signature};
use xln_crypto::{keccak256, seal::domain_separator};
use xln_machine::server::Effect;
use xln_node::door::{Door, Keys};
use xln_node::engine::Mail;
use xln_types::codec::{Blob, decode};
use xln_types::{Board, Command, Hash, PeerMessage, SignerId};

/// Bytes before a message: its session, and a checksum of what no signature covers.
const HEAD_BYTES: usize = 16;

/// How one session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up { serial: u64 },
    Down { until_ms: u64 },
}

/// All sessions, by the smaller and the larger number of their nodes.
#[derive(Debug)]
pub(crate) struct Sessions {
    states: BTreeMap<(usize, usize), State>,
    begun: u64,
    domain: Hash,
    /// How many were torn by what couldn't be read.
    pub(crate) torn: u64,
}

impl Sessions {
    /// None is up yet.
    pub(crate) fn new(nodes: usize) -> Sessions {
        let pairs = (0..nodes).flat_map(|one| (one + 1..nodes).map(move |other| (one, other)));
        let states = pairs.map(|pair| (pair, State::Down { until_ms: 0 })).collect();
        Sessions { states, begun: 0, domain: domain_separator(CHAIN_ID, DEPOSITARY), torn: 0 }
    }

    fn serial(&self, one: usize, other: usize) -> Option<u64> {
        match self.states.get(&(one.min(other), one.max(other)))? {
            State::Up { serial } => Some(*serial),
            State::Down { .. } => None,
        }
    }

    /// True when every session is up.
    pub(crate) fn are_up(&self) -> bool {
        self.states.values().all(|state| matches!(state, State::Up { .. }))
    }
}

fn checksum(message: &PeerMessage, payload: &[u8]) -> [u8; 8] {
    let signed = matches!(message, PeerMessage::Frame { .. } | PeerMessage::Ack { .. });
    let mut check = [0; 8];
    if !signed {
        check.copy_from_slice(&keccak256(payload).0[..8]);
    }
    check
}

impl Sim<'_> {
    /// Sessions begin where nothing is in the way.
    pub(crate) fn connect(&mut self) {
        let now_ms = self.now_ms();
        let down: Vec<(usize, usize)> = self
            .sessions
            .states
            .iter()
            .filter_map(|(pair, state)| match state {
                State::Down { until_ms } if *until_ms <= now_ms => Some(*pair),
                _ => None,
            })
            .collect();
        for (one, other) in down {
            let alive = self.nodes[one].life.is_some() && self.nodes[other].life.is_some();
            if !alive || self.network.is_cut(one, other, now_ms) || self.network.is_cut(other, one, now_ms) {
                continue;
            }
            self.sessions.begun += 1;
            let serial = self.sessions.begun;
            self.sessions.states.insert((one, other), State::Up { serial });
            for (at, peer) in [(one, other), (other, one)] {
                let hub = self.nodes[peer].people.hub().clone();
                let Some(life) = &self.nodes[at].life else { continue };
                if !life.shared.server().knows_node(hub.entity) {
                    let (node, board) = (hub.entity, Board::single(hub.signer, 0));
                    let command = Command::Introduce { node, board, public_key: Blob::default() };
                    // As in production nobody waits for the answer.
                    let _ = life.door.send(|reply| Mail::Command(command, reply));
                }
                life.door.post(Mail::PeerUp(hub.entity));
                self.plan_turn(at);
            }
        }
    }

    /// A session ends; another begins after a while.
    pub(crate) fn tear(&mut self, one: usize, other: usize) {
        let in_ms = if self.is_quiet { 1 } else { 20 + self.dice.below(800) };
        let until_ms = self.now_ms() + in_ms;
        self.sessions.states.insert((one.min(other), one.max(other)), State::Down { until_ms });
    }

    /// A node's sessions end with its life.
    pub(crate) fn tear_all(&mut self, number: usize) {
        for other in (0..self.nodes.len()).filter(|other| *other != number) {
            self.tear(number, other);
        }
    }

    /// Signs and sends what a node's outlet was given.
    pub(crate) fn speak(&mut self, number: usize) -> Result<(), String> {
        for effect in std::mem::take(&mut self.nodes[number].to_say) {
            let (node, signer, message) = match effect {
                Effect::Tell { node, signer, message } => (node, signer, *message),
                Effect::SignSettlement { node, signer, channel, counter, valid_until_s, diffs } => {
                    let diffs = diffs.iter().map(|it| Diff { asset: it.asset, left: it.left, right: it.right });
                    let settlement = digest::Settlement { channel, diffs: diffs.collect(), counter, valid_until_s };
                    let digest = Hash(digest::settlement(&DOMAIN, &settlement));
                    let signature = Blob(self.sign(number, signer, &digest)?.to_vec());
                    (node, signer, PeerMessage::ForChain { channel, counter, valid_until_s, signature })
                }
                Effect::Operate { .. } => continue,
            };
            let to = self.nodes.iter().position(|other| other.people.hub().entity == node);
            let to = to.ok_or_else(|| format!("CH-15: said to a node that there isn't: {node}"))?;
            let Some(serial) = self.sessions.serial(number, to) else { continue };
            self.nodes[number].note_said(&message)?;
            let message = match signed_digest(&self.sessions.domain, &message) {
                None => message,
                Some(digest) => with_signature(message, self.sign(number, signer, &digest)?),
            };
            let payload = alloy_rlp::encode(&message);
            let bytes = [&serial.to_be_bytes()[..], &checksum(&message, &payload), &payload].concat();
            let now_ms = self.now_ms();
            self.network.send(now_ms, number, to, bytes);
        }
        Ok(())
    }

    fn sign(&self, number: usize, signer: SignerId, digest: &Hash) -> Result<[u8; 65], String> {
        let signed = self.nodes[number].keys.sign(signer, digest);
        signed.map_err(|error| format!("CH-15: a frame of one whose key isn't held: {error}"))
    }

    /// A message arrives: read and verified as `peers/sink.rs` does it.
    pub(crate) fn hear(&mut self, message: &Message) {
        let (from, to) = (message.from, message.to);
        let Some(serial) = self.sessions.serial(from, to) else { return };
        let Some((head, payload)) = message.bytes.split_at_checked(HEAD_BYTES) else { return };
        // Of a session that has ended: gone with it. A changed number is a changed byte.
        if head[..8] != serial.to_be_bytes() {
            return;
        }
        let hub = self.nodes[from].people.hub().entity;
        let read = decode::<PeerMessage>(payload).ok().filter(|read| head[8..] == checksum(read, payload));
        let verified = read.and_then(|read| verify_message(&self.sessions.domain, hub, read).ok());
        match (verified, &self.nodes[to].life) {
            (Some(verified), Some(life)) => {
                life.door.post(Mail::Peer(verified, None));
                self.plan_turn(to);
            }
            (None, Some(_)) => {
                self.sessions.torn += 1;
                self.tear(from, to);
            }
            (_, None) => {}
        }
    }
}
