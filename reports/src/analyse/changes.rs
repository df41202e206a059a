//! Changes between an old and a new side: two versions in one run, or the same channels in two runs.
//!
//! Each group is one comparison, and the question is whether any of them changed. So Holm's method adjusts
//! all p-values together. A group counts as slower or faster when its adjusted p-value is at most [`ALPHA`].

use super::cells::CellResult;
use super::paired_test::{ALPHA, LEVEL, log_ratios};
use super::runs::{cell, times};
use super::statistics::{holm, rank_sum, signed_rank};
use crate::collect::runs::{RoundPosition, RunData};
use engine::journal::{RunRecords, Times};
use records::plan::Plan;
use workloads::workload::Metric;

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub enum Side {
    /// The median of its rounds, in ns/op.
    Measured(f64),
    /// A round or its runner failed; the reason.
    Failed(String),
    /// The channel or the machine does not support it; the reason.
    Unsupported(String),
    /// Its records contradict the plan or each other.
    Contradictory,
    /// It has no rounds.
    NotRun,
}

impl Side {
    /// The side that a cell of a run gives.
    pub fn of(run: &RunData, place: RoundPosition) -> Self {
        match cell(run, place, &times(run, place, Metric::Throughput)).result {
            CellResult::Measured(measurement) => Side::Measured(measurement.median),
            CellResult::Failed(how) => Side::Failed(how),
            CellResult::Unsupported(why) => Side::Unsupported(why),
            CellResult::Contradictory => Side::Contradictory,
            CellResult::NotRun => Side::NotRun,
        }
    }
}

/// The difference between the times of the old and the new side.
#[derive(Clone, Debug, PartialEq)]
pub struct Shift {
    /// Epochs of each side, the old one first.
    pub epochs: [usize; 2],
    /// Time of the new one / time of the old one.
    pub ratio: f64,
    /// Its interval at [`LEVEL`], not adjusted; `None` when the epochs are too few to bound it.
    pub interval: Option<[f64; 2]>,
    /// The p-value of "they are equal"; adjusted once it is in [`Changes`].
    pub p_value: f64,
    /// The smallest p-value that this number of epochs can give, not adjusted: that of epochs which all
    /// differ in the same direction.
    pub least_p_value: f64,
}

impl Shift {
    /// Compares times that were measured side by side, by the ratio of each epoch. `None` when no epoch has
    /// both.
    pub fn paired(old: &Times, new: &Times) -> Option<Self> {
        let ratios = log_ratios(new, old);
        if ratios.is_empty() {
            return None;
        }
        let found = signed_rank::compare(&ratios, LEVEL);
        Some(Shift {
            epochs: [found.units; 2],
            ratio: found.estimate.exp(),
            interval: found.interval.map(|interval| interval.map(f64::exp)),
            p_value: found.p_value,
            // Not `found.least_p_value`, which leaves out epochs of equal times: equal times are not missing
            // epochs.
            least_p_value: 2.0 * 0.5_f64.powi(i32::try_from(found.units).unwrap_or(i32::MAX)),
        })
    }

    /// Compares the logs of times that were measured separately, one for each epoch. `None` when either side
    /// has none.
    pub fn apart(old: &[f64], new: &[f64]) -> Option<Self> {
        if old.is_empty() || new.is_empty() {
            return None;
        }
        let found = rank_sum::compare(new, old, LEVEL);
        Some(Shift {
            epochs: [old.len(), new.len()],
            ratio: found.estimate.exp(),
            interval: found.interval.map(|interval| interval.map(f64::exp)),
            p_value: found.p_value,
            least_p_value: found.least_p_value,
        })
    }
}

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// The new one takes longer.
    Slower,
    /// The new one takes less time.
    Faster,
    /// Chance alone can explain the difference.
    NoDifference,
    /// Only the new one failed.
    FailedInNew,
    /// Only the old one failed.
    FailedInOld,
    /// Both failed.
    FailedInBoth,
    /// At least one side does not support it.
    Unsupported,
    /// At least one side has no rounds.
    NotRun,
    /// The records of at least one side contradict themselves.
    Contradictory,
    /// Both were measured, but never in one block.
    NotPaired,
    /// Both were measured, but at different effective capacities.
    OtherWork,
}

