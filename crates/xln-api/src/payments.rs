//! The newest payments, for `payment.list`: filled from receipts, in the log's order, in bounded memory.

use crate::lock;
use crate::view::payment::Payment;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// Most payments listed; older ones are found by their id alone.
pub(crate) const PAYMENTS_KEPT_MAX: usize = 16_384;

/// The newest payments.
#[derive(Default)]
pub(crate) struct Payments(Mutex<VecDeque<Arc<Payment>>>);

impl Payments {
    pub(crate) fn push(&self, payment: Payment) {
        let mut kept = lock(&self.0);
        if PAYMENTS_KEPT_MAX <= kept.len() {
            kept.pop_front();
        }
        kept.push_back(Arc::new(payment));
    }

    /// All that are kept, oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<Payment>> {
        lock(&self.0).iter().cloned().collect()
    }
}
