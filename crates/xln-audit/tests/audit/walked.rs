//! Two hubs at random: players pay, lock, claim, give back, grant, allocate and take out; frames cross, messages wait, are lost and said again;
//! the chain tells facts and time passes. Whatever comes of it, both logs are honest (**CH-6** to **CH-9**, **CH-13**, **HT-2**, **HT-3**): what the
//! audit foresees and what the core does were written apart, and agree.

use crate::forger::audit;
use crate::hub::{Hub, Player};
use crate::neighbours::{collateral, founding, hashed_route, openings};
use crate::pair::{Pair, strangers};
use crate::story::{Cast, of, opening, payment};
use xln_crypto::frames::hashlock;
use xln_types::codec::Blob;
use xln_types::tx;
use xln_types::{Amount, Body, Command, FactKind, Hash, HtlcKey, Side};

/// How many walks, and how many steps each.
const WALKS: u64 = 24;
const STEPS: u64 = 120;

/// A sequence that a seed reproduces (Knuth's multiplier).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn one<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).expect("small")]
    }
}

/// A preimage out of a few.
fn preimage(number: u64) -> Hash {
    Hash([u8::try_from(number % 8).expect("small") + 1; 32])
}

/// What claims a lock, if it is one of those; else a wrong guess.
fn key_to(lock: Hash) -> Hash {
    (0..8).map(preimage).find(|preimage| hashlock(preimage) == lock).unwrap_or(Hash([0xff; 32]))
}

/// A pending HTLC of a channel, with what claims it; if there is none, one that never was.
fn pending(pair: &Pair, dice: &mut Dice, at: usize, [by, to]: [&Player; 2]) -> (HtlcKey, Hash) {
    let channel = pair.hubs[at].server.channel(by.channel(to)).expect("a channel");
    let htlcs: Vec<(HtlcKey, Hash)> = channel.tip().htlcs.iter().map(|(key, htlc)| (*key, htlc.hashlock)).collect();
    if htlcs.is_empty() {
        return (HtlcKey { side: Side::Left, id: 0 }, preimage(0));
    }
    let (key, lock) = dice.one(&htlcs);
    (key, if dice.below(6) == 0 { preimage(dice.below(8)) } else { key_to(lock) })
}

/// An open invoice's preimage and amount, or what nobody asked for.
fn asked(pair: &Pair, dice: &mut Dice, at: usize) -> ([u8; 32], u128) {
    let server = &pair.hubs[at].server;
    let open = server.invoices().map(|invoice| (invoice.preimage.0, invoice.amount.0));
    let open: Vec<([u8; 32], u128)> = open.collect();
    if open.is_empty() || dice.below(6) == 0 {
        return (preimage(dice.below(8)).0, u128::from(1 + dice.below(300)));
    }
    dice.one(&open)
}

/// The two that a channel is between, and where each is at home.
fn channels(cast: &Cast) -> [([Player; 2], [usize; 2]); 5] {
    let Cast { hub, alice, bob, carol, dave, erin, .. } = *cast;
    [
        ([hub, erin], [0, 1]),
        ([alice, carol], [0, 1]),
        ([bob, dave], [0, 1]),
        ([alice, hub], [0, 0]),
        ([carol, erin], [1, 1]),
    ]
}

/// What a player asks for, at random: perhaps too much.
fn wish(pair: &Pair, dice: &mut Dice, cast: &Cast) -> (usize, Player, Player, Body, u128) {
    let Cast { hub, alice, carol, erin, eth, usd, .. } = *cast;
    let ([one, other], homes) = dice.one(&channels(cast));
    let first = dice.below(2) == 0;
    let (by, to, home) = if first { (one, other, homes[0]) } else { (other, one, homes[1]) };
    let (channel, asset) = (by.channel(&to), dice.one(&[eth, eth, usd]));
    let amount = Amount(u128::from(1 + dice.below(300)));
    let (now_s, (key, claim)) = (pair.hubs[home].now_s(), pending(pair, dice, home, [&by, &to]));
    let body: Body = match dice.below(15) {
        0..=2 => payment(asset, amount.0).into(),
        3 => {
            let expires_at_s = now_s + 20 + dice.below(900);
            let hashlock = hashlock(&preimage(dice.below(8)));
            tx::HtlcCreate { channel, asset, amount, hashlock, expires_at_s, onion: Blob::default() }.into()
        }
        4 | 5 => tx::HtlcFulfill { channel, id: key.id, preimage: claim }.into(),
        6 => tx::HtlcCancel { channel, side: key.side, id: key.id, reason: Blob::default() }.into(),
        7 => tx::SetCredit { channel, asset, granted: Amount(amount.0 * 10) }.into(),
        8 => {
            let chain_signature = Blob::default();
            tx::Allocate { channel, asset, amount, valid_until_s: now_s + 600, chain_signature }.into()
        }
        9 => tx::Deallocate { channel, asset, amount, valid_until_s: now_s + 100 }.into(),
        10 => opening(&dice.one(&[hub, alice, carol, erin]), vec![of(asset, amount.0)], vec![], now_s + 100).into(),
        11 => tx::AcceptChannel { channel, grants: vec![of(asset, amount.0)] }.into(),
        _ => {
            let (payer, home, way) = if first {
                (hub, 0, [(erin.entity, 2 + u128::from(dice.below(9))), (carol.entity, 0)])
            } else {
                (erin, 1, [(hub.entity, 2 + u128::from(dice.below(9))), (alice.entity, 0)])
            };
            let fee = way.iter().map(|(_, fee)| fee).sum();
            let (preimage, amount) = asked(pair, dice, 1 - home);
            return (home, payer, hub, hashed_route(eth, amount, preimage, &way).into(), fee);
        }
    };
    (home, by, to, body, 0)
}

