//! The arithmetic of one reserve, as tables.

use super::ASSET;
use crate::depositary::Reserve;
use crate::depositary::reserve::hop_fee;
use crate::dice::Dice;
use xln_types::tx::AssetPolicy;
use xln_types::{AMOUNT_MAX, Amount, Balance, Rejection};

const MAX: u128 = AMOUNT_MAX;

fn reserve(free: i128, owed: u128) -> Reserve {
    Reserve { free: Balance(free), owed: Amount(owed), ..Reserve::default() }
}

/// DP-2: what may still be drawn is bounded by the cap and by what free covers at the policy's share.
#[test]
fn draws_are_bounded_by_cap_and_reserve() {
    let open = u128::MAX;
    // free, owed, owed_max, reserve_ppm: minimum, available, drawable
    for (free, owed, owed_max, ppm, minimum, available, drawable) in [
        (0, 0, open, 0, 0, 0, open),
        (0, 7, open, 0, 0, 0, open - 7),
        (0, 7, 10, 0, 0, 0, 3),
        (0, 10, 7, 0, 0, 0, 0), // the cap was lowered below what is owed
        (100, 0, open, 500_000, 0, 100, 200),
        (100, 150, open, 500_000, 75, 25, 50),
        (100, 150, 160, 500_000, 75, 25, 10),
        (100, 300, open, 500_000, 150, 0, 0),
        (-5, 0, open, 1, 0, 0, 0),
        (1, 1, open, 1, 1, 0, 999_999), // rounded up: one unit covers the first million
        (1, 0, open, 300_000, 0, 1, 3), // rounded down: 3.33
        (1 << 120, MAX, open, 1_000_000, MAX, 0, 0),
        (1 << 120, 0, open, 1, 0, MAX, open), // 2¹²⁰ millions is past any number
    ] {
        let policy = AssetPolicy { owed_max: Amount(owed_max), reserve_ppm: ppm, ..AssetPolicy::unlimited(ASSET) };
        let it = reserve(free, owed);
        let seen = (it.minimum(&policy).0, it.available(&policy).0, it.drawable(&policy).0);
        assert_eq!(seen, (minimum, available, drawable), "free={free} owed={owed} max={owed_max} ppm={ppm}");
    }
}

/// DP-2: after drawing all that may be drawn the minimum still stands, and one unit more would break it.
#[test]
fn what_may_be_drawn_is_exactly_what_free_covers() {
    let mut dice = Dice::new(1);
    for _ in 0..10_000 {
        let (free, ppm) = (u128::from(dice.below(10_000)), 1 + dice.below(1_000_000));
        let policy = AssetPolicy { reserve_ppm: ppm, ..AssetPolicy::unlimited(ASSET) };
        let most = reserve(free.cast_signed(), 0).drawable(&policy).0;
        assert!(reserve(0, most).minimum(&policy).0 <= free, "free={free} ppm={ppm}");
        assert!(free < reserve(0, most + 1).minimum(&policy).0, "free={free} ppm={ppm}");
    }
}

/// HT-4: a hop's fee is base + amount · ppm / 10⁶, rounded up, and never past the range.
#[test]
fn fees_round_up() {
    // base, ppm, amount: fee
    for (base, ppm, amount, fee) in [
        (0, 0, 1, Some(0)),
        (5, 0, 1, Some(5)),
        (0, 1, 1, Some(1)),
        (0, 1, 1_000_000, Some(1)),
        (0, 1, 1_000_001, Some(2)),
        (2, 30_000, 101, Some(6)), // 3.03 and 2
        (0, 1_000_000, MAX, Some(MAX)),
        (1, 1_000_000, MAX, None),
        (MAX, 0, 1, Some(MAX)),
    ] {
        let policy = AssetPolicy { fee_base: Amount(base), fee_ppm: ppm, ..AssetPolicy::unlimited(ASSET) };
        assert_eq!(hop_fee(&policy, Amount(amount)), fee.map(Amount), "base={base} ppm={ppm} amount={amount}");
    }
}

/// DP-2: policies bind a grant that rises, by counterparty and in all; lowering one is always allowed.
#[test]
fn grants_rise_within_the_policy_alone() {
    // granted in all, before, after, grant_max, grant_total_max: refused with
    for (granted, before, after, one, all, refused) in [
        (0, 0, 10, 10, 10, None),
        (0, 0, 11, 10, 20, Some(10)),
        (8, 0, 3, 10, 10, Some(2)),
        (8, 4, 7, 10, 10, Some(6)),
        (8, 4, 6, 10, 10, None),
        (80, 40, 39, 10, 10, None), // past both limits already, but falling
        (80, 40, 40, 10, 10, None),
    ] {
        let policy =
            AssetPolicy { grant_max: Amount(one), grant_total_max: Amount(all), ..AssetPolicy::unlimited(ASSET) };
        let it = Reserve { granted: Amount(granted), ..Reserve::default() };
        let expected = match refused {
            Some(available) => Err(Rejection::LimitExceeded { available: Amount(available), leg: 0 }),
            None => Ok(granted - before + after),
        };
        let result = it.regranted(Amount(before), Amount(after), &policy).map(|next| next.granted.0);
        assert_eq!(result, expected, "granted={granted} {before}->{after} one={one} all={all}");
    }
    let full = Reserve { granted: Amount(MAX), ..Reserve::default() };
    let more = full.regranted(Amount(0), Amount(1), &AssetPolicy::unlimited(ASSET));
    assert_eq!(more, Err(Rejection::OutOfRange {}));
}

/// N-1: the sums over channels are bounded like all else.
#[test]
fn sums_over_channels_are_bounded() {
    let out = Err(Rejection::OutOfRange {});
    let it = Reserve { net: Balance(1 << 120), owed: Amount(MAX), ..Reserve::default() };
    let (zero, none) = (Balance::ZERO, Amount::ZERO);
    assert_eq!(it.moved((zero, none), (Balance(1), none)), out, "net");
    assert_eq!(it.moved((zero, none), (zero, Amount(1))), out, "owed");
    assert_eq!(Reserve::default().moved((zero, Amount(1)), (zero, none)), out, "owed below nothing");
    let moved = it.moved((Balance(9), Amount(3)), (Balance(4), Amount(2))).expect("falls");
    assert_eq!((moved.net.0, moved.owed.0), ((1 << 120) - 5, MAX - 1));
}
