//! Waiting transactions, per machine and bounded (PRD 4.4.1, **TX-2**, **TX-4**).
//!
//! Order: by fee class (the fee's power of two; free last), then first in, first out; one sender's are always in order, so a
//! later one of the same sender never overtakes an earlier one, whatever it pays. Chain facts and commands don't wait here: the
//! loop takes them first. A nonce ahead of its turn waits; a repeat is refused. Not part of the state: what never got its turn
//! was never logged.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use xln_types::{Address, Amount};

/// Most transactions that wait for their turn alone, not counting those behind a gap.
pub const MEMPOOL_ITEMS_MAX: usize = 131_072;
/// Most transactions that wait behind a gap, of all senders: whoever signs ahead of its turn keeps nobody out who doesn't.
pub const PARKED_ITEMS_MAX: usize = 16_384;
/// Most transactions of one sender that wait.
pub const SENDER_ITEMS_MAX: usize = 32_768;
/// How far ahead of its turn a nonce may be.
pub const NONCE_GAP_MAX: u64 = 1024;

/// Which turn a transaction claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Signed with this nonce.
    Nonce(u64),
    /// A hosted call: whatever nonce is next.
    Next,
}

/// Why a transaction may not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its nonce was used, or another with it waits already (TX-2).
    Repeat {
        /// The next free nonce.
        expected: u64,
    },
    /// Its nonce is too far ahead.
    TooFar {
        /// The next nonce.
        expected: u64,
    },
    /// The mempool, or this sender's part of it, is full.
    Full,
}

#[derive(Debug)]
struct Item<T> {
    class: u8,
    arrival: u64,
    payload: T,
}

#[derive(Debug)]
struct Sender<T> {
    expected: u64,
    numbered: BTreeMap<u64, Item<T>>,
    next: VecDeque<Item<T>>,
    /// How many of the numbered follow each other from `expected` on; the others are parked behind a gap.
    run: u64,
    /// How many were parked when last counted.
    parked: usize,
    /// Under which key this sender stands among those whose turn it is.
    ready: Option<(u8, u64)>,
}

impl<T> Sender<T> {
    fn len(&self) -> usize {
        self.numbered.len().saturating_add(self.next.len())
    }

    /// The item whose turn it is: the expected nonce's or the oldest hosted call, whichever came first.
    fn head(&self) -> Option<&Item<T>> {
        match (self.numbered.get(&self.expected), self.next.front()) {
            (Some(numbered), Some(next)) if next.arrival < numbered.arrival => Some(next),
            (Some(numbered), _) => Some(numbered),
            (None, next) => next,
        }
    }

    fn take(&mut self) -> Option<Item<T>> {
        let head = self.head()?.arrival;
        let item = match self.next.front() {
            Some(next) if next.arrival == head => self.next.pop_front(),
            _ => self.numbered.remove(&self.expected),
        };
        self.expected = self.expected.saturating_add(1);
        self.run = self.run.saturating_sub(1);
        item
    }

    /// The nonce that closes the gap: one past the run.
    fn gap(&self) -> u64 {
        self.expected.saturating_add(self.run)
    }

    /// The state went on without the mempool.
    fn expect(&mut self, expected: u64) {
        self.run = self.run.saturating_sub(expected.saturating_sub(self.expected));
        self.expected = expected;
        self.extend();
    }

    /// Lets the run grow over what follows it.
    fn extend(&mut self) {
        while self.numbered.contains_key(&self.gap()) && self.gap() != u64::MAX {
            self.run = self.run.saturating_add(1);
        }
    }

    fn parked(&self) -> usize {
        self.numbered.len().saturating_sub(usize::try_from(self.run).unwrap_or(usize::MAX))
    }
}

/// The mempools of all senders.
#[derive(Debug)]
pub struct Mempool<T> {
    senders: BTreeMap<Address, Sender<T>>,
    /// Senders whose head may go: by class, then arrival.
    ready: BTreeSet<(u8, u64, Address)>,
    arrivals: u64,
    items: usize,
    /// Of which behind a gap.
    parked: usize,
}

impl<T> Default for Mempool<T> {
    fn default() -> Self {
        Mempool { senders: BTreeMap::new(), ready: BTreeSet::new(), arrivals: 0, items: 0, parked: 0 }
    }
}

/// TX-4: the fee's power of two, highest first; free last.
fn class(fee: Amount) -> u8 {
    fee.0.checked_ilog2().map_or(u8::MAX, |log| u8::try_from(127_u32.saturating_sub(log)).unwrap_or(u8::MAX))
}

