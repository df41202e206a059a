//! A worker that does not come back: the dispatcher still stores commits, and the grace still ends.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use baseline::MutexDeque;
use contract::channel::{Capacity, Channel, Receiver};
use service_core::coordinator::{Outcome, Record, Settings};
use service_core::offset_map::OffsetMap;
use service_core::roles::{DispatchEnd, dispatch};
use service_core::scheduler::{Job, Limits, Order};
use service_core::shared::{Clock, Shared};
use service_core::source::Stored;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_bounded_coordinator_commits_and_ends_while_every_worker_is_stuck() {
    let limits = Limits { in_flight: 100, at_work: 100, retries: 0, retry_delay: Duration::ZERO };
    let settings = Settings { order: Order::None, limits, commit_every: 1, commit_retry: Duration::ZERO };
    // One slot and one worker.
    let shared = Arc::new(Shared::new(1, settings, Clock::Real(Instant::now())).bounded(2));
    shared.assign(0, 0, &OffsetMap::default()).expect("unassigned");
    let record = |offset| Record { offset, key: None, message: () };
    let mut records: VecDeque<_> = (0..50).map(record).collect();
    shared.admit(0, 1, &mut records, &mut Vec::new()).expect("rising");

    let (jobs, receiver) = MutexDeque::open::<Job<()>>(Capacity::from_slots(1)).expect("bounded");
    let (commits, stored) = mpsc::channel();
    let (ended, end) = mpsc::channel();
    let own = Arc::clone(&shared);
    let dispatcher = thread::spawn(move || {
        let how = dispatch(&jobs, &own, None, |commit| {
            commits.send(commit.position).expect("the test listens");
            Stored::Yes
        });
        ended.send(how).expect("the test listens");
    });
    // The worker is done with the first message, answers, and never with the second.
    let first = receiver.recv().expect("a job");
    let _stuck = receiver.recv().expect("another job");
    shared.answer(&mut vec![(first.ticket, Outcome::Done)]);
    assert_eq!(stored.recv_timeout(LIMIT), Ok(1), "a commit waits for a worker");
    shared.stop(Some(Duration::from_millis(1)));
    assert_eq!(end.recv_timeout(LIMIT), Ok(DispatchEnd::Finished), "the end of the grace waits for a worker");
    dispatcher.join().expect("it has ended");
    let [left] = &shared.ends()[..] else { panic!("one partition") };
    assert_eq!((left.committed, left.unfinished.len(), left.uncommitted), (1, 49, 0));
}
