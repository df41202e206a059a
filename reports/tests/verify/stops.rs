//! A verification that is interrupted or killed leaves no process behind.

use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::bench::{Bench, text};
use crate::planted;

/// The time limit of every wait.
const LIMIT: Duration = Duration::from_secs(120);

/// Polls until there is a value.
fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "{what} within {LIMIT:?}");
        std::thread::yield_now();
    }
}

/// A verification of a channel that hangs, and its worker process.
fn hanging(bench: &Bench) -> (Child, Pid) {
    let by = planted::program(bench);
    let output = bench.record_file().display().to_string();
    let arguments = ["verify", "--by", &by, "--output", &output, "--channel", "mutant-hangs"];
    let process = bench
        .command(&[&arguments[..], &["--method", "rounds", "--deadline", "3600"]].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let child = wait("a process for the channel", || {
        // An earlier process listed the channels; the request of this one is in its environment.
        let tasks = fs::read_dir(format!("/proc/{}/task", process.id())).ok()?.flatten();
        let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        let ids: Vec<i32> = lists
            .flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>())
            .collect();
        let of_the_channel = |id: &i32| {
            fs::read(format!("/proc/{id}/environ")).is_ok_and(|all| text(&all).contains("mutant-hangs"))
        };
        ids.into_iter().find(of_the_channel)
    });
    (process, Pid::from_raw(child))
}

fn wait_until_gone(child: Pid) {
    // A process that has ended but was not reaped counts as gone.
    let state = || fs::read_to_string(format!("/proc/{child}/stat"));
    wait("the end of the process", || {
        let is_gone = state().map_or(true, |stat| stat.contains(") Z "));
        is_gone.then_some(())
    });
}

#[test]
#[cfg(target_os = "linux")]
fn an_interrupted_verification_is_not_a_success() {
    let bench = Bench::new();
    let (process, child) = hanging(&bench);
    kill(Pid::from_raw(process.id() as i32), Signal::SIGTERM).expect("it runs");
    let output = process.wait_with_output().expect("it ends");
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(143), "{stderr}");
    assert!(stderr.contains("error: stopped by SIGTERM: not everything was verified"), "{stderr}");
    wait_until_gone(child);
}

#[test]
#[cfg(target_os = "linux")]
fn a_killed_verification_leaves_no_process_behind() {
    let bench = Bench::new();
    let (mut process, child) = hanging(&bench);
    kill(Pid::from_raw(process.id() as i32), Signal::SIGKILL).expect("it runs");
    process.wait().expect("it ends");
    wait_until_gone(child);
}
