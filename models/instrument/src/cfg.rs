//! Conditions of compilation: some are known, whatever is built.
//!
//! `loom` and `shuttle` are flags that this project gives to all that it builds. What a crate has for them is for its own models, on their
//! primitives and not on the shim's: it is never built. `miri` is for interpreters, which see no more than a checker does: it is always.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// The rule that decides conditions.
pub const CFG: &str = "cfg";

/// What is known, what it becomes, and how that is told. Each becomes something else, so that no two keys of a manifest become one.
const DECIDED: [(&str, &str, &str); 3] = [
    ("loom", "any()", "cfg(loom) is never true"),
    ("shuttle", "not(all())", "cfg(shuttle) is never true"),
    ("miri", "all()", "cfg(miri) is always true"),
];

/// A name in a condition, and what becomes of it.
pub(crate) struct Decided {
    pub(crate) name: TokenTree,
    pub(crate) with: &'static str,
    pub(crate) what: &'static str,
}

/// What the condition that begins at `tokens` names of what is known: of `cfg(…)`, `cfg_attr(…, …)`, `cfg!(…)` or `cfg_select! { … }`.
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

/// The text of a condition, such as a manifest has in `[target.'cfg(…)']`, and what was decided in it.
pub(crate) fn decided_text(text: &str) -> Option<(String, Vec<&'static str>)> {
    let tokens: Vec<TokenTree> = text.parse::<TokenStream>().ok()?.into_iter().collect();
    let found = decided(&tokens);
    let mut new = text.to_owned();
    for decided in found.iter().rev() {
        new.replace_range(decided.name.span().byte_range(), decided.with);
    }
    (!found.is_empty()).then(|| (new, found.iter().map(|decided| decided.what).collect()))
}

/// Where the code ends that is never built, when an attribute begins at `tokens` that says so: with the first block, `;` or `,` behind it.
/// What is longer than that is taken for built.
pub(crate) fn unbuilt(tokens: &[TokenTree]) -> Option<usize> {
    let attribute: Vec<TokenTree> = attribute(tokens)?.stream().into_iter().collect();
    let [TokenTree::Ident(name), TokenTree::Group(condition)] = attribute.as_slice() else { return None };
    if name != "cfg" || value(condition.stream()) != Some(false) {
        return None;
    }
    let mut place = 0;
    while self::attribute(&tokens[place..]).is_some() {
        place += 2;
    }
    let is_end = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(punct) => [';', ','].contains(&punct.as_char()),
        TokenTree::Ident(_) | TokenTree::Literal(_) => false,
    };
    let length = tokens[place..].iter().position(is_end).map_or(tokens.len() - place, |end| end + 1);
    Some(place + length)
}

/// The brackets of an outer attribute.
pub(crate) fn attribute(tokens: &[TokenTree]) -> Option<&Group> {
    match tokens {
        [TokenTree::Punct(hash), TokenTree::Group(brackets), ..]
            if hash.as_char() == '#' && brackets.delimiter() == Delimiter::Bracket =>
        {
            Some(brackets)
        }
        _ => None,
    }
}

/// Names that stand alone, also in `any(…)`, `all(…)` and `not(…)`; what is in braces is code.
fn names(condition: &[TokenTree], found: &mut Vec<Decided>) {
    for (place, token) in condition.iter().enumerate() {
        match token {
            TokenTree::Ident(ident) => {
                let is_alone = match condition.get(place + 1) {
                    None => true,
                    Some(TokenTree::Punct(next)) => {
                        next.as_char() == ','
                            || condition.get(place + 2).is_some_and(|next| next.to_string() == ">")
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

/// Whether a condition is true, where that is known.
fn value(condition: TokenStream) -> Option<bool> {
    let tokens: Vec<TokenTree> = condition.into_iter().collect();
    match tokens.as_slice() {
        [TokenTree::Ident(name)] => match name.to_string().as_str() {
            "loom" | "shuttle" | "test" => Some(false),
            "miri" => Some(true),
            _ => None,
        },
        [TokenTree::Ident(name), TokenTree::Group(of)] => {
            let of: Vec<TokenTree> = of.stream().into_iter().collect();
            let values = of
                .split(is_comma)
                .filter(|part| !part.is_empty())
                .map(|part| value(part.iter().cloned().collect()));
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
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_known_where_its_parts_say_so() {
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
    fn a_manifests_condition_is_decided_as_a_sources_is() {
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
    fn what_is_never_built_ends_with_its_block_or_its_semicolon() {
        for (text, behind) in [
            ("#[cfg(loom)] #[path = \"a\"] mod a; fn b() {}", "fn b () { }"),
            ("#[cfg(all(loom, unix))] { asm!() } fn b() {}", "fn b () { }"),
            ("#[cfg(test)] use a::b; mod c;", "mod c ;"),
            ("#[cfg(loom)] a: A, b: B", "b : B"),
        ] {
            let tokens: Vec<TokenTree> = text.parse::<TokenStream>().expect("tokens").into_iter().collect();
            let end = unbuilt(&tokens).expect(text);
            let rest: TokenStream = tokens[end..].iter().cloned().collect();
            let expected: TokenStream = behind.parse().expect("tokens");
            assert_eq!(rest.to_string(), expected.to_string(), "{text}");
        }
        for text in ["#[cfg(unix)] mod a;", "#[cfg(not(loom))] mod a;", "#[doc(loom)] mod a;", "mod a;"] {
            let tokens: Vec<TokenTree> = text.parse::<TokenStream>().expect("tokens").into_iter().collect();
            assert_eq!(unbuilt(&tokens), None, "{text}");
        }
    }
}
