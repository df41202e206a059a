//! Concurrent histories of a channel, each of which must have a legal order.
//!
//! - [`scenario`] decides what the threads do, [`record`] runs it and records a [`history`]; [`stream`]
//!   records long ones.
//! - [`wgl`] searches any history for a legal order and judges every scenario. [`queue_patterns`] refutes
//!   long histories quickly and judges the streams. It does not see that a channel was full, nor lengths that
//!   are wrong only together.
//! - [`shrink`] makes an illegal history small; [`picture`] draws it.
//!
//! A history contains every operation of the contract except select, which works on several channels: the
//! scenarios of [`conformance`](crate::conformance) test it.
//!
//! A case is one scenario, run several times: the seed decides what the threads do, not how they meet. A case
//! that is run alone ([`Task::only`]) is therefore repeated until it fails or the budget is spent.
//!
//! The search for a legal order is exponential in the worst case. A history on which it exceeds its budget is
//! neither legal nor illegal, and the method then answers [`MethodOutcome::Unknown`].

pub mod dice;
pub mod history;
pub mod picture;
pub mod queue_patterns;
pub mod record;
pub mod scenario;
pub mod shrink;
pub mod stream;
pub mod wgl;

use std::time::{Duration, Instant};

use self::dice::Dice;
use self::history::{Answer, History};
use self::queue_patterns::QueueViolation;
use self::record::{CannotRun, Recorded};
use self::scenario::Scenario;
use self::stream::Stream;
use self::wgl::{Legality, MAX_CONFIGURATIONS};
use crate::dyn_channel::DynChannel;
use contract::channel::{Capacity, Channel};
use records::verify::{Finding, MethodOutcome, Task};
use workloads::thread_group::ThreadGroupError;

/// The runs of a scenario in one case. All runs share their threads, so that most begin with every thread
/// already running.
const REPETITIONS: usize = 24;

/// One case in this many is a long stream, which takes about as long as the others together.
const STREAM_EVERY: u64 = 50;

/// The number of messages in a long stream.
const STREAM_MESSAGES: usize = 20_000;

/// The maximum number of operations of a stream in a picture. A wrong length involves every message that may
/// have been queued.
const MAX_DRAWN: usize = 40;

/// The time limit of a scenario and of a stream. Either takes milliseconds, or tenths of a second on a busy
/// machine.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Verifies the channel `C`.
pub fn verify<C: Channel>(task: &Task, begins: &mut dyn FnMut(u64)) -> MethodOutcome {
    verify_channel(DynChannel::new::<C>(), MAX_CONFIGURATIONS, task, begins)
}

/// Verifies a channel; the search for a legal order of one history explores at most `max_configurations`.
fn verify_channel(
    channel: DynChannel,
    max_configurations: usize,
    task: &Task,
    begins: &mut dyn FnMut(u64),
) -> MethodOutcome {
    let wanted = [
        Capacity::Rendezvous,
        Capacity::from_slots(1),
        Capacity::from_slots(2),
        Capacity::from_slots(3),
        Capacity::Unbounded,
    ];
    let capacities: Vec<Capacity> =
        wanted.into_iter().filter(|&capacity| channel.open::<u64>(capacity).is_ok()).collect();
    if capacities.is_empty() {
        let name = channel.info().name;
        return MethodOutcome::Unsupported {
            reason: format!("{name} opens with none of the capacities that are tried"),
        };
    }
    let mut verification =
        Verification { channel, capacities, max_configurations, counts: MessageCounts::default() };
    let began = Instant::now();
    for case in task.cases(None) {
        begins(case);
        loop {
            match verification.run_case(task, case) {
                Ok(()) => {}
                Err(Stop::Found(finding)) => return MethodOutcome::Failed(finding),
                Err(Stop::NotRun(error @ CannotRun::ThreadGroup(ThreadGroupError::NotStarted { .. }))) => {
                    return MethodOutcome::Shortage { reason: error.to_string() };
                }
                Err(Stop::NotRun(error)) => {
                    return MethodOutcome::Unsupported { reason: error.to_string() };
                }
            }
            // Each run has another schedule.
            if task.only.is_none() || began.elapsed() >= task.budget {
                break;
            }
        }
        verification.counts.cases += 1;
    }
    verification.outcome()
}

/// The amount of work done so far.
#[derive(Clone, Copy, Debug, Default)]
struct MessageCounts {
    cases: u64,
    histories: u64,
    /// Histories on which the search exceeded its budget.
    unknown: u64,
    operations: u64,
    streams: u64,
    longest_stream: usize,
}

/// The reason why no further case is run.
#[derive(Debug)]
enum Stop {
    Found(Box<Finding>),
    NotRun(CannotRun),
}

/// A verification under way.
struct Verification {
    channel: DynChannel,
    capacities: Vec<Capacity>,
    max_configurations: usize,
    counts: MessageCounts,
}

