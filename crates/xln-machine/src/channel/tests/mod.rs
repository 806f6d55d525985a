mod book;
mod replicas;
mod script;
mod walk;

use super::state::Head;
use super::{Action, Channel, ChannelStatus, Line, Message};
use crate::machine::Machine;
use script::{ASSET, AT, check, check_pending, open, pending};
use xln_types::tx::CHANNEL_ASSETS_MAX;
use xln_types::{AMOUNT_MAX, Amount, AssetId, Balance, Path, Rejection, Side};

fn tell(channel: &mut Channel, by: Side, action: Action) -> Result<(), Rejection> {
    channel.apply_block(AT, &[Message { by, action }])
}

/// CH-4: receiving needs no capital.
#[test]
fn credit_lets_the_receiver_in_before_any_collateral() {
    check(
        "
        grant left  500
        collateral 0
        out   right 500
        in    left  500
        pay   right 500 ok             // left holds a claim of 500; nobody locked a coin
        share left  500
        share right -500
        owed  right 500
        pay   right 1   InsufficientFunds { available: 0, leg: 0 }
        pay   left  500 ok             // the debt nets away
        share left  0
        pay   left  1   InsufficientFunds { available: 0, leg: 0 }
        ",
    );
}

/// CH-1: what a side can pay is its share and the credit granted to it, less its holds, and never below zero.
#[test]
fn out_is_share_plus_credit_less_holds() {
    check(
        "
        add   left  100
        out   left  100
        out   right 0
        in    right 100
        grant right 50                // right trusts left with 50
        out   left  150
        pay   left  151 InsufficientFunds { available: 150, leg: 0 }
        pay   left  0   AmountNotPositive
        hold  left  30
        out   left  120
        removable left 70
        pay   left  121 InsufficientFunds { available: 120, leg: 0 }
        pay   left  120 ok
        share left  -20
        owed  left  20
        out   left  0
        share right 120
        removable right 100           // more than C can't leave
        ",
    );
}

/// CH-2: left pays, `offdelta` falls; right pays, it rises; `ondelta` and C stay.
#[test]
fn payments_move_offdelta_alone() {
    let line = Line { collateral: Amount(100), ondelta: Balance(40), listed: 1, ..Line::default() };
    let paid = line.pay(Side::Left, Amount(30)).expect("left owns 40");
    assert_eq!(paid, Line { offdelta: Balance(-30), payments: 1, volume: Amount(30), ..line });
    let back = paid.pay(Side::Right, Amount(70)).expect("right owns 90");
    assert_eq!(back, Line { offdelta: Balance(40), payments: 2, volume: Amount(100), ..line });
}

/// CH-3: only the grantor changes its grant. Lowered below what is drawn it erases no debt, stops new borrowing, and the creditor
/// can still spend its claim.
#[test]
fn lowering_a_grant_erases_no_debt() {
    check(
        "
        grant left  100
        pay   right 80
        grant left  10                // below the 80 that are drawn
        granted left 10
        granted right 0
        owed  right 80
        share left  80
        out   right 0
        pay   right 1   InsufficientFunds { available: 0, leg: 0 }
        out   left  80
        pay   left  80 ok
        share left  0
        out   right 10
        ",
    );
}

/// CH-11: pending opens with consent and all of its collateral, in either order; nothing is paid before.
#[test]
fn a_channel_opens_with_consent_and_collateral() {
    check_pending(
        "
        status pending
        grant left 10
        pay    right 1  ChannelNotOpen { status: 0 }
        hold   left 1   ChannelNotOpen { status: 0 }
        accept left     NotYoursToAccept      // the opener
        accept right
        accept right    NotYoursToAccept      // twice
        status pending
        arrived
        status pending
        arrived
        status open
        pay    right 1
        ",
        2,
    );
    check_pending("arrived \n status pending \n accept right \n status open \n arrived \n status open", 1);
    check_pending("accept right \n status open", 0);
}

/// CH-11: payments and holds need `open`; what is on its way (grants, releases, chain facts) is still taken.
#[test]
fn only_an_open_channel_pays() {
    for number in 0..=5 {
        let status = ChannelStatus::from_number(number);
        assert_eq!(status.map(ChannelStatus::number), (number < 5).then_some(number));
        let Some(status) = status else { continue };
        let mut channel = open();
        channel.set_line(ASSET, Line { collateral: Amount(9), held_right: Amount(4), ..Line::listed() });
        (channel.head.status, channel.head.accepted) = (status, 0);
        let refused = Rejection::ChannelNotOpen { status: number };
        let expected = if status == ChannelStatus::Open { Ok(()) } else { Err(refused) };
        assert_eq!(tell(&mut channel, Side::Right, Action::Pay { asset: ASSET, amount: Amount(1) }), expected);
        assert_eq!(tell(&mut channel, Side::Right, Action::Hold { asset: ASSET, amount: Amount(1) }), expected);
        assert_eq!(tell(&mut channel, Side::Right, Action::Release { asset: ASSET, amount: Amount(4) }), Ok(()));
        assert_eq!(tell(&mut channel, Side::Left, Action::CollateralAdded { asset: ASSET, amount: Amount(4) }), Ok(()));
        assert_eq!(tell(&mut channel, Side::Left, Action::Grant { asset: ASSET, granted: Amount(4) }), Ok(()));
        assert_eq!(tell(&mut channel, Side::Left, Action::Arrived), Ok(()));
        assert_eq!(channel.head.status, status, "nothing but consent opens");
    }
    let names: Vec<_> = (0..5).filter_map(ChannelStatus::from_number).map(ChannelStatus::name).collect();
    assert_eq!(names, ["pending", "open", "closing", "disputed", "closed"]);
}

