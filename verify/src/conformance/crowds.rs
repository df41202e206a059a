//! Many threads: every message arrives once and in its producer's order; and the classic programs over
//! channels.
//!
//! Several follow Go's tests (`test/chan/*.go` and `runtime/chan_test.go` of golang/go): the sieve, the power
//! series (D. McIlroy, "Squinting at power series", 1990), the chain of goroutines, the semaphore and the
//! many consumers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::payload::each_once;
use super::scene::{Checked, SceneThread, holds, is, thread, tries};
use super::{ANY, Scenario, Setup, refused, table};
use crate::dyn_channel::{DynReceiver, DynSender};
use crate::violation::Violation;
use contract::channel::{
    Receiver, RecvTimeoutError, SendTimeoutError, Sender, TryRecvError, TrySendError, receivers,
};

pub(super) fn scenarios() -> Vec<Scenario> {
    table! {
        delivers_in_each_producers_order [] at ANY,
            "three producers, one consumer: everything once, in each producer's order";
        delivers_each_message_to_one_of_many [MultiConsumer] at ANY,
            "three producers, three consumers: everything once, in each producer's order at each consumer";
        delivers_by_every_kind_of_call [] at ANY,
            "three producers and a consumer that mix blocking, trying and timed calls: everything once";
        delivers_by_every_kind_of_call_to_many [MultiConsumer] at ANY,
            "the same with three consumers";
        makes_a_sieve [] at &[Some(0), Some(1), Some(3)],
            "a chain of filters finds the first primes (Go's sieve)";
        multiplies_power_series [] at &[Some(0), Some(1), Some(3)],
            "streams of coefficients are multiplied and added (Go's powser)";
        passes_a_long_chain [] at ANY,
            "a number goes through a hundred threads, each of which adds one (Go's goroutines)";
        goes_round_a_ring [] at ANY,
            "a token goes round a ring of threads a hundred times";
        is_a_semaphore [MultiConsumer] at &[Some(1), Some(3)],
            "a channel of n slots admits n threads, and never more (Go's channel semaphore)";
        shares_work_and_gathers_results [MultiConsumer] at ANY,
            "many consumers of one queue send on to one collector (Go's TestMultiConsumer)";
        meets_at_a_barrier [] at ANY,
            "threads that report and wait for a permit proceed in lockstep";
    }
}

/// The number of messages of each producer.
const EACH: u64 = 600;
const PRODUCERS: u64 = 3;

/// The message of this producer at this position.
fn message(producer: u64, place: u64) -> u64 {
    producer * 1_000_000 + place
}

fn all_messages() -> impl Iterator<Item = u64> {
    (0..PRODUCERS).flat_map(|producer| (0..EACH).map(move |place| message(producer, place)))
}

/// Checks that one consumer received the messages of each producer in order.
fn in_order(received: &[u64]) -> Checked {
    for producer in 0..PRODUCERS {
        let of_it: Vec<u64> =
            received.iter().copied().filter(|message| message / 1_000_000 == producer).collect();
        if let Some(pair) = of_it.windows(2).find(|pair| pair[0] > pair[1]) {
            return Err(Violation::new(
                format!("the messages of producer {producer} come in order"),
                format!(
                    "its message {} came before its message {}",
                    pair[0] % 1_000_000,
                    pair[1] % 1_000_000
                ),
            ));
        }
    }
    Ok(())
}

