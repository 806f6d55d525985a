//! What happens in the honest log: every kind of entry that this hub executes, and most of its refusals. Each input has a name, by
//! which the tables of forgeries find it.

use crate::hub::{Hub, Player, asset};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use xln_crypto::{derive, keccak256};
use xln_machine::server::Input;
use xln_types::asset::AssetKind;
use xln_types::codec::Blob;
use xln_types::tx::{self, AssetAmount, AssetPolicy, DISPUTE_WINDOW_S_DEFAULT, OpenChannel};
use xln_types::{Address, Amount, Asset, AssetId, Balance, ChainFact, Command, EntityId, FactKind, FactPosition};
use xln_types::{Hash, OperationId, Record, Side, Transaction};

/// The log, and who and what is in it.
pub(crate) struct Story {
    pub(crate) records: Vec<Record>,
    /// The sequence of each input, by its name.
    pub(crate) spots: BTreeMap<&'static str, u64>,
    pub(crate) cast: Cast,
    /// What the core came to.
    pub(crate) root: Hash,
}

impl Story {
    /// How many blocks it has.
    pub(crate) fn blocks(&self) -> u64 {
        self.records.iter().filter(|record| matches!(record, Record::Block { .. })).count() as u64
    }
}

/// Players and assets.
#[derive(Clone, Copy)]
pub(crate) struct Cast {
    pub(crate) hub: Player,
    pub(crate) alice: Player,
    pub(crate) bob: Player,
    /// Keeps her own key.
    pub(crate) carol: Player,
    pub(crate) dave: Player,
    pub(crate) erin: Player,
    pub(crate) frank: Player,
    pub(crate) eth: AssetId,
    pub(crate) usd: AssetId,
    /// There is only one.
    pub(crate) art: AssetId,
}

/// The story, told once a process.
pub(crate) fn story() -> &'static Story {
    static STORY: OnceLock<Story> = OnceLock::new();
    STORY.get_or_init(told)
}

fn told() -> Story {
    let (eth, usd) = (asset(Asset::NATIVE, "ETH"), asset(Asset::erc20(Address([0x55; 20])), "USD"));
    let art = asset(Asset { kind: AssetKind::Erc721, contract: Address([0x66; 20]), token_id: [1; 32] }, "ART");
    let cast = Cast {
        hub: Player::hub(),
        alice: Player::new(1, true),
        bob: Player::new(2, true),
        carol: Player::new(3, false),
        dave: Player::new(4, true),
        erin: Player::new(5, true),
        frank: Player::new(7, true),
        eth: eth.id,
        usd: usd.id,
        art: art.id,
    };
    let fee =
        AssetPolicy { reserve_ppm: 50_000, fee_base: Amount(2), fee_ppm: 10_000, ..AssetPolicy::unlimited(usd.id) };
    let mut hub = Hub::new(vec![eth, usd], vec![fee]);
    hub.command("list art", Command::RegisterAsset { info: art.clone() });
    let again = hub.tell("list art again", &Input::Command(Command::RegisterAsset { info: art }));
    assert!(!again.is_executed());
    for chapter in [
        founding,
        deposits,
        channels,
        payments,
        refusals,
        policies,
        newcomers,
        collateral,
        withdrawals,
        strangers,
        past_the_hub,
        art_moves,
        halt,
    ] {
        chapter(&mut hub, &cast);
        hub.seal();
    }
    hub.sign();
    let root = Hash(hub.server.tree().root());
    pay(&mut hub, "not sealed yet", &cast.alice, &cast.bob, cast.eth, 1);
    hub.wait(0);
    Story { records: hub.records, spots: hub.spots, cast, root }
}

fn founding(hub: &mut Hub, cast: &Cast) {
    let known = [
        ("register alice", cast.alice),
        ("register bob", cast.bob),
        ("register carol", cast.carol),
        ("register dave", cast.dave),
        ("register erin", cast.erin),
    ];
    for (name, player) in known {
        hub.command(name, player.registration());
    }
    let again = hub.tell("register alice again", &Input::Command(cast.alice.registration()));
    assert!(!again.is_executed());
    let founders = [("found alice", cast.alice), ("found bob", cast.bob), ("found carol", cast.carol)];
    for (name, player) in founders.into_iter().chain([("found erin", cast.erin)]) {
        hub.act(name, &player, Address::ZERO, player.founding());
    }
}

