//! Writes `doc/options.md` from the tables. Used by the test that keeps the page up to date.

use std::fmt::Write;

use super::context::CONTEXT_ROWS;
use super::row::{Access, Kind, OptionRow, Scope, Stability, State, When};
use super::table::rows;

const HEAD: &str = "\
# Options

Generated from the tables in `crates/engine/src/options/`. To bring it up to date:
`OXMQ_BLESS=1 cargo test -p oxmq-engine options_md`.

Columns: the number in the C API; the name without `ZMQ_`; type, unit and range; what libzmq and the
C face start with; what the Rust API and the shell tools start with; the sockets that have it (in
brackets: every socket takes it, and it means something to these); whether it can be set (s) and
read (g); when a change counts (now: also for what is bound and connected; next: from the next bind
or connect on); what it does. *Draft*, *deprecated* and *oxmq* (not an option of libzmq) are marked.

A value of the wrong length, range or form is refused and changes nothing. So is an option that a
socket does not have, and one whose feature is missing.
";

/// The page.
pub(super) fn page() -> String {
    let mut page = String::from(HEAD);
    page.push_str("\n## Socket options\n\n");
    page.push_str(
        "| # | name | type | unit | range | libzmq | oxmq | sockets | access | when | what it does \
         |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    let mut built: Vec<_> = rows().filter(|row| row.state == State::Built).collect();
    built.sort_by_key(|row| (row.code == 0, row.code));
    built.iter().for_each(|row| socket_row(&mut page, row));
    page.push_str("\n## Context options\n\n");
    page.push_str(
        "| # | name | unit | range | libzmq | oxmq | access | what it does |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for row in CONTEXT_ROWS {
        let shown = |value: Option<i64>| match row.access {
            Access::Set if row.unit == "CPU" => "-".to_owned(),
            _ => number(value),
        };
        let (libzmq, oxmq) = (shown(row.libzmq), shown(row.safe.map(|safe| safe.0).or(row.libzmq)));
        let (code, name, unit, doc) = (row.code, row.name, row.unit, row.doc);
        let (range, access) = (row.kind.range(), access(row.access));
        let line = [code.to_string().as_str(), name, unit, &range, &libzmq, &oxmq, access, doc]
            .join(" | ");
        line_of(&mut page, &line);
    }
    differences(&mut page);
    not_built(&mut page);
    page
}

fn socket_row(page: &mut String, row: &OptionRow) {
    let code = if row.code == 0 { "-".to_owned() } else { row.code.to_string() };
    let range = if row.access == Access::Get { String::new() } else { row.kind.range() };
    let mark = match row.stability {
        Stability::Stable => "",
        Stability::Deprecated => " *Deprecated.*",
        Stability::Draft => " *Draft.*",
        Stability::OxmqOnly => " *oxmq.*",
    };
    let when = match (row.access, row.when) {
        (Access::Get, _) => "",
        (_, When::Now) => "now",
        (_, When::NextConnection) => "next",
    };
    let doc = format!("{}{mark}", row.doc);
    let (libzmq, oxmq) = (default(row, row.libzmq), default(row, row.safe_default()));
    let (kind, sockets) = (row.kind.type_name(), sockets(row.scope));
    let (name, unit, access) = (row.name, row.unit, access(row.access));
    let cells =
        [&code, name, kind, unit, &range, &libzmq, &oxmq, &sockets, access, when, doc.as_str()];
    line_of(page, &cells.join(" | "));
}

fn line_of(page: &mut String, cells: &str) {
    // Writing to a String cannot fail.
    _ = writeln!(page, "| {cells} |");
}

/// How a row's default is shown: nothing for what has none.
fn default(row: &OptionRow, value: Option<i64>) -> String {
    match (row.kind, value) {
        (Kind::Bytes { .. } | Kind::Text { .. } | Kind::String { .. }, None)
            if row.access == Access::Both =>
        {
            "empty".to_owned()
        }
        (Kind::Key, None) => "zeros".to_owned(),
        _ => number(value),
    }
}

fn number(value: Option<i64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

const fn access(access: Access) -> &'static str {
    match access {
        Access::Both => "s g",
        Access::Set => "s",
        Access::Get => "g",
    }
}

fn sockets(scope: Scope) -> String {
    let names = |types: &[oxmq_zmtp::SocketType]| {
        types.iter().map(|socket_type| socket_type.name()).collect::<Vec<_>>().join(" ")
    };
    match scope {
        Scope::All => "all".to_owned(),
        Scope::ActsOn(types) => format!("({})", names(types)),
        Scope::Only(types) => names(types),
    }
}

fn differences(page: &mut String) {
    page.push_str("\n## Where the Rust API starts otherwise, and why\n\n");
    page.push_str("| option | libzmq | oxmq | unit | reason |\n|---|---|---|---|---|\n");
    for row in rows() {
        let Some((value, reason)) = row.safe else { continue };
        let cells =
            [row.name, &number(row.libzmq), &value.to_string(), row.unit, reason].join(" | ");
        line_of(page, &cells);
    }
    for row in CONTEXT_ROWS {
        let Some((value, reason)) = row.safe else { continue };
        let name = format!("{} (context)", row.name);
        line_of(
            page,
            &[&name, &number(row.libzmq), &value.to_string(), row.unit, reason].join(" | "),
        );
    }
    page.push_str(
        "\nThe limits that only oxmq has are off in the C face (-1) and on in the Rust API. Each \
         can be set back.\n",
    );
}

fn not_built(page: &mut String) {
    page.push_str(
        "\n## Options whose feature is missing\n\nSetting or reading one fails (EINVAL in C).\n\n",
    );
    page.push_str(
        "| # | name | type | libzmq | what is missing | what it would do |\n\
         |---|---|---|---|---|---|\n",
    );
    for row in rows() {
        let State::NotBuilt(feature) = row.state else { continue };
        let mark = if row.stability == Stability::Draft { " *Draft.*" } else { "" };
        let (code, doc) = (row.code.to_string(), format!("{}{mark}", row.doc));
        let libzmq = default(row, row.libzmq);
        line_of(page, &[&code, row.name, row.kind.type_name(), &libzmq, feature, &doc].join(" | "));
    }
}
