//! The experiments that ask whether `chanlab run` can be believed: the plans of their runs, and what these say.
//!
//! - *A/A*: every channel under two names. Whatever is called different is a false alarm.
//! - *Sensitivity*: a channel and the same channel slowed, by a planted amount, on work where the receiver is the
//!   bottleneck, so that what is planted is what has to be measured.
//!
//! A comparison is made as `chanlab ab` makes it: of two entries alone, without the adjustment for other pairs, which would
//! make false alarms rarer and slowdowns harder to find.

use std::fmt;
use std::ops::Range;

use harness::machine::Machine;
use harness::record::Overhead;

use super::paired_test::{Pair, Pairs};
use crate::numbers;
use crate::run::journal::{Metric, RunRecords, Times};
use crate::run::plan::Launch;
use crate::run::plan::{Entry, Plan};

/// The second name of a channel in an A/A run.
const AGAIN: &str = " again";

/// Every entry of `plan` twice.
pub fn doubled(plan: Plan) -> Plan {
    let again = |entry: &Entry| Entry { name: entry.name.clone() + AGAIN, ..entry.clone() };
    let entries = plan.entries.iter().flat_map(|entry| [entry.clone(), again(entry)]).collect();
    Plan { entries, ..plan }
}

/// `plan` over the slowed channel, once for each of these numbers of steps; the first is the reference.
pub fn slowed(plan: Plan, steps: &[u64]) -> Plan {
    let version = plan.machine.channels.get("crossbeam").cloned().unwrap_or_default();
    let entry = |&steps: &u64| Entry {
        name: format!("slowed by {steps} steps"),
        channel: "slowed".to_owned(),
        version: version.clone(),
        launch: Launch::Slowed(steps),
        about: None,
    };
    Plan { entries: steps.iter().map(entry).collect(), ..plan }
}

/// One comparison of two entries on a group, over some of the epochs.
pub fn compared(
    recorded: &RunRecords,
    group: usize,
    [one, other]: [usize; 2],
    epochs: Range<u32>,
) -> Option<Pair> {
    let of = |entry: usize| -> Option<Times> {
        let times = recorded.times.get(&(Metric::Throughput, group, entry));
        let times = times.filter(|_| !recorded.closed.contains(&(group, entry)))?;
        Some(times.range(epochs.clone()).map(|(epoch, blocks)| (*epoch, blocks.clone())).collect())
    };
    Pairs::of(&[(one, &of(one)?), (other, &of(other)?)]).between(one, other)
}

/// The comparisons of pairs of entries on each group, each over so many epochs in a row.
pub fn trials(plan: &Plan, recorded: &RunRecords, pairs: &[[usize; 2]], epochs: u32) -> Vec<Pair> {
    let mut found = Vec::new();
    for group in 0..plan.groups.len() {
        for trial in 0..plan.most_epochs / epochs {
            let part = trial * epochs..(trial + 1) * epochs;
            found.extend(pairs.iter().filter_map(|&pair| compared(recorded, group, pair, part.clone())));
        }
    }
    found
}

/// The pairs of a [`doubled`] plan: each channel beside itself.
pub fn twins(plan: &Plan) -> Vec<[usize; 2]> {
    (0..plan.entries.len() / 2).map(|pair| [2 * pair + 1, 2 * pair]).collect()
}

/// What the A/A experiment found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alarms {
    /// Comparisons of a channel with itself.
    pub comparisons: usize,
    /// Those that were called different.
    pub different: usize,
    /// The half width of the middle one's interval, as a share.
    pub half_width: f64,
}

impl Alarms {
    /// Of so many comparisons at least the share is taken.
    pub const FEWEST: usize = 200;

    /// The most that may be called different, as a share.
    pub const MOST: f64 = 0.02;

    /// What these comparisons of equal things say.
    pub fn of(pairs: &[Pair]) -> Self {
        Alarms {
            comparisons: pairs.len(),
            different: pairs.iter().filter(|pair| pair.differs()).count(),
            half_width: middle(pairs.iter().map(Pair::half_width)),
        }
    }

    /// The share that was called different.
    pub fn share(&self) -> f64 {
        self.different as f64 / self.comparisons as f64
    }

    /// Whether the target is met.
    pub fn is_met(&self) -> bool {
        self.comparisons >= Self::FEWEST && self.share() <= Self::MOST
    }
}

/// What became of a planted slowdown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// The slowdown that was planted, in per cent.
    pub percent: u64,
    /// The steps of work that make it.
    pub steps: u64,
    /// Trials.
    pub trials: usize,
    /// Those in which it was found: called different, and slower.
    pub found: usize,
    /// The middle of the measured ratios.
    pub ratio: f64,
}

impl Found {
    /// The slowdown that has to be found, in per cent.
    pub const PERCENT: u64 = 5;

    /// In this share of the trials at least.
    pub const LEAST: f64 = 0.95;

    /// What these trials say of a slowdown.
    pub fn of(percent: u64, steps: u64, pairs: &[Pair]) -> Self {
        Found {
            percent,
            steps,
            trials: pairs.len(),
            found: pairs.iter().filter(|pair| pair.differs() && pair.ratio > 1.0).count(),
            ratio: middle(pairs.iter().map(|pair| pair.ratio)),
        }
    }

