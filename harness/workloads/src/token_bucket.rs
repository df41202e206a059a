//! `token_bucket`: a rate limit, kept by a channel of tokens and a ticker that refills it.
//!
//! # The guarantee, and how it is kept exactly
//!
//! No window of length `w` contains more than `burst + rate * w` grants. A bucket that is a channel is
//! refilled at ticks, and a tick may fall between a grant from a full bucket and the next: with a channel of
//! `burst` tokens, one more than `burst` could be granted at once. So the channel holds `burst - 1`, and the
//! token that the ticker may add at any moment is the last of the burst. A late ticker does not catch up
//! (Go's `time.Ticker` drops ticks in the same way): the next tick comes at least one period after the last
//! token went in, so ticks are never closer than the period.
//!
//! # How it is checked, although a thread may be preempted at any moment
//!
//! The moment of a grant lies inside `recv`, and a thread may be preempted before it can read the clock. What
//! is certain is that the grant came after the token was minted and after the caller asked; the check uses
//! the later of the two. The bound holds for these moments too. Take a window from `x` to `y`. Tokens minted
//! before `x` and asked for after it were not granted at `x`, so they were in the channel, at most `burst -
//! 1`, except for one that the ticker may still have held. All others were minted in the window, at least a
//! period apart and, after a held one, a period after that went in. Together that is at most `burst - 1 + 1 +
//! rate * w`.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use super::roles::{self, shares, spawn_each};
use crate::endpoints::EndpointCount;
use crate::ledger::{Deliveries, Ledger, balanced};
use crate::message::{Message, MessageId, Payload, Tally};
use crate::pacing::pause;
use crate::params::{Kind, ParamSpec, Params};
use crate::profile::Profile::{Full, Quick, Standard};
use crate::size::Size;
use crate::thread_group::{GroupThread, GroupTotals, StartBarrier, ThreadGroup};
use crate::violation::DeliveryViolation;
use crate::workload::{Figure, Metric, Round, RoundError, Workload, WorkloadInfo};
use contract::channel::{Capacity, Channel, Receiver, Sender, TrySendError, receivers};

/// The workload `token_bucket`.
#[derive(Debug)]
pub struct TokenBucket;

/// The result of one tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refill {
    /// The token is in the bucket.
    Added,
    /// The bucket was full: the token was dropped.
    Full,
    /// No caller is left.
    Abandoned,
}

/// One tick: puts a token into the bucket, or drops it if the bucket is full. Never waits.
#[inline]
pub fn refill<T>(bucket: &impl Sender<T>, token: T) -> Refill {
    match bucket.try_send(token) {
        Ok(()) => Refill::Added,
        Err(TrySendError::Full(_)) => Refill::Full,
        Err(TrySendError::Disconnected(_)) => Refill::Abandoned,
    }
}

/// The loop of the ticker: ticks until no caller is left; the first tick is immediate.
///
/// `mint` makes the token with a given number. Tokens are numbered from `initial` as they go in; a refused
/// token and the next one have the same number. `refused` gets the number of each token that did not go in,
/// and `pause` waits for the next tick. Returns the number of tokens that went in, including the initial
/// ones.
pub fn tick<T>(
    bucket: &impl Sender<T>,
    initial: u64,
    mut mint: impl FnMut(u64) -> T,
    mut refused: impl FnMut(u64),
    mut pause: impl FnMut(),
) -> u64 {
    let mut added = initial;
    loop {
        match refill(bucket, mint(added)) {
            Refill::Added => added += 1,
            Refill::Full => refused(added),
            Refill::Abandoned => {
                refused(added);
                return added;
            }
        }
        pause();
    }
}

#[derive(Debug)]
struct Token {
    message: Message,
    minted: Instant,
}

impl Token {
    fn mint(seq: u64) -> Self {
        Token { message: Message::new(MessageId { producer: 0, seq }), minted: Instant::now() }
    }
}

