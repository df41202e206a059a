package main

// The contract of a channel: what the workloads call.
//
// Handles hold one field for each implementation, and not an interface: the compiler inlines the look at the first field, so
// the hot path of a round over Go's channels is the very `ch <- m` and `<-ch` of a Go program. (A method of an interface or of
// a type parameter would be an indirect call, and would copy the message once more.)

import (
	"fmt"
	"strconv"
	"sync/atomic"
)

// capacity is how many messages a channel holds before a send blocks; none is a rendezvous.
type capacity struct {
	slots     int
	unbounded bool
}

func (c capacity) String() string {
	if c.unbounded {
		return "unbounded"
	}
	return strconv.Itoa(c.slots)
}

// capability is something that a channel may be unable to do, in the words that every runner uses.
type capability string

const (
	unboundedCapacity  capability = "unbounded capacity"
	sendWithTimeout    capability = "send with a timeout"
	receiveWithTimeout capability = "receive with a timeout"
	selectReceivers    capability = "select over receivers"
)

// unsupported is the answer of a channel, a runner or a machine that cannot do something: no failure.
type unsupported string

func (u unsupported) Error() string { return string(u) }

// channel is an implementation under test, and what it says of itself.
type channel struct {
	name  string
	about string
	lacks map[capability]string
	notes []string
	kind  kind
	// What a test plants; no registered channel makes a mistake.
	mistake mistake
}

type kind int

const (
	native kind = iota
	mutexSlice
)

// requires tells what the channel lacks of what a cell needs.
func (c *channel) requires(needs []capability) error {
	for _, needed := range needs {
		if reason, lacking := c.lacks[needed]; lacking {
			return unsupported(fmt.Sprintf("%s (%s)", needed, reason))
		}
	}
	return nil
}

// handles counts the handles of a channel. Go's values are not dropped, so whoever holds one says when it is done with it.
type handles struct {
	senders, receivers atomic.Int64
	// What the last of each does.
	closeSending, closeReceiving func()
}

// sender is a sending handle, for one goroutine or shared by several; `handles` says how many will say that they are done.
type sender[T any] struct {
	native chan T
	// Closed when the last receiver is done.
	receiversGone chan struct{}
	slice         *sliceQueue[T]
	handOff       *handOff[T]
	handles       *handles
}

// receiver is a receiving handle; a clone of it would be the same channel.
type receiver[T any] struct {
	native  chan T
	slice   *sliceQueue[T]
	handOff *handOff[T]
	planted *planted[T]
	handles *handles
}

// open opens a channel that so many senders and receivers will say to be done with. The plan has asked for what it lacks.
func open[T any](c *channel, capacity capacity, senders, receivers int) (*sender[T], *receiver[T]) {
	h := &handles{}
	h.senders.Store(int64(senders))
	h.receivers.Store(int64(receivers))
	s, r := &sender[T]{handles: h}, &receiver[T]{handles: h}
	switch {
	case c.kind == native:
		s.native, s.receiversGone = make(chan T, capacity.slots), make(chan struct{})
		r.native = s.native
		h.closeSending, h.closeReceiving = func() { close(s.native) }, func() { close(s.receiversGone) }
	case capacity.slots == 0 && !capacity.unbounded:
		s.handOff = newHandOff[T]()
		r.handOff = s.handOff
		h.closeSending, h.closeReceiving = s.handOff.closeSending, s.handOff.closeReceiving
	default:
		s.slice = newSliceQueue[T](capacity)
		r.slice = s.slice
		h.closeSending, h.closeReceiving = s.slice.closeSending, s.slice.closeReceiving
	}
	if c.mistake != noMistake {
		r = plant(r, c.mistake)
	}
	return s, r
}

// done says that a sender will send no more; the last of them closes the channel.
func (s *sender[T]) done() {
	if s.handles.senders.Add(-1) == 0 {
		s.handles.closeSending()
	}
}

// done says that a receiver will receive no more.
func (r *receiver[T]) done() {
	if r.handles.receivers.Add(-1) == 0 {
		r.handles.closeReceiving()
	}
}

// send waits for room. It is false when every receiver is gone and the channel tells; Go's channels do not, and whoever has
// to know uses sendOrGone.
func (s *sender[T]) send(m T) bool {
	if s.native != nil {
		s.native <- m
		return true
	}
	return s.sendLocked(m)
}

// sendOrGone waits for room, or until every receiver is gone, and tells which; with Go's channels by a select, as Go
// programs do it.
func (s *sender[T]) sendOrGone(m T) bool {
	if s.native != nil {
		select {
		case s.native <- m:
			return true
		case <-s.receiversGone:
			return false
		}
	}
	return s.sendLocked(m)
}

//go:noinline
func (s *sender[T]) sendLocked(m T) bool {
	if s.slice != nil {
		return s.slice.send(m)
	}
	return s.handOff.send(m)
}

// sent is what became of a message that was not waited with.
type sent int

const (
	sentAdded sent = iota
	sentFull
	sentAbandoned
)

// trySend never waits.
func (s *sender[T]) trySend(m T) sent {
	switch {
	case s.native != nil:
		select {
		case <-s.receiversGone:
			return sentAbandoned
		default:
		}
		select {
		case s.native <- m:
			return sentAdded
		default:
			return sentFull
		}
	case s.slice != nil:
		return s.slice.trySend(m)
	default:
		return s.handOff.trySend(m)
	}
}

// recv waits for a message; false when none is left and every sender is done.
func (r *receiver[T]) recv() (m T, ok bool) {
	if r.native == nil {
		return r.recvLocked()
	}
	m, ok = <-r.native
	// Without values, which makes it just small enough for the compiler to inline.
	return
}

//go:noinline
func (r *receiver[T]) recvLocked() (T, bool) {
	switch {
	case r.slice != nil:
		return r.slice.recv()
	case r.handOff != nil:
		return r.handOff.recv()
	default:
		return r.planted.recv()
	}
}
