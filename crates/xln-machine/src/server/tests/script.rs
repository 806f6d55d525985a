//! Scripts: a line a step, played by [`check`]. What stands behind `=>` is the rejection; nothing: it is executed.
//!
//! ```text
//! entities a b K                      signers become known, each founds its first entity; hub is there
//! a open hub [lock|grant|ask N ASSET]… [window N] [until N]     a accept b [grant N ASSET]…     a credit b N ASSET
//! a pay b N ASSET [memo N] [route b]     a deposit N ASSET     a withdraw N ASSET [to zero] [until N]
//! a allocate b N ASSET [until N]         a deallocate b N ASSET [until N]
//! a create [salt N] [threshold N] [member x N]… [metadata N]    a delete [other b]
//! a update [metadata N] [free N] [policy ASSET | reserve|cap|grants|total|base|ppm N]
//!     behind each: [fee N] [as b: b's account] [by b: b's signature] [nonce ±N] [skew ±N] [signed: for the chain]
//! chain deposited a N ASSET | withdrawn a N ASSET #1 | added a b N ASSET #1 | settled a b ASSET #counter N M
//! chain time ±N | reverted #1 | reorg N         [at BLOCK.INDEX] [tx #1: in that operation's own transaction]
//! sent #1                             the shell has signed operation 1, and is about to send it
//! clock N                             N seconds pass
//! free|allocating|allocated|withdrawing|owed|granted|net a ASSET N          nonce a N         operation #1 STATUS
//! collateral|share|out|held|listed a b ASSET N (of a's side)                status a b STATUS    effects N
//! ```

use super::hub::{Envelope, Hub, account, channel, entity, signer};
use crate::channel::Channel;
use xln_types::board::Member;
use xln_types::codec::Blob;
use xln_types::entry::{Authority, Command};
use xln_types::tx::{self, AssetAmount, AssetPolicy, Body, DISPUTE_WINDOW_S_DEFAULT};
use xln_types::{AMOUNT_MAX, Address, Amount, Receipt};

/// Seconds that an operation is valid, where a step says nothing else.
pub(super) const VALID_S: u64 = 3600;

/// Plays a script on a new hub.
pub(super) fn check(script: &str) -> Hub {
    let mut hub = Hub::new();
    play(&mut hub, script);
    hub
}

