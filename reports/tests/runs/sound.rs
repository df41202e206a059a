//! What a run accepts, a report accepts.

use crate::sandbox::{Sandbox, text};

/// Cells whose rounds deliver as many messages as they had when they stopped.
const STOPPED: [&str; 3] =
    ["worker_pool/quit=half", "worker_pool/workers=1,quit=half", "partitioned_log/stop=half"];

#[test]
fn a_run_of_every_workload_is_read_without_a_problem() {
    let sandbox = Sandbox::new();
    let registry = adapters::registry();
    // Every param has its default value when one of them has.
    let defaults = registry.workloads().filter_map(|info| {
        let first = info.params.first()?;
        Some(format!("{}/{}={}", info.name, first.name, first.default))
    });
    let defaults: Vec<String> = defaults.collect();
    let fixed = ["run", "--channel", "mutex-deque", "--no-go", "--epochs", "1", "--budget", "1"];
    let cells = defaults.iter().map(String::as_str).chain(STOPPED);
    let output = sandbox.command(&fixed.into_iter().chain(cells).collect::<Vec<_>>()).output();
    let output = output.expect("the command starts");
    let stderr = text(&output.stderr);
    // One epoch of one channel decides nothing, which is no failure.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{stderr}");
    assert!(!stderr.contains("rounds.jsonl:"), "{stderr}");
}
