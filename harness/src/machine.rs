//! The machine's fingerprint: the facts without which a measurement cannot be read.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use sysinfo::{CpuRefreshKind, RefreshKind, System};

use crate::registry::Registry;

/// The compiler that built the harness, as `rustc --version` prints it.
pub const RUSTC: &str = env!("CHANLAB_RUSTC");

/// The version of chanlab's own channels.
pub const OWN_VERSION: &str = concat!("chanlab ", env!("CARGO_PKG_VERSION"));

/// The machine, the compiler and the channel versions of a measurement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// The number of logical processors that this program may use.
    pub cores: usize,
    /// The kernel's name and version.
    pub kernel: String,
    /// The operating system.
    pub system: String,
    /// The compiler that built the harness.
    pub rustc: String,
    /// The version of each channel, by the channel's name.
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
        Machine {
            cpu: known(cpu),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: known(System::kernel_version().ok()),
            system: known(System::long_os_version().ok()),
            rustc: RUSTC.to_owned(),
            channels: registry
                .versions()
                .map(|(channel, version)| (channel.to_owned(), version.to_owned()))
                .collect(),
        }
    }
}
