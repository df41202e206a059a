//! Select over receivers: it takes any ready input, starves none, omits disconnected ones and loses nothing
//! next to other receivers.

use super::payload::each_once;
use super::scene::{Checked, SceneThread, holds, is, note, thread, tries};
use super::{ANY, QUEUED, Scenario, Setup, refused, table};
use crate::dyn_channel::{DynSender, Inputs};
use contract::channel::{Receiver, RecvError, Selector, Sender};

pub(super) fn scenarios() -> Vec<Scenario> {
    table! {
        selects_whichever_is_ready [Select] at QUEUED,
            "a message in any of three inputs is received";
        selects_past_a_disconnected_input [Select] at QUEUED,
            "a disconnected input is drained and omitted; the select is disconnected with the last";
        selects_from_one_input [Select] at QUEUED,
            "one input is received in order to its end";
        selects_from_a_receiver_and_its_clone [Select, MultiConsumer] at QUEUED,
            "a channel that is an input twice delivers each message once (Go's duplicate channel)";
        merges_inputs_of_different_lengths [Select] at ANY,
            "three producers of different lengths: everything once, each input in order";
        starves_no_ready_input [Select] at &[None],
            "each of three inputs that are always ready is chosen often (Go's select fairness)";
        wakes_a_waiting_select_by_a_send [Select] at ANY,
            "a waiting select ends with a send into any of its inputs";
        wakes_a_waiting_select_by_the_last_disconnect [Select] at ANY,
            "a waiting select keeps waiting when one input is disconnected, and ends when all are";
        selects_in_two_threads [Select, MultiConsumer] at ANY,
            "two threads that select over the same inputs get everything once (Go's doubleselect)";
        selects_beside_a_receiver [Select, MultiConsumer] at ANY,
            "a thread that selects and one that receives from one of the inputs get everything once";
        leaves_receivers_as_they_were [Select] at QUEUED,
            "after a select the receivers work alone, and a new select continues";
    }
}

const INPUTS: usize = 3;

/// Opens `count` channels, whose receivers are the inputs of a select.
fn open_inputs(setup: Setup, count: usize) -> Checked<(Vec<DynSender<u64>>, Inputs)> {
    setup.channel.open_inputs(setup.capacity, count).map_err(refused)
}

fn selects_whichever_is_ready(setup: Setup) -> Checked {
    let (senders, inputs) = open_inputs(setup, INPUTS)?;
    let mut selector = inputs.selector().map_err(refused)?;
    for turn in 0..30 {
        let input = (turn * 7 + turn / 3) % INPUTS;
        is(format_args!("send into input {input}"), senders[input].send(turn as u64), Ok(()))?;
        is("select", selector.recv(), Ok(turn as u64))?;
    }
    Ok(())
}

fn selects_past_a_disconnected_input(setup: Setup) -> Checked {
    for last in 0..INPUTS {
        let (senders, inputs) = open_inputs(setup, INPUTS)?;
        let mut selector = inputs.selector().map_err(refused)?;
        let mut senders: Vec<_> = senders.into_iter().map(Some).collect();
        for input in (0..INPUTS).filter(|&input| input != last) {
            if let Some(sender) = senders[input].take() {
                is("send into an input", sender.send(input as u64), Ok(()))?;
            }
            note(format!("input {input} is disconnected with a message queued"));
            is("select of what was queued", selector.recv(), Ok(input as u64))?;
        }
        if let Some(sender) = senders[last].take() {
            is("send into the last input", sender.send(77), Ok(()))?;
            is("select", selector.recv(), Ok(77))?;
        }
        is("select without senders", selector.recv(), Err(RecvError))?;
        is("select without senders, again", selector.recv(), Err(RecvError))?;
    }
    Ok(())
}