/// Lets the producers send with `send` and the consumers receive with `receive`.
fn deliver(
    setup: Setup,
    consumers: usize,
    send: fn(&DynSender<u64>, u64) -> Checked,
    receive: fn(&DynReceiver<u64>, u64) -> Checked<Option<u64>>,
) -> Checked {
    let (sender, receiver) = setup.open::<u64>()?;
    let consuming = receivers(receiver, consumers).map_err(refused)?.into_iter().enumerate();
    let consuming = consuming.map(|(place, receiver)| {
        thread(format!("consumer {place}"), move || {
            let mut received = Vec::new();
            for turn in 0.. {
                match receive(&receiver, turn)? {
                    Some(message) => received.push(message),
                    None => break,
                }
            }
            Ok(received)
        })
    });
    let consuming = consuming.collect::<Checked<Vec<_>>>()?;
    let producing = (0..PRODUCERS).map(|producer| {
        let sender = sender.clone();
        thread(format!("producer {producer}"), move || {
            (0..EACH).try_for_each(|place| send(&sender, message(producer, place)))
        })
    });
    let producing = producing.collect::<Checked<Vec<_>>>()?;
    drop(sender);
    producing.into_iter().try_for_each(|producer| producer.result()?)?;
    let mut all = Vec::new();
    for consumer in consuming {
        let received = consumer.result()??;
        in_order(&received)?;
        all.extend(received);
    }
    each_once(all, all_messages())
}

fn send_plainly(sender: &DynSender<u64>, message: u64) -> Checked {
    let sent = sender.send(message);
    holds(sent == Ok(()), "a send succeeds while receivers are open", || format!("send({message}): {sent:?}"))
}

fn receive_plainly(receiver: &DynReceiver<u64>, _: u64) -> Checked<Option<u64>> {
    Ok(receiver.recv().ok())
}

fn delivers_in_each_producers_order(setup: Setup) -> Checked {
    deliver(setup, 1, send_plainly, receive_plainly)
}

fn delivers_each_message_to_one_of_many(setup: Setup) -> Checked {
    deliver(setup, 3, send_plainly, receive_plainly)
}

/// A timeout short enough to expire often.
fn short(number: u64) -> Duration {
    Duration::from_micros(number % 20)
}

/// Sends with one kind of call after the other until the message is sent.
fn send_variously(sender: &DynSender<u64>, message: u64) -> Checked {
    for turn in message.. {
        match turn % 3 {
            0 => return send_plainly(sender, message),
            1 => match sender.try_send(message) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(back)) if back == message => std::thread::yield_now(),
                other => return is("try_send while receivers are open", other, Ok(())),
            },
            _ => match sender.send_timeout(message, short(turn)) {
                Ok(()) => return Ok(()),
                Err(SendTimeoutError::Timeout(back) | SendTimeoutError::Unsupported(back, _))
                    if back == message => {}
                other => return is("send_timeout while receivers are open", other, Ok(())),
            },
        }
    }
    Ok(())
}

/// Receives with one kind of call after the other until a message arrives.
fn receive_variously(receiver: &DynReceiver<u64>, turn: u64) -> Checked<Option<u64>> {
    for turn in turn.. {
        match turn % 3 {
            0 => return receive_plainly(receiver, turn),
            1 => match receiver.try_recv() {
                Ok(message) => return Ok(Some(message)),
                Err(TryRecvError::Empty) => std::thread::yield_now(),
                Err(TryRecvError::Disconnected) => return Ok(None),
            },
            _ => match receiver.recv_timeout(short(turn)) {
                Ok(message) => return Ok(Some(message)),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Unsupported(_)) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
            },
        }
    }
    Ok(None)
}

fn delivers_by_every_kind_of_call(setup: Setup) -> Checked {
    deliver(setup, 1, send_variously, receive_variously)
}

fn delivers_by_every_kind_of_call_to_many(setup: Setup) -> Checked {
    deliver(setup, 3, send_variously, receive_variously)
}