const NANOS_PER_SECOND: u64 = 1_000_000_000;

impl Workload for TokenBucket {
    const INFO: WorkloadInfo = WorkloadInfo {
        name: "token_bucket",
        about: "A ticker puts tokens into a channel at a given rate and drops them while it is full; callers \
                take one token per grant, after an initial burst. Each round checks that no window had more \
                than burst + rate x window grants.",
        caveat: "At a rate for which the callers wait, ns/op is the period of the ticker and all channels \
                 tie, as they should; at a high rate it is the cost of a token.",
        ranked_by: Metric::Throughput,
        params: &[
            ParamSpec {
                name: "rate",
                about: "tokens per second",
                kind: Kind::Number { min: 1_000, max: 1_000_000_000 },
                default: "10000000",
            },
            ParamSpec {
                name: "burst",
                about: "the most tokens that are granted at once",
                kind: Kind::Number { min: 2, max: 65_536 },
                default: "64",
            },
            ParamSpec {
                name: "callers",
                about: "threads that take tokens",
                kind: Kind::Threads,
                default: "1",
            },
        ],
        grid: &[
            (Quick, "rate=100000"),
            (Quick, "callers=1"),
            (Standard, "callers=2"),
            (Quick, "callers=4"),
            (Full, "callers=8"),
            (Standard, "burst=2"),
            (Full, "burst=1024"),
            (Full, "rate=100000,callers=4"),
        ],
    };

    fn messages(params: &Params) -> u64 {
        // The burst and then some milliseconds at the rate, but no more tokens than a fast ticker mints in
        // that time.
        params.number("burst") + (params.number("rate") / 200).clamp(200, 10_000)
    }

    fn paced(params: &Params, messages: u64) -> Duration {
        let at_the_rate = messages.saturating_sub(params.number("burst"));
        period(params).saturating_mul(u32::try_from(at_the_rate).unwrap_or(u32::MAX))
    }

    fn delivered(params: &Params, messages: u64) -> RangeInclusive<u64> {
        roles::shared(messages, params.threads("callers"))
    }

    fn round<C: Channel>(params: &Params, size: Size) -> Result<Round, RoundError> {
        let callers = params.threads("callers");
        let period = period(params);
        let capacity = Capacity::from_slots(params.number("burst") as usize - 1);
        let held = C::effective_capacity(capacity).slots().expect("a bounded channel stays bounded") as u64;
        let quotas = shares(size.messages, callers);
        let granted: u64 = quotas.iter().sum();

        let (bucket, receiver) = C::open::<Token>(capacity)?;
        let receivers = receivers(receiver, callers)?;
        let mut group = ThreadGroup::new(1 + callers, size)?;
        fill(&bucket, held)?;
        let taking = EndpointCount::new();
        let calls: Vec<_> =
            receivers.into_iter().map(|receiver| taking.guard(receiver)).zip(quotas).collect();
        let ticker =
            group.spawn("ticker", move |barrier| run_ticker(barrier, &bucket, &taking, held, period))?;
        let callers = spawn_each(&mut group, "caller", calls, move |barrier, _, (receiver, quota)| {
            run_caller(barrier, &*receiver, quota, granted)
        })?;

        let totals = group.join()?;
        let ticker = ticker.result();
        let callers =
            callers.into_iter().map(GroupThread::result).collect::<Result<_, DeliveryViolation>>()?;
        verify_grants(totals, ticker, callers, &Bound { held, granted, period })
    }
}

/// The time between two ticks, rounded up: never faster than the rate.
fn period(params: &Params) -> Duration {
    Duration::from_nanos(NANOS_PER_SECOND.div_ceil(params.number("rate")))
}

