//! The threads of one round: started before the timed region, joined after it, abandoned at a deadline.
//!
//! A thread that hangs inside a channel cannot be stopped from outside. At the deadline the round fails with
//! the names of the threads that still run, and abandons them; the caller decides whether to run further
//! rounds on the same machine.
//!
//! A build that explores uses `modelled.rs` instead of this file: the same interface over modelled threads.

mod result;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub use self::result::{GroupTotals, ThreadGroupError, panic_message};
use crate::message::{Tally, take_dropped};
use crate::meters::waits::{self, ThreadId};
use crate::meters::{Allocations, ThreadUsage, allocations};
use crate::placement::{Core, pin};
use crate::size::{MAX_EXTENSION, Size};

/// How long the other threads may run on after one has panicked. Most see a disconnect and end; the rest
/// hang.
const AFTER_PANIC_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens the timed region for all threads of a group at once.
#[derive(Clone, Debug)]
pub struct StartBarrier(Arc<BarrierState>);

#[derive(Debug)]
struct BarrierState {
    arrivals: Mutex<Arrivals>,
    opened: Condvar,
}

#[derive(Debug)]
struct Arrivals {
    /// Threads that have not arrived yet.
    missing: usize,
    /// The round is given up, because a thread could not be started or pinned.
    abandoned: bool,
}

impl StartBarrier {
    fn new(threads: usize) -> Self {
        let arrivals = Mutex::new(Arrivals { missing: threads, abandoned: false });
        StartBarrier(Arc::new(BarrierState { arrivals, opened: Condvar::new() }))
    }

    fn arrivals(&self) -> MutexGuard<'_, Arrivals> {
        self.0.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until every thread of the group has arrived; returns the moment at which this one continues.
    ///
    /// The timed region opens with the first thread that continues. If the group is abandoned because a
    /// thread could not be started or pinned, this unwinds without calling the panic hook, and the thread
    /// ends.
    pub fn wait(&self) -> Instant {
        let mut arrivals = self.arrivals();
        arrivals.missing -= 1;
        if arrivals.missing == 0 {
            self.0.opened.notify_all();
        }
        while arrivals.missing > 0 && !arrivals.abandoned {
            arrivals = self.0.opened.wait(arrivals).unwrap_or_else(PoisonError::into_inner);
        }
        // A round is only ever abandoned before its last thread arrives, so either all threads see it or none
        // does.
        let abandoned = arrivals.abandoned;
        drop(arrivals);
        if abandoned {
            resume_unwind(Box::new("the round was abandoned before it began"));
        }
        AT_THE_BARRIER.set(Account::of_this_thread());
        Instant::now()
    }

    fn abandon(&self) {
        self.arrivals().abandoned = true;
        self.0.opened.notify_all();
    }
}

/// The usage and allocations of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Account {
    usage: Option<ThreadUsage>,
    allocations: Option<Allocations>,
}

impl Account {
    /// The calling thread's account since it started.
    fn of_this_thread() -> Self {
        Account { usage: ThreadUsage::of_this_thread(), allocations: allocations::of_this_thread() }
    }

    /// The calling thread's account since it left the start barrier.
    fn since_the_barrier() -> Self {
        let (now, then) = (Account::of_this_thread(), AT_THE_BARRIER.get());
        Account {
            usage: now.usage.zip(then.usage).map(|(now, then)| now - then),
            allocations: now.allocations.zip(then.allocations).map(|(now, then)| now - then),
        }
    }
}

thread_local! {
    /// This thread's account when it left the start barrier.
    static AT_THE_BARRIER: Cell<Account> = const { Cell::new(Account { usage: None, allocations: None }) };
}

#[derive(Debug)]
struct Progress {
    /// Threads that have not ended.
    running: Vec<String>,
    /// The system's numbers of all threads that have begun.
    threads: Vec<ThreadId>,
    /// The totals of those that have.
    totals: GroupTotals,
    /// The first error of any thread.
    failed: Option<ThreadGroupError>,
}

