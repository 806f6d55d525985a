//! Keeps a session with whoever is at an address: dials, waits longer each time it fails, dials again when the session is lost. While the
//! peer has a session with us that it dialed itself, there is nothing to do.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use xln_types::EntityId;

use crate::peer::backoff::Backoff;
use crate::peer::handshake::{DialError, Socket, farewell};
use crate::peer::limits::ms;
use crate::peer::outbox::now_ms;
use crate::peer::peers::{Node, Task};
use crate::peer::registry::{PeerSession, Place, gone};
use crate::peer::session::{self, PeerEnd};
use crate::peer::{PeerLimits, PeerRefusal};

/// Whom to dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dial {
    /// `host:port`; a name is resolved anew each time.
    pub address: String,
    /// Who must be there; anybody else is refused. `None` takes whoever is.
    pub expected: Option<EntityId>,
    /// Where the jitter of the waits comes from: a number that differs from node to node.
    pub seed: u64,
}

/// What a dialer does at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DialState {
    /// It dials.
    Connecting,
    /// There is a session, whoever dialed it.
    Connected {
        /// Which.
        session: PeerSession,
    },
    /// It waits before it dials again.
    Waiting {
        /// Until when, in Unix milliseconds.
        until_ms: u64,
    },
    /// It dials no more.
    Stopped,
}

/// A dialer, for `peer.list`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialStatus {
    /// What it was asked for.
    pub dial: Dial,
    /// What it does.
    pub state: DialState,
    /// Attempts that failed since the last session.
    pub failures: u32,
    /// Why the last attempt failed.
    pub last_error: Option<DialError>,
    /// Why the last session ended.
    pub last_end: Option<PeerEnd>,
}

/// The handle on a dialer; dropping it ends dialing, and the session if it was dialed here.
pub struct PeerDialer {
    status: watch::Receiver<DialStatus>,
    _keep: watch::Sender<()>,
}

impl PeerDialer {
    pub(crate) fn start(node: Arc<Node>, task: Task, dial: Dial) -> PeerDialer {
        let PeerLimits { backoff_min_ms, backoff_max_ms, .. } = node.greeter.limits;
        let backoff = Backoff::new(backoff_min_ms, backoff_max_ms, dial.seed);
        let known = dial.expected;
        let first = DialStatus { dial, state: DialState::Connecting, failures: 0, last_error: None, last_end: None };
        let (status, watched) = watch::channel(first);
        let (keep, kept) = watch::channel(());
        let run = Run { node, status, known, backoff };
        tokio::spawn(run.until(Stop { task, kept }));
        PeerDialer { status: watched, _keep: keep }
    }

    /// What it does now.
    #[must_use]
    pub fn status(&self) -> DialStatus {
        self.status.borrow().clone()
    }

    /// Waits until the status is one that was looked for, and returns it; `None` if the runtime goes down first.
    pub async fn wait_for(&mut self, wanted: impl FnMut(&DialStatus) -> bool) -> Option<DialStatus> {
        self.status.wait_for(wanted).await.ok().map(|status| status.clone())
    }
}

/// Ends when the node stops or the handle is dropped.
#[derive(Clone)]
struct Stop {
    task: Task,
    kept: watch::Receiver<()>,
}

impl Stop {
    async fn stopped(&mut self) {
        tokio::select! {
            () = self.task.stopped() => {}
            () = gone(self.kept.clone()) => {}
        }
    }
}

struct Run {
    node: Arc<Node>,
    status: watch::Sender<DialStatus>,
    /// Who is at the address, as far as we know.
    known: Option<EntityId>,
    backoff: Backoff,
}

impl Run {
    async fn until(mut self, mut stop: Stop) {
        loop {
            let started = Instant::now();
            match self.known.and_then(|peer| self.node.registry.session_with(&peer)) {
                Some((session, over)) => {
                    self.show(DialState::Connected { session });
                    tokio::select! {
                        () = gone(over) => {}
                        () = stop.stopped() => break,
                    }
                    self.lasted(started);
                }
                None => {
                    self.show(DialState::Connecting);
                    let dialed = tokio::select! {
                        dialed = self.dial() => dialed,
                        () = stop.stopped() => break,
                    };
                    match dialed {
                        Ok((socket, place)) => self.session(socket, place, &mut stop.clone()).await,
                        Err(error) => self.failed(error),
                    }
                }
            }
            let wait = self.backoff.wait();
            let until_ms = now_ms().saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
            self.show(DialState::Waiting { until_ms });
            tokio::select! {
                () = sleep(wait) => {}
                () = stop.stopped() => break,
            }
        }
        self.show(DialState::Stopped);
    }

    fn show(&self, state: DialState) {
        self.status.send_modify(|status| status.state = state);
    }

    /// One attempt, up to a place for the session.
    async fn dial(&mut self) -> Result<(Socket, Place), DialError> {
        let node = Arc::clone(&self.node);
        let Dial { address, expected, .. } = self.status.borrow().dial.clone();
        let meeting = async {
            let failed = |error: std::io::Error| DialError::Connect(error.to_string());
            let tcp = TcpStream::connect(address).await.map_err(failed)?;
            let address: SocketAddr = tcp.peer_addr().map_err(failed)?;
            Ok((node.greeter.dial(tcp, node.next_serial(), expected).await?, address))
        };
        let (mut met, address) = node.in_time(meeting).await?;
        self.known = Some(met.peer);
        match node.admit(&mut met, address) {
            Ok(place) => Ok((met.socket, place)),
            Err(refusal) => {
                farewell(&mut met.socket, Some(&refusal), node.greeter.limits.close_timeout_ms).await;
                Err(DialError::Refused(refusal))
            }
        }
    }

    async fn session(&mut self, socket: Socket, place: Place, stop: &mut Stop) {
        let (started, link) = (Instant::now(), Arc::clone(&place.link));
        self.status.send_modify(|status| {
            (status.failures, status.last_error) = (0, None);
            status.state = DialState::Connected { session: place.session };
        });
        let node = Arc::clone(&self.node);
        let mut running = pin!(session::run(socket, place, &*node.sink, &node.greeter.limits));
        let end = tokio::select! {
            end = running.as_mut() => end,
            () = stop.stopped() => {
                link.cut(PeerRefusal::Stopping);
                running.await
            }
        };
        self.lasted(started);
        if let PeerEnd::Cut(refusal) | PeerEnd::CutByPeer(refusal) = &end
            && refusal.is_lasting()
        {
            self.backoff.rest();
        }
        self.status.send_modify(|status| status.last_end = Some(end));
    }

    fn lasted(&mut self, started: Instant) {
        if ms(self.node.greeter.limits.lasted_ms) <= started.elapsed() {
            self.backoff.reset();
        }
    }

    fn failed(&mut self, error: DialError) {
        if let DialError::Refused(refusal) | DialError::RefusedByPeer(refusal) = &error
            && refusal.is_lasting()
        {
            self.backoff.rest();
        }
        self.status.send_modify(|status| {
            status.failures = status.failures.saturating_add(1);
            status.last_error = Some(error);
        });
    }
}
