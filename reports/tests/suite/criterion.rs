//! The section on criterion's benchmarks, which is apart from the rankings.

use std::fs;

use records::record::{BENCH_FILE, BenchmarkStatus};

use crate::fixture::{Fixture, MESSAGES, measured, table_rows, words};

const WORKLOAD: &str = "producer_consumer";
const KERNEL: &str = "6.1";

fn cell(channel: &str) -> [&str; 3] {
    [WORKLOAD, "capacity=64", channel]
}

fn section(page: &str) -> &str {
    let section = page.split("id=\"criterion\"").nth(1).expect("the section");
    section.split("</section>").next().expect("its end")
}

/// The row of a channel in the first table of the section.
fn row(page: &str, channel: &str) -> String {
    let rows = table_rows(section(page));
    let found = rows.iter().find(|row| row.contains(&format!(" {channel} ")));
    found.unwrap_or_else(|| panic!("no {channel} in {rows:?}")).clone()
}

#[test]
fn every_benchmark_is_a_row_and_none_is_ranked() {
    let fixture = Fixture::new();
    fixture.measured_benchmark(KERNEL, cell("crossbeam"), 100.0);
    fixture.benchmark_of_capacity(KERNEL, cell("crossfire"), measured(), Some("1"));
    fixture.criterion(cell("crossfire"), 50.0);
    let reason = "several consumers (it has one)".to_owned();
    fixture.benchmark(KERNEL, cell("std"), BenchmarkStatus::Unsupported { reason });
    let page = fixture.page();
    let crossbeam = row(&page, "crossbeam");
    assert!(
        crossbeam.ends_with("crossbeam 100 98.0 – 102 10,000,000 2 January 2026, 03:04 UTC , quick")
            || crossbeam.ends_with("crossbeam 100 98.0–102 10,000,000 2 January 2026, 03:04 UTC, quick"),
        "{crossbeam}"
    );
    assert!(row(&page, "crossfire").contains("capacity is 1"), "{}", row(&page, "crossfire"));
    assert!(row(&page, "std").contains("std unsupported: several consumers (it has one)"));
    assert!(words(&page).contains("a processor, 2 logical processors, a system, kernel 6.1, rustc 1.95.0."));
    let report = fixture.input().join("report").join("index.html").display().to_string();
    assert!(
        section(&page).contains(&report) && words(&page).contains("To compare channels, use the rankings")
    );
    assert!(!page.contains("<details") && !page.contains("id=\"overview\""), "nothing is ranked");
}

#[test]
fn a_failed_benchmark_has_a_reason_and_a_command_and_no_time() {
    let fixture = Fixture::new();
    let reason = "wrong: lost 3 message(s) <of many>".to_owned();
    fixture.benchmark(KERNEL, cell("kanal"), BenchmarkStatus::Failed { reason });
    // Criterion's numbers of a benchmark that failed, and of one without a record: neither is a time.
    fixture.criterion(cell("kanal"), 12.25);
    fixture.criterion(cell("flume"), 13.25);
    let page = fixture.page();
    let kanal = row(&page, "kanal");
    assert!(kanal.contains("failed: wrong: lost 3 message(s) &lt;of many&gt;"), "{kanal}");
    assert!(kanal.contains("cargo run --release -- round kanal producer_consumer capacity=64"), "{kanal}");
    for void in ["12.2", "12.3", "13.2", "13.3"] {
        assert!(!words(&page).contains(void), "{void} is a time");
    }
    assert!(words(&page).contains("1 criterion benchmark failed a self-check and has no time."));
}

