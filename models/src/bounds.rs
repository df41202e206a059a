//! The bounds of an exploration: the model's own, and those that the environment sets instead.
//!
//! Most mistakes in concurrent code show with two preemptions or fewer (M. Musuvathi and S. Qadeer,
//! "Iterative context bounding for systematic testing of multithreaded programs", 2007), and each further
//! preemption multiplies loom's executions by about ten. A switch at a wait or at the end of a thread is not
//! a preemption and is never bounded. Shuttle tries a number of schedules and says nothing about the others.

use std::collections::BTreeMap;
use std::env::{self, VarError};
use std::str::FromStr;
use std::time::Duration;

use contract::shard::{NoShard, Shard};
use contract::sync::{Bounds, EXPLORER, ExplorationPlan, Explored, Explorer, Reached};
use records::model_report::{Coverage, DEADLINE_VARIABLE, ExplorationBounds, ExplorationLimit, ModelVerdict};

/// The environment variable that replaces loom's preemption bound in every model that has one: a number, or
/// `all` for every schedule. A model without a bound is small enough for every schedule.
pub const PREEMPTIONS: &str = "CHANLAB_LOOM_PREEMPTIONS";

/// The environment variable that replaces loom's limit of scheduling points in every model.
pub const BRANCHES: &str = "CHANLAB_LOOM_BRANCHES";

/// The environment variable with loom's time limit for each model, in seconds: few preemptions are explored
/// first, then more.
pub const TIME: &str = "CHANLAB_LOOM_SECONDS";

/// The environment variable that replaces the number of shuttle's schedules in every model.
pub const SCHEDULES: &str = "CHANLAB_SHUTTLE_ITERATIONS";

/// The environment variable that replaces the depth of shuttle's PCT schedules.
pub const DEPTH: &str = "CHANLAB_SHUTTLE_DEPTH";

/// The environment variable that replaces shuttle's seed.
pub const SEED: &str = "CHANLAB_SHUTTLE_SEED";

/// The environment variable that replays one of shuttle's schedules, as the report of a failure has it.
pub const REPLAY: &str = "CHANLAB_SHUTTLE_SCHEDULE";

/// The environment variable with the shard, I/N. Shuttle shards the schedules of each model; loom, which
/// explores a model whole or not at all, shards the models.
pub const SHARD: &str = "CHANLAB_SHARD";

/// The environment variable with the seconds after which a model without a step has hung.
pub const DEADLINE: &str = DEADLINE_VARIABLE;

/// The deadline unless the environment has another: far more than any code takes between two steps.
const DEFAULT_DEADLINE: f64 = 40.0;

/// The settings that the replay of a failure repeats.
const SETTINGS: [&str; 5] = [PREEMPTIONS, BRANCHES, TIME, DEPTH, SEED];

/// The maximum number of scheduling points in one of loom's executions. The longest model needs a few
/// hundred, so an execution that reaches the limit is spinning.
const MAX_BRANCHES: usize = 2_000;

/// Shuttle's schedules of a model, which take about a second.
const SCHEDULES_PER_MODEL: u64 = 10_000;

/// Most mistakes need one or two constraints between threads.
const PCT_DEPTH: usize = 3;

/// Arbitrary, but the same in every run, so that a run can be repeated.
const DEFAULT_SEED: u64 = 20_241_124;

/// The default bounds, for three threads with a few messages each.
pub const DEFAULT: Bounds = at_most(3);

/// No bound of preemptions, for two threads.
pub const EVERY_SCHEDULE: Bounds = Bounds { preemptions: None, ..at_most(0) };

/// With loom, all schedules of at most this many preemptions.
pub const fn at_most(preemptions: usize) -> Bounds {
    Bounds {
        preemptions: Some(preemptions),
        branches: MAX_BRANCHES,
        schedules: SCHEDULES_PER_MODEL,
        depth: PCT_DEPTH,
    }
}

/// A number of threads or messages: `few` for loom, which tries every schedule, and `more` for shuttle.
pub const fn sized(few: usize, more: usize) -> usize {
    match EXPLORER {
        Explorer::Shuttle => more,
        Explorer::Loom | Explorer::Threads => few,
    }
}

/// The bounds of a plan, as a report has them.
pub(crate) fn report(plan: &ExplorationPlan) -> ExplorationBounds {
    let bounds = plan.bounds;
    match EXPLORER {
        Explorer::Shuttle => ExplorationBounds::Shuttle {
            schedules: bounds.schedules,
            depth: bounds.depth as u64,
            seed: plan.seed,
            shard: plan.shard,
            replay: plan.replay.is_some(),
        },
        Explorer::Loom | Explorer::Threads => ExplorationBounds::Loom {
            preemptions: bounds.preemptions.map(|preemptions| preemptions as u64),
            branches: bounds.branches as u64,
            seconds: plan.time.map(|time| time.as_secs_f64()),
            shard: plan.shard,
        },
    }
}

/// The coverage of an exploration that may not be exhaustive.
pub(crate) fn coverage(reached: Reached) -> Coverage {
    match reached {
        Reached::Plan => Coverage::Bounds,
        Reached::Preemptions(fewer) => Coverage::Preemptions(fewer as u64),
        Reached::Part => Coverage::Partial,
    }
}

