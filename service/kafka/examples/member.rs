//! A member in a process of its own, for the tests that kill it. It tells in lines what happens, and works at messages for a
//! random time, at many at a time.
//!
//!     member BROKERS TOPIC GROUP cooperative|eager SESSION_MS COMMIT_EVERY SEED

#[path = "../tests/support/member.rs"]
#[expect(dead_code, reason = "a part of what the tests use")]
mod member;
#[path = "../tests/support/wait.rs"]
mod wait;

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use member::{Happened, Member};
use service_core::source::Source;
use service_kafka::{Assignor, Settings, Trouble};

/// The average number of steps for which a message is worked at.
const STEPS: u64 = 3;

/// After this time everything that is done is committed, however little it is.
const INTERVAL: Duration = Duration::from_millis(500);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [brokers, topic, group, assignor, session, commit_every, seed] = arguments.as_slice() else {
        panic!("7 arguments are expected: see the head of this file")
    };
    let mut settings = Settings::new(brokers, topic, group);
    settings.assignor = if assignor == "eager" { Assignor::Eager } else { Assignor::Cooperative };
    settings.session = Duration::from_millis(session.parse().expect("a number"));
    settings.grace = settings.session / 2;
    settings.trouble = Trouble::told_to(|line| println!("trouble {line}"));
    for (name, value) in [("heartbeat.interval.ms", "200"), ("fetch.wait.max.ms", "50")] {
        settings.more.push((name.to_owned(), value.to_owned()));
    }
    let stops = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGTERM, Arc::clone(&stops)).expect("a handler");

    let mut member = Member::with(&settings, commit_every.parse().expect("a number"), 64);
    member.holds = |_, _| true;
    let mut random: u64 = seed.parse().expect("a number");
    let (mut told, mut committed) = (0, Instant::now());
    let mut is_stopping = false;
    while !is_stopping || !member.is_over() {
        if !is_stopping && stops.load(Ordering::Relaxed) {
            is_stopping = true;
            member.drain(Some(settings.grace));
        }
        if committed.elapsed() >= INTERVAL {
            committed = Instant::now();
            member.coordinator.commit_now();
        }
        member.step();
        for job in std::mem::take(&mut member.held) {
            // Marsaglia, "Xorshift RNGs" (2003).
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            if random.is_multiple_of(STEPS) { member.finish(job) } else { member.held.push(job) }
        }
        told = tell(&member, told);
    }
    tell(&member, told);
    member.source.close().expect("it leaves");
    // The test tells by it that the member has ended by itself.
    println!("left");
}

/// Tells what happened since, a line each.
fn tell(member: &Member, told: usize) -> usize {
    let mut lines = String::new();
    for happened in member.happened.iter().skip(told) {
        lines += &format!("{}\n", line(happened));
    }
    let mut out = io::stdout().lock();
    // One write: a killed process has told of a step wholly or not at all.
    out.write_all(lines.as_bytes()).and_then(|()| out.flush()).expect("the test reads");
    member.happened.len()
}

fn line(happened: &Happened) -> String {
    match happened {
        Happened::Assigned { partition, position } => format!("assigned {partition} {position}"),
        Happened::Revoked(partition) => format!("revoked {partition}"),
        Happened::LetGo(partition) => format!("letgo {partition}"),
        Happened::Lost(partition) => format!("lost {partition}"),
        Happened::Done { partition, offset } => format!("done {partition} {offset}"),
        Happened::Stored { partition, position, metadata } => {
            format!("stored {partition} {position} {metadata}")
        }
        Happened::NotStored(partition, reason) => format!("notstored {partition} {reason}"),
    }
}
