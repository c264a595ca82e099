//! Rows: a figure and the bound that it is held to; and where they are kept, so that runs of different scenarios add up.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Result;

/// One measure.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// What was measured.
    pub measure: String,
    /// What came of it, with what it is made of.
    pub figure: String,
    /// What it is held to; none: only told.
    pub bound: Option<String>,
    /// Whether the bound holds.
    pub met: Option<bool>,
}

impl Row {
    /// A figure that is held to nothing.
    #[must_use]
    pub fn told(measure: &str, figure: impl Into<String>) -> Self {
        Self { measure: measure.to_owned(), figure: figure.into(), bound: None, met: None }
    }

    /// A figure that may be as large as its bound; `explained` is what it is made of.
    #[must_use]
    pub fn at_most(measure: &str, figure: f64, bound: f64, unit: &str, explained: &str) -> Self {
        let explained = if explained.is_empty() { String::new() } else { format!(" ({explained})") };
        Self {
            measure: measure.to_owned(),
            figure: format!("{}{unit}{explained}", number(figure)),
            bound: Some(format!("≤ {}{unit}", number(bound))),
            met: Some(figure <= bound),
        }
    }

    /// A count that has to be exactly this.
    #[must_use]
    pub fn exactly(measure: &str, figure: usize, bound: usize) -> Self {
        Self {
            measure: measure.to_owned(),
            figure: figure.to_string(),
            bound: Some(format!("= {bound}")),
            met: Some(figure == bound),
        }
    }
}

/// A number as short as it says something.
#[must_use]
pub fn number(value: f64) -> String {
    if value.fract() == 0.0 || value >= 1000.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// Where and of what figures are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circumstances {
    /// The commit that was built.
    pub commit: String,
    /// CPU, cores, memory.
    pub machine: String,
    /// The day.
    pub date: String,
}

impl Circumstances {
    /// This machine, today.
    pub fn now(commit: &str) -> Result<Self> {
        let first = |file: &str, field: &str| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let value =
                text.lines().find_map(|line| Some(line.strip_prefix(field)?.split_once(':')?.1.trim().to_owned()));
            value.unwrap_or_else(|| "unknown".to_owned())
        };
        let cores = std::thread::available_parallelism()?;
        let memory = first("/proc/meminfo", "MemTotal");
        let kib: u64 = memory.trim_end_matches(" kB").parse().unwrap_or_default();
        Ok(Self {
            commit: commit.to_owned(),
            machine: format!("{}, {cores} cores, {} GiB", first("/proc/cpuinfo", "model name"), kib >> 20),
            date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
        })
    }
}

/// The rows of one case, and where they are from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Case {
    /// Where they are from.
    pub circumstances: Circumstances,
    /// The rows.
    pub rows: Vec<Row>,
}

/// All that was measured: scenario, then case.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Results(pub BTreeMap<String, BTreeMap<String, Case>>);

impl Results {
    /// Those of earlier runs.
    pub fn read(path: &Path) -> Result<Self> {
        match fs::read(path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps them for later runs.
    pub fn write(&self, path: &Path) -> Result<()> {
        Ok(fs::write(path, serde_json::to_string_pretty(self)? + "\n")?)
    }

    /// Puts a case in the place of what was measured before.
    pub fn put(&mut self, scenario: &str, case: &str, circumstances: &Circumstances, rows: Vec<Row>) {
        let case_of = Case { circumstances: circumstances.clone(), rows };
        self.0.entry(scenario.to_owned()).or_default().insert(case.to_owned(), case_of);
    }
}
