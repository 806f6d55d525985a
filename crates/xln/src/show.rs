//! How answers look to people: aligned columns for lists, a line a field for objects. Scripts ask for `--json`.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use std::fmt::Write;

/// Widest cell of a table: an HTLC's id. What is longer is cut in the middle, so that both ends can be told.
const CELL_CHARS_MAX: usize = 94;

/// A table with aligned columns.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    for row in std::iter::once(&head).chain(rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        let _ = writeln!(text, "  {}", line.trim_end());
    }
    text
}

/// An answer for people.
pub(crate) fn value(answer: &Value) -> String {
    match answer {
        Value::Object(fields) => {
            let mut text = String::new();
            let (lists, plain): (Vec<_>, Vec<_>) = fields.iter().partition(|(_, value)| is_list(value));
            let width = plain.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
            for (name, value) in plain {
                let _ = writeln!(text, "  {name:<width$}  {}", cell(value));
            }
            for (name, list) in lists {
                let _ = write!(text, "{name}\n{}", rows(list.as_array().map_or(&[], Vec::as_slice)));
            }
            text
        }
        other => format!("  {}\n", cell(other)),
    }
}

fn is_list(value: &Value) -> bool {
    value.as_array().is_some_and(|list| list.iter().all(Value::is_object))
}

/// A table whose columns are the fields of the first object that are short.
fn rows(list: &[Value]) -> String {
    let Some(first) = list.first().and_then(Value::as_object) else { return "  (none)\n".to_owned() };
    let head: Vec<&str> = first.iter().filter(|(_, value)| !value.is_object()).map(|(name, _)| name.as_str()).collect();
    let of = |item: &Value| head.iter().map(|name| cell(&item[*name])).collect();
    table(&head, &list.iter().map(of).collect::<Vec<Vec<String>>>())
}

fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(cell).collect::<Vec<_>>().join(" "),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| format!("{name}={}", cell(value))).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    };
    // What others wrote may hold characters that move the terminal's cursor.
    let text: String = text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    let length = text.chars().count();
    if length <= CELL_CHARS_MAX || value.is_object() {
        return text;
    }
    let half = CELL_CHARS_MAX / 2 - 1;
    text.chars().take(half).chain(['…']).chain(text.chars().skip(length - half)).collect()
}

/// A bar on stderr for long work; silent with `--json` and where stderr is no terminal.
pub(crate) fn progress(what: &'static str, total: u64, as_json: bool) -> ProgressBar {
    let target = if as_json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let style = ProgressStyle::with_template("  {msg:<22} [{bar:30}] {pos}/{len}  {elapsed}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ");
    ProgressBar::with_draw_target(Some(total), target).with_style(style).with_message(what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_become_tables_and_objects_lines() {
        let shown = value(&json!({ "a": [{ "id": "1", "deep": {} }, { "id": "22" }], "b": { "x": "1" }, "c": null }));
        assert_eq!(shown, "  b  x=1\n  c  \na\n  id\n  1\n  22\n");
        assert_eq!(value(&json!({ "a": [] })), "a\n  (none)\n");
        assert_eq!(value(&json!("a\u{1b}[2Jb")), "  a [2Jb\n");
        assert!(cell(&json!("x".repeat(200))).chars().count() <= CELL_CHARS_MAX);
    }
}
