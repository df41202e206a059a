package main

// The two functions of the article, in the shape in which they are published; b.N is n. Two things are added to each: a count and
// a sum of what is consumed. And the mutex version tells when its producer is done, which the published one never asks.

import "sync"

// result is what a variant consumed.
type result struct {
	consumed, sum int
	// left waits until nothing of the variant runs any more, and counts the items that nobody consumed; nil when it ends whole.
	left func() int
}

// publishedChannel is BenchmarkBufferedChannel.
func publishedChannel(n int) (got result) {
	ch := make(chan int, 1024)
	go func() {
		for i := 0; i < n; i++ {
			ch <- i
		}
		close(ch)
	}()
	for v := range ch {
		got.consumed++
		got.sum += v
	}
	return got
}

// publishedMutex is BenchmarkMutexQueue. Its consumer takes an empty queue for the end of all items: it stops at the first moment
// at which it is faster than the producer, which may be before the first item. Nothing bounds the queue but n.
func publishedMutex(n int) (got result) {
	var mu sync.Mutex
	var queue []int
	done := make(chan struct{})
	go func() {
		for i := 0; i < n; i++ {
			mu.Lock()
			queue = append(queue, i)
			mu.Unlock()
		}
		close(done)
	}()
	for {
		mu.Lock()
		if len(queue) == 0 {
			mu.Unlock()
			break
		}
		got.consumed++
		got.sum += queue[0]
		queue = queue[1:]
		mu.Unlock()
	}
	// After the clock, so that the producer is not in the way of the next round.
	got.left = func() int {
		<-done
		return len(queue)
	}
	return got
}
