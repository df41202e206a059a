//! Holds the lines of a run against its plan and against each other. This is the one place that decides which rounds count:
//! a cell that any [`Contradiction`] is about shows no number.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use records::checksum::{Checksum, Seal};
use records::crash::ProcessFailure;
use records::lines::Damage;
use records::plan::{GRACE_NS, Plan};
use records::protocol::{longest_latency_ns, most_cpu_ns};
use records::rounds::{EndReason, Line, RoundLine, reason};
use workloads::latency::from_pairs;
use workloads::registry::Registry;
use workloads::workload::MAX_EXTENSION;

use super::contradiction::{Contradiction, RoundPlace};
use super::problem::{Problems, Trouble};
use super::runs::{RoundPosition, RunData, RunState};
use super::sequence::fitting;
use super::work::{self, usual};

/// The largest number that a record holds exactly in every language.
const LARGEST: u64 = 1 << 53;

/// Nanoseconds in a millisecond, the unit of `at_ms`.
const MILLISECOND_NS: u64 = 1_000_000;

/// A round and its line.
struct Recorded {
    line: usize,
    round: RoundLine,
}

/// Why a cell is no longer measured.
enum Closed {
    Failed(ProcessFailure),
    Unsupported(String),
}

type Place = (usize, usize, u32, Option<u32>);

/// The recorded blocks of each entry in an epoch.
type BlocksOfEntries = BTreeMap<usize, BTreeSet<Option<u32>>>;

/// The lines of a run so far.
pub(crate) struct AgainstPlan<'a> {
    plan: &'a Plan,
    /// The checksum of the line before, at first that of the plan.
    last: Checksum,
    is_first: bool,
    problems: Problems,
    contradictory: BTreeSet<RoundPosition>,
    rounds: Vec<Recorded>,
    places: BTreeMap<Place, usize>,
    sizes: BTreeMap<usize, (u64, usize)>,
    not_sized: BTreeSet<usize>,
    capacities: BTreeMap<RoundPosition, (String, usize)>,
    closed: BTreeMap<RoundPosition, (Closed, usize)>,
    ended: Option<(EndReason, usize)>,
    /// The line of the last end of the plan.
    done: Option<usize>,
}

impl<'a> AgainstPlan<'a> {
    /// For the lines of `file`, whose plan has this checksum.
    pub(crate) fn new(plan: &'a Plan, checksum: Checksum, file: &Path) -> Self {
        AgainstPlan {
            plan,
            last: checksum,
            is_first: true,
            problems: Problems::new(file),
            contradictory: BTreeSet::new(),
            rounds: Vec::new(),
            places: BTreeMap::new(),
            sizes: BTreeMap::new(),
            not_sized: BTreeSet::new(),
            capacities: BTreeMap::new(),
            closed: BTreeMap::new(),
            ended: None,
            done: None,
        }
    }

    /// Takes the next line.
    pub(crate) fn line(&mut self, number: usize, seal: Seal, value: Result<Line, Damage>) {
        self.link(number, seal);
        match value {
            // A run that was killed ends so, unless it says that it is done.
            Err(Damage::Unfinished) if self.done.is_none() => {}
            Err(damage) => self.problems.add(Some(number), damage, || None),
            Ok(Line::Began { .. }) => self.ended = None,
            // What a resumed run made up for.
            Ok(Line::Shortage { .. }) => {}
            Ok(Line::Strays { entry, epoch, processes }) => {
                let plan = self.plan;
                let of = || plan.entries.get(entry).map(|entry| format!("the runner of {}", entry.name));
                self.problems.add(Some(number), Trouble::Strays { epoch, processes }, of);
            }
            Ok(Line::Ended { why, .. }) => {
                self.ended = Some((why, number));
                if why == EndReason::Done {
                    self.done = Some(number);
                }
            }
            Ok(line) => self.happened(number, line),
        }
    }

    /// Holds a line against the checksum of the line before it.
    fn link(&mut self, number: usize, seal: Seal) {
        let is_first = std::mem::replace(&mut self.is_first, false);
        let Seal::Present { named, after, .. } = seal else { return };
        let computed = std::mem::replace(&mut self.last, named);
        if after == Some(computed) {
            return;
        }
        if let Some(after) = after.filter(|_| is_first) {
            self.problems.add(Some(number), Contradiction::OtherPlan { named: after, computed }, || None);
            let cells = |group| (0..self.plan.entries.len()).map(move |entry| (group, entry));
            self.contradictory.extend((0..self.plan.groups.len()).flat_map(cells));
        } else {
            self.problems.add(Some(number), Contradiction::Unlinked, || None);
        }
    }