impl Default for Progress {
    fn default() -> Self {
        let totals = GroupTotals {
            dropped: Tally::default(),
            usage: Some(ThreadUsage::default()),
            allocations: Some(Allocations::default()),
        };
        Progress { running: Vec::new(), threads: Vec::new(), totals, failed: None }
    }
}

#[derive(Debug, Default)]
struct Shared {
    progress: Mutex<Progress>,
    ended: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread of a group. Its result is available once the group has been joined.
#[derive(Debug)]
pub struct GroupThread<T> {
    thread: JoinHandle<()>,
    result: Arc<Mutex<Option<T>>>,
}

impl<T> GroupThread<T> {
    /// The thread's result.
    ///
    /// # Panics
    ///
    /// When [`ThreadGroup::join`] has not returned `Ok` before.
    pub fn result(self) -> T {
        // Joined here, so that the thread is gone before the next round starts its own.
        let joined = self.thread.join().ok();
        let result = self.result.lock().unwrap_or_else(PoisonError::into_inner).take();
        joined.and(result).expect("ThreadGroup::join has seen every thread end without a panic")
    }
}

/// The threads of one round.
#[derive(Debug)]
pub struct ThreadGroup {
    shared: Arc<Shared>,
    barrier: StartBarrier,
    threads: usize,
    spawned: usize,
    deadline: Duration,
    /// The processors that the threads are pinned to, in turn; empty when the system places them.
    cores: Vec<Core>,
}

impl ThreadGroup {
    /// A group of exactly `threads` threads, all of which wait at the start barrier. The round may take
    /// `size.deadline`; the threads are pinned as `size.placement` says, in the order in which they are
    /// started.
    ///
    /// # Errors
    ///
    /// [`ThreadGroupError::NotPlaced`] when this machine does not have the processors for that placement.
    pub fn new(threads: usize, size: Size) -> Result<Self, ThreadGroupError> {
        let cores = size.placement.cores().map_err(|error| ThreadGroupError::NotPlaced(error.to_string()))?;
        take_dropped();
        let barrier = StartBarrier::new(threads);
        Ok(ThreadGroup {
            shared: Arc::default(),
            barrier,
            threads,
            spawned: 0,
            deadline: size.deadline,
            cores,
        })
    }

