//! The programs in Go, built when they are needed: the runner for Go's channels, and the article's benchmark.
//!
//! Nothing else in chanlab needs Go. Without it, the reader sees [`GoError`] in one line.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::Command;

use records::files::target_dir;

use super::supervisor::output;

/// The name of the Go runner in a plan's list of unavailable runners.
pub const NAME: &str = "go";

/// The sources, in the checkout that this program was built from.
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../runner/go");

/// The reason why a Go program is not available, in one line.
#[derive(Debug, thiserror::Error)]
pub enum GoError {
    /// The sources are gone.
    #[error("its sources are not in {SOURCES}, where this program was built")]
    NoSources,
    /// There is no folder for the program.
    #[error("there is no target directory ({0})")]
    NoTarget(io::Error),
    /// The path of the programs is no text, so no plan can name them.
    #[error("the target directory {0:?} is not UTF-8")]
    NotText(PathBuf),
    /// There is no Go.
    #[error("there is no go on the path (scripts/install-go installs one)")]
    NoGo,
    /// Go cannot be started.
    #[error("go could not be started ({0})")]
    NotStarted(io::Error),
    /// Go failed.
    #[error("go build failed: {0}")]
    Failed(String),
}

/// Builds the Go runner; returns its program.
///
/// # Errors
///
/// [`GoError`].
pub fn runner() -> Result<String, GoError> {
    build(".", "chanlab-go-runner")
}

/// Builds the article's benchmark; returns its program.
///
/// # Errors
///
/// [`GoError`].
pub fn article() -> Result<String, GoError> {
    build("./article", "article")
}

/// Go itself rebuilds only what has changed. The programs use the standard library alone, so the build needs
/// no network.
fn build(package: &str, program: &str) -> Result<String, GoError> {
    let sources = Path::new(SOURCES);
    if !sources.is_dir() {
        return Err(GoError::NoSources);
    }
    let path = std::path::absolute(target_dir().join("chanlab").join("go-runner").join(program))
        .map_err(GoError::NoTarget)?;
    let path = path.into_os_string().into_string().map_err(|path| GoError::NotText(path.into()))?;
    let mut command = Command::new("go");
    command
        .args(["build", "-buildvcs=false", "-o"])
        .args([path.as_str(), package])
        .current_dir(sources)
        // A Go that is too old reports that, and does not fetch another.
        .env("GOTOOLCHAIN", "local");
    match output(command, None) {
        Ok(built) if built.is_success() => Ok(path),
        Ok(built) => Err(GoError::Failed(first_error(&String::from_utf8_lossy(&built.stderr)).to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(GoError::NoGo),
        Err(error) => Err(GoError::NotStarted(error)),
    }
}

/// The first line that is no heading: Go writes the package of its errors after a `#`.
fn first_error(text: &str) -> &str {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.find(|line| !line.starts_with('#')).unwrap_or("go printed nothing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_not_errors() {
        let text = "# chanlab/runner\n./main.go:16:2: undefined: serve\n./main.go:17:2: undefined: more\n";
        assert_eq!(first_error(text), "./main.go:16:2: undefined: serve");
        assert_eq!(first_error("go: cannot find main module\n"), "go: cannot find main module");
        assert_eq!(first_error("\n"), "go printed nothing");
    }
}
