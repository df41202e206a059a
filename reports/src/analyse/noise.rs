//! Whether the machine was steady during a run, from the meters of its runners.

use super::costs::median;
use super::page::Warning;
use crate::collect::runs::RunData;

/// The share of the slowest calibration loops: the quantile that is compared with the median.
const SLOWEST: f64 = 0.05;

/// The maximum ratio of that quantile to the median on a steady machine.
const STEADY: f64 = 1.2;

/// The maximum share of a round's time that a hypervisor takes on an undisturbed machine.
const MAX_STEAL: f64 = 0.01;

/// The warnings about the machine; none when it was steady or its runners report no meters.
pub(crate) fn warnings(run: &RunData) -> Vec<Warning> {
    let rounds = || run.rounds.values().flatten().map(|round| &round.measured);
    let spins = rounds().filter_map(|round| round.spin_ns.filter(|spin| *spin > 0));
    let spins = spins.map(|spin| spin as f64).collect();
    let stolen = rounds().filter_map(|round| Some((round.steal_ns?, round.wall_ns)));
    [unsteady(spins).map(Warning::Unsteady), steal(stolen).map(Warning::Stolen)]
        .into_iter()
        .flatten()
        .collect()
}

/// The ratio of the slowest calibration loops to the median, when it exceeds [`STEADY`].
fn unsteady(mut spins: Vec<f64>) -> Option<f64> {
    let middle = median(spins.clone())?;
    spins.sort_by(f64::total_cmp);
    let slow = spins[((spins.len() - 1) as f64 * (1.0 - SLOWEST)).round() as usize] / middle;
    (slow > STEADY).then_some(slow)
}

/// The stolen share of the rounds' time, when it exceeds [`MAX_STEAL`].
fn steal(rounds: impl Iterator<Item = (u64, u64)>) -> Option<f64> {
    // Floating point cannot overflow, whatever a runner reports.
    let sum = |(stolen, wall), (own, time)| (stolen + own as f64, wall + time as f64);
    let (stolen, wall) = rounds.fold((0.0, 0.0), sum);
    let share = stolen / wall;
    (share > MAX_STEAL).then_some(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_machine_needs_no_warning() {
        let steady: Vec<f64> = (0..100).map(|index| 50_000.0 + f64::from(index % 7) * 100.0).collect();
        assert_eq!(unsteady(steady.clone()), None);
        // One straggler in a hundred does not make a machine unsteady; ten do.
        let with = |slow: usize| [vec![150_000.0; slow], steady[slow..].to_vec()].concat();
        assert_eq!(unsteady(with(1)), None);
        let slow = unsteady(with(10)).expect("10 of 100 took three times as long");
        assert!((2.9..3.1).contains(&slow), "{slow}");
        assert_eq!(unsteady(Vec::new()), None);
    }

    #[test]
    fn steal_is_a_share_of_the_rounds() {
        assert_eq!(steal([(0, 1_000), (5, 1_000)].into_iter()), None);
        assert!(
            steal([(0, 1_000), (100, 1_000)].into_iter()).is_some_and(|share| (share - 0.05).abs() < 1e-9)
        );
        assert_eq!(steal(std::iter::empty()), None);
        assert!(steal([(u64::MAX, 1), (u64::MAX, 1)].into_iter()).is_some());
    }
}
