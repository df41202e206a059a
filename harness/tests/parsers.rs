//! What is read of the command line, of runners and of other machines: it is read as it was written, and text that is none of it is
//! refused in words, whatever it holds.

use harness::latency::{Percentiles, from_pairs};
use harness::params::{Kind, MOST_SLOTS, MOST_THREADS, ParamSpec, Params};
use harness::protocol::{
    ChannelHello, FailureCause, Hello, Lack, Measured, NamedFigure, Reply, Request, RoundSpec, line,
};
use harness::registry::Registry;
use harness::shard::Shard;
use proptest::collection::{btree_map, vec};
use proptest::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::Union;

/// Text of any characters, such as end lines among them.
fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..8).prop_map(String::from_iter)
}

/// Every workload's parameters.
fn specs() -> impl Strategy<Value = &'static [ParamSpec]> {
    let all: Vec<&'static [ParamSpec]> = Registry::new().workloads().map(|info| info.params).collect();
    select(all)
}

/// The least and the most of the numbers that a parameter takes; `None` where it takes words only.
fn bounds(kind: Kind) -> Option<[u64; 2]> {
    match kind {
        Kind::Threads => Some([1, MOST_THREADS]),
        Kind::Number { least, most } => Some([least, most]),
        Kind::Choice(_) => None,
        Kind::Capacity => Some([0, MOST_SLOTS as u64]),
    }
}

/// A value that a parameter takes, its bounds often among them.
fn value(kind: Kind) -> BoxedStrategy<String> {
    let words: &[&str] = match kind {
        Kind::Threads | Kind::Number { .. } => &[],
        Kind::Choice(words) => words,
        Kind::Capacity => &["unbounded", "rendezvous"],
    };
    let words = (!words.is_empty()).then(|| select(words).prop_map(str::to_owned).boxed());
    let numbers = bounds(kind).map(|[least, most]| {
        prop_oneof![Just(least), Just(most), least..=most].prop_map(|number| number.to_string()).boxed()
    });
    Union::new(words.into_iter().chain(numbers)).boxed()
}

/// Some parameters of a workload with values that they take, in any order.
fn given() -> impl Strategy<Value = (&'static [ParamSpec], Vec<(&'static str, String)>)> {
    specs().prop_flat_map(|specs| {
        let each: Vec<_> = specs.iter().map(|spec| option::of((Just(spec.name), value(spec.kind)))).collect();
        let pairs = each.prop_map(|pairs| pairs.into_iter().flatten().collect::<Vec<_>>());
        (Just(specs), pairs.prop_shuffle())
    })
}

fn joined(pairs: &[(&str, String)]) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
}

/// A number that JSON has.
fn number() -> impl Strategy<Value = f64> {
    POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO
}

fn request() -> impl Strategy<Value = Request> {
    let plan = ((any::<u64>(), text(), text(), text()), btree_map(text(), text(), 0..3), any::<bool>());
    let plan = (plan, option::of(any::<u64>()), option::of(any::<u64>())).prop_map(
        |(((cell, channel, workload, placement), params, allocations), messages, deadline_ns)| {
            Request::Plan(RoundSpec {
                cell,
                channel,
                workload,
                params,
                messages,
                deadline_ns,
                placement,
                allocations,
            })
        },
    );
    let round = any::<[u64; 2]>().prop_map(|[cell, round]| Request::Round { cell, round });
    prop_oneof![plan, round, Just(Request::Quit)]
}

fn hello() -> impl Strategy<Value = Hello> {
    let lack = (text(), text()).prop_map(|(capability, reason)| Lack { capability, reason });
    let channel = ([text(), text(), text()], vec(lack, 0..2), vec(text(), 0..2)).prop_map(
        |([name, version, about], lacks, notes)| ChannelHello { name, version, about, lacks, notes },
    );
    let lists = (vec(channel, 0..2), vec(text(), 0..2), vec(text(), 0..2), btree_map(text(), text(), 0..2));
    (any::<u32>(), text(), text(), lists).prop_map(
        |(protocol, runner, language, (channels, workloads, meters, without))| Hello {
            protocol,
            runner,
            language,
            channels,
            workloads,
            meters,
            without,
        },
    )
}

