//! What the system or the folder does not allow: a full disk, a folder that cannot be written, the files of
//! others.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};

use service_log::{Commit, Group, Log, LogError, Options, Writer};

use crate::child::{self, Reports, report};
use crate::{append, files, filled, read_from, segments};

const OPTIONS: Options = Options { partitions: 2, segment_bytes: 1 << 20 };

/// The user that owns nothing.
const NOBODY: u32 = 65_534;

fn ends_well((mut child, reports): (Child, Reports)) -> Vec<child::Report> {
    let reports: Vec<_> = reports.collect();
    assert!(child.wait().expect("ended").success(), "{reports:?}");
    reports
}

#[test]
#[ignore = "the child of the test below"]
fn appends_until_the_disk_is_full() {
    let folder = child::folder();
    let mut writer = Writer::open(&folder).expect("a log");
    let mut group = Group::open(&folder, "g").expect("a group");
    let commit = |offset, length| (0, Commit { offset, metadata: "m".repeat(length) });
    group.commit([commit(1, 9)]).expect("there is room");
    group.commit([commit(2, 4_000), (1, commit(2, 4_000).1)]).expect_err("there is no room for so much");
    assert_eq!(group.committed(0), Some(&commit(1, 9).1));
    let groups = Log::open(&folder).and_then(|log| log.groups()).expect("the old commits hold");
    assert_eq!(groups[0].partitions[&0], commit(1, 9).1);
    let error = loop {
        append(&mut writer, 0).expect("it is in memory");
        match writer.flush() {
            Ok(()) => report("appended", 0, writer.next_offset(0).expect("a partition")),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.starts_with("cannot write ") && error.ends_with("File too large (os error 27)"), "{error}");
    // Nothing is given an offset after a message that may be torn.
    for error in [append(&mut writer, 1).expect_err("refused"), writer.sync().expect_err("refused")] {
        assert!(matches!(error, LogError::Failed { .. }), "{error}");
    }
    // The group is not concerned, where there is room.
    group.commit([commit(2, 9)]).expect("there is room");
    report("committed", 0, 2);
}

#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(filled(folder.path(), 2, 9, OPTIONS.segment_bytes));
    // A limit in KiB; a write beyond it fails when the signal is ignored, and writes the part that fits.
    let limited = ["bash", "-c", r#"trap '' XFSZ; ulimit -f 6; exec "$0" "$@""#];
    let reports = ends_well(child::start(&limited, "refused::appends_until_the_disk_is_full", folder.path()));
    let appended = reports.iter().filter(|(what, ..)| what == "appended").map(|(.., offset)| *offset).max();
    assert_eq!(reports.last(), Some(&("committed".to_owned(), 0, 2)));
    assert_eq!(
        fs::metadata(&segments(folder.path(), 0)[0]).expect("there").len(),
        6 << 10,
        "a message is torn"
    );
    let log = Log::open(folder.path()).expect("a log");
    assert_eq!(log.groups().expect("whole")[0].partitions[&0].offset, 2);
    assert_eq!(read_from(&log, 0, 0).ok(), appended);
    let mut writer = Writer::open(folder.path()).expect("the torn message is cut off");
    append(&mut writer, 0).and_then(|_| writer.sync()).expect("there is room again");
    assert_eq!(read_from(&log, 0, 0).ok(), appended.map(|next| next + 1));
}

#[test]
#[ignore = "the child of the test below"]
fn reads_what_it_may_not_write() {
    let folder = child::folder();
    let log = Log::open(&folder).expect("a log");
    report("read", 0, read_from(&log, 0, 0).expect("whole"));
    report("read", 1, log.groups().expect("whole").len() as u64);
    for error in [
        Writer::open(&folder).expect_err("not allowed"),
        Group::open(&folder, "g").expect_err("not allowed"),
        Writer::create(&folder.join("groups/new"), OPTIONS).expect_err("not allowed"),
    ] {
        let text = error.to_string();
        assert!(
            matches!(error, LogError::Io { .. }) && text.ends_with("Permission denied (os error 13)"),
            "{text}"
        );
    }
}

#[test]
fn a_folder_that_cannot_be_written_can_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    drop(filled(&path, 1, 9, OPTIONS.segment_bytes));
    Group::open(&path, "g").expect("a group").commit([(0, Commit::default())]).expect("committed");
    let permit = |mode| {
        for folder in [&path, &path.join("groups"), &path.join("partitions"), &path.join("partitions/0")] {
            fs::set_permissions(folder, fs::Permissions::from_mode(mode)).expect("set");
        }
        for file in files(&path).keys() {
            fs::set_permissions(file, fs::Permissions::from_mode(mode & 0o444)).expect("set");
        }
    };
    permit(0o555);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("set");
    // Permissions do not hold for root, so the child is somebody else. It may not see the folder of this
    // program.
    let own = folder.path().join("child");
    fs::copy(std::env::current_exe().expect("this program"), &own).expect("copied");
    let mut command = Command::new(&own);
    command.args(["refused::reads_what_it_may_not_write", "--exact", "--ignored", "--nocapture"]);
    command.current_dir(folder.path());
    if fs::metadata(&own).expect("there").uid() == 0 {
        command.uid(NOBODY).gid(NOBODY);
    }
    let reports = ends_well(child::started(&mut command, &path));
    permit(0o755);
    assert_eq!(reports, [("read".to_owned(), 0, 9), ("read".to_owned(), 1, 1)]);
}

