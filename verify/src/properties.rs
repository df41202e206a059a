//! Random sequences of operations on one thread, in lockstep with a model: a queue with two kinds of handles.
//!
//! A case is one sequence over a channel of one capacity, made from the seed of the case. proptest shrinks a
//! sequence with a wrong answer. After each operation, as many messages must be alive as the model has in its
//! queue, and none may have been dropped twice. At the end each must have been dropped exactly once.
//!
//! Operations that would wait for ever according to the model are skipped. A channel may hang nevertheless,
//! so the sequences run on a separate thread, and one that does not end is a finding.

mod model;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use self::model::run;
use crate::dyn_channel::DynChannel;
use crate::violation::Violation;
use contract::channel::{Capability, Capacity, Channel, Info};
use records::verify::{Finding, MethodOutcome, Task, ThreadSteps};

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
    /// Receives with `try_recv` until it fails.
    Drain,
    Len,
    CloneSender,
    CloneReceiver,
    DropSender,
    DropReceiver,
    /// Drops the oldest handle.
    DropFirstSender,
    DropFirstReceiver,
    /// Drops every handle of a side.
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

/// The limit of the length of a sequence, exclusive.
const MAX_LEN: usize = 80;

/// The maximum number of slots, small so that the channel is often full and a ring wraps around.
const MAX_SLOTS: usize = 5;

fn sequence(info: &Info) -> impl Strategy<Value = Sequence> {
    let least = usize::from(info.require(Capability::Rendezvous).is_err());
    let unbounded = u32::from(info.require(Capability::Unbounded).is_ok());
    let capacity = prop_oneof![
        4 => (least..=MAX_SLOTS).prop_map(Capacity::from_slots),
        unbounded => Just(Capacity::Unbounded),
    ];
    (capacity, prop::collection::vec(operation(), 0..MAX_LEN))
}

/// The time limit of a case, including shrinking: ten thousand times what one usually takes.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The scenario and the steps so far of the thread that runs the sequences, for the thread that waits for it.
#[derive(Clone, Debug, Default)]
struct CurrentStep(Arc<Mutex<(String, Vec<String>)>>);

impl CurrentStep {
    fn begin(&self, capacity: Capacity) {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        current.0 = format!("a channel of capacity {capacity}");
        current.1.clear();
    }

    fn step(&self, step: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.push(step);
    }

    /// Replaces the last step by the step with its answer.
    fn answered(&self, step: String) {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        current.1.pop();
        current.1.push(step);
    }

    fn finding(&self, case: u64, violation: Violation) -> Box<Finding> {
        let (scenario, steps) = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Box::new(Finding {
            case,
            scenario,
            expected: violation.expected,
            happened: violation.happened,
            threads: vec![ThreadSteps { thread: "main".to_owned(), steps: (0..).zip(steps).collect() }],
            picture: None,
        })
    }
}

/// Runs the sequence of one seed. After a violation, `steps` has the smallest sequence.
fn run_seed(channel: DynChannel, seed: u64, steps: &CurrentStep) -> Result<(), Violation> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases: 1, failure_persistence: None, max_shrink_iters: 5_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let seen = runner.run(&sequence(channel.info()), |(capacity, operations)| {
        run(channel, capacity, &operations, steps)
            .map_err(|violation| TestCaseError::fail(violation.happened))
    });
    match seen {
        Ok(()) => Ok(()),
        Err(TestError::Abort(reason)) => {
            Err(Violation::new("a sequence", format!("cannot generate one: {reason}")))
        }
        // Once more, to record its steps.
        Err(TestError::Fail(reason, (capacity, operations))) => {
            match run(channel, capacity, &operations, steps) {
                Err(violation) => Err(violation),
                Ok(()) => Err(Violation::new(
                    "the same answer each time, on one thread",
                    format!("{reason}; but not when it was repeated"),
                )),
            }
        }
    }
}

/// Verifies the channel `C`.
pub fn verify<C: Channel>(task: &Task, begins: &mut dyn FnMut(u64)) -> MethodOutcome {
    verify_channel(DynChannel::new::<C>(), task, begins)
}

fn verify_channel(channel: DynChannel, task: &Task, begins: &mut dyn FnMut(u64)) -> MethodOutcome {
    let steps = CurrentStep::default();
    let (ask, asked) = mpsc::channel();
    let (answer, answers) = mpsc::channel();
    let own = steps.clone();
    let spawned = thread::Builder::new().name("sequences".to_owned()).spawn(move || {
        for seed in asked {
            if answer.send(run_seed(channel, seed, &own)).is_err() {
                break;
            }
        }
    });
    if let Err(error) = spawned {
        return MethodOutcome::Shortage { reason: format!("cannot start a thread on this machine: {error}") };
    }
    let mut cases = 0;
    for case in task.cases(None) {
        begins(case);
        // If the thread is gone, there is no answer.
        let _ = ask.send(task.seed_of(case));
        match answers.recv_timeout(TIMEOUT) {
            Ok(Ok(())) => cases += 1,
            Ok(Err(violation)) => return MethodOutcome::Failed(steps.finding(case, violation)),
            Err(error) => {
                let happened = match error {
                    mpsc::RecvTimeoutError::Timeout => {
                        format!("hung: the last step did not end within {} s", TIMEOUT.as_secs_f64())
                    }
                    mpsc::RecvTimeoutError::Disconnected => "the last step panicked".to_owned(),
                };
                let expected = "every operation ends".to_owned();
                return MethodOutcome::Failed(steps.finding(case, Violation::new(expected, happened)));
            }
        }
    }
    if cases == 0 {
        return MethodOutcome::OutOfTime { cases, all: None };
    }
    let bounds = format!(
        "{cases} sequences of up to {} operations on one thread, up to {MAX_SLOTS} slots or unbounded",
        MAX_LEN - 1
    );
    MethodOutcome::Passed { cases, bounds }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baseline::MutexDeque;
    use records::verify::Shard;

    #[test]
    fn a_seed_decides_the_sequence() {
        let made = |seed: u64| {
            let steps = CurrentStep::default();
            assert_eq!(run_seed(DynChannel::new::<MutexDeque>(), seed, &steps), Ok(()));
            steps.0.lock().map(|steps| steps.clone()).unwrap()
        };
        // The answers are those of the model, so equal operations have equal steps.
        assert_eq!(made(7), made(7));
        assert!((0..20).any(|seed| made(seed) != made(7)));
    }

    #[test]
    fn a_case_run_alone_is_announced() {
        let task = Task { seed: 5, shard: Shard::WHOLE, only: Some(9), budget: Duration::ZERO };
        let mut begun = Vec::new();
        let outcome = verify::<MutexDeque>(&task, &mut |case| begun.push(case));
        assert!(matches!(outcome, MethodOutcome::Passed { cases: 1, .. }), "{outcome:?}");
        assert_eq!(begun, [9]);
    }
}
