//! Channels are proposed, accepted and granted credit (**CH-3**, **CH-4**, **CH-11**, **CH-12**, **N-4**).

use super::hub::{channel, entity};
use super::script::check;
use crate::server::tests::hub::Hub;
use xln_types::Event;

/// CH-11: the other side's consent opens a channel, once, and only the other side's.
#[test]
fn a_channel_opens_by_the_other_sides_consent() {
    let hub = check(
        "
        entities a b c
        a open b
        status a b pending
        a pay b 1 ETH                      => ChannelNotOpen { status: 0 }
        a allocate b 1 ETH                 => ChannelNotOpen { status: 0 }
        a accept b                         => NotYoursToAccept
        c accept b                         => UnknownChannel
        b accept a grant 5 ETH grant 7 USD
        status a b open
        b accept a                         => ChannelNotOpen { status: 1 }
        a open b                           => AlreadyExists
        b open a                           => AlreadyExists
        out a b ETH 5
        out a b USD 7
        ",
    );
    let counts = |name: &str| {
        let record = &hub.server.entity(entity(name)).expect("founded").record;
        (record.channels, record.channels_open)
    };
    assert_eq!((counts("a"), counts("b"), counts("c")), ((1, 1), (1, 1), (0, 0)));
}

/// CH-11: a policy consents for the other side only to what costs it nothing.
#[test]
fn consent_by_policy_covers_only_what_is_free() {
    check(
        "
        entities a b c
        a open hub grant 5 ETH
        status a hub open
        b open hub ask 5 ETH
        status b hub pending
        hub accept b grant 4 ETH
        status b hub open
        out b hub ETH 4
        c update free 1
        a open c
        status a c open
        a update free 0
        b open a
        status b a pending
        ",
    );
}

/// CH-11, TX-5: an opening is refused by what is wrong with it, and leaves nothing behind.
#[test]
fn an_opening_is_refused_by_what_is_wrong() {
    check(
        "
        entities a b K
        chain deposited a 10 ETH
        chain deposited K 10 ETH
        a open a                           => SameEntity
        a open z                           => UnknownEntity
        a open b window 59                 => WindowOutside { min_s: 60, max_s: 2592000 }
        a open b window 2592001            => WindowOutside { min_s: 60, max_s: 2592000 }
        a open b grant 1 ABC               => UnknownAsset
        a open b lock 1 ABC                => UnknownAsset
        a open b ask 1 ABC                 => UnknownAsset
        a open b grant 1 ETH grant 2 ETH   => AlreadyExists
        a open b grant 1 NFT               => NotForUniqueAsset
        a open b ask 1 NFT                 => NotForUniqueAsset
        a open b grant past ETH            => OutOfRange
        a open b lock 0 ETH                => AmountNotPositive
        a open b lock 11 ETH               => InsufficientReserve { available: 10 }
        a open b lock 9 ETH lock 1 USD     => InsufficientReserve { available: 0 }
        a open b lock 1 ETH until 59       => ValidityOutside { from_s: 1700000060, until_s: 1700604800 }
        a open b lock 1 ETH until 604801   => ValidityOutside { from_s: 1700000060, until_s: 1700604800 }
        K open b lock 1 ETH                => ChainSignatureNeeded
        a open b fee 1                     => FeeNotPayable
        free a ETH 10
        status a b none
        K open b lock 1 ETH signed
        a open b window 60 lock 10 ETH ask 5 ETH grant 0 NFT until 60
        status a b pending
        ",
    );
}

/// CH-11, CH-12, TX-5: so is a consent.
#[test]
fn a_consent_is_refused_by_what_is_wrong() {
    check(
        "
        entities a b
        a open b
        b accept c                         => UnknownChannel
        b accept a grant 1 ABC             => UnknownAsset
        b accept a grant 1 NFT             => NotForUniqueAsset
        b accept a grant 1 ETH grant 1 ETH => AlreadyExists
        b accept a grant past ETH          => OutOfRange
        status a b pending
        b update policy ETH grants 5
        b accept a grant 6 ETH             => LimitExceeded { available: 5, leg: 0 }
        b accept a grant 5 ETH
        ",
    );
}

