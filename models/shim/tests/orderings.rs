//! What the shim's atomics show under loom: what their orderings allow, and all of it.
//!
//! Only a build with `--cfg loom` has it (`scripts/test` makes one). The tests are the usual litmus tests, by their usual names.

#![cfg(loom)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex as PlainMutex;

use chanlab_shim::run::execution;
use chanlab_shim::sync::Mutex;
use chanlab_shim::sync::atomic::{AtomicU8, AtomicUsize, Ordering, fence};
use chanlab_shim::thread;

use Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};

/// The different outcomes of every schedule of a model.
fn outcomes<T: Ord + Clone + Send + 'static>(model: impl Fn() -> T + Send + Sync + 'static) -> Vec<T> {
    let seen = Arc::new(PlainMutex::new(BTreeSet::new()));
    let all = Arc::clone(&seen);
    let model: Arc<dyn Fn() + Send + Sync> = Arc::new(move || {
        let outcome = model();
        all.lock().expect("nobody panics").insert(outcome);
    });
    loom::model::Builder::new().check(move || execution(&model));
    seen.lock().expect("nobody panics").iter().cloned().collect()
}

/// Atomics that two threads share, made by neither of them.
type Pair = Arc<(AtomicUsize, AtomicUsize)>;

/// What one thread sees, and the other.
fn of_two<A: Send + 'static, B>(
    one: impl FnOnce(&Pair) -> A + Send + 'static,
    other: impl FnOnce(&Pair) -> B,
    first: usize,
) -> (A, B) {
    let shared = Arc::new((AtomicUsize::new(first), AtomicUsize::new(first)));
    let theirs = Arc::clone(&shared);
    let thread = thread::spawn(move || one(&theirs));
    let seen = other(&shared);
    (thread.join().expect("it does not panic"), seen)
}

/// The message and the flag, both 5 at first: a flag that is seen brings the message along when it is released and acquired, and only then.
fn message_passing(publish: Ordering, look: Ordering) -> Vec<(usize, usize)> {
    outcomes(move || {
        let write = move |shared: &Pair| {
            shared.0.store(7, Relaxed);
            shared.1.store(8, publish);
        };
        let read = move |shared: &Pair| (shared.1.load(look), shared.0.load(Relaxed));
        of_two(write, read, 5).1
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
fn message_passing_goes_through_what_reads_and_writes_at_once() {
    let seen = |add: Ordering| {
        outcomes(move || {
            let write = move |shared: &Pair| {
                shared.0.store(7, Relaxed);
                shared.1.fetch_add(3, add);
            };
            of_two(write, |shared| (shared.1.swap(0, Acquire), shared.0.load(Relaxed)), 5).1
        })
    };
    assert_eq!(seen(AcqRel), [(5, 5), (5, 7), (8, 7)]);
    assert_eq!(seen(Relaxed), [(5, 5), (5, 7), (8, 5), (8, 7)]);
}

/// Each writes its own and reads the other's: that both miss is forbidden by sequential consistency alone, of accesses or of fences.
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
            of_two(one, other, 0)
        })
        .contains(&(0, 0))
    };
    assert!(missed(Relaxed, Relaxed, false));
    assert!(missed(Release, Acquire, false));
    assert!(!missed(SeqCst, SeqCst, false));
    assert!(!missed(Relaxed, Relaxed, true));
}

#[test]
fn a_lock_brings_along_what_was_done_under_it() {
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
        thread.join().expect("it does not panic");
        (seen, value)
    });
    assert_eq!(seen, [(false, 0), (false, 1), (true, 1)]);
}

#[test]
fn a_token_brings_along_what_was_done_before_it() {
    let seen = outcomes(|| {
        let (me, value) = (thread::current(), Arc::new(AtomicUsize::new(0)));
        let theirs = Arc::clone(&value);
        let thread = thread::spawn(move || {
            theirs.store(1, Relaxed);
            me.unpark();
        });
        thread::park();
        let seen = value.load(Relaxed);
        thread.join().expect("it does not panic");
        seen
    });
    assert_eq!(seen, [1]);
}

/// What is held as a difference to the first value is the value, whatever its width, and whoever has it alone sees the last one.
#[test]
fn arithmetic_is_that_of_the_type() {
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
