//! Combines the records of verifications into the matrix of subjects and methods, and the list of failures.
//!
//! The newest record of a subject and a method decides. Records with the same seed and the same number of
//! shards belong to one verification: their cases are summed, absent shards are named as missing, and only a
//! complete set of passed shards is a pass.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use records::record::{Verdict, VerdictRecord};
use records::verify::{Method, MethodOutcome};
use wording::models as words;
use workloads::registry::Registry;

use wording::numbers;

/// The results of verification.
#[derive(Clone, Debug, Default)]
pub struct VerificationMatrix {
    /// The channels, then the workloads whose coordination was explored.
    pub rows: Vec<MatrixRow>,
    /// The current failures, then earlier ones of the same version.
    pub failures: Vec<FailedCase>,
}

/// The results of a channel or a workload.
#[derive(Clone, Debug)]
pub struct MatrixRow {
    /// Its name.
    pub subject: String,
    /// The verified version; `None` without a record.
    pub version: Option<String>,
    /// Whether it is a channel.
    pub is_channel: bool,
    /// The result of each method, in the order of [`Method::ALL`].
    pub cells: Vec<MatrixCell>,
}

/// The result of a method on a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatrixCell {
    /// The status.
    pub status: CellStatus,
    /// The number of cases or schedules; `None` where the status has none.
    pub cases: Option<u64>,
    /// The present and the missing shards; empty for a verification in one shard.
    pub shards: String,
    /// The bounds of a pass, or the reason for another status.
    pub detail: String,
    /// Whether an older record of the same version failed.
    pub failed_earlier: bool,
}

/// How a method ended with a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CellStatus {
    /// No case failed, within the stated bounds.
    Passed,
    /// A case failed.
    Failed,
    /// The channel lacks what the method needs.
    Unsupported,
    /// The method cannot instrument this code.
    NotInstrumentable,
    /// The machine lacks what the method needs.
    NotAvailable,
    /// The budget ran out first.
    OutOfTime,
    /// The method could not decide: its own search exceeded a limit.
    Unknown,
    /// Nothing failed, but some explorations ended at a limit.
    Cut,
    /// Nothing failed, but some shards are missing.
    ShardsMissing,
    /// There is no record.
    NotRun,
    /// The method does not apply to this kind of subject.
    NotApplicable,
}

impl CellStatus {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            CellStatus::Passed => "passed",
            CellStatus::Failed => "failed",
            CellStatus::Unsupported => "unsupported",
            CellStatus::NotInstrumentable => "not instrumentable",
            CellStatus::NotAvailable => "not available",
            CellStatus::OutOfTime => "ran out of time",
            CellStatus::Cut => "cut short",
            CellStatus::Unknown => "cannot tell",
            CellStatus::ShardsMissing => "shards missing",
            CellStatus::NotRun => "not run",
            CellStatus::NotApplicable => "",
        }
    }
}

/// A failure.
#[derive(Clone, Debug)]
pub struct FailedCase {
    /// The record.
    pub verified: VerdictRecord,
    /// Whether a newer record of the same version passed.
    pub is_earlier: bool,
}

/// Which shards make a verification complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All shards.
    AllShards,
    /// The present ones: one shard was requested.
    OneShard,
}

/// The name of one case of a method.
pub fn unit(method: Method) -> &'static str {
    match method {
        Method::Loom | Method::Shuttle => "schedule",
        Method::Rounds | Method::Conformance | Method::Properties | Method::Linearizability => "case",
    }
}

/// Whether a method explores models.
fn by_models(method: Method) -> bool {
    unit(method) == "schedule"
}

/// Whether no model of the subject is in the shard of this record.
fn is_empty_shard(record: &VerdictRecord) -> bool {
    record.shard.of > 1
        && by_models(record.method)
        && matches!(record.verdict, Verdict::Ran(MethodOutcome::Unknown { cases: 0, .. }))
        && record.models.as_ref().is_some_and(|models| models.reports.is_empty())
}

