//! Holds each record of a verification, a model, a benchmark or the overhead against itself and against the others of its
//! file. A record that contradicts itself does not count.

use std::collections::HashMap;

use contract::shard::Shard;
use records::checksum::Checksum;
use records::model_report::{Coverage, ExplorationBounds, ModelReport, ModelVerdict};
use records::record::{BenchmarkRecord, BenchmarkStatus, Overhead, Record, Verdict, VerdictRecord};
use records::verify::MethodOutcome;

/// A contradiction in a record. [`crate::render::problems`] words it.
#[derive(Clone, Debug, PartialEq)]
pub enum BadRecord {
    /// It passed without a case.
    PassedNothing,
    /// It passed, and has the evidence of a failure: which.
    PassedWithFailure(String),
    /// A time is negative or no number.
    Time {
        /// The member.
        member: &'static str,
        /// Its value.
        value: f64,
    },
    /// There is no such shard.
    Shard(Shard),
    /// Its moment is none.
    At(String),
    /// It was cut short by nothing, or in more models than it has.
    Cuts {
        /// The models that were cut short.
        cut: u64,
        /// All models.
        models: u64,
    },
    /// It ran out of time with more cases than there are.
    MoreThanAll {
        /// The cases that were run.
        cases: u64,
        /// All cases.
        all: u64,
    },
    /// It counts other cases than its models have executions.
    OtherExecutions {
        /// The cases of the verdict.
        cases: u64,
        /// The executions of its models.
        executions: u64,
    },
    /// The failed execution is not one of those that began.
    FailedExecution {
        /// Its number.
        execution: u64,
        /// The executions that began.
        of: u64,
    },
    /// It was cut short and explored everything.
    CutExhausted,
    /// It was measured without a round or a message.
    NothingMeasured,
    /// Its ratio is none, or not in its own interval.
    Ratio {
        /// The ratio.
        ratio: f64,
        /// The interval.
        interval: [f64; 2],
    },
    /// It is the same as an earlier line.
    Repeated {
        /// The earlier line.
        first: usize,
    },
    /// It says something else than an earlier line about the same at the same moment.
    Differs {
        /// The earlier line.
        first: usize,
    },
}

/// What a record is about, in words.
pub(crate) fn subject(record: &Record) -> String {
    match record {
        Record::Benchmark(benchmark) => {
            format!("{}/{} over {}", benchmark.workload, benchmark.params, benchmark.channel)
        }
        Record::Overhead(overhead) => {
            format!("the overhead of {} against {}", overhead.channel, overhead.against)
        }
        Record::Model(model) => format!("the model {} of {}", model.model, model.subject_name()),
        Record::Verified(verified) => format!("{} by {}", verified.subject, verified.method),
    }
}

/// The contradiction in a record; `None` in a sound one.
pub(crate) fn contradiction(record: &Record) -> Option<BadRecord> {
    match record {
        Record::Benchmark(benchmark) => of_benchmark(benchmark),
        Record::Overhead(overhead) => of_overhead(overhead),
        Record::Model(model) => of_model(model),
        Record::Verified(verified) => of_verdict(verified),
    }
}

fn moment(at: &str) -> Option<BadRecord> {
    humantime::parse_rfc3339(at).is_err().then(|| BadRecord::At(at.to_owned()))
}

fn time(member: &'static str, value: f64) -> Option<BadRecord> {
    (!value.is_finite() || value < 0.0).then_some(BadRecord::Time { member, value })
}

fn shard(shard: Shard) -> Option<BadRecord> {
    (shard.index == 0 || shard.index > shard.of).then_some(BadRecord::Shard(shard))
}

fn of_benchmark(benchmark: &BenchmarkRecord) -> Option<BadRecord> {
    let is_empty = matches!(
        benchmark.status,
        BenchmarkStatus::Measured { rounds: 0, .. } | BenchmarkStatus::Measured { messages: 0, .. }
    );
    moment(&benchmark.at).or(is_empty.then_some(BadRecord::NothingMeasured))
}

fn of_overhead(overhead: &Overhead) -> Option<BadRecord> {
    let (ratio, interval) = (overhead.ratio, overhead.interval);
    let [low, high] = interval;
    // Comparisons with what is no number are false.
    let is_sound = 0.0 < low && low <= ratio && ratio <= high && high.is_finite();
    let is_empty = overhead.processes == 0 || overhead.pairs == 0;
    moment(&overhead.at)
        .or((!is_sound).then_some(BadRecord::Ratio { ratio, interval }))
        .or(is_empty.then_some(BadRecord::NothingMeasured))
}

fn of_model(model: &ModelReport) -> Option<BadRecord> {
    let (ExplorationBounds::Loom { shard: of, .. } | ExplorationBounds::Shuttle { shard: of, .. }) =
        model.bounds;
    let own = match &model.verdict {
        ModelVerdict::Passed { .. } if model.executions == 0 => Some(BadRecord::PassedNothing),
        ModelVerdict::Failed(failure) if failure.execution == 0 || failure.execution > model.executions => {
            Some(BadRecord::FailedExecution { execution: failure.execution, of: model.executions })
        }
        ModelVerdict::Cut { coverage: Coverage::Exhausted, .. } => Some(BadRecord::CutExhausted),
        _ => None,
    };
    moment(&model.at).or_else(|| time("seconds", model.seconds)).or_else(|| shard(of)).or(own)
}

