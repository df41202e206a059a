//! `chanlab article`: reproduces the article's own benchmark and writes the document.

use std::io::Write;
use std::path::PathBuf;
use std::process;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, value_parser};
use engine::article::{Extent, MAX_MESSAGES, measure};
use engine::progress::Progress;
use engine::replace;
use engine::run_folder::RunFolder;
use records::files::{now, target_dir};
use records::text;
use reports::analyse::article::Article;
use reports::exit::{ExitWith, stopped};
use reports::gate;
use reports::render::article::{document, verdict};
use wording::terminal::stdout;

use super::measure::{seed, stop_request};

/// The path of the document in the checkout that this program was built from.
const DOCUMENT: [&str; 2] = ["docs", "article.md"];

/// The minimum number of epochs that can show a difference from the channel: the smallest p-value of 12
/// epochs is 2^-11, and Holm's adjustment for 14 comparisons requires 0.01 / 14.
const MIN_EPOCHS: i64 = 12;

/// Four times the capacity: with fewer messages the channel may never fill, and runners refuse them.
const MIN_MESSAGES: u64 = 4_096;

/// Blocks of an epoch, without the warm-up block.
const BLOCKS: u32 = 2;

/// The progress bar's first estimate.
const ABOUT: Duration = Duration::from_secs(180);

#[derive(Args)]
pub(crate) struct Arguments {
    /// The document to write [default: docs/article.md in the checkout]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The number of epochs; each restarts every process
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = value_parser!(u32).range(MIN_EPOCHS..=1_000))]
    epochs: u32,
    /// Messages in each round
    #[arg(long, value_name = "N", default_value_t = MAX_MESSAGES, value_parser = value_parser!(u64).range(MIN_MESSAGES..=MAX_MESSAGES))]
    messages: u64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let extent =
        Extent { epochs: arguments.epochs, blocks: BLOCKS, messages: arguments.messages, seed: seed() };
    let (began, machine) = (now(), runner::machine::current(&adapters::registry()));
    let folder = target_dir().join("chanlab").join("article");
    // Two measurements at once would measure each other.
    let _lock = RunFolder::lock(&folder).map_err(ExitWith::from)?;
    let record = folder.join(format!("{}-{}.jsonl", began.replace(':', ""), process::id()));
    let Some(rounds) = measure(extent, &record, stop_request()?, &Progress::new(ABOUT))? else {
        let record = record.display();
        return Err(stopped(format!("no document is written; every round so far is in {record}")).into());
    };

    let article = Article::of(&rounds, extent, machine, began);
    let output = arguments.output.clone().unwrap_or_else(document_of_the_checkout);
    replace(&output, document(&article).as_bytes()).map_err(ExitWith::from)?;
    let mut terminal = stdout();
    writeln!(
        terminal,
        "{}\nevery round is in {}\n{}",
        verdict(&article),
        text::path(&record),
        text::path(&output)
    )?;
    Ok(gate::article(&article, &rounds)?)
}

fn document_of_the_checkout() -> PathBuf {
    // The package's folder is in the checkout's.
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.pop();
    path.extend(DOCUMENT);
    path
}
