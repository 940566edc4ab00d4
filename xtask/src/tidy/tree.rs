//! The files of the workspace that the rules read: Rust sources, manifests, and every other text.
//!
//! A `Tree` is loaded once from the disk and owns everything in it; tests build one by hand. Build
//! products, version control and installed packages are left out.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::{Manifest, Source, reach};

/// Folders that hold nothing written by hand.
const SKIPPED_FOLDERS: [&str; 5] = ["target", ".git", "node_modules", "__pycache__", "venv"];

/// Endings of the files that are read as text.
const TEXT_ENDINGS: [&str; 13] =
    ["rs", "toml", "md", "sh", "py", "js", "mjs", "ts", "json", "yml", "yaml", "txt", "run"];

/// Home folders: a path that starts like this is true on one machine only.
const HOMES: [&str; 3] = ["/home/", "/root/", "/Users/"];

/// Folders above a checkout that many machines have, and that a text may therefore name.
const COMMON_FOLDERS: [&str; 9] =
    ["/", "/tmp", "/home", "/root", "/opt", "/srv", "/usr", "/var", "/mnt"];

/// Everything the rules look at.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Every `.rs` file, by path.
    pub(crate) sources: Vec<Source>,
    /// Every `Cargo.toml`, by path.
    pub(crate) manifests: Vec<Manifest>,
    /// Every text file, Rust or not: path and content.
    pub(crate) texts: Vec<(String, String)>,
    /// Every file, text or not, by its path.
    pub(crate) files: BTreeSet<String>,
    /// Beginnings of paths that must not be written down.
    pub(crate) machine_paths: Vec<String>,
}

impl Tree {
    /// Reads the workspace at `root`.
    pub(crate) fn load(root: &Path) -> Result<Self, String> {
        let mut tree = Self { machine_paths: machine_paths(root), ..Self::default() };
        let mut files = BTreeSet::new();
        walk(root, "", &mut files)?;
        for path in files.iter().filter(|path| is_text(path)).cloned() {
            let full = root.join(&path);
            let content = fs::read_to_string(&full)
                .map_err(|error| format!("cannot read {}: {error}", full.display()))?;
            if path.ends_with(".rs") {
                tree.sources.push(Source::new(&path, &content));
            }
            if path.ends_with("Cargo.toml") {
                tree.manifests.push(Manifest::parse(&path, &content));
            }
            tree.texts.push((path, content));
        }
        tree.files = files;
        reach::mark_test_modules(&mut tree);
        Ok(tree)
    }

    /// True for the path of a file or of a folder with files in it.
    pub(crate) fn has_path(&self, path: &str) -> bool {
        let below = format!("{path}/");
        self.files.contains(path)
            || self.files.range(below.clone()..).next().is_some_and(|file| file.starts_with(&below))
    }
}

fn walk(root: &Path, below: &str, files: &mut BTreeSet<String>) -> Result<(), String> {
    let folder = root.join(below);
    let unreadable = |error| format!("cannot list {}: {error}", folder.display());
    for entry in fs::read_dir(&folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        let kind = entry.file_type().map_err(unreadable)?;
        if kind.is_dir() && !SKIPPED_FOLDERS.contains(&name.as_str()) {
            walk(root, &path, files)?;
        } else if kind.is_file() {
            files.insert(path);
        }
    }
    Ok(())
}

fn is_text(path: &str) -> bool {
    let ending = path.rsplit('.').next().unwrap_or("");
    TEXT_ENDINGS.contains(&ending) || path == ".ci/run"
}

/// Where this checkout lies, and the folder above it when that is no common one.
fn machine_paths(root: &Path) -> Vec<String> {
    let mut paths: Vec<String> = HOMES.iter().map(ToString::to_string).collect();
    for folder in root.ancestors().take(2) {
        let folder = folder.to_string_lossy();
        if !COMMON_FOLDERS.contains(&folder.as_ref()) {
            paths.push(format!("{folder}/"));
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test may fail where it stands")]

    use super::*;

    #[test]
    fn a_checkout_knows_its_own_place() {
        let paths = machine_paths(Path::new("/somewhere/oxmq"));
        assert!(paths.contains(&"/somewhere/oxmq/".to_owned()));
        assert!(paths.contains(&"/somewhere/".to_owned()));
        assert!(!machine_paths(Path::new("/tmp/oxmq")).contains(&"/tmp/".to_owned()));
    }

    #[test]
    fn build_products_are_not_read() {
        let tree = Tree::load(&crate::workspace_root()).expect("the workspace is readable");
        assert!(tree.texts.iter().any(|(path, _)| path == "Cargo.toml"));
        assert!(tree.texts.iter().all(|(path, _)| !path.starts_with("target/")));
    }
}
