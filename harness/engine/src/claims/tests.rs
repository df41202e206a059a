use records::protocol::ChannelHello;

use super::*;

const ELAPSED: Duration = Duration::from_millis(6);

/// A sound round of 1,000 messages.
fn sound() -> Measured {
    Measured { cell: 3, round: 7, messages: 1_000, wall_ns: 5_000_000, ..Measured::default() }
}

fn check(workload: &str, params: &[(&str, &str)], measured: &Measured) -> Result<(), String> {
    let registry = adapters::registry();
    let values: Vec<(String, String)> =
        params.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    let asked =
        Asked::new(&registry, workload, values.iter().map(|(name, value)| (name, value)), 3, Some(1_000))
            .expect("a workload");
    asked.check_round(7, 1_000, measured, ELAPSED).map_err(|claim| claim.to_string())
}

#[track_caller]
fn refused(measured: Measured, says: &str) {
    let error = check("producer_consumer", &[], &measured).expect_err("it is impossible");
    assert!(error.contains(says), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn a_possible_round_is_believed() {
    let figure = |name: &str, value| NamedFigure { name: name.to_owned(), value };
    let measured = Measured {
        user_ns: Some(5_000_000),
        system_ns: Some(0),
        voluntary: Some(12),
        peak_bytes: Some(4_096),
        figures: vec![figure("fairness of consumers (Jain)", 1.0), figure("tokens", 12.5)],
        latency: Some(vec![[130, 12], [140, 988]]),
        counters: [("cycles".to_owned(), 81_234_567)].into(),
        spin_ns: Some(51_234),
        steal_ns: Some(0),
        frequency_hz: Some(2_600_000_000),
        ..sound()
    };
    assert_eq!(check("producer_consumer", &[], &measured), Ok(()));
}

#[test]
fn a_reply_to_another_request_is_named() {
    refused(Measured { cell: 4, ..sound() }, "answered for cell 4, and cell 3 was requested");
    refused(Measured { round: 8, ..sound() }, "answered for round 8, and round 7 was requested");
}

#[test]
fn messages_are_the_planned_ones() {
    for messages in [0, 1, 999, 1_001, (1 << 53) - 1, u64::MAX] {
        let says = format!("claimed {messages} as messages; possible: 1000, because 1000 were planned");
        refused(Measured { messages, ..sound() }, &says);
    }
}

/// Some workloads deliver another number, as their definition says.
#[test]
fn what_a_workload_delivers_is_its_own() {
    let round = |messages| Measured { messages, ..sound() };
    for (workload, params, messages, possible) in [
        ("worker_pool", &[("quit", "half")][..], 500, true),
        ("worker_pool", &[("quit", "half")], 1_000, true),
        ("worker_pool", &[("quit", "half")], 499, false),
        ("worker_pool", &[], 999, false),
        ("ping_pong", &[], 1_000, true),
        ("ping_pong", &[], 998, false),
    ] {
        let result = check(workload, params, &round(messages));
        assert_eq!(result.is_ok(), possible, "{workload} {params:?} {messages}: {result:?}");
    }
}

#[test]
fn no_time_is_longer_than_the_wait_for_the_reply() {
    let says = "as wall_ns; possible: 100 to 6000000, because the reply came 6000000 ns after the request";
    for wall_ns in [0, 1, 99, 6_000_001, (1 << 53) - 1, 1 << 63, u64::MAX] {
        refused(Measured { wall_ns, ..sound() }, says);
    }
    refused(Measured { spin_ns: Some(6_000_001), ..sound() }, "as spin_ns; possible: 1 to 6000000");
    let oversleep =
        NamedFigure { name: "longest oversleep of a producer (ns)".to_owned(), value: 6_000_001.0 };
    refused(Measured { figures: vec![oversleep], ..sound() }, "6000001 as longest oversleep");
}

#[test]
fn processor_time_is_at_most_that_of_all_processors() {
    let most = 6_060_000 * processors() + 20_000_000;
    let used = |user_ns| Measured { user_ns: Some(user_ns), system_ns: Some(0), ..sound() };
    assert_eq!(check("producer_consumer", &[], &used(most)), Ok(()));
    refused(used(most + 1), &format!("as user_ns + system_ns; possible: at most {most}"));
    refused(Measured { system_ns: Some(u64::MAX), ..used(u64::MAX) }, "as user_ns + system_ns");
}

#[test]
fn figures_are_finite_and_in_range() {
    let figure = |name: &str, value| Measured {
        figures: vec![NamedFigure { name: name.to_owned(), value }],
        ..sound()
    };
    for value in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
        refused(figure("q", value), "as q; possible: 0 to 9007199254740991");
    }
    refused(figure("fairness of consumers (Jain)", 1.1), "possible: 0 to 1.000000001");
    refused(figure("", 1.0), "sent a figure ``: a name is not empty");
    let twice = NamedFigure { name: "q".to_owned(), value: 1.0 };
    refused(
        Measured { figures: vec![twice.clone(), twice], ..sound() },
        "sent a figure `q`: it is there twice",
    );
    let many = (0..1_000).map(|number| NamedFigure { name: number.to_string(), value: 1.0 });
    refused(Measured { figures: many.collect(), ..sound() }, "claimed 65 as the number of: a figure");
    refused(Measured { steal_ns: Some(1 << 60), ..sound() }, "as steal_ns; possible: 0 to 9007199254740991");
    refused(Measured { frequency_hz: Some(0), ..sound() }, "claimed 0 as frequency_hz");
}

#[test]
fn latencies_are_those_of_the_rounds_messages() {
    let latency = |pairs: &[[u64; 2]]| Measured { latency: Some(pairs.to_vec()), ..sound() };
    refused(latency(&[[140, 1], [130, 1]]), "the times do not rise");
    refused(latency(&[[1, 1 << 63], [2, 1 << 63]]), "more messages than can be counted");
    refused(latency(&[[1, 1_001]]), "claimed 1001 as the messages of latency; possible: 0 to 1000");
    refused(
        latency(&[[7_000_000, 1]]),
        "claimed 7000000 as a latency in ns; possible: 0 to 5250001, because the round took 5000000 ns",
    );
    for (count, possible) in [(499, true), (500, false), (498, false)] {
        assert_eq!(check("ping_pong", &[], &latency(&[[130, count]])).is_ok(), possible, "{count}");
    }
    for (count, possible) in [(1_000, true), (999, false)] {
        assert_eq!(check("open_loop", &[], &latency(&[[130, count]])).is_ok(), possible, "{count}");
    }
}

#[test]
fn a_plan_is_answered_for_its_cell_with_its_messages() {
    let registry = adapters::registry();
    let asked = |workload, messages| Asked::new(&registry, workload, [], 3, messages).expect("a workload");
    let check = |workload, messages, (cell, planned, capacity): (u64, u64, Option<&str>)| {
        asked(workload, messages).check_planned(cell, planned, capacity).map_err(|claim| claim.to_string())
    };
    for capacity in [Some("64"), Some("0"), Some("unbounded"), None] {
        assert_eq!(check("producer_consumer", Some(1_000), (3, 1_000, capacity)), Ok(()));
    }
    for capacity in
        ["", "+64", "064", "-1", "1e3", "many", "<img src=x onerror=alert(1)>", "18446744073709551615"]
    {
        let error = check("producer_consumer", Some(1_000), (3, 1_000, Some(capacity))).expect_err(capacity);
        assert!(error.contains("as effective_capacity; possible: a whole number"), "{error}");
    }
    assert!(check("token_bucket", Some(1_000), (3, 1_000, Some("64"))).is_err(), "it has no capacity");
    assert!(check("producer_consumer", Some(1_000), (999, 1_000, None)).is_err());
    assert!(check("producer_consumer", Some(1_000), (3, 7, None)).is_err());
    // Without a number in the request the runner chooses, within bounds.
    assert_eq!(check("producer_consumer", None, (3, 1, None)), Ok(()));
    assert_eq!(check("producer_consumer", None, (3, 320_000, None)), Ok(()));
    for planned in [0, 320_001, (1 << 53) - 1] {
        let error = check("producer_consumer", None, (3, planned, None)).expect_err("beyond the bounds");
        assert!(error.contains("as messages; possible: 1 to 320000, because 8 times what"), "{error}");
    }
}

#[test]
fn a_hello_can_be_shown() {
    let channel = |name: &str| ChannelHello {
        name: name.to_owned(),
        version: "1".to_owned(),
        about: String::new(),
        lacks: Vec::new(),
        notes: Vec::new(),
    };
    let hello = |names: &[&str]| Hello {
        protocol: 2,
        runner: "r 1".to_owned(),
        language: "sh".to_owned(),
        channels: names.iter().map(|name| channel(name)).collect(),
        workloads: vec!["ping_pong".to_owned()],
        meters: Vec::new(),
        without: Default::default(),
    };
    assert_eq!(check_hello(&hello(&["flume", "kanal"])), Ok(()));
    let long = "n".repeat(200_000);
    for (name, says) in [
        ("", "a name is not empty"),
        (" ", "a name is not empty"),
        ("a\u{1b}[31mred", "sent a channel `a\\u{1b}[31mred`: U+001B is a character that is not shown"),
        ("\u{202e}flume\u{202c}", "U+202E is a character that is not shown"),
        ("a\r\nb", "U+000D"),
        (long.as_str(), "200000 characters, and at most 100 are allowed"),
    ] {
        let error = check_hello(&hello(&[name])).expect_err(says).to_string();
        assert!(error.contains(says) && error.len() < 300, "{error}");
    }
    let error = check_hello(&hello(&["c", "c"])).expect_err("twice").to_string();
    assert_eq!(error, "sent a channel `c`: it is there twice");
    let many: Vec<String> = (0..3_000).map(|number| number.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(check_hello(&hello(&many)).is_err(), "no runner has thousands of channels");
}

#[test]
fn every_channel_of_this_build_can_be_shown() {
    let registry = adapters::registry();
    for info in registry.channels() {
        let channels = vec![ChannelHello::from_info(info, "1")];
        let hello = Hello {
            protocol: 2,
            runner: "r".to_owned(),
            language: "l".to_owned(),
            channels,
            workloads: Vec::new(),
            meters: Vec::new(),
            without: Default::default(),
        };
        assert_eq!(check_hello(&hello), Ok(()));
    }
}
