//! Exploration with loom: every schedule within bounds.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::modelled::begin;
use super::{ExplorationPlan, Explored, Explorer, Reached};

/// The explorer of this build.
pub const EXPLORER: Explorer = Explorer::Loom;

/// The bounds of preemptions, one after another, of an exploration with a time limit; the plan's own comes
/// last. Each costs about ten times as much as the one before.
const DEEPER: [usize; 4] = [1, 2, 3, 4];

thread_local! {
    static REACHED: Cell<Reached> = const { Cell::new(Reached::Plan) };
}

/// Explores every execution of `model` within the plan's bounds.
///
/// The exploration is exhaustive when no bound of preemptions left an execution out. The other bound, of
/// scheduling points, leaves none out: loom panics in an execution that reaches it.
///
/// With a time limit the exploration goes from few preemptions to more (M. Musuvathi and S. Qadeer,
/// "Iterative context bounding for systematic testing of multithreaded programs", 2007), so that [`reached`]
/// can name the bound that it has completed when the time is over.
pub fn explore(plan: &ExplorationPlan, model: impl Fn() + Sync + Send + 'static) -> Explored {
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
        // Loom reads these from the environment as well, and then ends early and in silence.
        builder.max_permutations = None;
        builder.max_duration = left;
        // Loom checks its time limit after every execution.
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

/// How much of its plan the exploration on this thread has done.
pub fn reached() -> Reached {
    REACHED.get()
}

/// Whether the current execution repeats an earlier one: never. Loom itself notices when it meets other choices
/// than before.
pub fn repeats() -> bool {
    false
}

/// The choices of the current execution: none, since loom repeats its choices by itself.
pub fn choices() -> Option<String> {
    None
}