fn makes_a_sieve(setup: Setup) -> Checked {
    let (numbers, first) = setup.open::<u64>()?;
    let mut running = vec![thread("numbers", move || {
        // Ends when the first filter goes.
        let _ = (2..).try_for_each(|number| numbers.send(number));
    })?];
    let mut input = first;
    let mut primes = Vec::new();
    for _ in 0..25 {
        let Ok(prime) = input.recv() else { break };
        primes.push(prime);
        let (filtered, output) = setup.open::<u64>()?;
        let unfiltered = std::mem::replace(&mut input, output);
        running.push(thread(format!("filter of {prime}"), move || {
            while let Ok(number) = unfiltered.recv() {
                if number % prime != 0 && filtered.send(number).is_err() {
                    break;
                }
            }
        })?);
    }
    // The end of the last filter's output ends all the others, one after the other.
    drop(input);
    running.into_iter().try_for_each(SceneThread::result)?;
    let expected =
        [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97];
    is("the first primes", primes, expected.to_vec())
}

/// A power series as a stream of its coefficients, from a thread that ends when the receiver is dropped.
fn series(
    setup: Setup,
    name: &str,
    mut next: impl FnMut() -> Option<u64> + Send + 'static,
) -> Checked<(DynReceiver<u64>, SceneThread<()>)> {
    let (sender, receiver) = setup.open::<u64>()?;
    let running = thread(name, move || {
        while let Some(coefficient) = next() {
            if sender.send(coefficient).is_err() {
                break;
            }
        }
    })?;
    Ok((receiver, running))
}

fn multiplies_power_series(setup: Setup) -> Checked {
    // 1 / (1 - x), twice, and 1 / (1 - x^2).
    let (one, first) = series(setup, "ones", || Some(1))?;
    let (other, second) = series(setup, "other ones", || Some(1))?;
    let mut odd = 1;
    let (alternating, third) = series(setup, "alternating", move || {
        odd = 1 - odd;
        Some(1 - odd)
    })?;
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let (product, fourth) = series(setup, "product", move || {
        left.push(one.recv().ok()?);
        right.push(other.recv().ok()?);
        Some(left.iter().zip(right.iter().rev()).map(|(left, right)| left * right).sum())
    })?;
    let (sum, fifth) = series(setup, "sum", move || Some(product.recv().ok()? + alternating.recv().ok()?))?;
    let coefficients: Vec<u64> = (0..30).map_while(|_| sum.recv().ok()).collect();
    drop(sum);
    for running in [first, second, third, fourth, fifth] {
        running.result()?;
    }
    let expected = (0..30).map(|power| power + 1 + u64::from(power % 2 == 0));
    is("1/(1-x)^2 + 1/(1-x^2)", coefficients, expected.collect())
}

fn passes_a_long_chain(setup: Setup) -> Checked {
    const LINKS: u64 = 100;
    let (first, mut output) = setup.open::<u64>()?;
    let mut running = Vec::new();
    for link in 0..LINKS {
        let (sender, receiver) = setup.open::<u64>()?;
        let input = std::mem::replace(&mut output, receiver);
        running.push(thread(format!("link {link}"), move || {
            while let Ok(number) = input.recv() {
                if sender.send(number + 1).is_err() {
                    break;
                }
            }
        })?);
    }
    for number in [0, 1000] {
        is("send", first.send(number), Ok(()))?;
        is("recv at the other end", output.recv(), Ok(number + LINKS))?;
    }
    drop(first);
    is("recv after the disconnect went through", output.recv().is_err(), true)?;
    running.into_iter().try_for_each(SceneThread::result)
}

fn goes_round_a_ring(setup: Setup) -> Checked {
    const MEMBERS: u64 = 4;
    const LAPS: u64 = 100;
    let (first, mut output) = setup.open::<u64>()?;
    let mut running = Vec::new();
    for member in 1..MEMBERS {
        let (sender, receiver) = setup.open::<u64>()?;
        let input = std::mem::replace(&mut output, receiver);
        running.push(thread(format!("member {member}"), move || {
            while let Ok(token) = input.recv() {
                if sender.send(token + 1).is_err() {
                    break;
                }
            }
        })?);
    }
    let mut token = 0;
    for lap in 0..LAPS {
        is("send into the ring", first.send(token), Ok(()))?;
        token =
            output.recv().map_err(|error| Violation::new("the token", format!("lap {lap}: {error:?}")))? + 1;
    }
    drop(first);
    running.into_iter().try_for_each(SceneThread::result)?;
    is("the token", token, LAPS * MEMBERS)
}

