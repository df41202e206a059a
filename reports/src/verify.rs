//! Verification: every method over every channel, each in a process of its own, and what came of it recorded.
//!
//! [`program`] builds what looks at the cases, [`child`] starts it and listens, [`models`] runs the scripts of loom and shuttle,
//! [`instrumented`] their models over a published channel crate, [`evidence`] makes an outcome of their reports, [`engine`] shares the budget out and records. What the records say
//! together is for [`crate::analyse::verification`].

pub mod child;
pub mod engine;
pub mod evidence;
pub mod instrumented;
pub mod models;
pub mod program;
