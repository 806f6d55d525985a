//! What each should own in the evening, from what was asked for and what the nodes said became of it.

use super::super::net::Net;
use std::collections::BTreeMap;
use xln_types::{ChainFact, ChannelId, EntityId, Event, FactKind, HtlcKey, Side, TxHash};

/// Who gains how much if a payment succeeds.
pub(super) type Gains = Vec<(EntityId, i128)>;

/// What was asked for.
#[derive(Default)]
pub(super) struct Ledger {
    /// Payments that end later, by the payer's transaction.
    pub(super) asked: BTreeMap<TxHash, Gains>,
    /// What was over at once.
    pub(super) done: Gains,
    /// Before the first act.
    before: BTreeMap<EntityId, i128>,
    facts: usize,
}

/// Everybody.
pub(super) const PEOPLE: [&str; 6] = ["A", "B", "C", "A.p", "B.q", "C.r"];

fn owned(net: &Net) -> BTreeMap<EntityId, i128> {
    let usd = net.asset("USD");
    let all = PEOPLE.iter().map(|name| {
        let entity = net.people.entity(name);
        (entity, net.node(name).server.reserve(entity, usd).unwrap_or_default().net.0)
    });
    all.collect()
}

impl Ledger {
    pub(super) fn new(net: &Net) -> Ledger {
        Ledger { before: owned(net), facts: net.facts.len(), ..Ledger::default() }
    }

    /// Each owns what it should, and every payment has ended, once.
    pub(super) fn compare(mut self, net: &Net) -> BTreeMap<String, u64> {
        let mut expected = std::mem::take(&mut self.before);
        let (ended, count) = self.ended(net);
        let chain = by_chain(&net.facts[self.facts..], net);
        let gains = ended.into_iter().chain(self.done).chain(by_hand(net)).chain(chain);
        for (entity, gain) in gains {
            *expected.get_mut(&entity).expect("known") += gain;
        }
        assert_eq!(owned(net), expected, "each owns what it should");
        count
    }

    /// What moved by payments that ended later, and how often each ended how.
    fn ended(&self, net: &Net) -> (Gains, BTreeMap<String, u64>) {
        let (mut open, mut count) = (self.asked.clone(), BTreeMap::new());
        let mut gains = Vec::new();
        let logs = net.nodes.iter().flat_map(|node| &node.receipts).flat_map(|receipt| &receipt.logs);
        for event in logs {
            if let Event::PaymentEnded { payment, failure, .. } = event {
                let asked = open.remove(payment).expect("asked for, and ended once");
                let why = failure.first().map_or("ok", |failure| failure.reason.reason());
                *count.entry(format!("ended {why} of {}", asked.len())).or_default() += 1;
                if failure.is_empty() {
                    gains.extend(asked);
                }
            }
        }
        assert!(open.is_empty(), "every payment ends: {open:?}");
        (gains, count)
    }
}

/// HTLCs that go no further, as both nodes told of them: each claimed or given back once.
fn by_hand(net: &Net) -> Gains {
    let mut gains = Vec::new();
    let mut told: BTreeMap<(ChannelId, HtlcKey), [u64; 4]> = BTreeMap::new();
    for node in &net.nodes {
        let mut locked = BTreeMap::new();
        for event in node.receipts.iter().flat_map(|receipt| &receipt.logs) {
            match event {
                Event::HtlcAdded { channel, key, amount, left, right, hashlock, .. } => {
                    let known = locked.insert((*channel, *key), (*amount, *left, *right, *hashlock));
                    assert_eq!(known, None, "HT-2: a number is used once");
                }
                Event::HtlcEnded { channel, key, failure, .. } => {
                    let (amount, left, right, hashlock) = locked[&(*channel, *key)];
                    let payer_here = net.people.node(key.side.pick(left, right)) == node.name;
                    let place = usize::from(payer_here) * 2 + usize::from(failure.is_empty());
                    told.entry((*channel, *key)).or_default()[place] += 1;
                    if failure.is_empty() && payer_here && super::acts::is_by_hand(hashlock) {
                        let (payer, payee) = key.side.pick((left, right), (right, left));
                        let amount = amount.0.cast_signed();
                        gains.extend([(payer, -amount), (payee, amount)]);
                    }
                }
                _ => {}
            }
        }
        for place in locked.keys() {
            assert!(told.contains_key(place), "HT-2: each ends: {place:?}");
        }
    }
    for (place, [returned, claimed, returned_payer, claimed_payer]) in told {
        let one_node = returned + claimed == 0;
        let same = (returned, claimed) == (returned_payer, claimed_payer);
        assert!(
            returned_payer + claimed_payer == 1 && (same || one_node),
            "each ends once, the same for both: {place:?}"
        );
    }
    gains
}

/// What the chain moved between reserves and channels.
fn by_chain(facts: &[ChainFact], net: &Net) -> Gains {
    let mut gains = Vec::new();
    for fact in facts {
        match fact.kind {
            FactKind::CollateralAdded { entity, amount, .. } => gains.push((entity, amount.0.cast_signed())),
            FactKind::Settled { channel, left, right, .. } => {
                let found = net.nodes.iter().find_map(|node| node.server.channel(channel)).expect("known");
                gains
                    .extend([Side::Left, Side::Right].map(|side| (found.head.entity(side), -side.pick(left, right).0)));
            }
            _ => {}
        }
    }
    gains
}
