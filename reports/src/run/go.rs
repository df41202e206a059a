//! Go's programs, built where they are needed: the runner that has Go's channels join a run, and the article's benchmark.
//!
//! Nothing of chanlab needs Go. Where there is none, whoever asks is told so in one line, and that line goes to the reader.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use harness::record::target_dir;

/// What is not available, in the words of a plan.
pub const NAME: &str = "go";

/// Where the sources are: in the checkout that this program was built from.
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../harness/runners/go");

/// Builds the Go runner; its program.
///
/// # Errors
///
/// In one line, why it is not available.
pub fn runner() -> Result<PathBuf, String> {
    build(".", "chanlab-go-runner")
}

/// Builds the article's benchmark; its program.
///
/// # Errors
///
/// In one line, why it is not available.
pub fn article() -> Result<PathBuf, String> {
    build("./article", "article")
}

/// Go itself sees to it that nothing is built again that has not changed. The standard library is all that is used, so no network is.
fn build(package: &str, program: &str) -> Result<PathBuf, String> {
    let sources = Path::new(SOURCES);
    if !sources.is_dir() {
        return Err(format!("its sources are not in {SOURCES}, where this program was built"));
    }
    let output = std::path::absolute(target_dir().join("chanlab").join("go-runner").join(program))
        .map_err(|error| format!("there is no target directory ({error})"))?;
    let built = Command::new("go")
        .args(["build", "-buildvcs=false", "-o"])
        .args([output.as_os_str(), package.as_ref()])
        .current_dir(sources)
        // A Go that is too old says so, and fetches no other.
        .env("GOTOOLCHAIN", "local")
        .stdin(Stdio::null())
        .output();
    match built {
        Ok(built) if built.status.success() => Ok(output),
        Ok(built) => {
            Err(format!("go build failed: {}", first_error(&String::from_utf8_lossy(&built.stderr))))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err("there is no go on the path (scripts/install-go installs one)".to_owned())
        }
        Err(error) => Err(format!("go could not be started ({error})")),
    }
}

/// The first line that is no heading: Go names the package of its errors after a `#`.
fn first_error(text: &str) -> &str {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.find(|line| !line.starts_with('#')).unwrap_or("it said nothing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_is_no_heading() {
        let text = "# chanlab/runner\n./main.go:16:2: undefined: serve\n./main.go:17:2: undefined: more\n";
        assert_eq!(first_error(text), "./main.go:16:2: undefined: serve");
        assert_eq!(first_error("go: cannot find main module\n"), "go: cannot find main module");
        assert_eq!(first_error("\n"), "it said nothing");
    }
}
