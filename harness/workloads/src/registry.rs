//! The channels and workloads by name, and the cells they make. Benchmarks, checks and the command line use
//! it.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::params::{ParamError, Params};
use crate::placement::Placement;
pub use crate::workload::DEADLINE;
use crate::workload::{Round, RoundError, Size, Workload, WorkloadInfo};
use baseline::MutexDeque;
use contract::OWN_VERSION;
use contract::channel::{Capacity, Channel, Info};

/// A round gets one [`DEADLINE`] for every started million messages, plus the time that its params ask for. A
/// million messages take the slowest channel a few seconds.
const MESSAGES_PER_DEADLINE: u64 = 1_000_000;

/// The longest time that work and rates in the params may add to a round of the default size.
const MAX_PACED: Duration = Duration::from_millis(500);

/// The minimum number of messages of a round, as a multiple of the channel's slots. With fewer, no thread
/// would ever block.
const MESSAGES_PER_SLOT: u64 = 4;

type RoundFn = fn(&Params, Size) -> Result<Round, RoundError>;

/// A registered channel.
#[derive(Debug)]
pub struct ChannelEntry {
    /// The channel's declaration.
    pub info: &'static Info,
    /// Its version, such as `flume 0.12.0`.
    pub version: String,
    effective_capacity: fn(Capacity) -> Capacity,
    /// One round function for each workload, in the order of [`Registry::workloads`].
    rounds: Vec<RoundFn>,
}

impl ChannelEntry {
    /// The entry of the channel `C`, for every workload; its version is chanlab's.
    pub fn new<C: Channel>() -> Self {
        struct Rounds<C>(Vec<RoundFn>, std::marker::PhantomData<C>);
        impl<C: Channel> crate::WorkloadVisitor for Rounds<C> {
            fn visit<W: Workload>(&mut self) {
                self.0.push(W::round::<C>);
            }
        }
        let mut rounds = Rounds::<C>(Vec::new(), std::marker::PhantomData);
        crate::each(&mut rounds);
        ChannelEntry::with_rounds::<C>(rounds.0)
    }

    /// This entry with the version of the channel's crate.
    pub fn with_version(self, version: String) -> Self {
        ChannelEntry { version, ..self }
    }

    fn with_rounds<C: Channel>(rounds: Vec<RoundFn>) -> Self {
        let version = OWN_VERSION.to_owned();
        ChannelEntry { info: const { &C::INFO }, version, effective_capacity: C::effective_capacity, rounds }
    }
}

/// A registered workload.
#[derive(Debug)]
pub struct WorkloadEntry {
    /// The workload's declaration.
    pub info: &'static WorkloadInfo,
    messages: fn(&Params) -> u64,
    paced: fn(&Params, u64) -> Duration,
    delivered: fn(&Params, u64) -> RangeInclusive<u64>,
    latencies: fn(u64) -> u64,
}

impl WorkloadEntry {
    fn new<W: Workload>() -> Self {
        WorkloadEntry {
            info: const { &W::INFO },
            messages: W::messages,
            paced: W::paced,
            delivered: W::delivered,
            latencies: W::latencies,
        }
    }

    /// The default number of messages of a round; at least `least`.
    fn messages(&self, params: &Params, least: u64) -> u64 {
        let messages = (self.messages)(params);
        let paced = (self.paced)(params, messages);
        let share = (MAX_PACED.as_secs_f64() / paced.as_secs_f64()).min(1.0);
        ((messages as f64 * share) as u64).max(least)
    }

    fn deadline(&self, params: &Params, messages: u64) -> Duration {
        let times = u32::try_from(messages.div_ceil(MESSAGES_PER_DEADLINE)).unwrap_or(u32::MAX);
        DEADLINE.saturating_mul(times).saturating_add((self.paced)(params, messages))
    }
}

/// A request that names something unknown or makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// No such channel.
    #[error("unknown channel {name}: expected one of {}", known.join(", "))]
    UnknownChannel {
        /// The name that was given.
        name: String,
        /// The known names.
        known: Vec<&'static str>,
    },
    /// No such workload.
    #[error("unknown workload {name}: expected one of {}", known.join(", "))]
    UnknownWorkload {
        /// The name that was given.
        name: String,
        /// The known names.
        known: Vec<&'static str>,
    },
    /// The params cannot be read.
    #[error("{workload}: {error}")]
    Params {
        /// The workload.
        workload: &'static str,
        /// The reason.
        error: ParamError,
    },
    /// The round would never block.
    #[error(
        "{messages} messages over capacity {slots}: expected at least {}, or the channel never fills",
        slots * MESSAGES_PER_SLOT
    )]
    TooFewMessages {
        /// The number of messages that was asked for.
        messages: u64,
        /// The channel's slots.
        slots: u64,
    },
}

/// Channels and workloads.
#[derive(Debug)]
pub struct Registry {
    channels: Vec<ChannelEntry>,
    workloads: Vec<WorkloadEntry>,
}

