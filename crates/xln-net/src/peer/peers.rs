//! The handle on all of it: listens, dials, lists, stops.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::peer::bucket::{Bucket, Verdict};
use crate::peer::dialer::{Dial, PeerDialer};
use crate::peer::handshake::{DialError, Greeter, Met, Socket, farewell};
use crate::peer::limits::{micros_since, ms};
use crate::peer::lobby::{Lobby, Ticket};
use crate::peer::outbox::now_ms;
use crate::peer::registry::{Candidate, PeerStatus, Place, Registry, SessionId};
use crate::peer::session::{self, PeerSink};
use crate::peer::tls::{Tls, TlsError};
use crate::peer::{PeerIdentity, PeerLimits, PeerRefusal, Role};

/// How long to rest when the system has no more files.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// All of a node's sessions with others. Clones are the same.
#[derive(Clone)]
pub struct Peers {
    pub(crate) node: Arc<Node>,
    stop: watch::Sender<bool>,
    /// Each task holds a receiver: when all are dropped, all are done.
    alive: watch::Sender<()>,
}

/// What sessions, listener and dialers share.
pub(crate) struct Node {
    pub(crate) greeter: Greeter,
    pub(crate) sink: Arc<dyn PeerSink>,
    pub(crate) registry: Arc<Registry>,
    serial: Mutex<u64>,
}

/// What keeps a task counted, and tells it to stop.
#[derive(Clone)]
pub(crate) struct Task {
    stop: watch::Receiver<bool>,
    _alive: watch::Receiver<()>,
}

impl Task {
    /// Waits for the stop; for ever if nobody can stop us any more.
    pub(crate) async fn stopped(&mut self) {
        if self.stop.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Peers {
    /// Makes this node's certificate; nothing listens or dials yet.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn new(
        identity: Arc<dyn PeerIdentity>,
        sink: Arc<dyn PeerSink>,
        limits: PeerLimits,
    ) -> Result<Peers, TlsError> {
        let registry = Arc::new(Registry::new(identity.id(), limits.clone()));
        let greeter = Greeter { identity, tls: Tls::new()?, limits };
        let node = Arc::new(Node { greeter, sink, registry, serial: Mutex::new(0) });
        Ok(Peers { node, stop: watch::Sender::new(false), alive: watch::Sender::new(()) })
    }

    /// Takes connections from now on, in a task of its own.
    pub fn listen(&self, listener: TcpListener) {
        let (node, task) = (Arc::clone(&self.node), self.task());
        let lobby = Arc::new(Lobby::new(&node.greeter.limits));
        let mut stop = task.clone();
        tokio::spawn(async move {
            let accepting = async {
                let started = Instant::now();
                let mut accepts = Bucket::new(node.greeter.limits.accepts, u64::MAX, 0);
                loop {
                    match listener.accept().await {
                        Ok((tcp, address)) => {
                            if let Some(ticket) = lobby.enter(address.ip()) {
                                let (node, task) = (Arc::clone(&node), task.clone());
                                tokio::spawn(async move { node.inbound(tcp, address, ticket, task).await });
                            }
                            if let Verdict::Pause(pause) = accepts.take(micros_since(started), 1) {
                                sleep(pause).await;
                            }
                        }
                        Err(error) => {
                            tracing::warn!(%error, "no peer's connection taken");
                            sleep(ACCEPT_REST).await;
                        }
                    }
                }
            };
            tokio::select! {
                () = accepting => {}
                () = stop.stopped() => {}
            }
        });
    }

    /// Keeps a session with whoever is at an address, in a task of its own, until the dialer is dropped.
    #[must_use]
    pub fn dial(&self, dial: Dial) -> PeerDialer {
        PeerDialer::start(Arc::clone(&self.node), self.task(), dial)
    }

    /// The sessions there are, by peer.
    #[must_use]
    pub fn list(&self) -> Vec<PeerStatus> {
        self.node.registry.list()
    }

    /// Ends a session; the peer is told why.
    pub fn cut(&self, session: SessionId, reason: &PeerRefusal) {
        self.node.registry.cut(session, reason);
    }

    /// Stops listening and dialing, lets each session write what is queued (within the drain timeout) and says goodbye (within the close
    /// timeout); returns when all is done.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        self.node.registry.stop();
        self.alive.closed().await;
    }

    fn task(&self) -> Task {
        Task { stop: self.stop.subscribe(), _alive: self.alive.subscribe() }
    }
}

impl Node {
    /// A number for the next session that we dial: it rises, across restarts as far as the clock does.
    pub(crate) fn next_serial(&self) -> u64 {
        let mut last = self.serial.lock().expect("no code panics while it holds a number");
        *last = now_ms().max(last.saturating_add(1));
        *last
    }

    /// Within the handshake's time.
    pub(crate) async fn in_time<T>(&self, step: impl Future<Output = Result<T, DialError>>) -> Result<T, DialError> {
        let limit = ms(self.greeter.limits.handshake_timeout_ms);
        timeout(limit, step).await.unwrap_or(Err(DialError::Timeout))
    }

    /// Gives a peer that has authenticated its place.
    pub(crate) fn admit(&self, met: &mut Met, address: SocketAddr) -> Result<Place, PeerRefusal> {
        let counters = met.authenticated(&self.greeter.limits);
        let Met { peer, role, version, serial, .. } = *met;
        let known = self.greeter.identity.knows(&peer);
        self.registry.admit(Candidate { peer, role, serial, version, address, known, counters })
    }

    /// Answers the hello of a peer that dialed: with ours if it gets a place, with the reason if it doesn't.
    async fn welcome(&self, mut met: Met, address: SocketAddr) -> Result<(Socket, Place), DialError> {
        let place = match self.admit(&mut met, address) {
            Ok(place) => place,
            Err(refusal) => {
                if refusal == PeerRefusal::Replaced {
                    // So that it learns with whom it has a session already, and waits for the end of that one.
                    self.greeter.say_hello(&mut met.socket, Role::Listener, met.serial).await?;
                }
                farewell(&mut met.socket, Some(&refusal), self.greeter.limits.close_timeout_ms).await;
                return Err(DialError::Refused(refusal));
            }
        };
        self.greeter.say_hello(&mut met.socket, Role::Listener, met.serial).await?;
        Ok((met.socket, place))
    }

    /// An inbound connection, from its first byte to its last.
    async fn inbound(&self, tcp: TcpStream, address: SocketAddr, mut ticket: Ticket, mut task: Task) {
        let met = tokio::select! {
            met = self.in_time(self.greeter.accept(tcp)) => met,
            () = ticket.evicted() => return,
            () = task.stopped() => return,
        };
        let session = match met {
            Ok(met) if ticket.leave_lobby() => self.in_time(self.welcome(met, address)).await,
            Ok(_) => return,
            Err(error) => Err(error),
        };
        match session {
            Ok((socket, place)) => {
                session::run(socket, place, &*self.sink, &self.greeter.limits).await;
            }
            Err(error) => tracing::debug!(%address, %error, "no session"),
        }
    }
}
