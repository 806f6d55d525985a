//! Who a peer is: the node's keys behind a trait, so that this crate needs no signature scheme.

use xln_types::EntityId;

use crate::peer::PeerRefusal;

/// Which end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Role {
    /// Opened the connection, and speaks first.
    Dialer = 1,
    /// Accepted it.
    Listener = 2,
}

impl Role {
    /// The other end.
    #[must_use]
    pub fn other(self) -> Role {
        match self {
            Role::Dialer => Role::Listener,
            Role::Listener => Role::Dialer,
        }
    }
}

/// Makes and checks claims to be an entity. Called on the runtime's threads: each call should take well under a millisecond.
///
/// `binding` is 32 bytes of the TLS session's exporter, different for each session, each role and each content of the hello.
/// A claim is a proof, by keys, over role and binding; one that is good for one binding must be good for no other.
pub trait PeerIdentity: Send + Sync + 'static {
    /// Who this node is.
    fn id(&self) -> EntityId;

    /// This node's claim, in its own role; at most 3 KiB.
    fn claim(&self, role: Role, binding: &[u8; 32]) -> Vec<u8>;

    /// Who the peer in this role proves to be.
    ///
    /// # Errors
    /// [`PeerRefusal::Claim`] when it proves nothing; [`PeerRefusal::NotWelcome`] when it does but isn't wanted.
    fn check(&self, role: Role, binding: &[u8; 32], claim: &[u8]) -> Result<EntityId, PeerRefusal>;

    /// Whether the node has dealings with this peer. Others that dial in share [`strangers_max`](crate::peer::PeerLimits::strangers_max)
    /// places.
    fn knows(&self, peer: &EntityId) -> bool {
        let _ = peer;
        true
    }
}
