//! What the shim does: each primitive as std's, each misuse told, each choice of the explorer reached.
//!
//! Only a build with `--cfg shuttle` or `--cfg loom` has it (`scripts/test` makes both).

#![cfg(any(loom, shuttle))]

use std::any::TypeId;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc as Plain;
use std::sync::Mutex as PlainMutex;

use chanlab_shim::cell::UnsafeCell;
use chanlab_shim::run::{execution, timed_waits};
#[cfg(shuttle)]
use chanlab_shim::sync::atomic::AtomicPtr;
use chanlab_shim::sync::atomic::{AtomicUsize, Ordering};
use chanlab_shim::sync::{Arc, Condvar, Mutex};
use chanlab_shim::thread;
use chanlab_shim::time::{Duration, Instant, SystemTime};

#[cfg(shuttle)]
const SCHEDULES: usize = 500;

/// Runs some schedules of a model.
#[cfg(shuttle)]
fn explore(model: impl Fn() + Send + Sync + 'static) {
    explore_by(shuttle::scheduler::RandomScheduler::new_from_seed(7, SCHEDULES), model);
}

#[cfg(shuttle)]
fn explore_by(
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

/// Runs every schedule of a model that has few preemptions.
#[cfg(loom)]
fn explore(model: impl Fn() + Send + Sync + 'static) {
    let model: Plain<dyn Fn() + Send + Sync> = Plain::new(model);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || execution(&model));
}

/// What a model that has to fail says.
fn failure(model: impl Fn() + Send + Sync + 'static) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| explore(model))).expect_err("it fails");
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).expect("a panic with a text")
}

/// The different outcomes of a model.
fn outcomes<T: Ord + Clone + Send + 'static>(model: impl Fn() -> T + Send + Sync + 'static) -> Vec<T> {
    let seen = Plain::new(PlainMutex::new(Vec::new()));
    let all = Plain::clone(&seen);
    explore(move || all.lock().expect("nobody panics").push(model()));
    let mut seen = seen.lock().expect("nobody panics").clone();
    seen.sort();
    seen.dedup();
    seen
}

/// Two globs of one name choose silently: what has to be the model's must not be std's, and what has to be std's must be.
#[test]
fn each_name_leads_where_it_should() {
    fn same<A: 'static, B: 'static>() -> bool {
        TypeId::of::<A>() == TypeId::of::<B>()
    }
    assert!(!same::<chanlab_shim::sync::Mutex<u8>, std::sync::Mutex<u8>>());
    assert!(!same::<chanlab_shim::sync::Condvar, std::sync::Condvar>());
    #[cfg(shuttle)]
    {
        assert!(!same::<chanlab_shim::sync::RwLock<u8>, std::sync::RwLock<u8>>());
        assert!(!same::<chanlab_shim::sync::Once, std::sync::Once>());
        assert!(!same::<chanlab_shim::sync::mpsc::Sender<u8>, std::sync::mpsc::Sender<u8>>());
    }
    assert!(!same::<chanlab_shim::sync::atomic::AtomicBool, std::sync::atomic::AtomicBool>());
    assert!(!same::<chanlab_shim::sync::atomic::AtomicPtr<u8>, std::sync::atomic::AtomicPtr<u8>>());
    assert!(!same::<chanlab_shim::cell::UnsafeCell<u8>, std::cell::UnsafeCell<u8>>());
    assert!(!same::<chanlab_shim::thread::Thread, std::thread::Thread>());
    assert!(!same::<chanlab_shim::thread::JoinHandle<u8>, std::thread::JoinHandle<u8>>());
    assert!(!same::<chanlab_shim::time::Instant, std::time::Instant>());
    assert!(same::<chanlab_shim::sync::Arc<u8>, std::sync::Arc<u8>>());
    assert!(same::<chanlab_shim::time::Duration, std::time::Duration>());
    assert!(same::<chanlab_shim::cell::Cell<u8>, std::cell::Cell<u8>>());
    assert!(same::<chanlab_shim::collections::VecDeque<u8>, std::collections::VecDeque<u8>>());
    assert!(!std::ptr::fn_addr_eq(chanlab_shim::thread::park as fn(), std::thread::park as fn()));
    assert!(!std::ptr::fn_addr_eq(chanlab_shim::thread::yield_now as fn(), std::thread::yield_now as fn()));
    assert!(!std::ptr::fn_addr_eq(chanlab_shim::hint::spin_loop as fn(), std::hint::spin_loop as fn()));
}

