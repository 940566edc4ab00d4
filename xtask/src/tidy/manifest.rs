//! A `Cargo.toml` read line by line: the package, whether it is published, its targets with a path
//! of their own, and its dependencies with the comment beside each.
//!
//! A full TOML parser drops the comments, and the comments are what one rule is about. The reader
//! knows the shapes that Cargo manifests take: tables, dotted keys, inline tables and arrays that
//! go over several lines.

/// One line of a dependency table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// The name of the package, also when it is renamed.
    pub(crate) name: String,
    /// 1-based line in the manifest.
    pub(crate) line: usize,
    /// True for the table of the workspace, whose lines are only there to be taken by others.
    pub(crate) of_workspace: bool,
    /// True when the line takes its version from the workspace.
    pub(crate) from_workspace: bool,
    /// True when a comment stands at the end of the line or directly above it.
    pub(crate) has_reason: bool,
}

/// What the rules and the test steps need to know of a manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// Path from the workspace root.
    pub(crate) path: String,
    /// Name of the package; empty in the manifest of the workspace.
    pub(crate) package: String,
    /// True unless the package says `publish = false`.
    pub(crate) published: bool,
    /// Every dependency, of every table.
    pub(crate) dependencies: Vec<Dependency>,
    /// Values of `path` in the tables of targets, from the folder of the package.
    pub(crate) target_paths: Vec<String>,
}

impl Manifest {
    /// Reads one manifest. What is not understood is left out; Cargo itself reports bad syntax.
    pub(crate) fn parse(path: &str, text: &str) -> Self {
        let mut manifest = Self { path: path.to_owned(), published: true, ..Self::default() };
        let mut table = String::new();
        let mut open_brackets = 0_i32;
        let mut comment_above = false;
        for (at, line) in text.lines().enumerate() {
            let (code, comment) = split_comment(line);
            let code = code.trim();
            if code.is_empty() {
                comment_above = comment;
                continue;
            }
            let continues = open_brackets > 0;
            if code.starts_with('[') && !continues {
                table = code.trim_matches(['[', ']']).trim().to_owned();
                // What is said above a table is said of its first line too.
                comment_above |= comment;
                manifest.open_table(&table, at + 1, comment_above);
            } else {
                open_brackets += brackets(code);
                if !continues {
                    manifest.key(&table, code, at + 1, comment || comment_above);
                }
                comment_above = false;
            }
        }
        manifest
    }

    /// The folder of the package, from the workspace root; empty for the workspace itself.
    pub(crate) fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// `[dependencies.NAME]`: a dependency with a table of its own.
    fn open_table(&mut self, table: &str, line: usize, has_reason: bool) {
        if let Some((parent, name)) = table.rsplit_once('.')
            && is_dependency_table(parent)
        {
            let of_workspace = parent.starts_with("workspace.");
            let name = name.trim_matches('"').to_owned();
            let from_workspace = false;
            let dependency = Dependency { name, line, of_workspace, from_workspace, has_reason };
            self.dependencies.push(dependency);
        }
    }

    fn key(&mut self, table: &str, code: &str, line: usize, has_reason: bool) {
        let Some((key, value)) = code.split_once('=') else { return };
        let (key, value) = (key.trim(), value.trim());
        if is_dependency_table(table) {
            let (name, rest) = key.split_once('.').unwrap_or((key, ""));
            let name = quoted_after(value, "package").unwrap_or(name).trim_matches('"').to_owned();
            let packed: String = value.chars().filter(|c| !c.is_whitespace()).collect();
            let from_workspace = rest == "workspace" || packed.contains("workspace=true");
            let of_workspace = table.starts_with("workspace.");
            let dependency = Dependency { name, line, of_workspace, from_workspace, has_reason };
            self.dependencies.push(dependency);
        } else if table == "package" && key == "name" {
            self.package = value.trim_matches('"').to_owned();
        } else if table == "package" && key == "publish" {
            self.published = value != "false";
        } else if matches!(table, "lib" | "bin" | "test" | "bench" | "example") && key == "path" {
            self.target_paths.push(value.trim_matches('"').to_owned());
        } else if key == "workspace" && value == "true" {
            self.take_from_workspace(table);
        }
    }

    /// `workspace = true` inside `[dependencies.NAME]`.
    fn take_from_workspace(&mut self, table: &str) {
        let name = table.rsplit('.').next().unwrap_or("");
        if let Some(last) = self.dependencies.last_mut()
            && last.name == name
        {
            last.from_workspace = true;
        }
    }
}

fn is_dependency_table(table: &str) -> bool {
    let last = table.rsplit('.').next().unwrap_or("");
    matches!(last, "dependencies" | "dev-dependencies" | "build-dependencies")
}

/// The line without its comment, and whether it had one with words in it.
fn split_comment(line: &str) -> (&str, bool) {
    let mut quoted = false;
    for (at, c) in line.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '#' if !quoted => {
                let (code, comment) = line.split_at(at);
                return (code, comment.chars().any(char::is_alphabetic));
            }
            _ => {}
        }
    }
    (line, false)
}

/// Brackets opened less brackets closed, outside quotes.
fn brackets(code: &str) -> i32 {
    let mut quoted = false;
    let mut open = 0;
    for c in code.chars() {
        match c {
            '"' => quoted = !quoted,
            '[' | '{' if !quoted => open += 1,
            ']' | '}' if !quoted => open -= 1,
            _ => {}
        }
    }
    open
}

/// The quoted value of `key` in an inline table.
fn quoted_after<'a>(value: &'a str, key: &str) -> Option<&'a str> {
    let rest = value.split_once(key)?.1.trim_start().strip_prefix('=')?;
    rest.trim_start().strip_prefix('"')?.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r##"
[package]
name = "oxmq-engine"
publish = false # a reason

[[bin]]
path = "src/other.rs"

[dependencies]
# Speaks ZMTP.
oxmq-zmtp.workspace = true
bare = "1"
beside = { version = "1", features = [
    "a", # not a dependency
] } # why it is here
renamed = { package = "real-name", version = "1" }

[target.'cfg(unix)'.dev-dependencies.tabled]
workspace = true
"##;

    #[test]
    fn the_shapes_of_a_manifest_are_read() {
        let manifest = Manifest::parse("crates/engine/Cargo.toml", SAMPLE);
        assert_eq!(manifest.package, "oxmq-engine");
        assert_eq!(manifest.folder(), "crates/engine");
        assert!(!manifest.published);
        assert_eq!(manifest.target_paths, ["src/other.rs"]);
        let seen: Vec<(&str, bool, bool)> = manifest
            .dependencies
            .iter()
            .map(|d| (d.name.as_str(), d.from_workspace, d.has_reason))
            .collect();
        let expected = [
            ("oxmq-zmtp", true, true),
            ("bare", false, false),
            ("beside", false, false),
            ("real-name", false, false),
            ("tabled", true, false),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_comment_belongs_to_the_next_line_only() {
        let text = "[dependencies]\n# Why.\na = \"1\"\nb = \"1\" # Why.\n\
                    c = \"1\"\n# Lost.\n\nd = \"1\"\n# Why.\n[dev-dependencies]\ne = \"1\"\n\
                    f = \"1\"\n";
        let manifest = Manifest::parse("Cargo.toml", text);
        let reasons: Vec<bool> = manifest.dependencies.iter().map(|d| d.has_reason).collect();
        assert_eq!(reasons, [true, true, false, false, true, false]);
    }
}