impl VerificationMatrix {
    /// Combines `records`. The rows are those of `subjects`, even without a record, then those of the records.
    pub fn new(records: &[VerdictRecord], subjects: &[&str], registry: &Registry, scope: Scope) -> Self {
        // The replay of a single case covers nothing new.
        let records: Vec<&VerdictRecord> = records.iter().filter(|record| record.only.is_none()).collect();
        let mut names: Vec<&str> = subjects.to_vec();
        let is_workload = |name: &str| registry.workload(name).is_ok();
        let mut known: BTreeSet<&str> = names.iter().copied().collect();
        for workloads in [false, true] {
            for record in records.iter().filter(|record| is_workload(&record.subject) == workloads) {
                if known.insert(&record.subject) {
                    names.push(&record.subject);
                }
            }
        }
        let mut of_subject: BTreeMap<(&str, Method), Vec<&VerdictRecord>> = BTreeMap::new();
        // A shard may contain no model of a subject; it is present when it has a record of any model.
        let mut of_models: BTreeMap<Method, Present> = BTreeMap::new();
        for record in &records {
            of_subject.entry((&record.subject, record.method)).or_default().push(record);
            if by_models(record.method) {
                add_present(of_models.entry(record.method).or_default(), record);
            }
        }
        let mut verification = VerificationMatrix::default();
        for name in names {
            let mut row = MatrixRow {
                subject: name.to_owned(),
                version: None,
                is_channel: !is_workload(name),
                cells: Vec::new(),
            };
            for method in Method::ALL {
                let own = of_subject.remove(&(name, method)).unwrap_or_default();
                if let Some(newest) = newest(&own) {
                    row.version = Some(newest.version.clone());
                }
                let mut of_own = Present::new();
                own.iter().for_each(|record| add_present(&mut of_own, record));
                let of_parts = of_models.get(&method).unwrap_or(&of_own);
                let applies = row.is_channel || by_models(method);
                row.cells.push(cell(&own, of_parts, applies, scope, &mut verification));
            }
            verification.rows.push(row);
        }
        verification.failures.sort_by_key(|failed| failed.is_earlier);
        verification
    }

    /// Whether there is any record.
    pub fn is_empty(&self) -> bool {
        let statuses = self.rows.iter().flat_map(|row| &row.cells).map(|cell| cell.status);
        statuses.into_iter().all(|status| matches!(status, CellStatus::NotRun | CellStatus::NotApplicable))
    }

    /// Each distinct detail of a method, with its subjects.
    pub fn details(&self, method: Method) -> Vec<(CellStatus, &str, Vec<&str>)> {
        let place = Method::ALL.iter().position(|known| *known == method);
        let mut details: Vec<(CellStatus, &str, Vec<&str>)> = Vec::new();
        let mut places: BTreeMap<(CellStatus, &str), usize> = BTreeMap::new();
        for row in &self.rows {
            let Some(cell) = place.and_then(|place| row.cells.get(place)) else { continue };
            if cell.detail.is_empty() {
                continue;
            }
            let place = *places.entry((cell.status, &cell.detail)).or_insert_with(|| {
                details.push((cell.status, &cell.detail, Vec::new()));
                details.len() - 1
            });
            details[place].2.push(&row.subject);
        }
        details
    }

    /// The number of cells with this status.
    pub fn count(&self, status: CellStatus) -> usize {
        let cells = self.rows.iter().flat_map(|row| &row.cells);
        cells.filter(|cell| cell.status == status).count()
    }
}

/// The shards that are present, by the seed and the number of shards of their verification.
type Present = BTreeMap<(u64, u32), BTreeSet<u32>>;

fn add_present(present: &mut Present, record: &VerdictRecord) {
    present.entry((record.seed, record.shard.of)).or_default().insert(record.shard.index);
}

/// The record that ended last.
fn newest<'a>(records: &[&'a VerdictRecord]) -> Option<&'a VerdictRecord> {
    records.iter().copied().max_by(|one, other| one.at.cmp(&other.at))
}

