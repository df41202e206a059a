//! The rules for the manifest: the shim becomes a dependency, and others are replaced by wrappers or
//! instrumented copies.

use std::collections::BTreeSet;
use std::path::PathBuf;

mod inherited;

use anyhow::{Context, Result, bail};
use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike, Value};

pub use self::inherited::{Inherited, InheritedDependency, Kind};
use crate::cfg::decided_text;
use crate::rule::{Applied, Rule};

/// Dependencies with primitives of their own, which have a wrapper in `models/shim/wrappers`.
const WRAPPERS: [&str; 5] = ["crossbeam-utils", "fastrand", "nanorand", "parking_lot", "spin"];

/// Dependencies whose primitives are those of `std` and `core`, or of another in this list: they are
/// instrumented too.
const INSTRUMENTED: [&str; 6] = [
    "concurrent-queue",
    "crossfire-utils",
    "event-listener",
    "event-listener-strategy",
    "parking",
    "pointers",
];

/// Dependencies without primitives, which are used as they are, each with what it is.
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

/// The keys of a published manifest that do not concern the library.
const NOT_BUILT: [&str; 6] = ["bench", "bin", "dev-dependencies", "example", "lints", "test"];

/// The folders that the copy's manifest refers to, as it spells them.
#[derive(Clone, Copy, Debug)]
pub struct Folders<'a> {
    /// The folder of `models/shim`.
    pub shim: &'a str,
    /// The folder of the instrumented dependencies, each in a folder of its package's name.
    pub dependencies: &'a str,
}

/// A package's manifest.
#[derive(Debug)]
pub struct Manifest {
    /// The package's name.
    pub package: String,
    /// Its version.
    pub version: String,
    /// The library's root file.
    pub root: PathBuf,
    text: DocumentMut,
}

impl Manifest {
    /// Reads a manifest, which may inherit from its workspace.
    ///
    /// # Errors
    ///
    /// When the text is not a package's manifest, or inherits what `inherited` does not have.
    pub fn parse(text: &str, inherited: &Inherited) -> Result<Self> {
        let mut text: DocumentMut = text.parse().context("not TOML")?;
        inherited.resolve(&mut text)?;
        let package = |key: &str| {
            let value = text.get("package").and_then(|package| package.get(key)).and_then(Item::as_str);
            value.map(str::to_owned).with_context(|| format!("package.{key} is missing or not a string"))
        };
        let root = text.get("lib").and_then(|lib| lib.get("path")).and_then(Item::as_str);
        let root = PathBuf::from(root.unwrap_or("src/lib.rs"));
        Ok(Manifest { package: package("name")?, version: package("version")?, root, text })
    }

    /// The manifest of the instrumented copy. `used` are the packages that the crate is built with.
    ///
    /// # Errors
    ///
    /// When it is built with a dependency that is on none of the lists above.
    pub fn instrumented(&self, folders: Folders<'_>, used: &BTreeSet<String>) -> Result<Changed> {
        let mut manifest = self.text.clone();
        let mut changed = Changed::default();
        for key in NOT_BUILT {
            manifest.remove(key);
        }
        // A checkout may be the root of a workspace; its copy is a member of another.
        manifest.remove("workspace");
        let dependencies = manifest.entry("dependencies").or_insert(Item::Table(Table::new()));
        replace(dependencies, folders, used, &mut changed)?;
        if let Some(targets) = manifest.get_mut("target").and_then(Item::as_table_like_mut) {
            for (_, target) in targets.iter_mut() {
                let target = target.as_table_like_mut().context("a [target] entry is not a table")?;
                target.remove("dev-dependencies");
                if let Some(dependencies) = target.get_mut("dependencies") {
                    replace(dependencies, folders, used, &mut changed)?;
                }
            }
            decide(targets, &mut changed);
        }
        let dependencies =
            manifest["dependencies"].as_table_like_mut().context("[dependencies] is not a table")?;
        let path = InlineTable::from_iter([("path", folders.shim)]);
        dependencies.insert("chanlab-shim", Item::Value(Value::InlineTable(path)));
        changed.text = manifest.to_string();
        Ok(changed)
    }
}

/// A changed manifest.
#[derive(Debug, Default)]
pub struct Changed {
    /// Its text.
    pub text: String,
    /// The applications of rules.
    pub applied: Vec<Applied>,
    /// The dependencies that lead to instrumented copies.
    pub dependencies: Vec<String>,
}

impl Changed {
    fn note(&mut self, rule: Rule, what: String) {
        self.applied.push(Applied { rule, file: "Cargo.toml".into(), line: 0, what });
    }
}

