//! The commit tracker of one partition: what was received, what is done, and up to where everything is.
//!
//! A bit for each offset in a window says whether it is done. The window begins at the commit position, the first
//! offset that is not done, and holds at most [`WINDOW`] offsets, so its memory is bounded however long one message
//! holds the position back.

use std::collections::VecDeque;

use crate::offset_map::{GROWTH, MAX_BYTES, OffsetMap, PRESSURE_BYTES, bitset_len};

/// The offsets from the commit position to the newest received one, at most. As many bits take 8 KiB.
pub const WINDOW: u64 = 1 << 16;

const BITS: u64 = u64::BITS as u64;

/// The commit tracker of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracker {
    /// Every offset below it is done. It never goes back.
    position: u64,
    /// The offset after the newest that was received.
    next: u64,
    /// Bits of the offsets from `base` on; 1 when the offset is done. An offset that the log skipped, as compaction
    /// does, counts as done.
    done: VecDeque<u64>,
    /// A multiple of 64, at most 63 below `position`.
    base: u64,
    /// Offsets that were received and are not done.
    pending: u64,
}

/// What the tracker says about a received offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// It has to be processed.
    New,
    /// It was done before, as the offset map of the last commit says.
    Done,
}

/// Why an offset was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrackError {
    /// A source delivers the offsets of a partition in rising order.
    #[error(
        "offset {offset} arrived after offset {newest}: a source delivers a partition's offsets in rising order"
    )]
    NotRising {
        /// The offset.
        offset: u64,
        /// The newest one that was received.
        newest: u64,
    },
    /// The window is full: it may be received when older ones are done.
    #[error("offset {offset} is {WINDOW} or more above position {position}, which is not done")]
    BeyondWindow {
        /// The offset.
        offset: u64,
        /// The commit position.
        position: u64,
    },
    /// The offset was not received, or is done.
    #[error("offset {0} is not being processed")]
    NotPending(u64),
    /// An offset map reaches further than any that a tracker writes.
    #[error("the offset map reaches {0} offsets beyond its position: at most {WINDOW} are expected")]
    MapTooWide(u64),
}

impl Tracker {
    /// A tracker of a partition whose offsets below `position` are done.
    pub fn new(position: u64) -> Self {
        Tracker { position, next: position, done: VecDeque::new(), base: position / BITS * BITS, pending: 0 }
    }

    /// A tracker that begins with a commit: everything below `position` is done, and what `map` says.
    ///
    /// # Errors
    ///
    /// [`TrackError::MapTooWide`].
    pub fn resume(position: u64, map: &OffsetMap) -> Result<Self, TrackError> {
        if map.span() > WINDOW || position.checked_add(map.span()).is_none() {
            return Err(TrackError::MapTooWide(map.span()));
        }
        let mut tracker = Tracker::new(position);
        for run in map.runs() {
            tracker.set(position + run.start, position + run.end);
        }
        Ok(tracker)
    }

    /// The first offset that is not done: the position to commit.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The offset after the newest one that was received.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The number of offsets that were received and are not done.
    pub fn pending(&self) -> u64 {
        self.pending
    }

    /// Takes an offset. The offsets between it and the one before it do not exist.
    ///
    /// # Errors
    ///
    /// [`TrackError::NotRising`], [`TrackError::BeyondWindow`]; nothing has changed then.
    pub fn receive(&mut self, offset: u64) -> Result<Received, TrackError> {
        if offset < self.next || offset == u64::MAX {
            return Err(TrackError::NotRising { offset, newest: self.next.saturating_sub(1) });
        }
        if self.pending == 0 {
            // Nothing below is being processed, so the position moves up to it, across a gap of any length.
            self.skip_to(offset);
        } else if offset - self.position >= WINDOW {
            return Err(TrackError::BeyondWindow { offset, position: self.position });
        } else {
            self.set(self.next, offset);
        }
        self.next = offset + 1;
        if self.is_done(offset) {
            self.advance();
            return Ok(Received::Done);
        }
        self.pending += 1;
        Ok(Received::New)
    }

    /// Marks a received offset as done.
    ///
    /// # Errors
    ///
    /// [`TrackError::NotPending`] when it was not received or is done already.
    pub fn finish(&mut self, offset: u64) -> Result<(), TrackError> {
        if offset < self.position || offset >= self.next || self.is_done(offset) {
            return Err(TrackError::NotPending(offset));
        }
        self.set(offset, offset + 1);
        self.pending -= 1;
        self.advance();
        Ok(())
    }

