//! From results to exit codes: what is sound, what failed and what is undecided.
//!
//! A failure comes before everything undecided. `docs/EXIT_CODES.md` gives the reasons.

use std::path::Path;

use engine::article::{Lack, Rounds};
use records::record::VerdictRecord;
use service_consume::report::Report;
use wording::numbers;
use workloads::limited_service::Limit;

use crate::analyse::article::Article;
use crate::analyse::changes::{Change, ChangeKind, Changes, Side};
use crate::analyse::choice::{Choice, Unranked};
use crate::analyse::honesty::Honesty;
use crate::analyse::page::{Page, ParamsPage};
use crate::analyse::undecided::undecided;
use crate::collect::runs::RunData;
use crate::exit::{Exit, ExitWith};
use crate::render::bucket::LimitedService;
use crate::render::changes::ratio;
use crate::render::verification::finding;

fn failure(message: impl Into<String>) -> Result<(), ExitWith> {
    Err(ExitWith::new(Exit::Failure, message))
}

fn undecided_because(message: impl Into<String>) -> Result<(), ExitWith> {
    Err(ExitWith::new(Exit::Undecided, message))
}

/// The result of a page.
///
/// # Errors
///
/// When it shows a failure or damaged records, or else an unfinished run.
pub fn report(page: &Page) -> Result<(), ExitWith> {
    shown(page.failures(), page.problems.len())?;
    match page.is_unfinished() {
        true => undecided_because("the page shows an unfinished run"),
        false => Ok(()),
    }
}

fn shown(mut failures: Vec<String>, damaged: usize) -> Result<(), ExitWith> {
    if damaged > 0 {
        let problems = numbers::count(damaged as u64, "problem");
        failures.push(format!("{problems} of the records: see the warnings above"));
    }
    match failures.is_empty() {
        true => Ok(()),
        false => failure(format!("the page shows {}", failures.join("; "))),
    }
}

/// The result of the run in `folder`, whose page is `page`; `channels` and `cells` (workload and params) are
/// those that the command line named.
///
/// # Errors
///
/// When a cell failed or a record is damaged, or else when something that was named has no time.
pub fn run(
    page: &Page,
    folder: &Path,
    channels: &[String],
    cells: &[(String, String)],
) -> Result<(), ExitWith> {
    // The page also shows other records, which are not this command's.
    let damaged = page.problems.iter().filter(|problem| problem.file.starts_with(folder)).count();
    let failed = (page.totals.failed > 0).then(|| numbers::count(page.totals.failed, "failed cell"));
    shown(failed.into_iter().collect(), damaged)?;
    let without = without_time(page, channels, cells);
    match without.is_empty() {
        true => Ok(()),
        false => undecided_because(format!("no time: {}", without.join("; "))),
    }
}

/// Everything that was requested by name and has no time: a channel that was named over a workload with all its
/// params, or over one of the `cells` that were named. Without names, only a run without any time.
fn without_time(page: &Page, channels: &[String], cells: &[(String, String)]) -> Vec<String> {
    if page.totals.measured == 0 {
        return vec!["nothing was measured".to_owned()];
    }
    let mut without = Vec::new();
    for workload in &page.workloads {
        let named = |params: &ParamsPage| {
            cells.iter().any(|(name, id)| *name == workload.name && *id == params.record.id)
        };
        for channel in channels {
            let has_time = |params: &&ParamsPage| {
                params.cells.iter().any(|cell| cell.channel == *channel && cell.measurement().is_some())
            };
            if !workload.params.iter().any(|params| has_time(&params)) {
                without.push(format!("{channel} over {}", workload.name));
                continue;
            }
            let lacking = workload.params.iter().filter(|params| named(params) && !has_time(params));
            without.extend(
                lacking.map(|params| format!("{channel} over {}/{}", workload.name, params.record.id)),
            );
        }
    }
    without
}

/// The result of `chanlab choose`.
///
/// # Errors
///
/// When a channel failed, or else when there is no ranking or too little data for one.
pub fn choice(choice: Option<&Choice>, run: &RunData) -> Result<(), ExitWith> {
    let Some(choice) = choice else {
        let exit = if run.failed.is_empty() { Exit::Undecided } else { Exit::Failure };
        let message = format!("no channel has a time; the reasons are in {}", run.folder.display());
        return Err(ExitWith::new(exit, message));
    };
    let has_failed = |(_, why): &&(String, Unranked)| matches!(why, Unranked::Failed(_));
    let failed: Vec<_> = choice.unranked.iter().filter(has_failed).map(|(name, _)| name.as_str()).collect();
    if !failed.is_empty() {
        return failure(format!("{} failed: see above", failed.join(", ")));
    }
    match choice.is_blind() {
        true => {
            undecided_because("there are too few epochs to tell the channels apart: give a larger --budget")
        }
        false => Ok(()),
    }
}

