//! The command and its page, from data made here in criterion's form.

mod command;
mod fixture;
mod page;
