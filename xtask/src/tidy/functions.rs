//! The rule about function length: 70 lines, unless the function is one flat match or carries a
//! comment that says why it is longer.
//!
//! The comment is `// tidy: long: REASON`, on the lines directly above the function or anywhere in
//! it. A match counts as flat when what stands around it is short and so is every arm.

use super::Finding;
use super::source::{Source, ident_at, words};

/// Longest function in lines, signature and braces included.
const FUNCTION_LINES_MAX: usize = 70;

/// Most lines that a flat function may have around its one match.
const AROUND_MATCH_LINES_MAX: usize = 15;

/// Most lines of one arm of a flat match.
const ARM_LINES_MAX: usize = 8;

/// The comment that lets a function be longer; a reason follows it.
const MARKER: &str = "// tidy: long: ";

/// Fewest words of the reason after the marker.
const REASON_WORDS_MIN: usize = 3;

/// Looks at every function of one source.
pub(crate) fn check(source: &Source, findings: &mut Vec<Finding>) {
    for at in words(&source.code, "fn") {
        let name = ident_at(source.code.get(at + 2..).unwrap_or("").trim_start());
        if name.is_empty() {
            continue; // The type of a function pointer.
        }
        let Some(open) = source.body_of(at) else { continue };
        let close = source.closing_brace(open);
        let (first, last) = (source.line_of(at), source.line_of(close));
        let lines = last - first + 1;
        if lines <= FUNCTION_LINES_MAX || has_marker(source, first, last) {
            continue;
        }
        if is_flat_match(source, open, close, lines) {
            continue;
        }
        let message = format!(
            "`{name}` has {lines} lines: let it decide and its helpers carry out \
             ({FUNCTION_LINES_MAX}); a flat table takes `{MARKER}REASON`"
        );
        findings.push(Finding::new(&source.path, first, message));
    }
}

/// True when a marker with a reason stands in the function or in the comments right above it.
fn has_marker(source: &Source, first: usize, last: usize) -> bool {
    let lines: Vec<&str> = source.text.lines().collect();
    let above = lines.iter().take(first - 1).rev().take_while(|line| {
        let line = line.trim_start();
        line.starts_with("//") || line.starts_with('#')
    });
    let inside = lines.iter().take(last).skip(first - 1);
    above.chain(inside).any(|line| {
        line.trim_start()
            .strip_prefix(MARKER)
            .is_some_and(|reason| reason.split_whitespace().count() >= REASON_WORDS_MIN)
    })
}

/// True when the body between the braces is one match of short arms with little around it.
fn is_flat_match(source: &Source, open: usize, close: usize, lines: usize) -> bool {
    let body = source.code.get(open..close).unwrap_or("");
    words(body, "match").any(|at| {
        let Some(inner) = source.body_of(open + at) else { return false };
        let end = source.closing_brace(inner);
        let span = source.line_of(end) - source.line_of(inner) + 1;
        lines - span.min(lines) <= AROUND_MATCH_LINES_MAX
            && longest_arm(source.code.get(inner..end).unwrap_or("")) <= ARM_LINES_MAX
    })
}

/// Lines of the longest run that is nested below the braces of the match itself.
fn longest_arm(block: &str) -> usize {
    let (mut depth, mut run, mut longest) = (0_i32, 1_usize, 1_usize);
    for byte in block.bytes() {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => depth -= 1,
            b'\n' if depth > 1 => run += 1,
            b'\n' => run = 1,
            _ => {}
        }
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::super::{messages, source};
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let mut findings = Vec::new();
        check(&source("crates/x/src/lib.rs", text), &mut findings);
        messages(&findings)
    }

    #[test]
    fn seventy_lines_pass_and_one_more_does_not() {
        let of = |lines: usize| format!("fn a() {{\n{}}}\n", "    b();\n".repeat(lines - 2));
        assert_eq!(findings(&of(70)), Vec::<String>::new());
        assert!(findings(&of(71))[0].contains("lib.rs:1: `a` has 71 lines"));
    }

    #[test]
    fn pointer_types_and_trait_items_have_no_body() {
        let text = format!("type A = fn(u8);\ntrait B {{\n    fn c();\n{}}}\n", "\n".repeat(80));
        assert_eq!(findings(&text), Vec::<String>::new());
    }

    #[test]
    fn the_marker_needs_a_reason() {
        let body = "    b();\n".repeat(80);
        let with = format!("/// Doc.\n{MARKER}one row for each option\nfn a() {{\n{body}}}\n");
        assert_eq!(findings(&with), Vec::<String>::new());
        let without = format!("/// Doc.\n{MARKER}\nfn a() {{\n{body}}}\n");
        assert_eq!(findings(&without).len(), 1);
        let elsewhere = format!("{MARKER}one row for each option\n\nfn a() {{\n{body}}}\n");
        assert_eq!(findings(&elsewhere).len(), 1);
    }

    #[test]
    fn a_flat_match_may_be_long_and_a_deep_one_may_not() {
        let flat = "        1 => 2,\n        3 => {\n            4\n        }\n".repeat(30);
        let text = format!("fn a(b: u8) -> u8 {{\n    match b {{\n{flat}    }}\n}}\n");
        assert_eq!(findings(&text), Vec::<String>::new());
        let deep = format!("        1 => {{\n{}        }}\n", "            b();\n".repeat(80));
        let text = format!("fn a(b: u8) -> u8 {{\n    match b {{\n{deep}    }}\n}}\n");
        assert_eq!(findings(&text).len(), 1);
        let around = "    b();\n".repeat(40);
        let text = format!("fn a(b: u8) -> u8 {{\n{around}    match b {{\n{flat}    }}\n}}\n");
        assert_eq!(findings(&text).len(), 1);
    }
}
