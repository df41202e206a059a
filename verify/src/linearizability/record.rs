//! Runs a scenario over a channel, several times with the same threads, and records the operations of each
//! thread.
//!
//! # Stamps
//!
//! One counter orders all events. An invocation *reads* the counter; a return takes its number and advances
//! it. A return with number `s` is before an invocation that read `v` if `s < v`: the read then saw the write
//! of that return or of a later one, so (Acquire reads, Release writes, and read-modify-writes continue a
//! release sequence) everything in the first operation *happens before* the second in the sense of the memory
//! model. A stale read only makes an interval wider. No recorded order is one that the channel could deny, on
//! any machine, so every violation is real.
//!
//! A monotonic clock would not give that, because reading it orders nothing: the writes of an operation may
//! still be on their way to other threads at the moment of its "return", and its reads may be done before the
//! moment of its "invocation". To be sound, stamps would have to be spread by some hundred nanoseconds, which
//! is longer than the operations.
//!
//! The cost of the counter: each return is a read-modify-write of a line that all threads share, some tens of
//! nanoseconds under contention, and a full fence on x86. A bug that needs two operations of a thread to pass
//! each other in its store buffer, without any read-modify-write of the channel between them, is not seen
//! here; one within an operation is, and loom sees both. Reading at the invocation, instead of taking a
//! number there too, halves that.
//!
//! Everything else that a thread records goes to memory of its own.

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::history::{Action, Answer, History, NEVER, Operation};
use super::scenario::{Pause, Scenario, Script, ScriptedOperation};
use crate::dyn_channel::{DynChannel, DynReceiver, DynSender, Factory, Open};
pub use crate::messages::LongMessage;
use contract::channel::{
    Capability, Receiver, RecvTimeoutError, SendTimeoutError, Sender, TryRecvError, TrySendError, Unsupported,
};
use workloads::thread_group::{ThreadGroup, ThreadGroupError};
use workloads::workload::Size;

/// A message with a number, which detects damage to itself.
pub trait Numbered: Send + 'static {
    /// The message with this number.
    fn new(number: u64) -> Self;
    /// Its number; `None` when it is damaged.
    fn number(&self) -> Option<u64>;
}

impl Numbered for u64 {
    fn new(number: u64) -> Self {
        number
    }

    fn number(&self) -> Option<u64> {
        Some(*self)
    }
}

impl Numbered for LongMessage {
    fn new(number: u64) -> Self {
        [number; 6]
    }

    fn number(&self) -> Option<u64> {
        self.iter().all(|word| *word == self[0]).then_some(self[0])
    }
}

/// Aligned to two cache lines, since processors fetch neighbouring lines in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct CacheAligned<T>(pub(super) T);

/// The counter that orders events.
#[derive(Debug)]
pub struct Stamps(CacheAligned<AtomicU64>);

impl Default for Stamps {
    fn default() -> Self {
        Stamps(CacheAligned(AtomicU64::new(1)))
    }
}

impl Stamps {
    /// The stamp of an invocation.
    #[inline]
    pub fn invocation(&self) -> u64 {
        // Acquire: pairs with the Release of every return whose number is below what is read.
        self.0.0.load(Ordering::Acquire)
    }

    /// The stamp of a return.
    #[inline]
    pub fn ret(&self) -> u64 {
        // Release: pairs with the Acquire of the invocations that read this or a later number.
        self.0.0.fetch_add(1, Ordering::Release)
    }
}

/// The stamps and the answer of one operation. Zeros stand for unknown.
#[derive(Debug, Default)]
struct Slot {
    invoked: AtomicU64,
    returned: AtomicU64,
    answer: AtomicU64,
}

/// An answer as one number: its kind in the lowest bits, and its message or length above them.
const KIND_BITS: u32 = 3;
const RECEIVED: u64 = 6;
const LENGTH: u64 = 7;
/// The largest message or length that can be encoded. No history has that many messages, so a larger number
/// is wrong anyway.
const MAX_NUMBER: u64 = u64::MAX >> KIND_BITS;

