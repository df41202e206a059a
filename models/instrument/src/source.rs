//! The rules for source files. They work on tokens, so comments and string literals stay as they are; so does
//! all code that no rule names.

use std::collections::HashSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use proc_macro2::{Delimiter, LineColumn, TokenStream, TokenTree};

use crate::rule::{Applied, Rule};
use crate::tokens::is_punct;
use crate::{cfg, library, tokens};

/// The shim's crate name in source code.
const SHIM: &str = "chanlab_shim";

/// The crates that the shim replaces.
const SHADOWED: [&str; 3] = ["std", "core", "alloc"];

/// The number of iterations of a spin loop that had more.
const SPINS: u64 = 2;

/// The names by which source code refers to primitives that are observed.
const PRIMITIVES: [&str; 8] =
    ["Condvar", "Mutex", "RwLock", "Spinlock", "UnsafeCell", "atomic", "park", "thread"];

/// A rewritten file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// Its text.
    pub text: String,
    /// The applications of rules.
    pub applied: Vec<Applied>,
    /// The number of tokens that name a primitive.
    pub primitives: usize,
}

/// Applies the rules to `text`, the text of `file`. `is_root` is whether it is the root of the crate.
///
/// # Errors
///
/// When the text is not Rust, or contains code that no model checker can observe; the message names the line.
pub fn instrumented(text: &str, file: &Path, is_root: bool) -> Result<Rewritten> {
    // A byte order mark is no token, and positions do not count it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let tokens = tokens::parsed(text).map_err(|error| anyhow!("{}: {error}", file.display()))?;
    let mut file = File {
        path: file.to_owned(),
        edits: Vec::new(),
        edited: HashSet::new(),
        applied: Vec::new(),
        primitives: 0,
        named: Vec::new(),
    };
    file.rewrite(tokens, if is_root { Level::Root } else { Level::Inner }, true)?;
    file.edits.sort_by_key(|(range, _)| range.start);
    let (mut new, mut copied) = (String::with_capacity(text.len()), 0);
    for (range, with) in &file.edits {
        new.push_str(&text[copied..range.start]);
        new.push_str(with);
        copied = range.end;
    }
    new.push_str(&text[copied..]);
    if is_root {
        if !new.ends_with('\n') {
            new.push('\n');
        }
        for name in SHADOWED.into_iter().filter(|name| !file.named.iter().any(|named| named == name)) {
            new.push_str(&format!("#[allow(unused_imports, unused_extern_crates)]\n#[macro_use]\nextern crate {SHIM} as {name};\n"));
            file.applied.push(Applied {
                rule: Rule::Std,
                file: file.path.clone(),
                line: 0,
                what: format!("`{name}` is the shim, declared at the end"),
            });
        }
    }
    Ok(Rewritten { text: new, applied: file.applied, primitives: file.primitives })
}

struct File {
    path: PathBuf,
    /// What is replaced: no two of them overlap.
    edits: Vec<(Range<usize>, String)>,
    /// The starts of the tokens that are replaced.
    edited: HashSet<usize>,
    applied: Vec<Applied>,
    primitives: usize,
    /// The [`SHADOWED`] crates that the root declares itself.
    named: Vec<String>,
}

/// The position of tokens in the crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// At the top level of the root.
    Root,
    /// In the arguments of a macro at the top level of the root: its output is there too, or dropped.
    Macro,
    /// Elsewhere.
    Inner,
}

