//! The machines and versions that the page's times come from, and whether they are the same.

use std::fmt::Display;

use harness::machine::Machine;
use harness::record::Run;

/// A machine with its versions, and the runs that were made on it.
#[derive(Clone, Debug)]
pub struct Fingerprint {
    /// The machine.
    pub machine: Machine,
    /// Its runs, in the order of the workloads.
    pub runs: Vec<Run>,
}

/// Groups runs by their machine.
pub fn fingerprints<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Vec<Fingerprint> {
    let mut found: Vec<Fingerprint> = Vec::new();
    for run in runs {
        match found.iter_mut().find(|known| known.machine == run.machine) {
            Some(known) => known.runs.push(run.clone()),
            None => found.push(Fingerprint { machine: run.machine.clone(), runs: vec![run.clone()] }),
        }
    }
    found
}

/// What differs between two machines and their versions, in words; empty when they are the same.
///
/// A channel that only one of them has is no difference: it was added or left out.
pub fn differences(one: &Machine, other: &Machine) -> Vec<String> {
    let mut found = machine_differences(one, other);
    for (channel, version) in &one.channels {
        if let Some(known) = other.channels.get(channel) {
            found.extend(difference(channel, version, known));
        }
    }
    found
}

/// What differs between two machines, whatever channels they run.
pub fn machine_differences(one: &Machine, other: &Machine) -> Vec<String> {
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

/// `what: one and other`, where they differ.
pub(super) fn difference<T: PartialEq + Display>(what: &str, one: T, other: T) -> Option<String> {
    (one != other).then(|| format!("{what}: {one} and {other}"))
}
