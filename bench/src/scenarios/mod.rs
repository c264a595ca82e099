//! The scenarios: each measures its cases, and hands over the rows as they come.

mod converge;
mod deletion;
mod one_more;
mod settled;

use std::time::Duration;

use futures::FutureExt;
use futures::future::LocalBoxFuture;

use crate::Result;
use crate::bench::Bench;
use crate::results::{Row, number};
use crate::workload::Workload;

/// How long anything may take before it counts as broken.
const LIMIT: Duration = Duration::from_hours(1);

/// Calls that the operator makes at once with one credential: `CALLS_AT_ONCE` of its budget.
const CALLS_AT_ONCE: usize = 16;

/// How much is measured.
#[derive(Debug, Clone)]
pub struct Extent {
    /// How many objects.
    pub sizes: Vec<usize>,
    /// Over how many targets.
    pub targets: Vec<usize>,
    /// Only what says most: all kinds mixed, at the lower latency.
    pub quick: bool,
    /// Of objects that become Ready or go, only the cases whose names contain this.
    pub case: Option<String>,
    /// How often a time is compared with the bare client's.
    pub runs: usize,
}

impl Extent {
    /// The latencies of the clouds.
    #[must_use]
    pub fn latencies(&self) -> Vec<Duration> {
        let all = [50, 200].map(Duration::from_millis);
        if self.quick { all[..1].to_vec() } else { all.to_vec() }
    }

    /// Every workload of every size at every latency, with the name of the case, of those that are wanted.
    #[must_use]
    pub fn cases(&self) -> Vec<(String, Workload, Duration)> {
        let of_workload = |workload: Workload| {
            let named = move |latency| (format!("{workload}, {}", milliseconds(latency)), workload.clone(), latency);
            self.latencies().into_iter().map(named)
        };
        let wanted = |(case, ..): &(String, _, _)| self.case.as_ref().is_none_or(|wanted| case.contains(wanted));
        self.sizes.iter().flat_map(|&objects| self.workloads(objects)).flat_map(of_workload).filter(wanted).collect()
    }

    /// The workloads of a size.
    fn workloads(&self, objects: usize) -> Vec<Workload> {
        self.targets
            .iter()
            .flat_map(|&targets| {
                if self.quick { vec![Workload::mixed(objects, targets)] } else { Workload::every(objects, targets) }
            })
            .collect()
    }
}

/// Where rows go: the name of their case, and the rows.
pub type Sink<'a> = &'a mut dyn FnMut(String, Vec<Row>) -> Result<()>;

/// One scenario.
pub struct Scenario {
    /// As `--only` names it.
    pub name: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// What is measured and how, in the document.
    pub about: &'static str,
    /// Measures.
    pub run: for<'a> fn(&'a Bench, &'a Extent, Sink<'a>) -> LocalBoxFuture<'a, Result<()>>,
}

macro_rules! scenario {
    ($name:literal, $title:literal, $run:path) => {
        Scenario {
            name: $name,
            title: $title,
            about: include_str!(concat!("about/", $name, ".md")),
            run: |bench, extent, sink| $run(bench, extent, sink).boxed_local(),
        }
    };
}

/// All scenarios, in the order of the document.
pub const SCENARIOS: &[Scenario] = &[
    scenario!("waiting", "Objects that wait when the operator starts", converge::waiting),
    scenario!("created", "Objects that are created while it runs", converge::created),
    scenario!("one-more", "One more object", one_more::one_more),
    scenario!("urgent", "A deletion while thousands wait", deletion::urgent),
    scenario!("settled", "Settled objects", settled::idle),
    scenario!("deletion", "Deletion of all", deletion::all),
    scenario!("restart", "A restart", settled::restarts),
    scenario!("growth", "Ten times the objects", converge::growth),
    scenario!("large", "A hundred thousand objects", settled::large),
];

fn milliseconds(latency: Duration) -> String {
    format!("{} ms", latency.as_millis())
}

/// A figure of another one, with both.
fn ratio(measure: &str, figure: f64, of: f64, bound: f64, unit: &str) -> Row {
    Row::at_most(measure, figure / of, bound, " ×", &format!("{} / {}{unit}", number(figure), number(of)))
}

/// The time of a run as a figure of the bare client's beside it: of several pairs, the one in the middle.
fn times(measure: &str, pairs: &[(f64, f64)], bound: f64) -> Row {
    let mut pairs = pairs.to_vec();
    pairs.sort_by(|one, other| (one.0 / one.1).total_cmp(&(other.0 / other.1)));
    let (seconds, bare) = pairs[pairs.len() / 2];
    let row = ratio(measure, seconds, bare, bound, " s");
    if pairs.len() == 1 {
        return row;
    }
    let all: Vec<_> = pairs.iter().map(|(seconds, bare)| number(seconds / bare)).collect();
    Row { figure: format!("{}; {} runs: {}", row.figure, pairs.len(), all.join(", ")), ..row }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn count(value: usize) -> f64 {
    value as f64
}
