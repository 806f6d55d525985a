//! What the chain did, as inputs (**DP-3**, **CH-12**): each fact once and in the chain's order, deposits for entities that nobody has
//! created yet, what the owners did past the hub, and the alarm.

use super::hub::{Hub, account, channel, entity};
use super::script::{Words, check, number};
use crate::server::Input;
use xln_types::{Address, Amount, Asset, Balance, ChainFact, Event, FactKind, FactPosition, Hash, Receipt, Side};

/// The fact of a step that begins with `chain`.
pub(super) fn fact(hub: &mut Hub, words: &Words<'_>) -> Receipt {
    let kind = kind(hub, words);
    let chain_tx = words.after("tx").map_or(Hash::ZERO, |word| Hub::chain_tx_of(small(word)));
    let at = match words.after("at").and_then(|place| place.split_once('.')) {
        Some((block, index)) => (block.parse().expect("a block"), index.parse().expect("an index")),
        None => (hub.chain_block + 1, 0),
    };
    hub.chain_block = hub.chain_block.max(at.0);
    let at = FactPosition { block: at.0, log_index: at.1, block_hash: Hash([9; 32]), chain_tx };
    hub.apply(&Input::Fact(ChainFact { at, kind }))
}

fn small(word: &str) -> usize {
    usize::try_from(number(word)).expect("small")
}

fn kind(hub: &Hub, words: &Words<'_>) -> FactKind {
    let operation = || {
        let word = words.0.iter().find(|word| word.starts_with('#')).expect("an operation");
        small(word).checked_sub(1).and_then(|at| hub.operations.get(at).copied()).unwrap_or_default()
    };
    let name = |at: usize| entity(words.0[at]);
    match words.0[1] {
        "deposited" => {
            let what = words.amount(hub, 3);
            FactKind::Deposited { entity: name(2), asset: what.asset, amount: what.amount, sender: account(words.0[2]) }
        }
        "withdrawn" => {
            let (what, operation, recipient) = (words.amount(hub, 3), operation(), Address([3; 20]));
            FactKind::Withdrawn { entity: name(2), asset: what.asset, amount: what.amount, recipient, operation }
        }
        "added" => {
            let (channel, what, operation) = (channel(words.0[2], words.0[3]), words.amount(hub, 4), operation());
            let side = if name(2) < name(3) { Side::Left } else { Side::Right };
            let (entity, asset, amount) = (name(2), what.asset, what.amount);
            FactKind::CollateralAdded { channel, entity, side, asset, amount, operation }
        }
        "settled" => {
            // Gains of the first and of the second name.
            let gains = [6, 7].map(|at| Balance(words.0[at].parse().expect("a gain")));
            let (left, right) = if name(2) < name(3) { (gains[0], gains[1]) } else { (gains[1], gains[0]) };
            let counter = small(words.0[5]) as u64;
            FactKind::Settled {
                channel: channel(words.0[2], words.0[3]),
                asset: hub.asset(words.0[4]),
                counter,
                left,
                right,
            }
        }
        "time" => {
            let off_s: i64 = words.0[2].parse().expect("seconds");
            FactKind::Time { timestamp: hub.now_s().wrapping_add_signed(off_s) }
        }
        "reverted" => FactKind::Reverted { operation: operation() },
        "reorg" => FactKind::DeepReorg { depth: small(words.0[2]) as u64 },
        _ => FactKind::AssetRegistered { id: hub.asset("ETH"), asset: Asset::NATIVE },
    }
}

/// DP-3: a deposit is credited once, whatever the chain's follower repeats.
#[test]
fn a_deposit_is_credited_once() {
    check(
        "
        entities a
        chain deposited a 40 ETH at 7.2
        free a ETH 40
        chain deposited a 40 ETH at 7.2    => StaleFact
        chain deposited a 40 ETH at 7.1    => StaleFact
        chain deposited a 40 ETH at 6.9    => StaleFact
        free a ETH 40
        chain deposited a 2 ETH at 7.3
        chain deposited a 3 ETH at 8.0
        free a ETH 45
        free a USD 0
        ",
    );
}

