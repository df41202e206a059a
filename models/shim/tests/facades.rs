//! The primitives of std that are made of others: what is made once, what many share, and what belongs to a
//! thread. Each is explored, and so is a wrong one that the exploration has to find.

#![cfg(any(loom, shuttle))]

mod exploring;

use std::hash::BuildHasher;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use chanlab_shim::collections::{HashMap, HashSet};
use chanlab_shim::hash::RandomState;
use chanlab_shim::run::Observer;
use chanlab_shim::sync::atomic::{AtomicUsize, Ordering};
use chanlab_shim::sync::{Arc, Barrier, LazyLock, Mutex, Once, OnceLock, RwLock};
use chanlab_shim::thread;

use self::exploring::{explore, failure, outcomes};

/// Runs the same closure on two threads.
fn in_two_threads(body: impl Fn() + Clone + Send + 'static) {
    let threads = [body.clone(), body].map(thread::spawn);
    threads.into_iter().for_each(|thread| thread.join().expect("the thread does not panic"));
}

#[test]
fn a_second_thread_waits_for_the_maker() {
    explore(|| {
        let shared = Arc::new((Once::new(), AtomicUsize::new(0)));
        in_two_threads(move || {
            // Steps of the model, between which the other thread arrives.
            shared.0.call_once(|| {
                shared.1.fetch_add(1, Ordering::Relaxed);
                thread::yield_now();
                shared.1.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(shared.1.load(Ordering::Relaxed), 2, "the maker has not ended, or two have run");
            assert!(shared.0.is_completed());
        });
    });
}

/// The exploration finds what a wrong once would do.
#[test]
fn a_once_without_a_lock_runs_two_makers() {
    let said = failure(|| {
        let shared = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
        in_two_threads(move || {
            if shared.0.load(Ordering::Acquire) == 0 {
                assert_eq!(shared.1.fetch_add(1, Ordering::Relaxed), 0, "two makers run");
                shared.0.store(1, Ordering::Release);
            }
        });
    });
    assert!(said.contains("two makers run"), "{said}");
}

#[test]
fn a_maker_that_panics_poisons_a_once() {
    explore(|| {
        let once = Once::new();
        let panics = || once.call_once(|| resume_unwind(Box::new("planned")));
        assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
        assert!(!once.is_completed());
        once.call_once_force(|state| assert!(state.is_poisoned()));
        assert!(once.is_completed());
        once.call_once(|| panic!("it is made"));
    });
    let said = failure(|| {
        let table: LazyLock<u8> = LazyLock::new(|| resume_unwind(Box::new("planned")));
        assert!(catch_unwind(AssertUnwindSafe(|| *table)).is_err());
        let _ = *table;
    });
    assert_eq!(said, "LazyLock instance has previously been poisoned");
}

#[test]
fn the_value_of_a_cell_is_any_ones_and_stays() {
    let values = outcomes(|| {
        let cell = Arc::new(OnceLock::new());
        let threads = [1, 2].map(|own| {
            let cell = Arc::clone(&cell);
            thread::spawn(move || *cell.get_or_init(|| own))
        });
        let seen = threads.map(|thread| thread.join().expect("the thread does not panic"));
        assert_eq!(cell.set(3), Err(3));
        assert_eq!((seen[0], cell.get()), (seen[1], Some(&seen[0])));
        seen[0]
    });
    assert_eq!(values, [1, 2]);
    explore(|| {
        let mut cell = OnceLock::from("first".to_owned());
        assert_eq!(cell.clone(), cell);
        cell.get_mut().expect("it has a value").push('!');
        assert_eq!((cell.take().as_deref(), cell.get()), (Some("first!"), None));
        assert_eq!((cell.set("second".to_owned()), cell.into_inner().as_deref()), (Ok(()), Some("second")));
    });
}

/// A crate's table, made by the first thread that needs it; its maker takes a step.
#[test]
fn a_lazy_static_is_made_once_in_each_execution() {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    static TABLE: LazyLock<Vec<usize>> = LazyLock::new(|| vec![MADE.fetch_add(1, Ordering::SeqCst)]);
    explore(|| {
        in_two_threads(|| assert_eq!(*TABLE, [0], "the table is made once"));
        assert_eq!(MADE.load(Ordering::SeqCst), 1);
    });
}

/// A static keeps its value to the end, which is no leak, and its destructor may use other statics.
#[test]
fn a_static_that_owns_primitives_is_no_leak() {
    struct Table(Arc<Mutex<usize>>);
    impl Drop for Table {
        fn drop(&mut self) {
            *self.0.lock().expect("no poison") += *NUMBER;
        }
    }
    static TABLE: OnceLock<Table> = OnceLock::new();
    static NUMBER: LazyLock<usize> = LazyLock::new(|| 7);
    explore(|| {
        in_two_threads(|| {
            let table = TABLE.get_or_init(|| Table(Arc::new(Mutex::new(0))));
            *table.0.lock().expect("no poison") += *NUMBER;
        });
    });
}

#[cfg(shuttle)]
#[test]
fn a_cell_that_is_leaked_with_its_value_is_a_leak() {
    let said = failure(|| {
        let leaked: &OnceLock<u8> = Box::leak(Box::new(OnceLock::new()));
        leaked.get_or_init(|| 1);
    });
    assert!(said.starts_with("memory was leaked: "), "{said}");
}

#[test]
fn a_lazy_value_outside_a_static_may_own_what_its_maker_takes() {
    explore(|| {
        let owned = vec![1, 2];
        let lazy = LazyLock::new(move || owned.into_iter().sum::<usize>());
        assert_eq!(*lazy, 3);
        let text = "never made".to_owned();
        drop(LazyLock::<usize, _>::new(move || text.len()));
    });
}

#[test]
fn readers_share_a_lock_and_a_writer_does_not() {
    let readers = outcomes(|| {
        let shared = Arc::new((RwLock::new(0_usize), AtomicUsize::new(0)));
        let threads = [0, 1].map(|_| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let value = shared.0.read().expect("no poison");
                let readers = shared.1.fetch_add(1, Ordering::SeqCst) + 1;
                thread::yield_now();
                shared.1.fetch_sub(1, Ordering::SeqCst);
                assert!(*value == 0 || *value == 2, "a reader sees half of a change");
                readers
            })
        });
        let mut value = shared.0.write().expect("no poison");
        assert_eq!(shared.1.load(Ordering::SeqCst), 0, "a reader is there beside the writer");
        *value += 1;
        thread::yield_now();
        *value += 1;
        drop(value);
        threads.map(|thread| thread.join().expect("the thread does not panic")).into_iter().max()
    });
    assert_eq!(readers, [Some(1), Some(2)], "readers have the lock alone, or together");
}

