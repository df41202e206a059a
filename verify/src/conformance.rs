//! Scenarios that any channel must pass, written once over the contract.
//!
//! A scenario is a small program with a verdict: what the contract says of empty and full, of waiting and waking, of disconnects and
//! drops. Each is played at a few capacities; one of these is a case. What a scenario needs and a channel lacks is declared, and the
//! scenario is then unsupported; what a channel does differently is declared as well ([`harness::channel::Difference`]), and a declaration
//! that is not real fails.
//!
//! The ideas are the contract's own and, retold, those of the tests of crossbeam-channel (`tests/array.rs`, `zero.rs`, `list.rs`,
//! `mpsc.rs`) and of Go (`runtime/chan_test.go`, `test/chan/`). A failure ends at the first wrong answer and has the last steps of
//! each thread, in time order.

mod basics;
mod crowds;
mod declared;
mod ends;
mod kinds;
mod payload;
mod races;
mod scene;
mod selecting;
mod waiting;

use std::collections::BTreeMap;
use std::time::Duration;

use self::payload::Counted;
use self::scene::{Checked, HANG, Wrong, is, play};
use super::erased::{Chosen, Erased, Kinds, info};
use harness::channel::{Capability, Capacity, Channel, Handles, Sender, Unsupported};
use harness::verify::{Finding, Outcome, Task};

/// Every kind of capacity. `None` is unbounded.
const ANY: &[Option<usize>] = &[Some(0), Some(1), Some(3), None];
/// Those that hold a message.
const QUEUED: &[Option<usize>] = &[Some(1), Some(3), None];
/// Those that can be full.
const FULLABLE: &[Option<usize>] = &[Some(0), Some(1), Some(3)];
const RENDEZVOUS: &[Option<usize>] = &[Some(0)];

/// A scenario over one channel.
struct Scenario {
    name: &'static str,
    /// What has to hold, in one sentence.
    says: &'static str,
    needs: &'static [Capability],
    capacities: &'static [Option<usize>],
    run: fn(Capacity) -> Checked,
}

/// Scenarios with what they need, at which capacities they are played, and what they say.
macro_rules! table {
    ($C:ident: $($name:ident [$($need:ident),*] at $capacities:expr, $says:literal;)*) => {
        vec![$(crate::conformance::Scenario {
            name: stringify!($name),
            says: $says,
            needs: &[$(harness::channel::Capability::$need),*],
            capacities: $capacities,
            run: $name::<$C>,
        }),*]
    };
}
use table;

fn scenarios() -> Vec<Scenario> {
    let mut all = declared::scenarios::<Erased>();
    all.extend(basics::scenarios::<Erased>());
    all.extend(kinds::scenarios::<Erased>());
    all.extend(ends::scenarios::<Erased>());
    all.extend(waiting::scenarios::<Erased>());
    all.extend(races::scenarios::<Erased>());
    all.extend(selecting::scenarios::<Erased>());
    all.extend(crowds::scenarios::<Erased>());
    all
}

/// The channel `C`, for every kind of message that a scenario sends.
fn chosen<C: Channel>() -> Chosen {
    Kinds::<C>::new()
        .and::<()>()
        .and::<u64>()
        .and::<Box<u64>>()
        .and::<Box<dyn Send>>()
        .and::<Counted>()
        .and::<declared::Explosive>()
        .and::<kinds::Aligned>()
        .and::<kinds::Large>()
        .and::<kinds::Owning>()
        .and::<kinds::Request<Erased>>()
        .and::<kinds::Sizeless>()
        .chosen()
}

/// A channel of this capacity.
fn open<C: Channel, T: Send + 'static>(capacity: Capacity) -> Checked<Handles<C, T>> {
    C::open(capacity).map_err(refused)
}

/// An answer that nobody declared.
fn refused(unsupported: Unsupported) -> Wrong {
    Wrong::new("what is not declared to be lacking", unsupported.to_string())
}

/// Messages held at this capacity; `u64::MAX` without a limit.
fn slots<C: Channel>(capacity: Capacity) -> u64 {
    C::effective_capacity(capacity).slots().map_or(u64::MAX, |slots| slots as u64)
}

/// Fills a bounded channel; returns how many messages that took, numbered from 0.
fn fill<C: Channel>(sender: &C::Sender<u64>, capacity: Capacity) -> Checked<u64> {
    let slots = slots::<C>(capacity);
    (0..slots).try_for_each(|number| is("try_send with room", sender.try_send(number), Ok(())))?;
    Ok(slots)
}

/// A scenario at one capacity.
struct Case {
    scenario: usize,
    capacity: Capacity,
}

impl Case {
    fn all(scenarios: &[Scenario]) -> Vec<Case> {
        let mut cases = Vec::new();
        for (scenario, played) in scenarios.iter().enumerate() {
            cases.extend(played.capacities.iter().map(|slots| Case {
                scenario,
                capacity: slots.map_or(Capacity::Unbounded, Capacity::from_slots),
            }));
        }
        cases
    }

