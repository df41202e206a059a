//! The workspace of an instrumented crate: its copy, this project's harness and models, and a crate `subject` that names the channel.
//!
//! The lock file, the profile and the other sources are the project's. The dependency on the crate leads to the instrumented copy, and the crate
//! `subject` of `models/` is replaced. Each crate has its own workspace, since two compatible versions cannot be in one program.
//! Its instrumented dependencies have a folder of their own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use harness::verify::Method;
use instrument::{Folders, Instrumented, instrument};

use super::fetch::{Fetched, Package};
use super::std_source::PACKAGE;
use super::{Adapter, Crate};
use crate::versions::manifest;
use crate::versions::source::CrateSource;
use crate::versions::workspace::{
    HARNESS_MANIFEST, LEFT_OUT, LOCK, MANIFEST, copy, project, read, write, write_lock,
};

/// The adapter of a crate that the registry does not have, in the crate `subject`.
const ADAPTER: &str = "adapter.rs";

/// The project's members in the workspace.
const MEMBERS: [&str; 5] = ["harness", "models", "models/shim", "models/shim/stand-ins/*", "models/subject"];

/// The entries of `models/` that the workspace does not need.
const MODELS_LEFT_OUT: [&str; 8] =
    ["adapters", "instrument", "known", "mutants.json", "planted", "shim", "src", "subject"];

/// The entries of the models' sources that the workspace does not need.
const SOURCE_LEFT_OUT: [&str; 1] = ["bin"];

/// The instrumented copy, in the workspace.
pub(super) const COPY: &str = "source";

/// The folder of its instrumented dependencies, each in a folder of its name.
pub(super) const DEPENDENCIES: &str = "dependencies";

/// The folder of a copy that was just made.
const FRESH: &str = "instrumented";

/// A generated workspace.
#[derive(Debug)]
pub struct Generated {
    /// Its folder.
    pub folder: PathBuf,
    /// The number of times that a rule of instrumentation applied.
    pub applied: usize,
    /// Each of them, one a line.
    pub report: String,
}

/// Writes the workspace of `of` below `root`: the `fetched` source, instrumented for `method`, and the models that explore it.
///
/// # Errors
///
/// When the source cannot be instrumented, or a file cannot be read or written.
pub fn generate(root: &Path, of: &Crate, fetched: &Fetched, method: Method) -> Result<Generated> {
    let project = project()?;
    let folder = root.join(format!("{}-{}", of.package, of.source.slug()));
    let instrumented = copies(&folder, fetched)?;

    let copied = CrateSource::Checkout { typed: COPY.to_owned(), folder: COPY.into(), commit: None };
    let manifest = manifest::root(&read(&project, MANIFEST)?, &MEMBERS)
        .and_then(|root| match of.adapter.file() {
            Some(_) => Ok(root),
            None => manifest::with_version(&root, &of.package, &copied),
        })
        .and_then(|root| manifest::excluding(&root, &[COPY, DEPENDENCIES, FRESH]))
        .with_context(|| format!("cannot make a workspace from {}", project.join(MANIFEST).display()))?;
    let changed = write(&folder.join(MANIFEST), manifest.as_bytes())?;
    write_lock(&folder, &read(&project, LOCK)?, changed)?;
    let harness = manifest::harness(&read(&project, HARNESS_MANIFEST)?)?;
    write(&folder.join(HARNESS_MANIFEST), harness.as_bytes())?;
    copy(&project.join("harness"), &folder.join("harness"), &LEFT_OUT)?;
    let (models, own) = (project.join("models"), folder.join("models"));
    copy(&models, &own, &MODELS_LEFT_OUT)?;
    copy(&models.join("src"), &own.join("src"), &SOURCE_LEFT_OUT)?;
    copy(&models.join("shim"), &own.join("shim"), &[])?;
    let subject_folder = own.join("subject");
    if let Some(adapter) = of.adapter.file() {
        let text = fs::read(adapter).with_context(|| format!("cannot read {}", adapter.display()))?;
        write(&subject_folder.join("src").join(ADAPTER), &text)?;
    }
    write(&subject_folder.join(MANIFEST), subject_manifest(of, &fetched.own().name).as_bytes())?;
    write(&subject_folder.join("src/lib.rs"), subject(of, method).as_bytes())?;

    let applied = instrumented.iter().map(|instrumented| instrumented.applied.len()).sum();
    let report = instrumented.iter().map(|Instrumented { package, version, applied, .. }| {
        let lines = applied.iter().map(|applied| format!("{applied}\n"));
        format!("{package} {version}, instrumented:\n{}", lines.collect::<String>())
    });
    Ok(Generated { folder, applied, report: report.collect() })
}

