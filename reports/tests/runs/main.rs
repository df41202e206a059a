//! Runs, as a user starts them: what is recorded when runners misbehave, and when anything is killed at any moment.

mod changes;
mod choose;
mod faults;
mod go;
mod kills;
mod sandbox;
