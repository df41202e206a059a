//! The records of benchmarks, models and verifications: one JSON object on each line, appended as things happen.
//!
//! They are the whole interface between what measures and what reports; anything that writes these lines can be reported.
//! The last line on a subject is the valid one. A reader leaves a line out that it cannot read, and reports it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::crash::CrashReport;
use crate::format::Format;
use crate::machine::Machine;
use crate::model_report::{ExploredModels, ModelReport};
use crate::verify::{Method, MethodOutcome, Shard};
use workloads::params::{Kind, Params};
use workloads::workload::WorkloadInfo;

/// The file of the criterion benchmarks, inside criterion's directory.
pub const BENCH_FILE: &str = "chanlab.jsonl";

/// The file of the models, inside the target directory that they were built in.
pub const MODELS_FILE: &str = "chanlab-models.jsonl";

/// The file of a verification, inside its folder.
pub const VERIFIED_FILE: &str = "verified.jsonl";

/// The version of the lines of criterion benchmarks and of the harness's cost.
pub const BENCH_FORMAT: u32 = 1;

/// The version of the lines of a verification. Version 1 called the verdict `answer`, the crash report `remains`, and the end of its
/// standard error `last_words`.
pub const VERDICT_FORMAT: u32 = 2;

/// One line of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Record {
    /// The end of a criterion benchmark.
    Benchmark(BenchmarkRecord),
    /// The cost of the harness, relative to a hand-written loop.
    Overhead(Overhead),
    /// The report on a model.
    Model(Box<ModelReport>),
    /// The verdict of a method of verification.
    Verified(Box<VerdictRecord>),
}

/// The params of a workload, as plans and pages store them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParamsRecord {
    /// The short form, which also names the benchmark group.
    pub id: String,
    /// Every parameter with its value.
    pub values: BTreeMap<String, String>,
    /// The names of the parameters that count threads.
    pub threads: Vec<String>,
    /// The name of the parameter that is a capacity.
    pub capacity: Option<String>,
}

impl ParamsRecord {
    /// The record of `params` of `workload`.
    pub fn new(workload: &WorkloadInfo, params: &Params) -> Self {
        let text = params.to_string();
        let names = |wanted: Kind| {
            workload.params.iter().filter(move |spec| spec.kind == wanted).map(|spec| spec.name.to_owned())
        };
        ParamsRecord {
            id: params.id(),
            values: text
                .split(',')
                .filter_map(|pair| pair.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            threads: names(Kind::Threads).collect(),
            capacity: names(Kind::Capacity).next(),
        }
    }
}

/// The end of a criterion benchmark: one channel on one workload with its params.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenchmarkRecord {
    /// The version of the line.
    #[serde(default)]
    pub format: Format<{ BENCH_FORMAT }>,
    /// When it ended (RFC 3339, UTC).
    pub at: String,
    /// The command, as it was typed.
    pub command: String,
    /// The name of the profile.
    pub profile: String,
    /// The workload.
    pub workload: String,
    /// The short form of the params.
    pub params: String,
    /// The channel.
    pub channel: String,
    /// How it ended.
    pub status: BenchmarkStatus,
    /// The channel's capacity, where it differs from the requested one.
    pub effective_capacity: Option<String>,
    /// The command that repeats its rounds.
    pub replay: String,
    /// The machine.
    pub machine: Machine,
}

/// How a criterion benchmark ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum BenchmarkStatus {
    /// It was measured, and every round verified itself.
    Measured {
        /// The number of rounds, including warm-up and self-check.
        rounds: u64,
        /// Messages delivered in each round.
        messages: u64,
        /// Whether threads of an earlier, hung round were still running.
        beside_abandoned_threads: bool,
    },
    /// The channel or the machine does not support it.
    Unsupported {
        /// The reason.
        reason: String,
    },
    /// A round failed, so that the benchmark has no time.
    Failed {
        /// The reason.
        reason: String,
    },
}

/// The cost of the harness: rounds in pairs with those of a hand-written loop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overhead {
    /// The version of the line.
    #[serde(default)]
    pub format: Format<{ BENCH_FORMAT }>,
    /// When it was measured (RFC 3339, UTC).
    pub at: String,
    /// The channel.
    pub channel: String,
    /// The kind of hand-written loop.
    pub against: String,
    /// The number of processes that made the comparison.
    pub processes: usize,
    /// Pairs of rounds in each process.
    pub pairs: usize,
    /// The median over the processes of each one's median ratio: the time of the harness divided by that of the loop.
    pub ratio: f64,
    /// A 95 % interval of that median.
    pub interval: [f64; 2],
    /// The machine.
    pub machine: Machine,
}

