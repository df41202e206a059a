//! How a channel ranks over all params of a workload: counts and a range. There is no single number: params
//! differ by orders of magnitude, and a channel that does not support the hard ones would win by it.

use super::cells::CellResult;
use super::page::{ParamsPage, RankSummary};

/// The summary of `channel` over `params`.
pub(crate) fn summarize(channel: &str, params: &[ParamsPage]) -> RankSummary {
    let mut summary = RankSummary { channel: channel.to_owned(), ..RankSummary::default() };
    for page in params {
        let Some(index) = page.cells.iter().position(|cell| cell.channel == channel) else {
            summary.not_run += 1;
            continue;
        };
        match page.cells[index].result {
            CellResult::Measured(_) => {}
            CellResult::Unsupported(_) => summary.unsupported += 1,
            CellResult::Failed(_) => summary.failed += 1,
            CellResult::Contradictory => summary.contradictory += 1,
            CellResult::NotRun => summary.not_run += 1,
        }
        if let Some(ranked) = page.ranking.iter().find(|ranked| ranked.cell == index) {
            if ranked.altered {
                summary.altered += 1;
                continue;
            }
            let Some(ratio) = ranked.ratio else {
                summary.not_paired += 1;
                continue;
            };
            summary.measured += 1;
            summary.fastest += usize::from(ranked.tied);
            let [smallest, largest] = summary.ratios.unwrap_or([ratio; 2]);
            summary.ratios = Some([smallest.min(ratio), largest.max(ratio)]);
        }
    }
    summary
}
