//! Two hubs' logs: every kind of message between nodes, with real signatures. What each says the other takes ([`crate::pair`]).
//!
//! The story of hub one is the one that the tables forge: `hub` is its own player, `erin` hub two's; alice and bob are at hub one, carol
//! and dave at hub two. Alice is left of Carol, and Bob right of Dave.

use crate::hub::{CHAIN, DEPOSITARY, Hub, Player};
use crate::pair::{Pair, name, strangers};
use crate::story::{Cast, Story, of, opening, payment, side};
use std::sync::OnceLock;
use xln_crypto::evidence::proof_digest;
use xln_crypto::frames::{hashlock, verify_message};
use xln_crypto::seal::domain_separator;
use xln_machine::server::Input;
use xln_types::codec::Blob;
use xln_types::tx::{self, AssetAmount, AssetPolicy, OpenChannel, Route, RouteHop};
use xln_types::{Address, Amount, AssetId, Balance, Command, EntityId, FactKind, Hash, OperationId, PeerMessage, Side};

/// Both logs.
pub(crate) struct Neighbours {
    pub(crate) one: Story,
    pub(crate) two: Story,
}

/// The story, told once a process.
pub(crate) fn neighbours() -> &'static Neighbours {
    static STORY: OnceLock<Neighbours> = OnceLock::new();
    STORY.get_or_init(told)
}

fn told() -> Neighbours {
    let mut pair = strangers();
    let cast = pair.cast;
    for chapter in
        [founding, openings, collateral, payments, crossings, routes, locks, terms, settlements, expiries, farewell]
    {
        chapter(&mut pair, &cast);
        pair.seal();
    }
    pair.hubs.iter_mut().for_each(Hub::sign);
    let story = |mut hub: Hub| {
        let root = Hash(hub.server.tree().root());
        hub.tell("not sealed yet", &Input::Frames);
        hub.wait(0);
        Story { records: hub.records, spots: hub.spots, cast, root }
    };
    let [one, two] = pair.hubs;
    Neighbours { one: story(one), two: story(two) }
}

pub(crate) fn founding(pair: &mut Pair, cast: &Cast) {
    let Cast { hub, alice, bob, carol, dave, erin, eth, usd, .. } = *cast;
    for (home, known) in [(0, [("alice", alice), ("bob", bob)]), (1, [("carol", carol), ("dave", dave)])] {
        for (who, player) in known {
            pair.command(name(format!("register {who}")), home, player.registration());
            pair.hubs[home].act(name(format!("found {who}")), &player, Address::ZERO, player.founding());
        }
    }
    for (who, player) in [("alice", alice), ("hub", hub), ("carol", carol), ("erin", erin)] {
        for (what, asset) in [("eth", eth), ("usd", usd)] {
            let (entity, amount, sender) = (player.entity, Amount(100_000), Address([0x5e; 20]));
            let text = name(format!("{who} deposits {what}"));
            pair.fact(text, FactKind::Deposited { entity, asset, amount, sender });
        }
    }
    pair.command("introduce erin", 0, erin.introduction(erin.entity));
    pair.command("introduce carol", 0, carol.introduction(erin.entity));
    pair.command("introduce carol again", 0, carol.introduction(erin.entity));
    let moved = Input::Command(carol.introduction(dave.entity));
    assert!(!pair.hubs[0].tell("carol moves", &moved).is_executed());
    let own = Input::Command(alice.introduction(erin.entity));
    assert!(!pair.hubs[0].tell("alice goes elsewhere", &own).is_executed());
    pair.command("introduce hub", 1, hub.introduction(hub.entity));
    pair.command("introduce bob", 1, bob.introduction(hub.entity));
}

pub(crate) fn locked(
    pair: &mut Pair,
    text: &'static str,
    [by, with]: [&Player; 2],
    part: AssetAmount,
    operation: OperationId,
) {
    let (channel, entity, side) = (by.channel(with), by.entity, side(by, with));
    let AssetAmount { asset, amount } = part;
    pair.fact(text, FactKind::CollateralAdded { channel, entity, side, asset, amount, operation });
}

