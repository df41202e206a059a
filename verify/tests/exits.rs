//! The exit codes of the worker `chanlab-verify`, for a person who starts it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::process::{Command, Stdio};

/// The exit code and the standard error of the worker with this argument.
fn worker(argument: Option<OsString>) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chanlab-verify"));
    // Its input stays open: without a parent it would end at once.
    let mut worker = command
        .args(argument)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let input = worker.stdin.take();
    let output = worker.wait_with_output().expect("it ends");
    drop(input);
    (output.status.code(), String::from_utf8(output.stderr).expect("UTF-8"))
}

#[test]
fn a_request_is_served_and_anything_else_refused_in_one_plain_line() {
    assert_eq!(worker(None), (Some(0), String::new()));
    for argument in [OsString::from("no request\n\u{1b}[2K"), OsString::from_vec(b"\xff".to_vec())] {
        let (code, stderr) = worker(Some(argument));
        assert_eq!(code, Some(2), "{stderr}");
        assert!(stderr.starts_with("error: ") && stderr.lines().count() == 1, "{stderr}");
        assert!(!stderr.trim_end().contains(records::text::is_hidden), "{stderr:?}");
    }
}
