//! The beginning of a run: a new one in a folder of its own, or the resumption of one that was measured here,
//! by the same programs and with the same plan.

use std::path::Path;

use anyhow::Result;
use engine::journal::begun_with;
use engine::run_folder::RunFolder;
use engine::{plan_file, program};
use records::plan::{Plan, VERSION};
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

/// The plan of the run in `folder`, which goes on in this process. It is refused where its rounds would
/// differ from the recorded ones by more than chance; a folder that is refused is left as it is.
pub(super) fn resume(folder: &Path) -> Result<(Plan, RunFolder)> {
    let plan = plan_file::read(folder).map_err(ExitWith::from)?;
    let differences = differences(&plan, folder)?;
    refuse(folder, &differences)?;
    let folder = RunFolder::lock(folder).map_err(ExitWith::from)?;
    // Only now, because another program is not even started.
    let now = program::programs(&plan.entries).map_err(|failure| BadArguments(failure.to_string()))?;
    let pairs = plan.programs.iter().zip(&now);
    let differences: Vec<_> = pairs.flat_map(|(then, now)| hello_differences(then, now)).collect();
    refuse(folder.path(), &differences)?;
    Ok((plan, folder))
}

fn refuse(folder: &Path, differences: &[String]) -> Result<()> {
    if differences.is_empty() {
        return Ok(());
    }
    let message = format!(
        "the run in {} cannot go on here, because its rounds would not be comparable ({}); begin a new one",
        folder.display(),
        differences.join("; ")
    );
    Err(BadArguments(message).into())
}

/// The differences between the conditions of the recorded rounds and those of this moment, as far as they are
/// known before a runner is started.
fn differences(plan: &Plan, folder: &Path) -> Result<Vec<String>> {
    let registry = adapters::registry();
    let unreadable =
        |error| ExitWith::new(Exit::Unable, format!("cannot read the run in {}: {error}", folder.display()));
    let begun = begun_with(folder).map_err(unreadable)?;
    let checksum = plan_file::checksum(folder).map_err(unreadable)?;
    let mut found = elsewhere(plan, &runner::machine::current(&registry));
    found.extend(unknown(plan, &registry));
    // An older chanlab named no plan, which is a difference already.
    found.extend(other_plan(&begun, &checksum).filter(|_| plan.version == VERSION));
    for program in &plan.programs {
        match program::files(&program.launch) {
            Ok(files) => found.extend(file_differences(program, &files)),
            Err(error) => found.push(format!("{}: {error}", program.launch)),
        }
    }
    // Several slowed runners are one program.
    found.dedup();
    Ok(found)
}
