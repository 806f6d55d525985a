//! A measured figure, beside its floor and its target.

use crate::show;
use serde_json::{Value, json};

/// Which way is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    Higher,
    Lower,
}

/// A measured figure.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) suite: &'static str,
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// The same work with nothing of ours in it, in the same run.
    pub(crate) floor: Option<f64>,
    pub(crate) better: Better,
    pub(crate) target: f64,
    pub(crate) ok: bool,
}

impl Row {
    /// A figure that should be at most `target`.
    pub(crate) fn at_most(name: impl Into<String>, value: f64, unit: &'static str, target: f64) -> Row {
        let better = Better::Lower;
        Row { suite: "ws", name: name.into(), value, unit, floor: None, better, target, ok: value <= target }
    }

    /// A figure that should be at least `target`.
    pub(crate) fn at_least(name: impl Into<String>, value: f64, unit: &'static str, target: f64) -> Row {
        let better = Better::Higher;
        Row { suite: "ws", name: name.into(), value, unit, floor: None, better, target, ok: target <= value }
    }

    /// Belongs to another suite.
    pub(crate) fn of(self, suite: &'static str) -> Row {
        Row { suite, ..self }
    }

    /// Must also be at least this part of its floor.
    pub(crate) fn at_least_of_floor(self, part: f64) -> Row {
        let enough = self.ratio().is_none_or(|ratio| part <= ratio);
        Row { ok: self.ok && enough, ..self }
    }

    /// Puts the floor beside it.
    pub(crate) fn beside(self, floor: f64) -> Row {
        Row { floor: Some(floor), ..self }
    }

    fn ratio(&self) -> Option<f64> {
        self.floor.filter(|floor| *floor != 0.0).map(|floor| self.value / floor)
    }

    /// As API.md has it.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "suite": self.suite, "name": self.name, "value": self.value, "unit": self.unit, "floor": self.floor,
            "ratio": self.ratio(), "better": if self.better == Better::Higher { "higher" } else { "lower" },
            "target": self.target, "ok": self.ok,
        })
    }
}

/// The rows for people.
pub(crate) fn table(rows: &[Row]) -> String {
    let cells = |row: &Row| {
        let sign = if row.better == Better::Higher { "≥" } else { "≤" };
        vec![
            if row.ok { "ok" } else { "MISSED" }.to_owned(),
            row.name.clone(),
            number(row.value),
            row.unit.to_owned(),
            row.floor.map_or_else(|| "-".to_owned(), number),
            row.ratio().map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")),
            format!("{sign} {}", number(row.target)),
        ]
    };
    let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
    show::table(&["", "what", "value", "unit", "floor", "ratio", "target"], &rows)
}

fn number(value: f64) -> String {
    if 1000.0 <= value.abs() { format!("{value:.0}") } else { format!("{value:.3}") }
}
