//! Commands in records: written so that a shell reads them back as the same words, on one line.

use std::borrow::Cow;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt::Write;

use crate::text::is_hidden;

/// The command line of this process as it can be typed again, with `chanlab` for the program.
pub fn typed() -> String {
    let words = env::args_os().skip(1);
    line(std::iter::once(OsString::from("chanlab")).chain(words))
}

/// The words as one line that a shell splits into the same words.
pub fn line(words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
    words.into_iter().map(|word| quoted(&word).into_owned()).collect::<Vec<_>>().join(" ")
}

/// A word as a shell reads it back, quoted where that is necessary.
///
/// A word that is no text, or that holds characters without a visible form, is written as `$'…'` with octal
/// bytes. Bash, zsh, ksh and POSIX.1-2024 read that; an older `sh` does not.
pub fn quoted<W: AsRef<OsStr> + ?Sized>(word: &W) -> Cow<'_, str> {
    let bytes = word.as_ref().as_encoded_bytes();
    if let Some(text) = word.as_ref().to_str().filter(|text| is_plain(text)) {
        return Cow::Borrowed(text);
    }
    match word.as_ref().to_str().filter(|text| !text.contains(is_hidden)).map(shlex::try_quote) {
        Some(Ok(quoted)) => quoted,
        // A zero byte, the only text that the crate refuses, is a control character and no text here.
        Some(Err(_)) | None => Cow::Owned(escaped(bytes)),
    }
}

/// The words of a command that was given as one argument, by the rules of a shell; `None` when a quote is
/// open.
pub fn words(text: &str) -> Option<Vec<String>> {
    shlex::split(text)
}

/// A command as one text that [`words`] splits into the same words.
pub fn joined(words: &[String]) -> String {
    // Only words with a zero byte are refused, which no command has.
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
}

/// Whether no shell changes a word. The crate also quotes `=` and `,`, which mean something only in the first
/// word and between braces: params would be hard to read.
fn is_plain(word: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&byte);
    !word.is_empty() && word.bytes().all(is_plain)
}

/// The bytes in the form `$'…'`. An escape has always three octal digits, so the byte after it cannot belong
/// to it.
fn escaped(bytes: &[u8]) -> String {
    let mut text = "$'".to_owned();
    for byte in bytes {
        match byte {
            b'\'' | b'\\' => text.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => {
                // Writing to a string does not fail.
                let _ = write!(text, "\\{byte:03o}");
            }
        }
    }
    text.push('\'');
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::process::Command;

    use super::*;

    /// The words into which a shell splits a line.
    fn read_by_a_shell(line: &str) -> Vec<OsString> {
        let script = format!("printf '%s\\0' {line}");
        let output = Command::new("bash").args(["-c", &script]).output().expect("bash starts");
        assert!(output.status.success(), "{line}");
        let mut words: Vec<_> = output.stdout.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
        assert_eq!(words.pop(), Some(Vec::new()), "{line}");
        words.into_iter().map(OsString::from_vec).collect()
    }

    #[test]
    fn a_shell_reads_every_word_back_and_the_line_shows_what_it_is() {
        let words: Vec<OsString> = [
            "",
            "plain",
            "a b",
            "it's",
            "\"",
            "$HOME",
            "`id`",
            "a\nb",
            "\t",
            "\x1b[2J",
            "\u{202e}desrever",
            "naïve",
            "*",
            "~",
            "-",
            "#",
            "!x",
            "\\",
            "a\\'b",
            "\u{200b}",
            "=",
            "{a,b}",
            "\r",
            "1\x017",
        ]
        .map(OsString::from)
        .into_iter()
        .chain([OsString::from_vec(b"\xff".to_vec()), OsString::from_vec(b"a\xc3'\\1".to_vec())])
        .collect();
        let line = line(&words);
        assert!(!line.contains(is_hidden), "{line:?}");
        assert_eq!(read_by_a_shell(&line), words, "{line}");
        for plain in ["plain", "fan_in/variant=select,capacity=64", "flume@0.12.0"] {
            assert_eq!(quoted(plain), plain);
        }
        assert_eq!(quoted(OsStr::from_bytes(b"\xff")), r"$'\377'");
    }

    #[test]
    fn a_command_in_one_argument_is_read_as_it_was_written() {
        let command = ["python3", "my runner.py", "it's", "", "a\"b\\", "\n"].map(str::to_owned);
        assert_eq!(words(&joined(&command)).as_deref(), Some(&command[..]));
        assert_eq!(words("python3  runner.py"), Some(vec!["python3".to_owned(), "runner.py".to_owned()]));
        assert_eq!(words("python3 'runner.py"), None);
    }
}
