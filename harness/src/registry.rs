//! Every channel and workload under its name, and the cells they make: what benchmarks, checks and the command line use.

use std::fmt;
use std::time::Duration;

use crate::channel::{Capacity, Channel, Info};
use crate::params::{ParamError, Params};
use crate::placement::Placement;
pub use crate::workload::DEADLINE;
use crate::workload::{Round, RoundError, Size, Workload, WorkloadInfo};
use crate::{channels, workloads};

/// Larger rounds have the deadline once for each so many messages, which take the slowest channel some seconds; and the time that
/// their params ask for beside it.
const MESSAGES_PER_DEADLINE: u64 = 1_000_000;

/// A round that its params slow down (work, rates) is made about so long, and not longer.
const MOST_PACED: Duration = Duration::from_millis(500);

/// A round delivers at least this many times its channel's slots, or it would never block and test nothing.
const MESSAGES_PER_SLOT: u64 = 4;

type RoundFn = fn(&Params, Size) -> Result<Round, RoundError>;

/// A registered channel.
#[derive(Debug)]
pub struct ChannelEntry {
    /// What it says of itself.
    pub info: &'static Info,
    effective_capacity: fn(Capacity) -> Capacity,
    /// One round function for each workload, in the order of [`Registry::workloads`].
    rounds: Vec<RoundFn>,
}

impl ChannelEntry {
    /// The entry of the channel `C`, for every workload.
    pub fn of<C: Channel>() -> Self {
        struct Rounds<C>(Vec<RoundFn>, std::marker::PhantomData<C>);
        impl<C: Channel> workloads::Visitor for Rounds<C> {
            fn visit<W: Workload>(&mut self) {
                self.0.push(W::round::<C>);
            }
        }
        let mut rounds = Rounds::<C>(Vec::new(), std::marker::PhantomData);
        workloads::each(&mut rounds);
        ChannelEntry::with::<C>(rounds.0)
    }

    fn with<C: Channel>(rounds: Vec<RoundFn>) -> Self {
        ChannelEntry { info: const { &C::INFO }, effective_capacity: C::effective_capacity, rounds }
    }
}

/// A registered workload.
#[derive(Debug)]
pub struct WorkloadEntry {
    /// What it says of itself.
    pub info: &'static WorkloadInfo,
    messages: fn(&Params) -> u64,
    paced: fn(&Params, u64) -> Duration,
}

impl WorkloadEntry {
    fn of<W: Workload>() -> Self {
        WorkloadEntry { info: const { &W::INFO }, messages: W::messages, paced: W::paced }
    }

    /// The messages of a round, where nobody asks for another number; at least `least`.
    fn messages(&self, params: &Params, least: u64) -> u64 {
        let messages = (self.messages)(params);
        let paced = (self.paced)(params, messages);
        let share = (MOST_PACED.as_secs_f64() / paced.as_secs_f64()).min(1.0);
        ((messages as f64 * share) as u64).max(least)
    }

    fn deadline(&self, params: &Params, messages: u64) -> Duration {
        let times = u32::try_from(messages.div_ceil(MESSAGES_PER_DEADLINE)).unwrap_or(u32::MAX);
        DEADLINE.saturating_mul(times).saturating_add((self.paced)(params, messages))
    }
}

/// What was asked for does not exist or makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// No such channel.
    #[error("unknown channel {name}: expected one of {}", known.join(", "))]
    UnknownChannel {
        /// What was given.
        name: String,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// No such workload.
    #[error("unknown workload {name}: expected one of {}", known.join(", "))]
    UnknownWorkload {
        /// What was given.
        name: String,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// The params could not be read.
    #[error("{workload}: {error}")]
    Params {
        /// Whose they are.
        workload: &'static str,
        /// What is wrong with them.
        error: ParamError,
    },
    /// The round would never block.
    #[error(
        "{messages} messages over capacity {slots}: expected at least {}, or the channel never fills",
        slots * MESSAGES_PER_SLOT
    )]
    TooFewMessages {
        /// What was asked for.
        messages: u64,
        /// The channel's slots.
        slots: u64,
    },
}

/// All channels and workloads.
#[derive(Debug)]
pub struct Registry {
    channels: Vec<ChannelEntry>,
    workloads: Vec<WorkloadEntry>,
}

impl Registry {
    /// Everything that this build has.
    pub fn new() -> Self {
        struct Channels(Vec<ChannelEntry>);
        impl channels::Visitor for Channels {
            fn visit<C: Channel>(&mut self) {
                self.0.push(ChannelEntry::of::<C>());
            }
        }
        let mut channels = Channels(Vec::new());
        channels::each(&mut channels);
        Registry::with_channels(channels.0)
    }

