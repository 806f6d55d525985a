//! Forged reserves: what arrives, leaves, is put into channels and taken out (**CH-13**, **DP-1** to **DP-5**, **EN-5**).

use crate::forger::Forger;
use crate::table::{Forgery, refuse_all};
use xln_machine::channel::Line;
use xln_machine::channel::state::Head;
use xln_machine::depositary::{Operation, Reserve};
use xln_machine::server::state::ServerRecord;
use xln_types::codec::Blob;
use xln_types::receipt::Status;
use xln_types::tx::{Allocate, AssetPolicy, Deallocate, DeleteEntity, UpdateEntity, Withdraw};
use xln_types::{Address, Amount, AssetId, FactKind, OperationId, Path, Rejection, SignerId};

/// Free reserve grows from an input on.
fn add_free(f: &mut Forger, name: &str, path: Path, amount: i128) {
    f.carry(name, path, |reserve: &mut Reserve| reserve.free.0 += amount);
}

fn eth(f: &Forger) -> AssetId {
    f.cast.eth
}

fn alice_eth(f: &Forger) -> Path {
    f.cast.alice.reserve(f.cast.eth)
}

fn hub_usd(f: &Forger) -> Path {
    f.cast.hub.reserve(f.cast.usd)
}

/// Alice's line with the hub.
fn alice_line(f: &Forger, asset: AssetId) -> Path {
    f.cast.alice.line(&f.cast.hub, asset)
}

fn deposited(f: &mut Forger, name: &str, act: fn(&mut Amount)) {
    f.fact(name, |fact| match &mut fact.kind {
        FactKind::Deposited { amount, .. } | FactKind::Withdrawn { amount, .. } => act(amount),
        _ => panic!("an arrival or departure"),
    });
}

fn refuse(f: &mut Forger, name: &str, rejection: Rejection) {
    let receipt = f.receipt(name);
    (receipt.status, receipt.changes) = (Status::Rejected(rejection), Vec::new());
}

/// DP-3: a deposit is credited once, in the chain's order, to whom and by what the fact says.
#[test]
fn forged_arrivals_are_seen() {
    refuse_all(&[
        Forgery("credited more", "hub deposits eth", "DP-3", "reserve asset ETH, free", |f| {
            let path = f.cast.hub.reserve(f.cast.eth);
            add_free(f, "hub deposits eth", path, 1_000);
        }),
        Forgery("the fact says less", "alice deposits usd", "DP-3", "reserve asset USD, free", |f| {
            deposited(f, "alice deposits usd", |amount| amount.0 -= 1);
        }),
        Forgery("credited to another", "alice deposits usd", "DP-3", "reserve asset USD, free", |f| {
            let bob = f.cast.bob.entity;
            f.fact("alice deposits usd", |fact| match &mut fact.kind {
                FactKind::Deposited { entity, .. } => *entity = bob,
                _ => panic!("a deposit"),
            });
        }),
        Forgery("more waits than arrived", "dave's eth waits", "DP-3", "unclaimed", |f| {
            let path = Path::reserve(SignerId::ZERO, f.cast.dave.entity, f.cast.eth);
            f.carry("dave's eth waits", path, |waiting: &mut Amount| waiting.0 += 7);
        }),
        Forgery("claimed more than waited", "found dave", "DP-3", "reserve asset ETH, free", |f| {
            let path = f.cast.dave.reserve(f.cast.eth);
            add_free(f, "found dave", path, 1);
        }),
        Forgery("credited twice", "hub deposits eth", "DP-3", "", |f| {
            let (entry, mut receipt) = f.copy("alice deposits usd");
            let path = f.cast.alice.reserve(f.cast.usd);
            for change in receipt.changes.iter_mut().filter(|change| change.path == path) {
                let reserve = Reserve { free: xln_types::Balance(10_000), ..Reserve::default() };
                change.new = Blob(alloy_rlp::encode(reserve));
            }
            f.insert("hub deposits eth", (entry, receipt));
            f.remeet();
        }),
        Forgery("a stale fact taken", "stale fact", "DP-3", "", |f| f.receipt("stale fact").status = Status::Executed),
        Forgery("out of order", "hub deposits eth", "DP-3", "", |f| {
            let later = f.remove("hub deposits eth");
            f.insert("alice deposits usd", later);
            f.remeet();
        }),
        Forgery("left out", "hub grants alice usd", "DP-1", "reserve asset USD, free", |f| {
            let _ = f.remove("hub deposits usd");
            f.remeet();
        }),
        Forgery("called out of range", "hub deposits usd", "DP-3", "", |f| {
            refuse(f, "hub deposits usd", Rejection::OutOfRange {});
        }),
        Forgery("a reversal called unknown", "dave's allocation reverts", "DP-3", "", |f| {
            refuse(f, "dave's allocation reverts", Rejection::UnknownOperation {});
        }),
        Forgery("a reversal called stale", "dave's allocation reverts", "DP-3", "", |f| {
            refuse(f, "dave's allocation reverts", Rejection::StaleFact {});
        }),
        Forgery("called stale", "hub deposits usd", "DP-3", "", |f| {
            refuse(f, "hub deposits usd", Rejection::StaleFact {});
        }),
        Forgery("a halt that isn't one", "a deep reorganisation", "DP-3", "server, halted", |f| {
            f.carry("a deep reorganisation", Path::SERVER, |server: &mut ServerRecord| server.halted = 0);
        }),
        Forgery("a cursor that runs ahead", "eth is seen", "DP-3", "server, cursor", |f| {
            f.change("eth is seen", Path::SERVER, |change| {
                let mut server = ServerRecord::default();
                server.cursor.block = 99;
                change.new = Blob(alloy_rlp::encode(server));
            });
        }),
        Forgery("a withdrawal under the halt", "withdrawals are halted", "DP-3", "WITHDRAW", |f| {
            f.receipt("withdrawals are halted").status = Status::Executed;
        }),
    ]);
}

