//! Rust sources as the checks see them: text, code without comments and literals, and which lines are tests.
//!
//! A lexer of the few things that matter here, not a parser: comments (nested too), strings (raw, byte and C strings too) and
//! character literals are blanked, byte for byte, so that places in [`Source::code`] are places in [`Source::text`].
//! A test is a file below `tests/` or `benches/`, a `tests.rs`, a module declared under `#[cfg(test)]`, or an item under it.
//!
//! Read [`Source::new`] first.

use std::ops::Range;

/// One source file.
pub(crate) struct Source {
    /// From the root of the project, with `/`.
    pub(crate) path: String,
    /// As it stands on the disk.
    pub(crate) text: String,
    /// The same length, with comments and the insides of literals blanked.
    pub(crate) code: String,
    /// True when the whole file is a test.
    pub(crate) is_test: bool,
    /// Byte ranges of items under `#[cfg(test)]`.
    test_items: Vec<Range<usize>>,
    /// Byte offset of each line's beginning.
    line_starts: Vec<usize>,
}

/// A function and its extent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// From 1.
    pub(crate) line: usize,
    /// From `fn` to the closing brace, both included.
    pub(crate) lines: usize,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Source {
        let code = blank(text);
        let test_items = test_items(&code).into_iter().map(|item| item.range).collect();
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let is_test = path.split('/').any(|part| matches!(part, "tests" | "benches" | "tests.rs"));
        Source { path: path.to_owned(), text: text.to_owned(), code, is_test, test_items, line_starts }
    }

    /// The directory of the package: `crates/xln-types` or `xtask`.
    pub(crate) fn package_path(&self) -> &str {
        let parts = if self.path.starts_with("crates/") { 2 } else { 1 };
        let end = self.path.match_indices('/').nth(parts - 1).map_or(self.path.len(), |(at, _)| at);
        &self.path[..end]
    }

    /// The line of a byte, from 1.
    pub(crate) fn line_of(&self, byte: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= byte)
    }

    /// True when the byte belongs to a test.
    pub(crate) fn is_test_at(&self, byte: usize) -> bool {
        self.is_test || self.test_items.iter().any(|item| item.contains(&byte))
    }

    /// True when the line, from 1, belongs to a test.
    pub(crate) fn is_test_line(&self, line: usize) -> bool {
        self.line_starts.get(line.saturating_sub(1)).is_some_and(|start| {
            // An item's range begins at its attribute, which may be indented.
            let indent = self.text[*start..].len() - self.text[*start..].trim_start_matches(' ').len();
            self.is_test_at(*start + indent)
        })
    }

    /// How many lines aren't tests.
    pub(crate) fn lines_without_tests(&self) -> usize {
        (1..=self.text.lines().count()).filter(|line| !self.is_test_line(*line)).count()
    }

    /// Places of a word or path in the code, which must not continue as an identifier on either side.
    pub(crate) fn code_places<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        places(&self.code, word)
    }

    /// The functions that aren't tests.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let mut functions = Vec::new();
        for at in self.code_places("fn").filter(|at| !self.is_test_at(*at)) {
            let name = word_at(&self.code, at + "fn".len());
            let body = body_end(&self.code, at);
            if let (false, Some(end)) = (name.is_empty(), body) {
                let line = self.line_of(at);
                functions.push(Function { name: name.to_owned(), line, lines: self.line_of(end) - line + 1 });
            }
        }
        functions
    }

    /// Names of modules that stand in files of their own and are declared under `#[cfg(test)]`.
    pub(crate) fn test_modules(&self) -> Vec<String> {
        test_items(&self.code).into_iter().filter_map(|item| item.module).collect()
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Places of `word` in `text`, as whole words.
pub(crate) fn places<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = text.as_bytes();
    let bound = |byte: Option<&u8>, inner: Option<&u8>| {
        !(byte.is_some_and(|byte| is_word(*byte)) && inner.is_some_and(|inner| is_word(*inner)))
    };
    text.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        bound(before, word.as_bytes().first()) && bound(bytes.get(at + word.len()), word.as_bytes().last())
    })
}

/// The identifier after the blanks at `from`; empty if there is none.
fn word_at(code: &str, from: usize) -> &str {
    let rest = code[from..].trim_start();
    &rest[..rest.bytes().position(|byte| !is_word(byte)).unwrap_or(rest.len())]
}

