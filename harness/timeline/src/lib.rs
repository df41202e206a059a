//! The timeline of one round, and what it costs to record it.
//!
//! Every channel is here once more, traced, so that the channels that are measured stay as they are.

use std::time::{Duration, Instant};

use contract::channel::{Capacity, Channel, Receiver, Sender, Visitor};
use service_trace::timeline::{Recorded, Recording, Timeline};
use service_trace::traced::Traced;
use workloads::registry::{Cell, CellError, ChannelEntry, Registry};
use workloads::workload::Round;

/// Every channel of the adapters, traced, under its own name.
pub fn registry() -> Registry {
    struct Channels(Vec<ChannelEntry>);
    impl Visitor for Channels {
        fn visit<C: Channel>(&mut self) {
            let entry = ChannelEntry::new::<Traced<C, Recorded>>();
            self.0.push(entry.with_version(adapters::version(&C::INFO)));
        }
    }
    let mut channels = Channels(Vec::new());
    adapters::each(&mut channels);
    Registry::with_channels(channels.0)
}

/// Runs one round of a cell of [`registry`] and records at most `bound` operations of each thread.
///
/// # Errors
///
/// Those of the round.
pub fn record(cell: &Cell, bound: usize) -> Result<(Round, Timeline), CellError> {
    let recording = Recording::begin(bound);
    let round = cell.round()?;
    Ok((round, recording.finish()))
}

/// Pairs of a send and a receive in one measurement of the cost.
const PAIRS: u32 = 2_000;

/// Measurements of the cost, of the plain and of the traced channel each.
const MEASUREMENTS: usize = 25;

/// What recording costs at this moment on this machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// The time of an operation of the channel, in nanoseconds: of a send or a receive that does not wait.
    pub plain: f64,
    /// The time of such an operation while it is recorded.
    pub traced: f64,
}

impl Cost {
    /// What is added to each operation, in nanoseconds.
    pub fn added(&self) -> f64 {
        self.traced - self.plain
    }
}

/// The cost for a channel, of this name; `None` when there is no such channel, or it has no capacity of one message.
///
/// One thread sends and receives in turn, so nothing waits. Plain and traced measurements take turns, so that both see
/// the same machine; of each, the median counts.
pub fn cost(channel: &str) -> Option<Cost> {
    struct Measure<'a>(&'a str, Option<Cost>);
    impl Visitor for Measure<'_> {
        fn visit<C: Channel>(&mut self) {
            if C::INFO.name == self.0 {
                self.1 = measured::<C>();
            }
        }
    }
    let mut measure = Measure(channel, None);
    adapters::each(&mut measure);
    measure.1
}

fn measured<C: Channel>() -> Option<Cost> {
    let (mut plain, mut traced) = (Vec::new(), Vec::new());
    for _ in 0..MEASUREMENTS {
        plain.push(turns::<C>()?);
        // Large enough for all of it: to record costs more than to count what is not.
        let recording = Recording::begin(2 * PAIRS as usize);
        traced.push(turns::<Traced<C, Recorded>>()?);
        drop(recording);
    }
    let median = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_nanos() as f64 / f64::from(2 * PAIRS)
    };
    Some(Cost { plain: median(plain), traced: median(traced) })
}

/// The time of [`PAIRS`] sends and as many receives, in turn, after a few that warm up.
#[inline(never)]
fn turns<C: Channel>() -> Option<Duration> {
    let (sender, receiver) = C::open::<u64>(Capacity::from_slots(1)).ok()?;
    let turn = |number| sender.send(number).is_ok() && receiver.recv().is_ok();
    if !(0..PAIRS.into()).step_by(10).all(turn) {
        return None;
    }
    let began = Instant::now();
    let all = (0..PAIRS.into()).all(turn);
    let time = began.elapsed();
    all.then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traced_channel_is_declared_as_the_plain_one() {
        let (plain, traced) = (adapters::registry(), registry());
        assert!(plain.versions().eq(traced.versions()));
        for (plain, traced) in plain.channels().zip(traced.channels()) {
            assert_eq!((plain.lacks, plain.differs), (traced.lacks, traced.differs), "{}", plain.name);
        }
    }

    /// Every workload is recorded over every channel, and what passed is what the round delivered.
    #[test]
    fn a_timeline_has_every_operation_of_a_round() {
        let registry = registry();
        let names: Vec<&str> = registry.workloads().map(|info| info.name).collect();
        for channel in registry.channels() {
            for workload in &names {
                let params = registry.params(workload, "").expect("the defaults");
                let cell = registry.cell(channel.name, workload, params, Some(400)).expect("a cell");
                let (round, timeline) = match record(&cell, 100_000) {
                    Err(error) if !error.error.is_failure() => continue,
                    recorded => recorded.unwrap_or_else(|error| panic!("{error}")),
                };
                assert_eq!(timeline.missed(), 0, "{cell}");
                let passed = timeline.tracks.iter().flat_map(|track| &track.events);
                let passed = passed.filter(|event| event.hop.is_some()).count() as u64;
                assert!(passed >= 2 * round.messages, "{cell}: {passed} of {}", round.messages);
            }
        }
    }

    #[test]
    fn recording_costs_something() {
        let cost = cost("mutex-deque").expect("a channel");
        assert!(cost.plain > 0.0 && cost.added() > 0.0, "{cost:?}");
        assert_eq!(super::cost("none"), None);
    }
}