/// CH-13: whatever is minted, wherever it is noted, the sums over records and chain facts no longer meet.
#[test]
fn minted_money_is_seen_in_the_sums() {
    refuse_all(&[
        Forgery("in a reserve", "", "CH-13", "block 3, asset ETH", |f| {
            let path = alice_eth(f);
            add_free(f, "alice deposits eth", path, 1_000);
        }),
        Forgery("in a reserve, beside a command", "", "CH-13", "block 9, asset ETH", |f| {
            let path = f.cast.bob.reserve(f.cast.eth);
            add_free(f, "alice's withdrawal is sent", path, 500);
        }),
        Forgery("in collateral", "", "CH-13", "block 4, asset ETH", |f| {
            let path = alice_line(f, eth(f));
            f.carry("alice's collateral is there", path, |line: &mut Line| line.collateral.0 += 1);
        }),
        Forgery("on its way out", "", "CH-13", "block 9, asset ETH", |f| {
            let path = alice_eth(f);
            f.carry("alice withdraws", path, |reserve: &mut Reserve| reserve.withdrawing.0 += 1);
        }),
        Forgery("on its way in", "", "CH-13", "block 8, asset USD", |f| {
            let path = hub_usd(f);
            f.carry("hub allocates usd", path, |reserve: &mut Reserve| reserve.allocating.0 += 1);
        }),
        Forgery("waiting for nobody", "", "CH-13", "block 3, asset ETH", |f| {
            let path = Path::reserve(SignerId::ZERO, f.cast.dave.entity, f.cast.eth);
            f.carry("dave's eth waits", path, |waiting: &mut Amount| waiting.0 += 7);
        }),
        Forgery("in a share", "", "CH-13", "block 4, asset ETH", |f| {
            let path = alice_eth(f);
            f.carry("alice pays bob eth", path, |reserve: &mut Reserve| reserve.net.0 += 1);
        }),
        Forgery("out of an unknown channel", "", "CH-13", "block 10, asset ETH", |f| {
            deposited(f, "a stranger withdraws", |amount| amount.0 += 100);
        }),
        Forgery("in a sum over channels", "", "CH-13", "end, entity", |f| {
            let path = alice_eth(f);
            f.carry("alice pays bob eth", path, |reserve: &mut Reserve| reserve.net.0 += 1);
        }),
    ]);
}