impl ChangeKind {
    /// Whether it is a difference or a failure of one side, which a report shows first.
    pub fn is_change(self) -> bool {
        matches!(
            self,
            ChangeKind::Slower | ChangeKind::Faster | ChangeKind::FailedInNew | ChangeKind::FailedInOld
        )
    }
}

/// A group, before and after.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The group, or the cell.
    pub name: String,
    /// The old side.
    pub old: Side,
    /// The new side.
    pub new: Side,
    /// The other channels of the run, in the order of [`Changes::beside`].
    pub beside: Vec<Side>,
    /// Whether both have the same effective capacity. If not, they did different work and are not compared.
    pub same_work: bool,
    /// The difference, when both were measured and did the same work.
    pub shift: Option<Shift>,
}

impl Change {
    /// Its kind.
    pub fn kind(&self) -> ChangeKind {
        use Side::{Contradictory, Failed, Measured, NotRun, Unsupported};
        match (&self.old, &self.new, &self.shift) {
            (Failed(_), Failed(_), _) => ChangeKind::FailedInBoth,
            (_, Failed(_), _) => ChangeKind::FailedInNew,
            (Failed(_), _, _) => ChangeKind::FailedInOld,
            (Contradictory, _, _) | (_, Contradictory, _) => ChangeKind::Contradictory,
            (Unsupported(_), _, _) | (_, Unsupported(_), _) => ChangeKind::Unsupported,
            (NotRun, _, _) | (_, NotRun, _) => ChangeKind::NotRun,
            (Measured(_), Measured(_), _) if !self.same_work => ChangeKind::OtherWork,
            // The run was stopped before any block had both.
            (.., None) => ChangeKind::NotPaired,
            (.., Some(shift)) if shift.p_value > ALPHA => ChangeKind::NoDifference,
            (.., Some(shift)) if shift.ratio > 1.0 => ChangeKind::Slower,
            _ => ChangeKind::Faster,
        }
    }

    /// Whether it is slower by more than `threshold`, a share, with the whole interval of the ratio beyond
    /// it. The estimate alone would reject half of the changes that are exactly as large as allowed.
    pub fn is_beyond(&self, threshold: f64) -> bool {
        let low = self.shift.as_ref().and_then(|shift| shift.interval).map(|[low, _]| low);
        self.kind() == ChangeKind::Slower && low.is_some_and(|low| low > 1.0 + threshold)
    }
}

/// Everything that was compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Changes {
    /// The name of the old one.
    pub old: String,
    /// The name of the new one.
    pub new: String,
    /// The names of the other channels that were measured in the same run.
    pub beside: Vec<String>,
    /// Each group; p-values are adjusted.
    pub all: Vec<Change>,
}

impl Changes {
    /// The changes `all`, whose p-values this adjusts.
    pub fn new([old, new]: [String; 2], beside: Vec<String>, mut all: Vec<Change>) -> Self {
        let mut shifts: Vec<&mut Shift> = all.iter_mut().filter_map(|change| change.shift.as_mut()).collect();
        let adjusted = holm::adjust(&shifts.iter().map(|shift| shift.p_value).collect::<Vec<_>>());
        for (shift, p_value) in shifts.iter_mut().zip(adjusted) {
            shift.p_value = p_value;
        }
        Changes { old, new, beside, all }
    }

