//! The workspace of an instrumented crate: its copy, this project's harness and models, and a crate `subject` that names the channel.
//!
//! All else is as in the project: the lock file, the profile, the sources. The one dependency leads to the instrumented copy, and the crate `subject`
//! of `models/` is another one. Two crates have two workspaces, since two compatible versions cannot be in one program.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use harness::verify::Method;
use instrument::instrument;

use super::Crate;
use crate::versions::manifest;
use crate::versions::source::Source;
use crate::versions::workspace::{
    HARNESS_MANIFEST, LEFT_OUT, LOCK, MANIFEST, copy, project, read, write, write_lock,
};

/// The adapter of a crate that the registry does not have, in the crate `subject`.
const ADAPTER: &str = "adapter.rs";

/// What the workspace has of the project's members.
const MEMBERS: [&str; 5] = ["harness", "models", "models/shim", "models/shim/stand-ins/*", "models/subject"];

/// Of the models, what is not explored: other programs, what is generated, what was found.
const MODELS_LEFT_OUT: [&str; 5] = ["instrument", "mutants.json", "shim", "src", "subject"];

/// Of the models' library, its programs.
const SOURCE_LEFT_OUT: [&str; 1] = ["bin"];

/// The instrumented copy, in the workspace.
const COPY: &str = "source";

/// A workspace that was put down.
#[derive(Debug)]
pub struct Generated {
    /// Its folder.
    pub folder: PathBuf,
    /// How often rules of instrumentation applied.
    pub applied: usize,
    /// Each of them, one a line.
    pub report: String,
}

/// Puts the workspace of `of` below `root`: the source that was `fetched`, instrumented for `method`, with everything that explores it.
///
/// # Errors
///
/// When the source cannot be instrumented, or a file not be read or written.
pub fn generate(root: &Path, of: &Crate, fetched: &Path, method: Method) -> Result<Generated> {
    let project = project()?;
    let folder = root.join(format!("{}-{}", of.package, of.source.slug()));
    // Instrumented beside the copy that is there, so that cargo finds unchanged what did not change.
    let fresh = folder.join("instrumented");
    let instrumented = instrument(fetched, &fresh, "../models/shim")?;
    copy(&fresh, &folder.join(COPY), &[])?;

    let copied = Source::Checkout { typed: COPY.to_owned(), folder: COPY.into(), commit: None };
    let manifest = manifest::root(&read(&project, MANIFEST)?, &MEMBERS)
        .and_then(|root| match of.adapter {
            Some(_) => Ok(root),
            None => manifest::with_version(&root, &of.package, &copied),
        })
        .and_then(|root| manifest::excluding(&root, &[COPY, "instrumented"]))
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
    if let Some(adapter) = &of.adapter {
        let text = fs::read(adapter).with_context(|| format!("cannot read {}", adapter.display()))?;
        write(&subject_folder.join("src").join(ADAPTER), &text)?;
    }
    write(&subject_folder.join(MANIFEST), subject_manifest(of).as_bytes())?;
    write(&subject_folder.join("src/lib.rs"), subject(of, method).as_bytes())?;

    let version = &instrumented.version;
    let lines = instrumented.applied.iter().map(|applied| format!("{applied}\n"));
    let report = format!("{} {version}, instrumented:\n{}", of.package, lines.collect::<String>());
    Ok(Generated { folder, applied: instrumented.applied.len(), report })
}

fn subject_manifest(of: &Crate) -> String {
    let (harness, own) = match of.adapter {
        Some(_) => (
            "harness.workspace = true".to_owned(),
            format!("{} = {{ path = \"../../{COPY}\" }}\n", of.package),
        ),
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

/// The crate that says what the models are of.
fn subject(of: &Crate, method: Method) -> String {
    let channel = &of.channel;
    let name: String =
        channel.chars().take(1).flat_map(char::to_uppercase).chain(channel.chars().skip(1)).collect();
    let named = match of.adapter {
        Some(_) => "mod adapter;\n\npub use adapter::Subject;".to_owned(),
        None => format!("pub use harness::channels::{channel}::{name} as Subject;"),
    };
    format!(
        r#"//! The channel that the models explore: an instrumented one.

pub use chanlab_shim::run::{{execution, schedule}};
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
