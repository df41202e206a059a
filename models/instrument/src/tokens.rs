//! Helpers to read tokens.

use proc_macro2::{Delimiter, Group, TokenTree};

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
