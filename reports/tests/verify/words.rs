//! The exact text of the matrix, with a cell of every kind, and of a failure.

use records::crash::CrashReport;
use records::format::Format;
use records::record::{Verdict, VerdictRecord};
use records::verify::{Finding, Method, MethodOutcome, Shard, ThreadSteps};
use reports::analyse::verification::{Scope, VerificationMatrix};
use reports::render::verification::terminal::{failure, matrix};

use crate::bench::{Bench, text};

fn verified(subject: &str, method: Method, verdict: Verdict) -> VerdictRecord {
    VerdictRecord {
        format: Format,
        at: "2026-01-02T03:04:05Z".to_owned(),
        command: "chanlab verify".to_owned(),
        subject: subject.to_owned(),
        version: format!("{subject} 1.2.3"),
        method,
        seed: 7,
        shard: Shard::WHOLE,
        only: None,
        budget_seconds: 10.0,
        seconds: 10.2,
        verdict,
        crash: None,
        replay: Some(format!("chanlab verify --channel {subject} --method {method} --seed 7 --case 12")),
        models: None,
        machine: runner::machine::current(&adapters::registry()),
    }
}

fn passed(cases: u64, bounds: &str) -> Verdict {
    Verdict::Ran(MethodOutcome::Passed { cases, bounds: bounds.to_owned() })
}

fn failed(finding: Finding) -> Verdict {
    Verdict::Ran(MethodOutcome::Failed(Box::new(finding)))
}

fn lost() -> Finding {
    let thread = |name: &str, steps: &[(u64, &str)]| ThreadSteps {
        thread: name.to_owned(),
        steps: steps.iter().map(|(moment, step)| (*moment, (*step).to_owned())).collect(),
    };
    Finding {
        case: 12,
        scenario: "the last sender goes while a receiver waits".to_owned(),
        expected: "recv() → disconnected".to_owned(),
        happened: "recv() never returned".to_owned(),
        threads: vec![
            thread("sender", &[(1, "send(7)"), (4, "drops its sender")]),
            thread("receiver", &[(2, "recv() → 7"), (3, "recv() begins")]),
        ],
        picture: None,
    }
}

#[test]
fn a_matrix_with_a_cell_of_every_kind() {
    use Method::{Conformance, Linearizability, Loom, Properties, Shuttle};
    let operations = "up to 40 operations, 3 handles of each kind";
    let reason = || "its source is not written on chanlab's primitives".to_owned();
    let records = [
        verified("mutex-deque", Conformance, passed(84, "all scenarios")),
        verified("flume", Conformance, failed(lost())),
        verified("std", Conformance, Verdict::Ran(MethodOutcome::OutOfTime { cases: 12, all: Some(84) })),
        verified("mutex-deque", Properties, passed(12_345, operations)),
        verified("flume", Properties, passed(11_111, operations)),
        verified(
            "std",
            Linearizability,
            Verdict::Ran(MethodOutcome::Unsupported { reason: "no try_send".to_owned() }),
        ),
        verified("mutex-deque", Loom, passed(98_765, "9 models: all schedules of at most 2 preemptions")),
        verified("worker_pool", Loom, passed(4_321, "3 models: all schedules of at most 2 preemptions")),
        verified("flume", Loom, Verdict::NotInstrumentable { reason: reason() }),
        verified("std", Loom, Verdict::NotInstrumentable { reason: reason() }),
        verified(
            "mutex-deque",
            Shuttle,
            Verdict::NotAvailable {
                reason: "there is no cargo on the path, which builds the models".to_owned(),
            },
        ),
    ];
    let subjects = ["mutex-deque", "std", "flume"];
    let verification = VerificationMatrix::new(&records, &subjects, &adapters::registry(), Scope::AllShards);
    insta::assert_snapshot!(matrix(&verification));
}

