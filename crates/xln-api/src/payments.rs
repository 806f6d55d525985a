//! Payments as `payment.get` and `payment.list` need them beside the core: the newest of this hub, and those to entities on other
//! nodes, which are over once the other node has signed. Filled from receipts, in the log's order, in bounded memory.
//!
//! Payments over routes are the core's own and aren't kept here.

use crate::lock;
use crate::view::payment::{Payment, Stage};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use xln_types::{Event, Failure, Hash, Receipt, TxHash};

/// Most payments listed; older ones are found by their id alone.
pub(crate) const PAYMENTS_KEPT_MAX: usize = 16_384;
/// Most failures of payments whose beginning isn't known yet.
const EARLY_MAX: usize = 1024;

/// A map that forgets what it learned first.
struct Newest<V> {
    known: HashMap<TxHash, V>,
    order: VecDeque<TxHash>,
    max: usize,
}

impl<V> Newest<V> {
    fn new(max: usize) -> Newest<V> {
        Newest { known: HashMap::new(), order: VecDeque::new(), max }
    }

    fn put(&mut self, id: TxHash, value: V) {
        if self.known.insert(id, value).is_some() {
            return;
        }
        self.order.push_back(id);
        if self.max < self.order.len()
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

/// Those to entities on other nodes.
struct Remote {
    payments: Newest<Arc<Payment>>,
    /// Of those that failed before their beginning was told.
    early: Newest<Failure>,
}

/// The newest payments.
pub(crate) struct Payments {
    newest: Mutex<VecDeque<Arc<Payment>>>,
    remote: Mutex<Remote>,
}

impl Default for Payments {
    fn default() -> Payments {
        let remote = Remote { payments: Newest::new(PAYMENTS_KEPT_MAX), early: Newest::new(EARLY_MAX) };
        Payments { newest: Mutex::default(), remote: Mutex::new(remote) }
    }
}

impl Payments {
    /// What a receipt tells of payments. In the log's order, each once.
    pub(crate) fn hear(&self, receipt: &Receipt) {
        if let Some(payment) = Payment::of(receipt) {
            self.push(payment);
            return;
        }
        for log in &receipt.logs {
            let Event::PaymentEnded { payment, failure, preimage, .. } = log else { continue };
            if let Some(failure) = failure.first().filter(|_| *preimage == Hash::ZERO) {
                self.failed(*payment, failure);
            }
        }
        for payment in Payment::acknowledged(receipt) {
            let mut remote = lock(&self.remote);
            let place = remote.payments.known.get(&payment.hash).map(|begun| (begun.sequence, begun.at_ms));
            let (sequence, at_ms) = place.unwrap_or((payment.sequence, payment.at_ms));
            remote.payments.put(payment.hash, Arc::new(Payment { sequence, at_ms, ..payment }));
        }
    }

    fn push(&self, payment: Payment) {
        let mut kept = lock(&self.newest);
        if PAYMENTS_KEPT_MAX <= kept.len() {
            kept.pop_front();
        }
        kept.push_back(Arc::new(payment));
    }

    fn failed(&self, id: TxHash, failure: &Failure) {
        let mut remote = lock(&self.remote);
        match remote.payments.known.get(&id).cloned() {
            Some(begun) => {
                let stage = Stage::Failed(failure.clone());
                remote.payments.put(id, Arc::new(Payment { stage, ..(*begun).clone() }));
            }
            None => remote.early.put(id, failure.clone()),
        }
    }

    /// A payment to an entity on another node was drafted: how far it is by now.
    pub(crate) fn begun(&self, payment: Payment) -> Arc<Payment> {
        let mut remote = lock(&self.remote);
        if let Some(ended) = remote.payments.known.get(&payment.hash) {
            return Arc::clone(ended);
        }
        let stage = remote.early.known.get(&payment.hash).cloned().map_or(payment.stage, Stage::Failed);
        let payment = Arc::new(Payment { stage, ..payment });
        remote.payments.put(payment.hash, Arc::clone(&payment));
        payment
    }

    /// A payment to an entity on another node.
    pub(crate) fn remote(&self, id: TxHash) -> Option<Arc<Payment>> {
        lock(&self.remote).payments.known.get(&id).cloned()
    }

    /// All that are kept, each group oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<Payment>> {
        let mut all: Vec<_> = lock(&self.newest).iter().cloned().collect();
        let remote = lock(&self.remote);
        all.extend(remote.payments.order.iter().filter_map(|id| remote.payments.known.get(id).cloned()));
        all
    }
}
