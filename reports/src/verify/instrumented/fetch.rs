//! The source of a version, from cargo: its own copy of what was published, or a checkout; and that of all that it is built with.
//!
//! A project of one dependency is put down and `cargo metadata` asked where its source is. Cargo fetches what is not there, and checks what it
//! fetches by the checksum that the registry's index has; nothing is downloaded by any other way. std's is the compiler's ([`standard`]).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use toml_edit::InlineTable;

use super::standard::{self, STD, rustc};
use crate::run::cargo::Cargo;
use crate::versions::manifest;
use crate::versions::source::CrateSource;
use crate::versions::workspace::{LOCK, MANIFEST, project, read, write, write_lock};

/// A crate's source, and that of what it is built with: with its default features, on this machine's kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The crate's own is the first.
    packages: Vec<Package>,
}

/// A package's source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its folder.
    pub folder: PathBuf,
    /// What it is built with, by name; of a name that several of them have, one. None of it is for building alone, such as a build script's.
    dependencies: BTreeMap<String, usize>,
}

impl Fetched {
    /// The crate itself.
    pub fn own(&self) -> &Package {
        &self.packages[0]
    }

    /// A dependency of a package.
    pub fn dependency(&self, of: &Package, name: &str) -> Option<&Package> {
        of.dependencies.get(name).map(|&place| &self.packages[place])
    }

    /// Reads what `cargo metadata` says of a project whose one dependency is `package`.
    fn read(metadata: &[u8], package: &str) -> Result<Self> {
        let metadata: Metadata =
            serde_json::from_slice(metadata).context("cargo metadata is not understood")?;
        let (Some(resolve), packages) = (metadata.resolve, metadata.packages) else {
            bail!("cargo metadata does not tell what {package} is built with");
        };
        let mut places: Vec<&Known> = packages.iter().collect();
        // The crate's own first: the one that the project depends on, whatever else has its name.
        let roots = resolve.nodes.iter().filter(|node| Some(&node.id) == resolve.root.as_ref());
        let own: Vec<&String> = roots.flat_map(|root| &root.deps).map(|edge| &edge.pkg).collect();
        places.sort_by_key(|known| !own.contains(&&known.id));
        if own.len() != 1 || places.first().is_none_or(|first| first.name != package) {
            bail!("cargo does not tell where {package} is");
        }
        let place = |id: &String| places.iter().position(|known| known.id == *id);
        let read = |known: &&Known| {
            let folder = known.manifest_path.parent().context("a manifest is in no folder")?;
            let node = resolve.nodes.iter().find(|node| node.id == known.id);
            let edges = node.into_iter().flat_map(|node| &node.deps);
            let normal = edges.filter(|edge| edge.dep_kinds.iter().any(|kind| kind.kind.is_none()));
            let dependencies = normal.filter_map(|edge| place(&edge.pkg));
            Ok(Package {
                name: known.name.clone(),
                version: known.version.clone(),
                folder: folder.to_owned(),
                dependencies: dependencies.map(|place| (places[place].name.clone(), place)).collect(),
            })
        };
        Ok(Fetched { packages: places.iter().map(read).collect::<Result<_>>()? })
    }
}

#[cfg(test)]
impl Fetched {
    /// Packages by name, version, folder and the places of their dependencies among them.
    pub(super) fn of(packages: Vec<(String, String, PathBuf, BTreeMap<String, usize>)>) -> Self {
        let package = |(name, version, folder, dependencies)| Package { name, version, folder, dependencies };
        Fetched { packages: packages.into_iter().map(package).collect() }
    }
}

