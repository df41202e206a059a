//! The source rules, on the tokens of a file: what is in comments and text is left alone, and so is everything else that no rule names.

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use proc_macro2::{Delimiter, LineColumn, TokenStream, TokenTree};

use crate::{Applied, cfg, library};

/// The rule that leads `std`, `core` and `alloc` to the shim.
pub const STD: &str = "std";

/// The rule that shortens loops that spin.
pub const SPIN: &str = "spin";

/// The shim's name in the source.
const SHIM: &str = "chanlab_shim";

/// What the shim stands in for.
const SHADOWED: [&str; 3] = ["std", "core", "alloc"];

/// How often a loop spins that spun more often.
const SPINS: u64 = 2;

/// What names a primitive that is watched.
const PRIMITIVES: [&str; 8] =
    ["Condvar", "Mutex", "RwLock", "Spinlock", "UnsafeCell", "atomic", "park", "thread"];

/// A file after all rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// Its text.
    pub text: String,
    /// What was done.
    pub applied: Vec<Applied>,
    /// How often it names a primitive.
    pub primitives: usize,
}

/// Applies the rules to the text of `file`; `is_root`: it is the root of the crate.
///
/// # Errors
///
/// When the file is no Rust, or holds what the checker could not see: the message names the line.
pub fn instrumented(text: &str, file: &Path, is_root: bool) -> Result<Rewritten> {
    // An editor's mark at the beginning is no token, and counted by nobody.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let tokens: TokenStream =
        text.parse().map_err(|error| anyhow!("{}: it is no Rust ({error})", file.display()))?;
    let mut file = File {
        path: file.to_owned(),
        edits: Vec::new(),
        applied: Vec::new(),
        primitives: 0,
        named: Vec::new(),
    };
    file.look(tokens, if is_root { Level::Root } else { Level::Inner }, true)?;
    let mut new = text.to_owned();
    file.edits.sort_by_key(|(range, _)| range.start);
    for (range, with) in file.edits.iter().rev() {
        new.replace_range(range.clone(), with);
    }
    if is_root {
        if !new.ends_with('\n') {
            new.push('\n');
        }
        for name in SHADOWED.into_iter().filter(|name| !file.named.iter().any(|named| named == name)) {
            new.push_str(&format!("#[allow(unused_imports, unused_extern_crates)]\n#[macro_use]\nextern crate {SHIM} as {name};\n"));
            file.applied.push(Applied {
                rule: STD,
                file: file.path.clone(),
                line: 0,
                what: format!("at its end, {name} is the shim"),
            });
        }
    }
    Ok(Rewritten { text: new, applied: file.applied, primitives: file.primitives })
}

struct File {
    path: PathBuf,
    edits: Vec<(Range<usize>, String)>,
    applied: Vec<Applied>,
    primitives: usize,
    /// Those of the shadowed that the root names itself.
    named: Vec<String>,
}

/// Where tokens stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// In the root of the crate itself.
    Root,
    /// In what a macro is given there: what it makes of it is in the root, or nowhere.
    Macro,
    /// Elsewhere.
    Inner,
}

