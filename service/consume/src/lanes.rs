//! The thread that owns the source, and the two threads of each partition.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use contract::channel::{Capacity, Channel};
use service_core::coordinator::{Commit, Record};
use service_core::offset_map::OffsetMap;
use service_core::roles::{FeedEnd, Fetched, feed, fetch};
use service_core::shared::Shared;
use service_core::source::{Event, Lane, Source, Stored};
use service_log::Message;

use crate::Failure;
use crate::consumer::{Note, named};

/// The longest wait for an event of the source, and so for a commit until it is passed on.
const POLL: Duration = Duration::from_millis(5);

/// Records that a thread takes at a time, so that it takes the lock seldom.
const BATCH: usize = 32;

/// What the thread of the source is asked to do.
pub(crate) enum Ask {
    /// To store a commit, whose messages are in the outputs and on the disk.
    Commit(Commit),
    /// To let a revoked partition go; `None` when it was lost while it drained, since it may be assigned again by now.
    LetGo(Option<usize>),
    /// To let the others go, and to leave.
    Close(Vec<usize>),
    /// To leave as it is: nothing is waited for any more.
    Abandon,
}

/// The thread that owns the source.
pub(crate) struct Keeper<S: Source> {
    pub(crate) source: S,
    pub(crate) capacity: Capacity,
    pub(crate) grace: Duration,
    pub(crate) shared: Arc<Shared<Message>>,
    pub(crate) notes: Sender<Note>,
    pub(crate) asks: Sender<Ask>,
    /// The threads that fetch, by partition.
    pub(crate) fetchers: HashMap<usize, JoinHandle<()>>,
    /// Partitions that are being revoked.
    pub(crate) revoking: usize,
}

impl<S> Keeper<S>
where
    S: Source<Message = Message, Error: Into<Failure>>,
    S::Lane: Lane<Error: Into<Failure>>,
{
    /// Serves the source until it is asked to close it.
    pub(crate) fn keep<C: Channel>(mut self, asked: &Receiver<Ask>) -> Result<(), Failure> {
        let mut events = Vec::new();
        let mut closes = None;
        loop {
            loop {
                match asked.try_recv() {
                    Ok(Ask::Commit(commit)) => self.commit(commit),
                    Ok(Ask::LetGo(partition)) => {
                        self.revoking -= 1;
                        if let Some(partition) = partition {
                            self.let_go(partition)?;
                        }
                    }
                    Ok(Ask::Close(partitions)) => closes = Some(partitions),
                    Ok(Ask::Abandon) => return Ok(()),
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
                }
            }
            if self.revoking == 0
                && let Some(partitions) = closes.take()
            {
                for partition in partitions {
                    self.let_go(partition)?;
                }
                return self.source.close().map_err(Into::into);
            }
            self.source.poll(POLL, &mut events).map_err(Into::into)?;
            let assigned = events.iter().filter(|event| matches!(event, Event::Assigned { .. })).count();
            if assigned > 0 {
                // Before their threads, which say when they have ended.
                let _ = self.notes.send(Note::Assigned(assigned));
            }
            for event in events.drain(..) {
                self.happened::<C>(event)?;
            }
        }
    }

    fn commit(&mut self, commit: Commit) {
        match self.source.commit(&commit) {
            Stored::Yes => self.shared.commit_ended(&commit, true),
            Stored::Later => {}
            Stored::No(reason) => self.not_stored(&commit, reason),
        }
    }

    fn not_stored(&self, commit: &Commit, reason: String) {
        self.shared.commit_ended(commit, false);
        let _ = self.notes.send(Note::CommitFailed(reason));
    }

    fn happened<C: Channel>(&mut self, event: Event<S::Lane>) -> Result<(), Failure> {
        match event {
            Event::Assigned { partition, position, metadata, lane } => {
                let map =
                    OffsetMap::decode(&metadata).map_err(|error| Failure::Metadata { partition, error })?;
                let epoch = self.shared.assign(partition, position, &map)?;
                self.start_lane::<C>((partition, epoch), lane)
            }
            Event::Revoked { partition } => {
                self.revoking += 1;
                let (shared, grace) = (Arc::clone(&self.shared), self.grace);
                let (asks, notes) = (self.asks.clone(), self.notes.clone());
                let revoke = move || {
                    let left = shared.revoke(partition, Some(grace));
                    let is_ours = left.is_some();
                    if let Some(left) = left {
                        let _ = notes.send(Note::Left(left));
                    }
                    let _ = asks.send(Ask::LetGo(is_ours.then_some(partition)));
                };
                named(format!("revoke {partition}"), revoke).map(drop)
            }
            Event::Lost { partition } => {
                if let Some(left) = self.shared.lose(partition) {
                    let _ = self.notes.send(Note::Left(left));
                }
                self.join(partition);
                Ok(())
            }
            Event::CommitEnded { commit, result: Ok(()) } => {
                self.shared.commit_ended(&commit, true);
                Ok(())
            }
            Event::CommitEnded { commit, result: Err(reason) } => {
                self.not_stored(&commit, reason);
                Ok(())
            }
        }
    }

    /// Waits for the thread that fetches, which has the lane: it sees within a moment that nothing is to be fetched.
    fn join(&mut self, partition: usize) {
        if let Some(fetcher) = self.fetchers.remove(&partition) {
            // Its alarm has reported a panic.
            let _ = fetcher.join();
        }
    }

    fn let_go(&mut self, partition: usize) -> Result<(), Failure> {
        self.join(partition);
        self.source.let_go(partition).map_err(Into::into)
    }

    /// Starts the two threads of an assignment, given by its partition and its number, with a channel between them.
    fn start_lane<C: Channel>(
        &mut self,
        (partition, epoch): (usize, u64),
        mut lane: S::Lane,
    ) -> Result<(), Failure> {
        let (sender, receiver) = C::open::<Record<Message>>(self.capacity)
            .map_err(|unsupported| Failure::Usage(unsupported.to_string()))?;
        let batch = C::effective_capacity(self.capacity).slots().unwrap_or(BATCH).clamp(1, BATCH);
        let (shared, notes) = (Arc::clone(&self.shared), self.notes.clone());
        let fetcher = named(format!("fetch {partition}"), move || {
            let alarm = Alarm(&notes);
            let end = fetch(partition, &mut lane, batch, &sender, &shared);
            drop(sender);
            let note = match end {
                Fetched::Failed(error) => Note::Failed(error.into()),
                Fetched::Ended => Note::LaneEnded,
                Fetched::Drains | Fetched::NobodyFeeds => return,
            };
            let _ = notes.send(note);
            drop(alarm);
        })?;
        self.fetchers.insert(partition, fetcher);
        let (shared, notes) = (Arc::clone(&self.shared), self.notes.clone());
        named(format!("feed {partition}"), move || {
            let _alarm = Alarm(&notes);
            if let FeedEnd::Wrong(error) = feed(partition, epoch, &receiver, batch, &shared, |_| true) {
                let _ = notes.send(Note::Failed(Failure::Source { partition, error }));
            }
        })?;
        Ok(())
    }
}

/// Reports the panic of its thread.
pub(crate) struct Alarm<'a>(pub(crate) &'a Sender<Note>);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let name = thread::current().name().unwrap_or("a thread").to_owned();
            let _ = self.0.send(Note::Failed(Failure::Panicked(name)));
        }
    }
}
