//! Runs as a user starts them: the records of faulty runners, and of processes that are killed at any moment.

mod changes;
mod choose;
mod faults;
mod go;
mod kills;
mod orphans;
mod sandbox;
