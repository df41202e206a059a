//! The command line: what is refused, what is shown, what is served.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use testing::moments::{passed, size};

use crate::place::{Place, text};

const LIMIT: Duration = Duration::from_secs(60);

fn small() -> Place {
    Place::with_log(&["--partitions", "2", "--messages", "40", "--keys", "5"])
}

#[test]
fn what_makes_no_sense_is_one_line_and_changes_nothing() {
    let place = small();
    let log = format!("log:{}", place.text("log"));
    for (words, expected) in [
        (&["--channel", "go"][..], "unknown channel go: expected one of mutex-deque, std, crossbeam"),
        (&["--channel", "std", "--workers", "2"], "std cannot carry 2 workers"),
        (&["--source", "kafka:localhost:9092/orders"], "this build has no Kafka: build it with"),
        (&["--source", "file:x"], "a source is log:DIR or kafka:BROKERS/TOPIC"),
        (&["--source", "log:/nothing/there"], "there is no log in /nothing/there"),
        (&["--sink", &log], "is the source, and an output of its own would never end"),
        (&["--dead-letters", &log], "is the source"),
        (&["--sink", "file:/nothing/there"], "name a file in a folder that is there"),
        (&["--process", "sleep:3ms"], "sleep:MIN..MAX"),
        (&["--grace", "30"], "such as 100ms or 30s"),
        (&["--metrics", "0.0.0.0:0"], "on a loopback address"),
        (&["--group", "../x"], "is no name of a group"),
    ] {
        let output = place.consume(words).output().expect("it starts");
        let stderr = text(&output.stderr);
        assert_eq!((output.status.code(), stderr.lines().count()), (Some(2), 1), "{words:?}: {stderr}");
        assert!(stderr.contains(expected), "{words:?}: {stderr}");
    }
    let groups = service_log::Log::open(&place.path("log")).and_then(|log| log.groups()).expect("whole");
    assert!(groups.is_empty(), "{groups:?}");
}

#[test]
fn the_summary_is_on_the_terminal_and_in_the_json() {
    let place = small();
    let output = place.ends(0, &["--until-end", "--workers", "3"]);
    let stdout = text(&output.stdout);
    assert!(stdout.starts_with("40 messages in ") && stdout.contains("\nreceived       40\n"), "{stdout}");
    assert_eq!(text(&output.stderr), "");
    let summary = place.summary();
    for (name, value) in [
        ("format", json!(1)),
        ("group", json!("g")),
        ("channel", json!("crossbeam")),
        ("workers", json!(3)),
        ("order", json!("key")),
        ("stopped_by", json!("end")),
        ("drained", json!(true)),
        ("received", json!(40)),
        ("processed", json!(40)),
        ("committed", json!(40)),
        ("unfinished", json!(0)),
    ] {
        assert_eq!(summary[name], value, "{name}");
    }
    // Nothing is left for the next one.
    assert_eq!(place.consumed(&[])["received"], 0);
}

#[test]
fn a_failing_command_is_retried_and_then_a_dead_letter_with_its_reason() {
    let place = small();
    let (dead, output) = (place.text("dead"), format!("file:{}", place.text("dead")));
    let command = r#"command:[ "$CHANLAB_OFFSET" != 3 ] || { echo "no $CHANLAB_KEY" >&2; exit 7; }"#;
    let words = ["--process", command, "--retries", "1", "--retry-delay", "1ms", "--until-end"];
    let words = [&words[..], &["--dead-letters", &output]].concat();
    place.ends(0, &words);
    let summary = place.summary();
    assert_eq!((&summary["dead_lettered"], &summary["retried"]), (&2.into(), &2.into()), "{summary}");
    let letters = fs::read_to_string(&dead).expect("dead letters");
    for letter in letters.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")) {
        assert_eq!(letter["offset"], 3);
        let reason = letter["headers"][0][1].as_str().expect("a reason");
        assert_eq!(
            reason,
            format!("the command ended with exit status: 7: no {}", letter["key"].as_str().expect("a key"))
        );
    }
}

#[test]
fn a_log_as_a_sink_has_every_message_in_its_partition() {
    let place = small();
    let sink = format!("log:{}", place.text("sink"));
    place.consumed(&["--sink", &sink]);
    let [log, sink] = ["log", "sink"].map(|name| service_log::Log::open(&place.path(name)).expect("a log"));
    for partition in 0..2 {
        let next = |log: &service_log::Log| log.extent(partition).expect("whole").next;
        assert_eq!(next(&log), next(&sink));
    }
}