/// Combines the records of one subject and one method. `of_parts` shows which shards are present; failures go
/// to `verification`.
fn cell(
    own: &[&VerdictRecord],
    of_parts: &Present,
    applies: bool,
    scope: Scope,
    verification: &mut VerificationMatrix,
) -> MatrixCell {
    let empty = MatrixCell {
        status: if applies { CellStatus::NotRun } else { CellStatus::NotApplicable },
        cases: None,
        shards: String::new(),
        detail: String::new(),
        failed_earlier: false,
    };
    let Some(newest) = newest(own) else { return empty };
    // The shards of the newest verification; the last record of each counts.
    let in_group =
        |record: &&&VerdictRecord| (record.seed, record.shard.of) == (newest.seed, newest.shard.of);
    let mut group: Vec<&VerdictRecord> =
        own.iter().filter(in_group).filter(|record| record.version == newest.version).copied().collect();
    group.sort_by(|one, other| one.at.cmp(&other.at));
    let parts: BTreeMap<u32, &VerdictRecord> =
        group.into_iter().map(|record| (record.shard.index, record)).collect();
    let of = newest.shard.of;
    let there = of_parts.get(&(newest.seed, newest.shard.of)).cloned().unwrap_or_default();
    let missing = missing(of, &there);
    let all: Vec<&VerdictRecord> = parts.into_values().collect();
    // A shard without a model decides nothing beside others.
    let explored: Vec<&VerdictRecord> =
        all.iter().copied().filter(|record| !is_empty_shard(record)).collect();
    let parts = if explored.is_empty() { all } else { explored };

    let failed = |record: &&VerdictRecord| matches!(record.verdict, Verdict::Ran(MethodOutcome::Failed(_)));
    let failures = parts.iter().copied().filter(failed).map(|record| (record, false));
    let counting: HashSet<*const VerdictRecord> =
        parts.iter().map(|part| std::ptr::from_ref(*part)).collect();
    let counts = |record: &&VerdictRecord| counting.contains(&std::ptr::from_ref(*record));
    let earlier: Vec<&VerdictRecord> = own
        .iter()
        .copied()
        .filter(|record| failed(record) && record.version == newest.version && !counts(record))
        .collect();
    let failed_earlier = !earlier.is_empty();
    for (verified, is_earlier) in failures.chain(earlier.into_iter().map(|record| (record, true))) {
        verification.failures.push(FailedCase { verified: verified.clone(), is_earlier });
    }

    let (mut status, mut detail) = parts
        .iter()
        .map(|record| said(record))
        .max_by_key(|(status, _)| weight(*status))
        .unwrap_or((CellStatus::NotRun, String::new()));
    if status == CellStatus::Passed {
        let mut bounds: Vec<String> = parts.iter().map(|record| said(record).1).collect();
        bounds.sort_unstable();
        bounds.dedup();
        detail = match &bounds[..] {
            [one] => one.clone(),
            [one, other] => format!("{one}; or {other}"),
            [one, others @ ..] => format!("{one}; and {} other bounds", others.len()),
            [] => String::new(),
        };
    }
    let mut shards = String::new();
    if scope == Scope::AllShards && of > 1 {
        let there = there.len();
        if missing.is_empty() {
            shards = format!("all {of} shards");
        } else {
            shards = format!("{there} of {of} shards; missing: {missing}");
            if status == CellStatus::Passed {
                status = CellStatus::ShardsMissing;
            }
        }
    }
    let cases = cases(&parts);
    if status == CellStatus::Passed && cases == Some(0) {
        status = CellStatus::Unknown;
        detail = format!("no case was run; {detail}");
    }
    if !shards.is_empty() && !detail.is_empty() {
        detail = format!("{shards}; {detail}");
    }
    MatrixCell {
        status,
        cases,
        shards,
        detail,
        failed_earlier: failed_earlier && status != CellStatus::Failed,
    }
}

/// The missing shards in words: the first few, and the number of the others; empty when none is missing.
fn missing(of: u32, there: &BTreeSet<u32>) -> String {
    const NAMED: usize = 8;
    let mut missing = (1..=of).filter(|index| !there.contains(index)).map(|index| index.to_string());
    let named: Vec<String> = missing.by_ref().take(NAMED).collect();
    let all = (of as usize).saturating_sub(there.len());
    match all.saturating_sub(named.len()) {
        0 => named.join(", "),
        more => format!("{} and {} more", named.join(", "), numbers::separated(more as u64)),
    }
}