#[test]
fn other_threads_come_between_two_accesses() {
    let counts = outcomes(|| {
        let count = Arc::new(AtomicUsize::new(0));
        let threads = [0, 1].map(|_| {
            let count = Arc::clone(&count);
            thread::spawn(move || count.store(count.load(Ordering::SeqCst) + 1, Ordering::SeqCst))
        });
        threads.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
        count.load(Ordering::SeqCst)
    });
    assert_eq!(counts, [1, 2]);
}

#[test]
fn none_comes_between_a_lock_and_its_end() {
    let counts = outcomes(|| {
        let count = Arc::new(Mutex::new(0));
        let threads = [0, 1, 2].map(|_| {
            let count = Arc::clone(&count);
            thread::spawn(move || {
                let mut held = count.lock().expect("no poison");
                let seen = *held;
                thread::yield_now();
                *held = seen + 1;
            })
        });
        threads.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
        *count.lock().expect("no poison")
    });
    assert_eq!(counts, [3]);
}

/// A token that comes before its park is kept, and a second one is none.
#[test]
fn a_token_is_kept() {
    explore(|| {
        let me = thread::current();
        let other = thread::spawn(move || me.unpark());
        thread::park();
        other.join().expect("it does not panic");
    });
    // After a deadlock loom cannot unwind.
    #[cfg(shuttle)]
    {
        let said = failure(|| {
            thread::current().unpark();
            thread::current().unpark();
            thread::park();
            thread::park();
        });
        assert!(said.starts_with("deadlock"), "{said}");
    }
}

/// Either the token or the moment ends it, and which one is a choice of the scheduler's.
#[test]
fn a_timeout_races_with_what_it_waits_for() {
    let before = timed_waits();
    let woken = outcomes(|| {
        let (me, said) = (thread::current(), Arc::new(AtomicUsize::new(0)));
        let saying = Arc::clone(&said);
        let other = thread::spawn(move || {
            saying.store(1, Ordering::SeqCst);
            me.unpark();
        });
        let until = Instant::now() + Duration::from_millis(5);
        thread::park_timeout(Duration::from_millis(5));
        let seen = (said.load(Ordering::SeqCst), Instant::now() >= until);
        other.join().expect("it does not panic");
        seen
    });
    assert_eq!(woken, [(0, true), (1, false), (1, true)]);
    let after = timed_waits();
    assert!(after.woken > before.woken && after.expired > before.expired, "{before:?} {after:?}");
}

/// A loop that looks at the clock until it shows a time ends, and lets others run.
#[test]
fn a_moment_comes_to_whoever_looks_at_the_clock() {
    let seen = outcomes(|| {
        let flag = Arc::new(AtomicUsize::new(0));
        let raised = Arc::clone(&flag);
        let other = thread::spawn(move || raised.store(1, Ordering::SeqCst));
        let until = Instant::now() + Duration::from_secs(1);
        while Instant::now() < until {}
        let seen = flag.load(Ordering::SeqCst);
        other.join().expect("it does not panic");
        seen
    });
    assert_eq!(seen, [0, 1]);
}

/// The time of day is the same clock.
#[test]
fn a_moment_of_the_day_comes() {
    explore(|| {
        let began = SystemTime::now();
        let until = began + Duration::from_secs(1);
        while SystemTime::now() < until {}
        let waited = SystemTime::now().duration_since(began).expect("the clock does not go back");
        assert!(waited >= Duration::from_secs(1), "{waited:?}");
        assert_eq!(began.duration_since(until).expect_err("it is later").duration(), Duration::from_secs(1));
    });
}

