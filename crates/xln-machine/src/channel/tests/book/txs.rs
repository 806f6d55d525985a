//! Opening, terms, grants, payments, HTLCs, facts, closing.

use super::*;
use xln_types::evidence::HTLCS_A_SIDE_MAX;
use xln_types::tx::{CHANNEL_ASSETS_MAX, DISPUTE_WINDOW_S, MEMO_BYTES_MAX};

/// CH-11: the opening sets window and grants, once.
#[test]
fn an_opening_grants_and_happens_once() {
    let bounds = Rejection::WindowOutside { min_s: *DISPUTE_WINDOW_S.start(), max_s: *DISPUTE_WINDOW_S.end() };
    let window = |dispute_window_s| match open(&[(ASSET, 7), (OTHER, 8)]) {
        FrameTx::Open { peer, requested, grants, .. } => FrameTx::Open { peer, dispute_window_s, requested, grants },
        other => other,
    };
    let many: Vec<_> = (0..=CHANNEL_ASSETS_MAX).map(|n| (AssetId([u8::try_from(n).expect("small"); 32]), 1)).collect();
    let steps = vec![
        (LEFT, window(DISPUTE_WINDOW_S.start() - 1), Err(bounds.clone())),
        (LEFT, window(DISPUTE_WINDOW_S.end() + 1), Err(bounds)),
        (LEFT, open(&[(ASSET, u128::MAX)]), Err(Rejection::OutOfRange {})),
        (LEFT, open(&many), Err(Rejection::TooManyAssets { limit: CHANNEL_ASSETS_MAX as u64 })),
        (LEFT, window(*DISPUTE_WINDOW_S.end()), Ok(())),
        (LEFT, open(&[]), Err(Rejection::AlreadyExists {})),
        (RIGHT, open(&[]), Err(Rejection::AlreadyExists {})),
        (RIGHT, pay(7), Ok(())),
        (LEFT, pay(8), poor(7)),
    ];
    check_from(false, &steps, |play| {
        assert_eq!(play.book.listed(), 2);
        assert_eq!(play.line(OTHER).granted(play.side(LEFT)), Amount(8));
        assert_eq!(play.book.terms.dispute_window_s, *DISPUTE_WINDOW_S.end());
    });
}

/// CH-7: a window takes effect once both have asked for the same; a mailbox is its side's own (CH-16).
#[test]
fn a_window_needs_both() {
    let bounds = Rejection::WindowOutside { min_s: *DISPUTE_WINDOW_S.start(), max_s: *DISPUTE_WINDOW_S.end() };
    let check_window = |steps: Vec<Step>, window: u64, asked: u64| {
        check(&steps, |play| {
            let terms = &play.book.terms;
            assert_eq!((terms.dispute_window_s, terms.side(play.side(LEFT)).window_asked_s), (window, asked));
            assert_eq!(terms.side(play.side(LEFT)).mailbox.0, [1; 20]);
        });
    };
    let default = DISPUTE_WINDOW_S_DEFAULT;
    check_window(vec![(LEFT, update(60, 1), Ok(())), (LEFT, update(59, 2), Err(bounds))], default, 60);
    check_window(vec![(LEFT, update(60, 1), Ok(())), (RIGHT, update(61, 2), Ok(()))], default, 60);
    check_window(vec![(LEFT, update(60, 1), Ok(())), (RIGHT, update(60, 2), Ok(()))], 60, 0);
    let withdrawn = vec![(LEFT, update(60, 1), Ok(())), (LEFT, update(0, 1), Ok(())), (RIGHT, update(60, 2), Ok(()))];
    check_window(withdrawn, default, 0);
    check_window(vec![(LEFT, update(0, 1), Ok(())), (RIGHT, update(0, 2), Ok(()))], default, 0);
}

/// CH-1, CH-3: payments within share and credit; the grantor alone changes its grant.
#[test]
fn payments_keep_within_share_and_credit() {
    let memo =
        |bytes| FrameTx::Pay { asset: ASSET, amount: Amount(1), payment: TxHash::ZERO, memo: Blob(vec![0; bytes]) };
    let elsewhere = FrameTx::Pay { asset: OTHER, amount: Amount(1), payment: TxHash::ZERO, memo: Blob::default() };
    let steps = vec![
        (LEFT, pay(0), Err(Rejection::AmountNotPositive {})),
        (LEFT, pay(101), poor(100)),
        (LEFT, memo(MEMO_BYTES_MAX + 1), Err(Rejection::TooLarge { limit: MEMO_BYTES_MAX as u64 })),
        (LEFT, memo(MEMO_BYTES_MAX), Ok(())),
        (LEFT, elsewhere, Err(Rejection::UnknownAsset {})),
        (LEFT, pay(79), Ok(())),
        (LEFT, grant(0), Ok(())),
        (RIGHT, grant(10), Ok(())),
        (LEFT, pay(1), poor(0)),
        (RIGHT, pay(81), poor(80)),
        (RIGHT, pay(80), Ok(())),
        (LEFT, pay(11), poor(10)),
        (LEFT, grant(xln_types::AMOUNT_MAX + 1), Err(Rejection::OutOfRange {})),
    ];
    check(&steps, |play| assert_eq!((play.share(LEFT), play.line(ASSET).payments), (0, 3)));
}

