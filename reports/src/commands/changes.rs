//! Prints changes, for `chanlab ab` and `chanlab compare`.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use engine::replace;
use records::plan::Plan;
use reports::exit::ExitWith;
use reports::render::changes::{ChangeReport, terminal};
use reports::render::markdown::markdown;
use wording::terminal::stdout;

/// Prints changes, in Markdown when `file` is `-`, and writes Markdown into any other `file`.
pub(super) fn print(report: &ChangeReport<'_>, file: Option<&Path>) -> Result<()> {
    let mut output = stdout();
    match file {
        Some(file) if file == Path::new("-") => write!(output, "{}", markdown(report))?,
        Some(file) => {
            write!(output, "{}", terminal(report))?;
            replace(file, markdown(report).as_bytes()).map_err(ExitWith::from)?;
        }
        None => write!(output, "{}", terminal(report))?,
    }
    Ok(())
}

/// The machine, the settings and the channels of a run.
pub(super) fn facts(plan: &Plan) -> Vec<(String, String)> {
    let machine = &plan.machine;
    let mut facts = vec![
        ("processor", format!("{}, {} logical", machine.cpu, machine.cores)),
        ("system", format!("{}, {}", machine.system, machine.kernel)),
        ("compiler", machine.rustc.clone()),
        ("began", plan.began.clone()),
        ("profile", plan.profile.clone()),
        ("placement", plan.placement.clone()),
        ("command", plan.command.clone()),
    ];
    facts.extend(plan.entries.iter().map(|entry| (entry.name.as_str(), entry.version.clone())));
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
