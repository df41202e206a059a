//! The sandbox for code of others: no network, and only some folders to write into.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::fixture::{chanlab, text};

/// The exit code when the system has no sandbox.
const UNABLE: i32 = 4;

/// A folder with a writable one in it.
fn folders() -> (TempDir, String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let [writable, other] = ["writable", "other"].map(|name| {
        let path = folder.path().join(name);
        fs::create_dir(&path).expect("made");
        path.display().to_string()
    });
    (folder, writable, other)
}

/// Whether this system has no sandbox; it then has to say so in one line.
fn is_missing(output: &Output) -> bool {
    let stderr = text(&output.stderr);
    let is_missing = output.status.code() == Some(UNABLE);
    assert!(!is_missing || (stderr.lines().count() == 1 && stderr.starts_with("error: ")), "{stderr}");
    is_missing
}

#[test]
fn code_in_the_sandbox_writes_into_its_folder_only_and_has_no_network() {
    let (_folder, writable, other) = folders();
    let script = format!(
        "touch {writable}/a && touch {other}/b; echo touched $?\n\
         mount -o remount,rw,bind / 2>/dev/null && echo undone\n\
         tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '; exit 7"
    );
    let output = chanlab(&["sandbox", &writable, "--", "sh", "-c", &script]);
    if is_missing(&output) {
        return;
    }
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(7), "the exit code is that of the command: {stdout}");
    assert!(stdout.starts_with("touched 1\n") && !stdout.contains("undone"), "{stdout}");
    assert!(stdout.lines().skip(1).all(|interface| interface == "lo"), "{stdout}");
    assert!(
        fs::exists(format!("{writable}/a")).expect("known")
            && !fs::exists(format!("{other}/b")).expect("known")
    );
}

#[test]
fn a_version_is_fetched_outside_the_sandbox_and_built_in_it() {
    let (folder, _, other) = folders();
    let cargo = folder.path().join("cargo");
    let script = format!(
        "#!/bin/sh\ncase $1 in fetch) echo fetched > {other}/fetched; exit ;; esac\n\
         [ -f {other}/fetched ] && echo \"$*\" | grep -q offline || {{ echo 'error: not offline' >&2; exit 101; }}\n\
         touch {other}/built 2>&1 | sed 's/^/error: /' >&2\nexit 101\n"
    );
    fs::write(&cargo, script).expect("written");
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).expect("it may be run");
    let output = Command::new(env!("CARGO_BIN_EXE_chanlab"))
        .args(["ab", "--sandbox", "--crate", "flume", "0.11.0", "0.11.1", "ping_pong"])
        .env("CARGO", cargo)
        .output()
        .expect("it starts");
    if is_missing(&output) {
        return;
    }
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.lines().last().is_some_and(|last| last.contains("Read-only file system")), "{stderr}");
    assert!(!fs::exists(format!("{other}/built")).expect("known"));
}
