//! Names the law by the field in which a record differs from what it should be.

use crate::place::Place;
use crate::records::Held;
use crate::report::Violation;
use std::collections::BTreeMap;
use xln_types::tx::TxType;
use xln_types::{AssetId, Command, Entry, FactKind, Receipt};

/// What made the records change: some fields fall under another law with each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A refused input: it changes nothing but its sender's nonce (TX-5).
    Refused,
    /// Something arrived on the chain, or was claimed (DP-3).
    Arrival,
    /// Something leaves by withdrawal, or what was on its way came back (DP-4).
    Departure,
    /// A settlement (DP-5).
    Settlement,
    /// Collateral that the chain recorded (DP-1).
    Collateral,
    /// Anything else.
    Other,
}

impl Cause {
    pub(crate) fn of(entry: &Entry, receipt: &Receipt) -> Cause {
        if !receipt.is_executed() {
            return Cause::Refused;
        }
        match entry {
            Entry::Transaction { tx, .. } if tx.kind == TxType::CreateEntity => Cause::Arrival,
            Entry::Transaction { tx, .. } if tx.kind == TxType::Withdraw => Cause::Departure,
            Entry::Fact { fact } => match fact.kind {
                FactKind::Deposited { .. } => Cause::Arrival,
                FactKind::Withdrawn { .. } | FactKind::Time { .. } | FactKind::Reverted { .. } => Cause::Departure,
                FactKind::Settled { .. } => Cause::Settlement,
                FactKind::CollateralAdded { .. } => Cause::Collateral,
                FactKind::AssetRegistered { .. } | FactKind::DeepReorg { .. } => Cause::Other,
            },
            Entry::Command { command: Command::Broadcast { .. } } => Cause::Departure,
            Entry::Transaction { .. }
            | Entry::Command { .. }
            | Entry::Genesis { .. }
            | Entry::Peer { .. }
            | Entry::Frames {} => Cause::Other,
        }
    }

    fn law(self, field: &'static str, usual: &'static str) -> &'static str {
        match (self, field) {
            (Cause::Refused, "nonce") => "TX-2",
            (Cause::Refused, _) => "TX-5",
            (Cause::Arrival, "free") => "DP-3",
            (Cause::Departure, "free") => "DP-4",
            (Cause::Settlement, "free" | "collateral" | "ondelta") => "DP-5",
            (Cause::Collateral, "collateral" | "ondelta") => "DP-1",
            _ => usual,
        }
    }
}

/// True when both say the same: no record is as good as one of zeros where zeros say nothing.
pub(crate) fn alike(place: &Place, one: Option<&Held>, other: Option<&Held>) -> bool {
    if one == other {
        return true;
    }
    let nothing = Held::nothing_at(place);
    nothing.is_some() && one.or(nothing.as_ref()) == other.or(nothing.as_ref())
}

/// One violation a field that differs.
pub(crate) fn differ(
    at: &str,
    place: &Place,
    cause: Cause,
    symbols: &BTreeMap<AssetId, String>,
    expected: Option<&Held>,
    found: Option<&Held>,
) -> Vec<Violation> {
    if alike(place, expected, found) {
        return Vec::new();
    }
    let at = format!("{at}, {}", place.describe(symbols));
    let nothing = Held::nothing_at(place);
    let (one, other) = (expected.or(nothing.as_ref()), found.or(nothing.as_ref()));
    let (Some(one), Some(other)) = (one, other) else {
        let (law, sample) = one.or(other).map_or(("ST-1", Vec::new()), |held| {
            let fields = held.fields();
            (fields.first().map_or("ST-1", |(name, law, _)| cause.law(name, law)), fields)
        });
        let whole = |there: bool| {
            let text: Vec<String> = sample.iter().map(|(name, _, value)| format!("{name} {value}")).collect();
            if there { text.join(", ") } else { "no record".to_owned() }
        };
        return vec![Violation { law, at, expected: whole(one.is_some()), found: whole(other.is_some()) }];
    };
    let pairs = one.fields().into_iter().zip(other.fields());
    pairs
        .filter(|((_, _, one), (_, _, other))| one != other)
        .map(|((name, law, one), (_, _, other))| Violation {
            law: cause.law(name, law),
            at: format!("{at}, {name}"),
            expected: one,
            found: other,
        })
        .collect()
}
