//! Strategies for property tests: records with arbitrary content.

use records::format::Format;
use records::machine::Machine;
use records::model_report::{
    Coverage, Divergence, ExplorationBounds, ExplorationLimit, ExploredModels, Frame, Hang, ModelFailure,
    ModelReport, ModelStep, ModelSubject, ModelVerdict, Replay, TimedWaits,
};
use records::protocol::{Measured, NamedFigure};
use records::record::{BenchmarkRecord, BenchmarkStatus, Overhead, Record, Verdict, VerdictRecord};
use records::verify::{Finding, Method, MethodOutcome, Shard, ThreadSteps};
use std::collections::BTreeMap;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use records::crash::{CrashReport, ProcessFailure};
use records::rounds::{EndReason, Line, RoundLine};

/// Text of any characters, line breaks included.
pub fn text() -> impl Strategy<Value = String> + Clone {
    vec(any::<char>(), 0..8).prop_map(String::from_iter)
}

/// A moment, which is usually one.
fn moment() -> impl Strategy<Value = String> + Clone {
    prop_oneof![9 => (0..60_u32).prop_map(|second| format!("2026-01-02T03:04:{second:02}Z")), 1 => text()]
}

/// A number that JSON can represent.
fn number() -> impl Strategy<Value = f64> + Clone {
    POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO
}

/// A count: usual ones and extreme ones.
fn count() -> impl Strategy<Value = u64> + Clone {
    prop_oneof![Just(0), Just(u64::MAX), 0..10_u64, 0..10_000_000_000_u64, any::<u64>()]
}

fn machine() -> impl Strategy<Value = Machine> {
    let channels = btree_map(text(), text(), 0..3);
    (text(), any::<usize>(), text(), text(), text(), channels).prop_map(
        |(cpu, cores, kernel, system, rustc, channels)| Machine {
            cpu,
            cores,
            kernel,
            system,
            rustc,
            channels,
        },
    )
}

fn status() -> impl Strategy<Value = BenchmarkStatus> {
    prop_oneof![
        (count(), count(), any::<bool>()).prop_map(|(rounds, messages, beside_abandoned_threads)| {
            BenchmarkStatus::Measured { rounds, messages, beside_abandoned_threads }
        }),
        text().prop_map(|reason| BenchmarkStatus::Unsupported { reason }),
        text().prop_map(|reason| BenchmarkStatus::Failed { reason }),
    ]
}

fn benchmark() -> impl Strategy<Value = BenchmarkRecord> {
    let texts = [text(), text(), text(), text(), text(), text()];
    let texts = (moment(), texts)
        .prop_map(|(at, [one, two, three, four, five, six])| [at, one, two, three, four, five, six]);
    (texts, status(), option::of(text()), machine()).prop_map(
        |([at, command, profile, workload, params, channel, replay], status, effective_capacity, machine)| {
            BenchmarkRecord {
                format: Format,
                at,
                command,
                profile,
                workload,
                params,
                channel,
                status,
                effective_capacity,
                replay,
                machine,
            }
        },
    )
}

fn overhead() -> impl Strategy<Value = Overhead> {
    let numbers = [number(), number(), number()];
    ((moment(), text(), text()), any::<[usize; 2]>(), numbers, machine()).prop_map(
        |((at, channel, against), [processes, pairs], [ratio, low, high], machine)| Overhead {
            format: Format,
            at,
            channel,
            against,
            processes,
            pairs,
            ratio,
            interval: [low, high],
            machine,
        },
    )
}

fn limit() -> impl Strategy<Value = ExplorationLimit> {
    select(&ExplorationLimit::ALL[..])
}

