//! The channels of the standard library as a package that can be instrumented like a crate:
//! `std::sync::mpsc`, and `std::sync::mpmc`, which it is built on.
//!
//! Their source comes from rustup's component rust-src, or from a checkout of the library, and is not
//! changed. A generated root declares the modules at the same paths as in the library, so that paths such as
//! `crate::sync` resolve.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::versions::source::CrateSource;
use crate::versions::workspace::{MANIFEST, copy, write};
use engine::supervisor;

/// The name of the channel, and of its crate.
pub const STD: &str = "std";

/// The package of its channels.
pub const PACKAGE: &str = "std-channels";

/// The library's folder below the compiler's sysroot.
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

/// Writes the package of std's channels in the version `source` below `root`; returns its folder and that
/// version.
///
/// # Errors
///
/// When the compiler has another version, or its source is not installed; the error says what to do.
pub fn package(root: &Path, source: &CrateSource) -> Result<(PathBuf, String)> {
    let (library, version) = match source {
        CrateSource::Checkout { folder, .. } => (folder.clone(), "0.0.0".to_owned()),
        CrateSource::Published(version) => (installed(version)?, version.clone()),
    };
    let folder = root.join("fetch").join(format!("{STD}-{}", source.slug()));
    let manifest = format!("[package]\nname = \"{PACKAGE}\"\nversion = \"{version}\"\nedition = \"2024\"\n");
    write(&folder.join(MANIFEST), manifest.as_bytes())?;
    write(&folder.join("src/lib.rs"), ROOT.as_bytes())?;
    let (sync, own) = (library.join("src/sync"), folder.join("src/sync"));
    copy(&sync.join("mpmc"), &own.join("mpmc"), &["tests.rs"])?;
    let mpsc = sync.join("mpsc.rs");
    let text = fs::read(&mpsc).with_context(|| format!("cannot read {}", mpsc.display()))?;
    write(&own.join("mpsc.rs"), &text)?;
    Ok((folder, version))
}

/// The folder of the library's source, if the compiler has this version.
fn installed(version: &str) -> Result<PathBuf> {
    let output = rustc("-vV")?;
    let own = output
        .lines()
        .find_map(|line| line.strip_prefix("release: "))
        .context("rustc -vV does not name its version")?;
    if own != version {
        bail!(
            "std {version} comes with the compiler {version}, and the one here is {own}: name no version, or std@path:FOLDER with the library/std of a checkout"
        );
    }
    let library = Path::new(rustc("--print=sysroot")?.trim()).join(LIBRARY);
    if !library.join("src/sync").is_dir() {
        bail!("the source of std is not installed: rustup component add rust-src");
    }
    Ok(library)
}

/// Whether the compiler's library is installed as source.
///
/// # Errors
///
/// When the compiler does not run.
pub fn is_installed() -> Result<bool> {
    Ok(Path::new(rustc("--print=sysroot")?.trim()).join(LIBRARY).join("src/sync").is_dir())
}

/// The output of the compiler for an argument.
///
/// # Errors
///
/// When there is none.
pub(super) fn rustc(word: &str) -> Result<String> {
    let mut command = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.arg(word);
    let output = supervisor::output(command, None).context("cannot start rustc")?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_have_the_same_paths_as_in_the_library() {
        let folder = tempfile::tempdir().expect("a folder");
        let (root, library) = (folder.path().join("root"), folder.path().join("std"));
        for (file, text) in
            [("mpsc.rs", "receiver"), ("mpmc/mod.rs", "channel"), ("mpmc/tests.rs", ""), ("once.rs", "")]
        {
            write(&library.join("src/sync").join(file), text.as_bytes()).expect("written");
        }
        let checkout = CrateSource::Checkout { typed: "path:std".to_owned(), folder: library, commit: None };
        let (package, version) = package(&root, &checkout).expect("it is a library");
        assert!(package.starts_with(&root) && version == "0.0.0", "{}", package.display());
        let text = |file: &str| fs::read_to_string(package.join(file)).ok();
        assert_eq!(text("src/sync/mpsc.rs").as_deref(), Some("receiver"));
        assert_eq!(text("src/sync/mpmc/mod.rs").as_deref(), Some("channel"));
        assert_eq!((text("src/sync/mpmc/tests.rs"), text("src/sync/once.rs")), (None, None));
        assert!(text("src/lib.rs").expect("a root").contains("pub mod mpsc;"));
    }

    #[test]
    fn another_version_than_the_compilers_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = package(folder.path(), &CrateSource::Published("0.0.1".to_owned()))
            .expect_err("no compiler is so old");
        assert!(
            error.to_string().starts_with("std 0.0.1 comes with the compiler 0.0.1, and the one here is "),
            "{error}"
        );
    }
}
