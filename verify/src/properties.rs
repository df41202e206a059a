//! Random sequences of operations on one thread, each answer held against a model of a queue with two kinds of handles.
//!
//! A case is one sequence over a channel of one capacity, made of the case's seed. A sequence with a wrong answer is shrunk to the
//! smallest that proptest finds. After each operation, too, as many messages have to be alive as the model has in its queue, and
//! none may have been dropped twice; at the end, each was dropped exactly once.
//!
//! Operations that the model says would wait for ever are left out. A channel may hang all the same: the sequences run on a thread
//! of their own, and one that does not end is a result.

mod model;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use self::model::{Counted, Mismatch, run};
use super::erased::{Chosen, Erased, Kinds, info};
use harness::channel::{Capability, Capacity, Channel};
use harness::verify::{Finding, Outcome, Task, ThreadSteps};

/// An operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Send,
    TrySend,
    SendTimeout,
    SendTimeoutOfNothing,
    Recv,
    TryRecv,
    RecvTimeout,
    RecvTimeoutOfNothing,
    /// Receives until nothing is left.
    Drain,
    Len,
    CloneSender,
    CloneReceiver,
    DropSender,
    DropReceiver,
    /// Drops the oldest of several handles.
    DropFirstSender,
    DropFirstReceiver,
    /// Drops all of a side.
    CloseSenders,
    CloseReceivers,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operation::Send => "send",
            Operation::TrySend => "try_send",
            Operation::SendTimeout => "send_timeout",
            Operation::SendTimeoutOfNothing => "send_timeout(0)",
            Operation::Recv => "recv",
            Operation::TryRecv => "try_recv",
            Operation::RecvTimeout => "recv_timeout",
            Operation::RecvTimeoutOfNothing => "recv_timeout(0)",
            Operation::Drain => "try_recv until nothing is left",
            Operation::Len => "len",
            Operation::CloneSender => "clone the last sender",
            Operation::CloneReceiver => "clone the last receiver",
            Operation::DropSender => "drop the last sender",
            Operation::DropReceiver => "drop the last receiver",
            Operation::DropFirstSender => "drop the first sender",
            Operation::DropFirstReceiver => "drop the first receiver",
            Operation::CloseSenders => "drop every sender",
            Operation::CloseReceivers => "drop every receiver",
        })
    }
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::*;
    prop_oneof![
        12 => Just(Send), 12 => Just(TrySend), 4 => Just(SendTimeout), 4 => Just(SendTimeoutOfNothing),
        10 => Just(Recv), 10 => Just(TryRecv), 4 => Just(RecvTimeout), 4 => Just(RecvTimeoutOfNothing),
        2 => Just(Drain), 4 => Just(Len),
        2 => Just(CloneSender), 2 => Just(CloneReceiver), 2 => Just(DropSender), 2 => Just(DropReceiver),
        1 => Just(DropFirstSender), 1 => Just(DropFirstReceiver), 1 => Just(CloseSenders), 1 => Just(CloseReceivers),
    ]
}

/// A capacity and a sequence.
type Sequence = (Capacity, Vec<Operation>);

/// The longest sequence.
const LONGEST: usize = 80;

/// The most slots; few, so that full comes up often and a ring goes round.
const MOST_SLOTS: usize = 5;

fn sequence() -> impl Strategy<Value = Sequence> {
    let least = usize::from(info().require(Capability::Rendezvous).is_err());
    let unbounded = u32::from(info().require(Capability::Unbounded).is_ok());
    let capacity = prop_oneof![
        4 => (least..=MOST_SLOTS).prop_map(Capacity::from_slots),
        unbounded => Just(Capacity::Unbounded),
    ];
    (capacity, prop::collection::vec(operation(), 0..LONGEST))
}

/// A case that takes longer hangs: shrinking included, ten thousand times what it usually takes.
const HANG: Duration = Duration::from_secs(10);

/// What the sequences' thread is doing, for the one who waits for it.
#[derive(Clone, Debug, Default)]
struct Doing(Arc<Mutex<(String, Vec<String>)>>);

impl Doing {
    fn begin(&self, capacity: Capacity) {
        let mut doing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        doing.0 = format!("a channel of capacity {capacity}");
        doing.1.clear();
    }

    fn step(&self, step: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.push(step);
    }

    /// Replaces the last step by one that has its answer.
    fn answered(&self, step: String) {
        let mut doing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        doing.1.pop();
        doing.1.push(step);
    }

