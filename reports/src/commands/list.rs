//! `chanlab list`: the channels and the workloads of this build.

use std::io::{self, Write};

use anyhow::Result;
use contract::channel::Info;
use wording::terminal::stdout;
use workloads::profile::Profile;
use workloads::workload::WorkloadInfo;

/// The width at which text wraps.
const WIDTH: usize = 100;

pub(crate) fn run() -> Result<()> {
    let registry = adapters::registry();
    let machine = runner::machine::current(&registry);
    let mut out = stdout();
    writeln!(out, "CHANNELS")?;
    for info in registry.channels() {
        channel(&mut out, info, machine.channels.get(info.name))?;
    }
    writeln!(out, "\nWORKLOADS")?;
    for info in registry.workloads() {
        workload(&mut out, info)?;
    }
    Ok(())
}

fn channel(out: &mut impl Write, info: &Info, version: Option<&String>) -> io::Result<()> {
    writeln!(out, "\n  {}", info.name)?;
    if let Some(version) = version {
        writeln!(out, "      {version}")?;
    }
    wrapped(out, 6, info.about)?;
    for (capability, reason) in info.lacks {
        wrapped(out, 6, &format!("lacks {capability}: {reason}"))?;
    }
    for (difference, reason) in info.differs {
        wrapped(out, 6, &format!("differs: {difference} ({reason})"))?;
    }
    for note in info.notes {
        wrapped(out, 6, &format!("note: {note}"))?;
    }
    Ok(())
}

fn workload(out: &mut impl Write, info: &WorkloadInfo) -> io::Result<()> {
    writeln!(out, "\n  {}", info.name)?;
    wrapped(out, 6, info.about)?;
    wrapped(out, 6, &format!("It does not show: {}", info.caveat))?;
    for param in info.params {
        wrapped(out, 6, &format!("{}={}  {} ({})", param.name, param.default, param.about, param.kind))?;
    }
    let grids: Vec<_> =
        Profile::ALL.into_iter().map(|profile| format!("{profile} {}", info.grid(profile).len())).collect();
    writeln!(out, "      number of params by profile: {}", grids.join(", "))
}

/// Writes `text` in lines of at most [`WIDTH`], indented by `indent`, and by four more from the second line
/// on.
fn wrapped(out: &mut impl Write, indent: usize, text: &str) -> io::Result<()> {
    let mut line = " ".repeat(indent);
    let mut is_empty = true;
    for word in text.split(' ') {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            writeln!(out, "{line}")?;
            line = " ".repeat(indent + 4);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    writeln!(out, "{line}")
}
