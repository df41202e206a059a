//! The violation of a rule by a channel.

/// A check's expectation, and what happened instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) expected: String,
    pub(crate) happened: String,
    /// Whether the machine lacked a thread for the check, so that the channel is not to blame.
    pub(crate) is_shortage: bool,
}

impl Violation {
    pub(crate) fn new(expected: impl Into<String>, happened: impl Into<String>) -> Self {
        Violation { expected: expected.into(), happened: happened.into(), is_shortage: false }
    }

    /// A thread that the machine refused.
    pub(crate) fn shortage(thread: &str, error: &std::io::Error) -> Self {
        let happened = format!("cannot start the thread {thread} on this machine: {error}");
        Violation { is_shortage: true, ..Violation::new("a thread", happened) }
    }
}
