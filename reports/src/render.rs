//! Writes everything that people read: the page, one HTML file with its charts as inline SVG and without scripts or external
//! resources; the tables in the terminal; and the documents in Markdown.

pub mod article;
pub mod changes;
pub mod channels;
pub mod charts;
pub mod checks;
pub mod choice;
pub mod colours;
pub mod criterion;
pub mod honesty;
pub mod machine;
pub mod markdown;
pub mod method;
pub mod overview;
pub mod page;
pub mod parts;
pub mod terminal;
pub mod verification;
pub mod warnings;
pub mod words;
pub mod workload;
