//! Timelines in the folder of a run, one for each workload, as `chanlab round … --trace` writes them.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use records::files::read_at_most;
use serde::Deserialize;

use super::problem::{Problem, Trouble};

/// The folder of timelines in that of a run.
pub const FOLDER: &str = "timelines";

/// The longest timeline that is read, in bytes.
const MAX_LEN: u64 = 1 << 28;

/// The tracks that are drawn; the others are counted.
const DRAWN_TRACKS: usize = 12;

/// The slices of the busiest track that are drawn.
const DRAWN_SLICES: usize = 60;

/// A part of a timeline, for a small picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TimelinePart {
    /// What was recorded: a cell.
    pub title: String,
    /// The tracks.
    pub tracks: Vec<TrackPart>,
    /// Tracks that are left out.
    pub others: usize,
    /// The length of the part in microseconds.
    pub length: f64,
}

/// A track of the part.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrackPart {
    /// The name of the thread.
    pub name: String,
    /// The name, the beginning and the end of each slice, in microseconds since the part begins.
    pub slices: Vec<(String, f64, f64)>,
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "traceEvents")]
    events: Vec<Event>,
    #[serde(rename = "otherData")]
    about: About,
}

#[derive(Deserialize)]
struct About {
    title: String,
}

#[derive(Deserialize)]
struct Event {
    ph: String,
    tid: u64,
    name: String,
    #[serde(default)]
    ts: f64,
    #[serde(default)]
    dur: f64,
    #[serde(default)]
    args: Args,
}

#[derive(Default, Deserialize)]
struct Args {
    name: Option<String>,
}

/// Where the timeline of a workload belongs in the folder of a run; `None` for a name that is no name of a file.
pub fn path(run: &Path, workload: &str) -> Option<PathBuf> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (!workload.is_empty() && workload.bytes().all(is_plain))
        .then(|| run.join(FOLDER).join(format!("{workload}.json")))
}

/// Reads the timelines of these workloads, and what is wrong with them.
pub(super) fn read<'a>(
    run: &Path,
    workloads: impl Iterator<Item = &'a str>,
) -> (BTreeMap<String, TimelinePart>, Vec<Problem>) {
    let (mut parts, mut problems) = (BTreeMap::new(), Vec::new());
    for workload in workloads {
        let Some(path) = path(run, workload).filter(|_| !parts.contains_key(workload)) else { continue };
        let read = match read_at_most(&path, MAX_LEN) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => Err(error.to_string()),
            Ok(bytes) => part(&bytes).map_err(|error| format!("it is no timeline of chanlab: {error}")),
        };
        match read {
            Ok(part) => {
                parts.insert(workload.to_owned(), part);
            }
            Err(reason) => {
                let problem = Problem::of_file(path, Trouble::File(reason));
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
            }
        }
    }
    (parts, problems)
}

/// The part of a timeline that begins when all of its threads have begun.
///
/// # Errors
///
/// When the bytes are no timeline.
pub fn part(bytes: &[u8]) -> serde_json::Result<TimelinePart> {
    let File { events, about } = serde_json::from_slice(bytes)?;
    let mut tracks: BTreeMap<u64, TrackPart> = BTreeMap::new();
    for event in events {
        match (event.ph.as_str(), event.name.as_str(), event.args.name) {
            ("M", "thread_name", Some(name)) => tracks.entry(event.tid).or_default().name = name,
            ("X", ..) if event.ts >= 0.0 && event.dur >= 0.0 && (event.ts + event.dur).is_finite() => {
                let slice = (event.name, event.ts, event.ts + event.dur);
                tracks.entry(event.tid).or_default().slices.push(slice);
            }
            _ => {}
        }
    }
    let others = tracks.len().saturating_sub(DRAWN_TRACKS);
    let mut tracks: Vec<TrackPart> = tracks.into_values().take(DRAWN_TRACKS).collect();
    for track in &mut tracks {
        track.slices.sort_by(|(_, one, _), (_, other, _)| one.total_cmp(other));
    }
    let began = |track: &TrackPart| track.slices.first().map(|(_, began, _)| *began);
    let from = tracks.iter().filter_map(began).fold(0.0, f64::max);
    let end = |track: &TrackPart| {
        let mut ahead =
            track.slices.iter().filter(|(_, _, ended)| *ended > from).take(DRAWN_SLICES).peekable();
        ahead.peek()?;
        ahead.last().map(|(_, _, ended)| *ended)
    };
    let full = |track: &&TrackPart| {
        track.slices.iter().filter(|(_, _, ended)| *ended > from).count() >= DRAWN_SLICES
    };
    // The busiest track decides; a short timeline is drawn to its end.
    let busiest = tracks.iter().filter(full).filter_map(end).reduce(f64::min);
    let to = busiest.or_else(|| tracks.iter().filter_map(end).reduce(f64::max)).unwrap_or(from);
    for track in &mut tracks {
        track.slices.retain_mut(|(_, began, ended)| {
            (*began, *ended) = (began.clamp(from, to) - from, ended.clamp(from, to) - from);
            ended > began
        });
    }
    Ok(TimelinePart { title: about.title, tracks, others, length: to - from })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_begins_when_every_thread_has() {
        let file = br#"{"otherData":{"title":"a cell"},"traceEvents":[
            {"ph":"M","tid":1,"name":"thread_name","args":{"name":"one"}},
            {"ph":"X","tid":1,"ts":1.0,"dur":4.0,"name":"send"},
            {"ph":"X","tid":1,"ts":5.0,"dur":1.5,"name":"at work"},
            {"ph":"M","tid":2,"name":"thread_name","args":{"name":"other"}},
            {"ph":"X","tid":2,"ts":3.0,"dur":0.5,"name":"receive"},
            {"ph":"s","tid":2,"ts":3.1,"id":1,"name":"message"}]}"#;
        let part = part(file).expect("a timeline");
        let track = |name: &str, slices: &[(&str, f64, f64)]| TrackPart {
            name: name.to_owned(),
            slices: slices.iter().map(|(name, began, ended)| ((*name).to_owned(), *began, *ended)).collect(),
        };
        let one = track("one", &[("send", 0.0, 2.0), ("at work", 2.0, 3.5)]);
        let tracks = vec![one, track("other", &[("receive", 0.0, 0.5)])];
        assert_eq!(part, TimelinePart { title: "a cell".to_owned(), tracks, others: 0, length: 3.5 });
    }

    #[test]
    fn the_busiest_track_decides_how_long_the_part_is() {
        let slices = |tid: u64, dur: f64| {
            (0..200).map(move |place| {
                let ts = f64::from(place) * dur;
                format!(r#"{{"ph":"X","tid":{tid},"ts":{ts},"dur":{dur},"name":"send"}}"#)
            })
        };
        let events: Vec<String> = (1..=20).flat_map(|tid| slices(tid, tid as f64)).collect();
        let file = format!(r#"{{"otherData":{{"title":""}},"traceEvents":[{}]}}"#, events.join(","));
        let part = part(file.as_bytes()).expect("a timeline");
        assert_eq!((part.tracks.len(), part.others, part.length), (DRAWN_TRACKS, 8, DRAWN_SLICES as f64));
        assert_eq!(part.tracks[0].slices.len(), DRAWN_SLICES);
    }

    #[test]
    fn a_name_leads_nowhere_else() {
        for name in ["", "..", "a/b", "../x", "a\0b"] {
            assert_eq!(path(Path::new("run"), name), None, "{name:?}");
        }
        assert!(part(b"{}").is_err() && part(b"[1]").is_err());
    }
}
