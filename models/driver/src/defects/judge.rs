//! Compares what an exploration found with what the expectations say.

use super::data::{Defect, Expectations, Planted};
use records::verify::Method;

/// Which version of a channel is explored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// The newest: that of the lock file, or the one pinned in the adapter.
    Newest,
    /// A published version.
    Published(String),
    /// The newest, with a patch that plants a defect.
    Patched(Planted),
}

/// Which models have to fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Every model of these families, and no other model.
    Exactly(Vec<String>),
    /// At least one model of each of these families, and no model of another family. For loom, whose budget may end
    /// before it reaches the failing schedule of each model.
    Within(Vec<String>),
    /// At least these models, by their whole names.
    AtLeast(Vec<String>),
    /// None of these models: each has to pass.
    Pass(Vec<String>),
}

/// One exploration, and what it has to find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedExploration {
    /// The channel.
    pub channel: String,
    /// Its version.
    pub version: Version,
    /// The method.
    pub method: Method,
    /// The only model that is explored; `None` explores every model.
    pub model: Option<String>,
    /// What is wrong with the version, or why it is explored.
    pub what: String,
    /// The adapter of an old version, in `harness/adapters/versions`.
    pub adapter: Option<String>,
    /// What has to come of it.
    pub expected: Expected,
}

impl ExpectedExploration {
    /// The name of the row in the document and on the command line.
    pub fn name(&self) -> String {
        match &self.version {
            Version::Newest => self.channel.clone(),
            Version::Published(version) => format!("{}@{version}", self.channel),
            Version::Patched(planted) => planted.name.clone(),
        }
    }
}

/// What became of one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// Nothing was found within its bounds.
    Passed,
    /// It failed.
    Failed,
    /// A limit was reached before its bounds were.
    Cut,
    /// The channel lacks what the model needs.
    Unsupported,
    /// The same choices led to another execution.
    Diverged,
}

/// One model of an exploration.
#[derive(Clone, Debug, PartialEq)]
pub struct ExploredModel {
    /// The model's name.
    pub model: String,
    /// What became of it.
    pub came: Came,
    /// Waits with a deadline that another thread ended, and that their deadline ended.
    pub timed_waits: Option<(u64, u64)>,
}

/// The rows of the newest versions.
pub fn newest(all: &Expectations) -> Vec<ExpectedExploration> {
    let rows =
        all.newest.iter().flat_map(|newest| newest.methods.iter().map(move |&method| (newest, method)));
    rows.map(|(newest, method)| {
        let open: Vec<&Defect> =
            all.open(&newest.channel).filter(|defect| !defect.families(method).is_empty()).collect();
        let what: Vec<&str> = open.iter().map(|defect| defect.what.as_str()).collect();
        let families = open.iter().flat_map(|defect| defect.families(method)).cloned().collect();
        ExpectedExploration {
            channel: newest.channel.clone(),
            version: Version::Newest,
            method,
            model: None,
            what: if what.is_empty() { "No open defect is known.".to_owned() } else { what.join(" ") },
            adapter: None,
            expected: match method {
                Method::Loom => Expected::Within(families),
                _ => Expected::Exactly(families),
            },
        }
    })
    .collect()
}

/// The rows of old versions with known defects, and of the versions that fixed them.
pub fn known(all: &Expectations) -> Vec<ExpectedExploration> {
    let closed = all.defects.iter().filter(|defect| !defect.is_open());
    closed
        .flat_map(|defect| defect.models.keys().flat_map(|&method| of_defect(all, defect, method)))
        .collect()
}

