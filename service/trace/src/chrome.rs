//! A timeline in [Chrome's trace event format][format], as JSON, which Perfetto and `chrome://tracing` show.
//!
//! Every thread is a track. An operation is a slice of it; between two operations lies a slice "at work". Nothing is said
//! about what a thread does there: it may work, sleep, or wait for something else than a channel.
//!
//! Arrows follow a message. One begins where its send begins and ends where its receive ends. When the receiver sends next,
//! the arrow goes on: so it follows the work through all stages. Of several messages that a thread sends for one that it
//! received, only the first continues the arrow.
//!
//! [format]: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU

use std::collections::{HashMap, HashSet};
use std::io::{self, BufWriter, Write};

use crate::recorder::Operation;
use crate::timeline::{Event, Hop, Timeline, Track};

/// The name of the slices between two operations.
pub const AT_WORK: &str = "at work";

/// The name of the slices of a kind of operation.
pub fn name(operation: Operation, waited: bool) -> &'static str {
    match (operation, waited) {
        (Operation::Send, false) => "send",
        (Operation::Send, true) => "blocked in send",
        (Operation::Receive, false) => "receive",
        (Operation::Receive, true) => "blocked in receive",
        (Operation::Select, _) => "select",
    }
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Slices, at work or at a channel.
    pub slices: u64,
    /// Messages whose send and receive are both in the timeline, so that an arrow joins them.
    pub joined: u64,
}

/// Writes a timeline.
///
/// # Errors
///
/// Those of the output.
pub fn write(timeline: &Timeline, title: &str, output: impl Write) -> io::Result<Written> {
    let output = &mut BufWriter::new(output);
    let spans: Vec<Vec<Span>> = timeline.tracks.iter().map(|track| spans(&track.events)).collect();
    let mut written = Written::default();
    write!(output, "{{\"displayTimeUnit\":\"ns\",\"otherData\":")?;
    let missed = timeline.missed();
    let about = serde_json::json!({ "title": title, "recorded": timeline.recorded(), "missed": missed });
    serde_json::to_writer(&mut *output, &about)?;
    let named = |what: &str, tid: usize, name: &str| serde_json::json!({ "ph": "M", "pid": 1, "tid": tid, "name": what, "args": { "name": name } });
    write!(output, ",\"traceEvents\":[\n{}", named("process_name", 0, title))?;
    for (index, (track, spans)) in timeline.tracks.iter().zip(&spans).enumerate() {
        let tid = index + 1;
        let order = serde_json::json!(
            { "ph": "M", "pid": 1, "tid": tid, "name": "thread_sort_index", "args": { "sort_index": tid } }
        );
        write!(output, ",\n{},\n{order}", named("thread_name", tid, &track.name))?;
        written.slices += slices(tid, track, spans, output)?;
    }
    for arrow in arrows(timeline, &spans, &mut written) {
        let Arrow { number, phase, track, at } = arrow;
        let (ts, tid) = (micros(at), track + 1);
        // Bound to the slice around it, and not to the next one.
        let bind = if phase == 's' { "" } else { ",\"bp\":\"e\"" };
        write!(
            output,
            ",\n{{\"ph\":\"{phase}\",\"pid\":1,\"tid\":{tid},\"ts\":{ts},\"id\":{number},\"cat\":\"message\",\"name\":\"message\"{bind}}}"
        )?;
    }
    output.write_all(b"\n]}\n")?;
    output.flush()?;
    Ok(written)
}

/// The time of an operation, in nanoseconds. It is at least one long, and begins when the one before it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    began: u64,
    ended: u64,
}

fn spans(events: &[Event]) -> Vec<Span> {
    let mut last = 0;
    let span = |event: &Event| {
        let began = event.began.max(last);
        last = event.ended.max(began + 1);
        Span { began, ended: last }
    };
    events.iter().map(span).collect()
}

fn slices(tid: usize, track: &Track, spans: &[Span], output: &mut impl Write) -> io::Result<u64> {
    let mut written = 0;
    let mut last: Option<u64> = None;
    for (event, span) in track.events.iter().zip(spans) {
        let gap = last.filter(|ended| *ended < span.began);
        if let Some(ended) = gap {
            let (ts, dur) = (micros(ended), micros(span.began - ended));
            write!(
                output,
                ",\n{{\"ph\":\"X\",\"pid\":1,\"tid\":{tid},\"ts\":{ts},\"dur\":{dur},\"cat\":\"work\",\"name\":\"{AT_WORK}\"}}"
            )?;
        }
        let (ts, dur) = (micros(span.began), micros(span.ended - span.began));
        let (name, channel, passed) =
            (name(event.operation, event.waited), event.channel, event.hop.is_some());
        write!(
            output,
            ",\n{{\"ph\":\"X\",\"pid\":1,\"tid\":{tid},\"ts\":{ts},\"dur\":{dur},\"cat\":\"channel\",\"name\":\"{name}\",\"args\":{{\"channel\":{channel},\"passed\":{passed}}}}}"
        )?;
        written += 1 + u64::from(gap.is_some());
        last = Some(span.ended);
    }
    Ok(written)
}

/// Microseconds with all digits of the nanoseconds.
fn micros(nanos: u64) -> String {
    format!("{}.{:03}", nanos / 1_000, nanos % 1_000)
}

/// A point that an arrow goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Arrow {
    number: usize,
    /// `s` where it starts, `t` on its way, `f` where it finishes.
    phase: char,
    track: usize,
    at: u64,
}

/// Where a message was sent and received.
#[derive(Clone, Copy, Debug, Default)]
struct Way {
    sent: Option<(usize, u64)>,
    received: Option<(usize, u64)>,
}

