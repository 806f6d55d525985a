//! Which sessions there are: at most one for each peer. Where two meet, both nodes decide alike, from what both know: the session that the
//! smaller entity id dialed stays; of two dialed by one side, the one with the higher serial. The one that goes is over, for the sink
//! too, before the other begins.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::watch;
use xln_types::EntityId;

use crate::peer::meter::Counters;
use crate::peer::outbox::{Link, now_ms};
use crate::peer::{PeerLimits, PeerRefusal, Role};

/// Names a session within this process; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// A session, as the sink and `peer.list` see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerSession {
    /// Which session.
    pub id: SessionId,
    /// Who is at the other end, proved.
    pub peer: EntityId,
    /// Our end.
    pub role: Role,
    /// The version agreed on.
    pub version: u64,
    /// The other end's address.
    pub address: SocketAddr,
}

/// A session with its figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Which session.
    pub session: PeerSession,
    /// When it was admitted, in Unix milliseconds.
    pub since_ms: u64,
    /// Bytes received, TLS and all.
    pub bytes_in: u64,
    /// Bytes sent, TLS and all.
    pub bytes_out: u64,
    /// Messages received, pings and pongs too.
    pub messages_in: u64,
    /// How often reading paused because the peer was over its rate.
    pub slowed: u64,
}

/// A peer that has authenticated and wants a place.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) peer: EntityId,
    /// Our end.
    pub(crate) role: Role,
    pub(crate) serial: u64,
    pub(crate) version: u64,
    pub(crate) address: SocketAddr,
    pub(crate) known: bool,
    pub(crate) counters: Arc<Counters>,
}

#[derive(Debug)]
pub(crate) struct Registry {
    ours: EntityId,
    limits: PeerLimits,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    open: bool,
    last_id: u64,
    sessions: BTreeMap<EntityId, Entry>,
}

#[derive(Debug)]
struct Entry {
    session: PeerSession,
    serial: u64,
    known: bool,
    since_ms: u64,
    link: Arc<Link>,
    counters: Arc<Counters>,
    /// Ends when the session has let go.
    gone: watch::Receiver<()>,
}

/// A place among the sessions; dropping it says that the session is over and the next may begin.
#[derive(Debug)]
pub(crate) struct Place {
    registry: Arc<Registry>,
    pub(crate) session: PeerSession,
    pub(crate) link: Arc<Link>,
    pub(crate) counters: Arc<Counters>,
    before: Option<watch::Receiver<()>>,
    _here: watch::Sender<()>,
}

