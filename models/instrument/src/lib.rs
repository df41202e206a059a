//! Rewrites a copy of a channel crate's published source, so that a model checker watches its primitives.
//!
//! The source is not edited by hand. A copy is changed by few mechanical rules, which hold across versions and crates, and each
//! application of one is reported ([`Applied`]):
//!
//! - **std**: the root of the crate gets `extern crate chanlab_shim as std;` (and `as core`, `as alloc`), so that every path that begins
//!   with them leads to `models/shim`. An `extern crate` of theirs that is there is pointed to the shim.
//! - **stand-in**: a dependency with primitives of its own is renamed to its stand-in of `models/shim/stand-ins`, in `Cargo.toml` alone
//!   ([`manifest`]). A dependency of which nobody knows whether it has any is an error.
//! - **dependency**: one whose primitives are those of `std` and `core` is itself instrumented: `Cargo.toml` leads to its copy, which
//!   whoever called has to make ([`Instrumented::dependencies`]).
//! - **cfg**: what a crate has for `cfg(loom)` and `cfg(shuttle)` is never built, what it has for `cfg(miri)` is always ([`mod@cfg`]).
//! - **spin**: a loop that spins or yields a fixed number of times does so twice ([`source`]): each time is a step of the model, and what
//!   comes after the loop has to be reached.
//! - **library**: what only the standard library may say, attributes of stability and impls that deny a trait, is taken out
//!   ([`library`]): its channels are instrumented as well.
//!
//! What the checker could not see is an error that names the file and the line: assembly, foreign functions, the C library.

pub mod cfg;
pub mod files;
pub mod library;
pub mod manifest;
pub mod source;

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use walkdir::WalkDir;

/// Folders of a package that are no part of the library.
const LEFT_OUT: [&str; 6] = ["tests", "benches", "examples", "target", ".git", ".github"];

/// An application of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The rule's name.
    pub rule: &'static str,
    /// The file, in the crate.
    pub file: PathBuf,
    /// The line; 0 when it is the file's end or the whole file.
    pub line: usize,
    /// What was done, in words.
    pub what: String,
}

impl fmt::Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}:{}: {}", self.rule, self.file.display(), self.line, self.what)
    }
}

/// An instrumented crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instrumented {
    /// The package's name.
    pub package: String,
    /// Its version.
    pub version: String,
    /// What was done to it.
    pub applied: Vec<Applied>,
    /// The dependencies that have to be instrumented as well: their packages' names.
    pub dependencies: Vec<String>,
}

/// Where the copy's manifest shall find what it leads to.
#[derive(Clone, Copy, Debug)]
pub struct Folders<'a> {
    /// The folder of `models/shim`.
    pub shim: &'a str,
    /// That of the instrumented dependencies, each in a folder of its package's name.
    pub dependencies: &'a str,
}

/// Copies the package in the folder `from` to the folder `to`, which it replaces, and instruments the copy. `used` are the packages that
/// it is built with: of others, which it could have, nothing needs to be known.
///
/// # Errors
///
/// When `from` holds no package, a file cannot be read or written, or holds what cannot be instrumented: the message names the package,
/// its version, the file and the line.
pub fn instrument(
    from: &Path,
    to: &Path,
    folders: Folders<'_>,
    used: &BTreeSet<String>,
) -> Result<Instrumented> {
    let path = from.join("Cargo.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let manifest = manifest::Manifest::parse(&text).with_context(|| format!("{}", path.display()))?;
    let name = format!("{} {}", manifest.package, manifest.version);
    let manifest::Changed { text, mut applied, dependencies } = manifest
        .instrumented(folders, used)
        .with_context(|| format!("{name} cannot be instrumented: Cargo.toml"))?;

    if to.exists() {
        fs::remove_dir_all(to).with_context(|| format!("cannot remove {}", to.display()))?;
    }
    let mut primitives = 0;
    let part = |entry: &walkdir::DirEntry| {
        entry.depth() != 1 || !LEFT_OUT.iter().any(|name| entry.file_name() == *name)
    };
    for entry in WalkDir::new(from).sort_by_file_name().into_iter().filter_entry(part) {
        let entry = entry.with_context(|| format!("cannot read {}", from.display()))?;
        let file = entry.path().strip_prefix(from)?;
        let copy = to.join(file);
        if entry.file_type().is_dir() {
            fs::create_dir_all(&copy).with_context(|| format!("cannot make {}", copy.display()))?;
            continue;
        }
        let bytes =
            fs::read(entry.path()).with_context(|| format!("cannot read {}", entry.path().display()))?;
        let is_source =
            file.extension().is_some_and(|extension| extension == "rs") && file != Path::new("build.rs");
        let bytes = if file == Path::new("Cargo.toml") {
            text.clone().into_bytes()
        } else if is_source {
            let source =
                String::from_utf8(bytes).with_context(|| format!("{} is no text", file.display()))?;
            let rewritten = source::instrumented(&source, file, file == manifest.root)
                .with_context(|| format!("{name} cannot be instrumented"))?;
            primitives += rewritten.primitives;
            applied.extend(rewritten.applied);
            rewritten.text.into_bytes()
        } else {
            bytes
        };
        fs::write(&copy, bytes).with_context(|| format!("cannot write {}", copy.display()))?;
    }
    if !applied.iter().any(|applied| applied.rule == source::STD) {
        bail!(
            "{name} cannot be instrumented: the rule `{}` found no {}",
            source::STD,
            manifest.root.display()
        );
    }
    if primitives == 0 && dependencies.is_empty() {
        bail!(
            "{name} cannot be instrumented: it names no atomic, lock, cell or thread, so there is nothing to watch"
        );
    }
    let manifest::Manifest { package, version, .. } = manifest;
    Ok(Instrumented { package, version, applied, dependencies })
}
