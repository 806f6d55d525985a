//! What players and the chain do in a walk ([`crate::walked`]), at random: perhaps too much, too late or out of turn.

use crate::hub::Player;
use crate::neighbours::hashed_route;
use crate::pair::Pair;
use crate::story::{Cast, of, opening, payment};
use xln_crypto::frames::hashlock;
use xln_machine::depositary::{Operation, OperationKind, OperationStatus};
use xln_types::codec::Blob;
use xln_types::tx::{self, AssetPolicy, BatchedPayment, OpenChannel};
use xln_types::{Address, Amount, AssetId, Balance, Body, ChannelId, Command, FactKind, Hash, HtlcKey, Side};

/// A sequence that a seed reproduces (Knuth's multiplier).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    pub(crate) fn one<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).expect("small")]
    }

    fn amount(&mut self) -> Amount {
        Amount(u128::from(1 + self.below(300)))
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
fn pending(pair: &Pair, dice: &mut Dice, at: usize, channel: ChannelId) -> (HtlcKey, Hash) {
    let htlcs = pair.hubs[at].server.channel(channel).map(|channel| channel.tip().htlcs.clone()).unwrap_or_default();
    let htlcs: Vec<(HtlcKey, Hash)> = htlcs.iter().map(|(key, htlc)| (*key, htlc.hashlock)).collect();
    if htlcs.is_empty() {
        return (HtlcKey { side: Side::Left, id: 0 }, preimage(0));
    }
    let (key, lock) = dice.one(&htlcs);
    (key, if dice.below(6) == 0 { preimage(dice.below(8)) } else { key_to(lock) })
}

/// An open invoice's preimage and amount, or what nobody asked for.
fn asked(pair: &Pair, dice: &mut Dice, payee: &Player) -> ([u8; 32], u128) {
    let invoices = pair.hubs[pair.home(payee)].server.invoices();
    let open = invoices.filter(|invoice| invoice.payee == payee.entity);
    let open: Vec<([u8; 32], u128)> = open.map(|invoice| (invoice.preimage.0, invoice.amount.0)).collect();
    if open.is_empty() || dice.below(6) == 0 {
        return (preimage(dice.below(8)).0, dice.amount().0);
    }
    dice.one(&open)
}

/// The two that a channel is between, or may be: bob and carol open theirs during the walk, perhaps both at once.
fn channels(cast: &Cast) -> [[Player; 2]; 6] {
    let Cast { hub, alice, bob, carol, dave, erin, .. } = *cast;
    [[hub, erin], [alice, carol], [bob, dave], [alice, hub], [carol, erin], [bob, carol]]
}

/// What a player asks for.
struct Wish {
    by: Player,
    to: Player,
    body: Body,
    fee: u128,
}

fn route(pair: &Pair, dice: &mut Dice, cast: &Cast) -> Wish {
    let Cast { hub, alice, carol, erin, eth, .. } = *cast;
    let ways: [&[Player]; 11] = [
        &[hub, erin, carol],
        &[erin, hub, alice],
        // From someone hosted over the own hub.
        &[alice, hub, erin, carol],
        &[carol, erin, hub, alice],
        &[alice, hub, erin],
        &[carol, erin, hub],
        &[alice, carol],
        // What ends at once.
        &[alice, hub],
        &[hub, alice],
        // What nobody passes on.
        &[hub, alice, carol],
        &[alice, carol, erin],
    ];
    let (payer, hops) = dice.one(&ways).split_first().expect("a payer");
    let last = hops.last().expect("a payee");
    let fees = hops.iter().map(|hop| if hop.entity == last.entity { 0 } else { 2 + u128::from(dice.below(9)) });
    let way: Vec<_> = hops.iter().map(|hop| hop.entity).zip(fees).collect();
    let (preimage, amount) = asked(pair, dice, last);
    let fee = way.iter().map(|(_, fee)| fee).sum();
    Wish { by: *payer, to: *last, body: hashed_route(eth, amount, preimage, &way).into(), fee }
}

/// New bounds on what an entity owes, grants and keeps.
fn policy(dice: &mut Dice, asset: AssetId) -> tx::UpdateEntity {
    let most = [Amount(100), Amount(1_000), Amount(5_000), Amount(1 << 40)];
    let policy = AssetPolicy {
        owed_max: dice.one(&most),
        grant_max: dice.one(&most),
        grant_total_max: dice.one(&most),
        reserve_ppm: dice.one(&[0, 0, 100_000, 900_000]),
        fee_base: Amount(2),
        fee_ppm: 10_000,
        ..AssetPolicy::unlimited(asset)
    };
    tx::UpdateEntity { metadata: Blob::default(), policies: vec![policy], accepts_free: dice.one(&[0, 1, 1, 2]) }
}

fn batch(dice: &mut Dice, asset: AssetId) -> tx::BatchPayment {
    let payments = (0..dice.below(5)).map(|_| BatchedPayment { amount: dice.amount(), memo: Blob::default() });
    tx::BatchPayment { asset, payments: payments.collect() }
}

fn wish(pair: &Pair, dice: &mut Dice, cast: &Cast) -> Wish {
    let [one, other] = dice.one(&channels(cast));
    let (by, to) = if dice.below(2) == 0 { (one, other) } else { (other, one) };
    let (channel, asset, home) = (by.channel(&to), dice.one(&[cast.eth, cast.eth, cast.usd]), pair.home(&by));
    let (amount, now_s) = (dice.amount(), pair.hubs[home].now_s());
    let (key, claim) = pending(pair, dice, home, channel);
    let valid_until_s = now_s + 50 + dice.below(600);
    let body: Body = match dice.below(22) {
        0..=2 => payment(asset, amount.0).into(),
        3 | 4 => batch(dice, asset).into(),
        5 => {
            let (expires_at_s, hashlock) = (now_s + 20 + dice.below(900), hashlock(&preimage(dice.below(8))));
            tx::HtlcCreate { channel, asset, amount, hashlock, expires_at_s, onion: Blob::default() }.into()
        }
        6 | 7 => tx::HtlcFulfill { channel, id: key.id, preimage: claim }.into(),
        8 => tx::HtlcCancel { channel, side: key.side, id: key.id, reason: Blob::default() }.into(),
        9 => tx::SetCredit { channel, asset, granted: Amount(amount.0 * 10) }.into(),
        10 => tx::Allocate { channel, asset, amount, valid_until_s, chain_signature: Blob::default() }.into(),
        11 | 12 => tx::Deallocate { channel, asset, amount, valid_until_s }.into(),
        13 => {
            let locks = if dice.below(2) == 0 { vec![] } else { vec![of(asset, amount.0)] };
            let requested = if dice.below(3) == 0 { vec![of(asset, 1)] } else { vec![] };
            OpenChannel { requested, ..opening(&to, locks, vec![of(asset, amount.0 * 5)], valid_until_s) }.into()
        }
        14 => tx::AcceptChannel { channel, grants: vec![of(asset, amount.0)] }.into(),
        15 => {
            let dispute_window_s = dice.one(&[0, 100_000, 200_000]);
            tx::UpdateChannel { channel, dispute_window_s, mailbox: Address([u8::from(dice.below(2) == 0); 20]) }.into()
        }
        16 if dice.below(3) == 0 => policy(dice, asset).into(),
        16 => {
            let (recipient, chain_signature) = (Address([0x77; 20]), Blob::default());
            tx::Withdraw { asset, amount, recipient, valid_until_s, chain_signature }.into()
        }
        _ => return route(pair, dice, cast),
    };
    Wish { by, to, body, fee: 0 }
}

/// A player asks for something.
pub(crate) fn ask(pair: &mut Pair, dice: &mut Dice, name: &'static str) {
    let cast = pair.cast;
    let Wish { by, to, body, fee } = wish(pair, dice, &cast);
    let home = pair.home(&by);
    let tx = pair.hubs[home].transaction(&by, to.entity.address(), &body, fee);
    let _ = pair.hubs[home].submit(name, tx);
}

/// Someone asks to be paid.
pub(crate) fn invoice(pair: &mut Pair, dice: &mut Dice, name: &'static str) {
    let Cast { hub, alice, carol, erin, eth, .. } = pair.cast;
    let payee = dice.one(&[alice, alice, carol, carol, hub, erin]);
    let home = pair.home(&payee);
    let invoice = Command::Invoice {
        payee: payee.entity,
        account: payee.account,
        asset: eth,
        amount: dice.amount(),
        preimage: preimage(dice.below(8)),
        expires_at_s: pair.hubs[home].now_s() + 1 + dice.below(2_000),
        memo: Blob::default(),
    };
    pair.hubs[home].tell(name, &xln_machine::Input::Command(invoice));
}

/// The chain carries out an operation of one of the hubs', or reverts it, or there is none.
pub(crate) fn carry_out(pair: &mut Pair, dice: &mut Dice, name: &'static str) {
    let may_be_sent = |operation: &&Operation| operation.status == OperationStatus::Pending;
    let of = |at: usize| pair.hubs[at].server.operations().filter(may_be_sent).cloned().map(move |one| (at, one));
    let under_way: Vec<(usize, Operation)> = of(0).chain(of(1)).collect();
    let Some((at, operation)) = under_way.get(usize::try_from(dice.below(8)).expect("small")).cloned() else {
        return pair.settle(name);
    };
    if dice.below(6) == 0 {
        return pair.reverted(at, name, operation.id);
    }
    let Operation { id, entity, asset, amount, channel, side, recipient, counter, .. } = operation;
    let gained = Balance(amount.0.cast_signed());
    let (left, right) = side.pick((gained, Balance::ZERO), (Balance::ZERO, gained));
    let fact = match operation.kind {
        OperationKind::Deposit => FactKind::Deposited { entity, asset, amount, sender: Address([0x5e; 20]) },
        OperationKind::Withdraw => FactKind::Withdrawn { entity, asset, amount, recipient, operation: id },
        OperationKind::Allocate => FactKind::CollateralAdded { channel, entity, side, asset, amount, operation: id },
        OperationKind::Settle => FactKind::Settled { channel, asset, counter, left, right },
    };
    pair.fact(name, fact);
}