fn arrive(hub: &mut Hub, name: &'static str, to: &Player, asset: AssetId, amount: u128) {
    let (entity, amount, sender) = (to.entity, Amount(amount), Address([0x5e; 20]));
    hub.fact(name, FactKind::Deposited { entity, asset, amount, sender });
}

fn deposits(hub: &mut Hub, cast: &Cast) {
    let Cast { eth, usd, .. } = *cast;
    hub.fact("eth is seen", FactKind::AssetRegistered { id: eth, asset: Asset::NATIVE });
    arrive(hub, "alice deposits eth", &cast.alice, eth, 10_000);
    arrive(hub, "alice deposits usd", &cast.alice, usd, 5_000);
    arrive(hub, "hub deposits eth", &cast.hub, eth, 50_000);
    arrive(hub, "hub deposits usd", &cast.hub, usd, 80_000);
    arrive(hub, "carol deposits eth", &cast.carol, eth, 3_000);
    arrive(hub, "dave's eth waits", &cast.dave, eth, 700);
    let at = FactPosition { block: 10, log_index: 1, ..FactPosition::default() };
    let stale = hub.tell("stale fact", &Input::Fact(ChainFact { at, kind: FactKind::Time { timestamp: 5 } }));
    assert!(!stale.is_executed());
}

pub(crate) fn opening(
    peer: &Player,
    collateral: Vec<AssetAmount>,
    grants: Vec<AssetAmount>,
    until_s: u64,
) -> OpenChannel {
    OpenChannel {
        peer: peer.entity,
        collateral,
        grants,
        requested: vec![],
        dispute_window_s: DISPUTE_WINDOW_S_DEFAULT,
        valid_until_s: until_s,
        chain_signatures: vec![],
    }
}

pub(crate) fn of(asset: AssetId, amount: u128) -> AssetAmount {
    AssetAmount { asset, amount: Amount(amount) }
}

/// The id of the first operation that the next transaction of this player starts.
fn next_operation(hub: &Hub, by: &Player) -> OperationId {
    let from = by.entity.address();
    derive::operation_id(hub.server.hub_id(), from, hub.server.next_nonce(from).unwrap_or(0), 0)
}

pub(crate) fn side(one: &Player, other: &Player) -> Side {
    if one.is_left_of(other) { Side::Left } else { Side::Right }
}

fn locked(
    hub: &mut Hub,
    name: &'static str,
    [by, with]: [&Player; 2],
    asset: AssetId,
    amount: u128,
    operation: OperationId,
) {
    let (channel, entity, side, amount) = (by.channel(with), by.entity, side(by, with), Amount(amount));
    hub.fact(name, FactKind::CollateralAdded { channel, entity, side, asset, amount, operation });
}

fn grant(hub: &mut Hub, name: &'static str, [by, to]: [&Player; 2], asset: AssetId, granted: u128) {
    let body = tx::SetCredit { channel: by.channel(to), asset, granted: Amount(granted) };
    hub.act(name, by, to.entity.address(), body);
}

fn channels(hub: &mut Hub, cast: &Cast) {
    let Cast { alice, bob, carol, eth, usd, .. } = *cast;
    let until_s = hub.now_s() + 3600;
    let operation = next_operation(hub, &alice);
    let body = opening(&cast.hub, vec![of(eth, 4_000)], vec![of(usd, 1_000)], until_s);
    hub.act("alice opens with the hub", &alice, cast.hub.entity.address(), body);
    locked(hub, "alice's collateral is there", [&alice, &cast.hub], eth, 4_000, operation);
    let body = opening(&cast.hub, vec![], vec![of(eth, 2_000), of(usd, 3_000)], 0);
    hub.act("bob opens with the hub", &bob, cast.hub.entity.address(), body);
    let body = OpenChannel { requested: vec![of(eth, 500)], ..opening(&alice, vec![], vec![], 0) };
    hub.act("carol opens with alice", &carol, alice.entity.address(), body);
    let body = tx::AcceptChannel { channel: carol.channel(&alice), grants: vec![of(eth, 500)] };
    hub.act("alice accepts carol", &alice, carol.entity.address(), body);
    grant(hub, "hub grants alice usd", [&cast.hub, &alice], usd, 2_000);
    grant(hub, "hub grants bob usd", [&cast.hub, &bob], usd, 400);
}

