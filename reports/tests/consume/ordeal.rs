//! `kill -9` and SIGTERM at random moments, with slow workers, failing messages and dead letters: nothing is lost, the
//! order of each key is kept, and nothing is repeated that was committed.

use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use testing::moments::{grown, passed};

use crate::evidence::{Committed, Evidence};
use crate::place::Place;

/// What happens to a consumer.
struct Fire {
    seed: u64,
    kills: usize,
    terminations: usize,
    /// Messages in the log for each life, somewhat more than it processes.
    per_life: usize,
}

/// The time limit for a consumer that goes on.
const LIMIT: Duration = Duration::from_secs(120);

/// The grace of the consumer, in seconds.
const GRACE: f64 = 10.0;

/// The longest time after which a process is killed without regard to what it has written.
const EARLY: Duration = Duration::from_millis(60);

/// The longest time that a life takes when nothing is left to consume.
const IDLE: Duration = Duration::from_millis(400);

/// The bytes that a sink grows by in a life, at most.
const GROWTH: u64 = 40_000;

/// The figures of an ordeal.
#[derive(Debug, Default)]
struct Ordeal {
    kills: usize,
    terminations: usize,
    processed: usize,
    dead: usize,
    repeated: usize,
    most_repeated: usize,
    /// Messages that the maps of all lives had.
    mapped: usize,
    longest_drain: f64,
    seconds: f64,
}

fn under(fire: &Fire) -> Ordeal {
    let began = Instant::now();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(fire.seed);
    let messages = (fire.per_life * (fire.kills + fire.terminations)).to_string();
    let place =
        Place::with_log(&["--partitions", "4", "--keys", "60", "--messages", &messages, "--size", "40"]);
    let (log, sink, dead) = (place.path("log"), place.path("sink"), place.path("dead"));
    let outputs = [format!("file:{}", sink.display()), format!("file:{}", dead.display())];
    let mut words = vec!["--sink", &outputs[0], "--dead-letters", &outputs[1], "--grace", "10s"];
    words.extend(["--workers", "8", "--process", "sleep:0ms..4ms", "--failing", "30", "--retries", "2"]);
    words.extend(["--retry-delay", "5ms", "--in-flight", "64", "--commit-every", "20"]);
    words.extend(["--commit-interval", "50ms"]);

    let (mut done, mut evidence) = (Ordeal::default(), Evidence::default());
    while done.kills < fire.kills || done.terminations < fire.terminations {
        let before = Committed::read(&log);
        let mut process = place.start(&words);
        let left = fire.kills - done.kills;
        let terminates = random.random_range(0..left + fire.terminations - done.terminations) >= left;
        if terminates || random.random_ratio(3, 4) {
            // The first line shows that its signals are handled.
            grown(&sink, &mut process, random.random_range(1..GROWTH), IDLE);
            passed(&mut process, Duration::from_micros(random.random_range(0..5_000)), || false);
        } else {
            passed(&mut process, EARLY.mul_f64(random.random_range(0.0..1.0)), || false);
        }
        let own = Pid::from_raw(process.id() as i32);
        kill(own, if terminates { Signal::SIGTERM } else { Signal::SIGKILL }).expect("it runs");
        assert!(!passed(&mut process, LIMIT, || false), "it does not end");
        let status = process.wait().expect("ended");
        if terminates {
            assert_eq!(status.code(), Some(0), "{status}");
            let summary = place.summary();
            let drain = summary["drain_seconds"].as_f64().expect("a number");
            assert!(drain <= GRACE, "{summary}");
            assert_eq!((&summary["drained"], &summary["stopped_by"]), (&true.into(), &"SIGTERM".into()));
            done.longest_drain = done.longest_drain.max(drain);
            done.terminations += 1;
        } else {
            assert_eq!(status.signal(), Some(9));
            done.kills += 1;
        }
        let after = Committed::read(&log);
        done.mapped += after.mapped();
        let judged = evidence.add(&sink, &dead, &before).and_then(|()| evidence.judge_commits(&after));
        let judged = judged.and_then(|()| if terminates { evidence.judge_drain(&after) } else { Ok(()) });
        judged.unwrap_or_else(|error| panic!("after {done:?}: {error}"));
    }
    let before = Committed::read(&log);
    let summary = place.consumed(&words);
    assert_eq!(summary["drained"], true);
    let judged = evidence.add(&sink, &dead, &before).and_then(|()| evidence.judge_end(&log));
    judged.and_then(|()| evidence.judge_drain(&Committed::read(&log))).expect("the end is sound");
    [done.processed, done.dead] = evidence.counts();
    (done.repeated, done.most_repeated) = (evidence.repeated, evidence.most_repeated);
    done.seconds = began.elapsed().as_secs_f64();
    done
}

#[test]
fn kills_and_drains_lose_nothing_keep_the_order_and_repeat_nothing_that_was_committed() {
    let done = under(&Fire { seed: 17, kills: 20, terminations: 4, per_life: 500 });
    println!("{done:?}");
    // Something was repeated, mapped and dead, or the checks had nothing to judge.
    assert!(done.repeated > 0 && done.mapped > 100, "{done:?}");
    assert!(done.dead > 100 && done.processed > 5_000, "{done:?}");
}

#[test]
#[ignore = "takes minutes: every night"]
fn a_long_ordeal_of_a_consumer() {
    for seed in [1, 2] {
        let done = under(&Fire { seed, kills: 60, terminations: 12, per_life: 700 });
        println!("{done:?}");
        assert!(done.repeated > 0 && done.mapped > 300 && done.dead > 300, "{done:?}");
    }
}
