//! The command and its page, over runs and benchmarks that the tests write, and over benchmarks of mutants.

mod article;
mod command;
mod criterion;
mod fixture;
mod hostile;
mod log;
mod markdown;
mod page;
mod planted;
mod sandboxed;
mod timeline;
