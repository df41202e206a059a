//! Whether the machine was steady during a run, from what its runners measured beside each round.

use std::iter;

use super::costs::median;
use crate::collect::runs::RunData;
use crate::numbers;

/// The share of rounds whose fixed piece of work is looked at: the slowest 1 of 20.
const SLOWEST: f64 = 0.05;

/// The fixed piece of work of these takes so many times the median, at most, on a steady machine.
const STEADY: f64 = 1.2;

/// The most that a hypervisor takes of a round's time on a machine that is left alone, as a share.
const LITTLE_STEAL: f64 = 0.01;

/// What has to be said of the machine; nothing when it was steady or when no runner told.
pub fn warnings(run: &RunData) -> Vec<String> {
    let rounds = || run.rounds.values().flatten().map(|round| &round.measured);
    let spins = rounds().filter_map(|round| round.spin_ns.filter(|spin| *spin > 0));
    let spins = spins.map(|spin| spin as f64).collect();
    let stolen = rounds().filter_map(|round| Some((round.steal_ns?, round.wall_ns)));
    iter::empty().chain(unsteady(spins)).chain(steal(stolen)).collect()
}

fn unsteady(mut spins: Vec<f64>) -> Option<String> {
    let middle = median(spins.clone())?;
    spins.sort_by(f64::total_cmp);
    let slow = spins[((spins.len() - 1) as f64 * (1.0 - SLOWEST)).round() as usize] / middle;
    (slow > STEADY).then(|| {
        format!(
            "The machine was not steady: in 1 of 20 rounds a fixed piece of work took {} of its usual time or more. Ratios are \
             paired, so they hold; their intervals would be narrower on a quiet machine.",
            numbers::ratio(slow)
        )
    })
}

fn steal(rounds: impl Iterator<Item = (u64, u64)>) -> Option<String> {
    // Fractions cannot overflow, whatever a runner tells.
    let sum = |(stolen, wall), (own, time)| (stolen + own as f64, wall + time as f64);
    let (stolen, wall) = rounds.fold((0.0, 0.0), sum);
    let share = stolen / wall;
    (share > LITTLE_STEAL).then(|| {
        format!(
            "A hypervisor took {:.1} % of the processors' time from this machine while rounds ran: its neighbours are in the times.",
            share * 100.0
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_machine_needs_no_warning() {
        let steady: Vec<f64> = (0..100).map(|index| 50_000.0 + f64::from(index % 7) * 100.0).collect();
        assert_eq!(unsteady(steady.clone()), None);
        // One straggler in a hundred is no unsteady machine; ten are.
        let with = |slow: usize| [vec![150_000.0; slow], steady[slow..].to_vec()].concat();
        assert_eq!(unsteady(with(1)), None);
        let said = unsteady(with(10)).expect("10 of 100 took three times as long");
        assert!(said.contains("2.9") || said.contains("3.0"), "{said}");
        assert_eq!(unsteady(Vec::new()), None);
    }

    #[test]
    fn steal_is_a_share_of_the_rounds() {
        assert_eq!(steal([(0, 1_000), (5, 1_000)].into_iter()), None);
        assert!(steal([(0, 1_000), (100, 1_000)].into_iter()).is_some_and(|said| said.contains("5.0 %")));
        assert_eq!(steal(iter::empty()), None);
        assert!(steal([(u64::MAX, 1), (u64::MAX, 1)].into_iter()).is_some());
    }
}
