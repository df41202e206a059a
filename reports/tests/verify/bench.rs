//! A folder for records, the command in it, and worker programs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use records::record::{Record, VERIFIED_FILE, VerdictRecord};
use tempfile::TempDir;

pub(crate) struct Bench {
    folder: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Bench { folder: tempfile::tempdir().expect("a folder") }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn record_file(&self) -> PathBuf {
        self.path().join(VERIFIED_FILE)
    }

    /// The command, not started. It does not see what cargo bench or a run left in the target directory.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chanlab"));
        command.args(arguments).env("CRITERION_HOME", self.path().join("none")).stdin(Stdio::null());
        command
    }

    /// `chanlab verify` of the channels of the program `by`, recorded in the folder. Its fixed number of
    /// cases never needs the whole budget.
    pub(crate) fn verify(&self, by: &str, arguments: &[&str]) -> Output {
        let output = self.record_file().display().to_string();
        let own = ["verify", "--by", by, "--output", &output, "--budget", "600"];
        let own = if arguments.contains(&"--budget") { &own[..5] } else { &own[..] };
        let all = [own, arguments].concat();
        self.command(&all).output().expect("the command starts")
    }

    /// The page of the records in the folder, which are sound.
    pub(crate) fn page(&self) -> String {
        self.reported(0)
    }

    /// The page of records with problems, or of failures.
    pub(crate) fn page_with_problems(&self) -> String {
        self.reported(1)
    }

    fn reported(&self, exit: i32) -> String {
        let page = self.path().join("report.html");
        let models = self.path().join("no-models.jsonl");
        fs::write(&models, "").expect("written");
        let [verified, output, models] = [self.path(), &page, &models].map(|path| path.display().to_string());
        let arguments =
            ["report", "--no-run", "--verified", &verified, "--output", &output, "--models", &models];
        let reported = self.command(&arguments).output().expect("the command starts");
        assert_eq!(reported.status.code(), Some(exit), "{}", text(&reported.stderr));
        let page = fs::read_to_string(page).expect("the page");
        // Nothing was measured, so no link leads to an omitted section.
        for link in page.split("href=\"#").skip(1) {
            let anchor = link.split('"').next().expect("its end");
            assert!(page.contains(&format!("id=\"{anchor}\"")), "nothing is at #{anchor}");
        }
        page
    }

    /// Every record. Each must be whole.
    pub(crate) fn records(&self) -> Vec<VerdictRecord> {
        let text = fs::read_to_string(self.record_file()).expect("records");
        text.lines()
            .map(|line| match serde_json::from_str(line).expect(line) {
                Record::Verified(verified) => *verified,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    /// A worker program as a shell script, whose `body` handles a request for the cases of a channel. It has
    /// one channel, of its own name.
    pub(crate) fn script(&self, name: &str, body: &str) -> String {
        let hello = format!(r#"{{"kind":"hello","channels":[["{name}","{name} 1"]]}}"#);
        self.program(name, &format!("if [[ $# -eq 0 ]]; then echo '{hello}'; exit; fi\n{body}"))
    }

    /// A program that is a shell script; its path.
    pub(crate) fn program(&self, name: &str, body: &str) -> String {
        let path = self.path().join(format!("{name}.sh"));
        fs::write(&path, format!("#!/bin/bash\n{body}\n")).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it may be run");
        path.display().to_string()
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
