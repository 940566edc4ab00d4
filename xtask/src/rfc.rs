//! `cargo xtask rfc`: every rule of an RFC that the code claims to keep, beside the tests that name
//! the same section.
//!
//! A claim is a comment such as `RFC 37 §Framing: the long form SHALL ..`: number, section, colon.
//! A mention without the colon points the reader to the text and claims nothing; in a test it
//! counts all the same. Comments only, one run, one thread.

use std::collections::BTreeMap;
use std::path::Path;

use crate::tidy::Tree;
use crate::tidy::source::Source;

/// Longest name of a section in bytes; what is longer is prose.
const SECTION_BYTES_MAX: usize = 80;

/// An RFC and one of its sections, by number or by title.
type Section = (u32, String);

/// Where a section is claimed by the code and named by the tests.
#[derive(Debug, Default, PartialEq, Eq)]
struct Places {
    code: Vec<String>,
    tests: Vec<String>,
}

/// Something that looks like a tag: where it stands and the words after the section mark.
#[derive(Debug)]
struct Mention {
    place: String,
    in_test: bool,
    rfc: u32,
    words: String,
}

/// Prints the table of sections; an error when the code claims one that no test names.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let tree = Tree::load(root)?;
    let sections = collect(tree.sources.iter().filter(|s| !s.path.starts_with("xtask/")));
    let mut untested = 0_usize;
    for ((rfc, section), places) in &sections {
        let verdict = match (places.code.is_empty(), places.tests.is_empty()) {
            (false, true) => "NO TEST",
            (true, false) => "test only",
            _ => "ok",
        };
        untested += usize::from(verdict == "NO TEST");
        println!("RFC {rfc} §{section}: {verdict}");
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
        Err(format!("rfc: the code claims {untested} sections that no test names"))
    }
}

fn collect<'a>(sources: impl Iterator<Item = &'a Source>) -> BTreeMap<Section, Places> {
    let mentions: Vec<Mention> = sources.flat_map(mentions).collect();
    let mut sections: BTreeMap<Section, Places> = BTreeMap::new();
    for mention in &mentions {
        if let Some(section) = claimed(&mention.words) {
            sections.entry((mention.rfc, section.to_owned())).or_default();
        }
    }
    for mention in mentions {
        for ((_, section), places) in
            sections.iter_mut().filter(|((rfc, _), _)| *rfc == mention.rfc)
        {
            if mention.in_test && begins_with(&mention.words, section) {
                places.tests.push(mention.place.clone());
            } else if !mention.in_test && claimed(&mention.words) == Some(section.as_str()) {
                places.code.push(mention.place.clone());
            }
        }
    }
    sections
}

fn mentions(source: &Source) -> Vec<Mention> {
    let mut found = Vec::new();
    for (at, _) in source.comments.match_indices("RFC ") {
        let rest = source.comments.get(at + 4..).unwrap_or("");
        let Some((rfc, rest)) = rest.split_once(" §") else { continue };
        let Ok(rfc) = rfc.parse() else { continue };
        let line = source.line_of(at);
        found.push(Mention {
            place: format!("{}:{line}", source.path),
            in_test: source.is_test_line(line),
            rfc,
            words: unwrapped(rest),
        });
    }
    found
}

/// The first lines of `comment` as one line, without the marks that begin each.
fn unwrapped(comment: &str) -> String {
    let lines = comment.lines().take(3).enumerate();
    let text = lines.map(|(at, line)| {
        let line = line.trim();
        if at == 0 { line } else { line.trim_start_matches(['/', '!']).trim_start() }
    });
    text.collect::<Vec<_>>().join(" ")
}

/// The section before the colon, when the words are a claim.
fn claimed(words: &str) -> Option<&str> {
    let (section, _) = words.split_once(": ").or_else(|| Some((words.strip_suffix(':')?, "")))?;
    let is_name = !section.contains([',', ';', '(', ')', '§']) && !section.contains(". ");
    (is_name && section.len() <= SECTION_BYTES_MAX).then_some(section)
}

/// True when `words` begin with the section and not with a longer number or word.
fn begins_with(words: &str, section: &str) -> bool {
    words.strip_prefix(section).is_some_and(|rest| {
        let mut next = rest.chars();
        match next.next() {
            Some('.') => !next.next().is_some_and(char::is_alphanumeric),
            other => !other.is_some_and(char::is_alphanumeric),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Section, claims in the code, names in the tests.
    fn table(text: &str) -> Vec<(String, usize, usize)> {
        let source = Source::new("crates/zmtp/src/frame.rs", text);
        collect(std::iter::once(&source))
            .into_iter()
            .map(|((rfc, section), places)| {
                (format!("{rfc} {section}"), places.code.len(), places.tests.len())
            })
            .collect()
    }

    #[test]
    fn a_claim_has_a_number_a_section_and_a_colon() {
        let text = "// RFC 37 §3.2: a peer SHALL.\n// RFC 37 §Detecting ZMTP 1.0 Peers: b\n\
                    // See RFC 28 §4 and (RFC 23 §Framing), RFC x §1: c\n";
        let expected =
            [("37 3.2".to_owned(), 1, 0), ("37 Detecting ZMTP 1.0 Peers".to_owned(), 1, 0)];
        assert_eq!(table(text), expected);
    }

    #[test]
    fn a_test_answers_a_claim_with_or_without_the_colon() {
        let text = "// RFC 37 §The Identity\n// Property: a\n// RFC 37 §3: c\n#[cfg(test)]\n\
                    mod tests {\n// RFC 37 §The Identity Property.\n// RFC 37 §3.1\n}\n";
        let expected = [("37 3".to_owned(), 1, 0), ("37 The Identity Property".to_owned(), 1, 1)];
        assert_eq!(table(text), expected);
    }

    #[test]
    fn a_tag_in_a_string_is_none() {
        assert!(table("const A: &str = \"RFC 37 §3: a\";").is_empty());
    }
}
