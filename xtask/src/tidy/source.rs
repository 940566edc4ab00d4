//! One Rust source file as the rules of `tidy` see it: the text, and two masks of it with the same
//! byte offsets, one with the code alone and one with the comments alone.
//!
//! The masks come from a small lexer that knows comments, strings and character literals and
//! nothing else. That is enough to count braces and to look for words without being fooled by a
//! string. A `Source` owns its text; it is built and read on one thread.

/// A source file, its masks and the lines that only the tests see.
#[derive(Debug)]
pub(crate) struct Source {
    /// Path from the workspace root, with `/` between the folders.
    pub(crate) path: String,
    /// The text as it stands in the file.
    pub(crate) text: String,
    /// The text with comments and the insides of literals blanked.
    pub(crate) code: String,
    /// The text with everything but comments blanked.
    pub(crate) comments: String,
    /// Byte offset at which each line starts; never empty.
    line_starts: Vec<usize>,
    /// One entry a line: true when the line is compiled for tests only.
    test_lines: Vec<bool>,
}

impl Source {
    /// Takes the file apart. `path` decides whether the whole of it counts as test code.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let (code, comments) = mask(text);
        let line_starts: Vec<usize> = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1))
            .collect();
        let whole = is_test_path(path) || code.contains("#![cfg(test");
        let mut source = Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
            comments,
            test_lines: vec![whole; line_starts.len()],
            line_starts,
        };
        if !whole {
            source.mark_test_items();
        }
        source
    }

    /// The 1-based line that holds byte `at`.
    pub(crate) fn line_of(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at)
    }

    /// True when the 1-based `line` is compiled for tests only.
    pub(crate) fn is_test_line(&self, line: usize) -> bool {
        self.test_lines.get(line.wrapping_sub(1)).copied().unwrap_or(false)
    }

    /// Counts the whole file as test code: its `mod` line stands under `#[cfg(test)]`.
    pub(crate) fn mark_all_as_test(&mut self) {
        self.test_lines.fill(true);
    }

    /// The name in the file system: `pipe.rs` for `crates/engine/src/pipe.rs`.
    pub(crate) fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Byte offset of the brace that closes the one at `open`, or the end of the text.
    pub(crate) fn closing_brace(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        for (at, byte) in self.code.bytes().enumerate().skip(open) {
            match byte {
                b'{' => depth += 1,
                b'}' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return at;
                    }
                }
                _ => {}
            }
        }
        self.code.len()
    }

    /// Byte offset of the `{` that opens the body of the item at `from`; none when `;` ends it
    /// first.
    pub(crate) fn body_of(&self, from: usize) -> Option<usize> {
        let mut depth = 0_i32;
        for (at, byte) in self.code.bytes().enumerate().skip(from) {
            match byte {
                b'(' | b'[' => depth += 1,
                b')' | b']' => depth -= 1,
                b'{' if depth <= 0 => return Some(at),
                b';' if depth <= 0 => return None,
                _ => {}
            }
        }
        None
    }

    fn mark_test_items(&mut self) {
        let mut spans = Vec::new();
        for (at, _) in self.code.match_indices("#[") {
            let Some(end) = attribute_end(&self.code, at) else { continue };
            let Some(attribute) = self.code.get(at..end) else { continue };
            if !selects_tests(attribute) {
                continue;
            }
            let close = self.body_of(end).map_or(end, |open| self.closing_brace(open));
            spans.push((self.line_of(at), self.line_of(close)));
        }
        for (first, last) in spans {
            for line in self.test_lines.iter_mut().take(last).skip(first - 1) {
                *line = true;
            }
        }
    }
}

/// Offsets at which `word` stands in `text` with no identifier character on either side.
pub(crate) fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = text.get(..*at).and_then(|t| t.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|t| t.chars().next());
        !before.is_some_and(is_ident) && !after.is_some_and(is_ident)
    })
}