    /// Whether this offset is done or does not exist.
    pub fn is_done(&self, offset: u64) -> bool {
        offset < self.position || {
            let index = offset.checked_sub(self.base).and_then(|bit| usize::try_from(bit / BITS).ok());
            let word = index.and_then(|index| self.done.get(index));
            word.is_some_and(|word| word >> (offset % BITS) & 1 == 1)
        }
    }

    /// The offsets that were received and are not done, in rising order.
    pub fn unfinished(&self) -> impl Iterator<Item = u64> + '_ {
        (self.position..self.next).filter(|&offset| !self.is_done(offset))
    }

    /// What is done beyond the position.
    pub fn map(&self) -> OffsetMap {
        let mut runs: Vec<std::ops::Range<u64>> = Vec::new();
        let mut add = |from: u64, to: u64| match runs.last_mut() {
            Some(run) if run.end == from => run.end = to,
            _ => runs.push(from..to),
        };
        for (index, &word) in (0_u64..).zip(&self.done) {
            let start = self.base + index * BITS;
            // What is below the position is no part of the map.
            let below = self.position.saturating_sub(start).min(BITS);
            let mut left = if below == BITS { 0 } else { word >> below << below };
            while left != 0 {
                let first = u64::from(left.trailing_zeros());
                let ones = u64::from((left >> first).trailing_ones());
                let end = first + ones;
                left = if end == BITS { 0 } else { left >> end << end };
                add(start + first - self.position, start + end - self.position);
            }
        }
        OffsetMap::of(runs)
    }

    /// Whether new work has to wait, because the offset map is close to its largest size: it has reached 75 % of it,
    /// or could exceed it when the pending offsets and one more are done in an unfortunate order.
    pub fn is_pressed(&self) -> bool {
        // With a map, the position may lie beyond what was received.
        let ahead = self.next.saturating_add(1).saturating_sub(self.position);
        // The usual case: everything received fits as a bitset, whatever is done of it.
        if bitset_len(ahead) <= PRESSURE_BYTES {
            return false;
        }
        let now = self.map().encoded_len();
        let growth = usize::try_from(self.pending + 1).unwrap_or(usize::MAX).saturating_mul(GROWTH);
        now > PRESSURE_BYTES || bitset_len(ahead).min(now.saturating_add(growth)) > MAX_BYTES
    }

    /// Moves the position to `offset` when nothing below it is being processed.
    fn skip_to(&mut self, offset: u64) {
        if offset > self.position {
            self.position = offset;
            self.forget();
        }
    }

    /// Moves the position over what is done.
    fn advance(&mut self) {
        loop {
            let bit = self.position - self.base;
            let Some(word) = usize::try_from(bit / BITS).ok().and_then(|index| self.done.get(index)) else {
                break;
            };
            let ones = u64::from((word >> (bit % BITS)).trailing_ones());
            self.position += ones;
            // A run that ends before its word does ends the search.
            if ones == 0 || bit % BITS + ones < BITS {
                break;
            }
        }
        self.forget();
    }

    /// Drops the words that lie below the position.
    fn forget(&mut self) {
        while self.position - self.base >= BITS {
            if self.done.pop_front().is_none() {
                self.base = self.position / BITS * BITS;
                break;
            }
            self.base += BITS;
        }
    }

    /// Sets the bits of the offsets from `from` up to, but not including, `to`; both within the window.
    fn set(&mut self, from: u64, to: u64) {
        let mut at = from.max(self.base);
        while at < to {
            let index = ((at - self.base) / BITS) as usize;
            let start = self.base + index as u64 * BITS;
            let (first, last) = (at - start, (to - start).min(BITS));
            let ones = (u64::MAX >> (BITS - (last - first))) << first;
            if index >= self.done.len() {
                self.done.resize(index + 1, 0);
            }
            if let Some(word) = self.done.get_mut(index) {
                *word |= ones;
            }
            at = start + last;
        }
    }
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "a run of offsets is a range")]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_position_is_the_first_offset_that_is_not_done() {
        let mut tracker = Tracker::new(10);
        for offset in 10..14 {
            assert_eq!(tracker.receive(offset), Ok(Received::New));
        }
        tracker.finish(11).expect("pending");
        tracker.finish(13).expect("pending");
        assert_eq!((tracker.position(), tracker.pending()), (10, 2));
        assert_eq!(tracker.map().runs(), [1..2, 3..4]);
        tracker.finish(10).expect("pending");
        assert_eq!(tracker.position(), 12);
        assert_eq!(tracker.map().runs(), [1..2]);
        tracker.finish(12).expect("pending");
        assert_eq!((tracker.position(), tracker.next()), (14, 14));
        assert_eq!(tracker.finish(12), Err(TrackError::NotPending(12)));
        assert_eq!(tracker.finish(14), Err(TrackError::NotPending(14)));
    }

    #[test]
    fn a_gap_in_the_log_holds_nothing_back() {
        let mut tracker = Tracker::new(0);
        tracker.receive(5).expect("rising");
        tracker.receive(9).expect("rising");
        assert_eq!(tracker.receive(7), Err(TrackError::NotRising { offset: 7, newest: 9 }));
        tracker.finish(5).expect("pending");
        assert_eq!(tracker.position(), 9);
        tracker.finish(9).expect("pending");
        assert_eq!(tracker.receive(1 << 60), Ok(Received::New));
        assert_eq!(tracker.position(), 1 << 60);
    }

    #[test]
    fn the_window_is_bounded() {
        let mut tracker = Tracker::new(3);
        tracker.receive(3).expect("rising");
        let beyond = 3 + WINDOW;
        assert_eq!(tracker.receive(beyond), Err(TrackError::BeyondWindow { offset: beyond, position: 3 }));
        assert_eq!(tracker.receive(beyond - 1), Ok(Received::New));
        tracker.finish(3).expect("pending");
        assert_eq!(tracker.receive(beyond), Ok(Received::New));
        assert!(tracker.done.len() <= (WINDOW / BITS) as usize + 1);
    }

    #[test]
    fn ten_thousand_done_beyond_a_stuck_message_survive_a_restart() {
        let mut tracker = Tracker::new(0);
        for offset in 0..=10_000 {
            tracker.receive(offset).expect("rising");
        }
        for offset in 1..=10_000 {
            tracker.finish(offset).expect("pending");
        }
        let text = tracker.map().encode().expect("it fits");
        let map = OffsetMap::decode(&text).expect("its own text");
        let mut again = Tracker::resume(tracker.position(), &map).expect("within the window");
        assert_eq!(again.receive(0), Ok(Received::New));
        for offset in 1..=10_000 {
            assert_eq!(again.receive(offset), Ok(Received::Done), "{offset}");
        }
        assert_eq!((again.position(), again.pending()), (0, 1));
        again.finish(0).expect("pending");
        assert_eq!(again.position(), 10_001);
    }

    #[test]
    fn a_map_that_no_tracker_writes_is_refused() {
        let wide = OffsetMap::of(vec![WINDOW..WINDOW + 1]);
        assert_eq!(Tracker::resume(0, &wide), Err(TrackError::MapTooWide(WINDOW + 1)));
        let narrow = OffsetMap::of(vec![1..2]);
        assert_eq!(Tracker::resume(u64::MAX, &narrow), Err(TrackError::MapTooWide(2)));
        assert!(matches!(Tracker::new(u64::MAX).receive(u64::MAX), Err(TrackError::NotRising { .. })));
    }

    /// Takes offsets until the tracker is pressed, while one of every few is stuck. The others are done soon, and then
    /// all that is left in an unfortunate order: the map always fits.
    #[test]
    fn new_work_stops_before_the_map_is_too_long() {
        for (stuck_every, in_flight) in [(2, 1), (2, 100), (5, 300), (40, 300), (100, 300), (WINDOW, 100)] {
            let mut tracker = Tracker::new(0);
            let mut newest = 0;
            while !tracker.is_pressed() && newest < WINDOW {
                tracker.receive(newest).expect("rising");
                newest += 1;
                if let Some(done) = newest.checked_sub(in_flight).filter(|done| done % stuck_every != 0) {
                    tracker.finish(done).expect("pending");
                }
            }
            if stuck_every == 2 {
                let len = tracker.map().encoded_len();
                assert!(len.abs_diff(PRESSURE_BYTES) < 20, "pressed at {len} bytes");
            }
            assert_eq!(tracker.is_pressed(), stuck_every <= 100, "{stuck_every}");
            let unfinished: Vec<_> = tracker.unfinished().skip(1).collect();
            for remainder in [1, 0] {
                for &offset in unfinished.iter().filter(|offset| *offset % 2 == remainder) {
                    tracker.finish(offset).expect("pending");
                    let text = tracker.map().encode();
                    assert!(text.is_ok(), "stuck every {stuck_every}, {in_flight} in flight: {text:?}");
                }
            }
        }
    }

    /// The tracker by its definition: sets of offsets.
    #[derive(Debug, Default)]
    struct Plain {
        start: u64,
        received: BTreeSet<u64>,
        pending: BTreeSet<u64>,
        next: u64,
    }

    impl Plain {
        fn position(&self) -> u64 {
            self.pending.first().copied().unwrap_or(self.next).max(self.start)
        }
    }

    proptest! {
        /// Steps: a gap before the next offset, and which of the pending ones are done then.
        #[test]
        fn it_agrees_with_sets_of_offsets(
            start in prop_oneof![0..200_u64, any::<u64>().prop_map(|start| start >> 1)],
            steps in vec((prop_oneof![9 => Just(0), 1 => 0..200_u64], vec(any::<prop::sample::Index>(), 0..3)), 0..400),
        ) {
            let mut tracker = Tracker::new(start);
            let mut plain = Plain { start, next: start, ..Plain::default() };
            let mut newest_position = start;
            for (gap, done) in steps {
                let offset = plain.next + gap;
                match tracker.receive(offset) {
                    Ok(Received::New) => {
                        plain.received.insert(offset);
                        plain.pending.insert(offset);
                        plain.next = offset + 1;
                    }
                    Err(TrackError::BeyondWindow { .. }) => prop_assert!(offset - plain.position() >= WINDOW),
                    other => prop_assert!(false, "{other:?}"),
                }
                for index in done {
                    if plain.pending.is_empty() {
                        break;
                    }
                    let offset = *index.get(&plain.pending.iter().copied().collect::<Vec<_>>());
                    tracker.finish(offset).expect("pending");
                    plain.pending.remove(&offset);
                }
                prop_assert_eq!(tracker.position(), plain.position());
                prop_assert!(tracker.position() >= newest_position, "the position goes back");
                newest_position = tracker.position();
                prop_assert_eq!(tracker.pending(), plain.pending.len() as u64);
                prop_assert_eq!(tracker.unfinished().collect::<Vec<_>>(), plain.pending.iter().copied().collect::<Vec<_>>());
                let beyond: Vec<_> =
                    (plain.position()..plain.next).filter(|offset| !plain.pending.contains(offset)).collect();
                let mapped: Vec<_> = tracker.map().offsets().map(|offset| tracker.position() + offset).collect();
                prop_assert_eq!(mapped, beyond);
                prop_assert!(OffsetMap::from_runs(tracker.map().runs().to_vec()).is_ok());
            }
        }

        /// A restart at any moment, in the middle of what was received: what was done stays done, again and again.
        #[test]
        fn restarts_repeat_nothing_that_was_done(
            steps in vec((0..3_u8, any::<prop::sample::Index>()), 0..300),
        ) {
            let mut tracker = Tracker::new(0);
            let mut done = BTreeSet::new();
            for (step, index) in steps {
                match step {
                    0 => {
                        let offset = tracker.next();
                        match tracker.receive(offset).expect("rising") {
                            Received::New => prop_assert!(!done.contains(&offset), "{offset} is repeated"),
                            Received::Done => prop_assert!(done.contains(&offset), "{offset} is lost"),
                        }
                    }
                    1 if tracker.pending() > 0 => {
                        let offset = *index.get(&tracker.unfinished().collect::<Vec<_>>());
                        tracker.finish(offset).expect("pending");
                        done.insert(offset);
                    }
                    2 => {
                        let text = tracker.map().encode().expect("it fits");
                        let map = OffsetMap::decode(&text).expect("its own text");
                        let again = Tracker::resume(tracker.position(), &map).expect("within the window");
                        prop_assert_eq!(again.position(), tracker.position());
                        prop_assert_eq!(again.map(), tracker.map());
                        tracker = again;
                    }
                    _ => {}
                }
            }
        }
    }
}
