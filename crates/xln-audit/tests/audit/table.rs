//! Tables of forgeries: a line says what was forged, at which input, which law the audit must name and where.

use crate::forger::{Forger, audit};
use crate::story::{Story, story};

/// What is forged; at which input (none: anywhere); the law; a part of the place; the deed.
pub(crate) struct Forgery(
    pub(crate) &'static str,
    pub(crate) &'static str,
    pub(crate) &'static str,
    pub(crate) &'static str,
    pub(crate) fn(&mut Forger),
);

/// Every forgery is refused. One at an input is the first thing that the audit finds, there and by that law; one without an input
/// is among what it finds.
pub(crate) fn refuse_all(table: &[Forgery]) {
    refuse_all_of(story(), table);
}

/// The same of another story.
pub(crate) fn refuse_all_of(story: &'static Story, table: &[Forgery]) {
    let mut unseen = Vec::new();
    for Forgery(what, input, law, place, deed) in table {
        let mut forger = Forger::new(story);
        let start = if input.is_empty() { String::new() } else { forger.at(input) };
        deed(&mut forger);
        let report = audit(&forger.records());
        let candidates = if input.is_empty() { report.violations.len() } else { 1 };
        let found = report.violations.iter().take(candidates).any(|violation| {
            violation.law == *law
                && violation.at.starts_with(start.trim_end_matches(','))
                && violation.at.contains(place)
        });
        if report.ok || !found {
            let found: Vec<String> = report.violations.iter().take(4).map(|found| format!("\n    {found:?}")).collect();
            unseen.push(format!("\n{what}: expected {law} at {start} … {place}, found {}", found.concat()));
        }
    }
    assert!(unseen.is_empty(), "{} of {}:{}", unseen.len(), table.len(), unseen.concat());
}