fn of_defect(all: &Expectations, defect: &Defect, method: Method) -> Vec<ExpectedExploration> {
    let own = defect.families(method).to_vec();
    let present = all.present(defect, method);
    let row = |version: &str, what: String, expected| ExpectedExploration {
        channel: defect.channel.clone(),
        version: Version::Published(version.to_owned()),
        method,
        model: None,
        what,
        adapter: defect.adapter.clone(),
        expected,
    };
    let fixed_what = || format!("The version that fixed {}.", defect.name);
    if defect.only_these_models {
        let alone = own.iter().flat_map(|model| {
            let only = |row: ExpectedExploration| ExpectedExploration { model: Some(model.clone()), ..row };
            let bad = row(&defect.bad, defect.what.clone(), Expected::AtLeast(vec![model.clone()]));
            let fixed = defect.fixed.as_ref();
            let fixed = fixed.map(|fixed| row(fixed, fixed_what(), Expected::Pass(vec![model.clone()])));
            [Some(only(bad)), fixed.map(only)].into_iter().flatten()
        });
        return alone.collect();
    }
    let bad = match defect.others_may_fail {
        true => Expected::AtLeast(own),
        false => Expected::Exactly([own, present.clone()].concat()),
    };
    let bad = row(&defect.bad, defect.what.clone(), bad);
    let fixed = defect.fixed.as_ref().map(|fixed| row(fixed, fixed_what(), Expected::Exactly(present)));
    [Some(bad), fixed].into_iter().flatten().collect()
}

/// The rows of planted defects: each by its own model alone.
pub fn planted(all: &Expectations) -> Vec<ExpectedExploration> {
    all.planted.iter().map(with_patch).collect()
}

fn with_patch(planted: &Planted) -> ExpectedExploration {
    ExpectedExploration {
        channel: planted.channel.clone(),
        version: Version::Patched(planted.clone()),
        method: planted.method,
        model: Some(planted.model.clone()),
        what: planted.what.clone(),
        adapter: None,
        expected: Expected::AtLeast(vec![planted.model.clone()]),
    }
}

/// A few rows that show in minutes that models can both fail and pass: `known` and `planted` each fail in their own
/// model and pass the other's.
pub fn crossed(known: &ExpectedExploration, planted: &ExpectedExploration) -> Vec<ExpectedExploration> {
    let own = |row: &ExpectedExploration| match &row.expected {
        Expected::AtLeast(models) => models.first().cloned(),
        _ => None,
    };
    let (Some(first), Some(second)) = (own(known), own(planted)) else { return Vec::new() };
    let mut rows = Vec::new();
    for (row, own, other) in [(known, &first, &second), (planted, &second, &first)] {
        let only = |model: &String, expected| ExpectedExploration {
            model: Some(model.clone()),
            expected,
            ..row.clone()
        };
        rows.push(only(own, Expected::AtLeast(vec![own.clone()])));
        rows.push(only(other, Expected::Pass(vec![other.clone()])));
    }
    rows
}

fn is_of(model: &str, families: &[String]) -> bool {
    families.iter().any(|family| model.starts_with(family.as_str()))
}

/// What an exploration did otherwise than its row expects, a sentence each; empty when it did all of it.
pub fn deviations(row: &ExpectedExploration, explored: &[ExploredModel]) -> Vec<String> {
    let came =
        |wanted: Came| explored.iter().filter(move |one| one.came == wanted).map(|one| one.model.as_str());
    let failed: Vec<&str> = came(Came::Failed).collect();
    let passed: Vec<&str> = came(Came::Passed).collect();
    let mut wrong = Vec::new();
    match &row.expected {
        Expected::AtLeast(models) => {
            let missing = models.iter().filter(|model| !failed.contains(&model.as_str()));
            wrong.extend(missing.map(|model| format!("{model} finds nothing")));
        }
        Expected::Pass(models) => {
            let missing = models.iter().filter(|model| !passed.contains(&model.as_str()));
            wrong.extend(missing.map(|model| format!("{model} does not pass")));
        }
        Expected::Exactly(families) | Expected::Within(families) => {
            let unexpected = failed.iter().filter(|model| !is_of(model, families));
            wrong.extend(unexpected.map(|model| format!("{model} fails")));
            if matches!(row.expected, Expected::Exactly(_)) {
                let silent = explored.iter().filter(|one| {
                    matches!(one.came, Came::Passed | Came::Cut | Came::Diverged)
                        && is_of(&one.model, families)
                });
                wrong.extend(silent.map(|one| format!("{} finds nothing", one.model)));
            }
            let silent = families
                .iter()
                .filter(|family| !failed.iter().any(|model| model.starts_with(family.as_str())));
            wrong.extend(silent.map(|family| format!("no model of the family {family} fails")));
        }
    }
    if explored.is_empty() {
        wrong.push("no model was explored".to_owned());
    }
    wrong.extend(one_sided_waits(row, explored));
    wrong
}

