//! A session between two nodes, from admission to its end: one task, in which a reader and a writer take turns.
//!
//! - Messages reach the sink in the order in which they were sent, each once; a gap is an end, never a skip.
//! - While the sink is behind, or the peer over its rate, reading stops: what comes waits in the peer's own buffers.
//! - Each side that has written nothing for a heart-beat says that it is alive, whatever it hears; from whom no byte comes for longer is gone.
//! - The sink hears `disconnected` once, last; a session that takes this one's place begins after it.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::error::{Error as WsError, ProtocolError};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use xln_types::NetworkMessage;
use xln_types::peer::{PeerFormatError, read_bundle};

use crate::peer::bucket::{Bucket, Verdict};
use crate::peer::handshake::{Socket, farewell, refusal_in};
use crate::peer::limits::{micros_since, ms};
use crate::peer::meter::{TooMuch, count};
use crate::peer::outbox::{Link, PeerOutbox};
use crate::peer::registry::{PeerSession, Place};
use crate::peer::{PeerLimits, PeerRefusal};

/// Who is told of sessions and messages. Calls for one peer come one after another, in the order `connected`, `received`…,
/// `disconnected`; they run on the session's task and should only hand on.
pub trait PeerSink: Send + Sync + 'static {
    /// A session has begun.
    fn connected(&self, session: &PeerSession, outbox: PeerOutbox);

    /// The peer's next messages, in order. They are the sink's now, whatever it answers.
    fn received(&self, session: &PeerSession, messages: Vec<NetworkMessage>) -> Pressure;

    /// The session is over. What was sent in it may or may not have arrived.
    fn disconnected(&self, session: &PeerSession, reason: &PeerEnd);
}

/// Whether a sink can take more.
pub enum Pressure {
    /// It can.
    None,
    /// It can when this future ends; until then the session reads nothing. The future is dropped if the session ends before.
    Until(Pin<Box<dyn Future<Output = ()> + Send>>),
}

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerEnd {
    /// We ended it.
    #[error("cut: {0}")]
    Cut(PeerRefusal),
    /// The peer ended it.
    #[error("cut by the peer: {0}")]
    CutByPeer(PeerRefusal),
    /// The connection broke, or the peer closed it without a reason.
    #[error("lost")]
    Lost,
}

/// Runs a session to its end.
pub(crate) async fn run(socket: Socket, mut place: Place, sink: &dyn PeerSink, limits: &PeerLimits) -> PeerEnd {
    place.vacated().await;
    let session = place.session;
    tracing::debug!(peer = %session.peer, id = session.id.0, address = %session.address, "peer connected");
    sink.connected(&session, PeerOutbox::new(Arc::clone(&place.link)));
    let (mut write, read) = socket.split();
    let mut reader = Reader::new(read, &place, sink, limits);
    let end = tokio::select! {
        // A reason of our own first, so that it isn't lost to what it causes.
        biased;
        end = cut(&place.link, limits) => end,
        end = reader.run() => end,
        end = write_out(&mut write, &place, limits) => end,
    };
    let read = reader.read;
    place.link.close();
    sink.disconnected(&session, &end);
    drop(place);
    tracing::debug!(peer = %session.peer, id = session.id.0, %end, "peer disconnected");
    let mut socket = read.reunite(write).expect("both halves are one socket's");
    let refusal = if let PeerEnd::Cut(refusal) = &end { Some(refusal) } else { None };
    farewell(&mut socket, refusal, limits.close_timeout_ms).await;
    end
}

/// Ends when somebody cuts the session; after a stop, when writing what is queued takes too long.
async fn cut(link: &Link, limits: &PeerLimits) -> PeerEnd {
    let mut reasons = link.watch_cut();
    let hard = reasons.wait_for(|reason| !matches!(reason, None | Some(PeerRefusal::Stopping)));
    let stopped = async {
        let _ = link.watch_cut().wait_for(Option::is_some).await;
        sleep(ms(limits.drain_timeout_ms)).await;
    };
    tokio::select! {
        reason = hard => match reason.ok().and_then(|reason| reason.clone()) {
            Some(reason) => PeerEnd::Cut(reason),
            None => PeerEnd::Lost,
        },
        () = stopped => PeerEnd::Cut(PeerRefusal::Stopping),
    }
}

/// Writes what is queued, as many bundles to a flush as there are, and a ping when there was nothing for a while.
async fn write_out(write: &mut SplitSink<Socket, Message>, place: &Place, limits: &PeerLimits) -> PeerEnd {
    let link = &place.link;
    loop {
        let written = async {
            let mut wrote = false;
            while let Some(bundle) = link.take() {
                write.feed(Message::Binary(bundle.into_frame())).await?;
                wrote = true;
            }
            if wrote { write.flush().await } else { Ok(()) }
        };
        if let Some(end) = in_patience(written, place, limits).await {
            return end;
        }
        if link.is_stopping() {
            return PeerEnd::Cut(PeerRefusal::Stopping);
        }
        if timeout(ms(limits.heartbeat_ms), link.filled()).await.is_err() {
            let ping = write.send(Message::Ping(Bytes::new()));
            if let Some(end) = in_patience(ping, place, limits).await {
                return end;
            }
        }
    }
}

