//! A timeline as a file: it is what Perfetto can show, and its times are those of a known schedule.

use std::collections::BTreeMap;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use baseline::MutexDeque;
use contract::channel::{Capacity, Channel, Receiver, Sender};
use serde_json::Value;
use service_trace::chrome;
use service_trace::timeline::{Recorded, Recording, Timeline};
use service_trace::traced::Traced;

type Own = Traced<MutexDeque, Recorded>;

/// A slice of a file, in nanoseconds.
#[derive(Clone, Debug)]
struct Slice {
    track: u64,
    began: u64,
    ended: u64,
    name: String,
}

/// The slices of a file in which everything is as it has to be.
fn checked(json: &str) -> Result<Vec<Slice>, String> {
    let file: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let events = file["traceEvents"].as_array().ok_or("no events")?;
    let nanos = |event: &Value, name: &str| {
        let micros = event[name].as_f64().ok_or_else(|| format!("no {name} in {event}"))?;
        Ok::<u64, String>((micros * 1_000.0).round() as u64)
    };
    let mut slices: Vec<Slice> = Vec::new();
    let mut names = BTreeMap::new();
    let mut arrows: BTreeMap<u64, Vec<(String, u64, u64)>> = BTreeMap::new();
    for event in events {
        let track = event["tid"].as_u64().ok_or("no track")?;
        match event["ph"].as_str().ok_or("no phase")? {
            "M" if event["name"] == "thread_name" => {
                names.insert(track, event["args"]["name"].clone());
            }
            "M" => {}
            "X" => {
                let (began, dur) = (nanos(event, "ts")?, nanos(event, "dur")?);
                let name = event["name"].as_str().ok_or("no name")?.to_owned();
                slices.push(Slice { track, began, ended: began + dur, name });
            }
            phase @ ("s" | "t" | "f") => {
                let id = event["id"].as_u64().ok_or("no id")?;
                if (phase == "s") == (event["bp"] == "e") {
                    return Err(format!("{event} is bound to another slice"));
                }
                arrows.entry(id).or_default().push((phase.to_owned(), track, nanos(event, "ts")?));
            }
            other => return Err(format!("an event of phase {other}")),
        }
    }
    let mut last: BTreeMap<u64, u64> = BTreeMap::new();
    for slice in &slices {
        if !names.contains_key(&slice.track) {
            return Err(format!("a track without a name: {slice:?}"));
        }
        let before = last.insert(slice.track, slice.ended).unwrap_or(0);
        if slice.began < before || slice.ended <= slice.began {
            return Err(format!("{slice:?} overlaps what ended at {before}"));
        }
    }
    for (id, points) in &arrows {
        let phases: String = points.iter().map(|(phase, ..)| phase.as_str()).collect();
        if !(phases.starts_with('s') && phases.ends_with('f') && phases.len().is_multiple_of(2))
            || phases[1..phases.len() - 1].contains(['s', 'f'])
        {
            return Err(format!("arrow {id} goes {phases}"));
        }
        for (_, track, at) in points {
            let lies = |slice: &&Slice| slice.track == *track && slice.began <= *at && *at < slice.ended;
            match slices.iter().find(lies) {
                Some(slice) if slice.name != chrome::AT_WORK => {}
                _ => return Err(format!("arrow {id} has a point outside: track {track} at {at}")),
            }
        }
        if !points.is_sorted_by_key(|(.., at)| *at) {
            return Err(format!("arrow {id} goes back in time: {points:?}"));
        }
    }
    Ok(slices)
}

fn written(timeline: &Timeline) -> (String, chrome::Written) {
    let mut bytes = Vec::new();
    let written = chrome::write(timeline, "a \"test\"", &mut bytes).expect("memory");
    (String::from_utf8(bytes).expect("UTF-8"), written)
}

/// Two producers, two stages, a sink; every thread named.
fn pipeline(messages: u64, bound: usize) -> Timeline {
    let recording = Recording::begin(bound);
    let (input, inputs) = Own::open::<u64>(Capacity::from_slots(4)).expect("open");
    let (output, outputs) = Own::open::<u64>(Capacity::Rendezvous).expect("open");
    let named = |name: &str| thread::Builder::new().name(name.to_owned());
    let mut threads = Vec::new();
    for _ in 0..2 {
        let input = input.clone();
        let send = move || (0..messages).for_each(|number| input.send(number).expect("a stage"));
        threads.push(named("producer").spawn(send).expect("a thread"));
        let (inputs, output) = (inputs.try_clone().expect("several"), output.clone());
        let pass = move || {
            while let Ok(number) = inputs.recv() {
                output.send(number).expect("a sink");
            }
        };
        threads.push(named("stage").spawn(pass).expect("a thread"));
    }
    drop((input, inputs, output));
    let sink = move || assert_eq!(std::iter::from_fn(|| outputs.recv().ok()).count() as u64, 2 * messages);
    threads.push(named("sink").spawn(sink).expect("a thread"));
    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    recording.finish()
}

#[test]
fn a_file_of_a_pipeline_is_what_a_viewer_needs() {
    let timeline = pipeline(500, 10_000);
    assert_eq!(timeline.missed(), 0);
    let (json, written) = written(&timeline);
    let slices = checked(&json).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(slices.len() as u64, written.slices);
    // Every message passed two channels, and one arrow follows it through both.
    assert_eq!(written.joined, 2 * 1_000);
    assert_eq!(json.matches("\"ph\":\"s\"").count(), 1_000);
    assert_eq!(json.matches("\"ph\":\"t\"").count(), 2_000);
    let names: Vec<&str> = timeline.tracks.iter().map(|track| track.name.as_str()).collect();
    assert_eq!(names.iter().filter(|name| **name == "stage").count(), 2, "{names:?}");
}

