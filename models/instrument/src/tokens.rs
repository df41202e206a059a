//! Helpers to read tokens.

use anyhow::{Result, anyhow, bail};
use proc_macro2::token_stream::IntoIter;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// The deepest nesting of groups. The rules call themselves for each group in a group; no crate that was ever published comes
/// close, and rustc refuses macros from 128.
const MAX_DEPTH: usize = 200;

/// The tokens of a text.
///
/// # Errors
///
/// When it is not Rust, or nested too deeply.
pub(crate) fn parsed(text: &str) -> Result<TokenStream> {
    let tokens: TokenStream = text.parse().map_err(|error| anyhow!("not Rust: {error}"))?;
    let mut open: Vec<IntoIter> = vec![tokens.clone().into_iter()];
    while let Some(innermost) = open.last_mut() {
        match innermost.next() {
            Some(TokenTree::Group(group)) if open.len() > MAX_DEPTH => {
                bail!("line {} is nested more than {MAX_DEPTH} deep", group.span_open().start().line);
            }
            Some(TokenTree::Group(group)) => open.push(group.stream().into_iter()),
            Some(_) => {}
            None => drop(open.pop()),
        }
    }
    Ok(tokens)
}

pub(crate) fn is_punct(token: &TokenTree, which: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == which)
}

/// The brackets of the outer attribute that begins at `tokens`.
pub(crate) fn attribute(tokens: &[TokenTree]) -> Option<&Group> {
    match tokens {
        [hash, TokenTree::Group(brackets), ..]
            if is_punct(hash, '#') && brackets.delimiter() == Delimiter::Bracket =>
        {
            Some(brackets)
        }
        _ => None,
    }
}
