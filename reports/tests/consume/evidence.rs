//! What the lives of a consumer leave behind, held against what it promises. The consumer is not asked: the evidence is
//! the log, the commits of the group, and the lines of the sink and of the dead letters.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;
use service_core::offset_map::OffsetMap;
use service_log::Log;

/// A message: its partition and its offset.
pub(crate) type Place = (u64, u64);

/// A message that was processed, or is dead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) place: Place,
    pub(crate) key: String,
}

/// What a group has committed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Committed {
    positions: BTreeMap<u64, u64>,
    beyond: BTreeSet<Place>,
}

impl Committed {
    /// What the group `g` has committed.
    pub(crate) fn read(log: &Path) -> Self {
        let mut committed = Committed::default();
        let groups = Log::open(log).and_then(|log| log.groups()).expect("whole");
        for (partition, commit) in groups.iter().flat_map(|group| &group.partitions) {
            let partition = u64::from(*partition);
            let map = OffsetMap::decode(&commit.metadata).expect("a map");
            committed.positions.insert(partition, commit.offset);
            committed.beyond.extend(map.offsets().map(|offset| (partition, commit.offset + offset)));
        }
        committed
    }

    pub(crate) fn has(&self, (partition, offset): Place) -> bool {
        self.positions.get(&partition).is_some_and(|position| offset < *position)
            || self.beyond.contains(&(partition, offset))
    }

    /// The messages that it has beyond its positions.
    pub(crate) fn mapped(&self) -> usize {
        self.beyond.len()
    }

    /// Every message that it has.
    pub(crate) fn all(&self) -> impl Iterator<Item = Place> + '_ {
        let below =
            self.positions.iter().flat_map(|(partition, end)| (0..*end).map(|offset| (*partition, offset)));
        below.chain(self.beyond.iter().copied())
    }
}

/// One output, as far as it was read.
#[derive(Debug, Default)]
struct Lines {
    /// The bytes that were read: whole lines.
    read: usize,
    /// The messages that it has.
    all: BTreeSet<Place>,
    /// The largest offset of a first delivery, by partition and key.
    newest: BTreeMap<(u64, String), u64>,
}

/// All lives so far.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    sink: Lines,
    dead: Lines,
    /// Deliveries that were not the first of their message.
    pub(crate) repeated: usize,
    /// The most of them in one life.
    pub(crate) most_repeated: usize,
}

impl Evidence {
    /// Reads what a life has added to the two files. `before` was committed when it began.
    pub(crate) fn add(&mut self, sink: &Path, dead: &Path, before: &Committed) -> Result<(), String> {
        let sink = self.sink.added(sink);
        let dead = self.dead.added(dead);
        let repeated = self.sink.judge(&sink, before)? + self.dead.judge(&dead, before)?;
        self.repeated += repeated;
        self.most_repeated = self.most_repeated.max(repeated);
        match self.sink.all.intersection(&self.dead.all).next() {
            Some(place) => Err(format!("{place:?} was processed and is a dead letter")),
            None => Ok(()),
        }
    }

    /// What was committed is in one of the two files: no commit is ahead of them.
    pub(crate) fn judge_commits(&self, committed: &Committed) -> Result<(), String> {
        match committed.all().find(|place| !self.has(*place)) {
            Some(place) => Err(format!("{place:?} is committed and in no output")),
            None => Ok(()),
        }
    }

    /// After a clean drain everything that is in the two files is committed.
    pub(crate) fn judge_drain(&self, committed: &Committed) -> Result<(), String> {
        match self.sink.all.union(&self.dead.all).find(|place| !committed.has(**place)) {
            Some(place) => Err(format!("{place:?} is done and not committed after a drain")),
            None => Ok(()),
        }
    }

    /// In the end every message of the log is in one of the two files.
    pub(crate) fn judge_end(&self, log: &Path) -> Result<(), String> {
        let log = Log::open(log).expect("a log");
        for partition in 0..log.partitions() {
            let next = log.extent(partition).expect("whole").next;
            let missing = (0..next).find(|offset| !self.has((partition.into(), *offset)));
            if let Some(offset) = missing {
                return Err(format!("{partition}/{offset} is lost"));
            }
        }
        Ok(())
    }

