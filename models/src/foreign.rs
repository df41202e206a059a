//! Texts of other projects: the panic messages of loom and shuttle, and the format of std's backtraces.
//!
//! None of the three offers this as data. The texts are those of loom 0.7.3, shuttle 0.9.10 and std of Rust
//! 1.95; this module is the only place that reads them, and an update of one of the crates may need a change
//! here. A text that is not recognised never becomes a pass: a limit of loom's is then a failure, a deadlock
//! lists no threads.

use records::model_report::{ExplorationLimit, Frame};

/// The limit of loom that a panic with this message reports as exceeded.
pub(crate) fn loom_limit(message: &str) -> Option<ExplorationLimit> {
    let known = [
        ("Model exceeded maximum number of branches", ExplorationLimit::Branches),
        ("assertion failed: self.threads.len() < self.max()", ExplorationLimit::Threads),
    ];
    known.into_iter().find(|(begins, _)| message.starts_with(begins)).map(|(_, limit)| limit)
}

/// How two executions differ, when a panic with this message reports that loom met other choices than before.
pub(crate) fn loom_diverged(message: &str) -> Option<&'static str> {
    let has_begun = message.starts_with("Reached unexpected exploration state");
    has_begun.then_some("loom met another choice than in the execution before")
}

/// The threads that wait in the deadlock that a panic with this message reports; `None` of another panic.
/// Shuttle lists each as `name (task name(N))`; loom lists none. The first thread waits for the model and is
/// left out.
pub(crate) fn deadlock(message: &str) -> Option<Vec<u64>> {
    let rest = message.strip_prefix("deadlock")?;
    let Some(list) = rest.strip_prefix("! blocked tasks: [") else { return Some(Vec::new()) };
    let number = |task: &str| task.split_once(')')?.0.rsplit_once('(')?.1.parse().ok();
    Some(list.split(", ").filter_map(number).filter(|&thread| thread != 0).collect())
}

/// The frames of a backtrace as std prints it: `N: function`, and `at file:line:column` in the line after it.
pub(crate) fn frames(backtrace: &str) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    for line in backtrace.lines().map(str::trim) {
        if let Some(place) = line.strip_prefix("at ") {
            if let Some(frame) = frames.last_mut() {
                frame.place = Some(place.to_owned());
            }
        } else if let Some((_, function)) = line.split_once(": ").filter(|(n, _)| n.parse::<u32>().is_ok()) {
            frames.push(Frame { function: function.to_owned(), place: None });
        }
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuttle_lists_the_threads_of_a_deadlock() {
        let message = "deadlock! blocked tasks: [main-thread (task main-thread(0)), \
                       <unknown> (task main-thread(1)), <unknown> (task main-thread(12))]";
        assert_eq!(deadlock(message), Some(vec![1, 12]));
        assert_eq!(deadlock("deadlock; threads = [(Id(0), Blocked)]"), Some(vec![]));
        assert_eq!(deadlock("an update was lost"), None);
    }

    #[test]
    fn loom_names_its_limits() {
        let branches = "Model exceeded maximum number of branches. This is often caused by an algorithm";
        assert_eq!(loom_limit(branches), Some(ExplorationLimit::Branches));
        let threads = "assertion failed: self.threads.len() < self.max()";
        assert_eq!(loom_limit(threads), Some(ExplorationLimit::Threads));
        assert_eq!(loom_limit("assertion failed: left == right"), None);
    }

    #[test]
    fn a_frame_has_a_function_and_a_place() {
        let text = "   0: std::backtrace\n             at /rust/a.rs:1:1\n   1: drop\n   2: main\n             at ./source/src/b.rs:9:2\n";
        let frame = |function: &str, place: Option<&str>| Frame {
            function: function.to_owned(),
            place: place.map(str::to_owned),
        };
        assert_eq!(
            frames(text),
            [
                frame("std::backtrace", Some("/rust/a.rs:1:1")),
                frame("drop", None),
                frame("main", Some("./source/src/b.rs:9:2")),
            ]
        );
    }
}
