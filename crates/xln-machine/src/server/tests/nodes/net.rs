//! Nodes and the lines between them, as the engine and the transport treat them: a turn is inputs and then [`Input::Frames`] where
//! frames could close; what a node wishes to say is signed and queued; what arrives is verified, asked at the door, and applied.

use super::checks;
use super::people::{People, node_of};
use crate::server::peers::PeerVerdict;
use crate::server::tests::hub::{CHAIN_ID, DEPOSITARY, START_S, genesis};
use crate::server::tests::image::Image;
use crate::server::{Effect, Input, Outcome, Server};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use xln_crypto::evidence::proof_digest_in;
use xln_crypto::frames::verify_message;
use xln_crypto::{VerifiedMessage, secp};
use xln_types::codec::{Blob, decode};
use xln_types::entry::Genesis;
use xln_types::{AssetId, ChainFact, EntityId, Event, Hash, OperationId, PeerMessage, Receipt, Rejection, SignerId};

/// One node.
pub(super) struct Node {
    pub(super) name: String,
    pub(super) genesis: Genesis,
    pub(super) server: Server,
    /// What it was told, and when: its log.
    pub(super) inputs: Vec<(u64, Input)>,
    pub(super) receipts: Vec<Receipt>,
    /// What its door refused.
    pub(super) refused: Vec<Rejection>,
    /// What happened and wasn't asked for yet.
    pub(super) told: Vec<Event>,
    /// Operations that were begun, in order.
    pub(super) operations: Vec<OperationId>,
    /// Those that the shell was asked to carry out, in order.
    pub(super) sent: Vec<OperationId>,
    /// How many of the chain's facts it has taken.
    pub(super) facts_seen: usize,
    /// It is told nothing of the chain for now.
    pub(super) lags: bool,
    /// It has no time to close frames for now.
    pub(super) busy: bool,
}

/// The nodes, what is under way between them, and the chain.
pub(super) struct Net {
    pub(super) people: People,
    pub(super) nodes: Vec<Node>,
    pub(super) links: BTreeMap<(usize, usize), VecDeque<PeerMessage>>,
    /// Nothing is delivered there for now.
    pub(super) held: BTreeSet<(usize, usize)>,
    pub(super) now_ms: u64,
    pub(super) facts: Vec<ChainFact>,
    pub(super) assets: BTreeMap<String, AssetId>,
    /// True: everything is compared after each input, and signatures are real.
    pub(super) careful: bool,
    /// True: the test itself delivers.
    pub(super) manual: bool,
    domain: Hash,
}

impl Node {
    fn new(name: &str, hub_signer: SignerId) -> Node {
        let genesis = Genesis { hub_signer, ..genesis() };
        Node {
            name: name.to_owned(),
            server: Server::new(&genesis, 7).expect("a sound genesis"),
            genesis,
            inputs: Vec::new(),
            receipts: Vec::new(),
            refused: Vec::new(),
            told: Vec::new(),
            operations: Vec::new(),
            sent: Vec::new(),
            facts_seen: 0,
            lags: false,
            busy: false,
        }
    }
}

impl Net {
    pub(super) fn new() -> Net {
        let domain = xln_crypto::seal::domain_separator(CHAIN_ID, DEPOSITARY);
        Net {
            people: People::default(),
            nodes: Vec::new(),
            links: BTreeMap::new(),
            held: BTreeSet::new(),
            now_ms: START_S * 1000,
            facts: Vec::new(),
            assets: genesis().assets.iter().map(|info| (info.symbol.clone(), info.id)).collect(),
            careful: true,
            manual: false,
            domain,
        }
    }

    pub(super) fn now_s(&self) -> u64 {
        self.now_ms / 1000
    }

    /// An asset by its symbol; one that nobody registered for a symbol that nobody knows.
    pub(super) fn asset(&self, symbol: &str) -> AssetId {
        self.assets.get(symbol).copied().unwrap_or(AssetId([0xee; 32]))
    }

    pub(super) fn add_node(&mut self, name: &str) {
        let hub = self.people.add(name);
        self.nodes.push(Node::new(name, hub.signer));
    }

    /// The number of the node that a name belongs to.
    pub(super) fn at(&self, name: &str) -> usize {
        let name = node_of(name);
        self.nodes.iter().position(|node| node.name == name).unwrap_or_else(|| panic!("no such node: {name}"))
    }

    pub(super) fn node(&self, name: &str) -> &Node {
        &self.nodes[self.at(name)]
    }

    pub(super) fn hub_of(&self, node: usize) -> EntityId {
        self.nodes[node].server.hub_id()
    }

    /// One input at one node, compared with what its receipt says; what it wishes is done.
    pub(super) fn tell(&mut self, node: usize, input: Input) -> Receipt {
        let it = &mut self.nodes[node];
        let before = self.careful.then(|| Image::of(&it.server));
        // ADR 1: all but what drafts or takes a frame can be undone.
        if let Some(before) = before.as_ref().filter(|_| !checks::may_draft(&it.server, &input)) {
            before.check_undone(&mut it.server, self.now_ms, &input);
        }
        let Outcome { receipt, effects } = it.server.apply(self.now_ms, &input);
        if let Some(before) = before {
            before.check_receipt(&it.server, &input, &receipt);
        }
        it.inputs.push((self.now_ms, input));
        it.receipts.push(receipt.clone());
        it.told.extend(receipt.logs.iter().cloned());
        for event in &receipt.logs {
            if let Event::Operation { operation, .. } = event
                && !it.operations.contains(operation)
            {
                it.operations.push(*operation);
            }
        }
        for effect in effects {
            self.perform(node, effect);
        }
        receipt
    }