/// DP-4: a withdrawal debits before it is broadcast, and is restored once, only when it can no longer happen.
#[test]
fn forged_departures_are_seen() {
    refuse_all(&[
        Forgery("not debited", "alice withdraws", "DP-4", "reserve asset ETH, free", |f| {
            let path = alice_eth(f);
            add_free(f, "alice withdraws", path, 1_000);
        }),
        Forgery("not noted as leaving", "alice withdraws", "DP-4", "reserve asset ETH, withdrawing", |f| {
            f.change("alice withdraws", alice_eth(f), |change| {
                let mut reserve: Reserve = xln_types::codec::decode(&change.new.0).expect("a reserve");
                reserve.withdrawing = Amount::ZERO;
                change.new = Blob(alloy_rlp::encode(reserve));
            });
        }),
        Forgery("more asked than debited", "alice withdraws", "DP-4", "free", |f| {
            f.body("alice withdraws", |body: &mut Withdraw| body.amount.0 += 1);
        }),
        Forgery("to somebody else", "alice withdraws", "DP-4", "recipient", |f| {
            let path = Path::operation(f.cast.alice.signer, f.cast.alice.entity, f.operation("alice withdraws"));
            f.carry("alice withdraws", path, |operation: &mut Operation| operation.recipient = Address([0x0b; 20]));
        }),
        Forgery("more than is free", "alice withdraws", "DP-4", "WITHDRAW", |f| {
            let path = alice_eth(f);
            deposited(f, "alice deposits eth", |amount| amount.0 -= 6_000);
            add_free(f, "alice deposits eth", path, -6_000);
        }),
        Forgery("other bytes are sent", "alice's withdrawal is sent", "DP-4", "raw", |f| {
            let path = Path::operation(f.cast.alice.signer, f.cast.alice.entity, f.operation("alice withdraws"));
            f.carry("alice's withdrawal is sent", path, |operation: &mut Operation| operation.raw.clear());
        }),
        Forgery("out and still here", "alice's withdrawal is out", "DP-4", "free", |f| {
            let path = alice_eth(f);
            add_free(f, "alice's withdrawal is out", path, 1_000);
        }),
        Forgery("out and still leaving", "alice's withdrawal is out", "DP-4", "withdrawing", |f| {
            let path = alice_eth(f);
            f.carry("alice's withdrawal is out", path, |reserve: &mut Reserve| reserve.withdrawing.0 += 1_000);
        }),
        Forgery("restored twice", "alice's withdrawal is too late", "DP-4", "free", |f| {
            let path = alice_eth(f);
            add_free(f, "alice's withdrawal is too late", path, 400);
        }),
        Forgery("never restored", "alice's withdrawal is too late", "DP-4", "free", |f| {
            let path = alice_eth(f);
            add_free(f, "alice's withdrawal is too late", path, -400);
        }),
        Forgery("restored before its time", "", "DP-4", "block 9, receipt 7", |f| {
            f.fact("alice's withdrawal is too late", |fact| match &mut fact.kind {
                FactKind::Time { timestamp } => *timestamp -= 10,
                _ => panic!("a time"),
            });
            f.carry("alice's withdrawal is too late", Path::SERVER, |server: &mut ServerRecord| {
                server.chain_time_s -= 10;
            });
        }),
        Forgery("another time", "alice's withdrawal is too late", "DP-4", "server, chain_time_s", |f| {
            f.carry("alice's withdrawal is too late", Path::SERVER, |server: &mut ServerRecord| {
                server.chain_time_s += 1;
            });
        }),
        Forgery("ended twice", "alice takes too much", "DP-4", "", |f| {
            let twin = f.copy("alice's settlement reverts");
            f.insert("alice takes too much", twin);
            f.remeet();
        }),
        Forgery("past the hub, for less", "carol goes past the hub", "DP-4", "free", |f| {
            let path = f.cast.carol.reserve(f.cast.eth);
            add_free(f, "carol goes past the hub", path, 60);
        }),
    ]);
}