/// What ends the session, if the write does: it broke, or the peer didn't read for too long.
async fn in_patience(
    write: impl Future<Output = Result<(), WsError>>,
    place: &Place,
    limits: &PeerLimits,
) -> Option<PeerEnd> {
    match while_moving(&place.counters.bytes_out, limits.write_timeout_ms, write).await {
        None => Some(PeerEnd::Cut(PeerRefusal::Slow)),
        Some(Err(_)) => Some(PeerEnd::Lost),
        Some(Ok(())) => None,
    }
}

/// The work's result; `None` once it has waited so long without a byte being moved. A large frame on a slow line is no silence.
async fn while_moving<T>(moved: &AtomicU64, timeout_ms: u64, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    loop {
        let before = moved.load(Ordering::Relaxed);
        match timeout(ms(timeout_ms), work.as_mut()).await {
            Ok(done) => return Some(done),
            Err(_) if moved.load(Ordering::Relaxed) == before => return None,
            Err(_) => {}
        }
    }
}

struct Reader<'a> {
    read: SplitStream<Socket>,
    place: &'a Place,
    sink: &'a dyn PeerSink,
    limits: &'a PeerLimits,
    started: Instant,
    messages: Bucket,
    last_id: u64,
}

impl<'a> Reader<'a> {
    fn new(read: SplitStream<Socket>, place: &'a Place, sink: &'a dyn PeerSink, limits: &'a PeerLimits) -> Reader<'a> {
        let messages = Bucket::new(limits.messages, limits.flood_ms_max, 0);
        Reader { read, place, sink, limits, started: Instant::now(), messages, last_id: 0 }
    }

    async fn run(&mut self) -> PeerEnd {
        loop {
            let next = while_moving(&self.place.counters.bytes_in, self.limits.idle_timeout_ms, self.read.next()).await;
            let frame = match next {
                None => return PeerEnd::Cut(PeerRefusal::Idle),
                Some(None) => return PeerEnd::Lost,
                Some(Some(Err(error))) => return fault(&error),
                Some(Some(Ok(frame))) => frame,
            };
            let messages = match frame {
                Message::Binary(bytes) => match self.deliver(&bytes).await {
                    Ok(messages) => messages,
                    Err(refusal) => return PeerEnd::Cut(refusal),
                },
                // The library answers a ping while the next frame is read.
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => 1,
                Message::Text(_) => return PeerEnd::Cut(PeerRefusal::TextFrame),
                Message::Close(frame) => {
                    return frame.as_ref().and_then(refusal_in).map_or(PeerEnd::Lost, PeerEnd::CutByPeer);
                }
            };
            if let Err(refusal) = self.charge(messages).await {
                return PeerEnd::Cut(refusal);
            }
        }
    }

    /// Hands a bundle's messages to the sink, and waits until it can take more. Answers how many they were.
    async fn deliver(&mut self, bytes: &[u8]) -> Result<u64, PeerRefusal> {
        let messages = read_bundle(bytes).map_err(|error| match error {
            PeerFormatError::TooLarge { .. } => PeerRefusal::TooLarge,
            _ => PeerRefusal::Malformed,
        })?;
        let sender = self.place.session.peer.address();
        for message in &messages {
            if self.last_id.checked_add(1) != Some(message.id) {
                return Err(PeerRefusal::Order);
            }
            if message.sender != sender {
                return Err(PeerRefusal::Sender);
            }
            self.last_id = message.id;
        }
        let count = messages.len() as u64;
        if let Pressure::Until(room) = self.sink.received(&self.place.session, messages) {
            room.await;
        }
        Ok(count)
    }

    /// Counts messages; waits while the peer is over its rate.
    async fn charge(&mut self, messages: u64) -> Result<(), PeerRefusal> {
        count(&self.place.counters.messages_in, messages);
        match self.messages.take(micros_since(self.started), messages) {
            Verdict::Go => Ok(()),
            Verdict::Pause(pause) => {
                count(&self.place.counters.slowed, 1);
                sleep(pause).await;
                Ok(())
            }
            Verdict::Flood => Err(PeerRefusal::Flood),
        }
    }
}

/// What a read error means.
fn fault(error: &WsError) -> PeerEnd {
    match error {
        WsError::Io(error) if TooMuch::is_in(error) => PeerEnd::Cut(PeerRefusal::Flood),
        WsError::Capacity(_) => PeerEnd::Cut(PeerRefusal::TooLarge),
        WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => PeerEnd::Lost,
        WsError::Protocol(_) => PeerEnd::Cut(PeerRefusal::Malformed),
        WsError::Utf8(_) => PeerEnd::Cut(PeerRefusal::TextFrame),
        _ => PeerEnd::Lost,
    }
}
