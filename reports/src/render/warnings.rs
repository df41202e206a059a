//! Warnings in words.

use records::record::Overhead;
use wording::models::limit as limit_words;

use crate::analyse::page::{Warning, WarningSource};
use wording::numbers;

/// A warning as one or two sentences.
pub fn words(warning: &Warning) -> String {
    match warning {
        Warning::Elsewhere(source, differences) => {
            let what = match source {
                WarningSource::Overheads => "The overhead was measured",
                WarningSource::Criterion => "Some criterion benchmarks ran",
            };
            format!(
                "{what} on another machine or with other versions than the run: {}.",
                differences.join("; ")
            )
        }
        Warning::FailedCells(cells) => format!(
            "{} failed: a round delivered wrong messages, panicked or hung. The page shows no time for such a cell, but the \
             command that repeats it.",
            numbers::count(*cells, "cell")
        ),
        Warning::FailedBenchmarks(benchmarks) => format!(
            "{} failed a self-check and {} no time.",
            numbers::count(*benchmarks, "criterion benchmark"),
            if *benchmarks == 1 { "has" } else { "have" }
        ),
        Warning::DamagedBenchmarks(benchmarks) => {
            format!("The time of {} cannot be read.", numbers::count(*benchmarks, "criterion benchmark"))
        }
        Warning::BesideAbandonedThreads(benchmarks) => format!(
            "The time of {} is too long by an unknown amount: threads of a hung round were still running.",
            numbers::count(*benchmarks, "criterion benchmark")
        ),
        Warning::FailedModel { model, subject, explorer } => {
            format!("The model {model} of {subject} failed under {explorer}.")
        }
        Warning::CutModel { model, subject, explorer, limit } => format!(
            "The exploration of the model {model} of {subject} under {explorer} was cut short: {}.",
            limit_words(*limit)
        ),
        Warning::OverheadMissed { missed, of, worst } => format!(
            "The harness costs more than its target of {} in {missed} of {}, up to {}. The times of fast channels include that cost.",
            numbers::ratio(Overhead::TARGET),
            numbers::count(*of, "comparison"),
            numbers::ratio(*worst)
        ),
        Warning::FailedVerification { subject, method } => {
            format!(
                "{subject} failed verification by {method}: see the failure and the command that repeats it."
            )
        }
        Warning::OtherVersion { channel, verified, measured } => {
            format!("The verified version of {channel} is {verified}, the measured one is {measured}.")
        }
        Warning::Unsteady(ratio) => format!(
            "The machine was not steady: in 1 of 20 rounds a calibration loop took at least {} its usual time. The ratios hold, \
             because they are paired; on a quiet machine their intervals would be narrower.",
            numbers::ratio(*ratio)
        ),
        Warning::Stolen(share) => format!(
            "A hypervisor took {:.1} % of the processors' time while rounds ran, so the times include the load of other machines.",
            share * 100.0
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_grammar_agree() {
        assert!(words(&Warning::Stolen(0.05)).contains("5.0 %"));
        assert!(words(&Warning::Unsteady(2.95)).contains("at least 2.95× its usual time"));
        assert!(
            words(&Warning::FailedBenchmarks(1))
                .starts_with("1 criterion benchmark failed a self-check and has no time")
        );
        assert!(
            words(&Warning::FailedBenchmarks(2))
                .starts_with("2 criterion benchmarks failed a self-check and have no time")
        );
    }
}