pub(crate) fn openings(pair: &mut Pair, cast: &Cast) {
    let Cast { hub, alice, bob, carol, dave, erin, eth, usd, .. } = *cast;
    let until_s = pair.now_s() + 3600;
    // Between the hubs, who accept what costs them nothing.
    pair.act("hub opens with erin", &hub, &erin, opening(&erin, vec![], vec![of(eth, 9_000), of(usd, 4_000)], 0));
    pair.settle("hub and erin");
    // A stranger at hub two, who asks for something: consent is awaited.
    let operation = pair.next_operation(&alice);
    let asks = OpenChannel { requested: vec![of(usd, 700)], ..opening(&carol, vec![of(eth, 4_000)], vec![], until_s) };
    pair.act("alice opens with carol", &alice, &carol, asks);
    pair.settle("alice and carol");
    let body = tx::AcceptChannel { channel: alice.channel(&carol), grants: vec![of(usd, 700)] };
    pair.act("carol accepts alice", &carol, &alice, body);
    pair.settle("carol has accepted");
    locked(pair, "alice's collateral is there", [&alice, &carol], of(eth, 4_000), operation);
    pair.settle("alice's collateral");
    // The other way round.
    pair.act("dave opens with bob", &dave, &bob, opening(&bob, vec![], vec![of(eth, 2_000)], 0));
    pair.settle("dave and bob");
    let body = tx::AcceptChannel { channel: dave.channel(&bob), grants: vec![of(eth, 1_500)] };
    pair.act("bob accepts dave", &bob, &dave, body);
    pair.settle("bob has accepted");
    let operation = pair.next_operation(&alice);
    pair.act(
        "alice opens with the hub",
        &alice,
        &hub,
        opening(&hub, vec![of(eth, 6_000)], vec![of(eth, 500)], until_s),
    );
    locked(pair, "alice's eth is there", [&alice, &hub], of(eth, 6_000), operation);
    pair.act("carol opens with erin", &carol, &erin, opening(&erin, vec![], vec![of(eth, 3_000)], 0));
    let body = tx::SetCredit { channel: carol.channel(&erin), asset: eth, granted: Amount(800) };
    pair.act("erin grants carol", &erin, &carol, body);
}

pub(crate) fn collateral(pair: &mut Pair, cast: &Cast) {
    let Cast { hub, carol, alice, erin, eth, usd, .. } = *cast;
    let allocate = |channel, asset, amount, valid_until_s| tx::Allocate {
        channel,
        asset,
        amount: Amount(amount),
        valid_until_s,
        chain_signature: Blob::default(),
    };
    let until_s = pair.now_s() + 3600;
    let operation = pair.next_operation(&hub);
    pair.act("hub allocates", &hub, &erin, allocate(hub.channel(&erin), eth, 5_000, until_s));
    locked(pair, "hub's eth is there", [&hub, &erin], of(eth, 5_000), operation);
    pair.settle("hub's eth");
    let operation = pair.next_operation(&erin);
    pair.act("erin allocates", &erin, &hub, allocate(hub.channel(&erin), usd, 3_000, until_s));
    locked(pair, "erin's usd is there", [&erin, &hub], of(usd, 3_000), operation);
    locked(pair, "erin's more usd is there", [&erin, &hub], of(usd, 200), OperationId([5; 32]));
    pair.settle("erin's usd");
    let operation = pair.next_operation(&carol);
    pair.act("carol allocates", &carol, &alice, allocate(alice.channel(&carol), eth, 1_000, until_s));
    locked(pair, "carol's eth is there", [&carol, &alice], of(eth, 1_000), operation);
    pair.settle("carol's eth");
}

