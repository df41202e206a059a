//! Problems in words.

use crate::collect::contradiction::{Contradiction, RoundPlace};
use crate::collect::criterion::{BadEstimate, PLAUSIBLE_NS};
use crate::collect::problem::{Problem, Trouble};
use crate::collect::verdicts::BadRecord;
use engine::supervisor::stray_words;
use wording::numbers;

/// A problem in one line: where it is, what it is about, and what is wrong.
pub fn line(problem: &Problem) -> String {
    format!("{}: {}", problem.place(), words(problem))
}

/// A problem without its place.
pub(crate) fn words(problem: &Problem) -> String {
    let mut text = problem.subject.as_ref().map_or_else(String::new, |subject| format!("{subject}: "));
    text.push_str(&trouble(&problem.what));
    if problem.others > 0 {
        text.push_str(&format!("; and {} more like it in this file", numbers::separated(problem.others)));
    }
    text
}

fn trouble(trouble: &Trouble) -> String {
    match trouble {
        Trouble::File(what) => what.clone(),
        Trouble::Line(damage) => format!("{damage}; left out"),
        Trouble::OtherKind => "a record of something else, left out".to_owned(),
        Trouble::Run(contradiction) => of_run(contradiction),
        Trouble::Strays { epoch, processes } => format!(
            "{}; they may have slowed every channel in epoch {}",
            stray_words(processes),
            u64::from(*epoch) + 1
        ),
        Trouble::Benchmark(bad) => of_benchmark(bad),
        Trouble::Record(bad) => of_record(bad),
    }
}

/// The place of a round: `epoch 3, block 1`. The page counts both from 1.
fn place(place: RoundPlace) -> String {
    let epoch = u64::from(place.epoch) + 1;
    match place.block {
        Some(block) => format!("epoch {epoch}, block {}", u64::from(block) + 1),
        None => format!("epoch {epoch}, warm-up"),
    }
}

/// A time in its largest unit below it.
fn time(nanos: u64) -> String {
    let nanos = nanos as f64;
    match nanos {
        _ if nanos < 1e6 => format!("{} ns", numbers::measured(nanos)),
        _ if nanos < 1e9 => format!("{} ms", numbers::measured(nanos / 1e6)),
        _ => format!("{} s", numbers::measured(nanos / 1e9)),
    }
}

fn of_run(contradiction: &Contradiction) -> String {
    match contradiction {
        Contradiction::OtherPlan { named, computed } => format!(
            "the run began with another plan: its first line names the checksum {named}, and plan.json has {computed}; no cell \
             has a number"
        ),
        Contradiction::Unlinked => {
            "the line does not follow the one before it: lines were lost, moved or written twice".to_owned()
        }
        Contradiction::Repeated { first } => format!("the same round as in line {first}, counted once"),
        Contradiction::PlaceTwice { at, first } => {
            format!("{} is recorded twice, here and with other values in line {first}", place(*at))
        }
        Contradiction::UnknownGroup { group, of } => {
            format!(
                "a line of group {group}, and the plan has {}; left out",
                numbers::count(*of as u64, "group")
            )
        }
        Contradiction::UnknownEntry { entry, of } => format!(
            "a line of entry {entry}, and the plan has {of} {}; left out",
            if *of == 1 { "entry" } else { "entries" }
        ),
        Contradiction::UnknownEpoch { epoch, of } => format!(
            "epoch {}, and the plan has at most {}; left out",
            u64::from(*epoch) + 1,
            numbers::count(u64::from(*of), "epoch")
        ),
        Contradiction::UnknownBlock { block, of } => format!(
            "block {}, and the plan has {}; left out",
            u64::from(*block) + 1,
            numbers::count(u64::from(*of), "block")
        ),
        Contradiction::OtherCell { cell, planned } => {
            format!("the round says that it is of cell {cell}, and the plan calls this cell {planned}")
        }
        Contradiction::Unsized => "rounds without a size of the group before them".to_owned(),
        Contradiction::SizedTwice { messages: [one, other], first } => {
            format!("the group has a second size, {other} messages; in line {first} it has {one}")
        }
        Contradiction::OtherMessages { messages, of_group } => {
            let (least, most) = (numbers::separated(*of_group.start()), numbers::separated(*of_group.end()));
            let of_group = if least == most { least } else { format!("{least} to {most}") };
            let round = numbers::count(*messages, "message");
            format!("a round of {round}, where the group has rounds of {of_group}")
        }
        Contradiction::CapacityTwice { first } => format!("a second capacity; the first is in line {first}"),
        Contradiction::RoundNumber { number, before } => match before {
            Some(before) => format!("round {number} after round {before}: the numbers of rounds rise by one"),
            None => format!("the first round is number {number}: the numbers of rounds rise by one from 0"),
        },
        Contradiction::RoundsLost { first, last } if first == last => {
            format!("round {first} is missing before it")
        }
        Contradiction::RoundsLost { first, last } => {
            format!("the rounds {first} to {last} are missing before it")
        }
        Contradiction::Moment { at_ms, before_ms } => format!(
            "recorded at {at_ms} ms, which does not fit between the lines around it (the one before: {before_ms} ms)"
        ),
        Contradiction::OutOfRange { member, value } => {
            format!("{member} is {}, which no round can have", numbers::figure(*value))
        }
        Contradiction::PastDeadline { wall_ns, most_ns } => {
            format!("a round of {}, which chanlab would have ended after {}", time(*wall_ns), time(*most_ns))
        }
        Contradiction::LongerThanElapsed { wall_ns, elapsed_ns } => format!(
            "a round of {}, and only {} passed since the line before it",
            time(*wall_ns),
            time(*elapsed_ns)
        ),
        Contradiction::TooMuchCpu { cpu_ns, most_ns } => format!(
            "a round took {} of processor time, and all processors had {} since the line before it",
            time(*cpu_ns),
            time(*most_ns)
        ),
        Contradiction::LatencyDisorder => {
            "the times of its latency do not rise, or cannot be counted".to_owned()
        }
        Contradiction::LatencyCount { counted, expected } => format!(
            "its latency counts {}, where {} are expected",
            numbers::count(*counted, "message"),
            numbers::separated(*expected)
        ),
        Contradiction::LatencyPastRound { latency_ns, wall_ns } => {
            format!("a message took {}, and its whole round {}", time(*latency_ns), time(*wall_ns))
        }
        Contradiction::AfterClosed { closed } => {
            format!("a round after the cell failed or was found unsupported in line {closed}")
        }
        Contradiction::ClosedTwice { first } => {
            format!("the cell failed or was unsupported before, in line {first}")
        }
        Contradiction::UnsupportedWithRounds { rounds } => {
            format!("the cell is unsupported and has {}", numbers::count(*rounds as u64, "round"))
        }
        Contradiction::AfterDone { done } => {
            format!("a line after the plan was done in line {done}; left out")
        }
        Contradiction::RoundsMissing { missing, first } => format!(
            "{} missing in epochs that are over, the first in {}",
            match missing {
                1 => "1 round is".to_owned(),
                _ => format!("{} rounds are", numbers::separated(*missing)),
            },
            place(*first)
        ),
        Contradiction::EpochsMissing { missing, first } => format!(
            "{} missing from the group, the first is epoch {}",
            match missing {
                1 => "1 epoch is".to_owned(),
                _ => format!("{} epochs are", numbers::separated(u64::from(*missing))),
            },
            u64::from(*first) + 1
        ),
    }
}

