//! Random walks of a line against a model that shares nothing with it: two shares and a total, no Δ.

use crate::channel::Line;
use crate::dice::Dice;
use xln_types::{Amount, Balance, Rejection, Side};

/// Walks that are tried.
const SEEDS: u64 = 64;
/// Steps of each.
const STEPS: u64 = 400;

/// What each side owns (or owes, below 0), grants and has locked; `[left, right]`.
#[derive(Clone, Debug, Default)]
struct Model {
    collateral: i128,
    share: [i128; 2],
    granted: [i128; 2],
    held: [i128; 2],
}

impl Model {
    fn can_pay(&self, side: usize) -> i128 {
        (self.share[side] + self.granted[1 - side] - self.held[side]).max(0)
    }

    fn can_take_out(&self, side: usize) -> i128 {
        (self.share[side].max(0) - self.held[side]).clamp(0, self.collateral)
    }

    /// Plays one act on model and line: both must agree on whether it stands, and on the number that explains a refusal.
    fn act(&mut self, line: Line, dice: &mut Dice) -> Line {
        let index = usize::from(dice.once_in(2));
        let side = if index == 0 { Side::Left } else { Side::Right };
        let number = i128::from(dice.below(60));
        let amount = Amount(number.cast_unsigned());
        let before = self.clone();
        let result = match dice.below(6) {
            0 | 1 => {
                self.share[index] -= number;
                self.share[1 - index] += number;
                let available = before.can_pay(index);
                compare(line.pay(side, amount), number, available, |available| Rejection::InsufficientFunds {
                    available,
                    leg: 0,
                })
            }
            2 => {
                self.granted[index] = number;
                line.grant(side, amount)
            }
            3 => {
                self.share[index] += number;
                self.collateral += number;
                line.collateral_added(side, amount)
            }
            4 => {
                self.held[index] += number;
                let available = before.can_take_out(index);
                let refusal = |available| Rejection::InsufficientShare { available };
                compare(line.hold(side, amount), number, available, refusal)
            }
            _ => self.settle(line, side, index, number),
        };
        result.unwrap_or_else(|_| {
            *self = before;
            line
        })
    }

    /// What was locked leaves for the reserve, if so much is locked.
    fn settle(&mut self, line: Line, side: Side, index: usize, number: i128) -> Result<Line, Rejection> {
        let gains = [Balance(side.pick(number, 0)), Balance(side.pick(0, number))];
        let released = line.release(side, Amount(number.cast_unsigned()));
        assert_eq!(released.is_ok(), number <= self.held[index], "only what is locked is released");
        let fits = number <= self.collateral;
        let settled = released?.settled(gains[0], gains[1]);
        assert_eq!(settled.is_ok(), fits, "only collateral can be settled");
        self.held[index] -= number;
        self.share[index] -= number;
        self.collateral -= number;
        settled
    }

    fn agree(&self, line: &Line, context: &str) {
        for (index, side) in [Side::Left, Side::Right].into_iter().enumerate() {
            assert_eq!(line.share(side).0, self.share[index], "{context}");
            assert_eq!(line.out(side).0.cast_signed(), self.can_pay(index), "{context}");
            assert_eq!(line.incoming(side).0.cast_signed(), self.can_pay(1 - index), "{context}");
            assert_eq!(line.owed(side).0.cast_signed(), (-self.share[index]).max(0), "{context}");
            assert_eq!(line.removable(side).0.cast_signed(), self.can_take_out(index), "{context}");
        }
        let [left, right] = self.granted.map(i128::cast_unsigned);
        assert_eq!((line.granted_by_left.0, line.granted_by_right.0), (left, right), "{context}");
        assert_eq!(line.capacity().0.cast_signed(), self.collateral + self.granted[0] + self.granted[1], "{context}");
        assert_eq!(line.share(Side::Left).0 + line.share(Side::Right).0, self.collateral, "CH-13: {context}");
    }
}

/// The line's answer to an act of `number` where `available` is the most: right in both, and by the number it names.
fn compare(
    answer: Result<Line, Rejection>,
    number: i128,
    available: i128,
    refusal: impl Fn(Amount) -> Rejection,
) -> Result<Line, Rejection> {
    let expected = if number == 0 {
        Err(Rejection::AmountNotPositive {})
    } else if available < number {
        Err(refusal(Amount(available.cast_unsigned())))
    } else {
        Ok(())
    };
    assert_eq!(answer.clone().map(|_| ()), expected);
    answer
}

/// CH-1, CH-2, CH-13: whatever is played, a line says what a ledger of two shares says, and the shares sum to C.
#[test]
fn a_line_agrees_with_a_ledger_of_two_shares() {
    for seed in 0..SEEDS {
        let (mut dice, mut model, mut line) = (Dice::new(seed), Model::default(), Line::listed());
        for step in 0..STEPS {
            line = model.act(line, &mut dice);
            model.agree(&line, &format!("seed={seed} step={step}"));
        }
        assert!(0 < line.payments && 0 < line.volume.0, "seed={seed}: the walk paid something");
    }
}
