//! The rule about dead files: every `.rs` file under a `src/` is reached by `mod` lines from a
//! crate root, else nobody compiles it.
//!
//! The same walk finds the files whose `mod` line stands under `#[cfg(test)]`, so that the other
//! rules know them for tests.

use std::collections::BTreeSet;

use super::source::{Source, attribute_end, ident_at, selects_tests, words};
use super::{Finding, Tree};

/// A `mod name;` line.
#[derive(Debug, PartialEq, Eq)]
struct Module {
    /// Paths of which one is the file; both are from the workspace root.
    files: Vec<String>,
    /// True when only the tests compile it.
    for_tests: bool,
}

/// Finds the files that no crate root reaches.
pub(crate) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    for manifest in &tree.manifests {
        let folder = manifest.folder();
        let src = if folder.is_empty() { "src/".to_owned() } else { format!("{folder}/src/") };
        let mut reached: BTreeSet<&str> = BTreeSet::new();
        let mut waiting: Vec<&Source> = tree
            .sources
            .iter()
            .filter(|s| {
                is_root(&s.path, &src) || is_target(&s.path, folder, &manifest.target_paths)
            })
            .collect();
        while let Some(source) = waiting.pop() {
            if reached.insert(&source.path) {
                let files: Vec<String> =
                    modules(source).into_iter().flat_map(|m| m.files).collect();
                waiting.extend(tree.sources.iter().filter(|s| files.contains(&s.path)));
            }
        }
        for source in tree.sources.iter().filter(|s| s.path.starts_with(&src)) {
            if !reached.contains(source.path.as_str()) {
                let message = "no `mod` reaches this file: declare it or delete it";
                findings.push(Finding::new(&source.path, 1, message));
            }
        }
    }
}

/// Marks the files behind `#[cfg(test)] mod name;`, and what they declare in turn, as test code.
pub(crate) fn mark_test_modules(tree: &mut Tree) {
    let mut marked: BTreeSet<String> = BTreeSet::new();
    loop {
        let before = marked.len();
        for source in &tree.sources {
            let whole = marked.contains(&source.path);
            for module in modules(source) {
                if whole || module.for_tests {
                    marked.extend(module.files);
                }
            }
        }
        if marked.len() == before {
            break;
        }
    }
    for source in tree.sources.iter_mut().filter(|s| marked.contains(&s.path)) {
        source.mark_all_as_test();
    }
}

fn is_root(path: &str, src: &str) -> bool {
    let Some(rest) = path.strip_prefix(src) else { return false };
    rest == "lib.rs"
        || rest == "main.rs"
        || rest.strip_prefix("bin/").is_some_and(|bin| {
            !bin.contains('/') || bin.ends_with("/main.rs") && bin.matches('/').count() == 1
        })
}

fn is_target(path: &str, folder: &str, targets: &[String]) -> bool {
    path.strip_prefix(folder)
        .map(|rest| rest.trim_start_matches('/'))
        .is_some_and(|rest| targets.iter().any(|target| target == rest))
}

