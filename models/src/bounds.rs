//! How far a model is explored: its own bounds, and what the environment asks for instead.
//!
//! Most mistakes in concurrent code show with two preemptions or fewer (M. Musuvathi and S. Qadeer, "Iterative context
//! bounding for systematic testing of multithreaded programs", 2007), and each further one multiplies loom's executions by
//! about ten. Switches at a wait or at the end of a thread are no preemptions and never bounded. Shuttle tries a number of
//! schedules and says nothing of the others.

use std::env::{self, VarError};
use std::str::FromStr;
use std::time::Duration;

use harness::shard::Shard;
use harness::sync::{Bounds, EXPLORER, Explorer, Plan, Reached};

/// The environment variable that replaces loom's preemption bound of every model that has one: a number, or `all` for every
/// schedule. A model that has none is small enough for every schedule at any time.
pub const PREEMPTIONS: &str = "CHANLAB_LOOM_PREEMPTIONS";

/// The environment variable that replaces loom's limit of scheduling points of every model.
pub const BRANCHES: &str = "CHANLAB_LOOM_BRANCHES";

/// The environment variable that bounds loom's time for each model, in seconds: it begins with few preemptions and goes on to more.
pub const TIME: &str = "CHANLAB_LOOM_SECONDS";

/// The environment variable that replaces the number of shuttle's schedules of every model.
pub const SCHEDULES: &str = "CHANLAB_SHUTTLE_ITERATIONS";

/// The environment variable that replaces the depth of shuttle's PCT schedules.
pub const DEPTH: &str = "CHANLAB_SHUTTLE_DEPTH";

/// The environment variable that replaces shuttle's seed.
pub const SEED: &str = "CHANLAB_SHUTTLE_SEED";

/// The environment variable that replays one of shuttle's schedules, as a failure told it.
pub const REPLAY: &str = "CHANLAB_SHUTTLE_SCHEDULE";

/// The environment variable that asks for a part: I/N. Shuttle's schedules are split, and loom's models, which are explored whole
/// or not at all.
pub const SHARD: &str = "CHANLAB_SHARD";

/// All settings that a failure repeats.
const SETTINGS: [&str; 5] = [PREEMPTIONS, BRANCHES, TIME, DEPTH, SEED];

/// Scheduling points of one of loom's executions. The longest model needs some hundred: one that reaches this spins for ever.
const BRANCH_LIMIT: usize = 2_000;

/// Shuttle's schedules of a model: a second or so.
const SCHEDULES_OF_A_MODEL: u64 = 10_000;

/// Most mistakes need one or two constraints between threads.
const PCT_DEPTH: usize = 3;

/// Any number would do; the same one each time, so that a run can be repeated.
const DEFAULT_SEED: u64 = 20_241_124;

/// The bounds of a model that says no others: three threads with a few messages each.
pub const DEFAULT: Bounds = at_most(3);

/// No bound for loom, for two threads.
pub const EVERY_SCHEDULE: Bounds = Bounds { preemptions: None, ..at_most(0) };

/// With loom all schedules of at most so many preemptions.
pub const fn at_most(preemptions: usize) -> Bounds {
    Bounds {
        preemptions: Some(preemptions),
        branches: BRANCH_LIMIT,
        schedules: SCHEDULES_OF_A_MODEL,
        depth: PCT_DEPTH,
    }
}

/// A number of threads or messages: few for loom, which tries every schedule, and more for shuttle.
pub const fn sized(few: usize, more: usize) -> usize {
    match EXPLORER {
        Explorer::Shuttle => more,
        Explorer::Loom | Explorer::Threads => few,
    }
}