pub(crate) fn payment(asset: AssetId, amount: u128) -> tx::DirectPayment {
    tx::DirectPayment { asset, amount: Amount(amount), memo: Blob(b"memo".to_vec()), route: vec![] }
}

fn pay(hub: &mut Hub, name: &'static str, by: &Player, to: &Player, asset: AssetId, amount: u128) {
    hub.act(name, by, to.entity.address(), payment(asset, amount));
}

fn payments(hub: &mut Hub, cast: &Cast) {
    let Cast { alice, bob, carol, eth, usd, .. } = *cast;
    pay(hub, "alice pays bob eth", &alice, &bob, eth, 300);
    hub.act_for("alice pays bob usd", &alice, bob.entity.address(), payment(usd, 100), 3);
    hub.act_for("alice pays bob usd and more fee", &alice, bob.entity.address(), payment(usd, 50), 10);
    pay(hub, "bob pays the hub", &bob, &cast.hub, eth, 120);
    pay(hub, "bob pays alice", &bob, &alice, eth, 100);
    pay(hub, "carol pays alice", &carol, &alice, eth, 200);
    pay(hub, "alice pays carol", &alice, &carol, eth, 50);
}

fn refusals(hub: &mut Hub, cast: &Cast) {
    let Cast { alice, bob, carol, eth, usd, .. } = *cast;
    let to = |player: &Player| player.entity.address();
    hub.refused("carol overdraws", &carol, to(&alice), payment(eth, 1_000), "insufficient_funds");
    hub.refused("carol finds no route", &carol, to(&bob), payment(eth, 1), "no_route");
    hub.refused("alice pays no fee", &alice, to(&bob), payment(usd, 100), "fee_too_low");
    hub.refused("alice pays herself", &alice, to(&alice), payment(eth, 1), "same_entity");
    let tx = hub.transaction(&alice, to(&bob), &payment(eth, 1).into(), 0);
    let early = hub.signed(&alice, Transaction { nonce: tx.nonce + 5, ..tx.clone() });
    assert!(!hub.submit("alice is ahead of her turn", early).is_executed());
    let foreign = hub.signed(&bob, tx);
    assert!(!hub.submit("bob acts for alice", foreign).is_executed());
    let body = tx::DeleteEntity { entity: alice.entity };
    hub.refused("alice can't go", &alice, Address::ZERO, body, "not_empty");
    let grant = |asset| tx::SetCredit { channel: alice.channel(&cast.hub), asset, granted: Amount(1) };
    hub.refused("alice grants art", &alice, to(&cast.hub), grant(cast.art), "not_for_unique_asset");
    hub.refused("bob grants in alice's channel", &bob, to(&cast.hub), grant(eth), "unknown_channel");
}

fn policies(hub: &mut Hub, cast: &Cast) {
    let Cast { alice, bob, carol, eth, usd, .. } = *cast;
    let policy = AssetPolicy {
        grant_max: Amount(600),
        grant_total_max: Amount(600),
        owed_max: Amount(5_000),
        reserve_ppm: 100_000,
        ..AssetPolicy::unlimited(eth)
    };
    let body = tx::UpdateEntity { metadata: Blob(b"alice".to_vec()), policies: vec![policy], accepts_free: 1 };
    hub.act("alice sets a policy", &alice, Address::ZERO, body);
    let body = tx::SetCredit { channel: alice.channel(&carol), asset: eth, granted: Amount(700) };
    hub.refused("alice grants beyond her policy", &alice, carol.entity.address(), body, "limit_exceeded");
    grant(hub, "alice raises her grant", [&alice, &carol], eth, 600);
    grant(hub, "hub lowers its grant", [&cast.hub, &alice], usd, 50);
    let body = payment(usd, 1);
    let tx = hub.transaction(&alice, bob.entity.address(), &body.into(), 3);
    assert!(!hub.submit("alice can draw no more", tx).is_executed());
}

