//! Adapters of published channel crates that are not in the registry: they can be explored, but not measured.
//!
//! Each has a file in `models/adapters`, named after the channel with `_` for `-`, whose `pub struct Subject` implements
//! [`harness::channel::Channel`]. To add one, write that file and add it to [`LISTED`].

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::versions::workspace::project;

/// The channels, named like their crates, each with its default version.
pub const LISTED: [(&str, &str); 3] = [("async-channel", "2.5.0"), ("loole", "0.6.0"), ("thingbuf", "0.1.6")];

/// The adapter of a crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adapter {
    /// The registry's file, in the harness.
    Registry,
    /// A file of `models/adapters`.
    Listed(PathBuf),
    /// A file that was named on the command line.
    Given(PathBuf),
    /// The registry's file for std, compiled against another `std`.
    Standard(PathBuf),
}

impl Adapter {
    /// The adapter of a listed channel.
    ///
    /// # Errors
    ///
    /// When the project is no longer where this program was built.
    pub fn listed(channel: &str) -> Result<Self> {
        let file = format!("{}.rs", channel.replace('-', "_"));
        Ok(Adapter::Listed(project()?.join("models/adapters").join(file)))
    }

    /// The adapter of std's channels.
    ///
    /// # Errors
    ///
    /// When the project is no longer where this program was built.
    pub fn standard() -> Result<Self> {
        Ok(Adapter::Standard(project()?.join("harness/src/channels/std.rs")))
    }

    /// Its file, where that is not part of the harness.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Adapter::Registry => None,
            Adapter::Listed(file) | Adapter::Given(file) | Adapter::Standard(file) => Some(file),
        }
    }
}

/// The default version of a listed channel; `None` for other channels.
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
    fn listed_channels_have_a_version_and_are_not_in_the_registry() {
        for (channel, version) in LISTED {
            CrateSource::parse(channel, version).expect("a version");
            assert!(
                Registry::new().channels().all(|info| info.name != channel && info.package != Some(channel))
            );
        }
        assert_eq!(version("crossbeam"), None);
    }
}
