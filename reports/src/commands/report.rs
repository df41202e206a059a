//! `chanlab report`: draws the page.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use engine::replace;
use records::files::{now, target_dir};
use records::text;
use reports::analyse::build;
use reports::analyse::page::Page;
use reports::collect::sources::Sources;
use reports::exit::ExitWith;
use reports::gate;
use reports::render;
use wording::say;
use wording::terminal::stdout;

/// The default file name of the page.
const FILE: &str = "report.html";

#[derive(Args)]
pub(crate) struct Arguments {
    /// The folder of a run [default: the newest in the target directory, unless --input is given]
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    /// Leave the newest run out
    #[arg(long, conflicts_with = "run")]
    no_run: bool,
    /// Criterion's directory, as cargo bench left it [default: criterion in the target directory]
    #[arg(long, value_name = "DIR")]
    input: Option<PathBuf>,
    /// A record of models [default: loom/chanlab-models.jsonl and shuttle/chanlab-models.jsonl in the target
    /// directory]
    #[arg(long, value_name = "FILE")]
    models: Vec<PathBuf>,
    /// A record of chanlab verify, or a folder of records, such as those of several shards [default:
    /// chanlab/verify in the target directory, unless --input is given]
    #[arg(long, value_name = "PATH")]
    verified: Vec<PathBuf>,
    /// The file to write [default: report.html in the target directory]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(arguments: Arguments) -> Result<()> {
    let sources = Sources {
        run: arguments.run,
        no_run: arguments.no_run,
        input: arguments.input,
        models: arguments.models,
        verified: arguments.verified,
    };
    let page = draw(&sources, &arguments.output.unwrap_or_else(|| target_dir().join(FILE)))?;
    Ok(gate::report(&page)?)
}

/// Draws the page of `sources` into `output` and prints a summary; the last line is the path of the page.
pub(crate) fn draw(sources: &Sources, output: &Path) -> Result<Page> {
    let page = build::page(sources.collect()?, &adapters::registry());
    replace(output, render::page::page(&page, &now()).as_bytes()).map_err(ExitWith::from)?;

    for problem in &page.problems {
        say!("warning: {}", render::problems::line(problem));
    }
    for warning in &page.warnings {
        say!("warning: {}", render::warnings::words(warning));
    }
    let mut terminal = stdout();
    if page.run.is_some() {
        write!(terminal, "{}", render::terminal::table(&page))?;
    }
    if !page.verification.is_empty() {
        writeln!(terminal, "Verified:\n{}", render::verification::terminal::matrix(&page.verification))?;
    }
    if !page.workloads.is_empty() {
        let unfinished = if page.is_unfinished() { " of an unfinished run" } else { "" };
        writeln!(terminal, "Fastest or tied with the fastest, in how many params{unfinished}:")?;
    }
    for line in render::terminal::summary(&page) {
        writeln!(terminal, "  {line}")?;
    }
    writeln!(terminal, "{}", text::path(output))?;
    Ok(page)
}
