//! Cargo's files for a version's workspace: this project's, with one dependency replaced.

use anyhow::{Context, Result, bail};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, Value};

use super::source::CrateSource;

/// The members of a version's workspace.
pub const MEMBERS: [&str; 3] = ["harness/*", "runner", "service/*"];

/// The root manifest: the project's, with other members.
///
/// # Errors
///
/// When `project` is not the manifest of a workspace.
pub fn root(project: &str, members: &[&str]) -> Result<String> {
    let mut manifest = parsed(project)?;
    let workspace = table(manifest.as_table_mut(), "workspace")?;
    workspace.insert("members", Item::Value(Value::Array(members.iter().copied().collect::<Array>())));
    workspace.remove("default-members");
    // Cargo warns about profiles of packages that do not exist.
    if let Some(release) = manifest.get_mut("profile").and_then(|profile| profile.get_mut("release")) {
        release.as_table_like_mut().and_then(|release| release.remove("package"));
    }
    Ok(manifest.to_string())
}

/// The manifest of the adapters with `package` at the requested version.
///
/// # Errors
///
/// When `adapters` is not a manifest, or has no dependency on `package`.
pub fn with_version(adapters: &str, package: &str, source: &CrateSource) -> Result<String> {
    let mut manifest = parsed(adapters)?;
    let mut replaced = false;
    for (name, item) in table(manifest.as_table_mut(), "dependencies")?.iter_mut() {
        if item.get("package").and_then(Item::as_str).unwrap_or(name.get()) == package {
            replace(item, source)?;
            replaced = true;
        }
    }
    if !replaced {
        bail!("it has no dependency on {package}");
    }
    Ok(manifest.to_string())
}

/// Replaces a dependency by `source`, with the same features.
fn replace(item: &mut Item, source: &CrateSource) -> Result<()> {
    if item.is_str() {
        *item = Item::Value(Value::InlineTable(InlineTable::new()));
    }
    let dependency = item.as_table_like_mut().context("a dependency is neither text nor a table")?;
    for place in ["version", "path", "git", "branch", "tag", "rev", "registry"] {
        dependency.remove(place);
    }
    match source {
        CrateSource::Published(version) => {
            dependency.insert("version", toml_edit::value(format!("={version}")))
        }
        CrateSource::Checkout { folder, .. } => {
            let folder = folder.to_str().context("the checkout's path is not UTF-8")?;
            dependency.insert("path", toml_edit::value(folder))
        }
    };
    Ok(())
}

/// The manifest of a package without its dev-dependencies.
///
/// # Errors
///
/// When `package` is not a manifest.
pub fn without_tests(package: &str) -> Result<String> {
    let mut manifest = parsed(package)?;
    manifest.remove("dev-dependencies");
    Ok(manifest.to_string())
}

/// The manifest of the runner, a program called `name`.
pub fn runner(name: &str) -> String {
    format!(
        r#"[package]
name = "{name}"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
publish.workspace = true

[dependencies]
adapters.workspace = true
runner.workspace = true
workloads.workspace = true
"#
    )
}

/// The runner's program.
pub const RUNNER: &str = r#"//! Serves the runner protocol over the channels of this build.

use workloads::meters::allocations::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn main() -> std::io::Result<()> {
    runner::serve(&adapters::registry(), std::io::stdin().lock(), std::io::stdout().lock())
}
"#;

/// Whether `source` is the version of the lock file.
///
/// # Errors
///
/// When `lock` is not a lock file.
pub fn is_locked(lock: &str, package: &str, source: &CrateSource) -> Result<bool> {
    let mut file = parsed(lock)?;
    let locked = locked(&mut file, package)?;
    Ok(match (source, locked) {
        (CrateSource::Published(version), Some(locked)) => of(locked, "version") == Some(version),
        _ => false,
    })
}

/// The initial lock file: the project's, with `package` at the version `source`. Cargo adds the dependencies
/// of that version and removes those that are no longer needed.
///
/// Cargo accepts a yanked version only when the lock file names it.
///
/// # Errors
///
/// When `lock` is not a lock file.
pub fn lock(lock: &str, package: &str, source: &CrateSource) -> Result<String> {
    let mut file = parsed(lock)?;
    if let CrateSource::Published(version) = source
        && let Some(locked) = locked(&mut file, package)?
        && of(locked, "version") != Some(version)
    {
        locked.insert("version", toml_edit::value(version));
        locked.remove("checksum");
    }
    Ok(file.to_string())
}

/// The entry of `package`; `None` when there is none, or when there are several and cargo has to choose.
fn locked<'a>(file: &'a mut DocumentMut, package: &str) -> Result<Option<&'a mut Table>> {
    let packages =
        file.get_mut("package").and_then(Item::as_array_of_tables_mut).context("it holds no packages")?;
    let mut of_it = packages.iter_mut().filter(|locked| of(locked, "name") == Some(package));
    let first = of_it.next();
    Ok(if of_it.next().is_some() { None } else { first })
}

fn of<'a>(table: &'a Table, name: &str) -> Option<&'a str> {
    table.get(name).and_then(Item::as_str)
}

fn parsed(text: &str) -> Result<DocumentMut> {
    text.parse().context("it is no TOML")
}

