//! The lines of the runner protocol, as types. `PROTOCOL.md` defines their meaning.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use contract::channel::Info;

/// The version that this build speaks.
pub const VERSION: u32 = 2;

/// The oldest version of a runner that this build understands. In version 1, a `failed` reply has no cause.
pub const OLDEST_VERSION: u32 = 1;

/// The longest line, in bytes, without its end.
pub const MAX_LINE_LEN: usize = 1 << 20;

/// The largest number, so that every language can hold it.
pub const MAX_NUMBER: u64 = (1 << 53) - 1;

/// The most processor time that a round can have taken, in nanoseconds, if `elapsed_ns` passed on each of `processors`: a
/// hundredth more, and two ticks of the kinds that a process reads, in which a system may count.
pub fn most_cpu_ns(elapsed_ns: u64, processors: u64) -> u64 {
    const TICKS_NS: u64 = 20_000_000;
    elapsed_ns.saturating_add(elapsed_ns / 100).saturating_mul(processors).saturating_add(TICKS_NS)
}

/// The longest latency that a round of `wall_ns` can have, in nanoseconds: a twentieth more, because a time in a latency may
/// have two significant digits only.
pub fn longest_latency_ns(wall_ns: u64) -> u64 {
    wall_ns.saturating_add(wall_ns / 20 + 1)
}

/// A request to a runner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Request {
    /// Prepare a cell.
    Plan(RoundSpec),
    /// Run a round of a planned cell.
    Round {
        /// The cell.
        cell: u64,
        /// The number of the round; the reply repeats it.
        round: u64,
    },
    /// End the process.
    Quit,
}

/// A cell to prepare, and how its rounds run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoundSpec {
    /// The number of the cell.
    pub cell: u64,
    /// The channel.
    pub channel: String,
    /// The workload.
    pub workload: String,
    /// Every param of the workload.
    pub params: BTreeMap<String, String>,
    /// Messages of a round; `None` leaves them to the runner.
    pub messages: Option<u64>,
    /// The deadline of a round; `None` leaves it to the runner.
    pub deadline_ns: Option<u64>,
    /// The placement of the threads: `any`, `same-core` or `two-cores`.
    pub placement: String,
    /// Whether to count allocations.
    pub allocations: bool,
}

/// A reply of a runner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Reply {
    /// The first line: the runner's description of itself.
    Hello(Hello),
    /// The cell is ready.
    Planned {
        /// The cell.
        cell: u64,
        /// Messages of a round.
        messages: u64,
        /// The capacity that the channel really has, where the workload has one.
        effective_capacity: Option<String>,
    },
    /// The channel, the runner or the machine cannot do it, which is no failure.
    Unsupported {
        /// The cell.
        cell: u64,
        /// Why.
        reason: String,
    },
    /// A round, which verified itself.
    Round(Measured),
    /// A round that failed.
    Failed {
        /// The cell.
        cell: u64,
        /// The round.
        round: u64,
        /// The kind of the failure. Without one, which is so in version 1, it is a violation.
        #[serde(default)]
        cause: FailureCause,
        /// The failure, in words.
        reason: String,
        /// Whether some of its threads are still there.
        #[serde(default)]
        abandoned: bool,
    },
    /// The request makes no sense.
    Error {
        /// Why.
        message: String,
    },
}

impl Reply {
    /// The reply's kind, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Reply::Hello(_) => "hello",
            Reply::Planned { .. } => "planned",
            Reply::Unsupported { .. } => "unsupported",
            Reply::Round(_) => "round",
            Reply::Failed { .. } => "failed",
            Reply::Error { .. } => "error",
        }
    }
}

/// Why a round failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureCause {
    /// It had not ended by its deadline.
    Hang,
    /// One of its threads panicked.
    Panic,
    /// A check found a violation.
    #[default]
    Violation,
    /// The machine lacked something that the round needs, such as a thread: not the channel's failure.
    Shortage,
}

/// A runner's description of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// The protocol's version.
    pub protocol: u32,
    /// The runner's name and version.
    pub runner: String,
    /// The language and its version.
    pub language: String,
    /// The channels that it can run.
    pub channels: Vec<ChannelHello>,
    /// The workloads that it implements.
    pub workloads: Vec<String>,
    /// The meters that its rounds report in addition to the wall time.
    #[serde(default)]
    pub meters: Vec<String>,
    /// The meters that it lacks, and why.
    #[serde(default)]
    pub without: BTreeMap<String, String>,
}

/// A channel of a runner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChannelHello {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// A description in one sentence.
    #[serde(default)]
    pub about: String,
    /// The capabilities it lacks.
    #[serde(default)]
    pub lacks: Vec<Lack>,
    /// Documented differences.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// A capability that a channel lacks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lack {
    /// The capability, in words.
    pub capability: String,
    /// Why.
    pub reason: String,
}