/// DP-3: facts keep the chain's order, whatever their kind; a refused one doesn't move the cursor.
#[test]
fn facts_keep_the_chains_order() {
    for stale in [
        "chain deposited a 1 ETH at 5.3",
        "chain withdrawn a 1 ETH #9 at 5.3",
        "chain added a hub 1 ETH #9 at 5.3",
        "chain settled a hub ETH 1 0 0 at 5.3",
        "chain time 1 at 5.3",
        "chain reorg 1 at 5.3",
        "chain asset at 5.3",
    ] {
        check(&format!("entities a \n chain time 0 at 5.3 \n {stale} => StaleFact \n {}", stale.replace("5.3", "5.4")));
    }
    check(
        "
        entities a
        chain deposited a max ETH at 1.0
        chain deposited a 1 ETH at 5.0     => OutOfRange
        chain deposited a 1 USD at 3.0     // before the one that was refused
        free a USD 1
        ",
    );
}

/// DP-3: what arrives for an entity that nobody has created yet waits for it, by asset, and is credited when it is founded.
#[test]
fn deposits_wait_for_entities_not_yet_created() {
    let hub = check(
        "
        entities b
        chain deposited a 40 ETH
        chain deposited a 2 ETH
        chain deposited a 7 USD
        chain deposited a1 5 ETH           // another entity of the same signer
        chain withdrawn a 12 ETH #9        // on the chain it may act already
        chain added a b 10 ETH #9
        entities a
        free a ETH 20
        free a USD 7
        free a1 ETH 0
        a create salt 1
        free a1 ETH 5
        chain deposited a max ETH          => OutOfRange
        ",
    );
    assert!(hub.server.unclaimed.is_empty());
    check(
        "
        chain deposited a 1 ETH
        chain withdrawn a 2 ETH #9         // never below nothing
        chain withdrawn a 2 USD #9         // nothing of it ever came
        chain deposited a max ETH
        chain deposited a 1 ETH            => OutOfRange
        entities a
        free a ETH 1329227995784915872903807060280344576
        ",
    );
}

/// CH-12, DP-1: collateral that the hub never asked for raises the line of its side; nobody's signature is needed.
#[test]
fn collateral_from_past_the_hub_counts() {
    check(
        "
        entities a
        a open hub
        status a hub open
        chain deposited a 100 ETH
        a credit hub 0 ETH                 // lists the asset
        chain added a hub 30 ETH #9
        free a ETH 70
        allocated a ETH 30
        collateral a hub ETH 30
        share a hub ETH 30
        share hub a ETH 0
        out a hub ETH 30
        chain deposited hub 50 ETH
        chain added hub a 50 ETH #9
        collateral a hub ETH 80
        share hub a ETH 50
        net hub ETH 50
        chain added a b 5 ETH #9           // a channel that the hub doesn't know
        allocated a ETH 35
        ",
    );
}

/// CH-12: collateral of an asset that isn't listed in the channel waits, unspendable, until it is.
#[test]
fn unlisted_collateral_waits() {
    check(
        "
        entities a
        a open hub grant 5 ETH
        chain deposited a 9 USD
        chain added a hub 9 USD #9
        collateral a hub USD 9
        listed a hub USD 0
        out a hub USD none
        a pay hub 1 USD                    => UnknownAsset
        hub credit a 0 USD
        out a hub USD 9
        a pay hub 9 USD
        share hub a USD 9
        ",
    );
}

/// DP-3: a reorganisation past the confirmations raises an alarm and halts withdrawals, and nothing else.
#[test]
fn a_deep_reorganisation_halts_withdrawals() {
    let mut hub = check(
        "
        entities a
        a open hub grant 9 ETH
        chain deposited a 100 ETH
        a withdraw 10 ETH
        chain reorg 13
        ",
    );
    let [Event::Alarm { reason }] = hub.events.as_slice() else { panic!("{:?}", hub.events) };
    assert!(reason.contains("13 blocks"), "{reason}");
    assert_eq!(hub.server.record().halted, 1);
    super::script::play(
        &mut hub,
        "
        a withdraw 1 ETH                   => Halted
        a withdraw 1000 ETH                => Halted
        chain withdrawn a 10 ETH #1        // one under way is still followed
        chain deposited a 5 ETH
        free a ETH 95
        a allocate hub 20 ETH
        hub pay a 9 ETH
        a withdraw 1 ETH                   => Halted
        ",
    );
}

/// DP-4, ST-3: the server's record keeps the cursor and the chain's time.
#[test]
fn the_cursor_stands_in_the_servers_record() {
    let mut hub = check("chain asset at 4.1 \n chain time -5 at 6.2");
    assert!(hub.fact(FactKind::DeepReorg { depth: 1 }).is_executed());
    let record = hub.server.record();
    assert_eq!((record.cursor.block, record.cursor.log_index, record.chain_time_s), (7, 0, hub.now_s() - 5));
    assert_eq!(hub.server.unclaimed.values().next(), None::<&Amount>);
}
