//! Forged channels: payments, grants and states (**CH-1** to **CH-3**, **CH-11** to **CH-14**, **HT-4**, **N-4**, **N-6**).

use crate::forger::Forger;
use crate::table::{Forgery, refuse_all};
use xln_machine::channel::state::Head;
use xln_machine::channel::{ChannelStatus, Line};
use xln_machine::depositary::Reserve;
use xln_machine::entity::EntityRecord;
use xln_types::codec::Blob;
use xln_types::receipt::Status;
use xln_types::tx::{AcceptChannel, DirectPayment, OpenChannel, SetCredit, UpdateEntity};
use xln_types::{Amount, AssetInfo, Body, Command, EntityId, Entry, Hash, Path};

/// Bob's line with the hub.
fn bob_line(f: &Forger) -> Path {
    f.cast.bob.line(&f.cast.hub, f.cast.eth)
}

/// Where the head of Carol's channel with Alice lies.
fn carol_head(f: &Forger) -> Path {
    let (carol, alice) = (f.cast.carol, f.cast.alice);
    let left = if carol.is_left_of(&alice) { carol } else { alice };
    Path::channel(left.signer, left.entity, carol.channel(&alice))
}

/// The grant of Bob, or of the hub, in their line.
fn granted(f: &Forger, by_bob: bool) -> fn(&mut Line) -> &mut Amount {
    if by_bob == f.cast.bob.is_left_of(&f.cast.hub) {
        |line| &mut line.granted_by_left
    } else {
        |line| &mut line.granted_by_right
    }
}

/// Another fee for a payment, and nothing else.
fn fee(f: &mut Forger, name: &str, fee: u128) {
    f.entry(name, |entry| match entry {
        Entry::Transaction { tx, .. } => tx.fee = Amount(fee),
        _ => panic!("a payment"),
    });
}

/// Something else is asked for.
fn ask(f: &mut Forger, name: &str, body: &Body) {
    f.entry(name, |entry| match entry {
        Entry::Transaction { tx, .. } => (tx.kind, tx.data) = (body.kind(), body.to_data()),
        _ => panic!("a transaction"),
    });
}

fn execute(f: &mut Forger, name: &str) {
    f.receipt(name).status = Status::Executed;
}

/// CH-1, CH-2, CH-14, HT-4: a payment moves what it says, on each leg, within what the payer can pay.
#[test]
fn forged_payments_are_seen() {
    refuse_all(&[
        Forgery("moved less", "bob pays the hub", "CH-2", "offdelta", |f| {
            let path = bob_line(f);
            f.carry("bob pays the hub", path, |line: &mut Line| line.offdelta.0 += 1);
        }),
        Forgery("says more", "alice pays bob eth", "CH-2", "offdelta", |f| {
            f.body("alice pays bob eth", |body: &mut DirectPayment| body.amount.0 += 1);
        }),
        Forgery("only the first leg moved", "alice pays bob eth", "CH-2", "offdelta", |f| {
            let path = bob_line(f);
            f.receipt("alice pays bob eth").changes.retain(|change| change.path != path);
        }),
        Forgery("a payment uncounted", "bob pays alice", "CH-2", "payments", |f| {
            let path = bob_line(f);
            f.carry("bob pays alice", path, |line: &mut Line| line.payments -= 1);
        }),
        Forgery("another volume", "bob pays alice", "CH-2", "volume", |f| {
            let path = bob_line(f);
            f.carry("bob pays alice", path, |line: &mut Line| line.volume.0 += 1);
        }),
        Forgery("overdrawn", "carol overdraws", "CH-1", "DIRECT_PAYMENT", |f| execute(f, "carol overdraws")),
        Forgery("overdrawn on a smaller grant", "alice pays bob usd", "CH-1", "DIRECT_PAYMENT", |f| {
            let (hub, alice, usd) = (f.cast.hub, f.cast.alice, f.cast.usd);
            let hub_is_left = hub.is_left_of(&alice);
            f.body("hub grants alice usd", |body: &mut SetCredit| body.granted = Amount(100));
            f.carry("hub grants alice usd", hub.line(&alice, usd), |line: &mut Line| {
                let granted = if hub_is_left { &mut line.granted_by_left } else { &mut line.granted_by_right };
                granted.0 = granted.0.min(100);
            });
            f.carry("hub grants alice usd", hub.reserve(usd), |reserve: &mut Reserve| {
                reserve.granted.0 = reserve.granted.0.saturating_sub(1_900);
            });
        }),
        Forgery("on a lowered grant", "alice can draw no more", "CH-1", "DIRECT_PAYMENT", |f| {
            execute(f, "alice can draw no more");
        }),
        Forgery("of nothing", "bob pays the hub", "CH-1", "DIRECT_PAYMENT", |f| {
            f.body("bob pays the hub", |body: &mut DirectPayment| body.amount = Amount::ZERO);
        }),
        Forgery("without a route", "carol finds no route", "CH-14", "DIRECT_PAYMENT", |f| {
            execute(f, "carol finds no route");
        }),
        Forgery("without a fee", "alice pays no fee", "HT-4", "DIRECT_PAYMENT", |f| execute(f, "alice pays no fee")),
        Forgery("for less fee", "alice pays bob usd", "HT-4", "DIRECT_PAYMENT", |f| fee(f, "alice pays bob usd", 2)),
        Forgery("in what isn't listed", "the hub pays", "CH-12", "DIRECT_PAYMENT", |f| {
            let art = f.cast.art;
            f.body("the hub pays", |body: &mut DirectPayment| body.asset = art);
        }),
        Forgery("a fee for a grant", "hub grants bob usd", "TX-1", "SET_CREDIT", |f| fee(f, "hub grants bob usd", 1)),
        Forgery("a fee without a hop", "bob pays the hub", "TX-1", "DIRECT_PAYMENT", |f| {
            fee(f, "bob pays the hub", 1);
        }),
        Forgery("to oneself", "alice pays herself", "N-5", "DIRECT_PAYMENT", |f| execute(f, "alice pays herself")),
        Forgery("over a given route", "bob pays the hub", "HT-1", "DIRECT_PAYMENT", |f| {
            let alice = f.cast.alice.entity;
            f.body("bob pays the hub", |body: &mut DirectPayment| {
                body.route = vec![xln_types::tx::Route {
                    hashlock: Hash([1; 32]),
                    deadline_s: 0,
                    hops: vec![xln_types::tx::RouteHop { entity: alice, fee: Amount::ZERO }],
                }];
            });
        }),
    ]);
}

