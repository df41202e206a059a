//! Builds the runner of a version, and says in one line why it cannot be built.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, thread};

use anyhow::{Context, Result, bail};
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
    let built =
        cargo(&folder, &["build", "--release", "--package", &program], "", &folder.join("target"), &log, say);
    let built = built.and_then(|mut programs| programs.pop().context("cargo names no program"));
    built.with_context(|| {
        format!(
            "{package} {} cannot be built with this harness; all of it is in {}",
            source.name(),
            log.display()
        )
    })
}

/// Runs cargo in a workspace, with `flags` for the compiler beside the environment's; returns the programs that it names, in their order.
///
/// # Errors
///
/// When it fails: its first error, or the compiler's.
pub(crate) fn cargo(
    folder: &Path,
    words: &[&str],
    flags: &str,
    target: &Path,
    log: &Path,
    mut say: impl FnMut(&str),
) -> Result<Vec<PathBuf>> {
    let environment = env::var("RUSTFLAGS").unwrap_or_default();
    let mut process = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(words)
        .args(["--message-format", "json-render-diagnostics", "--target-dir"])
        .arg(target)
        .current_dir(folder)
        .envs((!flags.is_empty()).then(|| ("RUSTFLAGS", format!("{environment} {flags}"))))
        .env("CARGO_TERM_COLOR", "never")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let messages = process.stdout.take().context("cargo has no output")?;
    let reading = thread::spawn(move || executables(messages));
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
    let built = reading.join().unwrap_or_default();
    if !process.wait().context("cannot wait for cargo")?.success() {
        bail!("{}", first_error(&lines));
    }
    Ok(built)
}

#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
}

/// The programs that cargo's messages name.
fn executables(messages: impl Read) -> Vec<PathBuf> {
    let lines = BufReader::new(messages).lines().map_while(Result::ok);
    lines.filter_map(|line| serde_json::from_str::<Message>(&line).ok()?.executable).collect()
}

/// The first error of cargo or the compiler, in one line, with the place in the source and the reason that cargo puts below.
pub(crate) fn first_error(lines: &[String]) -> String {
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
        assert_eq!(executables(messages.as_bytes()), [PathBuf::from("/a/b")]);
    }
}
