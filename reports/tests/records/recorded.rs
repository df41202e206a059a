//! A small run as `chanlab run` records it, and pages that are made of it.

use std::path::Path;

use records::checksum::plan_checksum;
use records::machine::Machine;
use records::plan::{Entry, Group, Launch, Plan, VERSION};
use records::protocol::{Measured, NamedFigure};
use records::record::ParamsRecord;
use records::rounds::{EndReason, Line, RoundLine};
use reports::analyse::build;
use reports::analyse::page::Page;
use reports::collect::records::Records;
use reports::collect::runs::RunData;
use reports::collect::sources::Collected;
use reports::render;
use testing::runs::sealed;

/// Messages of a round.
pub(crate) const MESSAGES: u64 = 1_000;

/// The groups, entries, epochs and blocks of the plan. The last entry lacks the last group.
pub(crate) const GROUPS: usize = 2;
pub(crate) const ENTRIES: usize = 3;
pub(crate) const EPOCHS: u32 = 4;
pub(crate) const BLOCKS: u32 = 2;

/// A plan and its lines, before they are written.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) plan: Plan,
    pub(crate) lines: Vec<Line>,
}

impl Recorded {
    /// A sound run that is done. `slow` makes every time of it longer, so that two runs differ in each, and in their seeds.
    pub(crate) fn sound(slow: u64) -> Self {
        let plan = Plan { seed: 1 + slow, ..plan() };
        let mut lines = Vec::new();
        lines.push(Line::Capacity { group: 0, entry: 2, effective: "65".to_owned() });
        lines.extend((0..GROUPS).map(|group| Line::Sized { group, messages: MESSAGES }));
        let reason = "select over receivers (it has none)".to_owned();
        lines.push(Line::Unsupported { group: 1, entry: 2, reason });
        let (mut round, mut at_ms) = (0, 10);
        for epoch in 0..EPOCHS {
            for group in 0..GROUPS {
                for block in std::iter::once(None).chain((0..BLOCKS).map(Some)) {
                    for entry in (0..ENTRIES).filter(|entry| (group, *entry) != (1, 2)) {
                        at_ms += 3 + round % 3;
                        let wall_ns = 1_000_000 + slow + 300_000 * entry as u64 + 7_001 * (round % 11);
                        let latency = (group == 1).then(|| vec![[400 + round % 7, 900], [900 + slow, 100]]);
                        let measured = Measured {
                            cell: plan.cell(group, entry),
                            round,
                            messages: MESSAGES,
                            wall_ns,
                            user_ns: Some(wall_ns / 2),
                            system_ns: Some(wall_ns / 3),
                            voluntary: Some(20),
                            involuntary: Some(3),
                            figures: vec![NamedFigure { name: "fairness".to_owned(), value: 0.75 }],
                            latency,
                            ..Measured::default()
                        };
                        lines.push(Line::Round(RoundLine {
                            group,
                            entry,
                            epoch,
                            block,
                            at_ms,
                            measured,
                            extended_ns: None,
                        }));
                        round += 1;
                    }
                }
            }
        }
        lines.push(Line::Ended { at: "2026-01-02T03:09:05Z".to_owned(), why: EndReason::Done });
        Recorded { plan, lines }
    }

    /// The file of the plan.
    pub(crate) fn plan_bytes(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(&self.plan).expect("plain data")
    }

    /// Both files, as chanlab writes them: each line sealed, and linked to the one before it.
    pub(crate) fn files(&self) -> (Vec<u8>, Vec<u8>) {
        let plan = self.plan_bytes();
        let lines = self.lines.iter().map(|line| serde_json::to_value(line).expect("plain data"));
        let rounds = sealed(plan_checksum(&plan), lines);
        (plan, rounds)
    }

    pub(crate) fn read(&self) -> RunData {
        let (plan, rounds) = self.files();
        read(&plan, &rounds)
    }

    /// The place of a round among the lines.
    pub(crate) fn place(&self, at: (usize, usize, u32, Option<u32>)) -> usize {
        let is_it = |line: &Line| matches!(line, Line::Round(round) if (round.group, round.entry, round.epoch, round.block) == at);
        self.lines.iter().position(is_it).expect("a round at this place")
    }

    /// The round at a place, to change it.
    pub(crate) fn round(&mut self, at: (usize, usize, u32, Option<u32>)) -> &mut RoundLine {
        let place = self.place(at);
        let Line::Round(round) = &mut self.lines[place] else { unreachable!("a round is there") };
        round
    }

    /// The first line that is no round and fits, to change it.
    pub(crate) fn position(&self, fits: fn(&Line) -> bool) -> usize {
        self.lines.iter().position(fits).expect("such a line")
    }
}

pub(crate) fn read(plan: &[u8], rounds: &[u8]) -> RunData {
    RunData::from_bytes(Path::new("run"), plan, rounds).expect("the plan can be read")
}

/// The page of a run and nothing else.
pub(crate) fn page(run: RunData) -> Page {
    let collected = Collected {
        run: Some(run),
        criterion: None,
        models: Records::default(),
        verified: Default::default(),
    };
    build::page(collected, &adapters::registry())
}

/// Its problems, one in each line.
pub(crate) fn problems(run: &RunData) -> Vec<String> {
    run.problems.iter().map(render::problems::line).collect()
}

fn plan() -> Plan {
    let registry = adapters::registry();
    let group = |workload: &str| Group {
        workload: workload.to_owned(),
        params: ParamsRecord::new(
            registry.workload(workload).expect("a workload"),
            &registry.params(workload, "").expect("its defaults"),
        ),
        least_messages: 256,
        deadline_ns: 30_000_000_000,
    };
    let entry = |name: &str| Entry {
        name: name.to_owned(),
        channel: name.to_owned(),
        version: format!("{name} 1.2.3"),
        launch: Launch::Own,
        about: None,
    };
    Plan {
        version: VERSION,
        began: "2026-01-02T03:04:05Z".to_owned(),
        command: "chanlab run".to_owned(),
        profile: "selected".to_owned(),
        seed: 1,
        machine: Machine {
            cpu: "a processor".to_owned(),
            cores: 2,
            kernel: "6.1".to_owned(),
            system: "a system".to_owned(),
            rustc: "rustc 1.95.0".to_owned(),
            channels: [("flume".to_owned(), "flume 1.2.3".to_owned())].into(),
        },
        entries: ["flume", "kanal", "std"].map(entry).into(),
        groups: ["producer_consumer", "open_loop"].map(group).into(),
        blocks: BLOCKS,
        budget_seconds: 10,
        fewest_epochs: EPOCHS,
        most_epochs: 12,
        precision: 0.05,
        placement: "any".to_owned(),
        allocations: false,
        versions: None,
        not_available: Vec::new(),
        programs: Vec::new(),
    }
}
