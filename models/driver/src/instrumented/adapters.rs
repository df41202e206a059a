//! The adapter that puts an instrumented crate behind the channel contract: a file of the package `adapters`,
//! or the user's own.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::versions::workspace::{ADAPTERS, project};

/// The folders of the adapters of registered channels, and of those that are verified only.
const FOLDERS: [&str; 2] = ["channels", "verified"];

/// An adapter's file. Its `pub struct Adapter` implements [`contract::channel::Channel`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adapter {
    /// A file of the package `adapters`.
    Own(PathBuf),
    /// A file that the command line names.
    Given(PathBuf),
}

impl Adapter {
    /// The adapter of a registered channel, or of one that is verified only. Its file has the channel's name,
    /// with `_` for `-`.
    ///
    /// # Errors
    ///
    /// When the channel has no adapter, or the project has moved since this program was built.
    pub fn of_channel(channel: &str) -> Result<Self> {
        let file = format!("{}.rs", channel.replace('-', "_"));
        let folder = project()?.join(ADAPTERS);
        match FOLDERS.map(|kind| folder.join(kind).join(&file)).into_iter().find(|path| path.is_file()) {
            Some(path) => Ok(Adapter::Own(path)),
            None => bail!("{channel} has no adapter: expected {file} in {ADAPTERS}/{}", FOLDERS.join(" or ")),
        }
    }

    /// The adapter's file.
    pub fn file(&self) -> &Path {
        match self {
            Adapter::Own(file) | Adapter::Given(file) => file,
        }
    }
}

/// The name of an adapter's struct in the text of its file. It was `Subject` in former versions, whose crate
/// `contract` was called `harness`; adapters for them still work.
pub(super) fn struct_name(text: &str) -> &'static str {
    let is_former = text.contains("pub struct Subject") && !text.contains("pub struct Adapter");
    if is_former { "Subject" } else { "Adapter" }
}

/// The version to verify of a channel that is verified only, when none is named; `None` for other channels.
pub fn default_version(channel: &str) -> Option<String> {
    adapters::verified_only().into_iter().find(|(name, _)| name == channel).map(|(_, version)| version)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;
    use crate::versions::source::CrateSource;

    #[test]
    fn every_channel_has_its_file_and_every_file_is_a_channel() {
        let folder = project().expect("a checkout").join(ADAPTERS);
        let registry = adapters::registry();
        let registered =
            registry.channels().map(|info| info.name.to_owned()).filter(|name| name != "mutex-deque");
        let verified = adapters::verified_only().into_iter().map(|(name, _)| name);
        for (kind, names) in [("channels", registered.collect::<Vec<_>>()), ("verified", verified.collect())]
        {
            let files = names.iter().map(|name| Adapter::of_channel(name).expect(name).file().to_owned());
            let entries = fs::read_dir(folder.join(kind)).expect("a folder");
            let there = entries.map(|entry| entry.expect("a file").path());
            assert_eq!(there.collect::<BTreeSet<_>>(), files.collect(), "{kind}");
        }
        let error = Adapter::of_channel("tokio").expect_err("it has no adapter");
        assert_eq!(
            error.to_string(),
            "tokio has no adapter: expected tokio.rs in harness/adapters/channels or verified"
        );
    }

    #[test]
    fn a_channel_that_is_verified_only_has_a_version_and_is_not_registered() {
        for (channel, version) in adapters::verified_only() {
            CrateSource::parse(&channel, &version).expect("a version");
            assert_eq!(default_version(&channel), Some(version));
            let registry = adapters::registry();
            assert!(registry.channels().all(|info| info.name != channel && info.package != Some(&channel)));
        }
        assert_eq!(default_version("crossbeam"), None);
    }

    #[test]
    fn an_adapter_of_the_former_shape_is_recognised() {
        assert_eq!(struct_name("pub struct Subject;"), "Subject");
        for text in
            ["pub struct Adapter;", "pub use mine::Adapter;", "pub struct Adapter; pub struct Subject;"]
        {
            assert_eq!(struct_name(text), "Adapter");
        }
    }
}
