//! Numbered event streams that can be resumed, and who listens to them.
//!
//! - A topic's events are numbered densely from 1; the newest [`TopicLimits::kept_per_topic`] are kept.
//! - A subscriber gets every event from the number it asked for, once and in order, or is told: [`SubscribeError::Gap`] at the start,
//!   [`Mail::Lagged`](crate::Mail::Lagged) later.
//! - Publishing waits for nobody: a full mailbox is dropped from the topic.
//! - Everything is bounded. Beyond [`TopicLimits::topics_max`] a lasting topic that was quiet loses its kept events but never its count;
//!   beyond [`TopicLimits::short_lived_max`] the oldest `tx:` or `payment:` topic is forgotten whole, unless somebody listens: then it
//!   keeps its count, so that no listener sees a number twice. Lasting counts are as many as the hub's entities and channels.
//!
//! One lock guards all topics: publishing without subscribers is one look-up under it. `E` should be cheap to clone (an `Arc`) and must
//! not call back here when cloned or dropped.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::mailbox::{Delivery, Mailbox, Slot};
use crate::topic::Topic;

/// Topics looked at for eviction by one publication; bounds its cost.
const SWEEP_TOPICS_MAX: usize = 8;

/// Bounds of [`Topics`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicLimits {
    /// Newest events kept per topic, for those who resume.
    pub kept_per_topic: usize,
    /// `entity:`, `channel:` and `block` topics that keep events; beyond it a quiet one loses them, not its count.
    pub topics_max: usize,
    /// Subscriptions of one mailbox.
    pub subscriptions_per_mailbox_max: usize,
    /// `tx:` and `payment:` topics kept; the oldest are forgotten.
    pub short_lived_max: usize,
}

impl Default for TopicLimits {
    fn default() -> Self {
        TopicLimits {
            kept_per_topic: 1024,
            topics_max: 1 << 20,
            subscriptions_per_mailbox_max: 1024,
            short_lived_max: 1 << 16,
        }
    }
}

/// Why a subscription was refused; an existing one stays as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    /// The mailbox has all the subscriptions it may have.
    #[error("too many subscriptions: limit={limit}")]
    TooMany {
        /// [`TopicLimits::subscriptions_per_mailbox_max`].
        limit: usize,
    },
    /// The event asked for is no longer kept, or lies further ahead than the next one.
    #[error("gap: oldest={oldest}")]
    Gap {
        /// The oldest event that can be asked for; the next one, if none is kept.
        oldest: u64,
    },
}

/// All topics of a hub; clones share them.
pub struct Topics<E>(Arc<Hub<E>>);

impl<E> Clone for Topics<E> {
    fn clone(&self) -> Self {
        Topics(Arc::clone(&self.0))
    }
}

