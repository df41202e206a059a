//! Inheritance from a workspace: `version.workspace = true` and the like. The copy of a crate is a member of another
//! workspace, so each of these gets the value that cargo has resolved.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use toml_edit::{Array, DocumentMut, InlineTable, Item, TableLike, Value};

/// What a manifest may inherit, as `cargo metadata` resolves it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inherited {
    /// The values of `[package]` by key.
    pub package: BTreeMap<String, String>,
    /// The dependencies, whether inherited or not.
    pub dependencies: Vec<InheritedDependency>,
}

/// A dependency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InheritedDependency {
    /// Its key in the manifest.
    pub key: String,
    /// The package's name.
    pub package: String,
    /// Its kind.
    pub kind: Kind,
    /// The key in `[target]`; `None` when it is for all targets.
    pub target: Option<String>,
    /// The requirement on its version.
    pub version: String,
    /// The folder of a package that has one.
    pub path: Option<String>,
    /// Whether it is optional.
    pub is_optional: bool,
    /// Whether it has its default features.
    pub has_default_features: bool,
    /// Its other features.
    pub features: Vec<String>,
}

/// The kind of a dependency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// The library is built with it.
    #[default]
    Normal,
    /// The build script is.
    Build,
    /// The tests are.
    Dev,
}

impl Kind {
    /// The kinds that concern the library, and their tables in a manifest.
    const TABLES: [(Kind, &str); 2] = [(Kind::Normal, "dependencies"), (Kind::Build, "build-dependencies")];
}

impl Inherited {
    /// Replaces everything in `manifest` that is inherited, and adds a version where it has none.
    ///
    /// # Errors
    ///
    /// When an inherited dependency is not known.
    pub(super) fn resolve(&self, manifest: &mut DocumentMut) -> Result<()> {
        if let Some(package) = manifest.get_mut("package").and_then(Item::as_table_like_mut) {
            for key in inheriting(package) {
                match self.package.get(&key) {
                    Some(value) => drop(package.insert(&key, toml_edit::value(value))),
                    // What no build needs.
                    None => drop(package.remove(&key)),
                }
            }
            if let (false, Some(version)) = (package.contains_key("version"), self.package.get("version")) {
                package.insert("version", toml_edit::value(version));
            }
        }
        self.resolve_dependencies(manifest.as_table_mut(), None)?;
        if let Some(targets) = manifest.get_mut("target").and_then(Item::as_table_like_mut) {
            for (target, tables) in targets.iter_mut() {
                if let Some(tables) = tables.as_table_like_mut() {
                    self.resolve_dependencies(tables, Some(target.get()))?;
                }
            }
        }
        Ok(())
    }

    /// Replaces the inherited dependencies in `tables`, which holds those for `target`.
    fn resolve_dependencies(&self, tables: &mut dyn TableLike, target: Option<&str>) -> Result<()> {
        for (kind, table) in Kind::TABLES {
            let Some(dependencies) = tables.get_mut(table).and_then(Item::as_table_like_mut) else {
                continue;
            };
            for key in inheriting(dependencies) {
                let is_it = |known: &&InheritedDependency| {
                    known.key == key
                        && known.kind == kind
                        && known.target.as_deref().map(words) == target.map(words)
                };
                let known = self.dependencies.iter().find(is_it);
                let known = known
                    .with_context(|| format!("cargo does not resolve the inherited dependency {key}"))?;
                dependencies.insert(&key, Item::Value(Value::InlineTable(known.table())));
            }
        }
        Ok(())
    }
}

impl InheritedDependency {
    /// Its table in a manifest.
    fn table(&self) -> InlineTable {
        let mut table = InlineTable::from_iter([("package", Value::from(&self.package))]);
        match &self.path {
            Some(path) => table.insert("path", path.into()),
            None => table.insert("version", (&self.version).into()),
        };
        table.insert("optional", self.is_optional.into());
        table.insert("default-features", self.has_default_features.into());
        table.insert("features", Value::Array(Array::from_iter(&self.features)));
        table
    }
}

