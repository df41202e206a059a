//! The violation of a rule by a channel.

/// A check's expectation, and what happened instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) expected: String,
    pub(crate) happened: String,
}

impl Violation {
    pub(crate) fn new(expected: impl Into<String>, happened: impl Into<String>) -> Self {
        Violation { expected: expected.into(), happened: happened.into() }
    }
}
