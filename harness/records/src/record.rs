//! What benchmarks and models leave behind: one JSON object on each line, appended as things happen.
//!
//! This is the whole interface between what measures and what reports; anything that writes these lines can be reported.
//! Readers take the last line on a subject as the valid one, and a line that they cannot read as damage to be told of.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::crash::CrashReport;
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

/// Appends lines to a record.
#[derive(Clone, Debug)]
pub struct Recorder {
    path: PathBuf,
}

impl Recorder {
    /// A recorder of this file; it is made, with its folder, when the first line is written.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Recorder { path: path.into() }
    }

    /// Appends a line, whole or not at all as far as the system allows: it is one write.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn append(&self, record: &Record) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        OpenOptions::new().create(true).append(true).open(&self.path)?.write_all(&line)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The moment, as records write it.
pub fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// What cargo leaves in a target directory: the tag of a cache in one that it made itself, and what it knows of the compiler in any.
const CARGOS_OWN: [&str; 2] = ["CACHEDIR.TAG", ".rustc_info.json"];

/// The target directory that this program was built into: the nearest folder above it that is one of cargo's. `target` under the
/// current folder when there is none.
pub fn target_dir() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    program
        .ancestors()
        .skip(1)
        .find(|folder| CARGOS_OWN.iter().any(|file| folder.join(file).is_file()))
        .map_or_else(|| PathBuf::from("target"), Path::to_path_buf)
}

/// Criterion's directory: where the environment says (criterion's own variable), or in the target directory.
pub fn criterion_dir() -> PathBuf {
    env::var_os("CRITERION_HOME").map_or_else(|| target_dir().join("criterion"), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Must also hold for a directory that existed before cargo used it, which has no tag file.
    #[test]
    fn the_target_directory_of_this_test_is_found() {
        assert!(target_dir().is_absolute(), "{}", target_dir().display());
    }
}