/// The shard with the greatest weight decides, so that nothing passes before all shards did.
fn weight(status: CellStatus) -> u8 {
    match status {
        CellStatus::Failed => 7,
        CellStatus::OutOfTime => 6,
        CellStatus::Cut => 5,
        CellStatus::Unknown => 4,
        CellStatus::NotAvailable => 3,
        CellStatus::Passed => 2,
        CellStatus::Unsupported => 1,
        CellStatus::NotInstrumentable
        | CellStatus::ShardsMissing
        | CellStatus::NotRun
        | CellStatus::NotApplicable => 0,
    }
}

/// The status of a record, and its bounds or its reason.
fn said(record: &VerdictRecord) -> (CellStatus, String) {
    match &record.verdict {
        Verdict::Ran(MethodOutcome::Passed { bounds, .. }) => (CellStatus::Passed, bounds.clone()),
        Verdict::Ran(MethodOutcome::Failed(finding)) => {
            let happened = finding.happened.lines().next().unwrap_or_default();
            (CellStatus::Failed, format!("{}: {happened}", finding.scenario))
        }
        Verdict::Ran(MethodOutcome::Unsupported { reason }) => (CellStatus::Unsupported, reason.clone()),
        Verdict::Ran(MethodOutcome::Unknown { reason, .. }) => (CellStatus::Unknown, reason.clone()),
        Verdict::Ran(MethodOutcome::OutOfTime { all, .. }) => {
            let of = match all {
                Some(all) if record.shard.of == 1 => {
                    format!(", of {} in all", numbers::separated(*all))
                }
                _ => String::new(),
            };
            let seconds = record.seconds;
            let detail = match by_models(record.method) {
                true => format!("within {seconds:.0} s {}", models_in_time(record)),
                false => format!("within {seconds:.0} s{of}"),
            };
            (CellStatus::OutOfTime, detail)
        }
        Verdict::Ran(MethodOutcome::Cut { cuts, models, bounds, .. }) => {
            (CellStatus::Cut, format!("{}; {bounds}", words::cuts(cuts, *models)))
        }
        Verdict::NotInstrumentable { reason } => (CellStatus::NotInstrumentable, reason.clone()),
        Verdict::Ran(MethodOutcome::Shortage { reason }) | Verdict::NotAvailable { reason } => {
            (CellStatus::NotAvailable, reason.clone())
        }
    }
}

/// How many models had ended when the time was over, and how much of it the build took, where that is known.
fn models_in_time(record: &VerdictRecord) -> String {
    let models = record.models.as_ref();
    let ended = models.map_or(0, |models| models.reports.len() as u64);
    let mut text = match (ended, models.and_then(|models| models.planned)) {
        (0, _) => "no model had ended".to_owned(),
        (ended, Some(planned)) => format!("{ended} of {} had ended", numbers::count(planned, "model")),
        (ended, None) => format!("{} had ended", numbers::count(ended, "model")),
    };
    match models.and_then(|models| models.build_seconds) {
        Some(built) if built > record.seconds / 2.0 => {
            text += &format!("; the build took {built:.0} s of them, and is done when you verify again");
        }
        Some(built) => text += &format!("; it was built after {built:.0} s: give more time with --budget"),
        None if ended == 0 => text += ", the build of the models included",
        None => {}
    }
    text
}

/// The sum of the cases of all shards; `None` when no status has any.
fn cases(parts: &[&VerdictRecord]) -> Option<u64> {
    let counted = parts.iter().filter_map(|record| match record.verdict {
        Verdict::Ran(
            MethodOutcome::Passed { cases, .. }
            | MethodOutcome::Unknown { cases, .. }
            | MethodOutcome::OutOfTime { cases, .. }
            | MethodOutcome::Cut { cases, .. },
        ) => Some(cases),
        _ => None,
    });
    counted.fold(None, |all: Option<u64>, cases| Some(all.unwrap_or(0).saturating_add(cases)))
}

#[cfg(test)]
mod tests {
    use records::format::Format;
    use records::model_report::ExplorationLimit;
    use records::verify::{Finding, Shard};

    use super::*;

