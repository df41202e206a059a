//! Series over one axis: params that are equal but for the capacity, or but for the numbers of threads.

use std::collections::BTreeMap;

use super::page::ParamsPage;

/// Fewer capacities are no series.
const FEWEST_CAPACITIES: usize = 3;

/// Fewer numbers of threads are no series.
const FEWEST_THREADS: usize = 2;

/// Where several parameters count threads, a series over one of them alone needs so many points to be worth its room.
const FEWEST_OF_ONE: usize = 3;

/// The params of a workload along one axis; everything else is held.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What the axis is: `capacity`, `producers + consumers`.
    pub axis: String,
    /// True for a capacity.
    pub over_capacity: bool,
    /// What is held: the capacity, and whatever is not at its default.
    pub held: String,
    /// The points in their order, each with its label and the index of its params.
    pub points: Vec<(String, usize)>,
}

/// Every series among the params of a workload.
pub fn series(params: &[ParamsPage]) -> Vec<Series> {
    let mut found = over_capacity(params);
    for series in over_threads(params) {
        let known = found.iter().any(|known| known.points == series.points);
        if !known {
            found.push(series);
        }
    }
    found
}

type Values = BTreeMap<String, String>;

/// Groups params by the values that `rest` leaves; each group holds what it shares and the members' indices.
fn groups<'a>(
    params: &'a [ParamsPage],
    mut rest: impl FnMut(&'a ParamsPage) -> Option<Values>,
) -> Vec<(Values, Vec<usize>)> {
    let mut groups: Vec<(Values, Vec<usize>)> = Vec::new();
    for (index, page) in params.iter().enumerate() {
        let Some(values) = rest(page) else { continue };
        match groups.iter_mut().find(|(known, _)| *known == values) {
            Some((_, members)) => members.push(index),
            None => groups.push((values, vec![index])),
        }
    }
    groups
}

/// Capacities in order: numbers, then `unbounded`.
fn capacity_order(text: &str) -> u64 {
    text.parse().unwrap_or(u64::MAX)
}

fn over_capacity(params: &[ParamsPage]) -> Vec<Series> {
    let without_capacity = |page: &ParamsPage| {
        let mut values = page.record.values.clone();
        values.remove(page.record.capacity.as_ref()?)?;
        Some(values)
    };
    let capacity = |index: usize| {
        let record = &params[index].record;
        record.capacity.as_ref().map_or("", |name| record.values[name].as_str())
    };
    let mut found = Vec::new();
    for (held, mut members) in groups(params, without_capacity) {
        members.sort_by_key(|index| capacity_order(capacity(*index)));
        members.dedup_by_key(|index| capacity(*index));
        if members.len() < FEWEST_CAPACITIES {
            continue;
        }
        found.push(Series {
            axis: "capacity".to_owned(),
            over_capacity: true,
            held: held_words(&params[members[0]], &held),
            points: members.into_iter().map(|index| (capacity(index).to_owned(), index)).collect(),
        });
    }
    found
}

/// A series for each parameter that counts threads, with the others held; and one where all of them are equal.
fn over_threads(params: &[ParamsPage]) -> Vec<Series> {
    let mut names: Vec<&String> = params.iter().flat_map(|page| &page.record.threads).collect();
    names.sort();
    names.dedup();
    let threads = |page: &ParamsPage, name: &String| page.record.values.get(name)?.parse::<u64>().ok();

    let mut found = Vec::new();
    if names.len() > 1 {
        let all_equal = |page: &ParamsPage| {
            let mut values = page.record.values.clone();
            let first = values.get(page.record.threads.first()?)?.clone();
            for name in &page.record.threads {
                (values.remove(name)? == first).then_some(())?;
            }
            Some(values)
        };
        for (held, members) in groups(params, all_equal) {
            let axis = params[members[0]].record.threads.join(" + ");
            let label = |page: &ParamsPage| {
                let values: Vec<_> =
                    page.record.threads.iter().map(|name| page.record.values[name].as_str()).collect();
                values.join(" + ")
            };
            let order = |page: &ParamsPage| threads(page, &page.record.threads[0]);
            found.extend(thread_series(params, axis, held, members, label, order));
        }
    }
    let fewest = if names.len() > 1 { FEWEST_OF_ONE } else { FEWEST_THREADS };
    for name in names {
        let without = |page: &ParamsPage| {
            let mut values = page.record.values.clone();
            values.remove(name)?;
            Some(values)
        };
        for (held, members) in groups(params, without) {
            let label = |page: &ParamsPage| page.record.values[name].clone();
            let order = |page: &ParamsPage| threads(page, name);
            let series = thread_series(params, name.clone(), held, members, label, order);
            found.extend(series.filter(|series| series.points.len() >= fewest));
        }
    }
    found
}

