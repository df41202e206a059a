//! One execution of a model: explorer, tasks, clock, quarantine. The modules form layers; each uses lower
//! ones only.
//!
//! 1. `quarantine` (the allocator), `trace` (the last steps), `limit` (limits of the shim)
//! 2. `explorer`: loom or shuttle behind one interface
//! 3. `lifecycle` and then `leaks`: which primitives may be used, and which were left behind
//! 4. `locals`, `statics` and `initial`: values that outlive the code that makes them
//! 5. `steps`, `tasks`, `clock`, `deadline_polls`, `waits`, `parker`: how threads run and wait, each on those
//!    before it
//! 6. `execution`: begins and ends all of them

pub(crate) mod clock;
pub(crate) mod deadline_polls;
pub(crate) mod execution;
pub(crate) mod explorer;
pub(crate) mod initial;
pub(crate) mod leaks;
pub(crate) mod lifecycle;
pub(crate) mod limit;
pub(crate) mod locals;
pub(crate) mod parker;
pub(crate) mod quarantine;
pub(crate) mod statics;
pub(crate) mod steps;
pub(crate) mod tasks;
pub(crate) mod trace;
pub(crate) mod waits;
