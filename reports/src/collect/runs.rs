//! The folder of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::against_plan::AgainstPlan;
use super::problem::Problem;
use super::timelines::{self, TimelinePart};
use engine::plan_file;
use engine::run_folder::writer;
use records::checksum::plan_checksum;
use records::crash::ProcessFailure;
use records::files::{MAX_FILE_LEN, read_at_most};
use records::lines::{self, Checksums};
use records::plan::{CHECKED_VERSION, PLAN_FILE, Plan};
use records::rounds::{Line, ROUNDS_FILE, RoundLine};

/// The position of a cell in the plan: group and entry.
pub type RoundPosition = (usize, usize);

/// Whether a run is finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// The plan was carried out.
    Done,
    /// It was stopped on request.
    Stopped,
    /// The machine lacked something, so that it could not go on.
    Shortage,
    /// It ended without a word, as after a kill.
    Killed,
    /// A process, whose number may be known, is writing rounds.
    GoingOn(Option<u32>),
}

impl RunState {
    /// Whether the plan was carried out.
    pub fn is_done(self) -> bool {
        self == RunState::Done
    }
}

/// A run, complete or not.
#[derive(Clone, Debug)]
pub struct RunData {
    /// Its folder.
    pub folder: PathBuf,
    /// Its plan.
    pub plan: Plan,
    /// The rounds of each cell in the order of measurement, warm-up included.
    pub rounds: BTreeMap<RoundPosition, Vec<RoundLine>>,
    /// Capacities that differ from the requested ones.
    pub capacities: BTreeMap<RoundPosition, String>,
    /// Unsupported cells, with the reason.
    pub unsupported: BTreeMap<RoundPosition, String>,
    /// Cells that failed.
    pub failed: BTreeMap<RoundPosition, ProcessFailure>,
    /// Cells whose records contradict the plan or each other.
    pub contradictory: BTreeSet<RoundPosition>,
    /// Whether it is finished.
    pub state: RunState,
    /// A part of the timeline of each workload that has one.
    pub timelines: BTreeMap<String, TimelinePart>,
    /// What is damaged or contradicts itself.
    pub problems: Vec<Problem>,
}

impl RunData {
    /// A run of this plan without a line.
    pub(super) fn empty(plan: Plan) -> Self {
        RunData {
            folder: PathBuf::new(),
            plan,
            rounds: BTreeMap::new(),
            capacities: BTreeMap::new(),
            unsupported: BTreeMap::new(),
            failed: BTreeMap::new(),
            contradictory: BTreeSet::new(),
            state: RunState::Killed,
            timelines: BTreeMap::new(),
            problems: Vec::new(),
        }
    }

    /// Reads the run in `folder`. What is damaged or contradictory is a problem; the rest is kept.
    ///
    /// # Errors
    ///
    /// When the plan or the file of rounds is missing or too long, or the plan cannot be read.
    pub fn read(folder: &Path) -> Result<Self> {
        let plan = plan_file::bytes(folder)?;
        let path = folder.join(ROUNDS_FILE);
        // Asked before the rounds are read: a run that ends meanwhile then has its end among them.
        let writer = writer(folder);
        let rounds =
            read_at_most(&path, MAX_FILE_LEN).with_context(|| format!("cannot read {}", path.display()))?;
        let mut run = Self::from_bytes(folder, &plan, &rounds)?;
        if let (Some(writer), false) = (writer, run.state.is_done()) {
            run.state = RunState::GoingOn(writer.process);
        }
        let workloads = run.plan.groups.iter().map(|group| group.workload.as_str());
        let (timelines, problems) = timelines::read(folder, workloads);
        run.timelines = timelines;
        run.problems.extend(problems);
        Ok(run)
    }

    /// Reads a run from the bytes of its plan and of its rounds, which are in `folder`.
    ///
    /// # Errors
    ///
    /// When the plan cannot be read.
    pub fn from_bytes(folder: &Path, plan: &[u8], rounds: &[u8]) -> Result<Self> {
        let checksum = plan_checksum(plan);
        let plan = plan_file::parsed(plan, &folder.join(PLAN_FILE))?;
        let checksums = if plan.version >= CHECKED_VERSION { Checksums::Every } else { Checksums::AllOrNone };
        let mut held = AgainstPlan::new(&plan, checksum, &folder.join(ROUNDS_FILE));
        for line in lines::read::<Line>(rounds, checksums) {
            held.line(line.number, line.seal, line.value);
        }
        Ok(RunData { folder: folder.to_owned(), ..held.finish() })
    }

    /// The measured rounds of a cell, without warm-up; none for a cell that failed, is
    /// unsupported or has contradictory records.
    pub fn measured(&self, position: RoundPosition) -> Vec<&RoundLine> {
        if self.failed.contains_key(&position)
            || self.unsupported.contains_key(&position)
            || self.contradictory.contains(&position)
        {
            return Vec::new();
        }
        let rounds = self.rounds.get(&position).into_iter().flatten();
        rounds.filter(|round| round.block.is_some()).collect()
    }

