//! The transport between nodes: one WebSocket over TLS 1.3 for each peer, authenticated both ways, carrying bundles of opaque messages in
//! order (PRD 6.5; `docs/spec/peers.md` has every byte).
//!
//! What it promises, tested in `tests/peer`:
//! - Who is at the other end is proved by its keys over this very TLS session: a relay, a replay, a reflection prove nothing.
//! - At most one session with a peer; when both dial, both keep the same one; the old one is over before the new one begins.
//! - Within a session messages arrive in order, each once. What wasn't read when it ended is lost, and is the protocol's above to repeat.
//! - Every queue, length, rate, time and number of connections is bounded. Who passes a bound is told which one.
//!
//! It knows no signature scheme ([`PeerIdentity`]), no payload, no rule about money. Read [`Peers`] first, then [`PeerSink`], then
//! `handshake` and `session` for how.

mod backoff;
mod bucket;
mod dialer;
mod handshake;
mod identity;
mod limits;
mod lobby;
mod meter;
mod outbox;
mod peers;
mod refusal;
mod registry;
mod session;
mod tls;

pub use bucket::Allowance;
pub use dialer::{Dial, DialState, DialStatus, PeerDialer};
pub use handshake::{DialError, PATH, VERSIONS};
pub use identity::{PeerIdentity, Role};
pub use limits::{HANDSHAKE_BYTES_MAX, OUTBOX_BYTES_MAX, PeerLimits};
pub use outbox::{OutboxError, PeerOutbox};
pub use peers::Peers;
pub use refusal::{Farewell, PeerRefusal};
pub use registry::{PeerSession, PeerStatus, SessionId};
pub use session::{PeerEnd, PeerSink, Pressure};
pub use tls::{EXPORTER_LABEL, TlsError};
