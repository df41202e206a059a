//! Any truncation and any flipped byte.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use service_log::{Commit, Group, Log, LogError, Writer};

use crate::{append, files, filled, folder, read_from, segments};

/// Messages of each partition before something happens to them.
const MESSAGES: u64 = 60;

/// The bytes of a segment's header.
const HEADER: usize = 36;

/// Opens the log as a writer does, appends a message to each partition and reads everything.
fn goes_on(folder: &Path) -> Result<Vec<u64>, LogError> {
    let mut writer = Writer::open(folder)?;
    for partition in 0..writer.partitions() {
        append(&mut writer, partition)?;
    }
    writer.flush()?;
    read_all(folder)
}

/// The offset after the last message of each partition.
fn read_all(folder: &Path) -> Result<Vec<u64>, LogError> {
    let log = Log::open(folder)?;
    log.groups()?;
    (0..log.partitions()).map(|partition| read_from(&log, partition, 0)).collect()
}

/// The position after each message of a segment, from its bytes: a head begins with the length of its body.
fn ends(bytes: &[u8]) -> Vec<usize> {
    let mut ends = vec![HEADER];
    while let Some(length) = bytes.get(ends[ends.len() - 1]..).and_then(|rest| rest.first_chunk()) {
        ends.push(ends[ends.len() - 1] + 28 + u32::from_le_bytes(*length) as usize);
    }
    ends
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_truncation_loses_the_torn_message_and_what_came_after_it_only(at: prop::sample::Index, segment_bytes in 256_u64..8_000) {
        let folder = folder();
        drop(filled(folder.path(), 2, MESSAGES, segment_bytes));
        let last = segments(folder.path(), 1).pop().expect("a segment");
        let bytes = fs::read(&last).expect("a segment");
        let whole = ends(&bytes);
        prop_assert_eq!(whole.last(), Some(&bytes.len()));
        let at = HEADER + at.index(bytes.len() + 1 - HEADER);
        fs::write(&last, &bytes[..at]).expect("cut");
        let lost = whole.iter().filter(|end| **end > at).count() as u64;
        prop_assert_eq!(read_all(folder.path()).expect("a torn tail is no damage"), [MESSAGES, MESSAGES - lost]);
        prop_assert_eq!(goes_on(folder.path()).expect("it is cut off"), [MESSAGES + 1, MESSAGES - lost + 1]);
    }

    /// What a power cut may leave of bytes that were not synced.
    #[test]
    fn zeros_at_the_end_are_torn(zeros in 1..100_000_usize, segment_bytes in 256_u64..8_000) {
        let folder = folder();
        drop(filled(folder.path(), 1, MESSAGES, segment_bytes));
        let last = segments(folder.path(), 0).pop().expect("a segment");
        let bytes = [fs::read(&last).expect("a segment"), vec![0; zeros]].concat();
        fs::write(&last, bytes).expect("written");
        prop_assert_eq!(read_all(folder.path()).expect("torn"), [MESSAGES]);
        prop_assert_eq!(goes_on(folder.path()).expect("it is cut off"), [MESSAGES + 1]);
    }

    /// Whichever file it is in, and also in the last message, which is not taken for a torn one.
    #[test]
    fn a_flipped_byte_is_named_with_its_file_and_place(file: prop::sample::Index, at: prop::sample::Index, flip in 1..=u8::MAX, segment_bytes in 256_u64..8_000) {
        let folder = folder();
        drop(filled(folder.path(), 2, MESSAGES, segment_bytes));
        let commit = Commit { offset: 9, metadata: "m".to_owned() };
        Group::open(folder.path(), "g").expect("a group").commit([(0, commit)]).expect("committed");
        let files: Vec<_> = files(folder.path()).into_iter().filter(|(_, bytes)| !bytes.is_empty()).collect();
        let (path, mut bytes) = file.get(&files).clone();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        fs::write(&path, &bytes).expect("written");
        let error = match read_all(folder.path()) {
            Ok(ends) => return Err(TestCaseError::fail(format!("byte {at} of {}: read to {ends:?}", path.display()))),
            Err(error) => error,
        };
        let LogError::Damaged { path: named, position, .. } = &error else { panic!("{error}") };
        prop_assert_eq!(named, &path, "{}", error);
        if path.extension() == Some("segment".as_ref()) && at >= HEADER {
            let place = *position as usize;
            prop_assert!(place <= at && at - place < 28 + 6 + 3 * 30 + 12 + 90, "byte {at}: {error}");
        }
        // Nobody writes over it: a writer that opens the log leaves the damage, and a reader still finds it.
        let damaged = fs::read(&path).expect("there");
        if let Ok(mut writer) = Writer::open(folder.path()) {
            append(&mut writer, 0).and_then(|_| writer.flush()).expect("appended");
        }
        prop_assert!(fs::read(&path).expect("there").starts_with(&damaged));
        prop_assert!(read_all(folder.path()).is_err());
    }
}

