//! The one way in which chanlab replaces a file that somebody may want to keep: a page, a document, a plan.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::Builder;

/// A file could not be written. What it held before is still there.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {error}", path.display())]
pub struct NotReplaced {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub error: io::Error,
}

/// Writes `bytes` into `path` whole or not at all, and makes its folder.
///
/// The bytes go into a new file of the same folder, to the disk, and then under the name of the old file. So
/// a full disk, a kill or a power cut leaves the old content, and a reader sees the old file or the new one.
/// A link is followed. Whatever is no regular file, such as a pipe or `/dev/stdout`, has no content to lose
/// and is written directly.
///
/// # Errors
///
/// [`NotReplaced`].
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), NotReplaced> {
    replace_by(path, |file| file.write_all(bytes))
}

/// As [`replace`], with what `write` writes: for a file that is too large to have it in memory twice.
///
/// # Errors
///
/// [`NotReplaced`].
pub fn replace_by<T>(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<T>,
) -> Result<T, NotReplaced> {
    try_replace(path, write).map_err(|error| NotReplaced { path: path.to_owned(), error })
}

fn try_replace<T>(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<T>) -> io::Result<T> {
    let permissions = match fs::metadata(path) {
        Ok(data) if data.is_file() => Some(data.permissions()),
        Ok(data) if data.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => return write(&mut File::options().write(true).open(path)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let path = match permissions {
        Some(_) => fs::canonicalize(path)?,
        None => path.to_owned(),
    };
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder)?;
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(name);
    // A file that a kill leaves behind is hidden, and named so that its owner sees what it is.
    let mut file = Builder::new()
        .prefix(&prefix)
        .suffix(".unfinished")
        .permissions(permissions.unwrap_or_else(usual))
        .tempfile_in(folder)?;
    let written = write(&mut file)?;
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|error| error.error)?;
    // The new name has to be on the disk too.
    File::open(folder)?.sync_all()?;
    Ok(written)
}

/// The permissions of a new file, from which the system takes what the user's mask forbids.
fn usual() -> Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_new_or_replaced_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a/b/page.html");
        replace(&path, b"first").expect("written");
        replace(&path, b"second").expect("written");
        assert_eq!(fs::read(&path).expect("there"), b"second");
        assert_eq!(names(path.parent().expect("a folder")), ["page.html"]);
    }

    #[test]
    fn permissions_and_links_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let [file, link] = ["page.html", "link.html"].map(|name| folder.path().join(name));
        fs::write(&file, "old").expect("written");
        fs::set_permissions(&file, Permissions::from_mode(0o640)).expect("set");
        symlink("page.html", &link).expect("linked");
        replace(&link, b"new").expect("written");
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(fs::read(&file).expect("there"), b"new");
        assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn a_device_is_written_and_not_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let link = folder.path().join("full");
        symlink("/dev/full", &link).expect("linked");
        let error = replace(&link, b"a page").expect_err("no space").to_string();
        assert!(error.starts_with("cannot write ") && error.contains("/full: No space left"), "{error}");
        assert!(!fs::metadata("/dev/full").expect("there").is_file());
        assert_eq!(names(folder.path()), ["full"]);
        replace(Path::new("/dev/null"), b"a page").expect("written");
        assert!(!fs::metadata("/dev/null").expect("there").is_file());
    }

    #[test]
    fn a_folder_in_its_place_is_an_error_and_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("page.html");
        fs::create_dir(&path).expect("made");
        assert!(replace(&path, b"a page").is_err());
        assert_eq!(names(folder.path()), ["page.html"]);
    }
}