    /// A contradiction of a cell.
    fn contradict(&mut self, line: Option<usize>, cell: RoundPosition, what: Contradiction) {
        if !matches!(what, Contradiction::Repeated { .. }) {
            self.contradictory.insert(cell);
        }
        let plan = self.plan;
        self.problems.add(line, what, || Some(name(plan, cell)));
    }

    /// Whether the plan has the cell; a problem when it does not.
    fn is_planned(&mut self, line: usize, (group, entry): RoundPosition) -> bool {
        let [groups, entries] = [self.plan.groups.len(), self.plan.entries.len()];
        if group >= groups {
            self.problems.add(Some(line), Contradiction::UnknownGroup { group, of: groups }, || None);
        } else if entry >= entries {
            let plan = self.plan;
            let what = Contradiction::UnknownEntry { entry, of: entries };
            self.problems.add(Some(line), what, || Some(plan.groups[group].name()));
        }
        group < groups && entry < entries
    }

    fn happened(&mut self, number: usize, line: Line) {
        let cell = match &line {
            Line::Sized { group, .. } => (*group, 0),
            Line::Capacity { group, entry, .. }
            | Line::Unsupported { group, entry, .. }
            | Line::Failed { group, entry, .. } => (*group, *entry),
            Line::Round(round) => (round.group, round.entry),
            Line::Began { .. } | Line::Shortage { .. } | Line::Strays { .. } | Line::Ended { .. } => return,
        };
        if !self.is_planned(number, cell) {
            return;
        }
        if let Some(done) = self.done {
            self.contradict(Some(number), cell, Contradiction::AfterDone { done });
            return;
        }
        self.ended = None;
        match line {
            Line::Sized { group, messages } => self.sized(number, group, messages),
            Line::Capacity { effective, .. } => match self.capacities.get(&cell) {
                Some(&(_, first)) => {
                    self.contradict(Some(number), cell, Contradiction::CapacityTwice { first });
                }
                None => {
                    self.capacities.insert(cell, (effective, number));
                }
            },
            Line::Unsupported { reason: recorded, .. } => {
                let reason = reason(self.plan.version, recorded);
                self.closed(number, cell, Closed::Unsupported(reason));
            }
            Line::Failed { epoch, failure, .. } => {
                if epoch >= self.plan.most_epochs {
                    let of = self.plan.most_epochs;
                    self.contradict(Some(number), cell, Contradiction::UnknownEpoch { epoch, of });
                }
                self.closed(number, cell, Closed::Failed(failure));
            }
            Line::Round(round) => self.round(number, cell, round),
            Line::Began { .. } | Line::Shortage { .. } | Line::Strays { .. } | Line::Ended { .. } => {}
        }
    }

    fn sized(&mut self, line: usize, group: usize, messages: u64) {
        if let Some(&(size, first)) = self.sizes.get(&group) {
            let (plan, what) = (self.plan, Contradiction::SizedTwice { messages: [size, messages], first });
            self.problems.add(Some(line), what, || Some(plan.groups[group].name()));
            if size != messages {
                self.contradictory.extend((0..self.plan.entries.len()).map(|entry| (group, entry)));
            }
            return;
        }
        if messages == 0 || messages > LARGEST {
            self.contradict(Some(line), (group, 0), out_of_range("messages", messages));
        }
        self.sizes.insert(group, (messages, line));
    }

    fn closed(&mut self, line: usize, cell: RoundPosition, why: Closed) {
        match self.closed.get(&cell) {
            Some(&(_, first)) => self.contradict(Some(line), cell, Contradiction::ClosedTwice { first }),
            None => {
                self.closed.insert(cell, (why, line));
            }
        }
    }

