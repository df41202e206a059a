//! The axis of a time: linear from zero, or logarithmic when the times span too much for that.

/// The ratio of the largest to the smallest time from which on an axis is logarithmic.
const WIDE: f64 = 6.0;

/// The maximum number of ticks on an axis.
const MAX_TICKS: usize = 8;

/// Maps times in ns/op to positions on an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    low: f64,
    high: f64,
    logarithmic: bool,
}

impl Scale {
    /// A scale that covers all of `times`, which are above zero.
    pub(crate) fn of(times: impl IntoIterator<Item = f64>) -> Self {
        let (least, largest) = times
            .into_iter()
            .fold((f64::INFINITY, 0.0f64), |(least, largest), time| (least.min(time), largest.max(time)));
        if largest <= 0.0 {
            return Scale { low: 0.0, high: 1.0, logarithmic: false };
        }
        // The axis stays within the numbers whose logarithms are finite and whose products are exact.
        let within = |time: f64| time.clamp(f64::MIN_POSITIVE, f64::MAX);
        let (least, largest) = (within(least), within(largest));
        let logarithmic = largest > least * WIDE;
        Scale {
            low: if logarithmic { within(least / 1.2) } else { 0.0 },
            high: within(if logarithmic { largest * 1.2 } else { largest * 1.06 }),
            logarithmic,
        }
    }

    /// Whether the axis is logarithmic.
    pub(crate) fn is_logarithmic(self) -> bool {
        self.logarithmic
    }

    /// The title of the axis, with this unit.
    pub(crate) fn title(self, unit: &str) -> String {
        if self.is_logarithmic() { format!("{unit} (logarithmic)") } else { unit.to_owned() }
    }

    /// The position of a time: 0 at the low end of the axis, 1 at the high end.
    pub(crate) fn place(self, time: f64) -> f64 {
        if self.logarithmic {
            // Not by ratios, which overflow.
            let time = time.max(f64::MIN_POSITIVE);
            (time.ln() - self.low.ln()) / (self.high.ln() - self.low.ln())
        } else {
            (time - self.low) / (self.high - self.low)
        }
    }

    /// Round times along the axis, ascending.
    pub(crate) fn ticks(self) -> Vec<f64> {
        if self.logarithmic {
            // Dense within a decade or two, sparse over many.
            let candidates: [&[f64]; 4] = [&[1.0, 2.0, 3.0, 5.0, 7.0], &[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]];
            let ticks = candidates.map(|digits| self.decade_ticks(digits));
            match ticks.iter().find(|ticks| ticks.len() <= MAX_TICKS) {
                Some(ticks) => ticks.clone(),
                // More decades than ticks: every nth of them.
                None => {
                    let decades = &ticks[ticks.len() - 1];
                    decades.iter().copied().step_by(decades.len().div_ceil(MAX_TICKS)).collect()
                }
            }
        } else {
            // A step that is too small for a number of its own would never reach the end.
            let step = round_step(self.high / (MAX_TICKS as f64 - 2.0));
            let ticks = (0..=MAX_TICKS as u32).map(|index| f64::from(index) * step);
            ticks.take_while(|tick| *tick <= self.high).collect()
        }
    }

    /// Ticks at these digits of each decade.
    fn decade_ticks(self, digits: &[f64]) -> Vec<f64> {
        // Both are finite, so that the decades are at most those of the numbers.
        let decades = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        decades
            .flat_map(|decade| digits.iter().map(move |digit| digit * 10f64.powi(decade)))
            .filter(|tick| (self.low..=self.high).contains(tick))
            .collect()
    }
}

/// The smallest of 1, 2 and 5 times a power of ten that is at least `least`.
fn round_step(least: f64) -> f64 {
    let decade = 10f64.powf(least.max(f64::MIN_POSITIVE).log10().floor());
    let digit = [1.0, 2.0, 5.0].into_iter().find(|digit| digit * decade >= least);
    digit.unwrap_or(10.0) * decade
}

#[cfg(test)]
mod tests {
    use proptest::num::f64::{POSITIVE, SUBNORMAL};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_narrow_axis_starts_at_zero() {
        let scale = Scale::of([100.0, 230.0]);
        assert!(!scale.is_logarithmic());
        assert_eq!(scale.place(0.0), 0.0);
        assert!(scale.place(230.0) < 1.0);
        assert_eq!(scale.ticks(), [0.0, 50.0, 100.0, 150.0, 200.0]);
    }

    #[test]
    fn a_wide_axis_has_equal_ratios() {
        let scale = Scale::of([60.0, 2_500.0]);
        assert!(scale.is_logarithmic());
        let decade = scale.place(1_000.0) - scale.place(100.0);
        let fifth = scale.place(500.0) - scale.place(50.0);
        assert!((decade - fifth).abs() < 1e-9);
        assert_eq!(scale.ticks(), [50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0]);
        let decade = Scale::of([290.0, 1_900.0]);
        assert_eq!(decade.ticks(), [300.0, 500.0, 700.0, 1_000.0, 2_000.0]);
        assert_eq!(Scale::of([1.0, 1e7]).ticks().len(), 8);
        assert!(Scale::of([1.0, 1e30]).ticks().len() <= MAX_TICKS + 1);
    }

    /// Whatever numbers an axis covers, it has a few ticks within it, soon.
    fn is_bounded(times: [f64; 2]) {
        let began = std::time::Instant::now();
        let scale = Scale::of(times);
        let ticks = scale.ticks();
        assert!(began.elapsed() < std::time::Duration::from_secs(1), "{times:?}");
        assert!(ticks.len() <= MAX_TICKS + 1, "{times:?}: {ticks:?}");
        assert!(ticks.is_sorted() && ticks.iter().all(|tick| tick.is_finite()), "{times:?}: {ticks:?}");
        for time in times.into_iter().chain(ticks) {
            let place = scale.place(time);
            assert!((-0.01..=1.01).contains(&place), "{times:?}: {time} is at {place}");
        }
    }

    #[test]
    fn the_extremes_of_all_numbers_have_an_axis() {
        let extremes = [5e-324, f64::MIN_POSITIVE, 1e-300, 1.0, 1e307, 1e308, 1.7e308, f64::MAX];
        for one in extremes {
            extremes.iter().for_each(|other| is_bounded([one, *other]));
        }
    }

    proptest! {
        #[test]
        fn every_axis_is_bounded(one in POSITIVE | SUBNORMAL, other in POSITIVE | SUBNORMAL) {
            is_bounded([one.abs(), other.abs()]);
        }
    }

    #[test]
    fn no_times_are_no_panic() {
        assert!(Scale::of([]).ticks().len() > 1);
    }
}