/// Whoever looks at the clock until a deadline, or until another thread says something, waits; whoever looks once for something else does not.
#[cfg(shuttle)]
#[test]
fn a_wait_that_looks_at_the_clock_is_counted() {
    let counted = || (timed_waits().woken, timed_waits().expired);
    let before = counted();
    explore(|| {
        let deadline = Instant::now() + Duration::from_secs(1);
        // The look for a next deadline.
        let _ = (deadline, Instant::now() + Duration::from_secs(1));
    });
    assert_eq!(counted(), before);
    explore(|| {
        let said = Arc::new(AtomicUsize::new(0));
        let saying = Arc::clone(&said);
        let other = thread::spawn(move || saying.store(1, Ordering::SeqCst));
        let until = Instant::now() + Duration::from_secs(1);
        while Instant::now() < until && said.load(Ordering::SeqCst) == 0 {}
        other.join().expect("it does not panic");
    });
    let (woken, expired) = counted();
    assert!(
        woken > before.0 && expired > before.1 && woken + expired <= SCHEDULES as u64,
        "{woken} {expired}"
    );
}

/// A notification wakes one waiter, which may be any.
#[test]
fn a_notification_is_for_any_one_waiter() {
    let first = outcomes(|| {
        let shared = Arc::new((Mutex::new((0, Vec::new())), Condvar::new()));
        let waiting = [1, 2].map(|name| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let mut held = shared.0.lock().expect("no poison");
                held.0 += 1;
                while held.0 < 10 {
                    held = shared.1.wait(held).expect("no poison");
                }
                held.1.push(name);
                drop(held);
                shared.1.notify_one();
            })
        });
        // Both wait, the first one first.
        while shared.0.lock().expect("no poison").0 < 2 {
            thread::yield_now();
        }
        shared.0.lock().expect("no poison").0 = 10;
        shared.1.notify_one();
        waiting.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
        shared.0.lock().expect("no poison").1.clone()
    });
    assert_eq!(first, [[1, 2], [2, 1]]);
}

#[test]
fn a_timed_wait_of_a_condition_variable_ends_either_way() {
    let ended = outcomes(|| {
        let shared = Arc::new((Mutex::new(false), Condvar::new()));
        let notifying = Arc::clone(&shared);
        let other = thread::spawn(move || {
            *notifying.0.lock().expect("no poison") = true;
            notifying.1.notify_all();
        });
        let held = shared.0.lock().expect("no poison");
        let (held, result) =
            shared.1.wait_timeout_while(held, Duration::from_secs(1), |said| !*said).expect("no poison");
        let ended = (*held, result.timed_out());
        drop(held);
        other.join().expect("it does not panic");
        ended
    });
    assert_eq!(ended, [(false, true), (true, false)]);
}

#[test]
fn a_static_begins_each_execution_anew() {
    static COUNT: AtomicUsize = AtomicUsize::new(3);
    static LOCK: Mutex<()> = Mutex::new(());
    assert_eq!(
        outcomes(|| {
            std::mem::forget(LOCK.lock().expect("no poison"));
            COUNT.fetch_add(1, Ordering::SeqCst)
        }),
        [3]
    );
}

#[test]
fn zeroed_memory_holds_an_atomic() {
    explore(|| {
        // SAFETY: an atomic of the shim is plain bytes that may all be zero, as std's.
        let atomic: AtomicUsize = unsafe { std::mem::zeroed() };
        assert_eq!(atomic.fetch_add(2, Ordering::SeqCst), 0);
        assert_eq!(atomic.into_inner(), 2);
    });
}

#[test]
fn memory_that_is_used_after_it_was_freed_is_told_with_the_place() {
    let said = failure(|| {
        let atomic = Box::into_raw(Box::new(UnsafeCell::new(1)));
        // SAFETY: none: the second access is the mistake that has to be found.
        unsafe {
            (*atomic).get();
            std::alloc::dealloc(atomic.cast(), std::alloc::Layout::new::<UnsafeCell<i32>>());
            (*atomic).get();
        }
    });
    assert!(said.starts_with("used after its memory was freed: at models/shim/tests/shim.rs:"), "{said}");
}

