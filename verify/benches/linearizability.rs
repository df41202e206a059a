//! What the checkers of `verify::linearizability` cost: the fast one on a million operations, the general one beside the
//! `LinearizabilityTester` of stateright, on the same histories and by the same specification.
//!
//! The ratio of the two general checkers is measured here in pairs, one after the other on each history, and printed beside criterion's own
//! figures; so is the memory that the fast one takes.

use std::cell::LazyCell;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use criterion::{Criterion, PlottingBackend, criterion_group, criterion_main};
use harness::channel::{Capacity, Channel};
use harness::channels::mutex_deque::MutexDeque;
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};
use verify::linearizability::dice::Dice;
use verify::linearizability::fifo;
use verify::linearizability::general::{self, State};
use verify::linearizability::history::{Action, Answer, History, Operation};
use verify::linearizability::record::{Recorded, record};
use verify::linearizability::scenario::Scenario;
use verify::linearizability::stream::Stream;

/// Operations of the long histories.
const OPERATIONS: usize = 1_000_000;

/// Operations of a spoiled history, at most.
const SPOILED: usize = 12;

/// A recorded history of about so many operations: sends and receives, a few of those "empty", and one length to some forty of them.
fn recorded(operations: usize) -> History {
    let (producers, consumers) = (2, 2);
    let messages = operations / 2 / producers;
    let capacity = Capacity::Bounded(NonZeroUsize::new(64).expect("not zero"));
    let limit = Duration::from_secs(600);
    let stream = Stream { capacity, producers, consumers, messages, limit, hasty: 10, asks: 5, seed: 1 };
    stream.record::<MutexDeque>(Duration::from_secs(600)).expect("it ends")
}

/// A legal history of exactly so many operations over eight threads, with much overlap, one in ten of them a length: harder than what a
/// channel leaves.
fn made(operations: usize) -> History {
    let mut dice = Dice::new(7);
    let mut free = [0_u64; 8];
    let mut queue = std::collections::VecDeque::new();
    let mut sent = 0;
    let operations = (1..=operations as u64)
        .map(|turn| {
            let thread = (0..free.len()).min_by_key(|&thread| free[thread]).expect("threads");
            let moment = 100 * turn;
            let (action, answer) = if dice.percent(10) {
                (Action::Len, Answer::Length(queue.len() as u64))
            } else if dice.percent(50) {
                sent += 1;
                queue.push_back(sent);
                (Action::Send(sent), Answer::Done)
            } else {
                (Action::TryRecv, queue.pop_front().map_or(Answer::Empty, Answer::Received))
            };
            let invoked = moment.saturating_sub(dice.below(300) as u64).max(free[thread]);
            let returned = moment.max(invoked) + dice.below(300) as u64;
            free[thread] = returned + 1;
            Operation { thread, action, answer: Some(answer), invoked, returned }
        })
        .collect();
    History { slots: None, senders: 1, receivers: 1, operations }
}

/// The most memory that this process has held, in MiB, where the system tells.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}

/// Whether everything is only to run once: criterion's own rule.
fn is_test() -> bool {
    let given = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    given("--test") || !given("--bench")
}

/// A history, and a line on what its check took.
fn told(name: &str, make: fn(usize) -> History) -> History {
    let history = make(if is_test() { OPERATIONS / 100 } else { OPERATIONS });
    let before = peak();
    let began = Instant::now();
    assert_eq!(fifo::check(&history), Ok(()), "{name}");
    let took = began.elapsed();
    let mib = |peak: Option<u64>| peak.map_or("?".to_owned(), |peak| peak.to_string());
    println!(
        "{name}: {} operations in {:.3} s; the process took up to {} MiB with its history and {} MiB with the check",
        history.operations.len(),
        took.as_secs_f64(),
        mib(before),
        mib(peak()),
    );
    history
}

fn fast(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("linearizability/fifo");
    group.sample_size(10);
    for (name, make) in [("made", made as fn(usize) -> History), ("recorded", recorded)] {
        // Made when it is needed: not when criterion only lists, or is asked for other benchmarks.
        let history = LazyCell::new(|| told(name, make));
        group.bench_function(name, |bencher| {
            let history = &*history;
            bencher.iter(|| black_box(fifo::check(black_box(history)).is_ok()));
        });
    }
    group.finish();
}

/// The specification of [`State`], as stateright asks for one: an answer is given, and it only says whether it is legal.
#[derive(Clone)]
struct Spec(State);

impl SequentialSpec for Spec {
    type Op = Action;
    type Ret = Answer;

    fn invoke(&mut self, _: &Action) -> Answer {
        unreachable!("no operation is pending")
    }