fn measured() -> impl Strategy<Value = Measured> {
    let figure = (text(), number()).prop_map(|(name, value)| NamedFigure { name, value });
    let lists =
        (vec(figure, 0..3), option::of(vec(any::<[u64; 2]>(), 0..3)), btree_map(text(), any::<u64>(), 0..3));
    (any::<[u64; 4]>(), vec(option::of(any::<u64>()), 10), lists).prop_map(
        |([cell, round, messages, wall_ns], meters, (figures, latency, counters))| Measured {
            cell,
            round,
            messages,
            wall_ns,
            user_ns: meters[0],
            system_ns: meters[1],
            voluntary: meters[2],
            involuntary: meters[3],
            allocations: meters[4],
            allocated_bytes: meters[5],
            peak_bytes: meters[6],
            figures,
            latency,
            counters,
            spin_ns: meters[7],
            steal_ns: meters[8],
            frequency_hz: meters[9],
        },
    )
}

fn cause() -> impl Strategy<Value = FailureCause> {
    prop_oneof![Just(FailureCause::Hang), Just(FailureCause::Panic), Just(FailureCause::Violation)]
}

fn reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        hello().prop_map(Reply::Hello),
        (any::<[u64; 2]>(), option::of(text())).prop_map(|([cell, messages], effective_capacity)| {
            Reply::Planned { cell, messages, effective_capacity }
        }),
        (any::<u64>(), text()).prop_map(|(cell, reason)| Reply::Unsupported { cell, reason }),
        measured().prop_map(Reply::Round),
        (any::<[u64; 2]>(), cause(), text(), any::<bool>()).prop_map(
            |([cell, round], cause, reason, abandoned)| Reply::Failed {
                cell,
                round,
                cause,
                reason,
                abandoned
            }
        ),
        text().prop_map(|message| Reply::Error { message }),
    ]
}

