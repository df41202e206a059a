//! The exit codes of the program `defects` before anything is explored.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::process::Command;

#[test]
fn an_unknown_name_is_refused_in_one_plain_line() {
    for name in [OsString::from("no such row\n\u{1b}[2K"), OsString::from_vec(b"\xff".to_vec())] {
        let output = Command::new(env!("CARGO_BIN_EXE_defects")).arg(&name).output().expect("it starts");
        let stderr = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.starts_with("error: ") && stderr.lines().count() == 1, "{stderr}");
        assert!(!stderr.trim_end().contains(records::text::is_hidden), "{stderr:?}");
    }
}
