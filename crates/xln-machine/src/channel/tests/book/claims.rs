//! **HT-2**, **N-1**: a claim of what is locked is never refused, whatever came between.

use super::*;
use proptest::prelude::*;
use xln_types::AMOUNT_MAX;

/// What may come between a lock and its claim.
#[derive(Clone, Debug)]
enum Act {
    Pay(Side, u128),
    Lock(Side, u128),
    Hold(Side, u128),
    Release(Side),
    Claim(usize),
    Cancel(usize),
    Grant(Side, u128),
    Add(Side, u128),
    TakeOut(Side, u128),
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(LEFT), Just(RIGHT)]
}

/// Small, anything, or near the largest.
fn amount() -> impl Strategy<Value = u128> {
    prop_oneof![0..5_u128, 0..=AMOUNT_MAX, (0..5_u128).prop_map(|less| AMOUNT_MAX - less), Just(AMOUNT_MAX / 2)]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (side(), amount()).prop_map(|(side, amount)| Act::Pay(side, amount)),
        4 => (side(), amount()).prop_map(|(side, amount)| Act::Lock(side, amount)),
        1 => (side(), amount()).prop_map(|(side, amount)| Act::Hold(side, amount)),
        1 => side().prop_map(Act::Release),
        2 => (0..8_usize).prop_map(Act::Claim),
        1 => (0..8_usize).prop_map(Act::Cancel),
        3 => (side(), amount()).prop_map(|(side, amount)| Act::Grant(side, amount)),
        2 => (side(), amount()).prop_map(|(side, amount)| Act::Add(side, amount)),
        1 => (side(), amount()).prop_map(|(side, amount)| Act::TakeOut(side, amount)),
    ]
}

/// A line, what HTLCs lock in it, what settlements hold.
#[derive(Clone, Debug)]
struct Locked {
    line: Line,
    locks: Vec<(Side, Amount)>,
    holds: [Amount; 2],
}

impl Locked {
    /// Does it if the line lets it.
    fn act(&mut self, act: &Act) {
        let line = self.line;
        let result = match act {
            Act::Pay(side, amount) => line.pay(*side, Amount(*amount)),
            Act::Grant(side, amount) => line.grant(*side, Amount(*amount)),
            Act::Add(side, amount) => line.collateral_added(*side, Amount(*amount)),
            Act::TakeOut(side, amount) => {
                let gain = Balance(amount.cast_signed());
                line.settled(side.pick(gain, Balance::ZERO), side.pick(Balance::ZERO, gain))
            }
            Act::Lock(side, amount) => {
                line.lock(*side, Amount(*amount)).inspect(|_| self.locks.push((*side, Amount(*amount))))
            }
            Act::Hold(side, amount) => line.hold(*side, Amount(*amount)).inspect(|_| {
                let held = &mut self.holds[side.pick(0, 1)];
                *held = held.plus(Amount(*amount)).expect("the line has it in range");
            }),
            Act::Release(side) => line.release(*side, std::mem::take(&mut self.holds[side.pick(0, 1)])),
            Act::Claim(index) if *index < self.locks.len() => {
                let (side, amount) = self.locks.remove(*index);
                Ok(line.claim(side, amount).expect("HT-2: never refused"))
            }
            Act::Cancel(index) if *index < self.locks.len() => {
                let (side, amount) = self.locks.remove(*index);
                Ok(line.release(side, amount).expect("HT-2: never refused"))
            }
            Act::Claim(_) | Act::Cancel(_) => return,
        };
        if let Ok(line) = result {
            self.line = line;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// HT-2: whatever payments, grants, collateral and settlements came between, in whatever order what is locked is claimed, each
    /// claim stands, moves its amount alone and stays in range (N-1).
    #[test]
    fn a_claim_of_what_is_locked_is_never_refused(
        acts in prop::collection::vec(act(), 0..60),
        order in prop::collection::vec(any::<prop::sample::Index>(), 60),
    ) {
        let mut locked = Locked { line: Line::listed(), locks: Vec::new(), holds: [Amount::ZERO; 2] };
        for act in &acts {
            locked.act(act);
            for side in [LEFT, RIGHT] {
                let sum: u128 = locked.locks.iter().filter(|(by, _)| *by == side).map(|(_, amount)| amount.0).sum();
                prop_assert_eq!(locked.line.held(side).0, sum + locked.holds[side.pick(0, 1)].0);
            }
        }
        for index in order.iter().take(locked.locks.len()) {
            let (side, amount) = locked.locks.remove(index.index(locked.locks.len()));
            let before = locked.line;
            let after = before.claim(side, amount);
            prop_assert!(after.is_ok(), "{side} {amount:?} {before:?}: {after:?}");
            locked.line = after.expect("just looked at");
            prop_assert!(locked.line.offdelta.in_range());
            let moved = locked.line.offdelta.0 - before.offdelta.0;
            prop_assert_eq!(moved, side.pick(-1, 1) * amount.0.cast_signed());
        }
    }
}

/// N-1: a lock or a payment that would leave no room for a claim is refused, and the last that fits is taken.
#[test]
fn locks_keep_within_the_range() {
    let max = Amount(AMOUNT_MAX);
    let rich = Line { granted_by_left: max, granted_by_right: max, ..Line::listed() };
    let out = Err(Rejection::OutOfRange {});
    for (side, offdelta) in [(LEFT, -(1_i128 << 120)), (RIGHT, 1 << 120)] {
        // Left's share is as far from its offdelta as collateral may put it.
        let line = Line { offdelta: Balance(offdelta + side.pick(5, -5)), ondelta: Balance(-offdelta), ..rich };
        assert_eq!(line.lock(side, Amount(6)), out, "{side}: past the offdelta's end once claimed");
        let locked = line.lock(side, Amount(5)).expect("just in range");
        assert_eq!(locked.lock(side, Amount(1)), out);
        assert_eq!(locked.pay(side, Amount(1)), out, "{side}: the claim needs the room");
        assert_eq!(locked.claim(side, Amount(5)).map(|line| line.offdelta), Ok(Balance(offdelta)));
        assert_eq!(locked.claim(side, Amount(6)), out, "more than is locked");
        assert!(locked.claim(side.other(), Amount(1)).is_err(), "nor what the other has locked");
    }
    let held = Line { held_left: Amount(AMOUNT_MAX - 1), collateral: max, ondelta: Balance(1 << 120), ..rich };
    assert!(held.lock(LEFT, Amount(1)).is_ok());
    assert_eq!(held.lock(LEFT, Amount(2)), out, "N-1: holds");
}
