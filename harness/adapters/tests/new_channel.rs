//! Adds a channel to a copy of this checkout, as CONTRIBUTING.md says, and counts the edits.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The folders of a checkout that contain no source.
const NO_SOURCE: [&str; 3] = [".git", "docs", "target"];

/// Every file of a checkout, by its path there.
type Files = BTreeMap<PathBuf, Vec<u8>>;

fn files(checkout: &Path) -> Files {
    fn add(files: &mut Files, checkout: &Path, folder: &Path) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                if !NO_SOURCE.iter().any(|name| path.ends_with(name)) {
                    add(files, checkout, &path);
                }
            } else if !path.ends_with(".git") {
                let inside = path.strip_prefix(checkout).expect("it is inside").to_owned();
                files.insert(inside, fs::read(&path).expect("a file"));
            }
        }
    }
    let mut files = Files::new();
    add(&mut files, checkout, checkout);
    files
}

/// Makes `checkout` hold these files. A file that has its text already keeps its time, so that cargo does not
/// rebuild it.
fn put(checkout: &Path, wanted: &Files) {
    fs::create_dir_all(checkout).expect("a folder");
    let there = files(checkout);
    for stray in there.keys().filter(|path| !wanted.contains_key(*path)) {
        fs::remove_file(checkout.join(stray)).expect("removed");
    }
    for (path, text) in wanted.iter().filter(|(path, text)| there.get(*path) != Some(text)) {
        write(&checkout.join(path), text);
    }
}

fn write(path: &Path, text: &[u8]) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("written");
}

/// `text` with one replacement, which has to apply.
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from}");
    text.replace(from, to)
}

#[test]
#[ignore = "builds the harness and its dependencies again, about a minute the first time; scripts/test runs it"]
fn a_new_channel_takes_one_file_and_one_line() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the project");
    // With its own target directory: in the project's, cargo would take the packages of both checkouts for
    // the same.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new_channel");
    let (checkout, toychan) = (folder.join("checkout"), folder.join("toychan"));
    let before = files(project);
    put(&checkout, &before);
    write(
        &toychan.join("Cargo.toml"),
        b"[package]\nname = \"toychan\"\nversion = \"3.2.1\"\nedition = \"2024\"\n\n[workspace]\n",
    );
    write(&toychan.join("src/lib.rs"), b"pub use std::sync::mpsc;\n");

    // The file.
    let file = Path::new("harness/adapters/channels/toychan.rs");
    let text = fs::read_to_string(checkout.join("harness/adapters/channels/std.rs")).expect("an adapter");
    let text = replaced(&text, "use std::sync::mpsc;", "use toychan::mpsc;");
    let text = replaced(&text, "name: \"std\",", "name: \"toychan\",");
    let text = replaced(&text, "package: None,", "package: Some(\"toychan\"),");
    write(&checkout.join(file), text.as_bytes());
    // The line.
    let manifest = Path::new("harness/adapters/Cargo.toml");
    let text = fs::read_to_string(checkout.join(manifest)).expect("a manifest");
    let line = format!("toychan = {{ path = {toychan:?} }}\n");
    let text = replaced(&text, "kanal = \"0.1.1\"\n", &format!("kanal = \"0.1.1\"\n{line}"));
    write(&checkout.join(manifest), text.as_bytes());

    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["run", "--offline", "--package", "adapters", "--example", "channels"])
        // It runs no round, so optimisation would only cost time.
        .args(["--config", "profile.dev.opt-level=0", "--config", "profile.dev.debug=false", "--target-dir"])
        .arg(folder.join("target"))
        .current_dir(&checkout)
        .output()
        .expect("cargo runs");
    let (listed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{errors}");
    let names: Vec<_> = listed.lines().map(|line| line.split(':').next().expect("a name")).collect();
    let adapters = fs::read_dir(checkout.join("harness/adapters/channels")).expect("a folder").count();
    assert_eq!(names.len(), adapters + 1, "the baseline, and one channel for each file: {listed}");
    assert_eq!(names.iter().filter(|name| **name == "toychan").count(), 1, "{listed}");
    assert!(listed.contains("\ntoychan: toychan 3.2.1\n"), "{listed}");

    // Cargo itself writes the lock file.
    let mut after = files(&checkout);
    after.retain(|path, text| path != Path::new("Cargo.lock") && before.get(path) != Some(text));
    assert_eq!(after.keys().collect::<Vec<_>>(), [manifest, file]);
    let lines = |text: &[u8]| String::from_utf8_lossy(text).lines().map(str::to_owned).collect::<Vec<_>>();
    let mut changed = lines(&after[manifest]);
    changed.retain(|changed| *changed != line.trim_end());
    assert_eq!(changed, lines(&before[manifest]), "one line was added");

    let instructions = String::from_utf8_lossy(&before[Path::new("CONTRIBUTING.md")]);
    for place in ["`harness/adapters/channels/<name>.rs`", "`harness/adapters/Cargo.toml`"] {
        assert!(instructions.contains(place), "CONTRIBUTING.md does not mention {place}");
    }
}