    fn has(&self, place: Place) -> bool {
        self.sink.all.contains(&place) || self.dead.all.contains(&place)
    }

    /// The numbers of processed messages and of dead letters.
    pub(crate) fn counts(&self) -> [usize; 2] {
        [self.sink.all.len(), self.dead.all.len()]
    }
}

impl Lines {
    /// The lines that were added since the last call.
    fn added(&mut self, file: &Path) -> Vec<Delivery> {
        let bytes = fs::read(file).unwrap_or_default();
        // Half a line at the end is none: the next life cuts it off.
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let added = bytes.get(self.read..end).expect("nothing was taken back").split(|byte| *byte == b'\n');
        self.read = end;
        added.filter(|line| !line.is_empty()).map(delivery).collect()
    }

    /// Judges the deliveries of one life; the number of those that were not the first.
    fn judge(&mut self, life: &[Delivery], before: &Committed) -> Result<usize, String> {
        let mut repeated = 0;
        let mut last = BTreeMap::new();
        for Delivery { place, key } in life {
            let (partition, offset) = *place;
            let lane = (partition, key.clone());
            if before.has(*place) {
                return Err(format!("{place:?} is repeated, though it was committed"));
            }
            if last.insert(lane.clone(), offset).is_some_and(|last| last >= offset) {
                return Err(format!("{place:?} with {key} came after a later one in the same life"));
            }
            if !self.all.insert(*place) {
                repeated += 1;
            } else if self.newest.insert(lane, offset).is_some_and(|newest| newest > offset) {
                return Err(format!("{place:?} with {key} came first after a later one"));
            }
        }
        Ok(repeated)
    }
}

fn delivery(line: &[u8]) -> Delivery {
    let line: Value = serde_json::from_slice(line).expect("JSON");
    let number = |name: &str| line[name].as_u64().expect("a number");
    Delivery {
        place: (number("partition"), number("offset")),
        key: line["key"].as_str().expect("a key").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deliveries(places: &[(u64, &str)]) -> Vec<Delivery> {
        places.iter().map(|(offset, key)| Delivery { place: (0, *offset), key: (*key).to_owned() }).collect()
    }

    #[test]
    fn each_broken_promise_is_found() {
        let committed = Committed { positions: [(0, 3)].into(), beyond: [(0, 5)].into() };
        let judged = |lives: &[&[(u64, &str)]], before: &Committed| {
            let mut lines = Lines::default();
            lives.iter().map(|life| lines.judge(&deliveries(life), before)).collect::<Result<Vec<_>, _>>()
        };
        let none = Committed::default();
        // Two keys may overtake each other, and a life may repeat the end of the one before.
        assert_eq!(judged(&[&[(1, "b"), (0, "a"), (2, "a")], &[(2, "a"), (3, "a")]], &none), Ok(vec![0, 1]));
        let broken = |lives: &[&[(u64, &str)]], before: &Committed, words: &str| {
            let error = judged(lives, before).expect_err(words);
            assert!(error.contains(words), "{error}");
        };
        broken(&[&[(2, "a"), (1, "a")]], &none, "in the same life");
        broken(&[&[(1, "a"), (1, "a")]], &none, "in the same life");
        broken(&[&[(2, "a")], &[(1, "a")]], &none, "came first after a later one");
        broken(&[&[(2, "a")]], &committed, "though it was committed");
        broken(&[&[(5, "a")]], &committed, "though it was committed");
        assert_eq!(judged(&[&[(4, "a")]], &committed), Ok(vec![0]));

        let mut evidence = Evidence::default();
        evidence.sink.all.extend([(0, 0), (0, 1), (0, 2)]);
        evidence.judge_commits(&committed).expect_err("5 is missing");
        evidence.dead.all.insert((0, 5));
        assert_eq!(evidence.judge_commits(&committed), Ok(()));
        assert_eq!(evidence.judge_drain(&committed), Ok(()));
        evidence.sink.all.insert((0, 4));
        evidence.judge_drain(&committed).expect_err("4 is not committed");
    }
}
