package main

// The buffered flavour of go-mutex-slice: bounded and unbounded.
//
// This is the textbook monitor (C. A. R. Hoare, "Monitors: an operating system structuring concept", 1974, §4
// "bounded buffer"): each wait is inside a loop that checks again, since another goroutine may be faster than
// a woken waiter. Unlike the queue that is often compared with channels (a mutex, `append` and `items[1:]`),
// it is a channel: it waits when full or empty instead of growing or spinning, its slice is a ring that is
// not reallocated, and it can be closed. The Rust baseline counts its waiters; this one does not, since
// sync.Cond's Signal is a mere comparison while none waits.

import (
	"math"
	"sync"
)

type sliceQueue[T any] struct {
	mutex sync.Mutex
	// Signalled for each message pushed, and broadcast when the last sender is done.
	readable sync.Cond
	// Signalled for each message popped, and broadcast when the last receiver is done.
	writable sync.Cond
	// A ring of count messages, starting at first.
	ring         []T
	first, count int
	// The maximum number of messages.
	limit int
	// No sender is left; no receiver is left.
	closed, abandoned bool
}

// minRing is the initial size of the ring of an unbounded queue.
const minRing = 4

func newSliceQueue[T any](capacity capacity) *sliceQueue[T] {
	q := &sliceQueue[T]{limit: capacity.slots}
	if capacity.unbounded {
		q.limit = math.MaxInt
	}
	// A bounded ring is allocated at once, as in Go's channels; an unbounded one grows.
	q.ring = make([]T, min(q.limit, max(capacity.slots, minRing)))
	q.readable.L, q.writable.L = &q.mutex, &q.mutex
	return q
}

func (q *sliceQueue[T]) send(m T) bool {
	q.mutex.Lock()
	for q.count == q.limit && !q.abandoned {
		q.writable.Wait()
	}
	if q.abandoned {
		q.mutex.Unlock()
		return false
	}
	q.push(m)
	q.mutex.Unlock()
	q.readable.Signal()
	return true
}

func (q *sliceQueue[T]) trySend(m T) sent {
	q.mutex.Lock()
	switch {
	case q.abandoned:
		q.mutex.Unlock()
		return sentAbandoned
	case q.count == q.limit:
		q.mutex.Unlock()
		return sentFull
	}
	q.push(m)
	q.mutex.Unlock()
	q.readable.Signal()
	return sentAdded
}

func (q *sliceQueue[T]) recv() (m T, ok bool) {
	q.mutex.Lock()
	for q.count == 0 && !q.closed {
		q.readable.Wait()
	}
	if q.count == 0 {
		q.mutex.Unlock()
		return m, false
	}
	m = q.pop()
	q.mutex.Unlock()
	q.writable.Signal()
	return m, true
}

// push adds a message; the caller holds the mutex and has checked that there is room.
func (q *sliceQueue[T]) push(m T) {
	if q.count == len(q.ring) {
		q.grow()
	}
	last := q.first + q.count
	if last >= len(q.ring) {
		last -= len(q.ring)
	}
	q.ring[last] = m
	q.count++
}

// pop takes the oldest message; the caller holds the mutex and has checked that there is one.
func (q *sliceQueue[T]) pop() T {
	m := q.ring[q.first]
	// Cleared, so that the ring does not keep alive what the message points to.
	var zero T
	q.ring[q.first] = zero
	q.first++
	if q.first == len(q.ring) {
		q.first = 0
	}
	q.count--
	return m
}

func (q *sliceQueue[T]) grow() {
	grown := make([]T, 2*len(q.ring))
	copied := copy(grown, q.ring[q.first:])
	copy(grown[copied:], q.ring[:q.first])
	q.ring, q.first = grown, 0
}

func (q *sliceQueue[T]) closeSending() {
	q.mutex.Lock()
	q.closed = true
	q.mutex.Unlock()
	q.readable.Broadcast()
}

// closeReceiving drops the queued messages, which can no longer be received.
func (q *sliceQueue[T]) closeReceiving() {
	q.mutex.Lock()
	q.abandoned = true
	q.ring, q.first, q.count = nil, 0, 0
	q.mutex.Unlock()
	q.writable.Broadcast()
}
