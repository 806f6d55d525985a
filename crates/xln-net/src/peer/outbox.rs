//! What waits to be sent to a peer. Senders encode straight into the bundle that is gathering, so a message is copied once and costs no
//! allocation of its own; the session's writer takes bundle by bundle, and what gathers while it writes goes out as one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::{Notify, watch};
use tokio_tungstenite::tungstenite::Bytes;
use xln_types::Address;
use xln_types::codec::Encodable;
use xln_types::peer::{
    BUNDLE_BYTES_MAX, BUNDLE_HEAD_BYTES_MAX, BUNDLE_MESSAGES_MAX, MESSAGE_BYTES_MAX, NetworkMessageRef, bundle_head,
};

use crate::peer::PeerRefusal;

/// Why a message wasn't taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutboxError {
    /// The outbox is full: the peer reads too slowly, and this cut the session. Send again in the next one.
    #[error("outbox full: bytes_max={bytes_max}")]
    Full {
        /// The bound.
        bytes_max: usize,
    },
    /// The session is over. Send again in the next one.
    #[error("session over")]
    Gone,
    /// The message passes [`MESSAGE_BYTES_MAX`]; no session will take it.
    #[error("message too large: bytes={bytes} bytes_max={MESSAGE_BYTES_MAX}")]
    TooLarge {
        /// How long it is, encoded.
        bytes: usize,
    },
}

/// The sending end of a session. Clones are the same outbox; it outlives the session harmlessly.
#[derive(Clone, Debug)]
pub struct PeerOutbox {
    link: Arc<Link>,
}

impl PeerOutbox {
    pub(crate) fn new(link: Arc<Link>) -> PeerOutbox {
        PeerOutbox { link }
    }

    /// Queues a message behind all that were sent before. Never waits. `Ok` says that it is queued, not that it arrived.
    ///
    /// # Errors
    /// [`OutboxError`]; after `Full` and `Gone` the sink hears, or has heard, of the session's end.
    pub fn send(&self, kind: u8, recipient: Address, payload: &[u8]) -> Result<(), OutboxError> {
        self.link.push(kind, recipient, payload)
    }

    /// Bytes that wait.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.link.lock().bytes
    }

    /// Ends the session; the peer is told why. [`PeerRefusal::Stopping`] lets what is queued go out first.
    pub fn cut(&self, reason: PeerRefusal) {
        self.link.cut(reason);
    }
}

/// What a session shares with those who send through it or end it.
#[derive(Debug)]
pub(crate) struct Link {
    sender: Address,
    bytes_max: usize,
    queue: Mutex<Queue>,
    filled: Notify,
    cut: watch::Sender<Option<PeerRefusal>>,
}

#[derive(Debug)]
struct Queue {
    open: bool,
    last_id: u64,
    last_ms: u64,
    bytes: usize,
    bundles: VecDeque<Bundle>,
}

/// Messages, encoded one behind the other, with room for the list header before them.
#[derive(Debug)]
pub(crate) struct Bundle {
    bytes: Vec<u8>,
    messages: usize,
}

impl Bundle {
    fn new() -> Bundle {
        Bundle { bytes: vec![0; BUNDLE_HEAD_BYTES_MAX], messages: 0 }
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.bytes.len() + bytes <= BUNDLE_BYTES_MAX && self.messages < BUNDLE_MESSAGES_MAX
    }

    fn messages_bytes(&self) -> usize {
        self.bytes.len() - BUNDLE_HEAD_BYTES_MAX
    }

    /// The frame's payload.
    pub(crate) fn into_frame(mut self) -> Bytes {
        let head = bundle_head(self.messages_bytes());
        let start = BUNDLE_HEAD_BYTES_MAX - head.len();
        self.bytes[start..BUNDLE_HEAD_BYTES_MAX].copy_from_slice(&head);
        Bytes::from(self.bytes).slice(start..)
    }
}

impl Link {
    pub(crate) fn new(sender: Address, bytes_max: usize) -> Link {
        Link {
            sender,
            bytes_max,
            queue: Mutex::new(Queue { open: true, last_id: 0, last_ms: 0, bytes: 0, bundles: VecDeque::new() }),
            filled: Notify::new(),
            cut: watch::Sender::new(None),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("no code panics while it holds an outbox")
    }

    fn push(&self, kind: u8, recipient: Address, payload: &[u8]) -> Result<(), OutboxError> {
        let mut queue = self.lock();
        if !queue.open {
            return Err(OutboxError::Gone);
        }
        let timestamp_ms = now_ms().max(queue.last_ms);
        let id = queue.last_id + 1;
        let message = NetworkMessageRef { id, kind, sender: self.sender, recipient, payload, timestamp_ms };
        let bytes = message.length();
        if MESSAGE_BYTES_MAX < bytes {
            return Err(OutboxError::TooLarge { bytes });
        }
        if self.bytes_max < queue.bytes + bytes {
            queue.open = false;
            drop(queue);
            self.cut(PeerRefusal::Slow);
            return Err(OutboxError::Full { bytes_max: self.bytes_max });
        }
        if !queue.bundles.back().is_some_and(|bundle| bundle.has_room(bytes)) {
            queue.bundles.push_back(Bundle::new());
        }
        if let Some(bundle) = queue.bundles.back_mut() {
            message.encode(&mut bundle.bytes);
            bundle.messages += 1;
        }
        queue.bytes += bytes;
        (queue.last_id, queue.last_ms) = (id, timestamp_ms);
        drop(queue);
        self.filled.notify_one();
        Ok(())
    }

    /// The next bundle, if something waits.
    pub(crate) fn take(&self) -> Option<Bundle> {
        let mut queue = self.lock();
        let bundle = queue.bundles.pop_front()?;
        queue.bytes -= bundle.messages_bytes();
        Some(bundle)
    }

    /// Waits until something was sent, or may have been. One task waits.
    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Asks the session to end. The first reason stays, but a stop, which is patient, gives way to any other.
    pub(crate) fn cut(&self, reason: PeerRefusal) {
        if reason == PeerRefusal::Stopping {
            self.lock().open = false;
        }
        self.cut.send_if_modified(|current| match current {
            None | Some(PeerRefusal::Stopping) if current.as_ref() != Some(&reason) => {
                *current = Some(reason);
                true
            }
            _ => false,
        });
        self.filled.notify_one();
    }

    /// Whether the session is to end once all is sent.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.cut.borrow() == Some(PeerRefusal::Stopping)
    }

