//! The rules about the written pages: a link leads somewhere, a path in the map of
//! doc/architecture.md exists, and the Rust in README.md stands in an example that the tests run.
//!
//! Pure functions from the tree to findings. Links to other sites are not followed.

use super::reach::join;
use super::{Finding, Tree};

/// The page whose paths in backquotes are a map of the tree.
const MAP: &str = "doc/architecture.md";

/// The page whose programs have to be examples.
const FRONT: &str = "README.md";

/// Where those examples lie.
const EXAMPLES: &str = "crates/oxmq/examples/";

/// First folders that make a word in backquotes a path.
const MAPPED: [&str; 4] = ["crates/", "xtask/", "testing/", "doc/"];

/// Runs the three rules over every page.
pub(crate) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    for (path, text) in tree.texts.iter().filter(|(path, _)| path.ends_with(".md")) {
        links(tree, path, text, findings);
        if path == MAP {
            map(tree, path, text, findings);
        }
        if path == FRONT {
            programs(tree, path, text, findings);
        }
    }
}

fn links(tree: &Tree, path: &str, text: &str, findings: &mut Vec<Finding>) {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    for (at, line) in text.lines().enumerate() {
        for rest in line.split("](").skip(1) {
            let target = rest.split([')', '#']).next().unwrap_or("");
            let is_local = !target.is_empty() && !target.contains("://");
            if is_local && !tree.has_path(&join(folder, target)) {
                let message = format!("the link to `{target}` leads nowhere: mend it or remove it");
                findings.push(Finding::new(path, at + 1, message));
            }
        }
    }
}

fn map(tree: &Tree, path: &str, text: &str, findings: &mut Vec<Finding>) {
    for (at, line) in text.lines().enumerate() {
        for word in line.split('`').skip(1).step_by(2) {
            let is_path = MAPPED.iter().any(|first| word.starts_with(first));
            if is_path && !tree.has_path(word.trim_end_matches('/')) {
                let message = format!("`{word}` is not there: say which file it is now");
                findings.push(Finding::new(path, at + 1, message));
            }
        }
    }
}

fn programs(tree: &Tree, path: &str, text: &str, findings: &mut Vec<Finding>) {
    let mut program: Option<(usize, Vec<&str>)> = None;
    for (at, line) in text.lines().enumerate() {
        match &mut program {
            None if line == "```rust" => program = Some((at + 1, Vec::new())),
            None => {}
            Some((start, lines)) if line == "```" => {
                if !is_example(tree, lines) {
                    let message = format!(
                        "this program stands in no file below {EXAMPLES}: put it there, word for \
                         word, so that the tests run it"
                    );
                    findings.push(Finding::new(path, *start, message));
                }
                program = None;
            }
            Some((_, lines)) => lines.push(line.trim()),
        }
    }
}

/// True when the lines stand together in one example, at any indentation.
fn is_example(tree: &Tree, program: &[&str]) -> bool {
    tree.sources.iter().filter(|source| source.path.starts_with(EXAMPLES)).any(|source| {
        let lines: Vec<&str> = source.text.lines().map(str::trim).collect();
        !program.is_empty() && lines.windows(program.len()).any(|window| window == program)
    })
}

#[cfg(test)]
mod tests {
    use super::super::{messages, source};
    use super::*;

    fn findings(page: &str, text: &str) -> Vec<String> {
        let mut tree = Tree::default();
        for path in [page, "doc/mission.md", "LICENSE-MIT", "crates/pipe/src/lib.rs"] {
            tree.files.insert(path.to_owned());
        }
        let example =
            source("crates/oxmq/examples/hello.rs", "//! A.\n    let a = 1;\n    b(a);\n");
        tree.sources.push(example);
        tree.texts.push((page.to_owned(), text.to_owned()));
        let mut findings = Vec::new();
        check(&tree, &mut findings);
        messages(&findings)
    }

    #[test]
    fn a_link_leads_somewhere() {
        let dead = findings("doc/a.md", "\n[x](mission.md) and [y](../nowhere.md)\n");
        assert_eq!(dead.len(), 1);
        assert!(dead[0].starts_with("doc/a.md:2: the link to `../nowhere.md`"), "{dead:?}");
        let alive =
            "[x](https://a.b/c) [y](#here) [z](mission.md#s1) [w](../LICENSE-MIT) [v](../doc)";
        assert_eq!(findings("doc/a.md", alive), Vec::<String>::new());
    }

    #[test]
    fn the_map_names_what_is_there() {
        let wrong = findings(MAP, "| `crates/pipe/src/gone.rs` | `crates/pipe/` | `Msg` |");
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].contains("`crates/pipe/src/gone.rs` is not there"), "{wrong:?}");
        assert_eq!(findings("doc/other.md", "`crates/gone`"), Vec::<String>::new());
    }

    #[test]
    fn a_program_of_the_front_page_is_an_example() {
        let kept = "```rust\nlet a = 1;\nb(a);\n```\n```sh\nls\n```\n";
        assert_eq!(findings(FRONT, kept), Vec::<String>::new());
        let changed = findings(FRONT, "```rust\nlet a = 2;\nb(a);\n```\n");
        assert!(changed[0].contains("README.md:1: this program stands in no file"), "{changed:?}");
    }
}
