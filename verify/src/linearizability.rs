//! Concurrent histories of a channel, each of which must have a legal order.
//!
//! - [`history`] is what is recorded; [`scenario`] says what the threads do, [`record`] lets them do it and writes it down, [`stream`]
//!   does so with many messages.
//! - [`general`] looks for a legal order of any history: it has the word on every scenario. [`fifo`] refutes long ones quickly: streams go
//!   to it alone, and what it does not see of them (that a channel was full, and lengths that are wrong only together) is seen in scenarios.
//! - [`shrink`] makes an illegal history small; [`picture`] draws it.
//!
//! Every operation of the contract is among those of a history but select, which is of several channels: its scenarios are in
//! [`conformance`](crate::conformance).
//!
//! A case is one scenario, run some times over: the seed decides what the threads do, and not how they meet. So a case that is looked at
//! again ([`Task::only`]) is run again and again until it fails or the budget is spent.

pub mod dice;
pub mod fifo;
pub mod general;
pub mod history;
pub mod picture;
pub mod record;
pub mod scenario;
pub mod shrink;
pub mod stream;

use std::time::{Duration, Instant};

use self::dice::Dice;
use self::fifo::Violation;
use self::general::Verdict;
use self::history::{Answer, History};
use self::record::{Long, Recorded};
use self::scenario::Scenario;
use self::stream::Stream;
use super::erased::{Erased, Kinds, info};
use harness::channel::{Capacity, Channel};
use harness::crew::CrewError;
use harness::verify::{Finding, Outcome, Task};

/// Runs of a scenario in one case. The threads are the same, so that most runs begin with all of them on their way.
const REPETITIONS: usize = 24;

/// Every so many cases one is a long stream, which takes about as long as the others between.
const STREAM_EVERY: u64 = 50;

/// Messages of a long stream.
const STREAM_MESSAGES: usize = 20_000;

/// Operations of a stream that are drawn at most: of a wrong length, every message that may have been in the channel.
const DRAWN: usize = 40;

/// A scenario or a stream takes milliseconds, and some tenths of a second where many other processes want the processors; what has
/// not ended after so long hangs.
const DEADLINE: Duration = Duration::from_secs(20);

/// What was looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    cases: u64,
    histories: u64,
    operations: u64,
    streams: u64,
    longest: usize,
}

/// Why no further case is looked at.
enum Stop {
    Found(Box<Finding>),
    NotRun(String),
}

/// Verifies the channel `C`.
pub fn verify<C: Channel>(task: &Task, begins: &mut dyn FnMut(u64)) -> Outcome {
    Kinds::<C>::new().and::<u64>().and::<Long>().chosen().choose();
    verify_chosen(task, begins)
}

/// Verifies the channel of this thread.
fn verify_chosen(task: &Task, begins: &mut dyn FnMut(u64)) -> Outcome {
    let wanted = [
        Capacity::Rendezvous,
        Capacity::from_slots(1),
        Capacity::from_slots(2),
        Capacity::from_slots(3),
        Capacity::Unbounded,
    ];
    let capacities: Vec<Capacity> =
        wanted.into_iter().filter(|&capacity| Erased::open::<u64>(capacity).is_ok()).collect();
    if capacities.is_empty() {
        return Outcome::Unsupported {
            reason: format!("{} opens with no capacity that is tried", info().name),
        };
    }
    let began = Instant::now();
    let mut seen = Seen::default();
    for case in task.cases(None) {
        begins(case);
        loop {
            match look(task, case, &capacities, &mut seen) {
                Ok(()) => {}
                Err(Stop::Found(finding)) => return Outcome::Failed(finding),
                Err(Stop::NotRun(reason)) => return Outcome::Unsupported { reason },
            }
            // The schedule is another each time.
            if task.only.is_none() || began.elapsed() >= task.budget {
                break;
            }
        }
        seen.cases += 1;
    }
    if seen.cases == 0 {
        return Outcome::OutOfTime { cases: 0, all: None };
    }
    Outcome::Passed { cases: seen.cases, bounds: bounds(&seen, &capacities) }
}