    /// Why the session is to end, as it changes.
    pub(crate) fn watch_cut(&self) -> watch::Receiver<Option<PeerRefusal>> {
        self.cut.subscribe()
    }

    /// The session is over: nothing more is taken, and what waits is dropped.
    pub(crate) fn close(&self) {
        let mut queue = self.lock();
        (queue.open, queue.bytes, queue.bundles) = (false, 0, VecDeque::new());
    }
}

/// Unix milliseconds.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use xln_types::peer::{NetworkMessage, read_bundle};

    const PEER: Address = Address([2; 20]);

    fn outbox(bytes_max: usize) -> (PeerOutbox, Arc<Link>) {
        let link = Arc::new(Link::new(Address([1; 20]), bytes_max));
        (PeerOutbox::new(Arc::clone(&link)), link)
    }

    fn bundles(link: &Link) -> Vec<Vec<NetworkMessage>> {
        std::iter::from_fn(|| link.take())
            .map(|bundle| read_bundle(&bundle.into_frame()).expect("a bundle of ours"))
            .collect()
    }

    /// PRD 6.5: many small messages are one bundle, numbered from 1, in order.
    #[test]
    fn what_gathers_goes_as_one_bundle() {
        let (outbox, link) = outbox(1 << 20);
        for round in 0..2_u64 {
            for payload in 0..100_u8 {
                assert_eq!(outbox.send(7, PEER, &[payload; 3]), Ok(()));
            }
            let [bundle] = bundles(&link).try_into().expect("one bundle");
            for (index, message) in (0..).zip(&bundle) {
                assert_eq!((message.id, message.kind), (100 * round + index + 1, 7));
                assert_eq!((message.sender, message.recipient), (Address([1; 20]), PEER));
                assert_eq!(message.payload.0, [u8::try_from(index).expect("small"); 3]);
            }
            assert!(bundle.is_sorted_by_key(|message| message.timestamp_ms));
            assert_eq!(outbox.queued_bytes(), 0);
        }
    }

    /// PRD 6.5: no bundle passes its bounds, in bytes or in messages, and each is as full as it can be.
    #[test]
    fn bundles_stay_within_their_bounds() {
        let (outbox, link) = outbox(64 << 20);
        let overhead = (0..200).find(|less| outbox.send(1, PEER, &vec![0; MESSAGE_BYTES_MAX - less]).is_ok());
        let largest = MESSAGE_BYTES_MAX - overhead.expect("one fits");
        assert!(matches!(outbox.send(1, PEER, &vec![0; largest + 1]), Err(OutboxError::TooLarge { .. })));
        for _ in 0..8 {
            outbox.send(1, PEER, &vec![0; largest]).expect("room");
        }
        assert_eq!(bundles(&link).iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 3]);
        for _ in 0..BUNDLE_MESSAGES_MAX + 1 {
            outbox.send(1, PEER, &[]).expect("room");
        }
        assert_eq!(bundles(&link).iter().map(Vec::len).collect::<Vec<_>>(), [BUNDLE_MESSAGES_MAX, 1]);
    }

    /// PRD 6.5: who doesn't read is cut; the outbox takes no byte above its bound.
    #[test]
    fn a_full_outbox_cuts_the_session() {
        let (outbox, link) = outbox(100);
        assert_eq!(outbox.send(1, PEER, &[]), Ok(()));
        assert_eq!(outbox.send(1, PEER, &[1; 40]), Err(OutboxError::Full { bytes_max: 100 }));
        assert_eq!(outbox.send(1, PEER, &[]), Err(OutboxError::Gone));
        assert_eq!(*link.watch_cut().borrow(), Some(PeerRefusal::Slow));
        link.close();
        assert_eq!((outbox.queued_bytes(), link.take().is_none()), (0, true));
    }

    #[test]
    fn the_first_reason_stays_but_a_stop_gives_way() {
        let (outbox, link) = outbox(100);
        outbox.cut(PeerRefusal::Stopping);
        assert!(link.is_stopping());
        assert_eq!(outbox.send(1, PEER, &[]), Err(OutboxError::Gone));
        for reason in [PeerRefusal::Replaced, PeerRefusal::Flood, PeerRefusal::Stopping] {
            outbox.cut(reason);
            assert_eq!(*link.watch_cut().borrow(), Some(PeerRefusal::Replaced));
        }
    }
}
