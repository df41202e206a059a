//! Faulty runners: each leaves a clear record, and the others continue.

use std::fs;

use records::crash::ProcessFailure;
use records::rounds::{CellFailure, Line};

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
    // The page is drawn, and its failure is the command's.
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(sandbox.run_folder().join("report.html").is_file());
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
    assert_eq!(failure.what, "answered for cell 77, and cell 1 was requested");
    let failure = crate::faults::failure(
        "greets",
        r#"echo '{"kind":"hello","protocol":2,"runner":"r","language":"l","channels":[],"workloads":[]}'"#,
    );
    assert!(failure.what.starts_with("sent a reply to another request: Hello"), "{failure}");
}

/// What a runner claims is held against the plan and against chanlab's own clock, and fails that runner's cell alone.
#[test]
fn a_claim_that_is_impossible_fails_the_cell_and_no_other() {
    for (name, members, says) in [
        (
            "idles",
            r#""messages":0,"wall_ns":0"#,
            "claimed 0 as messages; possible: 1000, because 1000 were planned",
        ),
        ("boasts", r#""messages":9007199254740991,"wall_ns":5000"#, "claimed 9007199254740991 as messages"),
        ("skips", r#""messages":1,"wall_ns":5000"#, "claimed 1 as messages"),
        (
            "dawdles",
            r#""messages":1000,"wall_ns":9223372036854775808"#,
            "claimed 9223372036854775808 as wall_ns",
        ),
        ("flies", r#""messages":1000,"wall_ns":1"#, "claimed 1 as wall_ns; possible: 100 to "),
        (
            "burns",
            r#""messages":1000,"wall_ns":5000,"user_ns":900000000000,"system_ns":0"#,
            "as user_ns + system_ns",
        ),
        (
            "rates",
            r#""messages":1000,"wall_ns":5000,"figures":[{"name":"q","value":1e300}]"#,
            "as q; possible: 0 to",
        ),
        ("steals", r#""messages":1000,"wall_ns":5000,"steal_ns":1152921504606846976"#, "as steal_ns"),
        (
            "repeats",
            r#""messages":1000,"wall_ns":5000,"latency":[[1,2000]]"#,
            "claimed 2000 as the messages of latency",
        ),
    ] {
        let failure = failure(name, &format!("sleep 0.001; sed 's/}}$/,{members}}}/' <<<\"$request\""));
        assert!(failure.what.contains(says), "{name}: {failure}");
    }
}

/// Both plan 1,000 messages when the choice is theirs; the number for all is near chanlab's own.
#[test]
fn a_runner_does_not_decide_how_large_the_rounds_of_others_are() {
    let sandbox = Sandbox::new();
    let body = r#"sleep 0.0001; sed 's/}$/,"messages":1000,"wall_ns":100}/' <<<"$request""#;
    let runner = sandbox.runner("tiny", &format!("at_a_round() {{ {body}; }}\n{PLANNED}"));
    let group = "producer_consumer/capacity=64";
    let output = sandbox.run(&[
        group,
        "--channel",
        "std",
        "--channel",
        "tiny",
        "--runner",
        &runner,
        "--epochs",
        "1",
        "--profile",
        "quick",
    ]);
    let sized = sandbox.lines().into_iter().find_map(|line| match line {
        Line::Sized { messages, .. } => Some(messages),
        _ => None,
    });
    let sized = sized.expect("the group has a size");
    assert!((5_000..=320_000).contains(&sized), "{sized}");
    // It goes on to plan 1,000 of them.
    let stderr = text(&output.stderr);
    assert!(stderr.contains(&format!("claimed 1000 as messages; possible: {sized}, because")), "{stderr}");
    assert!(sandbox.rounds().iter().all(|round| round.measured.messages == sized && round.entry == 0));
}

#[test]
fn a_runner_that_cannot_be_shown_is_refused_and_a_taken_name_is_not_dropped_in_silence() {
    let sandbox = Sandbox::new();
    for name in ["", "a\\u001b[31mred", "\\u202eflume", "a\\nb"] {
        let runner = sandbox.runner(name, "read");
        let named = sandbox.path().join("odd.sh");
        fs::rename(&runner, &named).expect("renamed");
        let output = sandbox.run(&["producer_consumer", "--runner", &named.display().to_string()]);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains("sent a channel `"), "{stderr}");
        assert!(!stderr.trim_end().chars().any(char::is_control), "{stderr:?}");
    }
    let spoof = sandbox.runner("kanal", "read");
    let arguments = [
        "ping_pong/capacity=1",
        "--channel",
        "kanal",
        "--runner",
        &spoof,
        "--epochs",
        "1",
        "--profile",
        "quick",
    ];
    let stderr = text(&sandbox.run(&arguments).stderr);
    assert!(stderr.contains("is called kanal (a script): its name is taken"), "{stderr}");
    assert!(stderr.contains("kanal (a script) is not measured: --channel does not name it"), "{stderr}");
}

/// The runner never replies, so the run waits for the deadline of a second and the reply timeout.
#[test]
fn a_hang_has_a_backtrace_or_the_reason_why_not() {
    let failure = failure("hangs", "while :; do :; done");
    // On a busy machine it was extended, and says so.
    assert!(failure.what.starts_with("hung: no reply within 11 s"), "{failure}");
    let backtrace = failure.crash.backtrace.expect("a hang has one");
    assert!(backtrace.contains("Thread ") || backtrace.starts_with("not available: "), "{backtrace}");
}

/// The run does not begin, and the exit code is that of bad arguments.
#[test]
fn a_runner_that_does_not_say_hello_is_refused_in_one_line() {
    let sandbox = Sandbox::new();
    let other_version = r#"echo '{"kind":"hello","protocol":3,"runner":"r","language":"l","channels":[],"workloads":[]}'; read"#;
    for (name, body, says) in [
        (
            "other-version",
            other_version,
            "speaks version 3 of the protocol, and this build the versions 1 to 2",
        ),
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

/// A failure of that version has no cause, and a round is the same.
#[test]
fn a_runner_of_protocol_version_1_is_understood() {
    let sandbox = Sandbox::new();
    let script = r#"echo '{"kind":"hello","protocol":1,"runner":"old","language":"sh","channels":[{"name":"old","version":"1"}],"workloads":["producer_consumer"]}'
while read -r request; do
    case "$request" in
        *'"kind":"plan"'*) echo '{"kind":"planned","cell":0,"messages":1000}' ;;
        *'"kind":"quit"'*) exit ;;
        *) sed 's/"kind":"round"/"kind":"failed"/; s/}$/,"reason":"it lost a message","abandoned":false}/' <<<"$request" ;;
    esac
done"#;
    let runner = sandbox.script("old", script);
    let group = "producer_consumer/capacity=64";
    let output = sandbox.run(&[group, "--channel", "old", "--runner", &runner, "--epochs", "1"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let failure = sandbox.lines().into_iter().find_map(|line| match line {
        Line::Failed { failure, cause, .. } => Some((failure.what, cause)),
        _ => None,
    });
    assert_eq!(failure, Some(("it lost a message".to_owned(), Some(CellFailure::Violation))));
}
