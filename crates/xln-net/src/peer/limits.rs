//! Bounds and times of the transport between nodes. Times are settings, so that tests shorten them.

use std::time::Duration;

use tokio::time::Instant;

use crate::peer::bucket::Allowance;

/// Most bytes that wait in one session's outbox.
pub const OUTBOX_BYTES_MAX: usize = 16 << 20;
/// Most bytes that an unauthenticated connection may send: TLS, the upgrade and a hello take about 3 KiB.
pub const HANDSHAKE_BYTES_MAX: usize = 64 << 10;
/// The longest time that counts: thirty days.
const TIME_MS_MAX: u64 = 30 * 24 * 3_600_000;

/// Bounds of the transport; each default is for a hub with some hundred peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerLimits {
    /// Time for all of a handshake: TCP connect, TLS, upgrade, hellos.
    pub handshake_timeout_ms: u64,
    /// A side that has written nothing for so long says that it is alive.
    pub heartbeat_ms: u64,
    /// Silence after which the peer counts as gone; several heart-beats of the peer's. Any byte breaks it.
    pub idle_timeout_ms: u64,
    /// How long a write may wait without the peer reading a byte.
    pub write_timeout_ms: u64,
    /// How long a stop waits for queued messages to be written.
    pub drain_timeout_ms: u64,
    /// How long a close frame's journey may take, after which the connection is dropped.
    pub close_timeout_ms: u64,
    /// Bytes that wait in a session's outbox; beyond it the peer reads too slowly.
    pub outbox_bytes_max: usize,
    /// Bytes that a peer may send, TLS and all.
    pub bytes: Allowance,
    /// Messages that a peer may send; a ping or pong is one, too.
    pub messages: Allowance,
    /// How long a peer may stay above either before it is cut off.
    pub flood_ms_max: u64,
    /// Inbound connections taken; above it they wait in the kernel, so that handshakes can't take all of a core.
    pub accepts: Allowance,
    /// Inbound connections at a time, of every kind.
    pub connections_max: usize,
    /// Those of them that haven't authenticated yet. Of the address with the most, the one that waits longest makes room for the newest.
    pub waiting_max: usize,
    /// Inbound connections from one address (IPv6: one /64).
    pub per_address_max: usize,
    /// Inbound sessions with peers that the node knows.
    pub sessions_max: usize,
    /// Inbound sessions with peers that it doesn't know: they take no place from those that it does.
    pub strangers_max: usize,
    /// The first wait before dialing again; each further one is twice as long.
    pub backoff_min_ms: u64,
    /// The longest wait before dialing again.
    pub backoff_max_ms: u64,
    /// A session that lasted so long makes the waits short again.
    pub lasted_ms: u64,
    /// WebSocket's read and write buffers, each.
    pub buffer_bytes: usize,
}

impl Default for PeerLimits {
    fn default() -> Self {
        PeerLimits {
            handshake_timeout_ms: 5_000,
            heartbeat_ms: 5_000,
            idle_timeout_ms: 20_000,
            write_timeout_ms: 10_000,
            drain_timeout_ms: 2_000,
            close_timeout_ms: 2_000,
            outbox_bytes_max: OUTBOX_BYTES_MAX,
            bytes: Allowance { per_s: 64 << 20, burst: 64 << 20 },
            messages: Allowance { per_s: 50_000, burst: 50_000 },
            flood_ms_max: 10_000,
            accepts: Allowance { per_s: 500, burst: 500 },
            connections_max: 2_048,
            waiting_max: 64,
            per_address_max: 32,
            sessions_max: 1_024,
            strangers_max: 128,
            backoff_min_ms: 250,
            backoff_max_ms: 30_000,
            lasted_ms: 10_000,
            buffer_bytes: 64 << 10,
        }
    }
}

/// A setting in milliseconds as a duration.
pub(crate) fn ms(time_ms: u64) -> Duration {
    Duration::from_millis(time_ms.min(TIME_MS_MAX))
}

/// The clock of a [`Bucket`](crate::peer::bucket::Bucket).
pub(crate) fn micros_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)
}
