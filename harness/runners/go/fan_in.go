package main

// `fan_in`: N inputs merged into one stream, in the three ways that one can.

import "fmt"

var fanIn = workload{
	name: "fan_in",
	params: []paramSpec{
		threadsOf("inputs", "4"),
		choiceOf("variant", "forwarders", "forwarders", "select", "shared"),
		capacityOf("64"),
	},
	messages: func(p params) uint64 {
		return fewerWithoutRoom(p, 2_000, 20_000)
	},
	needs: func(p params) []capability {
		if p.choice("variant") == "select" {
			return []capability{selectReceivers}
		}
		return nil
	},
	round: func(t *task) (*round, error) {
		merge := &merge{task: t, shares: shares(t.messages, t.params.threads("inputs"))}
		merge.capacity, _ = t.params.capacity()
		switch t.params.choice("variant") {
		case "select":
			return merge.bySelect()
		case "shared":
			return merge.byOneChannel()
		default:
			return merge.byForwarders()
		}
	},
}

// merge is one round.
type merge struct {
	task     *task
	shares   []uint64
	capacity capacity
	crew     *crew
	sent     []*sending
	received receiving
}

// byForwarders: a channel for each input, and a goroutine for each that forwards it into the merged one.
func (m *merge) byForwarders() (*round, error) {
	inputs := len(m.shares)
	m.crew = newCrew(2*inputs+1, m.task)
	merged, sink := open[message8](m.task.channel, m.capacity, inputs, 1)
	merging := heldBy(inputs)
	var forwarders []*sending
	for input := range inputs {
		sender, receiver := open[message8](m.task.channel, m.capacity, 1, 1)
		source := heldBy(1)
		m.spawnProducer(input, sender, source)
		own := &sending{}
		forwarders = append(forwarders, own)
		m.crew.spawn(fmt.Sprintf("forwarder %d", input), func(gate *gate) *fault {
			defer merging.leave(receiver.done, merged.done)
			own.passed = gate.pass()
			own.fault = forward(receiver, source, merged)
			return own.fault
		})
	}
	m.spawnSink(merging, sink.done, func(ledger *ledger) { drain(sink, ledger) })
	return m.finish(forwarders)
}

// bySelect: a channel for each input, and a consumer that selects over them.
func (m *merge) bySelect() (*round, error) {
	inputs := len(m.shares)
	m.crew = newCrew(inputs+1, m.task)
	producing := heldBy(inputs)
	receivers := make([]*receiver[message8], inputs)
	for input := range inputs {
		sender, receiver := open[message8](m.task.channel, m.capacity, 1, 1)
		receivers[input] = receiver
		m.spawnProducer(input, sender, producing)
	}
	done := func() {
		for _, receiver := range receivers {
			receiver.done()
		}
	}
	m.spawnSink(producing, done, func(ledger *ledger) { selectAll(receivers, ledger) })
	return m.finish(nil)
}

// byOneChannel: one channel, and a sender of it for each input.
func (m *merge) byOneChannel() (*round, error) {
	inputs := len(m.shares)
	m.crew = newCrew(inputs+1, m.task)
	sender, sink := open[message8](m.task.channel, m.capacity, inputs, 1)
	producing := heldBy(inputs)
	for input := range inputs {
		m.spawnProducer(input, sender, producing)
	}
	m.spawnSink(producing, sink.done, func(ledger *ledger) { drain(sink, ledger) })
	return m.finish(nil)
}

func (m *merge) spawnProducer(input int, sender *sender[message8], senders *holders) {
	own, share := &sending{}, m.shares[input]
	m.sent = append(m.sent, own)
	m.crew.spawn(fmt.Sprintf("producer %d", input), func(gate *gate) *fault {
		defer senders.leave(sender.done)
		own.passed = gate.pass()
		own.fault = produce(sender, input, share)
		own.finished = now()
		return own.fault
	})
}

func (m *merge) spawnSink(senders *holders, done func(), receive func(*ledger)) {
	m.crew.spawn("sink", func(gate *gate) *fault {
		defer done()
		m.received.ledger = newLedger(m.shares)
		m.received.passed = gate.pass()
		receive(m.received.ledger)
		m.received.told = senders.disconnected("sink")
		return m.received.found()
	})
}

func (m *merge) finish(forwarders []*sending) (*round, error) {
	received, passing := []*receiving{&m.received}, append(forwarders, m.sent...)
	round, err := finish(m.crew, passing, received, m.shares)
	if err != nil {
		return nil, err
	}
	round.figures = producersFairness(opening(passing, received), m.sent, m.shares)
	return round, nil
}

// drain records what arrives until the disconnect.
func drain(r *receiver[message8], ledger *ledger) {
	for {
		m, ok := r.recv()
		if !ok {
			return
		}
		ledger.record(m.read())
	}
}

// forward sends on what it receives, until the disconnect; `source` are those who send to it.
func forward[T any](r *receiver[T], source *holders, s *sender[T]) *fault {
	for {
		m, ok := r.recv()
		if !ok {
			return source.disconnected("forwarder")
		}
		if !s.send(m) {
			return faultEarlyDisconnect("forwarder")
		}
	}
}