/// Puts the initial burst into the bucket. The first tick, right after the start barrier, adds its last
/// token.
///
/// # Errors
///
/// [`DeliveryViolation::Capacity`] when the bucket holds fewer than `held` tokens,
/// [`DeliveryViolation::EarlyDisconnect`] when it reports that the callers are gone.
fn fill(bucket: &impl Sender<Token>, held: u64) -> Result<(), DeliveryViolation> {
    for seq in 0..held {
        match refill(bucket, Token::mint(seq)) {
            Refill::Added => {}
            Refill::Full => return Err(DeliveryViolation::Capacity { took: seq, declared: held }),
            Refill::Abandoned => return Err(DeliveryViolation::EarlyDisconnect { thread: "ticker" }),
        }
    }
    Ok(())
}

/// The result of the ticker.
#[derive(Clone, Debug)]
struct Ticked {
    /// The moment at which it left the start barrier.
    started: Instant,
    /// Tokens that went into the bucket, including the initial ones.
    added: u64,
    /// Tokens that found the bucket full, and the last one, which found no caller.
    refused: Tally,
    /// The check of the disconnect that ended it.
    disconnect: Result<(), DeliveryViolation>,
}

#[inline]
fn run_ticker(
    barrier: &StartBarrier,
    bucket: &impl Sender<Token>,
    taking: &EndpointCount,
    initial: u64,
    period: Duration,
) -> Ticked {
    let started = barrier.wait();
    let mut refused = Tally::default();
    let refuse = |seq| refused += Tally::from_id(MessageId { producer: 0, seq });
    let added = tick(bucket, initial, Token::mint, refuse, || pause(period));
    Ticked { started, added, refused, disconnect: taking.check_disconnect("ticker") }
}

/// The result of a caller that got its quota.
#[derive(Debug)]
struct Called {
    /// The moment at which it left the start barrier.
    started: Instant,
    /// The moment after its last grant.
    finished: Instant,
    /// The tokens that it took.
    ledger: Ledger,
    /// For each grant, a moment before it: the later of the token's minting and the request.
    grants: Vec<Instant>,
}

/// Takes `quota` of the round's `granted` tokens.
///
/// # Errors
///
/// [`DeliveryViolation::EarlyDisconnect`] when the channel reports that the ticker is gone.
#[inline]
fn run_caller(
    barrier: &StartBarrier,
    receiver: &impl Receiver<Token>,
    quota: u64,
    granted: u64,
) -> Result<Called, DeliveryViolation> {
    // The granted tokens are the first ones, since a channel is a queue. The ledger also knows numbers beyond
    // them, so that a lost token shows as a gap and not as an unknown number.
    let mut ledger = Ledger::new(&[2 * granted]);
    let mut grants = Vec::with_capacity(quota as usize);
    let started = barrier.wait();
    for _ in 0..quota {
        let asked = Instant::now();
        let Ok(token) = receiver.recv() else {
            return Err(DeliveryViolation::EarlyDisconnect { thread: "caller" });
        };
        ledger.record(&token.message);
        grants.push(asked.max(token.minted));
        token.message.acknowledge();
    }
    Ok(Called { started, finished: Instant::now(), ledger, grants })
}

/// The numbers that a round is checked against.
#[derive(Clone, Copy, Debug)]
struct Bound {
    /// Tokens that the bucket holds.
    held: u64,
    /// Tokens that the callers take.
    granted: u64,
    /// The time between two ticks.
    period: Duration,
}

fn verify_grants(
    totals: GroupTotals,
    ticker: Ticked,
    callers: Vec<Called>,
    bound: &Bound,
) -> Result<Round, RoundError> {
    let &Bound { held, granted, period } = bound;
    let (mut opened, mut closed) = (ticker.started, ticker.started);
    let mut ledgers = Vec::with_capacity(callers.len());
    let mut grants = Vec::with_capacity(granted as usize);
    for called in callers {
        opened = opened.min(called.started);
        closed = closed.max(called.finished);
        ledgers.push(called.ledger);
        grants.extend(called.grants);
    }
    ticker.disconnect?;
    let deliveries = Deliveries::join(ledgers)?;
    balanced(deliveries.undelivered(&[ticker.added]) + ticker.refused, totals.dropped)?;
    deliveries.complete(&[granted])?;
    let left = ticker.added.saturating_sub(granted);
    if left > held {
        return Err(DeliveryViolation::Capacity { took: left, declared: held }.into());
    }
    within_rate(&mut grants, held + 1, period)?;

    let elapsed = closed - opened;
    Ok(Round {
        messages: deliveries.count(),
        elapsed,
        usage: totals.usage,
        allocations: totals.allocations,
        latency: None,
        figures: vec![
            Figure { name: "tokens granted in a second", value: granted as f64 / elapsed.as_secs_f64() },
            Figure { name: "tokens dropped at a full bucket", value: ticker.refused.count as f64 },
        ],
    })
}