/// A number as people write it: 12,345.
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

/// How far that goes, in words.
fn bounds(seen: &Seen, capacities: &[Capacity]) -> String {
    let capacities: Vec<String> = capacities.iter().map(Capacity::to_string).collect();
    let mut words = format!(
        "{} histories of up to {} threads and {} operations each, beside the drops of their handles, at \
         capacities {} ({} operations); a seed decides what the threads do, not how they meet",
        grouped(seen.histories),
        scenario::THREADS,
        scenario::STEPS,
        capacities.join(", "),
        grouped(seen.operations),
    );
    if seen.streams > 0 {
        let streams = format!(
            "; {} streams of up to {} operations, order, loss, and each length by itself",
            grouped(seen.streams),
            grouped(seen.longest as u64)
        );
        words.push_str(&streams);
    }
    words
}

/// Looks at one case once.
fn look(task: &Task, case: u64, capacities: &[Capacity], seen: &mut Seen) -> Result<(), Stop> {
    let mut dice = Dice::new(task.seed_of(case));
    if case % STREAM_EVERY == STREAM_EVERY - 1 {
        let stream = Stream::random(info(), capacities, STREAM_MESSAGES, &mut dice);
        return flow(&stream, case, seen);
    }
    let scenario = Scenario::random(info(), capacities, &mut dice);
    match record::record::<Erased>(info(), &scenario, REPETITIONS, DEADLINE) {
        Recorded::NotRun(reason) => Err(Stop::NotRun(reason)),
        Recorded::Cut(history, error) => Err(Stop::Found(Box::new(cut(case, &scenario, &history, &error)))),
        Recorded::Ended(histories) => {
            seen.histories += histories.len() as u64;
            seen.operations += histories.iter().map(|history| history.operations.len() as u64).sum::<u64>();
            let illegal: Vec<&History> =
                histories.iter().filter(|history| !general::check(history).is_legal()).collect();
            let smallest = illegal.iter().map(|history| shrink::shrink(history));
            match smallest.min_by_key(|history| history.operations.len()) {
                None => Ok(()),
                Some(history) => {
                    Err(Stop::Found(Box::new(no_order(case, &scenario, &history, illegal.len()))))
                }
            }
        }
    }
}

fn flow(stream: &Stream, case: u64, seen: &mut Seen) -> Result<(), Stop> {
    let history = match stream.record::<Erased>(DEADLINE) {
        Ok(history) => history,
        Err(error @ (CrewError::NotPlaced(_) | CrewError::NotStarted { .. })) => {
            return Err(Stop::NotRun(error.to_string()));
        }
        Err(error) => {
            let finding = Finding {
                case,
                scenario: stream.to_string(),
                expected: "every thread comes to its end".to_owned(),
                happened: error.to_string(),
                ..Finding::default()
            };
            return Err(Stop::Found(Box::new(finding)));
        }
    };
    seen.streams += 1;
    seen.longest = seen.longest.max(history.operations.len());
    let Err(violation) = fifo::check(&history) else { return Ok(()) };
    Err(Stop::Found(Box::new(out_of_order(case, stream.to_string(), &history, &violation))))
}

/// A stream with a bad pattern: what makes it, or of very much what was under way at the same time.
fn out_of_order(case: u64, scenario: String, history: &History, violation: &Violation) -> Finding {
    let offending = violation.offending();
    let says = history.operations[offending];
    let mut places = violation.operations();
    let of_all = places.len();
    if of_all > DRAWN && matches!(violation, Violation::Miscounted { .. }) {
        places.retain(|&place| {
            let other = &history.operations[place];
            !other.before(&says) && !says.before(other)
        });
    }
    let small = history.only(&places);
    let mut happened = format!("{violation}: thread {}: {says}", says.thread);
    if places.len() < of_all {
        happened.push_str(&format!("; it follows from {of_all} operations, {} are drawn", places.len()));
    }
    let marked: Vec<usize> = places.iter().position(|&place| place == offending).into_iter().collect();
    Finding {
        case,
        scenario,
        expected: EXPECTED.to_owned(),
        picture: Some(picture::draw(&small, &happened, &marked)),
        happened,
        threads: small.steps(),
    }
}