/// CH-3, CH-12, N-4: a grant is changed by its grantor alone, and what the chain records by the chain alone.
#[test]
fn forged_grants_and_collateral_are_seen() {
    refuse_all(&[
        Forgery("a grant beside a payment", "bob pays the hub", "CH-3", "granted_by_", |f| {
            let (path, grant) = (bob_line(f), granted(f, true));
            f.carry("bob pays the hub", path, |line: &mut Line| grant(line).0 += 1);
        }),
        Forgery("another grant than asked for", "hub grants bob usd", "CH-3", "granted", |f| {
            f.body("hub grants bob usd", |body: &mut SetCredit| body.granted.0 += 1);
        }),
        Forgery("the other side's grant", "hub grants bob usd", "CH-3", "granted_by_", |f| {
            let (bob, hub, usd) = (f.cast.bob, f.cast.hub, f.cast.usd);
            let (own, other) = (granted(f, false), granted(f, true));
            f.carry("hub grants bob usd", bob.line(&hub, usd), |line: &mut Line| {
                own(line).0 -= 400;
                other(line).0 += 400;
            });
            f.carry("hub grants bob usd", hub.reserve(usd), |reserve: &mut Reserve| reserve.granted.0 -= 400);
            f.carry("hub grants bob usd", bob.reserve(usd), |reserve: &mut Reserve| reserve.granted.0 += 400);
        }),
        Forgery("in another's channel", "bob grants in alice's channel", "CH-3", "SET_CREDIT", |f| {
            execute(f, "bob grants in alice's channel");
        }),
        Forgery("in what is unique", "alice grants art", "N-4", "SET_CREDIT", |f| execute(f, "alice grants art")),
        Forgery("past the policy", "alice grants beyond her policy", "DP-2", "SET_CREDIT", |f| {
            execute(f, "alice grants beyond her policy");
        }),
        Forgery("collateral beside a payment", "bob pays the hub", "CH-12", "collateral", |f| {
            let path = bob_line(f);
            f.carry("bob pays the hub", path, |line: &mut Line| line.collateral.0 += 1);
        }),
        Forgery("an ondelta beside a payment", "bob pays the hub", "CH-12", "ondelta", |f| {
            let path = bob_line(f);
            f.carry("bob pays the hub", path, |line: &mut Line| line.ondelta.0 -= 1);
        }),
        Forgery("a hold beside a payment", "bob pays the hub", "DP-5", "held_left", |f| {
            let path = bob_line(f);
            f.carry("bob pays the hub", path, |line: &mut Line| line.held_left.0 += 1);
        }),
        Forgery("an asset not listed", "bob opens with the hub", "CH-12", "listed", |f| {
            let path = bob_line(f);
            f.carry("bob opens with the hub", path, |line: &mut Line| line.listed = 0);
        }),
        Forgery("an asset nobody knows", "bob opens with the hub", "N-4", "OPEN_CHANNEL", |f| {
            f.body("bob opens with the hub", |body: &mut OpenChannel| body.grants[0].asset.0[0] ^= 1);
        }),
        Forgery("an asset listed twice", "list art again", "N-4", "", |f| execute(f, "list art again")),
        Forgery("an asset by another's id", "list art", "N-4", "", |f| {
            let path = Path::asset(f.cast.art);
            f.entry("list art", |entry| match entry {
                Entry::Command { command: Command::RegisterAsset { info } } => info.asset.token_id[0] ^= 1,
                _ => panic!("an asset"),
            });
            f.carry("list art", path, |info: &mut AssetInfo| info.asset.token_id[0] ^= 1);
        }),
        Forgery("an asset renamed", "list art", "N-4", "decimals", |f| {
            let path = Path::asset(f.cast.art);
            f.carry("list art", path, |info: &mut AssetInfo| info.decimals += 1);
        }),
    ]);
}

