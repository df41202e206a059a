//! The machine's fingerprint: what a measurement has to be read with.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use sysinfo::{CpuRefreshKind, RefreshKind, System};

use crate::registry::Registry;

/// The lock file that this build's channels come from.
const LOCK_FILE: &str = include_str!("../../Cargo.lock");

/// Where and with what something was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// Logical processors that this program may use.
    pub cores: usize,
    /// The kernel's name and version.
    pub kernel: String,
    /// The operating system.
    pub system: String,
    /// The compiler that built the harness.
    pub rustc: String,
    /// Each channel's version: of its crate by the lock file, of the compiler for `std`, of chanlab for its own.
    pub channels: BTreeMap<String, String>,
}

impl Machine {
    /// This machine and this build.
    pub fn current(registry: &Registry) -> Self {
        let system = System::new_with_specifics(RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing()));
        let cpu = system.ok().and_then(|system| Some(system.cpus().first()?.brand().trim().to_owned()));
        let known = |text: Option<String>| {
            text.filter(|text| !text.is_empty()).unwrap_or_else(|| "unknown".to_owned())
        };
        let lock = LockFile::parse(LOCK_FILE);
        Machine {
            cpu: known(cpu),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: known(System::kernel_version().ok()),
            system: known(System::long_os_version().ok()),
            rustc: env!("CHANLAB_RUSTC").to_owned(),
            channels: registry
                .channels()
                .map(|info| {
                    let version = match info.package {
                        Some(package) => lock.version(package),
                        None if info.name == "std" => env!("CHANLAB_RUSTC").to_owned(),
                        None => format!("chanlab {}", env!("CARGO_PKG_VERSION")),
                    };
                    (info.name.to_owned(), version)
                })
                .collect(),
        }
    }
}

#[derive(Deserialize)]
struct LockFile {
    package: Vec<LockedPackage>,
}

#[derive(Deserialize)]
struct LockedPackage {
    name: String,
    version: String,
}

impl LockFile {
    fn parse(text: &str) -> Self {
        // The file was read by cargo for this very build.
        toml::from_str(text).expect("cargo wrote the lock file")
    }

    fn version(&self, package: &str) -> String {
        let found = self.package.iter().find(|locked| locked.name == package);
        found.map_or_else(
            || "not in the lock file".to_owned(),
            |locked| format!("{package} {}", locked.version),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_has_a_version() {
        let machine = Machine::current(&Registry::new());
        assert!(machine.channels["crossbeam"].starts_with("crossbeam-channel "));
        for (channel, version) in &machine.channels {
            assert!(version.chars().any(|character| character.is_ascii_digit()), "{channel}: {version}");
        }
    }
}
