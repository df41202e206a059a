//! What a run will measure: decided before anything runs, and kept in the folder of the rounds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use crate::command;
use crate::machine::Machine;
use crate::protocol::ChannelHello;
use crate::record::ParamsRecord;
use serde::{Deserialize, Serialize};

/// The plan's file in the folder of a run.
pub const PLAN_FILE: &str = "plan.json";

/// The version of the plan and of the rounds' lines. It rises when an older build would misread either.
///
/// Version 2 calls the end of a runner's standard error `stderr_tail`, and its reasons of an unsupported cell have no prefix.
/// Version 3 names the programs that run the rounds, and its rounds begin with a line of the kind `began`. It has
/// strays, the cause of a cell's failure, extended deadlines, and runs that a shortage ended. Each line has a checksum,
/// which an older build would leave out of the lines that it adds.
pub const VERSION: u32 = 3;

/// The first version whose rounds have checksums.
pub const CHECKED_VERSION: u32 = 3;

/// The most entries of a plan: each is compared with each other.
pub const MAX_ENTRIES: usize = 256;

/// The most cells of a plan: each has a place on the page, also one without a round.
pub const MAX_CELLS: usize = 1 << 14;

/// The longest name, param or command in a plan, in bytes: each is repeated for every cell.
pub const MAX_TEXT_LEN: usize = 4_096;

/// The most values of a group's params.
pub const MAX_PARAMS: usize = 64;

/// The time after the deadline of a round within which its runner has to reply, in nanoseconds.
pub const GRACE_NS: u64 = 10_000_000_000;

/// A run before it begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`VERSION`] of the build that wrote it.
    pub version: u32,
    /// When the run began (RFC 3339, UTC).
    pub began: String,
    /// The command, as a shell reads it.
    pub command: String,
    /// The name of a profile, or `selected`.
    pub profile: String,
    /// Decides the random orders.
    pub seed: u64,
    /// Where it runs.
    pub machine: Machine,
    /// The compared channels, each with its runner.
    pub entries: Vec<Entry>,
    /// The groups: each is one workload with its params.
    pub groups: Vec<Group>,
    /// Blocks of each group in an epoch, without the warm-up block.
    pub blocks: u32,
    /// The seconds after which no epoch begins, once there are `fewest_epochs` (or `most_epochs`).
    pub budget_seconds: u64,
    /// The least epochs of every group, if `most_epochs` allows it: fewer could not tell two channels apart.
    pub fewest_epochs: u32,
    /// The most epochs.
    pub most_epochs: u32,
    /// A group is measured until the interval of each ratio to the fastest has at most this half width, as a share (0.02 is 2 %).
    pub precision: f64,
    /// The placement of threads: `any`, `same-core` or `two-cores`.
    pub placement: String,
    /// Whether allocations are counted.
    pub allocations: bool,
    /// In a run that compares two versions, the positions of the old and the new one among the entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versions: Option<[usize; 2]>,
    /// Channels and runners that could not be compared: a name, and the reason in one line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_available: Vec<(String, String)>,
    /// The programs that run the rounds, one for each way in which an entry is launched. A run is resumed with
    /// no others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<Program>,
}

/// A program that runs rounds, as it was when the run began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// How it is started.
    pub launch: Launch,
    /// The files among the words of its command: the program itself, and every argument that names a file.
    pub files: Vec<ProgramFile>,
    /// The runner's name and version, from its hello.
    pub runner: String,
    /// The language and its version, from its hello.
    pub language: String,
    /// All channels of its hello, each with its version.
    pub channels: BTreeMap<String, String>,
}

/// A file that decides what a program does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramFile {
    /// The file, as the command names it or as it was found on the path.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The checksum of its content ([`Checksum`](super::checksum::Checksum)).
    pub crc32: String,
}

/// How a runner is started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Launch {
    /// This program's own runner.
    Own,
    /// This program's own runner with a planted slowdown: the number of steps of work for each received message.
    Slowed(u64),
    /// Another program, with its arguments.
    Command(Vec<String>),
}

impl fmt::Display for Launch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Launch::Own => f.write_str("chanlab's own runner"),
            Launch::Slowed(steps) => write!(f, "chanlab's own runner, slowed by {steps} steps"),
            Launch::Command(words) => f.write_str(&command::joined(words)),
        }
    }
}

