//! Messages, and their bytes in a segment.
//!
//! A message is a *head* of fixed size and a *body*. The head has a checksum of its own, so its length can be
//! believed: a message whose head is whole and whose body is cut off was torn, and anything else that is
//! wrong is damage.

/// The limit of a message's size in its segment, head included. Kafka's default is the same to within 12
/// bytes.
pub const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// The bytes of a head.
pub(crate) const HEAD: usize = 28;

/// The bytes of the smallest body: the length of the key and the number of headers.
pub(crate) const LEAST_BODY: usize = 6;

/// The length of a key that is not there.
const NO_KEY: u32 = u32::MAX;

/// A name and a value beside the payload, such as W3C's `traceparent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The name. Several headers may have the same.
    pub name: String,
    /// The value.
    pub value: Vec<u8>,
}

/// A message of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its place in the partition: 0 for the first one, and one more for each that follows.
    pub offset: u64,
    /// Its moment in milliseconds since 1970 in UTC.
    pub timestamp: i64,
    /// The key, if there is one.
    pub key: Option<Vec<u8>>,
    /// The headers, in the order in which they were given.
    pub headers: Vec<Header>,
    /// The payload.
    pub payload: Vec<u8>,
}

/// A message that has no offset yet.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewMessage<'a> {
    /// Its moment in milliseconds since 1970 in UTC.
    pub timestamp: i64,
    /// The key, if there is one.
    pub key: Option<&'a [u8]>,
    /// The headers.
    pub headers: &'a [Header],
    /// The payload.
    pub payload: &'a [u8],
}

impl NewMessage<'_> {
    /// Its bytes in a segment, head included.
    pub(crate) fn size(&self) -> usize {
        let headers = self.headers.iter().map(|header| 2 + header.name.len() + 4 + header.value.len());
        HEAD + LEAST_BODY + headers.sum::<usize>() + self.key.map_or(0, <[u8]>::len) + self.payload.len()
    }

    /// Whether the fields can state the number and the lengths of the headers. The other lengths are limited
    /// by that of the message.
    pub(crate) fn has_countable_headers(&self) -> bool {
        let short = |header: &Header| header.name.len() <= usize::from(u16::MAX);
        self.headers.len() <= usize::from(u16::MAX) && self.headers.iter().all(short)
    }

    /// Appends the message to `bytes`. It is at most [`MAX_MESSAGE_BYTES`] large, has countable headers and
    /// will be at `place`.
    pub(crate) fn encode(&self, offset: u64, place: Place, bytes: &mut Vec<u8>) {
        let start = bytes.len();
        bytes.extend_from_slice(&[0; HEAD]);
        let key = self.key.map_or(NO_KEY, |key| key.len() as u32);
        bytes.extend_from_slice(&key.to_le_bytes());
        bytes.extend_from_slice(&(self.headers.len() as u16).to_le_bytes());
        for Header { name, value } in self.headers {
            bytes.extend_from_slice(&(name.len() as u16).to_le_bytes());
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
            bytes.extend_from_slice(value);
        }
        bytes.extend_from_slice(self.key.unwrap_or_default());
        bytes.extend_from_slice(self.payload);
        let Some((head, body)) = bytes.get_mut(start..).and_then(<[u8]>::split_first_chunk_mut::<HEAD>)
        else {
            return;
        };
        let length = body.len() as u32;
        *head = Head { length, checksum: crc32fast::hash(body), offset, timestamp: self.timestamp }
            .encoded(place);
    }
}

/// Where a message is. Its checksum covers the place, so that a copy of it elsewhere, such as in the payload
/// of another message, is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The checksum of the segment's own header, which has the partition, the first offset and a random
    /// number.
    pub(crate) seed: u32,
    /// The position in the segment in bytes.
    pub(crate) position: u64,
}

/// The head of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The bytes of the body.
    pub(crate) length: u32,
    /// The CRC-32 of the body.
    pub(crate) checksum: u32,
    pub(crate) offset: u64,
    pub(crate) timestamp: i64,
}

impl Head {
    /// The bytes of the whole message.
    pub(crate) fn size(&self) -> usize {
        HEAD + self.length as usize
    }

    fn encoded(&self, place: Place) -> [u8; HEAD] {
        let mut bytes = [0; HEAD];
        let fields = self.length.to_le_bytes().into_iter().chain(self.checksum.to_le_bytes());
        let fields = fields.chain(self.offset.to_le_bytes()).chain(self.timestamp.to_le_bytes());
        bytes.iter_mut().zip(fields).for_each(|(byte, field)| *byte = field);
        if let Some((fields, checksum)) = bytes.split_last_chunk_mut::<4>() {
            *checksum = head_checksum(fields, place).to_le_bytes();
        }
        bytes
    }