    /// Takes a round into account, if it has a place in the plan and is the first there.
    fn round(&mut self, line: usize, cell: RoundPosition, round: RoundLine) {
        let (plan, at) = (self.plan, RoundPlace { epoch: round.epoch, block: round.block });
        if at.epoch >= plan.most_epochs {
            let what = Contradiction::UnknownEpoch { epoch: at.epoch, of: plan.most_epochs };
            return self.contradict(Some(line), cell, what);
        }
        if let Some(block) = at.block.filter(|block| *block >= plan.blocks) {
            return self.contradict(Some(line), cell, Contradiction::UnknownBlock { block, of: plan.blocks });
        }
        let place = (cell.0, cell.1, at.epoch, at.block);
        if let Some(&known) = self.places.get(&place) {
            let first = self.rounds[known].line;
            let what = match self.rounds[known].round == round {
                true => Contradiction::Repeated { first },
                false => Contradiction::PlaceTwice { at, first },
            };
            return self.contradict(Some(line), cell, what);
        }
        if let Some(&(_, closed)) = self.closed.get(&cell) {
            return self.contradict(Some(line), cell, Contradiction::AfterClosed { closed });
        }
        if !self.sizes.contains_key(&cell.0) {
            self.contradictory.insert(cell);
            if self.not_sized.insert(cell.0) {
                self.problems.add(Some(line), Contradiction::Unsized, || Some(plan.groups[cell.0].name()));
            }
        }
        let planned = plan.cell(cell.0, cell.1);
        if round.measured.cell != planned {
            let what = Contradiction::OtherCell { cell: round.measured.cell, planned };
            self.contradict(Some(line), cell, what);
        }
        self.places.insert(place, self.rounds.len());
        self.rounds.push(Recorded { line, round });
    }

    /// Ends the run: what can be held only against all lines is held now.
    pub(crate) fn finish(mut self) -> RunData {
        let rounds = std::mem::take(&mut self.rounds);
        self.numbers(&rounds);
        self.times(&rounds);
        for recorded in &rounds {
            self.ranges(recorded);
        }
        self.messages(&rounds);
        self.latencies(&rounds);
        self.completeness();
        self.unsupported();
        let mut run = RunData::empty(self.plan.clone());
        for Recorded { round, .. } in rounds {
            let cell = cell_of(&round);
            if !self.contradictory.contains(&cell) {
                run.rounds.entry(cell).or_default().push(round);
            }
        }
        for (cell, (why, _)) in self.closed {
            match why {
                Closed::Failed(failure) => drop(run.failed.insert(cell, failure)),
                Closed::Unsupported(reason) => drop(run.unsupported.insert(cell, reason)),
            }
        }
        run.capacities =
            self.capacities.into_iter().map(|(cell, (effective, _))| (cell, effective)).collect();
        run.contradictory = self.contradictory;
        run.state = match self.ended {
            _ if self.done.is_some() => RunState::Done,
            Some((EndReason::Interrupted, _)) => RunState::Stopped,
            Some((EndReason::Shortage, _)) => RunState::Shortage,
            _ => RunState::Killed,
        };
        run.problems = self.problems.into_vec();
        run
    }

    /// The numbers of rounds rise by one: a request that failed leaves its number to the next.
    fn numbers(&mut self, rounds: &[Recorded]) {
        let numbers: Vec<u64> = rounds.iter().map(|recorded| recorded.round.measured.round).collect();
        let fits = fitting(&numbers, false);
        // Lines between two that fit stand for as many numbers.
        let (mut before, mut unfitting) = (None, 0);
        for (place, recorded) in rounds.iter().enumerate() {
            let number = numbers[place];
            if !fits[place] {
                unfitting += 1;
                let what = Contradiction::RoundNumber { number, before };
                self.contradict(Some(recorded.line), cell_of(&recorded.round), what);
                continue;
            }
            let first = before.map_or(0, |before: u64| before.saturating_add(1));
            if number - first > unfitting {
                let what = Contradiction::RoundsLost { first, last: number - 1 };
                self.problems.add(Some(recorded.line), what, || None);
            }
            (before, unfitting) = (Some(number), 0);
        }
    }

    /// Times of rounds are held against the moments at which they were recorded.
    fn times(&mut self, rounds: &[Recorded]) {
        let moments: Vec<u64> = rounds.iter().map(|recorded| recorded.round.at_ms).collect();
        let fits = fitting(&moments, true);
        let mut before_ms = 0;
        for (place, Recorded { line, round }) in rounds.iter().enumerate() {
            let (cell, measured, at_ms) = (cell_of(round), &round.measured, round.at_ms);
            if !fits[place] || at_ms > LARGEST {
                self.contradict(Some(*line), cell, Contradiction::Moment { at_ms, before_ms });
                continue;
            }
            // Both moments are rounded down.
            let elapsed_ns = (at_ms - before_ms + 1).saturating_mul(MILLISECOND_NS);
            before_ms = at_ms;
            let wall_ns = measured.wall_ns;
            let deadline_ns = self.plan.groups[cell.0].deadline_ns;
            let most_ns = deadline_ns.saturating_add(extension(round, deadline_ns)).saturating_add(GRACE_NS);
            if wall_ns > most_ns {
                self.contradict(Some(*line), cell, Contradiction::PastDeadline { wall_ns, most_ns });
            } else if wall_ns > elapsed_ns {
                self.contradict(Some(*line), cell, Contradiction::LongerThanElapsed { wall_ns, elapsed_ns });
            }
            // Not the time of the round: its threads still run when the last message is delivered.
            let cpu_ns = measured.user_ns.unwrap_or(0).saturating_add(measured.system_ns.unwrap_or(0));
            let most_ns = most_cpu_ns(elapsed_ns, self.plan.machine.cores.max(1) as u64);
            if cpu_ns > most_ns {
                self.contradict(Some(*line), cell, Contradiction::TooMuchCpu { cpu_ns, most_ns });
            }
            if let Some(spin_ns) = measured.spin_ns.filter(|spin| *spin > elapsed_ns) {
                self.contradict(Some(*line), cell, out_of_range("spin_ns", spin_ns));
            }
        }
    }

