//! The page of a run: cells of every kind, checks, charts and links.

use std::fs;

use crate::fixture::{Fixture, Run, measured, table_rows, words};

const WORKLOAD: &str = "producer_consumer";
const PARAMS: &str = "capacity=0";

/// The rows of the page's first ranking.
fn rows(page: &str) -> Vec<String> {
    table_rows(page.split("<details").nth(1).expect("a ranking"))
}

fn row<'a>(rows: &'a [String], channel: &str) -> &'a str {
    rows.iter().find(|row| row.starts_with(channel)).unwrap_or_else(|| panic!("no {channel} in {rows:?}"))
}

/// One ranking with a cell of every kind.
fn every_kind() -> (Fixture, Run) {
    let fixture = Fixture::new();
    let run = fixture.run(WORKLOAD, &[PARAMS]);
    run.rounds([PARAMS, "mutex-deque"], 900.0);
    run.rounds([PARAMS, "crossbeam"], 100.0);
    run.rounds([PARAMS, "crossfire"], 102.0);
    run.capacity([PARAMS, "crossfire"], "1");
    run.unsupported([PARAMS, "std"], "several consumers (it has one)");
    // Rounds of a cell that failed later are void.
    run.rounds([PARAMS, "kanal"], 12.25);
    run.failed([PARAMS, "kanal"], "wrong: lost 3 message(s) <of many>");
    (fixture, run)
}

#[test]
fn a_ranking_has_the_fastest_first_and_every_other_cell_in_words() {
    let page = every_kind().0.page();
    let rows = rows(&page);
    let mut order: Vec<_> = rows.iter().map(|row| row.split(' ').next().unwrap_or_default()).collect();
    // A channel that was added later has no cell here.
    order.retain(|name| ["crossbeam", "mutex-deque", "crossfire", "std", "flume", "kanal"].contains(name));
    assert_eq!(order, ["crossbeam", "mutex-deque", "crossfire", "std", "flume", "kanal"]);
    assert!(row(&rows, "crossbeam").starts_with("crossbeam 100 99"), "{rows:?}");
    assert!(row(&rows, "crossbeam").contains("fastest – – 30"), "{rows:?}");
    let crossfire = row(&rows, "crossfire");
    assert!(crossfire.contains("1.02×"), "{crossfire}");
    assert!(!crossfire.contains("tied with the fastest"), "{crossfire}");
    assert!(crossfire.contains("effective capacity 1 , requested: 0; not ranked"), "{crossfire}");
    assert!(row(&rows, "mutex-deque").contains("900"), "{rows:?}");
    assert!(row(&rows, "mutex-deque").contains("9.00×"), "{rows:?}");
    assert!(!row(&rows, "mutex-deque").contains("tied"), "{rows:?}");
    assert_eq!(row(&rows, "std"), "std unsupported: several consumers (it has one)");
    assert_eq!(row(&rows, "flume"), "flume not run");
}

#[test]
fn a_failed_cell_has_a_reason_and_a_command_and_no_time() {
    let (fixture, _) = every_kind();
    // Criterion's times cannot replace those that the run lacks.
    fixture.criterion([WORKLOAD, PARAMS, "kanal"], 13.25);
    fixture.criterion([WORKLOAD, PARAMS, "flume"], 14.25);
    let page = fixture.page();
    let rows = rows(&page);
    let kanal = row(&rows, "kanal");
    assert!(kanal.contains("failed: wrong: lost 3 message(s) &lt;of many&gt;"), "{kanal}");
    assert!(kanal.contains("cargo run --release -- round kanal producer_consumer "), "{kanal}");
    assert!(kanal.contains("capacity=0"), "{kanal}");
    for void in ["12.2", "12.3", "13.2", "13.3", "14.2", "14.3"] {
        assert!(!words(&page).contains(void), "{void} is a time");
    }
    let charts: String = page.split("<svg").skip(1).filter_map(|svg| svg.split("</svg>").next()).collect();
    assert!(charts.contains("crossbeam") && !charts.contains("kanal") && !charts.contains("flume"));
    let warnings = words(page.split("class=\"warnings\"").nth(1).expect("warnings"));
    assert!(warnings.contains("1 cell failed"), "{warnings}");
}