pub(crate) fn payments(pair: &mut Pair, cast: &Cast) {
    let Cast { alice, bob, carol, dave, erin, eth, usd, .. } = *cast;
    pair.act("alice pays carol", &alice, &carol, payment(eth, 300));
    pair.act("alice pays carol again", &alice, &carol, payment(eth, 20));
    pair.settle("alice has paid");
    pair.act("carol pays alice", &carol, &alice, payment(eth, 110));
    pair.settle("carol has paid");
    pair.act("bob draws on dave", &bob, &dave, payment(eth, 400));
    pair.settle("bob has paid");
    pair.act("dave pays bob", &dave, &bob, payment(eth, 150));
    pair.settle("dave has paid");
    let to = carol.entity.address();
    pair.hubs[0].refused("alice overdraws", &alice, to, payment(eth, 9_000), "insufficient_funds");
    pair.hubs[0].refused("alice has no way", &alice, erin.entity.address(), payment(usd, 1), "no_route");
    let policy = AssetPolicy { owed_max: Amount(150), grant_max: Amount(80), ..AssetPolicy::unlimited(usd) };
    let body = tx::UpdateEntity { metadata: Blob::default(), policies: vec![policy], accepts_free: 2 };
    pair.act("alice sets a policy", &alice, &carol, body);
    pair.act("alice draws usd", &alice, &carol, payment(usd, 50));
    // Stacked: a second frame before the first is acknowledged.
    pair.frames(0, "first of two");
    pair.act("alice draws more usd", &alice, &carol, payment(usd, 60));
    // DP-2: what is stacked and drafted counts, though nobody has signed it yet.
    pair.hubs[0].refused("alice draws past her policy", &alice, to, payment(usd, 60), "limit_exceeded");
    let credit = tx::SetCredit { channel: alice.channel(&carol), asset: usd, granted: Amount(90) };
    pair.hubs[0].refused("alice grants past her policy", &alice, to, credit, "limit_exceeded");
    pair.settle("two in a row");
}

/// Both sides propose at once: left's wins, right gives up and says it again.
fn crossings(pair: &mut Pair, cast: &Cast) {
    let Cast { alice, bob, carol, dave, eth, .. } = *cast;
    pair.act("alice crosses carol", &alice, &carol, payment(eth, 7));
    pair.act("carol crosses alice", &carol, &alice, payment(eth, 5));
    pair.act("bob crosses dave", &bob, &dave, payment(eth, 11));
    pair.act("dave crosses bob", &dave, &bob, payment(eth, 13));
    pair.frames(0, "they cross");
    pair.frames(1, "they cross");
    pair.act("alice pays while she waits", &alice, &carol, payment(eth, 2));
    pair.hear(0, "they cross");
    pair.settle("they have crossed");
}

fn invoice(pair: &mut Pair, text: &'static str, payee: &Player, asset: AssetId, amount: u128, preimage: [u8; 32]) {
    let (home, expires_at_s) = (pair.home(payee), pair.now_s() + 4_000);
    let invoice = Command::Invoice {
        payee: payee.entity,
        account: payee.account,
        asset,
        amount: Amount(amount),
        preimage: Hash(preimage),
        expires_at_s,
        memo: Blob(b"please".to_vec()),
    };
    pair.command(text, home, invoice);
}

pub(crate) fn hashed_route(
    asset: AssetId,
    amount: u128,
    preimage: [u8; 32],
    hops: &[(EntityId, u128)],
) -> tx::DirectPayment {
    let hops = hops.iter().map(|(entity, fee)| RouteHop { entity: *entity, fee: Amount(*fee) }).collect();
    let route = Route { hashlock: hashlock(&Hash(preimage)), deadline_s: 0, hops };
    tx::DirectPayment { asset, amount: Amount(amount), memo: Blob::default(), route: vec![route] }
}

fn send(pair: &mut Pair, text: &'static str, by: &Player, body: tx::DirectPayment, fee: u128) {
    let home = pair.home(by);
    pair.hubs[home].act_for(text, by, Address::ZERO, body, fee);
}

fn routes(pair: &mut Pair, cast: &Cast) {
    let Cast { hub, alice, carol, erin, eth, .. } = *cast;
    let way = |fees: [u128; 2]| [(hub.entity, fees[0]), (erin.entity, fees[1]), (carol.entity, 0)];
    invoice(pair, "carol asks for eth", &carol, eth, 100, [1; 32]);
    send(pair, "alice pays over the hubs", &alice, hashed_route(eth, 100, [1; 32], &way([4, 3])), 7);
    pair.settle("over the hubs");
    send(pair, "alice pays nobody's invoice", &alice, hashed_route(eth, 100, [2; 32], &way([4, 3])), 7);
    pair.settle("nobody's invoice");
    send(pair, "alice offers erin too little", &alice, hashed_route(eth, 100, [3; 32], &way([4, 1])), 5);
    pair.settle("too little there");
    // The other way, and to the hub itself.
    invoice(pair, "alice asks for eth", &alice, eth, 40, [4; 32]);
    invoice(pair, "hub asks for eth", &hub, eth, 30, [5; 32]);
    let back = [(erin.entity, 3), (hub.entity, 3), (alice.entity, 0)];
    send(pair, "carol pays over the hubs", &carol, hashed_route(eth, 40, [4; 32], &back), 6);
    send(
        pair,
        "carol pays the hub's invoice",
        &carol,
        hashed_route(eth, 30, [5; 32], &[(erin.entity, 3), (hub.entity, 0)]),
        3,
    );
    pair.settle("the other way");
    invoice(pair, "alice asks once more", &alice, eth, 50, [6; 32]);
    send(pair, "carol pays another amount", &carol, hashed_route(eth, 51, [6; 32], &back), 6);
    pair.settle("another amount");
    let little = [(erin.entity, 3), (hub.entity, 1), (alice.entity, 0)];
    send(pair, "carol offers the hub too little", &carol, hashed_route(eth, 50, [6; 32], &little), 4);
    pair.settle("too little");
}

