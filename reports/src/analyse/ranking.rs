//! The order of the channels on the same work.

use super::cells::MeasuredCell;
use super::paired_test::Pairs;

/// A measured cell next to the fastest one of its params.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    /// The index of the cell among those of its params.
    pub cell: usize,
    /// Its time divided by that of the fastest; `None` when the two were never in one block, so that nothing compares them.
    pub ratio: Option<f64>,
    /// The interval of the ratio; its upper bound is infinite when the epochs are too few to bound it.
    pub ratio_interval: [f64; 2],
    /// Whether it is the fastest, or the test cannot distinguish it from the fastest.
    pub tied: bool,
    /// Whether its channel has another capacity than requested: it did other work, so its ratio is no rank.
    pub altered: bool,
}

/// The measured ones of `cells`: those of `pairs`, the fastest first, then those of another capacity by their
/// medians. A cell of another capacity is never paired; its ratio is one of medians, and when there are only
/// such cells, the ratio is to the fastest of them. `share_blocks` says whether two cells were in one block.
pub(crate) fn rank(
    cells: &[MeasuredCell],
    pairs: &Pairs,
    share_blocks: &dyn Fn(usize, usize) -> bool,
) -> Vec<Ranked> {
    let measured = |index: usize| cells.get(index).and_then(MeasuredCell::measurement);
    let mut altered: Vec<_> = cells
        .iter()
        .enumerate()
        .filter(|(_, cell)| cell.effective_capacity.is_some())
        .filter_map(|(index, cell)| Some((index, cell.measurement()?)))
        .collect();
    altered.sort_by(|(_, one), (_, other)| one.median.total_cmp(&other.median));
    let fastest = pairs.order.first().copied();
    let tied = pairs.tied();
    let ranked = pairs.order.iter().map(|&cell| {
        let pair = fastest.and_then(|fastest| pairs.between(cell, fastest));
        // The fastest itself has a ratio if another channel was beside it, or if there is no other.
        let own = (fastest == Some(cell) && pairs.is_compared(cell)).then_some(1.0);
        Ranked {
            cell,
            ratio: pair.as_ref().map(|pair| pair.ratio).or(own),
            ratio_interval: pair.map_or([1.0, 1.0], |pair| pair.interval.unwrap_or([0.0, f64::INFINITY])),
            tied: tied.contains(&cell),
            altered: false,
        }
    });
    let reference = fastest.and_then(|cell| Some((cell, measured(cell)?))).or(altered.first().copied());
    let altered = altered.iter().enumerate().filter_map(|(place, (cell, measurement))| {
        let (other, reference) = reference?;
        let is_comparable = *cell == other || share_blocks(*cell, other);
        Some(Ranked {
            cell: *cell,
            ratio: is_comparable.then(|| measurement.median / reference.median),
            ratio_interval: measurement.interval.map(|bound| bound / reference.median),
            tied: fastest.is_none() && place == 0,
            altered: true,
        })
    });
    ranked.chain(altered).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::cells::{CellResult, Measurement};
    use engine::journal::Times;

    /// A cell whose rounds in 12 epochs take about `median`.
    fn cell(median: Option<f64>) -> MeasuredCell {
        let result = median.map_or(CellResult::NotRun, |median| {
            CellResult::Measured(Measurement {
                median,
                interval: [median * 0.95, median * 1.05],
                level: 0.95,
                samples: vec![median],
                messages: 1,
                epochs: 12,
            })
        });
        MeasuredCell {
            channel: "channel".to_owned(),
            result,
            rounds: 1,
            effective_capacity: None,
            replay: String::new(),
            costs: None,
            modes: Vec::new(),
        }
    }

    fn times(median: f64, swing: f64) -> Times {
        let time = |epoch: u32| median * (1.0 + swing * (f64::from(epoch % 5) - 2.0));
        (0..12).map(|epoch| (epoch, [(0, time(epoch))].into())).collect()
    }

    fn order(ranked: &[Ranked]) -> Vec<(usize, bool, bool)> {
        ranked.iter().map(|ranked| (ranked.cell, ranked.tied, ranked.altered)).collect()
    }

    #[test]
    fn cells_that_the_test_cannot_distinguish_are_tied() {
        let cells = [Some(200.0), None, Some(100.0), Some(100.5)].map(cell);
        let [slow, fast, close] = [times(200.0, 0.001), times(100.0, 0.01), times(100.5, -0.01)];
        let ranked = rank(&cells, &Pairs::of(&[(0, &slow), (2, &fast), (3, &close)]), &|_, _| true);
        assert_eq!(order(&ranked), [(2, true, false), (3, true, false), (0, false, false)]);
        let ratio = ranked[2].ratio.expect("in the same blocks");
        assert!((ratio - 2.0).abs() < 0.05, "{ranked:?}");
        let [low, high] = ranked[2].ratio_interval;
        assert!(low <= ratio && ratio <= high && high < 2.2, "{ranked:?}");
        assert_eq!(rank(&cells[1..2], &Pairs::default(), &|_, _| true), []);
    }

    #[test]
    fn channels_that_were_never_in_one_block_have_no_ratio_and_none_is_the_fastest() {
        let cells = [Some(100.0), Some(200.0)].map(cell);
        let (early, late) = (times(100.0, 0.0), times(200.0, 0.0));
        let late: Times = late.into_iter().map(|(epoch, blocks)| (epoch + 12, blocks)).collect();
        let ranked = rank(&cells, &Pairs::of(&[(0, &early), (1, &late)]), &|_, _| false);
        assert_eq!(order(&ranked), [(0, false, false), (1, false, false)]);
        assert_eq!([ranked[0].ratio, ranked[1].ratio], [None; 2]);
    }

    #[test]
    fn a_channel_of_another_capacity_is_not_the_fastest() {
        let mut cells = [Some(100.0), Some(200.0)].map(cell);
        cells[0].effective_capacity = Some("1".to_owned());
        let ranked = rank(&cells, &Pairs::of(&[(1, &times(200.0, 0.0))]), &|_, _| true);
        assert_eq!(order(&ranked), [(1, true, false), (0, false, true)]);
        assert_eq!(ranked[1].ratio, Some(0.5));
        // It was in no block with the other.
        let apart = rank(&cells, &Pairs::of(&[(1, &times(200.0, 0.0))]), &|_, _| false);
        assert_eq!(apart[1].ratio, None);
    }

    #[test]
    fn channels_of_other_capacities_alone_are_ordered_by_their_medians() {
        let mut cells = [Some(200.0), Some(100.0)].map(cell);
        cells.iter_mut().for_each(|cell| cell.effective_capacity = Some("1".to_owned()));
        let ranked = rank(&cells, &Pairs::default(), &|_, _| true);
        assert_eq!(order(&ranked), [(1, true, true), (0, false, true)]);
        assert_eq!(ranked[1].ratio, Some(2.0));
    }
}
