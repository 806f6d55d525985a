//! Operations under way on the chain (**DP-1**, **DP-4**): debited before they are sent, done when the chain has recorded them, restored
//! exactly once when they have certainly failed.

use super::hub::{Hub, entity};
use super::script::{check, play};
use crate::server::{EXPIRED_OPERATIONS_MAX, Effect, Input};
use xln_types::tx::{self, Body};
use xln_types::{Amount, FactKind};

/// DP-4: a withdrawal debits at once, and is done with the chain's fact.
#[test]
fn a_withdrawal_debits_before_it_is_sent() {
    let hub = check(
        "
        entities a
        chain deposited a 100 ETH
        a withdraw 30 ETH
        effects 1
        free a ETH 70
        withdrawing a ETH 30
        operation #1 pending
        sent #1
        effects 0
        operation #1 sent
        sent #1                            // again, after a crash
        chain withdrawn a 30 ETH #1
        operation #1 done
        free a ETH 70
        withdrawing a ETH 0
        sent #1                            => UnknownOperation
        chain reverted #1                  => UnknownOperation
        chain withdrawn a 5 ETH #1         // past the hub: the id was used
        free a ETH 65
        ",
    );
    assert_eq!(hub.server.operations().count(), 0);
    let mut hub = check("entities a \n chain deposited a 9 ETH");
    play(&mut hub, "a withdraw 9 ETH");
    let operation = hub.operations[0];
    assert_eq!(hub.effects, [Effect::Operate { entity: entity("a"), operation }]);
}

/// DP-4: what certainly failed is restored, exactly once: by a revert or because a deep block is past its validity, never both.
#[test]
fn a_failed_withdrawal_is_restored_once() {
    for failing in ["chain reverted #1", "chain time 3601"] {
        check(&format!(
            "
            entities a
            chain deposited a 100 ETH
            a withdraw 30 ETH
            sent #1
            {failing}
            operation #1 failed
            free a ETH 100
            withdrawing a ETH 0
            chain reverted #1              => UnknownOperation
            chain time 9999
            free a ETH 100
            chain withdrawn a 30 ETH #1    // were it mined after all, the chain would be believed
            free a ETH 70
            "
        ));
    }
}

/// DP-4: validity ends after its last second, by the chain's time and never by the hub's.
#[test]
fn an_operation_fails_only_past_its_validity() {
    check(
        "
        entities a
        chain deposited a 100 ETH
        a withdraw 1 ETH until 100
        a withdraw 2 ETH until 101
        a withdraw 4 ETH until 102
        chain time 100
        free a ETH 93
        chain time 101
        free a ETH 94
        clock 1000000                      // the hub's clock fails nothing
        operation #2 pending
        chain time -999898
        free a ETH 96
        operation #3 pending
        ",
    );
}

/// DP-1: an allocation debits at once; the fact raises the collateral of its side, and a failure restores free once.
#[test]
fn an_allocation_becomes_collateral_or_is_free_again() {
    check(
        "
        entities a
        a open hub
        chain deposited a 100 ETH
        chain deposited hub 100 ETH
        a allocate hub 60 ETH
        hub allocate a 10 ETH
        free a ETH 40
        allocating a ETH 60
        collateral a hub ETH 0
        out a hub ETH 0                    // nothing to pay with before the chain has it
        chain added a hub 60 ETH #1
        chain added hub a 10 ETH #2
        collateral a hub ETH 70
        share a hub ETH 60
        share hub a ETH 10
        allocating a ETH 0
        allocated a ETH 60
        allocated hub ETH 10
        a allocate hub 40 ETH
        a allocate hub 1 ETH               => InsufficientReserve { available: 0 }
        chain reverted #3
        free a ETH 40
        chain reverted #3                  => UnknownOperation
        free a ETH 40
        collateral a hub ETH 70
        ",
    );
}