impl Registry {
    pub(crate) fn new(ours: EntityId, limits: PeerLimits) -> Registry {
        Registry { ours, limits, state: Mutex::new(State { open: true, last_id: 0, sessions: BTreeMap::new() }) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no code panics while it holds the sessions")
    }

    /// Whether the session that `role`, our end, has with this peer is the one to keep when both dialed.
    fn is_favoured(&self, peer: &EntityId, role: Role) -> bool {
        (self.ours < *peer) == (role == Role::Dialer)
    }

    /// Takes the peer in, in place of its other session if need be, or says why not.
    pub(crate) fn admit(self: &Arc<Self>, candidate: Candidate) -> Result<Place, PeerRefusal> {
        let Candidate { peer, role, serial, version, address, known, counters } = candidate;
        let mut state = self.lock();
        if !state.open {
            return Err(PeerRefusal::Stopping);
        }
        let before = match state.sessions.get(&peer) {
            Some(other) => {
                let theirs = (self.is_favoured(&peer, other.session.role), other.serial);
                if (self.is_favoured(&peer, role), serial) <= theirs {
                    return Err(PeerRefusal::Replaced);
                }
                other.link.cut(PeerRefusal::Replaced);
                Some(other.gone.clone())
            }
            None => {
                self.room(&state, role, known)?;
                None
            }
        };
        state.last_id += 1;
        let session = PeerSession { id: SessionId(state.last_id), peer, role, version, address };
        let link = Arc::new(Link::new(self.ours.address(), self.limits.outbox_bytes_max));
        let (here, gone) = watch::channel(());
        let (since_ms, entry_link) = (now_ms(), Arc::clone(&link));
        let entry = Entry { session, serial, known, since_ms, link: entry_link, counters: Arc::clone(&counters), gone };
        state.sessions.insert(peer, entry);
        Ok(Place { registry: Arc::clone(self), session, link, counters, before, _here: here })
    }

    /// Whether one more session fits. Those that we dialed are as many as the operator wants.
    fn room(&self, state: &State, role: Role, known: bool) -> Result<(), PeerRefusal> {
        let max = if known { self.limits.sessions_max } else { self.limits.strangers_max };
        let alike = |entry: &&Entry| entry.session.role == Role::Listener && entry.known == known;
        let is_full = role == Role::Listener && max <= state.sessions.values().filter(alike).count();
        if is_full { Err(PeerRefusal::Full) } else { Ok(()) }
    }

    /// The session with a peer, and what ends when it does.
    pub(crate) fn session_with(&self, peer: &EntityId) -> Option<(PeerSession, watch::Receiver<()>)> {
        self.lock().sessions.get(peer).map(|entry| (entry.session, entry.gone.clone()))
    }

    /// Asks a session to end.
    pub(crate) fn cut(&self, session: SessionId, reason: &PeerRefusal) {
        let state = self.lock();
        if let Some(entry) = state.sessions.values().find(|entry| entry.session.id == session) {
            entry.link.cut(reason.clone());
        }
    }

    /// Asks all sessions to end, and takes no new ones.
    pub(crate) fn stop(&self) {
        let mut state = self.lock();
        state.open = false;
        state.sessions.values().for_each(|entry| entry.link.cut(PeerRefusal::Stopping));
    }

    pub(crate) fn list(&self) -> Vec<PeerStatus> {
        let of = |entry: &Entry| {
            let Counters { bytes_in, bytes_out, messages_in, slowed } = &*entry.counters;
            PeerStatus {
                session: entry.session,
                since_ms: entry.since_ms,
                bytes_in: bytes_in.load(Ordering::Relaxed),
                bytes_out: bytes_out.load(Ordering::Relaxed),
                messages_in: messages_in.load(Ordering::Relaxed),
                slowed: slowed.load(Ordering::Relaxed),
            }
        };
        self.lock().sessions.values().map(of).collect()
    }
}

impl Place {
    /// Waits until the session whose place this was is over.
    pub(crate) async fn vacated(&mut self) {
        if let Some(before) = self.before.take() {
            gone(before).await;
        }
    }
}

/// Waits until a session has let go of its place.
pub(crate) async fn gone(mut gone: watch::Receiver<()>) {
    while gone.changed().await.is_ok() {}
}

impl Drop for Place {
    fn drop(&mut self) {
        self.link.close();
        let mut state = self.registry.lock();
        if state.sessions.get(&self.session.peer).is_some_and(|entry| entry.session.id == self.session.id) {
            state.sessions.remove(&self.session.peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> EntityId {
        EntityId([byte; 32])
    }

    fn registry(ours: u8) -> Arc<Registry> {
        let limits = PeerLimits { sessions_max: 2, strangers_max: 1, ..PeerLimits::default() };
        Arc::new(Registry::new(id(ours), limits))
    }

    fn candidate(peer: u8, role: Role, serial: u64) -> Candidate {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        Candidate { peer: id(peer), role, serial, version: 1, address, known: true, counters: Arc::default() }
    }

    /// Both nodes see the same two sessions, each in either order, and keep the same one.
    #[test]
    fn both_ends_keep_the_same_session() {
        use Role::{Dialer, Listener};
        // Who dialed (1 or 2), with which serial; and which of the two stays.
        for (first, second, stays) in
            [((1, 5), (2, 9), (1, 5)), ((1, 5), (1, 6), (1, 6)), ((2, 5), (2, 6), (2, 6)), ((1, 9), (2, 1), (1, 9))]
        {
            for (ours, peer) in [(1, 2), (2, 1)] {
                for (earlier, later) in [(first, second), (second, first)] {
                    let registry = registry(ours);
                    let role = |dialer| if dialer == ours { Dialer } else { Listener };
                    let places = [earlier, later].map(|(dialer, serial)| {
                        (registry.admit(candidate(peer, role(dialer), serial)), (dialer, serial))
                    });
                    let kept = places.iter().filter(|(place, _)| {
                        place.as_ref().is_ok_and(|place| place.link.watch_cut().borrow().is_none())
                    });
                    assert_eq!(kept.map(|(_, which)| *which).collect::<Vec<_>>(), [stays], "{first:?} {second:?}");
                }
            }
        }
    }

    /// A session that was replaced lets the next begin only when it is over, and doesn't take its place along.
    #[tokio::test]
    async fn the_old_session_is_over_before_the_new_begins() {
        let registry = registry(1);
        let old = registry.admit(candidate(2, Role::Dialer, 1)).expect("a place");
        let mut new = registry.admit(candidate(2, Role::Dialer, 2)).expect("its place");
        assert_eq!(*old.link.watch_cut().borrow(), Some(PeerRefusal::Replaced));
        assert_eq!(new.before.as_ref().map(|before| before.has_changed().is_ok()), Some(true));
        drop(old);
        new.vacated().await;
        assert_eq!(registry.session_with(&id(2)).map(|(session, _)| session.id), Some(new.session.id));
        let (_, over) = registry.session_with(&id(2)).expect("a session");
        drop(new);
        gone(over).await;
        assert_eq!(registry.list(), []);
    }

    /// Strangers have their own places, replacing takes none, and what we dialed isn't counted.
    #[test]
    fn places_are_bounded() {
        let registry = registry(1);
        let stranger = |peer| Candidate { known: false, ..candidate(peer, Role::Listener, 1) };
        let mut places = vec![registry.admit(stranger(9)).expect("the stranger's place")];
        assert_eq!(registry.admit(stranger(8)).map(drop), Err(PeerRefusal::Full));
        for peer in [2, 3] {
            places.push(registry.admit(candidate(peer, Role::Listener, 1)).expect("a place"));
        }
        assert_eq!(registry.admit(candidate(4, Role::Listener, 1)).map(drop), Err(PeerRefusal::Full));
        places.push(registry.admit(candidate(3, Role::Listener, 2)).expect("its own place"));
        places.push(registry.admit(candidate(4, Role::Dialer, 1)).expect("dialed by us"));
        registry.stop();
        assert_eq!(registry.admit(candidate(5, Role::Dialer, 1)).map(drop), Err(PeerRefusal::Stopping));
    }
}
