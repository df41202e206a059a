//! The density of a sample over a grid, its hills, and the evidence for the valleys between them.

use super::quantiles::quantile;

/// Silverman's factor for a kernel bandwidth that still shows two hills where there are two: "Density
/// Estimation for Statistics and Data Analysis" (1986), formula 3.31.
const SILVERMAN: f64 = 0.9;

/// The interquartile range of a normal distribution, in standard deviations, as in the same formula.
const INTERQUARTILE_OF_NORMAL: f64 = 1.34;

/// Cells of the grid in a bandwidth: the kernel is then smooth between them.
const CELLS_IN_BANDWIDTH: f64 = 4.0;

/// How far the kernel reaches, in bandwidths: beyond, a normal curve is 0.0003 of its height.
const REACH: f64 = 4.0;

/// The share of a hill's height above which a cell belongs to the hill. Lower cells belong to the valley.
const HALF_HEIGHT: f64 = 0.5;

/// A kernel estimate of the density of a sample, up to a factor, at the cells of a grid.
pub(super) struct Density<'a> {
    sorted: &'a [f64],
    /// The position of the first cell.
    origin: f64,
    /// The distance of two cells.
    step: f64,
    heights: Vec<f64>,
}

/// The deepest place between a hill and higher ground.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Valley {
    /// The position at which to cut the sample.
    pub(super) place: f64,
    /// The evidence for the valley: the log likelihood ratio, in nats, of a hill with a valley against even
    /// ground. At 2.5, for example, even ground makes the observations 12 times less likely.
    pub(super) evidence: f64,
}