#[test]
fn a_lock_that_is_held_cannot_be_tried() {
    explore(|| {
        let lock = RwLock::new(1);
        let reads = lock.read().expect("no poison");
        assert!(lock.try_read().is_ok() && lock.try_write().is_err());
        drop(reads);
        let mut writes = lock.try_write().expect("it is free");
        assert!(lock.try_read().is_err());
        *writes = 2;
        drop(writes);
        let panics = || {
            let _held = lock.write();
            resume_unwind(Box::new("planned"));
        };
        assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
        assert!(lock.is_poisoned() && lock.read().is_err());
        lock.clear_poison();
        assert_eq!(lock.into_inner().expect("no poison"), 2);
    });
}

/// Under loom a reader that waits for itself would end in an abort.
#[cfg(shuttle)]
#[test]
fn a_reader_that_wants_to_write_waits_for_itself() {
    let said = failure(|| {
        let lock = RwLock::new(1);
        let _reads = lock.read();
        drop(lock.write());
    });
    assert!(said.starts_with("deadlock"), "{said}");
}

#[test]
fn a_barrier_lets_all_pass_and_names_one_leader() {
    explore(|| {
        let shared = Arc::new((Barrier::new(2), AtomicUsize::new(0), AtomicUsize::new(0)));
        let done = Arc::clone(&shared);
        in_two_threads(move || {
            shared.1.fetch_add(1, Ordering::SeqCst);
            let leads = shared.0.wait().is_leader();
            assert_eq!(shared.1.load(Ordering::SeqCst), 2, "one has passed before the other came");
            shared.2.fetch_add(usize::from(leads), Ordering::SeqCst);
        });
        assert_eq!(done.2.load(Ordering::SeqCst), 1);
    });
}