    /// One channel with a planted slowdown ([`crate::slowed`]), called `slowed`, and the one workload that it is planted in.
    #[cfg(feature = "third-party")]
    pub fn slowed() -> Self {
        use workloads::producer_consumer::ProducerConsumer;
        type Slowed = crate::slowed::Slowed<channels::crossbeam::Crossbeam>;
        Registry {
            channels: vec![ChannelEntry::with::<Slowed>(vec![ProducerConsumer::round::<Slowed>])],
            workloads: vec![WorkloadEntry::of::<ProducerConsumer>()],
        }
    }

    /// All workloads over these channels and no others.
    pub fn with_channels(channels: Vec<ChannelEntry>) -> Self {
        struct Workloads(Vec<WorkloadEntry>);
        impl workloads::Visitor for Workloads {
            fn visit<W: Workload>(&mut self) {
                self.0.push(WorkloadEntry::of::<W>());
            }
        }
        let mut workloads = Workloads(Vec::new());
        workloads::each(&mut workloads);
        Registry { channels, workloads: workloads.0 }
    }

    /// The channels, in the order in which everything shows them.
    pub fn channels(&self) -> impl Iterator<Item = &'static Info> {
        self.channels.iter().map(|entry| entry.info)
    }

    /// The workloads, in the order in which everything shows them.
    pub fn workloads(&self) -> impl Iterator<Item = &'static WorkloadInfo> {
        self.workloads.iter().map(|entry| entry.info)
    }

    fn channel(&self, name: &str) -> Result<&ChannelEntry, UsageError> {
        self.channels.iter().find(|entry| entry.info.name == name).ok_or_else(|| UsageError::UnknownChannel {
            name: name.to_owned(),
            known: self.channels().map(|info| info.name).collect(),
        })
    }

    /// The workload of this name.
    ///
    /// # Errors
    ///
    /// [`UsageError::UnknownWorkload`].
    pub fn workload(&self, name: &str) -> Result<&'static WorkloadInfo, UsageError> {
        Ok(self.workloads[self.workload_index(name)?].info)
    }

    fn workload_index(&self, name: &str) -> Result<usize, UsageError> {
        self.workloads.iter().position(|entry| entry.info.name == name).ok_or_else(|| {
            UsageError::UnknownWorkload {
                name: name.to_owned(),
                known: self.workloads().map(|info| info.name).collect(),
            }
        })
    }

    /// Reads the params of a workload.
    ///
    /// # Errors
    ///
    /// [`UsageError`] for an unknown workload or bad params.
    pub fn params(&self, workload: &str, text: &str) -> Result<Params, UsageError> {
        let info = self.workload(workload)?;
        Params::parse(info.params, text).map_err(|error| UsageError::Params { workload: info.name, error })
    }

    /// The least messages of a round: fewer would never fill the channel, and it would test nothing.
    pub fn least_messages(&self, params: &Params) -> u64 {
        (slots(params) * MESSAGES_PER_SLOT).max(1)
    }

    /// The size of a round over any channel; `messages` of `None` leaves it to the workload.
    ///
    /// # Errors
    ///
    /// [`UsageError`] when there is no such workload, or when the rounds would be too small to block.
    pub fn size(&self, workload: &str, params: &Params, messages: Option<u64>) -> Result<Size, UsageError> {
        let workload = &self.workloads[self.workload_index(workload)?];
        let least = self.least_messages(params);
        let messages = messages.unwrap_or_else(|| workload.messages(params, least));
        if messages < least {
            return Err(UsageError::TooFewMessages { messages, slots: slots(params) });
        }
        Ok(Size { messages, deadline: workload.deadline(params, messages), placement: Placement::Any })
    }

    /// The cell of a channel and a workload's params. `messages` is the size of its rounds; `None` leaves it to the
    /// workload.
    ///
    /// # Errors
    ///
    /// [`UsageError`] when there is no such channel or workload, or when the rounds would be too small to block.
    pub fn cell(
        &self,
        channel: &str,
        workload: &str,
        params: Params,
        messages: Option<u64>,
    ) -> Result<Cell, UsageError> {
        let channel = self.channel(channel)?;
        let index = self.workload_index(workload)?;
        let size = self.size(workload, &params, messages)?;
        Ok(Cell {
            channel: channel.info,
            workload: self.workloads[index].info,
            effective_capacity: params.capacity().map(channel.effective_capacity),
            params,
            size,
            round: channel.rounds[index],
        })
    }
}

/// The slots of the channel that the params ask for; 0 without a limit.
fn slots(params: &Params) -> u64 {
    params.capacity().and_then(Capacity::slots).unwrap_or(0) as u64
}

impl Default for Registry {
    fn default() -> Self {
        Registry::new()
    }
}

/// A channel, a workload and its params: what is measured.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The channel.
    pub channel: &'static Info,
    /// The workload.
    pub workload: &'static WorkloadInfo,
    /// The workload's params.
    pub params: Params,
    /// The capacity that the channel really gives, where the workload has one.
    pub effective_capacity: Option<Capacity>,
    /// The size of a round, its deadline, and where its threads are put: anywhere, unless the caller sets it.
    pub size: Size,
    round: RoundFn,
}

