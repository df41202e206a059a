//! `kill -9` at random moments: every message that was flushed and every commit is there afterwards.

use std::os::unix::process::ExitStatusExt;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, RngExt, SeedableRng};
use service_log::{Commit, Group, Log, Options, Writer};

use crate::child::{self, report};
use crate::{append, read_from};

const PARTITIONS: u32 = 3;

/// Small segments, so that kills fall into the beginning of one.
const OPTIONS: Options = Options { partitions: PARTITIONS, segment_bytes: 32 << 10 };

const KILLS: u64 = 100;

#[test]
#[ignore = "the child of the test below"]
fn appends_and_commits_until_it_is_killed() {
    let folder = child::folder();
    let mut writer = Writer::open(&folder).or_else(|_| Writer::create(&folder, OPTIONS)).expect("a log");
    let mut group = Group::open(&folder, "g").expect("a group");
    let first = writer.next_offset(0).expect("a partition");
    let mut random = Xoshiro256PlusPlus::seed_from_u64(first);
    loop {
        let partition = random.random_range(0..PARTITIONS);
        for _ in 0..random.random_range(1..300) {
            append(&mut writer, partition).expect("appended");
        }
        let next = writer.next_offset(partition).expect("a partition");
        if random.random_range(0..4) > 0 {
            writer.flush().expect("written");
            report("appended", partition, next);
        }
        let flushed = Log::open(&folder).and_then(|log| log.extent(partition)).expect("whole").next;
        if random.random_range(0..3) == 0 {
            let metadata = flushed.to_string().repeat(random.random_range(0..90));
            group.commit([(partition, Commit { offset: flushed, metadata })]).expect("committed");
            report("committed", partition, flushed);
        }
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut random = Xoshiro256PlusPlus::seed_from_u64(17);
    let mut acknowledged = [[0; PARTITIONS as usize]; 2];
    for kill in 0..KILLS {
        let (mut child, mut reports) =
            child::start(&[], "killed::appends_and_commits_until_it_is_killed", folder.path());
        let mut take = |(what, partition, offset): child::Report| {
            acknowledged[usize::from(what == "committed")][partition as usize] = offset;
        };
        // The first kills fall into the making of the log. A child runs ahead of its reports, so the others
        // fall anywhere.
        if kill > 10 {
            reports.by_ref().take(random.random_range(1..30)).for_each(&mut take);
        }
        spin(random.next_u64() % (1 << 16));
        child.kill().expect("SIGKILL");
        reports.for_each(&mut take);
        assert_eq!(child.wait().expect("ended").signal(), Some(9));
        let Ok(log) = Log::open(folder.path()) else {
            assert_eq!(acknowledged, [[0; PARTITIONS as usize]; 2]);
            continue;
        };
        let group = log.groups().expect("whole").into_iter().next();
        for partition in 0..PARTITIONS {
            let next = read_from(&log, partition, 0).expect("whole");
            let [appended, committed] = acknowledged.map(|offsets| offsets[partition as usize]);
            assert!(next >= appended, "kill {kill}, partition {partition}: {next} of {appended}");
            let commit = group.as_ref().and_then(|group| group.partitions.get(&partition));
            let commit = commit.cloned().unwrap_or_default();
            assert!(
                commit.offset >= committed,
                "kill {kill}, partition {partition}: {committed}: {commit:?}"
            );
            assert!(commit.metadata.is_empty() || commit.metadata.starts_with(&commit.offset.to_string()));
        }
    }
    let [appended, committed] = acknowledged.map(|offsets| offsets.iter().sum::<u64>());
    println!("{KILLS} kills, {appended} messages, {committed} of them committed");
    assert!(appended > 10_000 && committed > 1_000, "{acknowledged:?}");
}

/// Lets some time pass, so that a kill is not bound to a report.
fn spin(steps: u64) {
    (0..steps).for_each(|_| std::hint::spin_loop());
}
