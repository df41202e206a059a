//! The endings, one by one.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use engine::article::Lack;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use records::record::BENCH_FILE;
use reports::analyse::article::CHANNEL;
use reports::analyse::changes::Changes;
use reports::analyse::choice::choose;
use reports::collect::runs::RunData;
use reports::exit::{EVERY, Exit};
use reports::gate;
use serde_json::json;
use service_log::{Group, Writer};
use testing::moments::{passed, size};
use workloads::workload::Metric;

use crate::Case;
use crate::place::{EPOCHS, Place, Side, append, ended, text};
use crate::results::{article, bucket, exit, honesty};

/// One cell of one channel of a runner.
const FAKE: [&str; 9] = [
    "run",
    "producer_consumer/capacity=64",
    "--channel",
    "fake",
    "--epochs",
    "2",
    "--profile",
    "quick",
    "--no-go",
];

const PASSED: &str = r#"{"outcome":"passed","cases":3,"bounds":"b"}"#;
const FAILED: &str =
    r#"{"outcome":"failed","case":1,"scenario":"s","expected":"e","happened":"h","threads":[]}"#;

/// Every ending of the table.
pub(crate) const CASES: &[Case] = &[
    (EVERY, Exit::Sound, || {
        let place = Place::new();
        for words in [&["--help"][..], &["--version"], &["verify", "--help"], &["help", "run"]] {
            place.ends(Exit::Sound, words);
        }
    }),
    (EVERY, Exit::Sound, a_reader_that_has_gone_changes_no_code),
    (EVERY, Exit::Usage, || {
        let place = Place::new();
        for words in
            [&["--colour"][..], &["contrast"], &["run", "--epochs", "0"], &["runner", "fly"], &["round", ""]]
        {
            place.ends(Exit::Usage, words);
        }
    }),
    (EVERY, Exit::Unable, a_file_that_cannot_be_written),
    (EVERY, Exit::Interrupted, || stopped(Signal::SIGINT, Exit::Interrupted)),
    (EVERY, Exit::Terminated, || stopped(Signal::SIGTERM, Exit::Terminated)),
    ("run", Exit::Sound, || run(Exit::Sound, ":", &[])),
    ("run", Exit::Failure, || run(Exit::Failure, "exit 3", &[])),
    ("run", Exit::Failure, a_damaged_record_of_a_run),
    ("run", Exit::Usage, || {
        let place = Place::new();
        let folder = place.run("one", [Side::Takes(100), Side::Takes(100)], 1);
        place.ends(Exit::Usage, &["run", "--output", &folder, "ping_pong/capacity=1", "--no-go"]);
        place.ends(Exit::Usage, &["run", "--resume", &place.text("nothing")]);
    }),
    ("run", Exit::Undecided, || {
        let lacks = r#"[[ $cell ]] && { echo "{\"kind\":\"unsupported\",\"cell\":$cell,\"round\":$round,\"reason\":\"why\"}"; continue; }"#;
        run(Exit::Undecided, lacks, &[]);
        let place = Place::new();
        let words = ["run", "producer_consumer/consumers=2", "--channel", "std", "--epochs", "1", "--no-go"];
        let output = place.ends(Exit::Undecided, &[&words[..], &["--output", &place.text("run")]].concat());
        assert!(place.path("run/report.html").is_file(), "{}", text(&output.stderr));
        let go = ["run", "ping_pong/capacity=1", "--channel", "go", "--output", &place.text("go")];
        let mut command = place.command(&go);
        ended(command.env("PATH", place.path("none")).output().expect("it starts"), Exit::Undecided);
    }),
    ("choose", Exit::Sound, || assert_eq!(choice([Side::Takes(100), Side::Takes(120)], EPOCHS), Exit::Sound)),
    ("choose", Exit::Failure, || {
        assert_eq!(choice([Side::Takes(100), Side::Failed], EPOCHS), Exit::Failure);
        assert_eq!(choice([Side::Failed, Side::Failed], EPOCHS), Exit::Failure);
    }),
    ("choose", Exit::Undecided, || {
        assert_eq!(choice([Side::Unsupported, Side::Unsupported], EPOCHS), Exit::Undecided);
        assert_eq!(choice([Side::Takes(100), Side::Takes(200)], 3), Exit::Undecided);
    }),
    ("honesty", Exit::Sound, || assert_eq!(honesty(200, 4, 95), Exit::Sound)),
    ("honesty", Exit::Failure, || {
        assert_eq!(honesty(200, 5, 95), Exit::Failure);
        assert_eq!(honesty(200, 4, 94), Exit::Failure);
    }),
    ("honesty", Exit::Undecided, || assert_eq!(honesty(199, 2, 95), Exit::Undecided)),
    ("ab", Exit::Sound, || {
        for sides in [[100, 100], [120, 100], [100, 102]] {
            ab(Exit::Sound, sides.map(Side::Takes), EPOCHS, 5.0, None);
        }
        ab(Exit::Sound, [Side::Takes(100), Side::Takes(120)], EPOCHS, 50.0, None);
        ab(Exit::Sound, [Side::Takes(100), Side::Takes(100)], EPOCHS, 5.0, Some(5.0));
    }),
    ("ab", Exit::Failure, || {
        ab(Exit::Failure, [Side::Takes(100), Side::Takes(120)], EPOCHS, 5.0, None);
        ab(Exit::Failure, [Side::Takes(100), Side::Failed], EPOCHS, 5.0, None);
        ab(Exit::Failure, [Side::Failed, Side::Failed], EPOCHS, 5.0, None);
    }),
    ("ab", Exit::Undecided, || {
        ab(Exit::Undecided, [Side::Takes(100), Side::Takes(200)], 3, 5.0, None);
        ab(Exit::Undecided, [Side::Takes(100), Side::Unsupported], EPOCHS, 5.0, None);
        ab(Exit::Undecided, [Side::Unsupported, Side::Unsupported], EPOCHS, 5.0, None);
        ab(Exit::Undecided, [Side::Takes(100), Side::Takes(100)], EPOCHS, 5.0, Some(0.01));
        a_version_that_cannot_be_built();
    }),
    ("compare", Exit::Sound, || {
        compare(Exit::Sound, [Side::Takes(100), Side::Takes(100)], EPOCHS, &[]);
        compare(Exit::Sound, [Side::Takes(120), Side::Takes(100)], EPOCHS, &[]);
        compare(Exit::Sound, [Side::Takes(100), Side::Takes(120)], EPOCHS, &["--threshold", "50"]);
    }),
    ("compare", Exit::Failure, || {
        compare(Exit::Failure, [Side::Takes(100), Side::Takes(120)], EPOCHS, &[]);
        compare(Exit::Failure, [Side::Takes(100), Side::Failed], EPOCHS, &[]);
    }),
    ("compare", Exit::Usage, || {
        let place = Place::new();
        let folder = place.run("one", [Side::Takes(100), Side::Takes(100)], 1);
        let other = place.run("two", [Side::Takes(100), Side::Takes(100)], 1);
        let plan = place.path("two/plan.json");
        let text = fs::read_to_string(&plan).expect("a plan").replace("\"cores\":", "\"cores\":9");
        fs::write(plan, text).expect("written");
        place.ends(Exit::Usage, &["compare", &folder, &other]);
        place.ends(Exit::Usage, &["compare", &folder, &place.text("three")]);
    }),
    ("compare", Exit::Undecided, || compare(Exit::Undecided, [Side::Takes(100), Side::Takes(200)], 3, &[])),
    ("report", Exit::Sound, || {
        let place = Place::new();
        let run = place.run("one", [Side::Takes(100), Side::Unsupported], EPOCHS);
        place.report(Exit::Sound, &["--run", &run, "--verified", &place.verified(PASSED)]);
    }),
    ("report", Exit::Failure, pages_with_failures_and_damage),
    ("report", Exit::Usage, || {
        let place = Place::new();
        place.report(Exit::Usage, &["--no-run"]);
        place.report(Exit::Usage, &["--run", &place.text("nothing")]);
        place.report(Exit::Usage, &["--no-run", "--verified", &place.text("nothing")]);
    }),
    ("report", Exit::Undecided, || {
        let place = Place::new();
        let run = place.run("one", [Side::Takes(100), Side::Takes(100)], EPOCHS);
        let rounds = Path::new(&run).join("rounds.jsonl");
        let text = fs::read_to_string(&rounds).expect("rounds");
        let end = text.trim_end().rfind('\n').expect("several lines") + 1;
        fs::write(&rounds, &text[..end]).expect("written");
        place.report(Exit::Undecided, &["--run", &run]);
    }),
    ("round", Exit::Sound, || round(Exit::Sound, &["mutex-deque", "ping_pong", "--rounds", "1"])),
    ("round", Exit::Failure, || {
        let endless = ["mutex-deque", "ping_pong", "capacity=1", "--messages", "10000000", "--deadline", "1"];
        round(Exit::Failure, &endless);
    }),
    ("round", Exit::Undecided, || round(Exit::Undecided, &["std", "producer_consumer", "consumers=2"])),
    ("article", Exit::Sound, || assert_eq!(article(&[CHANNEL, "mutex-bounded"], None), Exit::Sound)),
    ("article", Exit::Failure, || {
        let failed = Lack::Failed("it lost a message".to_owned());
        assert_eq!(article(&[CHANNEL, "mutex-bounded"], Some(failed)), Exit::Failure);
    }),
    ("article", Exit::Undecided, || {
        let lacking = Lack::Unsupported("it has another capacity".to_owned());
        assert_eq!(article(&[CHANNEL], Some(lacking)), Exit::Undecided);
        let place = Place::new();
        let mut command = place.command(&["article", "--output", &place.text("article.md")]);
        ended(command.env("PATH", place.path("none")).output().expect("it starts"), Exit::Undecided);
    }),
    ("bucket", Exit::Sound, || {
        let place = Place::new();
        let file = place.text("bucket.svg");
        let short = ["--channel", "mutex-deque", "--seconds", "1", "--burst", "50", "--output", &file];
        place.ends(Exit::Sound, &[&["bucket"], short.as_slice()].concat());
        assert!(fs::read_to_string(file).expect("a drawing").contains("the limit"));
    }),
    ("bucket", Exit::Failure, || assert_eq!(bucket(Ok(&[0, 0, 0])), Exit::Failure)),
    ("bucket", Exit::Undecided, || assert_eq!(bucket(Err("no threads")), Exit::Undecided)),
    ("runner check", Exit::Sound, || {
        Place::new()
            .ends(Exit::Sound, &["runner", "check", env!("CARGO_BIN_EXE_chanlab"), "runner", "serve"]);
    }),
    ("runner check", Exit::Failure, || {
        let place = Place::new();
        place.ends(Exit::Failure, &["runner", "check", &place.script("ends.sh", "exit 0")]);
        place.ends(Exit::Failure, &["runner", "check", "/no/such/program"]);
    }),
    ("runner serve", Exit::Sound, || {
        Place::new().ends(Exit::Sound, &["runner", "serve"]);
    }),
    ("verify", Exit::Sound, || {
        let place = Place::new();
        place.verify(Exit::Sound, PASSED, &[]);
        // A method that was not named for a channel that was named, and the other way round.
        let worker = place.worker(PASSED);
        let record = place.text("verified.jsonl");
        place.ends(Exit::Sound, &["verify", "--by", &worker, "--output", &record, "--channel", "one"]);
    }),
    ("verify", Exit::Failure, || {
        let place = Place::new();
        place.verify(Exit::Failure, FAILED, &[]);
        a_failure_comes_before_everything_undecided();
    }),
    ("verify", Exit::Undecided, || {
        let place = Place::new();
        for outcome in [
            r#"{"outcome":"passed","cases":0,"bounds":"b"}"#,
            r#"{"outcome":"unknown","cases":3,"reason":"r"}"#,
            r#"{"outcome":"out-of-time","cases":3,"all":7}"#,
            r#"{"outcome":"cut","cases":3,"cuts":{"branches":1},"models":2,"bounds":"b"}"#,
            r#"{"outcome":"unsupported","reason":"r"}"#,
        ] {
            place.verify(Exit::Undecided, outcome, &[]);
            place.verify(Exit::Undecided, outcome, &["--channel", "one"]);
        }
        not_instrumentable_and_not_available();
    }),
    ("log produce", Exit::Sound, || drop(log())),
    ("log produce", Exit::Failure, || {
        let (place, log) = log();
        flip(&place.path("log/log.json"), 3);
        place.ends(Exit::Failure, &["log", "produce", &log]);
    }),
    ("log produce", Exit::Usage, || {
        let (place, log) = log();
        place.ends(Exit::Usage, &["log", "produce", &log, "--partitions", "3"]);
        place.ends(Exit::Usage, &["log", "produce", &log, "--header", "nameless"]);
        place.ends(Exit::Usage, &["log", "produce", &place.text("")]);
        let _writer = Writer::open(Path::new(&log)).expect("a log");
        place.ends(Exit::Usage, &["log", "produce", &log]);
    }),
    ("log show", Exit::Sound, || {
        let (place, log) = log();
        place.ends(Exit::Sound, &["log", "show", &log]);
        place.ends(Exit::Sound, &["log", "show", &log, "--partition", "1", "--from", "10"]);
    }),
    ("log show", Exit::Failure, || {
        let (place, log) = log();
        flip(&place.path("log/partitions/1/00000000000000000000.segment"), 40);
        place.ends(Exit::Failure, &["log", "show", &log, "--partition", "1"]);
        place.ends(Exit::Sound, &["log", "show", &log, "--partition", "0"]);
        flip(&place.path("log/partitions/0/00000000000000000000.segment"), 7);
        let output = place.ends(Exit::Failure, &["log", "show", &log]);
        assert!(text(&output.stdout).contains("is damaged at byte 0"), "{}", text(&output.stdout));
    }),
    ("log show", Exit::Usage, || {
        let (place, log) = log();
        place.ends(Exit::Usage, &["log", "show", &place.text("nothing")]);
        place.ends(Exit::Usage, &["log", "show", &log, "--partition", "2"]);
        place.ends(Exit::Usage, &["log", "show", &log, "--partition", "1", "--from", "11"]);
        place.ends(Exit::Usage, &["log", "show", &log, "--from", "1"]);
    }),
    ("consume", Exit::Sound, || {
        let (place, source) = source();
        place.ends(Exit::Sound, &[&CONSUME[..], &[&source, "--until-end"]].concat());
        consumer(&["--grace", "60s"], &[Signal::SIGTERM], Exit::Sound);
    }),
    ("consume", Exit::Failure, || {
        let (place, source) = source();
        let dies = ["--process", "command:false", "--retries", "0", "--dead-letter-limit", "19"];
        place.ends(Exit::Failure, &[&CONSUME[..], &[&source, "--until-end"], &dies].concat());
        flip(&place.path("log/partitions/1/00000000000000000000.segment"), 40);
        place.ends(Exit::Failure, &["consume", "--group", "other", "--source", &source, "--until-end"]);
        consumer(&["--grace", "1ms", "--process", STUCK], &[Signal::SIGINT], Exit::Failure);
    }),
    ("consume", Exit::Usage, || {
        let (place, source) = source();
        place.ends(Exit::Usage, &[&CONSUME[..], &["log:/nothing/there"]].concat());
        place.ends(Exit::Usage, &[&CONSUME[..], &[&source, "--channel", "nothing"]].concat());
        place.ends(Exit::Usage, &[&CONSUME[..], &[&source, "--channel", "std", "--workers", "2"]].concat());
        let _group = Group::open(&place.path("log"), "g").expect("a group");
        place.ends(Exit::Usage, &[&CONSUME[..], &[&source]].concat());
    }),
    ("consume", Exit::Interrupted, || {
        let signals = [Signal::SIGTERM, Signal::SIGINT];
        consumer(&["--grace", "60s", "--process", STUCK], &signals, Exit::Interrupted);
    }),
    ("consume", Exit::Terminated, || {
        let signals = [Signal::SIGINT, Signal::SIGTERM];
        consumer(&["--grace", "60s", "--process", STUCK], &signals, Exit::Terminated);
    }),
    ("list", Exit::Sound, || {
        Place::new().ends(Exit::Sound, &["list"]);
    }),
    ("scripts/loom, scripts/shuttle", Exit::Sound, || script(Exit::Sound, &[])),
    ("scripts/loom, scripts/shuttle", Exit::Failure, || {
        script(Exit::Failure, &[FAILED_TEST]);
        script(Exit::Failure, &[FAILED_TEST, CUT_TEST, CUT_CODE]);
        script(Exit::Failure, &["error: could not compile `models`"]);
    }),
    ("scripts/loom, scripts/shuttle", Exit::Undecided, || {
        script(Exit::Undecided, &[CUT_TEST, CUT_CODE]);
        script(Exit::Undecided, &[CUT_TEST, CUT_CODE, "error: 1 target failed:"]);
    }),
];