fn selects_from_one_input(setup: Setup) -> Checked {
    let (senders, inputs) = open_inputs(setup, 1)?;
    let sending = thread("producer", move || (0..200).all(|number| senders[0].send(number).is_ok()))?;
    let mut selector = inputs.selector().map_err(refused)?;
    let received: Vec<u64> = std::iter::from_fn(|| selector.recv().ok()).collect();
    is("every send", sending.result()?, true)?;
    holds(received.iter().copied().eq(0..200), "all in order", || format!("{received:?}"))
}

fn selects_from_a_receiver_and_its_clone(setup: Setup) -> Checked {
    let (senders, mut inputs) = open_inputs(setup, 2)?;
    inputs.push_clone(0).map_err(refused)?;
    let sending = thread("producer", move || {
        (0..200).all(|number| match number % 3 {
            0 => senders[1].send(number).is_ok(),
            _ => senders[0].send(number).is_ok(),
        })
    })?;
    let mut selector = inputs.selector().map_err(refused)?;
    let received: Vec<u64> = std::iter::from_fn(|| selector.recv().ok()).collect();
    is("every send", sending.result()?, true)?;
    each_once(received, 0..200)
}

/// The message at this position of an input.
fn message(input: usize, place: u64) -> u64 {
    input as u64 * 1_000_000 + place
}

/// A producer for each input. The inputs have different lengths, so that some are disconnected while others
/// still send.
fn produce(senders: Vec<DynSender<u64>>) -> Checked<Vec<SceneThread<bool>>> {
    let producers = senders.into_iter().enumerate().map(|(input, sender)| {
        thread(format!("producer {input}"), move || {
            (0..length(input)).all(|place| sender.send(message(input, place)).is_ok())
        })
    });
    producers.collect()
}

fn length(input: usize) -> u64 {
    100 * (input as u64 + 1)
}

fn everything() -> impl Iterator<Item = u64> {
    (0..INPUTS).flat_map(|input| (0..length(input)).map(move |place| message(input, place)))
}

fn ended(producers: Vec<SceneThread<bool>>) -> Checked {
    producers.into_iter().try_for_each(|producer| is("every send", producer.result()?, true))
}

fn in_order(received: &[u64]) -> Checked {
    (0..INPUTS as u64).try_for_each(|input| {
        let of_it = received.iter().filter(|&&message| message / 1_000_000 == input);
        holds(of_it.is_sorted(), "each input in order", || format!("input {input} is out of order"))
    })
}

fn merges_inputs_of_different_lengths(setup: Setup) -> Checked {
    tries(5, |_| {
        let (senders, inputs) = open_inputs(setup, INPUTS)?;
        let producers = produce(senders)?;
        let mut selector = inputs.selector().map_err(refused)?;
        let received: Vec<u64> = std::iter::from_fn(|| selector.recv().ok()).collect();
        ended(producers)?;
        in_order(&received)?;
        each_once(received, everything())
    })
}

fn starves_no_ready_input(setup: Setup) -> Checked {
    /// The number of selects; an even share is a third.
    const TURNS: u64 = 3_000;
    /// The minimum share, too small to fall below by chance.
    const MIN_SHARE: u64 = TURNS / 3 / 10;
    let (senders, inputs) = open_inputs(setup, INPUTS)?;
    for (input, sender) in senders.iter().enumerate() {
        for place in 0..TURNS {
            let sent = sender.send(message(input, place));
            holds(sent == Ok(()), "an unbounded send succeeds", || format!("{sent:?}"))?;
        }
    }
    let mut selector = inputs.selector().map_err(refused)?;
    let mut chosen = [0; INPUTS];
    for _ in 0..TURNS {
        match selector.recv() {
            Ok(message) => chosen[(message / 1_000_000) as usize] += 1,
            Err(RecvError) => return is("select", "a disconnect", "a message"),
        }
    }
    note(format!("chosen {chosen:?}"));
    holds(
        chosen.iter().all(|&times| times >= MIN_SHARE),
        "each input gets at least a tenth of its share",
        || format!("chosen {chosen:?} of {TURNS}"),
    )
}

