//! `chanlab choose`: the ranking and the recommendation.

use crate::sandbox::{Sandbox, text};

#[test]
fn every_channel_has_a_rank_or_a_reason() {
    let sandbox = Sandbox::new();
    let output = sandbox
        .command(&["choose", "--consumers", "2", "--capacity", "16", "--budget", "1"])
        .output()
        .expect("the command starts");
    let stdout = text(&output.stdout);
    assert!(output.status.success(), "{stdout}{}", text(&output.stderr));
    assert!(stdout.starts_with("producer_consumer/consumers=2,capacity=16\n"), "{stdout}");
    for info in adapters::registry().channels() {
        let row = stdout.lines().find(|line| line.trim_start().starts_with(info.name)).expect(info.name);
        if info.name == "std" {
            assert!(row.contains("unsupported: several consumers"), "{row}");
        } else {
            assert!(row.contains(" ns/op  ") && row.contains("verified rounds"), "{row}");
        }
    }
    assert_eq!(stdout.matches("  best; ").count(), 1, "{stdout}");
    let best = stdout.lines().find(|line| line.contains("  best; ")).expect("the best");
    let name = best.split_whitespace().next().expect("its name");
    assert!(stdout.contains(&format!("\nTake {name} (")), "{stdout}");
}

#[test]
fn latency_needs_a_rate_and_gives_percentiles() {
    let sandbox = Sandbox::new();
    let output = sandbox.command(&["choose", "--by", "latency"]).output().expect("the command starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("give the --rate"), "{}", text(&output.stderr));

    let output = sandbox
        .command(&["choose", "--rate", "50000", "--budget", "1"])
        .output()
        .expect("the command starts");
    let stdout = text(&output.stdout);
    assert!(output.status.success(), "{stdout}{}", text(&output.stderr));
    assert!(stdout.contains("ns latency at the 99th percentile of a round"), "{stdout}");
}