/// A log of two partitions with ten messages each; its path.
fn log() -> (Place, String) {
    let place = Place::new();
    let log = place.text("log");
    let words = ["log", "produce", &log, "--partitions", "2", "--messages", "20", "--keys", "0"];
    place.ends(Exit::Sound, &words);
    (place, log)
}

/// A consumer of a source that follows.
const CONSUME: [&str; 4] = ["consume", "--group", "g", "--source"];

/// A processor that says that it has begun, and does not end.
const STUCK: &str = "command:echo begun > \"$BEGUN\"; sleep 1000";

/// A log of two partitions with ten messages each, as a source.
fn source() -> (Place, String) {
    let (place, log) = log();
    (place, format!("log:{log}"))
}

/// A consumer that gets signals once it has begun with a message or has the whole log.
fn consumer(words: &[&str], signals: &[Signal], exit: Exit) {
    let (place, source) = source();
    let (begun, sink) = (place.path("begun"), format!("file:{}", place.text("sink")));
    let words = [&CONSUME[..], &[&source, "--sink", &sink], words].concat();
    let mut command = place.command(&words);
    command.env("BEGUN", &begun).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let has_begun = || [&begun, &place.path("sink")].into_iter().any(|file| size(file) > 0);
    assert!(passed(&mut child, Duration::from_secs(120), has_begun), "it has not begun");
    let id = Pid::from_raw(child.id() as i32);
    for (number, signal) in signals.iter().enumerate() {
        if number > 0 {
            // Two signals at once are taken in any order, so the second waits until the first has been said.
            let mut line = String::new();
            BufReader::new(child.stderr.as_mut().expect("piped")).read_line(&mut line).expect("a line");
            assert!(line.contains("drains for at most"), "{line}");
        }
        kill(id, *signal).expect("it runs");
    }
    ended(child.wait_with_output().expect("it ends"), exit);
}

