//! A member in a process of its own.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};

/// A line of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The number of the process.
    pub(crate) process: usize,
    /// `None` at the end of its output.
    pub(crate) text: Option<String>,
}

/// A running member.
pub(crate) struct Process {
    child: Child,
    reader: Option<JoinHandle<()>>,
}

/// The program, which `cargo test` without `--test` builds beside the tests.
fn program() -> PathBuf {
    let mut folder = std::env::current_exe().expect("the path of this program");
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    folder.join("examples").join("member")
}

impl Process {
    pub(crate) fn start(number: usize, arguments: &[String], lines: Sender<Line>) -> Self {
        let program = program();
        let mut command = Command::new(&program);
        command.args(arguments).stdout(Stdio::piped()).stdin(Stdio::null());
        let mut child = command.spawn().unwrap_or_else(|error| {
            panic!(
                "{}: {error}; build it: cargo build -p service-kafka --features kafka --example member",
                program.display()
            )
        });
        let output = child.stdout.take().expect("it is piped");
        let reader = thread::spawn(move || {
            for text in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = lines.send(Line { process: number, text: Some(text) });
            }
            let _ = lines.send(Line { process: number, text: None });
        });
        Process { child, reader: Some(reader) }
    }

    /// Kills it, with no time for anything.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.join();
    }

    /// Asks it to drain and to leave.
    pub(crate) fn terminate(&self) {
        let id = self.child.id().to_string();
        let killed = Command::new("kill").args(["-TERM", &id]).status().expect("kill(1)");
        assert!(killed.success());
    }

    pub(crate) fn join(&mut self) -> ExitStatus {
        let status = self.child.wait().expect("it was started here");
        if let Some(reader) = self.reader.take() {
            reader.join().expect("it reads");
        }
        status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
