package main

// What a workload is: a topology of goroutines and channels, what flows through it, and what one timed execution reports.

import (
	"fmt"
	"time"
)

type workload struct {
	name   string
	params []paramSpec
	// Messages of a round, where nobody asks for another number.
	messages func(params) uint64
	// About the time that the params themselves ask of a round of so many messages: work and rates. Nil for none.
	paced func(params, uint64) time.Duration
	// What its channel has to be able to do. Nil for nothing.
	needs func(params) []capability
	// Runs one round and verifies it.
	round func(*task) (*round, error)
}

// workloads are all workloads, in the order in which everything shows them.
var workloads = []*workload{
	&producerConsumer, &fanIn, &pipeline, &workerPool, &tokenBucket, &pingPong, &openLoop,
}

const (
	// The time after which a round has hung, unless told otherwise; larger rounds have it for each million messages.
	usualDeadline = 30 * time.Second
	// So many messages take the slowest channel some seconds.
	messagesPerDeadline = 1_000_000
	// A round that its params slow down (work, rates) is made about so long, and not longer.
	mostPaced = 500 * time.Millisecond
	// A round delivers at least this many times its channel's slots, or it would never block and test nothing.
	messagesPerSlot = 4
)

// task is what one round is asked for.
type task struct {
	channel     *channel
	params      params
	messages    uint64
	deadline    time.Duration
	allocations bool
}

// newTask is the task of a channel and a workload's params; nil leaves the size or the deadline to the workload.
func (w *workload) newTask(c *channel, p params, messages, deadline *uint64) (*task, error) {
	least := max(p.slots()*messagesPerSlot, 1)
	t := &task{channel: c, params: p}
	if messages == nil {
		t.messages = w.usualMessages(p, least)
	} else {
		t.messages = *messages
	}
	if t.messages < least {
		return nil, fmt.Errorf("%d messages over capacity %d: expected at least %d, or the channel never fills",
			t.messages, p.slots(), least)
	}
	if deadline == nil {
		times := (t.messages + messagesPerDeadline - 1) / messagesPerDeadline
		t.deadline = usualDeadline*time.Duration(times) + w.pacedTime(p, t.messages)
	} else {
		t.deadline = time.Duration(*deadline)
	}
	return t, nil
}

func (w *workload) usualMessages(p params, least uint64) uint64 {
	messages := w.messages(p)
	if paced := w.pacedTime(p, messages); paced > mostPaced {
		messages = uint64(float64(messages) * mostPaced.Seconds() / paced.Seconds())
	}
	return max(messages, least)
}

func (w *workload) pacedTime(p params, messages uint64) time.Duration {
	if w.paced == nil {
		return 0
	}
	return w.paced(p, messages)
}

// capabilities are what a cell needs of its channel.
func (w *workload) capabilities(p params) (needs []capability) {
	if capacity, has := p.capacity(); has && capacity.unbounded {
		needs = append(needs, unboundedCapacity)
	}
	if w.needs != nil {
		needs = append(needs, w.needs(p)...)
	}
	return needs
}

// pacedByWork is the time of a workload that does the work of its param `work` for each message.
func pacedByWork(p params, messages uint64) time.Duration {
	return workTime(p.number("work"), messages)
}

// round is one timed and verified execution of a cell.
type round struct {
	// Messages delivered (ops).
	messages uint64
	// The timed region, in nanoseconds.
	wall    int64
	account *account
	figures []figure
	// How long each message took, in nanoseconds, where the workload measures it.
	latency [][2]uint64
}

// timedRegion reaches from the first goroutine through the gate to the last delivery. A round without a last delivery lost
// messages, and has failed before its time is asked for.
func timedRegion(opened, closed moment) int64 {
	return max(closed-opened, 0)
}

// sending is what a goroutine that passes messages on has seen when it ends.
type sending struct {
	passed moment
	// The moment it sent its last message.
	finished moment
	fault    *fault
}

// receiving is what a goroutine at the end of a round's channels has seen when it ends.
type receiving struct {
	passed moment
	// Whether the disconnect that it was told of was one.
	told *fault
	// What arrived.
	ledger *ledger
	// How many that were, where there are others to compare with.
	taken uint64
}

// found is the first fault that the goroutine knows of.
func (r *receiving) found() *fault {
	return firstFault(r.told, r.ledger.fault)
}

// finish ends a round that was to deliver all of `shares`: joins its goroutines and verifies what its receivers recorded.
func finish(crew *crew, senders []*sending, receivers []*receiving, shares []uint64) (*round, error) {
	account, err := crew.join()
	if err != nil {
		return nil, err
	}
	opened := opening(senders, receivers)
	ledgers := make([]*ledger, len(receivers))
	var found *fault
	for _, sender := range senders {
		found = firstFault(found, sender.fault)
	}
	for index, receiver := range receivers {
		found = firstFault(found, receiver.told)
		ledgers[index] = receiver.ledger
	}
	if found != nil {
		return nil, found
	}
	delivered, found := join(ledgers...)
	if found = firstFault(found, delivered.complete(shares...)); found != nil {
		return nil, found
	}
	return &round{
		messages: delivered.count(),
		wall:     timedRegion(opened, delivered.last),
		account:  account,
	}, nil
}

// opening is the moment that the first goroutine went through the gate.
func opening(senders []*sending, receivers []*receiving) moment {
	opened := receivers[0].passed
	for _, sender := range senders {
		opened = min(opened, sender.passed)
	}
	for _, receiver := range receivers {
		opened = min(opened, receiver.passed)
	}
	return opened
}
