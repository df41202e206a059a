//! What the members told, judged.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use service_core::offset_map::OffsetMap;

use crate::process::Line;

/// The number of keys: the key of a message is its number modulo this, and its number is its offset.
const KEYS: u64 = 4;

/// What is known of a partition.
#[derive(Debug, Default)]
struct Partition {
    /// What a stored commit says is done.
    stored: BTreeSet<u64>,
    /// How often each offset was done.
    done: BTreeMap<u64, u32>,
    /// The highest stored position.
    position: u64,
}

/// An ownership: from an assignment to the next one, or the end of the process.
#[derive(Debug, Default)]
struct Ownership {
    /// What was stored when it began: nothing of it may be repeated.
    stored: BTreeSet<u64>,
    /// The last offset of each key.
    last: HashMap<u64, u64>,
}

/// The judge.
#[derive(Debug)]
pub(crate) struct Judge {
    keeps_metadata: bool,
    partitions: BTreeMap<usize, Partition>,
    ownerships: BTreeMap<(usize, usize), Ownership>,
    pub(crate) failures: Vec<String>,
    /// Events by their names.
    pub(crate) counts: BTreeMap<String, u64>,
}

impl Judge {
    pub(crate) fn new(keeps_metadata: bool) -> Self {
        Judge {
            keeps_metadata,
            partitions: BTreeMap::new(),
            ownerships: BTreeMap::new(),
            failures: Vec::new(),
            counts: BTreeMap::new(),
        }
    }

    pub(crate) fn take(&mut self, line: &Line) {
        let Some(text) = &line.text else { return };
        let words: Vec<&str> = text.split(' ').collect();
        let number = |index: usize| -> u64 {
            words.get(index).and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("{text:?}"))
        };
        *self.counts.entry(words[0].to_owned()).or_default() += 1;
        if matches!(words[0], "left" | "trouble") {
            return;
        }
        let partition = number(1) as usize;
        let own = self.partitions.entry(partition).or_default();
        match words[0] {
            "assigned" => {
                let began = Ownership { stored: own.stored.clone(), last: HashMap::new() };
                if number(2) < own.position {
                    self.failures.push(format!(
                        "process {}: {text}, and position {} was stored",
                        line.process, own.position
                    ));
                }
                self.ownerships.insert((line.process, partition), began);
            }
            "stored" => {
                let position = number(2);
                own.position = own.position.max(position);
                own.stored.extend(0..position);
                if self.keeps_metadata {
                    let map = OffsetMap::decode(words[3]).unwrap_or_else(|error| panic!("{text:?}: {error}"));
                    own.stored.extend(map.offsets().map(|offset| position + offset));
                }
            }
            "done" => {
                let offset = number(2);
                *own.done.entry(offset).or_default() += 1;
                let ownership = self.ownerships.entry((line.process, partition)).or_default();
                if ownership.stored.contains(&offset) {
                    self.failures.push(format!("process {}: {text}, which was stored before", line.process));
                }
                let last = ownership.last.insert(offset % KEYS, offset);
                if last.is_some_and(|last| last >= offset) {
                    self.failures
                        .push(format!("process {}: {text}, after {last:?} of its key", line.process));
                }
            }
            _ => {}
        }
    }

    pub(crate) fn done(&self) -> u64 {
        self.partitions.values().map(|own| own.done.len() as u64).sum()
    }

    pub(crate) fn repeated(&self) -> u64 {
        self.partitions.values().flat_map(|own| own.done.values()).map(|times| u64::from(times - 1)).sum()
    }

    /// Whether everything up to `next` is done and stored.
    pub(crate) fn is_complete(&self, partitions: usize, next: u64) -> bool {
        (0..partitions).all(|partition| {
            self.partitions.get(&partition).is_some_and(|own| {
                own.position == next && (0..next).all(|offset| own.done.contains_key(&offset))
            })
        })
    }

    /// What is missing of each partition.
    pub(crate) fn missing(&self, next: u64) -> String {
        let missing = self.partitions.iter().map(|(partition, own)| {
            let offsets: Vec<u64> =
                (0..next).filter(|offset| !own.done.contains_key(offset)).take(5).collect();
            format!("partition {partition}: stored up to {}, not done: {offsets:?}", own.position)
        });
        missing.collect::<Vec<_>>().join("; ")
    }
}

#[test]
fn the_judge_sees_what_is_wrong() {
    let judged = |lines: &[(usize, &str)]| {
        let mut judge = Judge::new(true);
        for &(process, text) in lines {
            judge.take(&Line { process, text: Some(text.to_owned()) });
        }
        judge.failures
    };
    let runs = std::iter::once(1..3).collect();
    let map = OffsetMap::from_runs(runs).and_then(|map| map.encode()).expect("a map");
    let stored = format!("stored 0 4 {map}");
    let before = [(1, "assigned 0 0"), (1, "done 0 0"), (1, "done 0 5"), (1, stored.as_str())];
    let after = |line: &'static str| judged(&[&before[..], &[(2, "assigned 0 4"), (2, line)]].concat());
    assert_eq!(after("done 0 4"), Vec::<String>::new());
    assert_eq!(after("done 0 7"), Vec::<String>::new());
    assert_eq!(after("done 0 3"), ["process 2: done 0 3, which was stored before"]);
    assert_eq!(after("done 0 6"), ["process 2: done 0 6, which was stored before"]);
    assert_eq!(after("assigned 0 3"), ["process 2: assigned 0 3, and position 4 was stored"]);
    let swapped = judged(&[(1, "assigned 0 0"), (1, "done 0 5"), (1, "done 0 1")]);
    assert_eq!(swapped, ["process 1: done 0 1, after Some(5) of its key"]);
}