impl<E: Clone + Send + Sync + 'static> Topics<E> {
    /// No topics yet.
    #[must_use]
    pub fn new(limits: TopicLimits) -> Self {
        let state = State { streams: HashMap::new(), lasting: VecDeque::new(), short_lived: VecDeque::new() };
        Topics(Arc::new(Hub { limits, state: Mutex::new(state) }))
    }

    /// Numbers, keeps and delivers an event; returns its number in the topic, dense from 1. Never waits for a reader.
    pub fn publish(&self, topic: Topic, event: E) -> u64 {
        let mut state = self.0.lock();
        let stream = state.streams.entry(topic).or_default();
        let seq = stream.publish(topic, event, self.0.limits.kept_per_topic);
        if std::mem::replace(&mut stream.listed, true) {
            stream.busy = true;
        } else if topic.short_lived() {
            state.short_lived.push_back(topic);
            state.forget_short_lived(self.0.limits.short_lived_max);
        } else {
            state.lasting.push_back(topic);
            state.sweep_lasting(self.0.limits.topics_max);
        }
        seq
    }

    /// Publishes an event again while the log is replayed after a restart: same numbers, same kept events.
    pub fn count(&self, topic: Topic, event: E) {
        self.publish(topic, event);
    }

    /// Subscribes a mailbox and returns the number of the next event it will get.
    ///
    /// `from`: `None` means from now; `Some(n)` means event `n` first, kept ones before live ones (0 counts as 1). Asked again with
    /// `None`, a subscription stays as it is; with `Some`, it starts over there. A mailbox that lagged hears nothing more.
    ///
    /// # Errors
    /// [`SubscribeError`]: too many subscriptions, or `n` isn't from the oldest kept event to the next one.
    pub fn subscribe(&self, mailbox: &Mailbox<E>, topic: Topic, from: Option<u64>) -> Result<u64, SubscribeError> {
        let mut state = self.0.lock();
        let mut slot = mailbox.slot.lock();
        let stream = state.streams.get(&topic);
        let next = stream.map_or(1, |stream| stream.last + 1);
        let oldest = stream.map_or(1, Stream::oldest);
        let known = stream.and_then(|stream| stream.subscribers.get(&mailbox.slot.id));
        let start = match (from, known) {
            (None, Some(known)) => return Ok(slot.first_queued(topic).or(known.behind).unwrap_or(next)),
            (None, None) => next,
            (Some(from), _) => from.max(1),
        };
        let limit = self.0.limits.subscriptions_per_mailbox_max;
        if known.is_none() && limit <= slot.subscriptions() {
            return Err(SubscribeError::TooMany { limit });
        }
        if !(oldest..=next).contains(&start) {
            return Err(SubscribeError::Gap { oldest });
        }
        if !slot.is_open() {
            return Ok(start);
        }
        slot.part(topic);
        slot.join(&self.0, topic);
        let behind = (start < next).then_some(start);
        if behind.is_some() {
            slot.push_behind(topic);
        }
        let subscriber = Subscriber { slot: Arc::clone(&mailbox.slot), behind, acknowledged: 0 };
        state.streams.entry(topic).or_default().subscribers.insert(mailbox.slot.id, subscriber);
        Ok(start)
    }

    /// Ends a subscription; what it had queued is dropped. False if there was none.
    pub fn unsubscribe(&self, mailbox: &Mailbox<E>, topic: Topic) -> bool {
        let mut state = self.0.lock();
        mailbox.slot.lock().part(topic);
        state.leave(mailbox.slot.id, topic)
    }

    /// Records that a subscriber has taken note of everything up to `seq`. When kept events must give way, a topic whose subscribers
    /// have acknowledged all of it goes before one that is still read.
    pub fn acknowledge(&self, mailbox: &Mailbox<E>, topic: Topic, seq: u64) {
        let mut state = self.0.lock();
        let Some(stream) = state.streams.get_mut(&topic) else { return };
        if let Some(subscriber) = stream.subscribers.get_mut(&mailbox.slot.id) {
            subscriber.acknowledged = subscriber.acknowledged.max(seq.min(stream.last));
        }
    }

    /// The number of the topic's last event; 0 before the first, or when the topic was forgotten.
    #[must_use]
    pub fn last(&self, topic: Topic) -> u64 {
        self.0.lock().streams.get(&topic).map_or(0, |stream| stream.last)
    }
}

/// What the clones of [`Topics`] share.
pub(crate) struct Hub<E> {
    limits: TopicLimits,
    state: Mutex<State<E>>,
}

struct State<E> {
    streams: HashMap<Topic, Stream<E>>,
    /// Lasting topics that keep events, in the order in which to consider them for eviction.
    lasting: VecDeque<Topic>,
    /// Short-lived topics that keep events, oldest first.
    short_lived: VecDeque<Topic>,
}

struct Stream<E> {
    /// Number of the last event; 0 before the first.
    last: u64,
    /// The newest events, up to `last`.
    kept: VecDeque<E>,
    /// By mailbox.
    subscribers: BTreeMap<u64, Subscriber<E>>,
    /// Whether it stands in `State::lasting` or `State::short_lived`; only then it may have kept events.
    listed: bool,
    /// Published to since it was last considered for eviction.
    busy: bool,
}

struct Subscriber<E> {
    slot: Arc<Slot<E>>,
    /// The next kept event to copy; `None` once live.
    behind: Option<u64>,
    acknowledged: u64,
}

impl<E> Default for Stream<E> {
    fn default() -> Self {
        Stream { last: 0, kept: VecDeque::new(), subscribers: BTreeMap::new(), listed: false, busy: false }
    }
}

