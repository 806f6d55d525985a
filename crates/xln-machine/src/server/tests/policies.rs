//! What an entity allows itself (**DP-2**): a minimum reserve for what it owes, caps on what it owes and grants. Checked by its own
//! machine, and named in the refusal apart from what the channel could bear.

use super::hub::{Hub, genesis};
use super::script::{check, play};
use xln_types::tx::AssetPolicy;
use xln_types::{Amount, AssetId};

/// DP-2: what is owed beyond collateral is covered by free reserve at the policy's share; what isn't free can't be drawn or leave.
#[test]
fn the_minimum_reserve_covers_what_is_owed() {
    check(
        "
        entities a
        a open hub
        hub credit a 1000 ETH
        chain deposited a 100 ETH
        a update policy ETH reserve 500000
        out a hub ETH 200                  // 100 free cover twice as much
        a pay hub 201 ETH                  => LimitExceeded { available: 200, leg: 0 }
        a pay hub 150 ETH
        a withdraw 26 ETH                  => InsufficientReserve { available: 25 }
        a allocate hub 26 ETH              => InsufficientReserve { available: 25 }
        a withdraw 25 ETH
        a pay hub 1 ETH                    => LimitExceeded { available: 0, leg: 0 }
        chain reverted #1
        a pay hub 50 ETH
        a withdraw 1 ETH                   => InsufficientReserve { available: 0 }
        a update policy ETH reserve 250000
        a withdraw 50 ETH
        hub pay a 200 ETH                  // nothing owed, nothing to cover
        a withdraw 50 ETH
        ",
    );
}

/// DP-2: the cap on what is owed holds over all channels together; one's own share and collateral are not under it.
#[test]
fn the_cap_on_debt_holds_over_all_channels() {
    check(
        "
        entities a b
        a open hub
        a open b
        b accept a grant 100 ETH
        hub credit a 100 ETH
        a update policy ETH cap 30
        a pay b 20 ETH
        a pay hub 11 ETH                   => LimitExceeded { available: 10, leg: 0 }
        a pay hub 10 ETH
        a pay b 1 ETH                      => LimitExceeded { available: 0, leg: 0 }
        chain deposited a 7 ETH
        a allocate b 7 ETH
        chain added a b 7 ETH #1           // pays its debt there
        a pay b 8 ETH                      => LimitExceeded { available: 7, leg: 0 }
        a pay b 7 ETH
        a update policy ETH cap 5          // lowered below what is owed: nothing is erased
        owed a ETH 30
        a pay b 1 ETH                      => LimitExceeded { available: 0, leg: 0 }
        a pay hub 101 ETH                  => InsufficientFunds { available: 0, leg: 0 }
        ",
    );
}

/// DP-2, CH-14: the hub's own policy binds the second leg, and is named there.
#[test]
fn the_hubs_policy_binds_its_leg() {
    let mut genesis = genesis();
    let policy = |asset: AssetId| AssetPolicy { owed_max: Amount(40), ..AssetPolicy::unlimited(asset) };
    genesis.policies = genesis.assets.iter().rev().map(|info| policy(info.id)).collect();
    let mut hub = Hub::from_genesis(&genesis);
    play(
        &mut hub,
        "
        entities a b
        a open hub
        b open hub grant 100 ETH
        hub credit a 100 ETH
        a pay b 41 ETH                     => LimitExceeded { available: 40, leg: 1 }
        share a hub ETH 0
        a pay b 40 ETH
        b pay a 41 ETH                     => InsufficientFunds { available: 40, leg: 0 }
        b pay a 40 ETH                     // nets the debts away
        owed hub ETH 0
        ",
    );
}

/// DP-2: grants rise within the policy alone, to one and in all.
#[test]
fn grants_are_capped_to_one_and_in_all() {
    check(
        "
        entities a b
        a update policy ETH grants 10 total 15
        a open hub grant 11 ETH            => LimitExceeded { available: 10, leg: 0 }
        a open hub grant 10 ETH
        a open b grant 6 ETH               => LimitExceeded { available: 5, leg: 0 }
        a open b grant 5 ETH
        a credit hub 11 ETH                => LimitExceeded { available: 10, leg: 0 }
        a credit b 6 ETH                   => LimitExceeded { available: 5, leg: 0 }
        a credit hub 4 ETH
        a credit b 10 ETH
        granted a ETH 14
        a update policy ETH grants 0
        a credit b 9 ETH                   // lowering is always allowed
        a credit b 10 ETH                  => LimitExceeded { available: 0, leg: 0 }
        ",
    );
}