/// Puts the instrumented copies of what was fetched into the workspace in `folder`: the crate, and its dependencies that are to be so.
///
/// # Errors
///
/// When one cannot be instrumented, or when two versions of a dependency would have to be.
fn copies(folder: &Path, fetched: &Fetched) -> Result<Vec<Instrumented>> {
    // Instrumented beside the copy that is there, so that cargo finds unchanged what did not change.
    let fresh = folder.join(FRESH);
    let own = fetched.own();
    let folders = Folders { shim: "../models/shim", dependencies: &format!("../{DEPENDENCIES}") };
    let crate_itself = instrument(&own.folder, &fresh, folders, &own.built_with())?;
    copy(&fresh, &folder.join(COPY), &[])?;

    let folders = Folders { shim: "../../models/shim", dependencies: ".." };
    let mut versions: BTreeMap<&str, &str> = BTreeMap::new();
    let mut wanted: Vec<(&Package, Vec<String>)> = vec![(own, crate_itself.dependencies.clone())];
    let mut all = vec![crate_itself];
    while let Some((by, names)) = wanted.pop() {
        for name in names {
            let package = fetched
                .dependency(by, &name)
                .with_context(|| format!("cargo does not tell where {} has {name} from", by.name))?;
            match versions.insert(&package.name, &package.version) {
                Some(version) if version == package.version => continue,
                Some(version) => {
                    bail!(
                        "{} is built with two versions of {name}, {version} and {}",
                        own.name,
                        package.version
                    )
                }
                None => {}
            }
            let instrumented = instrument(&package.folder, &fresh, folders, &package.built_with())
                .with_context(|| format!("{} is built with {name}", own.name))?;
            copy(&fresh, &folder.join(DEPENDENCIES).join(&name), &[])?;
            wanted.push((package, instrumented.dependencies.clone()));
            all.push(instrumented);
        }
    }
    Ok(all)
}

/// The manifest of the crate that names the explored channel, whose source is in `package`.
fn subject_manifest(of: &Crate, package: &str) -> String {
    let (harness, own) = match of.adapter.file() {
        Some(_) => {
            ("harness.workspace = true".to_owned(), format!("{package} = {{ path = \"../../{COPY}\" }}\n"))
        }
        None => (format!("harness = {{ workspace = true, features = [\"{}\"] }}", of.channel), String::new()),
    };
    format!(
        r#"[package]
name = "subject"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
publish.workspace = true

[dependencies]
{harness}
chanlab-shim = {{ path = "../shim" }}
{own}"#
    )
}

/// The source of the crate that names the explored channel.
fn subject(of: &Crate, method: Method) -> String {
    let channel = &of.channel;
    let name: String =
        channel.chars().take(1).flat_map(char::to_uppercase).chain(channel.chars().skip(1)).collect();
    let named = match of.adapter {
        Adapter::Registry => format!("pub use harness::channels::{channel}::{name} as Subject;"),
        Adapter::Listed(_) | Adapter::Given(_) => "mod adapter;\n\npub use adapter::Subject;".to_owned(),
        // The harness's own file, in a crate whose `std` has the instrumented channels.
        Adapter::Standard(_) => {
            let std = PACKAGE.replace('-', "_");
            format!(
                "extern crate {std} as std;\n\nmod adapter;\n\npub use adapter::{name} as Subject;\npub use harness::channel;"
            )
        }
    };
    format!(
        r#"//! The channel that the models explore: an instrumented one.

pub use chanlab_shim::run::{{TOO_LARGE, execution, schedule}};
{named}

/// How the waits with a deadline ended so far: by another thread, and by their deadline.
pub fn timed_waits() -> Option<(u64, u64)> {{
    let waits = chanlab_shim::run::timed_waits();
    Some((waits.woken, waits.expired))
}}

/// A command line that runs a model again, but for its name.
pub const REPLAY: Option<&str> = Some("chanlab verify {} --method {method} --model");
"#,
        of.asked()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A crate `a` that is built with `parking` and with `event-listener`, which has `parking` as well, in the version that is given.
    fn fetched(folder: &Path, version: &str) -> Fetched {
        let mut packages = Vec::new();
        for (name, own, dependencies) in [
            ("a", "1.0.0", [("parking", 1), ("event-listener", 2)].as_slice()),
            ("parking", "2.0.0", &[]),
            ("event-listener", "5.0.0", &[("parking", if version == "2.0.0" { 1 } else { 3 })]),
            ("parking", version, &[]),
        ] {
            let place = folder.join(format!("{name}-{own}"));
            let needs: String = dependencies.iter().map(|(name, _)| format!("{name} = \"1\"\n")).collect();
            let manifest =
                format!("[package]\nname = \"{name}\"\nversion = \"{own}\"\n\n[dependencies]\n{needs}");
            write(&place.join(MANIFEST), manifest.as_bytes()).expect("written");
            write(&place.join("src/lib.rs"), b"use std::sync::Mutex;\n").expect("written");
            let dependencies = dependencies.iter().map(|&(name, place)| (name.to_owned(), place)).collect();
            packages.push((name.to_owned(), own.to_owned(), place, dependencies));
        }
        Fetched::of(packages)
    }

    #[test]
    fn each_dependency_is_instrumented_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let workspace = folder.path().join("workspace");
        let made = copies(&workspace, &fetched(folder.path(), "2.0.0")).expect("all can be instrumented");
        let names: Vec<_> = made.iter().map(|one| (one.package.as_str(), one.version.as_str())).collect();
        assert_eq!(names, [("a", "1.0.0"), ("parking", "2.0.0"), ("event-listener", "5.0.0")]);
        let text = |file: &str| fs::read_to_string(workspace.join(file)).expect(file);
        assert!(text("source/Cargo.toml").contains("path = \"../dependencies/parking\""));
        assert!(text("dependencies/event-listener/Cargo.toml").contains("path = \"../parking\""));
        assert!(text("dependencies/parking/Cargo.toml").contains("path = \"../../models/shim\""));
        assert!(text("dependencies/parking/src/lib.rs").contains("extern crate chanlab_shim as std;"));
    }

    #[test]
    fn two_versions_of_a_dependency_are_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = copies(&folder.path().join("workspace"), &fetched(folder.path(), "1.0.0"));
        assert_eq!(
            error.expect_err("there is one folder for both").to_string(),
            "a is built with two versions of parking, 2.0.0 and 1.0.0"
        );
    }
}
