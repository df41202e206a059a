//! The shim's primitives behave as std's, misuse fails the model, and the explorer reaches each choice.
//!
//! A build without `--cfg shuttle` or `--cfg loom` has none of these tests.

#![cfg(any(loom, shuttle))]

mod exploring;

use std::any::TypeId;
#[cfg(loom)]
use std::panic::{AssertUnwindSafe, catch_unwind};

use chanlab_shim::cell::UnsafeCell;
#[cfg(loom)]
use chanlab_shim::run::Limit;
use chanlab_shim::run::timed_waits;
#[cfg(shuttle)]
use chanlab_shim::sync::atomic::AtomicPtr;
use chanlab_shim::sync::atomic::{AtomicUsize, Ordering};
use chanlab_shim::sync::{Arc, Condvar, Mutex};
use chanlab_shim::thread;
use chanlab_shim::time::{Duration, Instant, SystemTime};

#[cfg(shuttle)]
use self::exploring::{SCHEDULES, explore_by};
use self::exploring::{explore, failure, outcomes};

/// A name that is missing in the shim silently falls back to std's: this pins which names are whose.
#[test]
fn each_name_is_the_shims_or_stds_as_intended() {
    fn same<A: 'static, B: 'static>() -> bool {
        TypeId::of::<A>() == TypeId::of::<B>()
    }
    assert!(!same::<chanlab_shim::sync::Mutex<u8>, std::sync::Mutex<u8>>());
    assert!(!same::<chanlab_shim::sync::Condvar, std::sync::Condvar>());
    assert!(!same::<chanlab_shim::sync::RwLock<u8>, std::sync::RwLock<u8>>());
    assert!(!same::<chanlab_shim::sync::Barrier, std::sync::Barrier>());
    assert!(!same::<chanlab_shim::sync::Once, std::sync::Once>());
    assert!(!same::<chanlab_shim::sync::OnceLock<u8>, std::sync::OnceLock<u8>>());
    assert!(!same::<chanlab_shim::sync::LazyLock<u8>, std::sync::LazyLock<u8>>());
    #[cfg(shuttle)]
    assert!(!same::<chanlab_shim::sync::mpsc::Sender<u8>, std::sync::mpsc::Sender<u8>>());
    assert!(!same::<chanlab_shim::thread::LocalKey<u8>, std::thread::LocalKey<u8>>());
    assert!(!same::<chanlab_shim::collections::HashMap<u8, u8>, std::collections::HashMap<u8, u8>>());
    assert!(!same::<chanlab_shim::collections::hash_map::RandomState, std::hash::RandomState>());
    assert!(!same::<chanlab_shim::collections::HashSet<u8>, std::collections::HashSet<u8>>());
    assert!(!same::<chanlab_shim::hash::RandomState, std::hash::RandomState>());
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
fn other_threads_run_between_two_accesses() {
    let counts = outcomes(|| {
        let count = Arc::new(AtomicUsize::new(0));
        let threads = [0, 1].map(|_| {
            let count = Arc::clone(&count);
            thread::spawn(move || count.store(count.load(Ordering::SeqCst) + 1, Ordering::SeqCst))
        });
        threads.into_iter().for_each(|thread| thread.join().expect("the thread does not panic"));
        count.load(Ordering::SeqCst)
    });
    assert_eq!(counts, [1, 2]);
}

#[test]
fn a_lock_excludes_other_threads() {
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
        threads.into_iter().for_each(|thread| thread.join().expect("the thread does not panic"));
        *count.lock().expect("no poison")
    });
    assert_eq!(counts, [3]);
}

/// An unpark before the park is kept; a second one adds nothing.
#[test]
fn a_parker_keeps_one_token() {
    explore(|| {
        let me = thread::current();
        let other = thread::spawn(move || me.unpark());
        thread::park();
        other.join().expect("the thread does not panic");
    });
    // Loom cannot unwind after a deadlock.
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

/// Either the token or the deadline ends the park, by the scheduler's choice.
#[test]
fn a_park_timeout_races_with_an_unpark() {
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
        other.join().expect("the thread does not panic");
        seen
    });
    assert_eq!(woken, [(0, true), (1, false), (1, true)]);
    let after = timed_waits();
    assert!(after.woken > before.woken && after.expired > before.expired, "{before:?} {after:?}");
}

/// A loop that polls the clock until a deadline ends, and lets others run.
#[test]
fn a_deadline_passes_for_a_thread_that_polls_the_clock() {
    let seen = outcomes(|| {
        let flag = Arc::new(AtomicUsize::new(0));
        let raised = Arc::clone(&flag);
        let other = thread::spawn(move || raised.store(1, Ordering::SeqCst));
        let until = Instant::now() + Duration::from_secs(1);
        while Instant::now() < until {}
        let seen = flag.load(Ordering::SeqCst);
        other.join().expect("the thread does not panic");
        seen
    });
    assert_eq!(seen, [0, 1]);
}

