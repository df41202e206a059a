//! A message as JSON: what `chanlab log show --json` prints, and what a dead letter in a file is.

use serde::Serialize;

use crate::message::Message;

/// The version of the JSON.
const FORMAT: u32 = 1;

/// A message of a partition as JSON.
#[derive(Debug, Serialize)]
pub struct MessageJson<'a> {
    format: u32,
    partition: u32,
    offset: u64,
    /// In milliseconds since 1970 in UTC.
    timestamp: i64,
    key: Option<BytesJson<'a>>,
    headers: Vec<(&'a str, BytesJson<'a>)>,
    payload: BytesJson<'a>,
}

/// Bytes as a string, or as an object with hexadecimal digits where they are no text.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum BytesJson<'a> {
    /// Text.
    Text(&'a str),
    /// Other bytes.
    Bytes {
        /// Two digits for each byte.
        hex: String,
    },
}

impl<'a> BytesJson<'a> {
    /// These bytes.
    pub fn of(bytes: &'a [u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => BytesJson::Text(text),
            Err(_) => BytesJson::Bytes { hex: hexadecimal(bytes) },
        }
    }
}

impl<'a> MessageJson<'a> {
    /// A message of this partition.
    pub fn of(partition: u32, message: &'a Message) -> Self {
        MessageJson {
            format: FORMAT,
            partition,
            offset: message.offset,
            timestamp: message.timestamp,
            key: message.key.as_deref().map(BytesJson::of),
            headers: message
                .headers
                .iter()
                .map(|header| (&*header.name, BytesJson::of(&header.value)))
                .collect(),
            payload: BytesJson::of(&message.payload),
        }
    }
}

/// Bytes as hexadecimal digits.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
