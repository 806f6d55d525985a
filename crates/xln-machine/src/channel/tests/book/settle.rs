//! Settlements (**DP-5**): asked, agreed, held for, mined or lapsed.

use super::*;

/// Left has put in 50, right 30.
fn funded(more: Vec<Step>) -> Vec<Step> {
    let list = FrameTx::List { asset: OTHER };
    let other = |block, side| fact_in(OTHER, block, 0, CollateralChange::Added { side, amount: Amount(10) });
    let mut steps = vec![
        (LEFT, added(1, LEFT, 50), Ok(())),
        (LEFT, added(2, RIGHT, 30), Ok(())),
        (LEFT, list, Ok(())),
        (RIGHT, other(3, LEFT), Ok(())),
        (RIGHT, other(4, RIGHT), Ok(())),
    ];
    steps.extend(more);
    steps
}

fn lacks(available: u128) -> Result<(), Rejection> {
    Err(Rejection::InsufficientShare { available: Amount(available) })
}

/// DP-5: what touches the asking side's reserve alone is effective at once, and held from then on.
#[test]
fn an_own_settlement_is_effective_at_once() {
    let steps = funded(vec![
        (LEFT, settle(1, &[(ASSET, 51, 0)]), lacks(50)),
        (LEFT, settle(0, &[(ASSET, 20, 0)]), Err(Rejection::NonceOutside { from: 1, until: u64::MAX })),
        (LEFT, settle(1, &[]), Err(Rejection::MalformedBody {})),
        (LEFT, settle(1, &[(OTHER, 1, 0), (ASSET, 1, 0)]), Err(Rejection::MalformedBody {})),
        (LEFT, settle(1, &[(ASSET, 1, 0), (ASSET, 1, 0)]), Err(Rejection::MalformedBody {})),
        (LEFT, settle(1, &[(AssetId([9; 32]), 1, 0)]), Err(Rejection::UnknownAsset {})),
        (LEFT, settle(1, &[(ASSET, 20, 0), (OTHER, 11, 0)]), lacks(10)),
        (LEFT, settle(1, &[(ASSET, 20, 0)]), Ok(())),
        (LEFT, pay(131), poor(130)),
        (RIGHT, settle(2, &[(ASSET, 0, 5)]), Err(Rejection::SettlementPending {})),
        (LEFT, FrameTx::Close { valid_until_s: 9 }, Err(Rejection::NotEmpty {})),
    ]);
    check(&steps, |play| {
        assert_eq!((play.held(LEFT), play.share(LEFT), play.book.terms.settle_counter), (20, 50, 1));
    });
}

/// DP-5: what takes from the other's part needs its agreement, to the same.
#[test]
fn a_settlement_of_both_needs_both() {
    let asked =
        funded(vec![(LEFT, settle(3, &[(ASSET, 20, 31)]), lacks(30)), (LEFT, settle(3, &[(ASSET, 20, 30)]), Ok(()))]);
    check(&asked, |play| assert_eq!((play.held(LEFT), play.held(RIGHT)), (0, 0)));
    let other = vec![(RIGHT, settle(3, &[(ASSET, 20, 29)]), Ok(()))];
    check(&[asked.clone(), other].concat(), |play| assert_eq!((play.held(LEFT), play.held(RIGHT)), (0, 0)));
    let agreed = vec![
        (RIGHT, settle(3, &[(ASSET, 20, 30)]), Ok(())),
        (RIGHT, settle(4, &[(ASSET, 0, 1)]), Err(Rejection::SettlementPending {})),
    ];
    check(&[asked.clone(), agreed].concat(), |play| {
        let terms = &play.book.terms;
        assert_eq!((play.held(LEFT), play.held(RIGHT), terms.settle_counter), (20, 30, 3));
        assert_eq!((terms.left.settle_asked.len(), terms.right.settle_asked.len()), (0, 0));
    });
    // Meanwhile the part that it takes out was paid away.
    let paid = vec![(RIGHT, pay(1), Ok(())), (RIGHT, settle(3, &[(ASSET, 20, 30)]), lacks(29))];
    check(&[asked.clone(), paid].concat(), |play| assert_eq!(play.held(RIGHT), 0));
    // An own one overtakes what was only asked.
    let overtaken = vec![
        (RIGHT, settle(4, &[(ASSET, 0, 1)]), Ok(())),
        (LEFT, settled_in(ASSET, 9, 4, 0, 1), Ok(())),
        (RIGHT, settle(3, &[(ASSET, 20, 29)]), Err(Rejection::NonceOutside { from: 5, until: u64::MAX })),
    ];
    check(&[asked, overtaken].concat(), |play| assert_eq!(play.share(RIGHT), 29));
}

