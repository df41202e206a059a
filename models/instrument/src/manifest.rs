//! The manifest of an instrumented crate: the shim is a dependency, and stand-ins take the place of others.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike, Value};

use crate::cfg::{CFG, decided_text};
use crate::{Applied, Folders};

/// Dependencies with primitives of their own, for which there is a stand-in.
const STAND_INS: [&str; 5] = ["crossbeam-utils", "fastrand", "nanorand", "parking_lot", "spin"];

/// Dependencies whose primitives are those of `std` and `core`, or of another of these: they are instrumented as the crate is.
const INSTRUMENTED: [&str; 6] = [
    "concurrent-queue",
    "crossfire-utils",
    "event-listener",
    "event-listener-strategy",
    "parking",
    "pointers",
];

/// Dependencies that are used as they are, and why they may.
const PLAIN: [(&str, &str); 8] = [
    ("cfg-if", "a macro"),
    ("futures-core", "traits"),
    ("futures-sink", "traits"),
    ("lock_api", "locks around a raw lock that the crate brings"),
    ("pin-project", "a macro"),
    ("pin-project-lite", "a macro"),
    ("scopeguard", "runs a closure on drop"),
    ("smallvec", "a vector"),
];

/// What a published manifest has beside the library.
const NOT_BUILT: [&str; 6] = ["bench", "bin", "dev-dependencies", "example", "lints", "test"];

/// A package's manifest.
#[derive(Debug)]
pub struct Manifest {
    /// The package's name.
    pub package: String,
    /// Its version.
    pub version: String,
    /// The file of the library's root.
    pub root: PathBuf,
    text: DocumentMut,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    ///
    /// When it is none of a package.
    pub fn parse(text: &str) -> Result<Self> {
        let text: DocumentMut = text.parse().context("it is no TOML")?;
        let of_package = |key: &str| {
            let value = text.get("package").and_then(|package| package.get(key)).and_then(Item::as_str);
            value.map(str::to_owned).with_context(|| format!("it has no package.{key} of its own"))
        };
        let root = text.get("lib").and_then(|lib| lib.get("path")).and_then(Item::as_str);
        let root = PathBuf::from(root.unwrap_or("src/lib.rs"));
        Ok(Manifest { package: of_package("name")?, version: of_package("version")?, root, text })
    }

    /// The manifest of the instrumented copy, and what was done to it. `used` are the packages that it is built with.
    ///
    /// # Errors
    ///
    /// When it is built with a dependency that is neither known to be without primitives, nor has a stand-in, nor can be instrumented.
    pub fn instrumented(&self, folders: Folders<'_>, used: &BTreeSet<String>) -> Result<Changed> {
        let mut manifest = self.text.clone();
        let mut changed = Changed::default();
        for key in NOT_BUILT {
            manifest.remove(key);
        }
        // A checkout may be the root of a workspace; the copy is in another.
        manifest.remove("workspace");
        let dependencies = manifest.entry("dependencies").or_insert(Item::Table(Table::new()));
        replace(dependencies, folders, used, &mut changed)?;
        if let Some(targets) = manifest.get_mut("target").and_then(Item::as_table_like_mut) {
            for (_, target) in targets.iter_mut() {
                let target = target.as_table_like_mut().context("a target is no table")?;
                target.remove("dev-dependencies");
                if let Some(dependencies) = target.get_mut("dependencies") {
                    replace(dependencies, folders, used, &mut changed)?;
                }
            }
            decide(targets, &mut changed);
        }
        let dependencies =
            manifest["dependencies"].as_table_like_mut().context("[dependencies] is no table")?;
        let path = InlineTable::from_iter([("path", folders.shim)]);
        dependencies.insert("chanlab-shim", Item::Value(Value::InlineTable(path)));
        changed.text = manifest.to_string();
        Ok(changed)
    }
}

/// A manifest that was changed.
#[derive(Debug, Default)]
pub struct Changed {
    /// Its text.
    pub text: String,
    /// What was done.
    pub applied: Vec<Applied>,
    /// The dependencies that it takes for instrumented.
    pub dependencies: Vec<String>,
}

impl Changed {
    fn note(&mut self, rule: &'static str, what: String) {
        self.applied.push(Applied { rule, file: "Cargo.toml".into(), line: 0, what });
    }
}

/// Decides what is known of the conditions of targets.
fn decide(targets: &mut dyn TableLike, changed: &mut Changed) {
    let keys: Vec<String> = targets.iter().map(|(key, _)| key.to_owned()).collect();
    for key in keys {
        if let Some((new, what)) = decided_text(&key)
            && let Some(target) = targets.remove(&key)
        {
            targets.insert(&new, target);
            what.into_iter().for_each(|what| changed.note(CFG, format!("[target.'{key}']: {what}")));
        }
    }
}

