//! What a runner leaves behind is killed and named, even when it has left the runner's process group.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use records::rounds::Line;

use crate::sandbox::{Sandbox, text};

/// The time in which nothing may be left.
const GONE: Duration = Duration::from_secs(20);

/// Starts a process in a session of its own, whose parent ends at once, and writes its number to a file.
fn escape(sandbox: &Sandbox) -> String {
    let ids = sandbox.path().join("ids");
    format!(
        "(setsid sh -c 'echo $$ > {0}; exec sleep 1000' </dev/null >/dev/null 2>&1 &)\nwhile [ ! -s {0} ]; do :; done\n",
        ids.display()
    )
}

fn escaped(sandbox: &Sandbox) -> Option<i32> {
    fs::read_to_string(sandbox.path().join("ids")).ok()?.trim().parse().ok()
}

fn lives(process: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // A zombie has ended.
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
}

#[track_caller]
fn assert_gone(process: i32) {
    let until = Instant::now() + GONE;
    while lives(process) {
        assert!(Instant::now() < until, "{process} lives on");
        std::thread::yield_now();
    }
}

const ANSWERS: &str = r#"
while read -r request; do
    case "$request" in
        *'"kind":"quit"'*) exit ;;
        *) echo '{"kind":"unsupported","cell":1,"reason":"a test"}' ;;
    esac
done"#;

#[test]
fn a_process_that_left_its_group_is_killed_and_marks_the_run() {
    let sandbox = Sandbox::new();
    let runner = sandbox.runner("leaves", &format!("{}{ANSWERS}", escape(&sandbox)));
    let output = sandbox.run(&[
        "producer_consumer/capacity=64",
        "--channel",
        "std",
        "--channel",
        "leaves",
        "--runner",
        &runner,
        "--epochs",
        "1",
        "--profile",
        "quick",
    ]);
    let stderr = text(&output.stderr);
    assert_gone(escaped(&sandbox).expect("a process escaped"));
    let strays = sandbox.lines().into_iter().find_map(|line| match line {
        Line::Strays { entry, processes, .. } => Some((entry, processes)),
        _ => None,
    });
    let (entry, processes) = strays.expect("it is recorded");
    assert_eq!((entry, processes.len()), (1, 1), "{processes:?}");
    assert!(processes[0].command.contains("sleep 1000"), "{processes:?}");
    assert!(stderr.contains("left 1 process behind, which was killed"), "{stderr}");
    assert!(stderr.contains("they may have slowed every channel in epoch 1"), "{stderr}");
}

#[test]
fn what_left_its_group_does_not_outlive_a_killed_run() {
    for signals in [&[Signal::SIGKILL][..], &[Signal::SIGINT, Signal::SIGINT]] {
        let sandbox = Sandbox::new();
        let body =
            format!("read -r request\ncase $request in *quit*) exit ;; esac\n{}sleep 1000", escape(&sandbox));
        let runner = sandbox.runner("leaves", &body);
        let folder = sandbox.run_folder().display().to_string();
        let mut run = sandbox
            .command(&[
                "run",
                "producer_consumer/capacity=64",
                "--channel",
                "leaves",
                "--runner",
                &runner,
                "--output",
                &folder,
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the command starts");
        let until = Instant::now() + GONE;
        let process = loop {
            if let Some(process) = escaped(&sandbox) {
                break process;
            }
            assert!(Instant::now() < until, "nothing escapes");
            std::thread::yield_now();
        };
        assert!(lives(process), "it lives as long as the run");
        let parent = Pid::from_raw(run.id() as i32);
        for signal in signals {
            // Ignored: two signals may be delivered as one, so the last is repeated below.
            let _ = kill(parent, *signal);
        }
        while run.try_wait().expect("it can be asked").is_none() {
            let _ = kill(parent, signals[signals.len() - 1]);
            std::thread::yield_now();
        }
        assert_gone(process);
    }
}
