//! `token_bucket`: a rate limit held by a channel of tokens and a ticker that refills it.
//!
//! # The guarantee, and how it is kept exactly
//!
//! In no window of length `w` are more than `burst + rate * w` tokens granted. A bucket that is a channel is refilled at
//! ticks, and a tick may fall between a grant from a full bucket and the next: with a channel of `burst` tokens, one more
//! than `burst` could be granted at once. So the channel holds `burst - 1`, and the token that the ticker may add at any
//! moment is the last of the burst. A ticker that is late does not catch up (Go's `time.Ticker` drops ticks alike): the next
//! tick comes at least one period after the last token went in, so that ticks never come closer than the period.
//!
//! # How it is checked, in spite of threads that are stopped at any moment
//!
//! The moment of a grant lies inside `recv`, and a thread may be preempted before it can look at the clock. What is known
//! for certain is the later of "the token was minted" and "the caller asked": the grant came after both. The bound holds for
//! these moments too. Take a window from `x` to `y`. Tokens minted before `x` and asked for after it were not granted at `x`,
//! so they were in the channel, `burst - 1` at most, but for one that the ticker may still have held. All others were minted
//! in the window, at least a period apart and, after a held one, a period after that went in. Together that is at most
//! `burst - 1 + 1 + rate * w`.

use std::time::{Duration, Instant};

use crate::channel::{Capacity, Channel, Receiver, Sender, TrySendError, receivers};
use crate::crew::Crew;
use crate::fault::Fault;
use crate::holders::Holders;
use crate::ledger::{Deliveries, Ledger, balanced};
use crate::message::{Message, MessageId, Payload, Tally};
use crate::mutants::{Mutant, active};
use crate::pace::pause;
use crate::params::{Kind, ParamSpec, Params};
use crate::profile::Profile::{Full, Quick, Standard};
use crate::workload::{Figure, RankedBy, Round, RoundError, Size, Workload, WorkloadInfo, shares};

/// The workload `token_bucket`.
#[derive(Debug)]
pub struct TokenBucket;

/// What became of a token at a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refill {
    /// It is in the bucket.
    Added,
    /// The bucket was full: the token was dropped.
    Full,
    /// Nobody takes tokens any more.
    Abandoned,
}

/// One tick: puts a token into the bucket, or drops it when the bucket is full. Never waits.
#[inline]
pub fn refill<T>(bucket: &impl Sender<T>, token: T) -> Refill {
    if active(Mutant::RefillWaits) {
        return if bucket.send(token).is_ok() { Refill::Added } else { Refill::Abandoned };
    }
    match bucket.try_send(token) {
        Ok(()) => Refill::Added,
        Err(TrySendError::Full(_)) => Refill::Full,
        Err(TrySendError::Disconnected(_)) => Refill::Abandoned,
    }
}