fn encode(answer: Answer) -> u64 {
    match answer {
        Answer::Done => 0,
        Answer::Full => 1,
        Answer::Empty => 2,
        Answer::Timeout => 3,
        Answer::Disconnected => 4,
        Answer::Received(message) if message <= MAX_NUMBER => (message << KIND_BITS) | RECEIVED,
        Answer::Damaged | Answer::Received(_) => 5,
        Answer::Length(length) => (length.min(MAX_NUMBER) << KIND_BITS) | LENGTH,
    }
}

fn decode(code: u64) -> Answer {
    let number = code >> KIND_BITS;
    match code & ((1 << KIND_BITS) - 1) {
        0 => Answer::Done,
        1 => Answer::Full,
        2 => Answer::Empty,
        3 => Answer::Timeout,
        4 => Answer::Disconnected,
        RECEIVED => Answer::Received(number),
        LENGTH => Answer::Length(number),
        _ => Answer::Damaged,
    }
}

/// The state that the threads of a scenario share in addition to the channel.
#[derive(Debug)]
struct Shared {
    stamps: Stamps,
    /// The number of arrivals of threads at the beginning of a repetition.
    arrived: CacheAligned<AtomicUsize>,
    /// Whether the threads stop waiting for each other.
    abandoned: AtomicBool,
    threads: usize,
    /// A slot for each thread, repetition and step.
    slots: Vec<Vec<Vec<Slot>>>,
}

/// The idle turns after which a waiting thread yields, because the machine may have fewer processors than
/// there are threads.
const SPINS_BEFORE_YIELD: usize = 200;

impl Shared {
    /// Waits until every thread has reached the beginning of this repetition; false when the run was
    /// abandoned.
    fn meet(&self, repetition: usize) -> bool {
        // AcqRel and Acquire: one repetition happens before the next.
        self.arrived.0.fetch_add(1, Ordering::AcqRel);
        let mut turns = 0;
        while self.arrived.0.load(Ordering::Acquire) < (repetition + 1) * self.threads {
            // Relaxed: nothing depends on its order.
            if self.abandoned.load(Ordering::Relaxed) {
                return false;
            }
            turns += 1;
            if turns % SPINS_BEFORE_YIELD == 0 { thread::yield_now() } else { spin_loop() }
        }
        true
    }
}

/// A scenario cannot run on this channel or machine, which is not a failure of the channel.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CannotRun {
    /// The channel lacks a capability.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The machine could not start or place the threads.
    #[error(transparent)]
    ThreadGroup(#[from] ThreadGroupError),
}

/// The result of running a scenario.
#[derive(Clone, Debug)]
pub enum Recorded {
    /// Every thread ended, in each repetition.
    Ended(Vec<History>),
    /// Some thread did not end: the history of that repetition, and the error.
    Unfinished(History, ThreadGroupError),
    /// The machine could not run it, which is not a failure of the channel.
    NotRun(CannotRun),
}

/// The handles of a thread in one repetition.
struct Endpoints<T> {
    senders: Vec<DynSender<T>>,
    receivers: Vec<DynReceiver<T>>,
    /// Whether a failed send returns its message.
    gives_back: bool,
}

/// Runs a scenario `repetitions` times over a channel, all of them within `deadline`.
pub fn record(channel: DynChannel, scenario: &Scenario, repetitions: usize, deadline: Duration) -> Recorded {
    let recorded = if scenario.long {
        run::<LongMessage>(channel, scenario, repetitions, deadline)
    } else {
        run::<u64>(channel, scenario, repetitions, deadline)
    };
    recorded.unwrap_or_else(Recorded::NotRun)
}

/// Opens a channel and distributes its handles among the scripts.
fn endpoints<T: Numbered>(channel: DynChannel, scenario: &Scenario) -> Result<Vec<Endpoints<T>>, CannotRun>
where
    dyn Factory: Open<T>,
{
    let gives_back = channel.info().require(Capability::MessageReturned).is_ok();
    let (sender, receiver) = channel.open::<T>(scenario.capacity)?;
    let mut endpoints = Vec::with_capacity(scenario.scripts.len());
    let (_, count) = scenario.handles();
    let mut receivers = contract::channel::receivers(receiver, count)?;
    for script in &scenario.scripts {
        endpoints.push(Endpoints {
            senders: (0..script.senders).map(|_| sender.clone()).collect(),
            receivers: receivers.split_off(receivers.len() - script.receivers),
            gives_back,
        });
    }
    Ok(endpoints)
}

