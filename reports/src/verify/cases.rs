//! The process that looks at the cases of one method over one channel: what it is asked, what it tells, line by line.
//!
//! It tells of each case before it begins. When it hangs, aborts or is killed, the last case told is the one to blame.

use std::io::{self, Read, Write};
use std::process;
use std::thread;
use std::time::Duration;

use clap::Args;
use harness::machine::Machine;
use harness::registry::Registry;
use harness::verify::{Method, Outcome, Shard, Task, Verify};
use serde::{Deserialize, Serialize};

/// A line: one JSON object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Told {
    /// The channels, as answer to a command line that names none.
    Hello {
        /// Each with its version.
        channels: Vec<(String, String)>,
    },
    /// A case begins, or is looked at again.
    Begins {
        /// Its number.
        case: u64,
    },
    /// The last line.
    Ended {
        /// What was found out.
        outcome: Outcome,
    },
}

/// What the process is asked, on its command line.
#[derive(Args, Clone, Debug)]
pub struct Asked {
    /// The channel; without it the channels are told, and nothing is done
    #[arg(long, requires = "method")]
    pub channel: Option<String>,
    /// The method
    #[arg(long, value_parser = method)]
    pub method: Option<Method>,
    /// Decides the cases
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Which of the cases
    #[arg(long, default_value_t = Shard::WHOLE)]
    pub shard: Shard,
    /// One case alone
    #[arg(long)]
    pub case: Option<u64>,
    /// No case begins after so many milliseconds
    #[arg(long, default_value_t = 1_000)]
    pub budget_ms: u64,
}

/// The method of this name.
///
/// # Errors
///
/// When there is none: the names that there are.
pub fn method(name: &str) -> Result<Method, String> {
    Method::ALL.into_iter().find(|method| method.name() == name).ok_or_else(|| {
        let names: Vec<_> = Method::ALL.into_iter().map(Method::name).collect();
        format!("expected one of {}", names.join(", "))
    })
}

impl Asked {
    /// The question for the cases of `task` by `method` over `channel`.
    pub fn new(channel: &str, method: Method, task: &Task) -> Self {
        Asked {
            channel: Some(channel.to_owned()),
            method: Some(method),
            seed: task.seed,
            shard: task.shard,
            case: task.only,
            budget_ms: u64::try_from(task.budget.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// As a command line.
    pub fn words(&self) -> Vec<String> {
        let (Some(channel), Some(method)) = (&self.channel, self.method) else {
            return Vec::new();
        };
        let mut words = vec!["--channel".to_owned(), channel.clone()];
        for (name, value) in [
            ("--method", method.to_string()),
            ("--seed", self.seed.to_string()),
            ("--shard", self.shard.to_string()),
            ("--budget-ms", self.budget_ms.to_string()),
        ] {
            words.extend([name.to_owned(), value]);
        }
        if let Some(case) = self.case {
            words.extend(["--case".to_owned(), case.to_string()]);
        }
        words
    }

    /// The task.
    pub fn task(&self) -> Task {
        Task {
            seed: self.seed,
            shard: self.shard,
            only: self.case,
            budget: Duration::from_millis(self.budget_ms),
        }
    }
}

/// Does what is asked with the channels of `registry`.
///
/// # Errors
///
/// When there is no such channel, or nobody reads the lines.
pub fn serve(registry: &Registry, asked: &Asked, output: impl Write) -> anyhow::Result<()> {
    let (Some(channel), Some(method)) = (&asked.channel, asked.method) else {
        return Ok(hello(registry, output)?);
    };
    let methods = registry.methods(channel)?;
    let found = methods.iter().find(|(own, _)| *own == method);
    let Some((_, verify)) = found else {
        anyhow::bail!("{method} does not look at a channel's own code");
    };
    Ok(look(*verify, &asked.task(), output)?)
}

fn hello(registry: &Registry, mut output: impl Write) -> io::Result<()> {
    let versions = Machine::current(registry).channels;
    let version = |name: &str| versions.get(name).cloned().unwrap_or_default();
    let channels = registry.channels().map(|info| (info.name.to_owned(), version(info.name))).collect();
    tell(&mut output, &Told::Hello { channels })
}

/// Has a method look at the cases of `task`, and tells of them.
///
/// # Errors
///
/// When nobody reads the lines.
pub fn look(verify: Verify, task: &Task, mut output: impl Write) -> io::Result<()> {
    let mut written = Ok(());
    let outcome = verify(task, &mut |case| {
        if written.is_ok() {
            written = tell(&mut output, &Told::Begins { case });
        }
    });
    written?;
    tell(&mut output, &Told::Ended { outcome })
}

/// One write: a line is whole or not there.
fn tell(output: &mut impl Write, told: &Told) -> io::Result<()> {
    let mut line = serde_json::to_vec(told)?;
    line.push(b'\n');
    output.write_all(&line)?;
    output.flush()
}

/// Ends this process when its standard input ends: whoever asked is gone then, and a case that hangs would stay for ever.
pub fn end_with_the_input() {
    thread::spawn(|| {
        // What is written there is of no matter.
        let _ = io::stdin().lock().read_to_end(&mut Vec::new());
        process::exit(0);
    });
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        asked: Asked,
    }

    #[test]
    fn a_question_survives_its_command_line() {
        let task = Task {
            seed: u64::MAX,
            shard: Shard { index: 2, of: 3 },
            only: Some(77),
            budget: Duration::from_millis(1_500),
        };
        let words = Asked::new("flume", Method::Linearizability, &task).words();
        let line = Line::try_parse_from(["child".to_owned()].into_iter().chain(words)).expect("a line");
        assert_eq!(line.asked.channel.as_deref(), Some("flume"));
        assert_eq!(line.asked.method, Some(Method::Linearizability));
        let read = line.asked.task();
        assert_eq!((read.seed, read.shard, read.only), (task.seed, task.shard, task.only));
        assert_eq!(read.budget, task.budget);
    }

    #[test]
    fn cases_are_told_before_they_begin_and_the_outcome_at_last() {
        fn verify(task: &Task, begins: &mut dyn FnMut(u64)) -> Outcome {
            task.cases(Some(4)).for_each(begins);
            Outcome::Unsupported { reason: "a test".to_owned() }
        }
        let task = Task {
            seed: 0,
            shard: Shard { index: 2, of: 2 },
            only: None,
            budget: Duration::from_secs(3_600),
        };
        let mut output = Vec::new();
        look(verify, &task, &mut output).expect("memory does not fail");
        let text = String::from_utf8(output).expect("JSON is UTF-8");
        let told: Vec<Told> = text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        let outcome = Outcome::Unsupported { reason: "a test".to_owned() };
        assert_eq!(told, [Told::Begins { case: 1 }, Told::Begins { case: 3 }, Told::Ended { outcome }]);
    }

    #[test]
    fn a_channel_that_is_not_there_is_named_with_those_that_are() {
        let task = Task { seed: 0, shard: Shard::WHOLE, only: None, budget: Duration::ZERO };
        let asked = Asked::new("flum", Method::Rounds, &task);
        let error = serve(&Registry::new(), &asked, Vec::new()).expect_err("no such channel");
        assert!(error.to_string().starts_with("unknown channel flum: expected one of "), "{error}");
        let asked = Asked::new("std", Method::Loom, &task);
        serve(&Registry::new(), &asked, Vec::new()).expect_err("loom runs elsewhere");
    }
}
