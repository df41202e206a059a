//! Rewrites a copy of a channel crate's published source, so that a model checker observes its primitives.
//!
//! The copy is a member of a generated workspace. What its manifest inherits from its own workspace, such as
//! `version.workspace = true`, gets the value that cargo has resolved ([`Inherited`]).
//!
//! No source is edited by hand. A few mechanical [rules](Rule) change a copy; they hold across versions and
//! crates, and each application of one is reported ([`Applied`]). Code that a model checker could not observe
//! (inline assembly, foreign functions, the C library) is an error that names the file and the line.
//!
//! # The rules
//!
//! ## `std`
//!
//! The root of the crate gets `extern crate chanlab_shim as std;` (and `as core`, `as alloc`), so that each
//! path that begins with one of them leads to `models/shim`. An `extern crate` for one of them becomes the
//! shim.
//!
//! ```
//! # let file = std::path::Path::new("src/lib.rs");
//! let new = instrument::source::instrumented("extern crate alloc;\nmod queue;", file, true)?.text;
//! assert!(new.starts_with("#[macro_use] extern crate chanlab_shim as alloc;\nmod queue;\n"));
//! assert!(new.contains("\nextern crate chanlab_shim as std;\n"));
//! # anyhow::Ok(())
//! ```
//!
//! ## `wrapper`
//!
//! A dependency with primitives of its own is replaced by its wrapper in `models/shim/wrappers`. Only
//! `Cargo.toml` changes ([`manifest`]). A dependency that is on no list is an error.
//!
//! ```
//! # use instrument::{Folders, Inherited, manifest::Manifest};
//! # let (used, folders) = (["spin".to_owned()].into(), Folders { shim: "../shim", dependencies: "../dependencies" });
//! let text = "package = { name = 'a', version = '1.0.0' }\n[dependencies]\nspin = { version = '0.9' }";
//! let new = Manifest::parse(text, &Inherited::default())?.instrumented(folders, &used)?.text;
//! assert!(new.contains(r#"package = "chanlab-spin", path = "../shim/wrappers/spin""#));
//! # anyhow::Ok(())
//! ```
//!
//! ## `dependency`
//!
//! A dependency whose primitives are those of `std` and `core` is instrumented too. `Cargo.toml` leads to its
//! copy, which the caller has to make ([`Instrumented::dependencies`]).
//!
//! ```
//! # use instrument::{Folders, Inherited, manifest::Manifest};
//! # let (used, folders) = (["parking".to_owned()].into(), Folders { shim: "../shim", dependencies: "../dependencies" });
//! let text = "package = { name = 'a', version = '1.0.0' }\n[dependencies]\nparking = { version = '2' }";
//! let new = Manifest::parse(text, &Inherited::default())?.instrumented(folders, &used)?.text;
//! assert!(new.contains(r#"path = "../dependencies/parking""#));
//! # anyhow::Ok(())
//! ```
//!
//! ## `cfg`
//!
//! A crate's code for `cfg(loom)` and `cfg(shuttle)` is never built, its code for `cfg(miri)` always is
//! ([`mod@cfg`]).
//!
//! ```
//! # let file = std::path::Path::new("src/queue.rs");
//! let new = instrument::source::instrumented("#[cfg(not(loom))] mod a; #[cfg(miri)] mod b;", file, false)?.text;
//! assert_eq!(new, "#[cfg(not(any()))] mod a; #[cfg(all())] mod b;");
//! # anyhow::Ok(())
//! ```
//!
//! ## `spin`
//!
//! A loop that spins or yields a fixed number of times does so twice ([`source`]). Each iteration is a step
//! of the model, and the exploration has to reach the code after the loop.
//!
//! ```
//! # let file = std::path::Path::new("src/queue.rs");
//! let new = instrument::source::instrumented("fn wait() { for _ in 0..64 { spin_loop(); } }", file, false)?.text;
//! assert_eq!(new, "fn wait() { for _ in 0..2 { spin_loop(); } }");
//! # anyhow::Ok(())
//! ```
//!
//! ## `library`
//!
//! Code that only the standard library may contain, such as stability attributes and negative impls, is
//! removed ([`library`]), so that its channels can be instrumented too.
//!
//! ```
//! # let file = std::path::Path::new("src/mpsc.rs");
//! let text = r#"#[stable(feature = "rust1", since = "1.0.0")] impl<T> !Sync for Receiver<T> {}"#;
//! assert_eq!(instrument::source::instrumented(text, file, false)?.text, " ");
//! # anyhow::Ok(())
//! ```

pub mod cfg;
pub mod files;
pub mod library;
pub mod manifest;
mod rule;
pub mod source;
mod tokens;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use walkdir::WalkDir;

pub use manifest::{Folders, Inherited};
pub use rule::{Applied, Rule};

/// Folders of a package that are not part of the library.
const LEFT_OUT: [&str; 6] = ["tests", "benches", "examples", "target", ".git", ".github"];

/// An instrumented crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instrumented {
    /// The package's name.
    pub package: String,
    /// Its version.
    pub version: String,
    /// The applications of rules.
    pub applied: Vec<Applied>,
    /// The packages of the dependencies that have to be instrumented too.
    pub dependencies: Vec<String>,
}

/// Copies the package in the folder `from` to the folder `to`, which it replaces, and instruments the copy.
/// `used` are the packages that the crate is built with: its other dependencies are ignored. Its manifest inherits what
/// `inherited` has.
///
/// # Errors
///
/// When `from` holds no package, a file cannot be read or written, or the crate cannot be instrumented: the
/// message names the package, its version, the file and the line.
pub fn instrument(
    from: &Path,
    to: &Path,
    folders: Folders<'_>,
    used: &BTreeSet<String>,
    inherited: &Inherited,
) -> Result<Instrumented> {
    let path = from.join("Cargo.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let manifest =
        manifest::Manifest::parse(&text, inherited).with_context(|| format!("{}", path.display()))?;
    let name = format!("{} {}", manifest.package, manifest.version);
    let manifest::Changed { text, mut applied, dependencies } = manifest
        .instrumented(folders, used)
        .with_context(|| format!("{name} cannot be instrumented: Cargo.toml"))?;

    if to.exists() {
        fs::remove_dir_all(to).with_context(|| format!("cannot remove {}", to.display()))?;
    }
    let mut primitives = 0;
    let is_library = |entry: &walkdir::DirEntry| {
        entry.depth() != 1 || !LEFT_OUT.iter().any(|name| entry.file_name() == *name)
    };
    for entry in WalkDir::new(from).sort_by_file_name().into_iter().filter_entry(is_library) {
        let entry = entry.with_context(|| format!("cannot read {}", from.display()))?;
        let file = entry.path().strip_prefix(from)?;
        let copy = to.join(file);
        if entry.file_type().is_dir() {
            fs::create_dir_all(&copy).with_context(|| format!("cannot create {}", copy.display()))?;
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
                String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8", file.display()))?;
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
    if !applied.iter().any(|applied| applied.rule == Rule::Std) {
        bail!("{name} cannot be instrumented: its library root {} does not exist", manifest.root.display());
    }
    if primitives == 0 && dependencies.is_empty() {
        bail!(
            "{name} cannot be instrumented: it names no atomic, lock, cell or thread, so there is nothing to observe"
        );
    }
    let manifest::Manifest { package, version, .. } = manifest;
    Ok(Instrumented { package, version, applied, dependencies })
}
