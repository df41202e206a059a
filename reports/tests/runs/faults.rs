//! Faulty runners: each leaves a clear record, and the others continue.

use std::fs;

use records::crash::ProcessFailure;
use records::rounds::Line;

use crate::sandbox::{Sandbox, text};

const EPOCHS: u32 = 2;

/// Replies to every plan, and calls `at_a_round` for every round.
const PLANNED: &str = r#"
while read -r request; do
    case "$request" in
        *'"kind":"plan"'*) echo "{\"kind\":\"planned\",\"cell\":$(sed 's/.*"cell":\([0-9]*\).*/\1/' <<<"$request"),\"messages\":1000}" ;;
        *'"kind":"quit"'*) exit ;;
        *) at_a_round ;;
    esac
done"#;

/// Runs the baseline together with a runner whose rounds execute `body`; returns the runner's failure.
fn failure(name: &str, body: &str) -> ProcessFailure {
    let sandbox = Sandbox::new();
    let runner = sandbox.runner(name, &format!("at_a_round() {{ {body}; }}\n{PLANNED}"));
    let output = sandbox.run(&[
        "producer_consumer/capacity=64",
        "--channel",
        "mutex-deque",
        "--channel",
        name,
        "--runner",
        &runner,
        "--epochs",
        &EPOCHS.to_string(),
        "--deadline",
        "1",
        "--profile",
        "quick",
    ]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    sandbox.assert_complete(EPOCHS);
    assert!(sandbox.rounds().iter().all(|round| round.entry == 0), "the faulty runner has no time");
    let mut failures = sandbox.lines().into_iter().filter_map(|line| match line {
        Line::Failed { entry, failure, .. } => {
            assert_eq!(entry, 1);
            Some(failure)
        }
        _ => None,
    });
    let failure = failures.next().expect("a record of the failure");
    assert_eq!(failures.next(), None, "a cell that failed is not measured again");
    assert!(text(&output.stderr).contains(&format!("over {name} failed: ")), "{}", text(&output.stderr));
    failure
}

#[test]
fn an_exit_is_recorded_with_its_code_and_stderr_tail() {
    let failure = failure("exits", "echo 'out of luck' >&2; exit 3");
    assert_eq!(failure.what, "ended without a reply");
    assert_eq!(failure.crash.ended.as_deref(), Some("exit code 3"));
    assert_eq!(failure.crash.stderr_tail, ["out of luck"]);
}

#[test]
fn a_signal_is_named() {
    let failure = failure("aborts", "kill -ABRT $$");
    assert_eq!(failure.crash.ended.as_deref(), Some("killed by signal 6 (SIGABRT)"));
}

#[test]
fn a_malformed_reply_is_shown() {
    let failure = failure("babbles", "echo 'panic: no such thing'");
    assert!(failure.what.starts_with("wrote a line that is no reply ("), "{failure}");
    assert!(failure.what.ends_with("`panic: no such thing\\n`"), "{failure}");
}

#[test]
fn half_a_line_is_not_a_reply() {
    let failure = failure("stutters", r#"printf '{"kind":"round","ce'; exit"#);
    assert_eq!(failure.what, r#"ended in the middle of a line: `{\"kind\":\"round\",\"ce`"#);
}

#[test]
fn an_endless_line_is_not_read_to_its_end() {
    // A gigabyte, of which at most a mebibyte is read.
    let failure = failure("roars", "head -c 1000000000 /dev/zero | tr '\\0' x");
    assert_eq!(failure.what, "wrote a line of more than 1048576 bytes");
}

#[test]
fn a_reply_to_another_request_is_a_failure() {
    let failure =
        failure("dreams", r#"echo '{"kind":"round","cell":77,"round":1,"messages":1,"wall_ns":1}'"#);
    assert!(failure.what.starts_with("sent a reply to another request"), "{failure}");
}

#[test]
fn a_round_without_messages_is_a_failure() {
    let failure = failure("idles", r#"sed 's/}$/,"messages":0,"wall_ns":0}/' <<<"$request""#);
    assert!(failure.what.starts_with("sent a reply to another request"), "{failure}");
}

/// The runner never replies, so the run waits for the deadline of a second and the reply timeout.
#[test]
fn a_hang_has_a_backtrace_or_the_reason_why_not() {
    let failure = failure("hangs", "while :; do :; done");
    assert_eq!(failure.what, "hung: no reply within 11 s");
    let backtrace = failure.crash.backtrace.expect("a hang has one");
    assert!(backtrace.contains("Thread ") || backtrace.starts_with("not available: "), "{backtrace}");
}

/// The run does not begin, and the exit code is that of bad arguments.
#[test]
fn a_runner_that_does_not_say_hello_is_refused_in_one_line() {
    let sandbox = Sandbox::new();
    let other_version = r#"echo '{"kind":"hello","protocol":1,"runner":"r","language":"l","channels":[],"workloads":[]}'; read"#;
    for (name, body, says) in [
        ("other-version", other_version, "speaks version 1 of the protocol, and this build version 2"),
        ("silent-end", "exit 7", "ended without a reply; exit code 7"),
        ("garbage", "echo hello", "wrote a line that is no reply"),
    ] {
        let runner = sandbox.script(name, body);
        let output = sandbox.run(&["ping_pong", "--runner", &runner]);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.starts_with("error: --runner ") && stderr.contains(says), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(!sandbox.run_folder().exists(), "nothing was begun");
    }
    let output = sandbox.run(&["ping_pong", "--runner", "/no/such/program"]);
    assert!(text(&output.stderr).contains("could not start /no/such/program"), "{}", text(&output.stderr));
}

#[test]
fn chanlabs_own_runner_passes_the_check_and_a_faulty_one_does_not() {
    let sandbox = Sandbox::new();
    let own = env!("CARGO_BIN_EXE_chanlab");
    let output = sandbox.command(&["runner", "check", own, "runner", "serve"]).output().expect("it starts");
    let stdout = text(&output.stdout);
    assert!(output.status.success(), "{stdout}");
    assert!(!stdout.contains("FAILED"), "{stdout}");
    assert!(stdout.contains("passed       runs verified rounds of worker_pool over flume\n"), "{stdout}");
    assert!(stdout.contains("passed       ends with exit code 0 when its input ends\n"), "{stdout}");

    let faulty = sandbox
        .runner("faulty", "read -r _; echo '{\"kind\":\"planned\",\"cell\":0,\"messages\":1}'; exit 1");
    let output = sandbox.command(&["runner", "check", &faulty]).output().expect("it starts");
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{stdout}");
    assert!(
        stdout.contains("FAILED       answers an unknown channel with an error: answered Planned"),
        "{stdout}"
    );
}

#[test]
fn a_damaged_run_is_refused_with_the_line() {
    let sandbox = Sandbox::new();
    let arguments = ["ping_pong/capacity=1", "--channel", "std", "--epochs", "1", "--profile", "quick"];
    assert!(sandbox.run(&arguments).status.success());
    let again = sandbox.run(&arguments);
    assert!(
        text(&again.stderr).contains("holds a run already: finish it with --resume"),
        "{}",
        text(&again.stderr)
    );
    let rounds = sandbox.run_folder().join("rounds.jsonl");
    let whole = fs::read_to_string(&rounds).expect("rounds");
    fs::write(&rounds, format!("no line\n{whole}")).expect("written");
    let folder = sandbox.run_folder().display().to_string();
    let output = sandbox.command(&["run", "--resume", &folder]).output().expect("it starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("rounds.jsonl:1: not a record ("), "{}", text(&output.stderr));
}
