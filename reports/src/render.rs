//! The page as one HTML file: charts as SVG inside it, no script, nothing fetched. And the article's document, in Markdown.

pub mod article;
pub mod changes;
pub mod channels;
pub mod charts;
pub mod checks;
pub mod colours;
pub mod machine;
pub mod markdown;
pub mod method;
pub mod overview;
pub mod page;
pub mod terminal;
pub mod verification;
pub mod workload;