fn of_verdict(verified: &VerdictRecord) -> Option<BadRecord> {
    moment(&verified.at)
        .or_else(|| time("seconds", verified.seconds))
        .or_else(|| time("budget_seconds", verified.budget_seconds))
        .or_else(|| shard(verified.shard))
        .or_else(|| match &verified.verdict {
            Verdict::Ran(outcome) => of_outcome(verified, outcome),
            Verdict::NotInstrumentable { .. } | Verdict::NotAvailable { .. } => None,
        })
}

fn of_outcome(verified: &VerdictRecord, outcome: &MethodOutcome) -> Option<BadRecord> {
    let models = verified.models.as_ref();
    let executions = |cases: u64| {
        let executions = models?.executions();
        (cases != executions).then_some(BadRecord::OtherExecutions { cases, executions })
    };
    match outcome {
        MethodOutcome::Passed { cases, .. } => {
            // A shard may have no case of its own.
            let is_whole = verified.shard == Shard::WHOLE;
            failure(verified)
                .map(BadRecord::PassedWithFailure)
                .or((*cases == 0 && is_whole).then_some(BadRecord::PassedNothing))
                .or_else(|| executions(*cases))
        }
        MethodOutcome::Cut { cases, cuts, models: of, .. } => {
            let cut = cuts.values().fold(0, |all: u64, cut| all.saturating_add(*cut));
            failure(verified)
                .map(BadRecord::PassedWithFailure)
                .or((cut == 0 || cut > *of).then_some(BadRecord::Cuts { cut, models: *of }))
                .or_else(|| executions(*cases))
        }
        MethodOutcome::OutOfTime { cases, all } => {
            let all = all.filter(|all| cases > all);
            all.map(|all| BadRecord::MoreThanAll { cases: *cases, all }).or_else(|| executions(*cases))
        }
        MethodOutcome::Failed(_)
        | MethodOutcome::Unsupported { .. }
        | MethodOutcome::Unknown { .. }
        | MethodOutcome::Shortage { .. } => None,
    }
}

/// The evidence of a failure in a record, in words.
fn failure(verified: &VerdictRecord) -> Option<String> {
    let models = verified.models.as_ref();
    let cut = models.filter(|_| matches!(verified.verdict, Verdict::Ran(MethodOutcome::Passed { .. })));
    if let Some(name) = models.and_then(|models| models.failed().next()) {
        Some(format!("the model {name} failed"))
    } else if let Some(report) =
        cut.and_then(|models| models.reports.iter().find(|report| report.cut_by().is_some()))
    {
        Some(format!("the model {} was cut short", report.model))
    } else if verified.crash.is_some() {
        Some("its process crashed".to_owned())
    } else {
        verified.replay.is_some().then(|| "a command repeats the failure".to_owned())
    }
}

/// Finds records of a file that say something about the same at the same moment.
#[derive(Debug, Default)]
pub(crate) struct Earlier {
    /// The line and the content of each record, by what it is about. Contents are compared by their checksum and length.
    seen: HashMap<Key, (usize, Content)>,
}

type Key = (u8, [String; 4], u64, Option<u64>, [u32; 2]);
type Content = (usize, Checksum);

impl Earlier {
    /// The earlier record that this one repeats or contradicts.
    pub(crate) fn against(&mut self, line: usize, record: &Record) -> Option<BadRecord> {
        let text = serde_json::to_vec(record).unwrap_or_default();
        let content = (text.len(), Checksum::of(&text));
        let (first, known) = *self.seen.entry(key(record)).or_insert((line, content));
        match first == line {
            true => None,
            false if known == content => Some(BadRecord::Repeated { first }),
            // Of the others the last one counts, and two may end within a second.
            false => matches!(record, Record::Verified(_)).then_some(BadRecord::Differs { first }),
        }
    }
}

fn key(record: &Record) -> Key {
    let texts = |texts: [&str; 4]| texts.map(str::to_owned);
    match record {
        Record::Benchmark(one) => {
            (0, texts([&one.at, &one.workload, &one.params, &one.channel]), 0, None, [0; 2])
        }
        Record::Overhead(one) => (1, texts([&one.at, &one.channel, &one.against, ""]), 0, None, [0; 2]),
        Record::Model(one) => {
            let (ExplorationBounds::Loom { shard, .. } | ExplorationBounds::Shuttle { shard, .. }) =
                one.bounds;
            let shard = [shard.index, shard.of];
            (2, texts([&one.at, &one.model, one.subject_name(), one.explorer()]), 0, None, shard)
        }
        Record::Verified(one) => {
            let shard = [one.shard.index, one.shard.of];
            (3, texts([&one.at, &one.subject, &one.version, one.method.name()]), one.seed, one.only, shard)
        }
    }
}
