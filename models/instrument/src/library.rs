//! The rule `library`: code that only the standard library may contain is removed. Its channels are
//! instrumented as a package like any other, in which the compiler rejects such code.

use proc_macro2::{Delimiter, TokenTree};

use crate::tokens::{self, is_punct};

/// The most tokens from `impl` to the end of its generics, and to its body: the search must end in a file of nothing but
/// `impl <` too.
const MAX_HEAD: usize = 1_000;

/// The number of tokens to remove at the start of `tokens`, and the report.
pub(crate) fn removal(tokens: &[TokenTree]) -> Option<(usize, &'static str)> {
    attribute(tokens).or_else(|| negative_impl(tokens))
}

/// `#[stable(…)]`, `#[unstable(…)]`, `#[rustc_…]` and `#[cfg_attr(…, rustc_…)]`, outer or inner.
fn attribute(tokens: &[TokenTree]) -> Option<(usize, &'static str)> {
    let (length, brackets) = match tokens {
        [hash, bang, brackets, ..] if is_punct(bang, '!') => {
            (3, tokens::attribute(&[hash.clone(), brackets.clone()])?.stream())
        }
        _ => (2, tokens::attribute(tokens)?.stream()),
    };
    let content: Vec<TokenTree> = brackets.into_iter().collect();
    let what = match content.as_slice() {
        [TokenTree::Ident(name), TokenTree::Group(_)] if name == "stable" || name == "unstable" => {
            "a stability attribute is removed"
        }
        content if is_for_compiler(content) => "an attribute for the compiler is removed",
        _ => return None,
    };
    Some((length, what))
}

/// Whether the content of an attribute, or the first attribute after its condition, is for the compiler
/// alone.
fn is_for_compiler(content: &[TokenTree]) -> bool {
    match content {
        [TokenTree::Ident(name), TokenTree::Group(group)] if name == "cfg_attr" => {
            let attributes = group.stream().into_iter().skip_while(|token| !is_punct(token, ',')).skip(1);
            is_for_compiler(&attributes.collect::<Vec<_>>())
        }
        [TokenTree::Ident(name), ..] => name.to_string().starts_with("rustc_"),
        _ => false,
    }
}

/// `impl<T> !Sync for Receiver<T> {}`.
fn negative_impl(tokens: &[TokenTree]) -> Option<(usize, &'static str)> {
    let [TokenTree::Ident(word), rest @ ..] = tokens else { return None };
    if word != "impl" {
        return None;
    }
    let rest = &rest[..rest.len().min(MAX_HEAD)];
    let mut open = 0;
    let generics = rest.iter().position(|token| {
        open += isize::from(is_punct(token, '<')) - isize::from(is_punct(token, '>'));
        open == 0 && !is_punct(token, '>')
    })?;
    if !is_punct(&rest[generics], '!') {
        return None;
    }
    let is_body =
        |token: &TokenTree| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
    let body = rest.iter().position(is_body)?;
    Some((body + 2, "a negative impl is removed"))
}