/// What every history is held to.
const EXPECTED: &str =
    "one order of all operations in which each answer is true, and which keeps what came before what";

/// An illegal history, made small.
fn no_order(case: u64, scenario: &Scenario, small: &History, illegal: usize) -> Finding {
    let marked = match general::check(small) {
        Verdict::Illegal(places) => places,
        Verdict::Legal(_) => Vec::new(),
    };
    let words: Vec<String> = marked
        .iter()
        .map(|&place| &small.operations[place])
        .map(|operation| format!("`{operation}` of thread {}", operation.thread))
        .collect();
    let capacity = small.slots.map_or("unbounded".to_owned(), |slots| slots.to_string());
    let damaged = marked.iter().any(|&place| small.operations[place].answer == Some(Answer::Damaged));
    let mut happened = format!(
        "in {illegal} of {REPETITIONS} runs there is no such order (capacity {capacity}, {} sender(s) and {} receiver(s) at the \
         beginning): {} cannot be next in any",
        small.senders,
        small.receivers,
        words.join(" and ")
    );
    if damaged {
        happened.push_str(" (damaged: the words of a message differ, or a failed send did not give it back)");
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

/// A scenario that did not come to its end.
fn cut(case: u64, scenario: &Scenario, history: &History, error: &CrewError) -> Finding {
    let pending: Vec<usize> =
        (0..history.operations.len()).filter(|&place| history.operations[place].answer.is_none()).collect();
    let words: Vec<String> = pending
        .iter()
        .map(|&place| &history.operations[place])
        .map(|operation| format!("`{}` of thread {}", operation.action, operation.thread))
        .collect();
    let happened = match words.is_empty() {
        true => error.to_string(),
        false => format!("{error}; pending: {}", words.join(", ")),
    };
    Finding {
        case,
        scenario: scenario.to_string(),
        expected: "every thread comes to its end: none waits for ever for a side that is gone".to_owned(),
        picture: Some(picture::draw(history, &happened, &pending)),
        happened,
        threads: history.steps(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a wrong length among many messages what can be looked at is drawn, and the rest is told as a number.
    #[test]
    fn a_wrong_length_of_many_messages_is_drawn_small() {
        let drawn = |messages: u64| {
            let mut text = "capacity unbounded, senders 2, receivers 1\n".to_owned();
            for message in 0..messages {
                text += &format!("0 {}..{} send {message} -> ok\n", 2 * message, 2 * message + 1);
            }
            let end = 2 * messages;
            text += &format!("1 {end}..{} send {messages} -> ok\n2 {end}..{} len -> 1", end + 2, end + 1);
            let history: History = text.parse().expect("a history");
            let violation = fifo::check(&history).expect_err("a wrong length");
            out_of_order(7, "many".to_owned(), &history, &violation)
        };
        let steps =
            |finding: &Finding| finding.threads.iter().map(|column| column.steps.len()).sum::<usize>();
        let few = drawn(3);
        assert!(
            few.happened.ends_with("at least 3 and at most 4 in all of it: thread 2: len -> 1"),
            "{few:?}"
        );
        // One of two steps, in which the length was told.
        assert_eq!((few.case, few.scenario.as_str(), steps(&few)), (7, "many", 3 + 2 + 1));
        let many = drawn(100);
        assert!(many.happened.ends_with("; it follows from 102 operations, 2 are drawn"), "{many:?}");
        assert_eq!(steps(&many), 2 + 1);
        for finding in [few, many] {
            assert_eq!(finding.picture.expect("a picture").matches("bar marked").count(), 1);
        }
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, words) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), words);
        }
    }
}
