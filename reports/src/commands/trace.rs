//! `--trace FILE`: the timeline of what a command did at channels.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, value_parser};
use records::text;
use reports::exit::ExitWith;
use service_trace::chrome;
use service_trace::timeline::{Recording, Timeline};
use wording::numbers::{count, figure, separated};
use wording::terminal::stdout;

/// The limit of the operations of a thread that are recorded: 320 MB of memory, and ten times as much in the file.
const MAX_LIMIT: i64 = 10_000_000;

// No group: it would have the name of the group of the command's own arguments.
#[derive(Args)]
#[group(skip)]
pub(crate) struct Arguments {
    /// Write a timeline of one more round, or of all that is consumed: a track for each thread, to be opened at
    /// ui.perfetto.dev
    #[arg(long = "trace", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Operations of each thread that are recorded at most; later ones are counted
    #[arg(long = "trace-limit", value_name = "N", requires = "file", default_value = "10000",
        value_parser = value_parser!(u32).range(1..=MAX_LIMIT))]
    pub(crate) limit: u32,
}

impl Arguments {
    /// Begins to record what the channel of this name does, if a timeline is wanted and there is the channel.
    pub(crate) fn begin(&self, channel: &str) -> Option<Recording> {
        self.file.as_ref().and_then(|_| timeline::begin(channel, self.limit as usize))
    }
}

/// Writes a timeline, and says what is in it and what is not.
pub(crate) fn write(timeline: &Timeline, title: &str, file: &Path) -> Result<()> {
    let written = engine::replace_by(file, |output| chrome::write(timeline, title, output));
    let written = written.map_err(ExitWith::from)?;
    let (recorded, missed) = (timeline.recorded(), timeline.missed());
    let mut terminal = stdout();
    writeln!(
        terminal,
        "timeline: {} of {} of {}, {} with an arrow: {}",
        separated(recorded),
        count(recorded + missed, "operation"),
        count(timeline.tracks.len() as u64, "thread"),
        count(written.joined, "message"),
        text::path(file)
    )?;
    if missed > 0 {
        writeln!(
            terminal,
            "not in it, for the limit of a thread (--trace-limit): {}",
            count(missed, "operation")
        )?;
    }
    Ok(())
}

/// What recording costs over a channel, measured now, as the end of a line; nothing when that cannot be measured.
pub(crate) fn cost(channel: &str) -> String {
    let Some(cost) = timeline::cost(channel) else { return String::new() };
    format!(
        "; recording costs about {} ns per operation on this machine ({} ns without, {} ns with)",
        figure(cost.added()),
        figure(cost.plain),
        figure(cost.traced)
    )
}