/// A channel under a name, in a runner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name in this run; unique.
    pub name: String,
    /// The channel, as its runner calls it.
    pub channel: String,
    /// The channel's version, from its runner.
    pub version: String,
    /// How its runner is started.
    pub launch: Launch,
    /// The runner's description of it; `None` for a channel of this build, which knows it.
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
    /// The deadline of a round, in nanoseconds.
    pub deadline_ns: u64,
}

impl Group {
    /// The group's name, as in benchmarks and on the page.
    pub fn name(&self) -> String {
        format!("{}/{}", self.workload, self.params.id)
    }
}

/// Why a plan cannot be one that chanlab wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Nonsense {
    /// It has more of something than chanlab plans.
    #[error("it has {found} {what}, and a plan has at most {most}")]
    TooMany {
        /// The things.
        what: &'static str,
        /// Their number.
        found: usize,
        /// The largest number.
        most: usize,
    },
    /// It lacks something.
    #[error("it has no {0}")]
    Lacks(&'static str),
    /// A text is longer than [`MAX_TEXT_LEN`].
    #[error("{what} has {found} bytes, and the longest has {MAX_TEXT_LEN}")]
    TooLong {
        /// The text.
        what: &'static str,
        /// Its length.
        found: usize,
    },
    /// Two entries or two groups have the same name.
    #[error("it has two {what} of the same name, {name:?}")]
    Twice {
        /// The things.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// The compared versions are not two of its entries.
    #[error("it compares the entries {0} and {1}, which are not two of its entries")]
    Versions(usize, usize),
    /// The precision is no share.
    #[error("its precision {0} is no number from 0")]
    Precision(String),
}

impl Plan {
    /// Whether a run of chanlab can have this plan. A page takes room for each cell of the plan, so that its size is
    /// bounded here.
    ///
    /// # Errors
    ///
    /// [`Nonsense`].
    pub fn check(&self) -> Result<(), Nonsense> {
        let most = |what, found, most| match found <= most {
            true => Ok(()),
            false => Err(Nonsense::TooMany { what, found, most }),
        };
        most("entries", self.entries.len(), MAX_ENTRIES)?;
        most("cells", self.entries.len().saturating_mul(self.groups.len()), MAX_CELLS)?;
        if self.entries.is_empty() {
            return Err(Nonsense::Lacks("entries"));
        }
        if self.blocks == 0 || self.most_epochs == 0 {
            return Err(Nonsense::Lacks(if self.blocks == 0 { "blocks" } else { "epochs" }));
        }
        let text = |what, found| match found <= MAX_TEXT_LEN {
            true => Ok(()),
            false => Err(Nonsense::TooLong { what, found }),
        };
        for entry in &self.entries {
            text("the name of an entry", entry.name.len())?;
            text("the channel of an entry", entry.channel.len())?;
            if let Launch::Command(words) = &entry.launch {
                text("the command of a runner", words.iter().map(|word| word.len() + 1).sum())?;
            }
        }
        for group in &self.groups {
            let params = &group.params;
            text("the name of a group", group.workload.len().saturating_add(params.id.len()))?;
            most("params in a group", params.values.len().max(params.threads.len()), MAX_PARAMS)?;
            let pairs = params.values.iter().map(|(name, value)| name.len() + value.len() + 2);
            text(
                "the params of a group",
                pairs.sum::<usize>() + params.threads.iter().map(String::len).sum::<usize>(),
            )?;
        }
        unique("entries", self.entries.iter().map(|entry| entry.name.clone()))?;
        unique("groups", self.groups.iter().map(Group::name))?;
        if let Some([old, new]) = self.versions
            && (old == new || old.max(new) >= self.entries.len())
        {
            return Err(Nonsense::Versions(old, new));
        }
        match self.precision.is_finite() && self.precision >= 0.0 {
            true => Ok(()),
            false => Err(Nonsense::Precision(self.precision.to_string())),
        }
    }

    /// The number of a cell in requests to a runner.
    pub fn cell(&self, group: usize, entry: usize) -> u64 {
        (group * self.entries.len() + entry) as u64
    }

    /// The budget.
    pub fn budget(&self) -> Duration {
        Duration::from_secs(self.budget_seconds)
    }
}

fn unique(what: &'static str, names: impl Iterator<Item = String>) -> Result<(), Nonsense> {
    let mut known = BTreeSet::new();
    for name in names {
        if let Some(name) = known.replace(name) {
            return Err(Nonsense::Twice { what, name });
        }
    }
    Ok(())
}
