//! Identities by real keys: a claim is the entity's id and its only member's secp256k1 signature over role and binding.

use std::sync::atomic::{AtomicBool, Ordering};

use xln_crypto::derive::entity_id;
use xln_crypto::hash::keccak256_parts;
use xln_crypto::secp;
use xln_net::peer::{PeerIdentity, PeerRefusal, Role};
use xln_types::{Board, EntityId, Hash};

#[derive(Debug)]
pub(crate) struct Keys {
    secret: [u8; 32],
    id: EntityId,
    /// Whether others are known peers or strangers.
    pub(crate) knows: AtomicBool,
}

fn digest(role: Role, binding: &[u8; 32]) -> Hash {
    keccak256_parts(&[b"XLN peer claim of tests", &[role as u8], binding])
}

impl Keys {
    pub(crate) fn new(seed: u8) -> Keys {
        let secret = [seed; 32];
        let (signer, _) = secp::signer_of_secret(&secret).expect("a key");
        Keys { secret, id: entity_id(&Board::single(signer, 0)), knows: AtomicBool::new(true) }
    }

    /// Two nodes' keys, that of the smaller id first.
    pub(crate) fn pair() -> (Keys, Keys) {
        let (one, other) = (Keys::new(1), Keys::new(2));
        if one.id < other.id { (one, other) } else { (other, one) }
    }
}

impl PeerIdentity for Keys {
    fn id(&self) -> EntityId {
        self.id
    }

    fn claim(&self, role: Role, binding: &[u8; 32]) -> Vec<u8> {
        let signature = secp::sign(&self.secret, &digest(role, binding)).expect("a key");
        [&self.id.0[..], &signature].concat()
    }

    fn check(&self, role: Role, binding: &[u8; 32], claim: &[u8]) -> Result<EntityId, PeerRefusal> {
        let (id, signature) = claim.split_first_chunk::<32>().ok_or(PeerRefusal::Claim)?;
        let signer = secp::recover(&digest(role, binding), signature).map_err(|_| PeerRefusal::Claim)?;
        let proved = entity_id(&Board::single(signer, 0));
        if proved.0 == *id { Ok(proved) } else { Err(PeerRefusal::Claim) }
    }

    fn knows(&self, _: &EntityId) -> bool {
        self.knows.load(Ordering::Relaxed)
    }
}
