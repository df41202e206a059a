//! Where the data is: criterion's directory with the record of the benchmarks in it, the records of the models, and those of
//! verifications.

use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use harness::record::{BENCH_FILE, MODELS_FILE, criterion_dir, target_dir};

use super::criterion::Benchmarks;
use super::records::Records;
use super::runs::{RunData, newest};
use super::verified::VerifiedRecords;

/// What to do when there is nothing to report.
const REMEDY: &str = "run chanlab, or scripts/bench (cargo bench), first";

/// The folder of runs of this kind, in the target directory: `runs` for those that pages are of.
pub fn runs_folder(kind: &str) -> PathBuf {
    target_dir().join("chanlab").join(kind)
}

/// The kind of the runs that pages are of.
pub const RUNS: &str = "runs";

/// The kind of the folders that verifications are kept in.
pub const VERIFICATIONS: &str = "verify";

/// Where to read from; `None` is the default place.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The folder of a run. Without it, and without a directory of criterion's, the newest run is taken if there is one.
    pub run: Option<PathBuf>,
    /// No run, but only what `cargo bench` left.
    pub benchmarks_only: bool,
    /// Criterion's directory.
    pub input: Option<PathBuf>,
    /// The records of the models. Without any, those of each explorer in the target directory are taken. Only what was named has
    /// to exist.
    pub models: Vec<PathBuf>,
    /// Records of verifications: files, or folders of them. Without any, and without a directory of criterion's, all of the target
    /// directory are taken. Only what was named has to exist.
    pub verified: Vec<PathBuf>,
}

/// Everything that was read.
#[derive(Clone, Debug)]
pub struct Collected {
    /// Criterion's directory.
    pub input: PathBuf,
    /// The record of the benchmarks; it holds at least one run.
    pub records: Records,
    /// What criterion measured.
    pub benchmarks: Benchmarks,
    /// The records of the models; empty when no model was run.
    pub models: Records,
}

impl Sources {
    /// Reads the run that the page is of; `None` for a page of what `cargo bench` left.
    ///
    /// # Errors
    ///
    /// When the run cannot be read.
    pub fn run(&self) -> Result<Option<RunData>> {
        if self.benchmarks_only {
            return Ok(None);
        }
        let newest = || self.input.is_none().then(|| newest(&runs_folder(RUNS))).flatten();
        self.run.clone().or_else(newest).map(|folder| RunData::read(&folder)).transpose()
    }

    /// Reads what `cargo bench` left, for a page that is of a run. Only a directory that was named has to have something.
    ///
    /// # Errors
    ///
    /// When the directory that was named has nothing to report.
    pub fn beside_a_run(&self) -> Result<Option<Collected>> {
        match self.collect() {
            Err(_) if self.input.is_none() => Ok(None),
            collected => collected.map(Some),
        }
    }

    /// Reads what `cargo bench` left, and the models.
    ///
    /// # Errors
    ///
    /// When there is nothing to report: which file or folder is missing, and what to do.
    pub fn collect(&self) -> Result<Collected> {
        let input = self.input.clone().unwrap_or_else(criterion_dir);
        if !input.is_dir() {
            bail!("there is no folder {}: {REMEDY}, or name another with --input", input.display());
        }
        let bench_file = input.join(BENCH_FILE);
        let records = match Records::read(&bench_file) {
            Ok(records) => records,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                bail!("there is no file {}: {REMEDY}", bench_file.display())
            }
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", bench_file.display())),
        };
        if records.runs.is_empty() {
            bail!("{} holds no run that can be read: {REMEDY}", bench_file.display());
        }
        Ok(Collected { benchmarks: Benchmarks::find(&input), input, records, models: self.models()? })
    }

    /// Reads the records of verifications.
    ///
    /// # Errors
    ///
    /// When a file or folder that was named is not there, or holds none.
    pub fn verified(&self) -> Result<VerifiedRecords> {
        match (&self.verified[..], &self.input) {
            ([], None) => Ok(VerifiedRecords::in_folder(&runs_folder(VERIFICATIONS))),
            ([], Some(_)) => Ok(VerifiedRecords::default()),
            (named, _) => VerifiedRecords::read(named),
        }
    }

    /// Reads the records of the models.
    ///
    /// # Errors
    ///
    /// When a file that was named is not there, or one cannot be read.
    pub fn models(&self) -> Result<Records> {
        let are_named = !self.models.is_empty();
        let files = if are_named { self.models.clone() } else { default_models_files() };
        let mut all = Records::default();
        for file in files {
            match Records::read(&file) {
                Err(error) if !are_named && error.kind() == ErrorKind::NotFound => {}
                records => all.add(
                    records.with_context(|| format!("cannot read the models' record {}", file.display()))?,
                ),
            }
        }
        Ok(all)
    }
}

/// The models are built in a target directory of their own for each explorer, inside the usual one: `--cfg loom` and `--cfg shuttle`
/// change every crate.
fn default_models_files() -> Vec<PathBuf> {
    ["loom", "shuttle"].map(|explorer| target_dir().join(explorer).join(MODELS_FILE)).into()
}
