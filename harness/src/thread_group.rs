//! The threads of one round: started before the timed region, joined after it, and given up at a deadline.
//!
//! A thread that hangs inside a channel cannot be stopped from outside. At the deadline the round fails with the names of
//! the threads that had not ended, and those threads are abandoned; whoever runs rounds decides whether to go on beside them.
//!
//! In a build that explores, `modelled.rs` stands in for this file: the same group, of modelled threads.

mod result;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub use self::result::{GroupTotals, ThreadGroupError, panic_message};
use crate::message::{Tally, take_dropped};
use crate::meters::{Allocations, ThreadUsage, allocations};
use crate::placement::{Core, pin};
use crate::workload::Size;

/// How long the other threads may take to end after one has panicked. Most then see a disconnect; the rest hang.
const GRACE: Duration = Duration::from_secs(2);

/// Opens the timed region for all threads of a group at once.
#[derive(Clone, Debug)]
pub struct StartBarrier(Arc<Entrance>);

#[derive(Debug)]
struct Entrance {
    waiting: Mutex<Waiting>,
    opened: Condvar,
}

#[derive(Debug)]
struct Waiting {
    /// Threads that are not here yet.
    missing: usize,
    /// The round is given up: the machine had no thread to give, or not the processor for it.
    abandoned: bool,
}

impl StartBarrier {
    fn new(threads: usize) -> Self {
        let waiting = Mutex::new(Waiting { missing: threads, abandoned: false });
        StartBarrier(Arc::new(Entrance { waiting, opened: Condvar::new() }))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until every thread of the group is here; returns the moment this one went through.
    ///
    /// The timed region opens with the first thread that goes through. When the group is given up because a thread could not
    /// be started or put where it was to be, this unwinds, without a word of the panic hook, and the thread ends.
    pub fn wait(&self) -> Instant {
        let mut waiting = self.waiting();
        waiting.missing -= 1;
        if waiting.missing == 0 {
            self.0.opened.notify_all();
        }
        while waiting.missing > 0 && !waiting.abandoned {
            waiting = self.0.opened.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        // Whoever gives the round up does so before the last thread can come, so that all see it or none.
        let abandoned = waiting.abandoned;
        drop(waiting);
        if abandoned {
            resume_unwind(Box::new("the round was given up before it began"));
        }
        AT_THE_BARRIER.set(Account::of_this_thread());
        Instant::now()
    }

    fn abandon(&self) {
        self.waiting().abandoned = true;
        self.0.opened.notify_all();
    }
}

/// What a thread has used and allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Account {
    usage: Option<ThreadUsage>,
    allocations: Option<Allocations>,
}

impl Account {
    /// Of the calling thread since it started.
    fn of_this_thread() -> Self {
        Account { usage: ThreadUsage::of_this_thread(), allocations: allocations::of_this_thread() }
    }

    /// Of the calling thread since it went through the barrier.
    fn since_the_barrier() -> Self {
        let (now, then) = (Account::of_this_thread(), AT_THE_BARRIER.get());
        Account {
            usage: now.usage.zip(then.usage).map(|(now, then)| now - then),
            allocations: now.allocations.zip(then.allocations).map(|(now, then)| now - then),
        }
    }
}

thread_local! {
    /// What this thread had used and allocated when it went through the barrier.
    static AT_THE_BARRIER: Cell<Account> = const { Cell::new(Account { usage: None, allocations: None }) };
}

#[derive(Debug)]
struct Progress {
    /// Threads that have not ended.
    running: Vec<String>,
    /// What those that have ended did.
    ended: GroupTotals,
    /// The first that went wrong with a thread.
    failed: Option<ThreadGroupError>,
}

impl Default for Progress {
    fn default() -> Self {
        let ended = GroupTotals {
            dropped: Tally::default(),
            usage: Some(ThreadUsage::default()),
            allocations: Some(Allocations::default()),
        };
        Progress { running: Vec::new(), ended, failed: None }
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

/// A thread's result, to be had once the group has ended.
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
        // The thread is gone before the next round starts its own.
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
    /// Where the threads are put, one after the other and again from the first; empty when the system chooses.
    places: Vec<Core>,
}

impl ThreadGroup {
    /// A group of exactly so many threads, all of which pass the barrier; the round may take `size.deadline`, and the threads are put
    /// where `size.placement` says, in the order in which they are started.
    ///
    /// # Errors
    ///
    /// [`ThreadGroupError::NotPlaced`] when this machine has no such places.
    pub fn new(threads: usize, size: Size) -> Result<Self, ThreadGroupError> {
        let places = size.placement.places().map_err(ThreadGroupError::NotPlaced)?;
        take_dropped();
        let barrier = StartBarrier::new(threads);
        Ok(ThreadGroup {
            shared: Arc::default(),
            barrier,
            threads,
            spawned: 0,
            deadline: size.deadline,
            places,
        })
    }