    /// The number of verified rounds of a cell, warm-up included.
    pub fn verified(&self, position: RoundPosition) -> u64 {
        self.rounds.get(&position).map_or(0, |rounds| rounds.len() as u64)
    }
}

/// The newest run in a folder of runs; `None` when there is none.
pub fn newest(runs: &Path) -> Option<PathBuf> {
    let folders = std::fs::read_dir(runs).ok()?.flatten().map(|entry| entry.path());
    // Folders are named by the time at which the run began.
    folders.filter(|folder| folder.join(ROUNDS_FILE).is_file()).max()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use records::record::ParamsRecord;
    use workloads::registry::Registry;

    use super::*;
    use crate::analyse::build;
    use crate::collect::records::Records;
    use crate::collect::sources::Collected;
    use crate::collect::verified::VerifiedRecords;
    use crate::render;
    use records::plan::Launch;
    use records::plan::{Entry, Group};
    use testing::strategies;

    /// A plan of two workloads, one ranked by time and one by latency, over two channels.
    fn plan(registry: &Registry) -> Plan {
        let group = |workload: &str| Group {
            workload: workload.to_owned(),
            params: ParamsRecord::new(
                registry.workload(workload).expect("a workload"),
                &registry.params(workload, "").expect("its defaults"),
            ),
            least_messages: 1,
            deadline_ns: 30_000_000_000,
        };
        let entry = |name: &str| Entry {
            name: name.to_owned(),
            channel: name.to_owned(),
            version: "1".to_owned(),
            launch: Launch::Own,
            about: None,
        };
        Plan {
            // Lines without checksums.
            version: 2,
            began: "2026-01-02T03:04:05Z".to_owned(),
            command: "chanlab run".to_owned(),
            profile: "quick".to_owned(),
            seed: 1,
            machine: runner::machine::current(registry),
            entries: vec![entry("flume"), entry("kanal")],
            groups: vec![group("producer_consumer"), group("open_loop")],
            blocks: 1,
            budget_seconds: 1,
            fewest_epochs: 1,
            most_epochs: 12,
            precision: 0.05,
            placement: "any".to_owned(),
            allocations: false,
            versions: None,
            not_available: Vec::new(),
            programs: Vec::new(),
        }
    }

    /// A run whose file of rounds has these bytes.
    fn read(registry: &Registry, rounds: &[u8]) -> RunData {
        let folder = tempfile::tempdir().expect("a folder");
        plan_file::write(&plan(registry), folder.path()).expect("written");
        std::fs::write(folder.path().join(ROUNDS_FILE), rounds).expect("written");
        RunData::read(folder.path()).expect("there is a plan")
    }

    #[test]
    fn an_empty_round_is_a_problem_and_no_time() {
        let line = r#"{"kind":"round","group":0,"entry":0,"epoch":0,"block":0,"at_ms":0}"#;
        let run = read(&adapters::registry(), format!("{line}\n").as_bytes());
        assert_eq!(run.measured((0, 0)), [] as [&RoundLine; 0]);
        let problems: Vec<String> = run.problems.iter().map(render::problems::line).collect();
        for member in ["messages", "wall_ns"] {
            let expected = format!(
                "rounds.jsonl:1: producer_consumer/capacity=64 over flume: {member} is 0, which no round can have"
            );
            assert!(problems.iter().any(|problem| problem.ends_with(&expected)), "{problems:#?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_record_makes_a_page(lines in vec(strategies::line(), 0..12), verified in vec(strategies::verified(), 0..4)) {
            let registry = adapters::registry();
            let bytes = lines.iter().flat_map(|line| serde_json::to_vec(line).expect("plain data").into_iter().chain(*b"\n"));
            let run = read(&registry, &bytes.collect::<Vec<_>>());
            let verified = VerifiedRecords { records: verified, problems: Vec::new() };
            let collected = Collected { run: Some(run), criterion: None, models: Records::default(), verified };
            let page = build::page(collected, &registry);
            let text = render::page::page(&page, "2026-01-02T03:04:05Z");
            prop_assert!(text.ends_with("</html>") && !text.contains("NaN") && !text.contains("inf×"));
        }

        #[test]
        fn damage_is_a_problem_and_hides_no_other_line(
            before in strategies::line(),
            damage in vec(any::<u8>().prop_filter("it ends the line", |byte| *byte != b'\n'), 1..40),
            after in strategies::line(),
        ) {
            prop_assume!(!damage.trim_ascii().is_empty());
            let registry = adapters::registry();
            let [before, after] = [before, after].map(|line| serde_json::to_vec(&line).expect("plain data"));
            let whole = read(&registry, &[&before[..], b"\n", &after, b"\n"].concat());
            let damaged = read(&registry, &[&before[..], b"\n", &damage, b"\n", &after, b"\n"].concat());
            prop_assert_eq!(damaged.problems.len(), whole.problems.len() + 1);
            prop_assert_eq!(damaged.rounds, whole.rounds);
            prop_assert_eq!(damaged.failed, whole.failed);
        }
    }
}
