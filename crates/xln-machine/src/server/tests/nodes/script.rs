//! Scripts: a line a step, played by [`check`]; after each, what isn't held is delivered until nothing is under way. What stands behind
//! `=>` is the rejection; nothing: it is executed; `?`: whatever.
//!
//! ```text
//! nodes A B         each with a hub that is called like it    people A.p A.K    founded at node A; capital ones keep their own key
//! meet A B C        each node introduces its hub to each other        introduce X to B [at C] [salt N] [signer Y] [threshold N]
//! X open Y [lock|grant|ask N ASSET]… [window N]       X accept Y [grant N ASSET]…       X credit Y N ASSET
//! X pay Y N ASSET [fee N]        X lock Y N ASSET #1 [for N]        X claim Y ID #1        X cancel Y ID [own]
//! X invoice N ASSET #1 [for N]   X send N ASSET #1 to Y via A+FEE … [fee N] [for N] [until N: the deadline] [memo N]
//! X allocate Y N ASSET [for N]   X deallocate Y N ASSET [for N]     X update [free N] [policy ASSET | reserve|cap|grants|total|base|ppm N]
//! X window Y N [mailbox N]
//! chain deposited X N ASSET | added X Y N ASSET [#1: X's first operation] | settled X Y ASSET counter N M | time ±N | reverted X #1
//! clock N           N seconds pass                  lag A       A hears nothing of the chain, until: catch A
//! hold A B          what A says to B waits          flow A B    it goes on; without names: all goes on
//! busy A            A closes no frames, until: free-hands A
//! lose A B          what A says to B is lost        reconnect A B      both are, and are said again       remind A B
//! ```
//!
//! Questions stand in [`super::answers`].

use super::net::Net;
use super::people::{board, is_custody};
use super::{answers, bodies, checks};
use crate::server::Input;
use crate::server::tests::script::outcome;
use xln_crypto::{VerifiedTx, keccak256};
use xln_types::codec::Blob;
use xln_types::entry::Command;
use xln_types::tx::{self, AssetAmount, Body};
use xln_types::{Address, Amount, Board, ChainFact, FactKind, FactPosition, Hash, Receipt, Transaction};

/// Plays a script on new nodes; at its end nothing is under way.
pub(super) fn check(script: &str) -> Net {
    let mut net = Net::new();
    play(&mut net, script);
    end(&mut net);
    net
}

/// Plays a script twice: as it stands, and with A and B in each other's place, so that each of them is left once.
pub(super) fn both(script: &str) {
    let _ = check(script);
    let exchanged = |word: &str| {
        let is_node = word.len() == 1 || word[1..].starts_with(['.', '+']);
        match word.chars().next() {
            Some('A') if is_node => format!("B{}", &word[1..]),
            Some('B') if is_node => format!("A{}", &word[1..]),
            _ => word.to_owned(),
        }
    };
    let line = |line: &str| line.split_whitespace().map(exchanged).collect::<Vec<_>>().join(" ");
    let _ = check(&script.lines().map(line).collect::<Vec<_>>().join("\n"));
}

/// All goes on and is said again, nothing stays under way, and the logs replay.
pub(super) fn end(net: &mut Net) {
    net.held.clear();
    net.settle();
    for _ in 0..2 {
        let lines: Vec<_> = net.links.keys().copied().collect();
        lines.into_iter().for_each(|(from, to)| net.remind(from, to));
        net.settle();
    }
    checks::quiet(net);
    checks::replay(net);
}

/// Plays a script on.
pub(super) fn play(net: &mut Net, script: &str) {
    for line in script.lines() {
        let text = line.split("//").next().unwrap_or_default().trim();
        if !text.is_empty() {
            step(net, text);
            net.settle();
            checks::agree(net);
        }
    }
}

/// The words of a step; most are found by the word before them.
pub(super) struct Words<'a>(pub(super) Vec<&'a str>);