#[test]
fn a_segment_that_is_cut_is_damage_unless_it_is_the_last() {
    let folder = folder();
    drop(filled(folder.path(), 1, MESSAGES, 1_024));
    let path = segments(folder.path(), 0).swap_remove(1);
    let bytes = fs::read(&path).expect("a segment");
    let whole = ends(&bytes);
    for at in 0..bytes.len() {
        fs::write(&path, &bytes[..at]).expect("cut");
        let error = read_all(folder.path()).expect_err("messages are missing").to_string();
        let what = match () {
            () if at < HEADER => "the header of the segment is cut off",
            () if whole.contains(&at) => "are missing",
            () => "it does not end with a message, and another segment follows",
        };
        assert!(error.contains(what) && error.contains(&*path.to_string_lossy()), "{at}: {error}");
        // Those who begin behind it are not concerned.
        let log = Log::open(folder.path()).expect("a log");
        assert_eq!(read_from(&log, 0, MESSAGES - 1).expect("whole"), MESSAGES);
    }
}

#[test]
fn reading_goes_on_at_the_offset_that_the_error_names() {
    let folder = folder();
    drop(filled(folder.path(), 1, 2_000, 1 << 20));
    let path = segments(folder.path(), 0).remove(0);
    let mut bytes = fs::read(&path).expect("a segment");
    let whole = ends(&bytes);
    // The length of message 1,000, and a byte of message 1,002.
    bytes[whole[1_000]] ^= 1;
    bytes[whole[1_002] + 30] ^= 1;
    fs::write(&path, bytes).expect("written");
    let log = Log::open(folder.path()).expect("a log");
    let mut reader = log.reader(0, 990).expect("whole until there");
    let error = loop {
        match reader.read() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the damage was passed"),
            Err(error) => break error.to_string(),
        }
    };
    let expected = format!(
        "{} is damaged at byte {}: offset 1000: the checksum of a message's head is wrong; the next message that can be \
         read is at offset 1001",
        path.display(),
        whole[1_000]
    );
    assert_eq!(error, expected);
    assert_eq!(reader.read().expect_err("a reader never passes damage").to_string(), expected);
    let mut reader = log.reader(0, 1_000).expect("the place is known");
    assert_eq!(reader.read().expect_err("damaged").to_string(), expected);
    let mut reader = log.reader(0, 1_001).expect("it can be read");
    assert_eq!(reader.read().expect("whole").map(|read| read.offset), Some(1_001));
    let error = reader.read().expect_err("damaged").to_string();
    assert!(error.contains("offset 1002: the checksum of a message's body is wrong"), "{error}");
    assert_eq!(read_from(&log, 0, 1_003).expect("whole"), 2_000);
}

#[test]
fn segments_that_change_their_places_are_damage() {
    let folder = folder();
    drop(filled(folder.path(), 2, MESSAGES, 1_024));
    let (of_one, of_other) = (segments(folder.path(), 0).remove(0), segments(folder.path(), 1).remove(0));
    fs::copy(&of_one, &of_other).expect("copied");
    let error = read_all(folder.path()).expect_err("it is another segment").to_string();
    assert!(error.ends_with("it is another segment, under the name of this one"), "{error}");
}

/// The same messages in a segment that was begun again have other checksums.
#[test]
fn messages_of_an_earlier_segment_are_none() {
    let [folder, other] = [(); 2].map(|()| folder());
    for log in [&folder, &other] {
        drop(filled(log.path(), 1, MESSAGES, 1 << 20));
    }
    let (path, other) = (segments(folder.path(), 0).remove(0), segments(other.path(), 0).remove(0));
    let (own, others) = (fs::read(&path).expect("there"), fs::read(other).expect("there"));
    let middle = ends(&own)[30];
    fs::write(&path, [&own[..middle], &others[middle..]].concat()).expect("written");
    let error = read_all(folder.path()).expect_err("they are another segment's").to_string();
    assert!(error.contains("offset 30: ") && error.ends_with("in this segment can be read"), "{error}");
}
