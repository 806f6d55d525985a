//! CH-1: what each side of a line can pay.

use crate::document;
use serde_json::{Value, json};
use xln_machine::channel::Line;
use xln_types::{AMOUNT_MAX, Amount, Balance, Side};

const MAX: u128 = AMOUNT_MAX;
const MAX_SIGNED: i128 = 1 << 120;

/// collateral, ondelta, offdelta, granted by left, by right, held by left, by right.
const LINES: [(u128, i128, i128, u128, u128, u128, u128); 24] = [
    (0, 0, 0, 0, 0, 0, 0),
    (100, 100, 0, 0, 0, 0, 0),
    (100, 0, 0, 0, 0, 0, 0),
    (100, 60, -60, 0, 0, 0, 0),
    (100, 60, 40, 0, 0, 0, 0),
    (100, 60, 41, 0, 0, 0, 0),
    (100, 60, -61, 0, 0, 0, 0),
    (0, 0, 0, 500, 0, 0, 0),
    (0, 0, 0, 0, 500, 0, 0),
    (0, 0, 500, 500, 0, 0, 0),
    (0, 0, -500, 0, 500, 0, 0),
    (0, 0, -300, 0, 500, 0, 0),
    (0, 0, -300, 0, 200, 0, 0),
    (0, 0, 300, 200, 0, 0, 0),
    (100, 50, 0, 10, 20, 0, 0),
    (100, 50, 0, 10, 20, 70, 60),
    (100, 50, 0, 10, 20, 71, 61),
    (100, 50, 0, 10, 20, 69, 59),
    (100, -50, 25, 0, 0, 0, 0),
    (MAX, MAX_SIGNED, 0, 0, 0, 0, 0),
    (MAX, MAX_SIGNED, MAX_SIGNED, MAX, MAX, 0, 0),
    (MAX, -MAX_SIGNED, -MAX_SIGNED, MAX, MAX, 0, 0),
    (0, 0, -MAX_SIGNED, 0, MAX, 0, MAX),
    (MAX, 0, 0, MAX, MAX, MAX, MAX),
];

/// `capacity.json`.
pub(crate) fn file() -> Value {
    let about = "CH-1: out and in of both sides of a line, in base units";
    document(about, LINES.iter().map(case).collect(), vec![])
}

fn case(line: &(u128, i128, i128, u128, u128, u128, u128)) -> Value {
    let (collateral, ondelta, offdelta, granted_by_left, granted_by_right, held_left, held_right) = *line;
    let line = Line {
        collateral: Amount(collateral),
        ondelta: Balance(ondelta),
        offdelta: Balance(offdelta),
        granted_by_left: Amount(granted_by_left),
        granted_by_right: Amount(granted_by_right),
        held_left: Amount(held_left),
        held_right: Amount(held_right),
        ..Line::listed()
    };
    let text = |amount: Amount| amount.to_string();
    json!({
        "collateral": text(line.collateral),
        "ondelta": line.ondelta.to_string(),
        "offdelta": line.offdelta.to_string(),
        "grantedByLeft": text(line.granted_by_left),
        "grantedByRight": text(line.granted_by_right),
        "heldLeft": text(line.held_left),
        "heldRight": text(line.held_right),
        "outLeft": text(line.out(Side::Left)),
        "outRight": text(line.out(Side::Right)),
        "inLeft": text(line.incoming(Side::Left)),
        "inRight": text(line.incoming(Side::Right)),
    })
}
