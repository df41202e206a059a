//! The rule `cfg`: conditions whose value is known, whatever is built, are decided.
//!
//! This project passes the flags `loom` and `shuttle` to everything that it builds. A crate's code for them
//! belongs to its own models, on the explorers' primitives and not on the shim's: it is never built. A
//! crate's code for `miri` avoids what an interpreter cannot observe, which no model checker can either: it
//! is always built.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::tokens::{self, attribute, is_punct};

/// A name, its replacement, and the report. No two replacements are equal, so two keys of a manifest stay
/// two.
const DECIDED: [(&str, &str, &str); 3] = [
    ("loom", "any()", "cfg(loom) is never true"),
    ("shuttle", "not(all())", "cfg(shuttle) is never true"),
    ("miri", "all()", "cfg(miri) is always true"),
];

/// A name in a condition, its replacement, and the report.
pub(crate) struct Decided {
    pub(crate) name: TokenTree,
    pub(crate) with: &'static str,
    pub(crate) what: &'static str,
}

/// The names with a known value in the condition that begins at `tokens`: in `cfg(…)`, `cfg_attr(…, …)`,
/// `cfg!(…)` or `cfg_select! { … }`.
pub(crate) fn decided(tokens: &[TokenTree]) -> Vec<Decided> {
    let mut found = Vec::new();
    let (name, condition) = match tokens {
        [TokenTree::Ident(name), TokenTree::Group(condition), ..] => (name, condition),
        [TokenTree::Ident(name), TokenTree::Punct(bang), TokenTree::Group(condition), ..]
            if bang.as_char() == '!' =>
        {
            (name, condition)
        }
        _ => return found,
    };
    let condition: Vec<TokenTree> = condition.stream().into_iter().collect();
    match name.to_string().as_str() {
        "cfg" | "cfg_select" => names(&condition, &mut found),
        "cfg_attr" => names(condition.split(is_comma).next().unwrap_or_default(), &mut found),
        _ => {}
    }
    found
}

/// The new text of a condition, as in a manifest's `[target.'cfg(…)']`, and the reports; `None` if nothing is
/// known.
pub(crate) fn decided_text(text: &str) -> Option<(String, Vec<&'static str>)> {
    let tokens: Vec<TokenTree> = tokens::parsed(text).ok()?.into_iter().collect();
    let found = decided(&tokens);
    let mut new = text.to_owned();
    for decided in found.iter().rev() {
        new.replace_range(decided.name.span().byte_range(), decided.with);
    }
    (!found.is_empty()).then(|| (new, found.iter().map(|decided| decided.what).collect()))
}

/// The number of tokens that are never built, if an attribute at the start of `tokens` says so: up to the
/// first block, `;` or `,` after it. Code of an item that goes on after that is taken for built.
pub(crate) fn never_built(tokens: &[TokenTree]) -> Option<usize> {
    let brackets: Vec<TokenTree> = attribute(tokens)?.stream().into_iter().collect();
    let [TokenTree::Ident(name), TokenTree::Group(condition)] = brackets.as_slice() else { return None };
    if name != "cfg" || value(condition.stream()) != Some(false) {
        return None;
    }
    let mut item = 0;
    while attribute(&tokens[item..]).is_some() {
        item += 2;
    }
    let is_end = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(punct) => [';', ','].contains(&punct.as_char()),
        TokenTree::Ident(_) | TokenTree::Literal(_) => false,
    };
    let length = tokens[item..].iter().position(is_end).map_or(tokens.len() - item, |end| end + 1);
    Some(item + length)
}