/// Starts a thread that selects this often and returns the messages.
fn selecting(inputs: Inputs, times: usize) -> Checked<SceneThread<Vec<Option<u64>>>> {
    thread("selector", move || match inputs.selector() {
        Ok(mut selector) => (0..times).map(|_| selector.recv().ok()).collect(),
        Err(_) => Vec::new(),
    })
}

fn wakes_a_waiting_select_by_a_send(setup: Setup) -> Checked {
    tries(45, |attempt| {
        let (senders, inputs) = open_inputs(setup, INPUTS)?;
        let running = selecting(inputs, 2)?;
        for number in 0..2 {
            if attempt % 2 == 0 {
                running.until_waiting();
            }
            let input = (attempt + number) % INPUTS;
            is(format_args!("send into input {input}"), senders[input].send(number as u64), Ok(()))?;
        }
        let mut came = running.result()?;
        came.sort_unstable();
        is("two selects", came, vec![Some(0), Some(1)])
    })
}

fn wakes_a_waiting_select_by_the_last_disconnect(setup: Setup) -> Checked {
    tries(30, |attempt| {
        let (senders, inputs) = open_inputs(setup, INPUTS)?;
        let running = selecting(inputs, 2)?;
        let mut senders: Vec<_> = senders.into_iter().map(Some).collect();
        running.until_waiting();
        senders[attempt % INPUTS] = None;
        note("one input is disconnected");
        running.until_waiting();
        if let Some(sender) = &senders[(attempt + 1) % INPUTS] {
            is("send into another", sender.send(1), Ok(()))?;
        }
        if attempt % 2 == 0 {
            running.until_waiting();
        }
        note("all inputs are disconnected");
        senders.clear();
        is("two selects", running.result()?, vec![Some(1), None])
    })
}

/// Starts a thread that selects until the disconnect.
fn selecting_all(name: &str, inputs: Inputs) -> Checked<SceneThread<Vec<u64>>> {
    thread(name, move || match inputs.selector() {
        Ok(mut selector) => std::iter::from_fn(|| selector.recv().ok()).collect(),
        Err(_) => Vec::new(),
    })
}

/// Produces for two receiving threads. Together they must get everything once, and each of them every input
/// in order.
fn share_everything(
    senders: Vec<DynSender<u64>>,
    one: SceneThread<Vec<u64>>,
    other: SceneThread<Vec<u64>>,
) -> Checked {
    ended(produce(senders)?)?;
    let (one, other) = (one.result()?, other.result()?);
    in_order(&one)?;
    in_order(&other)?;
    each_once([one, other].concat(), everything())
}

fn selects_in_two_threads(setup: Setup) -> Checked {
    tries(5, |_| {
        let (senders, inputs) = open_inputs(setup, INPUTS)?;
        let one = selecting_all("selector", inputs.try_clone().map_err(refused)?)?;
        let other = selecting_all("other selector", inputs)?;
        share_everything(senders, one, other)
    })
}

fn selects_beside_a_receiver(setup: Setup) -> Checked {
    tries(5, |attempt| {
        let (senders, inputs) = open_inputs(setup, INPUTS)?;
        let own = inputs.clone_input(attempt % INPUTS).map_err(refused)?;
        let one = selecting_all("selector", inputs)?;
        let other = thread("receiver", move || std::iter::from_fn(|| own.recv().ok()).collect::<Vec<u64>>())?;
        share_everything(senders, one, other)
    })
}

fn leaves_receivers_as_they_were(setup: Setup) -> Checked {
    let (senders, inputs) = open_inputs(setup, INPUTS)?;
    for round in 0..10 {
        let input = round as usize % INPUTS;
        let mut selector = inputs.selector().map_err(refused)?;
        is("send", senders[input].send(round), Ok(()))?;
        is("select", selector.recv(), Ok(round))?;
        drop(selector);
        is("send", senders[input].send(round + 100), Ok(()))?;
        is("recv of the same input", inputs.recv(input), Ok(round + 100))?;
    }
    Ok(())
}
