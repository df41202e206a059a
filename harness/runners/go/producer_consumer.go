package main

// `producer_consumer`: P producers and C consumers on one channel.

import "fmt"

var producerConsumer = workload{
	name: "producer_consumer",
	params: []paramSpec{
		threadsOf("producers", "1"),
		threadsOf("consumers", "1"),
		capacityOf("64"),
		choiceOf("payload", "8", "8", "64", "256", "1024", "box256"),
		numberOf("work", "0", 0, 1_000_000),
	},
	messages: func(p params) uint64 {
		return fewerWithoutRoom(p, 2_000, 40_000)
	},
	paced: pacedByWork,
	round: func(t *task) (*round, error) {
		switch t.params.choice("payload") {
		case "64":
			return produceAndConsume(t, produce[[8]uint64], consume[[8]uint64])
		case "256":
			return produceAndConsume(t, produce[[32]uint64], consume[[32]uint64])
		case "1024":
			return produceAndConsume(t, produce[[128]uint64], consume[[128]uint64])
		case "box256":
			return produceAndConsume(t, produceBoxes, consumeBoxes)
		default:
			return produceAndConsume(t, produce[[1]uint64], consume[[1]uint64])
		}
	},
}

// fewerWithoutRoom: a channel that holds none or one stops a goroutine for each message, so a round has fewer of them.
func fewerWithoutRoom(p params, few, many uint64) uint64 {
	if capacity, _ := p.capacity(); !capacity.unbounded && capacity.slots <= 1 {
		return few
	}
	return many
}

// produceAndConsume runs the round with the loops of its kind of message. A loop is a whole function, so that nothing in it is
// called through a variable.
func produceAndConsume[T any](
	t *task,
	produce func(s *sender[T], producer int, share uint64) *fault,
	consume func(r *receiver[T], into *receiving, steps uint64),
) (*round, error) {
	producers, consumers := t.params.threads("producers"), t.params.threads("consumers")
	steps := t.params.number("work")
	capacity, _ := t.params.capacity()
	shares := shares(t.messages, producers)
	sender, receiver := open[T](t.channel, capacity, producers, consumers)
	senders, ends := heldBy(producers), endsOf(producers)
	crew := newCrew(producers+consumers, t)

	sent := make([]*sending, producers)
	for producer, share := range shares {
		own := &sending{}
		sent[producer] = own
		crew.spawn(fmt.Sprintf("producer %d", producer), func(gate *gate) *fault {
			defer senders.leave(sender.done)
			own.passed = gate.pass()
			own.fault = produce(sender, producer, share)
			own.finished = now()
			return own.fault
		})
	}
	received := make([]*receiving, consumers)
	for consumer := range received {
		own := &receiving{}
		received[consumer] = own
		crew.spawn(fmt.Sprintf("consumer %d", consumer), func(gate *gate) *fault {
			defer receiver.done()
			own.ledger = newLedgerAmong(shares, ends)
			own.passed = gate.pass()
			consume(receiver, own, steps)
			own.told = senders.disconnected("consumer")
			return own.found()
		})
	}

	round, err := finish(crew, sent, received, shares)
	if err != nil {
		return nil, err
	}
	taken := make([]uint64, consumers)
	for consumer, own := range received {
		taken[consumer] = own.taken
	}
	round.figures = append(consumersFairness(taken), producersFairness(opening(sent, received), sent, shares)...)
	return round, nil
}

// produce sends a producer's share.
func produce[W words](s *sender[message[W]], producer int, share uint64) *fault {
	for seq := range share {
		var m message[W]
		m.fill(idOf(producer, seq))
		if !s.send(m) {
			return faultEarlyDisconnect("producer")
		}
	}
	return nil
}

func consume[W words](r *receiver[message[W]], into *receiving, steps uint64) {
	ledger, taken := into.ledger, uint64(0)
	for {
		m, ok := r.recv()
		if !ok {
			break
		}
		ledger.recordAmong(m.read())
		taken++
		if steps > 0 {
			work(steps)
		}
	}
	into.taken = taken
}

// produceBoxes is produce for messages on the heap: every one is allocated, and the collector's to free.
func produceBoxes(s *sender[*message256], producer int, share uint64) *fault {
	for seq := range share {
		m := new(message256)
		m.fill(idOf(producer, seq))
		if !s.send(m) {
			return faultEarlyDisconnect("producer")
		}
	}
	return nil
}

func consumeBoxes(r *receiver[*message256], into *receiving, steps uint64) {
	ledger, taken := into.ledger, uint64(0)
	for {
		m, ok := r.recv()
		if !ok {
			break
		}
		ledger.recordAmong(m.read())
		taken++
		if steps > 0 {
			work(steps)
		}
	}
	into.taken = taken
}
