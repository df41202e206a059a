//! `chanlab report`: draws the page.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use records::files::{now, target_dir};
use reports::analyse::build;
use reports::collect::problem::Problem;
use reports::collect::sources::Sources;
use reports::exit::{Exit, ExitWith};
use reports::render;
use wording::numbers;

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
    draw(&sources, &arguments.output.unwrap_or_else(|| target_dir().join(FILE)))
}

/// Draws the page of `sources` into `output` and prints a summary; the last line is the path of the page.
pub(crate) fn draw(sources: &Sources, output: &Path) -> Result<()> {
    let page = build::page(sources.collect()?, &adapters::registry());
    write_file(output, &render::page::page(&page, &now()))?;

    let mut terminal = io::stderr().lock();
    for problem in &page.problems {
        writeln!(terminal, "warning: {}", render::problems::line(problem))?;
    }
    for warning in &page.warnings {
        writeln!(terminal, "warning: {}", render::warnings::words(warning))?;
    }
    let mut terminal = io::stdout().lock();
    if page.run.is_some() {
        write!(terminal, "{}", render::terminal::table(&page))?;
    }
    if !page.verification.is_empty() {
        writeln!(terminal, "Verified:\n{}", render::verification::terminal::matrix(&page.verification))?;
    }
    if !page.workloads.is_empty() {
        writeln!(terminal, "Fastest or tied with the fastest, in how many params:")?;
    }
    for line in render::terminal::summary(&page) {
        writeln!(terminal, "  {line}")?;
    }
    writeln!(terminal, "{}", output.display())?;
    sound(&page.problems)
}

/// An error when there are problems: what was damaged or contradicts itself is a failure, though the rest was shown.
pub(super) fn sound(problems: &[Problem]) -> Result<()> {
    let count = problems.iter().map(|problem| 1 + problem.others).sum();
    match count {
        0 => Ok(()),
        _ => Err(ExitWith::new(
            Exit::Failure,
            format!("{} in the records: see the warnings above", numbers::count(count, "problem")),
        )
        .into()),
    }
}

fn write_file(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
