//! The rules about plain text: line width, file length, the opening paragraph, marks of unfinished
//! work, ignored tests, lint attributes without a reason, and paths of one machine.
//!
//! Pure functions from a source to findings; they keep nothing and may run anywhere.

use super::Finding;
use super::source::{Source, attribute_end, words};

/// Widest line in characters; the same as `max_width` in rustfmt.toml.
const LINE_WIDTH_MAX: usize = 100;

/// Longest file in lines, from the house style: above it a file has a second job.
const FILE_LINES_MAX: usize = 800;

/// Fewest words of the paragraph that opens a file; fewer say no more than the file name.
const OPENING_WORDS_MIN: usize = 10;

/// Marks of unfinished work that need an owner's decision, so they are not committed.
const UNFINISHED: [&str; 3] = ["TODO", "FIXME", "XXX"];

/// Runs every rule of this file over one Rust source.
pub(crate) fn check_source(source: &Source, findings: &mut Vec<Finding>) {
    width(source, findings);
    length(source, findings);
    opening(source, findings);
    unfinished(source, findings);
    ignored_tests(source, findings);
    lint_attributes(source, findings);
}

fn width(source: &Source, findings: &mut Vec<Finding>) {
    for (at, line) in source.text.lines().enumerate() {
        let wide = line.chars().count();
        if wide > LINE_WIDTH_MAX && !line.contains("https://") {
            let message = format!("{wide} characters; break the line at {LINE_WIDTH_MAX}");
            findings.push(Finding::new(&source.path, at + 1, message));
        }
    }
}

fn length(source: &Source, findings: &mut Vec<Finding>) {
    let lines = source.text.lines().count();
    if lines > FILE_LINES_MAX {
        let message = format!(
            "{lines} lines; find the second job of this file and move it out ({FILE_LINES_MAX})"
        );
        findings.push(Finding::new(&source.path, FILE_LINES_MAX, message));
    }
}

fn opening(source: &Source, findings: &mut Vec<Finding>) {
    let paragraph = source.text.lines().map_while(|line| line.strip_prefix("//!"));
    let words: usize = paragraph.map(|line| line.split_whitespace().count()).sum();
    if words < OPENING_WORDS_MIN {
        let message = "open the file with a `//!` paragraph: what it is for, who owns the data, \
                       who may call it from which thread";
        findings.push(Finding::new(&source.path, 1, message));
    }
}

fn unfinished(source: &Source, findings: &mut Vec<Finding>) {
    for mark in UNFINISHED {
        for at in words(&source.comments, mark) {
            let message = format!("{mark}: decide it, or file it where work is planned");
            findings.push(Finding::new(&source.path, source.line_of(at), message));
        }
    }
}

fn ignored_tests(source: &Source, findings: &mut Vec<Finding>) {
    for (at, _) in source.code.match_indices("#[ignore") {
        let message = "an ignored test proves nothing: make it run, or delete it";
        findings.push(Finding::new(&source.path, source.line_of(at), message));
    }
}

fn lint_attributes(source: &Source, findings: &mut Vec<Finding>) {
    for lint in ["allow", "expect"] {
        for at in words(&source.code, lint) {
            let Some(start) = attribute_around(&source.code, at) else { continue };
            let end = attribute_end(&source.code, start).unwrap_or(source.code.len());
            let attribute = source.code.get(start..end).unwrap_or("");
            if words(attribute, "reason").next().is_none() {
                let message =
                    format!("`{lint}(..)` without a reason: write `expect(.., reason = \"..\")`");
                findings.push(Finding::new(&source.path, source.line_of(at), message));
            }
        }
    }
}

/// Start of the attribute whose name, or whose `cfg_attr` argument, is the word at `at`.
fn attribute_around(code: &str, at: usize) -> Option<usize> {
    let before = code.get(..at)?;
    let start = before.rfind("#[").max(before.rfind("#!["))?;
    let end = attribute_end(code, start)?;
    let is_call = code.get(at..)?.trim_start_matches(char::is_alphabetic).starts_with('(');
    (at < end && is_call).then_some(start)
}