impl Registry {
    /// The baseline alone, with every workload.
    pub fn baseline() -> Self {
        Registry::with_channels(vec![ChannelEntry::new::<MutexDeque>()])
    }

    /// The channel `C` with a planted slowdown ([`crate::slowed`]), called `slowed`, and the one workload
    /// that is slowed.
    pub fn slowed<C: Channel>(version: String) -> Self {
        use crate::producer_consumer::ProducerConsumer;
        use crate::slowed::Slowed;
        let rounds: Vec<RoundFn> = vec![ProducerConsumer::round::<Slowed<C>>];
        Registry {
            channels: vec![ChannelEntry::with_rounds::<Slowed<C>>(rounds).with_version(version)],
            workloads: vec![WorkloadEntry::new::<ProducerConsumer>()],
        }
    }

    /// All workloads over these channels and no others.
    pub fn with_channels(channels: Vec<ChannelEntry>) -> Self {
        struct Workloads(Vec<WorkloadEntry>);
        impl crate::WorkloadVisitor for Workloads {
            fn visit<W: Workload>(&mut self) {
                self.0.push(WorkloadEntry::new::<W>());
            }
        }
        let mut workloads = Workloads(Vec::new());
        crate::each(&mut workloads);
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

    /// The version of each channel, by the channel's name.
    pub fn versions(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.channels.iter().map(|entry| (entry.info.name, entry.version.as_str()))
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

    /// The minimum number of messages of a round: with fewer, the channel would never fill.
    pub fn least_messages(&self, params: &Params) -> u64 {
        (slots(params) * MESSAGES_PER_SLOT).max(1)
    }

    /// The number of messages that a round of `messages` messages delivers over any channel.
    ///
    /// # Errors
    ///
    /// [`UsageError::UnknownWorkload`].
    pub fn delivered(
        &self,
        workload: &str,
        params: &Params,
        messages: u64,
    ) -> Result<RangeInclusive<u64>, UsageError> {
        Ok((self.workloads[self.workload_index(workload)?].delivered)(params, messages))
    }

    /// The number of latencies in a round that delivered `delivered` messages; 0 for a workload that does not
    /// measure them.
    ///
    /// # Errors
    ///
    /// [`UsageError::UnknownWorkload`].
    pub fn latencies(&self, workload: &str, delivered: u64) -> Result<u64, UsageError> {
        Ok((self.workloads[self.workload_index(workload)?].latencies)(delivered))
    }

    /// The size of a round over any channel; without `messages`, the workload's default.
    ///
    /// # Errors
    ///
    /// [`UsageError`] when there is no such workload, or when the round would be too small to block.
    pub fn size(&self, workload: &str, params: &Params, messages: Option<u64>) -> Result<Size, UsageError> {
        let workload = &self.workloads[self.workload_index(workload)?];
        let least = self.least_messages(params);
        let messages = messages.unwrap_or_else(|| workload.messages(params, least));
        if messages < least {
            return Err(UsageError::TooFewMessages { messages, slots: slots(params) });
        }
        Ok(Size { messages, deadline: workload.deadline(params, messages), placement: Placement::Any })
    }

    /// The cell of a channel and a workload's params. `messages` is the size of its rounds; without it, the
    /// workload's default.
    ///
    /// # Errors
    ///
    /// [`UsageError`] when there is no such channel or workload, or when the rounds would be too small to
    /// block.
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

/// The slots of the channel that the params ask for; 0 for an unbounded one.
fn slots(params: &Params) -> u64 {
    params.capacity().and_then(Capacity::slots).unwrap_or(0) as u64
}

/// One channel, one workload and its params: the unit of measurement.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The channel.
    pub channel: &'static Info,
    /// The workload.
    pub workload: &'static WorkloadInfo,
    /// The workload's params.
    pub params: Params,
    /// The capacity that the channel really has; `None` for a workload without a capacity.
    pub effective_capacity: Option<Capacity>,
    /// The size of a round, its deadline, and the placement of its threads: anywhere, unless the caller sets
    /// it.
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

    /// The effective capacity, if it differs from the requested one.
    pub fn changed_capacity(&self) -> Option<Capacity> {
        self.effective_capacity.filter(|effective| Some(*effective) != self.params.capacity())
    }
}

/// The failure of a round, with its cell.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{workload} over {channel} with {params}: {error}")]
pub struct CellError {
    /// The workload.
    pub workload: &'static str,
    /// The channel.
    pub channel: &'static str,
    /// The params, in full.
    pub params: String,
    /// The failure.
    pub error: RoundError,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} over {} with {}", self.workload.name, self.channel.name, self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A long round is no hang, whether its params or its size make it long.
    #[test]
    fn a_long_round_has_a_longer_deadline() {
        let registry = Registry::baseline();
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
            ("partitioned_log", "work=100000,slow=20,failing=1000"),
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
}
