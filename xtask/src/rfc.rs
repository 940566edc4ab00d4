//! `cargo xtask rfc`: every `RFC nn §x` tag of the code beside the tests that carry the same tag.
//!
//! A tag is a comment such as `RFC 37 §3.2`; a section that the code names and no test names fails
//! the task. Tags are read from comments only, one run, one thread.

use std::collections::BTreeMap;
use std::path::Path;

use crate::tidy::Tree;
use crate::tidy::source::Source;

/// A section of an RFC: the number and the section as written, numbers first.
type Section = (u32, Vec<u32>, String);

/// Where a section is named.
#[derive(Debug, Default, PartialEq, Eq)]
struct Places {
    code: Vec<String>,
    tests: Vec<String>,
}

/// Prints the table of sections; an error when the code names one that no test does.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let tree = Tree::load(root)?;
    let sections = collect(tree.sources.iter().filter(|s| !s.path.starts_with("xtask/")));
    let mut untested = 0_usize;
    for ((rfc, _, section), places) in &sections {
        let verdict = match (places.code.is_empty(), places.tests.is_empty()) {
            (false, true) => "NO TEST",
            (true, false) => "test only",
            _ => "ok",
        };
        untested += usize::from(verdict == "NO TEST");
        println!("RFC {rfc} {section}: {verdict}");
        for place in &places.code {
            println!("    code {place}");
        }
        for place in &places.tests {
            println!("    test {place}");
        }
    }
    println!("{} sections, {untested} without a test", sections.len());
    if untested == 0 {
        Ok(())
    } else {
        Err(format!("rfc: {untested} sections are named in the code and in no test"))
    }
}

fn collect<'a>(sources: impl Iterator<Item = &'a Source>) -> BTreeMap<Section, Places> {
    let mut sections: BTreeMap<Section, Places> = BTreeMap::new();
    for source in sources {
        for (at, section) in tags(&source.comments) {
            let line = source.line_of(at);
            let place = format!("{}:{line}", source.path);
            let places = sections.entry(section).or_default();
            if source.is_test_line(line) { &mut places.tests } else { &mut places.code }
                .push(place);
        }
    }
    sections
}

/// Every tag in the comments, with its offset.
fn tags(comments: &str) -> Vec<(usize, Section)> {
    let mut found = Vec::new();
    for (at, _) in comments.match_indices("RFC ") {
        let rest = comments.get(at + 4..).unwrap_or("");
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let Some(rfc) = rest.get(..digits).and_then(|text| text.parse().ok()) else { continue };
        let Some(rest) = rest.get(digits..).and_then(|text| text.strip_prefix(" §")) else {
            continue;
        };
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '.' && c != '-');
        let section = rest.get(..end.unwrap_or(rest.len())).unwrap_or("").trim_end_matches('.');
        if !section.is_empty() {
            let order = section.split('.').filter_map(|part| part.parse().ok()).collect();
            found.push((at, (rfc, order, format!("§{section}"))));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(comments: &str) -> Vec<String> {
        tags(comments)
            .into_iter()
            .map(|(_, (rfc, _, section))| format!("{rfc} {section}"))
            .collect()
    }

    #[test]
    fn tags_are_read_with_their_section() {
        assert_eq!(names("// RFC 37 §3.2: a peer SHALL. RFC 28 §4"), ["37 §3.2", "28 §4"]);
        assert_eq!(names("// (RFC 23 §framing), RFC 15, RFC x §1"), ["23 §framing"]);
    }

    #[test]
    fn code_and_tests_are_told_apart() {
        let text = "// RFC 37 §3.10: a\n// RFC 37 §3.2: b\n\
                    #[cfg(test)]\nmod tests {\n    // RFC 37 §3.2: b\n}\n";
        let source = Source::new("crates/zmtp/src/frame.rs", text);
        let found: Vec<(String, usize, usize)> = collect(std::iter::once(&source))
            .into_iter()
            .map(|((_, _, section), places)| (section, places.code.len(), places.tests.len()))
            .collect();
        assert_eq!(found, [("§3.2".to_owned(), 1, 1), ("§3.10".to_owned(), 1, 0)]);
    }

    #[test]
    fn a_tag_in_a_string_is_none() {
        let source = Source::new("crates/zmtp/src/frame.rs", "const A: &str = \"RFC 37 §3\";");
        assert!(collect(std::iter::once(&source)).is_empty());
    }
}