    /// Reads a head; `None` when there is none at this place.
    pub(crate) fn decode(bytes: &[u8; HEAD], place: Place) -> Option<Self> {
        let (fields, checksum) = bytes.split_last_chunk::<4>()?;
        let mut rest = Bytes(fields);
        let length = rest
            .u32()
            .filter(|length| (LEAST_BODY..=MAX_MESSAGE_BYTES - HEAD).contains(&(*length as usize)))?;
        if head_checksum(fields, place) != u32::from_le_bytes(*checksum) {
            return None;
        }
        Some(Head { length, checksum: rest.u32()?, offset: rest.u64()?, timestamp: rest.u64()? as i64 })
    }

    /// Makes a message of the body, whose checksum was found right; `None` when it is none.
    pub(crate) fn message(&self, body: &[u8]) -> Option<Message> {
        let mut rest = Bytes(body);
        let key = rest.u32()?;
        let headers = rest.u16()?;
        let headers = (0..headers).map(|_| rest.header()).collect::<Option<Vec<_>>>()?;
        let key = if key == NO_KEY { None } else { Some(rest.take(key as usize)?.to_owned()) };
        let payload = rest.0.to_owned();
        Some(Message { offset: self.offset, timestamp: self.timestamp, key, headers, payload })
    }
}

fn head_checksum(fields: &[u8], place: Place) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(place.seed);
    hasher.update(&place.position.to_le_bytes());
    hasher.update(fields);
    hasher.finalize()
}

/// Bytes that are read from the front. All numbers are little-endian.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn header(&mut self) -> Option<Header> {
        let name = self.u16()?;
        let name = String::from_utf8(self.take(usize::from(name))?.to_owned()).ok()?;
        let value = self.u32()?;
        Some(Header { name, value: self.take(value as usize)?.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn messages()(
            offset: u64,
            timestamp: i64,
            key in option::of(vec(any::<u8>(), 0..20)),
            headers in vec((".{0,8}", vec(any::<u8>(), 0..20)), 0..4),
            payload in vec(any::<u8>(), 0..200),
        ) -> Message {
            let headers = headers.into_iter().map(|(name, value)| Header { name, value }).collect();
            Message { offset, timestamp, key, headers, payload }
        }
    }

    fn new(message: &Message) -> NewMessage<'_> {
        let Message { timestamp, key, headers, payload, .. } = message;
        NewMessage { timestamp: *timestamp, key: key.as_deref(), headers, payload }
    }

    fn decoded(bytes: &[u8], place: Place) -> Option<Message> {
        let (head, body) = bytes.split_first_chunk::<HEAD>()?;
        let head = Head::decode(head, place)?;
        let body = body.get(..head.length as usize).filter(|body| crc32fast::hash(body) == head.checksum)?;
        head.message(body)
    }

    proptest! {
        #[test]
        fn a_message_is_read_as_it_was_written(message in messages(), before in vec(any::<u8>(), 0..9), seed: u32, position: u64) {
            let place = Place { seed, position };
            let mut bytes = before.clone();
            new(&message).encode(message.offset, place, &mut bytes);
            prop_assert_eq!(bytes.len() - before.len(), new(&message).size());
            prop_assert_eq!(decoded(&bytes[before.len()..], place), Some(message));
        }

        /// CRC-32 finds every change within 32 bits; the length is the one field that moves the end of what
        /// is checked.
        #[test]
        fn no_flipped_byte_stays_unseen(message in messages(), at: prop::sample::Index, flip in 1..=u8::MAX) {
            let place = Place { seed: 7, position: 99 };
            let mut bytes = Vec::new();
            new(&message).encode(message.offset, place, &mut bytes);
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            prop_assert_eq!(decoded(&bytes, place), None);
        }

        #[test]
        fn a_message_counts_at_its_own_place_only(message in messages(), seed: u32, position: u64, other: u64) {
            prop_assume!(position != other);
            let mut bytes = Vec::new();
            new(&message).encode(message.offset, Place { seed, position }, &mut bytes);
            prop_assert_eq!(decoded(&bytes, Place { seed, position: other }), None);
            prop_assert_eq!(decoded(&bytes, Place { seed: !seed, position }), None);
        }

        #[test]
        fn any_bytes_are_a_message_or_none(body in vec(any::<u8>(), 0..100), keyless: bool) {
            let mut body = body;
            if keyless {
                body.splice(..body.len().min(4), [0xff; 4]);
            }
            let head = Head { length: body.len() as u32, checksum: 0, offset: 0, timestamp: 0 };
            if let Some(message) = head.message(&body) {
                prop_assert_eq!(new(&message).size(), HEAD + body.len());
            }
        }
    }
}
