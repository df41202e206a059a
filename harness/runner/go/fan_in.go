package main

// `fan_in`: N inputs merged into one stream, in three variants.

import "fmt"

var fanIn = workload{
	name: "fan_in",
	params: []paramSpec{
		threadsSpec("inputs", "4"),
		choiceSpec("variant", "forwarders", "forwarders", "select", "shared"),
		capacitySpec("64"),
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
	group    *threadGroup
	sent     []*sending
	received receiving
}

// byForwarders uses a channel and a forwarding goroutine for each input; the forwarders send into the merged
// channel.
func (m *merge) byForwarders() (*round, error) {
	inputs := len(m.shares)
	m.group = newThreadGroup(2*inputs+1, m.task)
	merged, sink := open[message8](m.task.channel, m.capacity, inputs, 1)
	merging := newEndpointCount(inputs)
	var forwarders []*sending
	for input := range inputs {
		sender, receiver := open[message8](m.task.channel, m.capacity, 1, 1)
		source := newEndpointCount(1)
		m.spawnProducer(input, sender, source)
		own := &sending{}
		forwarders = append(forwarders, own)
		m.group.spawn(fmt.Sprintf("forwarder %d", input), func(barrier *startBarrier) *violation {
			defer merging.close(receiver.done, merged.done)
			own.started = barrier.wait()
			own.violation = forward(receiver, source, merged)
			return own.violation
		})
	}
	m.spawnSink(merging, sink.done, func(ledger *ledger) { drain(sink, ledger) })
	return m.finish(forwarders)
}

// bySelect uses a channel for each input, and a consumer that selects over them.
func (m *merge) bySelect() (*round, error) {
	inputs := len(m.shares)
	m.group = newThreadGroup(inputs+1, m.task)
	producing := newEndpointCount(inputs)
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

// byOneChannel uses one channel whose sender all inputs share.
func (m *merge) byOneChannel() (*round, error) {
	inputs := len(m.shares)
	m.group = newThreadGroup(inputs+1, m.task)
	sender, sink := open[message8](m.task.channel, m.capacity, inputs, 1)
	producing := newEndpointCount(inputs)
	for input := range inputs {
		m.spawnProducer(input, sender, producing)
	}
	m.spawnSink(producing, sink.done, func(ledger *ledger) { drain(sink, ledger) })
	return m.finish(nil)
}

func (m *merge) spawnProducer(input int, sender *sender[message8], senders *endpointCount) {
	own, share := &sending{}, m.shares[input]
	m.sent = append(m.sent, own)
	m.group.spawn(fmt.Sprintf("producer %d", input), func(barrier *startBarrier) *violation {
		defer senders.close(sender.done)
		own.started = barrier.wait()
		own.violation = produce(sender, input, share)
		own.finished = now()
		return own.violation
	})
}

func (m *merge) spawnSink(senders *endpointCount, done func(), receive func(*ledger)) {
	m.group.spawn("sink", func(barrier *startBarrier) *violation {
		defer done()
		m.received.ledger = newLedger(m.shares)
		m.received.started = barrier.wait()
		receive(m.received.ledger)
		m.received.disconnect = senders.checkDisconnect("sink")
		return m.received.firstViolation()
	})
}

func (m *merge) finish(forwarders []*sending) (*round, error) {
	received, passing := []*receiving{&m.received}, append(forwarders, m.sent...)
	round, err := finish(m.group, passing, received, m.shares)
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

// forward sends on what it receives, until the disconnect; `source` counts the senders of its input.
func forward[T any](r *receiver[T], source *endpointCount, s *sender[T]) *violation {
	for {
		m, ok := r.recv()
		if !ok {
			return source.checkDisconnect("forwarder")
		}
		if !s.send(m) {
			return violationEarlyDisconnect("forwarder")
		}
	}
}
