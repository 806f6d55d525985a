//! What scripts ask.
//!
//! ```text
//! free|allocating|allocated|owed|granted|net|exposed X ASSET N
//! share|out|held|collateral|listed|mine X Y ASSET N       of X's side at X's node (mine: what X grants Y)
//! status|height|waiting|pending|window X Y WORD    pending: X's HTLCs in the head       operation X #1 STATUS       effects A N
//! payment X succeeded|pending|failed:HOP:REASON    X's last    payments|forwards|outgoing|invoices|known A N
//! told A paid 5, ended, …                          what A told of since it was last asked
//! refused A REASON, …                              what A's door refused since it was last asked
//! ```

use super::net::Net;
use super::script::Words;
use crate::channel::Channel;
use xln_types::{Event, Failure, Rejection};

/// What the state answers to a question, as text.
pub(super) fn answer(net: &Net, words: &Words<'_>) -> String {
    let asked = &words.0[..words.0.len() - 1];
    match asked {
        ["operation", name, number] => {
            let node = net.node(name);
            let id = node.operations[number.trim_start_matches('#').parse::<usize>().expect("a number") - 1];
            node.server.operation(id).map_or("none", |operation| operation.status.name()).to_string()
        }
        ["effects", name] => net.node(name).sent.len().to_string(),
        ["payment", name] => payment(net, name),
        // How far away the payer's last payment failed.
        ["hop", name] => payment(net, name).split(':').nth(1).unwrap_or("none").to_owned(),
        [what, name] => count(net, what, name),
        ["status", one, other] => {
            let channel = net.node(one).server.channel(net.people.channel(one, other).0);
            channel.map_or("none", |channel| channel.head.status.name()).to_string()
        }
        [what @ ("height" | "waiting" | "pending" | "window"), one, other] => {
            let (id, side) = net.people.channel(one, other);
            let channel = net.node(one).server.channel(id).expect("a channel");
            let replica = || channel.replica.as_ref().expect("a replica");
            match *what {
                "height" => replica().height.to_string(),
                "waiting" => (replica().stack.len() + replica().draft.len()).to_string(),
                "window" => channel.head.dispute_window_s.to_string(),
                _ => channel.book.pending(side).to_string(),
            }
        }
        [what, name, asset] => reserve(net, what, name, asset),
        [what, one, other, asset] => {
            let (id, _) = net.people.channel(one, other);
            let channel = net.node(one).server.channel(id).expect("a channel");
            line(net, channel, what, one, asset)
        }
        _ => panic!("no such question: {asked:?}"),
    }
}

fn count(net: &Net, what: &str, name: &str) -> String {
    let server = &net.node(name).server;
    let count = match what {
        "payments" => server.payments.len(),
        "forwards" => server.forwards.len(),
        "outgoing" => server.outgoing.len(),
        "expiries" => server.expiries.len(),
        "invoices" => server.invoices.len(),
        "known" => server.nodes.len(),
        "alarms" => net
            .node(name)
            .receipts
            .iter()
            .flat_map(|it| &it.logs)
            .filter(|it| matches!(it, Event::Alarm { .. }))
            .count(),
        _ => panic!("no such question: {what}"),
    };
    count.to_string()
}

fn payment(net: &Net, name: &str) -> String {
    let (server, payer) = (&net.node(name).server, net.people.entity(name));
    let last = server.payments().filter(|payment| payment.payer == payer).max_by_key(|payment| {
        let receipts = net.node(name).receipts.iter();
        receipts.filter(|receipt| receipt.hash == payment.id).map(|receipt| receipt.sequence).next()
    });
    let last = last.expect("a payment");
    match last.status {
        0 => "pending".into(),
        1 => "succeeded".into(),
        _ => failures("failed", &last.failure),
    }
}

fn failures(word: &str, failure: &[Failure]) -> String {
    let reason = |reason: &Rejection| format!("{reason:?}").split_whitespace().next().unwrap_or_default().to_owned();
    let said: Vec<_> = failure.iter().map(|failure| format!("{}:{}", failure.hop, reason(&failure.reason))).collect();
    format!("{word}:{}", said.join(":"))
}

fn reserve(net: &Net, what: &str, name: &str, asset: &str) -> String {
    let (server, entity, asset) = (&net.node(name).server, net.people.entity(name), net.asset(asset));
    let reserve = server.reserve(entity, asset).unwrap_or_default();
    match what {
        "free" => reserve.free.to_string(),
        "allocating" => reserve.allocating.to_string(),
        "allocated" => reserve.allocated.to_string(),
        "owed" => reserve.owed.to_string(),
        "granted" => reserve.granted.to_string(),
        "net" => reserve.net.to_string(),
        "exposed" => {
            let depositary = server.depositary_of(entity).expect("an entity");
            depositary.exposed.get(&asset).copied().unwrap_or_default().to_string()
        }
        _ => panic!("no such question: {what}"),
    }
}

fn line(net: &Net, channel: &Channel, what: &str, one: &str, asset: &str) -> String {
    let (side, asset) = (channel.side_of(net.people.entity(one)).expect("its own"), net.asset(asset));
    let line = channel.line(asset).copied().unwrap_or_default();
    match what {
        "collateral" => line.collateral.to_string(),
        "share" => line.share(side).to_string(),
        "held" => line.held(side).to_string(),
        "listed" => line.listed.to_string(),
        "mine" => line.granted(side).to_string(),
        "out" => {
            let out = net.node(one).server.available_in(channel.head.id, side, asset);
            out.map_or("none".into(), |out| out.to_string())
        }
        _ => panic!("no such question: {what}"),
    }
}

/// What a node told of since it was last asked.
pub(super) fn told(net: &mut Net, name: &str) -> String {
    let node = net.at(name);
    let events = std::mem::take(&mut net.nodes[node].told);
    let said: Vec<_> = events.iter().filter_map(short).collect();
    said.join(", ")
}

fn short(event: &Event) -> Option<String> {
    Some(match event {
        Event::Paid { amount, .. } => format!("paid {amount}"),
        Event::PaymentEnded { failure, .. } if failure.is_empty() => "ended".into(),
        Event::PaymentEnded { failure, .. } => failures("failed", failure),
        Event::HtlcAdded { amount, .. } => format!("locked {amount}"),
        Event::HtlcEnded { failure, .. } if failure.is_empty() => "claimed".into(),
        Event::HtlcEnded { failure, .. } => failures("returned", failure),
        Event::InvoicePaid { .. } => "invoice paid".into(),
        Event::Alarm { .. } => "alarm".into(),
        _ => return None,
    })
}
