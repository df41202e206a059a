//! Scenarios that any channel must pass, written once over the contract.
//!
//! A scenario is a small program that checks one rule of the contract: about empty and full, waiting and
//! waking, disconnects or drops. Each is played at a few capacities, and each of these is a case. A case is
//! unsupported where the channel declares that it lacks a capability that the scenario needs. A channel also
//! declares its differences from the contract ([`contract::channel::Difference`]); a false declaration fails.
//!
//! The scenarios follow the contract, and the tests of crossbeam-channel (`tests/array.rs`, `zero.rs`,
//! `list.rs`, `mpsc.rs`) and of Go (`runtime/chan_test.go`, `test/chan/`). A scenario stops at the first
//! wrong answer; its finding has the last steps of each thread, in time order.

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

use self::scene::{Checked, TIMEOUT, is, play};
use crate::dyn_channel::{DynChannel, DynHandles, DynSender, Factory, Open};
use crate::violation::Violation;
use contract::channel::{Capability, Capacity, Channel, Sender, Unsupported};
use records::verify::{Finding, MethodOutcome, Task};

/// Every kind of capacity; `None` is unbounded.
const ANY: &[Option<usize>] = &[Some(0), Some(1), Some(3), None];
/// The capacities that hold a message.
const QUEUED: &[Option<usize>] = &[Some(1), Some(3), None];
/// The capacities that can be full.
const FULLABLE: &[Option<usize>] = &[Some(0), Some(1), Some(3)];
const RENDEZVOUS: &[Option<usize>] = &[Some(0)];

/// A scenario over one channel.
struct Scenario {
    name: &'static str,
    /// The rule that it checks, in one sentence.
    says: &'static str,
    needs: &'static [Capability],
    capacities: &'static [Option<usize>],
    run: fn(Setup) -> Checked,
}

/// A table of scenarios: name, needed capabilities, capacities, rule.
macro_rules! table {
    ($($name:ident [$($need:ident),*] at $capacities:expr, $says:literal;)*) => {
        vec![$(crate::conformance::Scenario {
            name: stringify!($name),
            says: $says,
            needs: &[$(contract::channel::Capability::$need),*],
            capacities: $capacities,
            run: $name,
        }),*]
    };
}
use table;

fn scenarios() -> Vec<Scenario> {
    let mut all = declared::scenarios();
    all.extend(basics::scenarios());
    all.extend(kinds::scenarios());
    all.extend(ends::scenarios());
    all.extend(waiting::scenarios());
    all.extend(races::scenarios());
    all.extend(selecting::scenarios());
    all.extend(crowds::scenarios());
    all
}

/// A channel implementation and the capacity at which a scenario runs on it.
#[derive(Clone, Copy, Debug)]
struct Setup {
    channel: DynChannel,
    capacity: Capacity,
}

impl Setup {
    /// Opens a channel of this capacity.
    fn open<T>(self) -> Checked<DynHandles<T>>
    where
        dyn Factory: Open<T>,
    {
        self.channel.open(self.capacity).map_err(refused)
    }

    /// The number of messages that the channel holds; `u64::MAX` when it is unbounded.
    fn slots(self) -> u64 {
        self.channel.effective_capacity(self.capacity).slots().map_or(u64::MAX, |slots| slots as u64)
    }

    /// Fills a bounded channel with messages numbered from 0 and returns their count.
    fn fill(self, sender: &DynSender<u64>) -> Checked<u64> {
        let slots = self.slots();
        (0..slots).try_for_each(|number| is("try_send with room", sender.try_send(number), Ok(())))?;
        Ok(slots)
    }
}

/// The violation of a channel that refuses something without declaring the lack.
fn refused(unsupported: Unsupported) -> Violation {
    Violation::new("an operation that is not declared as lacking", unsupported.to_string())
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

    /// A capability that the case needs and the channel lacks.
    fn lacking(&self, scenario: &Scenario, channel: DynChannel) -> Option<Capability> {
        // The scenario about capacities tries them itself.
        let of_capacity = match self.capacity {
            Capacity::Rendezvous if scenario.capacities.len() <= ANY.len() => Some(Capability::Rendezvous),
            Capacity::Unbounded => Some(Capability::Unbounded),
            _ => None,
        };
        let needs = scenario.needs.iter().copied().chain(of_capacity);
        needs.into_iter().find(|&need| channel.info().require(need).is_err())
    }
}

