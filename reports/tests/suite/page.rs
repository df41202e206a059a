//! What the page says of cells of every kind.

use std::fs;

use harness::record::{BENCH_FILE, Status};

use crate::fixture::{Fixture, measured, text, words};

const RUN: &str = "2026-01-02T03:04:05Z-1";
const KERNEL: &str = "6.1";
const WORKLOAD: &str = "producer_consumer";

/// The rows of the ranking of a workload's first params, as text.
fn rows(page: &str) -> Vec<String> {
    let ranking = page.split("<details").nth(1).expect("a ranking");
    let table = ranking.split("<tbody>").nth(1).expect("a table").split("</tbody>").next().expect("its end");
    // The remarks of a channel are a row of their own, below its own.
    let row = |row: &str| words(&format!("<tr{row}"));
    let mut rows: Vec<String> = Vec::new();
    for text in table.split("<tr").skip(1) {
        match rows.last_mut().filter(|_| text.starts_with(" class=\"remarks\"")) {
            Some(last) => last.push_str(&format!(" {}", row(text))),
            None => rows.push(row(text)),
        }
    }
    rows
}

fn row<'a>(rows: &'a [String], channel: &str) -> &'a str {
    rows.iter().find(|row| row.starts_with(channel)).unwrap_or_else(|| panic!("no {channel} in {rows:?}"))
}

/// One ranking with a cell of every kind.
fn every_kind() -> Fixture {
    let fixture = Fixture::new();
    fixture.run(RUN, KERNEL, WORKLOAD, &["capacity=0"]);
    let cell = |channel| [WORKLOAD, "capacity=0", channel];
    fixture.measured(RUN, cell("mutex-deque"), 900.0);
    fixture.measured(RUN, cell("crossbeam"), 100.0);
    fixture.cell(RUN, cell("crossfire"), measured(), Some("1"));
    fixture.criterion(cell("crossfire"), 102.0);
    let reason = "unsupported: several consumers (it has one)".to_owned();
    fixture.cell(RUN, cell("std"), Status::Unsupported { reason }, None);
    let reason = "wrong: lost 3 message(s) <of many>".to_owned();
    fixture.cell(RUN, cell("kanal"), Status::Failed { reason }, None);
    // Numbers of a cell that failed, and of one that has no record: neither is a time.
    fixture.criterion(cell("kanal"), 12.25);
    fixture.criterion(cell("flume"), 13.25);
    fixture
}

#[test]
fn a_ranking_has_the_fastest_first_and_every_other_cell_in_words() {
    let page = every_kind().page();
    let rows = rows(&page);
    let order: Vec<_> = rows.iter().map(|row| row.split(' ').next().unwrap_or_default()).collect();
    assert_eq!(order, ["crossbeam", "mutex-deque", "crossfire", "std", "flume", "kanal"]);
    assert!(row(&rows, "crossbeam").starts_with("crossbeam 100 98.0–102 fastest 120"), "{rows:?}");
    let crossfire = row(&rows, "crossfire");
    assert!(crossfire.contains("1.02×"), "{crossfire}");
    assert!(!crossfire.contains("not told apart from the fastest"), "{crossfire}");
    assert!(crossfire.contains("effective capacity 1 , asked for: 0 so not ranked"), "{crossfire}");
    assert!(row(&rows, "mutex-deque").contains("900"), "{rows:?}");
    assert!(!row(&rows, "mutex-deque").contains("not told apart"), "{rows:?}");
    assert_eq!(row(&rows, "std"), "std unsupported: several consumers (it has one)");
    assert_eq!(row(&rows, "flume"), "flume not run");
}

#[test]
fn a_failed_cell_has_a_reason_and_a_command_and_no_time() {
    let page = every_kind().page();
    let rows = rows(&page);
    let kanal = row(&rows, "kanal");
    assert!(kanal.contains("failed: wrong: lost 3 message(s) &lt;of many&gt;"), "{kanal}");
    assert!(kanal.contains("cargo run --release -- round kanal producer_consumer capacity=0"), "{kanal}");
    // The times that criterion has for it and for the cell without a record.
    for void in ["12.2", "12.3", "13.2", "13.3"] {
        assert!(!words(&page).contains(void), "{void} is a time");
    }
    let charts: String = page.split("<svg").skip(1).filter_map(|svg| svg.split("</svg>").next()).collect();
    assert!(charts.contains("crossbeam") && !charts.contains("kanal") && !charts.contains("flume"));
}