    /// The share of the trials in which it was found.
    pub fn share(&self) -> f64 {
        self.found as f64 / self.trials as f64
    }

    /// Whether the target is met, where there is one.
    pub fn is_met(&self) -> Option<bool> {
        (self.percent == Self::PERCENT).then(|| self.share() >= Self::LEAST)
    }
}

/// One trial of a planted slowdown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trial {
    /// Its epochs.
    pub epochs: u32,
    /// What its two entries took on all groups.
    pub seconds: f64,
    /// What `chanlab ab` has for that, unless it is told otherwise.
    pub budget_seconds: u64,
}

/// The same experiments with criterion's verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Criterion {
    /// Benchmarks that were called faster or slower than themselves.
    pub different: usize,
    /// Benchmarks that were compared with themselves.
    pub comparisons: usize,
    /// For each planted slowdown, in per cent: trials in which it was found, and trials.
    pub found: Vec<(u64, usize, usize)>,
}

/// Everything that `chanlab honesty` found out.
#[derive(Clone, Debug)]
pub struct Honesty {
    /// The command.
    pub command: String,
    /// When it ended (RFC 3339, UTC).
    pub at: String,
    /// Where.
    pub machine: Machine,
    /// Epochs of one A/A comparison.
    pub epochs: u32,
    /// The A/A experiment.
    pub alarms: Alarms,
    /// A trial of a planted slowdown.
    pub trial: Trial,
    /// The planted slowdowns.
    pub found: Vec<Found>,
    /// Criterion's verdicts; `None` when it was left out.
    pub criterion: Option<Criterion>,
    /// The harness beside loops written by hand, as `cargo bench --bench overhead` recorded it.
    pub overheads: Vec<Overhead>,
}

impl Honesty {
    /// Whether the targets of the first two experiments are met.
    pub fn is_met(&self) -> bool {
        self.alarms.is_met() && self.found.iter().all(|found| found.is_met() != Some(false))
    }

    /// One line for each experiment.
    pub fn summary(&self) -> Vec<String> {
        let verdict = |met: bool| if met { "met" } else { "MISSED" };
        let alarms = &self.alarms;
        let mut lines = vec![format!(
            "A/A: {} of {} comparisons called different, {} (target: at most {}, of {} or more: {})",
            alarms.different,
            alarms.comparisons,
            per_cent(alarms.share()),
            per_cent(Alarms::MOST),
            Alarms::FEWEST,
            verdict(alarms.is_met())
        )];
        for found in &self.found {
            let target = found.is_met().map_or(String::new(), |met| {
                format!(" (target: at least {}: {})", per_cent(Found::LEAST), verdict(met))
            });
            lines.push(format!(
                "a slowdown of {} %: found in {} of {} trials, {}{target}",
                found.percent,
                found.found,
                found.trials,
                per_cent(found.share())
            ));
        }
        if let Some(criterion) = &self.criterion {
            lines.push(format!(
                "criterion, A/A: {} of {} benchmarks called faster or slower than themselves, {}",
                criterion.different,
                criterion.comparisons,
                per_cent(criterion.different as f64 / criterion.comparisons as f64)
            ));
            for (percent, found, trials) in &criterion.found {
                lines.push(format!(
                    "criterion, a slowdown of {percent} %: found in {found} of {trials} trials"
                ));
            }
        }
        lines
    }
}