fn newcomers(hub: &mut Hub, cast: &Cast) {
    let Cast { bob, dave, eth, .. } = *cast;
    hub.act("found dave", &dave, Address::ZERO, dave.founding());
    let operation = next_operation(hub, &dave);
    let body = tx::Deposit { asset: eth, amount: Amount(900) };
    hub.act("dave sends eth", &dave, Address::ZERO, body);
    let raw = vec![Blob(b"approve".to_vec()), Blob(b"deposit".to_vec())];
    hub.command("dave's deposit is sent", Command::Broadcast { operation, raw });
    let (entity, amount, sender) = (dave.entity, Amount(890), Address([4; 20]));
    let arrived = FactKind::Deposited { entity, asset: eth, amount, sender };
    hub.fact_of("dave's deposit arrives", keccak256(b"deposit"), arrived);
    let until_s = hub.now_s() + 60;
    hub.act("dave opens with bob", &dave, bob.entity.address(), opening(&bob, vec![of(eth, 300)], vec![], until_s));
    hub.wait(100);
    hub.fact("dave's opening is too late", FactKind::Time { timestamp: until_s + 1 });
    let body = tx::AcceptChannel { channel: dave.channel(&bob), grants: vec![of(eth, 50)] };
    hub.act("bob accepts dave", &bob, dave.entity.address(), body);
    pay(hub, "dave draws on bob", &dave, &bob, eth, 50);
    let body = tx::DeleteEntity { entity: cast.erin.entity };
    hub.act("erin goes", &cast.erin, Address::ZERO, body);
}

fn collateral(hub: &mut Hub, cast: &Cast) {
    let Cast { alice, eth, usd, .. } = *cast;
    let (until_s, channel) = (hub.now_s() + 3600, alice.channel(&cast.hub));
    let operation = next_operation(hub, &cast.hub);
    let (amount, chain_signature) = (Amount(10_000), Blob::default());
    let body = tx::Allocate { channel, asset: usd, amount, valid_until_s: until_s, chain_signature };
    hub.act("hub allocates usd", &cast.hub, alice.entity.address(), body);
    hub.command("hub's allocation is sent", Command::Broadcast { operation, raw: vec![Blob(b"allocate".to_vec())] });
    locked(hub, "hub's usd are there", [&cast.hub, &alice], usd, 10_000, operation);
    let take = |amount| tx::Deallocate { channel, asset: eth, amount: Amount(amount), valid_until_s: until_s };
    hub.act("alice takes out", &alice, cast.hub.entity.address(), take(500));
    let (gained, none) = (Balance(500), Balance::ZERO);
    let (left, right) = side(&alice, &cast.hub).pick((gained, none), (none, gained));
    hub.fact("alice's share is out", FactKind::Settled { channel, asset: eth, counter: 1, left, right });
    let operation = next_operation(hub, &alice);
    hub.act("alice takes out again", &alice, cast.hub.entity.address(), take(200));
    hub.fact("alice's settlement reverts", FactKind::Reverted { operation });
    hub.refused("alice takes too much", &alice, cast.hub.entity.address(), take(9_000), "insufficient_share");
}

fn withdrawal(asset: AssetId, amount: u128, until_s: u64) -> tx::Withdraw {
    let (recipient, chain_signature) = (Address([0xee; 20]), Blob::default());
    tx::Withdraw { asset, amount: Amount(amount), recipient, valid_until_s: until_s, chain_signature }
}

fn left(hub: &mut Hub, name: &'static str, entity: EntityId, asset: AssetId, amount: u128, operation: OperationId) {
    let (amount, recipient) = (Amount(amount), Address([0xee; 20]));
    hub.fact(name, FactKind::Withdrawn { entity, asset, amount, recipient, operation });
}

fn withdrawals(hub: &mut Hub, cast: &Cast) {
    let Cast { alice, bob, carol, eth, .. } = *cast;
    let until_s = hub.now_s() + 60;
    let operation = next_operation(hub, &alice);
    hub.act("alice withdraws", &alice, Address::ZERO, withdrawal(eth, 1_000, until_s));
    hub.command("alice's withdrawal is sent", Command::Broadcast { operation, raw: vec![Blob(b"out".to_vec())] });
    left(hub, "alice's withdrawal is out", alice.entity, eth, 1_000, operation);
    let channel = alice.channel(&cast.hub);
    let take = tx::Deallocate { channel, asset: eth, amount: Amount(100), valid_until_s: until_s };
    hub.act("alice takes out too late", &alice, cast.hub.entity.address(), take);
    hub.act("alice withdraws more", &alice, Address::ZERO, withdrawal(eth, 400, until_s));
    hub.refused("bob has nothing", &bob, Address::ZERO, withdrawal(eth, 1, until_s), "insufficient_reserve");
    left(hub, "carol goes past the hub", carol.entity, eth, 100, OperationId([7; 32]));
    hub.wait(120);
    hub.fact("alice's withdrawal is too late", FactKind::Time { timestamp: until_s + 1 });
}