/// Looks for paths that exist on one machine only, in a text of any kind.
pub(crate) fn check_paths(
    path: &str,
    content: &str,
    machine_paths: &[String],
    findings: &mut Vec<Finding>,
) {
    if path == "xtask/src/tidy/tree.rs" || path == "xtask/src/tidy/text.rs" {
        return; // The lists of such paths, and the samples below.
    }
    for (at, line) in content.lines().enumerate() {
        if let Some(found) = machine_paths.iter().find(|found| mentions(line, found)) {
            let message = format!("`{found}` is a path of one machine: make it relative");
            findings.push(Finding::new(path, at + 1, message));
        }
    }
}

/// True when `found` stands in `line` as the beginning of a path, not in the middle of one.
fn mentions(line: &str, found: &str) -> bool {
    line.match_indices(found).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '~'))
    })
}

#[cfg(test)]
mod tests {
    use super::super::{messages, source};
    use super::*;

    const OPENING: &str = "//! A sample with an opening that says in ten words what it is for.\n";

    fn findings(body: &str) -> Vec<String> {
        let mut findings = Vec::new();
        let text = format!("{OPENING}{body}");
        check_source(&source("crates/x/src/lib.rs", &text), &mut findings);
        messages(&findings)
    }

    #[test]
    fn wide_lines_are_found() {
        let wide = format!("// {}\n", "x".repeat(98));
        assert!(findings(&wide)[0].contains("lib.rs:2: 101 characters"));
        let fits = format!("// {}\n", "é".repeat(97));
        assert_eq!(findings(&fits), Vec::<String>::new());
        let link = format!("// https://{}\n", "x".repeat(98));
        assert_eq!(findings(&link), Vec::<String>::new());
    }

    #[test]
    fn long_files_are_found() {
        assert!(findings(&"\n".repeat(800))[0].contains("801 lines"));
        assert_eq!(findings(&"\n".repeat(799)), Vec::<String>::new());
    }

    #[test]
    fn a_file_opens_with_a_paragraph() {
        let mut found = Vec::new();
        for text in
            ["use std::fmt;\n", "//! Sockets.\nuse std::fmt;\n", "\n//! a b c d e f g h i j k"]
        {
            found.clear();
            check_source(&source("crates/x/src/lib.rs", text), &mut found);
            assert!(messages(&found)[0].contains("lib.rs:1: open the file"), "{text}");
        }
        assert_eq!(findings("use std::fmt;\n"), Vec::<String>::new());
    }

    #[test]
    fn unfinished_work_is_found_in_comments_only() {
        let mark = "TODO";
        assert!(findings(&format!("// {mark}: later\n"))[0].contains("lib.rs:2: TODO"));
        assert_eq!(findings(&format!("const A: &str = \"{mark}\";\n")), Vec::<String>::new());
        assert_eq!(findings(&format!("// {mark}S is a word of its own\n")), Vec::<String>::new());
    }

    #[test]
    fn ignored_tests_are_found() {
        assert!(findings("#[ignore]\nfn a() {}\n")[0].contains("an ignored test"));
        assert_eq!(findings("#[must_use]\nfn a() {}\n"), Vec::<String>::new());
    }

    #[test]
    fn lint_attributes_need_a_reason() {
        assert!(findings("#[allow(dead_code)]\nfn a() {}\n")[0].contains("without a reason"));
        assert!(findings("#![expect(dead_code)]\n")[0].contains("without a reason"));
        assert!(findings("#[cfg_attr(test, expect(dead_code))]\n")[0].contains("without a reason"));
        let kept = "#[expect(dead_code, reason = \"the C side reads it\")]\nfn a() {}\n";
        assert_eq!(findings(kept), Vec::<String>::new());
        assert_eq!(findings("#[test]\nfn a() { b.expect(c); allow(d); }\n"), Vec::<String>::new());
    }

    #[test]
    fn paths_of_one_machine_are_found() {
        let places = vec!["/home/".to_owned(), "/somewhere/oxmq/".to_owned()];
        let mut found = Vec::new();
        check_paths("a.md", "see /somewhere/oxmq/doc\nand `/home/x`", &places, &mut found);
        assert_eq!(found.len(), 2);
        found.clear();
        check_paths("a.md", "https://example.org/home/x and doc/home/y", &places, &mut found);
        assert_eq!(messages(&found), Vec::<String>::new());
    }
}
