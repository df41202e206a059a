//! From a planted fault to the page: the benchmarks run over channels with faults, and the page shows them as failed.

use std::collections::HashSet;

use harness::channels::mutex_deque::MutexDeque;
use harness::profile::Profile;
use harness::registry::{ChannelEntry, Registry};
use harness::testing::{DeliversTwice, DropsOne, LeaksOne, Reorders, Wrapped};
use suite::{Arguments, Settings, Suite};

use crate::fixture::{Fixture, words};

/// Benchmarks the first params of a workload's quick grid over the registry's channels. Returns how many cells failed.
fn bench(fixture: &Fixture, registry: &Registry, workload: &str) -> usize {
    let workload = registry.workload(workload).expect("a workload");
    let settings = Settings::of(Profile::Quick);
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

/// What the page says of a channel below a workload's title: its row in the first ranking.
fn row(page: &str, workload: &str, channel: &str) -> String {
    let section =
        page.split(&format!("class=\"workload\" id=\"{workload}\"")).nth(1).expect("the workload's section");
    let table =
        section.split("<tbody>").nth(1).expect("a ranking").split("</tbody>").next().expect("its end");
    let rows = table.split("<tr").skip(1).map(|row| words(&format!("<tr{row}")));
    rows.into_iter()
        .find(|row| row.starts_with(channel))
        .unwrap_or_else(|| panic!("no {channel} in: {table}"))
}

#[test]
fn every_planted_fault_is_shown_as_failed_and_without_a_time() {
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
    assert!(said("mutex-deque").contains("fastest"), "{}", said("mutex-deque"));
    for (channel, reason) in [
        ("mutant-drops-one", "failed: wrong: lost 1 message(s)"),
        ("mutant-leaks-one", "failed: wrong: 1 payload(s) were never dropped"),
        ("mutant-delivers-twice", "failed: wrong: message 10 of producer 0 arrived twice"),
        ("mutant-reorders", "failed: wrong: message 10 of producer 0 arrived after message 11"),
    ] {
        // Its whole row: the failure and how to see it again, and no time before them.
        let start = format!("{channel} {reason}");
        assert!(said(channel).starts_with(&start), "{}", said(channel));
        assert!(said(channel).contains(&format!("again: cargo run --release -- round {channel}")));
    }
}

#[test]
fn a_planted_fault_is_shown_on_every_workload() {
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
        assert!(said.starts_with("mutant-delivers-twice failed: wrong: "), "{workload}: {said}");
    }
}