impl Overhead {
    /// The maximum ratio that the harness aims for.
    pub const TARGET: f64 = 1.02;

    /// Whether the harness costs no more than [`Overhead::TARGET`]; `None` when the interval contains the target, so that the
    /// measurement cannot decide.
    pub fn meets_target(&self) -> Option<bool> {
        let [low, high] = self.interval;
        if high <= Self::TARGET {
            Some(true)
        } else if low > Self::TARGET {
            Some(false)
        } else {
            None
        }
    }
}

/// The verdict of a method on a channel, or on a workload's coordination, with its circumstances.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerdictRecord {
    /// The version of the line.
    #[serde(default)]
    pub format: Format<{ VERDICT_FORMAT }>,
    /// When it ended (RFC 3339, UTC).
    pub at: String,
    /// The command, as it was typed.
    pub command: String,
    /// The channel, or the workload whose coordination a model explores.
    pub subject: String,
    /// Its version.
    pub version: String,
    /// The method.
    pub method: Method,
    /// The seed that, with its number, decides a case.
    pub seed: u64,
    /// The shard of the cases.
    pub shard: Shard,
    /// The only case that was run: it does not count towards coverage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<u64>,
    /// The number of seconds after which no case began.
    pub budget_seconds: f64,
    /// Seconds taken.
    pub seconds: f64,
    /// The verdict.
    #[serde(alias = "answer")]
    pub verdict: Verdict,
    /// The evidence of a process that hung, or ended before it reported.
    #[serde(default, alias = "remains", skip_serializing_if = "Option::is_none")]
    pub crash: Option<CrashReport>,
    /// The command that reproduces a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<String>,
    /// The reports of the models, of a method that explores some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<ExploredModels>,
    /// The machine.
    pub machine: Machine,
}

/// The verdict of a method on a subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The method ran, with this outcome.
    Ran(MethodOutcome),
    /// The channel's code does not use the primitives that the method controls.
    NotInstrumentable {
        /// The reason.
        reason: String,
    },
    /// The method cannot run on this machine, or not in this shard.
    NotAvailable {
        /// The reason.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION_1: &str = r#"{"kind":"verified","at":"2026-01-02T03:04:05Z","command":"chanlab verify","subject":"flume",
        "version":"0.12.0","method":"rounds","seed":7,"shard":{"index":1,"of":2},"budget_seconds":1.0,"seconds":0.5,
        "answer":{"ran":{"outcome":"passed","cases":3,"bounds":"b"}},
        "remains":{"ended":"exit code 1","last_words":["a"],"backtrace":null},
        "machine":{"cpu":"c","cores":1,"kernel":"k","system":"s","rustc":"r","channels":{}}}"#;

    #[test]
    fn a_verdict_of_version_1_is_read_and_written_in_the_newest() {
        let record: Record = serde_json::from_str(VERSION_1).expect("an old record");
        let Record::Verified(verified) = &record else { panic!("{record:?}") };
        let passed = MethodOutcome::Passed { cases: 3, bounds: "b".to_owned() };
        assert_eq!(verified.verdict, Verdict::Ran(passed));
        assert_eq!(verified.crash.as_ref().expect("a crash report").stderr_tail, ["a"]);
        let newest = serde_json::to_string(&record).expect("plain data");
        assert!(newest.starts_with(r#"{"kind":"verified","format":2,"#), "{newest}");
        assert!(newest.contains(r#""verdict":{"ran":"#), "{newest}");
        assert_eq!(serde_json::from_str::<Record>(&newest).expect("its own line"), record);
    }

    #[test]
    fn a_newer_line_says_that_it_is_newer() {
        for (kind, newest) in [("verified", 2), ("benchmark", 1), ("overhead", 1), ("model", 1)] {
            let line = format!(r#"{{"kind":"{kind}","format":{},"colour":"red"}}"#, newest + 1);
            let error = serde_json::from_str::<Record>(&line).expect_err("newer").to_string();
            assert!(error.starts_with("written by a newer chanlab: format "), "{error}");
        }
    }
}