fn model_verdict() -> impl Strategy<Value = ModelVerdict> {
    let coverage = || {
        prop_oneof![
            Just(Coverage::Exhausted),
            Just(Coverage::Bounds),
            any::<u64>().prop_map(Coverage::Preemptions),
            Just(Coverage::Partial),
        ]
    };
    let step =
        (any::<u64>(), text(), text()).prop_map(|(thread, step, place)| ModelStep { thread, step, place });
    let frame = (text(), option::of(text())).prop_map(|(function, place)| Frame { function, place });
    let replay = (option::of(text()), btree_map(text(), text(), 0..3), text())
        .prop_map(|(choices, environment, command)| Replay { choices, environment, command });
    let blocked = option::of(vec(any::<u64>(), 0..3));
    let panic = (any::<u64>(), text(), option::of(text()), blocked);
    let failure = (panic, vec(step, 0..3), vec(frame, 0..3), replay).prop_map(
        |((execution, message, place, blocked), steps, backtrace, replay)| {
            let hung = (execution % 3 == 1).then_some(Hang { seconds: execution, spins: execution % 2 == 0 });
            let failure = ModelFailure { execution, message, place, blocked, hung, steps, backtrace, replay };
            ModelVerdict::Failed(Box::new(failure))
        },
    );
    prop_oneof![
        coverage().prop_map(|coverage| ModelVerdict::Passed { coverage }),
        failure,
        (limit(), coverage()).prop_map(|(limit, coverage)| ModelVerdict::Cut { limit, coverage }),
        (text(), text()).prop_map(|(what, reason)| ModelVerdict::Unsupported { what, reason }),
        (any::<bool>(), text()).prop_map(|(is_replay, what)| {
            ModelVerdict::Diverged(Box::new(Divergence { is_replay, what, after: None }))
        }),
    ]
}

fn model_report() -> impl Strategy<Value = ModelReport> {
    let shard = || (1..4_u32).prop_map(|of| Shard { index: of, of });
    let loom = (option::of(any::<u64>()), any::<u64>(), option::of(number()), shard()).prop_map(
        |(preemptions, branches, seconds, shard)| ExplorationBounds::Loom {
            preemptions,
            branches,
            seconds,
            shard,
        },
    );
    let shuttle =
        (any::<[u64; 3]>(), shard(), any::<bool>()).prop_map(|([schedules, depth, seed], shard, replay)| {
            ExplorationBounds::Shuttle { schedules, depth, seed, shard, replay }
        });
    let subject = prop_oneof![Just(ModelSubject::Channel), text().prop_map(ModelSubject::Workload)];
    let texts = (option::of(text()), (moment(), text(), text()), subject, any::<bool>());
    let timed = option::of(any::<[u64; 2]>());
    (texts, prop_oneof![loom, shuttle], count(), number(), timed, model_verdict()).prop_map(
        |(
            (request, (at, model, sut), subject, has_timeouts),
            bounds,
            executions,
            seconds,
            timed,
            verdict,
        )| {
            ModelReport {
                format: Format,
                request,
                at,
                model,
                subject,
                sut,
                has_timeouts,
                bounds,
                executions,
                seconds,
                timed_waits: timed.map(|[woken, expired]| TimedWaits { woken, expired }),
                verdict,
            }
        },
    )
}

fn explored_models() -> impl Strategy<Value = ExploredModels> {
    let numbers = (option::of(number()), option::of(count()), option::of(count()));
    let names = || btree_set(text(), 0..2);
    (numbers, vec(model_report(), 0..2), names(), names()).prop_map(
        |((build_seconds, changes, planned), reports, not_in_shard, crashed)| ExploredModels {
            build_seconds,
            changes,
            planned,
            reports,
            not_in_shard,
            crashed,
        },
    )
}

fn finding() -> impl Strategy<Value = Finding> {
    let thread =
        (text(), vec((any::<u64>(), text()), 0..3)).prop_map(|(thread, steps)| ThreadSteps { thread, steps });
    (count(), [text(), text(), text()], vec(thread, 0..3), option::of(text())).prop_map(
        |(case, [scenario, expected, happened], threads, picture)| Finding {
            case,
            scenario,
            expected,
            happened,
            threads,
            picture,
        },
    )
}

fn verdict() -> impl Strategy<Value = Verdict> {
    let ran = prop_oneof![
        (count(), text()).prop_map(|(cases, bounds)| MethodOutcome::Passed { cases, bounds }),
        finding().prop_map(|finding| MethodOutcome::Failed(Box::new(finding))),
        text().prop_map(|reason| MethodOutcome::Unsupported { reason }),
        (count(), text()).prop_map(|(cases, reason)| MethodOutcome::Unknown { cases, reason }),
        (count(), option::of(count())).prop_map(|(cases, all)| MethodOutcome::OutOfTime { cases, all }),
        (count(), btree_map(limit(), 1..9_u64, 1..3), count(), text())
            .prop_map(|(cases, cuts, models, bounds)| MethodOutcome::Cut { cases, cuts, models, bounds }),
    ];
    prop_oneof![
        ran.prop_map(Verdict::Ran),
        text().prop_map(|reason| Verdict::NotInstrumentable { reason }),
        text().prop_map(|reason| Verdict::NotAvailable { reason }),
    ]
}