    /// A turn of one input: then frames close, if any could.
    pub(super) fn turn(&mut self, node: usize, input: Input) -> Receipt {
        let receipt = self.tell(node, input);
        self.close_frames(node);
        receipt
    }

    pub(super) fn close_frames(&mut self, node: usize) {
        if !self.nodes[node].busy && self.nodes[node].server.wants_frames(self.now_ms) {
            let _ = self.tell(node, Input::Frames);
        }
    }

    /// What a node wishes: messages are signed with the real key and queued.
    pub(super) fn perform(&mut self, from: usize, effect: Effect) {
        let (node, message) = match effect {
            Effect::Operate { operation, .. } => return self.nodes[from].sent.push(operation),
            Effect::Tell { node, signer, message } => (node, self.signed(signer, *message)),
            Effect::SignSettlement { node, channel, counter, valid_until_s, .. } => {
                let signature = Blob(vec![0x5e; 65]);
                (node, PeerMessage::ForChain { channel, counter, valid_until_s, signature })
            }
        };
        if let Some(to) = (0..self.nodes.len()).find(|to| self.hub_of(*to) == node) {
            // N-3: it travels as bytes.
            let message = decode(&alloy_rlp::encode(&message)).expect("canonical");
            self.links.entry((from, to)).or_default().push_back(message);
        }
    }

    /// A message with the signature that it lacks.
    pub(super) fn signed(&self, signer: SignerId, mut message: PeerMessage) -> PeerMessage {
        if let PeerMessage::Frame { proof, signature, .. } | PeerMessage::Ack { proof, signature } = &mut message {
            let sign = |digest| secp::sign(&self.people.secret(signer), &digest).expect("a key").to_vec();
            *signature =
                Blob(if self.careful { sign(proof_digest_in(&self.domain, proof)) } else { signer.0.to_vec() });
        }
        message
    }

    fn verified(&self, from: usize, message: PeerMessage) -> VerifiedMessage {
        let node = self.hub_of(from);
        if self.careful {
            return verify_message(&self.domain, node, message).expect("signed");
        }
        let signer = match &message {
            PeerMessage::Frame { signature, .. } | PeerMessage::Ack { signature, .. } => {
                SignerId(signature.0.as_slice().try_into().expect("an address"))
            }
            _ => SignerId::ZERO,
        };
        VerifiedMessage::from_log(node, signer, message)
    }

    /// A message arrives: the door decides, as the engine asks it.
    pub(super) fn arrive(&mut self, from: usize, to: usize, message: PeerMessage) {
        let verified = self.verified(from, message);
        match self.nodes[to].server.admit_peer(self.now_ms, &verified) {
            PeerVerdict::Take => {
                let _ = self.turn(to, Input::Peer(verified));
            }
            PeerVerdict::Again(effect) => self.perform(to, effect),
            PeerVerdict::Refuse(reason) => self.nodes[to].refused.push(reason),
        }
    }

    /// Delivers the oldest message of a line; false when there is none.
    pub(super) fn deliver(&mut self, from: usize, to: usize) -> bool {
        let Some(message) = self.links.get_mut(&(from, to)).and_then(VecDeque::pop_front) else { return false };
        self.arrive(from, to, message);
        true
    }

    /// Delivers all that isn't held, until nothing is under way.
    pub(super) fn settle(&mut self) {
        let mut rounds = 0;
        while !self.manual {
            let lines: Vec<_> =
                self.links.iter().filter(|(_, queue)| !queue.is_empty()).map(|(line, _)| *line).collect();
            let lines: Vec<_> = lines.into_iter().filter(|line| !self.held.contains(line)).collect();
            if lines.is_empty() {
                return;
            }
            for (from, to) in lines {
                let _ = self.deliver(from, to);
            }
            rounds += 1;
            assert!(rounds < 5_000, "nodes talk for ever");
        }
    }

    /// What is under way both ways is lost, and each says again what wasn't acknowledged (CH-10).
    pub(super) fn reconnect(&mut self, one: usize, other: usize) {
        for (from, to) in [(one, other), (other, one)] {
            self.lose(from, to);
        }
        for (from, to) in [(one, other), (other, one)] {
            self.remind(from, to);
        }
    }

    pub(super) fn lose(&mut self, from: usize, to: usize) {
        self.links.entry((from, to)).or_default().clear();
    }

    pub(super) fn remind(&mut self, from: usize, to: usize) {
        let node = self.hub_of(to);
        for effect in self.nodes[from].server.outstanding(node) {
            self.perform(from, effect);
        }
    }

    /// A fact of the chain, for every node that doesn't lag.
    pub(super) fn fact(&mut self, fact: ChainFact) -> Vec<Receipt> {
        self.facts.push(fact);
        (0..self.nodes.len()).flat_map(|node| self.catch_up(node)).collect()
    }

    /// Tells a node what it has missed of the chain.
    pub(super) fn catch_up(&mut self, node: usize) -> Vec<Receipt> {
        let mut receipts = Vec::new();
        while !self.nodes[node].lags && self.nodes[node].facts_seen < self.facts.len() {
            let fact = self.facts[self.nodes[node].facts_seen];
            self.nodes[node].facts_seen += 1;
            receipts.push(self.turn(node, Input::Fact(fact)));
        }
        receipts
    }
}
