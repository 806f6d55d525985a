//! What a WebSocket session is and promises: the trait to implement, the limits, why a session ended.
//!
//! Promises, kept by `pump` and tested in `tests/net/session*.rs`:
//! - Requests are submitted in the order in which they arrived: each future is polled once before the next frame is looked at.
//! - Answers are written in the order in which requests finish, many to a flush.
//! - Queues are bounded: beyond the limits reading pauses, so that a flood waits in the peer's own buffers.
//! - A peer that doesn't read, doesn't speak or speaks nonsense is closed with a code that says so.

use std::future::Future;
use std::time::Instant;

use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use tokio::sync::watch;

use crate::mailbox::{Mail, MailboxReceiver};
use crate::pump::Pump;

/// One WebSocket session's logic; it ends, and drops, with its connection.
///
/// A request's future may be dropped before it finishes, when the connection is lost: what it started must not depend on it.
pub trait Session: Send + 'static {
    /// What a topic carries.
    type Event: Clone + Send + Sync + 'static;

    /// Starts handling a text frame; `None` sends no answer.
    ///
    /// Called in order of arrival; the first poll happens before the next frame is looked at, so whatever is submitted up to
    /// the first await keeps its order. The rest runs concurrently with the session's other requests.
    fn text(&mut self, frame: String) -> impl Future<Output = Option<String>> + Send + 'static;

    /// Starts handling a binary frame, as [`Session::text`] does.
    fn binary(&mut self, frame: Vec<u8>) -> impl Future<Output = Option<Vec<u8>>> + Send + 'static;

    /// Writes a pushed event as text; `None` sends nothing. After [`Mail::Lagged`] the connection closes: the text is the last.
    fn event(&mut self, mail: Mail<Self::Event>) -> Option<String>;

    /// When the session's right to be here ends, for example its token. Asked again whenever something happened; `None` means
    /// never.
    fn closes_after(&self) -> Option<Instant> {
        None
    }
}

/// Bounds of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// Largest message read, in bytes, whether in one frame or in fragments.
    pub frame_bytes_max: usize,
    /// Requests unanswered at a time; beyond it, reading pauses.
    pub inflight_max: usize,
    /// Bytes of unanswered requests and unwritten answers at a time; beyond it, reading pauses.
    pub inflight_bytes_max: usize,
    /// Silence after which the peer counts as gone. The hub pings at half of it, and a pong ends the silence.
    pub idle_timeout_ms: u64,
    /// How long a write may wait for the peer to read, and a closing session for its last answers and the peer's goodbye.
    pub write_timeout_ms: u64,
    /// Read buffer of a connection, in bytes.
    pub read_buffer_bytes: usize,
    /// Write buffer of a connection, in bytes.
    pub write_buffer_bytes: usize,
}

impl Default for SessionLimits {
    fn default() -> Self {
        SessionLimits {
            frame_bytes_max: 1 << 20,
            inflight_max: 1024,
            inflight_bytes_max: 4 << 20,
            idle_timeout_ms: 120_000,
            write_timeout_ms: 10_000,
            // The libraries' default of 128 KiB costs 137 KB a connection; 4 KiB costs 11 KB and no throughput.
            read_buffer_bytes: 4 << 10,
            write_buffer_bytes: 4 << 10,
        }
    }
}

/// Why a session ended; the close code sent to the peer stands beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The peer said goodbye.
    Closed,
    /// The connection broke without a goodbye.
    Lost,
    /// A message above [`SessionLimits::frame_bytes_max`] (1009).
    TooLarge,
    /// Text that isn't UTF-8 (1007).
    NotUtf8,
    /// A frame that breaks the WebSocket protocol (1002).
    Malformed,
    /// The peer was silent for [`SessionLimits::idle_timeout_ms`] (1001).
    Idle,
    /// The peer didn't read for [`SessionLimits::write_timeout_ms`]; nothing can be sent.
    Blocked,
    /// Events came faster than the peer read them (1013); it may come back and resume.
    Lagging,
    /// The instant of [`Session::closes_after`] came (1008).
    Expired,
    /// The stop signal (1001).
    Stopped,
}

/// Sets the upgrade's buffers and size limits; to be called before `on_upgrade`, whose callback calls [`run`].
///
/// The listener should set `TCP_NODELAY`: [`run`] flushes only when nothing more is ready.
pub fn configure<F>(upgrade: WebSocketUpgrade<F>, limits: &SessionLimits) -> WebSocketUpgrade<F> {
    upgrade
        .read_buffer_size(limits.read_buffer_bytes)
        .write_buffer_size(limits.write_buffer_bytes)
        .max_frame_size(limits.frame_bytes_max)
        .max_message_size(limits.frame_bytes_max)
}

/// Runs a session to its end over an upgraded connection: reads, submits, answers, pushes events, pings, closes.
///
/// `stop` turning true lets unanswered requests finish for at most [`SessionLimits::write_timeout_ms`], then closes with 1001.
/// A dropped `stop` sender is no stop.
pub async fn run<S: Session>(
    socket: WebSocket,
    session: S,
    mail: MailboxReceiver<S::Event>,
    limits: &SessionLimits,
    stop: watch::Receiver<bool>,
) -> Ended {
    Pump::new(socket, session, mail, limits).run(stop).await
}
