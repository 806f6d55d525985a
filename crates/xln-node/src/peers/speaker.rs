//! What the core wants said to other nodes: signed and sent, in order, by one thread. By then what is signed stands in the log (**CH-15**);
//! the same digest gives the same signature, so whatever is lost on the way is said again byte for byte (**CH-10**).

use super::Outboxes;
use crate::keystore::Keystore;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, atomic::AtomicU64, atomic::Ordering};
use xln_chain::digest::{self, Diff, Domain};
use xln_crypto::frames::{signed_digest, with_signature};
use xln_crypto::seal::domain_separator;
use xln_machine::server::Effect;
use xln_storage::RealDisk;
use xln_types::codec::Blob;
use xln_types::{EntityId, Hash, PeerMessage, SignerId};

/// With so much waiting to be signed more is dropped: what matters is said again.
const SPEECH_QUEUE_MAX: u64 = 1 << 20;

/// Takes effects from the core's thread.
#[derive(Clone)]
pub struct Speaker {
    sender: Sender<Effect>,
    waiting: Arc<AtomicU64>,
}

/// The thread's side.
struct Voice {
    keystore: Arc<Keystore<RealDisk>>,
    boxes: Arc<Outboxes>,
    chain: Domain,
    domain: Hash,
}

impl Speaker {
    /// Starts the thread; it ends when the last [`Speaker`] is gone.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(keystore: Arc<Keystore<RealDisk>>, boxes: Arc<Outboxes>, chain: Domain) -> std::io::Result<Speaker> {
        let (sender, receiver) = channel();
        let waiting = Arc::new(AtomicU64::new(0));
        let domain = domain_separator(chain.chain_id, chain.depositary);
        let voice = Voice { keystore, boxes, chain, domain };
        let counted = Arc::clone(&waiting);
        std::thread::Builder::new().name("xln-speaker".to_owned()).spawn(move || voice.run(&receiver, &counted))?;
        Ok(Speaker { sender, waiting })
    }

    /// Says this when its turn comes. Never blocks.
    pub fn say(&self, effect: Effect) {
        if SPEECH_QUEUE_MAX <= self.waiting.fetch_add(1, Ordering::AcqRel) || self.sender.send(effect).is_err() {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Voice {
    fn run(&self, receiver: &Receiver<Effect>, waiting: &AtomicU64) {
        while let Ok(effect) = receiver.recv() {
            waiting.fetch_sub(1, Ordering::AcqRel);
            match effect {
                Effect::Tell { node, signer, message } => self.tell(node, signer, *message),
                Effect::SignSettlement { node, signer, channel, counter, valid_until_s, diffs } => {
                    let diffs = diffs.iter().map(|it| Diff { asset: it.asset, left: it.left, right: it.right });
                    let settlement = digest::Settlement { channel, diffs: diffs.collect(), counter, valid_until_s };
                    let digest = Hash(digest::settlement(&self.chain, &settlement));
                    let Some(signature) = self.sign(signer, &digest) else { continue };
                    let signature = Blob(signature.to_vec());
                    self.tell(node, signer, PeerMessage::ForChain { channel, counter, valid_until_s, signature });
                }
                Effect::Operate { .. } => {}
            }
        }
    }

    fn sign(&self, signer: SignerId, digest: &Hash) -> Option<[u8; 65]> {
        let signature = self.keystore.sign(signer, digest);
        signature.inspect_err(|error| tracing::error!(%signer, %error, "a frame can't be signed")).ok()
    }

    fn tell(&self, node: EntityId, signer: SignerId, message: PeerMessage) {
        // Without a session it isn't worth a signature: it is said once there is one.
        let Some(outbox) = self.boxes.get(node) else { return };
        let signed = match signed_digest(&self.domain, &message) {
            None => Some(message),
            Some(digest) => self.sign(signer, &digest).map(|signature| with_signature(message, signature)),
        };
        let Some(message) = signed else { return };
        let kind = u8::try_from(message.tag()).unwrap_or(u8::MAX);
        // A full box cuts the session; after the next one begins it is said again.
        let _ = outbox.send(kind, node.address(), &alloy_rlp::encode(&message));
    }
}