/// Checks that every window between two grants has at most `burst` grants plus one for each `period` in it.
///
/// With the grants in order of time, those from `i` to `j` are within the bound if `(j - i + 1 - burst) *
/// period <= t_j - t_i`. So it is enough to keep the best `i` so far: linear after the sort.
fn within_rate(grants: &mut [Instant], burst: u64, period: Duration) -> Result<(), DeliveryViolation> {
    grants.sort_unstable();
    let Some(&origin) = grants.first() else {
        return Ok(());
    };
    let period = period.as_nanos() as i128;
    let since_origin = |moment: Instant| moment.duration_since(origin).as_nanos() as i128;
    // For the `n`-th grant, at `t`: `n * period - t`. A window has too many grants if this grows by more than
    // (burst - 1) periods from its first grant to its last.
    let lead = |index: usize| index as i128 * period - since_origin(grants[index]);
    let mut first = 0;
    for last in 0..grants.len() {
        if lead(last) < lead(first) {
            first = last;
        }
        if lead(last) - lead(first) > (burst as i128 - 1) * period {
            let window = grants[last].duration_since(grants[first]);
            let allowed = burst + (window.as_nanos() as i128 / period) as u64;
            return Err(DeliveryViolation::OverGranted {
                granted: (last - first + 1) as u64,
                window,
                allowed,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_micros(10);

    fn check(micros: &[u64], burst: u64) -> Result<(), DeliveryViolation> {
        let origin = Instant::now();
        let mut grants: Vec<Instant> =
            micros.iter().map(|&micros| origin + Duration::from_micros(micros)).collect();
        within_rate(&mut grants, burst, PERIOD)
    }

    /// The definition, applied to every window.
    fn check_every_window(micros: &[u64], burst: u64) -> bool {
        let mut sorted = micros.to_vec();
        sorted.sort_unstable();
        (0..sorted.len()).all(|first| {
            (first..sorted.len()).all(|last| {
                (last - first + 1) as u64
                    <= burst + (sorted[last] - sorted[first]) / PERIOD.as_micros() as u64
            })
        })
    }

    #[test]
    fn a_burst_and_then_the_rate_is_allowed() {
        assert_eq!(check(&[0, 0, 0, 10, 20, 30], 3), Ok(()));
    }

    #[test]
    fn one_token_too_many_is_found_in_any_window() {
        assert!(matches!(
            check(&[0, 0, 0, 9, 20, 30], 3),
            Err(DeliveryViolation::OverGranted { granted: 4, allowed: 3, .. })
        ));
        assert!(matches!(
            check(&[0, 40, 80, 80, 80, 80], 3),
            Err(DeliveryViolation::OverGranted { granted: 4, .. })
        ));
        assert!(matches!(check(&[0, 8, 16, 24, 32, 40, 48], 2), Err(DeliveryViolation::OverGranted { .. })));
    }

    proptest::proptest! {
        #[test]
        fn the_linear_check_agrees_with_the_definition(
            micros in proptest::collection::vec(0_u64..200, 0..24),
            burst in 1_u64..6,
        ) {
            proptest::prop_assert_eq!(check(&micros, burst).is_ok(), check_every_window(&micros, burst));
        }
    }
}
