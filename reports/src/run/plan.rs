//! What a run is to measure: decided before anything runs, and kept beside the rounds.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use harness::machine::Machine;
use harness::protocol::ChannelHello;
use harness::record::ParamsRecord;
use serde::{Deserialize, Serialize};

use super::child::Launch;

/// The plan's file in the folder of a run.
pub const PLAN_FILE: &str = "plan.json";

/// The version of the plan and of the rounds' lines.
pub const VERSION: u32 = 1;

/// A run, before it begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The version of this form.
    pub version: u32,
    /// When the run began (RFC 3339, UTC).
    pub began: String,
    /// The command, as it was typed.
    pub command: String,
    /// What is measured, in a word: a profile, or `selected`.
    pub profile: String,
    /// Decides the random orders.
    pub seed: u64,
    /// Where it runs.
    pub machine: Machine,
    /// Who is compared.
    pub entries: Vec<Entry>,
    /// On what: each group is one workload with its params.
    pub groups: Vec<Group>,
    /// Blocks of each group in an epoch, beside one that warms up.
    pub blocks: u32,
    /// No epoch begins after so many seconds, once there are `fewest_epochs` (or as many as `most_epochs`).
    pub budget_seconds: u64,
    /// Every group has so many epochs, if `most_epochs` allows it: fewer could tell nothing apart.
    pub fewest_epochs: u32,
    /// The most epochs.
    pub most_epochs: u32,
    /// A group is measured until the interval of each ratio to the fastest is so narrow: its half width, as a share (0.02 is 2 %).
    pub precision: f64,
    /// Where the threads go: `any`, `same-core` or `two-cores`.
    pub placement: String,
    /// Whether allocations are counted.
    pub allocations: bool,
    /// Of a run that compares two versions, the places of the old and the new one among the entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versions: Option<[usize; 2]>,
    /// Who would have been compared but could not be: a name, and why, in one line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_available: Vec<(String, String)>,
}

/// One of those that are compared: a channel under a name, in a runner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name in this run; unique.
    pub name: String,
    /// The channel, as its runner calls it.
    pub channel: String,
    /// The channel's version, as its runner told.
    pub version: String,
    /// How its runner is started.
    pub launch: Launch,
    /// What its runner said of it; `None` for a channel of this build, which knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<ChannelHello>,
}

/// A workload with its params, measured over all entries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The workload.
    pub workload: String,
    /// Its params.
    pub params: ParamsRecord,
    /// The least messages of a round: fewer would never fill the channel.
    pub least_messages: u64,
    /// After so long a round has hung, in nanoseconds.
    pub deadline_ns: u64,
}

impl Group {
    /// The group's name, as benchmarks and the page have it.
    pub fn name(&self) -> String {
        format!("{}/{}", self.workload, self.params.id)
    }
}

impl Plan {
    /// The number of a cell in requests to a runner.
    pub fn cell(&self, group: usize, entry: usize) -> u64 {
        (group * self.entries.len() + entry) as u64
    }

    /// The budget.
    pub fn budget(&self) -> Duration {
        Duration::from_secs(self.budget_seconds)
    }

    /// Reads the plan of the run in `folder`.
    ///
    /// # Errors
    ///
    /// When there is none, or it cannot be read, or is of another version.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(PLAN_FILE);
        let text = std::fs::read(&path)
            .with_context(|| format!("no run in {}: cannot read {}", folder.display(), path.display()))?;
        let plan: Plan =
            serde_json::from_slice(&text).with_context(|| format!("{} is damaged", path.display()))?;
        if plan.version != VERSION {
            bail!(
                "{} is of version {}, and this build reads version {VERSION}",
                path.display(),
                plan.version
            );
        }
        Ok(plan)
    }

    /// Writes the plan into `folder`, whole or not at all.
    ///
    /// # Errors
    ///
    /// When the folder holds a run already, or cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(PLAN_FILE);
        if path.exists() {
            bail!(
                "{} holds a run already: finish it with --resume, or name another folder",
                folder.display()
            );
        }
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        // A plan that is there is whole: a run that was killed while it was written has none.
        let unfinished = path.with_extension("unfinished");
        std::fs::write(&unfinished, text)
            .and_then(|()| std::fs::rename(&unfinished, &path))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}
