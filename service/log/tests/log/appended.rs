//! Appending, reading from any offset, committing.

use std::fs;

use service_log::{
    Commit, Group, Log, LogError, MAX_MESSAGE_BYTES, MAX_METADATA_BYTES, NewMessage, Options, Writer,
};

use crate::{append, filled, folder, message, read_from, segments};

const SMALL: Options = Options { partitions: 2, segment_bytes: 4_096 };

fn commit(offset: u64, metadata: &str) -> Commit {
    Commit { offset, metadata: metadata.to_owned() }
}

#[test]
fn messages_are_read_as_they_were_appended_from_every_offset_and_over_segments() {
    let folder = folder();
    drop(filled(folder.path(), 2, 500, 4_096));
    assert!(segments(folder.path(), 1).len() > 5, "{:?}", segments(folder.path(), 1));
    let log = Log::open(folder.path()).expect("a log");
    for from in 0..=500 {
        assert_eq!(read_from(&log, from as u32 % 2, from).expect("whole"), 500);
    }
    let extent = log.extent(1).expect("whole");
    assert_eq!((extent.first, extent.next, extent.segments), (0, 500, segments(folder.path(), 1).len()));
    let error = log.reader(1, 501).expect_err("beyond the end").to_string();
    assert_eq!(error, "partition 1 cannot be read from offset 501: it begins at 0 and ends before 500");
    assert!(matches!(log.reader(2, 0), Err(LogError::NoPartition { .. })));
}

#[test]
fn a_log_that_is_opened_again_goes_on_where_it_ended() {
    let folder = folder();
    let mut writer = Writer::create(folder.path(), SMALL).expect("a new log");
    for round in 0..50 {
        assert_eq!(append(&mut writer, 0).expect("appended"), round);
        writer.flush().expect("written");
        drop(writer);
        writer = Writer::open(folder.path()).expect("opened");
    }
    assert_eq!(writer.next_offset(0), Some(50));
    assert_eq!(read_from(&Log::open(folder.path()).expect("a log"), 0, 0).expect("whole"), 50);
}

#[test]
fn a_reader_at_the_end_sees_what_comes() {
    let folder = folder();
    let mut writer = Writer::create(folder.path(), SMALL).expect("a new log");
    let mut reader = Log::open(folder.path()).expect("a log").reader(0, 0).expect("the end");
    for offset in 0..300 {
        assert_eq!(reader.read().expect("nothing is wrong"), None);
        append(&mut writer, 0).expect("appended");
        assert_eq!(reader.read().expect("nothing is wrong"), None, "it is in the writer's memory");
        writer.flush().expect("written");
        assert_eq!(reader.read().expect("nothing is wrong"), Some(message(0, offset)));
    }
}

/// The first segments may be removed by hand: what is left says where it begins.
#[test]
fn a_partition_may_begin_later() {
    let folder = folder();
    drop(filled(folder.path(), 1, 300, 4_096));
    fs::remove_file(&segments(folder.path(), 0)[0]).expect("removed");
    let log = Log::open(folder.path()).expect("a log");
    let first = log.extent(0).expect("whole").first;
    assert!(first > 0);
    assert_eq!(read_from(&log, 0, first).expect("whole"), 300);
    let error = log.reader(0, first - 1).expect_err("removed").to_string();
    assert!(error.ends_with(&format!("it begins at {first} and ends before 300")), "{error}");
}

/// Every message has the size of one that may mislead the search: its payload is a copy of a segment.
#[test]
fn a_payload_that_looks_like_messages_misleads_no_search() {
    let [folder, other] = [(); 2].map(|()| folder());
    drop(filled(other.path(), 1, 500, 1 << 20));
    let copy = fs::read(&segments(other.path(), 0)[0]).expect("a segment");
    let mut writer =
        Writer::create(folder.path(), Options { partitions: 1, segment_bytes: 1 << 20 }).expect("new");
    for number in 0..60 {
        let payload = [&[number], &copy[..]].concat();
        writer.append(0, &NewMessage { payload: &payload, ..NewMessage::default() }).expect("appended");
    }
    writer.flush().expect("written");
    let log = Log::open(folder.path()).expect("a log");
    for offset in 0..60 {
        let read = log.reader(0, offset).expect("there").read().expect("whole").expect("a message");
        assert_eq!((read.offset, u64::from(read.payload[0])), (offset, offset));
    }
    assert_eq!(log.extent(0).expect("whole").next, 60);
}

