//! Explores a model with the build's explorer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc as Plain;
use std::sync::Mutex as PlainMutex;

use chanlab_shim::run::execution;

/// The number of schedules of a model.
#[cfg(shuttle)]
pub(crate) const SCHEDULES: usize = 500;

/// Runs [`SCHEDULES`] schedules of a model.
#[cfg(shuttle)]
pub(crate) fn explore(model: impl Fn() + Send + Sync + 'static) {
    explore_by(shuttle::scheduler::RandomScheduler::new_from_seed(7, SCHEDULES), model);
}

#[cfg(shuttle)]
pub(crate) fn explore_by(
    scheduler: impl shuttle::scheduler::Scheduler + 'static,
    model: impl Fn() + Send + Sync + 'static,
) {
    use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

    let model: Plain<dyn Fn() + Send + Sync> = Plain::new(model);
    let mut config = Config::new();
    config.failure_persistence = FailurePersistence::None;
    config.silence_warnings = true;
    config.max_steps = MaxSteps::FailAfter(10_000);
    Runner::new(scheduler, config).run(move || execution(&model));
}

/// Runs every schedule of a model with few preemptions.
#[cfg(loom)]
pub(crate) fn explore(model: impl Fn() + Send + Sync + 'static) {
    let model: Plain<dyn Fn() + Send + Sync> = Plain::new(model);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || execution(&model));
}

/// The panic message of a model that has to fail.
pub(crate) fn failure(model: impl Fn() + Send + Sync + 'static) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| explore(model))).expect_err("the model fails");
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).expect("a panic with a text")
}

/// The distinct outcomes of a model.
pub(crate) fn outcomes<T: Ord + Clone + Send + 'static>(
    model: impl Fn() -> T + Send + Sync + 'static,
) -> Vec<T> {
    let seen = Plain::new(PlainMutex::new(Vec::new()));
    let all = Plain::clone(&seen);
    explore(move || all.lock().expect("no thread panics while it holds the lock").push(model()));
    let mut seen = seen.lock().expect("no thread panics while it holds the lock").clone();
    seen.sort();
    seen.dedup();
    seen
}
