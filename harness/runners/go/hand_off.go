package main

// The rendezvous flavour of go-mutex-slice: a true hand-off.
//
// A send ends only when a receiver that was inside a receive during that send has the message. So a message is bound to one
// particular waiter: were it merely queued for "some receiver that waits", one that arrived after the send had returned could
// take it, and the two calls would never have met. Each waiter has a condition of its own on the one mutex, so that exactly
// the right goroutine is woken; waiters are used again, so that a wait allocates nothing.

import "sync"

// Waiting receivers and waiting senders are never both present: whoever comes second completes the other.
type handOff[T any] struct {
	mutex sync.Mutex
	// In order of arrival.
	receiving, sending waiters[T]
	// Waiters that nobody uses.
	spare []*waiter[T]
	// No sender, no receiver is left.
	closed, abandoned bool
}

// waiter is one waiting call.
type waiter[T any] struct {
	woken sync.Cond
	// What a sender offers, or what a receiver was given.
	message T
	// The message went over, or the other side is gone. It is in no list once one of them is true, so only one wakes it.
	met, gone bool
}

// waiters is a queue of them.
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
	// Moved down and not sliced, so that the queue is not allocated anew: there are as many as goroutines at most.
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

// meet completes a waiting call, which is in no list any more; the caller holds the mutex.
func (w *waiter[T]) meet(m T) {
	w.message, w.met = m, true
	w.woken.Signal()
}

// wait waits until the call is completed or the other side is gone, and tells which; the caller holds the mutex.
func (w *waiter[T]) wait() bool {
	for !w.met && !w.gone {
		w.woken.Wait()
	}
	return w.met
}

// waiter is one that nobody uses; the caller holds the mutex.
func (h *handOff[T]) waiter() *waiter[T] {
	if last := len(h.spare) - 1; last >= 0 {
		spare := h.spare[last]
		h.spare = h.spare[:last]
		return spare
	}
	return &waiter[T]{woken: sync.Cond{L: &h.mutex}}
}

// retire keeps a waiter for the next call, without what its message points to; the caller holds the mutex.
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
