//! The recorder of a timeline: what each thread did at channels, and when.
//!
//! Every thread writes into a track of its own, which no other thread locks until the recording ends. A track is bounded:
//! what comes after the bound is counted and not kept, so the memory of a recording is at most the bound of a track
//! times [`MAX_TRACKS`] times the size of an [`Event`].
//!
//! A process records one timeline at a time. A channel belongs to the timeline that was recorded when it was opened; a
//! channel that was opened at another time records nothing.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use contract::channel::Info;

use crate::recorder::{Ending, Operation, Recorder};

/// The number of threads that a timeline has a track for.
pub const MAX_TRACKS: usize = 1_024;

/// The bits of a hop for the number of a send within its track.
const SEND_BITS: u32 = 48;

/// The way of a message through one channel: the track of its sender and the number of the send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hop(u64);

impl Hop {
    /// The way of a message whose send is not recorded.
    pub const UNKNOWN: Hop = Hop(u64::MAX);

    /// The way of the message that was sent as number `send` by the thread of a track.
    pub fn new(track: usize, send: u64) -> Self {
        Hop((track as u64) << SEND_BITS | send)
    }
}

/// An operation of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it began, in nanoseconds since the recording did.
    pub began: u64,
    /// When it ended.
    pub ended: u64,
    /// The message that passed; `None` when none did.
    pub hop: Option<Hop>,
    /// The channel, numbered in the order in which they were opened.
    pub channel: u32,
    /// The operation.
    pub operation: Operation,
    /// Whether the channel was full or empty, so that the operation waited.
    pub waited: bool,
}

/// What a thread did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Track {
    /// The thread's name.
    pub name: String,
    /// Its operations, in order.
    pub events: Vec<Event>,
    /// Operations that were not kept, after the last one that was.
    pub missed: u64,
    /// Sends that it began, recorded or not: the number of the next hop.
    pub sends: u64,
}

/// A timeline that was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// When the recording began.
    pub began: Instant,
    /// A track for each thread, in the order of their first operations.
    pub tracks: Vec<Track>,
    /// Operations of threads without a track.
    pub missed: u64,
}

impl Timeline {
    /// The operations that it has.
    pub fn recorded(&self) -> u64 {
        self.tracks.iter().map(|track| track.events.len() as u64).sum()
    }

    /// The operations that it does not have.
    pub fn missed(&self) -> u64 {
        self.missed + self.tracks.iter().map(|track| track.missed).sum::<u64>()
    }
}

#[derive(Debug)]
struct State {
    number: u64,
    began: Instant,
    bound: usize,
    tracks: Mutex<Vec<Arc<Mutex<Track>>>>,
    channels: AtomicU32,
    missed: AtomicU64,
}

/// The timeline that is recorded now.
static CURRENT: Mutex<Option<Arc<State>>> = Mutex::new(None);

/// Held while a timeline is recorded.
static EXCLUSIVE: Mutex<()> = Mutex::new(());

/// The number of timelines of this process.
static RECORDINGS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// This thread's track in the timeline that it wrote into last.
    static TRACK: RefCell<Option<OwnTrack>> = const { RefCell::new(None) };
}

/// The track of a thread.
struct OwnTrack {
    /// The number of its timeline.
    timeline: u64,
    index: usize,
    track: Arc<Mutex<Track>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A timeline that is being recorded, until this is finished or dropped.
#[derive(Debug)]
pub struct Recording {
    state: Arc<State>,
    _exclusive: MutexGuard<'static, ()>,
}

impl Recording {
    /// Begins to record at most `bound` operations of each thread. It waits for the end of another recording.
    pub fn begin(bound: usize) -> Self {
        let exclusive = lock(&EXCLUSIVE);
        let state = Arc::new(State {
            // Relaxed: the lock orders recordings.
            number: RECORDINGS.fetch_add(1, Ordering::Relaxed),
            began: Instant::now(),
            bound,
            tracks: Mutex::default(),
            channels: AtomicU32::new(0),
            missed: AtomicU64::new(0),
        });
        *lock(&CURRENT) = Some(Arc::clone(&state));
        Recording { state, _exclusive: exclusive }
    }

    /// What was recorded until now. Threads that are still at work record nothing that is seen any more.
    pub fn finish(self) -> Timeline {
        let tracks = lock(&self.state.tracks).iter().map(|track| std::mem::take(&mut *lock(track))).collect();
        let missed = self.state.missed.load(Ordering::Relaxed);
        Timeline { began: self.state.began, tracks, missed }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        *lock(&CURRENT) = None;
    }
}

impl State {
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Does something with this thread's track; `None` when there is none for it.
    fn with_track<T>(&self, act: impl FnOnce(usize, &mut Track) -> T) -> Option<T> {
        // A thread that is ending may have no thread locals any more.
        let acted = TRACK.try_with(|own| {
            let mut own = own.borrow_mut();
            if own.as_ref().is_none_or(|own| own.timeline != self.number) {
                *own = self.new_track();
            }
            let own = own.as_ref()?;
            Some(act(own.index, &mut lock(&own.track)))
        });
        acted.ok().flatten()
    }