fn replace(
    dependencies: &mut Item,
    folders: Folders<'_>,
    used: &BTreeSet<String>,
    changed: &mut Changed,
) -> Result<()> {
    let dependencies = dependencies.as_table_like_mut().context("dependencies are no table")?;
    for (key, dependency) in dependencies.iter_mut() {
        let package = dependency.get("package").and_then(Item::as_str).unwrap_or(key.get()).to_owned();
        let is_plain = PLAIN.iter().any(|(plain, _)| *plain == package);
        if is_plain || !used.contains(&package) {
            continue;
        }
        if STAND_INS.contains(&package.as_str()) {
            lead(dependency, &format!("chanlab-{package}"), format!("{}/stand-ins/{package}", folders.shim))?;
            changed.note("stand-in", format!("{package} is its stand-in"));
        } else if INSTRUMENTED.contains(&package.as_str()) {
            lead(dependency, &package, format!("{}/{package}", folders.dependencies))?;
            changed.note("dependency", format!("{package} is its instrumented copy"));
            changed.dependencies.push(package);
        } else {
            bail!(
                "it depends on {package}, of which it is not known whether it has primitives of its own: there is neither a \
                 stand-in in models/shim/stand-ins nor an entry in models/instrument/src/manifest.rs"
            );
        }
    }
    Ok(())
}

/// Leads a dependency to the package in the folder `path`, and leaves its features and its name in the source as they are.
fn lead(dependency: &mut Item, package: &str, path: String) -> Result<()> {
    if dependency.is_str() {
        *dependency = Item::Value(Value::InlineTable(InlineTable::new()));
    }
    let table = dependency.as_table_like_mut().context("a dependency is neither text nor a table")?;
    for place in ["version", "git", "branch", "tag", "rev", "registry"] {
        table.remove(place);
    }
    table.insert("package", toml_edit::value(package));
    table.insert("path", toml_edit::value(path));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHED: &str = r#"[package]
name = "a-channel"
version = "1.2.3"
edition = "2021"

[lib]
path = "src/root.rs"

[[test]]
name = "t"

[features]
std = ["crossbeam-utils/std"]

[dependencies.crossbeam-utils]
version = "0.8.18"
default-features = false

[dependencies.spin1]
version = "0.9.8"
features = ["mutex"]
package = "spin"

[dependencies.futures-core]
version = "0.3"
optional = true

[dependencies.queue]
version = "2"
package = "concurrent-queue"
default-features = false

[dependencies.nobody-knows]
version = "1"
optional = true

[dev-dependencies.rand]
version = "0.8"

[target.'cfg(all(loom, unix))'.dependencies.loom]
version = "0.7"
optional = true

[target.'cfg(target_family = "wasm")'.dev-dependencies.wasm-bindgen-test]
version = "0.3"

[lints.rust]
warnings = "deny"
"#;

    const FOLDERS: Folders<'_> = Folders { shim: "../shim", dependencies: "../dependencies" };

    fn used(more: &[&str]) -> BTreeSet<String> {
        let known = ["crossbeam-utils", "spin", "futures-core", "concurrent-queue"];
        known.iter().chain(more).map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn stand_ins_take_the_place_of_dependencies_and_keep_their_names() {
        let manifest = Manifest::parse(PUBLISHED).expect("a manifest");
        assert_eq!((manifest.package.as_str(), manifest.version.as_str()), ("a-channel", "1.2.3"));
        assert_eq!(manifest.root, PathBuf::from("src/root.rs"));
        let Changed { text, applied, dependencies } =
            manifest.instrumented(FOLDERS, &used(&[])).expect("nothing is unknown");
        let new: DocumentMut = text.parse().expect("TOML");
        assert_eq!(dependencies, ["concurrent-queue"]);
        let dependency = |name: &str, key: &str| new["dependencies"][name].get(key).and_then(Item::as_str);
        assert_eq!(dependency("crossbeam-utils", "package"), Some("chanlab-crossbeam-utils"));
        assert_eq!(dependency("crossbeam-utils", "path"), Some("../shim/stand-ins/crossbeam-utils"));
        assert_eq!(dependency("crossbeam-utils", "version"), None);
        assert_eq!(dependency("spin1", "package"), Some("chanlab-spin"));
        assert_eq!(dependency("futures-core", "version"), Some("0.3"));
        assert_eq!(dependency("chanlab-shim", "path"), Some("../shim"));
        assert_eq!(dependency("queue", "package"), Some("concurrent-queue"));
        assert_eq!(dependency("queue", "path"), Some("../dependencies/concurrent-queue"));
        assert_eq!(new["dependencies"]["queue"]["default-features"].as_bool(), Some(false));
        assert!(
            !text.contains("dev-dependencies") && !text.contains("[[test]]") && !text.contains("lints"),
            "{text}"
        );
        assert!(new["target"].get("cfg(all(any(), unix))").is_some(), "{text}");
        let rules: Vec<_> = applied.iter().map(|applied| (applied.rule, applied.what.as_str())).collect();
        assert_eq!(
            rules,
            [
                ("stand-in", "crossbeam-utils is its stand-in"),
                ("stand-in", "spin is its stand-in"),
                ("dependency", "concurrent-queue is its instrumented copy"),
                (CFG, "[target.'cfg(all(loom, unix))']: cfg(loom) is never true"),
            ]
        );
    }

    #[test]
    fn a_dependency_that_nobody_knows_is_an_error_when_it_is_built() {
        let manifest = Manifest::parse(PUBLISHED).expect("a manifest");
        let error = manifest.instrumented(FOLDERS, &used(&["nobody-knows"])).expect_err("unknown");
        assert!(
            error.to_string().starts_with("it depends on nobody-knows, of which it is not known"),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_manifest_of_a_package_is_said() {
        Manifest::parse("[workspace]").expect_err("no package");
        Manifest::parse("[").expect_err("no TOML");
    }
}
