//! Exploration with loom: every schedule within bounds.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::modelled::begin;
use super::{Explored, Explorer, Plan, Reached};

/// What runs a model in this build.
pub const EXPLORER: Explorer = Explorer::Loom;

/// The bounds of preemptions of an exploration whose time is bounded, one after another; then the plan's own. Each costs about ten times
/// what the one before does.
const DEEPER: [usize; 4] = [1, 2, 3, 4];

thread_local! {
    static REACHED: Cell<Reached> = const { Cell::new(Reached::Plan) };
}

/// Explores every execution of `model` within the plan's bounds.
///
/// All there are were explored when no bound of preemptions left any out: an execution that reaches the other bound, of scheduling
/// points, fails the model.
///
/// With a bound of time it goes from few preemptions to more (M. Musuvathi and S. Qadeer, "Iterative context bounding for systematic testing of
/// multithreaded programs", 2007), so that what it has done when the time is over can be told: [`reached`].
pub fn explore(plan: &Plan, model: impl Fn() + Sync + Send + 'static) -> Explored {
    let (began, own) = (Instant::now(), plan.bounds.preemptions);
    let executions = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&executions);
    let model = Arc::new(move || {
        begin();
        // Relaxed: a count that no modelled thread reads.
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let before = DEEPER.into_iter().filter(|&fewer| plan.time.is_some() && own.is_none_or(|own| fewer < own));
    let bounds = before.map(Some).chain([own]);
    REACHED.set(Reached::Part);
    for preemptions in bounds {
        let left = plan.time.map(|time| time.saturating_sub(began.elapsed()));
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = preemptions;
        builder.max_branches = plan.bounds.branches;
        // The environment sets these as well, and loom then ends early without a word: it would not be what was asked.
        builder.max_permutations = None;
        builder.max_duration = left;
        // After each execution it is looked at the clock.
        builder.checkpoint_interval = 1;
        let model = Arc::clone(&model);
        builder.check(move || model());
        if plan.time.is_some_and(|time| began.elapsed() >= time) {
            break;
        }
        REACHED.set(preemptions.filter(|_| preemptions != own).map_or(Reached::Plan, Reached::Preemptions));
    }
    let exhausted = own.is_none() && reached() == Reached::Plan;
    Explored { executions: executions.load(Ordering::Relaxed), exhausted }
}

/// What of its plan the exploration of this thread has done.
pub fn reached() -> Reached {
    REACHED.get()
}

/// The choices of the execution that this thread explores: loom needs none, since it makes the same ones each time.
pub fn choices() -> Option<String> {
    None
}