/// The names of all cases in the order of their numbers, which is the same for every channel.
pub fn names() -> Vec<String> {
    let scenarios = scenarios();
    let name = |case: Case| format!("{} at capacity {}", scenarios[case.scenario].name, case.capacity);
    Case::all(&scenarios).into_iter().map(name).collect()
}

/// Verifies the channel `C`.
pub fn verify<C: Channel>(task: &Task, begins: &mut dyn FnMut(u64)) -> MethodOutcome {
    verify_channel(DynChannel::new::<C>(), task, begins)
}

fn verify_channel(channel: DynChannel, task: &Task, begins: &mut dyn FnMut(u64)) -> MethodOutcome {
    let scenarios = scenarios();
    let cases = Case::all(&scenarios);
    let all = cases.len() as u64;
    let own = match task.only {
        Some(_) => 1,
        None => (0..all).filter(|&case| task.shard.has(case)).count() as u64,
    };
    let (mut started, mut played) = (0, 0);
    let mut lacking: BTreeMap<&'static str, u64> = BTreeMap::new();
    for number in task.cases(Some(all)) {
        let Some(case) = usize::try_from(number).ok().and_then(|number| cases.get(number)) else {
            return MethodOutcome::Unsupported {
                reason: format!("no case {number}: the cases are 0 to {}", all.saturating_sub(1)),
            };
        };
        begins(number);
        started += 1;
        let scenario = &scenarios[case.scenario];
        if let Some(capability) = case.lacking(scenario, channel) {
            *lacking.entry(capability.words()).or_default() += 1;
            continue;
        }
        let (run, capacity) = (scenario.run, case.capacity);
        let setup = Setup { channel, capacity };
        if let Err((violation, threads)) = play(TIMEOUT, move || run(setup)) {
            if violation.is_shortage {
                return MethodOutcome::Shortage { reason: violation.happened };
            }
            return MethodOutcome::Failed(Box::new(Finding {
                case: number,
                scenario: format!("{} at capacity {capacity}: {}", scenario.name, scenario.says),
                expected: violation.expected,
                happened: violation.happened,
                threads,
                picture: None,
            }));
        }
        played += 1;
    }
    if started < own {
        return MethodOutcome::OutOfTime { cases: started, all: Some(own) };
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
        return MethodOutcome::Unsupported { reason: bounds };
    }
    MethodOutcome::Passed { cases: played, bounds }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use std::time::Duration;

    use super::*;
    use baseline::MutexDeque;
    use records::verify::Shard;

    fn task(only: Option<u64>, budget: Duration) -> Task {
        Task { seed: 1, shard: Shard::WHOLE, only, budget }
    }

    #[test]
    fn there_are_many_scenarios_with_distinct_names() {
        let scenarios = scenarios();
        let names: BTreeSet<_> = scenarios.iter().map(|scenario| scenario.name).collect();
        assert_eq!(names.len(), scenarios.len());
        assert!(names.len() >= 60, "{}", names.len());
        assert!(scenarios.iter().all(|scenario| !scenario.capacities.is_empty()));
    }

    #[test]
    fn a_case_played_alone_is_announced() {
        let mut begun = Vec::new();
        let outcome = verify::<MutexDeque>(&task(Some(3), Duration::ZERO), &mut |case| begun.push(case));
        assert_eq!(outcome, MethodOutcome::Passed { cases: 1, bounds: "1 case".to_owned() });
        assert_eq!(begun, [3]);
    }

    #[test]
    fn a_budget_of_zero_is_out_of_time() {
        let outcome = verify::<MutexDeque>(&task(None, Duration::ZERO), &mut |_| {});
        assert!(matches!(outcome, MethodOutcome::OutOfTime { cases: 0, all: Some(100..) }), "{outcome:?}");
    }
}
