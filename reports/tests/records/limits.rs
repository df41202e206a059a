//! No input takes more memory or time than a stated multiple of its size.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use records::plan::Plan;

use crate::recorded::Recorded;

/// The peak memory of a report, in bytes for each byte of input.
const BYTES_EACH: u64 = 20;

/// The memory that a report takes in any case: the program itself.
const BYTES: u64 = 64 << 20;

/// The longest time of a report over an input of 8 MB, by a build with checks on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Draws the page of what is in `folder` and returns the peak memory so far of all reports of this process.
fn report(name: &str, folder: &Path, arguments: &[&str], size: usize) {
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_chanlab"))
        .arg("report")
        .args(arguments)
        .arg("--output")
        .arg(folder.join("page.html"))
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the command starts");
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        if began.elapsed() > LIMIT {
            child.kill().expect("it runs");
            child.wait().expect("a child");
            panic!("{name}: still running after {LIMIT:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let took = began.elapsed();
    // The largest of all children of this process so far, so that it is an upper bound for this one.
    let peak = getrusage(UsageWho::RUSAGE_CHILDREN).expect("known").max_rss() as u64 * 1024;
    let most = BYTES + BYTES_EACH * size as u64;
    println!("{name}: {} KiB of input, {took:?}, at most {} KiB, {status}", size / 1024, peak / 1024);
    assert!(peak <= most, "{name}: {peak} bytes for an input of {size}");
    assert!(matches!(status.code(), Some(0..=4)), "{name}: {status}");
}

/// A run whose plan is changed, with these lines.
fn run(name: &str, change: impl FnOnce(&mut Plan), lines: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut plan = Recorded::sound(0).plan;
    plan.version = 2;
    change(&mut plan);
    let plan = serde_json::to_vec(&plan).expect("plain data");
    fs::write(folder.path().join("plan.json"), &plan).expect("written");
    fs::write(folder.path().join("rounds.jsonl"), lines).expect("written");
    report(name, folder.path(), &["--run", "."], plan.len() + lines.len());
}

/// One line of a round.
fn round(
    text: &mut String,
    [group, entry, entries]: [usize; 3],
    epoch: u32,
    block: Option<u32>,
    number: u64,
) {
    let block = block.map_or("null".to_owned(), |block| block.to_string());
    let (cell, wall) = (group * entries + entry, 900_000 + number % 1_013 * 97);
    writeln!(
        text,
        r#"{{"kind":"round","group":{group},"entry":{entry},"epoch":{epoch},"block":{block},"at_ms":{number},"cell":{cell},"round":{number},"messages":9,"wall_ns":{wall}}}"#
    )
    .expect("a string");
}

/// In one test, so that the peak of one report is not taken for that of another that runs beside it; the smallest inputs first.
#[test]
fn a_page_takes_no_more_than_the_size_of_its_input_allows() {
    // A deep nest, and a line that is longer than any.
    let deep = format!("{{\"kind\":{}\n", "[".repeat(1 << 20));
    run("deep nesting", |_| {}, &deep);
    run(
        "a number of blocks and epochs",
        |plan| (plan.blocks, plan.most_epochs, plan.fewest_epochs) = (u32::MAX, u32::MAX, u32::MAX),
        "{\"kind\":\"ended\",\"at\":\"2026-01-02T03:04:05Z\",\"why\":\"done\"}\n",
    );

    // Nothing but lines that are no records, each as short as can be.
    run("garbage", |_| {}, &"x\n".repeat(1 << 20));

    // As many epochs as fit: two channels, one block each.
    let (mut epochs, mut number) = ("{\"kind\":\"sized\",\"group\":0,\"messages\":9}\n".to_owned(), 0);
    while epochs.len() < 8 << 20 {
        let epoch = (number / 4) as u32;
        for block in [None, Some(0)] {
            for entry in 0..2 {
                round(&mut epochs, [0, entry, 2], epoch, block, number);
                number += 1;
            }
        }
    }
    let two = |plan: &mut Plan| {
        plan.entries.truncate(2);
        plan.groups.truncate(1);
        (plan.blocks, plan.most_epochs) = (1, u32::MAX);
    };
    run("epochs", two, &epochs);

    // As many channels as a plan may have, on as many groups.
    let (entries, groups) = (128, 128);
    let (mut cells, mut number) = (String::new(), 0);
    for group in 0..groups {
        writeln!(cells, "{{\"kind\":\"sized\",\"group\":{group},\"messages\":9}}").expect("a string");
        for block in [None, Some(0)] {
            for entry in 0..entries {
                round(&mut cells, [group, entry, entries], 0, block, number);
                number += 1;
            }
        }
    }
    let many = |plan: &mut Plan| {
        let (entry, group) = (plan.entries[0].clone(), plan.groups[0].clone());
        plan.entries = (0..entries)
            .map(|place| records::plan::Entry { name: format!("c{place}"), ..entry.clone() })
            .collect();
        plan.groups = (0..groups)
            .map(|place| records::plan::Group { workload: format!("w{place}"), ..group.clone() })
            .collect();
        plan.blocks = 1;
    };
    run("cells", many, &cells);

    // Verdicts on as many subjects, and damage beside them.
    let mut subjects = String::new();
    let mut subject = 0;
    while subjects.len() < 8 << 20 {
        verdict(&mut subjects, &format!("s{subject}"), r#"{"outcome":"passed","cases":3,"bounds":"b"}"#);
        subject += 1;
    }
    verdicts("verdicts", &subjects);

    // One of them has a name as long as all the others together: in a table, no other row may be as wide.
    let mut long = String::new();
    while long.len() < 2 << 20 {
        let subject = format!("s{}", long.len());
        verdict(&mut long, &subject, r#"{"outcome":"passed","cases":3,"bounds":"b"}"#);
    }
    verdict(&mut long, &"x".repeat(2 << 20), r#"{"outcome":"passed","cases":3,"bounds":"b"}"#);
    verdicts("a long name", &long);

    // A failure with as many threads as steps: each has a column in every row.
    let threads = vec![r#"{"thread":"t","steps":[[0,"s"],[1,"s"]]}"#; 100_000].join(",");
    let outcome = r#"{"outcome":"failed","case":1,"scenario":"s","expected":"e","happened":"h","threads":["#;
    let mut many = String::new();
    verdict(&mut many, "flume", &format!("{outcome}{threads}]}}"));
    verdicts("threads", &many);
}

/// One line of a verdict.
fn verdict(text: &mut String, subject: &str, outcome: &str) {
    writeln!(
        text,
        r#"{{"kind":"verified","format":2,"at":"2026-01-02T03:04:05Z","command":"c","subject":"{subject}","version":"v","method":"rounds","seed":7,"shard":{{"index":1,"of":4000000000}},"budget_seconds":1.0,"seconds":1.0,"verdict":{{"ran":{outcome}}},"machine":{{"cpu":"c","cores":1,"kernel":"k","system":"s","rustc":"r","channels":{{}}}}}}"#
    )
    .expect("a string");
}

/// The page of these verdicts.
fn verdicts(name: &str, lines: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("verified.jsonl"), lines).expect("written");
    report(name, folder.path(), &["--no-run", "--verified", "verified.jsonl"], lines.len());
}