/// True for the characters that may stand in an identifier.
pub(crate) fn is_ident(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// The identifier that starts `text`, which may be empty.
pub(crate) fn ident_at(text: &str) -> &str {
    text.split(|c| !is_ident(c)).next().unwrap_or("")
}

/// Offset one past the `]` of the attribute whose `#` is at `at`.
pub(crate) fn attribute_end(code: &str, at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (i, byte) in code.bytes().enumerate().skip(at) {
        match byte {
            b'[' => depth += 1,
            b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(i + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// True for `#[test]` and for `#[cfg(..)]` that asks for `test`; false for `not(test)`.
pub(crate) fn selects_tests(attribute: &str) -> bool {
    let packed: String = attribute.chars().filter(|c| !c.is_whitespace()).collect();
    if packed == "#[test]" {
        return true;
    }
    packed.starts_with("#[cfg(")
        && !packed.contains("not(test")
        && words(&packed, "test").next().is_some()
}

fn is_test_path(path: &str) -> bool {
    let mut folders: Vec<&str> = path.split('/').collect();
    let file = folders.pop().unwrap_or("");
    file == "tests.rs"
        || folders.first() == Some(&"testing")
        || folders.iter().any(|folder| *folder == "tests" || *folder == "benches")
}

/// What the lexer is inside of.
#[derive(Clone, Copy)]
enum Inside {
    Code,
    Comment,
    Literal,
}

/// Splits `text` into its code and its comments; both come back with the same byte offsets.
fn mask(text: &str) -> (String, String) {
    let bytes = text.as_bytes();
    let mut code = Vec::with_capacity(bytes.len());
    let mut comments = Vec::with_capacity(bytes.len());
    let mut put = |upto: usize, inside: Inside| {
        while code.len() < upto {
            let Some(byte) = bytes.get(code.len()).copied() else { return };
            let blank = if byte == b'\n' { b'\n' } else { b' ' };
            code.push(if matches!(inside, Inside::Code) { byte } else { blank });
            comments.push(if matches!(inside, Inside::Comment) { byte } else { blank });
        }
    };
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        let next = bytes.get(at + 1).copied();
        let end = match (byte, next) {
            (b'/', Some(b'/')) => find(bytes, at, b"\n").unwrap_or(bytes.len()),
            (b'/', Some(b'*')) => block_comment_end(bytes, at),
            (b'"', _) => string_end(bytes, at),
            (b'r', Some(b'"' | b'#')) if starts_raw_string(bytes, at) => raw_string_end(bytes, at),
            (b'\'', _) => char_end(text, at),
            _ => at + 1,
        };
        if byte == b'/' && end > at + 1 {
            put(end, Inside::Comment);
        } else if end > at + 1 {
            put(at + 1, Inside::Code);
            put(end - 1, Inside::Literal);
            put(end, Inside::Code);
        } else {
            put(end, Inside::Code);
        }
        at = end;
    }
    let whole = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (whole(&code), whole(&comments))
}

fn find(bytes: &[u8], from: usize, needle: &[u8]) -> Option<usize> {
    bytes.get(from..)?.windows(needle.len()).position(|w| w == needle).map(|at| from + at)
}

fn block_comment_end(bytes: &[u8], at: usize) -> usize {
    let mut depth = 0_usize;
    let mut i = at;
    while let Some(pair) = bytes.get(i..i + 2) {
        match pair {
            b"/*" => {
                depth += 1;
                i += 2;
            }
            b"*/" => {
                depth -= 1;
                i += 2;
                if depth == 0 {
                    return i;
                }
            }
            _ => i += 1,
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut i = at + 1;
    while let Some(byte) = bytes.get(i) {
        match byte {
            b'\\' => i += 2,
            b'"' => return i + 1,
            _ => i += 1,
        }
    }
    bytes.len()
}

fn starts_raw_string(bytes: &[u8], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).and_then(|i| bytes.get(i)).copied();
    let ident = |b: Option<u8>| b.is_some_and(|b| b == b'_' || b.is_ascii_alphanumeric());
    let prefixed = matches!(before(1), Some(b'b' | b'c')) && !ident(before(2));
    if ident(before(1)) && !prefixed {
        return false;
    }
    let hashes = bytes.iter().skip(at + 1).take_while(|b| **b == b'#').count();
    bytes.get(at + 1 + hashes) == Some(&b'"')
}

fn raw_string_end(bytes: &[u8], at: usize) -> usize {
    let hashes = bytes.iter().skip(at + 1).take_while(|b| **b == b'#').count();
    let mut close = vec![b'"'];
    close.resize(1 + hashes, b'#');
    find(bytes, at + 2 + hashes, &close).map_or(bytes.len(), |end| end + close.len())
}

/// End of the character literal at `at`; `at + 1` when the quote opens a lifetime instead.
fn char_end(text: &str, at: usize) -> usize {
    let rest = text.get(at + 1..).unwrap_or("");
    let mut chars = rest.chars();
    match chars.next() {
        Some('\\') => {
            let escaped = chars.next().map_or(0, char::len_utf8);
            rest.get(1 + escaped..)
                .and_then(|tail| tail.find('\''))
                .map_or(at + 1, |close| at + 1 + 1 + escaped + close + 1)
        }
        Some(c) if chars.next() == Some('\'') => at + 1 + c.len_utf8() + 1,
        _ => at + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        Source::new("crates/x/src/lib.rs", text).code
    }

    #[test]
    fn literals_and_comments_are_blanked_at_the_same_offsets() {
        let text = "let a = \"x{\"; // y{\nlet b = '{'; /* { /* { */ */ let c: &'a str = r#\"{\"#;";
        let source = Source::new("crates/x/src/lib.rs", text);
        assert_eq!(source.code.len(), text.len());
        assert!(!source.code.contains('{'), "{}", source.code);
        assert!(source.code.contains("&'a str"));
        assert!(source.comments.contains("y{"));
        assert!(!source.comments.contains("let"));
    }

    #[test]
    fn escapes_do_not_end_a_literal_early() {
        assert!(!code(r#"let a = "\"{"; let b = '\''; let c = '\u{7b}'; "#).contains('{'));
        assert!(!code("let a = br##\"{\"#{\"##;").contains('{'));
        assert!(code("let r = 1; for_r#\"\"").contains("for_r"));
    }

    #[test]
    fn test_items_are_known_by_line() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n";
        let source = Source::new("crates/x/src/lib.rs", text);
        let lines: Vec<bool> = (1..=6).map(|line| source.is_test_line(line)).collect();
        assert_eq!(lines, [false, true, true, true, true, false]);
        let not = Source::new("crates/x/src/lib.rs", "#[cfg(not(test))]\nmod a {\n}\n");
        assert!(!not.is_test_line(2));
    }

    #[test]
    fn whole_files_are_tests_by_their_path() {
        assert!(Source::new("crates/x/tests/a.rs", "fn a() {}").is_test_line(1));
        assert!(Source::new("crates/x/src/a/tests.rs", "fn a() {}").is_test_line(1));
        assert!(!Source::new("crates/x/src/latests.rs", "fn a() {}").is_test_line(1));
    }

    #[test]
    fn words_stand_alone() {
        assert_eq!(words("unsafe_code unsafe {", "unsafe").collect::<Vec<_>>(), [12]);
    }
}