#[test]
fn damage_is_named_and_the_rest_is_shown() {
    let fixture = Fixture::new();
    fixture.measured_benchmark(KERNEL, cell("mutex-deque"), 900.0);
    fixture.benchmark(KERNEL, cell("crossbeam"), measured());
    let file = fixture.criterion(cell("crossbeam"), 100.0).join("estimates.json");
    fs::write(&file, "{\"mean\":").expect("written");
    fixture.append_line("{\"kind\":\"benchmark\",\"at\"");
    let (page, stderr) = fixture.page_with_problems();
    let place = file.display().to_string();
    let crossbeam = row(&page, "crossbeam");
    assert!(crossbeam.contains(&format!("damaged: {place}")), "{crossbeam}");
    assert!(crossbeam.contains("Measure it again"), "{crossbeam}");
    assert!(row(&page, "mutex-deque").contains("900"), "{}", row(&page, "mutex-deque"));
    let unreadable = words(page.split("id=\"problems\"").nth(1).expect("the section"));
    let line = format!("{}:3", fixture.input().join(BENCH_FILE).display());
    for place in [&place, &line] {
        assert!(unreadable.contains(place), "{place} is not in: {unreadable}");
        assert!(stderr.contains(&format!("warning: {place}")), "{place} is not in: {stderr}");
    }
}

#[test]
fn files_that_are_missing_or_of_another_round_size_are_damage() {
    let fixture = Fixture::new();
    let status = BenchmarkStatus::Measured { rounds: 9, messages: 7, beside_abandoned_threads: false };
    fixture.benchmark(KERNEL, cell("std"), status);
    fixture.criterion(cell("std"), 50.0);
    fixture.benchmark(KERNEL, cell("flume"), measured());
    let folder = fixture.criterion(cell("kanal"), 50.0);
    fs::remove_file(folder.join("sample.json")).expect("it exists");
    fixture.benchmark(KERNEL, cell("kanal"), measured());
    let (page, _) = fixture.page_with_problems();
    let said = "describes rounds of 2000 messages, but the record says 7";
    assert!(row(&page, "std").contains(said), "{}", row(&page, "std"));
    let expected = fixture.input().join("producer_consumer_capacity=64/flume/new/benchmark.json");
    let flume = row(&page, "flume");
    assert!(flume.contains(&format!("damaged: {}", expected.display())), "{flume}");
    assert!(row(&page, "kanal").contains("sample.json is missing"), "{}", row(&page, "kanal"));
    assert!(words(&page).contains("The time of 3 criterion benchmarks cannot be read."));
}

#[test]
fn the_newest_record_of_a_benchmark_counts() {
    let fixture = Fixture::new();
    fixture.benchmark(KERNEL, cell("std"), BenchmarkStatus::Failed { reason: "hung".to_owned() });
    fixture.measured_benchmark(KERNEL, cell("std"), 60.0);
    let page = fixture.page();
    assert_eq!(table_rows(section(&page)).len(), 1);
    assert!(row(&page, "std").contains("std 60.0"), "{}", row(&page, "std"));
}

#[test]
fn benchmarks_of_another_machine_are_apart_and_announced() {
    let fixture = Fixture::new();
    let run = fixture.run(WORKLOAD, &["capacity=64"]);
    run.rounds(["capacity=64", "flume"], 80.0);
    fixture.measured_benchmark(KERNEL, cell("std"), 60.0);
    let said = "Some criterion benchmarks ran on another machine or with other versions than the run: kernel: 6.1 and 6.0.";
    assert!(!words(&fixture.page()).contains(said));
    fixture.measured_benchmark("6.0", cell("flume"), 70.0);
    let page = fixture.page();
    assert!(words(&page).contains(said));
    assert_eq!(section(&page).matches("<tbody>").count(), 2);
    assert_eq!(table_rows(section(&page)).len(), 1, "the tables are apart");
}

#[test]
fn threads_of_a_hung_round_are_mentioned() {
    let fixture = Fixture::new();
    let status = BenchmarkStatus::Measured { rounds: 9, messages: MESSAGES, beside_abandoned_threads: true };
    fixture.benchmark(KERNEL, cell("std"), status);
    fixture.criterion(cell("std"), 50.0);
    let page = fixture.page();
    assert!(row(&page, "std").contains("slowed by threads of a hung round"), "{}", row(&page, "std"));
    assert!(words(&page).contains("The time of 1 criterion benchmark is too long by an unknown amount"));
}
