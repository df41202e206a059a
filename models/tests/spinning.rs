//! What shuttle explores of a thread that spins, yielding, before it waits: as channels do.
//!
//! Only a build with `--cfg shuttle` has it (`scripts/shuttle`).

#![cfg(shuttle)]

use std::collections::BTreeSet;
use std::sync::Mutex;

use harness::shard::Shard;
use harness::sync::{Arc, AtomicUsize, ExplorationPlan, Ordering, explore, thread};
use models::bounds::DEFAULT;
use models::joined;

/// More than a random schedule lets one thread run while another could.
const SPINS: usize = 40;

/// What a thread sees of a flag when it has spun as it does in `spins`, in every schedule of a plan; another thread raises it.
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
        sees.lock().expect("nobody panics").insert(saw);
    });
    seen.lock().expect("nobody panics").clone()
}

/// The other thread may be done when a thread has spun a while, or have yet to begin, which is when a channel waits.
#[test]
fn a_thread_spins_to_its_end_while_others_have_yet_to_begin() {
    let seen = seen(|_| (0..SPINS).for_each(|_| thread::yield_now()));
    assert_eq!(seen, BTreeSet::from([0, 1]));
}

/// A thread that spins for what another does lets it do so.
#[test]
fn a_thread_that_spins_without_end_lets_others_run() {
    let seen = seen(|flag| {
        while flag.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
    });
    assert_eq!(seen, BTreeSet::from([1]));
}
