//! The double's dealings with other nodes: what it says is signed and waits; a test carries it over, and says when.

use super::{CHAIN_ID, DEPOSITARY, Double, State};
use xln_api::backend::{Backend, PeerError, PeerInfo};
use xln_crypto::frames::{signed_digest, verify_message, with_signature};
use xln_crypto::seal::domain_separator;
use xln_crypto::secp;
use xln_machine::Input;
use xln_machine::server::Effect;
use xln_machine::server::peers::PeerVerdict;
use xln_types::codec::Blob;
use xln_types::entry::Command;
use xln_types::{Board, EntityId, Hash, PeerMessage};

fn domain() -> Hash {
    domain_separator(CHAIN_ID, DEPOSITARY)
}

impl State {
    pub(super) fn speak(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let Effect::Tell { node, signer, message } = effect else { continue };
            let message = match signed_digest(&domain(), &message) {
                Some(digest) => {
                    let key = self.keys.get(&signer).expect("a key of this node's");
                    with_signature(*message, secp::sign(key, &digest).expect("a key"))
                }
                None => *message,
            };
            self.outbox.push((node, message));
        }
    }
}

impl Double {
    /// What is found at an address.
    pub(crate) fn at_address(&self, address: &str, found: Result<PeerInfo, PeerError>) {
        let mut peers = self.0.peers.lock().expect("no test panics while it holds them");
        peers.found.insert(address.to_owned(), found);
    }

    pub(super) fn dial(&self, address: &str, expected: Option<EntityId>) -> Result<PeerInfo, PeerError> {
        let mut peers = self.0.peers.lock().expect("no test panics while it holds them");
        let nobody = || Err(PeerError::Unreachable { reason: "nobody answers".to_owned() });
        let found = peers.found.get(address).cloned().unwrap_or_else(nobody)?;
        if expected == Some(self.hub()) {
            return Err(PeerError::Ourselves);
        }
        if expected.is_some() && expected != found.node {
            return Err(PeerError::Refused { reason: "another node is there".to_owned() });
        }
        peers.connected.push(found.clone());
        Ok(found)
    }

    fn board(&self) -> Board {
        let hub = self.hub();
        self.state().server.entity(hub).expect("a hub").record.board.clone()
    }

    /// As the sessions do: each node's hub becomes known to the other.
    pub(crate) fn meet(&self, other: &Double) {
        for (one, other) in [(self, other), (other, self)] {
            let command = Command::Introduce { node: other.hub(), board: other.board(), public_key: Blob::default() };
            let receipt = one.execute(&Input::Command(command));
            assert!(receipt.is_executed(), "{receipt:?}");
            let peer = PeerInfo {
                node: Some(other.hub()),
                address: "192.0.2.1:9000".to_owned(),
                state: "connected",
                dialed: true,
                since_s: Some(one.now_ms() / 1000),
                last_error: None,
                bytes_in: 0,
                bytes_out: 0,
                session: Some(1),
            };
            one.0.peers.lock().expect("no test panics while it holds them").connected.push(peer);
        }
    }

    /// The session with the others is over.
    pub(crate) fn part(&self) {
        self.0.peers.lock().expect("no test panics while it holds them").connected.clear();
    }

    /// The turn's end: frames close over what was drafted.
    pub(crate) fn turn(&self) {
        let wants = self.state().server.wants_frames(self.now_ms());
        if wants {
            self.execute(&Input::Frames);
        }
    }

    fn hear(&self, node: EntityId, message: PeerMessage) {
        let verified = verify_message(&domain(), node, message).expect("a sound message");
        let verdict = self.state().server.admit_peer(self.now_ms(), &verified);
        match verdict {
            PeerVerdict::Take => {
                let receipt = self.execute(&Input::Peer(verified));
                assert!(receipt.is_executed(), "{receipt:?}");
            }
            PeerVerdict::Again(effect) => self.state().speak(vec![effect]),
            PeerVerdict::Refuse(reason) => panic!("refused: {reason:?}"),
        }
    }

    /// Carries over what both have to say, until nobody has anything left.
    pub(crate) fn exchange(&self, other: &Double) {
        loop {
            let mut said = 0;
            for (from, to) in [(self, other), (other, self)] {
                from.turn();
                let outbox = std::mem::take(&mut from.state().outbox);
                said += outbox.len();
                for (node, message) in outbox {
                    assert_eq!(node, to.hub());
                    to.hear(from.hub(), message);
                }
            }
            if said == 0 {
                return;
            }
        }
    }
}
