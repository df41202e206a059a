//! Runs a scenario over a channel, several times with the same threads, and records what each thread did.
//!
//! # Stamps
//!
//! One counter orders all events. An invocation *reads* it; a return takes a number and moves it on. A return with number `s` is
//! before an invocation that read `v` if `s < v`: then the read saw what the return, or a later one, wrote, and so
//! (Acquire reads, Release writes, and read-modify-writes continue a release sequence) everything of the first operation *happens
//! before* the second in the language's own sense. A read that comes late in no one's view but its own only makes an interval wider.
//! So no order is recorded that the channel could deny, on any machine, and a violation is one.
//!
//! A monotonic clock would not give that: reading it orders nothing, so that an operation's writes may still be on their way to
//! other threads at the moment of its "return", and its reads may be done before the moment of its "invocation". Stamps would have to be
//! spread by some hundred nanoseconds, longer than the operations, to be sound.
//!
//! What the counter costs: each return is a read-modify-write of a line that all threads share, some tens of nanoseconds
//! when they meet there, and a full fence on x86. A bug that needs two operations of a thread to pass each other in its store
//! buffer, without any read-modify-write of the channel between, is not seen here; one within an operation is, and loom sees both.
//! Reading for the invocation, instead of taking a number for it too, halves that.
//!
//! Everything else a thread writes down goes to memory of its own.

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::history::{Action, Answer, History, NEVER, Operation};
use super::scenario::{Pause, Scenario, Script, Step};
use harness::channel::{
    Capability, Channel, Info, Receiver, RecvTimeoutError, SendTimeoutError, Sender, TryRecvError,
    TrySendError,
};
use harness::thread_group::{ThreadGroup, ThreadGroupError};
use harness::workload::Size;

/// A message that carries a number and can tell whether it was damaged.
pub trait Carried: Send + 'static {
    /// The message with this number.
    fn of(number: u64) -> Self;
    /// Its number; `None` when it is damaged.
    fn number(&self) -> Option<u64>;
}

impl Carried for u64 {
    fn of(number: u64) -> Self {
        number
    }

    fn number(&self) -> Option<u64> {
        Some(*self)
    }
}

/// A message of some words, all of them the number.
pub type Long = [u64; 6];

impl Carried for Long {
    fn of(number: u64) -> Self {
        [number; 6]
    }

    fn number(&self) -> Option<u64> {
        self.iter().all(|word| *word == self[0]).then_some(self[0])
    }
}

/// Alone on its cache lines (two: processors fetch neighbours in pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Alone<T>(pub(super) T);

/// The counter that orders events.
#[derive(Debug)]
pub struct Stamps(Alone<AtomicU64>);