proptest! {
    #[test]
    fn params_are_read_as_they_are_printed((specs, pairs) in given()) {
        let params = Params::parse(specs, &joined(&pairs)).expect("each takes its value");
        let full = params.to_string();
        prop_assert_eq!(full.split(',').count(), specs.len());
        for (name, value) in &pairs {
            let value = if value == "rendezvous" { "0" } else { value };
            let pair = format!("{name}={value}");
            prop_assert!(full.split(',').any(|printed| printed == pair), "{} is not in {}", pair, full);
        }
        for form in [&full, &params.id()] {
            let form = if form == "default" { "" } else { form };
            prop_assert_eq!(Params::parse(specs, form).expect("its own form").to_string(), full.clone());
        }
    }

    #[test]
    fn a_pair_that_is_wrong_is_refused_by_its_name((specs, mut pairs) in given(), place: Index, wrong in text()) {
        prop_assume!(!pairs.is_empty() && !wrong.contains([',', '=']));
        let place = place.index(pairs.len());
        let name = pairs[place].0;
        // Twice the same, whatever the values are.
        let twice = format!("{},{}", joined(&pairs), joined(&pairs[place..=place]));
        let refused = Params::parse(specs, &twice).expect_err("it is given twice");
        prop_assert!(refused.to_string().starts_with(name), "{}", refused);
        let kind = specs.iter().find(|spec| spec.name == name).expect("it is declared").kind;
        let beyond = bounds(kind).into_iter().flat_map(|[least, most]| [least.checked_sub(1), most.checked_add(1)]);
        let beyond = beyond.flatten().map(|number| number.to_string());
        for wrong in beyond.chain([format!("{wrong}~")]) {
            pairs[place].1.clone_from(&wrong);
            let refused = Params::parse(specs, &joined(&pairs)).expect_err("it takes no such value");
            prop_assert!(refused.to_string().starts_with(&format!("{name}={wrong}")), "{}", refused);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(specs in specs(), text in prop_oneof![text(), "[a-z=,0-9 ]{0,24}"]) {
        if let Ok(params) = Params::parse(specs, &text) {
            prop_assert!(Params::parse(specs, &params.to_string()).is_ok());
        }
    }

    #[test]
    fn a_shard_is_read_as_it_is_written(index: u32, of in prop_oneof![1..=4_u32, 1..=u32::MAX]) {
        let shard = Shard { index: index % of + 1, of };
        prop_assert_eq!(shard.to_string().parse(), Ok(shard));
        let beyond = format!("{}/{of}", u64::from(of) + 1 + u64::from(index));
        prop_assert!(beyond.parse::<Shard>().is_err(), "{}", beyond);
    }

    #[test]
    fn any_text_is_a_shard_or_refused_with_what_is_expected(text in prop_oneof![text(), "[0-9/+-]{0,12}"]) {
        match text.parse::<Shard>() {
            Ok(shard) => prop_assert!(1 <= shard.index && shard.index <= shard.of, "{:?}", shard),
            Err(refused) => prop_assert!(refused.to_string().ends_with("as in 2/5"), "{}", refused),
        }
    }

    #[test]
    fn each_case_is_in_one_shard(case: u64, of in 1..50_u32) {
        prop_assert_eq!((1..=of).filter(|&index| Shard { index, of }.has(case)).count(), 1);
    }

    #[test]
    fn a_request_is_one_line_and_read_as_it_was_written(request in request()) {
        let line = line(&request);
        prop_assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1));
        prop_assert_eq!(serde_json::from_slice::<Request>(&line).expect("a request"), request);
    }

    #[test]
    fn a_reply_is_one_line_and_read_as_it_was_written(reply in reply()) {
        let line = line(&reply);
        prop_assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1));
        prop_assert_eq!(serde_json::from_slice::<Reply>(&line).expect("a reply"), reply);
    }

    #[test]
    fn a_line_that_was_cut_off_is_none(reply in reply(), cut: Index) {
        let line = line(&reply);
        // Without its last brace and its end at the least.
        let cut = cut.index(line.len() - 1);
        prop_assert!(serde_json::from_slice::<Reply>(&line[..cut]).is_err());
    }

    /// Whatever a runner tells: pairs that do not rise are refused, more messages than can be counted are, and percentiles rise.
    #[test]
    fn latencies_of_any_pairs_rise(
        mut pairs in vec((prop_oneof![any::<u64>(), 0..40_u64], prop_oneof![9 => 0..1_000_u64, 1 => any::<u64>()]).prop_map(<[u64; 2]>::from), 0..12),
        sorted: bool,
    ) {
        if sorted {
            // Now and then with a time that is there twice.
            pairs.sort_unstable();
        }
        let rise = pairs.windows(2).all(|two| two[0][0] < two[1][0]);
        let countable = pairs.iter().map(|[_, count]| u128::from(*count)).sum::<u128>() <= u64::MAX.into();
        let read = from_pairs(&pairs);
        prop_assert_eq!(read.is_ok(), rise && countable);
        if let Ok(histogram) = read {
            let Percentiles { p50, p90, p99, p99_9, max } = Percentiles::of(&histogram);
            let told: Vec<u64> = [p50, p90, p99, p99_9, max].into_iter().flatten().collect();
            prop_assert!(told.is_sorted(), "{:?}", told);
        }
    }

    #[test]
    fn times_for_each_message_are_no_less_than_nothing(mut measured in measured()) {
        measured.messages = measured.messages.max(1);
        prop_assert!(measured.ns_per_op() >= 0.0);
        prop_assert!(measured.cpu_ns_per_op().is_none_or(|cpu| cpu >= 0.0 && cpu.is_finite()));
    }
}
