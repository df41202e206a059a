//! Small inputs whose right answer was wrong once.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use records::files::Recorder;
use records::format::Format;
use records::record::{BENCH_FILE, BenchmarkRecord, BenchmarkStatus, Record};
use records::rounds::{EndReason, Line};
use reports::render;
use serde_json::json;

use crate::recorded::{Recorded, page, problems};

/// Removes every block that both channels of the first group have: one has the even epochs, the other the odd ones.
fn unpaired(run: &mut Recorded) {
    run.plan.entries.truncate(2);
    run.plan.groups.truncate(1);
    run.lines.retain(|line| match line {
        Line::Round(round) => round.group == 0 && round.entry < 2 && round.epoch as usize % 2 == round.entry,
        Line::Sized { group, .. } => *group == 0,
        Line::Ended { .. } => true,
        _ => false,
    });
    for (number, line) in run.lines.iter_mut().filter_map(round).enumerate() {
        line.measured.round = number as u64;
        line.measured.cell = line.entry as u64;
    }
}

fn round(line: &mut Line) -> Option<&mut records::rounds::RoundLine> {
    match line {
        Line::Round(round) => Some(round),
        _ => None,
    }
}

#[test]
fn channels_that_were_never_in_one_block_have_no_ratio() {
    let mut recorded = Recorded::sound(0);
    unpaired(&mut recorded);
    let run = recorded.read();
    assert!(problems(&run).iter().any(|line| line.contains("missing in epochs that are over")), "{run:#?}");
    let html = render::page::page(&page(run), "2026-01-02T03:04:05Z");
    assert!(!html.contains("1.00×</td>") && !html.contains("tied with the fastest</div>"), "a ratio");
    // A run that was stopped after its first two epochs, in each of which one channel was unknown to the other.
    recorded.lines.retain(|line| !matches!(line, Line::Round(round) if round.entry == 1));
    let mut late = Recorded::sound(0);
    late.lines.retain(
        |line| matches!(line, Line::Round(round) if (round.group, round.entry, round.epoch) == (0, 1, 3)),
    );
    recorded.lines.retain(|line| !matches!(line, Line::Round(round) if round.epoch > 0));
    recorded.lines.pop();
    recorded.lines.extend(late.lines);
    recorded.lines.push(Line::Ended { at: "2026-01-02T03:09:05Z".to_owned(), why: EndReason::Interrupted });
    for (number, line) in recorded.lines.iter_mut().filter_map(round).enumerate() {
        line.measured.round = number as u64;
    }
    let mut run = recorded.read();
    // Only to see the page of such a run: the missing epochs are a problem of their own.
    assert!(!run.contradictory.is_empty());
    run = reports::collect::runs::RunData { contradictory: [].into(), ..run };
    assert_eq!(page(run).workloads[0].summaries.iter().map(|summary| summary.fastest).sum::<usize>(), 0);
}

/// A target folder's criterion directory with one benchmark of `std` over `ping_pong/capacity=1`.
fn criterion(root: &Path, folder: &str, [low, median, high]: [f64; 3], level: f64) {
    let new = root.join(folder).join("new");
    fs::create_dir_all(&new).expect("made");
    let write = |file: &str, value: serde_json::Value| {
        fs::write(new.join(file), value.to_string()).expect("written");
    };
    write(
        "benchmark.json",
        json!({"group_id": "ping_pong/capacity=1", "function_id": "std", "throughput": {"Elements": 1}}),
    );
    let bounds = json!({"confidence_level": level, "lower_bound": low, "upper_bound": high});
    write("estimates.json", json!({"median": {"confidence_interval": bounds, "point_estimate": median}}));
    write("sample.json", json!({"iters": [1.0, 1.0, 1.0], "times": [median, median, median]}));
    let record = root.join(BENCH_FILE);
    if !record.exists() {
        let status = BenchmarkStatus::Measured { rounds: 100, messages: 1, beside_abandoned_threads: false };
        let benchmark = BenchmarkRecord {
            format: Format,
            at: "2026-01-02T03:04:05Z".to_owned(),
            command: "cargo bench".to_owned(),
            profile: "quick".to_owned(),
            workload: "ping_pong".to_owned(),
            params: "capacity=1".to_owned(),
            channel: "std".to_owned(),
            status,
            effective_capacity: None,
            replay: "chanlab round std".to_owned(),
            machine: Recorded::sound(0).plan.machine,
        };
        Recorder::new(record).append(&Record::Benchmark(benchmark)).expect("written");
    }
}

fn report(folder: &Path) -> (Output, String) {
    let page = folder.join("page.html");
    let output = Command::new(env!("CARGO_BIN_EXE_chanlab"))
        .arg("report")
        .arg("--input")
        .arg(folder)
        .arg("--output")
        .arg(&page)
        .output()
        .expect("the command starts");
    let page = fs::read_to_string(&page).unwrap_or_default();
    (output, page)
}

#[test]
fn criterion_files_that_make_no_sense_are_problems_and_end_with_exit_code_1() {
    let sound = ("sound", vec![("std", [90.0, 100.0, 110.0], 0.95)], None);
    let cases = [
        sound,
        (
            "twice",
            vec![("std", [90.0, 100.0, 110.0], 0.95), ("zz-copy", [8e3, 9e3, 1e4], 0.95)],
            Some("the same benchmark as in"),
        ),
        ("tiny", vec![("std", [5e-324; 3], 0.95)], Some("has an impossible number, 5e-324")),
        ("huge", vec![("std", [1e307, 1e308, 1.7e308], 0.95)], Some("has an impossible number, 1e308")),
        (
            "outside",
            vec![("std", [200.0, 100.0, 300.0], 0.95)],
            Some("the median, 100, is outside of its own interval, 200 to 300"),
        ),
        ("percent", vec![("std", [90.0, 100.0, 110.0], 95.0)], Some("the level of the interval is 95")),
        ("negative", vec![("std", [90.0, 100.0, 110.0], -1.0)], Some("the level of the interval is -1")),
    ];
    for (name, benchmarks, problem) in cases {
        let folder = tempfile::tempdir().expect("a folder");
        for (file, interval, level) in benchmarks {
            criterion(folder.path(), file, interval, level);
        }
        let (output, page) = report(folder.path());
        let stderr = String::from_utf8_lossy(&output.stderr);
        match problem {
            None => {
                assert_eq!(output.status.code(), Some(0), "{name}: {stderr}");
                assert!(page.contains("10,000,000"), "{name}: the rate of the median");
            }
            Some(problem) => {
                assert_eq!(output.status.code(), Some(1), "{name}: {stderr}");
                assert!(stderr.contains(problem), "{name}: {stderr}");
                assert!(page.contains("id=\"problems\""), "{name}");
                assert!(!page.contains("10,000,000"), "{name}: a number is shown");
            }
        }
    }
}