/// Changes a byte of a file.
fn flip(file: &Path, place: usize) {
    let mut bytes = fs::read(file).expect("there");
    bytes[place] ^= 1;
    fs::write(file, bytes).expect("written");
}

fn run(exit: Exit, body: &str, arguments: &[&str]) {
    let place = Place::new();
    let (runner, folder) = (place.runner(body), place.text("run"));
    let output =
        place.ends(exit, &[&FAKE[..], &["--runner", &runner, "--output", &folder], arguments].concat());
    assert!(place.path("run/report.html").is_file(), "the page is drawn: {}", text(&output.stderr));
}

fn a_damaged_record_of_a_run() {
    let place = Place::new();
    let (runner, folder) = (place.runner(":"), place.text("run"));
    place.ends(Exit::Sound, &[&FAKE[..], &["--runner", &runner, "--output", &folder]].concat());
    append(place.path("run/rounds.jsonl"), "no line\n");
    place.ends(Exit::Failure, &["run", "--resume", &folder]);
}

fn choice(sides: [Side; 2], epochs: u32) -> Exit {
    let place = Place::new();
    let run = RunData::read(Path::new(&place.run("one", sides, epochs))).expect("a run");
    exit(gate::choice(choose(&run, Metric::Throughput).as_ref(), &run))
}

