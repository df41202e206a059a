//! Rewrites a source file so that every mutant of it is in one build, each behind a switch.
//!
//! An edit finds its code by text. White space matches any other white space, so the formatter may move the
//! code. The code to replace stands between `«` and `»`; the text around them only makes the match unique,
//! and without the marks all of the text is replaced. It must be an expression or whole statements, since it
//! becomes
//!
//! ```text
//! if contract::mutants::active("NAME") { WITH } else { ORIGINAL }
//! ```
//!
//! Edits of different mutants may replace the same code, or one may lie inside another's.

use std::cmp::Reverse;
use std::ops::Range;

use anyhow::{Result, bail};

use crate::table::{Edit, Mutant};

/// The code that an edit replaces.
#[derive(Clone, Debug)]
struct Site<'a> {
    mutant: &'a str,
    code: Range<usize>,
    with: &'a str,
}

/// The text of `file` with a switch at each place that an edit of `mutants` replaces.
///
/// # Errors
///
/// When the text of an edit does not occur exactly once, or two edits overlap in part.
pub(crate) fn rewrite(file: &str, source: &str, mutants: &[Mutant]) -> Result<String> {
    let mut sites = Vec::new();
    for mutant in mutants {
        for edit in mutant.edits.iter().filter(|edit| edit.file == file) {
            let code = locate(source, edit, &mutant.name)?;
            sites.push(Site { mutant: &mutant.name, code, with: edit.with.trim() });
        }
    }
    // The enclosing code comes before what it encloses.
    sites.sort_by_key(|site| (site.code.start, Reverse(site.code.end)));
    for (index, inner) in sites.iter().enumerate() {
        let cut = |outer: &&Site<'_>| outer.code.end > inner.code.start && outer.code.end < inner.code.end;
        if let Some(outer) = sites[..index].iter().find(cut) {
            bail!("mutants {} and {}: their code overlaps in part in {file}", outer.mutant, inner.mutant);
        }
    }
    Ok(render(source, 0..source.len(), &sites))
}

/// The text of `range` with the switches of `sites`, which lie inside it.
fn render(source: &str, range: Range<usize>, mut sites: &[Site<'_>]) -> String {
    let mut text = String::new();
    let mut at = range.start;
    while let [Site { code, .. }, ..] = sites {
        let same = sites.iter().take_while(|site| site.code == *code).count();
        let (alternatives, rest) = sites.split_at(same);
        let (inner, rest) = rest.split_at(rest.iter().take_while(|site| site.code.start < code.end).count());
        sites = rest;
        text += &source[at..code.start];
        at = code.end;

        let is_statement = source[code.clone()].ends_with([';', '}']);
        text += if is_statement { "" } else { "(" };
        for Site { mutant, with, .. } in alternatives {
            text += &format!("if contract::mutants::active(\"{mutant}\") {{ {with} }} else ");
        }
        text += &format!("{{ {} }}", render(source, code.clone(), inner));
        text += if is_statement { "" } else { ")" };
    }
    text + &source[at..range.end]
}

/// Finds the code that `edit` replaces.
fn locate(source: &str, edit: &Edit, mutant: &str) -> Result<Range<usize>> {
    let find = edit.find.trim();
    let (before, code, after) = match find.split_once('«') {
        None => ("", find, ""),
        Some((before, rest)) => match rest.split_once('»') {
            Some((code, after)) => (before, code, after),
            None => bail!("mutant {mutant}: « without » in `{find}`"),
        },
    };
    let found: Vec<Range<usize>> = source
        .char_indices()
        .filter_map(|(at, _)| {
            let start = at + matched(&source[at..], before)?;
            let end = start + matched(&source[start..], code)?;
            matched(&source[end..], after).map(|_| start..end)
        })
        .collect();
    match &found[..] {
        [code] => Ok(code.clone()),
        _ => bail!("mutant {mutant}: its text occurs {} times in {}: `{find}`", found.len(), edit.file),
    }
}

/// How many bytes at the start of `text` match `pattern`, if it matches. Any white space matches any other.
fn matched(text: &str, pattern: &str) -> Option<usize> {
    let mut rest = text;
    let mut pattern = pattern;
    while let Some(expected) = pattern.chars().next() {
        if expected.is_whitespace() {
            pattern = pattern.trim_start();
            rest = Some(rest.trim_start()).filter(|trimmed| trimmed.len() < rest.len())?;
        } else {
            pattern = &pattern[expected.len_utf8()..];
            rest = rest.strip_prefix(expected)?;
        }
    }
    Some(text.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::MutantKind;

    fn mutant(name: &str, find: &str, with: &str) -> Mutant {
        let edit = Edit { file: "a.rs".to_owned(), find: find.to_owned(), with: with.to_owned() };
        Mutant {
            name: name.to_owned(),
            place: "a",
            kind: MutantKind::Sequential,
            about: String::new(),
            tests: Vec::new(),
            models: Vec::new(),
            edits: vec![edit],
        }
    }

    fn rewritten(source: &str, mutants: &[Mutant]) -> Result<String, String> {
        rewrite("a.rs", source, mutants).map_err(|error| error.to_string())
    }

    #[test]
    fn statements_and_expressions_are_switched() {
        let mutants = [mutant("m", "wake();", ""), mutant("n", "len < limit", "len <= limit")];
        assert_eq!(
            rewritten("if len < limit { wake(); }", &mutants).as_deref(),
            Ok("if (if contract::mutants::active(\"n\") { len <= limit } else { len < limit }) \
                { if contract::mutants::active(\"m\") {  } else { wake(); } }")
        );
    }

    #[test]
    fn only_the_marked_code_is_replaced_and_line_breaks_do_not_matter() {
        let source = "drop(state);\n    wake();\n    return 1;\nwake(); return 2;";
        assert_eq!(
            rewritten(source, &[mutant("m", "drop(state); «wake();» return 1;", "")]).as_deref(),
            Ok(
                "drop(state);\n    if contract::mutants::active(\"m\") {  } else { wake(); }\n    return 1;\n\
                wake(); return 2;"
            )
        );
    }

    #[test]
    fn switches_at_the_same_code_are_chained_and_inner_ones_nested() {
        let mutants = [mutant("m", "f(x);", "1;"), mutant("n", "f(x);", "2;"), mutant("inner", "x", "y")];
        assert_eq!(
            rewritten("f(x);", &mutants).as_deref(),
            Ok(
                "if contract::mutants::active(\"m\") { 1; } else if contract::mutants::active(\"n\") { 2; } else \
                { f((if contract::mutants::active(\"inner\") { y } else { x })); }"
            )
        );
    }

    #[test]
    fn a_stale_edit_names_its_mutant_and_its_file() {
        let error = |source| rewritten(source, &[mutant("m", "f(x);", "")]);
        let message = |times| format!("mutant m: its text occurs {times} times in a.rs: `f(x);`");
        assert_eq!(error("f( x );"), Err(message(0)));
        assert_eq!(error("f(x); f(x);"), Err(message(2)));
        assert_eq!(
            rewritten("a b c", &[mutant("m", "a b", ""), mutant("n", "b c", "")]),
            Err("mutants m and n: their code overlaps in part in a.rs".to_owned())
        );
    }
}
