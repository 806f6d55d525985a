//! What the loop and everyone who asks share: the state, what is at hand of the past, and how far the log is durable.

use crate::history::History;
use crate::metrics::Histogram;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::watch;
use xln_api::backend::Unavailable;
use xln_machine::Server;
use xln_types::EntityId;

/// Most inputs between the door and their answer.
pub const INFLIGHT_MAX: usize = 131_072;

/// Shared state of a node.
pub struct Shared {
    server: RwLock<Server>,
    history: RwLock<History>,
    /// The hub's own entity; never changes.
    pub(crate) hub: EntityId,
    /// The log record up to which the state has gone.
    pub(crate) applied: AtomicU64,
    durable: watch::Sender<u64>,
    inflight: AtomicUsize,
    failed: AtomicBool,
    /// Messages of other nodes that changed nothing.
    pub(crate) peer_refused: AtomicU64,
    /// From the door to applied.
    pub(crate) processed: Histogram,
}

impl Shared {
    /// Over recovered state; `durable` is the last record of the recovered log.
    pub fn new(server: Server, history: History, durable: u64) -> Shared {
        Shared {
            hub: server.hub_id(),
            server: RwLock::new(server),
            history: RwLock::new(history),
            applied: AtomicU64::new(durable),
            durable: watch::channel(durable).0,
            inflight: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            peer_refused: AtomicU64::new(0),
            processed: Histogram::default(),
        }
    }

    /// The state. A poisoned lock means that an assertion failed while it was being changed: it may be half-way, so whoever asks
    /// goes down with it.
    ///
    /// # Panics
    /// After an assertion in the core failed.
    #[allow(clippy::expect_used)]
    pub fn server(&self) -> RwLockReadGuard<'_, Server> {
        self.server.read().expect("the core stopped at a failed assertion")
    }

    #[allow(clippy::expect_used)]
    pub(crate) fn server_mut(&self) -> RwLockWriteGuard<'_, Server> {
        self.server.write().expect("the core stopped at a failed assertion")
    }

    /// What is at hand of the past.
    pub fn history(&self) -> RwLockReadGuard<'_, History> {
        self.history.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn history_mut(&self) -> RwLockWriteGuard<'_, History> {
        self.history.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn durable_to(&self, record: u64) {
        self.durable.send_if_modified(|durable| {
            let rose = *durable < record;
            *durable = record.max(*durable);
            rose
        });
    }

    /// Asks the state, and answers once everything that the answer may show is durable (TX-6: persist, then speak).
    ///
    /// # Errors
    /// [`Unavailable::Storage`] when the log failed before that.
    pub async fn read<T>(&self, question: impl FnOnce(&Server) -> T) -> Result<T, Unavailable> {
        let (answer, shown) = {
            let server = self.server();
            (question(&server), self.applied.load(Ordering::Acquire))
        };
        if *self.durable.borrow() < shown {
            let mut durable = self.durable.subscribe();
            let waited = durable.wait_for(|durable| shown <= *durable || self.has_failed()).await;
            let reached = waited.map(|durable| *durable).unwrap_or(0);
            if reached < shown {
                return Err(Unavailable::Storage);
            }
        }
        Ok(answer)
    }

    /// Takes a place among the inputs under way; `false` when all are taken.
    pub fn enter(&self) -> bool {
        let entered = self.inflight.fetch_add(1, Ordering::AcqRel) < INFLIGHT_MAX;
        if !entered {
            self.leave();
        }
        entered
    }

    /// Gives a place back.
    pub fn leave(&self) {
        self.inflight.fetch_sub(1, Ordering::AcqRel);
    }

    /// True once the log has failed.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    pub(crate) fn fail(&self) {
        self.failed.store(true, Ordering::Release);
        // Wakes whoever waits for durability.
        self.durable.send_modify(|_| {});
    }
}