    fn record(subject: &str, shard: &str, at: u32, outcome: MethodOutcome) -> VerdictRecord {
        VerdictRecord {
            format: Format,
            at: format!("2026-01-02T03:04:{at:02}Z"),
            command: "chanlab verify".to_owned(),
            subject: subject.to_owned(),
            version: "1".to_owned(),
            method: Method::Properties,
            seed: 7,
            shard: shard.parse().expect("a shard"),
            only: None,
            budget_seconds: 1.0,
            seconds: 1.0,
            verdict: Verdict::Ran(outcome),
            crash: None,
            replay: None,
            models: None,
            machine: runner::machine::current(&adapters::registry()),
        }
    }

    fn passed(cases: u64) -> MethodOutcome {
        MethodOutcome::Passed { cases, bounds: "up to 20 operations".to_owned() }
    }

    fn failed() -> MethodOutcome {
        let happened = "lost 1\nmessage".to_owned();
        MethodOutcome::Failed(Box::new(Finding { scenario: "s".to_owned(), happened, ..Finding::default() }))
    }

    fn of(records: &[VerdictRecord], scope: Scope) -> (MatrixCell, Vec<bool>) {
        let verification = VerificationMatrix::new(records, &["flume"], &adapters::registry(), scope);
        let place = Method::ALL.iter().position(|method| *method == Method::Properties).expect("there");
        let earlier = verification.failures.iter().map(|failed| failed.is_earlier).collect();
        (verification.rows[0].cells[place].clone(), earlier)
    }

    #[test]
    fn a_shard_without_a_model_is_no_pass_alone_and_decides_nothing_beside_others() {
        let none = MethodOutcome::Unknown { cases: 0, reason: "no model was explored".to_owned() };
        let by_loom = |shard, at, outcome| VerdictRecord {
            method: Method::Loom,
            models: Some(records::model_report::ExploredModels::default()),
            ..record("flume", shard, at, outcome)
        };
        let status = |records: &[VerdictRecord]| {
            let all = VerificationMatrix::new(records, &["flume"], &adapters::registry(), Scope::AllShards);
            let place = Method::ALL.iter().position(|method| *method == Method::Loom).expect("there");
            all.rows[0].cells[place].status
        };
        let (empty, full) = (by_loom("1/2", 1, none), by_loom("2/2", 2, passed(10)));
        assert_eq!(status(std::slice::from_ref(&empty)), CellStatus::Unknown);
        assert_eq!(status(std::slice::from_ref(&full)), CellStatus::ShardsMissing);
        assert_eq!(status(&[empty, full]), CellStatus::Passed);
    }

    #[test]
    fn shards_are_summed_and_a_missing_one_is_no_pass() {
        let parts = [
            record("flume", "1/3", 1, passed(10)),
            record("flume", "3/3", 2, passed(11)),
            record("flume", "2/3", 0, passed(12)),
        ];
        let (all, _) = of(&parts, Scope::AllShards);
        assert_eq!((all.status, all.cases), (CellStatus::Passed, Some(33)));
        assert_eq!(all.detail, "all 3 shards; up to 20 operations");
        let (two, _) = of(&parts[..2], Scope::AllShards);
        assert_eq!((two.status, two.cases), (CellStatus::ShardsMissing, Some(21)));
        assert_eq!(two.detail, "2 of 3 shards; missing: 2; up to 20 operations");
        let (own, _) = of(&parts[..1], Scope::OneShard);
        assert_eq!((own.status, own.cases), (CellStatus::Passed, Some(10)));
        // Of many missing shards, only some are named.
        let (one, _) = of(&[record("flume", "1/4000000000", 1, passed(1))], Scope::AllShards);
        assert_eq!(
            one.shards,
            "1 of 4000000000 shards; missing: 2, 3, 4, 5, 6, 7, 8, 9 and 3,999,999,991 more"
        );
        // A shard of another seed belongs to another verification and does not fill the gap.
        let mut other = parts.clone();
        other[2].seed = 8;
        assert_eq!(of(&other, Scope::AllShards).0.status, CellStatus::ShardsMissing);
        // The same shard twice counts once.
        let twice = [&parts[..2], &parts[..1]].concat();
        assert_eq!(of(&twice, Scope::AllShards).0.cases, Some(21));
    }

