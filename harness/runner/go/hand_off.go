package main

// The rendezvous flavour of go-mutex-slice: a true hand-off.
//
// A send ends only when a receiver that was inside a receive during that send has the message. So a message
// is bound to one particular waiter. If it were queued for any waiting receiver, one that arrived after the
// send had returned could take it, and the two calls would never have met. Each waiter has its own condition
// variable on the one mutex, so that exactly the right goroutine is woken. Waiters are reused, so that a wait
// does not allocate.

import "sync"

// There are never both waiting receivers and waiting senders: the second call to arrive completes the first.
type handOff[T any] struct {
	mutex sync.Mutex
	// In order of arrival.
	receiving, sending waiters[T]
	// Unused waiters.
	spare []*waiter[T]
	// No sender is left; no receiver is left.
	closed, abandoned bool
}

// waiter is one waiting call.
type waiter[T any] struct {
	woken sync.Cond
	// The message that a sender offers or a receiver was given.
	message T
	// The message was handed over, or the other side is gone. Once one is true the waiter is in no list, so
	// it is woken once.
	met, gone bool
}

// waiters is a queue of waiting calls.
type waiters[T any] struct {
	queue []*waiter[T]
}

func (w *waiters[T]) push(waiting *waiter[T]) {
	w.queue = append(w.queue, waiting)
}

func (w *waiters[T]) pop() *waiter[T] {
	if len(w.queue) == 0 {
		return nil
	}
	first := w.queue[0]
	// Moved down instead of sliced, so that the queue is not reallocated; it is at most as long as there are
	// goroutines.
	w.queue = append(w.queue[:0], w.queue[1:]...)
	return first
}

func newHandOff[T any]() *handOff[T] {
	return &handOff[T]{}
}

func (h *handOff[T]) send(m T) bool {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.abandoned {
		return false
	}
	if receiving := h.receiving.pop(); receiving != nil {
		receiving.meet(m)
		return true
	}
	waiting := h.waiter()
	waiting.message = m
	h.sending.push(waiting)
	met := waiting.wait()
	h.retire(waiting)
	return met
}

func (h *handOff[T]) trySend(m T) sent {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.abandoned {
		return sentAbandoned
	}
	receiving := h.receiving.pop()
	if receiving == nil {
		return sentFull
	}
	receiving.meet(m)
	return sentAdded
}

func (h *handOff[T]) recv() (m T, ok bool) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if sending := h.sending.pop(); sending != nil {
		m = sending.message
		sending.meet(m)
		return m, true
	}
	if h.closed {
		return m, false
	}
	waiting := h.waiter()
	h.receiving.push(waiting)
	met := waiting.wait()
	m = waiting.message
	h.retire(waiting)
	return m, met
}

// meet completes a waiting call, which is no longer in a list; the caller holds the mutex.
func (w *waiter[T]) meet(m T) {
	w.message, w.met = m, true
	w.woken.Signal()
}

// wait waits until the call is completed or the other side is gone, and returns whether it is completed; the
// caller holds the mutex.
func (w *waiter[T]) wait() bool {
	for !w.met && !w.gone {
		w.woken.Wait()
	}
	return w.met
}

// waiter returns an unused waiter; the caller holds the mutex.
func (h *handOff[T]) waiter() *waiter[T] {
	if last := len(h.spare) - 1; last >= 0 {
		spare := h.spare[last]
		h.spare = h.spare[:last]
		return spare
	}
	return &waiter[T]{woken: sync.Cond{L: &h.mutex}}
}

// retire clears a waiter and keeps it for the next call; the caller holds the mutex.
func (h *handOff[T]) retire(w *waiter[T]) {
	var zero T
	w.message, w.met, w.gone = zero, false, false
	h.spare = append(h.spare, w)
}

func (h *handOff[T]) closeSending() {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.closed = true
	h.receiving.giveUp()
}

func (h *handOff[T]) closeReceiving() {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.abandoned = true
	h.sending.giveUp()
}

func (w *waiters[T]) giveUp() {
	for waiting := w.pop(); waiting != nil; waiting = w.pop() {
		waiting.gone = true
		waiting.woken.Signal()
	}
}
