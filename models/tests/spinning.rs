//! The schedules that shuttle has for a thread that spins and yields before it waits, as the threads of a
//! channel do.
//!
//! Only a build with `--cfg shuttle` has these tests (`scripts/shuttle`).

#![cfg(shuttle)]

use std::collections::BTreeSet;
use std::sync::Mutex;

use contract::shard::Shard;
use contract::sync::{Arc, AtomicUsize, ExplorationPlan, Ordering, explore, thread};
use models::bounds::DEFAULT;
use models::joined;

/// More steps than a random schedule gives to one thread while another can run.
const SPINS: usize = 40;

/// The values of a flag that a thread has seen after `spins`, over all schedules of a plan; another thread
/// sets the flag.
fn seen(spins: impl Fn(&AtomicUsize) + Sync + Send + 'static) -> BTreeSet<usize> {
    let plan = ExplorationPlan { bounds: DEFAULT, seed: 0, shard: Shard::WHOLE, replay: None, time: None };
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let sees = Arc::clone(&seen);
    explore(&plan, move || {
        let flag = Arc::new(AtomicUsize::new(0));
        let raised = Arc::clone(&flag);
        let other = thread::spawn(move || raised.store(1, Ordering::SeqCst));
        spins(&flag);
        let saw = flag.load(Ordering::SeqCst);
        joined(other);
        sees.lock().expect("no thread panics").insert(saw);
    });
    seen.lock().expect("no thread panics").clone()
}

/// The other thread may have ended when this one has spun for a while, or may have yet to begin, which is
/// when a channel waits.
#[test]
fn a_thread_spins_to_its_end_while_others_have_yet_to_begin() {
    let seen = seen(|_| (0..SPINS).for_each(|_| thread::yield_now()));
    assert_eq!(seen, BTreeSet::from([0, 1]));
}

/// A thread that spins until another has done something lets it run.
#[test]
fn a_thread_that_spins_without_end_lets_others_run() {
    let seen = seen(|flag| {
        while flag.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
    });
    assert_eq!(seen, BTreeSet::from([1]));
}
