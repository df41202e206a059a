//! Runners are not believed: each reply is held against the request and against this process's own clock.
//!
//! A violation fails the cell, and no other: a false figure never reaches a record, the size of a group or another
//! channel. `PROTOCOL.md` states the limits, for runners in every language; a run and `chanlab runner check` both
//! check them here.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use nix::unistd::{SysconfVar, sysconf};
use records::protocol::{Hello, MAX_NUMBER, Measured, NamedFigure, longest_latency_ns, most_cpu_ns};
use workloads::latency::from_pairs;
use workloads::params::Params;
use workloads::registry::{Registry, UsageError};

/// The factor by which a round may have more messages than chanlab's own runner proposes for its cell.
pub const MAX_SCALE: u64 = 8;

/// The longest name of a channel, a workload, a meter, a figure or a counter, in characters.
const MAX_NAME_LEN: usize = 100;

/// The longest sentence about a channel or a meter, in characters.
const MAX_TEXT_LEN: usize = 2_000;

/// The most channels, workloads, meters, notes, figures or counters.
const MAX_ITEMS: usize = 64;

/// More messages than this in a nanosecond are delivered by no machine.
const MAX_MESSAGES_PER_NS: u64 = 10;

/// A sum of rounded shares may exceed 1 by this much.
const ROUNDING: f64 = 1e-9;

/// A claim of a runner that cannot be true, or that answers something else than the request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImpossibleClaim {
    /// A reply about another cell or round.
    #[error("answered for {what} {claimed}, and {what} {asked} was requested")]
    Another {
        /// `cell` or `round`.
        what: &'static str,
        /// The number in the reply.
        claimed: u64,
        /// The number in the request.
        asked: u64,
    },
    /// A figure outside the range of what is possible.
    #[error("claimed {claimed} as {figure}; possible: {possible}")]
    Figure {
        /// The figure.
        figure: String,
        /// Its value.
        claimed: String,
        /// The possible values, and the reason.
        possible: String,
    },
    /// A text that is empty, too long, not unique, or has characters that are not shown.
    #[error("sent {what} {text}: {wrong}")]
    Text {
        /// Its place in the reply.
        what: &'static str,
        /// Its start, with everything unprintable escaped.
        text: String,
        /// The violation.
        wrong: String,
    },
}

/// The rounds that may be requested of a cell, for the checks of replies.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    registry: &'a Registry,
    workload: &'a str,
    params: Params,
    /// The number of the cell.
    pub cell: u64,
    /// The number of messages that the plan asks for; `None` leaves it to the runner.
    pub messages: Option<u64>,
}