impl Verification {
    /// Runs one case once.
    fn run_case(&mut self, task: &Task, case: u64) -> Result<(), Stop> {
        let info = self.channel.info();
        let mut dice = Dice::new(task.seed_of(case));
        if case % STREAM_EVERY == STREAM_EVERY - 1 {
            let stream = Stream::random(info, &self.capacities, STREAM_MESSAGES, &mut dice);
            return self.run_stream(case, &stream);
        }
        let scenario = Scenario::random(info, &self.capacities, &mut dice);
        let histories = match record::record(self.channel, &scenario, REPETITIONS, TIMEOUT) {
            Recorded::Ended(histories) => histories,
            Recorded::Unfinished(history, error) => {
                return Err(Stop::Found(Box::new(unfinished(case, &scenario, &history, &error))));
            }
            Recorded::NotRun(error) => return Err(Stop::NotRun(error)),
        };
        self.counts.histories += histories.len() as u64;
        self.counts.operations +=
            histories.iter().map(|history| history.operations.len() as u64).sum::<u64>();
        let mut illegal = Vec::new();
        for history in &histories {
            match wgl::check_within(history, self.max_configurations) {
                Legality::Legal(_) => {}
                Legality::Illegal(_) => illegal.push(history),
                Legality::Unknown => self.counts.unknown += 1,
            }
        }
        let smallest = illegal.iter().map(|history| shrink::shrink(history));
        match smallest.min_by_key(|history| history.operations.len()) {
            None => Ok(()),
            Some(history) => Err(Stop::Found(Box::new(no_order(case, &scenario, &history, illegal.len())))),
        }
    }

    fn run_stream(&mut self, case: u64, stream: &Stream) -> Result<(), Stop> {
        let history = match stream.record(self.channel, TIMEOUT) {
            Ok(history) => history,
            Err(error @ (ThreadGroupError::NotPlaced(_) | ThreadGroupError::NotStarted { .. })) => {
                return Err(Stop::NotRun(error.into()));
            }
            Err(error) => {
                let finding = Finding {
                    case,
                    scenario: stream.to_string(),
                    expected: "every thread ends".to_owned(),
                    happened: error.to_string(),
                    ..Finding::default()
                };
                return Err(Stop::Found(Box::new(finding)));
            }
        };
        self.counts.streams += 1;
        self.counts.longest_stream = self.counts.longest_stream.max(history.operations.len());
        let Err(violation) = queue_patterns::check(&history) else { return Ok(()) };
        Err(Stop::Found(Box::new(bad_pattern(case, stream.to_string(), &history, &violation))))
    }

    /// The outcome when no case failed.
    fn outcome(&self) -> MethodOutcome {
        let MessageCounts { cases, unknown, .. } = self.counts;
        match (cases, unknown) {
            (0, _) => MethodOutcome::OutOfTime { cases: 0, all: None },
            (_, 0) => MethodOutcome::Passed { cases, bounds: self.bounds() },
            _ => {
                let reason = format!(
                    "{} histories exceeded the search budget ({} configurations each), of {}",
                    grouped(unknown),
                    grouped(self.max_configurations as u64),
                    self.bounds()
                );
                MethodOutcome::Unknown { cases, reason }
            }
        }
    }

    /// The extent of the search in words.
    fn bounds(&self) -> String {
        let capacities: Vec<String> = self.capacities.iter().map(Capacity::to_string).collect();
        let mut words = format!(
            "{} histories of up to {} threads with {} operations each, not counting the drops of their handles, at \
             capacities {} ({} operations); a seed decides what the threads do, not how they meet",
            grouped(self.counts.histories),
            scenario::MAX_THREADS,
            scenario::MAX_STEPS,
            capacities.join(", "),
            grouped(self.counts.operations),
        );
        if self.counts.streams > 0 {
            words.push_str(&format!(
                "; {} streams of up to {} operations, checked for order, loss, and each length by itself",
                grouped(self.counts.streams),
                grouped(self.counts.longest_stream as u64)
            ));
        }
        words
    }
}

/// A number with a comma between groups of three digits: 12,345.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut words = String::new();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            words.push(',');
        }
        words.push(digit);
    }
    words
}

/// The finding of a stream with a bad pattern, reduced to the pattern, and if that is large to the operations
/// that overlap its offender.
fn bad_pattern(case: u64, scenario: String, history: &History, violation: &QueueViolation) -> Finding {
    let offender_index = violation.offender();
    let offender = history.operations[offender_index];
    let mut indices = violation.operations();
    let all = indices.len();
    if all > MAX_DRAWN && matches!(violation, QueueViolation::WrongLength { .. }) {
        indices.retain(|&index| {
            let other = &history.operations[index];
            !other.before(&offender) && !offender.before(other)
        });
    }
    let small = history.only(&indices);
    let mut happened = format!("{violation}: thread {}: {offender}", offender.thread);
    if indices.len() < all {
        happened
            .push_str(&format!("; this follows from {all} operations, of which {} are drawn", indices.len()));
    }
    let marked: Vec<usize> = indices.iter().position(|&index| index == offender_index).into_iter().collect();
    Finding {
        case,
        scenario,
        expected: EXPECTED.to_owned(),
        picture: Some(picture::draw(&small, &happened, &marked)),
        happened,
        threads: small.steps(),
    }
}