/// DP-5: one fact an asset ends its part; each side's reserve and claim together stay what they were.
#[test]
fn a_settlement_ends_asset_by_asset() {
    let steps = funded(vec![
        (LEFT, settle(1, &[(ASSET, 20, 0), (OTHER, 10, 0)]), Ok(())),
        (LEFT, settled_in(ASSET, 5, 1, 20, 0), Ok(())),
    ]);
    check(&steps, |play| {
        assert_eq!((play.held(LEFT), play.share(LEFT), play.line(ASSET).collateral.0), (0, 30, 60));
        assert_eq!(play.book.terms.settlement.len(), 1, "the other asset still waits");
    });
    let rest = vec![
        (RIGHT, settle(2, &[(ASSET, 0, 1)]), Err(Rejection::SettlementPending {})),
        (LEFT, settled_in(OTHER, 6, 1, 10, 0), Ok(())),
        (RIGHT, settle(2, &[(ASSET, 0, 1)]), Ok(())),
    ];
    check(&[steps, rest].concat(), |play| {
        assert_eq!((play.line(OTHER).collateral.0, play.held(RIGHT)), (10, 1));
        assert_eq!(play.line(OTHER).held(play.side(LEFT)), Amount::ZERO);
    });
}

/// DP-5: one that wasn't mined in time frees what was held for it.
#[test]
fn a_lapsed_settlement_frees_what_it_held() {
    let steps = funded(vec![
        (LEFT, lapsed(5, 1), Err(Rejection::StaleFact {})),
        (LEFT, settle(1, &[(ASSET, 20, 0), (OTHER, 10, 0)]), Ok(())),
        (LEFT, lapsed(5, 2), Err(Rejection::StaleFact {})),
        (LEFT, lapsed(5, 1), Ok(())),
        (LEFT, lapsed(6, 1), Err(Rejection::StaleFact {})),
        (LEFT, settle(1, &[(ASSET, 1, 0)]), Err(Rejection::NonceOutside { from: 2, until: u64::MAX })),
        (LEFT, settle(2, &[(ASSET, 50, 0)]), Ok(())),
    ]);
    check(&steps, |play| assert_eq!((play.held(LEFT), play.line(OTHER).held(play.side(LEFT)).0), (50, 0)));
}

/// DP-5: what is held for a settlement and what HTLCs hold are held beside each other.
#[test]
fn settlements_and_htlcs_hold_beside_each_other() {
    let steps = funded(vec![
        (LEFT, add(0, 40), Ok(())),
        (LEFT, settle(1, &[(ASSET, 11, 0)]), lacks(10)),
        (LEFT, settle(1, &[(ASSET, 10, 0)]), Ok(())),
        (LEFT, add(1, 101), poor(100)),
        (RIGHT, fulfill(0), Ok(())),
        (LEFT, settled_in(ASSET, 5, 1, 10, 0), Ok(())),
        (LEFT, settled_in(ASSET, 6, 2, 0, 71), Err(Rejection::OutOfRange {})),
    ]);
    check(&steps, |play| assert_eq!((play.held(LEFT), play.share(LEFT), play.share(RIGHT)), (0, 0, 70)));
}

/// DP-5: putting in holds nothing.
#[test]
fn putting_in_holds_nothing() {
    let steps =
        funded(vec![(LEFT, settle(1, &[(ASSET, -5, 0)]), Ok(())), (LEFT, settled_in(ASSET, 5, 1, -5, 0), Ok(()))]);
    check(&steps, |play| assert_eq!((play.held(LEFT), play.share(LEFT), play.share(RIGHT)), (0, 55, 30)));
}