/// Waits with a deadline that ended in one way only: the other way was never explored. One model alone may well have
/// no such wait, and so has a channel without timeouts.
fn one_sided_waits(row: &ExpectedExploration, explored: &[ExploredModel]) -> Option<String> {
    let has_timeouts = explored
        .iter()
        .any(|one| one.came == Came::Passed && one.model.starts_with("timeouts::recv_timeout"));
    if row.model.is_some() || !has_timeouts {
        return None;
    }
    let waits = explored.iter().filter_map(|one| one.timed_waits);
    let (woken, expired) = waits.fold((0, 0), |(woken, expired), one| (woken + one.0, expired + one.1));
    (woken == 0 || expired == 0).then(|| {
        format!(
            "{woken} waits with a deadline were woken and {expired} expired, so one ending was not explored"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explored(models: &[(&str, Came)]) -> Vec<ExploredModel> {
        models
            .iter()
            .map(|&(model, came)| ExploredModel { model: model.to_owned(), came, timed_waits: None })
            .collect()
    }

    fn row(expected: Expected) -> ExpectedExploration {
        ExpectedExploration {
            channel: "flume".to_owned(),
            version: Version::Newest,
            method: Method::Shuttle,
            model: None,
            what: String::new(),
            adapter: None,
            expected,
        }
    }

    fn families(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn exactly_the_expected_families_fail() {
        let row = row(Expected::Exactly(families(&["select::beside"])));
        let as_expected = explored(&[("select::beside_one", Came::Failed), ("buffered::a", Came::Passed)]);
        assert_eq!(deviations(&row, &as_expected), [""; 0]);
        let other = explored(&[("select::beside_one", Came::Failed), ("buffered::a", Came::Failed)]);
        assert_eq!(deviations(&row, &other), ["buffered::a fails"]);
        let one_is_silent =
            explored(&[("select::beside_one", Came::Failed), ("select::beside_two", Came::Cut)]);
        assert_eq!(deviations(&row, &one_is_silent), ["select::beside_two finds nothing"]);
        let none = explored(&[("buffered::a", Came::Passed)]);
        assert_eq!(deviations(&row, &none), ["no model of the family select::beside fails"]);
    }

    #[test]
    fn within_families_some_models_may_find_nothing() {
        let row = row(Expected::Within(families(&["select::beside"])));
        let some = explored(&[("select::beside_one", Came::Failed), ("select::beside_two", Came::Cut)]);
        assert_eq!(deviations(&row, &some), [""; 0]);
        let none = explored(&[("select::beside_two", Came::Cut)]);
        assert_eq!(deviations(&row, &none), ["no model of the family select::beside fails"]);
    }

    #[test]
    fn a_model_that_was_cut_or_not_explored_does_not_pass() {
        let row = row(Expected::Pass(families(&["a"])));
        assert_eq!(deviations(&row, &explored(&[("a", Came::Passed)])), [""; 0]);
        assert_eq!(deviations(&row, &explored(&[("a", Came::Cut)])), ["a does not pass"]);
        assert_eq!(deviations(&row, &[]), ["a does not pass", "no model was explored"]);
    }

    #[test]
    fn a_wait_that_never_expired_is_a_deviation() {
        let row = row(Expected::Exactly(Vec::new()));
        let mut one = explored(&[("timeouts::recv_timeout_against_send", Came::Passed)]);
        one[0].timed_waits = Some((4, 0));
        assert_eq!(deviations(&row, &one).len(), 1);
        one[0].timed_waits = Some((4, 1));
        assert_eq!(deviations(&row, &one), [""; 0]);
    }
}