#[test]
fn damage_is_named_and_the_rest_is_shown() {
    let fixture = every_kind();
    let cell = [WORKLOAD, "capacity=0", "crossbeam"];
    let file = fixture.criterion(cell, 100.0).join("estimates.json");
    fs::write(&file, "{\"mean\":").expect("written");
    fixture.append_line("{\"kind\":\"cell\",\"run\"");
    let output = fixture.report();
    let stderr = text(&output.stderr);
    let page = fixture.page();
    let rows = rows(&page);
    let crossbeam = row(&rows, "crossbeam");
    let place = file.display().to_string();
    assert!(crossbeam.contains(&format!("damaged: {place}")), "{crossbeam}");
    assert!(crossbeam.contains("Measure it again"), "{crossbeam}");
    assert!(row(&rows, "mutex-deque").contains("fastest"), "{rows:?}");
    let unreadable = words(page.split("id=\"unreadable\"").nth(1).expect("the section"));
    let line = format!("{}:7", fixture.input().join(BENCH_FILE).display());
    for place in [&place, &line] {
        assert!(unreadable.contains(place), "{place} is not in: {unreadable}");
        assert!(stderr.contains(&format!("warning: {place}")), "{place} is not in: {stderr}");
    }
}

#[test]
fn criterion_data_of_another_size_of_round_or_gone_is_damage() {
    let fixture = Fixture::new();
    fixture.run(RUN, KERNEL, WORKLOAD, &["capacity=64"]);
    let cell = |channel| [WORKLOAD, "capacity=64", channel];
    let status = Status::Measured { rounds: 9, messages: 7, beside_abandoned_threads: false };
    fixture.cell(RUN, cell("std"), status, None);
    fixture.criterion(cell("std"), 50.0);
    fixture.cell(RUN, cell("flume"), measured(), None);
    let folder = fixture.criterion(cell("kanal"), 50.0);
    fs::remove_file(folder.join("sample.json")).expect("it was there");
    fixture.cell(RUN, cell("kanal"), measured(), None);
    let page = fixture.page();
    let rows = rows(&page);
    assert!(row(&rows, "std").contains("is of rounds of 2000 messages, where the record says 7"), "{rows:?}");
    let expected = fixture.input().join("producer_consumer_capacity=64/flume/new/benchmark.json");
    assert!(row(&rows, "flume").contains(&format!("damaged: {}", expected.display())), "{rows:?}");
    assert!(row(&rows, "kanal").contains("sample.json is missing"), "{rows:?}");
}

#[test]
fn the_newest_run_decides_what_is_shown_and_older_cells_say_their_date() {
    let fixture = Fixture::new();
    fixture.run("older", "6.0", WORKLOAD, &["capacity=64", "capacity=1"]);
    for channel in ["std", "flume"] {
        fixture.measured("older", [WORKLOAD, "capacity=64", channel], 70.0);
    }
    fixture.measured("older", [WORKLOAD, "capacity=1", "std"], 500.0);
    fixture.run("newer", KERNEL, WORKLOAD, &["capacity=64"]);
    fixture.measured("newer", [WORKLOAD, "capacity=64", "std"], 60.0);
    let page = fixture.page();
    assert!(!page.contains("capacity=1\""), "the older run's params are shown");
    assert_eq!(page.matches("<details").count(), 1);
    let rows = rows(&page);
    assert!(row(&rows, "std").starts_with("std 60.0"), "{rows:?}");
    assert!(!row(&rows, "std").contains("another run"), "{rows:?}");
    let flume = row(&rows, "flume");
    assert!(
        flume
            .contains("of another run, on 2 January 2026, 03:04 UTC, with another machine or other versions"),
        "{flume}"
    );
    let warnings = words(page.split("class=\"warnings\"").nth(1).expect("warnings"));
    assert!(warnings.contains("kernel: 6.1 and 6.0"), "the machines differ");
    assert!(warnings.contains("1 cell was not in the newest run"), "an older cell is shown");
}

#[test]
fn models_of_another_machine_are_no_silent_part_of_the_page() {
    let fixture = every_kind();
    fixture.model("hand_off", "mutex-deque", KERNEL);
    let said = "The models were run with another machine or version than the times: kernel: 6.1 and 5.10.";
    assert!(!words(&fixture.page()).contains(said));
    fixture.model("queue", "mutex-deque", "5.10");
    assert!(words(&fixture.page()).contains(said));
}

/// The scripts leave one record for each explorer, in the target directory of the command.
#[test]
fn models_of_every_explorer_are_shown() {
    let fixture = every_kind();
    fixture.model_by("loom", "hand_off", "mutex-deque", KERNEL);
    fixture.model_by("shuttle", "hand_off", "mutex-deque", KERNEL);
    fixture.model_by("shuttle", "protocol", WORKLOAD, KERNEL);
    let page = words(&fixture.page_of_its_target());
    let section = page.split("Models Loom runs").nth(1).expect("the section");
    for row in [
        "hand_off mutex-deque loom passed",
        "hand_off mutex-deque shuttle passed",
        "protocol producer_consumer shuttle passed",
    ] {
        assert!(section.contains(row), "{row} is not in: {section}");
    }
    let bounds = "1 model passed: all schedules of at most 2 preemptions, 2000 branches at most";
    let schedules = "1 model passed: 1234 random and PCT schedules (depth 3), seed 7";
    assert!(page.contains(&format!("✓ loom: {bounds}; shuttle: {schedules}")), "{page}");
    assert!(page.contains(&format!("protocol only, over mutex-deque: shuttle: {schedules}")), "{page}");
}