fn of_benchmark(bad: &BadEstimate) -> String {
    match bad {
        BadEstimate::Twice(other) => format!("the same benchmark as in {}: neither counts", other.display()),
        BadEstimate::NoMessages => "does not say how many messages a round delivered".to_owned(),
        BadEstimate::OtherMessages { found, recorded } => format!(
            "describes rounds of {found} messages, but the record says {recorded}: it belongs to another measurement"
        ),
        BadEstimate::Implausible(time) => format!(
            "has an impossible number, {time:e}: the times of a message are from {:e} to {:e} ns",
            PLAUSIBLE_NS.start(),
            PLAUSIBLE_NS.end()
        ),
        BadEstimate::Outside { median, interval: [low, high] } => format!(
            "the median, {}, is outside of its own interval, {} to {}",
            numbers::measured(*median),
            numbers::measured(*low),
            numbers::measured(*high)
        ),
        BadEstimate::Level(level) => format!("the level of the interval is {level}, and not between 0 and 1"),
        BadEstimate::Samples { rounds, times } => {
            format!("{times} times for {} of rounds", numbers::count(*rounds as u64, "number"))
        }
        BadEstimate::OtherSamples { median, samples: [low, high] } => format!(
            "the samples, {} to {} ns/op, are of another measurement than the median, {} ns/op",
            numbers::measured(*low),
            numbers::measured(*high),
            numbers::measured(*median)
        ),
    }
}

fn of_record(bad: &BadRecord) -> String {
    let text = match bad {
        BadRecord::PassedNothing => "it passed without a case".to_owned(),
        BadRecord::PassedWithFailure(how) => format!("it did not fail, and {how}"),
        BadRecord::Time { member, value } => format!("{member} is {value}"),
        BadRecord::Shard(shard) => format!("there is no shard {shard}"),
        BadRecord::At(at) => format!("{at:?} is no moment"),
        BadRecord::Cuts { cut, models } => {
            format!("cut short in {cut} of {}", numbers::count(*models, "model"))
        }
        BadRecord::MoreThanAll { cases, all } => format!("ran out of time after {cases} cases of {all}"),
        BadRecord::OtherExecutions { cases, executions } => {
            format!("{cases} schedules, and its models have {executions}")
        }
        BadRecord::FailedExecution { execution, of } => {
            format!("execution {execution} failed, and {of} began")
        }
        BadRecord::CutExhausted => "cut short after every schedule was explored".to_owned(),
        BadRecord::NothingMeasured => "measured without a round or a message".to_owned(),
        BadRecord::Ratio { ratio, interval: [low, high] } => {
            format!("the ratio {ratio} with the interval {low} to {high}")
        }
        BadRecord::Repeated { first } => return format!("the same record as in line {first}, counted once"),
        BadRecord::Differs { first } => {
            format!("it says something else than line {first} about the same moment")
        }
    };
    format!("the record contradicts itself: {text}; left out")
}
