//! Every registered channel passes every method that verifies it in one process, within a small budget.
//!
//! What the methods look at is in `harness::verify`; that each of them catches what it is to catch is asserted in `planted_verify`.
//! loom explores the baseline's schedules exhaustively in `models/`; the methods here run on the real channels.

use std::time::{Duration, Instant};

use harness::registry::Registry;
use harness::verify::{Finding, Method, Outcome, Shard, Task};

/// Cases of published channels that fail, each reported as found: channel, method, and how the scenario begins. They are left out
/// here, and only here, so that any other failure is seen; `chanlab verify` shows them.
const KNOWN_FINDINGS: &[(&str, Method, &str)] = &[];

/// A finding, for people.
fn words(finding: &Finding) -> String {
    let mut text = format!(
        "case {}: {}\n  expected: {}\n  happened: {}\n",
        finding.case, finding.scenario, finding.expected, finding.happened
    );
    let mut steps: Vec<_> = finding
        .threads
        .iter()
        .flat_map(|thread| thread.steps.iter().map(move |(at, step)| (at, &thread.thread, step)))
        .collect();
    steps.sort_unstable();
    for (at, thread, step) in steps {
        text += &format!("  {at:4} {thread:16} {step}\n");
    }
    text
}

/// Runs a method over every channel; every one that fails is told.
fn every_channel_passes(method: Method, budget: Duration) {
    let registry = Registry::new();
    let mut failures = String::new();
    for channel in registry.channels() {
        let methods = registry.methods(channel.name).expect("registered");
        let (_, verify) = methods.iter().find(|(own, _)| *own == method).expect("a method that runs here");
        let began = Instant::now();
        let task = Task { seed: 1, shard: Shard::WHOLE, only: None, budget };
        match verify(&task, &mut |_| {}) {
            Outcome::Passed { bounds, .. } => {
                println!("{}, {method}: {bounds}; {:.1?}", channel.name, began.elapsed());
            }
            Outcome::Failed(finding) => {
                failures += &format!("{}, {method}: {}", channel.name, words(&finding))
            }
            other => failures += &format!("{}, {method}: {other:?}\n", channel.name),
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

/// More than they take; what is not played in time fails.
const ENOUGH: Duration = Duration::from_secs(120);

#[test]
fn every_channel_passes_conformance() {
    every_channel_passes(Method::Conformance, ENOUGH);
}

#[test]
fn every_channel_passes_properties() {
    every_channel_passes(Method::Properties, Duration::from_millis(700));
}

#[test]
fn every_channel_passes_rounds() {
    // Each cell at least once on a slow machine too.
    every_channel_passes(Method::Rounds, Duration::from_secs(3));
}