#[test]
fn a_bounded_file_is_still_what_a_viewer_needs() {
    let timeline = pipeline(500, 100);
    // 2 sends and 2 receives of each of 1,000 messages, and three disconnects.
    assert_eq!(timeline.recorded() + timeline.missed(), 4_003);
    assert_eq!(timeline.recorded(), 5 * 100);
    let (json, written) = written(&timeline);
    checked(&json).unwrap_or_else(|error| panic!("{error}"));
    assert!(written.joined < 500, "{written:?}");
}

/// A schedule that the barriers and the sleeps decide: the sender finds the channel full while the receiver is at work.
#[test]
fn the_times_are_those_of_a_known_schedule() {
    const WORK: Duration = Duration::from_millis(150);
    let recording = Recording::begin(100);
    let (sender, receiver) = Own::open::<u64>(Capacity::from_slots(1)).expect("open");
    let full = Arc::new(Barrier::new(2));
    let filled = Arc::clone(&full);
    let producer = thread::Builder::new().name("producer".to_owned()).spawn(move || {
        sender.send(0).expect("a receiver");
        filled.wait();
        let before = Instant::now();
        sender.send(1).expect("a receiver");
        let between = Instant::now();
        (before, between)
    });
    let consumer = thread::Builder::new().name("consumer".to_owned()).spawn(move || {
        full.wait();
        let before = Instant::now();
        thread::sleep(WORK);
        assert_eq!(receiver.recv(), Ok(0));
        let received = Instant::now();
        assert_eq!(receiver.recv(), Ok(1));
        thread::sleep(WORK);
        let waits = Instant::now();
        receiver.recv().expect_err("the sender is gone");
        (before, received, waits)
    });
    let (before, sent) = producer.expect("a thread").join().expect("no panic");
    let (_, received, waits) = consumer.expect("a thread").join().expect("no panic");
    let timeline = recording.finish();
    let slices = checked(&written(&timeline).0).unwrap_or_else(|error| panic!("{error}"));
    let since = |at: Instant| at.duration_since(timeline.began).as_nanos() as u64;
    let named = |track: &str, name: &str| -> Vec<&Slice> {
        let index = timeline.tracks.iter().position(|own| own.name == track).expect("a track") as u64;
        slices.iter().filter(|slice| slice.track == index + 1 && slice.name == name).collect()
    };
    let [blocked] = named("producer", "blocked in send")[..] else { panic!("{slices:?}") };
    assert!(since(before) <= blocked.began && blocked.ended <= since(sent), "{blocked:?}");
    // It waited for the work of the receiver, of which the barrier may have taken a part.
    assert!(blocked.ended - blocked.began > WORK.as_nanos() as u64 / 2, "{blocked:?}");
    let received_first = named("consumer", "receive")[0];
    assert!(received_first.ended <= since(received), "{received_first:?}");
    assert!(blocked.ended > received_first.began, "nothing left the channel before");
    // Between its last message and the disconnect it was at work.
    let work = named("consumer", chrome::AT_WORK).last().copied().cloned().expect("work");
    assert!(work.ended - work.began >= WORK.as_nanos() as u64 && work.ended <= since(waits) + 1_000_000_000);
    assert!(work.began >= received_first.ended && work.ended >= since(waits), "{work:?}");
}

/// The check finds each of these.
#[test]
fn a_planted_mistake_of_a_file_is_found() {
    let slice = |track: u64, ts: &str, dur: &str| {
        format!(r#"{{"ph":"X","pid":1,"tid":{track},"ts":{ts},"dur":{dur},"name":"send"}}"#)
    };
    let arrow = |phase: &str, track: u64, ts: &str| {
        let bind = if phase == "s" { "" } else { r#","bp":"e""# };
        format!(r#"{{"ph":"{phase}","pid":1,"tid":{track},"ts":{ts},"id":1,"name":"message"{bind}}}"#)
    };
    let file = |events: &[String]| {
        let names = [1, 2].map(|track| {
            format!(r#"{{"ph":"M","pid":1,"tid":{track},"name":"thread_name","args":{{"name":"t"}}}}"#)
        });
        let events = [&names[..], events].concat().join(",");
        checked(&format!(r#"{{"traceEvents":[{events}]}}"#)).map(|_| ())
    };
    let both = [slice(1, "1.000", "2.000"), slice(2, "1.000", "3.000")];
    let with = |arrows: &[String]| file(&[&both[..], arrows].concat());
    assert_eq!(with(&[arrow("s", 1, "1.000"), arrow("f", 2, "3.999")]), Ok(()));
    let wrong = [
        (file(&[slice(1, "1.000", "2.000"), slice(1, "2.999", "1.000")]), "overlaps"),
        (file(&[slice(1, "1.000", "0.000")]), "overlaps"),
        (file(&[slice(3, "1.000", "1.000")]), "without a name"),
        (with(&[arrow("s", 1, "1.000"), arrow("f", 2, "4.000")]), "outside"),
        (with(&[arrow("s", 1, "2.500"), arrow("f", 2, "2.499")]), "back in time"),
        (with(&[arrow("s", 1, "1.000")]), "goes s"),
        (with(&[arrow("f", 1, "1.000"), arrow("s", 2, "2.000")]), "goes fs"),
    ];
    for (result, word) in wrong {
        let error = result.expect_err(word);
        assert!(error.contains(word), "{error}");
    }
}
