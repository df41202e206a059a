package main

// `producer_consumer`: P producers and C consumers on one channel.

import "fmt"

var producerConsumer = workload{
	name: "producer_consumer",
	params: []paramSpec{
		threadsSpec("producers", "1"),
		threadsSpec("consumers", "1"),
		capacitySpec("64"),
		choiceSpec("payload", "8", "8", "64", "256", "1024", "box256"),
		numberSpec("work", "0", 0, 1_000_000),
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

// fewerWithoutRoom returns fewer messages for capacity 0 or 1, where a goroutine stops for each message.
func fewerWithoutRoom(p params, few, many uint64) uint64 {
	if capacity, _ := p.capacity(); !capacity.unbounded && capacity.slots <= 1 {
		return few
	}
	return many
}

// produceAndConsume runs the round with the loops for its kind of message. A loop is a whole function, so
// that no call in it goes through a variable.
func produceAndConsume[T any](
	t *task,
	produce func(s *sender[T], producer int, share uint64) *violation,
	consume func(r *receiver[T], into *receiving, steps uint64),
) (*round, error) {
	producers, consumers := t.params.threads("producers"), t.params.threads("consumers")
	steps := t.params.number("work")
	capacity, _ := t.params.capacity()
	shares := shares(t.messages, producers)
	sender, receiver := open[T](t.channel, capacity, producers, consumers)
	senders, last := newEndpointCount(producers), newLastDelivery(producers)
	group := newThreadGroup(producers+consumers, t)

	sent := make([]*sending, producers)
	for producer, share := range shares {
		own := &sending{}
		sent[producer] = own
		group.spawn(fmt.Sprintf("producer %d", producer), func(barrier *startBarrier) *violation {
			defer senders.close(sender.done)
			own.started = barrier.wait()
			own.violation = produce(sender, producer, share)
			own.finished = now()
			return own.violation
		})
	}
	received := make([]*receiving, consumers)
	for consumer := range received {
		own := &receiving{}
		received[consumer] = own
		group.spawn(fmt.Sprintf("consumer %d", consumer), func(barrier *startBarrier) *violation {
			defer receiver.done()
			own.ledger = newLedgerAmong(shares, last)
			own.started = barrier.wait()
			consume(receiver, own, steps)
			own.disconnect = senders.checkDisconnect("consumer")
			return own.firstViolation()
		})
	}

	round, err := finish(group, sent, received, shares)
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
func produce[W words](s *sender[message[W]], producer int, share uint64) *violation {
	for seq := range share {
		var m message[W]
		m.fill(newID(producer, seq))
		if !s.send(m) {
			return violationEarlyDisconnect("producer")
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

// produceBoxes is produce for messages on the heap: each is allocated here and freed by the collector.
func produceBoxes(s *sender[*message256], producer int, share uint64) *violation {
	for seq := range share {
		m := new(message256)
		m.fill(newID(producer, seq))
		if !s.send(m) {
			return violationEarlyDisconnect("producer")
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
