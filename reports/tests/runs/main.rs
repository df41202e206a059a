//! Runs as a user starts them, with faulty runners and with processes that are killed at any moment.

mod changes;
mod choose;
mod faults;
mod go;
mod kills;
mod orphans;
mod provenance;
mod quoting;
mod sandbox;
mod shortages;
mod sound;
mod strays;
mod unfinished;
