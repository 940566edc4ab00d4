//! The rules about manifests: arrows between the crates of the house point down only, and every
//! dependency from outside has its reason beside it.
//!
//! The table of arrows is the picture in doc/architecture.md; change both together. Pure functions
//! from manifests to findings.

use super::{Finding, Manifest};

/// Which crates of the house a crate may depend on, in any of its tables.
const ARROWS: [(&str, &[&str]); 9] = [
    ("oxmq-zmtp", &[]),
    ("oxmq-message", &[]),
    ("oxmq-pipe", &[]),
    ("oxmq-journal", &[]),
    ("oxmq-engine", &["oxmq-zmtp", "oxmq-message", "oxmq-pipe", "oxmq-journal"]),
    ("oxmq", &["oxmq-engine", "oxmq-message", "oxmq-zmtp"]),
    ("oxmq-libzmq", &["oxmq-engine", "oxmq-message", "oxmq-pipe", "oxmq-zmtp"]),
    ("oxmq-cli", &["oxmq"]),
    ("xtask", &[]),
];

/// Runs both rules over every manifest.
pub(crate) fn check(manifests: &[Manifest], findings: &mut Vec<Finding>) {
    for manifest in manifests {
        arrows(manifest, findings);
        reasons(manifest, findings);
    }
}

fn is_of_the_house(name: &str) -> bool {
    name == "xtask" || name == "oxmq" || name.starts_with("oxmq-")
}

fn arrows(manifest: &Manifest, findings: &mut Vec<Finding>) {
    if manifest.package.is_empty() || manifest.path.starts_with("testing/") {
        return; // The workspace is no layer, and the test crates stand above all of them.
    }
    let Some((_, below)) = ARROWS.iter().find(|(name, _)| *name == manifest.package) else {
        let message = format!(
            "`{}` has no row in ARROWS of xtask/src/tidy/arrows.rs: name the crates below it",
            manifest.package
        );
        findings.push(Finding::new(&manifest.path, 1, message));
        return;
    };
    for dependency in manifest.dependencies.iter().filter(|d| is_of_the_house(&d.name)) {
        if !below.contains(&dependency.name.as_str()) {
            let message = format!(
                "`{}` may depend on [{}], not on `{}`: move what you need down a layer",
                manifest.package,
                below.join(", "),
                dependency.name
            );
            findings.push(Finding::new(&manifest.path, dependency.line, message));
        }
    }
}

fn reasons(manifest: &Manifest, findings: &mut Vec<Finding>) {
    for dependency in &manifest.dependencies {
        let explained = dependency.has_reason || dependency.from_workspace;
        if !explained && !is_of_the_house(&dependency.name) {
            let message = format!(
                "`{}` has no reason: say why it is needed in a comment beside it or above it",
                dependency.name
            );
            findings.push(Finding::new(&manifest.path, dependency.line, message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::messages;
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        let mut findings = Vec::new();
        check(&[Manifest::parse(path, text)], &mut findings);
        messages(&findings)
    }

    #[test]
    fn an_arrow_up_is_found() {
        let up = "[package]\nname = \"oxmq-zmtp\"\n[dependencies]\noxmq-engine.workspace = true\n";
        assert!(
            findings("crates/zmtp/Cargo.toml", up)[0].contains("Cargo.toml:4: `oxmq-zmtp` may")
        );
        let side =
            "[package]\nname = \"oxmq-cli\"\n[dev-dependencies]\noxmq-engine.workspace = true\n";
        assert_eq!(findings("crates/cli/Cargo.toml", side).len(), 1);
        let down =
            "[package]\nname = \"oxmq-engine\"\n[dependencies]\noxmq-zmtp.workspace = true\n";
        assert_eq!(findings("crates/engine/Cargo.toml", down), Vec::<String>::new());
        let above = "[package]\nname = \"oxmq-interop\"\n[dependencies]\noxmq.workspace = true\n";
        assert_eq!(findings("testing/interop/Cargo.toml", above), Vec::<String>::new());
    }

    #[test]
    fn a_new_crate_needs_a_row() {
        let text = "[package]\nname = \"oxmq-extra\"\n";
        assert!(findings("crates/extra/Cargo.toml", text)[0].contains("has no row in ARROWS"));
    }

    #[test]
    fn a_dependency_from_outside_needs_a_reason() {
        let bare = "[package]\nname = \"oxmq\"\n[dependencies]\nlibc = \"0.2\"\n";
        assert!(
            findings("crates/oxmq/Cargo.toml", bare)[0].contains("Cargo.toml:4: `libc` has no")
        );
        let explained = "[workspace.dependencies]\nlibc = \"0.2\" # epoll and eventfd\n";
        assert_eq!(findings("Cargo.toml", explained), Vec::<String>::new());
        let taken = "[package]\nname = \"oxmq\"\n[dependencies]\nlibc.workspace = true\n";
        assert_eq!(findings("crates/oxmq/Cargo.toml", taken), Vec::<String>::new());
    }
}
