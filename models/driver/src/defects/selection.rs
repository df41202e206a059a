//! The rows of a run: all of them, those that are named, or a few for CI.

use anyhow::{Context, Result, bail};
use records::verify::Method;

use super::data::Expectations;
use super::judge::{self, Expected, ExpectedExploration, Version};
use crate::instrumented::std_source::STD;

/// The rows of [`small`]: a known defect, a planted one, and a model of std, whose source comes from elsewhere than a
/// crate's.
const SMALL_KNOWN: &str = "crossbeam-double-free";
const SMALL_PLANTED: &str = "crossbeam-no-second-look";
const SMALL_STD_MODEL: &str = "timeouts::recv_timeout_against_send_rendezvous";

/// Every row, in the order of the document.
pub fn all(expectations: &Expectations) -> Vec<ExpectedExploration> {
    let parts = [judge::newest(expectations), judge::known(expectations), judge::planted(expectations)];
    parts.concat()
}

/// The rows with these names; all of them when there are none.
///
/// # Errors
///
/// When a name is that of no row.
pub fn named(expectations: &Expectations, names: &[String]) -> Result<Vec<ExpectedExploration>> {
    let all = all(expectations);
    for name in names {
        if !all.iter().any(|row| row.name() == *name) {
            let mut known: Vec<String> = all.iter().map(ExpectedExploration::name).collect();
            known.sort_unstable();
            known.dedup();
            bail!("`{name}`: expected one of {}", known.join(", "));
        }
    }
    Ok(all.into_iter().filter(|row| names.is_empty() || names.contains(&row.name())).collect())
}

/// A known and a planted defect, each by its own model and by the other's, which passes; and a model of std.
///
/// # Errors
///
/// When the expectations do not have these rows.
pub fn small(expectations: &Expectations) -> Result<Vec<ExpectedExploration>> {
    let defect = expectations.defects.iter().find(|defect| defect.name == SMALL_KNOWN);
    let defect = defect.with_context(|| format!("there is no {SMALL_KNOWN}.toml"))?;
    let bad = Version::Published(defect.bad.clone());
    let known = judge::known(expectations)
        .into_iter()
        .find(|row| row.channel == defect.channel && row.version == bad)
        .with_context(|| format!("{SMALL_KNOWN} has no row"))?;
    let planted = judge::planted(expectations)
        .into_iter()
        .find(|row| row.name() == SMALL_PLANTED)
        .with_context(|| format!("there is no {SMALL_PLANTED}.patch"))?;
    let mut rows = judge::crossed(&known, &planted);
    if rows.is_empty() {
        bail!("{SMALL_KNOWN} names no model");
    }
    rows.push(ExpectedExploration {
        channel: STD.to_owned(),
        version: Version::Newest,
        method: Method::Shuttle,
        model: Some(SMALL_STD_MODEL.to_owned()),
        what: "A model of the standard library's channels passes.".to_owned(),
        adapter: None,
        expected: Expected::Pass(vec![SMALL_STD_MODEL.to_owned()]),
    });
    Ok(rows)
}

/// Whether a row is a newest version, explored whole.
pub fn is_newest(row: &ExpectedExploration) -> bool {
    row.version == Version::Newest && row.model.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::versions::workspace::project;

    fn expectations() -> Expectations {
        Expectations::read(&project().expect("a checkout")).expect("they are well-formed")
    }

    #[test]
    fn the_parts_have_all_their_rows() {
        let expectations = expectations();
        let rows = all(&expectations);
        let count = |wanted: fn(&&ExpectedExploration) -> bool| rows.iter().filter(wanted).count();
        assert_eq!(count(|row| is_newest(row) && row.method == Method::Shuttle), 8);
        assert_eq!(count(|row| is_newest(row) && row.method == Method::Loom), 4);
        assert_eq!(count(|row| matches!(row.version, Version::Published(_))), 8);
        assert_eq!(count(|row| matches!(row.version, Version::Patched(_))), 14);
    }

    #[test]
    fn a_name_selects_every_row_that_has_it() {
        let expectations = expectations();
        let rows = named(&expectations, &["crossbeam".to_owned(), "kanal-unlock-relaxed".to_owned()]);
        let rows = rows.expect("they exist");
        let names: Vec<_> = rows.iter().map(|row| (row.name(), row.method)).collect();
        let name = |name: &str, method| (name.to_owned(), method);
        assert_eq!(
            names,
            [
                name("crossbeam", Method::Shuttle),
                name("crossbeam", Method::Loom),
                name("kanal-unlock-relaxed", Method::Loom)
            ]
        );
        let error = named(&expectations, &["tokio".to_owned()]).expect_err("there is no such row");
        assert!(error.to_string().starts_with("`tokio`: expected one of async-channel, "), "{error}");
    }

    #[test]
    fn small_rows_cross_a_known_defect_with_a_planted_one() {
        let rows = small(&expectations()).expect("they exist");
        let passes: Vec<bool> = rows.iter().map(|row| matches!(row.expected, Expected::Pass(_))).collect();
        assert_eq!(passes, [false, true, false, true, true]);
        let names: Vec<String> = rows.iter().map(ExpectedExploration::name).collect();
        let (known, planted) = ("crossbeam@0.5.14", "crossbeam-no-second-look");
        assert_eq!(names, [known, known, planted, planted, "std"]);
        assert_eq!(rows[0].model, rows[3].model);
        assert_eq!(rows[1].model, rows[2].model);
    }
}