#[test]
fn what_is_used_or_dropped_after_its_end_is_told() {
    let said = failure(|| {
        let mut atomic = std::mem::ManuallyDrop::new(AtomicUsize::new(1));
        // SAFETY: none: the access is the mistake that has to be found.
        unsafe { std::mem::ManuallyDrop::drop(&mut atomic) };
        atomic.load(Ordering::SeqCst);
    });
    assert!(said.starts_with("used after it was dropped: at "), "{said}");
    let said = failure(|| {
        let mut atomic = std::mem::ManuallyDrop::new(AtomicUsize::new(1));
        // SAFETY: none: the second drop is the mistake that has to be found.
        unsafe {
            std::mem::ManuallyDrop::drop(&mut atomic);
            std::mem::ManuallyDrop::drop(&mut atomic);
        }
    });
    assert_eq!(said, "an atomic is dropped twice");
}

#[test]
fn memory_that_is_freed_twice_is_told() {
    let said = failure(|| {
        // Else the compiler sees that nobody uses it, and leaves it all out.
        let block = std::hint::black_box(Box::into_raw(Box::new(7_u64)).cast());
        let layout = std::alloc::Layout::new::<u64>();
        // SAFETY: none: the second free is the mistake that has to be found.
        unsafe {
            std::alloc::dealloc(block, layout);
            std::alloc::dealloc(block, layout);
        }
    });
    assert_eq!(said, "memory is freed twice");
}

#[cfg(shuttle)]
#[test]
fn memory_that_nobody_frees_is_told_when_it_holds_a_primitive() {
    let said = failure(|| {
        let leaked: &AtomicUsize = Box::leak(Box::new(AtomicUsize::new(0)));
        leaked.store(1, Ordering::SeqCst);
    });
    let left = "memory is left that nobody frees: it was first used, or given to others, at models/shim/tests/shim.rs:";
    assert!(said.starts_with(left), "{said}");
    let said = failure(|| {
        let given = AtomicPtr::new(std::ptr::null_mut());
        given.store(Box::into_raw(Box::new(7_u64)), Ordering::SeqCst);
    });
    assert!(said.starts_with(left), "{said}");
    // What a thread keeps for itself goes with it.
    chanlab_shim::thread_local! { static OWN: Arc<AtomicUsize> = Arc::new(AtomicUsize::new(0)); }
    explore(|| {
        OWN.with(|own| own.store(1, Ordering::SeqCst));
        let other = thread::spawn(|| OWN.with(|own| own.load(Ordering::SeqCst)));
        assert_eq!(other.join().expect("it does not panic"), 0);
    });
}

#[test]
fn a_loop_that_spins_lets_others_run() {
    explore(|| {
        let flag = Arc::new(AtomicUsize::new(0));
        let raised = Arc::clone(&flag);
        let other = thread::spawn(move || raised.store(1, Ordering::SeqCst));
        while flag.load(Ordering::SeqCst) == 0 {
            for _ in 0..1_000 {
                chanlab_shim::hint::spin_loop();
            }
        }
        other.join().expect("it does not panic");
    });
}

/// Two threads that spin do not keep a third one waiting, though each changes something that nobody looks at.
#[test]
fn a_third_thread_ends_the_spinning_of_two() {
    explore(|| {
        let shared = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
        let spinning = || {
            let shared = Arc::clone(&shared);
            move || {
                while shared.0.compare_exchange(1, 1, Ordering::Acquire, Ordering::Relaxed).is_err() {
                    shared.1.fetch_add(1, Ordering::Relaxed);
                    chanlab_shim::hint::spin_loop();
                }
            }
        };
        let threads = [thread::spawn(spinning()), thread::spawn(spinning())];
        shared.0.store(1, Ordering::Release);
        threads.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
    });
}

/// By priorities, whoever waits so would wait for ever for one with a lower priority.
#[cfg(shuttle)]
#[test]
fn a_loop_that_waits_without_saying_so_lets_others_run() {
    explore_by(shuttle::scheduler::PctScheduler::new_from_seed(7, 3, SCHEDULES), || {
        let stage = Arc::new(AtomicUsize::new(0));
        let others = [1, 2].map(|own| {
            let stage = Arc::clone(&stage);
            thread::spawn(move || {
                while stage.load(Ordering::SeqCst) != own {}
                stage.store(own + 1, Ordering::SeqCst);
            })
        });
        stage.store(1, Ordering::SeqCst);
        while stage.load(Ordering::SeqCst) != 3 {}
        others.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
    });
}
