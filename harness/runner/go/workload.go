package main

// The contract of a workload: a topology of goroutines and channels, its params, and the round it reports.

import (
	"fmt"
	"time"
)

type workload struct {
	name   string
	params []paramSpec
	// The default number of messages of a round.
	messages func(params) uint64
	// The approximate time that the params themselves demand of a round with this many messages, for work and
	// rates. Nil for none.
	paced func(params, uint64) time.Duration
	// The capabilities that its channel needs. Nil for none.
	needs func(params) []capability
	// Runs one round and verifies it.
	round func(*task) (*round, error)
}

// workloads are all workloads, in the order in which all output shows them.
var workloads = []*workload{
	&producerConsumer, &fanIn, &pipeline, &workerPool, &tokenBucket, &pingPong, &openLoop,
}

const (
	// The default deadline of a round; larger rounds get it once for each messagesPerDeadline messages.
	defaultDeadline = 30 * time.Second
	// The slowest channel needs some seconds for this many messages.
	messagesPerDeadline = 1_000_000
	// A round that its params slow down (work, rates) is shortened to about this time.
	maxPaced = 500 * time.Millisecond
	// A round delivers at least this many times its channel's slots, or it would never block and test
	// nothing.
	messagesPerSlot = 4
)

// task is the specification of one round.
type task struct {
	channel     *channel
	params      params
	messages    uint64
	deadline    time.Duration
	allocations bool
}

// newTask returns the task for a channel and a workload's params; nil leaves the size or the deadline to the
// workload.
func (w *workload) newTask(c *channel, p params, messages, deadline *uint64) (*task, error) {
	minimum := max(p.slots()*messagesPerSlot, 1)
	t := &task{channel: c, params: p}
	if messages == nil {
		t.messages = w.defaultMessages(p, minimum)
	} else {
		t.messages = *messages
	}
	if t.messages < minimum {
		return nil, fmt.Errorf("%d messages over capacity %d: expected at least %d, or the channel never fills",
			t.messages, p.slots(), minimum)
	}
	if deadline == nil {
		times := (t.messages + messagesPerDeadline - 1) / messagesPerDeadline
		t.deadline = defaultDeadline*time.Duration(times) + w.pacedTime(p, t.messages)
	} else {
		t.deadline = time.Duration(*deadline)
	}
	return t, nil
}

func (w *workload) defaultMessages(p params, minimum uint64) uint64 {
	messages := w.messages(p)
	if paced := w.pacedTime(p, messages); paced > maxPaced {
		messages = uint64(float64(messages) * maxPaced.Seconds() / paced.Seconds())
	}
	return max(messages, minimum)
}

func (w *workload) pacedTime(p params, messages uint64) time.Duration {
	if w.paced == nil {
		return 0
	}
	return w.paced(p, messages)
}

// capabilities are those that a cell needs of its channel.
func (w *workload) capabilities(p params) (needs []capability) {
	if capacity, has := p.capacity(); has && capacity.unbounded {
		needs = append(needs, unboundedCapacity)
	}
	if w.needs != nil {
		needs = append(needs, w.needs(p)...)
	}
	return needs
}

// pacedByWork is the paced time of a workload that does the work of its param `work` for each message.
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
	// The latencies in nanoseconds, where the workload measures them.
	latency [][2]uint64
}

// timedRegion is the time from the first start to the last delivery. A round without a last delivery lost
// messages, and fails before its time is used.
func timedRegion(opened, closed moment) int64 {
	return max(closed-opened, 0)
}

// sending is what a goroutine that passes messages on saw.
type sending struct {
	started moment
	// The moment at which its last send returned.
	finished  moment
	violation *violation
}

// receiving is what a goroutine at the receiving end of a round saw.
type receiving struct {
	started moment
	// The check of the disconnect that the channel reported to it.
	disconnect *violation
	// What arrived.
	ledger *ledger
	// The number of messages that arrived, where there are several receivers to compare.
	taken uint64
}

// firstViolation is the first violation that the goroutine knows of.
func (r *receiving) firstViolation() *violation {
	return firstViolation(r.disconnect, r.ledger.violation)
}

// finish ends a round that had to deliver all of `shares`: it joins its goroutines and verifies what its
// receivers recorded.
func finish(group *threadGroup, senders []*sending, receivers []*receiving, shares []uint64) (*round, error) {
	account, err := group.join()
	if err != nil {
		return nil, err
	}
	opened := opening(senders, receivers)
	ledgers := make([]*ledger, len(receivers))
	var found *violation
	for _, sender := range senders {
		found = firstViolation(found, sender.violation)
	}
	for index, receiver := range receivers {
		found = firstViolation(found, receiver.disconnect)
		ledgers[index] = receiver.ledger
	}
	if found != nil {
		return nil, found
	}
	delivered, found := join(ledgers...)
	if found = firstViolation(found, delivered.complete(shares...)); found != nil {
		return nil, found
	}
	return &round{
		messages: delivered.count(),
		wall:     timedRegion(opened, delivered.last),
		account:  account,
	}, nil
}

// opening is the moment at which the first goroutine left the barrier.
func opening(senders []*sending, receivers []*receiving) moment {
	opened := receivers[0].started
	for _, sender := range senders {
		opened = min(opened, sender.started)
	}
	for _, receiver := range receivers {
		opened = min(opened, receiver.started)
	}
	return opened
}
