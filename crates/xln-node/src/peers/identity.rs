//! Who this node is, and who another proves to be: by the key of its hub, over this very TLS session.

use crate::door::Door as _;
use crate::node::Node;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use xln_crypto::hash::keccak256_parts;
use xln_crypto::{derive, secp};
use xln_net::peer::{PeerIdentity, PeerRefusal, Role};
use xln_types::codec::{Blob, RlpDecodable, RlpEncodable, decode};
use xln_types::{Board, EntityId, Hash, SignerId};

/// What every claim starts with.
const CLAIM_DOMAIN: &[u8] = b"XLN peer claim v1";
/// Most nodes whose boards are kept between their claim and their introduction.
const BOARDS_MAX: usize = 4096;

/// A claim: the founding board of the node's hub, and its member's signature.
#[derive(RlpEncodable, RlpDecodable)]
struct Claim {
    board: Board,
    signature: Blob,
}

/// What a claim's signature covers: the domain of chain and depositary, who claims, in which role, in which TLS session.
pub fn claim_digest(domain: &Hash, entity: EntityId, role: Role, binding: &[u8; 32]) -> Hash {
    keccak256_parts(&[CLAIM_DOMAIN, &domain.0, &entity.0, &[role as u8], binding])
}

/// The hub's identity over its keystore.
pub struct HubIdentity {
    node: Node,
    own: EntityId,
    signer: SignerId,
    domain: Hash,
    boards: Mutex<BTreeMap<EntityId, Board>>,
}

impl HubIdentity {
    pub(super) fn new(node: Node, (own, signer): (EntityId, SignerId), domain: Hash) -> HubIdentity {
        HubIdentity { node, own, signer, domain, boards: Mutex::new(BTreeMap::new()) }
    }

    fn boards(&self) -> MutexGuard<'_, BTreeMap<EntityId, Board>> {
        self.boards.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The board that a node claimed with.
    pub(super) fn board_of(&self, node: EntityId) -> Option<Board> {
        self.boards().get(&node).cloned()
    }
}

impl PeerIdentity for HubIdentity {
    fn id(&self) -> EntityId {
        self.own
    }

    fn claim(&self, role: Role, binding: &[u8; 32]) -> Vec<u8> {
        let digest = claim_digest(&self.domain, self.own, role, binding);
        // Without its key the hub doesn't run; an empty claim proves nothing and is refused.
        let signature = self.node.0.keystore.sign(self.signer, &digest).map(|it| it.to_vec()).unwrap_or_default();
        alloy_rlp::encode(Claim { board: Board::single(self.signer, 0), signature: Blob(signature) })
    }

    fn check(&self, role: Role, binding: &[u8; 32], claim: &[u8]) -> Result<EntityId, PeerRefusal> {
        let Claim { board, signature } = decode::<Claim>(claim).map_err(|_| PeerRefusal::Claim)?;
        let member = board.sole_member().filter(|_| board.is_valid()).ok_or(PeerRefusal::Claim)?;
        let entity = derive::entity_id(&board);
        let digest = claim_digest(&self.domain, entity, role, binding);
        if secp::recover(&digest, &signature.0) != Ok(member) {
            return Err(PeerRefusal::Claim);
        }
        let mut boards = self.boards();
        if BOARDS_MAX <= boards.len() && !boards.contains_key(&entity) {
            boards.pop_first();
        }
        boards.insert(entity, board);
        Ok(entity)
    }

    fn knows(&self, peer: &EntityId) -> bool {
        self.node.shared().server().knows_node(*peer)
    }
}
