//! Reading a partition from any offset, also while a writer appends to it.

use std::ops::Range;

use crate::error::LogError;
use crate::folder::Folder;
use crate::message::{HEAD, Head, Message};
use crate::segment::{SEGMENT_HEADER, Segment};

/// The bytes that a reader reads at a time. Its buffer is larger only for a message that is.
const CHUNK: usize = 64 << 10;

/// The distance from which a search goes from message to message.
const NEAR: u64 = 4 << 10;

/// A place in a partition, which moves from message to message.
#[derive(Debug)]
pub struct PartitionReader {
    folder: Folder,
    partition: u32,
    segment: Segment,
    /// Where the next message begins in the segment.
    position: u64,
    /// The offset of the next message.
    offset: u64,
    /// Bytes of the segment; the part from `start` on begins at `position`.
    buffer: Vec<u8>,
    start: usize,
}

/// What is at the place of a reader.
enum Seen {
    /// A message that is whole.
    Whole(Head),
    /// The end of the file.
    End,
    /// Less than a message: its writer is at it, or was killed.
    Torn,
    /// Something else.
    Wrong(&'static str),
}

impl PartitionReader {
    /// A reader at an offset of a partition that exists.
    pub(crate) fn at(folder: &Folder, partition: u32, offset: u64) -> Result<Self, LogError> {
        let bases = folder.bases(partition)?;
        let first = bases.first().copied().unwrap_or_default();
        let out_of_range = |next| LogError::OutOfRange { partition, offset, first, next };
        let Some(base) = bases.iter().rev().find(|base| **base <= offset) else {
            return Err(out_of_range(PartitionReader::at_end(folder, partition)?.offset));
        };
        let mut reader = PartitionReader::at_segment(folder, partition, *base)?;
        reader.seek(offset)?;
        while reader.offset < offset {
            match reader.see()? {
                Some(head) => reader.pass(&head),
                None => return Err(out_of_range(reader.offset)),
            }
        }
        Ok(reader)
    }

    /// A reader behind the last whole message of a partition.
    pub(crate) fn at_end(folder: &Folder, partition: u32) -> Result<Self, LogError> {
        let base = folder.bases(partition)?.last().copied().unwrap_or_default();
        let mut reader = PartitionReader::at_segment(folder, partition, base)?;
        reader.seek(u64::MAX)?;
        // Messages may have come since, and what follows the last one may be damage.
        while let Some(head) = reader.see()? {
            reader.pass(&head);
        }
        Ok(reader)
    }

    fn at_segment(folder: &Folder, partition: u32, base: u64) -> Result<Self, LogError> {
        let segment = Segment::open(&folder.partition(partition), partition, base, false)?;
        let (folder, position) = (folder.clone(), SEGMENT_HEADER);
        Ok(PartitionReader {
            folder,
            partition,
            segment,
            position,
            offset: base,
            buffer: Vec::new(),
            start: 0,
        })
    }

    /// The offset of the message that [`PartitionReader::read`] returns next.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The partition.
    pub fn partition(&self) -> u32 {
        self.partition
    }

    /// Where in which segment the reader is.
    pub(crate) fn place(&self) -> (u64, u64) {
        (self.segment.base, self.position)
    }

    /// The next message; `None` when there is none yet. A later call may have one: nobody is woken up for it.
    ///
    /// # Errors
    ///
    /// [`LogError::Damaged`], again with each call: a reader never passes damage.
    pub fn read(&mut self) -> Result<Option<Message>, LogError> {
        let Some(head) = self.see()? else { return Ok(None) };
        let body = self.buffer.get(self.body(&head)).unwrap_or_default();
        let message =
            head.message(body).ok_or_else(|| self.damaged("a message with a right checksum is none"))?;
        self.pass(&head);
        Ok(Some(message))
    }

    /// The next message in the buffer, of this segment or the one that follows; `None` at the end of both.
    fn see(&mut self) -> Result<Option<Head>, LogError> {
        loop {
            if let Seen::Whole(head) = self.look_twice()? {
                return Ok(Some(head));
            }
            let bases = self.folder.bases(self.partition)?;
            let Some(next) = bases.into_iter().find(|base| *base > self.segment.base) else {
                return Ok(None);
            };
            // The next segment was begun after this one was complete, so now all of this one can be seen.
            match self.look_twice()? {
                Seen::Whole(head) => return Ok(Some(head)),
                Seen::End if next == self.offset => {
                    let folder = self.folder.partition(self.partition);
                    self.segment = Segment::open(&folder, self.partition, next, false)?;
                    self.go(SEGMENT_HEADER, next);
                }
                Seen::End if next > self.offset => {
                    let what = format!("the messages {} to {} are missing", self.offset, next - 1);
                    return Err(LogError::damaged(&self.segment.path, self.position, what));
                }
                _ => return Err(self.damaged("it does not end with a message, and another segment follows")),
            }
        }
    }