impl Package {
    /// The names of what it is built with.
    pub fn built_with(&self) -> BTreeSet<String> {
        self.dependencies.keys().cloned().collect()
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Known>,
    resolve: Option<Resolve>,
}

#[derive(Deserialize)]
struct Known {
    id: String,
    name: String,
    version: String,
    manifest_path: PathBuf,
}

#[derive(Deserialize)]
struct Resolve {
    root: Option<String>,
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

/// Of a dependency: `None` is one that the package is built with, others are for its tests or its build script.
#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

/// The source of `package` in the version `source`. What is needed to find it is put below `root`.
///
/// # Errors
///
/// When cargo is not there, or cannot have it: what it says.
pub fn source(root: &Path, package: &str, source: &CrateSource) -> Result<Fetched> {
    if package == STD {
        let (folder, version) = standard::package(root, source)?;
        let (name, dependencies) = (standard::PACKAGE.to_owned(), BTreeMap::new());
        return Ok(Fetched { packages: vec![Package { name, version, folder, dependencies }] });
    }
    let folder = root.join("fetch").join(format!("{package}-{}", source.slug()));
    let changed = write(&folder.join(MANIFEST), depends(package, source)?.as_bytes())?;
    write(&folder.join("src/lib.rs"), b"")?;
    let lock = lock(&read(&project()?, LOCK)?, package, source)?;
    write_lock(&folder, &lock, changed)?;
    let metadata = Cargo::new(&folder)
        .args(["metadata", "--format-version", "1", "--filter-platform", &host()?])
        .output()
        .with_context(|| format!("cargo cannot fetch {package} {}", source.name()))?;
    Fetched::read(&metadata, package)
}

/// What the compiler calls this kind of machine.
fn host() -> Result<String> {
    let told = rustc("-vV")?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc does not tell its host")
}

/// The manifest of a project that depends on it alone.
fn depends(package: &str, source: &CrateSource) -> Result<String> {
    let mut place = InlineTable::new();
    match source {
        CrateSource::Published(version) => place.insert("version", format!("={version}").into()),
        CrateSource::Checkout { folder, .. } => {
            place.insert("path", folder.to_str().context("the checkout's path is not UTF-8")?.into())
        }
    };
    Ok(format!(
        r#"[package]
name = "fetch"
version = "0.0.0"
edition = "2024"
publish = false

[dependencies]
{package} = {place}

[workspace]
"#
    ))
}

/// The lock file to begin with: the project's, so that a dependency that the project has anyway is the same, with the version that is asked for:
/// one that its authors withdrew is taken by cargo when it stands here, and else not.
fn lock(project: &str, package: &str, source: &CrateSource) -> Result<String> {
    let mut text = manifest::lock(project, package, source)?;
    let mut own = "name = \"fetch\"\nversion = \"0.0.0\"\n".to_owned();
    if let CrateSource::Published(version) = source {
        own += &format!("dependencies = [\"{package} {version}\"]\n");
        if !manifest::is_locked(&text, package, source)? {
            // As the project's lock file names the registry.
            let registry = project.lines().find(|line| line.starts_with("source = "));
            let registry = registry.context("the lock file names no registry")?;
            text += &format!("\n[[package]]\nname = \"{package}\"\nversion = \"{version}\"\n{registry}\n");
        }
    }
    Ok(text + "\n[[package]]\n" + &own)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A project that depends on `queue` 1, which has `park` 2 and, for its build script and its tests, others; another `queue` is far below.
    fn told() -> String {
        let known = |name: &str, version: &str| {
            serde_json::json!({
                "id": format!("{name}@{version}"), "name": name, "version": version, "manifest_path": format!("/{name}-{version}/Cargo.toml"),
            })
        };
        let edge = |pkg: &str, kind: Option<&str>| serde_json::json!({ "name": "", "pkg": pkg, "dep_kinds": [{ "kind": kind, "target": null }] });
        let node = |id: &str, deps: &[serde_json::Value]| serde_json::json!({ "id": id, "deps": deps });
        serde_json::json!({
            "packages": [
                known("queue", "0.1.0"), known("fetch", "0.0.0"), known("park", "2.0.0"), known("queue", "1.0.0"), known("cc", "1.0.0"),
            ],
            "resolve": {
                "root": "fetch@0.0.0",
                "nodes": [
                    node("fetch@0.0.0", &[edge("queue@1.0.0", None)]),
                    node("queue@1.0.0", &[edge("park@2.0.0", None), edge("cc@1.0.0", Some("build"))]),
                    node("park@2.0.0", &[edge("queue@0.1.0", None)]),
                    node("queue@0.1.0", &[]),
                    node("cc@1.0.0", &[]),
                ],
            },
        })
        .to_string()
    }

    #[test]
    fn what_a_crate_is_built_with_is_read_from_what_cargo_tells() {
        let fetched = Fetched::read(told().as_bytes(), "queue").expect("it is understood");
        let own = fetched.own();
        assert_eq!((own.version.as_str(), own.folder.as_path()), ("1.0.0", Path::new("/queue-1.0.0")));
        assert_eq!(own.built_with(), BTreeSet::from(["park".to_owned()]));
        let park = fetched.dependency(own, "park").expect("it is there");
        assert_eq!(fetched.dependency(park, "queue").expect("it is there").version, "0.1.0");
        assert_eq!(fetched.dependency(own, "cc"), None);
    }

    #[test]
    fn what_does_not_tell_of_the_crate_is_said() {
        let error = Fetched::read(told().as_bytes(), "park").expect_err("it depends on another");
        assert_eq!(error.to_string(), "cargo does not tell where park is");
        Fetched::read(b"{\"packages\": [], \"resolve\": null}", "park").expect_err("nothing is told");
        Fetched::read(b"", "park").expect_err("nothing is there");
    }

    #[test]
    fn a_version_is_locked_whether_or_not_the_project_has_it() {
        let project = "version = 4\n\n[[package]]\nname = \"queue\"\nversion = \"1.0.0\"\nsource = \"registry+r\"\nchecksum = \"c\"\n";
        let of = |package, source: &CrateSource| lock(project, package, source).expect("it can be made");
        let old = CrateSource::Published("0.9.0".to_owned());
        let locked = of("queue", &old);
        assert!(manifest::is_locked(&locked, "queue", &old).expect("a lock file"), "{locked}");
        assert!(!locked.contains("checksum"), "{locked}");
        let other = of("park", &old);
        assert!(manifest::is_locked(&other, "park", &old).expect("a lock file"), "{other}");
        assert_eq!(other.matches("source = \"registry+r\"").count(), 2, "{other}");
        assert!(
            other.ends_with("name = \"fetch\"\nversion = \"0.0.0\"\ndependencies = [\"park 0.9.0\"]\n"),
            "{other}"
        );
        let checkout = CrateSource::Checkout { typed: "path:b".to_owned(), folder: "/b".into(), commit: None };
        assert!(of("queue", &checkout).ends_with("name = \"fetch\"\nversion = \"0.0.0\"\n"));
    }

    #[test]
    fn the_project_that_is_fetched_with_depends_on_the_version_alone() {
        let of = |source| depends("a", &source).expect("text");
        assert!(of(CrateSource::Published("1.0.0".to_owned())).contains("\na = { version = \"=1.0.0\" }\n"));
        let checkout = CrateSource::Checkout { typed: "path:b".to_owned(), folder: "/b".into(), commit: None };
        assert!(of(checkout).contains("\na = { path = \"/b\" }\n"));
    }
}
