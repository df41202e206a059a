//! The order of the channels on the same work, and what may be said of it.

use super::cells::Cell;

/// A measured cell beside the fastest one of its params.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    /// The cell's index among those of its params.
    pub cell: usize,
    /// Its median over the fastest one's.
    pub ratio: f64,
    /// What the two confidence intervals leave possible for that ratio.
    pub ratio_interval: [f64; 2],
    /// True for the fastest, and for each whose confidence interval overlaps the fastest one's: not told apart from it.
    pub tied: bool,
    /// True when its channel has another capacity than the params ask for: it did other work, and stands beside the ranking.
    pub altered: bool,
}

/// The measured ones of `cells`, the fastest first; after them those of another capacity than asked for, in their order.
pub fn rank(cells: &[Cell]) -> Vec<Ranked> {
    let mut measured: Vec<_> =
        cells.iter().enumerate().filter_map(|(index, cell)| Some((index, cell.measurement()?))).collect();
    let altered = |cell: usize| cells[cell].effective_capacity.is_some();
    measured.sort_by(|(one, fast), (other, slow)| {
        altered(*one).cmp(&altered(*other)).then(fast.median.total_cmp(&slow.median))
    });
    let Some(&(_, fastest)) = measured.first() else {
        return Vec::new();
    };
    measured
        .iter()
        .enumerate()
        .map(|(place, &(cell, measurement))| Ranked {
            cell,
            ratio: measurement.median / fastest.median,
            ratio_interval: [
                measurement.interval[0] / fastest.interval[1],
                measurement.interval[1] / fastest.interval[0],
            ],
            tied: place == 0 || !altered(cell) && measurement.interval[0] <= fastest.interval[1],
            altered: altered(cell),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::cells::Outcome;
    use crate::collect::criterion::Measurement;

    fn cell(times: Option<[f64; 3]>) -> Cell {
        let outcome = times.map_or(Outcome::NotRun, |[low, median, high]| {
            Outcome::Measured(Measurement {
                median,
                interval: [low, high],
                level: 0.95,
                samples: vec![median],
                rounds_per_sample: 1,
                messages: 1,
                epochs: None,
            })
        });
        Cell {
            channel: "channel".to_owned(),
            outcome,
            rounds: 1,
            effective_capacity: None,
            remarks: Vec::new(),
            replay: None,
            costs: None,
            modes: Vec::new(),
        }
    }

    #[test]
    fn overlapping_intervals_are_not_told_apart() {
        let cells =
            [Some([190.0, 200.0, 210.0]), None, Some([95.0, 100.0, 110.0]), Some([110.0, 120.0, 130.0])]
                .map(cell);
        let ranked = rank(&cells);
        let order: Vec<_> = ranked.iter().map(|ranked| (ranked.cell, ranked.tied)).collect();
        assert_eq!(order, [(2, true), (3, true), (0, false)]);
        assert_eq!(ranked[2].ratio, 2.0);
        assert_eq!(ranked[2].ratio_interval, [190.0 / 110.0, 210.0 / 95.0]);
        assert_eq!(rank(&cells[1..2]), []);
    }

    #[test]
    fn who_has_another_capacity_is_not_the_fastest() {
        let mut cells = [Some([95.0, 100.0, 105.0]), Some([190.0, 200.0, 210.0])].map(cell);
        cells[0].effective_capacity = Some("1".to_owned());
        let ranked = rank(&cells);
        let order: Vec<_> = ranked.iter().map(|ranked| (ranked.cell, ranked.tied, ranked.altered)).collect();
        assert_eq!(order, [(1, true, false), (0, false, true)]);
        assert_eq!(ranked[1].ratio, 0.5);
    }
}
