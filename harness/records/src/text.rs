//! Text from elsewhere, made visible.
//!
//! Names, versions, reasons, paths and the output of other programs may contain characters that move the
//! cursor, reorder a line or show nothing. Text for people shows them as escapes, such as `\u{202e}`: [`line()`]
//! within a line, [`visible`] in text of several lines. [`json`] escapes them in records, where they are read
//! back as they were.

use std::borrow::Cow;
use std::io;
use std::path::Path;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// The characters that show nothing: Unicode's property `Default_Ignorable_Code_Point`, the separators of
/// lines and paragraphs, the marks of annotations, and the blank letters.
const INVISIBLE: [(char, char); 20] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Whether a character controls the terminal, changes the direction of text or shows nothing.
pub fn is_hidden(character: char) -> bool {
    // XML forbids the last two code points of a plane, which are no characters.
    let is_no_character = u32::from(character) & 0xfffe == 0xfffe;
    let invisible = || INVISIBLE.iter().any(|(first, last)| (*first..=*last).contains(&character));
    character.is_control() || is_no_character || (!character.is_ascii() && invisible())
}

/// The text in one line: every hidden character is an escape, line breaks included.
pub fn line(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// A path in one line.
pub fn path(path: &Path) -> String {
    line(&path.display().to_string()).into_owned()
}

/// The text with its line breaks: every other hidden character is an escape, and a tab is four spaces.
pub fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |character| character == '\n')
}

/// A name in one line; one that shows nothing is in quotation marks.
pub fn name(text: &str) -> Cow<'_, str> {
    match text.trim().is_empty() {
        true => format!("\"{}\"", line(text)).into(),
        false => line(text),
    }
}

fn escaped(text: &str, keeps: impl Fn(char) -> bool) -> Cow<'_, str> {
    let is_escaped = |character: char| is_hidden(character) && !keeps(character);
    if !text.contains(is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\t' if keeps('\n') => safe.push_str("    "),
            '\t' | '\n' | '\r' if is_escaped(character) => safe.extend(character.escape_default()),
            _ if is_escaped(character) => safe.extend(character.escape_unicode()),
            _ => safe.push(character),
        }
    }
    safe.into()
}

/// A value as JSON in one line. Hidden characters are escapes, so that a record can be shown in a terminal.
///
/// # Errors
///
/// When the value cannot be JSON.
pub fn json(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, VisibleJson))?;
    Ok(bytes)
}

/// Compact JSON whose hidden characters are escapes.
struct VisibleJson;

impl Formatter for VisibleJson {
    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for piece in fragment.split_inclusive(is_hidden) {
            let last = piece.chars().next_back().filter(|last| is_hidden(*last));
            let shown = last.map_or(piece, |last| &piece[..piece.len() - last.len_utf8()]);
            writer.write_all(shown.as_bytes())?;
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

    use super::*;

    #[test]
    fn hidden_characters_are_escapes_and_the_others_stay() {
        assert_eq!(line("flume 0.12 → é, 数, 🦀, e\u{301}"), "flume 0.12 → é, 数, 🦀, e\u{301}");
        assert_eq!(line("a\nb\tc\r\u{1b}[2K\u{9b}\u{7f}"), "a\\nb\\tc\\r\\u{1b}[2K\\u{9b}\\u{7f}");
        assert_eq!(
            line("\u{202e}x\u{2066}\u{200b}\u{feff}\u{e0041}"),
            "\\u{202e}x\\u{2066}\\u{200b}\\u{feff}\\u{e0041}"
        );
        assert_eq!(visible("a\n\tb\r\n\u{2028}"), "a\n    b\\r\n\\u{2028}");
        assert_eq!([name(""), name(" \n"), name("a b")], ["\"\"", "\" \\n\"", "a b"]);
    }

    #[test]
    fn a_record_has_no_hidden_character_and_is_read_back_as_it_was() {
        let text = "\u{7f}\u{9b}\u{202e}\u{e0041}\u{1b}\n\"\\é";
        let written = String::from_utf8(json(&text).expect("plain data")).expect("UTF-8");
        assert_eq!(written, r#""\u007f\u009b\u202e\udb40\udc41\u001b\n\"\\é""#);
        assert_eq!(serde_json::from_str::<String>(&written).expect("JSON"), text);
    }

    proptest! {
        #[test]
        fn no_text_hides_anything(text in any::<String>(), hidden in "\\PC{0,3}[\u{0}-\u{1f}\u{7f}-\u{9f}\u{200b}-\u{202e}\u{2060}-\u{206f}\u{e0000}-\u{e007f}]{1,3}\\PC{0,3}") {
            for text in [text, hidden] {
                prop_assert!(!line(&text).contains(is_hidden), "{:?}", line(&text));
                prop_assert!(!name(&text).contains(is_hidden) && !name(&text).is_empty());
                prop_assert!(visible(&text).chars().all(|character| character == '\n' || !is_hidden(character)));
                let written = String::from_utf8(json(&text).expect("plain data")).expect("UTF-8");
                prop_assert!(!written.contains(is_hidden), "{}", written);
                prop_assert_eq!(serde_json::from_str::<String>(&written).expect("JSON"), text);
            }
        }
    }
}