/// DP-5: a settlement leaves each side's reserve and claim together as they were, whenever it lands; what goes out is held.
#[test]
fn settling_moves_share_into_reserve() {
    check(
        "
        add     left 100
        add     right 50
        hold    left 60
        held    left 60
        out     left 40
        pay     left 41  InsufficientFunds { available: 40, leg: 0 }
        pay     left 40
        hold    left 1   InsufficientShare { available: 0 }
        hold    left 0   AmountNotPositive
        release left 61  OutOfRange
        release left 60
        settle  60 0
        collateral 90
        share   left 0                 // 60 in the reserve, 40 paid
        share   right 90
        settle  0 91     OutOfRange
        settle  -10 100  ok            // right takes 100, left puts 10 in
        share   left 10
        share   right -10
        collateral 0
        ",
    );
}

/// DP-5: each settlement that is begun has the next counter; N-1 bounds it.
#[test]
fn settlements_are_counted() {
    let mut channel = open();
    assert_eq!(tell(&mut channel, Side::Left, Action::CollateralAdded { asset: ASSET, amount: Amount(9) }), Ok(()));
    for expected in 1..=3 {
        assert_eq!(tell(&mut channel, Side::Left, Action::Hold { asset: ASSET, amount: Amount(1) }), Ok(()));
        assert_eq!(channel.head.settle_counter, expected);
    }
    channel.head.settle_counter = u64::MAX;
    let last = tell(&mut channel, Side::Left, Action::Hold { asset: ASSET, amount: Amount(1) });
    assert_eq!(last, Err(Rejection::OutOfRange {}));
}

/// CH-12: 128 assets count and no more; collateral of one that isn't listed waits, and listing it makes it count.
#[test]
fn unlisted_collateral_waits_and_listed_assets_are_bounded() {
    let asset = |number: usize| AssetId([u8::try_from(number).expect("small"); 32]);
    let mut channel = open();
    channel.book.lines.clear();
    for number in (0..CHANNEL_ASSETS_MAX).rev() {
        assert_eq!(tell(&mut channel, Side::Left, Action::List { asset: asset(number) }), Ok(()));
    }
    assert_eq!(channel.listed(), CHANNEL_ASSETS_MAX);
    assert!(channel.book.lines.is_sorted_by_key(|(asset, _)| *asset), "lines ascend whatever order they came in");
    let late = asset(200);
    let full = Rejection::TooManyAssets { limit: CHANNEL_ASSETS_MAX as u64 };
    assert_eq!(tell(&mut channel, Side::Left, Action::List { asset: late }), Err(full));
    assert_eq!(tell(&mut channel, Side::Left, Action::List { asset: asset(5) }), Ok(()), "listed already");

    let added = Action::CollateralAdded { asset: late, amount: Amount(40) };
    assert_eq!(tell(&mut channel, Side::Left, added), Ok(()));
    assert_eq!(channel.line(late).map(|line| (line.collateral, line.listed)), Some((Amount(40), 0)));
    for action in [
        Action::Pay { asset: late, amount: Amount(1) },
        Action::Hold { asset: late, amount: Amount(1) },
        Action::Grant { asset: late, granted: Amount(1) },
        Action::Release { asset: late, amount: Amount(0) },
    ] {
        assert_eq!(tell(&mut channel, Side::Left, action), Err(Rejection::UnknownAsset {}), "{action:?}");
    }
    channel.book.lines.retain(|(id, _)| *id != asset(0));
    assert_eq!(tell(&mut channel, Side::Right, Action::List { asset: late }), Ok(()));
    assert_eq!(tell(&mut channel, Side::Left, Action::Pay { asset: late, amount: Amount(40) }), Ok(()));
    let settled = Action::Settled { asset: asset(201), left: Balance::ZERO, right: Balance::ZERO };
    assert_eq!(tell(&mut channel, Side::Left, settled), Ok(()), "an asset never seen settles nothing");
}

