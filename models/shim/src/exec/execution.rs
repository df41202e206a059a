//! One execution of a model, from a fresh start to the check for leaks.
//!
//! All threads of a model run on the thread of the system that explores it, so all state is thread-local and
//! plain.

use std::sync::Arc;

use super::{
    clock, deadline_polls, explorer, leaks, lifecycle, locals, parker, quarantine, statics, tasks, trace,
};

/// Runs one execution of `model`, under shuttle on a thread of its own, and checks what it left in memory.
///
/// The model's first thread calls it, once per execution. Under shuttle the model runs on a thread that is
/// joined before the check. Loom has too few threads for that: it finds no leaks.
///
/// # Panics
///
/// When the model panics, when it freed memory twice, or when it leaked memory that holds a primitive or that
/// was stored in an atomic pointer.
pub fn execution(model: &Arc<dyn Fn() + Send + Sync>) {
    let model = Arc::clone(model);
    let body: Arc<dyn Fn() + Send + Sync> = Arc::new(move || {
        model();
        locals::end();
    });
    lifecycle::begin();
    trace::begin();
    leaks::begin();
    explorer::begin();
    tasks::begin();
    parker::begin();
    clock::begin();
    deadline_polls::begin();
    locals::begin();
    statics::begin();
    quarantine::begin();
    explorer::run(&body);
    statics::end();
    deadline_polls::end();
    let leak = explorer::SEES_LEAKS.then(leaks::first).flatten();
    quarantine::end();
    if let Some(site) = leak {
        panic!("memory was leaked: it was first used, or published in an atomic pointer, at {site}");
    }
}
