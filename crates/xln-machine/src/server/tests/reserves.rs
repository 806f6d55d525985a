//! Deposits, withdrawals and allocations as transactions (**DP-1**, **DP-2**, **DP-4**, **N-1**, **N-4**): each refusal, and that no
//! interleaving spends a reserve twice.

use super::hub::{Envelope, Hub, channel, entity};
use super::script::check;
use crate::dice::Dice;
use crate::server::Input;
use xln_types::codec::Blob;
use xln_types::tx::{self, Body};
use xln_types::{Address, Amount, Rejection};

/// DP-4, TX-5: a withdrawal is refused by what is wrong with it, first by what the hub couldn't do at all.
#[test]
fn a_withdrawal_is_refused_by_what_is_wrong() {
    check(
        "
        entities a K
        chain deposited a 100 ETH
        chain deposited K 100 ETH
        a withdraw 1 ABC                   => UnknownAsset
        a withdraw 1 ETH to zero           => MalformedBody
        a withdraw 1 ETH until 59          => ValidityOutside { from_s: 1700000060, until_s: 1700604800 }
        a withdraw 1 ETH until 604801      => ValidityOutside { from_s: 1700000060, until_s: 1700604800 }
        a withdraw 0 ETH                   => AmountNotPositive
        a withdraw 101 ETH                 => InsufficientReserve { available: 100 }
        a withdraw all ETH                 => InsufficientReserve { available: 100 }
        a withdraw 1 USD                   => InsufficientReserve { available: 0 }
        a withdraw 1 ETH fee 1             => FeeNotPayable
        K withdraw 1 ETH                   => ChainSignatureNeeded
        K withdraw 1 ETH signed
        a withdraw 40 ETH until 60
        a withdraw 60 ETH until 604800
        a withdraw 1 ETH                   => InsufficientReserve { available: 0 }
        ",
    );
}

/// DP-1, TX-5: so is an allocation; refused, it has listed nothing.
#[test]
fn an_allocation_is_refused_by_what_is_wrong() {
    check(
        "
        entities a K
        a open hub
        K open hub
        chain deposited a 100 ETH
        chain deposited K 100 ETH
        a allocate hub 1 ABC               => UnknownAsset
        a allocate K 1 ETH                 => UnknownChannel
        a allocate hub 1 ETH until 59      => ValidityOutside { from_s: 1700000060, until_s: 1700604800 }
        a allocate hub 1 ETH until 604801  => ValidityOutside { from_s: 1700000060, until_s: 1700604800 }
        a allocate hub 0 ETH               => AmountNotPositive
        a allocate hub 101 ETH             => InsufficientReserve { available: 100 }
        a allocate hub 1 ETH fee 1         => FeeNotPayable
        K allocate hub 1 ETH               => ChainSignatureNeeded
        listed a hub ETH 0
        K allocate hub 1 ETH signed
        a allocate hub 100 ETH
        listed a hub ETH 1
        ",
    );
}

/// DP-3, N-1, N-4: a deposit is the hosted signer's own; nothing bounds it but the range and what is unique.
#[test]
fn a_deposit_is_refused_by_what_is_wrong() {
    check(
        "
        entities a K
        a deposit 1 ABC                    => UnknownAsset
        a deposit 0 ETH                    => AmountNotPositive
        a deposit past ETH                 => OutOfRange
        a deposit 2 NFT                    => NotForUniqueAsset
        a deposit 1 ETH fee 1              => FeeNotPayable
        K deposit 1 ETH                    => NotHosted
        K deposit 1 ETH signed             => NotHosted
        a deposit max ETH
        ",
    );
}

/// DP-1, DP-2: free reserve 100, 200 × allocate(1) and 50 × withdraw(1) in any order: exactly 100 succeed, whichever came first.
#[test]
fn no_interleaving_spends_a_reserve_twice() {
    for seed in 0..24 {
        let mut hub = check("entities a \n a open hub \n chain deposited a 100 ETH");
        let (asset, amount, valid_until_s) = (hub.asset("ETH"), Amount(1), hub.now_s() + 600);
        let (chain_signature, recipient) = (Blob::default(), Address([3; 20]));
        let withdraw: Body =
            tx::Withdraw { asset, amount, recipient, valid_until_s, chain_signature: chain_signature.clone() }.into();
        let channel = channel("a", "hub");
        let allocate: Body = tx::Allocate { channel, asset, amount, valid_until_s, chain_signature }.into();
        let (mut dice, mut left, mut stood) = (Dice::new(seed), [200_u64, 50], [0_u128, 0]);
        while 0 < left[0] + left[1] {
            let index = usize::from(left[0] <= dice.below(left[0] + left[1]));
            left[index] -= 1;
            let tx = hub.verified(&Envelope::new("a", ""), [&allocate, &withdraw][index]);
            let receipt = hub.apply_unseen(&Input::Transaction(tx));
            match receipt.rejection() {
                None => stood[index] += 1,
                Some(why) => {
                    assert_eq!(*why, Rejection::InsufficientReserve { available: Amount(0) }, "seed={seed}");
                    assert_eq!(stood[0] + stood[1], 100, "seed={seed}: refused while something was free");
                }
            }
        }
        let reserve = hub.server.reserve(entity("a"), asset).expect("known");
        assert_eq!(stood[0] + stood[1], 100, "seed={seed}");
        assert_eq!(
            (reserve.free.0, reserve.allocating.0, reserve.withdrawing.0),
            (0, stood[0], stood[1]),
            "seed={seed}"
        );
        assert_eq!(hub.server.operations().count(), 100);
        give_back(&mut hub, seed);
    }
}

/// DP-4: what was debited comes back unit for unit when all of it fails.
fn give_back(hub: &mut Hub, seed: u64) {
    let timestamp = hub.now_s() + 601;
    assert!(hub.fact(xln_types::FactKind::Time { timestamp }).is_executed());
    let reserve = hub.server.reserve(entity("a"), hub.asset("ETH")).expect("known");
    assert_eq!((reserve.free.0, reserve.allocating.0, reserve.withdrawing.0), (100, 0, 0), "seed={seed}");
}