/// The tests of runs have `chanlab ab` as a process; it only resumes what it measured itself.
fn ab(expected: Exit, sides: [Side; 2], epochs: u32, threshold: f64, precision: Option<f64>) {
    let place = Place::new();
    let run = RunData::read(Path::new(&place.run("one", sides, epochs))).expect("a run");
    let changes = Changes::of_versions(&run).expect("its plan names the versions");
    assert_eq!(exit(gate::changes(&changes, threshold, precision, 0)), expected);
}

/// The new side of one run is compared with the old side of another.
fn compare(exit: Exit, sides: [Side; 2], epochs: u32, arguments: &[&str]) {
    let place = Place::new();
    let [old, new] = sides;
    let [old, new] =
        [("old", old), ("new", new)].map(|(name, side)| place.run(name, [side, Side::Unsupported], epochs));
    place.ends(exit, &[&["compare", &old, &new], arguments].concat());
}

fn round(exit: Exit, arguments: &[&str]) {
    Place::new().ends(exit, &[&["round"], arguments].concat());
}

fn a_version_that_cannot_be_built() {
    let place = Place::new();
    let cargo = place.script("cargo", "echo 'error[E0599]: no method named `len` found' >&2; exit 101");
    let mut command = place.command(&["ab", "--crate", "flume", "0.11.0", "0.11.1", "ping_pong"]);
    let output = ended(command.env("CARGO", cargo).output().expect("it starts"), Exit::Undecided);
    assert!(text(&output.stderr).contains("E0599"), "{}", text(&output.stderr));
}