/// Where the body of the item that begins at `from` ends: at its matching brace, or nowhere if a `;` comes first.
fn body_end(code: &str, from: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let bytes = code.as_bytes();
    let open = (from..bytes.len()).find(|at| {
        match bytes[*at] {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && matches!(bytes[*at], b'{' | b';')
    })?;
    if bytes[open] == b'{' { closing(code, open) } else { None }
}

/// The brace that closes the one at `open`.
pub(crate) fn closing(code: &str, open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

struct TestItem {
    range: Range<usize>,
    /// The name, where it is a module in a file of its own.
    module: Option<String>,
}

/// Items under an attribute `#[cfg(…test…)]` that doesn't say `not`.
fn test_items(code: &str) -> Vec<TestItem> {
    let mut items = Vec::new();
    for (at, _) in code.match_indices("#[cfg(") {
        let Some(length) = code[at..].find(']') else { continue };
        let attribute = &code[at..at + length];
        if places(attribute, "test").next().is_none() || places(attribute, "not").next().is_some() {
            continue;
        }
        let mut item = at + length + 1;
        while code[item..].trim_start().starts_with("#[") {
            let Some(length) = code[item..].find(']') else { break };
            item += length + 1;
        }
        if let Some(end) = body_end(code, item) {
            items.push(TestItem { range: at..end + 1, module: None });
        } else if let Some(length) = code[item..].find(';') {
            let head = code[item..item + length].trim();
            let module = head.rsplit_once("mod ").map(|(_, name)| name.trim().to_owned());
            items.push(TestItem { range: at..item + length + 1, module });
        }
    }
    items
}

/// Blanks comments and the insides of literals; newlines stay.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let Some(end) = literal_end(bytes, at) else {
            at += 1;
            continue;
        };
        let end = end.min(bytes.len());
        code[at..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        at = end;
    }
    // Blanked bytes are spaces and whole characters are blanked, so this is still UTF-8.
    String::from_utf8_lossy(&code).into_owned()
}

/// The end of the comment or literal that begins at `at`, if one does.
fn literal_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    let after_word = at.checked_sub(1).is_some_and(|before| is_word(bytes[before]));
    match rest {
        [b'/', b'/', ..] => Some(rest.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| at + end)),
        [b'/', b'*', ..] => Some(block_comment_end(bytes, at)),
        [b'"', ..] => Some(string_end(bytes, at + 1)),
        [b'r' | b'b' | b'c', ..] if !after_word => raw_string_end(bytes, at),
        [b'\'', ..] => char_end(rest).map(|length| at + length),
        _ => None,
    }
}

fn block_comment_end(bytes: &[u8], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0_usize);
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (at, depth) = (at + 2, depth + 1),
            [b'*', b'/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

fn string_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    at
}

/// `r"…"`, `r#"…"#`, `br"…"`, `cr"…"`; plain `b"…"` and `c"…"` are found at their quote.
fn raw_string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let r = if bytes[at] == b'r' { at } else { at + 1 };
    if bytes.get(r) != Some(&b'r') {
        return None;
    }
    let hashes = bytes[r + 1..].iter().take_while(|byte| **byte == b'#').count();
    if bytes.get(r + 1 + hashes) != Some(&b'"') {
        return None;
    }
    let end: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let body = r + 2 + hashes;
    let length = bytes[body..].windows(end.len()).position(|window| window == end);
    Some(length.map_or(bytes.len(), |length| body + length + end.len()))
}

/// The length of a character literal; a lifetime is none.
fn char_end(rest: &[u8]) -> Option<usize> {
    if rest.get(1) == Some(&b'\\') {
        // The escaped character may itself be a quote.
        return rest.iter().skip(3).position(|byte| *byte == b'\'').map(|at| at + 4);
    }
    let width = match rest.get(1)? {
        0..0x80 => 1,
        0x80..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    };
    (rest.get(1 + width) == Some(&b'\'')).then_some(2 + width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_in_place() {
        for (text, code) in [
            ("a // HashMap\nb", "a           \nb"),
            ("a /* x /* y */ z */ b", "a                     b"),
            (r#"f("a\"b", 'c', '\'', '"')"#, r"f(      ,    ,     ,    )"),
            ("r#\"no\"# x", "        x"),
            ("br\"no\" b\"no\" x", "       b     x"),
            ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
            ("'é' x", "     x"),
            ("for r in x", "for r in x"),
        ] {
            let blanked = blank(text);
            assert_eq!(blanked.len(), text.len(), "{text}");
            assert_eq!(
                blanked.split_whitespace().collect::<String>(),
                code.split_whitespace().collect::<String>(),
                "{text}"
            );
        }
    }

    #[test]
    fn tests_are_told_from_code() {
        let text = "fn a() {\n    x;\n}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n#[cfg(not(test))]\nfn c() {}\n#[cfg(test)]\nmod shape;\n";
        let source = Source::new("crates/xln-a/src/lib.rs", text);
        let names: Vec<_> = source.functions().into_iter().map(|function| (function.name, function.lines)).collect();
        assert_eq!(names, [("a".to_owned(), 3), ("c".to_owned(), 1)]);
        assert_eq!(source.test_modules(), ["shape"]);
        assert!(source.is_test_line(7) && !source.is_test_line(2) && !source.is_test_line(10));
        assert_eq!(source.lines_without_tests(), 6);
        assert_eq!(source.package_path(), "crates/xln-a");
        assert!(Source::new("crates/xln-a/tests/x.rs", "").is_test);
    }

    #[test]
    fn a_function_ends_at_its_own_brace() {
        let source = Source::new(
            "xtask/src/a.rs",
            "fn a(x: [u8; 3])\nwhere\n    T: F,\n{\n    let f: fn(u8) = g;\n    { \"}\" }\n}\ntrait T {\n    fn none();\n}\n",
        );
        let functions = source.functions();
        assert_eq!(functions, [Function { name: "a".to_owned(), line: 1, lines: 7 }]);
    }

    #[test]
    fn words_are_whole() {
        assert_eq!(places("unsafe_code unsafe", "unsafe").collect::<Vec<_>>(), [12]);
        assert_eq!(places("std::fs::x astd::fs std::fsx", "std::fs").collect::<Vec<_>>(), [0]);
    }
}