/// Finds names that stand alone, also in `any(…)`, `all(…)` and `not(…)`. Braces hold code, not conditions.
fn names(condition: &[TokenTree], found: &mut Vec<Decided>) {
    for (index, token) in condition.iter().enumerate() {
        match token {
            TokenTree::Ident(ident) => {
                let is_alone = match condition.get(index + 1) {
                    None => true,
                    Some(TokenTree::Punct(next)) => {
                        next.as_char() == ','
                            || condition.get(index + 2).is_some_and(|next| next.to_string() == ">")
                    }
                    Some(_) => false,
                };
                let known = DECIDED.iter().find(|(name, ..)| ident == name).filter(|_| is_alone);
                found.extend(known.map(|&(_, with, what)| Decided { name: token.clone(), with, what }));
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => {
                names(&group.stream().into_iter().collect::<Vec<_>>(), found);
            }
            TokenTree::Group(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// Whether a condition is true; `None` if that is not known.
fn value(condition: TokenStream) -> Option<bool> {
    let tokens: Vec<TokenTree> = condition.into_iter().collect();
    match tokens.as_slice() {
        [TokenTree::Ident(name)] => match name.to_string().as_str() {
            "loom" | "shuttle" | "test" => Some(false),
            "miri" => Some(true),
            _ => None,
        },
        [TokenTree::Ident(name), TokenTree::Group(operands)] => {
            let operands: Vec<TokenTree> = operands.stream().into_iter().collect();
            let values = operands
                .split(is_comma)
                .filter(|operand| !operand.is_empty())
                .map(|operand| value(operand.iter().cloned().collect()));
            let values: Vec<Option<bool>> = values.collect();
            let has = |value: bool| values.contains(&Some(value));
            let known = !values.contains(&None);
            match name.to_string().as_str() {
                "not" => values.first().copied().flatten().map(|value| !value),
                "all" if has(false) => Some(false),
                "all" => known.then_some(true),
                "any" if has(true) => Some(true),
                "any" => known.then_some(false),
                _ => None,
            }
        }
        _ => None,
    }
}

fn is_comma(token: &TokenTree) -> bool {
    is_punct(token, ',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_known_if_its_parts_decide_it() {
        for (text, expected) in [
            ("loom", Some(false)),
            ("not(shuttle)", Some(true)),
            ("unix", None),
            ("not(unix)", None),
            ("feature = \"loom\"", None),
            ("all(loom, feature = \"loom\")", Some(false)),
            ("all(any(target_arch = \"x86\", target_arch = \"x86_64\"), not(miri), unix)", Some(false)),
            ("all(miri, not(loom),)", Some(true)),
            ("all(unix, not(loom))", None),
            ("any(unix, miri)", Some(true)),
            ("any(loom, all(loom, test))", Some(false)),
            ("any()", Some(false)),
            ("all()", Some(true)),
        ] {
            assert_eq!(value(text.parse().expect("tokens")), expected, "{text}");
        }
    }

    #[test]
    fn a_condition_in_a_manifest_is_decided_like_one_in_the_source() {
        let decided = |text| decided_text(text).map(|(new, _)| new);
        assert_eq!(decided("cfg(loom)").as_deref(), Some("cfg(any())"));
        assert_eq!(
            decided("cfg(all(shuttle, not(miri)))").as_deref(),
            Some("cfg(all(not(all()), not(all())))")
        );
        assert_eq!(decided("cfg(unix)"), None);
        assert_eq!(decided("x86_64-unknown-linux-gnu"), None);
    }

    #[test]
    fn code_that_is_never_built_ends_with_its_block_semicolon_or_comma() {
        for (text, rest_expected) in [
            ("#[cfg(loom)] #[path = \"a\"] mod a; fn b() {}", "fn b () { }"),
            ("#[cfg(all(loom, unix))] { asm!() } fn b() {}", "fn b () { }"),
            ("#[cfg(test)] use a::b; mod c;", "mod c ;"),
            ("#[cfg(loom)] a: A, b: B", "b : B"),
        ] {
            let tokens: Vec<TokenTree> = text.parse::<TokenStream>().expect("tokens").into_iter().collect();
            let end = never_built(&tokens).expect(text);
            let rest: TokenStream = tokens[end..].iter().cloned().collect();
            let expected: TokenStream = rest_expected.parse().expect("tokens");
            assert_eq!(rest.to_string(), expected.to_string(), "{text}");
        }
        for text in ["#[cfg(unix)] mod a;", "#[cfg(not(loom))] mod a;", "#[doc(loom)] mod a;", "mod a;"] {
            let tokens: Vec<TokenTree> = text.parse::<TokenStream>().expect("tokens").into_iter().collect();
            assert_eq!(never_built(&tokens), None, "{text}");
        }
    }
}