impl<'a> Words<'a> {
    pub(super) fn after(&self, key: &str) -> Option<&'a str> {
        self.0.iter().position(|word| *word == key).and_then(|at| self.0.get(at + 1).copied())
    }

    pub(super) fn number(&self, key: &str, otherwise: u128) -> u128 {
        self.after(key).map_or(otherwise, number)
    }

    pub(super) fn small(&self, key: &str, otherwise: u64) -> u64 {
        u64::try_from(self.number(key, u128::from(otherwise))).expect("small")
    }

    /// All of `key N ASSET`.
    pub(super) fn amounts(&self, net: &Net, key: &str) -> Vec<AssetAmount> {
        let places = self.0.iter().enumerate().filter(|(_, word)| **word == key);
        places.map(|(at, _)| self.amount(net, at + 1)).collect()
    }

    /// `N ASSET` at a place.
    pub(super) fn amount(&self, net: &Net, at: usize) -> AssetAmount {
        AssetAmount { asset: net.asset(self.0[at + 1]), amount: Amount(number(self.0[at])) }
    }

    /// The number behind `#`.
    pub(super) fn hash(&self) -> usize {
        let word = self.0.iter().find(|word| word.starts_with('#')).expect("a number behind #");
        usize::try_from(number(word)).expect("small")
    }
}

pub(super) fn number(word: &str) -> u128 {
    match word {
        "max" => xln_types::AMOUNT_MAX,
        _ => word.trim_start_matches('#').parse().unwrap_or_else(|_| panic!("not a number: {word}")),
    }
}

/// The preimage of a number.
pub(super) fn preimage(number: usize) -> Hash {
    keccak256(format!("secret {number}").as_bytes())
}

pub(super) fn step(net: &mut Net, text: &str) {
    let (act, expected) = text.split_once("=>").unwrap_or((text, "ok"));
    let words = Words(act.split_whitespace().collect());
    let receipt = match words.0.as_slice() {
        ["chain", "time" | "deposited" | "added" | "settled", ..] => bodies::chain(net, &words),
        ["chain", "reverted", name, _] => {
            let node = net.at(name);
            let operation = net.nodes[node].operations[words.hash() - 1];
            let fact = ChainFact { at: FactPosition::default(), kind: FactKind::Reverted { operation } };
            net.turn(node, Input::Fact(fact))
        }
        ["introduce", ..] => introduce(net, &words),
        [from, verb, ..] if VERBS.contains(verb) => transaction(net, from, &words),
        [payee, "invoice", ..] => invoice(net, payee, &words),
        _ if control(net, &words) => return,
        [asked @ .., answer] if act == text && !asked.is_empty() => {
            return assert_eq!(answers::answer(net, &words), *answer, "{text}");
        }
        _ => panic!("no such step: {text}"),
    };
    assert!(expected.trim() == "?" || outcome(&receipt) == expected.trim(), "{text} => {}", outcome(&receipt));
}

/// What the test does to the world.
fn control(net: &mut Net, words: &Words<'_>) -> bool {
    match words.0.as_slice() {
        ["nodes", names @ ..] => names.iter().for_each(|name| net.add_node(name)),
        ["people", names @ ..] => names.iter().for_each(|name| found(net, name)),
        ["meet", names @ ..] => meet(net, names),
        ["clock", seconds] => {
            net.now_ms += seconds.parse::<u64>().expect("seconds") * 1000;
            (0..net.nodes.len()).for_each(|node| net.close_frames(node));
        }
        ["hold", from, to] => {
            let _ = net.held.insert((net.at(from), net.at(to)));
        }
        ["flow"] => net.held.clear(),
        ["flow", from, to] => {
            let _ = net.held.remove(&(net.at(from), net.at(to)));
        }
        ["lose", from, to] => net.lose(net.at(from), net.at(to)),
        ["reconnect", one, other] => net.reconnect(net.at(one), net.at(other)),
        ["remind", from, to] => net.remind(net.at(from), net.at(to)),
        ["busy", name] => {
            let node = net.at(name);
            net.nodes[node].busy = true;
        }
        ["free-hands", name] => {
            let node = net.at(name);
            net.nodes[node].busy = false;
            net.close_frames(node);
        }
        ["lag", name] => {
            let node = net.at(name);
            net.nodes[node].lags = true;
        }
        ["catch", name] => {
            let node = net.at(name);
            net.nodes[node].lags = false;
            assert!(net.catch_up(node).iter().all(Receipt::is_executed), "{name} catches up");
        }
        ["told", name, said @ ..] => assert_eq!(answers::told(net, name), said.join(" "), "told {name}"),
        ["refused", name, said @ ..] => {
            let node = net.at(name);
            let refused = std::mem::take(&mut net.nodes[node].refused);
            let refused: Vec<_> = refused.iter().map(|why| format!("{why:?}").replace(" {}", "")).collect();
            assert_eq!(refused.join(", "), said.join(" "), "refused {name}");
        }
        _ => return false,
    }
    true
}