/// What is explored, in words, and of that what was `reached`.
pub fn in_words(plan: &Plan, reached: Reached) -> String {
    let bounds = plan.bounds;
    if EXPLORER == Explorer::Shuttle {
        if plan.replay.is_some() {
            return "one schedule, replayed".to_owned();
        }
        let part =
            if plan.shard == Shard::WHOLE { String::new() } else { format!("part {} of ", plan.shard) };
        return format!(
            "{part}{} random and PCT schedules (depth {}), seed {}",
            bounds.schedules, bounds.depth, plan.seed
        );
    }
    let schedules = match reached {
        Reached::Plan => all_schedules(bounds.preemptions),
        Reached::Preemptions(fewer) => format!("{} and some of more", all_schedules(Some(fewer))),
        Reached::Part => format!("some of {}", all_schedules(bounds.preemptions)),
    };
    format!("{schedules}, {} branches at most", bounds.branches)
}

fn all_schedules(preemptions: Option<usize>) -> String {
    match preemptions {
        None => "every schedule".to_owned(),
        Some(0) => "all schedules without a preemption".to_owned(),
        Some(1) => "all schedules of at most 1 preemption".to_owned(),
        Some(preemptions) => format!("all schedules of at most {preemptions} preemptions"),
    }
}

/// A model's own bounds, or what the environment asks for instead.
///
/// # Panics
///
/// When the environment asks for something that is no bound.
pub(crate) fn asked(own: Bounds) -> Plan {
    replaced(own, variable).unwrap_or_else(|wrong| panic!("{wrong}"))
}

/// The environment's settings, as they are typed before a command; empty when there are none.
pub(crate) fn settings() -> String {
    SETTINGS.into_iter().filter_map(|name| Some(format!("{name}={} ", variable(name)?))).collect()
}

/// Whether loom explores the model of this name in this part.
pub(crate) fn is_in_shard(plan: &Plan, model: &str) -> bool {
    // FNV-1a (G. Fowler, L. C. Noll, K.-P. Vo): a number of a name that is the same on every machine.
    let hash = model.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    EXPLORER != Explorer::Loom || plan.shard.has(hash >> 32)
}

fn variable(name: &str) -> Option<String> {
    match env::var(name) {
        Ok(value) => Some(value),
        Err(VarError::NotPresent) => None,
        // Refused below, by name.
        Err(VarError::NotUnicode(value)) => Some(value.to_string_lossy().into_owned()),
    }
}

/// A setting that is a number of this type.
fn number<N: FromStr>(
    name: &str,
    own: N,
    given: Option<String>,
    expected: &str,
    fits: impl Fn(&N) -> bool,
) -> Result<N, String> {
    match given {
        None => Ok(own),
        Some(text) => {
            text.parse().ok().filter(fits).ok_or_else(|| format!("{name} is `{text}`: give {expected}"))
        }
    }
}

