//! `kill -9` of the command while it has children: neither they nor their own children outlive it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::sandbox::Sandbox;

/// The time limit of every wait.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A named pipe that a script and everything it starts hold open: its end is the end of all of them.
struct Family {
    script: String,
    events: Receiver<&'static str>,
}

impl Family {
    fn new(sandbox: &Sandbox) -> Self {
        let pipe = sandbox.path().join("family");
        let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo starts");
        assert!(made.success());
        let script = format!(
            "exec 9>'{}'\n(sleep 1000 & sleep 1000) &\necho complete >&9\nsleep 1000\n",
            pipe.display()
        );
        let (sender, events) = channel();
        thread::spawn(move || {
            let mut pipe = BufReader::new(File::open(pipe).expect("a pipe"));
            let mut line = String::new();
            pipe.read_line(&mut line).expect("a line");
            assert_eq!(line, "complete\n");
            // Ignored: after the timeout the receiver is gone.
            let _ = sender.send("complete");
            pipe.read_to_string(&mut line).expect("the end of the pipe");
            let _ = sender.send("gone");
        });
        Family { script, events }
    }

    #[track_caller]
    fn assert_dies_with(&self, mut parent: Child) {
        assert_eq!(self.events.recv_timeout(TIMEOUT), Ok("complete"));
        assert!(self.events.try_recv().is_err(), "they live as long as their parent");
        kill(Pid::from_raw(parent.id() as i32), Signal::SIGKILL).expect("the parent lives");
        parent.wait().expect("it ends");
        assert_eq!(self.events.recv_timeout(TIMEOUT), Ok("gone"));
    }
}

fn start(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the command starts")
}

#[test]
fn a_runners_children_do_not_outlive_a_killed_run() {
    let sandbox = Sandbox::new();
    let family = Family::new(&sandbox);
    let body = format!("read -r request\ncase $request in *quit*) exit ;; esac\n{}", family.script);
    let runner = sandbox.runner("busy", &body);
    let output = sandbox.run_folder().display().to_string();
    let run = ["run", "producer_consumer/capacity=64", "--channel", "busy", "--runner", &runner];
    let parent = start(sandbox.command(&[&run[..], &["--output", &output]].concat()));
    family.assert_dies_with(parent);
}

#[test]
fn a_workers_children_do_not_outlive_a_killed_verification() {
    let sandbox = Sandbox::new();
    let family = Family::new(&sandbox);
    let hello = r#"{"kind":"hello","channels":[["busy","busy 1"]]}"#;
    let body = format!("if [[ $# -eq 0 ]]; then echo '{hello}'; exit; fi\n{}", family.script);
    let worker = sandbox.script("busy", &body);
    let output = sandbox.path().join("verified.jsonl").display().to_string();
    let verify = ["verify", "--by", &worker, "--method", "rounds", "--output", &output];
    family.assert_dies_with(start(sandbox.command(&verify)));
}

#[test]
fn a_builds_children_do_not_outlive_a_killed_command() {
    let sandbox = Sandbox::new();
    let family = Family::new(&sandbox);
    let cargo = sandbox.script("cargo", &family.script);
    let mut command = sandbox.command(&["ab", "--crate", "flume", "0.11.0", "0.11.1", "ping_pong"]);
    command.env("CARGO", cargo);
    family.assert_dies_with(start(command));
}
