//! The fingerprint of this machine and this build.

use records::machine::Machine;
use sysinfo::{CpuRefreshKind, RefreshKind, System};
use workloads::registry::Registry;

/// The compiler that built this program, as `rustc --version` prints it.
pub const RUSTC: &str = env!("CHANLAB_RUSTC");

/// This machine, this build, and the channels of `registry`.
pub fn current(registry: &Registry) -> Machine {
    let system = System::new_with_specifics(RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing()));
    let cpu = system.ok().and_then(|system| Some(system.cpus().first()?.brand().trim().to_owned()));
    let known =
        |text: Option<String>| text.filter(|text| !text.is_empty()).unwrap_or_else(|| "unknown".to_owned());
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