/// CH-3: the grantor alone changes its grant; the first grant lists the asset.
#[test]
fn only_the_grantor_changes_its_grant() {
    let hub = check(
        "
        entities a b c
        a open b
        a credit b 5 ETH                   // while pending too
        b accept a
        out b a ETH 5
        out a b ETH 0
        b credit a 9 ETH
        out a b ETH 9
        a credit b 0 ETH
        out b a ETH 0
        out a b ETH 9
        c credit a 9 ETH                   => UnknownChannel
        a credit b 1 ABC                   => UnknownAsset
        a credit b 1 NFT                   => NotForUniqueAsset
        a credit b 0 NFT
        listed a b NFT 1
        a credit b past ETH                => OutOfRange
        a credit b 1 ETH fee 1             => FeeNotPayable
        a credit b max ETH
        ",
    );
    let grantor =
        hub.server.channel(channel("a", "b")).and_then(|channel| channel.side_of(entity("a"))).expect("its own");
    let set = hub.events.iter().find_map(|event| match event {
        Event::CreditSet { grantor, granted, .. } => Some((*grantor, granted.0)),
        _ => None,
    });
    assert_eq!(set, Some((grantor, xln_types::AMOUNT_MAX)));
}

/// CH-3: a changed grant binds the very next payment, and erases no debt.
#[test]
fn a_changed_grant_binds_the_very_next_payment() {
    check(
        "
        entities a
        a open hub grant 500 ETH
        hub pay a 300 ETH
        a credit hub 350 ETH
        hub pay a 51 ETH                   => InsufficientFunds { available: 50, leg: 0 }
        hub pay a 50 ETH
        a credit hub 10 ETH
        hub pay a 1 ETH                    => InsufficientFunds { available: 0, leg: 0 }
        owed hub ETH 350
        a credit hub 351 ETH
        hub pay a 2 ETH                    => InsufficientFunds { available: 1, leg: 0 }
        hub pay a 1 ETH
        a credit hub 0 ETH
        a pay hub 351 ETH                  // the creditor can still spend its claim
        hub pay a 1 ETH                    => InsufficientFunds { available: 0, leg: 0 }
        ",
    );
}

/// CH-11: a channel that is closing, in dispute or over takes neither payment nor grant nor allocation.
#[test]
fn a_channel_past_open_is_left_alone() {
    use crate::channel::ChannelStatus;
    for (status, number) in [(ChannelStatus::Closing, 2), (ChannelStatus::Disputed, 3), (ChannelStatus::Closed, 4)] {
        let mut hub: Hub =
            check("entities a \n a open hub grant 5 ETH \n chain deposited a 5 ETH \n a allocate hub 5 ETH");
        let handle = hub.server.channel_index.get(&channel("a", "hub")).expect("open");
        // No transaction leads here yet, so the status is set by hand, in arena and tree.
        hub.server.channels.at_mut(handle).head.status = status;
        let head = hub.server.channels.at(handle).head;
        let path = xln_types::Path::channel(hub.server.signer_of(head.left), head.left, head.id);
        hub.server.tree.set(&path.0, &alloy_rlp::encode(head)).expect("fits");
        super::script::play(
            &mut hub,
            &format!(
                "
                hub pay a 1 ETH            => ChannelNotOpen {{ status: {number} }}
                a credit hub 1 ETH         => ChannelNotOpen {{ status: {number} }}
                hub accept a               => ChannelNotOpen {{ status: {number} }}
                a allocate hub 1 ETH       => ChannelNotOpen {{ status: {number} }}
                a deallocate hub 1 ETH     => ChannelNotOpen {{ status: {number} }}
                chain added a hub 5 ETH #1
                collateral a hub ETH 5
                "
            ),
        );
    }
}