/// CH-12: at most 128 assets count.
#[test]
fn listed_assets_are_bounded() {
    let list = |n: usize| FrameTx::List { asset: AssetId([u8::try_from(n).expect("small"); 32]) };
    let full = Err(Rejection::TooManyAssets { limit: CHANNEL_ASSETS_MAX as u64 });
    let mut steps: Vec<Step> = (100..100 + CHANNEL_ASSETS_MAX - 1).map(|n| (LEFT, list(n), Ok(()))).collect();
    let credit = FrameTx::Credit { asset: OTHER, granted: Amount(1) };
    steps.extend([(RIGHT, list(250), full.clone()), (LEFT, credit, full), (RIGHT, list(100), Ok(()))]);
    check(&steps, |play| assert_eq!(play.book.listed(), CHANNEL_ASSETS_MAX));
}

/// HT-1, HT-2: two equal HTLCs are two; a number may skip and is never used again.
#[test]
fn an_htlc_is_its_number() {
    let steps = vec![
        (LEFT, add(0, 5), Ok(())),
        (LEFT, add(0, 5), Err(Rejection::HtlcUsed { expected: 1 })),
        (LEFT, add(7, 5), Ok(())),
        (LEFT, add(3, 5), Err(Rejection::HtlcUsed { expected: 8 })),
        (RIGHT, add(0, 5), Ok(())),
        (RIGHT, fulfill(0), Ok(())),
        (RIGHT, fulfill(0), Err(Rejection::UnknownHtlc {})),
        (LEFT, add(0, 5), Err(Rejection::HtlcUsed { expected: 8 })),
        (RIGHT, cancel(LEFT, 0), Err(Rejection::UnknownHtlc {})),
        (RIGHT, cancel(LEFT, 7), Ok(())),
        (LEFT, add(7, 5), Err(Rejection::HtlcUsed { expected: 8 })),
        (LEFT, add(u64::MAX, 5), Err(Rejection::OutOfRange {})),
        (LEFT, add(u64::MAX - 1, 5), Ok(())),
        (LEFT, add(u64::MAX - 1, 5), Err(Rejection::HtlcUsed { expected: u64::MAX })),
    ];
    check(&steps, |play| {
        let names: Vec<_> = play.book.htlcs.keys().map(|key| (play.side(key.side), key.id)).collect();
        let mut expected = vec![(RIGHT, 0), (LEFT, u64::MAX - 1)];
        expected.sort_by_key(|(side, _)| play.side(*side));
        assert_eq!(names, expected);
        assert_eq!((play.share(LEFT), play.held(LEFT), play.held(RIGHT)), (-5, 5, 5));
    });
}

/// HT-1, HT-2: what is locked can't be paid; a claim moves it, a lowered grant or not; what is given back is free again.
#[test]
fn an_htlc_holds_moves_or_frees() {
    let wrong = FrameTx::HtlcFulfill { id: 0, preimage: Hash::ZERO };
    let steps = vec![
        (LEFT, add(0, 0), Err(Rejection::AmountNotPositive {})),
        (LEFT, add(0, 101), poor(100)),
        (LEFT, add(0, 60), Ok(())),
        (LEFT, add(1, 40), Ok(())),
        (LEFT, pay(1), poor(0)),
        (RIGHT, grant(0), Ok(())),
        (RIGHT, wrong, Err(Rejection::WrongPreimage {})),
        (LEFT, fulfill(0), Err(Rejection::UnknownHtlc {})),
        (RIGHT, fulfill(0), Ok(())),
        (RIGHT, cancel(LEFT, 1), Ok(())),
        (LEFT, pay(1), poor(0)),
    ];
    check(&steps, |play| assert_eq!((play.share(LEFT), play.held(LEFT)), (-60, 0)));
}

