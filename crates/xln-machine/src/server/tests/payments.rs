//! Payments, over the channel with the payee or over the hub (**CH-1**, **CH-2**, **CH-4**, **CH-14**, **HT-4**).

use super::hub::{channel, entity};
use super::script::check;
use xln_types::Event;

/// CH-4, CH-14: with no capital anywhere, credit alone carries a payment over the hub; both legs move, or neither, and a
/// rejection names the leg and what would have worked.
#[test]
fn a_hub_payment_moves_both_legs_or_neither() {
    let hub = check(
        "
        entities a b
        a open hub
        b open hub grant 500 ETH
        hub credit a 700 ETH               // a may owe the hub that much
        a pay b 300 ETH memo 256
        share a hub ETH -300
        share b hub ETH 300
        net hub ETH 0
        a pay b 201 ETH                    => InsufficientFunds { available: 200, leg: 1 }
        a pay b 401 ETH                    => InsufficientFunds { available: 400, leg: 0 }
        share a hub ETH -300
        share b hub ETH 300
        out hub b ETH 200
        nonce a 4
        a pay b 200 ETH
        owed a ETH 500
        owed hub ETH 500
        ",
    );
    let paid = hub.events.iter().map(|event| match event {
        Event::Paid { channel, payer, payee, amount, .. } => (*channel, *payer, *payee, amount.0),
        other => panic!("{other:?}"),
    });
    let paid: Vec<_> = paid.collect();
    let (a, b, own) = (entity("a"), entity("b"), entity("hub"));
    assert_eq!(paid, [(channel("a", "hub"), a, own, 200), (channel("b", "hub"), own, b, 200)]);
}

/// CH-2, CH-5: over their own channel two entities pay without the hub, either way, and without a fee.
#[test]
fn a_direct_payment_crosses_its_own_channel_alone() {
    check(
        "
        entities a b
        a open b grant 50 ETH
        b accept a grant 60 ETH
        a pay b 60 ETH
        b pay a 110 ETH
        share a b ETH 50
        share b a ETH -50
        net hub ETH 0
        b pay a 1 ETH                      => InsufficientFunds { available: 0, leg: 0 }
        a pay b 1 ETH fee 1                => FeeNotPayable
        ",
    );
}

/// TX-5, CH-14: a payment that has no way, no asset or no amount is refused by that.
#[test]
fn a_payment_is_refused_by_what_is_wrong() {
    check(
        "
        entities a b c
        a open hub grant 5 ETH
        hub credit a 100 ETH
        a pay a 1 ETH                      => SameEntity
        a pay z 1 ETH                      => UnknownEntity
        a pay hub 1 ABC                    => UnknownAsset
        a pay hub 1 USD                    => UnknownAsset                 // not listed here
        a pay hub 0 ETH                    => AmountNotPositive
        a pay hub 1 ETH memo 257           => TooLarge { limit: 256 }
        a pay hub 1 ETH route b            => NoRoute
        a pay b 1 ETH                      => NoRoute                      // b has no channel with the hub
        b pay a 1 ETH                      => NoRoute
        b pay hub 1 ETH                    => NoRoute
        hub pay b 1 ETH                    => NoRoute
        a pay hub all ETH                  => InsufficientFunds { available: 100, leg: 0 }
        b open hub
        a pay b 1 ETH                      => UnknownAsset                 // on the second leg
        share a hub ETH 0
        b credit hub 9 ETH
        a pay b all ETH                    => OutOfRange
        a pay b max ETH                    => InsufficientFunds { available: 100, leg: 0 }
        c open hub ask 1 ETH
        c pay b 1 ETH                      => ChannelNotOpen { status: 0 }
        a pay c 1 ETH                      => ChannelNotOpen { status: 0 }
        share a hub ETH 0
        ",
    );
}

/// HT-4: the hop's fee is what the hub's policy asks, in the asset paid; the recipient gets exactly the amount.
#[test]
fn a_hop_takes_its_fee_and_the_recipient_gets_the_amount() {
    check(
        "
        entities a b
        a open hub
        b open hub grant 10000 ETH grant 10 USD
        hub credit a 2000 ETH
        hub update policy ETH base 3 ppm 10000
        a pay b 1001 ETH                   => FeeTooLow { expected: 14 }
        a pay b 1001 ETH fee 13            => FeeTooLow { expected: 14 }
        a pay b 1001 ETH fee 14
        share a hub ETH -1015
        share b hub ETH 1001
        net hub ETH 14
        a pay b 1 ETH fee 20               // more than was asked is the hub's
        net hub ETH 34
        a pay b 961 ETH fee 13             => InsufficientFunds { available: 951, leg: 0 }
        a pay b 960 ETH fee 5              => FeeTooLow { expected: 13 }
        a pay hub 1 ETH                    // no hop, no fee
        a pay b 1 ETH fee all              => OutOfRange
        a pay b max ETH fee max            => OutOfRange
        ",
    );
}

/// HT-4, N-4: a unique asset crosses the hub whole and without a fee.
#[test]
fn a_unique_asset_crosses_without_a_fee() {
    check(
        "
        entities a b
        a open hub
        b open hub
        hub update policy NFT base 3
        chain deposited a 1 NFT
        a deposit 2 NFT                    => NotForUniqueAsset
        a deposit 1 NFT
        b credit hub 0 NFT
        a allocate hub 1 NFT
        chain added a hub 1 NFT #2
        a pay b 1 NFT                      => InsufficientFunds { available: 0, leg: 1 }
        chain deposited hub 1 NFT
        chain added hub b 1 NFT #9
        a pay b 1 NFT
        share b hub NFT 1
        share a hub NFT 0
        a pay b 1 NFT                      => InsufficientFunds { available: 0, leg: 0 }
        ",
    );
}
