//! The file of a plan, in the folder of its run.

use std::path::{Path, PathBuf};
use std::{fs, io};

use records::checksum::plan_checksum;
use records::files::read_at_most;
use records::format::{self, UnknownFormat};
use records::plan::{Nonsense, PLAN_FILE, Plan, VERSION};
use serde::Deserialize;

use super::replace::{NotReplaced, replace};

/// The version of a plan, which is read before everything else.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// Reads the plan of the run in `folder`.
///
/// # Errors
///
/// [`PlanError`].
pub fn read(folder: &Path) -> Result<Plan, PlanError> {
    let text = bytes(folder)?;
    parsed(&text, &folder.join(PLAN_FILE))
}

/// The longest plan, in bytes.
const MAX_LEN: u64 = 64 << 20;

/// The bytes of the plan of the run in `folder`.
///
/// # Errors
///
/// When there is none, or it is too long.
pub fn bytes(folder: &Path) -> Result<Vec<u8>, PlanError> {
    read_at_most(&folder.join(PLAN_FILE), MAX_LEN)
        .map_err(|error| PlanError::NoRun { folder: folder.to_owned(), error })
}

/// The plan in these bytes, which are those of the file `path`.
///
/// # Errors
///
/// [`PlanError`].
pub fn parsed(text: &[u8], path: &Path) -> Result<Plan, PlanError> {
    let damaged = |error| PlanError::Damaged { path: path.to_owned(), error };
    let Version { version } = serde_json::from_slice(text).map_err(damaged)?;
    format::check(version, VERSION).map_err(|error| PlanError::Format { path: path.to_owned(), error })?;
    let plan: Plan = serde_json::from_slice(text).map_err(damaged)?;
    plan.check().map_err(|error| PlanError::Nonsense { path: path.to_owned(), error })?;
    Ok(plan)
}

/// Writes the plan into `folder`, whole or not at all.
///
/// # Errors
///
/// When the plan makes no sense, or the folder holds a run already or cannot be written.
pub fn write(plan: &Plan, folder: &Path) -> Result<(), PlanError> {
    let path = folder.join(PLAN_FILE);
    plan.check().map_err(|error| PlanError::Nonsense { path: path.clone(), error })?;
    if path.exists() {
        return Err(PlanError::Exists { folder: folder.to_owned() });
    }
    let text = serde_json::to_vec_pretty(plan).map(|text| [text, b"\n".to_vec()].concat());
    let text = text.map_err(|error| NotReplaced { path: path.clone(), error: error.into() })?;
    // A plan that exists is whole: a run that is killed while this is written has none.
    Ok(replace(&path, &text)?)
}

/// The checksum of the plan in `folder`, as the lines of its rounds name it.
///
/// # Errors
///
/// When it cannot be read.
pub fn checksum(folder: &Path) -> io::Result<String> {
    fs::read(folder.join(PLAN_FILE)).map(|text| plan_checksum(&text).to_string())
}

/// Why a plan cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// There is no plan to read.
    #[error("no run in {}: cannot read {PLAN_FILE}: {error}", folder.display())]
    NoRun {
        /// The folder.
        folder: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file holds something else.
    #[error("{} is damaged: {error}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        error: serde_json::Error,
    },
    /// This build does not read its version.
    #[error("cannot read {}: {error}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Why.
        error: UnknownFormat,
    },
    /// No run of chanlab has such a plan.
    #[error("{} makes no sense: {error}", path.display())]
    Nonsense {
        /// The file.
        path: PathBuf,
        /// Why.
        error: Nonsense,
    },
    /// The folder has a plan already.
    #[error("{} holds a run already: finish it with --resume, or name another folder", folder.display())]
    Exists {
        /// The folder.
        folder: PathBuf,
    },
    /// The file cannot be written.
    #[error(transparent)]
    NotWritten(#[from] NotReplaced),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_plan_says_that_it_is_newer_whatever_it_holds() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(PLAN_FILE), r#"{"began":7,"version":4}"#).expect("written");
        let error = read(folder.path()).expect_err("newer").to_string();
        assert!(
            error.ends_with("written by a newer chanlab: format 4, and this build reads formats up to 3"),
            "{error}"
        );
        fs::write(folder.path().join(PLAN_FILE), r#"{"version":2}"#).expect("written");
        let error = read(folder.path()).expect_err("not a plan").to_string();
        assert!(error.contains("is damaged: missing field"), "{error}");
    }
}