    /// Starts a thread. `body` does its preparations, passes the barrier, and works. A group that is dropped before all its threads
    /// are started sends those home that are.
    ///
    /// # Errors
    ///
    /// [`ThreadGroupError::NotStarted`] when the machine has no more threads to give.
    pub fn spawn<T: Send + 'static>(
        &mut self,
        name: impl Into<String>,
        body: impl FnOnce(&StartBarrier) -> T + Send + 'static,
    ) -> Result<GroupThread<T>, ThreadGroupError> {
        // Made here, so that a thread allocates nothing for it.
        let result = Arc::new(Mutex::new(None));
        let kept = Arc::clone(&result);
        let body = Box::new(move |barrier: &StartBarrier| {
            let ended = body(barrier);
            *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
        });
        Ok(GroupThread { thread: self.start(name.into(), body)?, result })
    }

    /// Starts a thread, whatever it does: compiled once, and not for each workload over each channel.
    fn start(
        &mut self,
        name: String,
        body: Box<dyn FnOnce(&StartBarrier) + Send>,
    ) -> Result<JoinHandle<()>, ThreadGroupError> {
        let barrier = self.barrier.clone();
        let shared = Arc::clone(&self.shared);
        self.shared.lock().running.push(name.clone());
        let thread_name = name.clone();
        let place = self.places.iter().cycle().nth(self.spawned).copied();
        let spawned = thread::Builder::new().name(name.clone()).spawn(move || {
            if place.is_some_and(|place| !pin(place)) {
                let refused = ThreadGroupError::NotPlaced(
                    "the system refused to pin a thread to a processor".to_owned(),
                );
                shared.lock().failed.get_or_insert(refused);
                // This thread has still to come to the barrier, so no other has gone through.
                barrier.abandon();
            }
            let result = catch_unwind(AssertUnwindSafe(|| body(&barrier)));
            let account = Account::since_the_barrier();
            let mut progress = shared.lock();
            progress.running.retain(|running| *running != thread_name);
            progress.ended.dropped += take_dropped();
            let ended = &mut progress.ended;
            ended.usage = ended.usage.zip(account.usage).map(|(all, own)| all + own);
            ended.allocations = ended.allocations.zip(account.allocations).map(|(all, own)| all + own);
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

    /// Waits for every thread to end; returns what they did.
    ///
    /// # Errors
    ///
    /// [`ThreadGroupError::Panicked`] when a thread panicked, [`ThreadGroupError::Hung`] when one did not end in time,
    /// [`ThreadGroupError::NotPlaced`] when the system refused to put one where it was to be.
    ///
    /// # Panics
    ///
    /// When fewer threads were started than the group was made for: they would wait at the barrier for ever.
    pub fn join(self) -> Result<GroupTotals, ThreadGroupError> {
        assert_eq!(self.spawned, self.threads, "a group starts as many threads as it was made for");
        let began = Instant::now();
        let mut until = began + self.deadline;
        let mut progress = self.shared.lock();
        while !progress.running.is_empty() {
            if progress.failed.is_some() {
                until = until.min(Instant::now() + GRACE);
            }
            let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
            else {
                return Err(progress.failed.take().unwrap_or_else(|| ThreadGroupError::Hung {
                    waited: self.deadline,
                    threads: progress.running.clone(),
                }));
            };
            progress =
                self.shared.ended.wait_timeout(progress, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        match progress.failed.take() {
            Some(failed) => Err(failed),
            None => Ok(GroupTotals { dropped: progress.ended.dropped + take_dropped(), ..progress.ended }),
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

    /// Panics without the hook's report on standard error.
    fn group(threads: usize, deadline: Duration) -> ThreadGroup {
        ThreadGroup::new(threads, Size { deadline, ..Size::with_messages(1) }).expect("threads of any place")
    }

    fn quiet_panic(message: &'static str) -> ! {
        std::panic::resume_unwind(Box::new(message))
    }

    #[test]
    fn results_come_back_typed() {
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
        assert_eq!(group.join().map(|ended| ended.dropped), Ok(Tally::default()));
        assert_eq!((number.result(), word.result()), (7, "seven"));
    }

    /// What a thread uses before the barrier is no part of the round.
    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_used_after_the_gate_is_told() {
        let used = |before: u64, after: u64| {
            let mut group = group(2, Duration::from_secs(60));
            for name in ["one", "other"] {
                group
                    .spawn(name, move |barrier| {
                        crate::workload::work(before);
                        barrier.wait();
                        crate::workload::work(after);
                    })
                    .expect("a thread");
            }
            group.join().expect("they end").usage.expect("Linux tells").cpu_ns()
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
    fn threads_are_put_where_they_are_to_be() {
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
        group.join().expect("they end");
        let [one, other] = threads.map(GroupThread::result);
        assert_eq!(one.len(), 1, "{one:?}");
        assert_eq!(one, other);
    }

    #[test]
    fn a_place_that_the_system_refuses_gives_the_round_up() {
        let mut group = group(3, Duration::from_secs(60));
        // No system has so many processors.
        group.places = vec![Core { id: 0 }, Core { id: 1023 }];
        for name in ["one", "refused", "other"] {
            group
                .spawn(name, |barrier| {
                    barrier.wait();
                    unreachable!("the barrier stays shut");
                })
                .expect("a thread");
        }
        let error = group.join().expect_err("a place was refused");
        assert_eq!(
            error.to_string(),
            "not available here: the system refused to pin a thread to a processor"
        );
        assert!(!crate::workload::RoundError::from(error).is_failure());
    }

    /// As when the machine has no thread for the last one.
    #[test]
    fn a_crew_that_is_given_up_sends_its_threads_home() {
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