fn pages_with_failures_and_damage() {
    let place = Place::new();
    let failed = place.run("failed", [Side::Takes(100), Side::Failed], EPOCHS);
    place.report(Exit::Failure, &["--run", &failed]);

    let damaged = place.run("damaged", [Side::Takes(100), Side::Takes(100)], EPOCHS);
    append(Path::new(&damaged).join("rounds.jsonl"), "{\"kind\":\"rou\n");
    place.report(Exit::Failure, &["--run", &damaged]);
    fs::write(Path::new(&damaged).join("plan.json"), "{").expect("written");
    place.report(Exit::Failure, &["--run", &damaged]);

    let benchmark = json!({
        "kind": "benchmark", "format": 1, "at": "2026-11-26T09:30:00Z", "command": "cargo bench", "profile": "standard",
        "workload": "ping_pong", "params": "capacity=1", "channel": "flume",
        "status": {"status": "failed", "reason": "it lost a message"}, "effective_capacity": null, "replay": "again",
        "machine": runner::machine::current(&adapters::registry()),
    });
    fs::create_dir(place.path("criterion")).expect("made");
    fs::write(place.path("criterion").join(BENCH_FILE), format!("{benchmark}\n")).expect("written");
    place.report(Exit::Failure, &["--input", &place.text("criterion")]);
    fs::write(place.path("criterion").join(BENCH_FILE), "no record\n").expect("written");
    place.report(Exit::Failure, &["--input", &place.text("criterion")]);

    let verified = place.verified(FAILED);
    place.report(Exit::Failure, &["--no-run", "--verified", &verified]);
}

