//! Entities come, change and go (**EN-1**, **EN-5**, **N-5**).

use super::hub::entity;
use super::script::check;

/// N-5, EN-1: a signer founds entities with gapless salts, from 0; each is another entity, owned alike.
#[test]
fn entities_are_founded_with_gapless_salts() {
    let hub = check(
        "
        entities a b
        a create salt 2                    => WrongSalt { expected: 1 }
        a create salt 0                    => WrongSalt { expected: 1 }
        a create salt 1 metadata 4096
        a create salt 2
        b create salt 1
        a1 open a2
        hub create salt 0                  => WrongSalt { expected: 1 }
        hub create salt 1
        nonce a 0
        nonce a1 1
        ",
    );
    assert_eq!(hub.server.signer(super::hub::signer("a")).map(|signer| (signer.entities, signer.nonce)), Some((3, 5)));
    assert_eq!(hub.server.entity(entity("a1")).map(|entity| entity.metadata.0.len()), Some(4096));
}

/// N-5, EN-1: a board must be able to decide and be the signer's own; boards of several come later. TX-5: each refused by its type.
#[test]
fn boards_that_cannot_decide_are_refused() {
    check(
        "
        entities a b
        a create salt 1 threshold 0                  => InvalidBoard
        a create salt 1 threshold 2                  => InvalidBoard
        a create salt 1 member a 0                   => InvalidBoard
        a create salt 1 member a 1 member a 1        => InvalidBoard
        a create salt 1 member b 1                   => InvalidBoard
        a create salt 1 member a 1 member b 1        => NotAvailable
        a create salt 1 metadata 4097                => TooLarge { limit: 4096 }
        a create salt 1 fee 1                        => FeeNotPayable
        a create salt 1 threshold 7 member a 9
        z create                                     => UnknownSender
        ",
    );
}

/// DP-2: metadata and policies change by update alone, within their bounds and for known assets.
#[test]
fn an_update_changes_metadata_policies_and_consent() {
    let hub = check(
        "
        entities a
        a update metadata 10 policy ETH cap 5
        a update policy USD reserve 1000000 free 1
        a update metadata 4097             => TooLarge { limit: 4096 }
        a update policy ABC                => UnknownAsset
        a update policy ETH reserve 1000001 => OutOfRange
        a update policy ETH ppm 1000001    => OutOfRange
        a update policy ETH base past      => OutOfRange
        a update free 3                    => OutOfRange
        a update fee 1                     => FeeNotPayable
        a update policy ETH cap 6
        ",
    );
    let it = hub.server.entity(entity("a")).expect("founded");
    assert_eq!((it.metadata.0.len(), it.record.accepts_free, it.policies.len()), (10, 1, 2));
    assert_eq!(it.policy(hub.asset("ETH")).owed_max.0, 6);
}

/// EN-5: an entity ends only when no channel, reserve, operation or debt of it is left; its name is never given again.
#[test]
fn an_entity_ends_only_when_nothing_is_left() {
    let hub = check(
        "
        entities a b
        a delete other b                   => UnknownEntity
        chain deposited a 5 ETH
        a delete                           => NotEmpty
        a withdraw 5 ETH
        a delete                           => NotEmpty       // it is still on its way
        chain withdrawn a 5 ETH #1
        a deposit 1 USD
        a delete                           => NotEmpty
        chain reverted #2
        b open a
        a delete                           => NotEmpty
        b delete                           => NotEmpty
        hub delete                         => NotEmpty
        a create salt 1
        a1 delete
        a1 deposit 1 ETH                   => UnknownSender
        a1 delete                          => UnknownSender
        b open a1                          => UnknownEntity
        b pay a1 1 ETH                     => UnknownEntity
        a create salt 1                    => WrongSalt { expected: 2 }
        chain deposited a1 5 ETH           // kept apart, and nobody's
        ",
    );
    assert_eq!(hub.server.unclaimed.len(), 1);
    assert!(hub.server.entity(entity("a1")).is_none());
    assert_eq!(hub.server.signer(super::hub::signer("a")).map(|signer| signer.entities), Some(1));
}

/// EN-5, ST-3: a deleted entity leaves neither record nor metadata nor policy in the tree.
#[test]
fn a_deleted_entity_leaves_no_record() {
    let mut hub = check("entities a \n a update metadata 9 policy ETH cap 3 policy USD \n a delete");
    let _ = hub.server.seal(hub.now_ms);
    let (signer, id) = (super::hub::signer("a"), entity("a"));
    assert_eq!(hub.server.tree().prefix(&xln_types::Path::entity_prefix(signer, id)).count(), 0);
}
