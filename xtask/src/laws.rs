//! `cargo xtask laws`: each law of `docs/spec`, the code that keeps it, the tests that fail without it. A gap is a failure.
//!
//! A law is defined by a line `- **XX-n** …`, once. Code cites it by its id, in a comment or not, in `crates/*/src` outside of
//! tests and in `contracts/src`; the `//!` header of a crate's root is a table of contents and counts for nothing. Tests cite it
//! where [`crate::source`] sees tests, and in `contracts/test`.

use crate::project::Project;
use crate::source::Source;
use crate::step::{Failure, Outcome, none_found};
use serde_json::json;
use std::collections::BTreeMap;

/// Chapters of the laws: numbers, channels, routes, entities, reserves, transactions, state.
const CHAPTERS: [&str; 7] = ["N", "CH", "HT", "EN", "DP", "TX", "ST"];
/// How many places of a law are printed; `--json` has them all.
const PLACES_SHOWN_MAX: usize = 4;

/// A law's id, ordered by chapter and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct LawId {
    chapter: usize,
    number: u32,
}

impl std::fmt::Display for LawId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", CHAPTERS[self.chapter], self.number)
    }
}

/// A law, and who cites it, each as `path:line`.
#[derive(Debug, Default)]
struct Law {
    defined: String,
    text: String,
    code: Vec<String>,
    tests: Vec<String>,
}

type Laws = BTreeMap<LawId, Law>;

/// `cargo xtask laws [--json]`.
pub(crate) fn run(project: &Project, arguments: &[String]) -> Outcome {
    let mut findings = Vec::new();
    let mut laws = Laws::new();
    for path in project.files(&["docs/spec"], &["md"])? {
        define(&path, &project.read(&path)?, &mut laws, &mut findings);
    }
    for source in project.sources()?.iter().filter(|source| source.path.starts_with("crates/")) {
        cite_rust(source, &mut laws);
    }
    for path in project.files(&["contracts"], &["sol"])? {
        cite_text(&path, &project.read(&path)?, path.starts_with("contracts/test/"), &mut laws);
    }
    if arguments.iter().any(|argument| argument == "--json") {
        println!("{}", to_json(&laws));
    } else {
        print!("{}", table(&laws));
    }
    findings.extend(gaps(&laws));
    if laws.is_empty() {
        return Err(Failure("laws: none defined in docs/spec".to_owned()));
    }
    none_found("gaps", &findings)
}

/// Takes up the laws that a page defines.
fn define(path: &str, text: &str, laws: &mut Laws, findings: &mut Vec<String>) {
    let lines: Vec<&str> = text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let Some(rest) = line.strip_prefix("- **") else { continue };
        let Some((id, first)) = rest.split_once("**") else { continue };
        let cited = citations(id);
        let [(_, id)] = cited.as_slice() else { continue };
        let place = format!("{path}:{}", index + 1);
        let more = lines[index + 1..].iter().take_while(|line| line.starts_with("  ")).map(|line| line.trim());
        let text = std::iter::once(first.trim()).chain(more).collect::<Vec<_>>().join(" ");
        let law = laws.entry(*id).or_default();
        if law.defined.is_empty() {
            (law.defined, law.text) = (place, text);
        } else {
            findings.push(format!("{place}: {id} is defined at {} too", law.defined));
        }
    }
}

fn cite_rust(source: &Source, laws: &mut Laws) {
    let is_root = source.path.ends_with("/src/lib.rs") || source.path.ends_with("/src/main.rs");
    for (at, id) in citations(&source.text) {
        let line = source.line_of(at);
        let is_contents = is_root && source.text.lines().nth(line - 1).is_some_and(|text| text.starts_with("//!"));
        if !is_contents {
            cite(&source.path, line, id, source.is_test_line(line), laws);
        }
    }
}

fn cite_text(path: &str, text: &str, is_test: bool, laws: &mut Laws) {
    for (index, line) in text.lines().enumerate() {
        for (_, id) in citations(line) {
            cite(path, index + 1, id, is_test, laws);
        }
    }
}

fn cite(path: &str, line: usize, id: LawId, is_test: bool, laws: &mut Laws) {
    if let Some(law) = laws.get_mut(&id) {
        let places = if is_test { &mut law.tests } else { &mut law.code };
        let place = format!("{path}:{line}");
        if places.last() != Some(&place) {
            places.push(place);
        }
    }
}

