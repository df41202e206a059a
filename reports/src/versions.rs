//! Runners of other versions of a channel's crate: this project's own harness, built with another version.
//!
//! Two compatible versions of a crate cannot be in one program, since cargo takes the newer one for both. So each version has a small workspace of its
//! own in the target directory: a copy of this project's harness, the one dependency replaced, and a program that serves the
//! runner protocol. Everything else is equal in both: the lock file, the profile, the compiler. [`source`] reads which
//! version is meant, [`manifest`] writes cargo's files, [`workspace`] puts them down, [`build`] builds.

pub mod build;
pub mod manifest;
pub mod source;
pub mod workspace;
