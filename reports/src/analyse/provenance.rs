//! Whether two plans were, or would be, measured under the same conditions: one list of differences for
//! `chanlab compare` and for `--resume`.

use engine::journal::Begun;
use records::machine::Machine;
use records::plan::{Launch, Plan, Program, ProgramFile, VERSION};
use workloads::placement::Placement;
use workloads::registry::Registry;

use super::differences::{difference, differences, machine_differences};

/// The differences between the settings of two runs that make a comparison meaningless; empty when the runs
/// are comparable.
pub fn unlike(old: &Plan, new: &Plan) -> Vec<String> {
    let mut found = machine_differences(&old.machine, &new.machine);
    if let (Some(one), Some(other)) = (own_version(&old.machine), own_version(&new.machine)) {
        found.extend(difference("harness", one, other));
    }
    found.extend(difference("threads' placement", &old.placement, &new.placement));
    let counted = |plan: &Plan| if plan.allocations { "counted" } else { "not counted" };
    found.extend(difference("allocations", counted(old), counted(new)));
    found
}

/// The version of chanlab, which its own channels carry.
fn own_version(machine: &Machine) -> Option<&str> {
    machine.channels.values().map(String::as_str).find(|version| version.starts_with("chanlab "))
}

/// Why the rounds of `plan` cannot go on here, with this build: what [`unlike`] finds between it and the plan
/// that would be made on this `machine`, and the versions of the channels, which `chanlab compare` treats in
/// its own way.
pub fn elsewhere(plan: &Plan, machine: &Machine) -> Vec<String> {
    let mut found = unlike(plan, &Plan { machine: machine.clone(), ..plan.clone() });
    for version in differences(&plan.machine, machine) {
        if !found.contains(&version) {
            found.push(version);
        }
    }
    found.extend((plan.version < VERSION).then(|| {
        format!(
            "format {} of an older chanlab, which did not record the programs that it measured with",
            plan.version
        )
    }));
    found
}

/// The differences between the files of a program then and `now`. They are known before it is started.
pub fn file_differences(program: &Program, now: &[ProgramFile]) -> Vec<String> {
    if program.files.len() != now.len() {
        return vec![format!("the command {} names other files", program.launch)];
    }
    let content = |file: &ProgramFile| (file.bytes, file.crc32.clone());
    let changed = program.files.iter().zip(now).filter(|(old, new)| content(old) != content(new));
    changed
        .map(|(old, new)| match program.launch {
            Launch::Own | Launch::Slowed(_) => "this is another build of chanlab".to_owned(),
            Launch::Command(_) => format!(
                "the file {} has changed ({} and {} bytes, checksums {} and {})",
                new.path, old.bytes, new.bytes, old.crc32, new.crc32
            ),
        })
        .collect()
}

/// The differences between the description that a program gave of itself and the one that it gives `now`.
pub fn hello_differences(program: &Program, now: &Program) -> Vec<String> {
    let of = |what: &str| format!("{what} of {}", program.launch);
    let mut found: Vec<String> = [
        difference(&of("the name"), &program.runner, &now.runner),
        difference(&of("the language"), &program.language, &now.language),
    ]
    .into_iter()
    .flatten()
    .collect();
    for (name, version) in &program.channels {
        match now.channels.get(name) {
            Some(other) => found.extend(difference(name, version, other)),
            None => found.push(format!("{} no longer has the channel {name}", program.launch)),
        }
    }
    let added = now.channels.keys().filter(|name| !program.channels.contains_key(*name));
    found.extend(added.map(|name| format!("{} has a new channel {name}", program.launch)));
    found
}

/// What `plan` names and this build cannot measure; empty for a plan that this build wrote.
pub fn unknown(plan: &Plan, registry: &Registry) -> Vec<String> {
    let mut found = Vec::new();
    if !Placement::ALL.iter().any(|placement| placement.name() == plan.placement) {
        found.push(format!("the placement {} is unknown", plan.placement));
    }
    for entry in &plan.entries {
        let is_own = matches!(entry.launch, Launch::Own);
        if is_own && !registry.channels().any(|info| info.name == entry.channel) {
            found.push(format!("the channel {} is unknown", entry.channel));
        }
        if plan.version == VERSION && !plan.programs.iter().any(|program| program.launch == entry.launch) {
            found.push(format!("the program of {} is not recorded", entry.name));
        }
    }
    for group in &plan.groups {
        let values: Vec<_> =
            group.params.values.iter().map(|(name, value)| format!("{name}={value}")).collect();
        match registry.params(&group.workload, &values.join(",")) {
            Ok(params) if params.id() == group.params.id => {}
            Ok(params) => found.push(format!("{} has the params of {}", group.name(), params.id())),
            Err(error) => found.push(format!("{}: {error}", group.name())),
        }
    }
    found
}

/// Why rounds that were `begun` cannot go on with the plan whose checksum is `plan`; `None` when they can.
pub fn other_plan(begun: &Begun, plan: &str) -> Option<String> {
    match begun {
        // The journal names the damaged line.
        Begun::Nothing | Begun::Damaged => None,
        Begun::With(other) if other == plan => None,
        Begun::With(_) => Some("plan.json was changed after the rounds were begun".to_owned()),
        Begun::Unknown => Some("the rounds do not name the plan that they were begun with".to_owned()),
    }
}
