//! Collateral between nodes (**CH-12**, **DP-1**, **DP-5**): facts enter in frames, settlements are agreed, countersigned, settled or lapsed.

use super::script::{both, check};

const FUNDED: &str = "
    nodes A B
    meet A B
    chain deposited A 100 ETH
    chain deposited B 50 ETH
    A open B
    A allocate B 100 ETH
    listed B A ETH 1
    effects A 1
    chain added A B 100 ETH #1
    B allocate A 50 ETH
    chain added B A 50 ETH #1
    collateral A B ETH 150
    collateral B A ETH 150
    share A B ETH 100
    share B A ETH 50
    ";

fn funded(script: &str) {
    both(&format!("{FUNDED}{script}"));
}

/// CH-12, DP-1: collateral counts once it stands in a frame, for both at once; its asset is listed by a frame of its own.
#[test]
fn collateral_counts_once_it_stands_in_a_frame() {
    funded(
        "
        allocated A ETH 100
        free A ETH 0
        A pay B 100 ETH
        B pay A 150 ETH
        share A B ETH 150
        ",
    );
}

/// CH-12: a node that isn't past the block yet refuses the frame until it is; nothing is lost by that.
#[test]
fn a_node_behind_the_chain_waits() {
    both(
        "
        nodes A B
        meet A B
        chain deposited A 100 ETH
        A open B
        B credit A 10 ETH
        A allocate B 60 ETH
        lag B
        chain added A B 60 ETH #1
        refused B FactNotDeep
        collateral A B ETH 0
        A pay B 5 ETH                  // waits behind it
        collateral B A ETH 0
        catch B
        remind A B
        refused B FrameGap { height: 3 }, StaleFrame
        collateral A B ETH 60
        share B A ETH 5
        lag A
        A allocate B 40 ETH
        chain added A B 40 ETH #2
        collateral B A ETH 60
        catch A
        collateral B A ETH 100
        ",
    );
}

/// CH-12: facts of both sides keep the chain's order, whoever proposes them and whatever crosses.
#[test]
fn facts_keep_the_chains_order() {
    both(
        "
        nodes A B
        meet A B
        chain deposited A 100 ETH
        chain deposited B 100 ETH
        A open B
        A allocate B 10 ETH
        B allocate A 20 ETH
        A allocate B 30 ETH
        B allocate A 40 ETH
        hold A B
        hold B A
        chain added B A 20 ETH #1
        chain added A B 10 ETH #1
        chain added A B 30 ETH #2
        chain added B A 40 ETH #2
        flow
        collateral A B ETH 100
        share B A ETH 60
        ",
    );
}

/// CH-12: collateral of an asset that isn't listed waits until it is.
#[test]
fn collateral_of_an_unlisted_asset_waits() {
    both(
        "
        nodes A B
        meet A B
        A open B
        chain deposited A 9 USD
        chain added A B 9 USD          // past the hub
        free A USD 0
        listed A B USD 0
        B credit A 0 USD
        collateral A B USD 9
        share A B USD 9
        ",
    );
}

/// DP-5: a settlement is held from its frame on, countersigned by the other node, and moves with the chain's fact.
#[test]
fn a_settlement_is_agreed_countersigned_and_settled() {
    funded(
        "
        A deallocate B 101 ETH         => InsufficientShare { available: 100 }
        A deallocate B 0 ETH           => AmountNotPositive
        hold B A
        A deallocate B 60 ETH
        operation A #2 waiting
        held B A ETH 0
        A deallocate B 1 ETH           => SettlementPending
        flow
        operation A #2 pending
        effects A 2
        held A B ETH 60
        out A B ETH 40
        A deallocate B 1 ETH           => SettlementPending
        B deallocate A 1 ETH           => SettlementPending
        chain settled A B ETH 1 60 0
        operation A #2 done
        free A ETH 60
        held A B ETH 0
        collateral A B ETH 90
        collateral B A ETH 90
        share A B ETH 40
        share B A ETH 50
        A deallocate B 40 ETH
        chain settled A B ETH 2 40 0
        collateral A B ETH 50
        B deallocate A 50 ETH
        chain settled B A ETH 3 50 0
        collateral A B ETH 0
        free B ETH 50
        ",
    );
}

