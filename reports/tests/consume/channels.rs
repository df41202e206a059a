//! Every channel of the registry carries a consumer, and its memory is bounded.

use std::fs;

use crate::evidence::{Committed, Evidence};
use crate::place::Place;

#[test]
fn every_channel_carries_every_message_in_order() {
    let place =
        Place::with_log(&["--partitions", "3", "--messages", "20000", "--keys", "50", "--size", "30"]);
    let log = place.path("log");
    let names: Vec<&str> = adapters::registry().channels().map(|info| info.name).collect();
    assert!(names.len() >= 6, "{names:?}");
    for name in names {
        let workers = if name == "std" { "1" } else { "4" };
        for capacity in ["1", "64"] {
            let [sink, dead] = ["sink", "dead"].map(|what| place.path(&format!("{what}-{name}-{capacity}")));
            let outputs = [&sink, &dead].map(|path| format!("file:{}", path.display()));
            let group = format!("{name}-{capacity}");
            let mut words = vec![
                "--group",
                &group,
                "--sink",
                &outputs[0],
                "--dead-letters",
                &outputs[1],
                "--failing",
                "10",
            ];
            words.extend(["--channel", name, "--workers", workers, "--capacity", capacity]);
            words.extend(["--retry-delay", "1ms"]);
            let summary = place.consumed(&words);
            assert_eq!(
                (&summary["received"], &summary["committed"]),
                (&20_000.into(), &20_000.into()),
                "{name}"
            );
            let mut evidence = Evidence::default();
            let judged = evidence.add(&sink, &dead, &Committed::default());
            judged.and_then(|()| evidence.judge_end(&log)).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(evidence.repeated, 0, "{name}");
            let dead = fs::read_to_string(dead).expect("dead letters").lines().count();
            assert_eq!(summary["dead_lettered"], dead, "{name}");
        }
    }
}

#[test]
fn a_longer_log_takes_no_more_memory() {
    let peak = |messages: &str| {
        let place = Place::with_log(&["--partitions", "8", "--messages", messages, "--size", "200"]);
        let summary = place.consumed(&["--workers", "2"]);
        summary["peak_memory_bytes"].as_u64()
    };
    // 10 and 80 MB of payloads.
    let Some((short, long)) = peak("50000").zip(peak("400000")) else { return };
    println!("peaks of {short} and {long} bytes");
    assert!(long < short + (8 << 20), "peaks of {short} and {long} bytes");
}

#[test]
#[ignore = "a measurement: every night"]
fn a_million_messages_over_each_channel() {
    let place = Place::with_log(&["--partitions", "8", "--messages", "1000000"]);
    for name in adapters::registry().channels().map(|info| info.name) {
        let workers = if name == "std" { "1" } else { "2" };
        let summary = place.consumed(&["--group", name, "--channel", name, "--workers", workers]);
        let [seconds, peak] =
            ["seconds", "peak_memory_bytes"].map(|figure| summary[figure].as_f64().unwrap_or(0.0));
        println!("{name:<12} {workers} workers  {:>9.0} messages/s  {:>5.1} MB", 1e6 / seconds, peak / 1e6);
        assert_eq!(summary["committed"], 1_000_000, "{name}");
    }
}
