//! Credit and what policies allow of it, across nodes and over several channels at once (**CH-3**, **DP-2**, **N-4**).

use super::script::{both, check};

/// CH-3: the grantor alone changes its grant, by a frame; lowered below what is drawn it erases no debt.
#[test]
fn a_grant_is_its_grantors_alone() {
    both(
        "
        nodes A B
        meet A B
        A open B
        B credit A 100 USD
        A pay B 80 USD
        B credit A 10 USD
        mine B A USD 10
        owed A USD 80
        out A B USD 0
        A pay B 1 USD                  => InsufficientFunds { available: 0, leg: 0 }
        B pay A 80 USD
        out A B USD 10
        A credit B 1 NFT               => NotForUniqueAsset
        A credit B 0 NFT               // lists it
        listed B A NFT 1
        A credit B max EUR             => UnknownAsset
        ",
    );
}

/// DESIGN 8: a policy on grants binds what is agreed and what is on its way, over all channels.
#[test]
fn grants_on_their_way_count() {
    check(
        "
        nodes A B C
        people A.p
        meet A B C
        A open B
        A open C
        A.p open A
        A update policy USD grants 50 total 70
        A credit B 51 USD              => LimitExceeded { available: 50, leg: 0 }
        hold A B
        hold A C
        A credit B 40 USD
        granted A USD 0
        A credit C 31 USD              => LimitExceeded { available: 30, leg: 0 }
        A credit A.p 31 USD            => LimitExceeded { available: 30, leg: 0 }
        A credit B 50 USD              // its own place is its own
        A credit A.p 21 USD            => LimitExceeded { available: 20, leg: 0 }
        A credit C 20 USD
        A credit B 45 USD
        flow
        granted A USD 65
        A credit A.p 6 USD             => LimitExceeded { available: 5, leg: 0 }
        A credit A.p 5 USD
        ",
    );
}

/// DP-2: an entity promises no more than its policy over several channels at once: owed, stacked and locked together.
#[test]
fn what_is_promised_counts_over_all_channels() {
    check(
        "
        nodes A B C
        people A.p A.q
        meet A B C
        A open B
        A open C
        A.p open A grant 100 USD
        B credit A 100 USD
        C credit A 100 USD
        A update policy USD | cap 50
        hold A B
        hold A C
        A pay B 20 USD                 // stacked
        A lock C 15 USD #1             // locked, stacked
        exposed A USD 35
        owed A USD 0
        out A B USD 15
        out A A.p USD 15
        A pay C 16 USD                 => LimitExceeded { available: 15, leg: 0 }
        A lock B 16 USD #1             => LimitExceeded { available: 15, leg: 0 }
        A pay A.p 16 USD               => LimitExceeded { available: 15, leg: 0 }
        A lock A.p 16 USD #1           => LimitExceeded { available: 15, leg: 0 }
        A lock A.p 5 USD #1
        flow
        owed A USD 20
        exposed A USD 20               // what is locked still is
        A pay C 11 USD                 => LimitExceeded { available: 10, leg: 0 }
        A.p claim A 0 #1
        owed A USD 25
        exposed A USD 15
        C cancel A 0
        exposed A USD 0
        A pay C 26 USD                 => LimitExceeded { available: 25, leg: 0 }
        A pay C 25 USD
        owed A USD 50
        A pay B 1 USD                  => LimitExceeded { available: 0, leg: 0 }
        ",
    );
}

/// DP-2: what is locked in a channel of this hub counts as its line moves, and free keeps its minimum for what is promised.
#[test]
fn the_minimum_reserve_covers_what_is_promised() {
    check(
        "
        nodes A B
        people A.p
        meet A B
        chain deposited A 30 USD
        A open B
        B credit A 100 USD
        A.p open A grant 100 USD
        A credit A.p 100 USD
        A.p pay A 10 USD
        A lock A.p 10 USD #1           // out of what it owns
        exposed A USD 0
        A pay A.p 7 USD
        exposed A USD 7
        A.p pay A 7 USD
        exposed A USD 0
        A update policy USD | reserve 500000
        hold A B
        A pay B 20 USD
        exposed A USD 20
        A withdraw 21 USD              => InsufficientReserve { available: 20 }
        A allocate A.p 21 USD          => InsufficientReserve { available: 20 }
        A withdraw 20 USD
        A pay B 1 USD                  => LimitExceeded { available: 0, leg: 0 }
        chain time 7200
        A pay B 1 USD
        ",
    );
}
