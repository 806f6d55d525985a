//! Settlements (**DP-5**): taking collateral out of a channel by both sides' consent. What goes out is held before anyone signs for the
//! chain; each side's reserve and claim together stay what they were, whenever it lands.

use super::script::check;

/// A channel between `a` and the hub with 100 of a's collateral and 50 of the hub's.
const FUNDED: &str = "
    entities a K
    a open hub
    chain deposited a 100 ETH
    chain deposited hub 50 ETH
    a credit hub 0 ETH
    chain added a hub 100 ETH #9
    chain added hub a 50 ETH #9
    ";

fn funded(script: &str) {
    check(&format!("{FUNDED}{script}"));
}

/// DP-5: what a deallocation takes out is held at once, can't be spent, and reaches the reserve with the fact.
#[test]
fn a_deallocation_is_held_until_the_chain_has_it() {
    funded(
        "
        a deallocate hub 60 ETH
        effects 1
        held a hub ETH 60
        out a hub ETH 40
        a pay hub 41 ETH                   => InsufficientFunds { available: 40, leg: 0 }
        a deallocate hub 41 ETH            => InsufficientShare { available: 40 }
        hub pay a 50 ETH                   // what moves meanwhile doesn't matter
        free a ETH 0
        chain settled a hub ETH #1 60 0
        operation #1 done
        held a hub ETH 0
        free a ETH 60
        allocated a ETH 40
        collateral a hub ETH 90
        share a hub ETH 90
        share hub a ETH 0
        ",
    );
}

/// DP-5: a settlement that a deep block is past without recording it, or that reverted, releases the hold once.
#[test]
fn a_failed_settlement_releases_its_hold_once() {
    for failing in ["chain time 3601", "chain reverted #1"] {
        funded(&format!(
            "
            a deallocate hub 60 ETH
            {failing}
            operation #1 failed
            held a hub ETH 0
            out a hub ETH 100
            free a ETH 0
            collateral a hub ETH 150
            chain reverted #1              => UnknownOperation
            out a hub ETH 100
            "
        ));
    }
}

/// DP-5: the counter names the settlement: each side's are told apart, in whatever order they land.
#[test]
fn settlements_are_told_apart_by_their_counter() {
    funded(
        "
        a deallocate hub 60 ETH
        hub deallocate a 50 ETH
        a deallocate hub 7 ETH
        chain settled a hub ETH #3 7 0
        operation #1 pending
        operation #3 done
        chain settled a hub ETH #2 0 50
        operation #2 done
        free hub ETH 50
        held a hub ETH 60
        chain settled a hub ETH #1 60 0
        free a ETH 67
        collateral a hub ETH 33
        share a hub ETH 33
        ",
    );
}

/// DP-5, CH-12: a settlement that both sides signed past the hub is followed; putting in is a negative gain.
#[test]
fn a_settlement_from_past_the_hub_is_followed() {
    funded(
        "
        chain deposited hub 10 ETH
        chain settled a hub ETH #9 30 -10
        free a ETH 30
        free hub ETH 0
        allocated a ETH 70
        allocated hub ETH 60
        collateral a hub ETH 130
        share a hub ETH 70
        chain settled a hub ETH #10 131 0  => OutOfRange
        chain settled K hub ETH #1 1 0     // a channel that the hub doesn't know
        free a ETH 30
        ",
    );
}

/// DP-5, TX-5: a deallocation is refused with what could be taken; what was won can be, what is owed can't.
#[test]
fn a_deallocation_is_refused_with_what_the_side_owns() {
    funded(
        "
        a deallocate hub 101 ETH           => InsufficientShare { available: 100 }
        a deallocate hub 0 ETH             => AmountNotPositive
        a deallocate hub 1 USD             => UnknownAsset
        a deallocate b 1 ETH               => UnknownChannel
        a deallocate hub 1 ETH until 59    => ValidityOutside { from_s: 1700000060, until_s: 1700604800 }
        a deallocate hub 1 ETH until 604801 => ValidityOutside { from_s: 1700000060, until_s: 1700604800 }
        a pay hub 100 ETH
        a deallocate hub 1 ETH             => InsufficientShare { available: 0 }
        hub credit a 20 ETH
        a pay hub 20 ETH
        share hub a ETH 170
        hub deallocate a 151 ETH           => InsufficientShare { available: 150 }
        hub deallocate a 150 ETH until 604800
        K open hub
        K credit hub 0 ETH
        K deallocate hub 1 ETH             => ChainSignatureNeeded
        hub deallocate K 1 ETH             => ChainSignatureNeeded
        ",
    );
}
