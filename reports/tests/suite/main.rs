//! The command and its page: from data made here in criterion's form, and from benchmarks of channels with planted faults.

mod article;
mod command;
mod fixture;
mod markdown;
mod page;
mod planted;
