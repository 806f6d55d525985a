//! Inbound connections and their bounds. Who hasn't authenticated waits in the lobby. When it is full, one goes: of the address that has
//! the most there, the one that has been there longest. So a crowd that only holds places can't keep out a peer whose handshake takes
//! milliseconds, and one that comes anew all the time pushes out its own.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::oneshot;

use crate::peer::PeerLimits;

#[derive(Debug)]
pub(crate) struct Lobby {
    connections_max: usize,
    waiting_max: usize,
    per_address_max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    connections: usize,
    addresses: BTreeMap<IpAddr, usize>,
    /// By arrival. Dropping the sender tells the connection to go.
    waiting: BTreeMap<u64, (IpAddr, oneshot::Sender<()>)>,
}

/// A connection's place; free again when dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    lobby: Arc<Lobby>,
    number: u64,
    address: IpAddr,
    evicted: Option<oneshot::Receiver<()>>,
}

impl Lobby {
    pub(crate) fn new(limits: &PeerLimits) -> Lobby {
        Lobby {
            connections_max: limits.connections_max,
            waiting_max: limits.waiting_max.max(1),
            per_address_max: limits.per_address_max,
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no code panics while it holds the lobby")
    }

    /// A place for a new connection; `None` when its address has as many as it may, or all are taken by peers.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Ticket> {
        let address = prefix(address);
        let mut state = self.lock();
        if self.per_address_max <= state.addresses.get(&address).copied().unwrap_or(0) {
            return None;
        }
        if self.connections_max <= state.connections || self.waiting_max <= state.waiting.len() {
            // Its connection is counted until its task has dropped it: for a moment there is one more.
            state.evict()?;
        }
        state.last += 1;
        state.connections += 1;
        *state.addresses.entry(address).or_default() += 1;
        let number = state.last;
        let (evict, evicted) = oneshot::channel();
        state.waiting.insert(number, (address, evict));
        Some(Ticket { lobby: Arc::clone(self), number, address, evicted: Some(evicted) })
    }
}

impl State {
    /// Tells one that waits to go; `None` if nobody does.
    fn evict(&mut self) -> Option<()> {
        let mut crowds: BTreeMap<IpAddr, (usize, Reverse<u64>)> = BTreeMap::new();
        for (number, (address, _)) in &self.waiting {
            crowds.entry(*address).or_insert((0, Reverse(*number))).0 += 1;
        }
        let (_, Reverse(longest)) = crowds.into_values().max()?;
        self.waiting.remove(&longest).map(drop)
    }
}

impl Ticket {
    /// Waits until the connection has to go for a newer one.
    pub(crate) async fn evicted(&mut self) {
        match &mut self.evicted {
            Some(evicted) => drop(evicted.await),
            None => std::future::pending().await,
        }
    }

    /// The peer has authenticated: it doesn't wait any more. False when it was told to go just before.
    pub(crate) fn leave_lobby(&mut self) -> bool {
        self.evicted = None;
        self.lobby.lock().waiting.remove(&self.number).is_some()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.lobby.lock();
        state.waiting.remove(&self.number);
        state.connections -= 1;
        if let Some(count) = state.addresses.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                state.addresses.remove(&self.address);
            }
        }
    }
}

/// Whom an address stands for: of IPv6 the first 64 bits, since whoever has one has all that begin alike.
fn prefix(address: IpAddr) -> IpAddr {
    const NETWORK: u128 = !(u64::MAX as u128);
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & NETWORK).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lobby(connections_max: usize, waiting_max: usize, per_address_max: usize) -> Arc<Lobby> {
        Arc::new(Lobby::new(&PeerLimits { connections_max, waiting_max, per_address_max, ..PeerLimits::default() }))
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[tokio::test]
    async fn the_longest_waiting_makes_room_for_the_newest() {
        let lobby = lobby(9, 2, 9);
        let mut tickets: Vec<Ticket> = (0..3).map(|last| lobby.enter(address(last)).expect("a place")).collect();
        tickets[0].evicted().await;
        assert!(!tickets[0].leave_lobby(), "too late");
        assert!(tickets[1].leave_lobby() && tickets[2].leave_lobby());
    }

    #[tokio::test]
    async fn a_crowd_pushes_out_its_own() {
        let lobby = lobby(99, 4, 99);
        let mut alone = lobby.enter(address(1)).expect("a place");
        let mut crowd: Vec<Ticket> = (0..20).map(|_| lobby.enter(address(2)).expect("a place")).collect();
        assert!(alone.leave_lobby(), "longest there, but alone");
        let stay = crowd.iter_mut().map(Ticket::leave_lobby).collect::<Vec<_>>();
        assert_eq!(stay.iter().filter(|stays| **stays).count(), 3);
        assert!(stay[17..].iter().all(|stays| *stays), "the newest");
    }

    #[test]
    fn those_who_wait_take_no_place_from_peers() {
        let lobby = lobby(3, 2, 9);
        let mut peers: Vec<Ticket> = (0..2).map(|last| lobby.enter(address(last)).expect("a place")).collect();
        assert!(peers.iter_mut().all(Ticket::leave_lobby));
        let _stranger = lobby.enter(address(2)).expect("the third place");
        let mut third = lobby.enter(address(3)).expect("the stranger's place");
        assert!(third.leave_lobby());
        assert!(lobby.enter(address(4)).is_none(), "all are peers");
        drop(peers);
        assert!(lobby.enter(address(4)).is_some());
    }

    #[test]
    fn an_address_has_so_many_places() {
        let lobby = lobby(9, 9, 2);
        let mut tickets: Vec<Ticket> = (0..2).map(|_| lobby.enter(address(0)).expect("a place")).collect();
        assert!(tickets[0].leave_lobby());
        assert!(lobby.enter(address(0)).is_none());
        assert!(lobby.enter("::ffff:10.0.0.0".parse().expect("an address")).is_none(), "the same address");
        assert!(lobby.enter(address(1)).is_some());
        tickets.pop();
        assert!(lobby.enter(address(0)).is_some());
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let of = |text: &str| prefix(text.parse().expect("an address"));
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    }
}
