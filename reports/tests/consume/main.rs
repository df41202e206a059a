//! `chanlab consume`, from its command line to what it leaves behind.

mod channels;
mod command;
mod evidence;
mod ordeal;
mod order;
mod place;
