//! Where the data of a page comes from: a run, criterion's directory, the records of the models and of
//! verifications.

use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::{Context, Result};
use records::files::{criterion_dir, target_dir};
use records::record::{BENCH_FILE, MODELS_FILE};

use super::criterion::{CriterionData, Estimates};
use super::records::Records;
use super::runs::{RunData, newest};
use super::verified::VerifiedRecords;
use crate::exit::{Exit, ExitWith};

/// The advice when there is nothing to report.
const REMEDY: &str = "run chanlab, or scripts/bench (cargo bench), first";

/// The kind of the runs that pages are drawn from.
pub const RUNS: &str = "runs";

/// The kind of the folders of verifications.
pub const VERIFICATIONS: &str = "verify";

/// The folder in the target directory for runs of this kind.
pub fn runs_folder(kind: &str) -> PathBuf {
    target_dir().join("chanlab").join(kind)
}

/// The paths to read. A default path need not exist; a path that was named must.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The folder of a run. The default is the newest run, unless criterion's directory is named.
    pub run: Option<PathBuf>,
    /// Leaves the newest run out.
    pub no_run: bool,
    /// Criterion's directory.
    pub input: Option<PathBuf>,
    /// The records of the models. The default is the record of each explorer in the target directory.
    pub models: Vec<PathBuf>,
    /// Records of verifications: files, or folders of them. The default is all records in the target
    /// directory, unless criterion's directory is named.
    pub verified: Vec<PathBuf>,
}

/// Everything that was read.
#[derive(Clone, Debug)]
pub struct Collected {
    /// The run.
    pub run: Option<RunData>,
    /// The results of `cargo bench`.
    pub criterion: Option<CriterionData>,
    /// The records of the models.
    pub models: Records,
    /// The records of verifications.
    pub verified: VerifiedRecords,
}

impl Sources {
    /// Reads everything.
    ///
    /// # Errors
    ///
    /// When a path that was named cannot be read, or when there is nothing to report: neither a run nor a
    /// benchmark nor a verification.
    pub fn collect(&self) -> Result<Collected> {
        let (run, verified) = (self.run()?, self.verified()?);
        let is_optional = self.input.is_none() && (run.is_some() || !verified.records.is_empty());
        let criterion = match self.criterion() {
            Err(_) if is_optional => None,
            criterion => Some(criterion?),
        };
        if let Some(data) = &criterion
            && !is_optional
            && data.records.benchmarks.is_empty()
            && data.records.overheads.is_empty()
            // Otherwise the page names them.
            && data.records.problems.is_empty()
        {
            let file = data.folder.join(BENCH_FILE);
            let message = format!("{} holds no benchmark that can be read: {REMEDY}", file.display());
            return Err(ExitWith::new(Exit::Usage, message).into());
        }
        Ok(Collected { run, criterion, models: self.models()?, verified })
    }

    fn run(&self) -> Result<Option<RunData>> {
        let newest = || {
            let wanted = !self.no_run && self.input.is_none();
            wanted.then(|| newest(&runs_folder(RUNS))).flatten()
        };
        self.run.clone().or_else(newest).map(|folder| RunData::read(&folder)).transpose()
    }

    fn criterion(&self) -> Result<CriterionData> {
        let folder = self.input.clone().unwrap_or_else(criterion_dir);
        if !folder.is_dir() {
            let message =
                format!("there is no folder {}: {REMEDY}, or name another with --input", folder.display());
            return Err(ExitWith::new(Exit::Usage, message).into());
        }
        let file = folder.join(BENCH_FILE);
        let records = match Records::read(&file) {
            Ok(records) => records,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let message = format!("there is no file {}: {REMEDY}", file.display());
                return Err(ExitWith::new(Exit::Usage, message).into());
            }
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
        };
        Ok(CriterionData { estimates: Estimates::find(&folder), folder, records })
    }

    fn verified(&self) -> Result<VerifiedRecords> {
        match (&self.verified[..], &self.input) {
            ([], None) => Ok(VerifiedRecords::in_folder(&runs_folder(VERIFICATIONS))),
            ([], Some(_)) => Ok(VerifiedRecords::default()),
            (named, _) => VerifiedRecords::read(named),
        }
    }

    fn models(&self) -> Result<Records> {
        let are_named = !self.models.is_empty();
        let files = if are_named { self.models.clone() } else { default_models_files() };
        let mut all = Records::default();
        for file in files {
            match Records::read(&file) {
                Err(error) if !are_named && error.kind() == ErrorKind::NotFound => {}
                Ok(records) => all.add(records),
                Err(error) => return Err(ExitWith::unread("the models' record", &file, &error).into()),
            }
        }
        Ok(all)
    }
}

/// The models' records. Each explorer builds into its own target directory inside the usual one, because
/// `--cfg loom` and `--cfg shuttle` change every crate.
fn default_models_files() -> Vec<PathBuf> {
    ["loom", "shuttle"].map(|explorer| target_dir().join(explorer).join(MODELS_FILE)).into()
}