    /// Starts a thread. `body` prepares itself, waits at the barrier, and works. If a group is dropped before
    /// all its threads are started, those that wait at the barrier end.
    ///
    /// # Errors
    ///
    /// [`ThreadGroupError::NotStarted`] when the system refuses a further thread.
    pub fn spawn<T: Send + 'static>(
        &mut self,
        name: impl Into<String>,
        body: impl FnOnce(&StartBarrier) -> T + Send + 'static,
    ) -> Result<GroupThread<T>, ThreadGroupError> {
        // Allocated here and not in the thread, whose own allocations are counted.
        let result = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&result);
        let body = Box::new(move |barrier: &StartBarrier| {
            let value = body(barrier);
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        });
        Ok(GroupThread { thread: self.start(name.into(), body)?, result })
    }

    /// The part of [`ThreadGroup::spawn`] that does not depend on the body, compiled once.
    fn start(
        &mut self,
        name: String,
        body: Box<dyn FnOnce(&StartBarrier) + Send>,
    ) -> Result<JoinHandle<()>, ThreadGroupError> {
        let barrier = self.barrier.clone();
        let shared = Arc::clone(&self.shared);
        self.shared.lock().running.push(name.clone());
        let thread_name = name.clone();
        let core = self.cores.iter().cycle().nth(self.spawned).copied();
        let spawned = thread::Builder::new().name(name.clone()).spawn(move || {
            shared.lock().threads.push(waits::this_thread());
            if core.is_some_and(|core| !pin(core)) {
                let refused = ThreadGroupError::NotPlaced(
                    "the system refused to pin a thread to a processor".to_owned(),
                );
                shared.lock().failed.get_or_insert(refused);
                // This thread has not arrived at the barrier yet, so no other has left it.
                barrier.abandon();
            }
            let result = catch_unwind(AssertUnwindSafe(|| body(&barrier)));
            let account = Account::since_the_barrier();
            let mut progress = shared.lock();
            progress.running.retain(|running| *running != thread_name);
            progress.totals.dropped += take_dropped();
            let totals = &mut progress.totals;
            totals.usage = totals.usage.zip(account.usage).map(|(all, own)| all + own);
            totals.allocations = totals.allocations.zip(account.allocations).map(|(all, own)| all + own);
            if let Err(panic) = result {
                let message = panic_message(&*panic);
                progress.failed.get_or_insert(ThreadGroupError::Panicked { thread: thread_name, message });
            }
            drop(progress);
            shared.ended.notify_all();
        });
        let thread = spawned
            .map_err(|error| ThreadGroupError::NotStarted { thread: name, message: error.to_string() })?;
        self.spawned += 1;
        Ok(thread)
    }

    /// Waits for every thread to end; returns their totals.
    ///
    /// # Errors
    ///
    /// [`ThreadGroupError::Panicked`] when a thread panicked, [`ThreadGroupError::Hung`] when one did not end
    /// by the deadline, [`ThreadGroupError::NotPlaced`] when the system refused to pin one.
    ///
    /// # Panics
    ///
    /// When fewer threads were started than the group has: they would wait at the barrier for ever.
    pub fn join(self) -> Result<GroupTotals, ThreadGroupError> {
        assert_eq!(self.spawned, self.threads, "a group starts as many threads as it was made for");
        let began = Instant::now();
        let (mut until, latest) =
            (began + self.deadline, began + self.deadline.saturating_mul(MAX_EXTENSION));
        let mut progress = self.shared.lock();
        while !progress.running.is_empty() {
            if progress.failed.is_some() {
                until = until.min(Instant::now() + AFTER_PANIC_TIMEOUT);
            }
            let left =
                |until: Instant| until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero());
            if left(until).is_none() && progress.failed.is_none() {
                // The threads of the round are new, so that all of their waits are in it.
                let waited = waits::waited_for_processor(&progress.threads);
                until = (began + self.deadline + waited).min(latest);
            }
            let Some(left) = left(until) else {
                // An extension by less than a tenth is not worth a number.
                let extended = until.duration_since(began) > self.deadline.mul_f64(1.1);
                return Err(progress.failed.take().unwrap_or_else(|| ThreadGroupError::Hung {
                    waited: if extended { until.duration_since(began) } else { self.deadline },
                    threads: progress.running.clone(),
                }));
            };
            progress =
                self.shared.ended.wait_timeout(progress, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        match progress.failed.take() {
            Some(failed) => Err(failed),
            None => Ok(GroupTotals { dropped: progress.totals.dropped + take_dropped(), ..progress.totals }),
        }
    }
}