    #[test]
    fn one_shard_that_did_not_pass_decides() {
        let with = |outcome| {
            let parts = [record("flume", "1/2", 1, passed(10)), record("flume", "2/2", 2, outcome)];
            of(&parts, Scope::AllShards)
        };
        assert_eq!(with(MethodOutcome::OutOfTime { cases: 5, all: None }).0.status, CellStatus::OutOfTime);
        assert_eq!(with(MethodOutcome::OutOfTime { cases: 5, all: None }).0.cases, Some(15));
        let unknown =
            || MethodOutcome::Unknown { cases: 5, reason: "2 histories exceeded the budget".to_owned() };
        let cell = with(unknown()).0;
        assert_eq!((cell.status, cell.cases), (CellStatus::Unknown, Some(15)));
        assert_eq!(cell.detail, "all 2 shards; 2 histories exceeded the budget");
        assert_eq!(cell.status.words(), "cannot tell");
        let cuts = [(ExplorationLimit::Branches, 2)].into();
        let cut = with(MethodOutcome::Cut { cases: 5, cuts, models: 7, bounds: "b".to_owned() }).0;
        assert_eq!((cut.status, cut.cases), (CellStatus::Cut, Some(15)));
        assert_eq!(cut.detail, "all 2 shards; 2 of 7 models cut short, by the limit of branches; b");
        let (cell, earlier) = with(failed());
        assert_eq!((cell.status, &earlier[..]), (CellStatus::Failed, &[false][..]));
        assert_eq!(cell.detail, "all 2 shards; s: lost 1");
        assert_eq!(with(MethodOutcome::Unsupported { reason: String::new() }).0.status, CellStatus::Passed);
    }

    #[test]
    fn the_newest_decides_and_an_earlier_failure_of_the_same_version_is_kept() {
        let mut records = [record("flume", "1/1", 1, failed()), record("flume", "1/1", 2, passed(3))];
        records[0].seed = 1;
        let (cell, earlier) = of(&records, Scope::AllShards);
        assert_eq!((cell.status, cell.failed_earlier), (CellStatus::Passed, true));
        assert_eq!(earlier, [true]);
        // Even with the same cases: a pass proves nothing about the schedule that failed.
        records[0].seed = records[1].seed;
        assert_eq!(of(&records, Scope::AllShards).1, [true]);
        records[0].version = "0".to_owned();
        let (cell, earlier) = of(&records, Scope::AllShards);
        assert_eq!((cell.failed_earlier, earlier.len()), (false, 0), "another version's failure is its own");
    }

    /// Loom's models are sharded by name, so a shard may contain no model of a subject.
    #[test]
    fn a_shard_without_a_model_of_the_subject_is_not_missing() {
        let model =
            |subject, shard| VerdictRecord { method: Method::Loom, ..record(subject, shard, 1, passed(5)) };
        let mut parts = vec![model("mutex-deque", "1/2"), model("worker_pool", "1/2")];
        let statuses = |parts: &[VerdictRecord]| {
            let verification =
                VerificationMatrix::new(parts, &["mutex-deque"], &adapters::registry(), Scope::AllShards);
            [0, 1].map(|row: usize| verification.rows[row].cells[4].status)
        };
        assert_eq!(statuses(&parts), [CellStatus::ShardsMissing; 2]);
        parts.push(model("mutex-deque", "2/2"));
        assert_eq!(statuses(&parts), [CellStatus::Passed; 2]);
    }

    #[test]
    fn the_replay_of_a_case_covers_nothing() {
        let mut again = record("flume", "1/1", 9, passed(1));
        again.only = Some(3);
        assert_eq!(of(&[again], Scope::AllShards).0.status, CellStatus::NotRun);
    }

    #[test]
    fn workloads_come_last_and_only_models_apply_to_them() {
        let mut model = record("worker_pool", "1/1", 1, passed(9));
        model.method = Method::Loom;
        model.shard = Shard::WHOLE;
        let verification =
            VerificationMatrix::new(&[model], &["flume", "kanal"], &adapters::registry(), Scope::AllShards);
        let names: Vec<_> = verification.rows.iter().map(|row| row.subject.as_str()).collect();
        assert_eq!(names, ["flume", "kanal", "worker_pool"]);
        let statuses: Vec<_> = verification.rows[2].cells.iter().map(|cell| cell.status.words()).collect();
        assert_eq!(statuses, ["", "", "", "", "passed", "not run"]);
        assert!(!verification.is_empty());
    }
}