/// A signer becomes known at its node and founds its entity.
fn found(net: &mut Net, name: &str) {
    let (node, person) = (net.at(name), net.people.add(name));
    let (signer, owner, hosted) = (person.signer, person.signer.address(), u8::from(!is_custody(name)));
    let (public_key, metadata) = (person.public_key, Blob::default());
    let register = Command::RegisterSigner { signer, public_key, owner, hosted, metadata };
    assert!(net.turn(node, Input::Command(register)).is_executed());
    let Board { threshold, members, salt } = board(signer);
    let body = tx::CreateEntity { threshold, members, salt, metadata: Blob::default() };
    assert!(send(net, name, &body.into(), Address::ZERO, Amount::ZERO).is_executed());
}

fn meet(net: &mut Net, names: &[&str]) {
    for one in names {
        for other in names.iter().filter(|other| *other != one) {
            step(net, &format!("introduce {other} to {one}"));
        }
    }
}

fn introduce(net: &mut Net, words: &Words<'_>) -> Receipt {
    let name = words.0[1];
    let person = net.people.get(words.after("signer").unwrap_or(name));
    let Board { members, .. } = board(person.signer);
    let board = Board { threshold: words.small("threshold", 1), members, salt: words.small("salt", 0) };
    let node = net.people.entity(words.after("at").unwrap_or(super::people::node_of(name)));
    let to = net.at(words.after("to").expect("to a node"));
    net.turn(to, Input::Command(Command::Introduce { node, board, public_key: person.public_key }))
}

fn invoice(net: &mut Net, payee: &str, words: &Words<'_>) -> Receipt {
    let AssetAmount { asset, amount } = words.amount(net, 2);
    let person = net.people.get(payee);
    let command = Command::Invoice {
        payee: person.entity,
        account: net.people.get(words.after("as").unwrap_or(payee)).signer.address(),
        asset,
        amount,
        preimage: preimage(words.hash()),
        expires_at_s: net.now_s() + words.small("for", 3600),
        memo: Blob::default(),
    };
    net.turn(net.at(words.after("on").unwrap_or(payee)), Input::Command(command))
}

const VERBS: [&str; 13] = [
    "open",
    "accept",
    "credit",
    "pay",
    "lock",
    "claim",
    "cancel",
    "send",
    "allocate",
    "deallocate",
    "update",
    "window",
    "withdraw",
];

pub(super) fn transaction(net: &mut Net, from: &str, words: &Words<'_>) -> Receipt {
    let body = bodies::body(net, words);
    let to = match body {
        Body::DirectPayment(_) if words.0[1] == "pay" => net.people.address(words.0[2]),
        _ => Address::ZERO,
    };
    let fees = words.0.iter().filter(|word| word.contains('+')).filter_map(|word| word.split_once('+'));
    let fee = fees.map(|(_, fee)| number(fee)).sum();
    send(net, from, &body, to, Amount(words.number("fee", fee)))
}

/// A transaction as it would leave the verifier, at the node of whoever sends it.
pub(super) fn send(net: &mut Net, from: &str, body: &Body, to: Address, fee: Amount) -> Receipt {
    let node = net.at(from);
    let sent = signed_tx(net, node, from, body, to, fee);
    net.turn(node, Input::Transaction(sent))
}

/// As [`send`], at any node.
pub(super) fn signed_tx(net: &Net, node: usize, from: &str, body: &Body, to: Address, fee: Amount) -> VerifiedTx {
    let person = net.people.get(from);
    let sender = if let Body::CreateEntity(_) = body { person.signer.address() } else { person.entity.address() };
    let server = &net.nodes[node].server;
    let (nonce, timestamp) = (server.next_nonce(sender).unwrap_or(0), net.now_s());
    let (kind, data, signature) = (body.kind(), body.to_data(), Blob::default());
    let tx = Transaction { kind, from: sender, to, nonce, data, fee, timestamp, signature };
    VerifiedTx::from_log(server.decode(tx).expect("canonical"), net.people.authority(from))
}
