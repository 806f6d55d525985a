//! Two hubs that talk with each other over no network: what one's core wants said is signed with real keys and taken by the other, in the
//! engine's order: a turn's inputs, then the frames that close over them (**CH-6**, **CH-10**). [`Pair::settle`] lets both talk until neither has
//! anything to say.

use crate::hub::{CHAIN, DEPOSITARY, Hub, Player, asset};
use crate::story::Cast;
use std::collections::BTreeMap;
use xln_crypto::evidence::proof_digest;
use xln_crypto::frames::verify_message;
use xln_crypto::seal::domain_separator;
use xln_crypto::{derive, keccak256};
use xln_machine::server::peers::PeerVerdict;
use xln_machine::server::{Effect, Input};
use xln_types::tx::AssetPolicy;
use xln_types::{
    Address, Amount, Asset, Body, ChainFact, Command, FactKind, FactPosition, Hash, OperationId, PeerMessage,
};

/// Keeps a name that a story made up.
pub(crate) fn name(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

/// Two hubs, and what is on its way between them.
pub(crate) struct Pair {
    pub(crate) hubs: [Hub; 2],
    pub(crate) cast: Cast,
    mail: [Vec<PeerMessage>; 2],
    counts: BTreeMap<String, u64>,
    next_fact: u64,
    /// The frame that each hub took last.
    pub(crate) heard: [Option<PeerMessage>; 2],
    /// All that each hub was ever told by the other.
    past: [Vec<PeerMessage>; 2],
    /// What the chain has yet to tell.
    pub(crate) later: Vec<FactKind>,
}

impl Pair {
    pub(crate) fn name(&mut self, text: String) -> &'static str {
        let count = self.counts.entry(text.clone()).or_default();
        *count += 1;
        name(if *count == 1 { text } else { format!("{text} {count}") })
    }

    pub(crate) fn player(&self, signer: xln_types::SignerId) -> Player {
        let Cast { hub, alice, bob, carol, dave, erin, .. } = self.cast;
        let known = [hub, alice, bob, carol, dave, erin];
        known.into_iter().find(|player| player.signer == signer).expect("a known signer")
    }

    /// What the core wanted said, signed.
    pub(crate) fn collect(&mut self, from: usize) {
        for effect in std::mem::take(&mut self.hubs[from].effects) {
            let message = match effect {
                Effect::Tell { signer, message, .. } => {
                    let sign = |proof| self.player(signer).sign(&proof_digest(CHAIN, DEPOSITARY, proof));
                    match *message {
                        PeerMessage::Frame { frame, proof, intro, .. } => {
                            PeerMessage::Frame { frame, signature: sign(&proof), proof, intro }
                        }
                        PeerMessage::Ack { proof, .. } => PeerMessage::Ack { signature: sign(&proof), proof },
                        other => other,
                    }
                }
                Effect::SignSettlement { signer, channel, counter, valid_until_s, .. } => {
                    let signature = self.player(signer).sign(&keccak256(channel.0));
                    PeerMessage::ForChain { channel, counter, valid_until_s, signature }
                }
                Effect::Operate { .. } => continue,
            };
            self.past[1 - from].push(message.clone());
            self.mail[1 - from].push(message);
        }
    }

    /// A hub is told something again, without being asked whether it changes anything: late, or twice, or never taken.
    pub(crate) fn echo(&mut self, at: usize, which: usize, text: &'static str) {
        let Some(message) = self.past[at].get(which % self.past[at].len().max(1)).cloned() else { return };
        let node = self.hubs[1 - at].server.hub_id();
        let verified = verify_message(&domain_separator(CHAIN, DEPOSITARY), node, message).expect("well signed");
        let _ = self.hubs[at].tell(text, &Input::Peer(verified));
        self.collect(at);
    }

    /// The turn's end at a hub, if frames could close.
    pub(crate) fn frames(&mut self, at: usize, chapter: &str) {
        if self.hubs[at].server.wants_frames(self.hubs[at].now_ms()) {
            let name = self.name(format!("{chapter}: frames at {}", at + 1));
            self.hubs[at].tell(name, &Input::Frames);
        }
        self.collect(at);
    }

    /// A hub takes what was said to it.
    pub(crate) fn hear(&mut self, at: usize, chapter: &str) {
        self.collect(1 - at);
        for message in std::mem::take(&mut self.mail[at]) {
            let what = match &message {
                PeerMessage::Frame { .. } => "frame",
                PeerMessage::Ack { .. } => "ack",
                _ => "for chain",
            };
            if matches!(message, PeerMessage::Frame { .. }) {
                self.heard[at] = Some(message.clone());
            }
            let node = self.hubs[1 - at].server.hub_id();
            let verified = verify_message(&domain_separator(CHAIN, DEPOSITARY), node, message).expect("well signed");
            match self.hubs[at].server.admit_peer(self.hubs[at].now_ms(), &verified) {
                PeerVerdict::Take => {
                    let name = self.name(format!("{chapter}: {what} at {}", at + 1));
                    let receipt = self.hubs[at].tell(name, &Input::Peer(verified));
                    assert!(receipt.is_executed(), "{name}: {:?}", receipt.status);
                }
                PeerVerdict::Again(effect) => self.hubs[at].effects.push(effect),
                PeerVerdict::Refuse(_) => {}
            }
        }
        self.collect(at);
    }

    /// What was on its way is lost, and all that waits for an acknowledgement is said again (CH-10).
    pub(crate) fn reconnect(&mut self) {
        for at in [0, 1] {
            self.mail[at].clear();
            let other = self.hubs[1 - at].server.hub_id();
            let again = self.hubs[at].server.outstanding(other);
            self.hubs[at].effects.extend(again);
        }
    }

    /// Both talk until neither has anything to say.
    pub(crate) fn settle(&mut self, chapter: &str) {
        for _ in 0..32 {
            for at in [0, 1] {
                self.frames(at, chapter);
            }
            if self.mail.iter().all(Vec::is_empty) {
                return;
            }
            for at in [0, 1] {
                self.hear(at, chapter);
            }
        }
        panic!("{chapter}: two nodes that never fall silent");
    }

    /// Both hubs see what the chain did.
    pub(crate) fn fact(&mut self, text: &'static str, kind: FactKind) {
        self.next_fact += 1;
        let (block, log_index) = (100 + self.next_fact / 2, self.next_fact);
        let at = FactPosition { block, log_index, block_hash: keccak256(block.to_be_bytes()), chain_tx: Hash::ZERO };
        for hub in &mut self.hubs {
            let receipt = hub.tell(text, &Input::Fact(ChainFact { at, kind }));
            assert!(receipt.is_executed(), "{text}: {:?}", receipt.status);
        }
    }

    pub(crate) fn deep(&mut self, text: &'static str, timestamp: u64) {
        self.fact(text, FactKind::Time { timestamp });
    }

    pub(crate) fn seal(&mut self) {
        self.hubs.iter_mut().for_each(Hub::seal);
    }

    pub(crate) fn wait(&mut self, seconds: u64) {
        self.hubs.iter_mut().for_each(|hub| hub.wait(seconds));
    }

    pub(crate) fn home(&self, player: &Player) -> usize {
        let Cast { hub, alice, bob, .. } = self.cast;
        usize::from(![hub, alice, bob].iter().any(|here| here.entity == player.entity))
    }

    pub(crate) fn act(&mut self, text: &'static str, by: &Player, to: &Player, body: impl Into<Body>) {
        let home = self.home(by);
        self.hubs[home].act(text, by, to.entity.address(), body);
    }

    pub(crate) fn command(&mut self, text: &'static str, at: usize, command: Command) {
        self.hubs[at].command(text, command);
    }

    pub(crate) fn next_operation(&self, by: &Player) -> OperationId {
        let (from, hub) = (by.entity.address(), &self.hubs[self.home(by)]);
        derive::operation_id(hub.server.hub_id(), from, hub.server.next_nonce(from).unwrap_or(0), 0)
    }

    pub(crate) fn now_s(&self) -> u64 {
        self.hubs[0].now_s()
    }
}

