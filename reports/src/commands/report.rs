//! `chanlab report`: draws the page.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use harness::record::{now, target_dir};
use reports::analyse::page::{Page, Source, WorkloadPage};
use reports::analyse::rank_summary::Standing;
use reports::collect::sources::Sources;
use reports::render;

/// The page's name when none is given.
const FILE: &str = "report.html";

#[derive(Args)]
pub(crate) struct Arguments {
    /// The folder of a run [default: the newest in the target directory, unless --input is given]
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    /// Only what cargo bench left, even when there is a run
    #[arg(long, conflicts_with = "run")]
    benchmarks_only: bool,
    /// Criterion's directory, with the benchmarks' record in it [default: criterion in the target directory]
    #[arg(long, value_name = "DIR")]
    input: Option<PathBuf>,
    /// Records of the models to show [default: loom/chanlab-models.jsonl and shuttle/chanlab-models.jsonl in the target directory,
    /// where they are there]
    #[arg(long, value_name = "FILE")]
    models: Vec<PathBuf>,
    /// Records of chanlab verify to show: a file, or a folder of them, as of several shards [default: all in chanlab/verify in the
    /// target directory, unless --input is given]
    #[arg(long, value_name = "PATH")]
    verified: Vec<PathBuf>,
    /// The page to write [default: report.html in the target directory]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// The page of whatever was measured last.
pub(crate) fn run(arguments: Arguments) -> Result<()> {
    let sources = Sources {
        run: arguments.run,
        benchmarks_only: arguments.benchmarks_only,
        input: arguments.input,
        models: arguments.models,
        verified: arguments.verified,
    };
    draw(&sources, &arguments.output.unwrap_or_else(|| target_dir().join(FILE)))
}

/// Draws the page of `sources` into `output`, and says in the terminal what is in it; the last line is the page's path.
pub(crate) fn draw(sources: &Sources, output: &Path) -> Result<()> {
    let registry = adapters::registry();
    let verified = sources.verified()?;
    let page = match sources.run()? {
        Some(run) => Page::of_run(run, sources.beside_a_run()?, sources.models()?, &registry),
        None => match sources.collect() {
            // Where nothing was measured, as on a machine that brings shards together, the page is of what was verified.
            Err(_) if sources.input.is_none() && !verified.records.is_empty() => {
                Page::without_times(sources.models()?, &registry)
            }
            collected => Page::new(collected?, &registry),
        },
    };
    let page = page.with_verification(verified, &registry);
    write_file(output, &render::page::page(&page, &now()))?;

    let mut terminal = io::stderr().lock();
    for problem in &page.problems {
        writeln!(terminal, "warning: {problem}")?;
    }
    for warning in &page.warnings {
        writeln!(terminal, "warning: {warning}")?;
    }
    let mut terminal = io::stdout().lock();
    if let Source::Run(_) = page.source {
        write!(terminal, "{}", render::terminal::table(&page))?;
    }
    if !page.verification.is_empty() {
        writeln!(terminal, "Verified:\n{}", render::verification::terminal::matrix(&page.verification))?;
    }
    if !page.workloads.is_empty() {
        writeln!(terminal, "Fastest, or not told apart from it, in so many params:")?;
    }
    let width = page.workloads.iter().map(|workload| workload.name.len()).max();
    for workload in &page.workloads {
        writeln!(terminal, "  {}", line(workload, width.unwrap_or(0)))?;
    }
    writeln!(terminal, "{}", output.display())?;
    Ok(())
}

/// A workload in one line: `ping_pong (5)  crossfire 4, kanal 2; failed: flume 1`.
fn line(workload: &WorkloadPage, width: usize) -> String {
    let mut standings: Vec<_> = workload.standings.iter().collect();
    standings.sort_by_key(|standing| std::cmp::Reverse(standing.fastest));
    let names = |count: fn(&Standing) -> usize| {
        let counted = standings.iter().filter(|standing| count(standing) > 0);
        let words: Vec<_> =
            counted.map(|standing| format!("{} {}", standing.channel, count(standing))).collect();
        words.join(", ")
    };
    let fastest = names(|standing| standing.fastest);
    let mut text = format!(
        "{:width$} {:>4}  {}",
        workload.name,
        format!("({})", workload.params.len()),
        if fastest.is_empty() { "no time" } else { &fastest }
    );
    for (word, lacking) in [
        ("failed", names(|standing| standing.failed)),
        ("damaged", names(|standing| standing.damaged)),
        ("not run", names(|standing| standing.not_run)),
    ] {
        if !lacking.is_empty() {
            text.push_str(&format!("; {word}: {lacking}"));
        }
    }
    text
}

fn write_file(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
