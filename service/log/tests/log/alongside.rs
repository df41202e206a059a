//! Readers and a writer at the same time.

use std::fs::{self, File};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use service_log::{Log, LogError, NewMessage, Options, Writer};

use crate::{append, filled, folder, message, segments};

const MESSAGES: u64 = 60_000;

const LIMIT: Duration = Duration::from_secs(120);

#[test]
fn readers_see_every_message_in_order_while_it_is_written_over_segments() {
    let folder = folder();
    // The segments that begin after the last message that a reader has seen make it look twice.
    let mut writer =
        Writer::create(folder.path(), Options { partitions: 1, segment_bytes: 8 << 10 }).expect("a new log");
    let log = Log::open(folder.path()).expect("a log");
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let (mut reader, began) = (log.reader(0, 0).expect("the start"), Instant::now());
                for offset in 0..MESSAGES {
                    let read = loop {
                        assert!(began.elapsed() < LIMIT, "message {offset} does not come");
                        match reader.read().expect("nothing is damaged") {
                            Some(read) => break read,
                            None => thread::yield_now(),
                        }
                    };
                    assert_eq!(read, message(0, offset));
                }
                assert_eq!(reader.read().expect("nothing is damaged"), None);
            });
        }
        // One that begins somewhere, over and over.
        scope.spawn(|| {
            let mut random = Xoshiro256PlusPlus::seed_from_u64(3);
            while !is_done.load(Ordering::Acquire) {
                let next = log.extent(0).expect("nothing is damaged").next;
                let from = random.random_range(0..=next);
                let read = log.reader(0, from).expect("it is there").read().expect("nothing is damaged");
                assert!(read.is_none_or(|read| read == message(0, from)));
            }
        });
        let mut random = Xoshiro256PlusPlus::seed_from_u64(4);
        for _ in 0..MESSAGES {
            append(&mut writer, 0).expect("appended");
            if random.random_range(0..20) == 0 {
                writer.flush().expect("written");
            }
        }
        writer.flush().expect("written");
        is_done.store(true, Ordering::Release);
    });
}

#[test]
fn a_log_has_one_writer_at_a_time() {
    let folder = folder();
    let path = folder.path().join("log");
    let writer = Writer::create(&path, Options { partitions: 1, segment_bytes: 1 << 20 }).expect("a new log");
    let error = Writer::open(&path).expect_err("it is in use");
    assert!(matches!(error, LogError::Held { .. }));
    let text = error.to_string();
    assert!(
        text.starts_with("the log in ")
            && text.ends_with("is in use: wait for the end of the process that has it, or stop it")
    );
    drop(writer);
    drop(Writer::open(&path).expect("free again"));
}

/// The reader has bytes of the torn message in its memory, and the file has others at their place by now.
#[test]
fn a_reader_that_has_seen_a_torn_message_sees_the_one_in_its_place() {
    for kept in 1..60 {
        let folder = folder();
        drop(filled(folder.path(), 1, 3, 1 << 20));
        let segment = segments(folder.path(), 0).remove(0);
        let mut reader = Log::open(folder.path()).and_then(|log| log.reader(0, 3)).expect("the end");
        let whole = fs::metadata(&segment).expect("there").len();
        let mut writer = Writer::open(folder.path()).expect("free");
        writer.append(0, &NewMessage { payload: &[1; 90], ..NewMessage::default() }).expect("appended");
        writer.flush().expect("written");
        drop(writer);
        File::options().write(true).open(&segment).and_then(|file| file.set_len(whole + kept)).expect("cut");
        assert_eq!(reader.read().expect("torn"), None);
        let mut writer = Writer::open(folder.path()).expect("free");
        let payload = [2; 40];
        let other = NewMessage { payload: &payload, timestamp: 5, ..NewMessage::default() };
        assert_eq!(writer.append(0, &other).and_then(|offset| writer.flush().map(|()| offset)).ok(), Some(3));
        let read = reader.read().expect("it is whole").map(|read| read.payload);
        assert_eq!(read.as_deref(), Some(&payload[..]), "{kept} bytes");
    }
}
