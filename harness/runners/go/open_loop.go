package main

// `open_loop`: producers that send by a schedule, whatever the channel does: how long a message takes at a given rate.
//
// Each message has a moment at which it is meant to be sent, fixed before the round; a producer that is late sends its backlog at
// once, and the latency of a message is from the moment that was meant to its receipt, so that a stall counts for every
// message that it delays. The Rust workload (harness/src/workloads/open_loop.rs) says why.

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"
)

var openLoop = workload{
	name: "open_loop",
	params: []paramSpec{
		numberOf("rate", "100000", 1_000, 100_000_000),
		threadsOf("producers", "1"),
		threadsOf("consumers", "1"),
		capacityOf("64"),
	},
	messages: func(p params) uint64 { return p.number("rate") / roundsInASecond },
	paced: func(p params, messages uint64) time.Duration {
		seconds := float64(messages) / float64(p.number("rate"))
		return lead + time.Duration(min(seconds*float64(time.Second), math.MaxInt64/2))
	},
	round: runOpenLoop,
}

const (
	// From the first goroutine through the gate to the first message's moment: for those that are woken late.
	lead = time.Millisecond
	// A round is about so long.
	roundsInASecond = 20
)

// schedule is when each message is meant to be sent.
type schedule struct {
	// Set by the first goroutine that is through the gate; 0 before.
	start           atomic.Int64
	rate, producers uint64
}

// startOf is the start, the same for all; `passed` is when the caller went through the gate.
func (s *schedule) startOf(passed moment) moment {
	s.start.CompareAndSwap(0, passed+int64(lead))
	return s.start.Load()
}

// afterStart is the time from the start to the moment of a message. The product has room for the messages of months.
func (s *schedule) afterStart(id messageID) int64 {
	place := id.seq()*s.producers + uint64(id.producer())
	return int64(place * uint64(time.Second) / s.rate)
}

// arrivals is what a consumer has seen when it ends.
type arrivals struct {
	receiving
	times []int64
}

func runOpenLoop(t *task) (*round, error) {
	producers, consumers := t.params.threads("producers"), t.params.threads("consumers")
	capacity, _ := t.params.capacity()
	plan := &schedule{rate: t.params.number("rate"), producers: uint64(producers)}
	shares := shares(t.messages, producers)
	sender, receiver := open[message8](t.channel, capacity, producers, consumers)
	senders, ends := heldBy(producers), endsOf(producers)
	crew := newCrew(producers+consumers, t)

	sent, overslept := make([]*sending, producers), make([]int64, producers)
	for producer, share := range shares {
		own := &sending{}
		sent[producer] = own
		crew.spawn(fmt.Sprintf("producer %d", producer), func(gate *gate) *fault {
			defer senders.leave(sender.done)
			own.passed = plan.startOf(gate.pass())
			overslept[producer], own.fault = sendBy(plan, own.passed, sender, producer, share)
			return own.fault
		})
	}
	arrived, received := make([]*arrivals, consumers), make([]*receiving, consumers)
	for consumer := range arrived {
		own := &arrivals{}
		arrived[consumer], received[consumer] = own, &own.receiving
		crew.spawn(fmt.Sprintf("consumer %d", consumer), func(gate *gate) *fault {
			defer receiver.done()
			own.ledger = newLedgerAmong(shares, ends)
			times := make([]int64, 0, t.messages)
			// The region opens with the schedule, for all at the same moment.
			own.passed = plan.startOf(gate.pass())
			own.times = receiveBy(plan, own.passed, receiver, own.ledger, times)
			own.told = senders.disconnected("consumer")
			return own.found()
		})
	}

	round, err := finish(crew, sent, received, shares)
	if err != nil {
		return nil, err
	}
	var times []int64
	for _, own := range arrived {
		times = append(times, own.times...)
	}
	longest := int64(0)
	for _, own := range overslept {
		longest = max(longest, own)
	}
	round.latency = histogram(times)
	round.figures = []figure{{longestOversleep, float64(longest)}}
	return round, nil
}

// sendBy sends a producer's share, each message at its moment, or at once when that has passed. Returns by how much a wait for a
// moment was too long at most: that much is no time of the channel's.
func sendBy(plan *schedule, start moment, s *sender[message8], producer int, share uint64) (int64, *fault) {
	waitUntil(start)
	seen := now()
	overslept := seen - start
	for seq := range share {
		id := idOf(producer, seq)
		// Of a backlog the clock is not asked: it was past these moments when it was last looked at.
		if meant := start + plan.afterStart(id); seen < meant {
			// When the moment passed during the last send, that is the channel's doing, and no oversleep.
			if seen = now(); seen < meant {
				waitUntil(meant)
				seen = now()
				overslept = max(overslept, seen-meant)
			}
		}
		if !s.send(newMessage8(id)) {
			return overslept, faultEarlyDisconnect("producer")
		}
	}
	return overslept, nil
}

// receiveBy receives until the disconnect, and appends how long each message took.
func receiveBy(plan *schedule, start moment, r *receiver[message8], into *ledger, times []int64) []int64 {
	for {
		m, ok := r.recv()
		if !ok {
			return times
		}
		arrived := now()
		id, sound := m.read()
		if into.recordAmong(id, sound) {
			times = append(times, arrived-start-plan.afterStart(id))
		}
	}
}
