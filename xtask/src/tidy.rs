//! `cargo xtask tidy`: the rules of the house that can be checked by reading source text.
//!
//! This file gathers the files and runs every rule over them; each rule lives in a file of its own
//! below `tidy/` and only turns text into findings. Everything runs on the calling thread and
//! nothing outlives the run.

mod arrows;
mod calls;
mod functions;
pub(crate) mod manifest;
mod pages;
mod reach;
pub(crate) mod source;
mod text;
mod tree;

use std::fmt;
use std::path::Path;

use manifest::Manifest;
use source::Source;
pub(crate) use tree::Tree;

/// One broken rule: where it is, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// Checks the workspace at `root` and prints every finding; the error counts them.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let tree = Tree::load(root)?;
    let findings = check(&tree);
    for finding in &findings {
        eprintln!("{finding}");
    }
    if findings.is_empty() {
        println!("tidy: {} Rust files, {} manifests", tree.sources.len(), tree.manifests.len());
        Ok(())
    } else {
        Err(format!("tidy: {} findings", findings.len()))
    }
}

/// Every finding of every rule, by file and line.
fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &tree.sources {
        text::check_source(source, &mut findings);
        functions::check(source, &mut findings);
        calls::check(source, &mut findings);
    }
    for (path, content) in &tree.texts {
        text::check_paths(path, content, &tree.machine_paths, &mut findings);
    }
    arrows::check(&tree.manifests, &mut findings);
    reach::check(tree, &mut findings);
    pages::check(tree, &mut findings);
    findings.sort();
    findings.dedup();
    findings
}

#[cfg(test)]
fn source(path: &str, text: &str) -> Source {
    Source::new(path, text)
}

#[cfg(test)]
fn messages(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test may fail where it stands")]

    use super::*;

    #[test]
    fn the_house_keeps_its_own_rules() {
        let root = crate::workspace_root();
        let tree = Tree::load(&root).expect("the workspace is readable");
        assert!(
            tree.sources.iter().any(|s| s.path == "xtask/src/tidy.rs"),
            "the walk missed files"
        );
        let mine: Vec<_> =
            check(&tree).into_iter().filter(|f| f.path.starts_with("xtask/")).collect();
        assert_eq!(messages(&mine), Vec::<String>::new());
    }
}
