//! The machine's fingerprint: the facts without which a measurement cannot be read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The machine, the compiler and the channel versions of a measurement.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