impl Default for Stamps {
    fn default() -> Self {
        Stamps(Alone(AtomicU64::new(1)))
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

/// What became of one operation; zeros until it is known.
#[derive(Debug, Default)]
struct Slot {
    invoked: AtomicU64,
    returned: AtomicU64,
    answer: AtomicU64,
}

/// An answer as one number: its kind in the lowest bits, above them the message or the length that it tells.
const KIND_BITS: u32 = 3;
const RECEIVED: u64 = 6;
const LENGTH: u64 = 7;
/// The largest number that is told. No history has so many messages: what is larger is not true either.
const LARGEST: u64 = u64::MAX >> KIND_BITS;

fn encode(answer: Answer) -> u64 {
    match answer {
        Answer::Done => 0,
        Answer::Full => 1,
        Answer::Empty => 2,
        Answer::Timeout => 3,
        Answer::Disconnected => 4,
        Answer::Received(message) if message <= LARGEST => (message << KIND_BITS) | RECEIVED,
        Answer::Damaged | Answer::Received(_) => 5,
        Answer::Length(length) => (length.min(LARGEST) << KIND_BITS) | LENGTH,
    }
}

fn decode(code: u64) -> Answer {
    let told = code >> KIND_BITS;
    match code & ((1 << KIND_BITS) - 1) {
        0 => Answer::Done,
        1 => Answer::Full,
        2 => Answer::Empty,
        3 => Answer::Timeout,
        4 => Answer::Disconnected,
        RECEIVED => Answer::Received(told),
        LENGTH => Answer::Length(told),
        _ => Answer::Damaged,
    }
}

/// What the threads of a scenario share beside the channel.
#[derive(Debug)]
struct Shared {
    stamps: Stamps,
    /// Comings of threads to the beginning of a repetition.
    arrived: Alone<AtomicUsize>,
    /// Nobody waits for the others any more.
    abandoned: AtomicBool,
    threads: usize,
    /// For each thread, for each repetition, its steps.
    slots: Vec<Vec<Vec<Slot>>>,
}

/// Idle turns before a waiting thread gives its processor away: the machine may have fewer than there are threads.
const PATIENCE: usize = 200;

impl Shared {
    /// Waits until every thread has come to the beginning of this repetition; false when they will not.
    fn meet(&self, repetition: usize) -> bool {
        // AcqRel and Acquire: what was done in one repetition happens before the next.
        self.arrived.0.fetch_add(1, Ordering::AcqRel);
        let mut turns = 0;
        while self.arrived.0.load(Ordering::Acquire) < (repetition + 1) * self.threads {
            // Relaxed: only the fact matters.
            if self.abandoned.load(Ordering::Relaxed) {
                return false;
            }
            turns += 1;
            if turns % PATIENCE == 0 { thread::yield_now() } else { spin_loop() }
        }
        true
    }
}

/// What came of running a scenario.
#[derive(Clone, Debug)]
pub enum Recorded {
    /// Every thread came to its end, in each repetition.
    Ended(Vec<History>),
    /// Some thread did not; the history of that repetition, and why.
    Cut(History, ThreadGroupError),
    /// The machine could not run it: no failure of the channel.
    NotRun(String),
}

/// A thread's handles in one repetition.
struct Hands<C: Channel, T: Send + 'static> {
    senders: Vec<C::Sender<T>>,
    receivers: Vec<C::Receiver<T>>,
    /// Whether a failed send gives its message back.
    gives_back: bool,
}

/// Runs the scenario `repetitions` times over the channel `C`, which says `info` of itself; all of them together may take until
/// `deadline`.
pub fn record<C: Channel>(
    info: &Info,
    scenario: &Scenario,
    repetitions: usize,
    deadline: Duration,
) -> Recorded {
    let gives_back = info.require(Capability::MessageReturned).is_ok();
    let recorded = if scenario.long {
        run::<C, Long>(gives_back, scenario, repetitions, deadline)
    } else {
        run::<C, u64>(gives_back, scenario, repetitions, deadline)
    };
    recorded.unwrap_or_else(Recorded::NotRun)
}

/// Opens a channel and gives each script its handles.
fn hands<C: Channel, T: Carried>(gives_back: bool, scenario: &Scenario) -> Result<Vec<Hands<C, T>>, String> {
    let (sender, receiver) = C::open::<T>(scenario.capacity).map_err(|error| error.to_string())?;
    let mut hands = Vec::with_capacity(scenario.scripts.len());
    let (_, count) = scenario.handles();
    let mut receivers = harness::channel::receivers(receiver, count).map_err(|error| error.to_string())?;
    for script in &scenario.scripts {
        hands.push(Hands {
            senders: (0..script.senders).map(|_| sender.clone()).collect(),
            receivers: receivers.split_off(receivers.len() - script.receivers),
            gives_back,
        });
    }
    Ok(hands)
}

fn run<C: Channel, T: Carried>(
    gives_back: bool,
    scenario: &Scenario,
    repetitions: usize,
    deadline: Duration,
) -> Result<Recorded, String> {
    let threads = scenario.scripts.len();
    let slots_of = |script: &Script| -> Vec<Vec<Slot>> {
        (0..repetitions).map(|_| script.steps.iter().map(|_| Slot::default()).collect()).collect()
    };
    let shared = Arc::new(Shared {
        stamps: Stamps::default(),
        arrived: Alone::default(),
        abandoned: AtomicBool::new(false),
        threads,
        slots: scenario.scripts.iter().map(slots_of).collect(),
    });
    let mut of_threads: Vec<Vec<Hands<C, T>>> = (0..threads).map(|_| Vec::new()).collect();
    for _ in 0..repetitions {
        for (thread, hands) in of_threads.iter_mut().zip(hands::<C, T>(gives_back, scenario)?) {
            thread.push(hands);
        }
    }
    let mut group = ThreadGroup::new(threads, Size { deadline, ..Size::with_messages(1) })
        .map_err(|error| error.to_string())?;
    for (thread, hands) in of_threads.into_iter().enumerate() {
        let (script, shared) = (scenario.scripts[thread].clone(), Arc::clone(&shared));
        group
            .spawn(format!("thread {thread}"), move |barrier| {
                barrier.wait();
                for (repetition, hands) in hands.into_iter().enumerate() {
                    if !shared.meet(repetition) {
                        return;
                    }
                    play(&script, hands, &shared.stamps, &shared.slots[thread][repetition]);
                }
            })
            .map_err(|error| error.to_string())?;
    }
    let slots = C::effective_capacity(scenario.capacity).slots();
    match group.join() {
        Ok(_) => {
            Ok(Recorded::Ended((0..repetitions).map(|one| history(scenario, slots, &shared, one)).collect()))
        }
        Err(error @ (ThreadGroupError::NotPlaced(_) | ThreadGroupError::NotStarted { .. })) => {
            Err(error.to_string())
        }
        Err(error) => {
            // Relaxed: only the fact matters.
            shared.abandoned.store(true, Ordering::Relaxed);
            let mut histories = (0..repetitions).map(|one| history(scenario, slots, &shared, one));
            let pending = |history: &History| history.operations.iter().any(|one| one.answer.is_none());
            // A thread that panics outside an operation leaves none pending.
            let cut = histories.find(pending).unwrap_or_default();
            Ok(Recorded::Cut(cut, error))
        }
    }
}

/// One thread, one repetition.
fn play<C: Channel, T: Carried>(script: &Script, mut hands: Hands<C, T>, stamps: &Stamps, slots: &[Slot]) {
    for (step, slot) in script.steps.iter().zip(slots) {
        match step.pause {
            Pause::Turns(turns) => (0..turns).for_each(|_| spin_loop()),
            Pause::Yield => thread::yield_now(),
        }
        // Relaxed: read after the thread has ended, or once it hangs in this operation.
        slot.invoked.store(stamps.invocation(), Ordering::Relaxed);
        let answer = hands.perform(step);
        let returned = stamps.ret();
        slot.answer.store(encode(answer), Ordering::Relaxed);
        // Release: pairs with the Acquire in `history`, so that the answer is seen with it.
        slot.returned.store(returned, Ordering::Release);
    }
}

/// Why a handle is there: what the author of a scenario looks after.
const HELD: &str = "a scenario uses handles that its thread holds";

impl<C: Channel, T: Carried> Hands<C, T> {
    fn perform(&mut self, step: &Step) -> Answer {
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
                self.receivers.push(clone.expect("a channel with one receiver is not asked for another"));
                Answer::Done
            }
            Action::DropReceiver => {
                drop(self.receivers.pop());
                Answer::Done
            }
            Action::Len => {
                let length = self.receivers.last().expect(HELD).len();
                Answer::Length(length.expect("a channel that does not tell its length is not asked") as u64)
            }
            action if action.sends().is_some() => {
                send::<C, T>(self.senders.last().expect(HELD), step, self.gives_back)
            }
            action => receive::<C, T>(self.receivers.last().expect(HELD), action, step.timeout),
        }
    }
}

/// The answer of a failed send: only with its own message back.
fn not_sent(answer: Answer, number: u64, returned: &impl Carried) -> Answer {
    if returned.number() == Some(number) { answer } else { Answer::Damaged }
}

fn send<C: Channel, T: Carried>(sender: &C::Sender<T>, step: &Step, gives_back: bool) -> Answer {
    let number = step.action.sends().unwrap_or_default();
    let message = T::of(number);
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
            // Declared: the channel drops the message.
            Err(None) if !gives_back => Answer::Disconnected,
            Err(None) => Answer::Damaged,
        },
    }
}

fn receive<C: Channel, T: Carried>(receiver: &C::Receiver<T>, action: Action, timeout: Duration) -> Answer {
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

/// What was written down of one repetition.
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
