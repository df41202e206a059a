//! `--trace FILE`: a round and a consumer write their timelines, and say what is in them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::fixture::text;

fn chanlab(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_chanlab")).args(arguments).output().expect("the command starts")
}

/// The words of a command that succeeds, and its timeline.
#[track_caller]
fn traced(arguments: &[&str], file: &Path) -> (String, Vec<Value>) {
    let file = file.to_str().expect("UTF-8");
    let output = chanlab(&[arguments, &["--trace", file]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let timeline: Value = serde_json::from_slice(&fs::read(file).expect("a file")).expect("JSON");
    (text(&output.stdout), timeline["traceEvents"].as_array().expect("events").clone())
}

/// The names of the tracks.
fn tracks(events: &[Value]) -> Vec<&str> {
    let named = events.iter().filter(|event| event["name"] == "thread_name");
    named.map(|event| event["args"]["name"].as_str().expect("a name")).collect()
}

#[test]
fn a_round_has_a_track_for_each_thread_and_an_arrow_for_each_message() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a round.json");
    let round = ["round", "flume", "pipeline", "workers=1", "--messages", "400", "--rounds", "1"];
    let (words, events) = traced(&round, &file);
    let mut tracks = tracks(&events);
    tracks.sort_unstable();
    assert_eq!(tracks, ["forwarder 0", "sink", "source", "worker 0"]);
    for (phase, number) in [("s", 400), ("t", 4 * 400), ("f", 400)] {
        assert_eq!(events.iter().filter(|event| event["ph"] == phase).count(), number, "{phase}");
    }
    // Each of 400 messages is sent and received three times, and each channel reports its disconnect.
    assert!(
        words.contains("timeline: 2,403 of 2,403 operations of 4 threads, 1,200 messages with an arrow: "),
        "{words}"
    );
    assert!(words.contains("recording costs about "), "{words}");

    let (words, events) = traced(&[&round[..], &["--trace-limit", "100"]].concat(), &file);
    assert_eq!(events.iter().filter(|event| event["cat"] == "channel").count(), 4 * 100);
    assert!(
        words.contains("not in it, for the limit of a thread (--trace-limit): 2,003 operations"),
        "{words}"
    );
}

#[test]
fn a_consumer_has_the_tracks_of_its_threads() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log").display().to_string();
    assert!(chanlab(&["log", "produce", &log, "--messages", "500", "--partitions", "2"]).status.success());
    let source = format!("log:{log}");
    let consume = ["consume", "--source", &source, "--group", "g", "--workers", "2", "--until-end"];
    let (words, events) = traced(&consume, &folder.path().join("consumer.json"));
    let tracks = tracks(&events);
    for thread in ["fetch 0", "feed 1", "dispatcher", "worker 0"] {
        assert!(tracks.contains(&thread), "{thread} is not among {tracks:?}");
    }
    // Each message goes through two channels.
    assert!(words.contains(", 1,000 messages with an arrow: "), "{words}");
}

#[test]
fn a_timeline_that_cannot_be_written_or_makes_no_sense_is_one_line() {
    let round = ["round", "mutex-deque", "ping_pong", "--rounds", "1", "--messages", "100"];
    for (arguments, code, line) in [
        (&["--trace", "/dev/null/x"][..], 4, "error: cannot write /dev/null/x: "),
        (
            &["--trace-limit", "9"],
            2,
            "error: the following required arguments were not provided: --trace <FILE>",
        ),
        (&["--trace", "x", "--trace-limit", "0"], 2, "error: invalid value '0' for '--trace-limit <N>'"),
    ] {
        let output = chanlab(&[&round[..], arguments].concat());
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.starts_with(line) && stderr.lines().count() == 1, "{stderr}");
    }
}