/// Every `mod name;` of a file, with the places where its file may lie.
fn modules(source: &Source) -> Vec<Module> {
    let mut found = Vec::new();
    for at in words(&source.code, "mod") {
        let rest = source.code.get(at + 3..).unwrap_or("").trim_start();
        let name = ident_at(rest);
        let after = rest.get(name.len()..).unwrap_or("").trim_start();
        if name.is_empty() || !after.starts_with(';') {
            continue;
        }
        let (path, test_attribute) = attributes_before(source, at);
        let mut folder = module_folder(source);
        let inline = enclosing(source, at);
        let files = match path {
            Some(path) if inline.is_empty() => vec![join(parent(&source.path), &path)],
            path => {
                for name in &inline {
                    folder = join(&folder, name);
                }
                path.map_or_else(
                    || vec![format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")],
                    |path| vec![join(&folder, &path)],
                )
            }
        };
        let for_tests = test_attribute || source.is_test_line(source.line_of(at));
        found.push(Module { files, for_tests });
    }
    found
}

/// The folder in which a file looks for its modules.
fn module_folder(source: &Source) -> String {
    let folder = parent(&source.path);
    match source.file_name() {
        "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
        // A root of its own: its modules lie beside it.
        _ if folder.ends_with("/bin") => folder.to_owned(),
        file => join(folder, file.trim_end_matches(".rs")),
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Joins two paths and takes `..` out of the result.
pub(crate) fn join(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The value of `#[path]` before the item at `at`, and whether an attribute there selects tests.
fn attributes_before(source: &Source, at: usize) -> (Option<String>, bool) {
    let before = source.code.get(..at).unwrap_or("");
    let start = before.rfind([';', '}', '{']).map_or(0, |end| end + 1);
    let (mut path, mut for_tests) = (None, false);
    for (offset, _) in before.get(start..).unwrap_or("").match_indices("#[") {
        let open = start + offset;
        let Some(end) = attribute_end(&source.code, open) else { continue };
        let code = source.code.get(open..end).unwrap_or("");
        for_tests |= selects_tests(code);
        if ident_at(code.get(2..).unwrap_or("")) == "path" {
            let text = source.text.get(open..end).unwrap_or("");
            path = text.split('"').nth(1).map(str::to_owned);
        }
    }
    (path, for_tests)
}

/// Names of the inline modules around `at`, outermost first.
fn enclosing(source: &Source, at: usize) -> Vec<String> {
    words(&source.code, "mod")
        .take_while(|outer| *outer < at)
        .filter_map(|outer| {
            let rest = source.code.get(outer + 3..)?.trim_start();
            let name = ident_at(rest);
            let open = source.body_of(outer)?;
            (!name.is_empty() && open < at && at < source.closing_brace(open))
                .then(|| name.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Manifest, messages, source};
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::default();
        tree.manifests.push(Manifest::parse("crates/x/Cargo.toml", "[package]\nname = \"oxmq\"\n"));
        tree.sources = files.iter().map(|(path, text)| source(path, text)).collect();
        mark_test_modules(&mut tree);
        tree
    }

    fn findings(files: &[(&str, &str)]) -> Vec<String> {
        let mut findings = Vec::new();
        check(&tree(files), &mut findings);
        messages(&findings)
    }

    #[test]
    fn a_file_without_a_mod_line_is_found() {
        let dead = [
            ("crates/x/src/lib.rs", "mod a; // mod b;"),
            ("crates/x/src/a.rs", ""),
            ("crates/x/src/b.rs", ""),
        ];
        let found = findings(&dead);
        assert_eq!(
            found,
            ["crates/x/src/b.rs:1: no `mod` reaches this file: declare it or delete it"]
        );
    }

    #[test]
    fn every_way_to_declare_a_file_is_followed() {
        let alive = [
            ("crates/x/src/lib.rs", "pub mod a; mod c { mod d; }\n#[path = \"odd/e.rs\"]\nmod f;"),
            ("crates/x/src/a.rs", "mod b;"),
            ("crates/x/src/a/b.rs", ""),
            ("crates/x/src/c/d/mod.rs", "mod g;"),
            ("crates/x/src/c/d/g.rs", ""),
            ("crates/x/src/odd/e.rs", ""),
            ("crates/x/src/bin/tool.rs", ""),
        ];
        assert_eq!(findings(&alive), Vec::<String>::new());
    }

    #[test]
    fn files_behind_a_test_attribute_are_tests() {
        let tree = tree(&[
            ("crates/x/src/lib.rs", "#[cfg(all(test, loom))]\nmod model;\nmod plain;"),
            ("crates/x/src/model.rs", "mod deeper;"),
            ("crates/x/src/model/deeper.rs", "fn a() {}"),
            ("crates/x/src/plain.rs", "fn a() {}"),
        ]);
        let marks: Vec<bool> = tree.sources.iter().map(|s| s.is_test_line(1)).collect();
        assert_eq!(marks, [true, true, true, false]);
    }
}
