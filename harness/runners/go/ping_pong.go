package main

// `ping_pong`: one message there and back over two channels: latency. A round trip is two ops.

var pingPong = workload{
	name: "ping_pong",
	params: []paramSpec{
		capacityOf("1"),
		choiceOf("placement", "any", "any", "same-core", "two-cores"),
	},
	messages: func(params) uint64 { return 2_000 },
	round:    runPingPong,
}

func runPingPong(t *task) (*round, error) {
	capacity, _ := t.params.capacity()
	trips := max(t.messages/2, 1)
	pingSender, pingReceiver := open[message8](t.channel, capacity, 1, 1)
	pongSender, pongReceiver := open[message8](t.channel, capacity, 1, 1)
	pingEnds, pongEnds := heldBy(1), heldBy(1)
	crew := newCrew(2, t)

	var ping, pong receiving
	var times []int64
	crew.spawn("ping", func(gate *gate) *fault {
		defer pingEnds.leave(pingSender.done, pongReceiver.done)
		ping.ledger = newLedger([]uint64{trips})
		times = make([]int64, 0, trips)
		ping.passed = gate.pass()
		last := now()
		for seq := range trips {
			if !pingSender.send(newMessage8(idOf(0, seq))) {
				ping.told = pongEnds.disconnected("ping")
				return ping.found()
			}
			m, ok := pongReceiver.recv()
			if !ok {
				ping.told = pongEnds.disconnected("ping")
				return ping.found()
			}
			ping.ledger.record(m.read())
			// One look at the clock for a trip: its end is the next one's beginning.
			arrived := now()
			// In the first trip the other goroutine may still be on its way through the gate.
			if seq > 0 {
				times = append(times, arrived-last)
			}
			last = arrived
		}
		return ping.found()
	})
	crew.spawn("pong", func(gate *gate) *fault {
		defer pongEnds.leave(pongSender.done, pingReceiver.done)
		pong.ledger = newLedger([]uint64{trips})
		pong.passed = gate.pass()
		for {
			m, ok := pingReceiver.recv()
			if !ok {
				break
			}
			pong.ledger.record(m.read())
			if !pongSender.send(m) {
				break
			}
		}
		pong.told = pingEnds.disconnected("pong")
		return pong.found()
	})

	account, err := crew.join()
	if err != nil {
		return nil, err
	}
	// A goroutine that is told of a disconnect stops. When it is none, that is why messages are missing.
	if found := firstFault(ping.told, pong.told); found != nil {
		return nil, found
	}
	pings, pingFault := join(pong.ledger)
	pongs, pongFault := join(ping.ledger)
	if found := firstFault(pingFault, pongFault, pings.complete(trips), pongs.complete(trips)); found != nil {
		return nil, found
	}
	return &round{
		messages: pings.count() + pongs.count(),
		wall:     timedRegion(min(ping.passed, pong.passed), pongs.last),
		account:  account,
		latency:  histogram(times),
	}, nil
}
