//! `chanlab compare`: compares two runs that were made separately.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use reports::BadArguments;
use reports::analyse::compare_runs::compare;
use reports::analyse::provenance::unlike;
use reports::collect::runs::RunData;
use reports::gate;
use reports::render::changes::{ChangeReport, apart};
use reports::render::problems::line;
use reports::render::state::unfinished;
use wording::say;

use super::changes::{facts, print};
use super::measure::percent;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The folder of the earlier run
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The folder of the later run
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Also compare channels of different versions
    #[arg(long)]
    across_versions: bool,
    /// Compare the runs even if their machines or settings differ
    #[arg(long)]
    force: bool,
    /// Fail when a cell is slower by more than this many per cent: significantly, and with the whole interval
    /// of the ratio beyond it
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = percent)]
    threshold: f64,
    /// Write the changes as Markdown; - prints Markdown instead of the table
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let [old, new] = [RunData::read(&arguments.old)?, RunData::read(&arguments.new)?];
    let differences = unlike(&old.plan, &new.plan);
    if !differences.is_empty() && !arguments.force {
        return Err(BadArguments(format!(
            "the runs are not comparable ({}); --force compares them anyway",
            differences.join("; ")
        ))
        .into());
    }
    let compared = compare(&old, &new, arguments.across_versions);
    if compared.changes.all.is_empty() {
        let why = if compared.other_versions.is_empty() {
            "no channel did the same work in both".to_owned()
        } else {
            format!(
                "the versions differ ({}); --across-versions compares them",
                compared.other_versions.join("; ")
            )
        };
        return Err(BadArguments(format!("the runs have no cell in common: {why}")).into());
    }
    for difference in &differences {
        say!("warning: the runs differ: {difference}");
    }
    for run in [&old, &new] {
        for problem in &run.problems {
            say!("warning: {}", line(problem));
        }
    }
    let mut remarks: Vec<String> = [("old", &old), ("new", &new)]
        .into_iter()
        .filter_map(|(which, run)| Some(format!("the {which} run {}", unfinished(run)?)))
        .collect();
    for remark in &remarks {
        say!("warning: {remark}");
    }
    remarks.extend(differences.iter().map(|difference| format!("the runs differ: {difference}")));
    let versions =
        if arguments.across_versions { "compared across versions" } else { "left out, other versions" };
    remarks.extend(compared.other_versions.iter().map(|differs| format!("{versions}: {differs}")));
    remarks.extend(compared.remarks);
    let [of_old, of_new] = [facts(&old.plan), facts(&new.plan)];
    let report = ChangeReport {
        title: format!("{} against {}", arguments.new.display(), arguments.old.display()),
        method: apart(&compared.changes),
        changes: &compared.changes,
        remarks,
        facts: of_both(&of_old, &of_new),
    };
    print(&report, arguments.markdown.as_deref())?;
    let damaged = old.problems.len() + new.problems.len();
    Ok(gate::changes(&compared.changes, arguments.threshold, None, damaged)?)
}

/// The facts of both runs; equal ones once.
fn of_both(old: &[(String, String)], new: &[(String, String)]) -> Vec<(String, String)> {
    let mut both = Vec::new();
    for fact in old {
        match new.contains(fact) {
            true => both.push(fact.clone()),
            false => both.push((format!("{} (old)", fact.0), fact.1.clone())),
        }
    }
    let others = new.iter().filter(|fact| !old.contains(fact));
    both.extend(others.map(|(name, value)| (format!("{name} (new)"), value.clone())));
    both
}
