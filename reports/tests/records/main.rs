//! The records of a run and of verifications under damage, contradiction and sheer size.

mod contradictions;
mod limits;
mod mutated;
mod recorded;
mod shared;
mod verdicts;
