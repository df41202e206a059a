//! Many small self-checking rounds of every workload.
//!
//! A case is one round of one cell. The cells are those of the quick grids of all workloads, taken in turn:
//! case `n` is repetition `n / cells` of cell `n % cells`. The rounds are so small that they consist mostly
//! of waiting, waking, starting and ending. Each round checks itself: each message once, order, payload,
//! drops, disconnects, threads that end.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::channel::Channel;
use records::verify::{Finding, MethodOutcome, Task, ThreadSteps};
use workloads::params::Params;
use workloads::profile::Profile;
use workloads::registry::{Cell, ChannelEntry, DEADLINE, Registry};
use workloads::thread_group::ThreadGroupError;
use workloads::workload::RoundError;

/// The number of messages of a round, unless the capacity needs more: enough to fill and drain the channel
/// often.
const MESSAGES: u64 = 400;

/// The approximate time limit of a round that its params slow down (work, rates).
const MAX_PACED: Duration = Duration::from_millis(20);

/// The deadline of a round, in addition to the time that its params take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The cells of all workloads.
fn cells(registry: &Registry, channel: &str) -> Vec<Cell> {
    let workloads = registry.workloads();
    let grid = workloads.flat_map(|workload| {
        workload.grid(Profile::Quick).into_iter().map(move |params| (workload.name, params))
    });
    grid.filter_map(|(workload, params)| cell(registry, channel, workload, params)).collect()
}

/// The smallest cell with these params.
fn cell(registry: &Registry, channel: &str, workload: &str, params: Params) -> Option<Cell> {
    let min = registry.least_messages(&params);
    let mut messages = MESSAGES.max(min);
    loop {
        let mut cell = registry.cell(channel, workload, params.clone(), Some(messages)).ok()?;
        // The registry adds the paced time to the deadline.
        let paced = cell.size.deadline.saturating_sub(DEADLINE);
        if paced <= MAX_PACED || messages == min {
            cell.size.deadline = TIMEOUT + paced;
            return Some(cell);
        }
        messages = (messages / 2).max(min);
    }
}

/// Verifies the channel `C`.
pub fn verify<C: Channel>(task: &Task, begins: &mut dyn FnMut(u64)) -> MethodOutcome {
    let registry = Registry::with_channels(vec![ChannelEntry::new::<C>()]);
    let cells = cells(&registry, C::INFO.name);
    let all = cells.len() as u64;
    let (mut rounds, mut started) = (0, 0);
    // The cells without a round, by reason.
    let mut lacking: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for case in task.cases(None) {
        begins(case);
        started += 1;
        let place = case % all;
        let cell = &cells[place as usize];
        match cell.round().map_err(|error| error.error) {
            Ok(_) => rounds += 1,
            Err(error) if error.is_shortage() => {
                return MethodOutcome::Shortage { reason: error.to_string() };
            }
            Err(error) if error.is_failure() => {
                return MethodOutcome::Failed(Box::new(finding(case, cell, &error)));
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
    if task.only.is_none() && started < own {
        return MethodOutcome::OutOfTime { cases: started, all: Some(own) };
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
        return MethodOutcome::Unsupported { reason: bounds };
    }
    MethodOutcome::Passed { cases: rounds, bounds }
}

fn finding(case: u64, cell: &Cell, error: &RoundError) -> Finding {
    let threads = match error {
        RoundError::ThreadGroup(ThreadGroupError::Hung { threads, .. }) => threads
            .iter()
            .map(|thread| ThreadSteps {
                thread: thread.clone(),
                steps: vec![(0, "did not end by the deadline".to_owned())],
            })
            .collect(),
        _ => Vec::new(),
    };
    Finding {
        case,
        scenario: format!("{cell}, a round of {} messages", cell.size.messages),
        expected: "each message arrives once, in its producer's order, undamaged, and is dropped once; \
                   no false disconnect; every thread ends"
            .to_owned(),
        happened: error.to_string(),
        threads,
        picture: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baseline::MutexDeque;
    use records::verify::Shard;

    #[test]
    fn the_cells_cover_every_workload_with_short_rounds() {
        let registry = Registry::with_channels(vec![ChannelEntry::new::<MutexDeque>()]);
        let cells = cells(&registry, "mutex-deque");
        for workload in registry.workloads() {
            let own = cells.iter().filter(|cell| cell.workload.name == workload.name).count();
            assert_eq!(own, workload.grid(Profile::Quick).len(), "{}", workload.name);
        }
        for cell in cells {
            let min = registry.least_messages(&cell.params);
            let paced = cell.size.deadline - TIMEOUT;
            assert!(paced <= MAX_PACED || cell.size.messages == min, "{cell}: {:?}", cell.size);
        }
    }

    #[test]
    fn a_budget_of_zero_is_out_of_time() {
        let task = Task { seed: 1, shard: Shard::WHOLE, only: None, budget: Duration::ZERO };
        let outcome = verify::<MutexDeque>(&task, &mut |_| {});
        assert!(matches!(outcome, MethodOutcome::OutOfTime { cases: 0, all: Some(7..) }), "{outcome:?}");
        let outcome = verify::<MutexDeque>(&Task { only: Some(0), ..task }, &mut |_| {});
        assert!(matches!(outcome, MethodOutcome::Passed { cases: 1, .. }), "{outcome:?}");
    }
}