fn crash() -> impl Strategy<Value = CrashReport> {
    (option::of(text()), vec(text(), 0..3), option::of(text()))
        .prop_map(|(ended, stderr_tail, backtrace)| CrashReport { ended, stderr_tail, backtrace })
}

/// A verification of a few subjects, known and unknown to this build, in a few shards.
pub fn verified() -> impl Strategy<Value = VerdictRecord> {
    let subject = prop_oneof![select(vec!["flume", "worker_pool"]).prop_map(str::to_owned), text()];
    let shard = (any::<u32>(), prop_oneof![1..4_u32, any::<u32>()])
        .prop_map(|(index, of)| Shard { index: index % of.max(1) + 1, of: of.max(1) });
    let about = (subject, (moment(), text(), text()), select(&Method::ALL[..]), option::of(text()));
    let cases = (0..3_u64, shard, option::weighted(0.2, count()), [number(), number()]);
    (about, cases, verdict(), option::of(crash()), option::of(explored_models()), machine()).prop_map(
        |(
            (subject, texts, method, replay),
            (seed, shard, only, seconds),
            verdict,
            crash,
            models,
            machine,
        )| {
            let (at, command, version) = texts;
            let [budget_seconds, seconds] = seconds;
            VerdictRecord {
                format: Format,
                at,
                command,
                subject,
                version,
                method,
                seed,
                shard,
                only,
                budget_seconds,
                seconds,
                verdict,
                crash,
                replay,
                models,
                machine,
            }
        },
    )
}

/// A record of any kind.
pub fn record() -> impl Strategy<Value = Record> {
    prop_oneof![
        benchmark().prop_map(Record::Benchmark),
        overhead().prop_map(Record::Overhead),
        model_report().prop_map(|model| Record::Model(Box::new(model))),
        verified().prop_map(|verified| Record::Verified(Box::new(verified))),
    ]
}

/// A round as a runner might report it, plausible or not.
pub fn measured() -> impl Strategy<Value = Measured> {
    let figure = (text(), number()).prop_map(|(name, value)| NamedFigure { name, value });
    let latency = option::of(vec([count(), count()], 0..4));
    let numbers = [count(), count(), count(), count()];
    let meters = vec(option::of(count()), 10);
    (numbers, meters, vec(figure, 0..3), latency, btree_map(text(), count(), 0..3)).prop_map(
        |([cell, round, messages, wall_ns], meters, figures, latency, counters)| Measured {
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

fn failure() -> impl Strategy<Value = ProcessFailure> {
    (text(), crash()).prop_map(|(what, CrashReport { ended, stderr_tail, backtrace })| ProcessFailure {
        what,
        crash: CrashReport { ended, stderr_tail, backtrace },
    })
}

/// A line of a run of a few groups and entries.
pub fn line() -> impl Strategy<Value = Line> {
    let position = || (0..3_usize, 0..3_usize);
    let round = (position(), 0..3_u32, option::weighted(0.9, 0..3_u32), count(), measured()).prop_map(
        |((group, entry), epoch, block, at_ms, measured)| {
            Line::Round(RoundLine { group, entry, epoch, block, at_ms, extended_ns: None, measured })
        },
    );
    prop_oneof![
        12 => round,
        1 => (text(), text()).prop_map(|(at, plan)| Line::Began { at, plan }),
        1 => (0..3_usize, count()).prop_map(|(group, messages)| Line::Sized { group, messages }),
        1 => (position(), text())
            .prop_map(|((group, entry), effective)| Line::Capacity { group, entry, effective }),
        1 => (position(), text()).prop_map(|((group, entry), reason)| Line::Unsupported { group, entry, reason }),
        1 => (position(), any::<u32>(), failure()).prop_map(|((group, entry), epoch, failure)| {
            Line::Failed { group, entry, epoch, cause: None, failure }
        }),
        1 => (text(), select(vec![EndReason::Done, EndReason::Interrupted])).prop_map(|(at, why)| Line::Ended { at, why }),
    ]
}

/// Times of a few entries by epoch and block, with gaps; usually enough of them for an interval.
pub fn times() -> impl Strategy<Value = Vec<BTreeMap<u32, BTreeMap<u32, f64>>>> {
    let blocks = vec(option::weighted(0.7, 1.0..1e6), 3);
    let blocks = blocks
        .prop_map(|blocks| (0..).zip(blocks).filter_map(|(block, time)| Some((block, time?))).collect());
    vec(vec(blocks, 0..14).prop_map(|epochs| (0..).zip(epochs).collect()), 1..4)
}
