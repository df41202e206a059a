//! The files of a run.

use std::path::Path;

use engine::plan_file;
use records::checksum::{line, plan_checksum};
use records::lines::{self, Checksums, MAX_LINE_LEN};
use records::plan::Plan;
use records::rounds::Line;
use reports::analyse::build;
use reports::analyse::changes::Changes;
use reports::analyse::choice::choose;
use reports::collect::runs::RunData;
use reports::collect::sources::Collected;
use reports::collect::timelines;
use reports::gate;
use reports::render::changes::{ChangeReport, side_by_side};
use reports::render::{self, choice};
use serde_json::Value;
use workloads::workload::Metric;

use super::{inert, parts, registry};

/// The timeline of a round: every slice of the part that is drawn lies in it.
pub(super) fn timeline(input: &[u8]) {
    let Ok(part) = timelines::part(input) else { return };
    assert!(part.length.is_finite() && part.length >= 0.0, "{}", part.length);
    for (_, began, ended) in part.tracks.iter().flat_map(|track| &track.slices) {
        assert!(
            0.0 <= *began && began < ended && *ended <= part.length,
            "{began} to {ended} of {}",
            part.length
        );
    }
}

/// A plan, and the lines of its rounds as they are.
pub(super) fn run(input: &[u8]) {
    let [plan, rounds] = parts(input);
    shown(plan, rounds);
}

/// A plan, and objects that become the lines of its rounds, each with its checksum and linked to the one before it: what
/// is behind the checksums.
pub(super) fn sealed_run(input: &[u8]) {
    let [plan, objects] = parts(input);
    let (mut rounds, mut after) = (Vec::new(), plan_checksum(plan));
    for object in objects.split_inclusive(|byte| *byte == b'\n') {
        let sealed = match serde_json::from_slice(object) {
            Ok(Value::Object(mut members)) => {
                members.remove("after");
                members.remove("crc32");
                line(&members, Some(after)).ok()
            }
            _ => None,
        };
        match sealed {
            Some((text, checksum)) => {
                rounds.extend(text);
                after = checksum;
            }
            None => rounds.extend_from_slice(object),
        }
    }
    shown(plan, &rounds);
}

/// A plan.
pub(super) fn plan(input: &[u8]) {
    let path = Path::new("plan.json");
    if let Ok(plan) = plan_file::parsed(input, path) {
        let again = serde_json::to_vec_pretty(&plan).expect("a plan is plain data");
        let again: Plan = plan_file::parsed(&again, path).expect("what is written can be read");
        assert_eq!(plan, again, "a plan that is written again is another");
    }
}

/// Reads a run and shows it in every way.
fn shown(plan: &[u8], rounds: &[u8]) {
    for read in lines::read::<Line>(rounds, Checksums::AllOrNone) {
        if let Ok(value) = read.value {
            let (text, _) = line(&value, None).expect("a line is an object");
            let again = lines::read::<Line>(&text, Checksums::Every).next().map(|line| line.value);
            // Escapes make a line longer.
            assert!(
                again == Some(Ok(value)) || text.len() > MAX_LINE_LEN,
                "written again, line {} is another",
                read.number
            );
        }
    }
    let Ok(run) = RunData::from_bytes("run".as_ref(), plan, rounds) else { return };
    for metric in Metric::ALL {
        let choice = choose(&run, metric);
        if let Some(choice) = &choice {
            inert::terminal(&choice::text(choice));
        }
        let _ = gate::choice(choice.as_ref(), &run);
    }
    if let Some(changes) = Changes::of_versions(&run) {
        let report = ChangeReport {
            title: "title".to_owned(),
            method: side_by_side(&changes),
            changes: &changes,
            remarks: Vec::new(),
            facts: Vec::new(),
        };
        inert::terminal(&render::changes::terminal(&report));
        let markdown = render::markdown::markdown(&report);
        inert::terminal(&markdown);
        assert!(!markdown.contains("<script"), "{markdown}");
        let is_damaged = !run.problems.is_empty();
        let gate = gate::changes(&changes, 5.0, None, run.problems.len());
        assert!(!is_damaged || gate.is_err(), "problems, and exit code 0");
    }
    let collected = Collected {
        run: Some(run),
        criterion: None,
        models: Default::default(),
        verified: Default::default(),
    };
    inert::page(&build::page(collected, registry()));
}
