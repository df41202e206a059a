package main

// Channels with a planted mistake: what the checks must catch, and so the checks' own test. Each is another channel with one
// mistake at its receiving end, made once in its life. They are in no registry: only tests ask for them.

import "sync"

type mistake int

const (
	noMistake mistake = iota
	// The victim is not delivered.
	dropOne
	// The victim is delivered twice.
	doubleOne
	// The victim is held back until the next message was delivered.
	reorderOne
	// A receive after the victim is told of a disconnect, while senders are there.
	disconnectEarly
	// The receive of the victim never returns.
	hang
)

// victim is the message that the mistake is made with: the one that is received as this one, counted from 0.
const victim = 10

type planted[T any] struct {
	inner   *receiver[T]
	mistake mistake
	mutex   sync.Mutex
	// Messages received from the inner channel.
	received int
	// What goes out before the inner channel is asked.
	next *T
	told bool
}

// plant makes the mistake a part of this receiver.
func plant[T any](inner *receiver[T], mistake mistake) *receiver[T] {
	return &receiver[T]{planted: &planted[T]{inner: inner, mistake: mistake}, handles: inner.handles}
}

func (p *planted[T]) recv() (m T, ok bool) {
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

// queued is what goes out before the inner channel is asked: a message that was held back, or a disconnect that is none.
func (p *planted[T]) queued() (m T, ok, answered bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.mistake == disconnectEarly && p.received > victim && !p.told {
		p.told = true
		return m, false, true
	}
	if p.next == nil {
		return m, false, false
	}
	m, p.next = *p.next, nil
	return m, true, true
}

// pass makes the mistake if its moment has come; false when the message is not to be delivered now.
func (p *planted[T]) pass(m T) (T, bool) {
	p.mutex.Lock()
	place := p.received
	p.received++
	p.mutex.Unlock()
	if place != victim {
		return m, true
	}
	switch p.mistake {
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

func (p *planted[T]) hold(m T) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.next = &m
}
