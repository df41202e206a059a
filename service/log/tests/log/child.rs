//! Processes that write into a log and are stopped: this test program, started again with one of its ignored
//! tests.
//!
//! A child reads the folder of the log from its standard input, and reports each acknowledgement in a line.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// Starts the test of this name on a folder. `prefix` is a command that starts the rest of its line.
pub(crate) fn start(prefix: &[&str], test: &str, folder: &Path) -> (Child, Reports) {
    let own = env::current_exe().expect("this program");
    let mut words = prefix.iter().map(AsRef::as_ref).chain([own.as_os_str()]);
    let mut command = Command::new(words.next().expect("a word"));
    command.args(words).args([test, "--exact", "--ignored", "--nocapture"]);
    started(&mut command, folder)
}

pub(crate) fn started(command: &mut Command, folder: &Path) -> (Child, Reports) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut input = child.stdin.take().expect("piped");
    writeln!(input, "{}", folder.display()).expect("it reads");
    let output = child.stdout.take().expect("piped");
    (child, Reports(BufReader::new(output)))
}

/// What a child reports.
pub(crate) struct Reports(BufReader<ChildStdout>);

/// A report: what it is about, a partition, an offset.
pub(crate) type Report = (String, u32, u64);

impl Iterator for Reports {
    type Item = Report;

    /// The next report; `None` when the child has ended. A line that a kill has cut off is none.
    fn next(&mut self) -> Option<Report> {
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).expect("a pipe") == 0 {
                return None;
            }
            // libtest has a line of its own before a report, without an end.
            let Some((_, report)) = line.strip_suffix('\n').and_then(|line| line.split_once('@')) else {
                continue;
            };
            let mut words = report.split(' ');
            let mut word = || words.next().unwrap_or_else(|| panic!("no report: {report}"));
            let what = word().to_owned();
            return Some((what, word().parse().expect("a partition"), word().parse().expect("an offset")));
        }
    }
}

/// The folder that the parent names.
pub(crate) fn folder() -> PathBuf {
    let mut line = String::new();
    io::stdin().read_line(&mut line).expect("the parent writes it");
    line.trim_end().into()
}

/// Reports something to the parent.
pub(crate) fn report(what: &str, partition: u32, offset: u64) {
    let mut output = io::stdout().lock();
    output.write_all(format!("@{what} {partition} {offset}\n").as_bytes()).expect("the parent reads");
}