#[test]
fn a_folder_with_other_files_becomes_no_log_and_stays_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("thesis.txt"), "years of work").expect("written");
    let error = Writer::create(folder.path(), OPTIONS).expect_err("it holds something").to_string();
    assert!(
        error.ends_with(" holds thesis.txt and no log: name an empty folder, or one that is not there"),
        "{error}"
    );
    for absent in [folder.path(), &folder.path().join("nothing"), Path::new("/dev/null/x")] {
        for error in [Log::open(absent).expect_err("no log"), Writer::open(absent).expect_err("no log")] {
            assert!(matches!(error, LogError::Absent { .. } | LogError::Io { .. }), "{error}");
        }
    }
    assert_eq!(files(folder.path()).len(), 1, "nothing is left in it");
}

#[test]
fn files_of_others_in_a_log_are_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(filled(folder.path(), 2, 9, OPTIONS.segment_bytes));
    let others = [
        "notes.txt",
        "partitions/0/notes.segment",
        "partitions/0/00000000000000000007.segment.unfinished",
        "groups/x.txt",
        "partitions/7",
    ];
    for other in others {
        fs::write(folder.path().join(other), "mine").expect("written");
    }
    let mut writer = Writer::open(folder.path()).expect("a log");
    append(&mut writer, 0).and_then(|_| writer.flush()).expect("appended");
    let log = Log::open(folder.path()).expect("a log");
    assert_eq!(read_from(&log, 0, 0).expect("whole"), 10);
    assert!(log.groups().expect("whole").is_empty());
    for other in others {
        assert_eq!(fs::read(folder.path().join(other)).expect("there"), b"mine", "{other}");
    }
    // A file with the name of a segment or of a group says that it is one, and that is held against it.
    for name in ["partitions/1/00000000000000000009.segment", "groups/x.json"] {
        let path = folder.path().join(name);
        fs::write(&path, "mine and no log's, whatever it is called").expect("written");
        drop(writer);
        let error = Writer::open(folder.path()).expect_err("it is none").to_string();
        assert!(error.starts_with(&format!("{} is damaged", path.display())), "{error}");
        fs::remove_file(&path).expect("removed");
        writer = Writer::open(folder.path()).expect("as before");
    }
}

#[test]
fn an_interrupted_creation_is_done_again_and_a_lost_manifest_is_not_made_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(Writer::create(folder.path(), OPTIONS).expect("a new log"));
    // As a kill before the last step leaves it.
    fs::rename(folder.path().join("log.json"), folder.path().join("log.json.unfinished")).expect("moved");
    drop(Writer::create(folder.path(), OPTIONS).expect("done again"));
    let mut writer = Writer::open(folder.path()).expect("a log");
    assert!(matches!(Writer::create(folder.path(), OPTIONS), Err(LogError::Exists { .. })));
    append(&mut writer, 1).and_then(|_| writer.flush()).expect("appended");
    drop(writer);
    fs::remove_file(folder.path().join("log.json")).expect("removed");
    let before = files(folder.path());
    let error = Writer::create(folder.path(), OPTIONS).expect_err("there are messages").to_string();
    assert!(error.ends_with("it holds messages, and its log.json is missing"), "{error}");
    assert_eq!(files(folder.path())[&segments(folder.path(), 1)[0]], before[&segments(folder.path(), 1)[0]]);
    for (partitions, segment_bytes) in [(0, 1 << 20), (513, 1 << 20), (1, 255)] {
        let error = Writer::create(&folder.path().join("new"), Options { partitions, segment_bytes })
            .expect_err("options");
        assert!(matches!(error, LogError::Options { .. }));
    }
}
