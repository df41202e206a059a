//! The library of the command `chanlab`.
//!
//! Data flows one way: [`run`] carries out a plan and records every round; [`collect`] reads runs, criterion's files and the records
//! of models and verifications; [`analyse`] computes an [`analyse::page::Page`] of numbers from them; [`render`] writes it as one HTML
//! file. [`versions`] builds runners for other versions of a channel's crate, for runs that compare versions. [`verify`] runs every
//! method of verification on every channel and records the verdicts.

pub mod analyse;
pub mod collect;
pub mod numbers;
pub mod render;
pub mod run;
#[cfg(test)]
mod strategies;
pub mod verify;
pub mod versions;

/// A command line that names something unknown or makes no sense: exit code 2.
#[derive(Debug)]
pub struct BadArguments(pub String);

impl std::fmt::Display for BadArguments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadArguments {}