/// Both hubs before anything happened.
pub(crate) fn strangers() -> Pair {
    let (eth, usd) = (asset(Asset::NATIVE, "ETH"), asset(Asset::erc20(Address([0x55; 20])), "USD"));
    let fee = |id| AssetPolicy {
        fee_base: Amount(2),
        fee_ppm: 10_000,
        owed_max: Amount(1 << 40),
        ..AssetPolicy::unlimited(id)
    };
    let mut players = (1_u8..).map(|number| Player::new(number, true));
    let alice = players.next().expect("players");
    let carol = players.find(|other| alice.is_left_of(other)).expect("one on the right");
    let dave = players.next().expect("players");
    let bob = players.find(|other| dave.is_left_of(other)).expect("one on the right");
    let (hub, erin, frank) = (Player::hub(), Player::hub_of(0x22), Player::new(0x33, true));
    let cast = Cast { hub, alice, bob, carol, dave, erin, frank, eth: eth.id, usd: usd.id, art: usd.id };
    let (assets, policies) = (vec![eth.clone(), usd.clone()], vec![fee(eth.id), fee(usd.id)]);
    let hubs = [Hub::of(&hub, assets.clone(), policies.clone()), Hub::of(&erin, assets, policies)];
    let (mail, counts) = ([vec![], vec![]], BTreeMap::new());
    Pair { hubs, cast, mail, counts, next_fact: 0, heard: [None, None], past: [vec![], vec![]], later: Vec::new() }
}
