//! The manifest of an instrumented crate: the shim is a dependency, and stand-ins take the place of others.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use toml_edit::{DocumentMut, InlineTable, Item, Table, Value};

use crate::Applied;

/// Dependencies with primitives of their own, for which there is a stand-in.
const STAND_INS: [&str; 4] = ["crossbeam-utils", "fastrand", "nanorand", "spin"];

/// Dependencies that are used as they are, and why they may.
const PLAIN: [(&str, &str); 7] = [
    ("cfg-if", "a macro"),
    ("futures-core", "traits"),
    ("futures-sink", "traits"),
    ("lock_api", "locks around a raw lock that the crate brings"),
    ("pin-project", "a macro"),
    ("pin-project-lite", "a macro"),
    ("scopeguard", "runs a closure on drop"),
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

    /// The manifest of the instrumented copy, with the shim in the folder `shim`, and what was done to it.
    ///
    /// # Errors
    ///
    /// When a dependency is neither known to be without primitives nor has a stand-in.
    pub fn instrumented(&self, shim: &str) -> Result<(String, Vec<Applied>)> {
        let mut manifest = self.text.clone();
        let mut applied = Vec::new();
        for key in NOT_BUILT {
            manifest.remove(key);
        }
        // A checkout may be the root of a workspace; the copy is in another.
        manifest.remove("workspace");
        replace(manifest.entry("dependencies").or_insert(Item::Table(Table::new())), shim, &mut applied)?;
        if let Some(targets) = manifest.get_mut("target").and_then(Item::as_table_like_mut) {
            for (_, target) in targets.iter_mut() {
                if let Some(table) = target.as_table_like_mut() {
                    table.remove("dev-dependencies");
                }
                if let Some(dependencies) = target.get_mut("dependencies") {
                    replace(dependencies, shim, &mut applied)?;
                }
            }
        }
        let dependencies =
            manifest["dependencies"].as_table_like_mut().context("[dependencies] is no table")?;
        let path = InlineTable::from_iter([("path", shim)]);
        dependencies.insert("chanlab-shim", Item::Value(Value::InlineTable(path)));
        Ok((manifest.to_string(), applied))
    }
}

fn replace(dependencies: &mut Item, shim: &str, applied: &mut Vec<Applied>) -> Result<()> {
    let dependencies = dependencies.as_table_like_mut().context("dependencies are no table")?;
    for (key, dependency) in dependencies.iter_mut() {
        let package = dependency.get("package").and_then(Item::as_str).unwrap_or(key.get()).to_owned();
        if STAND_INS.contains(&package.as_str()) {
            if dependency.is_str() {
                *dependency = Item::Value(Value::InlineTable(InlineTable::new()));
            }
            let table = dependency.as_table_like_mut().context("a dependency is neither text nor a table")?;
            for place in ["version", "git", "branch", "tag", "rev", "registry"] {
                table.remove(place);
            }
            table.insert("package", toml_edit::value(format!("chanlab-{package}")));
            table.insert("path", toml_edit::value(format!("{shim}/stand-ins/{package}")));
            applied.push(Applied {
                rule: "stand-in",
                file: "Cargo.toml".into(),
                line: 0,
                what: format!("{package} is its stand-in"),
            });
        } else if !PLAIN.iter().any(|(plain, _)| *plain == package) {
            bail!(
                "it depends on {package}, of which it is not known whether it has primitives of its own: there is neither a \
                 stand-in in models/shim/stand-ins nor an entry in models/instrument/src/manifest.rs"
            );
        }
    }
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

[dev-dependencies.rand]
version = "0.8"

[lints.rust]
warnings = "deny"
"#;

    #[test]
    fn stand_ins_take_the_place_of_dependencies_and_keep_their_names() {
        let manifest = Manifest::parse(PUBLISHED).expect("a manifest");
        assert_eq!((manifest.package.as_str(), manifest.version.as_str()), ("a-channel", "1.2.3"));
        assert_eq!(manifest.root, PathBuf::from("src/root.rs"));
        let (text, applied) = manifest.instrumented("../shim").expect("nothing is unknown");
        let new: DocumentMut = text.parse().expect("TOML");
        let dependency = |name: &str, key: &str| new["dependencies"][name].get(key).and_then(Item::as_str);
        assert_eq!(dependency("crossbeam-utils", "package"), Some("chanlab-crossbeam-utils"));
        assert_eq!(dependency("crossbeam-utils", "path"), Some("../shim/stand-ins/crossbeam-utils"));
        assert_eq!(dependency("crossbeam-utils", "version"), None);
        assert_eq!(dependency("spin1", "package"), Some("chanlab-spin"));
        assert_eq!(dependency("futures-core", "version"), Some("0.3"));
        assert_eq!(dependency("chanlab-shim", "path"), Some("../shim"));
        assert!(
            !text.contains("dev-dependencies") && !text.contains("[[test]]") && !text.contains("lints"),
            "{text}"
        );
        assert_eq!(applied.len(), 2);
    }

    #[test]
    fn a_dependency_that_nobody_knows_is_an_error() {
        let manifest = PUBLISHED.replace("futures-core", "event-listener");
        let error =
            Manifest::parse(&manifest).expect("a manifest").instrumented("shim").expect_err("unknown");
        assert!(
            error.to_string().starts_with("it depends on event-listener, of which it is not known"),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_manifest_of_a_package_is_said() {
        Manifest::parse("[workspace]").expect_err("no package");
        Manifest::parse("[").expect_err("no TOML");
    }
}
