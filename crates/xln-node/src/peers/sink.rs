//! What sessions bring: decoded, their signatures checked, put into the loop's box.

use super::{HubIdentity, Outboxes};
use crate::door::Door as _;
use crate::engine::{Mail, PeerPlace};
use crate::node::Node;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use xln_crypto::VerifiedMessage;
use xln_crypto::frames::verify_message;
use xln_net::peer::{PeerEnd, PeerOutbox, PeerRefusal, PeerSession, PeerSink, Pressure, SessionId};
use xln_types::codec::{Blob, decode};
use xln_types::peer::NetworkMessage;
use xln_types::{Command, EntityId, Hash, PeerMessage};

/// Most messages of one session between its socket and the loop.
const SESSION_MESSAGES_MAX: usize = 8192;

/// Hears the sessions.
pub(super) struct Sink {
    node: Node,
    identity: Arc<HubIdentity>,
    domain: Hash,
    boxes: Arc<Outboxes>,
    places: Mutex<BTreeMap<SessionId, Arc<Semaphore>>>,
}

impl Sink {
    pub(super) fn new(node: Node, identity: Arc<HubIdentity>, domain: Hash, boxes: Arc<Outboxes>) -> Sink {
        Sink { node, identity, domain, boxes, places: Mutex::new(BTreeMap::new()) }
    }

    fn places(&self, session: SessionId) -> Arc<Semaphore> {
        let mut all = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Semaphore::new(SESSION_MESSAGES_MAX));
        Arc::clone(all.entry(session).or_insert_with(new))
    }
}

impl PeerSink for Sink {
    fn connected(&self, session: &PeerSession, outbox: PeerOutbox) {
        let peer = session.peer;
        tracing::info!(node = %peer, address = %session.address, version = session.version, "peer connected");
        self.boxes.all().insert(peer, outbox);
        if !self.node.shared().server().knows_node(peer)
            && let Some(board) = self.identity.board_of(peer)
        {
            let command = Command::Introduce { node: peer, board, public_key: Blob::default() };
            // Whether it was taken shows in the log; nobody waits for it here.
            let _ = self.node.send(|reply| Mail::Command(command, reply));
        }
        self.node.post(Mail::PeerUp(peer));
    }

    fn received(&self, session: &PeerSession, messages: Vec<NetworkMessage>) -> Pressure {
        let (node, domain, peer) = (self.node.clone(), self.domain, session.peer);
        let places = self.places(session.id);
        let boxes = Arc::clone(&self.boxes);
        Pressure::Until(Box::pin(async move {
            let count = u32::try_from(messages.len()).unwrap_or(u32::MAX);
            // A session's places never close while it stands.
            let Ok(mut held) = places.acquire_many_owned(count).await else { return };
            // Checking signatures takes tens of microseconds each: off the threads that serve sockets.
            let checked = tokio::task::spawn_blocking(move || check(&domain, peer, messages)).await;
            let Ok((good, bad)) = checked else { return };
            for message in good {
                let place: Option<OwnedSemaphorePermit> = held.split(1);
                let place: PeerPlace = place.map(|place| Box::new(place) as Box<dyn Send>);
                node.post(Mail::Peer(message, place));
            }
            if let Some(outbox) = boxes.get(peer).filter(|_| bad) {
                outbox.cut(PeerRefusal::Malformed);
            }
        }))
    }

    fn disconnected(&self, session: &PeerSession, end: &PeerEnd) {
        tracing::info!(node = %session.peer, ?end, "peer disconnected");
        self.boxes.all().remove(&session.peer);
        self.places.lock().unwrap_or_else(PoisonError::into_inner).remove(&session.id);
    }
}

/// The messages whose form and signature are sound, in order, up to the first that isn't: an honest node sends none such.
fn check(domain: &Hash, peer: EntityId, messages: Vec<NetworkMessage>) -> (Vec<VerifiedMessage>, bool) {
    let mut good = Vec::with_capacity(messages.len());
    for message in messages {
        let read = decode::<PeerMessage>(&message.payload.0).ok();
        let read = read.filter(|read| read.tag() == u64::from(message.kind));
        match read.and_then(|read| verify_message(domain, peer, read).ok()) {
            Some(verified) => good.push(verified),
            None => return (good, true),
        }
    }
    (good, false)
}
