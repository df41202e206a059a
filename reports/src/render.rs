//! Writes everything that people read: the page, one HTML file with its charts as inline SVG and without
//! scripts or external resources; the tables in the terminal; and the documents in Markdown.

pub mod article;
pub mod bucket;
pub mod changes;
pub(crate) mod channels;
pub(crate) mod charts;
pub(crate) mod checks;
pub mod choice;
pub(crate) mod colours;
pub(crate) mod criterion;
pub mod honesty;
pub(crate) mod machine;
pub mod markdown;
pub(crate) mod method;
pub(crate) mod overview;
pub mod page;
pub(crate) mod parts;
pub mod problems;
pub mod state;
pub mod terminal;
pub mod verification;
pub mod warnings;
pub(crate) mod words;
pub(crate) mod workload;