fn a_failure_comes_before_everything_undecided() {
    let place = Place::new();
    let hello = r#"{"kind":"hello","format":1,"channels":[["one","1"],["two","1"]]}"#;
    let unknown = r#"{"outcome":"unknown","cases":3,"reason":"r"}"#;
    let ended = |outcome: &str| format!(r#"echo '{{"kind":"ended","outcome":{outcome}}}'"#);
    let worker = place.script(
        "worker.sh",
        &format!(
            "if [[ $# -eq 0 ]]; then echo '{hello}'; exit; fi\necho '{{\"kind\":\"begins\",\"case\":1}}'\n\
             case \"$1\" in *'\"one\"'*) {} ;; *) {} ;; esac",
            ended(unknown),
            ended(FAILED)
        ),
    );
    let record = place.text("verified.jsonl");
    place.ends(Exit::Failure, &["verify", "--by", &worker, "--output", &record, "--method", "rounds"]);
}

fn not_instrumentable_and_not_available() {
    let place = Place::new();
    let worker = place.worker(PASSED);
    let record = place.text("verified.jsonl");
    for named in [&["--channel", "one"][..], &[]] {
        let own = ["verify", "--by", &worker, "--output", &record, "--method", "loom"];
        let output = place.ends(Exit::Undecided, &[&own[..], named].concat());
        assert!(text(&output.stdout).contains("not instrumentable"), "{}", text(&output.stdout));
    }
    // Without cargo, no model of any channel is available.
    for channel in ["kanal", "std", "mutex-deque"] {
        let mut command =
            place.command(&["verify", "--channel", channel, "--method", "shuttle", "--output", &record]);
        let output = command.env_remove("CARGO").env("PATH", place.path("none")).output().expect("it starts");
        let output = ended(output, Exit::Undecided);
        assert!(text(&output.stdout).contains("not available"), "{}", text(&output.stdout));
    }
}

/// The lines of cargo about a test program that failed, and about one whose exploration was cut short.
const FAILED_TEST: &str = "error: test failed, to rerun pass `-p models --test channel`";
const CUT_TEST: &str = "error: test failed, to rerun pass `-p models --test workloads`";
const CUT_CODE: &str = "  process didn't exit successfully: `target/workloads` (exit status: 3)";

/// The script of an explorer, with a cargo that says this about its failures.
fn script(exit: Exit, errors: &[&str]) {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("it is in the project");
    for explorer in ["loom", "shuttle"] {
        let place = Place::new();
        let says = format!("echo a test\ncat >&2 <<'END'\n{}\nEND\n", errors.join("\n"));
        place.script("cargo", &format!("{says}exit {}", if errors.is_empty() { 0 } else { 101 }));
        let path = std::env::join_paths(
            [place.path("")]
                .into_iter()
                .chain(std::env::split_paths(&std::env::var_os("PATH").expect("a path"))),
        );
        let mut command = Command::new(project.join("scripts").join(explorer));
        command
            .arg("--small")
            .env("PATH", path.expect("a path"))
            .env("CARGO_TARGET_DIR", place.path("target"));
        let output = command.output().expect("it starts");
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(i32::from(exit.code())), "{explorer}: {stderr}");
        assert_eq!((text(&output.stdout).as_str(), stderr.trim()), ("a test\n", errors.join("\n").trim()));
    }
}