    /// What is at the place of the reader. Bytes of the buffer may be those of a torn tail that a writer has
    /// replaced since, so only fresh ones are believed to be none.
    fn look_twice(&mut self) -> Result<Seen, LogError> {
        if let seen @ Seen::Whole(_) = self.look()? {
            return Ok(seen);
        }
        self.go(self.position, self.offset);
        match self.look()? {
            Seen::Wrong(what) => Err(self.damaged(what)),
            seen => Ok(seen),
        }
    }

    fn look(&mut self) -> Result<Seen, LogError> {
        self.fill(HEAD)?;
        let bytes = self.buffer.get(self.start..).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(Seen::End);
        }
        let Some(head) = bytes.first_chunk() else { return Ok(Seen::Torn) };
        let Some(head) = self.segment.head(head, self.position) else {
            let is_torn = self.segment.is_zero_from(self.position)?;
            return Ok(if is_torn {
                Seen::Torn
            } else {
                Seen::Wrong("the checksum of a message's head is wrong")
            });
        };
        if head.offset != self.offset {
            return Ok(Seen::Wrong("a message has the offset of another"));
        }
        self.fill(head.size())?;
        match self.buffer.get(self.body(&head)) {
            None => Ok(Seen::Torn),
            Some(body) if crc32fast::hash(body) == head.checksum => Ok(Seen::Whole(head)),
            Some(_) => Ok(Seen::Wrong("the checksum of a message's body is wrong")),
        }
    }

    /// Where the body of the next message is in the buffer.
    fn body(&self, head: &Head) -> Range<usize> {
        self.start + HEAD..self.start + head.size()
    }

    /// Reads until the buffer has `size` bytes from the place of the reader on, or the file ends.
    fn fill(&mut self, size: usize) -> Result<(), LogError> {
        let held = self.buffer.len() - self.start;
        if held >= size {
            return Ok(());
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.resize(size.max(CHUNK), 0);
        let rest = self.buffer.get_mut(held..).unwrap_or_default();
        let read = self.segment.read_at(rest, self.position + held as u64);
        self.buffer.truncate(held + read.as_ref().copied().unwrap_or_default());
        read.map(drop)
    }

    /// Moves behind the next message, which is in the buffer.
    fn pass(&mut self, head: &Head) {
        self.start += head.size();
        self.position += head.size() as u64;
        self.offset += 1;
    }

    /// Moves to a place of the segment and forgets what was read.
    fn go(&mut self, position: u64, offset: u64) {
        (self.position, self.offset) = (position, offset);
        self.buffer.clear();
        self.start = 0;
    }

    /// Moves to the message at `target` or, where the segment ends before it, to its end. Halves the distance
    /// by searching for a head in the middle, so it reads a few places and not the messages between.
    fn seek(&mut self, target: u64) -> Result<(), LogError> {
        let length = self.segment.length()?;
        let (mut low, mut high) = (SEGMENT_HEADER, length);
        while high.saturating_sub(low) > NEAR {
            let middle = low + (high - low) / 2;
            match self.segment.find(middle, high)? {
                Some((position, head)) if head.offset <= target => low = position,
                _ => high = middle,
            }
        }
        let (mut position, mut offset) = (low, self.segment.base);
        while let Some((found, head)) = self.segment.find(position, length)? {
            let end = found + head.size() as u64;
            if head.offset >= target || end > length {
                // What is damaged between the messages does not matter to those who begin behind it.
                if found == position || head.offset == target {
                    (position, offset) = (found, head.offset);
                }
                break;
            }
            (position, offset) = (end, head.offset + 1);
        }
        self.go(position, offset);
        Ok(())
    }

    /// Damage at the place of the reader, and where reading can go on.
    fn damaged(&self, what: &str) -> LogError {
        let next = self.segment.find(self.position + 1, u64::MAX);
        let after = match next.ok().flatten() {
            Some((_, head)) => format!("the next message that can be read is at offset {}", head.offset),
            None => "no message after it in this segment can be read".to_owned(),
        };
        LogError::damaged(
            &self.segment.path,
            self.position,
            format!("offset {}: {what}; {after}", self.offset),
        )
    }
}