fn locks(pair: &mut Pair, cast: &Cast) {
    let Cast { hub, alice, carol, eth, .. } = *cast;
    let create = |channel, amount, preimage: [u8; 32], expires_at_s| tx::HtlcCreate {
        channel,
        asset: eth,
        amount: Amount(amount),
        hashlock: hashlock(&Hash(preimage)),
        expires_at_s,
        onion: Blob::default(),
    };
    let (channel, own, until_s) = (alice.channel(&carol), alice.channel(&hub), pair.now_s() + 900);
    let id = |pair: &Pair, at: usize, channel, side| {
        let book = pair.hubs[at].server.channel(channel).expect("a channel").tip();
        book.terms.side(side).htlc_next
    };
    let mine = id(pair, 0, channel, Side::Left);
    pair.act("alice locks for carol", &alice, &carol, create(channel, 60, [9; 32], until_s));
    pair.act("alice locks again", &alice, &carol, create(channel, 61, [8; 32], until_s));
    pair.settle("alice has locked");
    let claim = tx::HtlcFulfill { channel, id: mine, preimage: Hash([9; 32]) };
    pair.act("carol claims", &carol, &alice, claim);
    let cancel = tx::HtlcCancel { channel, side: Side::Left, id: mine + 1, reason: Blob::default() };
    pair.act("carol gives back", &carol, &alice, cancel);
    pair.settle("carol has claimed");
    let theirs = id(pair, 0, channel, Side::Right);
    pair.act("carol locks for alice", &carol, &alice, create(channel, 70, [7; 32], until_s));
    pair.settle("carol has locked");
    let to = carol.entity.address();
    let wrong = tx::HtlcFulfill { channel, id: theirs, preimage: Hash([6; 32]) };
    pair.hubs[0].refused("alice guesses", &alice, to, wrong, "wrong_preimage");
    let claim = tx::HtlcFulfill { channel, id: theirs, preimage: Hash([7; 32]) };
    pair.act("alice claims", &alice, &carol, claim);
    pair.settle("alice has claimed");
    // In a channel of this hub's alone.
    let here = id(pair, 0, own, side(&alice, &hub));
    pair.act("alice locks for the hub", &alice, &hub, create(own, 80, [3; 32], until_s));
    let claim = tx::HtlcFulfill { channel: own, id: here, preimage: Hash([3; 32]) };
    pair.act("the hub claims", &hub, &alice, claim);
    pair.act("alice locks here again", &alice, &hub, create(own, 81, [3; 32], until_s));
    let cancel = tx::HtlcCancel { channel: own, side: side(&alice, &hub), id: here + 1, reason: Blob::default() };
    pair.hubs[0].refused(
        "alice can't take it back yet",
        &alice,
        hub.entity.address(),
        cancel.clone(),
        "htlc_not_expired",
    );
    pair.act("the hub gives back", &hub, &alice, cancel);
    pair.settle("all is over");
}