fn table<'a>(of: &'a mut Table, name: &str) -> Result<&'a mut Table> {
    of.get_mut(name).and_then(Item::as_table_mut).with_context(|| format!("it has no [{name}]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROJECT: &str = r#"[workspace]
members = ["harness", "benches"]
default-members = ["benches"]

[workspace.package]
version = "0.1.0"

[profile.release]
debug = "line-tables-only"

[profile.release.package.reports]
opt-level = 1
"#;

    const ADAPTERS: &str = r#"[package]
name = "adapters"

[dependencies]
# The channels.
flume = { version = "0.12.0", default-features = false, features = ["async"] }
kanal = "0.1.1"
renamed = { package = "crossfire", version = "3" }
"#;

    fn published(version: &str) -> CrateSource {
        CrateSource::Published(version.to_owned())
    }

    #[test]
    fn the_workspace_has_other_members_and_the_rest_is_kept() {
        let expected = PROJECT
            .replace(
                r#"members = ["harness", "benches"]"#,
                r#"members = ["harness/*", "runner", "service/*"]"#,
            )
            .replace("default-members = [\"benches\"]\n", "")
            .replace("\n[profile.release.package.reports]\nopt-level = 1\n", "");
        assert_same(&root(PROJECT, &MEMBERS).expect("a manifest"), &expected);
    }

    #[test]
    fn one_dependency_is_replaced_and_the_rest_is_kept() {
        let found = with_version(ADAPTERS, "flume", &published("0.11.1")).expect("a manifest");
        let expected = ADAPTERS.replace(
            r#"{ version = "0.12.0", default-features = false, features = ["async"] }"#,
            r#"{ default-features = false, features = ["async"] , version = "=0.11.1" }"#,
        );
        assert_same(&found, &expected);
    }

    fn assert_same(found: &str, expected: &str) {
        let [found, expected] = [found, expected].map(|text| text.parse::<DocumentMut>().expect("TOML"));
        let plain = |document: &DocumentMut| document.to_string().replace(' ', "");
        assert_eq!(plain(&found), plain(&expected));
    }

    #[test]
    fn text_and_other_names_are_dependencies_too() {
        let checkout = CrateSource::Checkout {
            typed: "path:kanal".to_owned(),
            folder: "/somewhere/kanal".into(),
            commit: None,
        };
        for (package, key, source, member, value) in [
            ("kanal", "kanal", checkout, "path", "/somewhere/kanal"),
            ("crossfire", "renamed", published("3.0.0"), "version", "=3.0.0"),
        ] {
            let found = with_version(ADAPTERS, package, &source).expect("a manifest");
            let found: DocumentMut = found.parse().expect("TOML");
            assert_eq!(found["dependencies"][key][member].as_str(), Some(value), "{found}");
        }
        let error = with_version(ADAPTERS, "tokio", &published("1.0.0")).expect_err("not there");
        assert_eq!(error.to_string(), "it has no dependency on tokio");
    }

    /// The project's own files: every channel's crate can be replaced in them.
    #[test]
    fn this_projects_files_are_understood() {
        root(include_str!("../../../../Cargo.toml"), &MEMBERS).expect("a manifest");
        let adapters = include_str!("../../../../harness/adapters/Cargo.toml");
        let locked = include_str!("../../../../Cargo.lock");
        for info in adapters::registry().channels() {
            let Some(package) = info.package else { continue };
            with_version(adapters, package, &published("0.0.1")).expect(package);
            let lock = lock(locked, package, &published("0.0.1")).expect(package);
            assert!(
                lock.contains(&format!("name = \"{package}\"\nversion = \"0.0.1\"\nsource")),
                "{package}"
            );
            assert_eq!(
                lock.lines().count(),
                locked.lines().count() - 1,
                "{package}: only its checksum is gone"
            );
        }
        let own = include_str!("../../../../harness/workloads/Cargo.toml");
        assert!(own.contains("dev-dependencies"), "the project's own tests need more");
        let own = without_tests(own).expect("a manifest");
        assert!(own.contains("[dependencies]") && !own.contains("dev-dependencies"), "{own}");
        runner("chanlab-runner").parse::<DocumentMut>().expect("TOML");
    }

    #[test]
    fn the_same_version_leaves_the_lock_file_alone() {
        let text = "version = 4\n\n[[package]]\nname = \"kanal\"\nversion = \"0.1.1\"\nchecksum = \"ab\"\n";
        assert_eq!(lock(text, "kanal", &published("0.1.1")).expect("a lock file"), text);
        assert!(is_locked(text, "kanal", &published("0.1.1")).expect("a lock file"));
        assert!(!is_locked(text, "kanal", &published("0.1.0")).expect("a lock file"));
        let twice = format!("{text}\n[[package]]\nname = \"kanal\"\nversion = \"0.2.0\"\n");
        assert!(!is_locked(&twice, "kanal", &published("0.1.1")).expect("a lock file"));
        assert_eq!(lock(&twice, "kanal", &published("0.1.0")).expect("a lock file"), twice);
        assert!(lock("version = 4\n", "kanal", &published("0.1.1")).is_err());
    }
}
