//! Small files that are replaced as a whole: JSON in one line, which ends in its checksum as recorded lines
//! do.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::ser::{Formatter, Serializer};

use crate::FORMAT;
use crate::error::LogError;

/// The limit of such a file: the commits of as many partitions as a log may have, with the longest metadata.
const MAX_BYTES: u64 = 32 << 20;

/// What stands between the content and the digits of its checksum.
const CHECKSUM: &[u8] = b",\"crc32\":\"";

/// What comes after the digits.
const END: &[u8] = b"\"}";

/// The name of a file until its content is on the disk. A kill leaves it, and the next attempt replaces it.
pub(crate) fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".unfinished");
    name.into()
}

/// Returns when the names in a folder are on the disk.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), LogError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(LogError::io("sync", folder))
}

/// Replaces the file in `folder` as a whole: a kill, a power cut or a full disk leaves the old one, and a
/// reader sees the old one or the new one. Only one process may do so at a time.
pub(crate) fn replace(folder: &Path, path: &Path, value: &impl Serialize) -> Result<(), LogError> {
    let new = unfinished(path);
    let sealed = sealed(value).map_err(|error| LogError::io("write", &new)(error.into()))?;
    let mut file = File::create(&new).map_err(LogError::io("create", &new))?;
    file.write_all(&sealed).map_err(LogError::io("write", &new))?;
    file.sync_all().map_err(LogError::io("sync", &new))?;
    fs::rename(&new, path).map_err(LogError::io("replace", path))?;
    sync_folder(folder)
}

/// Reads a file; `None` when it is not there.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, LogError> {
    #[derive(Deserialize)]
    struct Versioned {
        format: u32,
    }

    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes)) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(LogError::io("read", path)(error)),
    }
    let damaged = |what: String| LogError::damaged(path, 0, what);
    let content = unsealed(&bytes).ok_or_else(|| damaged("its checksum is missing or wrong".to_owned()))?;
    let Versioned { format } =
        serde_json::from_slice(&content).map_err(|error| damaged(error.to_string()))?;
    if format > FORMAT {
        return Err(LogError::Newer { path: path.to_owned(), format });
    }
    serde_json::from_slice(&content).map(Some).map_err(|error| damaged(error.to_string()))
}

fn sealed(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, AsciiJson))?;
    // Without the brace that ends the object.
    bytes.pop();
    let digits = format!("{:08x}", crc32fast::hash(&bytes));
    bytes.extend([CHECKSUM, digits.as_bytes(), END, b"\n"].concat());
    Ok(bytes)
}

/// The JSON without its checksum, if that is right.
fn unsealed(bytes: &[u8]) -> Option<Vec<u8>> {
    let (rest, digits) = bytes.strip_suffix(b"\n")?.strip_suffix(END)?.split_last_chunk::<8>()?;
    let content = rest.strip_suffix(CHECKSUM)?;
    let is_right = format!("{:08x}", crc32fast::hash(content)).as_bytes() == digits;
    is_right.then(|| [content, b"}"].concat())
}

/// Compact JSON in ASCII, so that text from elsewhere controls no terminal that shows the file.
struct AsciiJson;

impl Formatter for AsciiJson {
    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let is_plain = |character: char| character.is_ascii() && character != '\u{7f}';
        for piece in fragment.split_inclusive(|character| !is_plain(character)) {
            let last = piece.chars().next_back().filter(|last| !is_plain(*last));
            let shown = last.map_or(Some(piece), |last| piece.strip_suffix(last));
            writer.write_all(shown.unwrap_or_default().as_bytes())?;
            for unit in last.into_iter().flat_map(|last| last.encode_utf16(&mut [0; 2]).to_vec()) {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use records::checksum::Seal;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Sample {
        format: u32,
        text: String,
    }

    fn sample(text: &str) -> Sample {
        Sample { format: FORMAT, text: text.to_owned() }
    }

    proptest! {
        #[test]
        fn a_file_is_read_as_it_was_written_and_its_seal_is_that_of_records(text in ".{0,20}[\u{0}-\u{a0}\u{202e}🦀]{0,3}") {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("a.json");
            replace(folder.path(), &path, &sample("old")).expect("written");
            replace(folder.path(), &path, &sample(&text)).expect("replaced");
            prop_assert_eq!(read(&path).expect("whole"), Some(sample(&text)));
            let bytes = fs::read(&path).expect("there");
            prop_assert!(bytes.iter().all(|byte| (b' '..=b'~').contains(byte) || *byte == b'\n'));
            let Seal::Present { named, computed, after: None } = Seal::of(&bytes) else { panic!("no seal") };
            prop_assert_eq!(named, computed);
        }

        #[test]
        fn a_flipped_or_missing_byte_is_damage(text in "[a-z]{0,9}", at: prop::sample::Index, flip in 0..=u8::MAX) {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("a.json");
            let mut bytes = sealed(&sample(&text)).expect("JSON");
            let at = at.index(bytes.len());
            match flip {
                0 => bytes.truncate(at),
                flip => bytes[at] ^= flip,
            }
            fs::write(&path, bytes).expect("written");
            let error = read::<Sample>(&path).expect_err("damaged");
            prop_assert!(matches!(error, LogError::Damaged { .. }), "{}", error);
        }
    }

    #[test]
    fn a_newer_format_is_named_and_a_missing_file_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.json");
        assert_eq!(read::<Sample>(&path).expect("not there"), None);
        replace(folder.path(), &path, &serde_json::json!({"format": FORMAT + 1})).expect("written");
        let error = read::<Sample>(&path).expect_err("newer").to_string();
        assert!(error.ends_with("has format 2, and this build reads up to 1: use a newer build"), "{error}");
    }
}
