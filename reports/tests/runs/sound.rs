//! What a run accepts, a report accepts.

use crate::sandbox::{Sandbox, text};

#[test]
fn a_run_of_every_workload_is_read_without_a_problem() {
    let sandbox = Sandbox::new();
    let registry = adapters::registry();
    // The quick profile, whose pool quits halfway in one of its cells, and four workers that quit.
    let cells = registry.workloads().map(|info| info.name).chain(["worker_pool/workers=4,quit=half"]);
    let fixed = ["run", "--channel", "mutex-deque", "--no-go", "--epochs", "1", "--budget", "1"];
    let arguments: Vec<&str> = fixed.into_iter().chain(cells).collect();
    let output = sandbox.command(&arguments).output().expect("the command starts");
    let stderr = text(&output.stderr);
    // One epoch of one channel decides nothing, which is no failure.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{stderr}");
    assert!(!stderr.contains("warning: ") || !stderr.contains("rounds.jsonl"), "{stderr}");
}