/// Places and ids of the laws that a text cites.
fn citations(text: &str) -> Vec<(usize, LawId)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    for (dash, _) in text.match_indices('-') {
        let start = bytes[..dash].iter().rposition(|byte| !byte.is_ascii_uppercase()).map_or(0, |before| before + 1);
        let chapter = CHAPTERS.iter().position(|chapter| *chapter == &text[start..dash]);
        let starts_word =
            start.checked_sub(1).is_none_or(|before| !bytes[before].is_ascii_alphanumeric() && bytes[before] != b'-');
        let digits = bytes[dash + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let end = dash + 1 + digits;
        let ends_word = bytes.get(end).is_none_or(|byte| !byte.is_ascii_alphanumeric());
        if let (Some(chapter), true, Ok(number)) = (chapter, starts_word && ends_word, text[dash + 1..end].parse()) {
            found.push((start, LawId { chapter, number }));
        }
    }
    found
}

/// Laws that nothing keeps, or that no test guards.
fn gaps(laws: &Laws) -> Vec<String> {
    let mut gaps = Vec::new();
    for (id, law) in laws {
        if law.code.is_empty() {
            gaps.push(format!("{id}: no code cites it ({})", law.defined));
        }
        if law.tests.is_empty() {
            gaps.push(format!("{id}: no test cites it ({})", law.defined));
        }
    }
    gaps
}

fn table(laws: &Laws) -> String {
    let mut text = String::new();
    let shown = |places: &[String]| match places.len() {
        0 => "NONE".to_owned(),
        count if count <= PLACES_SHOWN_MAX => places.join("  "),
        count => format!("{}  and {} more", places[..PLACES_SHOWN_MAX].join("  "), count - PLACES_SHOWN_MAX),
    };
    for (id, law) in laws {
        text += &format!("{id}  {}\n  code  {}\n  test  {}\n", law.defined, shown(&law.code), shown(&law.tests));
    }
    text + &format!("{} laws\n", laws.len())
}

fn to_json(laws: &Laws) -> String {
    let of = |(id, law): (&LawId, &Law)| json!({ "law": id.to_string(), "defined": law.defined, "text": law.text, "code": law.code, "tests": law.tests });
    json!({ "ok": gaps(laws).is_empty(), "laws": laws.iter().map(of).collect::<Vec<_>>() }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laws(page: &str) -> (Laws, Vec<String>) {
        let (mut laws, mut findings) = (Laws::new(), Vec::new());
        define("docs/spec/a.md", page, &mut laws, &mut findings);
        (laws, findings)
    }

    #[test]
    fn ids_are_whole_words_of_known_chapters() {
        let found = |text| citations(text).into_iter().map(|(_, id)| id.to_string()).collect::<Vec<_>>();
        assert_eq!(found("**CH-1**, (DP-12); N-3."), ["CH-1", "DP-12", "N-3"]);
        assert_eq!(found("SHA-256 ERC-20 EIP-712 XCH-1 CH-1a CH- X-CH-1 ch-1"), [""; 0]);
    }

    #[test]
    fn a_law_without_code_or_test_is_a_gap() {
        let (mut laws, findings) = laws("# A\n- **CH-1** One\n  and a half.\n- **CH-2** Two.\n- **bold** no law\n");
        assert_eq!(findings, [""; 0]);
        let lib = "//! **CH-1** **CH-2**\n/// CH-1\nfn a() {}\n#[cfg(test)]\nmod tests {\n    /// CH-2: holds\n}\n";
        cite_rust(&Source::new("crates/a/src/lib.rs", lib), &mut laws);
        assert_eq!(
            gaps(&laws),
            ["CH-1: no test cites it (docs/spec/a.md:2)", "CH-2: no code cites it (docs/spec/a.md:4)"]
        );
        cite_text("contracts/test/A.t.sol", "/// CH-1", true, &mut laws);
        cite_text("contracts/src/A.sol", "x\n/// CH-2", false, &mut laws);
        assert_eq!(gaps(&laws), [""; 0]);
        assert!(
            table(&laws)
                .contains("CH-2  docs/spec/a.md:4\n  code  contracts/src/A.sol:2\n  test  crates/a/src/lib.rs:6\n")
        );
        let json: serde_json::Value = serde_json::from_str(&to_json(&laws)).expect("JSON");
        assert_eq!((&json["ok"], &json["laws"][0]["text"]), (&json!(true), &json!("One and a half.")));
    }

    #[test]
    fn a_law_is_defined_once() {
        let (_, findings) = laws("- **ST-1** one\n- **ST-1** again\n");
        assert_eq!(findings, ["docs/spec/a.md:2: ST-1 is defined at docs/spec/a.md:1 too"]);
    }
}