/// HT-6: at most 64 pending a side; the onion is bounded.
#[test]
fn pending_htlcs_are_bounded() {
    let onion = |bytes| FrameTx::HtlcAdd { id: 64, htlc: Htlc { onion: Blob(vec![0; bytes]), ..htlc(1) } };
    let limit = xln_types::htlc::ONION_BYTES_MAX;
    let mut steps: Vec<Step> = (0..HTLCS_A_SIDE_MAX as u64).map(|id| (LEFT, add(id, 1), Ok(()))).collect();
    steps.extend([
        (LEFT, add(64, 1), Err(Rejection::TooManyHtlcs { limit: HTLCS_A_SIDE_MAX as u64 })),
        (RIGHT, add(0, 1), Ok(())),
        (RIGHT, fulfill(5), Ok(())),
        (LEFT, onion(limit + 1), Err(Rejection::TooLarge { limit: limit as u64 })),
        (LEFT, onion(limit), Ok(())),
    ]);
    check(&steps, |play| assert_eq!(play.book.pending(play.side(LEFT)), HTLCS_A_SIDE_MAX));
}

/// CH-12: facts enter in the chain's order, each once, and for listed assets alone.
#[test]
fn facts_enter_in_order_and_once() {
    let at =
        |block, log_index| fact_in(ASSET, block, log_index, CollateralChange::Added { side: LEFT, amount: Amount(1) });
    let unlisted = fact_in(OTHER, 9, 0, CollateralChange::Added { side: LEFT, amount: Amount(1) });
    let stale = || Err(Rejection::StaleFact {});
    let steps = vec![
        (RIGHT, at(5, 3), Ok(())),
        (LEFT, at(5, 3), stale()),
        (LEFT, at(5, 2), stale()),
        (LEFT, at(4, 9), stale()),
        (LEFT, at(5, 4), Ok(())),
        (LEFT, unlisted, Err(Rejection::UnknownAsset {})),
        (LEFT, at(6, 0), Ok(())),
        (LEFT, added(7, RIGHT, 10), Ok(())),
        (LEFT, added(8, RIGHT, xln_types::AMOUNT_MAX), Err(Rejection::OutOfRange {})),
    ];
    check(&steps, |play| assert_eq!((play.share(LEFT), play.share(RIGHT)), (3, 10)));
}

/// DP-5, CH-11: a close needs both, the same, over a book without HTLC; then nothing new is paid or locked.
#[test]
fn a_close_needs_both_and_nothing_pending() {
    let close = |valid_until_s| FrameTx::Close { valid_until_s };
    let closing = || Err(Rejection::ChannelNotOpen { status: 2 });
    let asked = vec![
        (LEFT, add(0, 5), Ok(())),
        (LEFT, close(9), Err(Rejection::NotEmpty {})),
        (RIGHT, cancel(LEFT, 0), Ok(())),
        (LEFT, close(9), Ok(())),
        (RIGHT, close(8), Ok(())),
        (RIGHT, pay(5), Ok(())),
        (RIGHT, add(0, 5), Ok(())),
        (RIGHT, close(9), Err(Rejection::NotEmpty {})),
        (LEFT, fulfill(0), Ok(())),
    ];
    check(&asked, |play| assert_eq!(play.book.terms.closing, 0));
    let withdrawn = vec![(LEFT, close(0), Ok(())), (RIGHT, close(9), Ok(()))];
    check(&[asked.clone(), withdrawn].concat(), |play| assert_eq!(play.book.terms.closing, 0));
    let both = vec![
        (RIGHT, close(9), Ok(())),
        (RIGHT, pay(1), closing()),
        (LEFT, add(1, 1), closing()),
        (LEFT, close(9), closing()),
        (LEFT, settle(1, &[(ASSET, 1, 0)]), Err(Rejection::SettlementPending {})),
        (LEFT, added(3, LEFT, 5), Ok(())),
        (LEFT, grant(3), Ok(())),
    ];
    check(&[asked, both].concat(), |play| assert_eq!((play.book.terms.closing, play.share(LEFT)), (1, 15)));
}

/// CH-15: RESUME changes nothing but the nonce.
#[test]
fn resuming_changes_no_book() {
    for mirrored in [false, true] {
        let mut play = Play { book: Book::default(), mirrored };
        play.step((LEFT, open(&[(ASSET, 1)]), Ok(())));
        let before = play.book.clone();
        play.step((RIGHT, FrameTx::Resume { nonce: 1 << 32 }, Ok(())));
        assert_eq!(play.book, before);
    }
}