impl File {
    /// Looks at the tokens of a level, and then at those of the groups in them. What is never built may hold what it likes.
    fn look(&mut self, tokens: TokenStream, level: Level, is_built: bool) -> Result<()> {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut unbuilt_until = 0;
        for place in 0..tokens.len() {
            let here = &tokens[place..];
            unbuilt_until = unbuilt_until.max(cfg::unbuilt(here).map_or(0, |length| place + length));
            let is_built = is_built && place >= unbuilt_until;
            if is_built {
                self.refuse(here)?;
            }
            self.extern_crate(here, level);
            self.spinning_loop(here);
            if let Some((length, what)) = library::taken_out(here) {
                let whole = start(&here[0]).start..here[length - 1].span().byte_range().end;
                self.edits.push((whole, String::new()));
                self.apply(&here[0], library::LIBRARY, what.to_owned());
            }
            for decided in cfg::decided(here) {
                self.edit(&decided.name, decided.with.to_owned(), cfg::CFG, decided.what.to_owned());
            }
            match &tokens[place] {
                TokenTree::Ident(ident) => {
                    let is_primitive = is_built && PRIMITIVES.iter().any(|name| ident == name);
                    self.primitives += usize::from(is_primitive);
                }
                TokenTree::Group(group) => {
                    let is_given = place > 0 && is_punct(&tokens[place - 1], '!');
                    let inner = if level == Level::Root && is_given { Level::Macro } else { Level::Inner };
                    self.look(group.stream(), inner, is_built)?;
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
        Ok(())
    }

    /// What the checker could not see.
    fn refuse(&self, tokens: &[TokenTree]) -> Result<()> {
        let words = words(tokens, 4);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let what = match words.as_slice() {
            ["asm" | "global_asm" | "naked_asm", "!", ..] => "assembly",
            ["libc", ":", ":", ..] => "a call of the C library",
            ["extern", abi, "{"] | ["extern", abi, "{", ..] if abi.starts_with('"') => "foreign functions",
            ["arch", ":", ":", ..] => "instructions of a processor",
            _ => return Ok(()),
        };
        bail!("{}:{}: it has {what}, which no checker sees", self.path.display(), line(&tokens[0]).line);
    }

    /// `extern crate std;`, which would lead past the shim.
    fn extern_crate(&mut self, tokens: &[TokenTree], level: Level) {
        let words = words(tokens, 5);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (of, name) = match words.as_slice() {
            ["extern", "crate", of, ";", ..] => (*of, *of),
            ["extern", "crate", of, "as", name, ..] => (*of, *name),
            _ => return,
        };
        if !SHADOWED.contains(&of) {
            return;
        }
        let is_short = words[3] == ";";
        if level == Level::Macro && is_short {
            // The end of the root has the name, whatever the macro makes of this.
            return self.edit(&tokens[2], format!("{SHIM} as _"), STD, format!("{name} is the shim"));
        }
        let with = if is_short { format!("{SHIM} as {name}") } else { SHIM.to_owned() };
        self.edit(&tokens[2], with, STD, format!("{name} is the shim"));
        if level == Level::Root {
            self.edits.push((start(&tokens[0]), "#[macro_use] ".to_owned()));
            self.named.push(name.to_owned());
        }
    }

    /// `for _ in 0..N { … spin … }`, with a number N.
    fn spinning_loop(&mut self, tokens: &[TokenTree]) {
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
                SPIN,
                format!("it spins {SPINS} times and not {times}"),
            );
        }
    }

    fn edit(&mut self, token: &TokenTree, with: String, rule: &'static str, what: String) {
        self.edits.push((token.span().byte_range(), with));
        self.apply(token, rule, what);
    }

    fn apply(&mut self, at: &TokenTree, rule: &'static str, what: String) {
        self.applied.push(Applied { rule, file: self.path.clone(), line: line(at).line, what });
    }
}

/// Whether some token names a spin or a yield.
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

/// The first `count` tokens; of a group, how it begins.
fn words(tokens: &[TokenTree], count: usize) -> Vec<String> {
    let word = |token: &TokenTree| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => "{".to_owned(),
        TokenTree::Group(_) => "(".to_owned(),
        token => token.to_string(),
    };
    tokens.iter().take(count).map(word).collect()
}

pub(crate) fn is_punct(token: &TokenTree, which: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == which)
}

fn line(token: &TokenTree) -> LineColumn {
    token.span().start()
}

