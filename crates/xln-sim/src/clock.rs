//! Virtual time, and what is to happen when: one clock for all, an agenda in order of (time, sequence).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Unix milliseconds at which every simulation begins.
pub const START_MS: u64 = 1_700_000_000_000;

/// Virtual time. Clones show the same.
#[derive(Clone, Debug)]
pub struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(crate) fn new() -> Clock {
        Clock(Arc::new(AtomicU64::new(START_MS)))
    }

    /// True time, unix milliseconds.
    pub(crate) fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, now_ms: u64) {
        self.0.store(now_ms, Ordering::Relaxed);
    }
}

/// What a node takes for the time: the true time, and its error.
#[derive(Clone, Debug)]
pub struct NodeClock {
    clock: Clock,
    skew_ms: Arc<AtomicI64>,
}

impl NodeClock {
    pub(crate) fn new(clock: &Clock) -> NodeClock {
        NodeClock { clock: clock.clone(), skew_ms: Arc::default() }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms().saturating_add_signed(self.skew_ms.load(Ordering::Relaxed))
    }

    /// Its monotonic clock, which no error touches.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        self.clock.now_ms() - START_MS
    }

    pub(crate) fn skew(&self, skew_ms: i64) {
        self.skew_ms.store(skew_ms, Ordering::Relaxed);
    }
}

/// What is to happen, by time and then in the order in which it was planned.
#[derive(Debug)]
pub(crate) struct Agenda<T> {
    events: BTreeMap<(u64, u64), T>,
    planned: u64,
}

impl<T> Agenda<T> {
    pub(crate) fn new() -> Agenda<T> {
        Agenda { events: BTreeMap::new(), planned: 0 }
    }

    pub(crate) fn plan(&mut self, at_ms: u64, event: T) {
        self.planned += 1;
        self.events.insert((at_ms, self.planned), event);
    }

    pub(crate) fn next(&mut self) -> Option<(u64, T)> {
        self.events.pop_first().map(|((at_ms, _), event)| (at_ms, event))
    }
}