/// Asks for something by HTTP.
fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(LIMIT)).expect("set");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn metrics_are_served_and_a_second_signal_ends_it_at_once() {
    let place = small();
    let mut command =
        place.consume(&["--metrics", "127.0.0.1:0", "--process", "command:sleep 600", "--workers", "2"]);
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut stderr = BufReader::new(process.stderr.take().expect("piped"));
    let mut line = String::new();
    stderr.read_line(&mut line).expect("a line");
    let address = line.trim().strip_prefix("metrics: http://").and_then(|rest| rest.strip_suffix("/metrics"));
    let address = address.unwrap_or_else(|| panic!("{line}")).to_owned();
    let is_busy = || {
        let metrics = get(&address, "/metrics");
        metrics.starts_with("HTTP/1.1 200") && metrics.contains("\nchanlab_consume_received_total 40\n")
    };
    assert!(passed(&mut process, LIMIT, is_busy), "{}", get(&address, "/metrics"));
    let metrics = get(&address, "/metrics");
    assert!(
        metrics.contains("text/plain; version=0.0.4") && metrics.contains("chanlab_consume_draining 0"),
        "{metrics}"
    );
    assert!(get(&address, "/").starts_with("HTTP/1.1 404"));

    let own = Pid::from_raw(process.id() as i32);
    kill(own, Signal::SIGTERM).expect("it runs");
    assert!(passed(&mut process, LIMIT, || get(&address, "/metrics").contains("chanlab_consume_draining 1")));
    assert_eq!(size(&place.path("json")), 0);
    kill(own, Signal::SIGINT).expect("it runs");
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).expect("text");
    assert_eq!(process.wait().expect("ended").code(), Some(130), "{rest}");
    let last = rest.lines().last().unwrap_or_default();
    let expected = "error: ended at once by SIGINT: 40 messages in flight and 0 done are not committed, and will be \
                    processed again";
    assert_eq!(last, expected);
    let summary = place.summary();
    assert_eq!((&summary["ended_at_once"], &summary["unfinished"]), (&true.into(), &40.into()), "{summary}");
}

#[test]
fn an_expired_grace_and_too_many_dead_letters_are_failures() {
    let place = small();
    // Two workers wait until the file is there, which it never is.
    let mut process = place
        .consume(&[
            "--process",
            "command:touch \"$OUT\"; sleep 600",
            "--workers",
            "2",
            "--grace",
            "50ms",
            "--capacity",
            "1",
        ])
        .env("OUT", place.path("began"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    assert!(passed(&mut process, LIMIT, || place.path("began").exists()));
    kill(Pid::from_raw(process.id() as i32), Signal::SIGTERM).expect("it runs");
    let output = process.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert!(
        stderr.contains("error: the grace is over: ") && stderr.contains("0 done are not committed"),
        "{stderr}"
    );
    // The dispatcher itself has ended the grace; what ends it otherwise comes seconds later.
    let drain = place.summary()["drain_seconds"].as_f64().expect("a number");
    assert!(drain < 4.0, "{drain} s");

    let words = ["--process", "command:false", "--retries", "0", "--until-end", "--dead-letter-limit"];
    let output = place.ends(1, &[&words[..], &["3"]].concat());
    let stderr = text(&output.stderr);
    assert!(
        stderr.contains("warning: dead letters were kept nowhere")
            && stderr.contains("more than --dead-letter-limit"),
        "{stderr}"
    );
}

#[test]
fn a_full_disk_commits_nothing_that_the_sink_does_not_have() {
    let place = Place::with_log(&["--partitions", "2", "--messages", "20000", "--keys", "5"]);
    let output = place.ends(4, &["--until-end", "--sink", "file:/dev/full"]);
    let stderr = text(&output.stderr);
    assert!(
        stderr.lines().last().is_some_and(|line| line.starts_with("error: cannot write /dev/full")),
        "{stderr}"
    );
    let summary = place.summary();
    assert_eq!((&summary["committed"], &summary["commits"]), (&0.into(), &0.into()), "{summary}");
    assert_eq!(place.consumed(&[])["received"], 20_000);
}