impl<'a> Asked<'a> {
    /// A cell of a workload with these values of its params.
    ///
    /// # Errors
    ///
    /// When this build does not know the workload or the params.
    pub fn new<'values>(
        registry: &'a Registry,
        workload: &'a str,
        values: impl IntoIterator<Item = (&'values String, &'values String)>,
        cell: u64,
        messages: Option<u64>,
    ) -> Result<Self, UsageError> {
        let pairs: Vec<String> = values.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        let params = registry.params(workload, &pairs.join(","))?;
        Ok(Asked { registry, workload, params, cell, messages })
    }

    /// The number of messages that chanlab's own runner proposes.
    ///
    /// # Errors
    ///
    /// When this build does not know the workload.
    pub fn proposed(&self) -> Result<u64, UsageError> {
        Ok(self.registry.size(self.workload, &self.params, None)?.messages)
    }

    /// The greatest number of messages that a round of `messages` messages delivers.
    ///
    /// # Errors
    ///
    /// When this build does not know the workload.
    pub fn deliverable(&self, messages: u64) -> Result<u64, UsageError> {
        Ok(*self.registry.delivered(self.workload, &self.params, messages)?.end())
    }

    /// Checks the reply to a plan.
    ///
    /// # Errors
    ///
    /// [`ImpossibleClaim`].
    pub fn check_planned(
        &self,
        cell: u64,
        messages: u64,
        capacity: Option<&str>,
    ) -> Result<(), ImpossibleClaim> {
        same("cell", cell, self.cell)?;
        match self.messages {
            Some(asked) => within("messages", messages, asked..=asked, "the request says so")?,
            None => {
                let most = self.proposed().unwrap_or(1).saturating_mul(MAX_SCALE).min(MAX_NUMBER);
                within("messages", messages, 1..=most, "8 times what chanlab's own runner proposes")?;
            }
        }
        let Some(capacity) = capacity else { return Ok(()) };
        let possible = match self.params.capacity() {
            Some(_) if is_capacity(capacity) => return Ok(()),
            Some(_) => "a whole number of messages, or unbounded",
            None => "null, because the workload has no capacity",
        };
        Err(ImpossibleClaim::Figure {
            figure: "effective_capacity".to_owned(),
            claimed: shown(capacity),
            possible: possible.to_owned(),
        })
    }

    /// Checks a round of `planned` messages, whose reply came `elapsed` after the request.
    ///
    /// # Errors
    ///
    /// [`ImpossibleClaim`].
    pub fn check_round(
        &self,
        round: u64,
        planned: u64,
        measured: &Measured,
        elapsed: Duration,
    ) -> Result<(), ImpossibleClaim> {
        same("cell", measured.cell, self.cell)?;
        same("round", measured.round, round)?;
        let delivered = self.registry.delivered(self.workload, &self.params, planned);
        let delivered = delivered.unwrap_or(planned..=planned);
        within("messages", measured.messages, delivered, &format!("{planned} were planned"))?;
        let clock = Clock { waited_ns: nanos(elapsed) };
        let shortest = (measured.messages / MAX_MESSAGES_PER_NS).max(1);
        clock.within("wall_ns", measured.wall_ns, shortest)?;
        clock.processor_time(measured)?;
        if let Some(spin) = measured.spin_ns {
            clock.within("spin_ns", spin, 1)?;
        }
        for (figure, least, value) in [
            ("voluntary", 0, measured.voluntary),
            ("involuntary", 0, measured.involuntary),
            ("allocations", 0, measured.allocations),
            ("allocated_bytes", 0, measured.allocated_bytes),
            ("peak_bytes", 1, measured.peak_bytes),
            ("steal_ns", 0, measured.steal_ns),
            ("frequency_hz", 1, measured.frequency_hz),
        ] {
            if let Some(value) = value {
                within(figure, value, least..=MAX_NUMBER, "numbers have at most 53 bits")?;
            }
        }
        self.latency(measured)?;
        figures(&measured.figures, &clock)?;
        names("a counter", measured.counters.keys())?;
        for (name, &count) in &measured.counters {
            within(&format!("the counter {name}"), count, 0..=MAX_NUMBER, "numbers have at most 53 bits")?;
        }
        Ok(())
    }

    fn latency(&self, measured: &Measured) -> Result<(), ImpossibleClaim> {
        let Some(pairs) = &measured.latency else { return Ok(()) };
        from_pairs(pairs).map_err(|error| ImpossibleClaim::Figure {
            figure: "latency".to_owned(),
            claimed: error.to_string(),
            possible: "pairs of a time and a number of messages, with rising times".to_owned(),
        })?;
        let count = pairs.iter().map(|[_, count]| count).sum();
        let possible = match self.registry.latencies(self.workload, measured.messages) {
            Ok(0) | Err(_) => 0..=measured.messages,
            Ok(exactly) => exactly..=exactly,
        };
        within("the messages of latency", count, possible, "the round had as many")?;
        let longest = pairs.last().map_or(0, |[time, _]| *time);
        let most = longest_latency_ns(measured.wall_ns);
        within("a latency in ns", longest, 0..=most, &format!("the round took {} ns", measured.wall_ns))
    }
}

/// Checks the description of a runner.
///
/// # Errors
///
/// [`ImpossibleClaim`].
pub fn check_hello(hello: &Hello) -> Result<(), ImpossibleClaim> {
    name("runner", &hello.runner)?;
    name("language", &hello.language)?;
    names("a channel", hello.channels.iter().map(|channel| &channel.name))?;
    for channel in &hello.channels {
        name("the version of a channel", &channel.version)?;
        text("a description", &channel.about)?;
        count("lacks", channel.lacks.len())?;
        for lack in &channel.lacks {
            name("a capability", &lack.capability)?;
            text("a reason", &lack.reason)?;
        }
        count("notes", channel.notes.len())?;
        channel.notes.iter().try_for_each(|note| text("a note", note))?;
    }
    names("a workload", &hello.workloads)?;
    names("a meter", &hello.meters)?;
    names("a meter", hello.without.keys())?;
    hello.without.values().try_for_each(|reason| text("a reason", reason))
}

/// Checks that a reply is about the requested cell.
///
/// # Errors
///
/// [`ImpossibleClaim::Another`].
pub fn same(what: &'static str, claimed: u64, asked: u64) -> Result<(), ImpossibleClaim> {
    if claimed == asked { Ok(()) } else { Err(ImpossibleClaim::Another { what, claimed, asked }) }
}

/// What this process's clock allows.
struct Clock {
    /// The time from the request to the reply.
    waited_ns: u64,
}

impl Clock {
    fn within(&self, figure: &str, claimed: u64, least: u64) -> Result<(), ImpossibleClaim> {
        within(figure, claimed, least..=self.waited_ns, &self.reason())
    }

    fn reason(&self) -> String {
        format!("the reply came {} ns after the request", self.waited_ns)
    }

