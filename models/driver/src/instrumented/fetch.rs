//! The source of a version and of its dependencies: cargo's copy of a published one, or a checkout.
//!
//! `cargo metadata` of a generated project with one dependency names the folders. Cargo fetches a source that
//! is missing, and verifies it against the checksum of the registry's index; nothing else is downloaded. The
//! source of std is the compiler's ([`std_source`]).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, bail};
use instrument::Inherited;
use instrument::manifest::{InheritedDependency, Kind};
use serde::Deserialize;
use toml_edit::InlineTable;

use super::std_source::{self, STD, rustc};
use crate::versions::manifest;
use crate::versions::source::CrateSource;
use crate::versions::workspace::{LOCK, MANIFEST, project, read, write, write_lock};
use engine::cargo::Cargo;

/// The sources of a crate and its dependencies, with its default features, for this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The crate itself is the first.
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
    /// What its manifest may inherit from its workspace.
    pub inherited: Inherited,
    /// The positions of its normal dependencies by name; one of several with the same name. Build and dev
    /// dependencies are not among them.
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

    /// Reads the output of `cargo metadata` for a project whose only dependency is `package`.
    fn read(metadata: &[u8], package: &str) -> Result<Self> {
        let metadata: Metadata =
            serde_json::from_slice(metadata).context("cannot parse the output of cargo metadata")?;
        let (Some(resolve), packages) = (metadata.resolve, metadata.packages) else {
            bail!("cargo metadata does not resolve the dependencies of {package}");
        };
        let mut places: Vec<&Known> = packages.iter().collect();
        // The crate itself comes first: the one that the project depends on, since others may have the same
        // name.
        let roots = resolve.nodes.iter().filter(|node| Some(&node.id) == resolve.root.as_ref());
        let own: Vec<&String> = roots.flat_map(|root| &root.deps).map(|edge| &edge.pkg).collect();
        places.sort_by_key(|known| !own.contains(&&known.id));
        if own.len() != 1 || places.first().is_none_or(|first| first.name != package) {
            bail!("cargo metadata does not name the folder of {package}");
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
                inherited: known.inherited(),
                dependencies: dependencies.map(|place| (places[place].name.clone(), place)).collect(),
            })
        };
        Ok(Fetched { packages: places.iter().map(read).collect::<Result<_>>()? })
    }
}

#[cfg(test)]
impl Fetched {
    /// Packages by name, version, folder, and the positions of their dependencies.
    pub(super) fn of(packages: Vec<(String, String, PathBuf, BTreeMap<String, usize>)>) -> Self {
        let package = |(name, version, folder, dependencies)| Package {
            name,
            version,
            folder,
            inherited: Inherited::default(),
            dependencies,
        };
        Fetched { packages: packages.into_iter().map(package).collect() }
    }
}

impl Package {
    /// The names of its dependencies.
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
    #[serde(default)]
    edition: Option<String>,
    #[serde(default)]
    rust_version: Option<String>,
    #[serde(default)]
    dependencies: Vec<KnownDependency>,
}

#[derive(Deserialize)]
struct KnownDependency {
    name: String,
    rename: Option<String>,
    req: String,
    kind: Option<String>,
    target: Option<String>,
    path: Option<String>,
    optional: bool,
    uses_default_features: bool,
    features: Vec<String>,
}

impl Known {
    /// What the manifest may inherit from its workspace.
    fn inherited(&self) -> Inherited {
        let values = [
            ("version", Some(&self.version)),
            ("edition", self.edition.as_ref()),
            ("rust-version", self.rust_version.as_ref()),
        ];
        let values = values.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.clone())));
        let dependency = |known: &KnownDependency| InheritedDependency {
            key: known.rename.as_ref().unwrap_or(&known.name).clone(),
            package: known.name.clone(),
            kind: match known.kind.as_deref() {
                None => Kind::Normal,
                Some("build") => Kind::Build,
                Some(_) => Kind::Dev,
            },
            target: known.target.clone(),
            version: known.req.clone(),
            path: known.path.clone(),
            is_optional: known.optional,
            has_default_features: known.uses_default_features,
            features: known.features.clone(),
        };
        Inherited {
            package: values.collect(),
            dependencies: self.dependencies.iter().map(dependency).collect(),
        }
    }
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
    dep_kinds: Vec<EdgeKind>,
}

/// The kind of a dependency: `None` is normal, others are for tests or a build script.
#[derive(Deserialize)]
struct EdgeKind {
    kind: Option<String>,
}