fn is_a_semaphore(setup: Setup) -> Checked {
    let permits = setup.slots();
    let (acquire, release) = setup.open::<()>()?;
    let inside = Arc::new(AtomicU64::new(0));
    let running = receivers(release, 5).map_err(refused)?.into_iter().enumerate();
    let running = running.map(|(place, release)| {
        let (acquire, inside) = (acquire.clone(), Arc::clone(&inside));
        thread(format!("user {place}"), move || {
            for _ in 0..200 {
                is("acquire", acquire.send(()), Ok(()))?;
                // Ordered by the permit.
                let others = inside.fetch_add(1, Ordering::SeqCst);
                holds(others < permits, "never more inside than there are permits", || {
                    format!("{} inside of {permits}", others + 1)
                })?;
                std::thread::yield_now();
                inside.fetch_sub(1, Ordering::SeqCst);
                is("release", release.recv(), Ok(()))?;
            }
            Ok(())
        })
    });
    let running = running.collect::<Checked<Vec<_>>>()?;
    running.into_iter().try_for_each(|user| user.result()?)
}

fn shares_work_and_gathers_results(setup: Setup) -> Checked {
    const WORKERS: usize = 12;
    const NUMBERS: u64 = 1_000;
    let (work, queue) = setup.open::<u64>()?;
    let (results, gathered) = setup.open::<u64>()?;
    let workers = receivers(queue, WORKERS).map_err(refused)?.into_iter().enumerate();
    let workers = workers.map(|(place, queue)| {
        let results = results.clone();
        thread(format!("worker {place}"), move || {
            while let Ok(number) = queue.recv() {
                if place as u64 == number % WORKERS as u64 {
                    std::thread::yield_now();
                }
                if results.send(number).is_err() {
                    break;
                }
            }
        })
    });
    let workers = workers.collect::<Checked<Vec<_>>>()?;
    drop(results);
    let feeding = thread("feeder", move || (0..NUMBERS).all(|number| work.send(number).is_ok()))?;
    let arrived: Vec<u64> = std::iter::from_fn(|| gathered.recv().ok()).collect();
    is("every send", feeding.result()?, true)?;
    workers.into_iter().try_for_each(SceneThread::result)?;
    each_once(arrived, 0..NUMBERS)
}

fn meets_at_a_barrier(setup: Setup) -> Checked {
    const MEMBERS: usize = 3;
    const PHASES: u64 = 60;
    tries(2, |_| {
        let (arrive, arrivals) = setup.open::<u64>()?;
        let phase = Arc::new(AtomicU64::new(0));
        let mut permits = Vec::new();
        let mut running = Vec::new();
        for member in 0..MEMBERS {
            let (permit, permitted) = setup.open::<()>()?;
            permits.push(permit);
            let (arrive, phase) = (arrive.clone(), Arc::clone(&phase));
            running.push(thread(format!("member {member}"), move || {
                for own in 0..PHASES {
                    is("arrive", arrive.send(own).is_ok(), true)?;
                    is("the permit", permitted.recv(), Ok(()))?;
                    // Acquire: pairs with the store before the permits; no thread is a phase ahead before all
                    // have arrived.
                    is("the phase", phase.load(Ordering::Acquire), own + 1)?;
                }
                Ok(())
            })?);
        }
        for own in 0..PHASES {
            for _ in 0..MEMBERS {
                is("an arrival's phase", arrivals.recv(), Ok(own))?;
            }
            // Release: pairs with the load after the permit.
            phase.store(own + 1, Ordering::Release);
            permits.iter().try_for_each(|permit| is("a permit", permit.send(()), Ok(())))?;
        }
        running.into_iter().try_for_each(|member| member.result()?)
    })
}
