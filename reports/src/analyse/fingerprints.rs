//! The machines and versions that the page's times come from, and whether they are the same.

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

/// What differs between two machines, in words; empty when they are the same.
///
/// A channel that only one of them has is no difference: it was added or left out.
pub fn differences(one: &Machine, other: &Machine) -> Vec<String> {
    let cores = |machine: &Machine| machine.cores.to_string();
    let mut pairs = vec![
        ("processor", one.cpu.clone(), other.cpu.clone()),
        ("logical processors", cores(one), cores(other)),
        ("kernel", one.kernel.clone(), other.kernel.clone()),
        ("system", one.system.clone(), other.system.clone()),
        ("compiler", one.rustc.clone(), other.rustc.clone()),
    ];
    for (channel, version) in &one.channels {
        if let Some(known) = other.channels.get(channel) {
            pairs.push((channel, version.clone(), known.clone()));
        }
    }
    pairs
        .into_iter()
        .filter(|(_, one, other)| one != other)
        .map(|(what, one, other)| format!("{what}: {one} and {other}"))
        .collect()
}
