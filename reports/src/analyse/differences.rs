//! Differences between two machines and their versions, in the form `kernel: 6.1 and 6.0`.

use std::fmt::Display;

use records::machine::Machine;

/// The differences between two machines and their versions; empty when they are the same. A channel that only
/// one of them has is no difference.
pub(crate) fn differences(one: &Machine, other: &Machine) -> Vec<String> {
    let mut found = machine_differences(one, other);
    for (channel, version) in &one.channels {
        if let Some(known) = other.channels.get(channel) {
            found.extend(difference(channel, version, known));
        }
    }
    found
}

/// The differences between two machines, without the versions of channels.
pub(crate) fn machine_differences(one: &Machine, other: &Machine) -> Vec<String> {
    [
        difference("processor", &one.cpu, &other.cpu),
        difference("logical processors", one.cores, other.cores),
        difference("kernel", &one.kernel, &other.kernel),
        difference("system", &one.system, &other.system),
        difference("compiler", &one.rustc, &other.rustc),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// `what: one and other`; `None` when they are equal.
pub(super) fn difference<T: PartialEq + Display>(what: &str, one: T, other: T) -> Option<String> {
    (one != other).then(|| format!("{what}: {one} and {other}"))
}
