//! Published channel crates that the registry does not have, and that are looked at all the same, instrumented: nothing is measured of them.
//!
//! Each has a file in `models/adapters`, of the channel's name with `_` for `-`, whose `pub struct Subject` implements
//! [`harness::channel::Channel`]. To add one: write that file, and name it in [`LISTED`].

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::versions::workspace::project;

/// The channels, which are called as their crates are, and the version of each that is looked at when none is named.
pub const LISTED: [(&str, &str); 3] = [("async-channel", "2.5.0"), ("loole", "0.6.0"), ("thingbuf", "0.1.6")];

/// What makes a channel of a crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adapter {
    /// The registry's own file, in the harness.
    Registry,
    /// A file of `models/adapters`.
    Listed(PathBuf),
    /// A file that was named on the command line.
    Given(PathBuf),
    /// The registry's own file for std, where `std` is another.
    Standard(PathBuf),
}

impl Adapter {
    /// That of a listed channel.
    ///
    /// # Errors
    ///
    /// When the project is no longer where this program was built.
    pub fn listed(channel: &str) -> Result<Self> {
        let file = format!("{}.rs", channel.replace('-', "_"));
        Ok(Adapter::Listed(project()?.join("models/adapters").join(file)))
    }

    /// That of std's channels.
    ///
    /// # Errors
    ///
    /// When the project is no longer where this program was built.
    pub fn standard() -> Result<Self> {
        Ok(Adapter::Standard(project()?.join("harness/src/channels/std.rs")))
    }

    /// Its file, where it is not built in the harness.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Adapter::Registry => None,
            Adapter::Listed(file) | Adapter::Given(file) | Adapter::Standard(file) => Some(file),
        }
    }
}

/// The version of a listed channel that is looked at when none is named; `None` of others.
pub fn version(channel: &str) -> Option<&'static str> {
    LISTED.iter().find(|(listed, _)| *listed == channel).map(|(_, version)| *version)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use harness::registry::Registry;

    use super::*;
    use crate::versions::source::CrateSource;

    #[test]
    fn every_listed_channel_has_its_file_and_every_file_is_listed() {
        let listed: BTreeSet<PathBuf> = LISTED
            .iter()
            .map(|(channel, _)| {
                Adapter::listed(channel).expect("it is a checkout").file().expect("a file").to_owned()
            })
            .collect();
        let folder = project().expect("it is a checkout").join("models/adapters");
        let there = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path());
        assert_eq!(there.collect::<BTreeSet<_>>(), listed);
    }

    #[test]
    fn what_is_listed_has_a_version_and_is_in_no_registry() {
        for (channel, version) in LISTED {
            CrateSource::parse(channel, version).expect("a version");
            assert!(
                Registry::new().channels().all(|info| info.name != channel && info.package != Some(channel))
            );
        }
        assert_eq!(version("crossbeam"), None);
    }
}
