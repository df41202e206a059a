//! The channels that chanlab compares. An adapter is one file with a `pub struct Adapter` that implements
//! [`contract::channel::Channel`]; CONTRIBUTING.md says how to add one.
//!
//! - `channels/`: the registered channels, each a module of this crate. The build script finds the files.
//! - `verified/`: channels that are verified and not measured. This crate does not build them; `chanlab
//!   verify` does, over an instrumented copy of their crate. [`verified_only`] lists them.
//! - `versions/`: adapters for old interfaces of a crate, for `chanlab verify --path … --adapter …`.
//!
//! The crates' versions are in this package's `Cargo.toml`.

use baseline::MutexDeque;
use contract::OWN_VERSION;
use contract::channel::{Channel, Info, Visitor};
use workloads::registry::{ChannelEntry, Registry};

include!(concat!(env!("OUT_DIR"), "/channels.rs"));

/// This package's manifest and the lock file of this build. They are compiled in here, and not in the
/// harness, so that a change of either rebuilds no more than this package and what depends on it.
const MANIFEST: &str = include_str!("../Cargo.toml");
const LOCK: &str = include_str!("../../../Cargo.lock");

/// Every channel, with its version, and every workload.
pub fn registry() -> Registry {
    struct Channels(Vec<ChannelEntry>);
    impl Visitor for Channels {
        fn visit<C: Channel>(&mut self) {
            self.0.push(ChannelEntry::new::<C>().with_version(version(&C::INFO)));
        }
    }
    let mut channels = Channels(Vec::new());
    each(&mut channels);
    Registry::with_channels(channels.0)
}

/// Visits the channel of this name; false when there is none.
pub fn visit_named(name: &str, visitor: &mut impl Visitor) -> bool {
    struct Named<'a, V>(&'a str, &'a mut V, bool);
    impl<V: Visitor> Visitor for Named<'_, V> {
        fn visit<C: Channel>(&mut self) {
            if C::INFO.name == self.0 {
                self.1.visit::<C>();
                self.2 = true;
            }
        }
    }
    let mut named = Named(name, visitor, false);
    each(&mut named);
    named.2
}

/// The names of all channels, in the order in which everything shows them.
pub fn names() -> Vec<&'static str> {
    struct Names(Vec<&'static str>);
    impl Visitor for Names {
        fn visit<C: Channel>(&mut self) {
            self.0.push(C::INFO.name);
        }
    }
    let mut names = Names(Vec::new());
    each(&mut names);
    names.0
}

/// The version of a channel in this build: of its crate by the lock file, of the compiler for `std`, of
/// chanlab for its own.
pub fn version(info: &Info) -> String {
    match info.package {
        Some(package) => format!("{package} {}", locked(package)),
        None if info.name == std::Adapter::INFO.name => env!("CHANLAB_RUSTC").to_owned(),
        None => OWN_VERSION.to_owned(),
    }
}

/// The channels of `verified/`: the name of each, which is also its crate's, and the version to verify when
/// none is named.
///
/// # Panics
///
/// When `[package.metadata.verified]` in `Cargo.toml` is not a table of versions.
pub fn verified_only() -> Vec<(String, String)> {
    let manifest: toml::Table = MANIFEST.parse().expect("cargo read the manifest");
    let verified = manifest["package"]["metadata"]["verified"].as_table().expect("a table of versions");
    let version = |version: &toml::Value| version.as_str().expect("a version is a string").to_owned();
    verified.iter().map(|(channel, value)| (channel.clone(), version(value))).collect()
}

/// The locked version of a package; of several, the one that this package depends on.
fn locked(package: &str) -> String {
    let lock: toml::Table = LOCK.parse().expect("cargo wrote the lock file");
    let packages = lock["package"].as_array().expect("a list of packages");
    let entry = |name: &str| packages.iter().find(|entry| entry["name"].as_str() == Some(name));
    let own = entry(env!("CARGO_PKG_NAME")).and_then(|own| own.get("dependencies")?.as_array());
    // Cargo lists a dependency as `name version` where the lock file has several versions of it.
    let dependencies =
        own.into_iter().flatten().filter_map(|dependency| dependency.as_str()?.split_once(' '));
    let several = dependencies.filter(|(name, _)| *name == package).map(|(_, version)| version).next();
    let version = several.or_else(|| entry(package)?.get("version")?.as_str());
    version.unwrap_or("not in the lock file").to_owned()
}
