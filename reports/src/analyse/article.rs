//! The article's benchmark: each variant compared with the Go channel, and the published claim.

use records::machine::Machine;

use super::costs::median;
use super::paired_test::{ALPHA, Pairs};
use super::statistics::{bootstrap, holm};
use engine::article::{Extent, Origin, Round, Rounds};
use engine::journal::Times;

/// The published times in ns/op: of the buffered channel, and of the mutex with a slice.
pub const PUBLISHED: [f64; 2] = [42.0, 71.0];

/// The article's channel, which all others are compared with.
pub const CHANNEL: &str = "channel-published";

/// The article's mutex version.
pub const MUTEX: &str = "mutex-published";

/// The level of the interval of a time.
pub const LEVEL: f64 = 0.95;

/// The contents of the document.
#[derive(Clone, Debug)]
pub struct Article {
    /// When it was measured.
    pub began: String,
    /// The machine.
    pub machine: Machine,
    /// The version of Go.
    pub go: String,
    /// Whether Rust's channels were compiled with optimisation.
    pub optimised: bool,
    /// The size of the measurement.
    pub extent: Extent,
    /// The variants.
    pub rows: Vec<VariantRow>,
}

/// A variant.
#[derive(Clone, Debug, PartialEq)]
pub struct VariantRow {
    /// Its name.
    pub name: String,
    /// The language.
    pub language: &'static str,
    /// Its description.
    pub about: String,
    /// Whether it is one of the article's functions, or a corrected one.
    pub of_the_article: bool,
    /// Its result.
    pub outcome: ArticleResult,
}

/// The result of a variant.
#[derive(Clone, Debug, PartialEq)]
pub enum ArticleResult {
    /// Every round delivered all messages.
    Sound {
        /// The median in ns/op.
        time: f64,
        /// Its interval at [`LEVEL`]; `None` when so few epochs cannot bound it.
        interval: Option<[f64; 2]>,
        /// Its time over the Go channel's; `None` for the channel itself.
        beside: Option<AgainstChannel>,
    },
    /// Some round lost messages, so its times are void.
    Void {
        /// Messages delivered in a round: the minimum, the median and the maximum.
        consumed: [u64; 3],
        /// The median time of a round, in ns.
        round_ns: f64,
    },
    /// It has no rounds.
    Without(String),
}

/// A variant compared with the Go channel.
#[derive(Clone, Debug, PartialEq)]
pub struct AgainstChannel {
    /// Time of the variant / time of the channel.
    pub ratio: f64,
    /// Its interval at [`super::paired_test::LEVEL`].
    pub interval: Option<[f64; 2]>,
    /// The p-value of "they are equal", adjusted for all variants that are compared.
    pub p_value: f64,
}

impl AgainstChannel {
    /// Which of the two is faster.
    pub fn verdict(&self) -> ArticleConclusion {
        match self.p_value <= ALPHA {
            false => ArticleConclusion::Tied,
            true if self.ratio > 1.0 => ArticleConclusion::ChannelFaster,
            true => ArticleConclusion::ChannelSlower,
        }
    }
}

/// The channel compared with one variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArticleConclusion {
    /// As published.
    ChannelFaster,
    /// The other way round.
    ChannelSlower,
    /// The difference may be chance.
    Tied,
}

/// The claim that the channel is faster than the mutex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The same conclusion for every corrected mutex version.
    All(ArticleConclusion),
    /// It depends on how the mutex version is corrected.
    Depends,
}

impl Article {
    /// From the rounds.
    pub fn of(rounds: &Rounds, extent: Extent, machine: Machine, began: String) -> Self {
        let of = |name: &str| -> Vec<&Round> {
            rounds.rounds.iter().filter(|round| round.variant == name && round.block.is_some()).collect()
        };
        let channel = times(&of(CHANNEL));
        let rows: Vec<VariantRow> = rounds
            .variants
            .iter()
            .map(|variant| VariantRow {
                name: variant.name.clone(),
                language: variant.language,
                about: variant.about.clone(),
                of_the_article: variant.origin == Origin::Article,
                outcome: match rounds.without.iter().find(|(name, _)| *name == variant.name) {
                    Some((_, lack)) => ArticleResult::Without(lack.to_string()),
                    None => outcome(&of(&variant.name), &channel, extent.seed),
                },
            })
            .collect();
        let optimised = !cfg!(debug_assertions);
        let mut article = Article { began, machine, go: rounds.go.clone(), optimised, extent, rows };
        article.adjust();
        article
    }

    /// The channel is not compared with itself; the p-values of all others are adjusted together.
    fn adjust(&mut self) {
        let mut all: Vec<&mut AgainstChannel> = Vec::new();
        for row in &mut self.rows {
            if let ArticleResult::Sound { beside, .. } = &mut row.outcome {
                if row.name == CHANNEL {
                    *beside = None;
                }
                all.extend(beside);
            }
        }
        let adjusted = holm::adjust(&all.iter().map(|against| against.p_value).collect::<Vec<_>>());
        for (against, p_value) in all.into_iter().zip(adjusted) {
            against.p_value = p_value;
        }
    }

    /// The row of a variant.
    pub fn row(&self, name: &str) -> Option<&VariantRow> {
        self.rows.iter().find(|row| row.name == name)
    }

    /// The corrected mutex versions, compared with the channel.
    pub fn corrected(&self) -> Vec<(&VariantRow, &AgainstChannel)> {
        let corrected = self.rows.iter().filter(|row| row.of_the_article && row.name != MUTEX);
        corrected
            .filter_map(|row| match &row.outcome {
                ArticleResult::Sound { beside: Some(against), .. } => Some((row, against)),
                _ => None,
            })
            .collect()
    }

    /// The state of the claim; `None` when there is nothing to compare.
    pub fn claim(&self) -> Option<Claim> {
        let verdicts: Vec<ArticleConclusion> =
            self.corrected().iter().map(|(_, against)| against.verdict()).collect();
        let first = *verdicts.first()?;
        Some(if verdicts.iter().all(|other| *other == first) { Claim::All(first) } else { Claim::Depends })
    }
}

fn times(rounds: &[&Round]) -> Times {
    let mut times = Times::new();
    for round in rounds {
        if let Some(block) = round.block {
            times.entry(round.epoch).or_default().insert(block, round.ns as f64 / round.n as f64);
        }
    }
    times
}

fn outcome(rounds: &[&Round], channel: &Times, seed: u64) -> ArticleResult {
    let own = times(rounds);
    let Some(time) = median(rounds.iter().map(|round| round.ns as f64 / round.n as f64).collect()) else {
        return ArticleResult::Without("it has no measured rounds".to_owned());
    };
    if rounds.iter().any(|round| round.consumed != round.n) {
        let mut consumed: Vec<u64> = rounds.iter().map(|round| round.consumed).collect();
        consumed.sort_unstable();
        return ArticleResult::Void {
            consumed: [consumed[0], consumed[consumed.len() / 2], consumed[consumed.len() - 1]],
            round_ns: median(rounds.iter().map(|round| round.ns as f64).collect()).unwrap_or(0.0),
        };
    }
    let epochs: Vec<Vec<f64>> = own.values().map(|blocks| blocks.values().copied().collect()).collect();
    ArticleResult::Sound {
        time,
        interval: bootstrap::median(&epochs, LEVEL, seed),
        beside: Pairs::of(&[(0, &own), (1, channel)]).between(0, 1).map(|pair| AgainstChannel {
            ratio: pair.ratio,
            interval: pair.interval,
            p_value: pair.p_value,
        }),
    }
}