#[test]
fn no_check_passes_on_code_that_it_did_not_run_on() {
    let fixture = every_kind();
    fixture.model("hand_off", "mutex-deque", KERNEL);
    fixture.model("protocol", WORKLOAD, KERNEL);
    let page = fixture.page();
    let table =
        page.split("id=\"channels\"").nth(1).expect("channels").split("</table>").next().expect("its end");
    let rows: Vec<_> = table.split("<tr").skip(2).map(words).collect();
    let row = |channel: &str| {
        let found = rows.iter().find(|row| row.contains(&format!("{channel} {channel} 1.2.3")));
        found.unwrap_or_else(|| panic!("no {channel} in {rows:?}"))
    };
    assert!(
        row("mutex-deque").ends_with(
            "✓ loom: 1 model passed: all schedules of at most 2 preemptions, 2000 branches at most"
        )
    );
    assert!(row("crossbeam").contains("✓ 120 rounds verified, none failed"));
    let explores = |channel| {
        format!("not run (chanlab verify --method shuttle --channel {channel} explores its own source)")
    };
    assert!(row("crossbeam").ends_with(&explores("crossbeam")));
    assert!(row("std").ends_with(&explores("std")));
    assert!(row("kanal").contains("✗ failed in 1 cell: producer_consumer with capacity=0"));
    // Three channels with verified rounds, and the models of one.
    assert_eq!(table.matches('✓').count(), 4);
    assert!(words(&page).contains("protocol only, over mutex-deque: loom: 1 model passed"));
}

#[test]
fn series_are_drawn_along_capacities_and_threads() {
    let fixture = Fixture::new();
    let grid = ["capacity=0", "capacity=1", "capacity=64", "producers=2,consumers=2"];
    fixture.run(RUN, KERNEL, WORKLOAD, &grid);
    for (params, ns) in [("capacity=0", 900.0), ("capacity=1", 700.0), ("capacity=64", 60.0)] {
        fixture.measured(RUN, [WORKLOAD, params, "flume"], ns);
    }
    fixture.measured(RUN, [WORKLOAD, "producers=2,consumers=2,capacity=64", "flume"], 80.0);
    let page = fixture.page();
    let captions: Vec<_> = page
        .split("<figcaption>")
        .skip(1)
        .map(|caption| words(caption.split("</figcaption>").next().expect("its end")))
        .collect();
    assert_eq!(captions, ["over capacity", "over producers + consumers , capacity=64"]);
    assert!(page.contains("ns/op (logarithmic)"));
}

#[test]
fn the_page_needs_nothing_else() {
    let page = every_kind().page();
    for forbidden in ["<script", "<link", "<img", "@import", "url("] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    let without_namespaces = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    assert!(!without_namespaces.contains("http://") && !without_namespaces.contains("https://"));
    for link in page.split("href=\"").skip(1) {
        let target = link.split('"').next().expect("its end");
        let anchor = target.strip_prefix('#').expect("a place on the page");
        assert!(page.contains(&format!("id=\"{anchor}\"")), "nothing is at {target}");
    }
}

#[test]
fn every_chart_is_well_formed() {
    let page = every_kind().page();
    let charts: Vec<_> = page.split("<svg").skip(1).collect();
    assert!(!charts.is_empty());
    for chart in charts {
        let end = chart.find("</svg>").expect("its end");
        let svg = format!("<svg{}</svg>", &chart[..end]);
        let document = roxmltree::Document::parse(&svg).expect("well-formed");
        let texts =
            document.descendants().filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "text")));
        assert!(texts.count() > 3, "{svg}");
        assert!(!svg.contains("NaN"), "{svg}");
    }
}

#[test]
fn what_another_runner_names_is_shown_as_it_is() {
    let fixture = Fixture::new();
    fixture.run(RUN, KERNEL, WORKLOAD, &["capacity=64"]);
    let record = fs::read_to_string(fixture.input().join(BENCH_FILE)).expect("the record");
    let foreign = record.replace(WORKLOAD, "mail_room").replace("\"kanal\"", "\"go-chan\"");
    fixture.append_line(foreign.trim_end());
    fixture.measured(RUN, ["mail_room", "capacity=64", "go-chan"], 42.0);
    let page = fixture.page();
    let section = words(page.split("id=\"mail_room\"").nth(1).expect("the workload"));
    assert!(section.contains("Not known to this build."), "{section}");
    assert!(section.contains("go-chan 42.0"), "{section}");
}
