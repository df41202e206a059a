//! Self-checking rounds of every workload, small and many.
//!
//! A case is one round of one cell: the cells are those of the quick grid of every workload, taken in turn, so that case `n` is
//! repetition `n / cells` of cell `n % cells`. The rounds are so small that waiting and waking, start and end are most of what they are.
//! What a round holds a channel to is the round's own check: each message once, order, payload, drops, disconnects, threads that end.

use std::collections::BTreeMap;
use std::time::Duration;

use harness::channel::Channel;
use harness::params::Params;
use harness::profile::Profile;
use harness::registry::{Cell, ChannelEntry, DEADLINE, Registry};
use harness::thread_group::ThreadGroupError;
use harness::verify::{Finding, Outcome, Task, ThreadSteps};
use harness::workload::RoundError;

/// Messages of a round, where the capacity does not ask for more: enough to fill and drain the channel often.
const MESSAGES: u64 = 400;

/// A round that its params slow down (work, rates) is made about so long.
const MOST_PACED: Duration = Duration::from_millis(20);

/// A round that takes longer hangs, beside the time that its params ask for.
const HANG: Duration = Duration::from_secs(10);

/// The cells of all workloads.
fn cells(registry: &Registry, channel: &str) -> Vec<Cell> {
    let workloads = registry.workloads();
    let grid = workloads.flat_map(|workload| {
        workload.grid(Profile::Quick).into_iter().map(move |params| (workload.name, params))
    });
    grid.filter_map(|(workload, params)| cell(registry, channel, workload, params)).collect()
}

/// The cell of these params, as small as they let it be. It is there: the grid's params are its workload's own.
fn cell(registry: &Registry, channel: &str, workload: &str, params: Params) -> Option<Cell> {
    let least = registry.least_messages(&params);
    let mut messages = MESSAGES.max(least);
    loop {
        let mut cell = registry.cell(channel, workload, params.clone(), Some(messages)).ok()?;
        // The registry adds it to the deadline.
        let paced = cell.size.deadline.saturating_sub(DEADLINE);
        if paced <= MOST_PACED || messages == least {
            cell.size.deadline = HANG + paced;
            return Some(cell);
        }
        messages = (messages / 2).max(least);
    }
}

/// Verifies the channel `C`.
pub fn verify<C: Channel>(task: &Task, begins: &mut dyn FnMut(u64)) -> Outcome {
    let registry = Registry::with_channels(vec![ChannelEntry::new::<C>()]);
    let cells = cells(&registry, C::INFO.name);
    let all = cells.len() as u64;
    let (mut rounds, mut looked_at) = (0, 0);
    // Cells without a round, each once, by the reason.
    let mut lacking: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for case in task.cases(None) {
        begins(case);
        looked_at += 1;
        let place = case % all;
        let cell = &cells[place as usize];
        match cell.round().map_err(|error| error.error) {
            Ok(_) => rounds += 1,
            Err(error) if error.is_failure() => {
                return Outcome::Failed(Box::new(finding(case, cell, &error)));
            }
            Err(error) => {
                let reason = match error {
                    RoundError::Unsupported(unsupported) => unsupported.capability.words().to_owned(),
                    other => other.to_string(),
                };
                let places = lacking.entry(reason).or_default();
                if !places.contains(&place) {
                    places.push(place);
                }
            }
        }
    }
    let own = (0..all).filter(|&case| task.shard.has(case)).count() as u64;
    if task.only.is_none() && looked_at < own {
        return Outcome::OutOfTime { cases: looked_at, all: Some(own) };
    }
    let mut bounds = format!(
        "{rounds} rounds of about {MESSAGES} messages, over {all} cells of {} workloads",
        registry.workloads().count()
    );
    let unsupported: usize = lacking.values().map(Vec::len).sum();
    if unsupported > 0 {
        let words: Vec<_> =
            lacking.iter().map(|(reason, places)| format!("{reason} ({})", places.len())).collect();
        bounds = format!("{bounds}, {unsupported} unsupported: {}", words.join(", "));
    }
    if rounds == 0 {
        return Outcome::Unsupported { reason: bounds };
    }
    Outcome::Passed { cases: rounds, bounds }
}

fn finding(case: u64, cell: &Cell, error: &RoundError) -> Finding {
    let threads = match error {
        RoundError::ThreadGroup(ThreadGroupError::Hung { threads, .. }) => threads
            .iter()
            .map(|thread| ThreadSteps {
                thread: thread.clone(),
                steps: vec![(0, "had not ended at the deadline".to_owned())],
            })
            .collect(),
        _ => Vec::new(),
    };
    Finding {
        case,
        scenario: format!("{cell}, a round of {} messages", cell.size.messages),
        expected:
            "each message exactly once, in its producer's order, whole, dropped once; disconnects that are; \
                   threads that end"
                .to_owned(),
        happened: error.to_string(),
        threads,
        picture: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::channels::mutex_deque::MutexDeque;
    use harness::verify::Shard;

    #[test]
    fn every_workload_is_there_and_rounds_are_short() {
        let registry = Registry::with_channels(vec![ChannelEntry::new::<MutexDeque>()]);
        let cells = cells(&registry, "mutex-deque");
        for workload in registry.workloads() {
            let own = cells.iter().filter(|cell| cell.workload.name == workload.name).count();
            assert_eq!(own, workload.grid(Profile::Quick).len(), "{}", workload.name);
        }
        for cell in cells {
            let least = registry.least_messages(&cell.params);
            let paced = cell.size.deadline - HANG;
            assert!(paced <= MOST_PACED || cell.size.messages == least, "{cell}: {:?}", cell.size);
        }
    }

    #[test]
    fn time_that_is_over_before_each_cell_had_a_round_is_said() {
        let task = Task { seed: 1, shard: Shard::WHOLE, only: None, budget: Duration::ZERO };
        let outcome = verify::<MutexDeque>(&task, &mut |_| {});
        assert!(matches!(outcome, Outcome::OutOfTime { cases: 0, all: Some(7..) }), "{outcome:?}");
        let outcome = verify::<MutexDeque>(&Task { only: Some(0), ..task }, &mut |_| {});
        assert!(matches!(outcome, Outcome::Passed { cases: 1, .. }), "{outcome:?}");
    }
}
