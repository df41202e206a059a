//! How far a model is explored: its own bounds, and what the environment asks for instead.
//!
//! Most mistakes in concurrent code show with two preemptions or fewer (M. Musuvathi and S. Qadeer, "Iterative context
//! bounding for systematic testing of multithreaded programs", 2007), and each further one multiplies the executions by
//! about ten. Switches at a wait or at the end of a thread are no preemptions and never bounded.

use std::env::{self, VarError};

use harness::sync::Bounds;

/// The environment variable that replaces the preemption bound of every model that has one: a number, or `all` for every
/// schedule. A model that has none is small enough for every schedule at any time.
pub const PREEMPTIONS: &str = "CHANLAB_LOOM_PREEMPTIONS";

/// The environment variable that replaces the limit of scheduling points of every model.
pub const BRANCHES: &str = "CHANLAB_LOOM_BRANCHES";

/// Scheduling points of one execution. The longest model needs some hundred: one that reaches this spins for ever.
const BRANCH_LIMIT: usize = 2_000;

/// The bounds of a model that says no others: three threads with a few messages each.
pub const DEFAULT: Bounds = at_most(3);

/// No bound, for two threads.
pub const EVERY_SCHEDULE: Bounds = Bounds { preemptions: None, branches: BRANCH_LIMIT };

/// All schedules of at most so many preemptions.
pub const fn at_most(preemptions: usize) -> Bounds {
    Bounds { preemptions: Some(preemptions), branches: BRANCH_LIMIT }
}

/// The bounds in words.
pub fn in_words(bounds: Bounds) -> String {
    let schedules = match bounds.preemptions {
        None => "every schedule".to_owned(),
        Some(0) => "all schedules without a preemption".to_owned(),
        Some(1) => "all schedules of at most 1 preemption".to_owned(),
        Some(preemptions) => format!("all schedules of at most {preemptions} preemptions"),
    };
    format!("{schedules}, {} branches at most", bounds.branches)
}

/// A model's own bounds, or what the environment asks for instead.
///
/// # Panics
///
/// When the environment asks for something that is no bound.
pub(crate) fn asked(own: Bounds) -> Bounds {
    replaced(own, variable(PREEMPTIONS).as_deref(), variable(BRANCHES).as_deref())
        .unwrap_or_else(|wrong| panic!("{wrong}"))
}

/// The environment's settings, as they are typed before a command; empty when there are none.
pub(crate) fn settings() -> String {
    [PREEMPTIONS, BRANCHES]
        .into_iter()
        .filter_map(|name| Some(format!("{name}={} ", variable(name)?)))
        .collect()
}

fn variable(name: &str) -> Option<String> {
    match env::var(name) {
        Ok(value) => Some(value),
        Err(VarError::NotPresent) => None,
        // Refused below, by name.
        Err(VarError::NotUnicode(value)) => Some(value.to_string_lossy().into_owned()),
    }
}

fn replaced(own: Bounds, preemptions: Option<&str>, branches: Option<&str>) -> Result<Bounds, String> {
    let preemptions = match preemptions {
        None => own.preemptions,
        Some("all") => None,
        // Loom counts them in a byte.
        Some(text) => {
            let asked = text.parse::<u8>().map_err(|_| {
                format!("{PREEMPTIONS} is `{text}`: give a number of preemptions up to {}, or `all`", u8::MAX)
            })?;
            own.preemptions.and(Some(asked.into()))
        }
    };
    let branches = match branches {
        None => own.branches,
        Some(text) => text.parse().ok().filter(|&branches| branches > 0).ok_or_else(|| {
            format!("{BRANCHES} is `{text}`: give a number of scheduling points, 1 or more")
        })?,
    };
    Ok(Bounds { preemptions, branches })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_replaces_what_it_names() {
        assert_eq!(replaced(DEFAULT, None, None), Ok(DEFAULT));
        assert_eq!(replaced(DEFAULT, Some("2"), None), Ok(at_most(2)));
        assert_eq!(replaced(EVERY_SCHEDULE, Some("2"), None), Ok(EVERY_SCHEDULE));
        assert_eq!(replaced(DEFAULT, Some("all"), None), Ok(EVERY_SCHEDULE));
        assert_eq!(replaced(DEFAULT, None, Some("7")), Ok(Bounds { branches: 7, ..DEFAULT }));
    }

    #[test]
    fn what_is_no_bound_is_refused_with_what_would_be_one() {
        for text in ["many", "-1", "256", ""] {
            let wrong = replaced(DEFAULT, Some(text), None).expect_err(text);
            assert_eq!(
                wrong,
                format!(
                    "CHANLAB_LOOM_PREEMPTIONS is `{text}`: give a number of preemptions up to 255, or `all`"
                )
            );
        }
        let wrong = replaced(DEFAULT, None, Some("0")).expect_err("an execution without a scheduling point");
        assert!(wrong.starts_with("CHANLAB_LOOM_BRANCHES is `0`"), "{wrong}");
    }

    #[test]
    fn bounds_are_told_in_words() {
        assert_eq!(in_words(EVERY_SCHEDULE), "every schedule, 2000 branches at most");
        assert_eq!(in_words(at_most(2)), "all schedules of at most 2 preemptions, 2000 branches at most");
    }
}