fn a_reader_that_has_gone_changes_no_code() {
    let place = Place::new();
    let failing = place.worker(FAILED);
    let record = place.text("verified.jsonl");
    let verify = ["verify", "--by", &failing, "--output", &record, "--method", "rounds"];
    for (words, exit) in [(&["list"][..], Exit::Sound), (&["--help"], Exit::Sound), (&verify, Exit::Failure)]
    {
        let mut command = place.command(words);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        drop((child.stdout.take(), child.stderr.take()));
        let status = child.wait().expect("it ends");
        assert_eq!(status.code(), Some(i32::from(exit.code())), "{words:?}");
    }
}

fn a_file_that_cannot_be_written() {
    let place = Place::new();
    fs::write(place.path("file"), "").expect("written");
    let below_a_file = place.text("file/below");
    let run = place.run("one", [Side::Takes(100), Side::Takes(100)], EPOCHS);
    place.ends(Exit::Unable, &["report", "--run", &run, "--output", &below_a_file]);
    place.ends(Exit::Unable, &["run", "ping_pong/capacity=1", "--no-go", "--output", &below_a_file]);
    place.ends(Exit::Unable, &["compare", &run, &run, "--markdown", &below_a_file]);
    place.ends(Exit::Unable, &["log", "produce", &below_a_file]);
    let worker = place.worker(PASSED);
    place.ends(Exit::Unable, &["verify", "--by", &worker, "--method", "rounds", "--output", &below_a_file]);
    // A folder in the place of a file: no permission keeps the superuser out.
    fs::create_dir(place.path("folder.jsonl")).expect("made");
    place.ends(Exit::Unable, &["report", "--run", &run, "--models", &place.text("folder.jsonl")]);
    if Path::new("/dev/full").exists() {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("it opens");
        let output = place.command(&["list"]).stdout(full).output().expect("it starts");
        ended(output, Exit::Unable);
    }
}

