//! The workspace of a version. Only files that have changed are written, so that cargo rebuilds no more than
//! it has to.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
pub(crate) use instrument::files::write;
use instrument::files::{read_tree, write_tree};

use super::manifest;
use super::source::CrateSource;

/// The file next to the lock file that keeps its initial text, since cargo changes the lock file.
const LOCK_MADE_FROM: &str = "Cargo.lock.made-from";

/// The packages that a runner consists of.
const RUNNER_PACKAGES: [&str; 7] = [
    ADAPTERS,
    "harness/baseline",
    "harness/contract",
    "harness/records",
    "harness/runner",
    "harness/workloads",
    "service/core",
];

/// The entries of a package that are not copied: those that no generated workspace needs, and the manifest,
/// which is generated.
const LEFT_OUT: [&str; 6] = ["Cargo.toml", "examples", "go", "tests", "verified", "versions"];

/// The workspace of the versions that the project's lock file has.
const AS_LOCKED: &str = "as-locked";

/// The project's files, relative to its folder.
pub(crate) const MANIFEST: &str = "Cargo.toml";
pub(crate) const LOCK: &str = "Cargo.lock";
pub(crate) const ADAPTERS: &str = "harness/adapters";
const ADAPTERS_MANIFEST: &str = "harness/adapters/Cargo.toml";

/// This project's folder.
///
/// # Errors
///
/// When it is no longer where this program was built.
pub fn project() -> Result<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    match own.ancestors().nth(2) {
        Some(project) if project.join(ADAPTERS_MANIFEST).is_file() => Ok(project.to_owned()),
        _ => bail!(
            "the source that this program was built from is no longer in {}: rebuild chanlab from a checkout",
            own.display()
        ),
    }
}

/// The name of a version's workspace, among those of all crates. The versions of the project's lock file
/// share one, since their program is the same.
///
/// # Errors
///
/// When the project's lock file cannot be read.
pub fn name(project: &Path, package: &str, source: &CrateSource) -> Result<String> {
    let locked = manifest::is_locked(&read(project, LOCK)?, package, source)
        .with_context(|| cannot_make(project, LOCK))?;
    Ok(if locked { AS_LOCKED.to_owned() } else { format!("{package}-{}", source.slug()) })
}

/// Writes the workspace of `source` into `folder`: the harness of `project`, with `package` at that version,
/// and the program `program`.
///
/// # Errors
///
/// When a file of the project cannot be read, or a file in the folder cannot be written.
pub fn generate(
    project: &Path,
    folder: &Path,
    package: &str,
    source: &CrateSource,
    program: &str,
) -> Result<()> {
    let lock = read(project, LOCK)?;
    let root = manifest::root(&read(project, MANIFEST)?, &manifest::MEMBERS)
        .with_context(|| cannot_make(project, MANIFEST))?;
    let adapters = manifest::without_tests(&read(project, ADAPTERS_MANIFEST)?)
        .with_context(|| cannot_make(project, ADAPTERS_MANIFEST))?;
    let adapters =
        match manifest::is_locked(&lock, package, source).with_context(|| cannot_make(project, LOCK))? {
            true => adapters,
            false => manifest::with_version(&adapters, package, source)
                .with_context(|| cannot_make(project, ADAPTERS_MANIFEST))?,
        };
    let begin = manifest::lock(&lock, package, source).with_context(|| cannot_make(project, LOCK))?;

    let root_changed = write(&folder.join(MANIFEST), root.as_bytes())?;
    let adapters_changed = write(&folder.join(ADAPTERS_MANIFEST), adapters.as_bytes())?;
    write_lock(folder, &begin, root_changed || adapters_changed)?;
    for package in RUNNER_PACKAGES {
        copy_sources(project, folder, package)?;
        if package != ADAPTERS {
            copy_manifest(project, folder, package)?;
        }
    }
    write(&folder.join("runner/Cargo.toml"), manifest::runner(program).as_bytes())?;
    write(&folder.join("runner/src/main.rs"), manifest::RUNNER.as_bytes())?;
    Ok(())
}

/// Copies a package, given by its folder, without its tests.
pub(crate) fn copy_package(project: &Path, folder: &Path, package: &str) -> Result<()> {
    copy_sources(project, folder, package)?;
    copy_manifest(project, folder, package)
}

