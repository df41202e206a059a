//! Faulty worker programs: each ends as a clear record.

use records::record::{Verdict, VerdictRecord};
use records::verify::MethodOutcome;

use crate::bench::{Bench, text};

const BEGINS: &str = r#"echo '{"kind":"begins","case":3}'"#;
const PASSED: &str = r#"echo '{"kind":"ended","outcome":{"outcome":"passed","cases":1,"bounds":"b"}}'"#;

/// The record of a program that runs `body`, and the exit code.
fn recorded(name: &str, body: &str, arguments: &[&str]) -> (VerdictRecord, Option<i32>) {
    let bench = Bench::new();
    let by = bench.script(name, body);
    let all = [&["--method", "rounds", "--seed", "1", "--deadline", "1"], arguments].concat();
    let output = bench.verify(&by, &all);
    let mut records = bench.records();
    assert_eq!(records.len(), 1, "{}", text(&output.stderr));
    (records.remove(0), output.status.code())
}

/// The text of the failure of a program that runs `body`.
fn happened(name: &str, body: &str) -> String {
    let (verified, code) = recorded(name, body, &[]);
    assert_eq!(code, Some(1));
    match verified.verdict {
        Verdict::Ran(MethodOutcome::Failed(finding)) => finding.happened,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_program_that_reports_passes() {
    let (verified, code) = recorded("answers", &format!("{BEGINS}; {PASSED}"), &[]);
    assert_eq!(verified.verdict, Verdict::Ran(MethodOutcome::Passed { cases: 1, bounds: "b".to_owned() }));
    assert_eq!((verified.replay, verified.crash, code), (None, None, Some(0)));
}

#[test]
fn a_malformed_event_is_shown() {
    assert_eq!(
        happened("babbles", &format!("{BEGINS}; echo 'debug: 7'; sleep 1000")),
        "wrote a line that is no event: `debug: 7\\n`"
    );
    assert_eq!(
        happened("stutters", &format!("{BEGINS}; printf '{{\"kind\"'; exit 3")),
        "ended in the middle of a line: `{\\\"kind\\\"`; exit code 3"
    );
}

#[test]
fn an_end_without_a_report_is_described() {
    let (verified, _) = recorded("leaves", &format!("{BEGINS}; echo bye >&2; kill -SEGV $$"), &[]);
    let Verdict::Ran(MethodOutcome::Failed(finding)) = verified.verdict else {
        panic!("{:?}", verified.verdict)
    };
    assert_eq!(finding.happened, "its process ended; killed by signal 11 (SIGSEGV)");
    assert_eq!((finding.case, finding.scenario.as_str()), (3, "case 3"));
    assert_eq!(verified.crash.expect("of a process").stderr_tail, ["bye"]);
    assert!(verified.replay.expect("a failure").ends_with("--seed 1 --case 3"));

    let (verified, _) = recorded("never-begins", "exit 0", &[]);
    let Verdict::Ran(MethodOutcome::Failed(finding)) = verified.verdict else {
        panic!("{:?}", verified.verdict)
    };
    assert_eq!(finding.scenario, "before the first case");
    assert!(verified.replay.expect("a failure").ends_with("--seed 1"), "no case is to blame");
}

/// Memory that a case damaged may only show when the process ends.
#[test]
fn a_crash_after_a_report_is_not_a_pass() {
    assert_eq!(
        happened("ends-badly", &format!("{BEGINS}; {PASSED}; kill -ABRT $$")),
        "its process reported, and then failed; killed by signal 6 (SIGABRT)"
    );
}

#[test]
fn a_case_that_does_not_end_is_a_hang() {
    assert_eq!(happened("hangs", "sleep 1000"), "hung: no end after 1 s");
    let again = format!("{BEGINS}; sleep 1000");
    assert_eq!(happened("hangs-later", &again), "hung: no end after 1 s");
}

/// Cases that continue after the budget: no violation was found, but not all cases were run.
#[test]
fn endless_cases_run_out_of_time() {
    let body = format!("while :; do {BEGINS}; done");
    let (verified, code) = recorded("goes-on", &body, &["--budget", "1"]);
    assert!(
        matches!(verified.verdict, Verdict::Ran(MethodOutcome::OutOfTime { all: None, .. })),
        "{verified:?}"
    );
    assert_eq!(code, Some(3));
}

#[test]
fn a_program_that_does_not_name_its_channels_is_refused_in_one_line() {
    let bench = Bench::new();
    let silent = bench.program("silent", "exit 7");
    let output = bench.verify(&silent, &[]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("ended without naming its channels; exit code 7"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(!bench.record_file().exists(), "nothing was begun");
}