fn arrows(timeline: &Timeline, spans: &[Vec<Span>], written: &mut Written) -> Vec<Arrow> {
    let operations = || {
        let tracks = timeline.tracks.iter().zip(spans).enumerate();
        tracks.flat_map(|(index, (track, spans))| {
            track.events.iter().zip(spans).map(move |(event, span)| (index, event, span))
        })
    };
    let mut ways: HashMap<Hop, Way> = HashMap::new();
    for (track, event, span) in operations() {
        let Some(hop) = event.hop.filter(|hop| *hop != Hop::UNKNOWN) else { continue };
        let way = ways.entry(hop).or_default();
        match event.operation {
            Operation::Send => way.sent = Some((track, span.began)),
            // Its last nanosecond, so that it lies in the slice.
            Operation::Receive | Operation::Select => way.received = Some((track, span.ended - 1)),
        }
    }
    let ends = |hop: &Hop| {
        let Way { sent, received } = ways.get(hop)?;
        let ends = (*sent)?.1 <= (*received)?.1;
        ends.then_some(((*sent)?, (*received)?))
    };
    let (mut next, mut continued) = (HashMap::new(), HashSet::new());
    let mut in_hand: Option<(usize, Hop)> = None;
    for (track, event, _) in operations() {
        let Some(hop) = event.hop.filter(|hop| ends(hop).is_some()) else { continue };
        match event.operation {
            Operation::Receive | Operation::Select => in_hand = Some((track, hop)),
            Operation::Send => {
                if let Some((_, before)) = in_hand.take_if(|(owner, _)| *owner == track) {
                    next.insert(before, hop);
                    continued.insert(hop);
                }
            }
        }
    }
    let mut arrows = Vec::new();
    let mut number = 0;
    for (_, event, _) in operations().filter(|(_, event, _)| event.operation == Operation::Send) {
        let Some(first) = event.hop.filter(|hop| !continued.contains(hop)) else { continue };
        let mut hop = first;
        while let Some((sent, received)) = ends(&hop) {
            written.joined += 1;
            number += usize::from(hop == first);
            let (start, following) = (if hop == first { 's' } else { 't' }, next.get(&hop));
            let finish = if following.is_some() { 't' } else { 'f' };
            for (phase, (track, at)) in [(start, sent), (finish, received)] {
                arrows.push(Arrow { number, phase, track, at });
            }
            match following {
                Some(following) => hop = *following,
                None => break,
            }
        }
    }
    arrows
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    /// Of a message whose sender has no track.
    const UNKNOWN: Hop = Hop::UNKNOWN;

    fn event(began: u64, ended: u64, operation: Operation, hop: Hop) -> Event {
        Event { began, ended, hop: Some(hop), channel: 0, operation, waited: false }
    }

    fn timeline(tracks: Vec<Vec<Event>>) -> Timeline {
        let track = |(index, events)| Track { name: format!("thread {index}"), events, ..Track::default() };
        Timeline {
            began: Instant::now(),
            tracks: tracks.into_iter().enumerate().map(track).collect(),
            missed: 0,
        }
    }

    /// The phase, the track and the moment of each point of the arrows.
    fn drawn(tracks: Vec<Vec<Event>>) -> Vec<(usize, char, usize, u64)> {
        let timeline = timeline(tracks);
        let spans: Vec<_> = timeline.tracks.iter().map(|track| spans(&track.events)).collect();
        let arrows = arrows(&timeline, &spans, &mut Written::default());
        arrows.iter().map(|arrow| (arrow.number, arrow.phase, arrow.track, arrow.at)).collect()
    }

    #[test]
    fn an_arrow_follows_a_message_through_the_stages() {
        let (one, other) = (Hop::new(0, 1), Hop::new(1, 1));
        let source = vec![event(0, 10, Operation::Send, one)];
        let stage = vec![event(0, 20, Operation::Receive, one), event(30, 40, Operation::Send, other)];
        let sink = vec![event(5, 50, Operation::Receive, other)];
        assert_eq!(
            drawn(vec![source, stage, sink]),
            [(1, 's', 0, 0), (1, 't', 1, 19), (1, 't', 1, 30), (1, 'f', 2, 49)]
        );
    }

    #[test]
    fn only_a_message_with_both_ends_has_an_arrow() {
        let [lost, first, second] = [1, 2, 3].map(|send| Hop::new(0, send));
        let source = vec![
            event(0, 1, Operation::Send, lost),
            event(1, 2, Operation::Send, first),
            event(2, 3, Operation::Send, second),
        ];
        let sink = vec![
            event(0, 5, Operation::Receive, second),
            event(6, 7, Operation::Receive, UNKNOWN),
            event(7, 8, Operation::Receive, first),
        ];
        assert_eq!(
            drawn(vec![source, sink]),
            [(1, 's', 0, 1), (1, 'f', 1, 7), (2, 's', 0, 2), (2, 'f', 1, 4)]
        );
    }

    #[test]
    fn the_slices_of_a_track_follow_one_another() {
        let hop = Hop::new(0, 1);
        let events = [
            event(5, 5, Operation::Send, hop),
            event(5, 9, Operation::Send, hop),
            event(9, 12, Operation::Send, hop),
        ];
        let spans: Vec<_> = spans(&events).iter().map(|span| (span.began, span.ended)).collect();
        assert_eq!(spans, [(5, 6), (6, 9), (9, 12)]);
    }

    #[test]
    fn a_moment_keeps_its_nanoseconds() {
        assert_eq!([micros(0), micros(7), micros(1_234_567)], ["0.000", "0.007", "1234.567"]);
    }
}
