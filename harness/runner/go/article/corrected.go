package main

// Corrected versions of the published mutex function, which consume all items. There is more than one
// correction: the first does what the channel does (bounded, waits at both ends), and the other two keep the
// published, unbounded queue.

import (
	"runtime"
	"sync"
)

// variant is one of the timed functions.
type variant struct {
	Name  string `json:"name"`
	About string `json:"about"`
	run   func(n int) result
}

var variants = []variant{
	{"channel-published", "as published: make(chan int, 1024) and a range over it", publishedChannel},
	{"mutex-published", "as published: the consumer stops when it first finds the queue empty", publishedMutex},
	{"mutex-bounded", "corrected: a ring of 1024 behind a mutex, two condition variables", correctedBounded},
	{"mutex-unbounded", "corrected: the published slice, a condition variable for the consumer", correctedUnbounded},
	{"mutex-spinning", "corrected: the published slice, the consumer yields (runtime.Gosched) and tries again",
		correctedSpinning},
}

// slots is the capacity of the published channel.
const slots = 1024

// correctedBounded waits when full and when empty, as a channel does.
func correctedBounded(n int) (got result) {
	var mu sync.Mutex
	readable, writable := sync.NewCond(&mu), sync.NewCond(&mu)
	ring := make([]int, slots)
	first, count, closed := 0, 0, false
	go func() {
		for i := 0; i < n; i++ {
			mu.Lock()
			for count == slots {
				writable.Wait()
			}
			ring[(first+count)%slots] = i
			count++
			mu.Unlock()
			readable.Signal()
		}
		mu.Lock()
		closed = true
		mu.Unlock()
		readable.Broadcast()
	}()
	for {
		mu.Lock()
		for count == 0 && !closed {
			readable.Wait()
		}
		if count == 0 {
			mu.Unlock()
			return got
		}
		v := ring[first]
		first = (first + 1) % slots
		count--
		mu.Unlock()
		writable.Signal()
		got.consumed++
		got.sum += v
	}
}

// correctedUnbounded waits when empty; its queue holds at most n items.
func correctedUnbounded(n int) (got result) {
	var mu sync.Mutex
	readable := sync.NewCond(&mu)
	var queue []int
	closed := false
	go func() {
		for i := 0; i < n; i++ {
			mu.Lock()
			queue = append(queue, i)
			mu.Unlock()
			readable.Signal()
		}
		mu.Lock()
		closed = true
		mu.Unlock()
		readable.Broadcast()
	}()
	for {
		mu.Lock()
		for len(queue) == 0 && !closed {
			readable.Wait()
		}
		if len(queue) == 0 {
			mu.Unlock()
			return got
		}
		v := queue[0]
		queue = queue[1:]
		mu.Unlock()
		got.consumed++
		got.sum += v
	}
}

// correctedSpinning is the published function with one change: at an empty queue it tries again instead of
// ending.
func correctedSpinning(n int) (got result) {
	var mu sync.Mutex
	var queue []int
	go func() {
		for i := 0; i < n; i++ {
			mu.Lock()
			queue = append(queue, i)
			mu.Unlock()
		}
	}()
	for got.consumed < n {
		mu.Lock()
		if len(queue) == 0 {
			mu.Unlock()
			runtime.Gosched()
			continue
		}
		got.consumed++
		got.sum += queue[0]
		queue = queue[1:]
		mu.Unlock()
	}
	return got
}
