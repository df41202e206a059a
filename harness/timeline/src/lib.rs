//! The timeline of one round, and what it costs to record it.
//!
//! Rounds are traced over a type of their own ([`any`]), so that the channels that are measured stay as they are.

pub mod any;

use std::time::{Duration, Instant};

use contract::channel::{Capacity, Channel, Receiver, Sender, Visitor};
use service_trace::timeline::{Recorded, Recording, Timeline};
use service_trace::traced::Traced;
use workloads::registry::{Cell, CellError, ChannelEntry, Registry, UsageError};
use workloads::workload::Round;

use self::any::{AnyChannel, choose};

/// The channel that [`begin`] chose, traced.
pub type Any = Traced<AnyChannel, Recorded>;

/// Begins to record at most `bound` operations of each thread, over [`Any`], which is the channel of this name; `None`
/// when there is no such channel.
pub fn begin(channel: &str, bound: usize) -> Option<Recording> {
    struct Begin(usize, Option<Recording>);
    impl Visitor for Begin {
        fn visit<C: Channel>(&mut self) {
            self.1 = Some(begin_over::<C>(self.0));
        }
    }
    let mut begin = Begin(bound, None);
    adapters::visit_named(channel, &mut begin);
    begin.1
}

fn begin_over<C: Channel>(bound: usize) -> Recording {
    // First, since only who records may choose.
    let recording = Recording::begin(bound);
    choose::<C>();
    recording
}

/// Runs one round of a cell and records at most `bound` operations of each thread.
///
/// A round over this channel must have succeeded before: what the channel cannot do is not asked again.
///
/// # Errors
///
/// [`UsageError`] for a cell of another registry than the adapters'; in it, the failure of the round.
pub fn record(cell: &Cell, bound: usize) -> Result<Result<(Round, Timeline), CellError>, UsageError> {
    let registry = Registry::with_channels(vec![ChannelEntry::new::<Any>()]);
    let (workload, params) = (cell.workload.name, cell.params.clone());
    let mut traced = registry.cell(AnyChannel::INFO.name, workload, params, Some(cell.size.messages))?;
    traced.size = cell.size;
    let recording = begin(cell.channel.name, bound).ok_or_else(|| UsageError::UnknownChannel {
        name: cell.channel.name.to_owned(),
        known: adapters::names(),
    })?;
    let round = traced.round();
    Ok(round
        .map(|round| (round, recording.finish()))
        .map_err(|error| CellError { channel: cell.channel.name, ..error }))
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

/// The cost for the channel of this name; `None` when there is no such channel, or it cannot hold a message.
///
/// One thread sends and receives in turn, so nothing waits. Plain and traced measurements take turns, so that both see
/// the same machine; of each, the median counts.
pub fn cost(channel: &str) -> Option<Cost> {
    struct Measure(Option<Cost>);
    impl Visitor for Measure {
        fn visit<C: Channel>(&mut self) {
            self.0 = measured::<C>();
        }
    }
    let mut measure = Measure(None);
    adapters::visit_named(channel, &mut measure);
    measure.0
}

fn measured<C: Channel>() -> Option<Cost> {
    let (mut plain, mut traced) = (Vec::new(), Vec::new());
    for _ in 0..MEASUREMENTS {
        plain.push(turns::<C>()?);
        // Large enough for all of it: to record costs more than to count what is not recorded.
        let recording = begin_over::<C>(3 * PAIRS as usize);
        traced.push(turns::<Any>()?);
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
    if !(0..u64::from(PAIRS / 10)).all(turn) {
        return None;
    }
    let began = Instant::now();
    let all = (0..u64::from(PAIRS)).all(turn);
    let time = began.elapsed();
    all.then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every workload is recorded over every channel, and what passed is at least what the round delivered.
    #[test]
    fn a_timeline_has_every_operation_of_a_round() {
        let registry = adapters::registry();
        let cells = registry.workloads().map(|info| (info.name, "")).chain([("fan_in", "variant=select")]);
        for (workload, params) in cells.collect::<Vec<_>>() {
            for channel in registry.channels() {
                let params = registry.params(workload, params).expect("params");
                let cell = registry.cell(channel.name, workload, params, Some(400)).expect("a cell");
                match cell.round() {
                    Err(error) if !error.error.is_failure() => continue,
                    round => round.unwrap_or_else(|error| panic!("{error}")),
                };
                let recorded = record(&cell, 100_000).expect("a cell of the adapters");
                let (round, timeline) = recorded.unwrap_or_else(|error| panic!("{error}"));
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
