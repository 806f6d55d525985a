//! What can happen in a walk.

use super::super::net::Net;
use super::super::script::{self, Words, preimage};
use super::ledger::{Ledger, PEOPLE};
use super::{CHANNELS, HUBS};
use crate::depositary::{OperationKind, OperationStatus};
use crate::dice::Dice;
use xln_crypto::frames::hashlock;
use xln_types::{Balance, ChainFact, Event, FactKind, FactPosition, Hash, Receipt};

/// Preimages of locks by hand; those of invoices come after them.
const BY_HAND: u64 = 8;

/// True for the hash of a lock by hand.
pub(super) fn is_by_hand(lock: Hash) -> bool {
    (0..BY_HAND).any(|number| hashlock(&preimage(usize::try_from(number).expect("small"))) == lock)
}

fn pick<'a, T: ?Sized>(dice: &mut Dice, all: &[&'a T]) -> &'a T {
    all[usize::try_from(dice.below(all.len() as u64)).expect("small")]
}

/// Two who have a channel, either first.
fn pair(dice: &mut Dice) -> (&'static str, &'static str) {
    let (one, other) = CHANNELS[usize::try_from(dice.below(CHANNELS.len() as u64)).expect("small")];
    if dice.once_in(2) { (one, other) } else { (other, one) }
}

fn tell(net: &mut Net, text: &str) -> Receipt {
    let words = Words(text.split_whitespace().collect());
    script::transaction(net, words.0[0], &words)
}

/// One act, and what to count it as.
pub(super) fn act(net: &mut Net, dice: &mut Dice, ledger: &mut Ledger) -> String {
    match dice.below(40) {
        0..5 => pay(net, dice, ledger),
        5..9 => route(net, dice, ledger),
        9..16 => by_hand(net, dice),
        16 => {
            let ((one, other), granted) = (pair(dice), 60 + dice.below(60));
            said("credit", &tell(net, &format!("{one} credit {other} {granted} USD")))
        }
        17 => {
            let ((one, other), window_s) = (pair(dice), 3600 + dice.below(2));
            said("window", &tell(net, &format!("{one} window {other} {window_s}")))
        }
        18 => {
            let (one, other) = pair(dice);
            said("allocate", &tell(net, &format!("{one} allocate {other} {} USD", 1 + dice.below(30))))
        }
        19 => {
            let (one, other) = pair(dice);
            said("deallocate", &tell(net, &format!("{one} deallocate {other} {} USD for 3000", 1 + dice.below(20))))
        }
        20 => {
            record_operations(net, Some(dice));
            "chain".into()
        }
        21 => {
            script::step(net, &format!("clock {}", dice.below(12)));
            "clock".into()
        }
        22 => {
            script::step(net, "chain time 0");
            "time".into()
        }
        23 => {
            let (node, what) = (usize::try_from(dice.below(3)).expect("small"), dice.below(4));
            match what {
                0 => net.nodes[node].lags = true,
                1 => net.nodes[node].busy = true,
                _ => {
                    (net.nodes[node].lags, net.nodes[node].busy) = (false, false);
                    let _ = net.catch_up(node);
                    net.close_frames(node);
                }
            }
            "moods".into()
        }
        24 => {
            let (one, other) = nodes(dice);
            net.reconnect(one, other);
            "reconnect".into()
        }
        25 => {
            let (one, other) = nodes(dice);
            net.lose(one, other);
            "lose".into()
        }
        26 => {
            let (one, other) = nodes(dice);
            net.remind(one, other);
            "remind".into()
        }
        _ => {
            let (one, other) = nodes(dice);
            for _ in 0..=dice.below(4) {
                let _ = net.deliver(one, other);
            }
            "deliver".into()
        }
    }
}

fn said(what: &str, receipt: &Receipt) -> String {
    format!("{what} {}", receipt.rejection().map_or("ok", xln_types::Rejection::reason))
}

fn nodes(dice: &mut Dice) -> (usize, usize) {
    let one = usize::try_from(dice.below(3)).expect("small");
    (one, (one + 1 + usize::try_from(dice.below(2)).expect("small")) % 3)
}

fn pay(net: &mut Net, dice: &mut Dice, ledger: &mut Ledger) -> String {
    let ((one, other), amount) = (pair(dice), 1 + dice.below(40));
    let receipt = tell(net, &format!("{one} pay {other} {amount} USD"));
    let (payer, payee, moved) = (net.people.entity(one), net.people.entity(other), i128::from(amount));
    let gains = vec![(payer, -moved), (payee, moved)];
    let at_once = receipt.logs.iter().any(|event| matches!(event, Event::Paid { .. }));
    if at_once {
        ledger.done.extend(gains);
    } else if receipt.is_executed() {
        ledger.asked.insert(receipt.hash, gains);
    }
    said("pay", &receipt)
}