/// The empty place before a token.
fn start(token: &TokenTree) -> Range<usize> {
    let start = token.span().byte_range().start;
    start..start
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &str, is_root: bool) -> Rewritten {
        instrumented(text, Path::new("src/a.rs"), is_root).expect("it can be instrumented")
    }

    #[test]
    fn the_root_names_the_shim_where_it_names_std() {
        let text = "//! A crate.\n#![no_std]\n#[cfg(feature = \"std\")]\nextern crate std;\nmod a;";
        let new = rewritten(text, true);
        assert_eq!(
            new.text,
            "//! A crate.\n#![no_std]\n#[cfg(feature = \"std\")]\n#[macro_use] extern crate chanlab_shim as std;\nmod a;\n\
             #[allow(unused_imports, unused_extern_crates)]\n#[macro_use]\nextern crate chanlab_shim as core;\n\
             #[allow(unused_imports, unused_extern_crates)]\n#[macro_use]\nextern crate chanlab_shim as alloc;\n"
        );
        let lines: Vec<_> = new.applied.iter().map(|applied| (applied.rule, applied.line)).collect();
        assert_eq!(lines, [(STD, 4), (STD, 0), (STD, 0)]);
    }

    #[test]
    fn an_extern_crate_in_a_module_is_pointed_to_the_shim() {
        let new = rewritten("mod a { extern crate alloc as x; extern crate other; }", false);
        assert_eq!(new.text, "mod a { extern crate chanlab_shim as x; extern crate other; }");
    }

    #[test]
    fn an_extern_crate_that_a_macro_may_leave_out_names_nothing() {
        let new = rewritten(
            "feature! { #![feature = \"alloc\"] extern crate alloc; mod a { extern crate std; } }",
            true,
        );
        let begin = "feature! { #![feature = \"alloc\"] extern crate chanlab_shim as _; mod a { extern crate chanlab_shim as std; } }\n";
        assert!(new.text.starts_with(begin), "{}", new.text);
        assert!(new.text.ends_with("\n#[macro_use]\nextern crate chanlab_shim as alloc;\n"), "{}", new.text);
    }

    #[test]
    fn loops_that_spin_are_shortened_and_others_are_not() {
        let text = "// for _ in 0..256 { spin(); }\nfn f() { for _ in 0..256u32 { backoff::yield_now(); }\n\
                    for _ in 0..256 { count(); }\nfor i in 0..256 { spin_loop(); }\nfor _ in 0..2 { spin_loop(); } }";
        let new = rewritten(text, false);
        assert_eq!(new.text, text.replace("256u32", "2u32"));
        assert_eq!(new.applied.len(), 1);
        assert_eq!(new.applied[0].to_string(), "spin: src/a.rs:2: it spins 2 times and not 256");
    }

    #[test]
    fn what_no_checker_sees_is_an_error_with_its_line() {
        for (text, what) in [
            ("fn f() {\n unsafe { asm!(\"nop\") } }", "assembly"),
            ("\nextern \"C\" { fn futex(); }", "foreign functions"),
            ("fn f() {\n libc::syscall(1) }", "a call of the C library"),
            ("\nuse core::arch::x86_64;", "instructions of a processor"),
        ] {
            let error = instrumented(text, Path::new("src/a.rs"), false).expect_err(text).to_string();
            assert_eq!(error, format!("src/a.rs:2: it has {what}, which no checker sees"));
        }
        // A function that others call from C is the crate's own code.
        rewritten("extern \"C\" fn f() {}", false);
        instrumented("fn (", Path::new("src/a.rs"), false).expect_err("no Rust");
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
    fn what_is_never_built_may_hold_what_no_checker_sees() {
        let fence = "fn fence() { #[cfg(all(target_arch = \"x86_64\", not(miri)))] { use core::arch::asm; asm!(\"\"); return; }\n";
        rewritten(&format!("{fence} atomic::fence(SeqCst) }}"), false);
        for (text, line) in [
            (format!("{fence} asm!(\"\") }}"), 2),
            (fence.replace("not(miri)", "miri") + "}", 1),
            (fence.replace("cfg(all(", "doc(all(") + "}", 1),
        ] {
            let error = instrumented(&text, Path::new("src/a.rs"), false).expect_err(&text).to_string();
            assert!(error.starts_with(&format!("src/a.rs:{line}: it has ")), "{error}");
        }
        assert_eq!(rewritten("#[cfg(loom)] use std::sync::Mutex; use std::thread;", false).primitives, 1);
    }

    #[test]
    fn primitives_are_counted() {
        assert_eq!(rewritten("use std::sync::{atomic, Mutex}; // Condvar", false).primitives, 2);
        assert_eq!(rewritten("struct A;", false).primitives, 0);
    }
}