/// DP-1: an id used for something else than the hub was told is the owner's doing, and leaves the operation to its end.
#[test]
fn an_operation_is_done_only_by_what_it_says() {
    for other in [
        "chain added A hub 21 ETH #1", // another amount
        "chain added A hub 20 USD #1", // another asset
        "chain added A b 20 ETH #1",   // another channel
        "chain withdrawn A 20 ETH #1", // another kind
    ] {
        check(&format!(
            "
            entities A b
            A open hub
            chain deposited A 100 ETH
            chain deposited A 100 USD
            A allocate hub 20 ETH signed
            {other}
            operation #1 pending
            allocating A ETH 20
            chain time 3601
            operation #1 failed
            allocating A ETH 0
            "
        ));
    }
}

/// DP-3: a hosted deposit grows the reserve by the chain's fact alone, and is done by the fact that its own transaction made.
#[test]
fn a_deposit_waits_for_its_own_fact() {
    check(
        "
        entities a
        a deposit 40 ETH
        a deposit 2 ETH
        effects 1
        free a ETH 0
        sent #1
        sent #2
        chain deposited a 5 ETH            // somebody else's
        free a ETH 5
        operation #1 sent
        chain deposited a 2 ETH tx #2
        operation #1 sent
        operation #2 done
        chain deposited a 39 ETH tx #1     // what arrived, not what was asked
        operation #1 done
        free a ETH 46
        a deposit 1 ETH
        chain time 999999999               // a deposit ends by its fact or its revert
        operation #3 pending
        chain reverted #3
        operation #3 failed
        free a ETH 46
        ",
    );
}

/// DP-1, CH-11: what an opening locks is debited at once, sent when the other side consents, and the channel opens with it.
#[test]
fn an_opening_with_collateral_waits_for_consent_and_chain() {
    check(
        "
        entities a b
        chain deposited a 100 ETH
        chain deposited a 50 USD
        a open b lock 60 ETH lock 50 USD
        effects 0
        status a b pending
        free a ETH 40
        free a USD 0
        operation #1 waiting
        b accept a grant 5 ETH
        effects 2
        operation #1 pending
        operation #2 pending
        status a b pending
        a pay b 1 ETH                      => ChannelNotOpen { status: 0 }
        chain added a b 60 ETH #1
        status a b pending
        a allocate b 1 ETH                 => ChannelNotOpen { status: 0 }
        chain added a b 50 USD #2
        status a b open
        out a b ETH 65
        out a b USD 50
        ",
    );
}

/// DP-1, CH-11: collateral that has certainly failed is free again, and the channel doesn't wait for it.
#[test]
fn a_failed_collateral_is_free_again_and_not_awaited() {
    check(
        "
        entities a b
        chain deposited a 100 ETH
        a open b lock 60 ETH
        b accept a
        chain reverted #1
        free a ETH 100
        status a b open
        collateral a b ETH 0
        ",
    );
    check(
        "
        entities a b
        chain deposited a 100 ETH
        a open b lock 60 ETH
        chain time 3601                    // nobody consented in time
        operation #1 failed
        free a ETH 100
        status a b pending
        b accept a
        effects 0
        status a b open
        ",
    );
}

/// DP-4: one deep block's time ends a bounded number of operations; the next ends the rest.
#[test]
fn many_operations_expire_a_bounded_number_at_a_time() {
    let mut hub = check("entities a \n chain deposited a 1100 ETH");
    let asset = hub.asset("ETH");
    let valid_until_s = hub.now_s() + 60;
    let (chain_signature, recipient) = (xln_types::codec::Blob::default(), xln_types::Address([3; 20]));
    let body: Body = tx::Withdraw { asset, amount: Amount(1), recipient, valid_until_s, chain_signature }.into();
    let envelope = super::hub::Envelope::new("a", "");
    for _ in 0..1100 {
        let tx = hub.verified(&envelope, &body);
        assert!(hub.apply_unseen(&Input::Transaction(tx)).is_executed());
    }
    let free = |hub: &Hub| hub.server.reserve(entity("a"), asset).expect("known").free.0;
    assert_eq!(free(&hub), 0);
    assert!(hub.fact(FactKind::Time { timestamp: valid_until_s + 1 }).is_executed());
    assert_eq!(free(&hub).cast_unsigned(), EXPIRED_OPERATIONS_MAX as u128);
    assert!(hub.fact(FactKind::Time { timestamp: valid_until_s + 1 }).is_executed());
    assert_eq!(free(&hub), 1100);
    assert_eq!(hub.server.operations().count(), 0);
}