#[test]
fn a_failure_shows_its_whole_evidence() {
    let mut record = verified("flume", Method::Conformance, failed(lost()));
    insta::assert_snapshot!(
        "a_failure_with_its_steps",
        failure(&record, Some("/records/flume.svg".as_ref()))
    );
    record.crash = Some(CrashReport {
        ended: None,
        stderr_tail: vec!["one".to_owned(), "two".to_owned()],
        backtrace: Some((0..30).map(|frame| format!("#{frame} main")).collect::<Vec<_>>().join("\n")),
    });
    let hung = Finding {
        scenario: "case 12".to_owned(),
        expected: "each case ends, and the process with exit code 0".to_owned(),
        happened: "hung: it has not ended after 20 s".to_owned(),
        ..Finding::default()
    };
    record.verdict = failed(hung);
    insta::assert_snapshot!("a_failure_of_a_process", failure(&record, None));
    record.verdict = passed(1, "");
    assert_eq!(failure(&record, None), "");
}

/// Without cargo, the models of every channel are not available.
#[test]
fn models_that_cannot_be_built_are_not_available() {
    let bench = Bench::new();
    let output = bench.record_file().display().to_string();
    let channels = ["--channel", "mutex-deque", "--channel", "std", "--channel", "kanal"];
    let arguments = [&["verify", "--method", "loom", "--output", &output], &channels[..]].concat();
    // Cargo passes its own path to tests in `CARGO`.
    let command = &mut bench.command(&arguments);
    let output = command.env_remove("CARGO").env("PATH", bench.path()).output().expect("the command starts");
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(stdout.contains("mutex-deque  not available\n"), "{stdout}");
    assert!(stdout.contains("std          not available\n"), "{stdout}");
    assert!(stdout.contains("kanal        not available\n"), "{stdout}");
    assert!(stdout.contains("there is no cargo on the path"), "{stdout}");
    assert!(stdout.contains("cannot start rustc"), "{stdout}");
    assert!(stdout.contains("Nothing failed, but not everything was explored"), "{stdout}");
}

/// This build's own methods and channels. The command leaves a record, and succeeds when the cases ended in time.
#[test]
fn its_own_channels_are_verified_in_processes_of_its_own() {
    let bench = Bench::new();
    let output = bench.record_file().display().to_string();
    let arguments =
        ["verify", "--channel", "mutex-deque", "--method", "rounds", "--budget", "1", "--output", &output];
    let output = bench.command(&arguments).output().expect("the command starts");
    let records = bench.records();
    assert_eq!(records.len(), 1, "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(matches!(records[0].verdict, Verdict::Ran(_)), "{records:?}");
    let is_whole = !matches!(records[0].verdict, Verdict::Ran(MethodOutcome::OutOfTime { .. }));
    assert_eq!(!text(&output.stdout).contains("not everything was explored"), is_whole);
    assert_eq!(output.status.code(), Some(if is_whole { 0 } else { 3 }), "{}", text(&output.stderr));
    assert!(records[0].version.starts_with("chanlab "), "{}", records[0].version);
}

#[test]
fn channels_that_only_models_verify_need_a_model_method() {
    let bench = Bench::new();
    let refused = |arguments: &[&str]| {
        let output = bench.command(&[&["verify"], arguments].concat()).output().expect("the command starts");
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        stderr.lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(
        refused(&["--channel", "loole"]),
        "error: loole: only loom and shuttle can verify loole, over its instrumented source: add --method shuttle, --method loom or both, and no other"
    );
    assert_eq!(
        refused(&["--channel", "flume@0.11.0", "--method", "rounds"]),
        "error: flume@0.11.0: only loom and shuttle can verify another version of a crate, over its instrumented source: \
         add --method shuttle, --method loom or both, and no other"
    );
    let unknown = refused(&["--channel", "postage", "--method", "shuttle"]);
    assert!(
        unknown.starts_with("error: unknown channel postage: expected one of mutex-deque, std, "),
        "{unknown}"
    );
    assert!(
        unknown.ends_with("; with loom and shuttle only, also async-channel, loole, thingbuf"),
        "{unknown}"
    );
    let none = refused(&["--channel", "mutex-deque@1.0.0", "--method", "shuttle"]);
    assert_eq!(
        none,
        "error: mutex-deque@1.0.0: mutex-deque does not come from a published crate, so it has no other versions"
    );
}
