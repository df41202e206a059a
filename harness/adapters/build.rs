//! Declares a module for every file of `channels/`, and `each`, which visits them. Adding a channel needs no
//! registration.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// Comes directly after the baseline; all others follow in alphabetical order.
const FIRST: &str = "std";

fn main() -> io::Result<()> {
    let folder = Path::new(&variable("CARGO_MANIFEST_DIR")).join("channels");
    println!("cargo:rerun-if-changed={}", folder.display());
    println!("cargo:rustc-env=CHANLAB_RUSTC={}", rustc_version());
    let mut channels = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            channels.push((module(&path), path));
        }
    }
    channels.sort_by_key(|(module, _)| (module != FIRST, module.clone()));
    fs::write(Path::new(&variable("OUT_DIR")).join("channels.rs"), generated(&channels))
}

/// The version of the compiler, which is that of std's channels.
fn rustc_version() -> String {
    let output = Command::new(variable("RUSTC")).arg("--version").output();
    let version = output.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    version.map_or_else(|| "unknown".to_owned(), |version| version.trim().to_owned())
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|error| panic!("cargo sets {name} for a build script: {error}"))
}

/// The module of a file.
fn module(path: &Path) -> String {
    path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned).unwrap_or_else(|| {
        panic!("{}: rename it to a Rust identifier and .rs", path.display());
    })
}

fn generated(channels: &[(String, PathBuf)]) -> String {
    let modules = channels.iter().map(|(module, path)| format!("#[path = {path:?}]\npub mod {module};\n"));
    let visits = channels.iter().map(|(module, _)| format!("    visitor.visit::<{module}::Adapter>();\n"));
    format!(
        "{}
/// Visits the baseline and every channel of `channels/`, in the order in which everything shows them.
pub fn each(visitor: &mut impl Visitor) {{
    visitor.visit::<MutexDeque>();
{}}}
",
        modules.collect::<String>(),
        visits.collect::<String>()
    )
}
