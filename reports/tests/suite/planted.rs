//! From a mutant to the page: benchmarks run over faulty channels, and the page shows them as failed.

use std::collections::HashSet;

use baseline::MutexDeque;
use suite::{Arguments, Settings, Suite};
use testing::{DeliversTwice, DropsOne, LeaksOne, Reorders, Wrapped};
use workloads::profile::Profile;
use workloads::registry::{ChannelEntry, Registry};

use crate::fixture::{Fixture, table_rows};

/// Benchmarks the first params of a workload's quick grid over the registry's channels. Returns how many
/// cells failed.
fn bench(fixture: &Fixture, registry: &Registry, workload: &str) -> usize {
    let workload = registry.workload(workload).expect("a workload");
    let settings = Settings::for_profile(Profile::Quick);
    let params = workload.grid(Profile::Quick).swap_remove(0);
    let names: HashSet<String> = registry
        .channels()
        .map(|channel| format!("{}/{}/{}", workload.name, params.id(), channel.name))
        .collect();
    let suite = Suite { registry, workload, settings, directory: fixture.input() };
    let criterion = settings.criterion().output_directory(&fixture.input()).without_plots();
    let arguments = Arguments::new(vec!["--bench".to_owned()]);
    suite.measure(criterion, &arguments, &names).expect("a record").failed
}

/// The row of a benchmark: its workload and its channel.
fn row(page: &str, workload: &str, channel: &str) -> String {
    let rows = table_rows(page.split("id=\"criterion\"").nth(1).expect("the section"));
    // The name of a benchmark may be broken after each of its components.
    let name = |row: &str| row.replace("_ ", "_");
    rows.iter()
        .map(|row| name(row))
        .find(|row| row.starts_with(workload) && row.contains(&format!(" {channel} ")))
        .unwrap_or_else(|| panic!("no {channel} in: {rows:?}"))
}

#[test]
fn every_mutant_is_shown_as_failed_and_without_a_time() {
    let fixture = Fixture::new();
    let registry = Registry::with_channels(vec![
        ChannelEntry::new::<MutexDeque>(),
        ChannelEntry::new::<Wrapped<DropsOne>>(),
        ChannelEntry::new::<Wrapped<LeaksOne>>(),
        ChannelEntry::new::<Wrapped<DeliversTwice>>(),
        ChannelEntry::new::<Wrapped<Reorders>>(),
    ]);
    assert_eq!(bench(&fixture, &registry, "producer_consumer"), 4);
    let page = fixture.page();
    let said = |channel| row(&page, "producer_consumer", channel);
    assert!(said("mutex-deque").contains("mutex-deque ") && !said("mutex-deque").contains("failed"));
    for (channel, reason) in [
        ("mutant-drops-one", "failed: wrong: lost 1 message(s)"),
        ("mutant-leaks-one", "failed: wrong: 1 payload(s) were never dropped"),
        ("mutant-delivers-twice", "failed: wrong: message 10 of producer 0 arrived twice"),
        ("mutant-reorders", "failed: wrong: message 10 of producer 0 arrived after message 11"),
    ] {
        // The failure follows the channel: there is no time between them.
        assert!(said(channel).contains(&format!(" {channel} {reason}")), "{}", said(channel));
        assert!(said(channel).contains(&format!("again: cargo run --release -- round {channel}")));
    }
}

#[test]
fn a_mutant_is_shown_on_every_workload() {
    let fixture = Fixture::new();
    let registry = Registry::with_channels(vec![
        ChannelEntry::new::<MutexDeque>(),
        ChannelEntry::new::<Wrapped<DeliversTwice>>(),
    ]);
    let workloads: Vec<_> = registry.workloads().map(|workload| workload.name).collect();
    for workload in &workloads {
        assert_eq!(bench(&fixture, &registry, workload), 1, "{workload}");
    }
    let page = fixture.page();
    for workload in workloads {
        let said = row(&page, workload, "mutant-delivers-twice");
        assert!(said.contains(" mutant-delivers-twice failed: wrong: "), "{workload}: {said}");
    }
}
