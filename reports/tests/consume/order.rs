//! What the order by key is for: many slow messages of one partition are worked at together.

use crate::place::Place;

/// The times by partition and by key of this many messages of 0 to 5 ms, in seconds.
fn times(messages: &str) -> [f64; 2] {
    let place = Place::with_log(&["--partitions", "1", "--keys", "1000", "--messages", messages]);
    let time = |order: &str| {
        let words = ["--group", order, "--order", order, "--workers", "100", "--process", "sleep:0ms..5ms"];
        place.consumed(&words)["seconds"].as_f64().expect("a number")
    };
    let times = ["partition", "key"].map(time);
    println!("{messages} messages of 0 to 5 ms, 100 workers, 1,000 keys: {times:?} s");
    times
}

#[test]
fn by_key_is_ten_times_faster_than_by_partition() {
    let [partition, key] = times("1000");
    assert!(partition >= 10.0 * key, "{partition} s by partition, {key} s by key");
}

#[test]
#[ignore = "takes half a minute: every night"]
fn by_key_is_ten_times_faster_with_ten_thousand_messages() {
    let [partition, key] = times("10000");
    assert!(partition >= 10.0 * key, "{partition} s by partition, {key} s by key");
}
