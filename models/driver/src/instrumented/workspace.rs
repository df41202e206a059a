//! The workspace of an instrumented crate: its copy, this project's harness and models, and the system under
//! test.
//!
//! The lock file, the profile and the sources are the project's. Only the crate `sut` of `models/` is another
//! one: it holds the adapter's file and depends on the instrumented copy. Every crate has a workspace of its
//! own, since two compatible versions cannot be in one program. The copy is next to
//! the workspace, and instrumented dependencies of the crate are next to the copy.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use instrument::{Folders, Instrumented, instrument};
use records::command;
use records::verify::Method;

use super::Crate;
use super::adapters::struct_name;
use super::fetch::{Fetched, Package};
use super::std_source::PACKAGE;
use crate::versions::manifest;
use crate::versions::workspace::{LOCK, MANIFEST, copy, copy_package, project, read, write, write_lock};

/// The adapter's file in the crate `sut`.
pub(crate) const ADAPTER: &str = "adapter.rs";

/// The packages that the models need: none of the heavy ones.
const PACKAGES: [&str; 6] = [
    "harness/baseline",
    "harness/contract",
    "harness/records",
    "harness/wording",
    "harness/workloads",
    "service/core",
];

/// The members of the workspace.
const MEMBERS: [&str; 6] =
    ["harness/*", "models", "models/shim", "models/shim/wrappers/*", "models/sut", "service/*"];

/// The folder of the workspace, next to the copies.
const WORKSPACE: &str = "workspace";

/// The folder of the instrumented copy.
pub(crate) const COPY: &str = "source";

/// The folder of its instrumented dependencies, each in a folder of its name.
pub(crate) const DEPENDENCIES: &str = "dependencies";

/// The folder of the copy that was made last.
const FRESH: &str = "instrumented";

/// The shim in the workspace.
const SHIM: &str = "workspace/models/shim";

/// A generated workspace.
#[derive(Debug)]
pub struct Generated {
    /// Its folder.
    pub folder: PathBuf,
    /// The number of times that a rule of instrumentation applied.
    pub applied: usize,
    /// The places, one a line.
    pub report: String,
}

/// Writes the workspace of `of` below `root`: the `fetched` source, instrumented for `method`, and the models
/// that explore it.
///
/// # Errors
///
/// When the source cannot be instrumented, or a file cannot be read or written.
pub fn generate(root: &Path, of: &Crate, fetched: &Fetched, method: Method) -> Result<Generated> {
    let project = project()?;
    // The copies are outside the workspace, so that cargo knows them by their absolute folders. Inside, two checkouts
    // of one version would be the same package to it, in the target folder that all crates share: it would take
    // one for the other where the files of the first are older than the build of the second.
    let copies_in = root.join(format!("{}-{}", of.package, of.source.slug()));
    let folder = copies_in.join(WORKSPACE);
    let instrumented = copies(&copies_in, fetched)?;

    let manifest = manifest::root(&read(&project, MANIFEST)?, &MEMBERS)
        .with_context(|| format!("cannot make a workspace from {}", project.join(MANIFEST).display()))?;
    let changed = write(&folder.join(MANIFEST), manifest.as_bytes())?;
    write_lock(&folder, &read(&project, LOCK)?, changed)?;
    for package in PACKAGES {
        copy_package(&project, &folder, package)?;
    }
    let (models, own) = (project.join("models"), folder.join("models"));
    // The folders of `models/` that are left out here have files of their own in the workspace.
    for folder in ["src", "tests"] {
        copy(&models.join(folder), &own.join(folder), &[])?;
    }
    write(&own.join(MANIFEST), read(&models, MANIFEST)?.as_bytes())?;
    copy(&models.join("shim"), &own.join("shim"), &[])?;
    let sut = own.join("sut");
    let adapter = of.adapter.file();
    let text = fs::read_to_string(adapter).with_context(|| format!("cannot read {}", adapter.display()))?;
    write(&sut.join("src").join(ADAPTER), text.as_bytes())?;
    write(&sut.join(MANIFEST), sut_manifest(&fetched.own().name).as_bytes())?;
    write(
        &sut.join("src/lib.rs"),
        sut_source(of, &fetched.own().name, method, struct_name(&text)).as_bytes(),
    )?;

    let applied = instrumented.iter().map(|instrumented| instrumented.applied.len()).sum();
    let report = instrumented.iter().map(|Instrumented { package, version, applied, .. }| {
        let lines = applied.iter().map(|applied| format!("{applied}\n"));
        format!("{package} {version}, instrumented:\n{}", lines.collect::<String>())
    });
    Ok(Generated { folder, applied, report: report.collect() })
}

/// Copies the crate and those dependencies that are instrumented as well into `folder`, instrumented.
///
/// # Errors
///
/// When one of them cannot be instrumented, or when two versions of a dependency would have to be.
fn copies(folder: &Path, fetched: &Fetched) -> Result<Vec<Instrumented>> {
    // Instrumented next to the present copy, so that files that stay the same keep their time stamps and
    // cargo builds nothing again.
    let fresh = folder.join(FRESH);
    let own = fetched.own();
    let folders = Folders { shim: &format!("../{SHIM}"), dependencies: &format!("../{DEPENDENCIES}") };
    let crate_itself = instrument(&own.folder, &fresh, folders, &own.built_with(), &own.inherited)?;
    copy(&fresh, &folder.join(COPY), &[])?;

    let folders = Folders { shim: &format!("../../{SHIM}"), dependencies: ".." };
    let mut versions: BTreeMap<&str, &str> = BTreeMap::new();
    let mut wanted: Vec<(&Package, Vec<String>)> = vec![(own, crate_itself.dependencies.clone())];
    let mut all = vec![crate_itself];
    while let Some((by, names)) = wanted.pop() {
        for name in names {
            let package = fetched.dependency(by, &name).with_context(|| {
                format!("cargo metadata does not resolve {name}, a dependency of {}", by.name)
            })?;
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
            let used = package.built_with();
            let instrumented = instrument(&package.folder, &fresh, folders, &used, &package.inherited)
                .with_context(|| format!("{} is built with {name}", own.name))?;
            copy(&fresh, &folder.join(DEPENDENCIES).join(&name), &[])?;
            wanted.push((package, instrumented.dependencies.clone()));
            all.push(instrumented);
        }
    }
    Ok(all)
}

