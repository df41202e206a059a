//! The coverage that loom reports under a time limit, within which it goes from few preemptions to more.
//!
//! Only a build with `--cfg loom` has these tests (`scripts/loom`).

#![cfg(loom)]

use std::time::Duration;

use contract::shard::Shard;
use contract::sync::{Arc, AtomicUsize, ExplorationPlan, Ordering, Reached, explore, reached, thread};
use models::bounds::{EVERY_SCHEDULE, at_most};
use models::joined;

/// Threads that each add to a count `times` times.
fn adding(threads: usize, times: usize) -> impl Fn() + Sync + Send + 'static {
    move || {
        let count = Arc::new(AtomicUsize::new(0));
        let add = move |count: &AtomicUsize| {
            for _ in 0..times {
                count.fetch_add(1, Ordering::Relaxed);
            }
        };
        let others: Vec<_> = (1..threads)
            .map(|_| {
                let count = Arc::clone(&count);
                thread::spawn(move || add(&count))
            })
            .collect();
        add(&count);
        others.into_iter().for_each(joined);
    }
}

fn plan(time: Option<Duration>) -> ExplorationPlan {
    ExplorationPlan { bounds: EVERY_SCHEDULE, seed: 0, shard: Shard::WHOLE, replay: None, time }
}

#[test]
fn enough_time_changes_only_the_order() {
    let whole = explore(&plan(None), adding(2, 2));
    assert!(whole.exhausted && reached() == Reached::Plan);
    let deeper = explore(&plan(Some(Duration::MAX)), adding(2, 2));
    assert!(deeper.exhausted && reached() == Reached::Plan);
    assert!(
        deeper.executions > whole.executions,
        "schedules of few preemptions are explored first, and again later: {deeper:?} {whole:?}"
    );
    let bounded = explore(&ExplorationPlan { bounds: at_most(2), ..plan(Some(Duration::MAX)) }, adding(2, 2));
    assert!(!bounded.exhausted && reached() == Reached::Plan);
}

/// A complete exploration would take years.
#[test]
fn a_time_limit_leaves_the_coverage_partial() {
    let cut = explore(&plan(Some(Duration::from_millis(1))), adding(4, 20));
    assert!(!cut.exhausted && cut.executions > 0);
    assert!(matches!(reached(), Reached::Part | Reached::Preemptions(_)), "{:?}", reached());
    let none = explore(&plan(Some(Duration::from_nanos(1))), adding(4, 20));
    assert_eq!((none.executions, reached()), (0, Reached::Part));
}
