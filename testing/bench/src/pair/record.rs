//! What runs have printed, kept in a file for each part, so that a whole comparison can be made in
//! pieces and the page be written again without a run. A line is the scenario's name, the side, the
//! round and what the run printed, with tabs between. Owned by the main thread.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

use oxmq_testing::{Doing, Result};

use super::scenario::{Part, Side};
use super::{Line, parse, root};

/// Stands for the line of a run that failed.
const FAILED: &str = "FAILED";

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) scenario: String,
    pub(super) side: Side,
    pub(super) round: usize,
    /// What it printed; none if it failed. Programs that print several lines have several runs.
    pub(super) line: Option<String>,
}

impl Run {
    fn text(&self) -> String {
        let line = self.line.as_deref().unwrap_or(FAILED);
        format!("{}\t{}\t{}\t{line}\n", self.scenario, self.side.word(), self.round)
    }

    fn read(text: &str) -> Option<Run> {
        let mut words = text.splitn(4, '\t');
        let (scenario, side) = (words.next()?, Side::of(words.next()?)?);
        let (round, line) = (words.next()?.parse().ok()?, words.next()?);
        let line = (line != FAILED).then(|| line.to_owned());
        Some(Run { scenario: scenario.to_owned(), side, round, line })
    }

    /// Its figures.
    pub(super) fn figures(&self) -> Option<Line> {
        self.line.as_deref().map(parse)
    }
}

/// What is known of a part: under which load it was run, and its runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    pub(super) load: f64,
    pub(super) runs: Vec<Run>,
}

impl Record {
    /// Reads what was kept of a part; none if nothing was.
    pub(super) fn read(part: Part) -> Result<Option<Record>> {
        let path = path(part);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        let mut lines = text.lines();
        let load = lines.next().and_then(|line| line.parse().ok());
        let load = load.ok_or_else(|| format!("{} is no record", path.display()))?;
        Ok(Some(Record { load, runs: lines.filter_map(Run::read).collect() }))
    }

    /// Keeps it in place of what was kept of the part.
    pub(super) fn keep(&self, part: Part) -> Result<()> {
        let path = path(part);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).doing(folder.display())?;
        }
        let mut file = fs::File::create(&path).doing(path.display())?;
        let text: String = self.runs.iter().map(Run::text).collect();
        write!(file, "{}\n{text}", self.load).doing(path.display())
    }

    /// The runs of each scenario, by name.
    pub(super) fn by_scenario(&self) -> HashMap<&str, Vec<&Run>> {
        let mut found: HashMap<&str, Vec<&Run>> = HashMap::new();
        for run in &self.runs {
            found.entry(run.scenario.as_str()).or_default().push(run);
        }
        found
    }
}

fn path(part: Part) -> PathBuf {
    root().join("target/bench").join(format!("{}.txt", part.word()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

    use super::*;

    #[test]
    fn a_run_is_read_as_it_was_written() {
        for line in [Some("zbench msgs_per_s=12 ok=1".to_owned()), None] {
            let scenario = "thr/tcp/16".to_owned();
            let run = Run { scenario, side: Side::Ceiling, round: 2, line };
            assert_eq!(Run::read(run.text().trim_end_matches('\n')), Some(run.clone()));
        }
        assert_eq!(Run::read("thr/tcp/16\tnobody\t0\tx"), None);
        assert_eq!(Run::read("thr/tcp/16"), None);
        let run = Run::read("a\toxmq\t0\tzbench p50_us=7 ok=1").unwrap();
        assert_eq!(run.figures().unwrap()["p50_us"], "7");
    }
}
