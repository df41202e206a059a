//! Several threads that start and end children: none takes the end of another's child.
//!
//! A program of its own, because it adopts strays.

use std::process::Command;
use std::thread;
use std::time::Duration;

use engine::supervisor::{Ending, Streams, Supervised, adopt_strays};

const TIMEOUT: Duration = Duration::from_secs(60);

#[test]
fn children_of_several_threads_end_with_their_own_status() {
    adopt_strays().expect("this program may");
    let run = |code: i32| {
        for _ in 0..100 {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", &format!("exit {code}")]);
            let mut process = Supervised::start(shell, Streams::Collect).expect("it starts");
            match process.run_to_end(Some(TIMEOUT), None, &mut || ()) {
                Ending::Exited(status) => assert_eq!(status.code(), Some(code), "{status}"),
                other => panic!("{other:?}"),
            }
        }
    };
    thread::scope(|scope| (1..=4).for_each(|code| drop(scope.spawn(move || run(code)))));
}