fn terms(pair: &mut Pair, cast: &Cast) {
    let Cast { alice, bob, carol, dave, hub, erin, eth, usd, .. } = *cast;
    let credit = |channel, asset, granted| tx::SetCredit { channel, asset, granted: Amount(granted) };
    pair.act("alice grants carol", &alice, &carol, credit(alice.channel(&carol), eth, 250));
    pair.act("dave lowers his grant", &dave, &bob, credit(dave.channel(&bob), eth, 100));
    pair.act("erin grants the hub", &erin, &hub, credit(hub.channel(&erin), usd, 1_000));
    pair.settle("grants");
    let update = |channel| tx::UpdateChannel { channel, dispute_window_s: 0, mailbox: Address([0xaa; 20]) };
    pair.act("alice names a mailbox", &alice, &carol, update(alice.channel(&carol)));
    pair.act("alice names a mailbox here", &alice, &hub, update(alice.channel(&hub)));
    pair.settle("mailboxes");
    let allocate = tx::Allocate {
        channel: dave.channel(&bob),
        asset: usd,
        amount: Amount(90),
        valid_until_s: pair.now_s() + 3_600,
        chain_signature: Blob::default(),
    };
    pair.hubs[0].refused("bob has nothing", &bob, dave.entity.address(), allocate, "insufficient_reserve");
}

fn settlements(pair: &mut Pair, cast: &Cast) {
    let Cast { alice, carol, hub, erin, eth, usd, .. } = *cast;
    let until_s = pair.now_s() + 100;
    let take =
        |channel, asset, amount| tx::Deallocate { channel, asset, amount: Amount(amount), valid_until_s: until_s };
    let channel = alice.channel(&carol);
    pair.act("alice takes out", &alice, &carol, take(channel, eth, 500));
    pair.settle("alice's settlement");
    let gained = FactKind::Settled { channel, asset: eth, counter: 1, left: Balance(500), right: Balance::ZERO };
    pair.fact("alice's share is out", gained);
    pair.settle("alice's share");
    pair.act("erin takes out", &erin, &hub, take(hub.channel(&erin), usd, 100));
    pair.act("alice takes out too late", &alice, &carol, take(channel, eth, 600));
    pair.settle("two settlements");
    pair.wait(200);
    pair.deep("settlements are too late", until_s + 1);
    pair.settle("they lapse");
}

fn expiries(pair: &mut Pair, cast: &Cast) {
    let Cast { hub, alice, carol, erin, eth, .. } = *cast;
    let until_s = pair.now_s() + 100;
    let create = tx::HtlcCreate {
        channel: alice.channel(&carol),
        asset: eth,
        amount: Amount(33),
        hashlock: hashlock(&Hash([0x31; 32])),
        expires_at_s: until_s,
        onion: Blob::default(),
    };
    pair.act("alice locks in vain", &alice, &carol, create.clone());
    let here = tx::HtlcCreate { channel: alice.channel(&hub), ..create };
    pair.act("alice locks in vain here", &alice, &hub, here);
    // To the other hub itself, which gives it no preimage: its own channels' receivers answer, so this one is kept open by silence.
    send(
        pair,
        "alice pays into the silence",
        &alice,
        hashed_route(eth, 20, [0x32; 32], &[(hub.entity, 3), (erin.entity, 0)]),
        3,
    );
    pair.frames(0, "silence");
    pair.wait(5_000);
    pair.deep("a deep block is past all", until_s + 4_900);
    pair.settle("all is taken back");
}

fn farewell(pair: &mut Pair, cast: &Cast) {
    let Cast { hub, alice, bob, carol, dave, erin, eth, .. } = *cast;
    pair.act("alice pays once more", &alice, &carol, payment(eth, 1));
    pair.act("dave pays once more", &dave, &bob, payment(eth, 1));
    pair.act("hub pays erin", &hub, &erin, payment(eth, 9));
    pair.settle("farewell");
    // Carol says something else at the height that both have signed: evidence against her, and nothing more.
    pair.act("carol pays once more", &carol, &alice, payment(eth, 1));
    pair.settle("carol's last");
    let Some(PeerMessage::Frame { mut frame, mut proof, intro, .. }) = pair.heard[0].clone() else { panic!("a frame") };
    frame.timestamp_s += 1;
    (proof.frame, proof.nonce) = (xln_crypto::frame_hash(&frame), proof.nonce + 1);
    let signature = carol.sign(&proof_digest(CHAIN, DEPOSITARY, &proof));
    let twice = PeerMessage::Frame { frame, proof, signature, intro };
    let verified = verify_message(&domain_separator(CHAIN, DEPOSITARY), erin.entity, twice).expect("well signed");
    let receipt = pair.hubs[0].tell("carol says something else", &Input::Peer(verified));
    assert_eq!(receipt.rejection().map(xln_types::Rejection::reason), Some("equivocation"));
}