/// DP-1, DP-2: what goes into a channel is debited at once, and counts there by what the chain recorded.
#[test]
fn forged_allocations_are_seen() {
    refuse_all(&[
        Forgery("not debited", "hub allocates usd", "DP-1", "free", |f| {
            let path = hub_usd(f);
            add_free(f, "hub allocates usd", path, 10_000);
        }),
        Forgery("an opening not debited", "alice opens with the hub", "DP-1", "free", |f| {
            let path = alice_eth(f);
            add_free(f, "alice opens with the hub", path, 4_000);
        }),
        Forgery("more asked than debited", "hub allocates usd", "DP-1", "free", |f| {
            f.body("hub allocates usd", |body: &mut Allocate| body.amount.0 += 1);
        }),
        Forgery("more than is free", "hub allocates usd", "DP-1", "ALLOCATE", |f| {
            let path = hub_usd(f);
            deposited(f, "hub deposits usd", |amount| amount.0 -= 71_000);
            add_free(f, "hub deposits usd", path, -71_000);
        }),
        Forgery("below what must be kept", "hub allocates usd", "DP-2", "ALLOCATE", |f| {
            let path = hub_usd(f);
            deposited(f, "hub deposits usd", |amount| amount.0 -= 69_995);
            add_free(f, "hub deposits usd", path, -69_995);
        }),
        Forgery("drawn below what must be kept", "alice pays bob usd", "DP-2", "DIRECT_PAYMENT", |f| {
            let path = hub_usd(f);
            deposited(f, "hub deposits usd", |amount| amount.0 -= 79_996);
            add_free(f, "hub deposits usd", path, -79_996);
        }),
        Forgery("in another's channel", "alice allocates art", "DP-1", "ALLOCATE", |f| {
            let channel = f.cast.bob.channel(&f.cast.hub);
            f.body("alice allocates art", |body: &mut Allocate| body.channel = channel);
        }),
        Forgery("counted twice", "hub's usd are there", "DP-1", "reserve asset USD, allocated", |f| {
            let path = hub_usd(f);
            f.carry("hub's usd are there", path, |reserve: &mut Reserve| reserve.allocated.0 += 10_000);
        }),
        Forgery("more collateral", "hub's usd are there", "DP-1", "asset USD, collateral", |f| {
            let path = alice_line(f, f.cast.usd);
            f.carry("hub's usd are there", path, |line: &mut Line| line.collateral.0 += 1);
        }),
        Forgery("for the other side", "hub's usd are there", "DP-1", "asset USD, ondelta", |f| {
            let path = alice_line(f, f.cast.usd);
            f.carry("hub's usd are there", path, |line: &mut Line| line.ondelta.0 += 10_000);
        }),
        Forgery("by no operation of the hub's", "hub's usd are there", "DP-1", "free", |f| {
            f.fact("hub's usd are there", |fact| match &mut fact.kind {
                FactKind::CollateralAdded { operation, .. } => *operation = OperationId([3; 32]),
                _ => panic!("collateral"),
            });
        }),
    ]);
}

