//! Builds the runner of a version.

use std::path::PathBuf;

use anyhow::{Context, Result};
use records::files::target_dir;

use super::source::CrateSource;
use super::workspace;
use engine::cargo::Cargo;
use engine::sandbox::Sandbox;

/// Cargo's progress, in the folder of a version.
const LOG: &str = "build.log";

/// The folder of the workspaces of all versions.
pub fn folder() -> PathBuf {
    target_dir().join("chanlab").join("ab")
}

/// Builds the runner of `package` in the version `source`, as far as anything has changed, and returns its
/// program. Cargo's progress goes to `progress`, line by line.
///
/// # Errors
///
/// When it cannot be built: the compiler's first error, and the path of the log.
pub fn runner(
    package: &str,
    source: &CrateSource,
    sandbox: Option<&Sandbox>,
    progress: impl FnMut(&str),
) -> Result<PathBuf> {
    let project = workspace::project()?;
    let name = workspace::name(&project, package, source)?;
    let folder = folder().join(&name);
    let program =
        format!("runner-{}", name.replace(|character: char| !character.is_ascii_alphanumeric(), "-"));
    workspace::generate(&project, &folder, package, source, &program)?;
    let log = folder.join(LOG);
    // Each version has a target directory: in a shared one cargo takes the harnesses' build scripts for the
    // same, and rebuilds everything whenever the version changes.
    let built = Cargo::new(&folder)
        .args(["build", "--release", "--package", &program, "--target-dir"])
        .args([folder.join("target")])
        .sandbox(sandbox)
        .build(Some(&log), progress);
    let built = built.map_err(anyhow::Error::from).and_then(|mut programs| {
        programs.pop().map(|program| program.executable).context("cargo names no program")
    });
    built.with_context(|| {
        format!(
            "{package} {} cannot be built with this harness; all of it is in {}",
            source.name(),
            log.display()
        )
    })
}
