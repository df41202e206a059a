//! How each channel stands over all params of a workload: counts and a range. Never one number for all, since params differ
//! by orders of magnitude and a channel that lacks the hard ones would win by it.

use super::cells::Outcome;
use super::page::ParamsPage;

/// A channel over all params of a workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The channel.
    pub channel: String,
    /// Params with a time, at the capacity that was asked for.
    pub measured: usize,
    /// Params with a time, at another capacity.
    pub altered: usize,
    /// Params where it is the fastest, or not told apart from it.
    pub fastest: usize,
    /// The least and the largest of its ratios to the fastest; `None` without a time.
    pub ratios: Option<[f64; 2]>,
    /// Params that it, or the machine, cannot do.
    pub unsupported: usize,
    /// Params where a round failed.
    pub failed: usize,
    /// Params whose measurement cannot be read.
    pub damaged: usize,
    /// Params without a record.
    pub not_run: usize,
}

/// The standing of `channel` over `params`.
pub fn standing(channel: &str, params: &[ParamsPage]) -> Standing {
    let mut standing = Standing {
        channel: channel.to_owned(),
        measured: 0,
        altered: 0,
        fastest: 0,
        ratios: None,
        unsupported: 0,
        failed: 0,
        damaged: 0,
        not_run: 0,
    };
    for page in params {
        let Some(index) = page.cells.iter().position(|cell| cell.channel == channel) else {
            standing.not_run += 1;
            continue;
        };
        match page.cells[index].outcome {
            Outcome::Measured(_) => {}
            Outcome::Unsupported(_) => standing.unsupported += 1,
            Outcome::Failed(_) => standing.failed += 1,
            Outcome::Damaged(_) => standing.damaged += 1,
            Outcome::NotRun => standing.not_run += 1,
        }
        if let Some(ranked) = page.ranking.iter().find(|ranked| ranked.cell == index) {
            if ranked.altered {
                standing.altered += 1;
                continue;
            }
            standing.measured += 1;
            standing.fastest += usize::from(ranked.tied);
            let [least, largest] = standing.ratios.unwrap_or([ranked.ratio; 2]);
            standing.ratios = Some([least.min(ranked.ratio), largest.max(ranked.ratio)]);
        }
    }
    standing
}
