//! A folder with a log, and consumers of it.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) struct Place(TempDir);

impl Place {
    /// A log that `chanlab log produce` has filled.
    pub(crate) fn with_log(words: &[&str]) -> Self {
        let place = Place(tempfile::tempdir().expect("a folder"));
        let output = chanlab().args(["log", "produce"]).arg(place.path("log")).args(words).output();
        let output = output.expect("it starts");
        assert!(output.status.success(), "{}", text(&output.stderr));
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// A consumer of the log, with a summary in `json`. The source and the group are the log and `g` unless they are
    /// named.
    pub(crate) fn consume(&self, words: &[&str]) -> Command {
        let mut command = chanlab();
        command.arg("consume").args(["--json", &self.text("json")]).args(words).stdin(Stdio::null());
        for (option, value) in
            [("--source", format!("log:{}", self.text("log"))), ("--group", "g".to_owned())]
        {
            if !words.contains(&option) {
                command.args([option, &value]);
            }
        }
        command
    }

    /// Starts a consumer whose output is not read.
    pub(crate) fn start(&self, words: &[&str]) -> Child {
        self.consume(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts")
    }

    /// Runs a consumer to its end, which has this exit code.
    #[track_caller]
    pub(crate) fn ends(&self, code: i32, words: &[&str]) -> Output {
        let output = self.consume(words).output().expect("it starts");
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
        output
    }

    /// Runs a consumer to the end of the log, and returns its summary.
    #[track_caller]
    pub(crate) fn consumed(&self, words: &[&str]) -> Value {
        self.ends(0, &[&["--until-end"], words].concat());
        self.summary()
    }

    pub(crate) fn summary(&self) -> Value {
        let json = fs::read_to_string(self.path("json")).expect("a summary");
        serde_json::from_str(&json).expect("JSON")
    }
}

pub(crate) fn chanlab() -> Command {
    Command::new(env!("CARGO_BIN_EXE_chanlab"))
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