fn copy_sources(project: &Path, folder: &Path, package: &str) -> Result<()> {
    copy(&project.join(package), &folder.join(package), &LEFT_OUT)
}

fn copy_manifest(project: &Path, folder: &Path, package: &str) -> Result<()> {
    let place = format!("{package}/{MANIFEST}");
    let manifest =
        manifest::without_tests(&read(project, &place)?).with_context(|| cannot_make(project, &place))?;
    write(&folder.join(&place), manifest.as_bytes()).map(drop)
}

/// Writes the first text of the lock file where something has `changed`. Otherwise cargo's own changes to it
/// are kept, since a new lock file rebuilds the adapters.
pub(crate) fn write_lock(folder: &Path, begin: &str, changed: bool) -> Result<()> {
    let (made, made_from) = (folder.join(LOCK), folder.join(LOCK_MADE_FROM));
    if changed || !made.exists() || fs::read_to_string(&made_from).ok().as_deref() != Some(begin) {
        write(&made, begin.as_bytes())?;
        write(&made_from, begin.as_bytes())?;
    }
    Ok(())
}

pub(crate) fn read(project: &Path, name: &str) -> Result<String> {
    let path = project.join(name);
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

fn cannot_make(project: &Path, name: &str) -> String {
    format!("cannot make a runner from {}", project.join(name).display())
}

/// Copies `from` to `to` without the entries of `left_out`, and removes files from `to` that `from` does not
/// have. The manifest of `to` stays: it is written apart.
pub(crate) fn copy(from: &Path, to: &Path, left_out: &[&str]) -> Result<()> {
    let mut tree = read_tree(from, left_out)?;
    if left_out.contains(&MANIFEST)
        && let Ok(manifest) = fs::read(to.join(MANIFEST))
    {
        tree.insert(MANIFEST.into(), manifest);
    }
    write_tree(to, &tree)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use walkdir::WalkDir;

    use super::*;

    fn times(folder: &Path) -> Vec<(PathBuf, SystemTime)> {
        let files = WalkDir::new(folder).sort_by_file_name().into_iter().map(|entry| entry.expect("there"));
        files
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| {
                (entry.path().to_owned(), entry.metadata().expect("there").modified().expect("known"))
            })
            .collect()
    }

    #[test]
    fn the_locked_versions_of_all_crates_share_a_workspace() {
        let project = project().expect("this checkout");
        let machine = runner::machine::current(&adapters::registry());
        for channel in ["crossbeam", "flume"] {
            let (package, version) = machine.channels[channel].split_once(' ').expect("a crate's version");
            let name_of = |version: &str| {
                name(&project, package, &CrateSource::Published(version.to_owned())).expect("a lock file")
            };
            assert_eq!(
                (name_of(version), name_of("0.0.1")),
                (AS_LOCKED.to_owned(), format!("{package}-0.0.1"))
            );
        }
    }

    #[test]
    fn unchanged_files_are_not_written_again() {
        let project = project().expect("this checkout");
        let folder = tempfile::tempdir().expect("a folder");
        let generate = |version: &str| {
            let source = CrateSource::Published(version.to_owned());
            generate(&project, folder.path(), "flume", &source, "chanlab-runner-flume").expect("written");
        };
        generate("0.11.1");
        assert!(folder.path().join("harness/runner/src/serve.rs").is_file());
        assert!(folder.path().join("harness/adapters/channels/flume.rs").is_file());
        assert!(
            !folder.path().join("harness/runner/tests").exists()
                && !folder.path().join("harness/runner/go").exists()
        );
        // Cargo's changes to the lock file stay, and files that the project no longer has go.
        let (lock, stray) =
            (folder.path().join("Cargo.lock"), folder.path().join("harness/runner/src/stray.rs"));
        fs::write(&lock, "cargo's").expect("written");
        let before = times(folder.path());
        fs::write(&stray, "").expect("written");
        generate("0.11.1");
        assert_eq!(times(folder.path()), before);
        // Another version starts from the project's lock file again.
        generate("0.11.0");
        let lock = fs::read_to_string(&lock).expect("there");
        assert!(lock.contains("name = \"flume\"\nversion = \"0.11.0\""), "{lock}");
    }
}