/// Entities and channels that this hub has never heard of.
fn strangers(hub: &mut Hub, cast: &Cast) {
    let Cast { eth, .. } = *cast;
    let [one, other] = [Player::new(8, false), Player::new(9, false)];
    arrive(hub, "a stranger deposits", &one, eth, 90);
    locked(hub, "a stranger allocates", [&one, &other], eth, 60, OperationId([8; 32]));
    left(hub, "a stranger withdraws", one.entity, eth, 40, OperationId([9; 32]));
}

/// What its own players do on the chain without the hub's asking.
fn past_the_hub(hub: &mut Hub, cast: &Cast) {
    let Cast { alice, bob, carol, dave, frank, eth, .. } = *cast;
    let channel = carol.channel(&alice);
    locked(hub, "carol allocates past the hub", [&carol, &alice], eth, 70, OperationId([10; 32]));
    let (left, right) = (Balance(-40), Balance(10));
    hub.fact("carol and alice settle", FactKind::Settled { channel, asset: eth, counter: 9, left, right });
    let operation = next_operation(hub, &dave);
    let (channel, valid_until_s, chain_signature) = (dave.channel(&bob), hub.now_s() + 3600, Blob::default());
    let body = tx::Allocate { channel, asset: eth, amount: Amount(100), valid_until_s, chain_signature };
    hub.act("dave allocates", &dave, bob.entity.address(), body);
    locked(hub, "dave goes elsewhere", [&dave, &Player::new(8, false)], eth, 100, operation);
    hub.fact("dave's allocation reverts", FactKind::Reverted { operation });
    let again = FactKind::Reverted { operation };
    let again = hub.tell("it reverts again", &Input::Fact(ChainFact { at: FactPosition::default(), kind: again }));
    assert!(!again.is_executed());
    let (entity, amount, sender) = (alice.entity, Amount(xln_types::AMOUNT_MAX), Address([1; 20]));
    let at = FactPosition { block: 1_000, ..FactPosition::default() };
    let kind = FactKind::Deposited { entity, asset: eth, amount, sender };
    let too_much = hub.tell("more than there is", &Input::Fact(ChainFact { at, kind }));
    assert!(!too_much.is_executed());
    hub.command("register frank", frank.registration());
    hub.act("found frank", &frank, Address::ZERO, frank.founding());
    hub.act("frank opens with the hub", &frank, cast.hub.entity.address(), opening(&cast.hub, vec![], vec![], 0));
    let body = tx::DeleteEntity { entity: frank.entity };
    hub.refused("frank can't go", &frank, Address::ZERO, body, "not_empty");
}

fn art_moves(hub: &mut Hub, cast: &Cast) {
    let Cast { alice, art, .. } = *cast;
    let (until_s, channel) = (hub.now_s() + 3600, alice.channel(&cast.hub));
    arrive(hub, "alice deposits art", &alice, art, 1);
    let operation = next_operation(hub, &alice);
    let body = tx::Allocate {
        channel,
        asset: art,
        amount: Amount(1),
        valid_until_s: until_s,
        chain_signature: Blob::default(),
    };
    hub.act("alice allocates art", &alice, cast.hub.entity.address(), body);
    locked(hub, "alice's art is there", [&alice, &cast.hub], art, 1, operation);
    pay(hub, "alice pays art", &alice, &cast.hub, art, 1);
}

fn halt(hub: &mut Hub, cast: &Cast) {
    hub.deep_reorg("a deep reorganisation");
    let until_s = hub.now_s() + 60;
    hub.refused("withdrawals are halted", &cast.alice, Address::ZERO, withdrawal(cast.eth, 1, until_s), "halted");
    arrive(hub, "hub deposits again", &cast.hub, cast.eth, 5);
    pay(hub, "the hub pays", &cast.hub, &cast.bob, cast.eth, 10);
}
