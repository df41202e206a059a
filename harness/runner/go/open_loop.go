package main

// `open_loop`: producers that send on a schedule, whatever the channel does; shows the latency of a message
// at a given rate.
//
// Each message has a scheduled moment, fixed before the round. A producer that is late sends its backlog at
// once. The latency of a message is the time from its scheduled moment to its receipt, so a stall counts for
// every message that it delays. The Rust workload (harness/workloads/src/open_loop.rs) explains why.

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"
)

var openLoop = workload{
	name: "open_loop",
	params: []paramSpec{
		numberSpec("rate", "100000", 1_000, 100_000_000),
		threadsSpec("producers", "1"),
		threadsSpec("consumers", "1"),
		capacitySpec("64"),
	},
	messages: func(p params) uint64 { return p.number("rate") / roundsPerSecond },
	paced: func(p params, messages uint64) time.Duration {
		seconds := float64(messages) / float64(p.number("rate"))
		return lead + time.Duration(min(seconds*float64(time.Second), math.MaxInt64/2))
	},
	round: runOpenLoop,
}

const (
	// The time from the first goroutine's start to the first scheduled moment, for goroutines that are woken
	// late.
	lead = time.Millisecond
	// A round lasts about a second divided by this.
	roundsPerSecond = 20
)

// schedule is the scheduled moment of each message.
type schedule struct {
	// Set by the first goroutine that leaves the barrier; 0 before.
	start           atomic.Int64
	rate, producers uint64
}

// startOf returns the start, the same for all; `started` is the moment at which the caller left the barrier.
func (s *schedule) startOf(started moment) moment {
	s.start.CompareAndSwap(0, started+int64(lead))
	return s.start.Load()
}

// afterStart is the time from the start to the scheduled moment of a message. The product has room for the
// messages of months.
func (s *schedule) afterStart(id messageID) int64 {
	position := id.seq()*s.producers + uint64(id.producer())
	return int64(position * uint64(time.Second) / s.rate)
}

// arrivals is what a consumer saw.
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
	senders, last := newEndpointCount(producers), newLastDelivery(producers)
	group := newThreadGroup(producers+consumers, t)

	sent, oversleep := make([]*sending, producers), make([]int64, producers)
	for producer, share := range shares {
		own := &sending{}
		sent[producer] = own
		group.spawn(fmt.Sprintf("producer %d", producer), func(barrier *startBarrier) *violation {
			defer senders.close(sender.done)
			own.started = plan.startOf(barrier.wait())
			oversleep[producer], own.violation = sendBy(plan, own.started, sender, producer, share)
			return own.violation
		})
	}
	arrived, received := make([]*arrivals, consumers), make([]*receiving, consumers)
	for consumer := range arrived {
		own := &arrivals{}
		arrived[consumer], received[consumer] = own, &own.receiving
		group.spawn(fmt.Sprintf("consumer %d", consumer), func(barrier *startBarrier) *violation {
			defer receiver.done()
			own.ledger = newLedgerAmong(shares, last)
			times := make([]int64, 0, t.messages)
			// The timed region opens with the schedule, for all at the same moment.
			own.started = plan.startOf(barrier.wait())
			own.times = receiveBy(plan, own.started, receiver, own.ledger, times)
			own.disconnect = senders.checkDisconnect("consumer")
			return own.firstViolation()
		})
	}

	round, err := finish(group, sent, received, shares)
	if err != nil {
		return nil, err
	}
	var times []int64
	for _, own := range arrived {
		times = append(times, own.times...)
	}
	longest := int64(0)
	for _, own := range oversleep {
		longest = max(longest, own)
	}
	round.latency = histogram(times)
	round.figures = []figure{{longestOversleep, float64(longest)}}
	return round, nil
}

// sendBy sends a producer's share, each message at its scheduled moment, or at once if that has passed. It
// returns the longest oversleep: the time by which a wait ended too late, which is not the channel's.
func sendBy(plan *schedule, start moment, s *sender[message8], producer int, share uint64) (int64, *violation) {
	waitUntil(start)
	seen := now()
	oversleep := seen - start
	for seq := range share {
		id := newID(producer, seq)
		// A backlog needs no further reading: these moments had already passed at the last one.
		if scheduled := start + plan.afterStart(id); seen < scheduled {
			// A moment that passed during the last send was delayed by the channel, so it is no oversleep.
			if seen = now(); seen < scheduled {
				waitUntil(scheduled)
				seen = now()
				oversleep = max(oversleep, seen-scheduled)
			}
		}
		if !s.send(newMessage8(id)) {
			return oversleep, violationEarlyDisconnect("producer")
		}
	}
	return oversleep, nil
}

// receiveBy receives until the disconnect and appends the latency of each message.
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
