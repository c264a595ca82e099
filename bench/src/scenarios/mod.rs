//! The scenarios: each measures its cases, and hands over the rows as they come.

mod converge;

use std::time::Duration;

use futures::FutureExt;
use futures::future::LocalBoxFuture;

use crate::Result;
use crate::bench::Bench;
use crate::results::Row;
use crate::workload::Workload;

/// How long anything may take before it counts as broken.
pub(crate) const LIMIT: Duration = Duration::from_hours(1);

/// How much is measured.
#[derive(Debug, Clone)]
pub struct Extent {
    /// How many objects.
    pub sizes: Vec<usize>,
    /// Only what says most: all kinds mixed, at the lower latency.
    pub quick: bool,
}

impl Extent {
    /// The latencies of the clouds.
    #[must_use]
    pub fn latencies(&self) -> Vec<Duration> {
        let all = [50, 200].map(Duration::from_millis);
        if self.quick { all[..1].to_vec() } else { all.to_vec() }
    }

    /// The workloads of a size.
    #[must_use]
    pub fn workloads(&self, objects: usize) -> Vec<Workload> {
        let shapes = [100, 1];
        shapes
            .into_iter()
            .flat_map(|targets| {
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

/// All scenarios, in the order of the document.
pub const SCENARIOS: &[Scenario] = &[Scenario {
    name: "waiting",
    title: "Objects that wait when the operator starts",
    about: include_str!("about/waiting.md"),
    run: |bench, extent, sink| converge::waiting(bench, extent, sink).boxed_local(),
}];

pub(crate) fn milliseconds(latency: Duration) -> String {
    format!("{} ms", latency.as_millis())
}