    fn is_valid_step(&mut self, action: &Action, answer: &Answer) -> bool {
        self.0.step(*action, Some(*answer))
    }
}

fn tester(history: &History) -> LinearizabilityTester<usize, Spec> {
    let mut tester = LinearizabilityTester::new(Spec(State::at_the_beginning_of(history)));
    for (place, is_return) in history.events() {
        let operation = &history.operations[place];
        let told = match operation.answer {
            Some(answer) if is_return => tester.on_return(operation.thread, answer),
            _ => tester.on_invoke(operation.thread, operation.action),
        };
        told.expect("a well-formed history");
    }
    tester
}

/// Histories as the method looks at them, and spoiled ones: an illegal history is where a search has to try everything.
fn small(spoiled: bool) -> Vec<History> {
    let capacities = [Capacity::from_slots(1), Capacity::from_slots(2), Capacity::Unbounded];
    let mut histories = Vec::new();
    for seed in 0.. {
        let mut dice = Dice::new(seed);
        let scenario = Scenario::random(&MutexDeque::INFO, &capacities, &mut dice);
        let Recorded::Ended(recorded) =
            record::<MutexDeque>(&MutexDeque::INFO, &scenario, 4, Duration::from_secs(60))
        else {
            panic!("the baseline ends every scenario")
        };
        for mut history in recorded {
            if spoiled {
                // Without a memory of configurations, longer ones may take hours.
                if history.operations.len() > SPOILED {
                    continue;
                }
                // The last that was received never was.
                let received =
                    history.operations.iter().rposition(|operation| operation.received().is_some());
                let Some(place) = received else { continue };
                history.operations[place].answer = Some(Answer::Received(u64::MAX / 2));
            }
            histories.push(history);
        }
        if histories.len() >= 200 {
            break;
        }
    }
    histories
}

/// One history in which everything overlaps and nothing changes the state, so that a memory of configurations is worth most.
fn overlapping() -> Vec<History> {
    let answer = Some(Answer::Empty);
    let mut operations: Vec<Operation> = (0..12)
        .map(|turn| (turn % 3, 100 * (turn as u64 / 3)))
        .map(|(thread, invoked)| (thread, invoked + thread as u64))
        .map(|(thread, invoked)| Operation {
            thread,
            action: Action::TryRecv,
            answer,
            invoked,
            returned: invoked + 99,
        })
        .collect();
    // Longer than all of them, and nobody sent it.
    let answer = Some(Answer::Received(1));
    operations.push(Operation { thread: 3, action: Action::Recv, answer, invoked: 0, returned: 1_000 });
    vec![History { slots: None, senders: 1, receivers: 4, operations }]
}

/// Histories, and a line on what both checkers make of them.
fn compared(name: &str, make: fn() -> Vec<History>) -> Vec<History> {
    let histories = make();
    let (mut ours, mut theirs) = (Duration::ZERO, Duration::ZERO);
    for history in &histories {
        let began = Instant::now();
        let verdict = general::check(black_box(history)).is_legal();
        ours += began.elapsed();
        let tester = tester(history);
        let began = Instant::now();
        let consistent = black_box(&tester).is_consistent();
        theirs += began.elapsed();
        assert_eq!(verdict, consistent, "{history}");
        assert_eq!(verdict, name == "legal", "{history}");
    }
    println!(
        "{name}: {} histories of {} operations on the average: general {ours:?}, stateright {theirs:?}: ratio {:.2}",
        histories.len(),
        histories.iter().map(|history| history.operations.len()).sum::<usize>() / histories.len(),
        theirs.as_secs_f64() / ours.as_secs_f64()
    );
    histories
}

fn beside_stateright(criterion: &mut Criterion) {
    type Make = fn() -> Vec<History>;
    let sets: [(&str, Make); 3] =
        [("legal", || small(false)), ("illegal", || small(true)), ("overlapping", overlapping)];
    for (name, make) in sets {
        let histories = LazyCell::new(|| compared(name, make));
        let mut group = criterion.benchmark_group(format!("linearizability/{name}"));
        group.sample_size(10);
        group.bench_function("general", |bencher| {
            let histories = &*histories;
            bencher.iter(|| histories.iter().filter(|history| general::check(history).is_legal()).count());
        });
        group.bench_function("stateright", |bencher| {
            // Without building the testers, which notes the order of the events: that is the recorder's work.
            let testers: Vec<_> = histories.iter().map(tester).collect();
            bencher.iter(|| testers.iter().filter(|tester| tester.is_consistent()).count());
        });
        group.finish();
    }
}

criterion_group! {
    name = checkers;
    config = Criterion::default().plotting_backend(PlottingBackend::Plotters);
    targets = fast, beside_stateright
}
criterion_main!(checkers);
