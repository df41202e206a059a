//! What a worker does with a job: process, then write to the sink; or write to the dead letters.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use service_core::coordinator::Outcome;
use service_core::scheduler::Job;
use service_log::{Header, Message};

use crate::Failure;
use crate::consumer::Note;
use crate::output::Output;
use crate::process::{Attempt, Processor};

/// The header with the reason of the last failed attempt. A dead letter keeps it.
const REASON: &str = "chanlab-error";

/// What all workers share.
pub(crate) struct Work {
    pub(crate) processor: Box<dyn Processor>,
    pub(crate) sink: Output,
    pub(crate) dead_letters: Output,
    /// Set when the consumer waits for nothing any more: nothing new is begun.
    pub(crate) over: AtomicBool,
}

impl Work {
    /// One attempt at a message.
    pub(crate) fn attempt(&self, job: Job<Message>, notes: &Sender<Note>) -> Outcome<Message> {
        let Job { partition, attempt, is_dead, mut message, .. } = job;
        // Relaxed: one attempt more does no harm.
        if self.over.load(Ordering::Relaxed) {
            return Outcome::Failed(message);
        }
        let written = if is_dead {
            self.dead_letters.append_dead(partition, &message, attempt)
        } else {
            let checksum = crc32fast::hash(&message.payload);
            let own = Attempt { partition, failed: attempt, message: &message, checksum, over: &self.over };
            if let Err(reason) = self.processor.process(&own) {
                message.headers.retain(|header| header.name != REASON);
                message.headers.push(Header { name: REASON.to_owned(), value: reason.into_bytes() });
                return Outcome::Failed(message);
            }
            self.sink.append_processed(partition, &message, checksum)
        };
        match written {
            Ok(()) => Outcome::Done,
            // The message is not to blame: it ends unfinished.
            Err(failure) => {
                self.fail(failure, notes);
                Outcome::Failed(message)
            }
        }
    }

    /// Brings everything that workers have written to the disk.
    pub(crate) fn sync(&self) -> Result<(), Failure> {
        self.sink.sync()?;
        self.dead_letters.sync()
    }

    /// An output has failed: nothing more is begun, and the consumer ends.
    pub(crate) fn fail(&self, failure: Failure, notes: &Sender<Note>) {
        // Relaxed: as above. Only the first failure says why; those that follow from it need not.
        if !self.over.swap(true, Ordering::Relaxed) {
            // Without a listener the consumer has ended.
            let _ = notes.send(Note::OutputFailed(failure));
        }
    }
}