/// The keys of the entries that say `workspace = true`.
fn inheriting(table: &dyn TableLike) -> Vec<String> {
    let inherits = |item: &Item| item.get("workspace").and_then(Item::as_bool) == Some(true);
    table.iter().filter(|(_, item)| inherits(item)).map(|(key, _)| key.to_owned()).collect()
}

/// A condition without its spaces, since cargo writes `cfg(all(a, b))` in its own way.
fn words(target: &str) -> String {
    target.split_whitespace().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBER: &str = r#"[package]
name = "member"
version.workspace = true
edition = { workspace = true }
readme.workspace = true
rust-version = "1.70"

[dependencies]
plain = { workspace = true, optional = true }
own = "1"

[dependencies.renamed]
workspace = true
features = ["more"]

[build-dependencies]
plain.workspace = true

[target.'cfg(all(unix,not(loom)))'.dependencies]
plain.workspace = true
"#;

    fn dependency(key: &str, package: &str, version: &str) -> InheritedDependency {
        let (key, package, version) = (key.to_owned(), package.to_owned(), version.to_owned());
        InheritedDependency {
            key,
            package,
            version,
            has_default_features: true,
            ..InheritedDependency::default()
        }
    }

    fn inherited() -> Inherited {
        let package = [("version", "0.3.1"), ("edition", "2021")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        let features = vec!["some".to_owned(), "more".to_owned()];
        Inherited {
            package: package.into(),
            dependencies: vec![
                InheritedDependency { is_optional: true, ..dependency("plain", "plain", "^1") },
                InheritedDependency {
                    features,
                    has_default_features: false,
                    ..dependency("renamed", "other", "^2")
                },
                InheritedDependency { kind: Kind::Build, ..dependency("plain", "plain", "^3") },
                InheritedDependency {
                    target: Some("cfg(all(unix, not(loom)))".to_owned()),
                    path: Some("/plain".to_owned()),
                    ..dependency("plain", "plain", "^4")
                },
            ],
        }
    }

    #[test]
    fn everything_inherited_gets_the_value_that_cargo_resolved() {
        let mut manifest: DocumentMut = MEMBER.parse().expect("TOML");
        inherited().resolve(&mut manifest).expect("all of it is known");
        let text = manifest.to_string();
        assert!(!text.contains("workspace"), "{text}");
        let package = |key: &str| manifest["package"].get(key).and_then(Item::as_str);
        assert_eq!(
            [package("version"), package("edition"), package("rust-version")],
            [Some("0.3.1"), Some("2021"), Some("1.70")]
        );
        assert_eq!(package("readme"), None);
        let dependencies = &manifest["dependencies"];
        assert_eq!(dependencies["own"].as_str(), Some("1"));
        assert_eq!(dependencies["plain"]["version"].as_str(), Some("^1"));
        assert_eq!(dependencies["plain"]["optional"].as_bool(), Some(true));
        assert_eq!(dependencies["renamed"]["package"].as_str(), Some("other"));
        assert_eq!(dependencies["renamed"]["default-features"].as_bool(), Some(false));
        assert_eq!(dependencies["renamed"]["features"].as_array().map(Array::len), Some(2));
        assert_eq!(manifest["build-dependencies"]["plain"]["version"].as_str(), Some("^3"));
        let unix = &manifest["target"]["cfg(all(unix,not(loom)))"]["dependencies"]["plain"];
        assert_eq!(unix["path"].as_str(), Some("/plain"));
    }

    #[test]
    fn a_package_without_a_version_has_the_one_that_cargo_gives_it() {
        let mut manifest: DocumentMut = "[package]\nname = \"a\"\n".parse().expect("TOML");
        inherited().resolve(&mut manifest).expect("nothing is inherited");
        assert_eq!(manifest["package"]["version"].as_str(), Some("0.3.1"));
    }

    #[test]
    fn an_inherited_dependency_that_cargo_does_not_name_is_an_error() {
        let mut manifest: DocumentMut = MEMBER.parse().expect("TOML");
        let error = Inherited::default().resolve(&mut manifest).expect_err("no dependency is known");
        assert_eq!(error.to_string(), "cargo does not resolve the inherited dependency plain");
    }
}