impl<E> Hub<E> {
    fn lock(&self) -> MutexGuard<'_, State<E>> {
        self.state.lock().expect("no code panics while it holds the topics")
    }

    /// Ends a mailbox's subscriptions; the mailbox is already closed.
    pub(crate) fn leave(&self, id: u64, topics: &BTreeSet<Topic>) {
        let mut state = self.lock();
        for topic in topics {
            state.leave(id, *topic);
        }
    }
}

impl<E: Clone> Hub<E> {
    /// Copies kept events to a mailbox that asked for them, as many as it has room for; after the last one it is live.
    pub(crate) fn catch_up(&self, mailbox: &Arc<Slot<E>>, topic: Topic) {
        let mut state = self.lock();
        let Some(stream) = state.streams.get_mut(&topic) else { return };
        let (oldest, last) = (stream.oldest(), stream.last);
        let Some(subscriber) = stream.subscribers.get_mut(&mailbox.id) else { return };
        let Some(next) = subscriber.behind else { return };
        let mut slot = mailbox.lock();
        if !slot.is_open() {
            return;
        }
        if next < oldest {
            return slot.overflow();
        }
        let skip = usize::try_from(next - oldest).expect("fewer than the kept events, which are in memory");
        let room = mailbox.catch_up_room(&slot);
        for (seq, event) in (next..).zip(stream.kept.iter().skip(skip).take(room)) {
            slot.push_kept(Delivery { topic, seq, event: event.clone() });
            subscriber.behind = (seq < last).then_some(seq + 1);
        }
        if subscriber.behind.is_some() {
            slot.push_behind(topic);
        }
    }
}

impl<E> State<E> {
    fn leave(&mut self, id: u64, topic: Topic) -> bool {
        let Some(stream) = self.streams.get_mut(&topic) else { return false };
        let left = stream.subscribers.remove(&id).is_some();
        self.drop_if_empty(topic);
        left
    }

    /// Removes a stream about which there is nothing left to know.
    fn drop_if_empty(&mut self, topic: Topic) {
        let empty = |stream: &Stream<E>| {
            !stream.listed && stream.subscribers.is_empty() && (stream.last == 0 || topic.short_lived())
        };
        if self.streams.get(&topic).is_some_and(empty) {
            self.streams.remove(&topic);
        }
    }

    fn forget(&mut self, topic: Topic) {
        if let Some(stream) = self.streams.get_mut(&topic) {
            stream.kept = VecDeque::new();
            (stream.listed, stream.busy) = (false, false);
        }
        self.drop_if_empty(topic);
    }

    fn forget_short_lived(&mut self, topics_max: usize) {
        while topics_max < self.short_lived.len() {
            let Some(oldest) = self.short_lived.pop_front() else { return };
            self.forget(oldest);
        }
    }

    /// Takes the kept events of the first quiet lasting topic; of the one reached, if none was quiet among those looked at.
    fn sweep_lasting(&mut self, topics_max: usize) {
        if self.lasting.len() <= topics_max {
            return;
        }
        for _ in 1..SWEEP_TOPICS_MAX {
            let Some(stream) = self.lasting.front().and_then(|topic| self.streams.get_mut(topic)) else { break };
            if !std::mem::take(&mut stream.busy) || stream.all_acknowledged() {
                break;
            }
            self.lasting.rotate_left(1);
        }
        if let Some(topic) = self.lasting.pop_front() {
            self.forget(topic);
        }
    }
}

impl<E> Stream<E> {
    /// The oldest event that can be asked for; the next one, if none is kept.
    fn oldest(&self) -> u64 {
        self.last + 1 - self.kept.len() as u64
    }

    fn all_acknowledged(&self) -> bool {
        !self.subscribers.is_empty() && self.subscribers.values().all(|subscriber| subscriber.acknowledged == self.last)
    }
}

impl<E: Clone> Stream<E> {
    fn publish(&mut self, topic: Topic, event: E, kept_max: usize) -> u64 {
        self.last += 1;
        let seq = self.last;
        self.subscribers.retain(|_, subscriber| {
            subscriber.behind.is_some() || subscriber.slot.push(Delivery { topic, seq, event: event.clone() })
        });
        // Room first, so that a full ring never grows its buffer.
        if kept_max <= self.kept.len() {
            self.kept.pop_front();
        }
        if 0 < kept_max {
            self.kept.push_back(event);
        }
        seq
    }
}

#[cfg(test)]
mod tests;
