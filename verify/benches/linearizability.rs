//! The cost of the checkers of `verify::linearizability`: the queue patterns on a million operations, and the
//! general checker compared with the `LinearizabilityTester` of stateright, on the same histories and by the
//! same specification.
//!
//! The ratio of the two general checkers is measured in pairs, one after the other on each history, and
//! printed in addition to criterion's figures. So is the memory that the queue patterns take.

use std::cell::LazyCell;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use baseline::MutexDeque;
use contract::channel::{Capacity, Channel};
use criterion::{Criterion, PlottingBackend, criterion_group, criterion_main};
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};
use verify::DynChannel;
use verify::linearizability::dice::Dice;
use verify::linearizability::history::{Action, Answer, History, Operation};
use verify::linearizability::queue_patterns;
use verify::linearizability::record::{Recorded, record};
use verify::linearizability::scenario::Scenario;
use verify::linearizability::stream::Stream;
use verify::linearizability::wgl::{self, State};

/// The number of operations of a long history.
const OPERATIONS: usize = 1_000_000;

/// The maximum number of operations of a spoiled history.
const MAX_SPOILED_LEN: usize = 12;

/// A recorded history of about this many operations: sends and receives, a few of which are empty, and a
/// length for every forty of them.
fn recorded(operations: usize) -> History {
    let (producers, consumers) = (2, 2);
    let messages = operations / 2 / producers;
    let capacity = Capacity::Bounded(NonZeroUsize::new(64).expect("not zero"));
    let limit = Duration::from_secs(600);
    let stream =
        Stream { capacity, producers, consumers, messages, limit, try_percent: 10, len_percent: 5, seed: 1 };
    stream.record(DynChannel::new::<MutexDeque>(), Duration::from_secs(600)).expect("it ends")
}

/// A legal history of exactly this many operations over eight threads, one in ten of them a length. Its
/// operations overlap more than those of a real channel.
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

/// The peak memory of this process in MiB, where the system reports it.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}

/// Whether each benchmark runs only once, by criterion's rule.
fn is_test() -> bool {
    let given = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    given("--test") || !given("--bench")
}

/// Makes a history and prints the cost of its check.
fn measured(name: &str, make: fn(usize) -> History) -> History {
    let history = make(if is_test() { OPERATIONS / 100 } else { OPERATIONS });
    let before = peak();
    let began = Instant::now();
    assert_eq!(queue_patterns::check(&history), Ok(()), "{name}");
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
    let mut group = criterion.benchmark_group("linearizability/queue_patterns");
    group.sample_size(10);
    for (name, make) in [("made", made as fn(usize) -> History), ("recorded", recorded)] {
        // Made lazily: not when criterion only lists benchmarks or runs others.
        let history = LazyCell::new(|| measured(name, make));
        group.bench_function(name, |bencher| {
            let history = &*history;
            bencher.iter(|| black_box(queue_patterns::check(black_box(history)).is_ok()));
        });
    }
    group.finish();
}

/// The specification of [`State`] for stateright, which only checks given answers.
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
    let mut tester = LinearizabilityTester::new(Spec(State::initial(history)));
    for (place, is_return) in history.events() {
        let operation = &history.operations[place];
        let result = match operation.answer {
            Some(answer) if is_return => tester.on_return(operation.thread, answer),
            _ => tester.on_invoke(operation.thread, operation.action),
        };
        result.expect("a well-formed history");
    }
    tester
}

/// Histories of the method's own scenarios. Spoiled ones are illegal, so that a search must try everything.
fn small(spoiled: bool) -> Vec<History> {
    let capacities = [Capacity::from_slots(1), Capacity::from_slots(2), Capacity::Unbounded];
    let mut histories = Vec::new();
    for seed in 0.. {
        let mut dice = Dice::new(seed);
        let scenario = Scenario::random(&MutexDeque::INFO, &capacities, &mut dice);
        let Recorded::Ended(recorded) =
            record(DynChannel::new::<MutexDeque>(), &scenario, 4, Duration::from_secs(60))
        else {
            panic!("the baseline ends every scenario")
        };
        for mut history in recorded {
            if spoiled {
                // Without a memory of configurations, longer ones may take hours.
                if history.operations.len() > MAX_SPOILED_LEN {
                    continue;
                }
                // The last received message becomes one that was never sent.
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

/// A history whose operations all overlap and change nothing, for which the memory of configurations is most
/// valuable.
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
    // Overlaps all of them and receives a message that was never sent.
    let answer = Some(Answer::Received(1));
    operations.push(Operation { thread: 3, action: Action::Recv, answer, invoked: 0, returned: 1_000 });
    vec![History { slots: None, senders: 1, receivers: 4, operations }]
}

/// Makes histories and prints the cost of both checkers.
fn compared(name: &str, make: fn() -> Vec<History>) -> Vec<History> {
    let histories = make();
    let (mut ours, mut theirs) = (Duration::ZERO, Duration::ZERO);
    for history in &histories {
        let began = Instant::now();
        let verdict = wgl::check(black_box(history)).is_legal();
        ours += began.elapsed();
        let tester = tester(history);
        let began = Instant::now();
        let consistent = black_box(&tester).is_consistent();
        theirs += began.elapsed();
        assert_eq!(verdict, consistent, "{history}");
        assert_eq!(verdict, name == "legal", "{history}");
    }
    println!(
        "{name}: {} histories of {} operations on average: wgl {ours:?}, stateright {theirs:?}: ratio {:.2}",
        histories.len(),
        histories.iter().map(|history| history.operations.len()).sum::<usize>() / histories.len(),
        theirs.as_secs_f64() / ours.as_secs_f64()
    );
    histories
}

fn compared_with_stateright(criterion: &mut Criterion) {
    type Make = fn() -> Vec<History>;
    let sets: [(&str, Make); 3] =
        [("legal", || small(false)), ("illegal", || small(true)), ("overlapping", overlapping)];
    for (name, make) in sets {
        let histories = LazyCell::new(|| compared(name, make));
        let mut group = criterion.benchmark_group(format!("linearizability/{name}"));
        group.sample_size(10);
        group.bench_function("wgl", |bencher| {
            let histories = &*histories;
            bencher.iter(|| histories.iter().filter(|history| wgl::check(history).is_legal()).count());
        });
        group.bench_function("stateright", |bencher| {
            // Not counting the construction of the testers, which records the order of events.
            let testers: Vec<_> = histories.iter().map(tester).collect();
            bencher.iter(|| testers.iter().filter(|tester| tester.is_consistent()).count());
        });
        group.finish();
    }
}

criterion_group! {
    name = checkers;
    config = Criterion::default().plotting_backend(PlottingBackend::Plotters);
    targets = fast, compared_with_stateright
}
criterion_main!(checkers);