#[test]
fn the_limits_of_a_message_are_those_that_are_stated() {
    let folder = folder();
    let mut writer = Writer::create(folder.path(), SMALL).expect("a new log");
    let payload = vec![7; MAX_MESSAGE_BYTES - 34];
    let largest = NewMessage { payload: &payload, ..NewMessage::default() };
    writer.append(0, &largest).expect("as large as may be");
    let key = [0];
    let error =
        writer.append(0, &NewMessage { key: Some(&key), ..largest }).expect_err("a byte more").to_string();
    assert_eq!(
        error,
        "a message of 1048577 bytes, key and headers included, is too large: the limit is 1048576"
    );
    assert!(matches!(writer.append(2, &largest), Err(LogError::NoPartition { .. })));
    // A refusal is no failed write.
    append(&mut writer, 1).expect("appended");
    writer.sync().expect("on the disk");
    let read = Log::open(folder.path()).expect("a log").reader(0, 0).expect("there").read().expect("whole");
    assert_eq!(read.map(|read| read.payload), Some(payload));
}

#[test]
fn commits_hold_for_all_partitions_or_none_and_never_go_back() {
    let folder = folder();
    drop(filled(folder.path(), 3, 20, 4_096));
    let mut group = Group::open(folder.path(), "a-1").expect("a group");
    assert_eq!(group.committed(0), None);
    let longest = "m".repeat(MAX_METADATA_BYTES);
    group.commit([(0, commit(5, "\u{1b}[2J \u{202e}é")), (2, commit(20, &longest))]).expect("committed");
    group.commit([(0, commit(5, ""))]).expect("the same offset with other metadata");
    group.commit([]).expect("nothing");
    for (partition, offset, metadata) in [(0, 4, ""), (3, 1, ""), (0, 6, &*format!("{longest}m"))] {
        group.commit([(1, commit(9, "")), (partition, commit(offset, metadata))]).expect_err("refused");
    }
    assert!(matches!(Group::open(folder.path(), "a-1"), Err(LogError::Held { .. })));
    let mut other = Group::open(folder.path(), "b").expect("another group");
    other.commit([(1, commit(1, ""))]).expect("committed");
    drop(group);
    let group = Group::open(folder.path(), "a-1").expect("a group");
    assert_eq!(
        [0, 1, 2].map(|partition| group.committed(partition).cloned()),
        [Some(commit(5, "")), None, Some(commit(20, &longest)),]
    );
    let groups = Log::open(folder.path()).expect("a log").groups().expect("whole");
    assert_eq!(groups.iter().map(|group| &*group.group).collect::<Vec<_>>(), ["a-1", "b"]);
    for name in ["", ".", "../a", "a/b", "-a", "a b", "ä", &"a".repeat(129)] {
        assert!(matches!(Group::open(folder.path(), name), Err(LogError::GroupName { .. })), "{name}");
    }
}

/// After the loss of messages their offsets would be given to others, which the group would never see.
#[test]
fn a_writer_does_not_open_a_log_that_lost_committed_messages() {
    let folder = folder();
    drop(filled(folder.path(), 1, 20, 1 << 20));
    Group::open(folder.path(), "g").expect("a group").commit([(0, commit(20, ""))]).expect("committed");
    drop(Writer::open(folder.path()).expect("nothing is lost"));
    let segment = segments(folder.path(), 0).remove(0);
    let length = fs::metadata(&segment).expect("there").len();
    fs::File::options().write(true).open(&segment).and_then(|file| file.set_len(length - 1)).expect("cut");
    let error = Writer::open(folder.path()).expect_err("a message is lost").to_string();
    assert!(
        error.contains("groups/g.json has committed offset 20 of partition 0, which ends before 19"),
        "{error}"
    );
    assert_eq!(fs::metadata(&segment).expect("there").len(), length - 1, "nothing is changed");
}