/// `SystemTime` is the same clock.
#[test]
fn a_deadline_in_system_time_passes() {
    explore(|| {
        let began = SystemTime::now();
        let until = began + Duration::from_secs(1);
        while SystemTime::now() < until {}
        let waited = SystemTime::now().duration_since(began).expect("the clock does not go back");
        assert!(waited >= Duration::from_secs(1), "{waited:?}");
        assert_eq!(began.duration_since(until).expect_err("it is later").duration(), Duration::from_secs(1));
    });
}

/// A thread that polls the clock until a deadline or a change by another thread waits; one poll for another
/// purpose is no wait.
#[cfg(shuttle)]
#[test]
fn a_wait_that_polls_the_clock_is_counted() {
    let counted = || (timed_waits().woken, timed_waits().expired);
    let before = counted();
    explore(|| {
        let deadline = Instant::now() + Duration::from_secs(1);
        // The poll that makes the next deadline.
        let _ = (deadline, Instant::now() + Duration::from_secs(1));
    });
    assert_eq!(counted(), before);
    explore(|| {
        let said = Arc::new(AtomicUsize::new(0));
        let saying = Arc::clone(&said);
        let other = thread::spawn(move || saying.store(1, Ordering::SeqCst));
        let until = Instant::now() + Duration::from_secs(1);
        while Instant::now() < until && said.load(Ordering::SeqCst) == 0 {}
        other.join().expect("the thread does not panic");
    });
    let (woken, expired) = counted();
    assert!(
        woken > before.0 && expired > before.1 && woken + expired <= SCHEDULES as u64,
        "{woken} {expired}"
    );
}

#[test]
fn a_notification_may_wake_any_one_waiter() {
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
        // Until both have counted themselves.
        while shared.0.lock().expect("no poison").0 < 2 {
            thread::yield_now();
        }
        shared.0.lock().expect("no poison").0 = 10;
        shared.1.notify_one();
        waiting.into_iter().for_each(|thread| thread.join().expect("the thread does not panic"));
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
        other.join().expect("the thread does not panic");
        ended
    });
    assert_eq!(ended, [(false, true), (true, false)]);
}

#[test]
fn a_static_starts_each_execution_afresh() {
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

/// What a lock or a cell in a static holds is a part of it.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn what_a_static_holds_starts_each_execution_afresh() {
    struct Shared(UnsafeCell<Vec<u8>>);
    // SAFETY: the model has one thread.
    unsafe impl Sync for Shared {}
    static LIST: Mutex<Vec<String>> = Mutex::new(Vec::new());
    static FLAG: chanlab_shim::sync::RwLock<Option<u8>> = chanlab_shim::sync::RwLock::new(Some(3));
    static CELL: Shared = Shared(UnsafeCell::new(Vec::new()));
    explore(|| {
        LIST.lock().expect("no poison").push("a text".to_owned());
        assert_eq!(LIST.lock().expect("no poison").len(), 1);
        assert_eq!(FLAG.write().expect("no poison").take(), Some(3));
        // SAFETY: the model has one thread, and the reference ends here.
        let length = unsafe {
            let list = &mut *CELL.0.get();
            list.push(7);
            list.len()
        };
        assert_eq!(length, 1);
        // Loom has a second execution only if there is something to choose.
        let other = thread::spawn(|| drop(LIST.lock()));
        drop(LIST.lock());
        other.join().expect("the thread does not panic");
    });
}

#[test]
fn zeroed_memory_holds_an_atomic() {
    explore(|| {
        // SAFETY: the type has to be valid when all bytes are zero: the shim's atomics are, as std's.
        let atomic: AtomicUsize = unsafe { std::mem::zeroed() };
        assert_eq!(atomic.fetch_add(2, Ordering::SeqCst), 0);
        assert_eq!(atomic.into_inner(), 2);
    });
}

#[test]
fn a_use_after_free_fails_with_the_call_site() {
    let said = failure(|| {
        let atomic = Box::into_raw(Box::new(UnsafeCell::new(1)));
        // SAFETY: there is none: the second access is the defect to find.
        unsafe {
            (*atomic).get();
            std::alloc::dealloc(atomic.cast(), std::alloc::Layout::new::<UnsafeCell<i32>>());
            (*atomic).get();
        }
    });
    assert!(said.starts_with("used after its memory was freed: at models/shim/tests/shim.rs:"), "{said}");
}

#[test]
fn a_use_or_drop_after_the_drop_fails() {
    let said = failure(|| {
        let mut atomic = std::mem::ManuallyDrop::new(AtomicUsize::new(1));
        // SAFETY: there is none: the access is the defect to find.
        unsafe { std::mem::ManuallyDrop::drop(&mut atomic) };
        atomic.load(Ordering::SeqCst);
    });
    assert!(said.starts_with("used after it was dropped: at "), "{said}");
    let said = failure(|| {
        let mut atomic = std::mem::ManuallyDrop::new(AtomicUsize::new(1));
        // SAFETY: there is none: the second drop is the defect to find.
        unsafe {
            std::mem::ManuallyDrop::drop(&mut atomic);
            std::mem::ManuallyDrop::drop(&mut atomic);
        }
    });
    assert_eq!(said, "an atomic is dropped twice");
}