impl<'a> Density<'a> {
    /// The density of a sample in ascending order, with at least two observations. The bandwidth is
    /// Silverman's, and at least `resolution`, in the sample's unit: hills nearer to each other are one.
    pub(super) fn of(sorted: &'a [f64], resolution: f64) -> Density<'a> {
        let count = sorted.len() as f64;
        let mean = sorted.iter().sum::<f64>() / count;
        let deviation =
            (sorted.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt();
        let quartiles = quantile(sorted, 0.75) - quantile(sorted, 0.25);
        let scale = deviation.min(quartiles / INTERQUARTILE_OF_NORMAL);
        let bandwidth = (SILVERMAN * scale * count.powf(-0.2)).max(resolution);

        let step = bandwidth / CELLS_IN_BANDWIDTH;
        let margin = REACH * bandwidth;
        let origin = sorted[0] - margin;
        let cells = ((sorted[sorted.len() - 1] + margin - origin) / step).ceil() as usize + 2;
        let reach = (REACH * CELLS_IN_BANDWIDTH) as usize;
        let kernel: Vec<f64> =
            (0..=reach).map(|cell| (-0.5 * (cell as f64 / CELLS_IN_BANDWIDTH).powi(2)).exp()).collect();
        let mut heights = vec![0.0; cells];
        for (cell, weight) in weights(sorted, origin, step, cells).into_iter().enumerate() {
            if weight == 0.0 {
                continue;
            }
            let first = cell.saturating_sub(reach);
            let last = (cell + reach).min(cells - 1);
            for other in first..=last {
                heights[other] += weight * kernel[cell.abs_diff(other)];
            }
        }
        Density { sorted, origin, step, heights }
    }

    /// The valley next to each hill but the highest, if it is at least half as deep as its hill is high.
    pub(super) fn valleys(&self) -> impl Iterator<Item = Valley> {
        let heights = &self.heights;
        (1..heights.len() - 1)
            .filter(|cell| heights[*cell] > heights[cell - 1] && heights[*cell] >= heights[cell + 1])
            .filter_map(|peak| self.valley_beside(peak))
    }

    /// The valley between a peak and higher ground, in the direction that needs less descent.
    fn valley_beside(&self, peak: usize) -> Option<Valley> {
        let left = self.lowest_before_higher((0..peak).rev(), peak);
        let right = self.lowest_before_higher(peak + 1..self.heights.len(), peak);
        let lowest = match (left, right) {
            (Some(left), Some(right)) if self.heights[right] > self.heights[left] => right,
            (Some(left), _) => left,
            (None, right) => right?,
        };
        let level = HALF_HEIGHT * self.heights[peak];
        if self.heights[lowest] >= level {
            return None;
        }
        let hill = self.stretch(peak, |height| height >= level);
        let valley = self.stretch(lowest, |height| height < level);
        let floor = self.stretch(lowest, |height| height <= self.heights[lowest]);
        Some(Valley {
            place: (self.place(floor[0]) + self.place(floor[1])) / 2.0,
            evidence: self.evidence(hill, valley),
        })
    }

    /// The lowest of `cells` until one is higher than `peak`; `None` when none is.
    fn lowest_before_higher(&self, cells: impl Iterator<Item = usize>, peak: usize) -> Option<usize> {
        let mut lowest = peak;
        for cell in cells {
            let height = self.heights[cell];
            // Of two equal hills, the right one yields to the left one.
            if height > self.heights[peak] || height == self.heights[peak] && cell + 1 < peak {
                return Some(lowest);
            }
            if height < self.heights[lowest] {
                lowest = cell;
            }
        }
        None
    }

    /// The first and the last cell of the run around `cell` whose heights are `like` its own.
    fn stretch(&self, cell: usize, like: impl Fn(f64) -> bool) -> [usize; 2] {
        let before = self.heights[..cell].iter().rev().take_while(|height| like(**height)).count();
        let after = self.heights[cell + 1..].iter().take_while(|height| like(**height)).count();
        [cell - before, cell + after]
    }

    /// The log likelihood ratio of the observations on the hill and in the valley: two densities against one.
    /// Even ground is the least favourable of all densities without a valley there.
    fn evidence(&self, hill: [usize; 2], valley: [usize; 2]) -> f64 {
        let cells = |[first, last]: [usize; 2]| (last - first + 1) as f64;
        let share_of_hill = cells(hill) / (cells(hill) + cells(valley));
        let [on_hill, in_valley] = [hill, valley].map(|stretch| self.observations(stretch) as f64);
        let all = on_hill + in_valley;
        let expected = [all * share_of_hill, all * (1.0 - share_of_hill)];
        if on_hill <= expected[0] {
            return 0.0;
        }
        let term =
            |found: f64, expected: f64| if found == 0.0 { 0.0 } else { found * (found / expected).ln() };
        term(on_hill, expected[0]) + term(in_valley, expected[1])
    }

    /// The number of observations that are nearest to these cells.
    fn observations(&self, [first, last]: [usize; 2]) -> usize {
        let below = |place: f64| self.sorted.partition_point(|value| *value < place);
        below(self.place(last) + self.step / 2.0) - below(self.place(first) - self.step / 2.0)
    }

    fn place(&self, cell: usize) -> f64 {
        self.origin + cell as f64 * self.step
    }
}

/// Shares each observation between its two neighbouring cells, by its distance to them.
fn weights(sorted: &[f64], origin: f64, step: f64, cells: usize) -> Vec<f64> {
    let mut weights = vec![0.0; cells];
    for value in sorted {
        let place = (value - origin) / step;
        let cell = place.floor() as usize;
        let beyond = place - cell as f64;
        weights[cell] += 1.0 - beyond;
        weights[cell + 1] += beyond;
    }
    weights
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::analyse::statistics::reference::sorted;

    #[test]
    fn two_heaps_have_one_valley_between_them() {
        let mut sorted: Vec<f64> = (0..40).map(|step| f64::from(step) / 100.0).collect();
        sorted.extend((0..10).map(|step| 2.0 + f64::from(step) / 100.0));
        let valleys: Vec<_> = Density::of(&sorted, 0.01).valleys().collect();
        assert_eq!(valleys.len(), 1, "{valleys:?}");
        assert!((1.0..1.5).contains(&valleys[0].place), "{valleys:?}");
        // Ten observations on a hill of some tenths, none in a valley four times as wide: about 10 ln 5.
        assert!((10.0..25.0).contains(&valleys[0].evidence), "{valleys:?}");
    }

    #[test]
    fn observations_that_are_all_alike_are_one_hill() {
        assert_eq!(Density::of(&[1.0; 9], 0.01).valleys().count(), 0);
    }

    #[test]
    fn of_two_equal_hills_one_gives_way() {
        // With a bandwidth of 4 all cells are at whole numbers, and the two hills are equal to the last bit.
        let mirrored = [[-8.0; 50], [8.0; 50]].concat();
        let density = Density::of(&mirrored, 4.0);
        assert!(density.heights.iter().take(30).eq(density.heights.iter().take(49).rev().take(30)));
        assert_eq!(density.valleys().count(), 1);
    }

    proptest! {
        /// The grid reaches so far beyond the sample that nothing of a kernel is cut off.
        #[test]
        fn every_observation_has_a_whole_kernel(sorted in sorted(vec(-50.0..50.0, 2..60)), resolution in 0.01..1.0) {
            let density = Density::of(&sorted, resolution);
            let kernel: f64 = (-(REACH * CELLS_IN_BANDWIDTH) as i32..=(REACH * CELLS_IN_BANDWIDTH) as i32)
                .map(|cell| (-0.5 * (f64::from(cell) / CELLS_IN_BANDWIDTH).powi(2)).exp())
                .sum();
            let all: f64 = density.heights.iter().sum();
            prop_assert!((all / (kernel * sorted.len() as f64) - 1.0).abs() < 1e-9, "{all}");
            prop_assert!(density.heights.iter().all(|height| *height >= 0.0));
        }

        #[test]
        fn a_valley_is_within_the_sample(sorted in sorted(vec(prop_oneof![0.0..1.0, 5.0..6.0], 2..60))) {
            for valley in Density::of(&sorted, 0.01).valleys() {
                prop_assert!(sorted[0] < valley.place && valley.place < sorted[sorted.len() - 1], "{valley:?}");
                prop_assert!(valley.evidence >= 0.0 && valley.evidence.is_finite(), "{valley:?}");
            }
        }
    }
}
