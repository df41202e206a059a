//! Everything parsed from the command line, from runners and from other machines: it is read as it was
//! written, and any other text is refused with a message.

use contract::shard::Shard;
use proptest::collection::{btree_map, vec};
use proptest::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::Union;
use records::protocol::{
    ChannelHello, FailureCause, Hello, Lack, Measured, NamedFigure, Reply, Request, RoundSpec, line,
};
use workloads::latency::{Percentiles, from_pairs};
use workloads::params::{Kind, MAX_SLOTS, MAX_THREADS, ParamSpec, Params};

/// Text of any characters, including newlines.
fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..8).prop_map(String::from_iter)
}

/// The parameters of any workload.
fn specs() -> impl Strategy<Value = &'static [ParamSpec]> {
    let all: Vec<&'static [ParamSpec]> = adapters::registry().workloads().map(|info| info.params).collect();
    select(all)
}

/// The smallest and the largest number that a parameter takes; `None` if it takes only words.
fn bounds(kind: Kind) -> Option<[u64; 2]> {
    match kind {
        Kind::Threads => Some([1, MAX_THREADS]),
        Kind::Number { min, max } => Some([min, max]),
        Kind::Choice(_) => None,
        Kind::Capacity => Some([0, MAX_SLOTS as u64]),
    }
}

/// A value that a parameter takes, often one of its bounds.
fn value(kind: Kind) -> BoxedStrategy<String> {
    let words: &[&str] = match kind {
        Kind::Threads | Kind::Number { .. } => &[],
        Kind::Choice(words) => words,
        Kind::Capacity => &["unbounded", "rendezvous"],
    };
    let words = (!words.is_empty()).then(|| select(words).prop_map(str::to_owned).boxed());
    let numbers = bounds(kind).map(|[min, max]| {
        prop_oneof![Just(min), Just(max), min..=max].prop_map(|number| number.to_string()).boxed()
    });
    Union::new(words.into_iter().chain(numbers)).boxed()
}

/// Some parameters of a workload with valid values, in any order.
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

/// A number that JSON can represent.
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
    fn params_parse_back_from_both_printed_forms((specs, pairs) in given()) {
        let params = Params::parse(specs, &joined(&pairs)).expect("valid values");
        let full = params.to_string();
        prop_assert_eq!(full.split(',').count(), specs.len());
        for (name, value) in &pairs {
            let value = if value == "rendezvous" { "0" } else { value };
            let pair = format!("{name}={value}");
            prop_assert!(full.split(',').any(|printed| printed == pair), "{} is not in {}", pair, full);
        }
        for form in [&full, &params.id()] {
            let form = if form == "default" { "" } else { form };
            prop_assert_eq!(Params::parse(specs, form).expect("a printed form").to_string(), full.clone());
        }
    }

    #[test]
    fn an_invalid_pair_is_refused_by_name((specs, mut pairs) in given(), position: Index, wrong in text()) {
        prop_assume!(!pairs.is_empty() && !wrong.contains([',', '=']));
        let position = position.index(pairs.len());
        let name = pairs[position].0;
        // The same parameter twice, with any values.
        let twice = format!("{},{}", joined(&pairs), joined(&pairs[position..=position]));
        let refused = Params::parse(specs, &twice).expect_err("the parameter is given twice");
        prop_assert!(refused.to_string().starts_with(name), "{}", refused);
        let kind = specs.iter().find(|spec| spec.name == name).expect("the parameter is declared").kind;
        let beyond = bounds(kind).into_iter().flat_map(|[min, max]| [min.checked_sub(1), max.checked_add(1)]);
        let beyond = beyond.flatten().map(|number| number.to_string());
        for wrong in beyond.chain([format!("{wrong}~")]) {
            pairs[position].1.clone_from(&wrong);
            let refused = Params::parse(specs, &joined(&pairs)).expect_err("the parameter takes no such value");
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
    fn a_shard_parses_back(index: u32, of in prop_oneof![1..=4_u32, 1..=u32::MAX]) {
        let shard = Shard { index: index % of + 1, of };
        prop_assert_eq!(shard.to_string().parse(), Ok(shard));
        let beyond = format!("{}/{of}", u64::from(of) + 1 + u64::from(index));
        prop_assert!(beyond.parse::<Shard>().is_err(), "{}", beyond);
    }

    #[test]
    fn any_other_text_than_a_shard_is_refused_with_an_example(text in prop_oneof![text(), "[0-9/+-]{0,12}"]) {
        match text.parse::<Shard>() {
            Ok(shard) => prop_assert!(1 <= shard.index && shard.index <= shard.of, "{:?}", shard),
            Err(refused) => prop_assert!(refused.to_string().ends_with("as in 2/5"), "{}", refused),
        }
    }

    #[test]
    fn each_case_is_in_exactly_one_shard(case: u64, of in 1..50_u32) {
        prop_assert_eq!((1..=of).filter(|&index| Shard { index, of }.has(case)).count(), 1);
    }

    #[test]
    fn a_request_is_one_line_that_parses_back(request in request()) {
        let line = line(&request);
        prop_assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1));
        prop_assert_eq!(serde_json::from_slice::<Request>(&line).expect("a request"), request);
    }

    #[test]
    fn a_reply_is_one_line_that_parses_back(reply in reply()) {
        let line = line(&reply);
        prop_assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1));
        prop_assert_eq!(serde_json::from_slice::<Reply>(&line).expect("a reply"), reply);
    }

    #[test]
    fn a_truncated_line_is_refused(reply in reply(), cut: Index) {
        let line = line(&reply);
        // At least the last brace and the newline are missing.
        let cut = cut.index(line.len() - 1);
        prop_assert!(serde_json::from_slice::<Reply>(&line[..cut]).is_err());
    }

    /// Whatever a runner reports: pairs that do not rise or exceed 64 bits in sum are refused, and
    /// percentiles rise.
    #[test]
    fn percentiles_of_any_pairs_rise(
        mut pairs in vec((prop_oneof![any::<u64>(), 0..40_u64], prop_oneof![9 => 0..1_000_u64, 1 => any::<u64>()]).prop_map(<[u64; 2]>::from), 0..12),
        sorted: bool,
    ) {
        if sorted {
            // A time may still occur twice.
            pairs.sort_unstable();
        }
        let rise = pairs.windows(2).all(|two| two[0][0] < two[1][0]);
        let countable = pairs.iter().map(|[_, count]| u128::from(*count)).sum::<u128>() <= u64::MAX.into();
        let read = from_pairs(&pairs);
        prop_assert_eq!(read.is_ok(), rise && countable);
        if let Ok(histogram) = read {
            let Percentiles { p50, p90, p99, p99_9, max } = Percentiles::from_histogram(&histogram);
            let given: Vec<u64> = [p50, p90, p99, p99_9, max].into_iter().flatten().collect();
            prop_assert!(given.is_sorted(), "{:?}", given);
        }
    }

    #[test]
    fn times_per_message_are_never_negative(mut measured in measured()) {
        measured.messages = measured.messages.max(1);
        prop_assert!(measured.ns_per_op() >= 0.0);
        prop_assert!(measured.cpu_ns_per_op().is_none_or(|cpu| cpu >= 0.0 && cpu.is_finite()));
    }
}