    /// The changes in a run that compares two versions; `None` when its plan names no versions.
    pub fn of_versions(run: &RunData) -> Option<Self> {
        let plan = &run.plan;
        let [old, new] = plan.versions.filter(|places| places.iter().all(|at| *at < plan.entries.len()))?;
        let others: Vec<usize> =
            (0..plan.entries.len()).filter(|entry| ![old, new].contains(entry)).collect();
        let all = plan.groups.iter().enumerate().map(|(group, of)| {
            let [before, after] = [(group, old), (group, new)];
            let same_work = run.capacities.get(&before) == run.capacities.get(&after);
            let shift = || {
                let [old, new] = [before, after].map(|place| times(run, place, Metric::Throughput));
                Shift::paired(&old, &new)
            };
            Change {
                name: of.name(),
                old: Side::of(run, before),
                new: Side::of(run, after),
                beside: others.iter().map(|other| Side::of(run, (group, *other))).collect(),
                same_work,
                shift: if same_work { shift() } else { None },
            }
        });
        let name = |entry: usize| plan.entries[entry].name.clone();
        Some(Changes::new(
            [name(old), name(new)],
            others.iter().map(|entry| name(*entry)).collect(),
            all.collect(),
        ))
    }

    /// The changes of this kind.
    pub fn of(&self, kind: ChangeKind) -> impl Iterator<Item = &Change> {
        self.all.iter().filter(move |change| change.kind() == kind)
    }

    /// The number of compared groups, for which the p-values are adjusted.
    pub fn compared(&self) -> usize {
        self.all.iter().filter(|change| change.shift.is_some()).count()
    }

    /// The number of compared groups with too few epochs to show any difference, however large.
    pub fn blind(&self) -> usize {
        let shifts = self.all.iter().filter_map(|change| change.shift.as_ref());
        shifts.filter(|shift| self.is_blind(shift)).count()
    }

    /// Whether a group has too few epochs to show any difference, however large.
    pub fn is_blind(&self, shift: &Shift) -> bool {
        shift.least_p_value * self.compared() as f64 > ALPHA
    }

    /// The minimum and the maximum number of epochs over all groups and both sides.
    pub fn epochs(&self) -> [usize; 2] {
        let shifts = self.all.iter().filter_map(|change| change.shift.as_ref());
        let epochs = shifts.flat_map(|shift| shift.epochs);
        epochs.fold([usize::MAX, 0], |[least, most], epochs| [least.min(epochs), most.max(epochs)])
    }
}

