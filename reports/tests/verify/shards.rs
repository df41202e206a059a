//! One verification on several machines: the shards together are the whole, and a missing shard is reported.

use std::fs;

use records::record::{VERIFIED_FILE, Verdict};
use records::verify::MethodOutcome;

use crate::bench::{Bench, text};
use crate::planted::{self, CASES};

/// Verifies one shard in a folder of its own, as another machine would, and returns its coverage.
fn part(bench: &Bench, by: &str, shard: &str) -> u64 {
    let output =
        bench.verify(by, &["--channel", "sound", "--method", "properties", "--seed", "7", "--shard", shard]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said = if shard == "1/1" { "seed 7, about".to_owned() } else { format!("seed 7, shard {shard}") };
    assert!(text(&output.stderr).contains(&said), "{}", text(&output.stderr));
    let record = bench.records().remove(0);
    let name = format!("{}-{VERIFIED_FILE}", shard.replace('/', "-of-"));
    fs::rename(bench.record_file(), bench.path().join(name)).expect("moved");
    match record.verdict {
        Verdict::Ran(MethodOutcome::Passed { cases, .. }) => cases,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_page_sums_shards_and_names_missing_ones() {
    let bench = Bench::new();
    let by = planted::program(&bench);
    let two = part(&bench, &by, "1/3") + part(&bench, &by, "3/3");
    let page = bench.page();
    assert!(page.contains("shards missing"), "two of three are no pass");
    assert!(page.contains("2 of 3 shards; missing: 2"), "and it is said which is not there");
    assert!(page.contains(&format!("{two} cases")), "what they covered is summed");
    let all = two + part(&bench, &by, "2/3");
    assert_eq!(all, CASES);
    let page = bench.page();
    assert!(!page.contains("shards missing"));
    assert!(page.contains(&format!("{CASES} cases")));
    assert!(page.contains("all 3 shards; up to 16 numbers on one thread"));
}

#[test]
fn damaged_records_are_named_and_the_others_are_shown() {
    let bench = Bench::new();
    let by = planted::program(&bench);
    part(&bench, &by, "1/1");
    fs::write(bench.path().join(format!("torn-{VERIFIED_FILE}")), "{\"kind\":\"verif").expect("written");
    let page = bench.page_with_problems();
    assert!(page.contains("Problems in the records"));
    assert!(page.contains(&format!("torn-{VERIFIED_FILE}:1")), "by file and line");
    assert!(page.contains("✓ passed"));
}
