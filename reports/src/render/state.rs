//! Whether a run is finished, in words.

use crate::analyse::runs::resume;
use crate::collect::runs::{RunData, RunState};

/// How a run that is not finished ended, and what to do, in one sentence that follows its subject; `None`
/// when it is finished.
pub fn unfinished(run: &RunData) -> Option<String> {
    sentence(run.state, &resume(&run.plan, &run.folder))
}

/// As [`unfinished`], with the command that resumes the run.
pub(crate) fn sentence(state: RunState, resume: &str) -> Option<String> {
    let how = match state {
        RunState::Done => return None,
        RunState::GoingOn(process) => {
            let who =
                process.map_or_else(|| "another process".to_owned(), |process| format!("process {process}"));
            return Some(format!("is unfinished: {who} is still measuring it, so its numbers will change"));
        }
        RunState::Stopped => "it was stopped before its plan was carried out",
        RunState::Killed => "it ended before its plan was carried out, as after a kill or a power cut",
    };
    Some(format!("is unfinished: {how}; {resume} finishes it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_finished_run_needs_no_words() {
        let words = |state| sentence(state, "chanlab run --resume DIR");
        assert_eq!(words(RunState::Done), None);
        let going_on = words(RunState::GoingOn(Some(7))).expect("unfinished");
        assert_eq!(going_on, "is unfinished: process 7 is still measuring it, so its numbers will change");
        for state in [RunState::Stopped, RunState::Killed] {
            let words = words(state).expect("unfinished");
            assert!(words.ends_with("; chanlab run --resume DIR finishes it"), "{words}");
        }
        assert!(words(RunState::GoingOn(None)).is_some_and(|words| words.contains("another process")));
    }
}