/// Whether a group of a run that compares two versions is measured well enough. Only the two versions count,
/// not the other channels of the run.
pub fn settled(plan: &Plan, recorded: &RunRecords, group: usize) -> bool {
    let Some([old, new]) = plan.versions else {
        return super::runs::settled(plan, recorded, group);
    };
    let [old, new] = [old, new].map(|entry| recorded.times.get(&(Metric::Throughput, group, entry)));
    let closed = |place: Option<[usize; 2]>| {
        place.is_some_and(|places| places.iter().any(|entry| recorded.closed.contains(&(group, *entry))))
    };
    match (old, new) {
        // A side has failed, so nothing is left to compare.
        _ if closed(plan.versions) => true,
        (Some(old), Some(new)) => Shift::paired(old, new)
            .and_then(|shift| shift.interval)
            .is_some_and(|[low, high]| plan.precision > 0.0 && (high / low).ln() / 2.0 <= plan.precision),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::paired_test::min_epochs;
    use super::*;

    /// Epochs of two blocks whose ratios are `factor`, give or take a thousandth.
    fn shift(factor: f64, epochs: u32) -> Option<Shift> {
        let times = |factor: f64| -> Times {
            (0..epochs)
                .map(|epoch| {
                    let noise = 1.0 + 0.001 * f64::from((epoch * 7) % 5) * (factor - 1.0).abs();
                    (epoch, [(0, 100.0 * factor * noise), (1, 120.0 * factor * noise)].into())
                })
                .collect()
        };
        Shift::paired(&times(1.0), &times(factor))
    }

    fn change(shift: Option<Shift>) -> Change {
        Change {
            name: "ping_pong/capacity=1".to_owned(),
            old: Side::Measured(100.0),
            new: Side::Measured(100.0),
            beside: Vec::new(),
            same_work: true,
            shift,
        }
    }

    fn changes(all: Vec<Change>) -> Changes {
        Changes::new(["old".to_owned(), "new".to_owned()], Vec::new(), all)
    }

    #[test]
    fn slower_faster_and_neither() {
        let all = [1.2, 0.8, 1.0].map(|factor| change(shift(factor, 14)));
        let kinds: Vec<_> = changes(all.into()).all.iter().map(Change::kind).collect();
        assert_eq!(kinds, [ChangeKind::Slower, ChangeKind::Faster, ChangeKind::NoDifference]);
    }

    #[test]
    fn the_more_groups_the_more_epochs_are_needed() {
        for groups in [1, 2, 7, 20, 100] {
            let enough = min_epochs(groups);
            for (epochs, kind, blind) in
                [(enough, ChangeKind::Slower, 0), (enough - 1, ChangeKind::NoDifference, groups)]
            {
                // One changed and the others did not.
                let mut all = vec![change(shift(1.0, epochs)); groups - 1];
                all.push(change(shift(1.5, epochs)));
                let found = changes(all);
                assert_eq!(found.all[groups - 1].kind(), kind, "{groups} groups, {epochs} epochs");
                assert_eq!(found.blind(), blind, "{groups} groups, {epochs} epochs");
            }
        }
    }

    #[test]
    fn the_bound_of_the_interval_is_held_against_the_threshold_and_not_the_estimate() {
        let mut slower = change(Some(Shift {
            epochs: [20; 2],
            ratio: 1.06,
            interval: Some([1.02, 1.10]),
            p_value: 0.001,
            least_p_value: 0.000_002,
        }));
        assert!(slower.is_beyond(0.0) && slower.is_beyond(0.019) && !slower.is_beyond(0.05));
        // Not significant, whatever the interval says.
        slower.shift.as_mut().expect("a shift").p_value = 0.02;
        assert!(!slower.is_beyond(0.0));
        // Without an interval nothing is sure, and what is faster is never too slow.
        let mut unbounded = change(shift(1.5, 14));
        assert!(unbounded.is_beyond(0.4));
        unbounded.shift.as_mut().expect("a shift").interval = None;
        assert!(!unbounded.is_beyond(0.0));
        assert!(!change(shift(0.5, 14)).is_beyond(0.0));
    }

    #[test]
    fn a_failure_comes_before_everything_else() {
        let sides = [
            Side::Measured(1.0),
            Side::Failed("killed".to_owned()),
            Side::Unsupported("select".to_owned()),
            Side::NotRun,
        ];
        let kind = |old: usize, new: usize| {
            let [old, new] = [old, new].map(|side| sides[side].clone());
            Change { old, new, ..change(None) }.kind()
        };
        assert_eq!([kind(0, 1), kind(2, 1), kind(3, 1)], [ChangeKind::FailedInNew; 3]);
        assert_eq!([kind(1, 0), kind(1, 2), kind(1, 3)], [ChangeKind::FailedInOld; 3]);
        assert_eq!(
            (kind(1, 1), kind(2, 2), kind(0, 2)),
            (ChangeKind::FailedInBoth, ChangeKind::Unsupported, ChangeKind::Unsupported)
        );
        assert_eq!([kind(0, 3), kind(0, 0)], [ChangeKind::NotRun, ChangeKind::NotPaired]);
        let other = Change { same_work: false, ..change(None) };
        assert_eq!(other.kind(), ChangeKind::OtherWork);
    }

    #[test]
    fn times_apart_are_compared_too() {
        let logs = |from: f64| (0..12).map(|step| (from + 0.01 * f64::from(step)).ln()).collect::<Vec<_>>();
        let shift = Shift::apart(&logs(100.0), &logs(150.0)).expect("both have times");
        assert!((shift.ratio - 1.5).abs() < 0.001 && shift.p_value < 1e-5, "{shift:?}");
        assert_eq!(Shift::apart(&[], &logs(1.0)), None);
    }
}
