//! The worker program. It compiles every channel for a dozen message types, so it is only built when it is
//! first needed.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};
use records::files::target_dir;

use engine::cargo::Cargo;
use model_driver::versions::workspace::project;

/// The program's name.
pub const PROGRAM: &str = "chanlab-verify";

/// The worker program, built from this program's source or, if that is gone, taken from this program's
/// folder. Cargo's progress goes to `progress`, line by line.
///
/// # Errors
///
/// When it cannot be built, or there is none.
pub fn program(progress: impl FnMut(&str)) -> Result<PathBuf> {
    let installed =
        env::current_exe().map(|own| own.with_file_name(PROGRAM)).ok().filter(|path| path.is_file());
    match (project(), installed) {
        (Ok(project), _) => {
            let target = std::path::absolute(target_dir()).context("there is no target folder")?;
            let log = target.join("chanlab").join("verify-build.log");
            // Always optimised, as users build their channels. Together with this program's own package, so
            // that cargo selects the same features and finds most of it built.
            let built = Cargo::new(&project)
                .args(["build", "--release", "--locked", "--package", "verify", "--package", "reports"])
                .args(["--bin", PROGRAM, "--target-dir"])
                .args([&target])
                .build(Some(&log), progress);
            built
                .map_err(anyhow::Error::from)
                .and_then(|mut programs| programs.pop().context("cargo names no program"))
                .map(|program| program.executable)
                .with_context(|| format!("{PROGRAM} cannot be built; the whole log is {}", log.display()))
        }
        (Err(_), Some(installed)) => Ok(installed),
        (Err(error), None) => Err(error.context(format!("there is no {PROGRAM} in this program's folder"))),
    }
}
