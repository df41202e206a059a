//! The files of a generated workspace, written so that cargo rebuilds only what changed.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use walkdir::{DirEntry, WalkDir};

/// The files of a folder: their content by path relative to the folder.
pub type Tree = BTreeMap<PathBuf, Vec<u8>>;

/// Reads the files of `folder`, except the direct entries named in `left_out`.
///
/// # Errors
///
/// When the folder or one of its files cannot be read.
pub fn read_tree(folder: &Path, left_out: &[&str]) -> Result<Tree> {
    let mut tree = Tree::new();
    let wanted =
        |entry: &DirEntry| entry.depth() != 1 || !left_out.iter().any(|name| entry.file_name() == *name);
    for entry in WalkDir::new(folder).into_iter().filter_entry(wanted) {
        let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
        if entry.file_type().is_file() {
            let path = entry.path();
            let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            tree.insert(path.strip_prefix(folder)?.to_owned(), bytes);
        }
    }
    Ok(tree)
}

/// Makes `folder` hold exactly these files. Files that already have the wanted content are not touched.
///
/// # Errors
///
/// When a file cannot be read, written or removed.
pub fn write_tree(folder: &Path, tree: &Tree) -> Result<()> {
    for (path, bytes) in tree {
        write(&folder.join(path), bytes)?;
    }
    for path in read_tree(folder, &[])?.keys().filter(|path| !tree.contains_key(*path)) {
        let path = folder.join(path);
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

/// Writes a file unless it already has this content, since cargo compares modification times. Returns whether
/// it wrote.
///
/// # Errors
///
/// When the file cannot be read or written, or its folder cannot be created.
pub fn write(path: &Path, bytes: &[u8]) -> Result<bool> {
    match fs::read(path) {
        Ok(known) if known == bytes => return Ok(false),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)
                    .with_context(|| format!("cannot create the folder {}", folder.display()))?;
            }
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_mirrors_the_tree_and_unchanged_files_keep_their_times() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |path: &str, text: &str| (PathBuf::from(path), text.as_bytes().to_vec());
        let first = Tree::from([file("a/kept.rs", "1"), file("a/changed.rs", "1"), file("gone.rs", "1")]);
        write_tree(folder.path(), &first).expect("written");
        assert_eq!(read_tree(folder.path(), &[]).expect("read"), first);

        let time = || fs::metadata(folder.path().join("a/kept.rs")).and_then(|kept| kept.modified());
        let before = time().expect("a time");
        let second = Tree::from([file("a/kept.rs", "1"), file("a/changed.rs", "2")]);
        write_tree(folder.path(), &second).expect("written");
        assert_eq!(read_tree(folder.path(), &[]).expect("read"), second);
        assert_eq!(time().expect("a time"), before);
        assert_eq!(read_tree(folder.path(), &["a"]).expect("read"), Tree::new());
    }
}
