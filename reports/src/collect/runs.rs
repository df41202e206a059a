//! What a run of `chanlab run` left in its folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Problem;
use crate::run::plan::Plan;
use crate::run::record::{Failure, Line, ROUNDS_FILE, RoundLine, Why};

/// The place of a cell in the plan: group and entry.
pub type Place = (usize, usize);

/// A run, as far as it went.
#[derive(Clone, Debug)]
pub struct RunData {
    /// Its folder.
    pub folder: PathBuf,
    /// What was to be measured.
    pub plan: Plan,
    /// The rounds of each cell, in the order of measurement, those that warm up among them.
    pub rounds: BTreeMap<Place, Vec<RoundLine>>,
    /// Effective capacities, where they are not the ones asked for.
    pub capacities: BTreeMap<Place, String>,
    /// What cannot be done, and why.
    pub unsupported: BTreeMap<Place, String>,
    /// What failed.
    pub failed: BTreeMap<Place, Failure>,
    /// Why it ended; `None` for a run that was killed or goes on.
    pub ended: Option<Why>,
    /// Lines that could not be read.
    pub problems: Vec<Problem>,
}

impl RunData {
    /// Reads the run in `folder`. Lines that cannot be read are problems; the rest is kept.
    ///
    /// # Errors
    ///
    /// When there is no plan, or no file of rounds.
    pub fn read(folder: &Path) -> Result<Self> {
        let plan = Plan::read(folder)?;
        let path = folder.join(ROUNDS_FILE);
        let text = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut run = RunData {
            folder: folder.to_owned(),
            plan,
            rounds: BTreeMap::new(),
            capacities: BTreeMap::new(),
            unsupported: BTreeMap::new(),
            failed: BTreeMap::new(),
            ended: None,
            problems: Vec::new(),
        };
        for (index, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
            match serde_json::from_slice(line) {
                Ok(line) => run.add(line),
                // What a killed run left of the round in flight.
                Err(_) if !line.ends_with(b"\n") => {}
                Err(error) => run.problems.push(Problem {
                    file: path.clone(),
                    line: Some(index + 1),
                    what: format!("not a line of a run, so it was left out ({error})"),
                }),
            }
        }
        Ok(run)
    }

    fn add(&mut self, line: Line) {
        match line {
            Line::Sized { .. } => {}
            Line::Capacity { group, entry, effective } => {
                self.capacities.insert((group, entry), effective);
            }
            Line::Round(round) => {
                self.ended = None;
                self.rounds.entry((round.group, round.entry)).or_default().push(round);
            }
            Line::Unsupported { group, entry, reason } => {
                self.unsupported.insert((group, entry), reason);
            }
            Line::Failed { group, entry, failure, .. } => {
                self.failed.insert((group, entry), failure);
            }
            Line::Ended { why, .. } => self.ended = Some(why),
        }
    }

    /// The measured rounds of a cell, without those that warm up; none of a cell that failed, whose times are void.
    pub fn measured(&self, place: Place) -> Vec<&RoundLine> {
        if self.failed.contains_key(&place) || self.unsupported.contains_key(&place) {
            return Vec::new();
        }
        let rounds = self.rounds.get(&place).into_iter().flatten();
        rounds.filter(|round| round.block.is_some()).collect()
    }

    /// Verified rounds of a cell, those that warm up among them.
    pub fn verified(&self, place: Place) -> u64 {
        self.rounds.get(&place).map_or(0, |rounds| rounds.len() as u64)
    }
}

/// The newest run in a folder of runs; `None` when there is none.
pub fn newest(runs: &Path) -> Option<PathBuf> {
    let folders = std::fs::read_dir(runs).ok()?.flatten().map(|entry| entry.path());
    // They are named by the moment they began.
    folders.filter(|folder| folder.join(ROUNDS_FILE).is_file()).max()
}