/// DP-5: what is taken out is held first, is at most one's share, and leaves reserve and claim together as they were.
#[test]
fn forged_settlements_are_seen() {
    refuse_all(&[
        Forgery("nothing held", "alice takes out", "DP-5", "held_", |f| {
            let path = alice_line(f, eth(f));
            f.receipt("alice takes out").changes.retain(|change| change.path != path);
        }),
        Forgery("more than one's share", "alice takes out", "DP-5", "DEALLOCATE", |f| {
            f.body("alice takes out", |body: &mut Deallocate| body.amount.0 += 9_000);
        }),
        Forgery("of what isn't listed", "alice takes out", "CH-12", "DEALLOCATE", |f| {
            let art = f.cast.art;
            f.body("alice takes out", |body: &mut Deallocate| body.asset = art);
        }),
        Forgery("a counter that stands", "alice takes out again", "DP-5", "settle_counter", |f| {
            let (alice, hub) = (f.cast.alice, f.cast.hub);
            let left = if alice.is_left_of(&hub) { alice } else { hub };
            let path = Path::channel(left.signer, left.entity, alice.channel(&hub));
            f.carry("alice takes out again", path, |head: &mut Head| head.settle_counter -= 1);
        }),
        Forgery("more came out", "alice's share is out", "DP-5", "free", |f| {
            let path = alice_eth(f);
            add_free(f, "alice's share is out", path, 1);
        }),
        Forgery("collateral that stays", "alice's share is out", "DP-5", "collateral", |f| {
            let path = alice_line(f, eth(f));
            f.carry("alice's share is out", path, |line: &mut Line| line.collateral.0 += 500);
        }),
        Forgery("from the other's share", "alice's share is out", "DP-5", "ondelta", |f| {
            let path = alice_line(f, eth(f));
            f.carry("alice's share is out", path, |line: &mut Line| line.ondelta.0 += 500);
        }),
        Forgery("held for ever", "alice's settlement reverts", "DP-5", "held_", |f| {
            let path = alice_line(f, eth(f));
            f.receipt("alice's settlement reverts").changes.retain(|change| change.path != path);
        }),
    ]);
}

/// DP-2, EN-5: what is owed and granted, what policies allow, and who may go.
#[test]
fn forged_policies_and_endings_are_seen() {
    refuse_all(&[
        Forgery("owed less", "alice pays bob usd", "DP-2", "reserve asset USD, owed", |f| {
            let path = f.cast.alice.reserve(f.cast.usd);
            f.carry("alice pays bob usd", path, |reserve: &mut Reserve| reserve.owed.0 -= 3);
        }),
        Forgery("owed less, in the sums", "", "DP-2", "end, entity", |f| {
            let path = f.cast.alice.reserve(f.cast.usd);
            f.carry("alice pays bob usd", path, |reserve: &mut Reserve| reserve.owed.0 -= 3);
        }),
        Forgery("granted less, in the sums", "", "CH-3", "end, entity", |f| {
            let path = hub_usd(f);
            f.carry("hub grants alice usd", path, |reserve: &mut Reserve| reserve.granted.0 -= 5);
        }),
        Forgery("another policy", "alice sets a policy", "DP-2", "policy asset ETH, reserve_ppm", |f| {
            let path = Path::policy(f.cast.alice.signer, f.cast.alice.entity, eth(f));
            f.carry("alice sets a policy", path, |policy: &mut AssetPolicy| policy.reserve_ppm = 0);
        }),
        Forgery("a grant past the policy", "alice raises her grant", "DP-2", "SET_CREDIT", |f| {
            let path = Path::policy(f.cast.alice.signer, f.cast.alice.entity, eth(f));
            f.body("alice sets a policy", |body: &mut UpdateEntity| body.policies[0].grant_max = Amount(550));
            f.carry("alice sets a policy", path, |policy: &mut AssetPolicy| policy.grant_max = Amount(550));
        }),
        Forgery("gone with a channel", "alice can't go", "EN-5", "DELETE_ENTITY", |f| {
            f.receipt("alice can't go").status = Status::Executed;
        }),
        Forgery("gone with an empty channel", "frank can't go", "EN-5", "DELETE_ENTITY", |f| {
            f.receipt("frank can't go").status = Status::Executed;
        }),
        Forgery("another was to go", "erin goes", "EN-5", "DELETE_ENTITY", |f| {
            let alice = f.cast.alice.entity;
            f.body("erin goes", |body: &mut DeleteEntity| body.entity = alice);
        }),
        Forgery("not gone", "erin goes", "TX-2", "entity", |f| {
            let path = f.cast.erin.record();
            f.receipt("erin goes").changes.retain(|change| change.path != path);
        }),
    ]);
}
