//! What only the standard library may say. Its channels are instrumented as a package like any other, which the compiler allows none of it.

use proc_macro2::{Delimiter, TokenTree};

use crate::cfg;
use crate::source::is_punct;

/// The rule that takes it out.
pub const LIBRARY: &str = "library";

/// How long that is which begins at `tokens` and is taken out, and what it is.
pub(crate) fn taken_out(tokens: &[TokenTree]) -> Option<(usize, &'static str)> {
    attribute(tokens).or_else(|| negative_impl(tokens))
}

/// `#[stable(…)]`, `#[unstable(…)]`, `#[rustc_…]`, also of the whole file, and `#[cfg_attr(…, rustc_…)]`.
fn attribute(tokens: &[TokenTree]) -> Option<(usize, &'static str)> {
    let (length, brackets) = match tokens {
        [hash, bang, brackets, ..] if is_punct(bang, '!') => {
            (3, cfg::attribute(&[hash.clone(), brackets.clone()])?.stream())
        }
        _ => (2, cfg::attribute(tokens)?.stream()),
    };
    let said: Vec<TokenTree> = brackets.into_iter().collect();
    let what = match said.as_slice() {
        [TokenTree::Ident(name), TokenTree::Group(_)] if name == "stable" || name == "unstable" => {
            "an attribute of its stability is taken out"
        }
        said if is_for_compiler(said) => "an attribute for the compiler is taken out",
        _ => return None,
    };
    Some((length, what))
}

/// Whether an attribute is one of the compiler's own, or the first behind a condition is.
fn is_for_compiler(said: &[TokenTree]) -> bool {
    match said {
        [TokenTree::Ident(name), TokenTree::Group(group)] if name == "cfg_attr" => {
            let behind = group.stream().into_iter().skip_while(|token| !is_punct(token, ',')).skip(1);
            is_for_compiler(&behind.collect::<Vec<_>>())
        }
        [TokenTree::Ident(name), ..] => name.to_string().starts_with("rustc_"),
        _ => false,
    }
}

/// `impl<T> !Sync for Receiver<T> {}`.
fn negative_impl(tokens: &[TokenTree]) -> Option<(usize, &'static str)> {
    let [TokenTree::Ident(word), behind @ ..] = tokens else { return None };
    if word != "impl" {
        return None;
    }
    let mut open = 0;
    let generics = behind.iter().position(|token| {
        open += isize::from(is_punct(token, '<')) - isize::from(is_punct(token, '>'));
        open == 0 && !is_punct(token, '>')
    })?;
    if !is_punct(&behind[generics], '!') {
        return None;
    }
    let is_body =
        |token: &TokenTree| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
    let body = behind.iter().position(is_body)?;
    Some((body + 2, "an impl that denies a trait is taken out"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::source::instrumented;

    #[test]
    fn what_only_the_library_may_say_is_taken_out() {
        let text = "#![stable(feature = \"rust1\", since = \"1.0.0\")]\n#[cfg_attr(not(test), rustc_diagnostic_item = \"A\")]\n\
                    #[must_use] pub struct A<T>(#[stable(feature = \"rust1\")] pub T);\n#[unstable(feature = \"b\")]\nimpl<T> !Sync for A<T> {}\n\
                    impl !Send for B {}\n#[rustc_nounwind]\nfn f() { #[inline] fn g() -> ! { loop {} } }";
        let new = instrumented(text, Path::new("src/a.rs"), false).expect("it can be instrumented");
        assert_eq!(
            new.text,
            "\n\n#[must_use] pub struct A<T>( pub T);\n\n\n\n\nfn f() { #[inline] fn g() -> ! { loop {} } }"
        );
        let lines: Vec<_> = new.applied.iter().map(|applied| (applied.rule, applied.line)).collect();
        assert_eq!(lines, [1, 2, 3, 4, 5, 6, 7].map(|line| (LIBRARY, line)));
    }

    #[test]
    fn what_others_say_is_left_alone() {
        let text = "#[stability::unstable(feature = \"a\")]\n#[cfg_attr(docsrs, doc(cfg(feature = \"a\")))]\n#[stable]\n\
                    impl<T: Fn() -> bool> Clone for A<T> { fn f(&self) -> bool { !self.0() } }\nimpl A { fn not(a: bool) -> bool { !a } }";
        let new = instrumented(text, Path::new("src/a.rs"), false).expect("it can be instrumented");
        assert_eq!((new.text.as_str(), new.applied), (text, Vec::new()));
    }
}
