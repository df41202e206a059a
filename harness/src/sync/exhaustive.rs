//! Exploration with loom: every schedule within bounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::modelled::begin;
use super::{Explored, Explorer, Plan};

/// What runs a model in this build.
pub const EXPLORER: Explorer = Explorer::Loom;

/// Explores every execution of `model` within the plan's bounds.
///
/// All there are were explored when no bound of preemptions left any out: an execution that reaches the other bound, of scheduling
/// points, fails the model.
pub fn explore(plan: &Plan, model: impl Fn() + Sync + Send + 'static) -> Explored {
    let executions = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&executions);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = plan.bounds.preemptions;
    builder.max_branches = plan.bounds.branches;
    // The environment sets these as well, and loom then ends early without a word: it would not be what was asked.
    builder.max_permutations = None;
    builder.max_duration = None;
    builder.check(move || {
        begin();
        // Relaxed: a count that no modelled thread reads.
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let executions = executions.load(Ordering::Relaxed);
    Explored { executions, exhausted: plan.bounds.preemptions.is_none() }
}

/// The choices of the execution that this thread explores: loom needs none, since it makes the same ones each time.
pub fn choices() -> Option<String> {
    None
}
