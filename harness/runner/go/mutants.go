package main

// Mutants: channels with a planted mistake, which the checks must catch. Each is another channel with one
// mistake at its receiving end, made once in the channel's life. They are in no registry; only tests use
// them.

import "sync"

type mutant int

const (
	noMutant mutant = iota
	// The victim is not delivered.
	dropOne
	// The victim is delivered twice.
	doubleOne
	// The victim is held back until the next message has been delivered.
	reorderOne
	// A receive after the victim reports a disconnect while senders are open.
	disconnectEarly
	// The receive of the victim never returns.
	hang
)

// victim is the message with which the mistake is made, as an index in the order of receipt.
const victim = 10

type mutantReceiver[T any] struct {
	inner  *receiver[T]
	mutant mutant
	mutex  sync.Mutex
	// Messages received from the inner channel.
	received int
	// Delivered before the next message of the inner channel.
	next         *T
	disconnected bool
}

// withMutant adds the mutant to this receiver.
func withMutant[T any](inner *receiver[T], mutant mutant) *receiver[T] {
	return &receiver[T]{mutant: &mutantReceiver[T]{inner: inner, mutant: mutant}, handles: inner.handles}
}

func (p *mutantReceiver[T]) recv() (m T, ok bool) {
	for {
		if m, ok, answered := p.queued(); answered {
			return m, ok
		}
		if m, ok = p.inner.recv(); !ok {
			return m, false
		}
		if m, passed := p.pass(m); passed {
			return m, true
		}
	}
}

// queued returns what goes out before the next message of the inner channel: a message that was held back, or
// an early disconnect.
func (p *mutantReceiver[T]) queued() (m T, ok, answered bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.mutant == disconnectEarly && p.received > victim && !p.disconnected {
		p.disconnected = true
		return m, false, true
	}
	if p.next == nil {
		return m, false, false
	}
	m, p.next = *p.next, nil
	return m, true, true
}

// pass makes the mistake if the message is the victim. It returns false if the message must not be delivered
// now.
func (p *mutantReceiver[T]) pass(m T) (T, bool) {
	p.mutex.Lock()
	position := p.received
	p.received++
	p.mutex.Unlock()
	if position != victim {
		return m, true
	}
	switch p.mutant {
	case dropOne:
		return m, false
	case doubleOne:
		p.hold(m)
	case reorderOne:
		if following, ok := p.inner.recv(); ok {
			p.hold(m)
			return following, true
		}
	case hang:
		select {}
	}
	return m, true
}

func (p *mutantReceiver[T]) hold(m T) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.next = &m
}
