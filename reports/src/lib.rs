//! The library of the command `chanlab`.
//!
//! Data flows one way: the engine carries out a plan and records every round; [`collect`] reads runs,
//! criterion's files and the records of models and verifications; [`analyse`] computes an
//! [`analyse::page::Page`] of numbers from them; [`render`] writes it as one HTML file.

// What people read goes through `wording::terminal`.
#![cfg_attr(not(test), warn(clippy::print_stdout, clippy::print_stderr))]

pub mod analyse;
pub mod collect;
pub mod exit;
pub mod gate;
pub mod render;

/// A command line that names something unknown or makes no sense: exit code 2.
#[derive(Debug)]
pub struct BadArguments(pub String);

impl std::fmt::Display for BadArguments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadArguments {}