/// Plays a script on.
pub(super) fn play(hub: &mut Hub, script: &str) {
    for line in script.lines() {
        let text = line.split("//").next().unwrap_or_default().trim();
        if !text.is_empty() {
            step(hub, text);
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

    fn seconds(&self, key: &str, otherwise: i64) -> i64 {
        self.after(key).map_or(otherwise, |word| word.parse().expect("seconds"))
    }

    /// All of `key N ASSET`.
    fn amounts(&self, hub: &Hub, key: &str) -> Vec<AssetAmount> {
        let places = self.0.iter().enumerate().filter(|(_, word)| **word == key);
        places.map(|(at, _)| self.amount(hub, at + 1)).collect()
    }

    /// `N ASSET` at a place.
    pub(super) fn amount(&self, hub: &Hub, at: usize) -> AssetAmount {
        AssetAmount { asset: hub.asset(self.0[at + 1]), amount: Amount(number(self.0[at])) }
    }
}

/// A number; `max` is N-1's largest, `past` one more, `all` the largest that a field holds.
pub(super) fn number(word: &str) -> u128 {
    match word {
        "max" => AMOUNT_MAX,
        "past" => AMOUNT_MAX + 1,
        "all" => u128::MAX,
        _ => word.trim_start_matches('#').parse().unwrap_or_else(|_| panic!("not a number: {word}")),
    }
}

fn step(hub: &mut Hub, text: &str) {
    let (act, expected) = text.split_once("=>").unwrap_or((text, "ok"));
    let words = Words(act.split_whitespace().collect());
    let receipt = match words.0.as_slice() {
        ["entities", names @ ..] => return names.iter().for_each(|name| found(hub, name)),
        ["clock", seconds] => {
            hub.now_ms += seconds.parse::<u64>().expect("seconds") * 1000;
            return;
        }
        ["chain", ..] => super::facts::fact(hub, &words),
        ["sent", number] => sent(hub, number),
        [_, verb, ..] if is_transaction(verb) => transaction(hub, &words),
        _ => return assert_eq!(answer(hub, &words.0[..words.0.len() - 1]), words.0[words.0.len() - 1], "{text}"),
    };
    assert_eq!(outcome(&receipt), expected.trim(), "{text}");
}

/// `ok` or the rejection, as scripts write it.
pub(super) fn outcome(receipt: &Receipt) -> String {
    receipt.rejection().map_or("ok".to_owned(), |why| format!("{why:?}").replace("Amount(", "").replace(')', ""))
}

fn found(hub: &mut Hub, name: &str) {
    assert!(hub.register(name).is_executed());
    step(hub, &format!("{name} create"));
}

fn sent(hub: &mut Hub, word: &str) -> Receipt {
    let number = usize::try_from(number(word)).expect("small");
    let operation = hub.operations.get(number - 1).copied().unwrap_or_default();
    let raw = vec![Hub::raw_of(number)];
    hub.apply(&crate::Input::Command(Command::Broadcast { operation, raw }))
}

fn is_transaction(verb: &str) -> bool {
    const VERBS: [&str; 11] = [
        "create",
        "update",
        "delete",
        "open",
        "accept",
        "credit",
        "pay",
        "deposit",
        "withdraw",
        "allocate",
        "deallocate",
    ];
    VERBS.contains(&verb)
}

fn transaction(hub: &mut Hub, words: &Words<'_>) -> Receipt {
    let (from, body) = (words.0[0], body(hub, words));
    let to = if matches!(body, Body::DirectPayment(_) | Body::OpenChannel(_)) { words.0[2] } else { "" };
    let mut envelope = Envelope::new(from, to);
    if let Body::CreateEntity(_) = body {
        envelope.from = signer(from).address();
    }
    if let Some(name) = words.after("as") {
        envelope.authority = Authority::Account { account: account(name) };
    }
    if let Some(name) = words.after("by") {
        envelope.authority = Authority::Signer { signer: signer(name) };
    }
    envelope.fee = Amount(words.number("fee", 0));
    (envelope.nonce_off, envelope.time_off_s) = (words.seconds("nonce", 0), words.seconds("skew", 0));
    hub.call(&envelope, &body)
}

fn body(hub: &Hub, words: &Words<'_>) -> Body {
    let (from, third) = (words.0[0], words.0.get(2).copied().unwrap_or_default());
    let between = || channel(from, third);
    let valid_until_s = hub.now_s().wrapping_add_signed(words.seconds("until", VALID_S.cast_signed()));
    let chain_signature = Blob(vec![1; if words.0.contains(&"signed") { 65 } else { 0 }]);
    let at = |place| words.amount(hub, place);
    match words.0[1] {
        "create" => create(from, words).into(),
        "update" => update(hub, words).into(),
        "delete" => tx::DeleteEntity { entity: entity(words.after("other").unwrap_or(from)) }.into(),
        "open" => open(hub, words, valid_until_s, &chain_signature).into(),
        "accept" => tx::AcceptChannel { channel: between(), grants: words.amounts(hub, "grant") }.into(),
        "credit" => {
            let AssetAmount { asset, amount: granted } = at(3);
            tx::SetCredit { channel: between(), asset, granted }.into()
        }
        "pay" => {
            let AssetAmount { asset, amount } = at(3);
            let memo = Blob(vec![b'm'; usize::try_from(words.number("memo", 0)).expect("small")]);
            let hops = |to| vec![tx::RouteHop { entity: entity(to), fee: Amount::ZERO }];
            let route = |to| tx::Route { hashlock: xln_types::Hash([7; 32]), deadline_s: 0, hops: hops(to) };
            let route = words.after("route").map(route).into_iter().collect();
            tx::DirectPayment { asset, amount, memo, route }.into()
        }
        "deposit" => tx::Deposit { asset: at(2).asset, amount: at(2).amount }.into(),
        "withdraw" => {
            let AssetAmount { asset, amount } = at(2);
            let recipient = if words.after("to") == Some("zero") { Address::ZERO } else { account(from) };
            tx::Withdraw { asset, amount, recipient, valid_until_s, chain_signature }.into()
        }
        "allocate" => {
            let AssetAmount { asset, amount } = at(3);
            tx::Allocate { channel: between(), asset, amount, valid_until_s, chain_signature }.into()
        }
        _ => {
            let AssetAmount { asset, amount } = at(3);
            tx::Deallocate { channel: between(), asset, amount, valid_until_s }.into()
        }
    }
}

fn open(hub: &Hub, words: &Words<'_>, valid_until_s: u64, signature: &Blob) -> tx::OpenChannel {
    let collateral = words.amounts(hub, "lock");
    let window = words.number("window", u128::from(DISPUTE_WINDOW_S_DEFAULT));
    let chain_signatures = if signature.0.is_empty() { vec![] } else { vec![signature.clone(); collateral.len()] };
    tx::OpenChannel {
        peer: entity(words.0[2]),
        collateral,
        grants: words.amounts(hub, "grant"),
        requested: words.amounts(hub, "ask"),
        dispute_window_s: u64::try_from(window).expect("seconds"),
        valid_until_s,
        chain_signatures,
    }
}

fn create(from: &str, words: &Words<'_>) -> tx::CreateEntity {
    let others = words.0.windows(3).filter(|part| part[0] == "member");
    let mut members: Vec<Member> = others
        .map(|part| Member { signer: signer(part[1]), weight: u64::try_from(number(part[2])).expect("a weight") })
        .collect();
    if members.is_empty() {
        members.push(Member { signer: signer(from), weight: 1 });
    }
    let small = |key: &str, otherwise: u128| u64::try_from(words.number(key, otherwise)).expect("small");
    let metadata = Blob(vec![b'm'; usize::try_from(small("metadata", 0)).expect("small")]);
    tx::CreateEntity { threshold: small("threshold", 1), members, salt: small("salt", 0), metadata }
}

fn update(hub: &Hub, words: &Words<'_>) -> tx::UpdateEntity {
    let small = |key: &str, otherwise: u128| u64::try_from(words.number(key, otherwise)).expect("small");
    let policies = words.after("policy").map(|symbol| AssetPolicy {
        asset: hub.asset(symbol),
        grant_max: Amount(words.number("grants", u128::MAX)),
        grant_total_max: Amount(words.number("total", u128::MAX)),
        owed_max: Amount(words.number("cap", u128::MAX)),
        reserve_ppm: small("reserve", 0),
        fee_base: Amount(words.number("base", 0)),
        fee_ppm: small("ppm", 0),
    });
    let metadata = Blob(vec![b'm'; usize::try_from(small("metadata", 0)).expect("small")]);
    let accepts_free = u8::try_from(small("free", 2)).expect("small");
    tx::UpdateEntity { metadata, policies: policies.into_iter().collect(), accepts_free }
}

/// What the state answers to a question, as text.
fn answer(hub: &Hub, words: &[&str]) -> String {
    let server = &hub.server;
    let reserve = |name: &str, asset: &str| server.reserve(entity(name), hub.asset(asset)).unwrap_or_default();
    match words {
        ["free", name, asset] => reserve(name, asset).free.to_string(),
        ["allocating", name, asset] => reserve(name, asset).allocating.to_string(),
        ["allocated", name, asset] => reserve(name, asset).allocated.to_string(),
        ["withdrawing", name, asset] => reserve(name, asset).withdrawing.to_string(),
        ["owed", name, asset] => reserve(name, asset).owed.to_string(),
        ["granted", name, asset] => reserve(name, asset).granted.to_string(),
        ["net", name, asset] => reserve(name, asset).net.to_string(),
        ["nonce", name] => server.next_nonce(entity(name).address()).map_or("none".into(), |nonce| nonce.to_string()),
        ["effects"] => hub.effects.len().to_string(),
        ["operation", number] => {
            let id = hub.operations[number.trim_start_matches('#').parse::<usize>().expect("a number") - 1];
            server.operation(id).map_or("none", |operation| operation.status.name()).to_string()
        }
        ["status", one, other] => {
            server.channel(channel(one, other)).map_or("none", |channel| channel.head.status.name()).to_string()
        }
        [what, one, other, asset] => {
            let channel = server.channel(channel(one, other)).expect("a channel");
            line_answer(hub, channel, what, one, asset)
        }
        _ => panic!("no such step: {words:?}"),
    }
}

fn line_answer(hub: &Hub, channel: &Channel, what: &str, one: &str, asset: &str) -> String {
    let (side, asset) = (channel.side_of(entity(one)).expect("its own"), hub.asset(asset));
    let line = channel.line(asset).copied().unwrap_or_default();
    match what {
        "collateral" => line.collateral.to_string(),
        "share" => line.share(side).to_string(),
        "held" => line.held(side).to_string(),
        "listed" => line.listed.to_string(),
        "out" => hub.server.available_in(channel.head.id, side, asset).map_or("none".into(), |out| out.to_string()),
        _ => panic!("no such question: {what}"),
    }
}