/// The source of `package` in the version `source`. The project that finds it is written below `root`.
///
/// # Errors
///
/// When cargo is missing, or cannot fetch it, with cargo's error; and when `stop` is set meanwhile.
pub fn source(root: &Path, package: &str, source: &CrateSource, stop: &AtomicBool) -> Result<Fetched> {
    if package == STD {
        let (folder, version) = std_source::package(root, source)?;
        let (name, dependencies) = (std_source::PACKAGE.to_owned(), BTreeMap::new());
        let inherited = Inherited::default();
        return Ok(Fetched { packages: vec![Package { name, version, folder, inherited, dependencies }] });
    }
    let folder = root.join("fetch").join(format!("{package}-{}", source.slug()));
    let changed = write(&folder.join(MANIFEST), depends(package, source)?.as_bytes())?;
    write(&folder.join("src/lib.rs"), b"")?;
    let lock = lock(&read(&project()?, LOCK)?, package, source)?;
    write_lock(&folder, &lock, changed)?;
    let metadata = Cargo::new(&folder)
        .args(["metadata", "--format-version", "1", "--filter-platform", &host()?])
        .stop(stop)
        .output()
        .with_context(|| format!("cargo cannot fetch {package} {}", source.name()))?;
    Fetched::read(&metadata, package)
}

/// The compiler's name for this host.
fn host() -> Result<String> {
    let output = rustc("-vV")?;
    let host = output.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc -vV does not name its host")
}

/// The manifest of a project that depends on `package` alone.
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

/// The initial lock file: the project's, so that common dependencies are the same, with the version `source`,
/// because cargo only accepts a yanked version that the lock file names.
fn lock(project: &str, package: &str, source: &CrateSource) -> Result<String> {
    let mut text = manifest::lock(project, package, source)?;
    let mut own = "name = \"fetch\"\nversion = \"0.0.0\"\n".to_owned();
    if let CrateSource::Published(version) = source {
        own += &format!("dependencies = [\"{package} {version}\"]\n");
        if !manifest::is_locked(&text, package, source)? {
            // The registry of the project's lock file.
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

    /// A project that depends on `queue` 1, which depends on `park` 2, and on `cc` for its build script;
    /// `park` depends on another `queue`.
    fn metadata() -> String {
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
    fn dependencies_are_read_from_cargo_metadata() {
        let fetched = Fetched::read(metadata().as_bytes(), "queue").expect("valid metadata");
        let own = fetched.own();
        assert_eq!((own.version.as_str(), own.folder.as_path()), ("1.0.0", Path::new("/queue-1.0.0")));
        assert_eq!(own.built_with(), BTreeSet::from(["park".to_owned()]));
        let park = fetched.dependency(own, "park").expect("it is there");
        assert_eq!(fetched.dependency(park, "queue").expect("it is there").version, "0.1.0");
        assert_eq!(fetched.dependency(own, "cc"), None);
    }

    #[test]
    fn a_manifest_inherits_what_cargo_metadata_has_resolved() {
        let text = metadata().replace(
            "\"name\":\"queue\",\"version\":\"1.0.0\"",
            "\"name\":\"queue\",\"version\":\"1.0.0\",\"edition\":\"2021\",\"rust_version\":null,\"dependencies\":[{\"name\":\"park\",\
             \"source\":null,\"req\":\"^2\",\"kind\":null,\"rename\":\"p\",\"optional\":true,\"uses_default_features\":false,\
             \"features\":[\"std\"],\"target\":\"cfg(unix)\",\"registry\":null}]",
        );
        let fetched = Fetched::read(text.as_bytes(), "queue").expect("valid metadata");
        let Inherited { package, dependencies } = &fetched.own().inherited;
        assert_eq!(package.get("version").map(String::as_str), Some("1.0.0"));
        assert_eq!(package.get("edition").map(String::as_str), Some("2021"));
        assert_eq!(package.get("rust-version"), None);
        let expected = InheritedDependency {
            key: "p".to_owned(),
            package: "park".to_owned(),
            kind: Kind::Normal,
            target: Some("cfg(unix)".to_owned()),
            version: "^2".to_owned(),
            path: None,
            is_optional: true,
            has_default_features: false,
            features: vec!["std".to_owned()],
        };
        assert_eq!(dependencies.as_slice(), [expected]);
    }

    #[test]
    fn metadata_without_the_crate_is_an_error() {
        let error = Fetched::read(metadata().as_bytes(), "park").expect_err("it depends on another");
        assert_eq!(error.to_string(), "cargo metadata does not name the folder of park");
        Fetched::read(b"{\"packages\": [], \"resolve\": null}", "park").expect_err("it has no packages");
        Fetched::read(b"", "park").expect_err("it is empty");
    }

    #[test]
    fn any_version_can_be_locked() {
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
        let checkout =
            CrateSource::Checkout { typed: "path:b".to_owned(), folder: "/b".into(), commit: None };
        assert!(of("queue", &checkout).ends_with("name = \"fetch\"\nversion = \"0.0.0\"\n"));
    }

    #[test]
    fn the_generated_project_depends_on_the_version_alone() {
        let of = |source| depends("a", &source).expect("text");
        assert!(of(CrateSource::Published("1.0.0".to_owned())).contains("\na = { version = \"=1.0.0\" }\n"));
        let checkout =
            CrateSource::Checkout { typed: "path:b".to_owned(), folder: "/b".into(), commit: None };
        assert!(of(checkout).contains("\na = { path = \"/b\" }\n"));
    }
}
