//! The values that the shim's atomics return under loom: those that their orderings allow, and all of them.
//!
//! These are the usual litmus tests under their usual names. A build without `--cfg loom` has none of them.

#![cfg(loom)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex as PlainMutex;

use chanlab_shim::run::execution;
use chanlab_shim::sync::Mutex;
use chanlab_shim::sync::atomic::{AtomicU8, AtomicUsize, Ordering, fence};
use chanlab_shim::thread;

use Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};

/// The distinct outcomes of a model, over all schedules.
fn outcomes<T: Ord + Clone + Send + 'static>(model: impl Fn() -> T + Send + Sync + 'static) -> Vec<T> {
    let seen = Arc::new(PlainMutex::new(BTreeSet::new()));
    let all = Arc::clone(&seen);
    let model: Arc<dyn Fn() + Send + Sync> = Arc::new(move || {
        let outcome = model();
        all.lock().expect("no thread panics while it holds the lock").insert(outcome);
    });
    loom::model::Builder::new().check(move || execution(&model));
    seen.lock().expect("no thread panics while it holds the lock").iter().cloned().collect()
}

/// Two atomics that two threads share and neither of them made.
type Pair = Arc<(AtomicUsize, AtomicUsize)>;

/// The results of two threads that share a pair with the initial value `first`.
fn in_two_threads<A: Send + 'static, B>(
    one: impl FnOnce(&Pair) -> A + Send + 'static,
    other: impl FnOnce(&Pair) -> B,
    first: usize,
) -> (A, B) {
    let shared = Arc::new((AtomicUsize::new(first), AtomicUsize::new(first)));
    let theirs = Arc::clone(&shared);
    let thread = thread::spawn(move || one(&theirs));
    let seen = other(&shared);
    (thread.join().expect("the thread does not panic"), seen)
}

/// A message and a flag, both initially 5. A thread that sees the flag is sure to see the message only if the
/// flag is released and acquired.
fn message_passing(publish: Ordering, look: Ordering) -> Vec<(usize, usize)> {
    outcomes(move || {
        let write = move |shared: &Pair| {
            shared.0.store(7, Relaxed);
            shared.1.store(8, publish);
        };
        let read = move |shared: &Pair| (shared.1.load(look), shared.0.load(Relaxed));
        in_two_threads(write, read, 5).1
    })
}

#[test]
fn message_passing_needs_release_and_acquire() {
    let all = [(5, 5), (5, 7), (8, 5), (8, 7)];
    let whole = [(5, 5), (5, 7), (8, 7)];
    assert_eq!(message_passing(Release, Acquire), whole);
    assert_eq!(message_passing(SeqCst, SeqCst), whole);
    assert_eq!(message_passing(Relaxed, Acquire), all);
    assert_eq!(message_passing(Release, Relaxed), all);
}

#[test]
fn message_passing_works_through_read_modify_write_operations() {
    let seen = |add: Ordering| {
        outcomes(move || {
            let write = move |shared: &Pair| {
                shared.0.store(7, Relaxed);
                shared.1.fetch_add(3, add);
            };
            in_two_threads(write, |shared| (shared.1.swap(0, Acquire), shared.0.load(Relaxed)), 5).1
        })
    };
    assert_eq!(seen(AcqRel), [(5, 5), (5, 7), (8, 7)]);
    assert_eq!(seen(Relaxed), [(5, 5), (5, 7), (8, 5), (8, 7)]);
}

/// Each thread writes its own atomic and reads the other's. Only sequential consistency, of the accesses or
/// of fences, forbids that both miss the other's write.
#[test]
fn store_buffering_needs_sequential_consistency() {
    let missed = |write: Ordering, read: Ordering, fenced: bool| {
        outcomes(move || {
            let between = move || {
                if fenced {
                    fence(SeqCst);
                }
            };
            let one = move |shared: &Pair| {
                shared.0.store(1, write);
                between();
                shared.1.load(read)
            };
            let other = move |shared: &Pair| {
                shared.1.store(1, write);
                between();
                shared.0.load(read)
            };
            in_two_threads(one, other, 0)
        })
        .contains(&(0, 0))
    };
    assert!(missed(Relaxed, Relaxed, false));
    assert!(missed(Release, Acquire, false));
    assert!(!missed(SeqCst, SeqCst, false));
    assert!(!missed(Relaxed, Relaxed, true));
}

#[test]
fn a_lock_orders_its_critical_sections() {
    let seen = outcomes(|| {
        let shared = Arc::new((Mutex::new(false), AtomicUsize::new(0)));
        let theirs = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            let mut held = theirs.0.lock().expect("no poison");
            theirs.1.store(1, Relaxed);
            *held = true;
        });
        let seen = *shared.0.lock().expect("no poison");
        let value = shared.1.load(Relaxed);
        thread.join().expect("the thread does not panic");
        (seen, value)
    });
    assert_eq!(seen, [(false, 0), (false, 1), (true, 1)]);
}

#[test]
fn an_unpark_happens_before_the_return_from_park() {
    let seen = outcomes(|| {
        let (me, value) = (thread::current(), Arc::new(AtomicUsize::new(0)));
        let theirs = Arc::clone(&value);
        let thread = thread::spawn(move || {
            theirs.store(1, Relaxed);
            me.unpark();
        });
        thread::park();
        let seen = value.load(Relaxed);
        thread.join().expect("the thread does not panic");
        seen
    });
    assert_eq!(seen, [1]);
}

/// The shim stores differences from the initial value; the width of the type must not show.
#[test]
fn arithmetic_wraps_as_the_type_does() {
    loom::model(|| {
        let model: Arc<dyn Fn() + Send + Sync> = Arc::new(|| {
            let mut small = AtomicU8::new(250);
            assert_eq!(small.fetch_add(10, Relaxed), 250);
            assert_eq!(small.load(Relaxed), 4);
            assert_eq!(small.fetch_or(0x10, AcqRel), 4);
            assert_eq!(small.fetch_sub(0x15, SeqCst), 0x14);
            assert_eq!(small.compare_exchange(255, 1, AcqRel, Relaxed), Ok(255));
            *small.get_mut() += 1;
            assert_eq!(small.fetch_max(9, Relaxed), 2);
            assert_eq!(small.into_inner(), 9);
            let wide = AtomicUsize::new(3);
            assert_eq!(wide.fetch_sub(4, Relaxed), 3);
            assert_eq!(wide.fetch_and(0xF0, Relaxed), usize::MAX);
            assert_eq!(wide.swap(1, SeqCst), 0xF0);
            assert_eq!(wide.fetch_xor(3, Relaxed), 1);
            assert_eq!(wide.load(SeqCst), 2);
        });
        execution(&model);
    });
}