impl fmt::Display for Honesty {
    /// The document, in Markdown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# Can the measurements be believed?\n")?;
        writeln!(
            f,
            "Generated by `{}` on {}; the numbers are of that machine.\n",
            self.command,
            numbers::date(&self.at)
        )?;
        writeln!(
            f,
            "{}, {} logical processors, {}, kernel {}, {}\n",
            self.machine.cpu,
            self.machine.cores,
            self.machine.system,
            self.machine.kernel,
            self.machine.rustc
        )?;
        writeln!(f, "## What was found\n")?;
        for line in self.summary() {
            writeln!(f, "- {line}")?;
        }
        writeln!(f, "\n## A/A: false alarms\n")?;
        writeln!(
            f,
            "Every channel ran under two names, in the same blocks, on every group of the quick profile. A comparison is one channel \
             beside itself over {} epochs, by the signed-rank test at {} %, as `chanlab ab` makes it. Half of the comparisons knew \
             the ratio to {} or better, either way.\n",
            self.epochs,
            per_cent(super::paired_test::ALPHA).trim_end_matches(" %"),
            per_cent(self.alarms.half_width)
        )?;
        writeln!(f, "## Sensitivity: planted slowdowns\n")?;
        writeln!(
            f,
            "crossbeam beside itself with some steps of work more in each receive, on `producer_consumer` where the receiver is the \
             bottleneck (`work=1000`, about a microsecond for each message; capacity 64, capacity 1024, and four producers). A trial is \
             a comparison over {} epochs, by the same test; on all three groups it took {:.0} s, of the {} s that `chanlab ab` has \
             unless it is told otherwise. The steps were calibrated on the same machine before. Where two threads contend \
             and nothing else takes time, rounds differ by more, and so do the differences that can be found: see how wide \
             the interval of a ratio is.\n",
            self.trial.epochs, self.trial.seconds, self.trial.budget_seconds
        )?;
        writeln!(
            f,
            "| planted | steps | trials | found | middle of the measured ratios |\n| --- | --- | --- | --- | --- |"
        )?;
        for found in &self.found {
            writeln!(
                f,
                "| {} % | {} | {} | {} | {:.3} |",
                found.percent,
                found.steps,
                found.trials,
                per_cent(found.share()),
                found.ratio
            )?;
        }
        writeln!(f, "\n## The same with criterion\n")?;
        match &self.criterion {
            None => writeln!(f, "Not run (`--without-criterion`).")?,
            Some(criterion) => {
                writeln!(
                    f,
                    "Every benchmark of the quick profile was measured twice, on the same machine in the same hour, the second time \
                     with the first as its baseline: criterion called {} of {} faster or slower than itself. That is not like \
                     for like: its two measurements are minutes apart and short, and its verdict is at 5 % and beyond 1 % of \
                     noise, where chanlab's are interleaved and at 1 %; and few false alarms are cheap where intervals are as \
                     wide as above. Of the planted slowdowns, on `producer_consumer/capacity=64,work=1000` with the standard profile, it found:\n",
                    criterion.different, criterion.comparisons
                )?;
                for (percent, found, trials) in &criterion.found {
                    writeln!(f, "- {percent} %: {found} of {trials} trials")?;
                }
            }
        }
        writeln!(f, "\n## The cost of the harness\n")?;
        if self.overheads.is_empty() {
            return writeln!(f, "Not recorded here (`cargo bench --bench overhead`).");
        }
        writeln!(
            f,
            "As `cargo bench --bench overhead` recorded it; the target is at most {}. On `one thread`, and with `same checks, work` \
             on two, the ratio is the harness's cost. With the `same checks` and no work two threads do nothing but contend, \
             and a nanosecond more or less between two calls, on either side, moves the ratio by a tenth, up or down: it is \
             told here, and no cost of the harness can be read from it. Beside `plain numbers` the ratio is all that the \
             harness does: numbered and counted messages, ledgers, threads with a deadline.\n",
            Overhead::TARGET
        )?;
        writeln!(
            f,
            "| channel | beside | ratio | 95 % interval | target |\n| --- | --- | --- | --- | --- |"
        )?;
        for overhead in &self.overheads {
            let target = match overhead.meets_target() {
                Some(true) => "met",
                Some(false) => "missed",
                None => "not decided",
            };
            let [low, high] = overhead.interval;
            writeln!(
                f,
                "| {} | {} | {:.3} | {low:.3} to {high:.3} | {target} |",
                overhead.channel, overhead.against, overhead.ratio
            )?;
        }
        Ok(())
    }
}

fn per_cent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// The middle one.
fn middle(values: impl Iterator<Item = f64>) -> f64 {
    super::costs::median(values.collect()).unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Times of two entries on one group: the second takes `factor` times as long; noise is a few per cent, and the same each time.
    fn recorded(factor: f64, epochs: u32) -> RunRecords {
        let time = |entry: u64, epoch: u32, block: u32| {
            let state = (u64::from(epoch) * 131 + u64::from(block) * 31 + entry * 17 + 7)
                .wrapping_mul(0x9E37_79B9_7F4A_7C15);
            100.0 * (1.0 + 0.04 * ((state >> 40) as f64 / f64::from(1_u32 << 24) - 0.5))
        };
        let mut recorded = RunRecords::default();
        for (entry, factor) in [(0, 1.0), (1, factor)] {
            let times: Times = (0..epochs)
                .map(|epoch| {
                    let blocks: BTreeMap<u32, f64> =
                        (0..2).map(|block| (block, factor * time(entry, epoch, block))).collect();
                    (epoch, blocks)
                })
                .collect();
            recorded.times.insert((Metric::Throughput, 0, entry as usize), times);
        }
        recorded
    }

    #[test]
    fn a_planted_slowdown_is_found_and_equal_channels_are_not_called_different() {
        let whole = |factor| compared(&recorded(factor, 20), 0, [1, 0], 0..20).expect("both have times");
        assert!(!whole(1.0).differs(), "{:?}", whole(1.0));
        let slower = whole(1.05);
        assert!(slower.differs() && slower.ratio > 1.03, "{slower:?}");
        let both = [whole(1.0), slower.clone()];
        assert_eq!((Found::of(5, 40, &both).found, Alarms::of(&[slower]).different), (1, 1));
        // Five epochs are no verdict.
        let few = compared(&recorded(1.05, 20), 0, [1, 0], 5..10).expect("both have times");
        assert_eq!((few.epochs, few.differs()), (5, false));
    }

    #[test]
    fn a_closed_cell_is_no_comparison() {
        let mut recorded = recorded(1.0, 20);
        recorded.closed.insert((0, 1));
        assert_eq!(compared(&recorded, 0, [1, 0], 0..20), None);
    }
}