/// Over one to three hubs that are neither payer nor payee, sometimes for too little, sometimes for nothing that was asked for.
fn route(net: &mut Net, dice: &mut Dice, ledger: &mut Ledger) -> String {
    let (payer, payee) = (pick(dice, &PEOPLE), pick(dice, &PEOPLE));
    let adjacent = |one: &str, other: &str| CHANNELS.contains(&(one, other)) || CHANNELS.contains(&(other, one));
    let mut hubs: Vec<&str> = HUBS.iter().copied().filter(|hub| *hub != payer && *hub != payee).collect();
    let mut via: Vec<&str> = Vec::new();
    let mut last = payer;
    while !adjacent(last, payee) || (dice.once_in(3) && !hubs.is_empty()) {
        let next: Vec<usize> = (0..hubs.len()).filter(|at| adjacent(last, hubs[*at])).collect();
        if next.is_empty() {
            break;
        }
        last = hubs.remove(next[usize::try_from(dice.below(next.len() as u64)).expect("small")]);
        via.push(last);
    }
    let (amount, number) = (1 + dice.below(30), BY_HAND + dice.below(6));
    if !dice.once_in(8) {
        script::step(net, &format!("{payee} invoice {amount} USD #{number} for 20000 => ?"));
    }
    let fees: Vec<u64> = via.iter().map(|_| if dice.once_in(12) { 0 } else { 1 + dice.below(2) }).collect();
    let hops: Vec<_> = via.iter().zip(&fees).map(|(hub, fee)| format!("{hub}+{fee}")).collect();
    let receipt = tell(net, &format!("{payer} send {amount} USD #{number} to {payee} via {}", hops.join(" ")));
    if receipt.is_executed() {
        let fee = fees.iter().sum::<u64>();
        let entity = |name: &str| net.people.entity(name);
        let mut gains = vec![(entity(payer), -i128::from(amount + fee)), (entity(payee), i128::from(amount))];
        gains.extend(via.iter().zip(&fees).map(|(hub, fee)| (entity(hub), i128::from(*fee))));
        ledger.asked.insert(receipt.hash, gains);
    }
    said("route", &receipt)
}

fn by_hand(net: &mut Net, dice: &mut Dice) -> String {
    let ((one, other), number) = (pair(dice), dice.below(BY_HAND));
    let last = |net: &Net| {
        let channel = net.node(one).server.channel(net.people.channel(one, other).0).expect("a channel");
        let side = channel.side_of(net.people.entity(one)).expect("its own").other();
        channel.book.htlcs.iter().find(|(key, htlc)| key.side == side && htlc.onion.0.is_empty()).map(|(key, htlc)| {
            let mut all = 0..usize::try_from(BY_HAND).expect("small");
            (key.id, all.find(|number| hashlock(&preimage(*number)) == htlc.hashlock).unwrap_or(0))
        })
    };
    match (dice.below(4), last(net)) {
        (0 | 1, Some((id, number))) => said("claim", &tell(net, &format!("{one} claim {other} {id} #{number}"))),
        (2, Some((id, _))) => said("cancel", &tell(net, &format!("{one} cancel {other} {id}"))),
        _ => {
            let (amount, seconds) = (1 + dice.below(40), 1200 + dice.below(2000));
            said("lock", &tell(net, &format!("{one} lock {other} {amount} USD #{number} for {seconds}")))
        }
    }
}

/// The chain records operations that were sent, or some of them; the others fail once their time is over.
pub(super) fn record_operations(net: &mut Net, mut dice: Option<&mut Dice>) {
    let mut kinds = Vec::new();
    for node in &net.nodes {
        for operation in node.server.operations().filter(|it| it.status == OperationStatus::Pending) {
            let chosen = dice.as_deref_mut().is_none_or(|dice| dice.once_in(2));
            let left_out = dice.is_none() && operation.amount.0.is_multiple_of(3);
            if !chosen || left_out {
                continue;
            }
            let (channel, asset, amount) = (operation.channel, operation.asset, operation.amount);
            kinds.push(match operation.kind {
                OperationKind::Allocate => {
                    let (entity, side, operation) = (operation.entity, operation.side, operation.id);
                    FactKind::CollateralAdded { channel, entity, side, asset, amount, operation }
                }
                _ => {
                    let taken = Balance(amount.0.cast_signed());
                    let (left, right) = operation.side.pick((taken, Balance::ZERO), (Balance::ZERO, taken));
                    FactKind::Settled { channel, asset, counter: operation.counter, left, right }
                }
            });
        }
    }
    for kind in kinds {
        let known = |fact: &ChainFact| fact.kind == kind;
        if net.facts.iter().any(known) {
            continue;
        }
        let at =
            FactPosition { block: net.facts.len() as u64 + 1, block_hash: Hash([9; 32]), ..FactPosition::default() };
        let receipts = net.fact(ChainFact { at, kind });
        assert!(receipts.iter().all(Receipt::is_executed), "{receipts:?}");
    }
}