    fn finding(&self, case: u64, mismatch: Mismatch) -> Box<Finding> {
        let (scenario, steps) = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Box::new(Finding {
            case,
            scenario,
            expected: mismatch.expected,
            happened: mismatch.happened,
            threads: vec![ThreadSteps { thread: "main".to_owned(), steps: (0..).zip(steps).collect() }],
            picture: None,
        })
    }
}

/// Looks at the sequence of one seed; a wrong answer comes back with its smallest sequence in `doing`.
fn look(seed: u64, doing: &Doing) -> Result<(), Mismatch> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases: 1, failure_persistence: None, max_shrink_iters: 5_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let seen = runner.run(&sequence(), |(capacity, operations)| {
        run::<Erased>(capacity, &operations, doing).map_err(|mismatch| TestCaseError::fail(mismatch.happened))
    });
    match seen {
        Ok(()) => Ok(()),
        Err(TestError::Abort(reason)) => Err(Mismatch {
            expected: "a sequence".to_owned(),
            happened: format!("none could be made: {reason}"),
        }),
        // Once more, to have its steps.
        Err(TestError::Fail(reason, (capacity, operations))) => {
            match run::<Erased>(capacity, &operations, doing) {
                Err(mismatch) => Err(mismatch),
                Ok(()) => Err(Mismatch {
                    expected: "the same answer each time, on one thread".to_owned(),
                    happened: format!("{reason}; and not when it was tried again"),
                }),
            }
        }
    }
}

/// Verifies the channel `C`.
pub fn verify<C: Channel>(task: &Task, begins: &mut dyn FnMut(u64)) -> Outcome {
    let chosen = Kinds::<C>::new().and::<Counted>().chosen();
    verify_chosen(chosen, task, HANG, begins)
}

fn verify_chosen(chosen: Chosen, task: &Task, deadline: Duration, begins: &mut dyn FnMut(u64)) -> Outcome {
    let doing = Doing::default();
    let (ask, asked) = mpsc::channel();
    let (answer, answers) = mpsc::channel();
    let own = doing.clone();
    let spawned = thread::Builder::new().name("sequences".to_owned()).spawn(move || {
        chosen.choose();
        for seed in asked {
            if answer.send(look(seed, &own)).is_err() {
                break;
            }
        }
    });
    if let Err(error) = spawned {
        return Outcome::Unsupported { reason: format!("the machine gave no thread: {error}") };
    }
    let mut cases = 0;
    for case in task.cases(None) {
        begins(case);
        // A thread that is gone is seen at the answer.
        let _ = ask.send(task.seed_of(case));
        match answers.recv_timeout(deadline) {
            Ok(Ok(())) => cases += 1,
            Ok(Err(mismatch)) => return Outcome::Failed(doing.finding(case, mismatch)),
            Err(error) => {
                let happened = match error {
                    mpsc::RecvTimeoutError::Timeout => {
                        format!("hung: after {} s the last step had not ended", deadline.as_secs_f64())
                    }
                    mpsc::RecvTimeoutError::Disconnected => "the last step panicked".to_owned(),
                };
                let expected = "every operation ends".to_owned();
                return Outcome::Failed(doing.finding(case, Mismatch { expected, happened }));
            }
        }
    }
    if cases == 0 {
        return Outcome::OutOfTime { cases, all: None };
    }
    let bounds = format!(
        "{cases} sequences of up to {} operations on one thread, up to {MOST_SLOTS} slots or without limit",
        LONGEST - 1
    );
    Outcome::Passed { cases, bounds }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::channels::mutex_deque::MutexDeque;
    use harness::verify::Shard;

    #[test]
    fn a_seed_is_one_sequence() {
        let made = |seed: u64| {
            Kinds::<MutexDeque>::new().and::<Counted>().chosen().choose();
            let doing = Doing::default();
            assert_eq!(look(seed, &doing), Ok(()));
            doing.0.lock().map(|doing| doing.clone()).unwrap()
        };
        // The answers are the model's, so the steps are equal when the operations are.
        assert_eq!(made(7), made(7));
        assert!((0..20).any(|seed| made(seed) != made(7)));
    }

    #[test]
    fn a_case_can_be_looked_at_alone() {
        let task = Task { seed: 5, shard: Shard::WHOLE, only: Some(9), budget: Duration::ZERO };
        let mut begun = Vec::new();
        let outcome = verify::<MutexDeque>(&task, &mut |case| begun.push(case));
        assert!(matches!(outcome, Outcome::Passed { cases: 1, .. }), "{outcome:?}");
        assert_eq!(begun, [9]);
    }
}