/// A run and a verification that are in full swing when the signal comes.
fn stopped(signal: Signal, exit: Exit) {
    let place = Place::new();
    let (runner, folder) = (place.runner(":"), place.text("run"));
    let run =
        [&FAKE[..5], &["1000", "--precision", "0", "--no-go", "--runner", &runner, "--output", &folder]];
    stop(&place, &run.concat(), &place.path("run/rounds.jsonl"), signal, exit);
    assert!(place.path("run/report.html").is_file(), "the page is drawn");

    let hello = r#"{"kind":"hello","format":1,"channels":[["one","one 1"]]}"#;
    let (begun, record) = (place.path("begun"), place.text("verified.jsonl"));
    let body = format!(
        "if [[ $# -eq 0 ]]; then echo '{hello}'; exit; fi\necho begun > {}\nsleep 1000",
        begun.display()
    );
    let worker = place.script("worker.sh", &body);
    let verify = ["verify", "--by", &worker, "--output", &record, "--method", "rounds", "--deadline", "3600"];
    stop(&place, &verify, &begun, signal, exit);

    let log = place.text("log");
    let produce = ["log", "produce", &log, "--partitions", "1", "--rate", "100"];
    stop(&place, &produce, &place.path("log/partitions/0/00000000000000000000.segment"), signal, exit);
    place.ends(Exit::Sound, &["log", "show", &log]);
}

fn stop(place: &Place, words: &[&str], begun: &Path, signal: Signal, exit: Exit) {
    let until = Instant::now() + Duration::from_secs(120);
    let mut command = place.command(words);
    let mut child: Child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    while fs::metadata(begun).map_or(0, |file| file.len()) == 0 {
        if child.try_wait().expect("it can be asked").is_some() || Instant::now() > until {
            let mut stderr = String::new();
            // What it says is only for the message.
            let _ = child.stderr.take().map(|mut pipe| pipe.read_to_string(&mut stderr));
            panic!("{words:?} has not begun: {stderr}");
        }
        std::thread::yield_now();
    }
    kill(Pid::from_raw(child.id() as i32), signal).expect("it runs");
    ended(child.wait_with_output().expect("it ends"), exit);
}