fn run<T: Numbered>(
    channel: DynChannel,
    scenario: &Scenario,
    repetitions: usize,
    deadline: Duration,
) -> Result<Recorded, CannotRun>
where
    dyn Factory: Open<T>,
{
    let threads = scenario.scripts.len();
    let slots_of = |script: &Script| -> Vec<Vec<Slot>> {
        (0..repetitions).map(|_| script.steps.iter().map(|_| Slot::default()).collect()).collect()
    };
    let shared = Arc::new(Shared {
        stamps: Stamps::default(),
        arrived: CacheAligned::default(),
        abandoned: AtomicBool::new(false),
        threads,
        slots: scenario.scripts.iter().map(slots_of).collect(),
    });
    let mut of_threads: Vec<Vec<Endpoints<T>>> = (0..threads).map(|_| Vec::new()).collect();
    for _ in 0..repetitions {
        for (thread, endpoints) in of_threads.iter_mut().zip(endpoints::<T>(channel, scenario)?) {
            thread.push(endpoints);
        }
    }
    let mut group = ThreadGroup::new(threads, Size { deadline, ..Size::with_messages(1) })?;
    for (thread, endpoints) in of_threads.into_iter().enumerate() {
        let (script, shared) = (scenario.scripts[thread].clone(), Arc::clone(&shared));
        group.spawn(format!("thread {thread}"), move |barrier| {
            barrier.wait();
            for (repetition, endpoints) in endpoints.into_iter().enumerate() {
                if !shared.meet(repetition) {
                    return;
                }
                play(&script, endpoints, &shared.stamps, &shared.slots[thread][repetition]);
            }
        })?;
    }
    let slots = channel.effective_capacity(scenario.capacity).slots();
    match group.join() {
        Ok(_) => {
            Ok(Recorded::Ended((0..repetitions).map(|one| history(scenario, slots, &shared, one)).collect()))
        }
        Err(error @ (ThreadGroupError::NotPlaced(_) | ThreadGroupError::NotStarted { .. })) => {
            Err(error.into())
        }
        Err(error) => {
            // Relaxed: nothing depends on its order.
            shared.abandoned.store(true, Ordering::Relaxed);
            let mut histories = (0..repetitions).map(|one| history(scenario, slots, &shared, one));
            let pending = |history: &History| history.operations.iter().any(|one| one.answer.is_none());
            // A thread that panics outside an operation leaves none pending.
            let unfinished = histories.find(pending).unwrap_or_default();
            Ok(Recorded::Unfinished(unfinished, error))
        }
    }
}

/// One thread, one repetition.
fn play<T: Numbered>(script: &Script, mut endpoints: Endpoints<T>, stamps: &Stamps, slots: &[Slot]) {
    for (step, slot) in script.steps.iter().zip(slots) {
        match step.pause {
            Pause::Turns(turns) => (0..turns).for_each(|_| spin_loop()),
            Pause::Yield => thread::yield_now(),
        }
        // Relaxed: read after the thread has ended or while it hangs in this operation.
        slot.invoked.store(stamps.invocation(), Ordering::Relaxed);
        let answer = endpoints.perform(step);
        let returned = stamps.ret();
        slot.answer.store(encode(answer), Ordering::Relaxed);
        // Release: pairs with the Acquire in `history`, which makes the answer visible too.
        slot.returned.store(returned, Ordering::Release);
    }
}

const HELD: &str = "a scenario only uses handles that its thread holds";