    fn ranges(&mut self, Recorded { line, round }: &Recorded) {
        let (cell, measured) = (cell_of(round), &round.measured);
        let counted = [("messages", measured.messages), ("wall_ns", measured.wall_ns)];
        for (member, value) in counted {
            if value == 0 || value > LARGEST {
                self.contradict(Some(*line), cell, out_of_range(member, value));
            }
        }
        let meters = [
            ("user_ns", measured.user_ns),
            ("system_ns", measured.system_ns),
            ("voluntary", measured.voluntary),
            ("involuntary", measured.involuntary),
            ("allocations", measured.allocations),
            ("allocated_bytes", measured.allocated_bytes),
            ("peak_bytes", measured.peak_bytes),
            ("steal_ns", measured.steal_ns),
            ("frequency_hz", measured.frequency_hz),
        ];
        let counters = measured.counters.iter().map(|(name, count)| (name.as_str(), Some(*count)));
        for (member, value) in meters.into_iter().chain(counters) {
            if let Some(value) = value.filter(|value| *value > LARGEST) {
                self.contradict(Some(*line), cell, out_of_range(member, value));
            }
        }
        for figure in &measured.figures {
            if !figure.value.is_finite() || figure.value.abs() > LARGEST as f64 {
                let what = Contradiction::OutOfRange { member: figure.name.clone(), value: figure.value };
                self.contradict(Some(*line), cell, what);
            }
        }
    }

    /// All rounds of a group do the same work: as many messages as its size, or one less where messages go in pairs. Where
    /// the workload leaves the number open, it is in the range of the workload.
    fn messages(&mut self, rounds: &[Recorded]) {
        let usual = usual(rounds.iter().map(|recorded| &recorded.round), |round| {
            let (size, _) = *self.sizes.get(&round.group)?;
            let messages = round.measured.messages;
            (messages == size || messages.checked_add(1) == Some(size)).then_some(messages)
        });
        let registry = Registry::baseline();
        let sizes = self.sizes.iter().filter(|(_, (size, _))| *size <= LARGEST);
        let open =
            sizes.map(|(&group, &(size, _))| (group, work::open(&registry, &self.plan.groups[group], size)));
        let open: BTreeMap<usize, _> = open.collect();
        for Recorded { line, round } in rounds {
            let Some(&(size, _)) = self.sizes.get(&round.group) else { continue };
            let messages = round.measured.messages;
            let usual = usual.get(&round.group).copied().unwrap_or(size);
            let of_group = open.get(&round.group).cloned().flatten().unwrap_or(usual..=usual);
            if !of_group.contains(&messages) {
                self.contradict(
                    Some(*line),
                    cell_of(round),
                    Contradiction::OtherMessages { messages, of_group },
                );
            }
        }
    }

    /// Each round of a group counts the latency of as many messages.
    fn latencies(&mut self, rounds: &[Recorded]) {
        let counted = |round: &RoundLine| {
            let pairs = round.measured.latency.as_ref()?.iter();
            pairs.map(|[_, count]| *count).try_fold(0, u64::checked_add)
        };
        let usual = usual(rounds.iter().map(|recorded| &recorded.round), counted);
        for Recorded { line, round } in rounds {
            let Some(pairs) = &round.measured.latency else { continue };
            let (cell, measured) = (cell_of(round), &round.measured);
            let Some(counted) = counted(round).filter(|_| from_pairs(pairs).is_ok()) else {
                self.contradict(Some(*line), cell, Contradiction::LatencyDisorder);
                continue;
            };
            let expected = usual.get(&cell.0).copied().unwrap_or(counted).min(measured.messages);
            if counted != expected {
                self.contradict(Some(*line), cell, Contradiction::LatencyCount { counted, expected });
            }
            let (wall_ns, longest) = (measured.wall_ns, pairs.last().map_or(0, |[time, _]| *time));
            if longest > longest_latency_ns(wall_ns) {
                let what = Contradiction::LatencyPastRound { latency_ns: longest, wall_ns };
                self.contradict(Some(*line), cell, what);
            }
        }
    }