fn ask(pair: &mut Pair, dice: &mut Dice, cast: &Cast, name: &'static str) {
    let (home, by, to, body, fee) = wish(pair, dice, cast);
    let tx = pair.hubs[home].transaction(&by, to.entity.address(), &body, fee);
    // What it started on the chain, if anything, comes to pass later.
    let nonce = tx.nonce;
    let receipt = pair.hubs[home].submit(name, tx);
    if let (true, Body::Allocate(body)) = (receipt.is_executed(), &body) {
        let operation =
            xln_crypto::derive::operation_id(pair.hubs[home].server.hub_id(), by.entity.address(), nonce, 0);
        let side = if by.is_left_of(&to) { Side::Left } else { Side::Right };
        let tx::Allocate { channel, asset, amount, .. } = *body;
        let fact = FactKind::CollateralAdded { channel, entity: by.entity, side, asset, amount, operation };
        pair.later.push(fact);
    }
}

fn invoice(pair: &mut Pair, dice: &mut Dice, cast: &Cast, name: &'static str) {
    let (payee, home) = dice.one(&[(cast.alice, 0), (cast.carol, 1)]);
    let invoice = Command::Invoice {
        payee: payee.entity,
        account: payee.account,
        asset: cast.eth,
        amount: Amount(u128::from(1 + dice.below(300))),
        preimage: preimage(dice.below(8)),
        expires_at_s: pair.hubs[home].now_s() + 1 + dice.below(2_000),
        memo: Blob::default(),
    };
    pair.hubs[home].tell(name, &xln_machine::Input::Command(invoice));
}

fn walk(seed: u64) {
    let mut pair = strangers();
    let cast = pair.cast;
    let dice = &mut Dice(seed);
    for chapter in [founding, openings, collateral] {
        chapter(&mut pair, &cast);
    }
    for step in 0..STEPS {
        let name: &'static str = Box::leak(format!("step {step}").into_boxed_str());
        match dice.below(26) {
            0..=9 => ask(&mut pair, dice, &cast, name),
            10 | 11 => invoice(&mut pair, dice, &cast, name),
            12..=14 => pair.frames(0, name),
            15..=17 => pair.frames(1, name),
            18 => pair.hear(0, name),
            19 => pair.hear(1, name),
            20 => pair.reconnect(),
            24 | 25 => {
                let (at, which) = (dice.below(2), dice.below(200));
                pair.echo(usize::from(at == 1), usize::try_from(which).expect("small"), name);
            }
            21 => pair.wait(dice.below(400)),
            22 => {
                let deep_s = pair.hubs[0].now_s() - 10;
                pair.deep(name, deep_s);
            }
            _ => match pair.later.pop() {
                Some(fact) => pair.fact(name, fact),
                None => pair.settle(name),
            },
        }
        if step % 20 == 19 {
            pair.seal();
        }
    }
    pair.reconnect();
    pair.settle("the end");
    pair.seal();
    pair.hubs.iter_mut().for_each(Hub::sign);
    for (which, hub) in pair.hubs.iter().enumerate() {
        let report = audit(&hub.records);
        assert_eq!(report.violations, [], "seed {seed}, hub {}", which + 1);
        assert_eq!(report.root, Hash(hub.server.tree().root()));
    }
}

/// CH-6, CH-8, CH-9, CH-13, HT-2, HT-3, HT-4: the audit agrees with whatever two hubs come to.
#[test]
fn whatever_two_hubs_do_is_followed() {
    (0..WALKS).for_each(walk);
}
