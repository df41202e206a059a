//! Series over one axis: params that differ only in the capacity, or only in the number of threads.

use std::collections::BTreeMap;

use records::record::ParamsRecord;

/// The minimum number of capacities in a series.
const MIN_CAPACITIES: usize = 3;

/// The minimum number of thread counts in a series.
const MIN_THREAD_COUNTS: usize = 2;

/// The minimum length of a series over one thread parameter when the workload has several.
const MIN_OF_ONE: usize = 3;

/// Params of a workload along one axis; everything else is fixed.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The name of the axis: `capacity`, `producers + consumers`.
    pub axis: String,
    /// Whether the axis is the capacity.
    pub over_capacity: bool,
    /// The fixed values: the capacity, and every value that is not the default.
    pub held: String,
    /// The points in ascending order, each with its label and the index of its params.
    pub points: Vec<(String, usize)>,
}

/// Every series among the params of a workload.
pub(crate) fn series(params: &[&ParamsRecord]) -> Vec<Series> {
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

/// Groups params by the values that `rest` returns. Each group has the shared values and the indices of its
/// members.
fn groups<'a>(
    params: &'a [&'a ParamsRecord],
    mut rest: impl FnMut(&'a ParamsRecord) -> Option<Values>,
) -> Vec<(Values, Vec<usize>)> {
    let mut groups: Vec<(Values, Vec<usize>)> = Vec::new();
    for (index, params) in params.iter().enumerate() {
        let Some(values) = rest(params) else { continue };
        match groups.iter_mut().find(|(known, _)| *known == values) {
            Some((_, members)) => members.push(index),
            None => groups.push((values, vec![index])),
        }
    }
    groups
}

/// The sort key of a capacity: numbers first, then `unbounded`.
fn capacity_order(text: &str) -> u64 {
    text.parse().unwrap_or(u64::MAX)
}

fn over_capacity(params: &[&ParamsRecord]) -> Vec<Series> {
    let without_capacity = |record: &ParamsRecord| {
        let mut values = record.values.clone();
        values.remove(record.capacity.as_ref()?)?;
        Some(values)
    };
    let capacity = |index: usize| {
        let record = params[index];
        record.capacity.as_ref().map_or("", |name| record.values[name].as_str())
    };
    let mut found = Vec::new();
    for (held, mut members) in groups(params, without_capacity) {
        members.sort_by_key(|index| capacity_order(capacity(*index)));
        members.dedup_by_key(|index| capacity(*index));
        if members.len() < MIN_CAPACITIES {
            continue;
        }
        found.push(Series {
            axis: "capacity".to_owned(),
            over_capacity: true,
            held: held_words(params[members[0]], &held),
            points: members.into_iter().map(|index| (capacity(index).to_owned(), index)).collect(),
        });
    }
    found
}

/// A series for each parameter that counts threads, with the others fixed, and one where all of them are
/// equal.
fn over_threads(params: &[&ParamsRecord]) -> Vec<Series> {
    let mut names: Vec<&String> = params.iter().flat_map(|record| &record.threads).collect();
    names.sort();
    names.dedup();
    let threads = |record: &ParamsRecord, name: &String| record.values.get(name)?.parse::<u64>().ok();

    let mut found = Vec::new();
    if names.len() > 1 {
        let all_equal = |record: &ParamsRecord| {
            let mut values = record.values.clone();
            let first = values.get(record.threads.first()?)?.clone();
            for name in &record.threads {
                (values.remove(name)? == first).then_some(())?;
            }
            Some(values)
        };
        for (held, members) in groups(params, all_equal) {
            let axis = params[members[0]].threads.join(" + ");
            let label = |record: &ParamsRecord| {
                let values: Vec<_> = record.threads.iter().map(|name| record.values[name].as_str()).collect();
                values.join(" + ")
            };
            let order = |record: &ParamsRecord| threads(record, &record.threads[0]);
            found.extend(thread_series(params, axis, held, members, label, order));
        }
    }
    let min_points = if names.len() > 1 { MIN_OF_ONE } else { MIN_THREAD_COUNTS };
    for name in names {
        let without = |record: &ParamsRecord| {
            let mut values = record.values.clone();
            values.remove(name)?;
            Some(values)
        };
        for (held, members) in groups(params, without) {
            let label = |record: &ParamsRecord| record.values[name].clone();
            let order = |record: &ParamsRecord| threads(record, name);
            let series = thread_series(params, name.clone(), held, members, label, order);
            found.extend(series.filter(|series| series.points.len() >= min_points));
        }
    }
    found
}

fn thread_series(
    params: &[&ParamsRecord],
    axis: String,
    held: Values,
    mut members: Vec<usize>,
    label: impl Fn(&ParamsRecord) -> String,
    order: impl Fn(&ParamsRecord) -> Option<u64>,
) -> Option<Series> {
    members.sort_by_key(|index| order(params[*index]));
    members.dedup_by_key(|index| order(params[*index]));
    (members.len() >= MIN_THREAD_COUNTS).then(|| Series {
        axis,
        over_capacity: false,
        held: held_words(params[members[0]], &held),
        points: members.into_iter().map(|index| (label(params[index]), index)).collect(),
    })
}

/// The fixed values that the short form of the params names: the capacity, and those that are not the
/// default.
fn held_words(member: &ParamsRecord, held: &Values) -> String {
    let named: Vec<_> = member
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

    use super::*;

    fn records(workload: &str, grid: &[&str]) -> Vec<ParamsRecord> {
        let registry = adapters::registry();
        let info = registry.workload(workload).expect("a workload");
        grid.iter()
            .map(|text| ParamsRecord::new(info, &registry.params(workload, text).expect("params")))
            .collect()
    }

    fn found(records: &[ParamsRecord]) -> Vec<Series> {
        series(&records.iter().collect::<Vec<_>>())
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
        let records = records(
            "producer_consumer",
            &["capacity=unbounded", "capacity=64", "capacity=0", "capacity=1,work=9"],
        );
        assert_eq!(described(&found(&records)), ["capacity []: 0 64 unbounded"]);
        assert_eq!(found(&records[1..]), []);
    }

    #[test]
    fn threads_vary_together_or_one_at_a_time() {
        let records = records(
            "producer_consumer",
            &["producers=4,consumers=4", "", "producers=2,consumers=2", "producers=4", "producers=8"],
        );
        assert_eq!(
            described(&found(&records)),
            ["producers + consumers [capacity=64]: 1 + 1 2 + 2 4 + 4", "producers [capacity=64]: 1 4 8",]
        );
    }

    #[test]
    fn one_count_of_threads_is_one_series() {
        let grid = ["inputs=2,variant=select", "inputs=8,variant=shared", "variant=select"];
        let records = records("fan_in", &grid);
        assert_eq!(described(&found(&records)), ["inputs [variant=select, capacity=64]: 2 4"]);
    }
}