impl ChannelHello {
    /// The channel that `info` describes, at this version.
    pub fn from_info(info: &Info, version: &str) -> Self {
        let lack = |&(capability, reason): &(contract::channel::Capability, &str)| Lack {
            capability: capability.to_string(),
            reason: reason.to_owned(),
        };
        ChannelHello {
            name: info.name.to_owned(),
            version: version.to_owned(),
            about: info.about.to_owned(),
            lacks: info.lacks.iter().map(lack).collect(),
            notes: info
                .differs
                .iter()
                .map(|(difference, reason)| format!("differs: {difference} ({reason})"))
                .chain(info.notes.iter().map(|&note| note.to_owned()))
                .collect(),
        }
    }
}

/// A round, which verified itself. A meter that the runner does not have is absent, and never a zero.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measured {
    /// The cell.
    pub cell: u64,
    /// The round.
    pub round: u64,
    /// Messages delivered.
    pub messages: u64,
    /// The timed region.
    pub wall_ns: u64,
    /// Processor time of the round's threads in user mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_ns: Option<u64>,
    /// Their processor time in the kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_ns: Option<u64>,
    /// Their context switches where they waited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voluntary: Option<u64>,
    /// Their context switches where they could have gone on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub involuntary: Option<u64>,
    /// Their heap allocations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocations: Option<u64>,
    /// The bytes of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocated_bytes: Option<u64>,
    /// The most memory that the process had resident up to the end of the round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_bytes: Option<u64>,
    /// Other figures of the workload.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<NamedFigure>,
    /// Pairs of a time in nanoseconds and how many messages took it, rising.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<Vec<[u64; 2]>>,
    /// Hardware counters, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub counters: BTreeMap<String, u64>,
    /// How long a fixed piece of integer work took just before the round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spin_ns: Option<u64>,
    /// Time that a hypervisor took from all processors of the machine during the round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steal_ns: Option<u64>,
    /// The frequency of the processors after the round, their mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency_hz: Option<u64>,
}

impl Measured {
    /// Wall time for each message delivered, in nanoseconds.
    pub fn ns_per_op(&self) -> f64 {
        self.wall_ns as f64 / self.messages as f64
    }

    /// Processor time for each message delivered, in nanoseconds, where the runner reports it.
    pub fn cpu_ns_per_op(&self) -> Option<f64> {
        // Converted before the addition: the sum of a runner's numbers may overflow.
        Some((self.user_ns? as f64 + self.system_ns? as f64) / self.messages as f64)
    }
}

/// A number that a workload reports beside the time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NamedFigure {
    /// Its name, with the unit.
    pub name: String,
    /// Its value.
    pub value: f64,
}

/// The line of a request or a reply, with its end.
///
/// # Panics
///
/// Never: these types have no keys or values that JSON cannot hold.
pub fn line(value: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).expect("protocol types are plain data");
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_of_the_document_is_a_whole_line_of_the_protocol() {
        let document = include_str!("../../runner/PROTOCOL.md");
        let mut examples: Vec<String> = Vec::new();
        for line in document.lines() {
            match line.strip_prefix("    ") {
                Some(start) if start.starts_with("{\"kind\"") => examples.push(start.to_owned()),
                Some(more) => {
                    examples.last_mut().expect("an example begins before it goes on").push_str(more.trim())
                }
                None => {}
            }
        }
        let kind = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect(line)["kind"].clone();
        assert!(examples.len() >= 10, "{examples:#?}");
        for example in &examples {
            let known: serde_json::Value = serde_json::from_str(example).expect(example);
            let request = serde_json::from_str::<Request>(example).ok().map(serde_json::to_value);
            let reply = serde_json::from_str::<Reply>(example).ok().map(serde_json::to_value);
            let written: Vec<_> =
                request.into_iter().chain(reply).map(|value| value.expect("JSON")).collect();
            assert!(written.contains(&known), "{example}\nis read as\n{written:#?}");
        }
        for kind_of in ["hello", "plan", "planned", "unsupported", "round", "failed", "error"] {
            assert!(examples.iter().any(|example| kind(example) == kind_of), "no example of {kind_of}");
        }
    }

    #[test]
    fn unknown_members_are_ignored() {
        let reply: Reply = serde_json::from_str(
            r#"{"kind":"round","cell":1,"round":2,"messages":10,"wall_ns":1000,"humidity":40}"#,
        )
        .expect("a round");
        let Reply::Round(measured) = reply else { panic!("{reply:?}") };
        assert_eq!(measured.ns_per_op(), 100.0);
        assert_eq!(measured.cpu_ns_per_op(), None);
    }
}