/// The result of `chanlab honesty`.
///
/// # Errors
///
/// When an experiment missed its target, or had too few comparisons for it.
pub fn honesty(honesty: &Honesty) -> Result<(), ExitWith> {
    if honesty.has_failed() {
        failure("an experiment missed its target: see above")
    } else if honesty.is_met() {
        Ok(())
    } else {
        undecided_because("there were too few comparisons for the target: give more --comparisons")
    }
}

/// The result of `chanlab consume`.
///
/// # Errors
///
/// When a second signal ended it at once, or else when it failed, when something is left, or when there were too many
/// dead letters.
pub fn consumed(report: &Report) -> Result<(), ExitWith> {
    let (unfinished, uncommitted) = (report.unfinished(), report.uncommitted());
    let left = format!(
        "{} in flight and {} done are not committed, and will be processed again",
        numbers::count(unfinished, "message"),
        numbers::separated(uncommitted)
    );
    if let Some(signal) = report.ended_at_once() {
        return Err(ExitWith::new(signal.into(), format!("ended at once by {}: {left}", signal.name())));
    }
    if let Some(error) = &report.failure {
        return Err(ExitWith::new(Exit::from(error), error.to_string()));
    }
    if !report.is_drained() {
        return failure(format!("the grace is over: {left}"));
    }
    match report.has_too_many_dead_letters() {
        true => failure(format!(
            "{}: more than --dead-letter-limit",
            numbers::count(report.totals.dead_lettered, "dead letter")
        )),
        false => Ok(()),
    }
}

/// The result of `chanlab article`.
///
/// # Errors
///
/// When a variant failed, or else when the claim could not be checked.
pub fn article(article: &Article, rounds: &Rounds) -> Result<(), ExitWith> {
    let failed = rounds.without.iter().filter(|(_, lack)| matches!(lack, Lack::Failed(_)));
    let failed: Vec<_> = failed.map(|(name, _)| name.as_str()).collect();
    if !failed.is_empty() {
        let names = failed.join(", ");
        return failure(format!("{names} failed and has no time: see the document for the reason"));
    }
    match article.claim() {
        Some(_) => Ok(()),
        None => {
            undecided_because("the claim cannot be checked: see the document for the variants without a time")
        }
    }
}

