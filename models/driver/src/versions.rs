//! Runners of other versions of a channel's crate: this project's harness, built with another version.
//!
//! Cargo resolves two compatible versions of a crate to the newer one, so they cannot be in one program. Each
//! version therefore has a small workspace in the target directory: a copy of this project's harness, the one
//! dependency replaced, and a program that serves the runner protocol. Everything else is the same: the lock
//! file, the profile, the compiler. [`source`] reads a version from the command line, [`manifest`] makes
//! cargo's files, [`workspace`] writes them, and [`build`] builds.

pub mod build;
pub mod manifest;
pub mod source;
pub mod workspace;
