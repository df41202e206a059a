//! Every registered channel passes every method that runs its own code, within a small budget.
//!
//! `tests/mutants.rs` asserts that the methods catch what they must catch. loom explores the schedules of the
//! baseline exhaustively in `models/`; the methods here run the real channels.

use std::time::{Duration, Instant};

use records::verify::{Finding, Method, MethodOutcome, Shard, Task};
use verify::conformance;

/// The cases that fail on published channels: the channel, and the beginning of the scenario's name. These
/// tests skip them so that any other failure is seen; `chanlab verify` reports them.
const KNOWN_FINDINGS: &[(&str, &str)] = &[
    // flume 0.12.0: a thread that selects can take the wake-up that another receiver of the same channel
    // needs, which then waits for ever although messages are queued (flume's issue 135). A waiting receiver
    // can also be handed a message ahead of one that is queued for a selector, out of order.
    ("flume", "selects_in_two_threads"),
    ("flume", "selects_beside_a_receiver"),
    // kanal 0.1.1 adds the timeout to the clock and unwraps: the longest Duration panics.
    ("kanal", "takes_the_longest_timeout"),
    // kanal 0.1.1: a timed send that had to wait takes its message out of its slot and drops it, although the
    // receiver has it.
    ("kanal", "drops_once_what_a_timed_send_waited_with"),
    // kanal 0.1.1 checks the time before it checks for senders: with no time left, an empty channel without
    // senders reports a timeout.
    ("kanal", "drains_by_timed_receives"),
];

/// Whether `properties` found the last of these.
fn is_known(channel: &str, finding: &Finding) -> bool {
    let last = finding.threads.iter().flat_map(|thread| &thread.steps).next_back();
    channel == "kanal"
        && finding.happened.ends_with(": \"nothing\"")
        && finding.expected.ends_with(": \"disconnected\"")
        && last.is_some_and(|(_, step)| step.starts_with("recv_timeout"))
}

/// Formats a finding.
fn format_finding(finding: &Finding) -> String {
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

/// Runs a method over every channel and reports every failure.
fn every_channel_passes(method: Method, budget: Duration) {
    let mut failures = String::new();
    for verified in verify::channels() {
        let channel = verified.info;
        let verify = verified.method(method).expect("a method that runs a channel's own code");
        let began = Instant::now();
        let task = Task { seed: 1, shard: Shard::WHOLE, only: None, budget };
        match verify(&task, &mut |_| {}) {
            MethodOutcome::Passed { bounds, .. } => {
                println!("{}, {method}: {bounds}; {:.1?}", channel.name, began.elapsed());
            }
            MethodOutcome::Failed(finding) if is_known(channel.name, &finding) => {
                println!("{}, {method}: known: {}", channel.name, finding.happened);
            }
            MethodOutcome::Failed(finding) => {
                failures += &format!("{}, {method}: {}", channel.name, format_finding(&finding))
            }
            other => failures += &format!("{}, {method}: {other:?}\n", channel.name),
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

#[test]
fn every_channel_passes_conformance() {
    let names = conformance::names();
    let mut failures = String::new();
    for verified in verify::channels() {
        let channel = verified.info;
        let verify = verified.method(Method::Conformance).expect("it runs a channel's own code");
        let (mut played, mut unsupported) = (0, 0);
        for (case, name) in (0..).zip(&names) {
            if KNOWN_FINDINGS.iter().any(|(own, known)| *own == channel.name && name.starts_with(known)) {
                continue;
            }
            let task = Task { seed: 1, shard: Shard::WHOLE, only: Some(case), budget: Duration::ZERO };
            match verify(&task, &mut |_| {}) {
                MethodOutcome::Passed { .. } => played += 1,
                MethodOutcome::Unsupported { .. } => unsupported += 1,
                MethodOutcome::Failed(finding) => {
                    failures += &format!("{}, {}", channel.name, format_finding(&finding))
                }
                other => failures += &format!("{}, {name}: {other:?}\n", channel.name),
            }
        }
        println!("{}: {played} cases passed, {unsupported} unsupported", channel.name);
        assert!(played >= 150, "{}: {played} cases, {unsupported} unsupported", channel.name);
    }
    assert!(failures.is_empty(), "\n{failures}");
}

#[test]
fn every_known_finding_names_a_case() {
    let (names, channels) = (conformance::names(), verify::channels());
    for (channel, known) in KNOWN_FINDINGS {
        assert!(channels.iter().any(|verified| verified.info.name == *channel), "{channel}");
        assert!(names.iter().any(|name| name.starts_with(known)), "{known}");
    }
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
