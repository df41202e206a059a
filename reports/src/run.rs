//! A run: every channel in a process of its own, measured in interleaved blocks, and every round kept.
//!
//! [`plan`] says what will be measured, [`record`] has the lines that are kept and [`journal`] their file, [`runner`] drives one runner,
//! and [`engine`] carries the plan out. [`supervisor`] starts and ends every child process. Nothing is analysed here.
//!
//! # Why epochs
//!
//! Where a process happens to have its memory decides how two threads get along, and stays so for the life of the process.
//! Rounds of two processes therefore differ by more than their noise, even when both run the same code. So a run is
//! divided into *epochs*: for each of them all runners are started anew, and in each every group of cells has its blocks. An epoch is one
//! draw of everything that stays put within a process; comparisons are made between epochs.

pub mod article;
pub mod cargo;
pub mod conformance;
pub mod engine;
pub mod go;
pub mod journal;
pub mod plan;
pub mod progress;
pub mod record;
pub mod runner;
pub mod supervisor;
