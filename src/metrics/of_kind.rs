//! What the engine of one kind counts.

use std::sync::Arc;
use std::time::Duration;

use super::families::{Families, OfController, OfKind, OfPass, OfQueue, OfResult};

/// Counts for the engine of one kind. Cheap to clone; clones count together.
#[derive(Debug, Clone)]
pub struct KindMetrics {
    kind: String,
    /// The kind as controller-runtime would name its controller.
    controller: String,
    families: Arc<Families>,
}

/// How a pass has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassResult {
    /// Nobody belongs to the target any more.
    Success,
    /// Its target is looked at again later, as all are.
    RequeueAfter,
    /// The list of the target could not be read.
    Error,
}

impl PassResult {
    /// As controller-runtime spells it.
    fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::RequeueAfter => "requeue_after",
            Self::Error => "error",
        }
    }
}

/// A pass that runs, until this is dropped: it counts as an error if nobody has said how it ended.
#[derive(Debug)]
pub struct PassInProgress {
    metrics: KindMetrics,
    result: PassResult,
}

impl KindMetrics {
    pub(super) fn new(kind: &str, families: Arc<Families>) -> Self {
        Self { kind: kind.to_owned(), controller: kind.to_ascii_lowercase(), families }
    }

    /// A pass begins, for something so urgent.
    #[must_use]
    pub fn pass(&self, class: &str) -> PassInProgress {
        self.families.passes.get_or_create(&OfPass { kind: self.kind.clone(), class: class.to_owned() }).inc();
        self.families.active_workers.get_or_create(&self.controller()).inc();
        PassInProgress { metrics: self.clone(), result: PassResult::Error }
    }

    /// A pass became due.
    pub fn pass_is_due(&self) {
        self.families.queue_adds.get_or_create(&self.queue()).inc();
    }

    /// So many passes are due and have not begun.
    pub fn set_due(&self, passes: usize) {
        let passes = super::gauge(u64::try_from(passes).unwrap_or(u64::MAX));
        self.families.queue_depth.get_or_create(&self.queue()).set(passes);
    }

    /// A principal got back what somebody had taken away by hand.
    pub fn drift_repaired(&self) {
        self.families.drift_repaired.get_or_create(&OfKind { kind: self.kind.clone() }).inc();
    }

    fn controller(&self) -> OfController {
        OfController { controller: self.controller.clone() }
    }

    fn queue(&self) -> OfQueue {
        OfQueue { name: self.controller.clone() }
    }
}

impl PassInProgress {
    /// It has ended so, after so long.
    pub fn end(mut self, result: PassResult, took: Duration) {
        self.result = result;
        let KindMetrics { families, .. } = &self.metrics;
        families.reconcile_time.get_or_create(&self.metrics.controller()).observe(took.as_secs_f64());
    }
}

impl Drop for PassInProgress {
    fn drop(&mut self) {
        let KindMetrics { families, controller, .. } = &self.metrics;
        families.active_workers.get_or_create(&self.metrics.controller()).dec();
        let result = OfResult { controller: controller.clone(), result: self.result.name() };
        families.reconciles.get_or_create(&result).inc();
        if self.result == PassResult::Error {
            families.reconcile_errors.get_or_create(&self.metrics.controller()).inc();
        }
    }
}