impl<T: Numbered> Endpoints<T> {
    fn perform(&mut self, step: &ScriptedOperation) -> Answer {
        match step.action {
            Action::CloneSender => {
                let clone = self.senders.last().expect(HELD).clone();
                self.senders.push(clone);
                Answer::Done
            }
            Action::DropSender => {
                drop(self.senders.pop());
                Answer::Done
            }
            Action::CloneReceiver => {
                let clone = self.receivers.last().expect(HELD).try_clone();
                self.receivers.push(clone.expect("receivers are cloned only where the channel has several"));
                Answer::Done
            }
            Action::DropReceiver => {
                drop(self.receivers.pop());
                Answer::Done
            }
            Action::Len => {
                let length = self.receivers.last().expect(HELD).len();
                Answer::Length(length.expect("len is called only where the channel has it") as u64)
            }
            action if action.sends().is_some() => {
                send(self.senders.last().expect(HELD), step, self.gives_back)
            }
            action => receive(self.receivers.last().expect(HELD), action, step.timeout),
        }
    }
}

/// The answer of a failed send, which must return its own message.
fn not_sent(answer: Answer, number: u64, returned: &impl Numbered) -> Answer {
    if returned.number() == Some(number) { answer } else { Answer::Damaged }
}

fn send<T: Numbered>(sender: &DynSender<T>, step: &ScriptedOperation, gives_back: bool) -> Answer {
    let number = step.action.sends().unwrap_or_default();
    let message = T::new(number);
    match step.action {
        Action::TrySend(_) => match sender.try_send(message) {
            Ok(()) => Answer::Done,
            Err(TrySendError::Full(message)) => not_sent(Answer::Full, number, &message),
            Err(TrySendError::Disconnected(message)) => not_sent(Answer::Disconnected, number, &message),
        },
        Action::SendTimeout(_) => match sender.send_timeout(message, step.timeout) {
            Ok(()) => Answer::Done,
            Err(SendTimeoutError::Timeout(message)) => not_sent(Answer::Timeout, number, &message),
            Err(SendTimeoutError::Disconnected(message)) => not_sent(Answer::Disconnected, number, &message),
            Err(SendTimeoutError::Unsupported(_, unsupported)) => panic!("{unsupported}"),
        },
        _ => match sender.send(message).map_err(|error| error.message) {
            Ok(()) => Answer::Done,
            Err(Some(message)) => not_sent(Answer::Disconnected, number, &message),
            // The channel declares that it drops the message.
            Err(None) if !gives_back => Answer::Disconnected,
            Err(None) => Answer::Damaged,
        },
    }
}

fn receive<T: Numbered>(receiver: &DynReceiver<T>, action: Action, timeout: Duration) -> Answer {
    let received = match action {
        Action::TryRecv => receiver.try_recv().map_err(|error| match error {
            TryRecvError::Empty => Answer::Empty,
            TryRecvError::Disconnected => Answer::Disconnected,
        }),
        Action::RecvTimeout => receiver.recv_timeout(timeout).map_err(|error| match error {
            RecvTimeoutError::Timeout => Answer::Timeout,
            RecvTimeoutError::Disconnected => Answer::Disconnected,
            RecvTimeoutError::Unsupported(unsupported) => panic!("{unsupported}"),
        }),
        _ => receiver.recv().map_err(|_| Answer::Disconnected),
    };
    match received.map(|message| message.number()) {
        Ok(Some(number)) => Answer::Received(number),
        Ok(None) => Answer::Damaged,
        Err(answer) => answer,
    }
}

/// The history of one repetition.
fn history(scenario: &Scenario, slots: Option<usize>, shared: &Shared, repetition: usize) -> History {
    let (senders, receivers) = scenario.handles();
    let mut operations = Vec::new();
    for (thread, script) in scenario.scripts.iter().enumerate() {
        for (step, slot) in script.steps.iter().zip(&shared.slots[thread][repetition]) {
            // Acquire: pairs with the Release in `play`.
            let returned = slot.returned.load(Ordering::Acquire);
            let invoked = slot.invoked.load(Ordering::Relaxed);
            if invoked == 0 {
                break;
            }
            let (answer, returned) = match returned {
                0 => (None, NEVER),
                _ => (Some(decode(slot.answer.load(Ordering::Relaxed))), returned),
            };
            operations.push(Operation { thread, action: step.action, answer, invoked, returned });
        }
    }
    History { slots, senders, receivers, operations }.renumbered()
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