fn thread_series(
    params: &[ParamsPage],
    axis: String,
    held: Values,
    mut members: Vec<usize>,
    label: impl Fn(&ParamsPage) -> String,
    order: impl Fn(&ParamsPage) -> Option<u64>,
) -> Option<Series> {
    members.sort_by_key(|index| order(&params[*index]));
    members.dedup_by_key(|index| order(&params[*index]));
    (members.len() >= FEWEST_THREADS).then(|| Series {
        axis,
        over_capacity: false,
        held: held_words(&params[members[0]], &held),
        points: members.into_iter().map(|index| (label(&params[index]), index)).collect(),
    })
}

/// The held values that are named in the params' short form: those that are not at their default, and the capacity.
fn held_words(member: &ParamsPage, held: &Values) -> String {
    let named: Vec<_> = member
        .record
        .id
        .split(',')
        .filter_map(|pair| pair.split_once('='))
        .filter(|(name, value)| held.get(*name).is_some_and(|known| known == value))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    named.join(", ")
}

#[cfg(test)]
mod tests {
    use harness::record::ParamsRecord;

    use super::*;

    fn pages(workload: &str, grid: &[&str]) -> Vec<ParamsPage> {
        let registry = adapters::registry();
        let info = registry.workload(workload).expect("a workload");
        grid.iter()
            .map(|text| ParamsPage {
                record: ParamsRecord::of(info, &registry.params(workload, text).expect("params")),
                cells: Vec::new(),
                ranking: Vec::new(),
                unit: "ns/op",
                prominent: false,
            })
            .collect()
    }

    fn described(series: &[Series]) -> Vec<String> {
        series
            .iter()
            .map(|series| {
                let labels: Vec<_> = series.points.iter().map(|(label, _)| label.as_str()).collect();
                format!("{} [{}]: {}", series.axis, series.held, labels.join(" "))
            })
            .collect()
    }

    #[test]
    fn capacities_are_in_order_and_need_three() {
        let pages = pages(
            "producer_consumer",
            &["capacity=unbounded", "capacity=64", "capacity=0", "capacity=1,work=9"],
        );
        assert_eq!(described(&series(&pages)), ["capacity []: 0 64 unbounded"]);
        assert_eq!(series(&pages[1..]), []);
    }

    #[test]
    fn threads_vary_together_or_one_at_a_time() {
        let pages = pages(
            "producer_consumer",
            &["producers=4,consumers=4", "", "producers=2,consumers=2", "producers=4", "producers=8"],
        );
        assert_eq!(
            described(&series(&pages)),
            ["producers + consumers [capacity=64]: 1 + 1 2 + 2 4 + 4", "producers [capacity=64]: 1 4 8",]
        );
    }

    #[test]
    fn one_count_of_threads_is_one_series() {
        let grid = ["inputs=2,variant=select", "inputs=8,variant=shared", "variant=select"];
        let pages = pages("fan_in", &grid);
        assert_eq!(described(&series(&pages)), ["inputs [variant=select, capacity=64]: 2 4"]);
    }
}
