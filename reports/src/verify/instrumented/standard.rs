//! The standard library's channels as a package, to be instrumented like a crate: `std::sync::mpsc`, and `std::sync::mpmc`, on which it is written.
//!
//! Their source is the compiler's own, which rustup puts beside it (its component rust-src), or that of a checkout of the library. No file of theirs is
//! changed; a root is written that names the modules where they are in the library, so that `crate::sync` and all else lead where they do there.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::versions::source::Source;
use crate::versions::workspace::{MANIFEST, copy, write};

/// The channel, and the crate that it is of.
pub const STD: &str = "std";

/// The package of its channels alone.
pub const PACKAGE: &str = "std-channels";

/// The folder of the library in the source that rustup has.
const LIBRARY: &str = "lib/rustlib/src/rust/library/std";

/// The root of the package.
const ROOT: &str = "//! The channels of std, in their places.

pub use std::{cell, error, fmt, hint, marker, mem, ops, panic, process, ptr, thread, time};

/// As in std, but for the channels, which are this package's.
pub mod sync {
    pub use std::sync::*;

    pub mod mpmc;
    pub mod mpsc;
}
";

/// A folder below `root` with the package of the channels of std in the version `source`, and that version.
///
/// # Errors
///
/// When the compiler is of another version, or its source is not installed: what to do.
pub fn package(root: &Path, source: &Source) -> Result<(PathBuf, String)> {
    let (library, version) = match source {
        Source::Checkout { folder, .. } => (folder.clone(), "0.0.0".to_owned()),
        Source::Published(version) => (installed(version)?, version.clone()),
    };
    let folder = root.join("fetch").join(format!("{STD}-{}", source.slug()));
    let manifest = format!("[package]\nname = \"{PACKAGE}\"\nversion = \"{version}\"\nedition = \"2024\"\n");
    write(&folder.join(MANIFEST), manifest.as_bytes())?;
    write(&folder.join("src/lib.rs"), ROOT.as_bytes())?;
    let (sync, own) = (library.join("src/sync"), folder.join("src/sync"));
    copy(&sync.join("mpmc"), &own.join("mpmc"), &["tests.rs"])?;
    let mpsc = sync.join("mpsc.rs");
    let text = std::fs::read(&mpsc).with_context(|| format!("cannot read {}", mpsc.display()))?;
    write(&own.join("mpsc.rs"), &text)?;
    Ok((folder, version))
}

/// The folder of the library of the compiler that is there, which has to be of the version that is asked for.
fn installed(version: &str) -> Result<PathBuf> {
    let told = rustc("-vV")?;
    let own = told.lines().find_map(|line| line.strip_prefix("release: ")).context("rustc does not tell its version")?;
    if own != version {
        bail!("std {version} comes with the compiler {version}, and the one here is {own}: name no version, or std@path: and the folder of a checkout of it (library/std)");
    }
    let library = Path::new(rustc("--print=sysroot")?.trim()).join(LIBRARY);
    if !library.join("src/sync").is_dir() {
        bail!("the source of std is not installed: rustup component add rust-src");
    }
    Ok(library)
}

/// What the compiler says.
///
/// # Errors
///
/// When there is none.
pub(super) fn rustc(word: &str) -> Result<String> {
    let output = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .arg(word)
        .stdin(Stdio::null())
        .output()
        .context("there is no rustc that can be started")?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