/// The loop of the ticker: ticks until nobody takes tokens any more; the first tick is now. `mint` makes the token of a number:
/// tokens are numbered as they go in, from `initial`, and one that is refused has the number of the next. `refused` is told of each
/// that did not go in, and `pause` waits for the next tick. Returns how many went in, the initial ones among them.
pub fn tick<T>(
    bucket: &impl Sender<T>,
    initial: u64,
    mut mint: impl FnMut(u64) -> T,
    mut refused: impl FnMut(u64),
    mut pause: impl FnMut(),
) -> u64 {
    let mut added = initial;
    // Only a mutant looks at it.
    let mut owed = 0_u64;
    loop {
        match refill(bucket, mint(added)) {
            Refill::Added => {
                added += 1;
                if active(Mutant::RefillsTwice) && owed > 0 {
                    owed -= 1;
                    continue;
                }
            }
            Refill::Full => {
                refused(added);
                owed += 1;
            }
            Refill::Abandoned => {
                refused(added);
                if !active(Mutant::TickerMissesTheEnd) {
                    return added;
                }
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

const NANOS_PER_SECOND: u64 = 1_000_000_000;

impl Workload for TokenBucket {
    const INFO: WorkloadInfo = WorkloadInfo {
        name: "token_bucket",
        about: "A ticker puts tokens into a channel at a rate and drops them when it is full; callers take one for each \
                grant, after an initial burst. Each round checks that no window had more than burst + rate x window.",
        caveat: "At a rate that the callers wait for, ns/op is the period of the ticker and all channels tie, as they \
                 should; at a high rate it is the cost of a token.",
        ranked_by: RankedBy::Time,
        params: &[
            ParamSpec {
                name: "rate",
                about: "tokens in a second",
                kind: Kind::Number { least: 1_000, most: 1_000_000_000 },
                default: "10000000",
            },
            ParamSpec {
                name: "burst",
                about: "tokens granted at once at most",
                kind: Kind::Number { least: 2, most: 65_536 },
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
        // The burst, and then some milliseconds at the rate, but no more tokens than a fast ticker mints in that time.
        params.number("burst") + (params.number("rate") / 200).clamp(200, 10_000)
    }

    fn paced(params: &Params, messages: u64) -> Duration {
        let at_the_rate = messages.saturating_sub(params.number("burst"));
        period(params).saturating_mul(u32::try_from(at_the_rate).unwrap_or(u32::MAX))
    }

    fn round<C: Channel>(params: &Params, size: Size) -> Result<Round, RoundError> {
        let callers = params.threads("callers");
        let burst = params.number("burst");
        let period = period(params);
        let capacity = Capacity::from_slots(burst as usize - 1);
        let held = C::effective_capacity(capacity).slots().expect("a bounded channel stays bounded") as u64;
        let quotas = shares(size.messages, callers);
        let granted: u64 = quotas.iter().sum();

        let (bucket, receiver) = C::open::<Token>(capacity)?;
        let receivers = receivers(receiver, callers)?;
        let mut crew = Crew::new(1 + callers, size)?;

        // The initial burst; the first tick, at the gate, adds the last token of it.
        for seq in 0..held {
            let message = Message::new(MessageId { producer: 0, seq });
            match refill(&bucket, Token { message, minted: Instant::now() }) {
                Refill::Added => {}
                Refill::Full => {
                    return Err(Fault::Capacity { took: seq, declared: held }.into());
                }
                Refill::Abandoned => return Err(Fault::EarlyDisconnect { thread: "ticker" }.into()),
            }
        }
        let taking = Holders::new();
        let receivers: Vec<_> = receivers.into_iter().map(|receiver| taking.hold(receiver)).collect();
        let ticking = crew.spawn("ticker", move |gate| {
            let passed = gate.pass();
            let token =
                |seq| Token { message: Message::new(MessageId { producer: 0, seq }), minted: Instant::now() };
            let mut refused = Tally::default();
            let refuse = |seq| refused += Tally::of_message(MessageId { producer: 0, seq });
            let added = tick(&bucket, held, token, refuse, || pause(period));
            let ticks = Ticks { added, refused };
            (passed, ticks, taking.disconnected("ticker"))
        })?;

        let mut calling = Vec::with_capacity(callers);
        for (caller, (receiver, quota)) in receivers.into_iter().zip(quotas).enumerate() {
            // The tokens that are granted are the first ones, since a channel is a queue. Numbers beyond them are known
            // to the ledger, so that a lost token is found by its own gap and not by the next one's number.
            calling.push(crew.spawn(format!("caller {caller}"), move |gate| {
                let mut ledger = Ledger::new(&[2 * granted]);
                let mut grants = Vec::with_capacity(quota as usize);
                let passed = gate.pass();
                for _ in 0..quota {
                    let asked = Instant::now();
                    let Ok(token) = receiver.recv() else {
                        return Err(Fault::EarlyDisconnect { thread: "caller" });
                    };
                    ledger.record(&token.message);
                    grants.push(asked.max(token.minted));
                    token.message.settle();
                }
                Ok((passed, Instant::now(), ledger, grants))
            })?);
        }

        let ended = crew.join()?;
        let (moment, ticks, told) = ticking.result();
        let (mut opened, mut closed) = (moment, moment);
        let mut ledgers = Vec::with_capacity(callers);
        let mut grants = Vec::with_capacity(granted as usize);
        for member in calling {
            let (began, ended, ledger, own_grants) = member.result()?;
            opened = opened.min(began);
            closed = closed.max(ended);
            ledgers.push(ledger);
            grants.extend(own_grants);
        }
        told?;
        let deliveries = Deliveries::join(ledgers)?;
        balanced(deliveries.undelivered(&[ticks.added]) + ticks.refused, ended.dropped)?;
        deliveries.complete(&[granted])?;
        let left = ticks.added.saturating_sub(granted);
        if left > held {
            return Err(Fault::Capacity { took: left, declared: held }.into());
        }
        within_rate(&mut grants, held + 1, period)?;

        let elapsed = closed - opened;
        Ok(Round {
            messages: deliveries.count(),
            elapsed,
            usage: ended.usage,
            allocations: ended.allocations,
            latency: None,
            figures: vec![
                Figure { name: "tokens granted in a second", value: granted as f64 / elapsed.as_secs_f64() },
                Figure { name: "tokens dropped at a full bucket", value: ticks.refused.count as f64 },
            ],
        })
    }
}

/// The time between two ticks, rounded up: never faster than the rate.
fn period(params: &Params) -> Duration {
    Duration::from_nanos(NANOS_PER_SECOND.div_ceil(params.number("rate")))
}

/// What a ticker did.
#[derive(Clone, Copy, Debug)]
struct Ticks {
    /// Tokens that went into the bucket, the initial ones among them.
    added: u64,
    /// Tokens that found it full, and the last one, which found nobody.
    refused: Tally,
}

/// Checks every window between two grants: at most `burst` and one for each `period` in it.
///
/// The grants from `i` to `j` in order of time are within the bound if `(j - i + 1 - burst) * period <= t_j - t_i`, so it
/// is enough to keep the best `i` so far: linear after the sort.
fn within_rate(grants: &mut [Instant], burst: u64, period: Duration) -> Result<(), Fault> {
    grants.sort_unstable();
    let Some(&origin) = grants.first() else {
        return Ok(());
    };
    let period = period.as_nanos() as i128;
    let since_origin = |moment: Instant| moment.duration_since(origin).as_nanos() as i128;
    // For a grant at `t` that is the `n`-th: `n * period - t`. A window is over-granted when this grows by more than
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
            return Err(Fault::OverGranted { granted: (last - first + 1) as u64, window, allowed });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_micros(10);

    fn check(micros: &[u64], burst: u64) -> Result<(), Fault> {
        let origin = Instant::now();
        let mut grants: Vec<Instant> =
            micros.iter().map(|&micros| origin + Duration::from_micros(micros)).collect();
        within_rate(&mut grants, burst, PERIOD)
    }

    /// The definition itself, for every window.
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
    fn one_token_too_many_is_found_wherever_it_is() {
        assert!(matches!(
            check(&[0, 0, 0, 9, 20, 30], 3),
            Err(Fault::OverGranted { granted: 4, allowed: 3, .. })
        ));
        assert!(matches!(check(&[0, 40, 80, 80, 80, 80], 3), Err(Fault::OverGranted { granted: 4, .. })));
        assert!(matches!(check(&[0, 8, 16, 24, 32, 40, 48], 2), Err(Fault::OverGranted { .. })));
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