/// Decides the known conditions in the keys of `[target]`.
fn decide(targets: &mut dyn TableLike, changed: &mut Changed) {
    let keys: Vec<String> = targets.iter().map(|(key, _)| key.to_owned()).collect();
    for key in keys {
        if let Some((new, what)) = decided_text(&key)
            && let Some(target) = targets.remove(&key)
        {
            targets.insert(&new, target);
            what.into_iter().for_each(|what| changed.note(Rule::Cfg, format!("[target.'{key}']: {what}")));
        }
    }
}

/// Applies the rules to a table of dependencies.
fn replace(
    dependencies: &mut Item,
    folders: Folders<'_>,
    used: &BTreeSet<String>,
    changed: &mut Changed,
) -> Result<()> {
    let dependencies = dependencies.as_table_like_mut().context("dependencies are not a table")?;
    for (key, dependency) in dependencies.iter_mut() {
        let package = dependency.get("package").and_then(Item::as_str).unwrap_or(key.get()).to_owned();
        let is_plain = PLAIN.iter().any(|(plain, _)| *plain == package);
        if is_plain || !used.contains(&package) {
            continue;
        }
        if WRAPPERS.contains(&package.as_str()) {
            redirect(
                dependency,
                &format!("chanlab-{package}"),
                format!("{}/wrappers/{package}", folders.shim),
            )?;
            changed.note(Rule::Wrapper, format!("{package} is replaced by its wrapper"));
        } else if INSTRUMENTED.contains(&package.as_str()) {
            redirect(dependency, &package, format!("{}/{package}", folders.dependencies))?;
            changed.note(Rule::Dependency, format!("{package} is replaced by its instrumented copy"));
            changed.dependencies.push(package);
        } else {
            bail!(
                "the dependency {package} is on no list of models/instrument/src/manifest.rs: add it to PLAIN if it has no \
                 primitives, to INSTRUMENTED if it has only those of std and core, or else to WRAPPERS with a wrapper \
                 in models/shim/wrappers"
            );
        }
    }
    Ok(())
}

/// Redirects a dependency to the package in the folder `path`; its features and its name in source code stay.
fn redirect(dependency: &mut Item, package: &str, path: String) -> Result<()> {
    if dependency.is_str() {
        *dependency = Item::Value(Value::InlineTable(InlineTable::new()));
    }
    let table = dependency.as_table_like_mut().context("a dependency is neither a string nor a table")?;
    for key in ["version", "git", "branch", "tag", "rev", "registry"] {
        table.remove(key);
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

[dependencies.unlisted]
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
    fn dependencies_are_redirected_and_keep_their_names() {
        let manifest = Manifest::parse(PUBLISHED, &Inherited::default()).expect("a manifest");
        assert_eq!((manifest.package.as_str(), manifest.version.as_str()), ("a-channel", "1.2.3"));
        assert_eq!(manifest.root, PathBuf::from("src/root.rs"));
        let Changed { text, applied, dependencies } =
            manifest.instrumented(FOLDERS, &used(&[])).expect("every dependency is listed");
        let new: DocumentMut = text.parse().expect("TOML");
        assert_eq!(dependencies, ["concurrent-queue"]);
        let dependency = |name: &str, key: &str| new["dependencies"][name].get(key).and_then(Item::as_str);
        assert_eq!(dependency("crossbeam-utils", "package"), Some("chanlab-crossbeam-utils"));
        assert_eq!(dependency("crossbeam-utils", "path"), Some("../shim/wrappers/crossbeam-utils"));
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
                (Rule::Wrapper, "crossbeam-utils is replaced by its wrapper"),
                (Rule::Wrapper, "spin is replaced by its wrapper"),
                (Rule::Dependency, "concurrent-queue is replaced by its instrumented copy"),
                (Rule::Cfg, "[target.'cfg(all(loom, unix))']: cfg(loom) is never true"),
            ]
        );
    }

    #[test]
    fn an_unlisted_dependency_is_an_error_if_it_is_built() {
        let manifest = Manifest::parse(PUBLISHED, &Inherited::default()).expect("a manifest");
        let error = manifest.instrumented(FOLDERS, &used(&["unlisted"])).expect_err("unlisted");
        assert!(
            error
                .to_string()
                .starts_with("the dependency unlisted is on no list of models/instrument/src/manifest.rs: "),
            "{error}"
        );
    }

    #[test]
    fn other_text_is_not_a_manifest() {
        Manifest::parse("[workspace]", &Inherited::default()).expect_err("no package");
        Manifest::parse("[", &Inherited::default()).expect_err("no TOML");
    }
}