impl<T> Mempool<T> {
    /// Takes a transaction in; `expected` is the sender's next nonce by the state.
    ///
    /// # Errors
    /// A [`Refusal`], with the payload given back.
    pub fn push(
        &mut self,
        from: Address,
        expected: u64,
        turn: Turn,
        fee: Amount,
        payload: T,
    ) -> Result<(), (Refusal, T)> {
        let turn = if xln_types::planted("nonce_unchecked") { Turn::Next } else { turn };
        if MEMPOOL_ITEMS_MAX <= self.items.saturating_sub(self.parked) {
            return Err((Refusal::Full, payload));
        }
        let sender = self.senders.entry(from).or_insert_with(|| Sender {
            expected,
            numbered: BTreeMap::new(),
            next: VecDeque::new(),
            run: 0,
            parked: 0,
            ready: None,
        });
        if sender.expected < expected {
            sender.expect(expected);
        }
        let expected = sender.expected;
        let refusal = match turn {
            _ if SENDER_ITEMS_MAX <= sender.len() => Some(Refusal::Full),
            Turn::Nonce(nonce) if nonce < expected || sender.numbered.contains_key(&nonce) => {
                Some(Refusal::Repeat { expected })
            }
            Turn::Nonce(nonce) if expected.saturating_add(NONCE_GAP_MAX) < nonce => Some(Refusal::TooFar { expected }),
            Turn::Nonce(nonce) if nonce != sender.gap() && PARKED_ITEMS_MAX <= self.parked => Some(Refusal::Full),
            _ => None,
        };
        if let Some(refusal) = refusal {
            self.settle(from);
            return Err((refusal, payload));
        }
        self.arrivals = self.arrivals.saturating_add(1);
        let item = Item { class: class(fee), arrival: self.arrivals, payload };
        match turn {
            Turn::Nonce(nonce) => {
                sender.numbered.insert(nonce, item);
                sender.extend();
            }
            Turn::Next => sender.next.push_back(item),
        }
        self.items = self.items.saturating_add(1);
        self.settle(from);
        Ok(())
    }

    /// The next transaction whose turn has come. Its nonce counts as used (TX-2).
    pub fn pop(&mut self) -> Option<T> {
        let (_, _, from) = self.ready.first().copied()?;
        let item = self.senders.get_mut(&from)?.take();
        self.items = self.items.saturating_sub(usize::from(item.is_some()));
        self.settle(from);
        item.map(|item| item.payload)
    }

    /// True when this transaction of the sender's waits behind a gap.
    pub fn is_parked(&self, from: Address, nonce: u64) -> bool {
        self.senders
            .get(&from)
            .is_some_and(|sender| sender.gap() <= nonce && sender.numbered.contains_key(&nonce) && nonce != u64::MAX)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.items
    }

    /// True when none waits.
    pub fn is_empty(&self) -> bool {
        self.items == 0
    }

    /// True when one may go.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Takes out numbered transactions for which `stale` holds: those whose nonce has passed or whose time has run out.
    pub fn remove_stale(&mut self, stale: impl Fn(u64, &T) -> bool) -> Vec<T> {
        let mut removed = Vec::new();
        let addresses: Vec<Address> = self.senders.keys().copied().collect();
        for from in addresses {
            if let Some(sender) = self.senders.get_mut(&from) {
                let expected = sender.expected;
                let gone: Vec<u64> = sender
                    .numbered
                    .iter()
                    .filter(|(nonce, item)| **nonce < expected || stale(**nonce, &item.payload))
                    .map(|(nonce, _)| *nonce)
                    .collect();
                for nonce in gone {
                    removed.extend(sender.numbered.remove(&nonce).map(|item| item.payload));
                    self.items = self.items.saturating_sub(1);
                }
                sender.run = 0;
                sender.extend();
            }
            self.settle(from);
        }
        removed
    }

    /// Puts the sender where its head belongs, or forgets it when nothing waits.
    fn settle(&mut self, from: Address) {
        let Some(sender) = self.senders.get_mut(&from) else { return };
        let parked = sender.parked();
        self.parked = self.parked.saturating_sub(sender.parked).saturating_add(parked);
        sender.parked = parked;
        if let Some((class, arrival)) = sender.ready.take() {
            self.ready.remove(&(class, arrival, from));
        }
        let head = sender.head().map(|item| (item.class, item.arrival));
        sender.ready = head;
        if let Some((class, arrival)) = head {
            self.ready.insert((class, arrival, from));
        } else if sender.len() == 0 {
            self.senders.remove(&from);
        }
    }
}

#[cfg(test)]
mod tests;