    /// What it needs that the channel lacks.
    fn lacking(&self, scenario: &Scenario) -> Option<Capability> {
        // Those about capacities ask the channel themselves.
        let of_capacity = match self.capacity {
            Capacity::Rendezvous if scenario.capacities.len() <= ANY.len() => Some(Capability::Rendezvous),
            Capacity::Unbounded => Some(Capability::Unbounded),
            _ => None,
        };
        let needs = scenario.needs.iter().copied().chain(of_capacity);
        needs.into_iter().find(|&need| info().require(need).is_err())
    }
}

/// The names of all cases, in the order of their numbers; the same for every channel.
pub fn names() -> Vec<String> {
    let scenarios = scenarios();
    let name = |case: Case| format!("{} at capacity {}", scenarios[case.scenario].name, case.capacity);
    Case::all(&scenarios).into_iter().map(name).collect()
}

/// Verifies the channel `C`.
pub fn verify<C: Channel>(task: &Task, begins: &mut dyn FnMut(u64)) -> Outcome {
    verify_within::<C>(task, HANG, begins)
}

/// Verifies the channel `C`; a scenario that takes longer than `deadline` hangs.
fn verify_within<C: Channel>(task: &Task, deadline: Duration, begins: &mut dyn FnMut(u64)) -> Outcome {
    chosen::<C>().choose();
    verify_chosen(task, deadline, begins)
}

/// Verifies the channel of this thread.
fn verify_chosen(task: &Task, deadline: Duration, begins: &mut dyn FnMut(u64)) -> Outcome {
    let scenarios = scenarios();
    let cases = Case::all(&scenarios);
    let all = cases.len() as u64;
    let own = match task.only {
        Some(_) => 1,
        None => (0..all).filter(|&case| task.shard.has(case)).count() as u64,
    };
    let (mut looked_at, mut played) = (0, 0);
    let mut lacking: BTreeMap<&'static str, u64> = BTreeMap::new();
    for number in task.cases(Some(all)) {
        let Some(case) = usize::try_from(number).ok().and_then(|number| cases.get(number)) else {
            return Outcome::Unsupported { reason: format!("there is no case {number}: there are {all}") };
        };
        begins(number);
        looked_at += 1;
        let scenario = &scenarios[case.scenario];
        if let Some(capability) = case.lacking(scenario) {
            *lacking.entry(capability.words()).or_default() += 1;
            continue;
        }
        let (run, capacity) = (scenario.run, case.capacity);
        if let Err((wrong, threads)) = play(deadline, move || run(capacity)) {
            return Outcome::Failed(Box::new(Finding {
                case: number,
                scenario: format!("{} at capacity {capacity}: {}", scenario.name, scenario.says),
                expected: wrong.expected,
                happened: wrong.happened,
                threads,
                picture: None,
            }));
        }
        played += 1;
    }
    if looked_at < own {
        return Outcome::OutOfTime { cases: looked_at, all: Some(own) };
    }
    let mut bounds = match task.only {
        Some(_) => format!("{played} case"),
        None if task.shard.of > 1 => format!("{played} cases of {all}, shard {}", task.shard),
        None => format!("{} scenarios at several capacities, {played} cases", scenarios.len()),
    };
    let unsupported: u64 = lacking.values().sum();
    if unsupported > 0 {
        let words: Vec<_> = lacking.iter().map(|(words, count)| format!("{words} ({count})")).collect();
        bounds = format!("{bounds}, {unsupported} unsupported: {}", words.join(", "));
    }
    if played == 0 {
        return Outcome::Unsupported { reason: bounds };
    }
    Outcome::Passed { cases: played, bounds }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use harness::channels::mutex_deque::MutexDeque;
    use harness::verify::Shard;

    fn task(only: Option<u64>, budget: Duration) -> Task {
        Task { seed: 1, shard: Shard::WHOLE, only, budget }
    }

    #[test]
    fn there_are_many_scenarios_and_each_has_a_name_of_its_own() {
        let scenarios = scenarios();
        let names: BTreeSet<_> = scenarios.iter().map(|scenario| scenario.name).collect();
        assert_eq!(names.len(), scenarios.len());
        assert!(names.len() >= 60, "{}", names.len());
        assert!(scenarios.iter().all(|scenario| !scenario.capacities.is_empty()));
    }

    #[test]
    fn a_case_can_be_played_alone_and_is_announced() {
        let mut begun = Vec::new();
        let outcome = verify::<MutexDeque>(&task(Some(3), Duration::ZERO), &mut |case| begun.push(case));
        assert_eq!(outcome, Outcome::Passed { cases: 1, bounds: "1 case".to_owned() });
        assert_eq!(begun, [3]);
    }

    #[test]
    fn time_that_is_over_before_the_end_is_said() {
        let outcome = verify::<MutexDeque>(&task(None, Duration::ZERO), &mut |_| {});
        assert!(matches!(outcome, Outcome::OutOfTime { cases: 0, all: Some(100..) }), "{outcome:?}");
    }
}
