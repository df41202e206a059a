package main

// `ping_pong`: one message there and back over two channels, for latency. A round trip is two ops.

var pingPong = workload{
	name: "ping_pong",
	params: []paramSpec{
		capacitySpec("1"),
		choiceSpec("placement", "any", "any", "same-core", "two-cores"),
	},
	messages: func(params) uint64 { return 2_000 },
	round:    runPingPong,
}

func runPingPong(t *task) (*round, error) {
	capacity, _ := t.params.capacity()
	trips := max(t.messages/2, 1)
	pingSender, pingReceiver := open[message8](t.channel, capacity, 1, 1)
	pongSender, pongReceiver := open[message8](t.channel, capacity, 1, 1)
	pingsOpen, pongsOpen := newEndpointCount(1), newEndpointCount(1)
	group := newThreadGroup(2, t)

	var ping, pong receiving
	var times []int64
	group.spawn("ping", func(barrier *startBarrier) *violation {
		defer pingsOpen.close(pingSender.done, pongReceiver.done)
		ping.ledger = newLedger([]uint64{trips})
		times = make([]int64, 0, trips)
		ping.started = barrier.wait()
		last := now()
		for seq := range trips {
			if !pingSender.send(newMessage8(newID(0, seq))) {
				ping.disconnect = pongsOpen.checkDisconnect("ping")
				return ping.firstViolation()
			}
			m, ok := pongReceiver.recv()
			if !ok {
				ping.disconnect = pongsOpen.checkDisconnect("ping")
				return ping.firstViolation()
			}
			ping.ledger.record(m.read())
			// The end of a trip is the start of the next, so one reading of the clock per trip is enough.
			arrived := now()
			// During the first trip the other goroutine may still be leaving the barrier.
			if seq > 0 {
				times = append(times, arrived-last)
			}
			last = arrived
		}
		return ping.firstViolation()
	})
	group.spawn("pong", func(barrier *startBarrier) *violation {
		defer pongsOpen.close(pongSender.done, pingReceiver.done)
		pong.ledger = newLedger([]uint64{trips})
		pong.started = barrier.wait()
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
		pong.disconnect = pingsOpen.checkDisconnect("pong")
		return pong.firstViolation()
	})

	account, err := group.join()
	if err != nil {
		return nil, err
	}
	// A goroutine stops at a disconnect. If the disconnect was early, it is the reason why messages are
	// missing.
	if found := firstViolation(ping.disconnect, pong.disconnect); found != nil {
		return nil, found
	}
	pings, pingViolation := join(pong.ledger)
	pongs, pongViolation := join(ping.ledger)
	if found := firstViolation(pingViolation, pongViolation, pings.complete(trips), pongs.complete(trips)); found != nil {
		return nil, found
	}
	return &round{
		messages: pings.count() + pongs.count(),
		wall:     timedRegion(min(ping.started, pong.started), pongs.last),
		account:  account,
		latency:  histogram(times),
	}, nil
}
