//! The source of a version, from cargo: its own copy of what was published, or a checkout.
//!
//! A project of one dependency is put down and `cargo metadata` asked where its source is. Cargo fetches what is not there, and checks what it
//! fetches by the checksum that the registry's index has; nothing is downloaded by any other way.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::versions::build::first_error;
use crate::versions::source::Source;
use crate::versions::workspace::{LOCK, MANIFEST, project, read, write, write_lock};

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
}

/// The folder of the source of `package` in the version `source`. What is needed to find it is put below `root`.
///
/// # Errors
///
/// When cargo is not there, or cannot have it: what it says.
pub fn source(root: &Path, package: &str, source: &Source) -> Result<PathBuf> {
    let version = match source {
        Source::Checkout { folder, .. } => return Ok(folder.clone()),
        Source::Published(version) => version,
    };
    let folder = root.join("fetch").join(format!("{package}-{version}"));
    let changed = write(&folder.join(MANIFEST), manifest(package, version).as_bytes())?;
    write(&folder.join("src/lib.rs"), b"")?;
    let lock = lock(&read(&project()?, LOCK)?, package, version)?;
    write_lock(&folder, &lock, changed)?;
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version", "1"])
        .current_dir(&folder)
        .env("CARGO_TERM_COLOR", "never")
        .stdin(Stdio::null())
        .output()
        .context("there is no cargo that can be started, which fetches and builds the crate")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<String> = said.lines().map(str::to_owned).collect();
        bail!("cargo cannot have {package} {version}: {}", first_error(&lines));
    }
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).context("cargo metadata is not understood")?;
    let found = metadata.packages.into_iter().find(|found| found.name == package);
    let manifest = found.with_context(|| format!("cargo does not tell where {package} is"))?.manifest_path;
    Ok(manifest.parent().context("a manifest is in no folder")?.to_owned())
}

fn manifest(package: &str, version: &str) -> String {
    format!(
        r#"[package]
name = "fetch"
version = "0.0.0"
edition = "2024"
publish = false

[dependencies]
{package} = "={version}"

[workspace]
"#
    )
}

/// A lock file that names the version: one that its authors withdrew is taken by cargo when it stands here, and else not.
fn lock(project: &str, package: &str, version: &str) -> Result<String> {
    // As the project's lock file names the registry.
    let registry = project
        .lines()
        .find(|line| line.starts_with("source = "))
        .context("the lock file names no registry")?;
    Ok(format!(
        r#"version = 4

[[package]]
name = "fetch"
version = "0.0.0"
dependencies = [
 "{package}",
]

[[package]]
name = "{package}"
version = "{version}"
{registry}
"#
    ))
}