/// The verdict on an exploration that found no failure. A time limit that leaves no bound of preemptions
/// completed cuts it short.
pub(crate) fn verdict(explored: Explored, reached: Reached) -> ModelVerdict {
    match coverage(reached) {
        Coverage::Partial => ModelVerdict::Cut { limit: ExplorationLimit::Time, coverage: Coverage::Partial },
        _ if explored.exhausted => ModelVerdict::Passed { coverage: Coverage::Exhausted },
        coverage => ModelVerdict::Passed { coverage },
    }
}

/// The plan of a model with these bounds, or with those that the environment sets instead.
///
/// # Panics
///
/// When a setting in the environment is not a valid bound.
pub(crate) fn plan(own: Bounds) -> ExplorationPlan {
    replaced(own, variable).unwrap_or_else(|wrong| panic!("{wrong}"))
}

/// The time after which a model without a step has hung.
///
/// # Panics
///
/// When the environment has no valid one.
pub(crate) fn deadline() -> Duration {
    let seconds =
        seconds(DEADLINE, DEFAULT_DEADLINE, variable(DEADLINE)).unwrap_or_else(|wrong| panic!("{wrong}"));
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// Seconds that a setting may replace.
fn seconds(name: &str, own: f64, given: Option<String>) -> Result<f64, SettingError> {
    let fits = |&seconds: &f64| seconds > 0.0 && seconds.is_finite();
    number(name, own, given, "a number of seconds above 0", fits)
}

/// The settings in the environment.
pub(crate) fn settings() -> BTreeMap<String, String> {
    SETTINGS.into_iter().filter_map(|name| Some((name.to_owned(), variable(name)?))).collect()
}

/// Whether this shard explores the model of this name.
pub(crate) fn is_in_shard(plan: &ExplorationPlan, model: &str) -> bool {
    // FNV-1a (G. Fowler, L. C. Noll, K.-P. Vo): a hash that is the same on every machine.
    let hash = model.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    EXPLORER != Explorer::Loom || plan.shard.has(hash >> 32)
}

fn variable(name: &str) -> Option<String> {
    match env::var(name) {
        Ok(value) => Some(value),
        Err(VarError::NotPresent) => None,
        // Refused below, with the variable's name.
        Err(VarError::NotUnicode(value)) => Some(value.to_string_lossy().into_owned()),
    }
}

/// A setting in the environment is no bound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum SettingError {
    #[error("{name} is `{text}`: give {expected}")]
    NoNumber { name: String, text: String, expected: String },
    #[error("{SHARD}: {0}")]
    NoShard(#[from] NoShard),
}

/// A number that a setting may replace.
fn number<N: FromStr>(
    name: &str,
    own: N,
    given: Option<String>,
    expected: &str,
    fits: impl Fn(&N) -> bool,
) -> Result<N, SettingError> {
    match given {
        None => Ok(own),
        Some(text) => text.parse().ok().filter(fits).ok_or_else(|| SettingError::NoNumber {
            name: name.to_owned(),
            text,
            expected: expected.to_owned(),
        }),
    }
}

fn replaced(own: Bounds, variable: impl Fn(&str) -> Option<String>) -> Result<ExplorationPlan, SettingError> {
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
    let seconds = seconds(TIME, 0.0, variable(TIME))?;
    let time = (seconds > 0.0).then(|| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
    let shard = match variable(SHARD) {
        None => Shard::WHOLE,
        Some(text) => text.parse::<Shard>()?,
    };
    let bounds = Bounds { preemptions, branches, schedules, depth };
    Ok(ExplorationPlan { bounds, seed, shard, replay: variable(REPLAY), time })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(own: Bounds, name: &str, value: &str) -> Result<ExplorationPlan, SettingError> {
        replaced(own, |asked| (asked == name).then(|| value.to_owned()))
    }

    #[test]
    fn the_environment_replaces_the_bounds_that_it_names() {
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
    fn a_setting_that_is_no_bound_is_refused() {
        for text in ["many", "-1", "256", ""] {
            let wrong = with(DEFAULT, PREEMPTIONS, text).expect_err(text);
            assert_eq!(
                wrong.to_string(),
                format!(
                    "CHANLAB_LOOM_PREEMPTIONS is `{text}`: give a number of preemptions up to 255, or `all`"
                )
            );
        }
        for (name, value) in
            [(TIME, "0"), (TIME, "inf"), (BRANCHES, "0"), (SCHEDULES, "0"), (DEPTH, "0"), (SEED, "-1")]
        {
            let wrong = with(DEFAULT, name, value).expect_err(name);
            assert!(wrong.to_string().starts_with(&format!("{name} is `{value}`: give a")), "{wrong}");
        }
        let wrong = with(DEFAULT, SHARD, "3/2").expect_err("no shard");
        assert!(wrong.to_string().starts_with("CHANLAB_SHARD: `3/2` is no shard"), "{wrong}");
    }

    #[test]
    fn only_a_completed_bound_of_preemptions_is_a_pass() {
        let explored = |exhausted| Explored { executions: 5, exhausted };
        let passed = |coverage| ModelVerdict::Passed { coverage };
        assert_eq!(verdict(explored(true), Reached::Plan), passed(Coverage::Exhausted));
        assert_eq!(verdict(explored(false), Reached::Plan), passed(Coverage::Bounds));
        assert_eq!(verdict(explored(false), Reached::Preemptions(1)), passed(Coverage::Preemptions(1)));
        let cut = ModelVerdict::Cut { limit: ExplorationLimit::Time, coverage: Coverage::Partial };
        assert_eq!(verdict(explored(false), Reached::Part), cut);
    }
}