    /// Processor time is at most that of every processor of the machine.
    fn processor_time(&self, measured: &Measured) -> Result<(), ImpossibleClaim> {
        let used = u128::from(measured.user_ns.unwrap_or(0)) + u128::from(measured.system_ns.unwrap_or(0));
        let processors = processors();
        let most = most_cpu_ns(self.waited_ns, processors);
        if used <= u128::from(most) {
            return Ok(());
        }
        let reason = format!("{} on {processors} processors", self.reason());
        Err(outside("user_ns + system_ns", used, format!("at most {most}, because {reason}")))
    }
}

fn figures(figures: &[NamedFigure], clock: &Clock) -> Result<(), ImpossibleClaim> {
    names("a figure", figures.iter().map(|figure| &figure.name))?;
    for NamedFigure { name, value } in figures {
        let (most, why) = if name.ends_with("(Jain)") {
            (1.0 + ROUNDING, "an index of fairness".to_owned())
        } else if name.ends_with("(ns)") {
            (clock.waited_ns as f64, clock.reason())
        } else {
            (MAX_NUMBER as f64, "numbers have at most 53 bits".to_owned())
        };
        // A value that is not a number is in no range.
        if !(0.0..=most).contains(value) {
            return Err(outside(name, value, format!("0 to {most}, because {why}")));
        }
    }
    Ok(())
}

/// The processors of the machine, those included that this process may not use.
fn processors() -> u64 {
    let online =
        sysconf(SysconfVar::_NPROCESSORS_ONLN).ok().flatten().and_then(|count| u64::try_from(count).ok());
    let usable = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    online.unwrap_or(usable).max(usable)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn is_capacity(text: &str) -> bool {
    let number = text.parse::<u64>().ok().filter(|&number| number <= MAX_NUMBER);
    // No sign, no leading zero: a capacity has one form, so that texts can be compared.
    text == "unbounded" || number.is_some_and(|number| number.to_string() == text)
}

fn within(
    figure: &str,
    claimed: u64,
    possible: RangeInclusive<u64>,
    why: &str,
) -> Result<(), ImpossibleClaim> {
    if possible.contains(&claimed) {
        return Ok(());
    }
    let (least, most) = possible.into_inner();
    let range = if least == most { least.to_string() } else { format!("{least} to {most}") };
    Err(outside(figure, claimed, format!("{range}, because {why}")))
}

fn outside(figure: &str, claimed: impl fmt::Display, possible: String) -> ImpossibleClaim {
    ImpossibleClaim::Figure { figure: figure.to_owned(), claimed: claimed.to_string(), possible }
}

/// Checks names of which each occurs once.
fn names<'a>(what: &'static str, all: impl IntoIterator<Item = &'a String>) -> Result<(), ImpossibleClaim> {
    let mut known = BTreeSet::new();
    for one in all {
        name(what, one)?;
        if !known.insert(one) {
            return Err(wrong_text(what, one, "it is there twice".to_owned()));
        }
        count(what, known.len())?;
    }
    Ok(())
}

fn count(what: &'static str, number: usize) -> Result<(), ImpossibleClaim> {
    let most = MAX_ITEMS as u64;
    within(&format!("the number of: {what}"), number as u64, 0..=most, "no runner has more")
}

fn name(what: &'static str, name: &str) -> Result<(), ImpossibleClaim> {
    if name.trim().is_empty() {
        return Err(wrong_text(what, name, "a name is not empty".to_owned()));
    }
    plain(what, name, MAX_NAME_LEN)
}

fn text(what: &'static str, text: &str) -> Result<(), ImpossibleClaim> {
    plain(what, text, MAX_TEXT_LEN)
}

fn plain(what: &'static str, text: &str, max_len: usize) -> Result<(), ImpossibleClaim> {
    let len = text.chars().count();
    if len > max_len {
        return Err(wrong_text(what, text, format!("{len} characters, and at most {max_len} are allowed")));
    }
    match text.chars().find(|&character| is_hidden(character)) {
        Some(hidden) => {
            let code = u32::from(hidden);
            Err(wrong_text(what, text, format!("U+{code:04X} is a character that is not shown")))
        }
        None => Ok(()),
    }
}

/// Whether a character changes how others are shown, or is not shown itself: controls, line ends, marks of
/// direction.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

fn wrong_text(what: &'static str, text: &str, wrong: String) -> ImpossibleClaim {
    ImpossibleClaim::Text { what, text: shown(text), wrong }
}

/// The start of a text in backquotes, with everything unprintable escaped.
fn shown(text: &str) -> String {
    const MAX_LEN: usize = 40;
    let start: String = text.chars().take(MAX_LEN).collect();
    let more = if text.chars().nth(MAX_LEN).is_some() { "…" } else { "" };
    let escaped: String = start
        .chars()
        .map(|one| if is_hidden(one) { one.escape_unicode().to_string() } else { one.to_string() })
        .collect();
    format!("`{escaped}{more}`")
}

#[cfg(test)]
mod tests;