#[test]
fn a_double_free_fails() {
    let said = failure(|| {
        // Without the black box the compiler removes an allocation that is never used.
        let block = std::hint::black_box(Box::into_raw(Box::new(7_u64)).cast());
        let layout = std::alloc::Layout::new::<u64>();
        // SAFETY: there is none: the second free is the defect to find.
        unsafe {
            std::alloc::dealloc(block, layout);
            std::alloc::dealloc(block, layout);
        }
    });
    assert_eq!(said, "memory is freed twice");
}

#[cfg(shuttle)]
#[test]
fn leaked_memory_fails_if_it_holds_a_primitive_or_was_published() {
    let said = failure(|| {
        let leaked: &AtomicUsize = Box::leak(Box::new(AtomicUsize::new(0)));
        leaked.store(1, Ordering::SeqCst);
    });
    let left = "memory was leaked: it was first used, or published in an atomic pointer, at models/shim/tests/shim.rs:";
    assert!(said.starts_with(left), "{said}");
    let said = failure(|| {
        let given = AtomicPtr::new(std::ptr::null_mut());
        given.store(Box::into_raw(Box::new(7_u64)), Ordering::SeqCst);
    });
    assert!(said.starts_with(left), "{said}");
    // A thread's locals are destroyed with it.
    chanlab_shim::thread_local! { static OWN: Arc<AtomicUsize> = Arc::new(AtomicUsize::new(0)); }
    explore(|| {
        OWN.with(|own| own.store(1, Ordering::SeqCst));
        let other = thread::spawn(|| OWN.with(|own| own.load(Ordering::SeqCst)));
        assert_eq!(other.join().expect("the thread does not panic"), 0);
    });
}

/// The word of a forgotten primitive is by now padding of another type: any number may be read there. The
/// first byte is not padding and rules out each number that the executions have, so no leak is found.
#[cfg(shuttle)]
#[test]
fn a_forgotten_primitive_that_was_written_over_is_no_leak() {
    use std::mem::MaybeUninit;

    #[repr(C, align(8))]
    struct Padded(u8);
    explore_by(shuttle::scheduler::RandomScheduler::new_from_seed(7, 10), || {
        let place: &mut MaybeUninit<[u64; 4]> = Box::leak(Box::new(MaybeUninit::uninit()));
        let place = place.as_mut_ptr();
        // SAFETY: the place has to be valid for writes, aligned and large enough, for either type: it is 32
        // bytes, aligned to 8, and leaked, so no other owner is left.
        unsafe {
            place.cast::<AtomicUsize>().write(AtomicUsize::new(0));
            (*place.cast::<AtomicUsize>()).store(1, Ordering::SeqCst);
            place.cast::<Padded>().write(Padded(0xFF));
        }
    });
    // The same memory with the primitive still in it is a leak.
    let said = failure(|| {
        let place: &mut MaybeUninit<[u64; 4]> = Box::leak(Box::new(MaybeUninit::uninit()));
        let place = place.as_mut_ptr().cast::<AtomicUsize>();
        // SAFETY: as above.
        unsafe {
            place.write(AtomicUsize::new(0));
            (*place).store(1, Ordering::SeqCst);
        }
    });
    assert!(said.starts_with("memory was leaked: "), "{said}");
}

/// A model that is too large for loom is cut: the payload of its panic says so.
#[cfg(loom)]
#[test]
fn an_execution_with_too_many_primitives_reaches_a_limit() {
    let model = || {
        let locks: Vec<_> = (0..200).map(Mutex::new).collect();
        locks.iter().for_each(|lock| drop(lock.lock()));
    };
    let panic = catch_unwind(AssertUnwindSafe(|| explore(model))).expect_err("the model is too large");
    assert_eq!(panic.downcast_ref(), Some(&Limit::Primitives { max: 128 }));
}

#[test]
fn a_spin_loop_lets_others_run() {
    explore(|| {
        let flag = Arc::new(AtomicUsize::new(0));
        let raised = Arc::clone(&flag);
        let other = thread::spawn(move || raised.store(1, Ordering::SeqCst));
        while flag.load(Ordering::SeqCst) == 0 {
            for _ in 0..1_000 {
                chanlab_shim::hint::spin_loop();
            }
        }
        other.join().expect("the thread does not panic");
    });
}

/// Two spinning threads do not starve a third, though each keeps changing an atomic that none of them
/// observes.
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
        threads.into_iter().for_each(|thread| thread.join().expect("the thread does not panic"));
    });
}

/// With priorities, such a loop would wait for ever for a thread of lower priority.
#[cfg(shuttle)]
#[test]
fn a_wait_loop_without_a_hint_lets_others_run() {
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
        others.into_iter().for_each(|thread| thread.join().expect("the thread does not panic"));
    });
}
