//! Builds the runner of a version, and says in one line why it cannot be built.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, thread};

use anyhow::{Context, Result, anyhow, bail};
use harness::record::target_dir;
use serde::Deserialize;

use super::source::Source;
use super::workspace;

/// What cargo said, in the folder of a version.
const LOG: &str = "build.log";

/// Builds the runner of `package` in the version `source`, and returns its program. What was built before is used again where nothing
/// changed. Cargo's progress goes to `say`, line by line.
///
/// # Errors
///
/// When it cannot be built: the first error of the compiler, and where the rest is.
pub fn runner(package: &str, source: &Source, say: impl FnMut(&str)) -> Result<PathBuf> {
    let project = workspace::project()?;
    let name = workspace::name(&project, package, source)?;
    let folder = target_dir().join("chanlab").join("ab").join(&name);
    let program =
        format!("runner-{}", name.replace(|character: char| !character.is_ascii_alphanumeric(), "-"));
    workspace::generate(&project, &folder, package, source, &program)?;
    let log = folder.join(LOG);
    // A target directory for each: in a shared one cargo takes the harnesses' build scripts for one and the same, and builds anew
    // whatever was built before the last.
    cargo(&folder, &["--package", &program], &folder.join("target"), &log, say).with_context(|| {
        format!(
            "{package} {} cannot be built with this harness; all of it is in {}",
            source.name(),
            log.display()
        )
    })
}

/// Builds a program of the workspace in `folder`, named by `arguments`, and returns it. What cargo says goes to the file `log`, and to
/// `say` line by line.
///
/// # Errors
///
/// When it cannot be built: the first error of the compiler.
pub fn cargo(
    folder: &Path,
    arguments: &[&str],
    target: &Path,
    log: &Path,
    mut say: impl FnMut(&str),
) -> Result<PathBuf> {
    let mut process = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--release"])
        .args(arguments)
        .args(["--message-format", "json-render-diagnostics", "--target-dir"])
        .arg(target)
        .current_dir(folder)
        .env("CARGO_TERM_COLOR", "never")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let messages = process.stdout.take().context("cargo has no output")?;
    let reading = thread::spawn(move || executable(messages));
    let mut lines = Vec::new();
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let mut file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    for line in BufReader::new(process.stderr.take().context("cargo has no output")?).split(b'\n') {
        let line = String::from_utf8_lossy(&line.context("cannot read what cargo says")?).into_owned();
        writeln!(file, "{line}").with_context(|| format!("cannot write {}", log.display()))?;
        say(&line);
        lines.push(line);
    }
    let built = reading.join().ok().flatten();
    if !process.wait().context("cannot wait for cargo")?.success() {
        bail!("{}", first_error(&lines));
    }
    built.ok_or_else(|| anyhow!("cargo names no program"))
}

#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
}

/// The last program that cargo's messages name.
fn executable(messages: impl Read) -> Option<PathBuf> {
    let lines = BufReader::new(messages).lines().map_while(Result::ok);
    lines.filter_map(|line| serde_json::from_str::<Message>(&line).ok()?.executable).last()
}

/// The first error of cargo or the compiler, in one line, with the place in the source and the reason that cargo puts below.
fn first_error(lines: &[String]) -> String {
    let Some(first) = lines.iter().position(|line| line.starts_with("error")) else {
        return lines.last().cloned().unwrap_or_else(|| "cargo said nothing".to_owned());
    };
    let error = lines[first].trim();
    let place = lines[first + 1..]
        .iter()
        .take_while(|line| !line.is_empty())
        .find_map(|line| line.trim_start().strip_prefix("--> "));
    match (place, lines.get(first + 1).map(|line| line.trim())) {
        (Some(place), _) => format!("{error} ({place})"),
        (None, Some(reason)) if error.contains("failed to select a version") => format!("{error}: {reason}"),
        (None, _) => error.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        first_error(&text.lines().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_first_error_is_told_with_its_place() {
        let compiler = "   Compiling harness v0.1.0\nwarning: unused\n --> a.rs:1:1\n\nerror[E0599]: no method named `len` found\n   \
                        --> harness/src/channels/kanal.rs:90:14\n    |\n\nerror[E0308]: mismatched types\n --> b.rs:2:2\n\n\
                        error: could not compile `harness`";
        assert_eq!(
            error(compiler),
            "error[E0599]: no method named `len` found (harness/src/channels/kanal.rs:90:14)"
        );
        let version = "error: failed to select a version for the requirement `flume = \"=9.9.9\"`\n\
                       candidate versions found which didn't match: 0.12.0, 0.11.1\nlocation searched: somewhere";
        assert_eq!(
            error(version),
            "error: failed to select a version for the requirement `flume = \"=9.9.9\"`: candidate versions found \
             which didn't match: 0.12.0, 0.11.1"
        );
        assert_eq!(error("error: linking failed\n\nmore"), "error: linking failed");
        assert_eq!(error("killed"), "killed");
    }

    #[test]
    fn the_program_is_the_one_that_cargo_names() {
        let messages =
            "{\"reason\":\"compiler-artifact\",\"executable\":null}\n{\"executable\":\"/a/b\"}\nno JSON\n";
        assert_eq!(executable(messages.as_bytes()), Some(PathBuf::from("/a/b")));
    }
}