/// DP-5, CH-10: whatever is lost on the way, what is missing is said again.
#[test]
fn a_settlement_survives_losses() {
    funded(
        "
        hold A B
        hold B A
        A deallocate B 60 ETH
        reconnect A B
        flow A B                       // B has it; its answer and its signature wait
        reconnect A B
        flow
        remind B A
        operation A #2 pending
        effects A 2
        remind B A
        remind B A
        effects A 2                    // once
        ",
    );
}

/// DP-5: what is held is freed by a frame once a deep block is past the settlement's validity, and not before.
#[test]
fn a_settlement_that_was_not_mined_lapses() {
    funded(
        "
        A deallocate B 60 ETH for 600
        operation A #2 pending
        chain reverted A #2            // anyone may still have it mined
        held A B ETH 60
        A pay B 1 ETH
        share B A ETH 51
        clock 601
        chain time 0
        operation A #2 failed
        held A B ETH 0
        held B A ETH 0
        out A B ETH 99
        collateral A B ETH 150
        A deallocate B 99 ETH
        chain settled A B ETH 2 99 0
        free A ETH 99
        ",
    );
}

/// DP-5: one whose frame nobody has signed yet fails too; it lapses once it is agreed after all.
#[test]
fn a_settlement_that_was_never_agreed_lapses_too() {
    funded(
        "
        hold A B
        A deallocate B 60 ETH for 600
        clock 601
        chain time 0
        operation A #2 failed
        held A B ETH 0
        flow
        held A B ETH 0
        held B A ETH 0
        out A B ETH 100
        effects A 1
        ",
    );
}

/// CH-12, DP-5: a settlement lapses after all that the chain did before, whoever proposes that, and whatever crosses.
#[test]
fn a_settlement_lapses_in_the_chains_order() {
    funded(
        "
        chain deposited A 10 ETH
        chain deposited B 10 ETH
        A deallocate B 60 ETH for 600
        B allocate A 10 ETH
        A allocate B 10 ETH
        hold A B
        hold B A
        chain added B A 10 ETH #2
        chain added A B 10 ETH #3
        clock 601
        chain time 0
        flow
        remind A B
        remind B A
        held A B ETH 0
        collateral A B ETH 170
        share A B ETH 110
        ",
    );
}

/// CH-9, DP-5: settlements that cross: left's stands, right's is dropped, and its operation fails at once.
#[test]
fn settlements_that_cross_leave_one() {
    let net = check(&format!(
        "{FUNDED}
        hold A B
        hold B A
        A deallocate B 60 ETH
        B deallocate A 20 ETH
        flow
        "
    ));
    let status = |name: &str| {
        let node = net.node(name);
        node.server.operation(node.operations[1]).map(|operation| operation.status.name())
    };
    let (left, right) = if net.people.entity("A") < net.people.entity("B") { ("A", "B") } else { ("B", "A") };
    assert_eq!((status(left), status(right)), (Some("pending"), Some("failed")));
}

/// DP-5: a settlement that was signed past the hubs is followed in a frame.
#[test]
fn a_settlement_from_past_the_hubs_is_followed() {
    funded(
        "
        chain settled A B ETH 7 30 20
        collateral A B ETH 100
        share A B ETH 70
        share B A ETH 30
        free A ETH 30
        free B ETH 20
        A deallocate B 5 ETH
        chain settled A B ETH 8 5 0
        collateral B A ETH 95
        ",
    );
}

/// DP-5: the hub signs for hosted entities alone.
#[test]
fn a_hosted_person_settles_with_another_node() {
    check(
        "
        nodes A B
        people A.p
        meet A B
        chain deposited A.p 100 ETH
        A.p open B lock 100 ETH
        chain added A.p B 100 ETH #1
        A.p deallocate B 40 ETH
        operation A.p #2 pending
        chain settled A.p B ETH 1 40 0
        free A.p ETH 40
        share A.p B ETH 60
        A.p deallocate B 61 ETH        => InsufficientShare { available: 60 }
        A.p deallocate A 1 ETH         => UnknownChannel
        ",
    );
}
