//! The mutated workspace: a copy of the project's harness, models and methods with every mutant behind its
//! switch.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use instrument::files::{Tree, read_tree, write_tree};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, value};

use crate::rewrite::rewrite;
use crate::table::{Edit, Mutant};

/// The environment variable that names the mutant of a process. Without it, the process runs the original
/// code.
pub(crate) const VARIABLE: &str = "CHANLAB_MUTANT";

/// The program of `verify` in the mutated workspace. Its name differs from the original's because both are
/// built into one target folder.
pub(crate) const WORKER: &str = "chanlab-verify-mutants";

/// The switch, added to the crate `contract`, on which all mutated code depends.
const SWITCH: &str = r#"//! The switch of the mutants.

/// Whether the environment names this mutant.
pub fn active(mutant: &str) -> bool {
    static NAME: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    NAME.get_or_init(|| std::env::var("CHANLAB_MUTANT").unwrap_or_default()) == mutant
}
"#;

/// Added to the root of `contract`, so that the path `contract::mutants` is valid in every crate.
const SWITCH_DECLARATION: &str = "\nextern crate self as contract;\npub mod mutants;\n";

/// The members of the mutated workspace.
const MEMBERS: [&str; 5] = ["harness/*", "models", "models/sut", "service/*", "verify"];

/// The packages that are copied without their tests. The adapters are not built.
const PACKAGES: [&str; 6] = [
    "harness/adapters",
    "harness/baseline",
    "harness/contract",
    "harness/records",
    "harness/wording",
    "harness/workloads",
];

/// The other folders of the project that are copied.
const FOLDERS: [&str; 5] = ["models/src", "models/tests", "models/sut", "service/core", "verify/src"];

const LOCK: &str = "Cargo.lock";

/// The project's lock file from which cargo made that of the mutated workspace.
const LOCK_ORIGIN: &str = "Cargo.lock.origin";

/// The project's folder.
pub(crate) fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the crate is in models/mutants")
        .to_owned()
}

/// Writes the mutated workspace to `folder`, touching only what changed.
///
/// # Errors
///
/// When an edit of the table is stale, or a file cannot be read or written.
pub(crate) fn generate(folder: &Path, mutants: &[Mutant]) -> Result<()> {
    let mut tree = mutated(&project(), mutants)?;
    // Cargo removes unused packages from the lock file. Its changes are kept while they are valid; otherwise
    // every run would rebuild the adapters, which embed the file.
    let old = if folder.is_dir() { read_tree(folder, &[])? } else { Tree::new() };
    let decides = |path: &&PathBuf| path.ends_with("Cargo.toml") || path.ends_with(LOCK_ORIGIN);
    if tree.keys().filter(decides).all(|path| old.get(path) == tree.get(path))
        && let Some(lock) = old.get(Path::new(LOCK))
    {
        tree.insert(LOCK.into(), lock.clone());
    }
    write_tree(folder, &tree)
}

/// The files of the mutated workspace.
fn mutated(project: &Path, mutants: &[Mutant]) -> Result<Tree> {
    let mut tree = Tree::new();
    let folders = PACKAGES.iter().map(|folder| (*folder, ["tests"].as_slice()));
    for (folder, left_out) in folders.chain(FOLDERS.map(|folder| (folder, [].as_slice()))) {
        let files = read_tree(&project.join(folder), left_out)?;
        tree.extend(files.into_iter().map(|(path, bytes)| (Path::new(folder).join(path), bytes)));
    }
    for mutant in mutants {
        for Edit { file, .. } in &mutant.edits {
            ensure!(tree.contains_key(Path::new(file)), "mutant {}: there is no file {file}", mutant.name);
        }
    }
    for (path, bytes) in &mut tree {
        let file = path.to_str().filter(|file| mutants.iter().any(|mutant| mutant.changes(file)));
        if let Some(file) = file {
            let source = str::from_utf8(bytes).with_context(|| format!("{file} is not UTF-8"))?;
            *bytes = rewrite(file, source, mutants)?.into_bytes();
        }
    }
    let root = tree.get_mut(Path::new("harness/contract/src/lib.rs")).context("contract has no lib.rs")?;
    root.extend(SWITCH_DECLARATION.bytes());
    tree.insert("harness/contract/src/mutants.rs".into(), SWITCH.into());

    let lock = fs::read(project.join(LOCK)).with_context(|| format!("cannot read {LOCK}"))?;
    tree.insert(LOCK.into(), lock.clone());
    tree.insert(LOCK_ORIGIN.into(), lock);
    let mut manifest = |path: &str, change: fn(&mut DocumentMut)| -> Result<()> {
        let text = fs::read_to_string(project.join(path)).with_context(|| format!("cannot read {path}"))?;
        let mut manifest: DocumentMut = text.parse().with_context(|| format!("malformed {path}"))?;
        change(&mut manifest);
        tree.insert(path.into(), manifest.to_string().into_bytes());
        Ok(())
    };
    manifest("Cargo.toml", |manifest| {
        let workspace = &mut manifest["workspace"];
        workspace["members"] = value(MEMBERS.into_iter().collect::<Array>());
        workspace["default-members"] = Item::None;
        // Of the switched code, only errors are worth a line.
        workspace["lints"] =
            Item::Table(Table::from_iter([("rust", InlineTable::from_iter([("warnings", "allow")]))]));
        manifest["profile"]["release"]["package"] = Item::None;
    })?;
    // Tests and benchmarks of these packages are not copied.
    for package in PACKAGES {
        manifest(&format!("{package}/Cargo.toml"), |manifest| {
            manifest.remove("dev-dependencies");
        })?;
    }
    manifest("models/Cargo.toml", |_| ())?;
    manifest("verify/Cargo.toml", |manifest| {
        manifest.remove("dev-dependencies");
        manifest.remove("bench");
        manifest["bin"][0]["name"] = value(WORKER);
    })?;
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::mutants;

    /// Fails when the code changes and an edit of the table becomes stale.
    #[test]
    fn every_edit_of_the_table_applies_to_the_source() {
        let mutants = mutants().expect("the table");
        let tree = mutated(&project(), &mutants).expect("a mutated workspace");
        let text: String = tree.values().map(|bytes| String::from_utf8_lossy(bytes)).collect();
        for mutant in &mutants {
            let switches = text.matches(&format!("contract::mutants::active(\"{}\")", mutant.name)).count();
            assert_eq!(switches, mutant.edits.len(), "{}", mutant.name);
        }
        assert!(SWITCH.contains(VARIABLE));
    }

    #[test]
    fn the_lock_file_that_cargo_changed_stays_until_the_project_changes() {
        let folder = tempfile::tempdir().expect("a folder");
        let lock = folder.path().join(LOCK);
        generate(folder.path(), &[]).expect("generated");
        let original = fs::read_to_string(&lock).expect("a lock file");
        fs::write(&lock, "cargo's").expect("written");
        generate(folder.path(), &[]).expect("generated");
        assert_eq!(fs::read_to_string(&lock).expect("a lock file"), "cargo's");
        fs::write(folder.path().join(LOCK_ORIGIN), "another project's").expect("written");
        generate(folder.path(), &[]).expect("generated");
        assert_eq!(fs::read_to_string(&lock).expect("a lock file"), original);
    }
}