    /// An epoch that is over has a round of every open cell of its groups in each block, after one that warms up.
    fn completeness(&mut self) {
        let is_done = self.done.is_some();
        let mut recorded: BTreeMap<(usize, u32), BlocksOfEntries> = BTreeMap::new();
        for &(group, entry, epoch, block) in self.places.keys() {
            recorded.entry((group, epoch)).or_default().entry(entry).or_default().insert(block);
        }
        // A run that is not done may be in the middle of its last epoch.
        let last = self.places.keys().map(|place| place.2).max().unwrap_or(0);
        let begun: BTreeSet<RoundPosition> = self.places.keys().map(|place| (place.0, place.1)).collect();
        let none = BTreeSet::new();
        let mut missing: BTreeMap<RoundPosition, (u64, RoundPlace)> = BTreeMap::new();
        let mut epochs: BTreeMap<usize, BTreeSet<u32>> = BTreeMap::new();
        for (&(group, epoch), entries) in &recorded {
            epochs.entry(group).or_default().insert(epoch);
            if !is_done && epoch >= last {
                continue;
            }
            for entry in
                (0..self.plan.entries.len()).filter(|entry| !self.closed.contains_key(&(group, *entry)))
            {
                // A cell that a run has not come to is not run; a run that is done has come to all.
                if !is_done && !begun.contains(&(group, entry)) {
                    continue;
                }
                let blocks = entries.get(&entry).unwrap_or(&none);
                let lacking = u64::from(self.plan.blocks) + 1 - blocks.len() as u64;
                if lacking > 0 {
                    // Ends after as many steps as there are rounds.
                    let first =
                        std::iter::once(None).chain((0..).map(Some)).find(|block| !blocks.contains(block));
                    let first = RoundPlace { epoch, block: first.flatten() };
                    missing.entry((group, entry)).or_insert((0, first)).0 += lacking;
                }
            }
        }
        for (cell, (missing, first)) in missing {
            self.contradict(None, cell, Contradiction::RoundsMissing { missing, first });
        }
        let fewest = self.plan.fewest_epochs.min(self.plan.most_epochs);
        for group in 0..self.plan.groups.len() {
            let open: Vec<usize> = (0..self.plan.entries.len())
                .filter(|entry| !self.closed.contains_key(&(group, *entry)))
                .collect();
            let no_epochs = BTreeSet::new();
            let own = epochs.get(&group).unwrap_or(&no_epochs);
            let began = own.last().map_or(0, |last| last + 1);
            let expected = if is_done { began.max(fewest) } else { began };
            let missing = expected - own.len() as u32;
            if open.is_empty() || missing == 0 {
                continue;
            }
            let first = (0..).find(|epoch| !own.contains(epoch)).unwrap_or_default();
            self.contradictory.extend(open.into_iter().map(|entry| (group, entry)));
            let (plan, what) = (self.plan, Contradiction::EpochsMissing { missing, first });
            self.problems.add(None, what, || Some(plan.groups[group].name()));
        }
    }

    fn unsupported(&mut self) {
        let mut rounds: BTreeMap<RoundPosition, usize> = BTreeMap::new();
        for place in self.places.keys() {
            *rounds.entry((place.0, place.1)).or_default() += 1;
        }
        let unsupported = self.closed.iter().filter_map(|(cell, (why, line))| {
            matches!(why, Closed::Unsupported(_)).then_some(())?;
            Some((*cell, *line, *rounds.get(cell)?))
        });
        for (cell, line, rounds) in unsupported.collect::<Vec<_>>() {
            self.contradict(Some(line), cell, Contradiction::UnsupportedWithRounds { rounds });
        }
    }
}

/// The time by which the deadline of a round was extended, because its threads waited for a processor.
fn extension(round: &RoundLine, deadline_ns: u64) -> u64 {
    round.extended_ns.unwrap_or(0).min(deadline_ns.saturating_mul(u64::from(MAX_EXTENSION) - 1))
}

fn cell_of(round: &RoundLine) -> RoundPosition {
    (round.group, round.entry)
}

fn out_of_range(member: &str, value: u64) -> Contradiction {
    Contradiction::OutOfRange { member: member.to_owned(), value: value as f64 }
}

/// The name of a cell.
fn name(plan: &Plan, (group, entry): RoundPosition) -> String {
    format!("{} over {}", plan.groups[group].name(), plan.entries[entry].name)
}
