//! How long files and functions may be. A crate whose longest is over the aim has it committed in [`RATCHET`], and may only get
//! shorter: `cargo xtask tidy --update` lowers the numbers and never raises one. Tests don't count.

use crate::source::Source;
use std::collections::BTreeMap;

/// The committed lengths: `package file_lines function_lines`, a line each.
pub(crate) const RATCHET: &str = "xtask/ratchet.txt";

/// No file may be longer, ratchet or not.
const FILE_LINES_MAX: usize = 600;
/// Files up to here are free.
const FILE_LINES_AIM: usize = 400;
/// Functions up to here are free.
const FUNCTION_LINES_AIM: usize = 70;

/// The longest of one crate, in lines, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Longest {
    file: (usize, String),
    function: (usize, String),
}

impl Default for Longest {
    fn default() -> Longest {
        Longest { file: (FILE_LINES_AIM, String::new()), function: (FUNCTION_LINES_AIM, String::new()) }
    }
}

/// What is longer than it may be.
pub(crate) fn findings(ratchet: &str, sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    let committed = parse(ratchet, &mut findings);
    for source in sources.iter().filter(|source| !source.is_test) {
        let lines = source.lines_without_tests();
        if FILE_LINES_MAX < lines {
            findings.push(format!("{}: {lines} lines: no file may have over {FILE_LINES_MAX}", source.path));
        }
    }
    for (package, longest) in longest(sources) {
        let (file_max, function_max) =
            committed.get(package.as_str()).copied().unwrap_or((FILE_LINES_AIM, FUNCTION_LINES_AIM));
        for (what, (lines, place), max) in
            [("file", longest.file, file_max), ("function", longest.function, function_max)]
        {
            if max < lines {
                findings.push(format!(
                    "{place}: {lines} lines: the longest {what} of {package} may have {max} ({RATCHET})"
                ));
            }
        }
    }
    findings
}

/// The ratchet after a turn: no number rises, and what came under the aim is free again.
pub(crate) fn updated(ratchet: &str, sources: &[Source]) -> String {
    let committed = parse(ratchet, &mut Vec::new());
    let longest = longest(sources);
    let mut text: String =
        ratchet.lines().filter(|line| line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    for (package, (file, function)) in committed {
        let now = longest.get(package).cloned().unwrap_or_default();
        let (file, function) = (file.min(now.file.0), function.min(now.function.0));
        if (file, function) != (FILE_LINES_AIM, FUNCTION_LINES_AIM) {
            text += &format!("{package} {file} {function}\n");
        }
    }
    text
}

fn parse<'a>(ratchet: &'a str, findings: &mut Vec<String>) -> BTreeMap<&'a str, (usize, usize)> {
    let mut committed = BTreeMap::new();
    for (index, line) in ratchet.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let numbers = match words.as_slice() {
            [package, file, function] => {
                file.parse().ok().zip(function.parse().ok()).map(|numbers| (*package, numbers))
            }
            _ => None,
        };
        match numbers {
            Some((package, (file, function)))
                if (FILE_LINES_AIM..=FILE_LINES_MAX).contains(&file) && FUNCTION_LINES_AIM <= function =>
            {
                committed.insert(package, (file, function));
            }
            _ => findings
                .push(format!("{RATCHET}:{}: not `package file_lines function_lines` from the aims up", index + 1)),
        }
    }
    committed
}

/// The longest file and function of each crate, at least the aims.
fn longest(sources: &[Source]) -> BTreeMap<String, Longest> {
    let mut all: BTreeMap<String, Longest> = BTreeMap::new();
    for source in sources.iter().filter(|source| !source.is_test) {
        let longest = all.entry(source.package_path().to_owned()).or_default();
        let lines = source.lines_without_tests();
        if longest.file.0 < lines {
            longest.file = (lines, source.path.clone());
        }
        for function in source.functions() {
            if longest.function.0 < function.lines {
                longest.function = (function.lines, format!("{}:{} {}", source.path, function.line, function.name));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(file_lines: usize, function_lines: usize) -> Vec<Source> {
        let function = format!("fn long() {{\n{}}}\n", "x;\n".repeat(function_lines - 2));
        let text = format!("{}{function}", "//!\n".repeat(file_lines - function_lines));
        vec![Source::new("crates/a/src/b.rs", &text)]
    }

    #[test]
    fn what_grew_past_the_ratchet_is_found() {
        assert_eq!(findings("", &source(400, 70)), [""; 0]);
        assert_eq!(findings("", &source(401, 70)).len(), 1);
        assert_eq!(findings("", &source(400, 71)).len(), 1);
        assert_eq!(findings("# why\ncrates/a 450 80\n", &source(450, 80)), [""; 0]);
        assert_eq!(findings("crates/a 450 80\n", &source(451, 81)).len(), 2);
        assert_eq!(
            findings("crates/a 600 70\n", &source(601, 10)).len(),
            2,
            "over the ratchet, and over what any file may have"
        );
        assert_eq!(findings("crates/a 900 70\n", &source(10, 10)).len(), 1, "the ratchet itself is bounded");
        assert_eq!(findings("crates/a 450\n", &source(10, 10)).len(), 1);
    }

    #[test]
    fn the_ratchet_turns_one_way() {
        assert_eq!(updated("# why\ncrates/a 500 90\n", &source(450, 80)), "# why\ncrates/a 450 80\n");
        assert_eq!(updated("crates/a 450 80\n", &source(500, 90)), "crates/a 450 80\n");
        assert_eq!(updated("crates/a 450 80\n", &source(300, 60)), "");
        assert_eq!(updated("", &source(500, 90)), "", "what is new over the aim is a finding, not a number");
    }
}
