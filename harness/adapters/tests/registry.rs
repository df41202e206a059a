//! The registry with all channels.

use std::collections::HashSet;

use adapters::registry;
use workloads::profile::Profile;

/// Criterion truncates the directory of a benchmark group to this many bytes; two names with the same prefix
/// would share it.
const MAX_GROUP_LEN: usize = 64;

#[test]
fn names_are_unique() {
    let registry = registry();
    let channels: HashSet<_> = registry.channels().map(|info| info.name).collect();
    assert_eq!(channels.len(), registry.channels().count());
    let workloads: HashSet<_> = registry.workloads().map(|info| info.name).collect();
    assert_eq!(workloads.len(), registry.workloads().count());
}

#[test]
fn every_grid_can_be_read_and_names_each_group_once() {
    let registry = registry();
    for workload in registry.workloads() {
        let mut groups = HashSet::new();
        for params in workload.grid(Profile::Full) {
            let group = format!("{}/{}", workload.name, params.id());
            assert!(group.len() <= MAX_GROUP_LEN, "{group} is cut by criterion");
            assert!(groups.insert(group.clone()), "{group} is there twice");
            for channel in registry.channels() {
                registry.cell(channel.name, workload.name, params.clone(), None).expect("its own grid");
            }
        }
        assert!(!workload.grid(Profile::Quick).is_empty(), "{} has no quick cells", workload.name);
    }
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let registry = registry();
    let error = registry.workload("fan_out").expect_err("no such workload");
    assert!(error.to_string().starts_with("unknown workload fan_out: expected one of producer_consumer, "));
    let params = registry.params("ping_pong", "").expect("defaults");
    let error = registry.cell("crossbean", "ping_pong", params, None).expect_err("no such channel");
    assert!(error.to_string().starts_with("unknown channel crossbean: expected one of mutex-deque, std"));
    let params = registry.params("producer_consumer", "capacity=1024").expect("params");
    let error = registry.cell("std", "producer_consumer", params, Some(1024)).expect_err("never fills");
    assert_eq!(
        error.to_string(),
        "1024 messages over capacity 1024: expected at least 4096, or the channel never fills"
    );
}

#[test]
fn the_baseline_is_first_then_std_and_the_others_follow_in_alphabetical_order() {
    let names: Vec<_> = registry().channels().map(|info| info.name).collect();
    assert_eq!(names[..2], ["mutex-deque", "std"]);
    assert!(names[2..].is_sorted(), "{names:?}");
}

#[test]
fn every_channel_has_a_version() {
    let machine = runner::machine::current(&registry());
    assert!(machine.channels["crossbeam"].starts_with("crossbeam-channel "));
    for (channel, version) in &machine.channels {
        assert!(version.chars().any(|character| character.is_ascii_digit()), "{channel}: {version}");
    }
}