#[test]
fn damage_is_named_and_the_rest_is_shown() {
    let (fixture, run) = every_kind();
    let lines = fs::read_to_string(run.rounds_file()).expect("rounds").lines().count();
    run.append_line("{\"kind\":\"round\",\"group\"");
    let (page, stderr) = fixture.page_with_problems();
    let rows = rows(&page);
    assert!(row(&rows, "crossbeam").contains("fastest"), "{rows:?}");
    let unreadable = words(page.split("id=\"problems\"").nth(1).expect("the section"));
    let place = format!("{}:{}", run.rounds_file().display(), lines + 1);
    assert!(unreadable.contains(&place), "{place} is not in: {unreadable}");
    assert!(stderr.contains(&format!("warning: {place}")), "{place} is not in: {stderr}");
}

#[test]
fn the_newest_run_is_shown_and_no_other() {
    let fixture = Fixture::new();
    let older = fixture.run_of("2026-01-01", WORKLOAD, &["capacity=64", "capacity=1"], &["std", "flume"]);
    for channel in ["std", "flume"] {
        older.rounds(["capacity=64", channel], 70.0);
    }
    older.rounds(["capacity=1", "std"], 500.0);
    let newer = fixture.run_of("2026-01-02", WORKLOAD, &["capacity=64"], &["std", "flume"]);
    newer.rounds(["capacity=64", "std"], 60.0);
    let page = fixture.page();
    assert!(!page.contains("capacity=1\""), "the older run's params are shown");
    assert_eq!(page.matches("<details").count(), 1);
    let rows = rows(&page);
    assert!(row(&rows, "std").starts_with("std 60.0"), "{rows:?}");
    assert_eq!(row(&rows, "flume"), "flume not run");
}

/// The scripts leave one record for each explorer, in the target directory of the command.
#[test]
fn models_of_every_explorer_are_shown() {
    let (fixture, _) = every_kind();
    fixture.model_by("loom", "hand_off", "mutex-deque");
    fixture.model_by("shuttle", "hand_off", "mutex-deque");
    fixture.model_by("shuttle", "protocol", WORKLOAD);
    let page = words(&fixture.page());
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
    let (fixture, _) = every_kind();
    fixture.model("hand_off", "mutex-deque");
    fixture.model("protocol", WORKLOAD);
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
    assert!(row("crossbeam").contains("✓ 30 rounds verified, none failed"));
    let explores = |channel| {
        format!("not run (chanlab verify --method shuttle --channel {channel} explores its source)")
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
    let run = fixture.run(WORKLOAD, &grid);
    for (params, ns) in [("capacity=0", 900.0), ("capacity=1", 700.0), ("capacity=64", 60.0)] {
        run.rounds([params, "flume"], ns);
    }
    run.rounds(["producers=2,consumers=2,capacity=64", "flume"], 80.0);
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
fn the_page_is_self_contained() {
    let (fixture, _) = every_kind();
    fixture.benchmark("6.1", [WORKLOAD, PARAMS, "flume"], measured());
    let (page, _) = fixture.page_with_problems();
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
    let page = every_kind().0.page();
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
fn unknown_workloads_and_channels_are_shown_as_they_are() {
    let fixture = Fixture::new();
    let run = fixture.run_of("2026-01-02", "mail_room", &["capacity=64"], &["flume", "go-chan"]);
    run.rounds(["capacity=64", "go-chan"], 42.0);
    let page = fixture.page();
    let section = words(page.split("id=\"mail_room\"").nth(1).expect("the workload"));
    assert!(section.contains("Unknown to this build."), "{section}");
    assert!(section.contains("go-chan 42.0"), "{section}");
}