/// One thread is joined; the scope waits for the other.
#[test]
fn a_scope_waits_for_its_threads() {
    explore(|| {
        let (count, own) = (AtomicUsize::new(0), vec![1]);
        let first = thread::scope(|scope| {
            scope.spawn(|| count.fetch_add(own[0], Ordering::Relaxed));
            let second = scope.spawn(|| {
                count.fetch_add(own[0], Ordering::Relaxed);
                own[0]
            });
            second.join().expect("the thread does not panic")
        });
        assert_eq!((first, count.load(Ordering::Relaxed)), (1, 2));
        drop(own);
    });
}

#[test]
fn a_thread_local_is_dropped_before_its_thread_is_joined() {
    static DROPPED: Mutex<usize> = Mutex::new(0);
    struct Counts;
    impl Drop for Counts {
        fn drop(&mut self) {
            // A step of the model, on a thread that ends.
            *DROPPED.lock().expect("no poison") += 1;
            assert!(OWN.try_with(|_| ()).is_err(), "it is being dropped");
            COUNT.set(COUNT.get() + 1);
        }
    }
    chanlab_shim::thread_local! {
        static OWN: Counts = Counts;
        static COUNT: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    }
    explore(|| {
        *DROPPED.lock().expect("no poison") = 0;
        in_two_threads(|| {
            COUNT.set(COUNT.get() + 1);
            OWN.with(|_| assert_eq!(COUNT.get(), 1, "another thread has its own"));
        });
        assert_eq!(*DROPPED.lock().expect("no poison"), 2);
    });
}

/// The handle of a spawned thread leads to the parker of the model.
#[test]
fn a_spawned_thread_is_unparked_by_its_handle() {
    explore(|| {
        let parked = thread::Builder::new().name("parked".to_owned()).spawn(thread::park).expect("a thread");
        assert_eq!(parked.thread().name(), Some("parked"));
        parked.thread().unpark();
        parked.join().expect("the thread does not panic");
    });
}

#[test]
fn a_hash_map_has_the_same_order_in_every_execution() {
    let orders = outcomes(|| {
        let map: HashMap<_, _> = (0..40).map(|key| (key, ())).collect();
        let set: HashSet<_> = (0..40).collect();
        let other = HashSet::from([1, 2]);
        assert_eq!(set.intersection(&other).count(), 2);
        assert_eq!(&set - &set, HashSet::new());
        (
            map.into_keys().collect::<Vec<_>>(),
            set.into_iter().collect::<Vec<_>>(),
            RandomState::new().hash_one(7),
        )
    });
    assert_eq!(orders.len(), 1);
}

#[test]
fn an_observer_sees_the_steps_from_another_thread() {
    let (observer, before) = (Observer::here(), Observer::here().progress());
    explore(|| {
        AtomicUsize::new(0).store(1, Ordering::SeqCst);
    });
    let seen = std::thread::spawn(move || (observer.progress(), observer.schedule()));
    let (after, steps) = seen.join().expect("the thread does not panic");
    assert!(after > before, "{before} {after}");
    assert_eq!(steps.iter().map(|step| step.1).collect::<Vec<_>>(), ["stores"]);
}