/// CH-11, N-6: a channel is its two sides', and opens when consent and collateral are there.
#[test]
fn forged_channel_states_are_seen() {
    refuse_all(&[
        Forgery("open before its time", "carol opens with alice", "CH-11", "status", |f| {
            let path = carol_head(f);
            f.carry("carol opens with alice", path, |head: &mut Head| head.status = ChannelStatus::Open);
        }),
        Forgery("accepted before its time", "carol opens with alice", "CH-11", "accepted", |f| {
            let path = carol_head(f);
            f.carry("carol opens with alice", path, |head: &mut Head| head.accepted = 1);
        }),
        Forgery("never accepted", "carol pays alice", "CH-11", "DIRECT_PAYMENT", |f| {
            let path = f.cast.alice.record();
            let nothing = UpdateEntity { metadata: Blob::default(), policies: vec![], accepts_free: 2 };
            ask(f, "alice accepts carol", &nothing.into());
            f.receipt("alice accepts carol").changes.retain(|change| change.path == path);
            f.carry("alice accepts carol", path, |alice: &mut EntityRecord| alice.channels_open -= 1);
            let path = f.cast.alice.reserve(f.cast.eth);
            f.carry("alice accepts carol", path, |reserve: &mut Reserve| {
                reserve.granted.0 = reserve.granted.0.saturating_sub(500);
            });
            f.remeet();
        }),
        Forgery("of another epoch", "bob opens with the hub", "N-6", "epoch", |f| {
            let (bob, hub) = (f.cast.bob, f.cast.hub);
            let left = if bob.is_left_of(&hub) { bob } else { hub };
            let path = Path::channel(left.signer, left.entity, bob.channel(&hub));
            f.carry("bob opens with the hub", path, |head: &mut Head| head.epoch = 1);
        }),
        Forgery("of another left", "bob opens with the hub", "N-6", "left", |f| {
            let (bob, hub) = (f.cast.bob, f.cast.hub);
            let right = if bob.is_left_of(&hub) { hub } else { bob };
            let path = Path::channel(right.signer, right.entity, bob.channel(&hub));
            f.carry("bob opens with the hub", path, |left: &mut EntityId| *left = EntityId([1; 32]));
        }),
        Forgery("with a shorter dispute window", "carol opens with alice", "CH-7", "dispute_window_s", |f| {
            let path = carol_head(f);
            f.carry("carol opens with alice", path, |head: &mut Head| head.dispute_window_s = 60);
        }),
        Forgery("not counted", "carol opens with alice", "CH-11", "channels", |f| {
            let path = f.cast.alice.record();
            f.carry("carol opens with alice", path, |alice: &mut EntityRecord| alice.channels -= 1);
        }),
        Forgery("accepted again", "alice pays carol", "CH-11", "ACCEPT_CHANNEL", |f| {
            let channel = f.cast.alice.channel(&f.cast.carol);
            ask(f, "alice pays carol", &AcceptChannel { channel, grants: vec![] }.into());
        }),
        Forgery("granted in a dispute", "", "CH-11", "SET_CREDIT", |f| {
            let path = carol_head(f);
            f.carry("alice accepts carol", path, |head: &mut Head| head.status = ChannelStatus::Disputed);
        }),
        Forgery("opened again", "alice accepts carol", "N-6", "OPEN_CHANNEL", |f| {
            let again = OpenChannel {
                peer: f.cast.hub.entity,
                collateral: vec![],
                grants: vec![],
                requested: vec![],
                dispute_window_s: 60,
                valid_until_s: 0,
                chain_signatures: vec![],
            };
            ask(f, "alice accepts carol", &again.into());
        }),
    ]);
}
