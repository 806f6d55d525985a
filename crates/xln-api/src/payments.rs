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

#[cfg(test)]
mod tests {
    use super::*;
    use xln_types::codec::Blob;
    use xln_types::receipt::Status;
    use xln_types::{Amount, AssetId, Balance, ChannelId, EntityId, Rejection};

    fn receipt(logs: Vec<Event>) -> Receipt {
        let (hash, changes) = (TxHash([1; 32]), Vec::new());
        Receipt { hash, sequence: 9, executed_at_ms: 5000, status: Status::Executed, cost: 0, logs, changes }
    }

    fn begun(number: u8) -> Payment {
        Payment {
            hash: TxHash([number; 32]),
            sequence: 7,
            at_ms: 3000,
            from: EntityId([3; 32]),
            to: EntityId([4; 32]),
            asset: AssetId([5; 32]),
            amount: Amount(6),
            fee: Amount::ZERO,
            channels: vec![ChannelId([2; 32])],
            memo: Blob::default(),
            stage: Stage::Pending,
            lock: None,
        }
    }

    fn paid() -> Event {
        let Payment { from, to, asset, amount, memo, channels, .. } = begun(8);
        let (channel, delta) = (channels[0], Balance(0));
        Event::Paid { channel, payer: from, payee: to, asset, amount, delta, memo }
    }

    fn ended(number: u8, failure: Vec<Failure>) -> Event {
        let payer = EntityId([3; 32]);
        Event::PaymentEnded { payment: TxHash([number; 32]), payer, failure, preimage: Hash::ZERO }
    }

    /// A failure counts whether it is heard of before or after the answer to whoever asked.
    #[test]
    fn a_payment_that_fails_is_told_of_in_either_order() {
        let payments = Payments::default();
        let failure = Failure::here(Rejection::Disputed {});
        let failed = Stage::Failed(failure.clone());
        assert_eq!(payments.begun(begun(8)).stage, Stage::Pending);
        payments.hear(&receipt(vec![ended(8, vec![failure.clone()]), ended(9, vec![failure])]));
        assert_eq!(payments.remote(TxHash([8; 32])).map(|it| it.stage.clone()), Some(failed.clone()));
        assert_eq!(payments.begun(begun(8)).stage, failed);
        assert_eq!(payments.begun(begun(9)).stage, failed);
    }

    /// CH-6: one frame acknowledges many payments; each is its own, and keeps its place.
    #[test]
    fn one_receipt_completes_many_payments() {
        let payments = Payments::default();
        payments.begun(begun(8));
        let agreed = Event::FrameAgreed {
            channel: ChannelId([2; 32]),
            left: EntityId([3; 32]),
            right: EntityId([4; 32]),
            height: 1,
            nonce: 1,
        };
        let told = receipt(vec![agreed, paid(), ended(8, vec![]), paid(), ended(9, vec![])]);
        assert_eq!(Payment::of(&told), None, "the frame isn't a payment");
        payments.hear(&told);
        let all = payments.all();
        let seen: Vec<_> = all.iter().map(|it| (it.hash.0[0], it.stage.clone(), it.sequence, it.at_ms)).collect();
        assert_eq!(seen, [(8, Stage::Completed, 7, 3000), (9, Stage::Completed, 0, 5000)]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut newest = Newest::new(2);
        for number in [1, 2, 1, 3_u8] {
            newest.put(TxHash([number; 32]), number);
        }
        assert_eq!((newest.known.len(), newest.order.len()), (2, 2));
        assert!(!newest.known.contains_key(&TxHash([1; 32])), "what was learned first");
    }
}
