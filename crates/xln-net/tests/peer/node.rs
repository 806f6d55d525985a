//! A node: its transport, and a sink that writes down what it hears.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use xln_net::peer::{
    Allowance, Dial, PeerDialer, PeerEnd, PeerIdentity, PeerLimits, PeerOutbox, PeerSession, PeerSink, Peers, Pressure,
    SessionId,
};
use xln_types::{Address, EntityId, NetworkMessage};

use crate::keys::Keys;
use crate::soon;

/// What a sink heard, in order.
#[derive(Clone, Debug)]
pub(crate) enum Heard {
    Connected(PeerSession, PeerOutbox),
    Received(SessionId, Vec<NetworkMessage>),
    Disconnected(PeerSession, PeerEnd),
}

/// The sink.
pub(crate) struct Ear {
    heard: watch::Sender<Vec<Heard>>,
    /// While false, it can't take more.
    room: watch::Sender<bool>,
}

impl PeerSink for Ear {
    fn connected(&self, session: &PeerSession, outbox: PeerOutbox) {
        self.heard.send_modify(|heard| heard.push(Heard::Connected(*session, outbox)));
    }

    fn received(&self, session: &PeerSession, messages: Vec<NetworkMessage>) -> Pressure {
        self.heard.send_modify(|heard| heard.push(Heard::Received(session.id, messages)));
        let mut room = self.room.subscribe();
        if *room.borrow() {
            return Pressure::None;
        }
        Pressure::Until(Box::pin(async move {
            let _ = room.wait_for(|room| *room).await;
        }))
    }

    fn disconnected(&self, session: &PeerSession, reason: &PeerEnd) {
        self.heard.send_modify(|heard| heard.push(Heard::Disconnected(*session, reason.clone())));
    }
}

pub(crate) struct Node {
    pub(crate) keys: Arc<Keys>,
    pub(crate) peers: Peers,
    pub(crate) ear: Arc<Ear>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

/// Bounds that no test meets unasked; waits short, so that nobody waits for them.
pub(crate) fn roomy() -> PeerLimits {
    PeerLimits {
        handshake_timeout_ms: 10_000,
        heartbeat_ms: 10_000,
        idle_timeout_ms: 60_000,
        write_timeout_ms: 60_000,
        drain_timeout_ms: 10_000,
        close_timeout_ms: 500,
        bytes: Allowance { per_s: 1 << 40, burst: 1 << 40 },
        messages: Allowance { per_s: 1 << 40, burst: 1 << 40 },
        backoff_min_ms: 10,
        backoff_max_ms: 50,
        ..PeerLimits::default()
    }
}

impl Node {
    pub(crate) async fn start(keys: Keys, limits: PeerLimits) -> Node {
        Node::start_at(Arc::new(keys), limits, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    pub(crate) async fn start_at(keys: Arc<Keys>, limits: PeerLimits, address: SocketAddr) -> Node {
        let ear = Arc::new(Ear { heard: watch::Sender::new(Vec::new()), room: watch::Sender::new(true) });
        let identity: Arc<dyn PeerIdentity> = Arc::clone(&keys) as _;
        let peers = Peers::new(identity, Arc::clone(&ear) as _, limits).expect("TLS");
        let listener = TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        peers.listen(listener);
        Node { keys, peers, ear, address }
    }

    pub(crate) fn id(&self) -> EntityId {
        self.keys.id()
    }

    pub(crate) fn dial(&self, address: SocketAddr, expected: Option<EntityId>) -> PeerDialer {
        self.peers.dial(Dial { address: address.to_string(), expected, seed: 7 })
    }

    /// Waits until what was heard answers the question.
    pub(crate) async fn until<T>(&self, what: &str, mut question: impl FnMut(&[Heard]) -> Option<T>) -> T {
        let mut heard = self.ear.heard.subscribe();
        let mut answer = None;
        let asking = heard.wait_for(|heard| {
            answer = question(heard);
            answer.is_some()
        });
        drop(soon(what, asking).await.expect("an ear"));
        answer.expect("just answered")
    }

    /// Waits for the session with this number, from 1.
    pub(crate) async fn session(&self, number: u64) -> (PeerSession, PeerOutbox) {
        self.until("a session", |heard| {
            heard.iter().find_map(|heard| match heard {
                Heard::Connected(session, outbox) if session.id.0 == number => Some((*session, outbox.clone())),
                _ => None,
            })
        })
        .await
    }

    /// Waits for the end of the session with this number.
    pub(crate) async fn end(&self, number: u64) -> PeerEnd {
        self.until("a session's end", |heard| {
            heard.iter().find_map(|heard| match heard {
                Heard::Disconnected(session, end) if session.id.0 == number => Some(end.clone()),
                _ => None,
            })
        })
        .await
    }

    /// Waits until so many messages have come in all.
    pub(crate) async fn received(&self, count: usize) -> Vec<NetworkMessage> {
        self.until("messages", |heard| Some(messages(heard)).filter(|messages| count <= messages.len())).await
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.ear.heard.borrow().clone()
    }

    /// Whether its sink can take more.
    pub(crate) fn room(&self, room: bool) {
        self.ear.room.send_replace(room);
    }
}

/// All messages that were heard, in order.
pub(crate) fn messages(heard: &[Heard]) -> Vec<NetworkMessage> {
    let received = heard.iter().filter_map(|heard| match heard {
        Heard::Received(_, messages) => Some(messages.clone()),
        _ => None,
    });
    received.flatten().collect()
}

/// Somebody at the other node.
pub(crate) const SOMEBODY: Address = Address([9; 20]);

/// Two nodes with one session, which the first dialed.
pub(crate) async fn connected(limits: PeerLimits, others: PeerLimits) -> (Node, Node, PeerDialer) {
    let (one, other) = Keys::pair();
    let (one, other) = (Node::start(one, limits).await, Node::start(other, others).await);
    let dialer = one.dial(other.address, Some(other.id()));
    one.session(1).await;
    other.session(1).await;
    (one, other, dialer)
}