impl Cell {
    /// Runs one round and verifies it.
    ///
    /// # Errors
    ///
    /// [`CellError`], which names the cell.
    pub fn round(&self) -> Result<Round, CellError> {
        (self.round)(&self.params, self.size).map_err(|error| CellError {
            workload: self.workload.name,
            channel: self.channel.name,
            params: self.params.to_string(),
            error,
        })
    }

    /// The effective capacity, where it is not the one asked for.
    pub fn changed_capacity(&self) -> Option<Capacity> {
        self.effective_capacity.filter(|effective| Some(*effective) != self.params.capacity())
    }
}

/// Why a cell has no round to report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{workload} over {channel} with {params}: {error}")]
pub struct CellError {
    /// The workload.
    pub workload: &'static str,
    /// The channel.
    pub channel: &'static str,
    /// The params, in full.
    pub params: String,
    /// What happened.
    pub error: RoundError,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} over {} with {}", self.workload.name, self.channel.name, self.params)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::profile::Profile;

    /// Criterion cuts the directory of a benchmark group to this many bytes; names cut alike would share a directory.
    const LONGEST_GROUP: usize = 64;

    #[test]
    fn names_are_unique() {
        let registry = Registry::new();
        let channels: HashSet<_> = registry.channels().map(|info| info.name).collect();
        assert_eq!(channels.len(), registry.channels().count());
        let workloads: HashSet<_> = registry.workloads().map(|info| info.name).collect();
        assert_eq!(workloads.len(), registry.workloads().count());
    }

    #[test]
    fn every_grid_can_be_read_and_names_each_group_once() {
        let registry = Registry::new();
        for workload in registry.workloads() {
            let mut groups = HashSet::new();
            for params in workload.grid(Profile::Full) {
                let group = format!("{}/{}", workload.name, params.id());
                assert!(group.len() <= LONGEST_GROUP, "{group} is cut by criterion");
                assert!(groups.insert(group.clone()), "{group} is there twice");
                for channel in registry.channels() {
                    registry.cell(channel.name, workload.name, params.clone(), None).expect("its own grid");
                }
            }
            assert!(!workload.grid(Profile::Quick).is_empty(), "{} has no quick cells", workload.name);
        }
    }

    /// What a user may ask for is no hang: neither by the work and rates of the params, nor by the size of the round.
    #[test]
    fn a_round_that_is_asked_to_be_long_has_the_time() {
        let registry = Registry::new();
        let cell = |workload, text, messages| {
            let params = registry.params(workload, text).expect("params");
            registry.cell("mutex-deque", workload, params, messages).expect("a cell")
        };
        for (workload, text) in [
            ("producer_consumer", "work=1000000"),
            ("pipeline", "work=1000000"),
            ("worker_pool", "work=1000000"),
            ("token_bucket", "rate=1000,burst=65536"),
            ("token_bucket", "rate=1000"),
            ("open_loop", "rate=1000"),
        ] {
            let cell = cell(workload, text, None);
            let entry = &registry.workloads[registry.workload_index(workload).expect("known")];
            let paced = (entry.paced)(&cell.params, cell.size.messages);
            assert!(paced < DEADLINE / 4, "{cell}: {paced:?} for {} messages", cell.size.messages);
            assert!(cell.size.deadline >= DEADLINE + paced);
        }
        let slow = cell("producer_consumer", "work=1000000", Some(10_000));
        assert!(slow.size.deadline >= DEADLINE + Duration::from_secs(10), "{:?}", slow.size);
        assert_eq!(cell("ping_pong", "", Some(10_000_000)).size.deadline, 10 * DEADLINE);
        // The grids are not affected.
        assert_eq!(
            cell("worker_pool", "work=1000", None).size,
            Size { deadline: DEADLINE + Duration::from_micros(102_400), ..Size::with_messages(10_240) }
        );
    }

    #[test]
    fn what_does_not_exist_is_answered_with_what_does() {
        let registry = Registry::new();
        let error = registry.workload("fan_out").expect_err("no such workload");
        assert!(
            error.to_string().starts_with("unknown workload fan_out: expected one of producer_consumer, ")
        );
        let params = registry.params("ping_pong", "").expect("defaults");
        let error = registry.cell("crossbean", "ping_pong", params, None).expect_err("no such channel");
        assert!(error.to_string().starts_with("unknown channel crossbean: expected one of mutex-deque, std"));
        let params = registry.params("producer_consumer", "capacity=1024").expect("params");
        let error = registry.cell("std", "producer_consumer", params, Some(1024)).expect_err("never fills");
        assert_eq!(
            error.to_string(),
            "1024 messages over capacity 1024: expected at least 4096, or the channel never fills"
        );
    }
}