/// The condition that every history must meet.
const EXPECTED: &str = "one order of all operations that makes each answer true and keeps operations that do not overlap in order";

/// The finding of an illegal history that was made small.
fn no_order(case: u64, scenario: &Scenario, small: &History, illegal: usize) -> Finding {
    let marked = match wgl::check(small) {
        Legality::Illegal(indices) => indices,
        Legality::Legal(_) | Legality::Unknown => Vec::new(),
    };
    let words: Vec<String> = marked
        .iter()
        .map(|&index| &small.operations[index])
        .map(|operation| format!("`{operation}` of thread {}", operation.thread))
        .collect();
    let capacity = small.slots.map_or("unbounded".to_owned(), |slots| slots.to_string());
    let damaged = marked.iter().any(|&index| small.operations[index].answer == Some(Answer::Damaged));
    let mut happened = format!(
        "{illegal} of {REPETITIONS} runs have no such order (capacity {capacity}, {} sender(s) and {} receiver(s) at the \
         beginning): {} cannot come next in any order",
        small.senders,
        small.receivers,
        words.join(" and ")
    );
    if damaged {
        happened.push_str(" (damaged: the words of a message differ, or a failed send did not return it)");
    }
    Finding {
        case,
        scenario: scenario.to_string(),
        expected: EXPECTED.to_owned(),
        picture: Some(picture::draw(small, &happened, &marked)),
        happened,
        threads: small.steps(),
    }
}

/// The finding of a scenario that did not end.
fn unfinished(case: u64, scenario: &Scenario, history: &History, error: &ThreadGroupError) -> Finding {
    let pending: Vec<usize> =
        (0..history.operations.len()).filter(|&index| history.operations[index].answer.is_none()).collect();
    let words: Vec<String> = pending
        .iter()
        .map(|&index| &history.operations[index])
        .map(|operation| format!("`{}` of thread {}", operation.action, operation.thread))
        .collect();
    let happened = match words.is_empty() {
        true => error.to_string(),
        false => format!("{error}; pending: {}", words.join(", ")),
    };
    Finding {
        case,
        scenario: scenario.to_string(),
        expected: "every thread ends: none waits for a side that is gone".to_owned(),
        picture: Some(picture::draw(history, &happened, &pending)),
        happened,
        threads: history.steps(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baseline::MutexDeque;
    use records::verify::Shard;

    #[test]
    fn a_wrong_length_among_many_messages_is_drawn_small() {
        let drawn = |messages: u64| {
            let mut text = "capacity unbounded, senders 2, receivers 1\n".to_owned();
            for message in 0..messages {
                text += &format!("0 {}..{} send {message} -> ok\n", 2 * message, 2 * message + 1);
            }
            let end = 2 * messages;
            text += &format!("1 {end}..{} send {messages} -> ok\n2 {end}..{} len -> 1", end + 2, end + 1);
            let history: History = text.parse().expect("a history");
            let violation = queue_patterns::check(&history).expect_err("a wrong length");
            bad_pattern(7, "many".to_owned(), &history, &violation)
        };
        let steps =
            |finding: &Finding| finding.threads.iter().map(|column| column.steps.len()).sum::<usize>();
        let few = drawn(3);
        assert!(
            few.happened.ends_with("at least 3 and at most 4 throughout the operation: thread 2: len -> 1"),
            "{few:?}"
        );
        // The send of thread 1 takes two steps, with the length between them.
        assert_eq!((few.case, few.scenario.as_str(), steps(&few)), (7, "many", 3 + 2 + 1));
        let many = drawn(100);
        assert!(
            many.happened.ends_with("; this follows from 102 operations, of which 2 are drawn"),
            "{many:?}"
        );
        assert_eq!(steps(&many), 2 + 1);
        for finding in [few, many] {
            assert_eq!(finding.picture.expect("a picture").matches("bar marked").count(), 1);
        }
    }

    #[test]
    fn histories_that_exceed_the_search_budget_are_neither_legal_nor_illegal() {
        let task = Task { seed: 4, shard: Shard::WHOLE, only: Some(3), budget: Duration::ZERO };
        let channel = DynChannel::new::<MutexDeque>();
        let outcome = |budget| verify_channel(channel, budget, &task, &mut |_| {});
        let MethodOutcome::Unknown { cases: 1, reason } = outcome(1) else { panic!("{:?}", outcome(1)) };
        let expected = "24 histories exceeded the search budget (1 configurations each), of 24 histories";
        assert!(reason.starts_with(expected), "{reason}");
        assert!(matches!(outcome(MAX_CONFIGURATIONS), MethodOutcome::Passed { cases: 1, .. }));
    }

    #[test]
    fn digits_are_grouped_by_three() {
        for (number, words) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), words);
        }
    }
}
