//! A session's bounded queue of events: filled by [`Topics`](crate::Topics), emptied by the session.
//!
//! Two ways in. A live event goes straight to the queue. Kept events that a resumed subscription asked for stay in their topic and
//! are copied a batch at a time as the queue empties, so that resuming much costs no memory. When the queue is full, or a topic
//! forgot what was still to be copied, the mailbox has *overflowed*: it drops what it holds, says so once, and is done.
//!
//! Locks are taken in one order: the hub of topics first, then a mailbox.

use std::collections::{BTreeSet, VecDeque};
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::{Context, Poll, Waker};

use crate::topic::Topic;
use crate::topics::Hub;

/// Kept events copied to a mailbox at a time.
pub(crate) const CATCH_UP_EVENTS_MAX: usize = 64;

/// The subscriber's end, which topics fill. Clones are the same mailbox.
pub struct Mailbox<E> {
    pub(crate) slot: Arc<Slot<E>>,
}

impl<E> Clone for Mailbox<E> {
    fn clone(&self) -> Self {
        Mailbox { slot: Arc::clone(&self.slot) }
    }
}

/// The end that a session reads; dropping it ends all of the mailbox's subscriptions.
pub struct MailboxReceiver<E> {
    slot: Arc<Slot<E>>,
}

/// What a session finds in its mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mail<E> {
    /// The next event of some topic.
    Event(Delivery<E>),
    /// The mailbox overflowed: events are missing from here on, and nothing more comes. A new session can resume.
    Lagged,
}

/// One event with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery<E> {
    /// The topic it was published to.
    pub topic: Topic,
    /// Its number in the topic: dense, from 1.
    pub seq: u64,
    /// What happened.
    pub event: E,
}

/// A mailbox for at most `capacity` undelivered events (at least one).
#[must_use]
pub fn mailbox<E>(capacity: usize) -> (Mailbox<E>, MailboxReceiver<E>) {
    static NEXT_ID: AtomicU64 = AtomicU64::new(0);
    let slot = Arc::new(Slot {
        id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
        capacity: capacity.max(1),
        state: Mutex::new(SlotState {
            phase: Phase::Open,
            queue: VecDeque::new(),
            behind: VecDeque::new(),
            topics: BTreeSet::new(),
            hub: Weak::new(),
            waker: None,
        }),
    });
    (Mailbox { slot: Arc::clone(&slot) }, MailboxReceiver { slot })
}

impl<E: Clone> MailboxReceiver<E> {
    /// Waits for the next mail; `None` after [`Mail::Lagged`]. Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Option<Mail<E>> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// [`MailboxReceiver::recv`] for hand-written futures.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Mail<E>>> {
        while let Some((hub, topic)) = self.slot.next_behind() {
            hub.catch_up(&self.slot, topic);
        }
        let mut state = self.slot.lock();
        match state.phase {
            Phase::Open => match state.queue.pop_front() {
                Some(delivery) => Poll::Ready(Some(Mail::Event(delivery))),
                None => {
                    state.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            },
            Phase::Overflowed => {
                state.phase = Phase::Done;
                Poll::Ready(Some(Mail::Lagged))
            }
            Phase::Done => Poll::Ready(None),
        }
    }
}

impl<E> Drop for MailboxReceiver<E> {
    fn drop(&mut self) {
        let (hub, topics) = {
            let mut state = self.slot.lock();
            state.end(Phase::Done);
            (state.hub.upgrade(), std::mem::take(&mut state.topics))
        };
        if let Some(hub) = hub {
            hub.leave(self.slot.id, &topics);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    Overflowed,
    Done,
}

/// What both ends of a mailbox share.
pub(crate) struct Slot<E> {
    /// Names the mailbox among a topic's subscribers.
    pub(crate) id: u64,
    capacity: usize,
    state: Mutex<SlotState<E>>,
}

pub(crate) struct SlotState<E> {
    phase: Phase,
    /// At most `capacity`.
    queue: VecDeque<Delivery<E>>,
    /// Topics with kept events still to be copied; how far each is, the topic knows.
    behind: VecDeque<Topic>,
    topics: BTreeSet<Topic>,
    hub: Weak<Hub<E>>,
    waker: Option<Waker>,
}

impl<E> Slot<E> {
    pub(crate) fn lock(&self) -> MutexGuard<'_, SlotState<E>> {
        self.state.lock().expect("no code panics while it holds a mailbox")
    }

    /// Queues a live event. False when the mailbox hears nothing more, be it because this event overflowed it.
    pub(crate) fn push(&self, delivery: Delivery<E>) -> bool {
        let (open, waker) = {
            let mut state = self.lock();
            if state.phase != Phase::Open {
                return false;
            }
            let open = state.queue.len() < self.capacity;
            if open {
                state.queue.push_back(delivery);
            } else {
                state.end(Phase::Overflowed);
            }
            (open, state.waker.take())
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        open
    }

    /// Most events that catching up leaves in the queue.
    fn catch_up_max(&self) -> usize {
        self.capacity.min(CATCH_UP_EVENTS_MAX)
    }

    /// The topic to copy kept events from now, if the queue has run low: half empty, so that one lock serves many events.
    fn next_behind(&self) -> Option<(Arc<Hub<E>>, Topic)> {
        let mut state = self.lock();
        if self.catch_up_max() / 2 < state.queue.len() {
            return None;
        }
        let topic = state.behind.pop_front()?;
        Some((state.hub.upgrade()?, topic))
    }

    /// Room for kept events.
    pub(crate) fn catch_up_room(&self, state: &SlotState<E>) -> usize {
        self.catch_up_max().saturating_sub(state.queue.len())
    }
}

impl<E> SlotState<E> {
    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// How many subscriptions the mailbox has.
    pub(crate) fn subscriptions(&self) -> usize {
        self.topics.len()
    }

    /// Notes a subscription.
    ///
    /// # Panics
    /// If the mailbox already subscribed at another hub, which is a bug of ours.
    pub(crate) fn join(&mut self, hub: &Arc<Hub<E>>, topic: Topic) {
        assert!(
            self.topics.is_empty() || std::ptr::eq(self.hub.as_ptr(), Arc::as_ptr(hub)),
            "a mailbox subscribes at one hub of topics"
        );
        self.hub = Arc::downgrade(hub);
        self.topics.insert(topic);
    }

    /// Takes back a subscription, and what the topic already delivered to the queue.
    pub(crate) fn part(&mut self, topic: Topic) {
        self.topics.remove(&topic);
        self.queue.retain(|delivery| delivery.topic != topic);
        self.behind.retain(|other| *other != topic);
    }

    /// Queues a kept event; the caller asked [`Slot::catch_up_room`] first.
    pub(crate) fn push_kept(&mut self, delivery: Delivery<E>) {
        self.queue.push_back(delivery);
    }

    /// Marks a topic as having kept events to copy, and wakes the reader.
    pub(crate) fn push_behind(&mut self, topic: Topic) {
        self.behind.push_back(topic);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// The number of the topic's first queued event.
    pub(crate) fn first_queued(&self, topic: Topic) -> Option<u64> {
        self.queue.iter().find(|delivery| delivery.topic == topic).map(|delivery| delivery.seq)
    }

    /// A topic forgot what this mailbox still had to get.
    pub(crate) fn overflow(&mut self) {
        self.end(Phase::Overflowed);
    }

    fn end(&mut self, phase: Phase) {
        self.phase = phase;
        self.queue = VecDeque::new();
        self.behind = VecDeque::new();
    }
}
