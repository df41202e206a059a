//! The program that looks at cases: built when it is first asked for, since every channel is compiled in it for a dozen kinds of messages.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};
use harness::record::target_dir;

use crate::versions::build::cargo;
use crate::versions::workspace::project;

/// Its name.
pub const PROGRAM: &str = "chanlab-verify";

/// The program, of the source that this one was built from; where that is gone, the one that lies beside this. Cargo's progress goes
/// to `say`, line by line.
///
/// # Errors
///
/// When it cannot be built, or there is none.
pub fn program(say: impl FnMut(&str)) -> Result<PathBuf> {
    let beside = env::current_exe().map(|own| own.with_file_name(PROGRAM)).ok().filter(|path| path.is_file());
    match (project(), beside) {
        (Ok(project), _) => {
            let target = std::path::absolute(target_dir()).context("there is no target folder")?;
            let log = target.join("chanlab").join("verify-build.log");
            // Optimised, whatever this program is: as users build their channels. Beside this program's own package, so that cargo
            // chooses the features that it chose for this one, and finds most of it built.
            let words = [
                "build",
                "--release",
                "--locked",
                "--package",
                "verify",
                "--package",
                "reports",
                "--bin",
                PROGRAM,
            ];
            let built = cargo(&project, &words, "", &target, &log, say);
            built
                .and_then(|mut programs| programs.pop().context("cargo names no program"))
                .with_context(|| format!("{PROGRAM} cannot be built; all of it is in {}", log.display()))
        }
        (Err(_), Some(beside)) => Ok(beside),
        (Err(error), None) => Err(error.context(format!("there is no {PROGRAM} beside this program"))),
    }
}