    fn new_track(&self) -> Option<OwnTrack> {
        let mut tracks = lock(&self.tracks);
        let index = tracks.len();
        if index >= MAX_TRACKS {
            return None;
        }
        let name = thread::current().name().map_or_else(|| format!("thread {index}"), str::to_owned);
        // All of it now: a track that grows would copy its events in the middle of the round.
        let events = Vec::with_capacity(self.bound);
        let track = Arc::new(Mutex::new(Track { name, events, missed: 0, sends: 0 }));
        tracks.push(Arc::clone(&track));
        Some(OwnTrack { timeline: self.number, index, track })
    }

    fn record(&self, event: Event) {
        let recorded = self.with_track(|_, track| {
            if track.events.len() < self.bound {
                track.events.push(event);
            } else {
                track.missed += 1;
            }
        });
        if recorded.is_none() {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The recorder of one channel.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The timeline; `None` when none was recorded as the channel was opened.
    state: Option<Arc<State>>,
    channel: u32,
}

/// An operation that has begun.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    at: u64,
    hop: Hop,
    waited: bool,
}

impl Recorder for Recorded {
    type Context = Hop;
    type Begun = Begun;

    fn opened(_: &'static Info) -> Self {
        let state = lock(&CURRENT).clone();
        let channel = state.as_ref().map_or(0, |state| state.channels.fetch_add(1, Ordering::Relaxed));
        Recorded { state, channel }
    }

    #[inline]
    fn begin_send(&self) -> (Hop, Option<Begun>) {
        let Some(state) = &self.state else { return (Hop::UNKNOWN, None) };
        let hop = state.with_track(|index, track| {
            track.sends += 1;
            Hop::new(index, track.sends)
        });
        let hop = hop.unwrap_or(Hop::UNKNOWN);
        (hop, Some(Begun { at: state.now(), hop, waited: false }))
    }

    #[inline]
    fn begin_receive(&self) -> Begun {
        let at = self.state.as_ref().map_or(0, |state| state.now());
        Begun { at, hop: Hop::UNKNOWN, waited: false }
    }

    #[inline]
    fn waits(&self, begun: &mut Begun) {
        begun.waited = true;
    }

    #[inline]
    fn end_send(&self, begun: Begun, ending: Ending) {
        let hop = (ending == Ending::Passed).then_some(begun.hop);
        self.end(begun, Operation::Send, hop);
    }

    #[inline]
    fn end_receive(
        &self,
        begun: Begun,
        operation: Operation,
        context: Option<&Hop>,
        _: impl FnOnce() -> Option<usize>,
    ) {
        self.end(begun, operation, context.copied());
    }
}

impl Recorded {
    fn end(&self, begun: Begun, operation: Operation, hop: Option<Hop>) {
        let Some(state) = &self.state else { return };
        let (began, ended) = (begun.at, state.now());
        state.record(Event { began, ended, hop, channel: self.channel, operation, waited: begun.waited });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traced::Traced;
    use baseline::MutexDeque;
    use contract::channel::{Capacity, Channel, Receiver, Sender};

    type Own = Traced<MutexDeque, Recorded>;

    #[test]
    fn what_comes_after_the_bound_is_counted() {
        let recording = Recording::begin(4);
        let (sender, receiver) = Own::open(Capacity::Unbounded).expect("open");
        for number in 0..3 {
            sender.send(number).expect("a receiver");
            assert_eq!(receiver.recv(), Ok(number));
        }
        let timeline = recording.finish();
        assert_eq!((timeline.recorded(), timeline.missed()), (4, 2));
        let hops: Vec<_> = timeline.tracks[0].events.iter().map(|event| event.hop).collect();
        let [one, two] = [1, 2].map(|send| Some(Hop::new(0, send)));
        assert_eq!(hops, [one, one, two, two]);
    }

    #[test]
    fn a_channel_of_no_recording_records_nothing() {
        let nobody_records = lock(&EXCLUSIVE);
        let (sender, receiver) = Own::open(Capacity::Unbounded).expect("open");
        drop(nobody_records);
        let recording = Recording::begin(4);
        sender.send(1).expect("a receiver");
        assert_eq!(receiver.recv(), Ok(1));
        let timeline = recording.finish();
        assert_eq!((timeline.recorded(), timeline.missed()), (0, 0));
    }

    #[test]
    fn threads_beyond_the_last_track_are_counted() {
        let recording = Recording::begin(1);
        let (sender, receiver) = Own::open(Capacity::Unbounded).expect("open");
        for _ in 0..MAX_TRACKS + 3 {
            let sender = sender.clone();
            std::thread::spawn(move || sender.send(0)).join().expect("no panic").expect("a receiver");
        }
        drop(receiver);
        let timeline = recording.finish();
        assert_eq!((timeline.tracks.len(), timeline.missed()), (MAX_TRACKS, 3));
    }

    #[test]
    fn a_try_that_passes_nothing_is_not_recorded() {
        let recording = Recording::begin(9);
        let (sender, receiver) = Own::open::<u8>(Capacity::from_slots(1)).expect("open");
        receiver.try_recv().expect_err("empty");
        sender.try_send(1).expect("room");
        sender.try_send(2).expect_err("full");
        let timeline = recording.finish();
        let operations: Vec<_> = timeline.tracks[0].events.iter().map(|event| event.operation).collect();
        assert_eq!(operations, [Operation::Send]);
        drop(receiver);
    }
}
