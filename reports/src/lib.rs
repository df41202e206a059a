//! The command `chanlab`: runs, and the page that is made of them.
//!
//! Data flows one way: [`run`] carries out a plan and records every round; [`collect`] reads what runs, benchmarks and models
//! left behind; [`analyse`] makes of it a [`analyse::page::Page`] that holds everything the page says; [`render`] writes it
//! as one HTML file. [`versions`] builds runners of other versions of a channel's crate, for runs that compare them. [`verify`] has
//! every method of verification look at every channel, and records what each found out.

pub mod analyse;
pub mod collect;
pub mod numbers;
pub mod render;
pub mod run;
#[cfg(test)]
mod strategies;
pub mod verify;
pub mod versions;

/// The command line asks for what does not exist or makes no sense: exit code 2.
#[derive(Debug)]
pub struct BadArguments(pub String);

impl std::fmt::Display for BadArguments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadArguments {}