/// The manifest of the system under test, over the instrumented copy of `package`.
fn sut_manifest(package: &str) -> String {
    format!(
        r#"[package]
name = "sut"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
publish.workspace = true

[dependencies]
contract.workspace = true
chanlab-shim = {{ path = "../shim" }}
{package} = {{ path = "../../../{COPY}" }}
"#
    )
}

/// The source of the system under test: the adapter, and how its models are run.
fn sut_source(of: &Crate, package: &str, method: Method, adapter: &str) -> String {
    // To the adapter of std, `std` is the package with the instrumented channels.
    let asked = ["chanlab".into(), "verify".into()].into_iter().chain(of.asked());
    let of_method = ["--method", method.name(), "--model"].map(OsString::from);
    let replay = command::line(asked.chain(of_method));
    let std = (package == PACKAGE).then(|| format!("extern crate {} as std;\n", PACKAGE.replace('-', "_")));
    let named = match adapter {
        "Adapter" => "pub use adapter::Adapter;\n".to_owned(),
        former => format!("extern crate contract as harness;\n\npub use adapter::{former} as Adapter;\n"),
    };
    format!(
        r#"//! The system under test: an instrumented channel.

{}mod adapter;

{named}
/// Runs one execution of a model.
pub fn execution(model: &chanlab_shim::sync::Arc<dyn Fn() + Send + Sync>) {{
    contract::sync::at_thread_end(chanlab_shim::run::end_thread);
    chanlab_shim::run::execution(model);
}}

/// The last steps of the current execution.
pub fn schedule() -> Vec<contract::sync::Step> {{
    named(chanlab_shim::run::schedule())
}}

fn named(steps: Vec<chanlab_shim::run::Step>) -> Vec<contract::sync::Step> {{
    let steps = steps.into_iter();
    steps.map(|(thread, what, place)| contract::sync::Step {{ thread, what, place }}).collect()
}}

/// Sees from another thread what a thread explores.
#[derive(Clone, Debug)]
pub struct Observer {{
    explorer: contract::sync::Observer,
    shim: chanlab_shim::run::Observer,
}}

impl Observer {{
    /// An observer of the calling thread.
    pub fn here() -> Self {{
        Observer {{ explorer: contract::sync::Observer::here(), shim: chanlab_shim::run::Observer::here() }}
    }}

    /// A number that changes with each step.
    pub fn progress(&self) -> u64 {{
        self.explorer.progress() + self.shim.progress()
    }}

    /// The last steps of the current execution.
    pub fn schedule(&self) -> Vec<contract::sync::Step> {{
        named(self.shim.schedule())
    }}

    /// The explorer's choices in the current execution, where it has them.
    pub fn choices(&self) -> Option<String> {{
        self.explorer.choices()
    }}
}}

/// Whether a panic with this payload reports that the execution needs more primitives than the explorer has.
pub fn is_out_of_primitives(payload: &(dyn core::any::Any + Send)) -> bool {{
    payload.is::<chanlab_shim::run::Limit>()
}}

/// The number of waits with a deadline that were woken, and that expired.
pub fn timed_waits() -> Option<(u64, u64)> {{
    let waits = chanlab_shim::run::timed_waits();
    Some((waits.woken, waits.expired))
}}

/// The command line that runs a model again, but for the environment before it and the model's name after it.
pub const REPLAY: Option<&str> = Some({replay:?});
"#,
        std.unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::super::adapters::Adapter;
    use super::*;
    use crate::versions::source::CrateSource;

    /// A crate `a` that is built with `parking` and with `event-listener`, which has `parking` as well, in
    /// the version that is given.
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
        assert!(text("dependencies/parking/Cargo.toml").contains("path = \"../../workspace/models/shim\""));
        assert!(text("dependencies/parking/src/lib.rs").contains("extern crate chanlab_shim as std;"));
    }

    /// Cargo names a package in the workspace by its place in it, so those of two checkouts would be the same one.
    #[test]
    fn the_copies_are_outside_the_workspace() {
        let folder = tempfile::tempdir().expect("a folder");
        let adapter = folder.path().join("adapter.rs");
        write(&adapter, b"pub struct Adapter;\n").expect("written");
        let of = Crate {
            channel: "a".to_owned(),
            package: "a".to_owned(),
            source: CrateSource::Published("1.0.0".to_owned()),
            is_named: false,
            adapter: Adapter::Given(adapter),
        };
        let fetched = fetched(folder.path(), "2.0.0");
        let generated = generate(folder.path(), &of, &fetched, Method::Shuttle).expect("it is written");
        let sut = generated.folder.join("models/sut");
        let text = fs::read_to_string(sut.join(MANIFEST)).expect("a manifest");
        assert!(text.contains(&format!("path = \"../../../{COPY}\"")), "{text}");
        for outside in [sut.join("../../..").join(COPY), generated.folder.join("..").join(DEPENDENCIES)] {
            let outside = fs::canonicalize(outside).expect("it is there");
            assert!(
                !outside.starts_with(fs::canonicalize(&generated.folder).expect("it is there")),
                "{outside:?}"
            );
        }
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