impl Drop for ThreadGroup {
    fn drop(&mut self) {
        if self.spawned < self.threads {
            self.barrier.abandon();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::placement::Placement;

    fn group(threads: usize, deadline: Duration) -> ThreadGroup {
        ThreadGroup::new(threads, Size { deadline, ..Size::with_messages(1) })
            .expect("the system places the threads")
    }

    /// Panics without a report of the panic hook on stderr.
    fn quiet_panic(message: &'static str) -> ! {
        std::panic::resume_unwind(Box::new(message))
    }

    #[test]
    fn each_thread_returns_its_own_type() {
        let mut group = group(2, Duration::from_secs(60));
        let number = group
            .spawn("number", |barrier| {
                barrier.wait();
                7
            })
            .expect("a thread");
        let word = group
            .spawn("word", |barrier| {
                barrier.wait();
                "seven"
            })
            .expect("a thread");
        assert_eq!(group.join().map(|totals| totals.dropped), Ok(Tally::default()));
        assert_eq!((number.result(), word.result()), (7, "seven"));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn only_processor_time_after_the_barrier_counts() {
        let used = |before: u64, after: u64| {
            let mut group = group(2, Duration::from_secs(60));
            for name in ["one", "other"] {
                group
                    .spawn(name, move |barrier| {
                        crate::work::work(before);
                        barrier.wait();
                        crate::work::work(after);
                    })
                    .expect("a thread");
            }
            group.join().expect("both threads end").usage.expect("Linux reports it").cpu_ns()
        };
        let (idle, busy) = (used(20_000_000, 0), used(0, 20_000_000));
        assert!(busy > 2 * idle, "{busy} ns and {idle} ns");
    }

    #[test]
    fn a_hang_ends_at_the_deadline_and_is_named() {
        let mut group = group(2, Duration::from_millis(50));
        group.spawn("sound", |barrier| barrier.wait()).expect("a thread");
        group
            .spawn("stuck", |barrier| {
                barrier.wait();
                loop {
                    thread::park();
                }
            })
            .expect("a thread");
        let error = group.join().expect_err("one thread never ends");
        assert_eq!(error.to_string(), "hung: after 0.05 s stuck still had not ended");
    }

    #[test]
    fn same_core_pins_every_thread_to_one_processor() {
        let size = Size { placement: Placement::SameCore, ..Size::with_messages(1) };
        let mut group = match ThreadGroup::new(2, size) {
            Ok(group) => group,
            Err(error) => return println!("{error}"),
        };
        let threads = ["one", "other"].map(|name| {
            let body = |barrier: &StartBarrier| {
                barrier.wait();
                core_affinity::get_core_ids().expect("this thread's processors")
            };
            group.spawn(name, body).expect("a thread")
        });
        group.join().expect("both threads end");
        let [one, other] = threads.map(GroupThread::result);
        assert_eq!(one.len(), 1, "{one:?}");
        assert_eq!(one, other);
    }

    #[test]
    fn a_processor_that_the_system_refuses_ends_the_round() {
        let mut group = group(3, Duration::from_secs(60));
        // No system has a processor 1023.
        group.cores = vec![Core { id: 0 }, Core { id: 1023 }];
        for name in ["one", "refused", "other"] {
            group
                .spawn(name, |barrier| {
                    barrier.wait();
                    unreachable!("the barrier never opens");
                })
                .expect("a thread");
        }
        let error = group.join().expect_err("a processor was refused");
        assert!(matches!(error, ThreadGroupError::NotPlaced(_)), "{error:?}");
        assert_eq!(
            error.to_string(),
            "not available here: the system refused to pin a thread to a processor"
        );
    }

    /// As when the system has no thread left for the last one.
    #[test]
    fn dropping_an_incomplete_group_ends_its_threads() {
        let mut group = group(3, Duration::from_secs(60));
        let (held, ended) = std::sync::mpsc::channel::<()>();
        for name in ["one", "other"] {
            let held = held.clone();
            group
                .spawn(name, move |barrier| {
                    let _held = held;
                    barrier.wait();
                    unreachable!("the third thread never comes");
                })
                .expect("a thread");
        }
        drop((held, group));
        let disconnected = Err(std::sync::mpsc::RecvTimeoutError::Disconnected);
        assert_eq!(ended.recv_timeout(Duration::from_secs(60)), disconnected);
    }

    #[test]
    fn a_panic_is_the_cause_even_when_others_then_hang() {
        let mut group = group(2, Duration::from_millis(200));
        group
            .spawn("broken", |barrier| {
                barrier.wait();
                quiet_panic("no more messages");
            })
            .expect("a thread");
        group
            .spawn("stuck", |barrier| {
                barrier.wait();
                loop {
                    thread::park();
                }
            })
            .expect("a thread");
        let error = group.join().expect_err("one thread panicked");
        assert_eq!(error.to_string(), "broken panicked: no more messages");
    }
}
