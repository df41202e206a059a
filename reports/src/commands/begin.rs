//! The beginning of a run: a new one in a folder of its own, or the resumption of one that was measured here, by the same
//! programs and with the same plan.

use std::path::Path;

use anyhow::Result;
use engine::journal::begun_with;
use engine::run_folder::RunFolder;
use engine::{plan_file, program};
use records::plan::Plan;
use reports::BadArguments;
use reports::analyse::provenance::{elsewhere, file_differences, hello_differences, other_plan, unknown};
use reports::exit::{Exit, ExitWith};

/// Begins the run of `plan` in `folder`, which belongs to this process as long as the result lives.
pub(super) fn begin(mut plan: Plan, folder: &Path) -> Result<(Plan, RunFolder)> {
    plan.programs = program::programs(&plan.entries).map_err(|failure| BadArguments(failure.to_string()))?;
    let folder = RunFolder::lock(folder).map_err(ExitWith::from)?;
    plan_file::write(&plan, folder.path()).map_err(ExitWith::from)?;
    Ok((plan, folder))
}

/// The plan of the run in `folder`, which goes on in this process. It is refused where its rounds would differ from the
/// recorded ones by more than chance.
pub(super) fn resume(folder: &Path) -> Result<(Plan, RunFolder)> {
    let plan = plan_file::read(folder).map_err(ExitWith::from)?;
    let folder = RunFolder::lock(folder).map_err(ExitWith::from)?;
    let found = differences(&plan, folder.path())?;
    if !found.is_empty() {
        let message = format!(
            "the run in {} cannot go on here, because its rounds would not be comparable ({}); begin a new one",
            folder.path().display(),
            found.join("; ")
        );
        return Err(BadArguments(message).into());
    }
    Ok((plan, folder))
}

/// Everything that has changed since the rounds in `folder` were recorded.
fn differences(plan: &Plan, folder: &Path) -> Result<Vec<String>> {
    let registry = adapters::registry();
    let unreadable =
        |error| ExitWith::new(Exit::Unable, format!("cannot read the run in {}: {error}", folder.display()));
    let begun = begun_with(folder).map_err(unreadable)?;
    let checksum = plan_file::checksum(folder).map_err(unreadable)?;
    let mut found = elsewhere(plan, &runner::machine::current(&registry));
    found.extend(unknown(plan, &registry));
    found.extend(other_plan(&begun, &checksum).filter(|_| plan.version == records::plan::VERSION));
    for program in &plan.programs {
        match program::files(&program.launch) {
            Ok(files) => found.extend(file_differences(program, &files)),
            Err(error) => found.push(format!("{}: {error}", program.launch)),
        }
    }
    // Another program is not even started.
    if found.is_empty() {
        let now = program::programs(&plan.entries).map_err(|failure| BadArguments(failure.to_string()))?;
        found.extend(plan.programs.iter().zip(&now).flat_map(|(then, now)| hello_differences(then, now)));
    }
    found.dedup();
    Ok(found)
}