/// N-1: C, grants, holds and both deltas stay within 2¹²⁰; what would pass it is refused and changes nothing.
#[test]
fn nothing_passes_the_largest_amount() {
    let max = Amount(AMOUNT_MAX);
    let past = Amount(AMOUNT_MAX + 1);
    let out = Err(Rejection::OutOfRange {});
    let empty = Line::listed();
    assert_eq!(empty.grant(Side::Left, past), out);
    assert_eq!(empty.grant(Side::Right, max).map(|line| line.granted_by_right), Ok(max));
    let full = empty.collateral_added(Side::Left, max).expect("2¹²⁰ fits");
    assert_eq!(full.collateral_added(Side::Right, Amount(1)), out, "C");
    assert_eq!(full.collateral_added(Side::Left, Amount(1)), out, "C and ondelta");
    let owned = Line { ondelta: Balance(1 << 120), ..empty };
    assert_eq!(owned.collateral_added(Side::Left, Amount(1)), out, "ondelta alone");
    assert_eq!(full.settled(Balance(i128::MAX), Balance(1)), out, "the sum of both gains");
    assert_eq!(full.settled(Balance(-1), Balance::ZERO), out, "putting in past 2¹²⁰");
    let low = Line { ondelta: Balance(-(1 << 120)), collateral: Amount(5), ..empty };
    assert_eq!(low.settled(Balance(1), Balance::ZERO), out, "ondelta's lower end");
    let granted = full.grant(Side::Right, max).and_then(|line| line.grant(Side::Left, max)).expect("in range");
    let drawn = granted.pay(Side::Left, max).expect("share");
    assert_eq!(drawn.out(Side::Left), max);
    assert_eq!(drawn.pay(Side::Left, Amount(1)), out, "offdelta's lower end");
    let back = drawn.pay(Side::Right, max).and_then(|line| line.pay(Side::Right, max)).expect("share and credit");
    assert_eq!(back.pay(Side::Right, Amount(1)), Err(Rejection::InsufficientFunds { available: Amount(0), leg: 0 }));
    let high = Line { offdelta: Balance(1 << 120), granted_by_left: max, ondelta: Balance(-7), ..empty };
    assert_eq!(high.pay(Side::Right, Amount(1)), out, "offdelta's upper end");
    assert_eq!(full.hold(Side::Left, past), Err(Rejection::InsufficientShare { available: max }));
    let held = full.hold(Side::Left, max).expect("all of it");
    assert_eq!(held.hold(Side::Left, Amount(1)), Err(Rejection::InsufficientShare { available: Amount(0) }));
    assert_eq!(
        Line { volume: Amount(u128::MAX), ..full }.pay(Side::Left, Amount(1)).map(|l| l.volume.0),
        Ok(u128::MAX)
    );
}

/// CH-5: a channel knows its sides, and its record below its left entity (ST-3); N-3: its head has one encoding.
#[test]
fn a_channel_knows_its_sides_and_its_place() {
    let channel = pending(Side::Right, 3);
    let head = channel.head;
    assert_eq!([head.left, head.right].map(|entity| channel.side_of(entity)), [Some(Side::Left), Some(Side::Right)]);
    assert_eq!(channel.side_of(xln_types::EntityId([8; 32])), None);
    assert_eq!((head.entity(Side::Left), head.entity(Side::Right)), (head.left, head.right));
    assert_eq!(channel.id().0, head.id.0);
    let line = Path::line(channel.signer, head.left, head.id, ASSET);
    assert!(line.0.starts_with(&channel.prefix()));
    assert!(Path::channel(channel.signer, head.left, head.id).0.starts_with(&channel.prefix()));
    assert!(!Path::channel(channel.signer, head.left, xln_types::ChannelId([1; 32])).0.starts_with(&channel.prefix()));
    let mut bytes = alloy_rlp::encode(head);
    assert_eq!(xln_types::codec::decode::<Head>(&bytes), Ok(head));
    let status = 1 + 1 + 33 * 3 + 1;
    assert_eq!(bytes[status], 0x80);
    bytes[status] = 5;
    assert!(xln_types::codec::decode::<Head>(&bytes).is_err(), "no status has the number 5");
}

/// CH-6: a block of messages replays to the same channel, and the first that doesn't stand is the answer.
#[test]
fn a_block_of_messages_replays() {
    let message = |by, action| Message { by, action };
    let mut channel = open();
    let block = channel.create_block(
        AT,
        vec![
            message(Side::Left, Action::Grant { asset: ASSET, granted: Amount(5) }),
            message(Side::Right, Action::Pay { asset: ASSET, amount: Amount(6) }),
            message(Side::Right, Action::Pay { asset: ASSET, amount: Amount(5) }),
        ],
    );
    let refused: Vec<_> = block.refused.iter().map(|(_, why)| why.clone()).collect();
    assert_eq!(refused, [Rejection::InsufficientFunds { available: Amount(5), leg: 0 }]);
    let mut replica = open();
    assert_eq!(replica.apply_block(AT, &block.messages), Ok(()));
    assert_eq!(replica, channel);
    let again = replica.apply_block(AT, &block.messages);
    assert_eq!(again, Err(Rejection::InsufficientFunds { available: Amount(0), leg: 0 }));
}
