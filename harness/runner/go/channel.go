package main

// The contract of a channel: what the workloads call.
//
// Handles have one field per implementation instead of an interface. The compiler inlines the check of the
// first field, so the hot path of a round over Go's channels is exactly the `ch <- m` and `<-ch` of a Go
// program. A method of an interface or of a type parameter would be an indirect call, and would copy the
// message once more.

import (
	"fmt"
	"strconv"
	"sync/atomic"
)

// capacity is the number of messages that a channel holds before a send blocks; 0 is a rendezvous.
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

// capability is something that a channel may lack, in the words that every runner uses.
type capability string

const (
	unboundedCapacity  capability = "unbounded capacity"
	sendWithTimeout    capability = "send with a timeout"
	receiveWithTimeout capability = "receive with a timeout"
	selectReceivers    capability = "select over receivers"
)

// unsupported is the reason why a channel, a runner or a machine cannot do something; it is no failure.
type unsupported string

func (u unsupported) Error() string { return string(u) }

// channel is an implementation under test with its description.
type channel struct {
	name  string
	about string
	lacks map[capability]string
	notes []string
	kind  kind
	// Planted by tests; no registered channel has one.
	mutant mutant
}

type kind int

const (
	native kind = iota
	mutexSlice
)

// requires returns the first of the needed capabilities that the channel lacks, as an error.
func (c *channel) requires(needs []capability) error {
	for _, needed := range needs {
		if reason, lacking := c.lacks[needed]; lacking {
			return unsupported(fmt.Sprintf("%s (%s)", needed, reason))
		}
	}
	return nil
}

// handles counts the handles of a channel. Go does not drop values, so each holder of a handle calls done.
type handles struct {
	senders, receivers atomic.Int64
	// Called by the last sender and by the last receiver.
	closeSending, closeReceiving func()
}

// sender is a sending handle, for one goroutine or shared by several; `handles` counts the calls of done to
// come.
type sender[T any] struct {
	native chan T
	// Closed when the last receiver is done.
	receiversGone chan struct{}
	slice         *sliceQueue[T]
	handOff       *handOff[T]
	handles       *handles
}

// receiver is a receiving handle. Several goroutines share one, since a clone would be the same channel.
type receiver[T any] struct {
	native  chan T
	slice   *sliceQueue[T]
	handOff *handOff[T]
	mutant  *mutantReceiver[T]
	handles *handles
}

// open opens a channel on which `senders` and `receivers` goroutines will call done. The plan has checked
// what it lacks.
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
	if c.mutant != noMutant {
		r = withMutant(r, c.mutant)
	}
	return s, r
}

// done ends the use of a sender by one goroutine; the last one closes the channel.
func (s *sender[T]) done() {
	if s.handles.senders.Add(-1) == 0 {
		s.handles.closeSending()
	}
}

// done ends the use of a receiver by one goroutine.
func (r *receiver[T]) done() {
	if r.handles.receivers.Add(-1) == 0 {
		r.handles.closeReceiving()
	}
}

// send waits for room. It returns false if every receiver is gone and the channel reports it. Go's channels
// do not; a caller that has to know uses sendOrGone.
func (s *sender[T]) send(m T) bool {
	if s.native != nil {
		s.native <- m
		return true
	}
	return s.sendLocked(m)
}

// sendOrGone waits for room, or until every receiver is gone, and returns whether it sent. With Go's channels
// it uses a select, as Go programs do.
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

// sent is the result of trySend.
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

// recv waits for a message. It returns false if none is left and every sender is done.
func (r *receiver[T]) recv() (m T, ok bool) {
	if r.native == nil {
		return r.recvLocked()
	}
	m, ok = <-r.native
	// A return without values, which makes it just small enough for the compiler to inline.
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
		return r.mutant.recv()
	}
}
