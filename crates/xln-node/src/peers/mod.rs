//! Other nodes: who they are, what they say, and what is said to them. The transport is `xln_net::peer`; the rules are the core's.
//!
//! A message comes in over a session, is decoded and its signature checked off the core's thread (**TX-3**), and waits in the loop's box
//! with a place of its session, so that a session that sends faster than the loop works is slowed. What the core wants said leaves by one
//! thread that signs (**CH-15**: what is signed stands in the log by then) and hands it to the session.
//!
//! Start at [`PeerHub`].

mod identity;
mod remembered;
mod sink;
mod speaker;

pub use identity::{HubIdentity, claim_digest};
pub use remembered::{Remembered, RememberedPeer};
pub use speaker::Speaker;

use crate::keystore::random;
use crate::node::Node;
use sink::Sink;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use xln_api::backend::{PeerError, PeerInfo};
use xln_net::peer::{Dial, DialError, DialState, DialStatus, PeerDialer, PeerLimits, PeerOutbox, Peers, TlsError};
use xln_types::{EntityId, Hash, SignerId};

/// Most nodes that this one keeps dialling.
pub const DIALED_MAX: usize = 1024;
/// How long `peer.connect` waits for the first answer.
const CONNECT_WAIT: Duration = Duration::from_secs(5);

/// The sessions' ways out, by node.
#[derive(Default)]
pub struct Outboxes(Mutex<BTreeMap<EntityId, PeerOutbox>>);

impl Outboxes {
    fn all(&self) -> MutexGuard<'_, BTreeMap<EntityId, PeerOutbox>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The way out to a node, while there is a session with it.
    pub fn get(&self, node: EntityId) -> Option<PeerOutbox> {
        self.all().get(&node).cloned()
    }
}

/// A node's dealings with others.
pub struct PeerHub {
    peers: Peers,
    dialers: Mutex<BTreeMap<String, PeerDialer>>,
    remembered: Remembered,
    own: EntityId,
}

impl PeerHub {
    /// Ready to listen and dial.
    ///
    /// # Errors
    /// When no certificate can be made.
    pub fn new(
        node: &Node,
        hub: (EntityId, SignerId),
        domain: Hash,
        boxes: Arc<Outboxes>,
        data: &Path,
    ) -> Result<PeerHub, TlsError> {
        let identity = Arc::new(HubIdentity::new(node.clone(), hub, domain));
        let sink = Arc::new(Sink::new(node.clone(), Arc::clone(&identity), domain, boxes));
        let peers = Peers::new(identity, sink, PeerLimits::default())?;
        let remembered = Remembered::at(data);
        Ok(PeerHub { peers, dialers: Mutex::new(BTreeMap::new()), remembered, own: hub.0 })
    }

    fn dialers(&self) -> MutexGuard<'_, BTreeMap<String, PeerDialer>> {
        self.dialers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes sessions in.
    pub fn listen(&self, listener: TcpListener) {
        self.peers.listen(listener);
    }

    /// Dials the nodes that this one was connected to before, and those that the configuration names.
    pub fn redial(&self, configured: &[RememberedPeer]) {
        for peer in self.remembered.read().iter().chain(configured) {
            self.dial(peer);
        }
    }

    fn dial(&self, peer: &RememberedPeer) {
        let seed = random().map_or(0, u64::from_le_bytes);
        let mut dialers = self.dialers();
        if DIALED_MAX <= dialers.len() && !dialers.contains_key(&peer.address) {
            return;
        }
        dialers
            .entry(peer.address.clone())
            .or_insert_with(|| self.peers.dial(Dial { address: peer.address.clone(), expected: peer.node, seed }));
    }

    /// Connects to the node at an address, and keeps connecting; answers once a session stands, or why it doesn't yet.
    ///
    /// # Errors
    /// [`PeerError`]: what the first try ended with.
    pub async fn connect(&self, address: String, expected: Option<EntityId>) -> Result<PeerInfo, PeerError> {
        if expected == Some(self.own) {
            return Err(PeerError::Ourselves);
        }
        if DIALED_MAX <= self.dialers().len() && !self.dialers().contains_key(&address) {
            return Err(PeerError::TooMany { limit: DIALED_MAX });
        }
        let seed = random().map_or(0, u64::from_le_bytes);
        let known = self.dialers().remove(&address).filter(|dialer| {
            let status = dialer.status();
            status.dial.expected == expected && matches!(status.state, DialState::Connected { .. })
        });
        let dial = Dial { address: address.clone(), expected, seed };
        let mut dialer = known.unwrap_or_else(|| self.peers.dial(dial));
        let ended = |status: &DialStatus| !matches!(status.state, DialState::Connecting);
        let status = tokio::time::timeout(CONNECT_WAIT, dialer.wait_for(ended)).await;
        let status = status.ok().flatten().unwrap_or_else(|| dialer.status());
        if let DialState::Connected { session } = status.state {
            self.remembered.add(&RememberedPeer { address: address.clone(), node: expected });
            self.dialers().insert(address.clone(), dialer);
            let listed = self.list().into_iter().find(|peer| peer.session == Some(session.id.0));
            return listed.ok_or(PeerError::Unreachable { reason: "the session ended at once".to_owned() });
        }
        Err(match status.last_error {
            Some(DialError::Refused(refusal) | DialError::RefusedByPeer(refusal)) => {
                PeerError::Refused { reason: refusal.to_string() }
            }
            Some(error) => PeerError::Unreachable { reason: error.to_string() },
            None => PeerError::Unreachable { reason: "no answer yet".to_owned() },
        })
    }

    /// Sessions that stand, and nodes that are dialled.
    pub fn list(&self) -> Vec<PeerInfo> {
        let sessions = self.peers.list();
        let dialers = self.dialers();
        let dialed_to: BTreeMap<u64, &String> = dialers
            .iter()
            .filter_map(|(address, dialer)| match dialer.status().state {
                DialState::Connected { session } => Some((session.id.0, address)),
                _ => None,
            })
            .collect();
        let mut list: Vec<PeerInfo> = sessions
            .iter()
            .map(|status| PeerInfo {
                node: Some(status.session.peer),
                address: dialed_to
                    .get(&status.session.id.0)
                    .map_or_else(|| status.session.address.to_string(), |address| (*address).clone()),
                state: "connected",
                dialed: dialed_to.contains_key(&status.session.id.0),
                since_s: Some(status.since_ms / 1000),
                last_error: None,
                bytes_in: status.bytes_in,
                bytes_out: status.bytes_out,
                session: Some(status.session.id.0),
            })
            .collect();
        for (address, dialer) in dialers.iter() {
            let status = dialer.status();
            let state = match status.state {
                DialState::Connected { .. } => continue,
                DialState::Connecting => "connecting",
                DialState::Waiting { .. } => "waiting",
                DialState::Stopped => "stopped",
            };
            list.push(PeerInfo {
                node: status.dial.expected,
                address: address.clone(),
                state,
                dialed: true,
                since_s: None,
                last_error: status.last_error.map(|error| error.to_string()),
                bytes_in: 0,
                bytes_out: 0,
                session: None,
            });
        }
        list
    }

    /// Ends all sessions, and what dials them.
    pub fn cut_all(&self) {
        self.dialers().clear();
        for status in self.peers.list() {
            self.peers.cut(status.session.id, &xln_net::peer::PeerRefusal::Stopping);
        }
    }

    /// Says goodbye to all.
    pub async fn stop(&self) {
        self.peers.stop().await;
    }
}