fn replaced(own: Bounds, variable: impl Fn(&str) -> Option<String>) -> Result<Plan, String> {
    let preemptions = match variable(PREEMPTIONS) {
        Some(text) if text == "all" => None,
        given => {
            // Loom counts them in a byte.
            let expected = format!("a number of preemptions up to {}, or `all`", u8::MAX);
            let asked = number(PREEMPTIONS, own.preemptions.unwrap_or(0) as u8, given, &expected, |_| true)?;
            own.preemptions.and(Some(asked.into()))
        }
    };
    let at_least_1 = "a number of scheduling points, 1 or more";
    let branches = number(BRANCHES, own.branches, variable(BRANCHES), at_least_1, |&branches| branches > 0)?;
    let at_least_1 = "a number of schedules, 1 or more";
    let schedules =
        number(SCHEDULES, own.schedules, variable(SCHEDULES), at_least_1, |&schedules| schedules > 0)?;
    let depth = number(DEPTH, own.depth, variable(DEPTH), "a depth, 1 or more", |&depth| depth > 0)?;
    let seed = number(SEED, DEFAULT_SEED, variable(SEED), "a number of 64 bits", |_| true)?;
    let seconds = number(TIME, 0.0, variable(TIME), "a number of seconds above 0", |&seconds: &f64| {
        seconds > 0.0 && seconds.is_finite()
    })?;
    let time = (seconds > 0.0).then(|| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
    let shard = match variable(SHARD) {
        None => Shard::WHOLE,
        Some(text) => text.parse().map_err(|error| format!("{SHARD}: {error}"))?,
    };
    let bounds = Bounds { preemptions, branches, schedules, depth };
    Ok(Plan { bounds, seed, shard, replay: variable(REPLAY), time })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(own: Bounds, name: &str, value: &str) -> Result<Plan, String> {
        replaced(own, |asked| (asked == name).then(|| value.to_owned()))
    }

    #[test]
    fn the_environment_replaces_what_it_names() {
        let bounds = |own, name, value| with(own, name, value).map(|plan| plan.bounds);
        assert_eq!(replaced(DEFAULT, |_| None).map(|plan| plan.bounds), Ok(DEFAULT));
        assert_eq!(bounds(DEFAULT, PREEMPTIONS, "2"), Ok(at_most(2)));
        assert_eq!(bounds(EVERY_SCHEDULE, PREEMPTIONS, "2"), Ok(EVERY_SCHEDULE));
        assert_eq!(bounds(DEFAULT, PREEMPTIONS, "all"), Ok(EVERY_SCHEDULE));
        assert_eq!(bounds(DEFAULT, BRANCHES, "7"), Ok(Bounds { branches: 7, ..DEFAULT }));
        assert_eq!(bounds(DEFAULT, SCHEDULES, "7"), Ok(Bounds { schedules: 7, ..DEFAULT }));
        assert_eq!(bounds(DEFAULT, DEPTH, "7"), Ok(Bounds { depth: 7, ..DEFAULT }));
        assert_eq!(with(DEFAULT, SEED, "7").map(|plan| plan.seed), Ok(7));
        assert_eq!(with(DEFAULT, TIME, "0.5").map(|plan| plan.time), Ok(Some(Duration::from_millis(500))));
        assert_eq!(with(DEFAULT, SHARD, "2/3").map(|plan| plan.shard), Ok(Shard { index: 2, of: 3 }));
    }

    #[test]
    fn what_is_no_bound_is_refused_with_what_would_be_one() {
        for text in ["many", "-1", "256", ""] {
            let wrong = with(DEFAULT, PREEMPTIONS, text).expect_err(text);
            assert_eq!(
                wrong,
                format!(
                    "CHANLAB_LOOM_PREEMPTIONS is `{text}`: give a number of preemptions up to 255, or `all`"
                )
            );
        }
        for (name, value) in
            [(TIME, "0"), (TIME, "inf"), (BRANCHES, "0"), (SCHEDULES, "0"), (DEPTH, "0"), (SEED, "-1")]
        {
            let wrong = with(DEFAULT, name, value).expect_err(name);
            assert!(wrong.starts_with(&format!("{name} is `{value}`: give a")), "{wrong}");
        }
        let wrong = with(DEFAULT, SHARD, "3/2").expect_err("no shard");
        assert!(wrong.starts_with("CHANLAB_SHARD: `3/2` is no shard"), "{wrong}");
    }

    #[cfg(not(shuttle))]
    #[test]
    fn bounds_are_told_in_words() {
        let words =
            |bounds| in_words(&replaced(bounds, |_| None).expect("no setting is wrong"), Reached::Plan);
        assert_eq!(words(EVERY_SCHEDULE), "every schedule, 2000 branches at most");
        assert_eq!(words(at_most(2)), "all schedules of at most 2 preemptions, 2000 branches at most");
        let plan = replaced(EVERY_SCHEDULE, |_| None).expect("no setting is wrong");
        assert_eq!(
            in_words(&plan, Reached::Preemptions(1)),
            "all schedules of at most 1 preemption and some of more, 2000 branches at most"
        );
        assert_eq!(in_words(&plan, Reached::Part), "some of every schedule, 2000 branches at most");
    }
}
