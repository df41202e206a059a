//! The steps of an execution: other threads may run before each.

use super::explorer::{self, Location};
use super::quarantine;
use super::trace::{self, CallSite};

/// Lets other threads run, then notes a step of this one on the primitive at `on`.
pub(crate) fn step(on: impl Into<Location>, what: &'static str, site: CallSite) {
    quarantine::assert_sound();
    explorer::step(on.into());
    note(what, site);
}

/// Notes a step.
pub(crate) fn note(what: &'static str, site: CallSite) {
    let me = explorer::me();
    explorer::acted(me);
    trace::record(me, what, site);
}