impl File {
    /// Applies the rules to tokens, and then to those in their groups. Code that is never built may contain
    /// anything.
    fn rewrite(&mut self, tokens: TokenStream, level: Level, is_built: bool) -> Result<()> {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let (mut unbuilt_until, mut removed_until) = (0, 0);
        for index in 0..tokens.len() {
            if index < removed_until {
                continue;
            }
            let here = &tokens[index..];
            // Code that is never built ends where that in it does.
            if index >= unbuilt_until {
                unbuilt_until = cfg::never_built(here).map_or(0, |length| index + length);
            }
            let is_built = is_built && index >= unbuilt_until;
            if is_built {
                self.refuse(here)?;
            }
            if let Some((length, what)) = library::removal(here) {
                let whole = start(&here[0]).start..here[length - 1].span().byte_range().end;
                self.edits.push((whole, String::new()));
                self.apply(&here[0], Rule::Library, what.to_owned());
                // No rule applies to what is no longer there.
                removed_until = index + length;
                continue;
            }
            self.extern_crate(here, level);
            self.spin_loop(here);
            for decided in cfg::decided(here) {
                self.edit(&decided.name, decided.with.to_owned(), Rule::Cfg, decided.what.to_owned());
            }
            match &tokens[index] {
                TokenTree::Ident(ident) => {
                    let is_primitive = is_built && PRIMITIVES.iter().any(|name| ident == name);
                    self.primitives += usize::from(is_primitive);
                }
                TokenTree::Group(group) => {
                    let is_argument = index > 0 && is_punct(&tokens[index - 1], '!');
                    let inner = if level == Level::Root && is_argument { Level::Macro } else { Level::Inner };
                    self.rewrite(group.stream(), inner, is_built)?;
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
        Ok(())
    }

    /// Rejects code that no model checker can observe.
    fn refuse(&self, tokens: &[TokenTree]) -> Result<()> {
        let words = words(tokens, 4);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let what = match words.as_slice() {
            ["asm" | "global_asm" | "naked_asm", "!", ..] => "inline assembly",
            ["libc", ":", ":", ..] => "a call to the C library",
            ["extern", abi, "{"] | ["extern", abi, "{", ..] if abi.starts_with('"') => "foreign functions",
            ["arch", ":", ":", ..] => "processor intrinsics",
            _ => return Ok(()),
        };
        bail!(
            "{}:{}: {what}, which no model checker can observe",
            self.path.display(),
            line(&tokens[0]).line
        );
    }

    /// `extern crate std;`, which would bypass the shim.
    fn extern_crate(&mut self, tokens: &[TokenTree], level: Level) {
        let words = words(tokens, 5);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (package, name) = match words.as_slice() {
            ["extern", "crate", package, ";", ..] => (*package, *package),
            ["extern", "crate", package, "as", name, ..] => (*package, *name),
            _ => return,
        };
        if !SHADOWED.contains(&package) {
            return;
        }
        let is_short = words[3] == ";";
        if level == Level::Macro && is_short {
            // The end of the root declares the name, whatever the macro's output is.
            return self.edit(&tokens[2], format!("{SHIM} as _"), Rule::Std, format!("`{name}` is the shim"));
        }
        let with = if is_short { format!("{SHIM} as {name}") } else { SHIM.to_owned() };
        self.edit(&tokens[2], with, Rule::Std, format!("`{name}` is the shim"));
        if level == Level::Root {
            self.edits.push((start(&tokens[0]), "#[macro_use] ".to_owned()));
            self.named.push(name.to_owned());
        }
    }

    /// `for _ in 0..N { … spin … }`, where N is a literal.
    fn spin_loop(&mut self, tokens: &[TokenTree]) {
        let [f, name, r#in, zero, dot, dots, count, TokenTree::Group(body), ..] = tokens else { return };
        let head = [f, name, r#in, zero, dot, dots].map(ToString::to_string);
        if head != ["for", "_", "in", "0", ".", "."] || body.delimiter() != Delimiter::Brace {
            return;
        }
        let digits: String = count.to_string().chars().take_while(char::is_ascii_digit).collect();
        let Ok(times) = digits.parse::<u64>() else { return };
        if times > SPINS && spins(body.stream()) {
            let suffix = count.to_string().split_off(digits.len());
            self.edit(
                count,
                format!("{SPINS}{suffix}"),
                Rule::Spin,
                format!("the loop spins {SPINS} times instead of {times}"),
            );
        }
    }

    fn edit(&mut self, token: &TokenTree, with: String, rule: Rule, what: String) {
        let range = token.span().byte_range();
        // A condition within a condition is found in both.
        if self.edited.insert(range.start) {
            self.edits.push((range, with));
            self.apply(token, rule, what);
        }
    }

    fn apply(&mut self, at: &TokenTree, rule: Rule, what: String) {
        self.applied.push(Applied { rule, file: self.path.clone(), line: line(at).line, what });
    }
}

/// Whether any token names a spin or a yield.
fn spins(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => {
            let name = ident.to_string();
            ["spin", "yield", "snooze"].iter().any(|part| name.contains(part))
        }
        TokenTree::Group(group) => spins(group.stream()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

/// The first `count` tokens as text; of a group, the opening delimiter.
fn words(tokens: &[TokenTree], count: usize) -> Vec<String> {
    let word = |token: &TokenTree| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => "{".to_owned(),
        TokenTree::Group(_) => "(".to_owned(),
        token => token.to_string(),
    };
    tokens.iter().take(count).map(word).collect()
}

fn line(token: &TokenTree) -> LineColumn {
    token.span().start()
}

/// The empty range before a token.
fn start(token: &TokenTree) -> Range<usize> {
    let start = token.span().byte_range().start;
    start..start
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn rewritten(text: &str, is_root: bool) -> Rewritten {
        instrumented(text, Path::new("src/a.rs"), is_root).expect("it can be instrumented")
    }

    #[test]
    fn the_root_declares_the_shim_as_std_core_and_alloc() {
        let text = "//! A crate.\n#![no_std]\n#[cfg(feature = \"std\")]\nextern crate std;\nmod a;";
        let new = rewritten(text, true);
        assert_eq!(
            new.text,
            "//! A crate.\n#![no_std]\n#[cfg(feature = \"std\")]\n#[macro_use] extern crate chanlab_shim as std;\nmod a;\n\
             #[allow(unused_imports, unused_extern_crates)]\n#[macro_use]\nextern crate chanlab_shim as core;\n\
             #[allow(unused_imports, unused_extern_crates)]\n#[macro_use]\nextern crate chanlab_shim as alloc;\n"
        );
        let lines: Vec<_> = new.applied.iter().map(|applied| (applied.rule, applied.line)).collect();
        assert_eq!(lines, [(Rule::Std, 4), (Rule::Std, 0), (Rule::Std, 0)]);
    }

    #[test]
    fn an_extern_crate_in_a_module_becomes_the_shim() {
        let new = rewritten("mod a { extern crate alloc as x; extern crate other; }", false);
        assert_eq!(new.text, "mod a { extern crate chanlab_shim as x; extern crate other; }");
    }

    #[test]
    fn an_extern_crate_in_a_macro_declares_no_name() {
        let new = rewritten(
            "feature! { #![feature = \"alloc\"] extern crate alloc; mod a { extern crate std; } }",
            true,
        );
        let begin = "feature! { #![feature = \"alloc\"] extern crate chanlab_shim as _; mod a { extern crate chanlab_shim as std; } }\n";
        assert!(new.text.starts_with(begin), "{}", new.text);
        assert!(new.text.ends_with("\n#[macro_use]\nextern crate chanlab_shim as alloc;\n"), "{}", new.text);
    }

    #[test]
    fn spin_loops_are_shortened_and_other_loops_are_not() {
        let text = "// for _ in 0..256 { spin(); }\nfn f() { for _ in 0..256u32 { backoff::yield_now(); }\n\
                    for _ in 0..256 { count(); }\nfor i in 0..256 { spin_loop(); }\nfor _ in 0..2 { spin_loop(); } }";
        let new = rewritten(text, false);
        assert_eq!(new.text, text.replace("256u32", "2u32"));
        assert_eq!(new.applied.len(), 1);
        assert_eq!(new.applied[0].to_string(), "spin: src/a.rs:2: the loop spins 2 times instead of 256");
    }

    #[test]
    fn code_that_no_checker_can_observe_is_an_error_with_its_line() {
        for (text, what) in [
            ("fn f() {\n unsafe { asm!(\"nop\") } }", "inline assembly"),
            ("\nextern \"C\" { fn futex(); }", "foreign functions"),
            ("fn f() {\n libc::syscall(1) }", "a call to the C library"),
            ("\nuse core::arch::x86_64;", "processor intrinsics"),
        ] {
            let error = instrumented(text, Path::new("src/a.rs"), false).expect_err(text).to_string();
            assert_eq!(error, format!("src/a.rs:2: {what}, which no model checker can observe"));
        }
        // A function that is exported to C is the crate's own code.
        rewritten("extern \"C\" fn f() {}", false);
        instrumented("fn (", Path::new("src/a.rs"), false).expect_err("not Rust");
    }

    #[test]
    fn a_crates_own_models_are_never_built() {
        let text = "#![cfg_attr(loom, feature(loom))]\n#[cfg(all(loom, feature = \"loom\"))]\nmod a;\n#[cfg(not(loom))] mod b;\n\
                    fn f(loom: u8) { if cfg!(shuttle) { loom::f(cfg, (loom)) } }\n#[cfg(not(miri))] mod c;";
        let new = rewritten(text, false);
        assert_eq!(
            new.text,
            "#![cfg_attr(any(), feature(loom))]\n#[cfg(all(any(), feature = \"loom\"))]\nmod a;\n#[cfg(not(any()))] mod b;\n\
             fn f(loom: u8) { if cfg!(not(all())) { loom::f(cfg, (loom)) } }\n#[cfg(not(all()))] mod c;"
        );
        let lines: Vec<_> = new.applied.iter().map(ToString::to_string).collect();
        let never = |line: usize, name| format!("cfg: src/a.rs:{line}: cfg({name}) is never true");
        let always = "cfg: src/a.rs:6: cfg(miri) is always true".to_owned();
        assert_eq!(
            lines,
            [never(1, "loom"), never(2, "loom"), never(4, "loom"), never(5, "shuttle"), always]
        );
    }

    #[test]
    fn code_that_is_never_built_may_contain_anything() {
        let fence = "fn fence() { #[cfg(all(target_arch = \"x86_64\", not(miri)))] { use core::arch::asm; asm!(\"\"); return; }\n";
        rewritten(&format!("{fence} atomic::fence(SeqCst) }}"), false);
        for (text, line) in [
            (format!("{fence} asm!(\"\") }}"), 2),
            (fence.replace("not(miri)", "miri") + "}", 1),
            (fence.replace("cfg(all(", "doc(all(") + "}", 1),
        ] {
            let error = instrumented(&text, Path::new("src/a.rs"), false).expect_err(&text).to_string();
            assert!(error.starts_with(&format!("src/a.rs:{line}: ")), "{error}");
        }
        assert_eq!(rewritten("#[cfg(loom)] use std::sync::Mutex; use std::thread;", false).primitives, 1);
    }

    #[test]
    fn names_of_primitives_are_counted() {
        assert_eq!(rewritten("use std::sync::{atomic, Mutex}; // Condvar", false).primitives, 2);
        assert_eq!(rewritten("struct A;", false).primitives, 0);
    }

    #[test]
    fn code_that_only_the_standard_library_may_contain_is_removed() {
        let text = "#![stable(feature = \"rust1\", since = \"1.0.0\")]\n#[cfg_attr(not(test), rustc_diagnostic_item = \"A\")]\n\
                    #[must_use] pub struct A<T>(#[stable(feature = \"rust1\")] pub T);\n#[unstable(feature = \"b\")]\nimpl<T> !Sync for A<T> {}\n\
                    impl !Send for B {}\n#[rustc_nounwind]\nfn f() { #[inline] fn g() -> ! { loop {} } }";
        let new = instrumented(text, Path::new("src/a.rs"), false).expect("it can be instrumented");
        assert_eq!(
            new.text,
            "\n\n#[must_use] pub struct A<T>( pub T);\n\n\n\n\nfn f() { #[inline] fn g() -> ! { loop {} } }"
        );
        let lines: Vec<_> = new.applied.iter().map(|applied| (applied.rule, applied.line)).collect();
        assert_eq!(lines, [1, 2, 3, 4, 5, 6, 7].map(|line| (Rule::Library, line)));
    }

    #[test]
    fn nothing_is_changed_twice_or_in_what_is_removed() {
        for (text, new) in [
            ("#[cfg_attr(loom, rustc_x)] mod a;", " mod a;"),
            ("#[cfg(any(cfg(loom)))] mod a;", "#[cfg(any(cfg(any())))] mod a;"),
            ("impl !Send for A { #[cfg(loom)] fn f() { extern crate std; } } mod a;", " mod a;"),
        ] {
            assert_eq!(rewritten(text, false).text, new);
            assert_eq!(rewritten(text, false).applied.len(), 1, "{text}");
        }
    }

    #[test]
    fn no_source_takes_more_time_or_stack_than_its_size_allows() {
        let began = Instant::now();
        let repeated = ["impl<", "#[cfg(loom)]", "cfg(loom) ", "extern crate std; ", "impl ", "impl ! "];
        for text in repeated.map(|text| text.repeat(50_000)) {
            instrumented(&text, Path::new("src/a.rs"), true).expect("tokens");
        }
        for (open, close) in [("(", ")"), ("cfg(", ")"), ("#[cfg(not(", "))]"), ("for _ in 0..9 {", "}")] {
            let text = format!("mod a;\n{}{}", open.repeat(50_000), close.repeat(50_000));
            let error = instrumented(&text, Path::new("src/a.rs"), true).expect_err("too deep").to_string();
            assert_eq!(error, "src/a.rs: line 2 is nested more than 200 deep");
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    }

    #[test]
    fn similar_code_of_other_crates_is_left_alone() {
        let text = "#[stability::unstable(feature = \"a\")]\n#[cfg_attr(docsrs, doc(cfg(feature = \"a\")))]\n#[stable]\n\
                    impl<T: Fn() -> bool> Clone for A<T> { fn f(&self) -> bool { !self.0() } }\nimpl A { fn not(a: bool) -> bool { !a } }";
        let new = instrumented(text, Path::new("src/a.rs"), false).expect("it can be instrumented");
        assert_eq!((new.text.as_str(), new.applied), (text, Vec::new()));
    }
}