/// The result of `chanlab bucket`.
///
/// # Errors
///
/// When a service broke the limit, or else when a service was not measured.
pub fn bucket(limit: Limit, all: &[LimitedService]) -> Result<(), ExitWith> {
    let names = |is: &dyn Fn(&LimitedService) -> bool| {
        all.iter().filter(|one| is(one)).map(|one| one.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let (broken, silent) = (names(&|one| one.broke(limit)), names(&|one| one.service.is_err()));
    if !broken.is_empty() {
        return failure(format!("more than the limit was granted by {broken}"));
    }
    match silent.is_empty() {
        true => Ok(()),
        false => undecided_because(format!("nothing was measured of {silent}")),
    }
}

/// The result of `chanlab verify`, whose command line named its channels and methods (`by_name`) or not.
///
/// # Errors
///
/// When something failed, or else when something is undecided.
pub fn verification(verified: &[VerdictRecord], by_name: bool) -> Result<(), ExitWith> {
    let failed = verified.iter().filter(|verified| finding(verified).is_some()).count() as u64;
    if failed > 0 {
        return failure(format!("{} failed", numbers::count(failed, "verification")));
    }
    if verified.is_empty() {
        return undecided_because("there is nothing to verify");
    }
    let undecided = undecided(verified, by_name);
    let Some(first) = undecided.first() else { return Ok(()) };
    let all = numbers::count(verified.len() as u64, "verification");
    let (subject, method) = (&first.subject, first.method);
    let count = undecided.len();
    undecided_because(format!("{count} of {all} undecided, such as {subject} by {method}: see above"))
}

/// The result of `chanlab ab` or `chanlab compare`. A failure when something got worse: slower beyond `threshold`,
/// a percentage, or failed. Undecided when something has too little data to say so: too few epochs, or an interval
/// that is wider than the `precision` that was asked for, a percentage. `damaged` counts the problems of the
/// records.
///
/// # Errors
///
/// Unless everything is equal or faster.
pub fn changes(
    changes: &Changes,
    threshold: f64,
    precision: Option<f64>,
    damaged: usize,
) -> Result<(), ExitWith> {
    let worse = worse(changes, threshold);
    if !worse.is_empty() {
        let how = format!("{} {}", changes.new, worse.join("; it "));
        return Err(ExitWith::new(Exit::Failure, how));
    }
    if damaged > 0 {
        let problems = numbers::count(damaged as u64, "problem");
        return Err(ExitWith::new(
            Exit::Failure,
            format!("the records have {problems}: see the warnings above"),
        ));
    }
    let open: Vec<String> = changes
        .all
        .iter()
        .filter_map(|change| Some(format!("{}: {}", change.name, open_question(changes, change, precision)?)))
        .collect();
    if changes.compared() == 0 && open.is_empty() {
        return Err(ExitWith::new(Exit::Undecided, "nothing was compared: see the reasons above"));
    }
    if let Some(first) = open.first() {
        let all = numbers::count(changes.all.len() as u64, "comparison");
        let how = format!("{} of {all} undecided: {first}", open.len());
        return Err(ExitWith::new(Exit::Undecided, how));
    }
    Ok(())
}

/// The regressions, each kind as the rest of a sentence.
fn worse(changes: &Changes, threshold: f64) -> Vec<String> {
    let mut how = Vec::new();
    let slower = changes.all.iter().filter(|change| change.is_beyond(threshold / 100.0));
    let slower: Vec<_> = slower.map(|change| format!("{} {}", change.name, ratio(change))).collect();
    if !slower.is_empty() {
        let by = match threshold {
            0.0 => String::new(),
            percent => format!(" by more than {} %", numbers::figure(percent)),
        };
        how.push(format!("is slower than {}{by}: {}", changes.old, slower.join(", ")));
    }
    let names = |kind| changes.of(kind).map(|change| change.name.clone()).collect::<Vec<_>>().join(", ");
    let failed = names(ChangeKind::FailedInNew);
    if !failed.is_empty() {
        how.push(format!("failed where {} did not: {failed}", changes.old));
    }
    let failed = names(ChangeKind::FailedInBoth);
    if !failed.is_empty() {
        how.push(format!("failed, as {} did: {failed}", changes.old));
    }
    for (place, name) in changes.beside.iter().enumerate() {
        let has_failed = |change: &&Change| matches!(change.beside.get(place), Some(Side::Failed(_)));
        let failed: Vec<&str> = changes.all.iter().filter(has_failed).map(|change| &*change.name).collect();
        if !failed.is_empty() {
            how.push(format!("was measured beside {name}, which failed: {}", failed.join(", ")));
        }
    }
    how
}

/// Why a comparison decides nothing; `None` when it does, or when there is nothing to decide.
fn open_question(changes: &Changes, change: &Change, precision: Option<f64>) -> Option<String> {
    let shift = match change.kind() {
        ChangeKind::NotRun => return Some("no epoch has both".to_owned()),
        ChangeKind::OtherWork => return Some("the capacities differ, so the work does".to_owned()),
        ChangeKind::Slower | ChangeKind::Faster | ChangeKind::NoDifference => change.shift.as_ref()?,
        ChangeKind::Unsupported => {
            let is_measured = [&change.old, &change.new].map(|side| matches!(side, Side::Measured(_)));
            return is_measured.contains(&true).then(|| "only one of them supports it".to_owned());
        }
        ChangeKind::NotPaired => return Some("they share no block".to_owned()),
        // Contradictory records are problems, which are failures.
        ChangeKind::Contradictory => return None,
        // A failure is judged as such, and one of the old side alone is what the new one mends.
        ChangeKind::FailedInNew | ChangeKind::FailedInOld | ChangeKind::FailedInBoth => return None,
    };
    if changes.is_blind(shift) || shift.interval.is_none() {
        return Some(format!(
            "{} are too few to detect a difference",
            numbers::count(shift.epochs[0] as u64, "epoch")
        ));
    }
    let [low, high] = shift.interval?;
    let half_width = (high / low).ln() / 2.0;
    let asked = precision.filter(|percent| *percent > 0.0 && half_width > percent / 100.0);
    asked.map(|percent| {
        format!(
            "its ratio is known to {:.1} %, and --precision asks for {} %",
            half_width * 100.0,
            numbers::figure(percent)
        )
    })
}
