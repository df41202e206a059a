//! A run: every channel in a process of its own, measured in interleaved blocks, and every round kept.
//!
//! [`schedule`] carries a plan ([`plan_file`]) out, [`runner`] drives one runner, [`claims`] holds its replies
//! against the request and the clock, and [`journal`] keeps the rounds in a folder that belongs to one process
//! ([`run_folder`]). [`program`] says which programs ran them, and [`shortage`] what the machine lacked.
//! [`supervisor`] starts and ends every child process, and [`cargo`] is the one way to run cargo. Nothing is
//! analysed here.
//!
//! # Why epochs
//!
//! The memory layout of a process decides how well two of its threads share a channel, for as long as the
//! process lives. So rounds of two processes differ by more than their noise, even when both run the same
//! code. A run is therefore divided into *epochs*: each restarts all runners and has blocks of every group.
//! An epoch is one draw of everything that stays fixed within a process, and comparisons are made between
//! epochs.

// What people read goes through `wording::terminal`.
#![cfg_attr(not(test), warn(clippy::print_stdout, clippy::print_stderr))]

pub mod article;
pub mod cargo;
pub mod claims;
pub mod conformance;
pub mod go;
pub mod journal;
pub mod plan_file;
pub mod program;
pub mod progress;
mod replace;
pub mod run_folder;
pub mod runner;
pub mod sandbox;
pub mod schedule;
pub mod shortage;
mod stop;
pub mod supervisor;

pub use self::replace::{NotReplaced, replace, replace_by};
pub use self::stop::{StopSignal, stop_request, stopped_by};
